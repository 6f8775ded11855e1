// The daily comparison of rows with their record (V70): a whole row that somebody put back opens, but is older than the newest event about it.
// Opens no envelope. A row that it finds is suspended and told of, once.
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import type { VaultHouse } from '../house.ts'
import { allTenants, findPutBack } from './sql.ts'
import { suspendTampered } from './tampered.ts'

const AT_ONCE = 200

/** Answers how many rows were found to have been put back. */
export async function compareWithRecord(house: Pick<VaultHouse, 'db'>): Promise<number> {
  let found = 0
  for (let after: string | null = null; ; ) {
    const from: string | null = after
    const tenants: { id: string }[] = await tx(house.db, systemScope('vault'), (t) => allTenants(t, from), { readOnly: true })
    for (const { id } of tenants) found += await compareTenant(house, id)
    const last = tenants.at(-1)
    if (!last) return found
    after = last.id
  }
}

/** One tenant, in steps, so that no transaction reads for long. */
export async function compareTenant(house: Pick<VaultHouse, 'db'>, tenantId: string): Promise<number> {
  const scope = systemScope('vault', tenantId)
  let found = 0
  for (let after: string | null = null; ; ) {
    const from: string | null = after
    const rows: { id: string; generation: number; behind: boolean }[] = await tx(
      house.db,
      scope,
      (t) => findPutBack(t, scope, from, AT_ONCE),
      { readOnly: true },
    )
    for (const row of rows.filter(({ behind }) => behind)) {
      await suspendTampered(house, tenantId, { id: row.id, generation: row.generation, cause: 'put_back' })
      found += 1
    }
    const last = rows.at(-1)
    if (!last || rows.length < AT_ONCE) return found
    after = last.id
  }
}
