// How a tenant's vault stands: under which keys, and what is in it, as numbers. Says where the root key comes from by its kind alone: where exactly is the operator's.
import { enqueue } from '@countersign/queue'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { countWrapsOf, listKeyColumns } from '../../identity/keys-at-rest/rewrap/sql.ts'
import { listRootKeys } from '../../identity/keys-at-rest/root/sql.ts'
import { SEALED } from '../../identity/keys-at-rest/sealed-columns.ts'
import { findTenantKeys } from '../../identity/keys-at-rest/sql.ts'
import type { VaultHouse } from '../house.ts'
import { VERIFY } from './jobs.ts'
import { countConnections } from './sql.ts'

type VaultStatus = {
  state: 'open' | 'empty'
  root_key: { source: string; fingerprint: string; version: number }
  tenant_key: { version: number; versions: number; retired: number } | null
  envelopes: { total: number; items: { item: string; version: number; rows: number }[] }
  connections: { count: number; by_status: Record<string, number> }
  /** Where agents reach the proxy; null where this installation has none. */
  proxy_url: string | null
}

export async function vaultStatus(house: VaultHouse, scope: Scope): Promise<VaultStatus> {
  const { keyring, db } = house
  const roots = await tx(db, systemScope('keyring'), listRootKeys, { readOnly: true })
  return tx(
    db,
    scope,
    async (t) => {
      const keys = await findTenantKeys(t, scope)
      const alive = keys.filter(({ wrapped }) => wrapped !== null)
      const items = (await countEnvelopes(t, scope)).map(({ item, version, rows }) => ({
        item,
        version: version.readUInt32BE(0),
        rows,
      }))
      const statuses = await countConnections(t, scope)
      const root = roots.find(({ version }) => version === keyring.current)
      const current = alive.find(({ state }) => state === 'current')
      return {
        state: alive.length === 0 ? ('empty' as const) : ('open' as const),
        root_key: {
          source: (root?.source ?? 'unknown').split(':')[0] as string,
          fingerprint: keyring.fingerprint(),
          version: keyring.current,
        },
        tenant_key:
          alive.length === 0
            ? null
            : {
                version: current?.version ?? Math.max(...alive.map(({ version }) => version)),
                versions: alive.length,
                retired: keys.filter(({ state }) => state === 'retired').length,
              },
        envelopes: { total: items.reduce((sum, { rows }) => sum + rows, 0), items },
        connections: {
          count: statuses.reduce((sum, { n }) => sum + n, 0),
          by_status: Object.fromEntries(statuses.map(({ status, n }) => [status, n])),
        },
        proxy_url: house.proxyUrl,
      }
    },
    { readOnly: true },
  )
}

/** By table and version of the key that stands first in each: the tenant's, or its subject's. */
async function countEnvelopes(t: Tx, scope: Scope) {
  const keys = await listKeyColumns(t, [...new Set(SEALED.map(({ table }) => table))])
  const columns = SEALED.map(({ table, column, where = 'true' }) => ({
    ...{ table, column, where, versionAt: 3, length: 0 },
    key: keys.filter((one) => one.table === table),
  }))
  return countWrapsOf(t, scope, columns)
}

/** One at a time: who asks while one runs is told of that one. */
export const startVerification = (house: VaultHouse, scope: Scope): Promise<{ job_id: string }> =>
  tx(house.db, scope, async (t) => {
    const total = (await countEnvelopes(t, scope)).reduce((sum, { rows }) => sum + rows, 0)
    const job = { kind: VERIFY, tenantId: scope.tenantId, payload: { total }, uniqueKey: `${VERIFY}:${scope.tenantId}` }
    return { job_id: await enqueue(t, job) }
  })
