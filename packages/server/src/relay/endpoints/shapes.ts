// What the routes of callers' endpoints take and answer (relay.md §3, §3.1).
import { s } from '../../http/route.ts'

const wishes = {
  url: s.text({ max: 2_048 }).describe('An https address.'),
  secret: s.optional(s.text({ max: 128 })).describe('Your own signing secret.'),
  endpoint_id: s.optional(s.id('whe')).describe('An endpoint under the same relay grant whose secret signs.'),
  generate_secret: s.optional(s.boolean()).describe('A new secret, shown once.'),
  events: s
    .optional(s.array(s.text({ min: 1, max: 64 }), { min: 1, max: 50 }))
    .describe('Names, `thread.*`, or all where left out.'),
  signature: s.optional(s.oneOf('foragent', 'standard')).describe('Both signatures (default), or the standard one alone.'),
  thin: s.optional(s.boolean()).describe('Ids and links without parts.'),
  ed25519: s.optional(s.boolean()).describe('Signs with a key pair of its own besides.'),
}
export const CallbackBody = s.named('ThreadCallback', s.object(wishes), 'Where the caller of a thread wants to be told of it.')

/** In the answer to a message that carried one. */
export const BoundCallback = s.object({
  endpoint_id: s.id('whe'),
  secret: s.optional(s.text()),
  secret_shown: s.optional(s.boolean()),
})

const endpoint = {
  id: s.id('whe'),
  url: s.text(),
  events: s.array(s.text()),
  signature: s.oneOf('foragent', 'standard', 'a2a'),
  thin: s.boolean(),
  state: s.oneOf('pending', 'active', 'paused', 'disabled'),
  state_reason: s.maybe(s.text()),
  state_since: s.text(),
  public_key: s.maybe(s.text()),
  config_id: s.maybe(s.text()).describe('Of an A2A push config: the name that its client gave it.'),
  secrets: s.array(s.object({ n: s.int(), created_at: s.text(), ends_at: s.maybe(s.text()) })),
  created_at: s.text(),
  updated_at: s.text(),
}
export const EndpointShown = s.named('ThreadEndpoint', s.object(endpoint), 'Where the caller of a thread is told of it.')
export const EndpointMade = s.named(
  'ThreadEndpointMade',
  s.object({
    ...endpoint,
    secret: s.optional(s.text()).describe('In the answer that made it, and nowhere else.'),
    secret_shown: s.optional(s.boolean()),
  }),
)

const ms = s.maybe(s.number())
export const DeliveryShown = s.named(
  'ThreadDelivery',
  s.object({
    id: s.id('dlv'),
    endpoint_id: s.maybe(s.id('whe')),
    event_id: s.id('evt'),
    event_type: s.text(),
    form: s.oneOf('full', 'thin', 'callback'),
    state: s.oneOf('pending', 'sending', 'succeeded', 'exhausted', 'held', 'cancelled'),
    attempts: s.int(),
    trigger: s.oneOf('auto', 'manual', 'bulk', 'test'),
    next_attempt_at: s.maybe(s.time()),
    last_status: s.maybe(s.int()),
    last_class: s.maybe(s.text()),
    created_at: s.time(),
    succeeded_at: s.maybe(s.time()),
    ended_at: s.maybe(s.time()),
    log: s.array(
      s.object({
        n: s.int(),
        trigger: s.oneOf('auto', 'manual', 'bulk', 'test'),
        started_at: s.time(),
        ended_at: s.time(),
        ms: s.int(),
        ...{ dns_ms: ms, connect_ms: ms, tls_ms: ms, first_byte_ms: ms },
        family: s.maybe(s.int()),
        status: s.maybe(s.int()),
        class: s.maybe(s.text()),
        excerpt: s.maybe(s.text()),
      }),
    ),
  }),
  'What one side was sent of a thread, attempt by attempt.',
)
