// What goes over the wire about endpoints. Checks form only.
import { SIGNATURE_HEADERS, SIGNING_MODES } from '../../crypto/signature.ts'
import { s } from '../../http/route.ts'
import { OWN_LONGEST_SECONDS, OWN_MOST_DELAYS, SCHEDULES } from '../schedule.ts'

const Pem = (max: number) => s.pattern(/^[\x20-\x7e\r\n]+$/, 'Must be PEM.').max(max)
const MOST_PEM = 32_768

const Events = s
  .either(s.text({ min: 1, max: 20_000 }), s.array(s.text({ max: 200 }), { min: 1, max: 200 }))
  .describe('Event types, `prefix.*`, or `*`: an array, or a text with commas between.')

const settings = {
  label: s.optional(s.line({ min: 0, max: 200 })),
  mode: s.optional(s.oneOf(...SIGNING_MODES).describe('How deliveries are signed; docs/webhooks.md has each.')),
  header: s.optional(s.oneOf(...SIGNATURE_HEADERS).describe('Of mode stripe: the header that carries the signature.')),
  ed25519: s.optional(s.boolean().describe('Of mode standard: also signs with a key pair of the endpoint.')),
  thin: s.nullish(
    s.boolean().describe('Sends ids and an address in place of data. Null: only for event types marked sensitive.'),
  ),
  ordering: s.optional(s.oneOf('none', 'fifo').describe('fifo: deliveries about one resource one after the other.')),
  on_exhausted: s.optional(
    s.oneOf('proceed', 'block').describe('Of fifo: what happens behind a delivery that used up its schedule.'),
  ),
  schedule: s.optional(
    s
      .either(
        s.oneOf('standard', 'quick_24h'),
        s.array(s.int({ min: 1, max: OWN_LONGEST_SECONDS }), { min: 1, max: OWN_MOST_DELAYS }),
      )
      .describe('A schedule by name, or the seconds before attempt 2, 3, …, at most 7 days in all.'),
  ),
  timeout_seconds: s.optional(s.int({ min: 1, max: 30 })),
  max_in_flight: s.optional(s.int({ min: 1, max: 50 })),
  rate_per_second: s.nullish(s.number({ min: 0.01, max: 1_000 })),
  ca_pem: s.nullish(Pem(MOST_PEM).describe('Certificates of a private authority, in PEM, in place of the public ones.')),
  client_certificate: s.nullish(s.object({ cert: Pem(MOST_PEM), key: Pem(MOST_PEM) })),
  headers: s.nullish(
    s.record(s.text({ max: 2_048 })).describe('At most 10 headers of your own; their values are never shown again.'),
  ),
}

export const NewEndpoint = s.object({
  url: s.text({ max: 4_096 }),
  events: Events,
  ...settings,
  verify: s.optional(s.boolean().describe('false: active without an answer to a first ping.')),
})
export const EndpointChange = s.object({ url: s.optional(s.text({ max: 4_096 })), events: s.optional(Events), ...settings })

const endpointMembers = {
  id: s.id('whe'),
  label: s.text(),
  url: s.text(),
  events: s.array(s.text()),
  mode: s.oneOf(...SIGNING_MODES),
  header: s.maybe(s.oneOf(...SIGNATURE_HEADERS)),
  ed25519: s.boolean(),
  public_key: s.maybe(s.text()),
  thin: s.maybe(s.boolean()),
  ordering: s.oneOf('none', 'fifo'),
  on_exhausted: s.oneOf('proceed', 'block'),
  schedule: s.object({ name: s.oneOf(...SCHEDULES), delays: s.array(s.int()), attempts: s.int(), total_seconds: s.int() }),
  timeout_seconds: s.int(),
  max_in_flight: s.int(),
  rate_per_second: s.maybe(s.number()),
  ca_pem: s.maybe(s.text({ max: MOST_PEM })),
  has_client_certificate: s.boolean(),
  header_names: s.array(s.text()),
  state: s.oneOf('pending', 'active', 'paused', 'disabled', 'deleted'),
  state_reason: s.maybe(s.text()),
  state_since: s.time(),
  secrets: s
    .array(s.object({ n: s.int(), created_at: s.time(), ends_at: s.maybe(s.time()) }))
    .describe('Live ones, newest first.'),
  health: s.object({
    failing_since: s.maybe(s.time()),
    last_failure_at: s.maybe(s.time()),
    timeouts_in_a_row: s.int(),
    slowed_until: s.maybe(s.time()),
  }),
  created_by: s.text(),
  created_at: s.time(),
  updated_at: s.time(),
}
export const EndpointBody = s.named('Endpoint', s.object(endpointMembers))
export const EndpointWithSecret = s.named(
  'EndpointWithSecret',
  s.object({
    ...endpointMembers,
    secret: s.optional(s.text()).describe('In this answer only.'),
    secret_shown: s.optional(s.boolean()).describe('false in a replayed answer, which no longer has the secret.'),
  }),
)

const figures = {
  attempts: s.int(),
  succeeded: s.int(),
  failed: s.int(),
  p50_ms: s.maybe(s.int()),
  p95_ms: s.maybe(s.int()),
}
export const EndpointStats = s.named(
  'EndpointStats',
  s.object({
    ...figures,
    success_share: s.maybe(s.number()),
    waiting: s.int(),
    held: s.int(),
    exhausted: s.int(),
    hours: s.array(s.object({ hour: s.time(), ...figures })).describe('The last 24 hours, oldest first.'),
  }),
)

export const KeySet = s.named(
  'WebhookKeySet',
  s.object({
    keys: s.array(s.object({ kty: s.text(), crv: s.text(), alg: s.text(), use: s.text(), kid: s.text(), x: s.text() })),
  }),
)
