// What happens when a row of the vault is not what this server wrote (V70): the connection is suspended, once, and the record says which row and why.
// Never repairs anything, and never says what an envelope held.
import { systemScope } from '../../db/scope.ts'
import { type Db, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { suspendIfNotTampered } from './sql.ts'

/** `status_cause` of a connection whose row was tampered with. */
export const TAMPERED = 'tampered'

/** `moved_or_altered`: its envelope does not open here. `put_back`: the row is older than the newest event about it. */
export type Tampering = { id: string; generation: number; cause: 'moved_or_altered' | 'put_back' }

/** False: it was found before. */
export async function suspendTampered(house: { db: Db }, tenantId: string, { id, generation, cause }: Tampering): Promise<void> {
  const scope = systemScope('vault', tenantId)
  await tx(house.db, scope, async (t) => {
    const row = await suspendIfNotTampered(t, scope, id, TAMPERED)
    if (!row) return
    const resource = { resource: { type: 'connection', id } }
    const now = { generation: row.generation, revision: row.revision }
    await record(t, scope, 'connection.tampered', { connection_id: id, row: `${id}/${generation}`, cause, ...now }, resource)
    await record(t, scope, 'connection.suspended', { connection_id: id, cause: TAMPERED, ...now }, resource)
  })
}
