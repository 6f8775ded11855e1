// The door for an agent that asks who it is: one verb.
import { type Route, route, s } from '../../http/route.ts'
import { Agent } from '../../identity/shapes.ts'
import type { VaultHouse } from '../house.ts'
import { readSelf } from './self.ts'

const Self = s.named(
  'AgentSelf',
  s.object({
    agent: Agent,
    key: s.object({
      id: s.id('key'),
      thumbprint: s.maybe(s.text()).describe('Of the public key that signed this request.'),
      scopes: s.array(s.text()),
      expires_at: s.time(),
    }),
    proof: s.oneOf('key', 'dpop').describe('How this request proved itself.'),
    connections: s.array(
      s.object({ id: s.id('conn'), provider: s.text(), name: s.text(), status: s.text(), expires_at: s.maybe(s.time()) }),
    ),
    grants: s.array(s.object({ id: s.id('grt'), connection_id: s.id('conn'), expires_at: s.maybe(s.time()) })),
  }),
  'An agent, as it asked for itself.',
)

export const selfRoutes = (house: VaultHouse): Route[] => [
  route(
    'GET /agents/self',
    {
      summary: 'Read who you are, as an agent',
      tag: 'Agents',
      auth: 'key',
      self: true,
      answers: { 200: Self },
      problems: ['unclaimed_agent', 'proof_invalid', 'proof_replayed'],
    },
    ({ scope }) => readSelf(house, scope),
  ),
]
