// The doors of the key ring, for hosts alone. Each reads, calls one verb and answers; no answer holds a key.
import { type Route, route, s } from '../../http/route.ts'
import { destroyRetiredTenantKeys, getRewrap, startRewrap } from './rewrap/start.ts'
import { addRootKey, destroyRootKey, type KeyringHouse, keepRootKey, promoteRootKey, retireRootKey } from './root/root-key.ts'
import { keyringStatus } from './root/status.ts'
import { AddedRootKey, KeyringShape, Rewrap } from './shapes.ts'

const look = { tag: 'Key ring', auth: 'session', action: 'keyring.read' } as const
const act = { tag: 'Key ring', auth: 'session', action: 'keyring.rotate', stepUp: true } as const
const Version = { version: s.pattern(/^[1-9]\d{0,8}$/, 'Must be a version.') }

export const keyringRoutes = (house: KeyringHouse): Route[] => [
  route('GET /keyring', { ...look, summary: 'Look at the key ring', answers: { 200: KeyringShape } }, () => keyringStatus(house)),
  route(
    'POST /keyring/versions',
    {
      ...act,
      summary: 'Add a version of the root key',
      description: 'It opens and does not seal yet: promote it once every live process holds it.',
      answers: { 201: AddedRootKey },
      problems: ['state_conflict', 'vault_sealed', 'step_up_required'],
    },
    ({ scope }) => addRootKey(house, scope),
  ),
  ...(
    [
      ['promote', 'Seal under this version from now on', promoteRootKey],
      ['retire', 'Take a version out of use', retireRootKey],
      ['keep', 'Do not destroy a version after all', keepRootKey],
    ] as const
  ).map(([name, summary, verb]) =>
    route(
      `POST /keyring/versions/:version/${name}`,
      {
        ...act,
        summary,
        params: Version,
        answers: { 204: null },
        problems: ['not_found', 'state_conflict', 'step_up_required'],
      },
      ({ scope, params }) => verb(house, scope, Number(params.version)),
    ),
  ),
  route(
    'POST /keyring/versions/:version/destroy',
    {
      ...act,
      summary: 'Destroy a version in seven days',
      params: Version,
      answers: { 202: s.object({ destroy_at: s.time() }) },
      problems: ['not_found', 'state_conflict', 'step_up_required'],
    },
    ({ scope, params }) => destroyRootKey(house, scope, Number(params.version)),
  ),
  route(
    'POST /keyring/rewraps',
    {
      ...act,
      summary: 'Rewrap under the current versions',
      description:
        'Tenants get a new version of their keys, and every wrap moves over; what is sealed is not touched. Runs go one after the other.',
      body: s.object({
        tenant_id: s.nullish(s.id('ten')),
        renew: s.optional(s.boolean()),
        reseal: s.optional(s.boolean()),
      }),
      answers: { 202: Rewrap },
      problems: ['not_found', 'step_up_required'],
    },
    ({ scope, body }) => startRewrap(house, scope, body),
  ),
  route(
    'GET /keyring/rewraps/:id',
    { ...look, summary: 'Look at a rewrap', params: { id: s.id('rwp') }, answers: { 200: Rewrap }, problems: ['not_found'] },
    ({ params }) => getRewrap(house, params.id),
  ),
  route(
    'POST /keyring/tenant-keys/destroy',
    {
      ...act,
      summary: 'Destroy retired versions of tenants’ keys',
      idempotency: 'none',
      answers: { 200: s.object({ destroyed: s.int(), kept: s.int() }) },
      problems: ['step_up_required'],
    },
    ({ scope }) => destroyRetiredTenantKeys(house, scope),
  ),
]
