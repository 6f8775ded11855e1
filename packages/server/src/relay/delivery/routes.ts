// The routes by which an owner says where messages for an agent go, and takes over the card of one that answers elsewhere.
import { type Route, route, s } from '../../http/route.ts'
import { Slug } from '../cards/input.ts'
import { CardBody } from '../cards/shapes.ts'
import type { Card } from '../cards/show.ts'
import type { DeliveryHouse } from './house.ts'
import { getDelivery, setDelivery } from './settings.ts'
import { importCard } from './upstream/import.ts'

const HELD = ['policy_denied', 'policy_error', 'approval_pending', 'human_denied', 'too_many_open', 'busy'] as const

const DeliveryBody = s.object({
  mode: s.oneOf('inbox', 'push', 'a2a'),
  on_exhausted: s.optional(s.oneOf('queue', 'fail')).describe('What becomes of a thread whose message could not be delivered.'),
  url: s.optional(s.text({ max: 2_048 })).describe('push: where each message is posted to.'),
  secret: s.optional(s.text({ max: 128 })).describe('push: your own signing secret.'),
  endpoint_id: s.optional(s.id('whe')).describe('push: an endpoint whose secret signs.'),
  generate_secret: s.optional(s.boolean()).describe('push: a new secret, shown once.'),
  signature: s.optional(s.oneOf('foragent', 'standard')).describe('push: both signatures (default), or the standard one alone.'),
  thin: s.optional(s.boolean()).describe('push: ids and links without parts.'),
  upstream: s
    .optional(
      s.object({
        card_url: s.text({ max: 2_048 }).describe('The card of an A2A 1.0 agent.'),
        connection_id: s.optional(s.id('conn')).describe('Whose credentials are added to requests to the origin of the card.'),
      }),
    )
    .describe('a2a: the agent that the relay calls.'),
})

const Upstream = s.object({
  card_url: s.text(),
  connection_id: s.maybe(s.text()),
  signed: s.boolean().describe('By a key that is pinned for its origin, or in the key set of its own origin.'),
  checked_at: s.time(),
})

const ImportedCard = s.named(
  'ImportedCard',
  s.object({
    ...CardBody.shape,
    upstream: Upstream,
    report: s.object({
      card_url: s.text(),
      verification: s.object({
        mode: s.oneOf('ignore', 'prefer', 'require').describe('`card_verification` of your tenant.'),
        signed: s.boolean(),
        signers: s.array(s.text()).describe('The names of the keys that verified.'),
        keys: s
          .maybe(s.oneOf('pinned', 'origin'))
          .describe('Whose keys those are: pinned by the operator, or of the card’s own origin.'),
      }),
      interfaces: s.array(s.object({ url: s.text(), binding: s.text(), version: s.text() })),
      changed: s
        .array(s.object({ path: s.text(), message: s.text() }))
        .describe('Where the draft says less than the card, or something else.'),
    }),
  }),
  'A draft made of the card of an A2A agent, and what was found there.',
)

const Targets = {
  endpoint: s.maybe(s.object({ id: s.id('whe'), url: s.text(), mode: s.text(), state: s.text() })),
  upstream: s.maybe(Upstream),
}
const DeliveryTargets = s.named(
  'CardDeliveryTargets',
  s.object({ ...CardBody.shape.delivery.shape, ...Targets }),
  'Where messages for an agent go. Never a secret.',
)
const CardDelivery = s.named(
  'CardDelivery',
  s.object({
    ...CardBody.shape,
    ...Targets,
    secret: s.optional(s.text()).describe('In the answer that made it, and nowhere else.'),
    secret_shown: s.optional(s.boolean()),
  }),
  'A card, and where messages for its agent go.',
)

const FETCHED = ['card_untrusted', 'url_invalid', 'url_not_allowed', 'unreachable', 'timeout', 'too_large', 'tls'] as const
const withTag = (result: unknown) => ({ headers: { ETag: (result as Card).etag }, body: result })

export const cardDeliveryRoutes = (house: DeliveryHouse): Route[] => [
  route(
    'GET /cards/:id/delivery',
    {
      tag: 'cards',
      auth: 'any',
      action: 'card.read',
      summary: 'Read where messages for an agent go',
      params: { id: s.id('card') },
      answers: { 200: DeliveryTargets },
      problems: ['not_found'],
    },
    ({ scope, params }) => getDelivery(house, scope, params.id),
  ),
  route(
    'POST /cards/import',
    {
      tag: 'cards',
      auth: 'any',
      action: 'card.publish',
      summary: 'Make a draft of the card of an A2A agent elsewhere',
      description:
        'It is read through the guard, verified as your tenant wants it, and saved with `visibility: grant_holders` and the delivery mode `a2a`: nobody else reads it until you make it public.',
      body: s.object({
        url: s.text({ min: 1, max: 2_048 }).describe('Where its card is: …/.well-known/agent-card.json.'),
        slug: s.optional(Slug).describe('Made of its name unless said.'),
        connection_id: s.optional(s.id('conn')).describe('Whose credentials are added to requests to the origin of the card.'),
      }),
      answers: { 201: ImportedCard },
      problems: ['not_found', 'forbidden', 'slug_taken', 'state_conflict', ...FETCHED, ...HELD],
      render: withTag,
    },
    ({ scope, body, reply }) => {
      reply.status(201)
      return importCard(house, scope, body)
    },
  ),
  route(
    'PUT /cards/:id/delivery',
    {
      tag: 'cards',
      auth: 'any',
      action: 'card.publish',
      summary: 'Say where messages for an agent go',
      description:
        'inbox: they wait in the hosted inbox, for its workers to claim and for people to answer. push: each is posted, signed, to your endpoint, and what it answers is the answer. a2a: the relay calls your A2A server. Messages that nobody has taken yet move.',
      params: { id: s.id('card') },
      body: DeliveryBody,
      secretOnce: ['secret'],
      answers: { 200: CardDelivery },
      problems: ['not_found', 'forbidden', 'state_conflict', 'callback_secret_missing', ...FETCHED, ...HELD],
      render: withTag,
    },
    ({ scope, params, body }) => setDelivery(house, scope, params.id, body),
  ),
]
