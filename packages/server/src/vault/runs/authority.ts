// The authorities that runs are seen under (V118): a run's own, which dies with it, or the tenant's for what runs long. The key stands in its envelope alone.
import { Problem } from '@countersign/sdk'
import { makeAuthority } from '../../crypto/authority.ts'
import { sealText } from '../../crypto/seal.ts'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { tenantKey } from '../../identity/keys-at-rest/tenant-key.ts'
import { newId, tenantWire } from '../../std/id.ts'
import type { VaultHouse } from '../house.ts'
import { type AuthorityRow, findTenantAuthority, insertAuthority, listTenantAuthorities, lockAuthorities } from './sql.ts'

const BEFORE_MS = 5 * 60_000
const AFTER_MS = 5 * 60_000
const TENANT_MS = 30 * 86_400_000

export const authorityPlace = (scope: Scope, id: string) => ({
  tenant: tenantWire(scope.tenantId),
  table: 'authorities',
  column: 'key',
  row: id,
})

/** Until five minutes after the run, so that what began in time ends well. `names`: it is good for these and what lies below them, and for nothing else. */
export const authorityOfRun = (
  house: VaultHouse,
  t: Tx,
  scope: Scope,
  runId: string,
  endsAt: Date,
  names?: readonly string[],
): Promise<AuthorityRow> =>
  make(house, t, scope, {
    ...{ runId, name: `Countersign ${runId}`, until: new Date(endsAt.getTime() + AFTER_MS) },
    ...(names ? { names } : {}),
  })

/** Renewed at one third of its life left; whoever was given the one before goes on trusting it. */
export async function authorityOfTenant(house: VaultHouse, t: Tx, scope: Scope): Promise<AuthorityRow> {
  await lockAuthorities(t, scope)
  const present = await findTenantAuthority(t, scope, new Date(t.now.getTime() + TENANT_MS / 3))
  const name = `Countersign ${tenantWire(scope.tenantId)}`
  return present ?? make(house, t, scope, { runId: null, name, until: new Date(t.now.getTime() + TENANT_MS) })
}

async function make(
  house: VaultHouse,
  t: Tx,
  scope: Scope,
  { runId, name, until, names }: { runId: string | null; name: string; until: Date; names?: readonly string[] },
): Promise<AuthorityRow> {
  const id = newId('aut', t.now.getTime())
  const { certificate, key } = await makeAuthority(name, new Date(t.now.getTime() - BEFORE_MS), until, names)
  const sealed = sealText(await tenantKey(house, t, scope), authorityPlace(scope, id), key)
  await insertAuthority(t, scope, { id, run_id: runId, certificate, key: sealed, expires_at: until })
  await record(t, scope, 'authority.made', { authority_id: id, run_id: runId }, { resource: { type: 'authority', id } })
  return { id, certificate, expires_at: until }
}

/** The certificates that clients of long-lived agents trust: one, and beside it the one before while both are in use. Makes none: the first run that asks for it does. */
export const authoritiesOfTenant = (house: Pick<VaultHouse, 'db'>, scope: Scope): Promise<string> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const all = await listTenantAuthorities(t, scope)
      if (all.length === 0)
        throw new Problem('not_found', {
          detail: 'No run has asked for the authority of this tenant yet: open one with "ca": "tenant".',
        })
      return all
        .map(({ certificate }) => certificate.trim())
        .join('\n')
        .concat('\n')
    },
    { readOnly: true },
  )
