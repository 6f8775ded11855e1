// The doors of enrolled proxies, for hosts alone. Each reads, calls one verb and answers; no answer holds a key.
import { type Route, route, s } from '../../http/route.ts'
import type { IdentityHouse } from '../../identity/house.ts'
import { listOf } from '../../identity/list.ts'
import { enrolNode, expelNode, listNodesOf } from './node.ts'

const tag = 'proxy'
const act = { tag, auth: 'session', action: 'node.manage', stepUp: true } as const

const NodeBody = s.named(
  'ProxyNode',
  s.object({
    id: s.id('nod'),
    name: s.text(),
    fingerprint: s.text().describe('SHA-256 of its certificate, in hexadecimal.'),
    state: s.oneOf('live', 'silent', 'expelled').describe('Silent: it has not said for ten seconds that it is there.'),
    enrolled_by: s.text(),
    enrolled_at: s.time(),
    seen_at: s.maybe(s.time()),
    version: s.maybe(s.text()),
    lag_ms: s.maybe(s.int()).describe('How old what it knew was when it last said so.'),
    leases: s.maybe(s.int()).describe('Credentials that it held for seconds.'),
    runs: s.maybe(s.int()).describe('Runs that it followed.'),
    calls: s
      .object({
        opens: s.int().describe('Tokens of runs that clients showed it.'),
        materials: s.int().describe('Credentials that it was handed.'),
        asks: s.int().describe('Requests for which it asked people, or how they stand.'),
        busiest: s.int().describe('The most that it called for one run within this minute; more than a limit are refused.'),
      })
      .describe('What it asked of the gate, for runs that are open or ended within a day.'),
    expelled_at: s.maybe(s.time()),
    expelled_by: s.maybe(s.text()),
  }),
  'A process of the role `proxy` that may call the gate.',
)

export const nodeRoutes = (house: IdentityHouse): Route[] => [
  listOf(house)(
    'GET /proxy/nodes',
    { summary: 'List the proxies', tag, auth: 'session', action: 'node.manage', item: NodeBody },
    ({ scope }, page) => listNodesOf(house, scope, page),
  ),
  route(
    'POST /proxy/nodes',
    {
      ...act,
      summary: 'Enrol a proxy',
      description:
        'By the fingerprint that `countersign proxy enroll` printed on its machine. Its key never leaves that machine.',
      body: s.object({
        fingerprint: s.pattern(/^[0-9a-f]{64}$/, 'Must be 64 hexadecimal digits in lower case.'),
        name: s.line({ max: 100 }),
      }),
      answers: { 201: NodeBody },
      problems: ['state_conflict', 'step_up_required'],
    },
    ({ scope, body }) => enrolNode(house, scope, body),
  ),
  route(
    'DELETE /proxy/nodes/:id',
    {
      ...act,
      summary: 'Expel a proxy',
      description: 'It loses its line to the gate at once and lets nothing out any more. Its key never comes back.',
      params: { id: s.id('nod') },
      answers: { 204: null },
      problems: ['not_found', 'state_conflict', 'step_up_required'],
    },
    ({ scope, params }) => expelNode(house, scope, params.id),
  ),
]
