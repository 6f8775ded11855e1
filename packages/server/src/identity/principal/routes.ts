// The route of whoever asks.
import { type Route, route, s } from '../../http/route.ts'
import type { IdentityHouse } from '../house.ts'
import { whoAsks } from './principal.ts'

const Principal = s.named(
  'Principal',
  s.object({
    tenant_id: s.id('ten'),
    tenant_name: s.text(),
    tenant_state: s.oneOf('active', 'suspended', 'closing', 'erased'),
    type: s.oneOf('user', 'agent', 'key', 'guest', 'system'),
    id: s.text(),
    name: s.text(),
    email: s.maybe(s.text()),
    role: s.maybe(s.text()).describe('Of a person.'),
    environment: s.maybe(s.oneOf('live', 'test')).describe('Of an agent.'),
    key_id: s.maybe(s.id('key')).describe('The key of the call; null of a session.'),
    scopes: s.maybe(s.array(s.text())).describe('Of the key; null of a session.'),
    now: s.time().describe('The clock by which the server judges.'),
  }),
  'Who a call comes from.',
)

export const principalRoutes = (house: Pick<IdentityHouse, 'db'>): Route[] => [
  route(
    'GET /principal',
    {
      summary: 'Who you are here',
      description: 'By key or by session.',
      tag: 'Me',
      auth: 'any',
      self: true,
      answers: { 200: Principal },
      problems: ['not_found'],
    },
    ({ scope }) => whoAsks(house, scope),
  ),
]
