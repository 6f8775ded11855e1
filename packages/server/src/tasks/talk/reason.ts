// Why somebody did what others want to know the reason of: said on the task to its people, sealed like every remark, and never in an event.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import type { Person } from '../person.ts'
import type { TaskRow } from '../sql.ts'
import { writeComment } from './comments.ts'
import { countCommentIfRoom } from './sql.ts'

/** The task as it stands then. Where there is no room for another remark, the act still counts. */
export async function writeReason(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  person: Person | null,
  body: string,
): Promise<TaskRow> {
  const counted = await countCommentIfRoom(t, scope, row.id)
  if (!counted) return row
  await writeComment(house, t, scope, counted, person, { body, audience: 'humans', purpose: 'comment' })
  return counted
}
