// The routes of a vault as a whole: how it stands, and whether all of it opens.
import { type Route, route, s } from '../../http/route.ts'
import type { VaultHouse } from '../house.ts'
import { startVerification, vaultStatus } from './status.ts'

const tag = 'vault'

const Status = s.named(
  'VaultStatus',
  s.object({
    state: s.oneOf('open', 'empty').describe('empty: nothing was ever sealed here.'),
    root_key: s.object({ source: s.text().describe('Its kind, such as file or exec.'), fingerprint: s.text(), version: s.int() }),
    tenant_key: s.maybe(s.object({ version: s.int(), versions: s.int(), retired: s.int() })),
    envelopes: s.object({ total: s.int(), items: s.array(s.object({ item: s.text(), version: s.int(), rows: s.int() })) }),
    connections: s.object({ count: s.int(), by_status: s.record(s.int()) }),
    proxy_url: s.maybe(s.text()).describe('Where agents reach the proxy; null where there is none.'),
  }),
  'Keys and envelopes of a tenant, in numbers.',
)

export const vaultStatusRoutes = (house: VaultHouse): Route[] => [
  route(
    'GET /vault/status',
    { summary: 'How the vault stands', tag, auth: 'any', action: 'vault.read', answers: { 200: Status } },
    ({ scope }) => vaultStatus(house, scope),
  ),
  route(
    'POST /vault/verify',
    {
      summary: 'Open every envelope of the tenant and count what does not open',
      description:
        'As a job: `GET /jobs/{id}` tells its progress, `GET /jobs/{id}/result` what it found, as numbers by table. A connection that was tampered with is suspended.',
      tag,
      auth: 'any',
      action: 'vault.verify',
      stepUp: true,
      answers: { 202: s.object({ job_id: s.id('job') }) },
      problems: ['step_up_required'],
    },
    ({ scope }) => startVerification(house, scope),
  ),
]
