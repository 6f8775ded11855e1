// What people do with a stored credential besides reading about it: revoke it, have it renewed, try it. None of these answers any of it.
import { Problem } from '@countersign/sdk'
import { type Scope, tx } from '../../db/tx.ts'
import { outsideOf } from '../authorizations/flow.ts'
import { tryMaterial } from '../authorizations/test-call.ts'
import { actOnConnection } from '../connections/act.ts'
import { type Connection, getConnection, readConnection, seeConnection } from '../connections/connection.ts'
import { revokeConnectionIn } from '../connections/end.ts'
import type { VaultHouse } from '../house.ts'
import { definitionAt } from '../providers/catalogue.ts'
import { fresh } from '../refresh/refresh.ts'

/** Its use ends in this transaction (V51); the provider hears of it from the job, unless it is to be forgotten here alone. */
export const revokeConnection = (
  house: VaultHouse,
  scope: Scope,
  id: string,
  localOnly: boolean,
): Promise<{ status: 'revoked'; job_id: string }> =>
  house.countersign(
    scope,
    async (t) => actOnConnection('connection.delete', scope, await seeConnection(t, scope, id, 'connection.delete')),
    async (t) => {
      const row = await seeConnection(t, scope, id, 'connection.delete')
      const revoked = await revokeConnectionIn(t, scope, id, { cause: 'asked', localOnly })
      if (!revoked) throw new Problem('state_conflict', { status: row.status })
      return { status: 'revoked' as const, job_id: revoked.job_id }
    },
  )

export async function renewConnection(house: VaultHouse, scope: Scope, id: string): Promise<Connection> {
  const before = await tx(house.db, scope, (t) => seeConnection(t, scope, id, 'connection.update'), { readOnly: true })
  const { beforeCommit: _, ...quiet } = scope
  const now = await fresh(house, quiet, id, { reason: 'asked', generation: before.generation })
  if (now.generation === before.generation) throw await whyNot(house, scope, id)
  return tx(house.db, scope, (t) => readConnection(t, scope, id))
}

async function whyNot(house: VaultHouse, scope: Scope, id: string): Promise<Problem> {
  const { last_error } = await getConnection(house, scope, id)
  return last_error === null
    ? new Problem('state_conflict', { detail: 'There is nothing to renew it with: it lives until it is replaced.' })
    : new Problem('provider_error', { reason: last_error.code, said: null })
}

export type Tested = { status: 'works' | 'refused' | 'untested'; code: string | null; ms: number }

export async function testConnection(house: VaultHouse, scope: Scope, id: string): Promise<Tested> {
  const { beforeCommit: _, ...quiet } = scope
  const { row, definition } = await tx(
    house.db,
    scope,
    async (t) => {
      const row = await seeConnection(t, scope, id, 'connection.update')
      return { row, definition: await definitionAt(house, t, scope, row.provider, row.definition_version) }
    },
    { readOnly: true },
  )
  if (!definition) throw new Problem('not_found')
  const { material } = await fresh(house, quiet, id, { reason: 'lead' })
  const tried = await tryMaterial(outsideOf(house, scope), definition, row.params, material)
  const answer: Tested =
    tried === null
      ? { status: 'untested', code: null, ms: 0 }
      : { status: tried.ok ? 'works' : 'refused', code: tried.code, ms: tried.ms }
  // What was found out stands in the stored reply of the call, and nowhere else.
  return tx(house.db, scope, async () => answer)
}
