// What the verifiers of one task did, for whoever may read the task; what they said is content and masked like it.
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { openContents } from '../content.ts'
import type { TasksHouse } from '../house.ts'
import { seeTask } from '../look.ts'
import { mask } from '../redaction.ts'
import { surfaceOf } from '../wire.ts'
import { openVerdict } from './sealed.ts'
import { findRuns } from './sql.ts'

export async function listRuns(house: TasksHouse, scope: Scope, id: string) {
  const read = async (t: Tx) => {
    const { row } = await seeTask(t, scope, id, 'task.read')
    const runs = await findRuns(t, scope, id)
    const opener =
      runs.some((one) => one.verdict !== null) && row.erased_at === null ? await openContents(house, t, scope, [id]) : null
    const data = runs.map(({ task_id: _, verdict, ...run }) => {
      const said = verdict && opener ? openVerdict(opener.key(id), scope, { ...run, task_id: id, verdict }) : null
      return { ...run, reason: mask({ reason: said?.reason ?? null }, row, surfaceOf(scope)).reason }
    })
    return { data, next_cursor: null }
  }
  return tx(house.db, scope, read, { readOnly: true })
}
