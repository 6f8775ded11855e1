// The route at which everybody reads how an agent is.
import { type Route, route, s } from '../../http/route.ts'
import type { CardsHouse } from '../cards/house.ts'
import { Slug } from '../cards/input.ts'
import { readHealth } from './read.ts'

const State = s.oneOf('ok', 'degraded', 'down')

const AgentHealth = s.named(
  'AgentHealth',
  s.object({
    state: s.maybe(State).describe('null: nobody has looked yet. Only listed agents are looked at.'),
    reason: s
      .maybe(s.text())
      .describe('down: card_differs, no_claim, unreachable, card_vanished, key_changed or credential_refused; degraded: paused.'),
    checked_at: s.maybe(s.time()),
    history: s.array(s.object({ checked_at: s.time(), state: State, reason: s.maybe(s.text()), ms: s.int() })),
  }),
  'How an agent was when it was last looked at, newest first.',
)

export const healthRoutes = (house: CardsHouse): Route[] => [
  route(
    'GET /agents/:slug/health',
    {
      summary: 'Read how a listed agent is',
      description: 'Looked at every 15 minutes: its card is served as it was signed, and what its messages go to is there.',
      tag: 'listing',
      auth: 'none',
      params: { slug: Slug },
      answers: { 200: AgentHealth },
      problems: ['not_found'],
    },
    ({ params }) => readHealth(house, params.slug),
  ),
]
