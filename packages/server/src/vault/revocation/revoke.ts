// What the provider is told of a connection whose use has ended (V51): by its own style of revocation, again and again for a day, and then its material is erased,
// whatever the provider said. Use stopped in the transaction that came before; nothing here can bring it back.
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { clientFor } from '../authorizations/client-for.ts'
import { outsideOf } from '../authorizations/flow.ts'
import { ProviderFault } from '../authorizations/protocol/fault.ts'
import { type RevocationPlan, revokeAt } from '../authorizations/protocol/revoke.ts'
import type { ProviderClient, ProviderServer } from '../authorizations/protocol/server.ts'
import { serverFor } from '../authorizations/server-for.ts'
import { eraseMaterialIfOver, findSealed, type SealedConnection } from '../connections/sql.ts'
import { tellConnection } from '../connections/store.ts'
import type { VaultHouse } from '../house.ts'
import { openMaterial } from '../material/material.ts'
import { definitionAt } from '../providers/catalogue.ts'
import type { Definition, Material } from '../providers/definition.ts'
import { fillUrl } from '../providers/params.ts'

const TRIED_FOR_MS = 86_400_000
const FIRST_MS = 30_000
const LONGEST_MS = 3_600_000

type Known = { row: SealedConnection; definition: Definition; material: Material; now: Date }

/** Answers after how many milliseconds to try again; null: it is settled. */
export async function revokeAtProvider(
  house: VaultHouse,
  tenantId: string,
  id: string,
  signal: AbortSignal,
): Promise<number | null> {
  const scope = systemScope('vault', tenantId)
  const known = await tx(house.db, scope, (t) => read(house, t, scope, id))
  if (known === null) return null
  try {
    if (!(await tell(house, scope, known, signal))) return await settle(house, scope, id, 'none', null)
    return await settle(house, scope, id, 'done', null)
  } catch (error) {
    if (!(error instanceof ProviderFault)) throw error
    const { row, now } = known
    const age = now.getTime() - row.status_since.getTime()
    // The pause grows with the time that it has failed for.
    if (error.kind === 'outside' && age < TRIED_FOR_MS)
      return Math.max(error.retryAfterMs ?? 0, Math.min(Math.max(age, FIRST_MS), LONGEST_MS))
    return settle(house, scope, id, 'failed', error.code)
  }
}

/** Null: there is nothing left to revoke, or it is to be erased here alone. */
async function read(house: VaultHouse, t: Tx, scope: Scope, id: string): Promise<Known | null> {
  const row = await findSealed(t, scope, id)
  if (!row || (row.status !== 'revoked' && row.status !== 'removed') || row.material === null) return null
  const definition = await definitionAt(house, t, scope, row.provider, row.definition_version)
  if (row.provider_revocation !== 'waiting' || !definition) {
    await eraseMaterialIfOver(t, scope, id, 'none')
    return null
  }
  return { row, definition, material: await openMaterial(house, t, scope, row), now: t.now }
}

/** False: this provider cannot be told. */
async function tell(
  house: VaultHouse,
  scope: Scope,
  { row, definition, material }: Known,
  signal: AbortSignal,
): Promise<boolean> {
  const outside = outsideOf(house, scope, signal)
  let client: ProviderClient | null = null
  let issuer: string | null = null
  if (row.client_id !== null)
    ({ client, issuer } = await tx(house.db, scope, (t) => clientFor(house, t, scope, row.client_id, { alsoRemoved: true }), {
      readOnly: true,
    }))
  const named = definition.oauth?.revocation
  if (row.method !== 'register' && (!named || named.style === 'none' || !named.url)) return false
  const server = await serverFor(outside, { definition, params: row.params, method: row.method, issuer })
  const plan = planOf(definition, row, server)
  if (plan === null) return false
  await revokeAt(outside, server, client, plan, material)
  return true
}

function planOf({ oauth }: Definition, row: SealedConnection, server: ProviderServer): RevocationPlan | null {
  const { style = 'rfc7009', url, ...more } = oauth?.revocation ?? { style: 'rfc7009' as const }
  if (style === 'none') return null
  const to = url === undefined ? server.revocationUrl : fillUrl(url, row.params)
  return to === null ? null : { ...more, style, url: to }
}

async function settle(
  house: VaultHouse,
  scope: Scope,
  id: string,
  told: 'done' | 'failed' | 'none',
  code: string | null,
): Promise<null> {
  return tx(house.db, scope, async (t) => {
    const row = await eraseMaterialIfOver(t, scope, id, told)
    if (row && told === 'done') await tellConnection(t, scope, 'connection.provider_revoked', row, {})
    if (row && told === 'failed') await tellConnection(t, scope, 'connection.revocation_failed', row, { code })
    return null
  })
}
