// The route by which an owner says where messages for an agent go.
import { type Route, route, s } from '../../http/route.ts'
import { CardBody } from '../cards/shapes.ts'
import type { Card } from '../cards/show.ts'
import type { DeliveryHouse } from './house.ts'
import { setDelivery } from './settings.ts'

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

const CardDelivery = s.named(
  'CardDelivery',
  s.object({
    ...CardBody.shape,
    endpoint: s.maybe(s.object({ id: s.id('whe'), url: s.text(), mode: s.text(), state: s.text() })),
    upstream: s.maybe(
      s.object({ card_url: s.text(), connection_id: s.maybe(s.text()), signed: s.boolean(), checked_at: s.time() }),
    ),
    secret: s.optional(s.text()).describe('In the answer that made it, and nowhere else.'),
    secret_shown: s.optional(s.boolean()),
  }),
  'A card, and where messages for its agent go.',
)

export const cardDeliveryRoutes = (house: DeliveryHouse): Route[] => [
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
      problems: [
        'not_found',
        'forbidden',
        'state_conflict',
        'callback_secret_missing',
        'card_untrusted',
        'url_invalid',
        'url_not_allowed',
        'unreachable',
        'timeout',
        'too_large',
        'tls',
        ...HELD,
      ],
      render: (result: unknown) => ({ headers: { ETag: (result as Card).etag }, body: result }),
    },
    ({ scope, params, body }) => setDelivery(house, scope, params.id, body),
  ),
]
