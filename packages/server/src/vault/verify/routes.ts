// The routes of a vault as a whole: how it stands, and whether all of it opens.
import { type Route, route, s } from '../../http/route.ts'
import { getRewrapOf } from '../../identity/keys-at-rest/rewrap/start.ts'
import { Rewrap } from '../../identity/keys-at-rest/shapes.ts'
import type { VaultHouse } from '../house.ts'
import { tryCanary } from './canary.ts'
import { startRotation } from './rotate.ts'
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
  route(
    'POST /vault/check',
    {
      summary: 'Seal, open and delete a value that means nothing',
      description: 'What the doctor asks: whether the tenant’s keys work at this moment. Nothing is left.',
      tag,
      auth: 'any',
      action: 'vault.read',
      idempotency: 'none',
      answers: { 200: s.object({ key_version: s.int().describe('Of the tenant’s key that it was sealed under.') }) },
      problems: ['vault_sealed'],
    },
    ({ scope }) => tryCanary(house, scope),
  ),
  route(
    'POST /vault/rotate',
    {
      summary: 'Give the tenant a new version of its keys',
      description:
        'New writes use it at once, and every wrap moves over to it meanwhile: `GET /vault/rotations/{id}` tells how far. Of two that are asked for at once the second begins when the first is over.',
      tag,
      auth: 'any',
      action: 'vault.rotate',
      stepUp: true,
      body: s.object({ reseal: s.optional(s.boolean()).describe('Data keys and nonces are replaced, too.') }),
      answers: { 202: Rewrap },
      problems: ['state_conflict', 'step_up_required'],
    },
    ({ scope, body }) => startRotation(house, scope, body.reseal ?? false),
  ),
  route(
    'GET /vault/rotations/:id',
    {
      summary: 'How far a rotation of the tenant’s keys is',
      tag,
      auth: 'any',
      action: 'vault.read',
      params: { id: s.id('rwp') },
      answers: { 200: Rewrap },
      problems: ['not_found'],
    },
    ({ scope, params }) => getRewrapOf(house, scope, params.id),
  ),
]
