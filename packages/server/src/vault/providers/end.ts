// How a provider ends: the tenant's own definition is removed and the bundled one serves again (V6), or the use of all its connections is ended (§9.1). Both say
// first how many depend on it. Connections end in batches by a job, each in a transaction of its own with its event.
import { enqueue } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { type Scope, type Tx, tx } from '../../db/tx.ts'
import { actOnProvider } from '../connections/act.ts'
import { revokeConnectionIn } from '../connections/end.ts'
import type { VaultHouse } from '../house.ts'
import { bundledProvider, type Provider, providerOf } from './catalogue.ts'
import { differenceOf } from './difference.ts'
import { findConnectionsOf, findProvider, lockProviders, removeProvider } from './sql.ts'
import { judged, putInForce, tell, usageOf } from './version.ts'

/** Ends the use of every connection of a provider; its payload names the provider and why. */
export const END_CONNECTIONS = 'vault.end_connections'
const BATCH = 50

export type Confirmed = { confirm?: boolean; affected?: number }
export type Ended = { provider: string; affected: { connections: number; grants: number }; job_id: string | null }

/** A bundled definition cannot be removed; what stood in its place can. */
export function removeOwn(house: VaultHouse, scope: Scope, name: string, input: Confirmed): Promise<Ended> {
  const act = actOf(house, scope, name, 'remove')
  return house.countersign(scope, act, async (t, passed) => {
    await lockProviders(t, scope)
    const row = await findProvider(t, scope, name)
    if (!row || row.removed_at) {
      if (bundledProvider(name))
        throw new Problem('state_conflict', { state: 'bundled', detail: 'What ships with the release is not removed.' })
      throw new Problem('not_found')
    }
    const before = await providerOf(house, t, scope, name)
    const affected = await usageOf(t, scope, name)
    requireConfirmed(input, affected)
    await removeProvider(t, scope, name)
    const shipped = bundledProvider(name)
    const own = before !== null && before.version > 0
    const changes = own && shipped ? differenceOf(before.definition, shipped.definition) : []
    const suspended = own && shipped ? await putInForce(t, scope, name, 0, changes) : 0
    const ends = own && !shipped && affected.connections > 0
    const job = ends ? await endLater(t, scope, name, 'provider_removed') : null
    const data = { version: before?.version ?? null, restored: shipped !== null, suspended_grants: suspended }
    await tell(t, scope, 'provider.removed', name, { ...data, affected_connections: affected.connections }, passed)
    return { provider: name, affected, job_id: job }
  })
}

/** The definition stays; whoever wants to use it connects anew. */
export function endConnections(house: VaultHouse, scope: Scope, name: string, input: Confirmed): Promise<Ended> {
  const act = actOf(house, scope, name, 'revoke')
  return house.countersign(scope, act, async (t) => {
    const provider = await present(house, t, scope, name)
    const affected = await usageOf(t, scope, provider.name)
    requireConfirmed(input, affected)
    const job = affected.connections > 0 ? await endLater(t, scope, provider.name, 'provider_revoked') : null
    return { provider: provider.name, affected, job_id: job }
  })
}

export async function endConnectionsNow(house: VaultHouse, scope: Scope, provider: string, cause: string): Promise<number> {
  let ended = 0
  for (;;) {
    const batch = await tx(house.db, scope, async (t) => {
      const some = (await findConnectionsOf(t, scope, provider)).slice(0, BATCH)
      for (const { id } of some) await revokeConnectionIn(t, scope, id, { cause })
      return some.length
    })
    ended += batch
    if (batch < BATCH) return ended
  }
}

const endLater = (t: Tx, scope: Scope, provider: string, cause: string): Promise<string> =>
  enqueue(t, { kind: END_CONNECTIONS, tenantId: scope.tenantId, payload: { provider, cause } })

/** Who confirms has seen how many: another number by now is shown again. */
export function requireConfirmed(
  { confirm, affected: seen }: Confirmed,
  affected: { connections: number; grants: number },
): void {
  if (affected.connections === 0) return
  if (!confirm || (seen !== undefined && seen !== affected.connections)) throw new Problem('confirmation_required', { affected })
}

async function present(house: VaultHouse, t: Tx, scope: Scope, name: string): Promise<Provider> {
  const found = await providerOf(house, t, scope, name)
  if (!found) throw new Problem('not_found')
  return found
}

const actOf = (house: VaultHouse, scope: Scope, name: string, act: string) => async (t: Tx) => {
  const found = await providerOf(house, t, scope, name)
  // One that was only ever proposed has no definition in force, and may still be taken away.
  const about = found ? judged(found.definition) : { name, kind: 'custom', bundled: false }
  return actOnProvider('provider.manage', scope, about, { fields: [`act:${act}`], body: { act, provider: name } })
}
