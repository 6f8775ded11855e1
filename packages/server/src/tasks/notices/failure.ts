// When a notice does not get through: the person's next channel, and when nobody at all could be told, those who run the work (tasks.md §11.2, T102).
// The task and its other notices are not touched.
import type { Scope, Tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import { findPeopleAsked } from '../routing/sql.ts'
import { handToFallback } from '../routing/unrouted.ts'
import { OPEN, type TaskRow } from '../sql.ts'
import { notify, tellAgain } from './notice.ts'
import { preferred } from './preference.ts'
import { findInstead, findLive, type NoticeRow } from './sql.ts'

export async function failOver(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  notice: NoticeRow,
  row: TaskRow,
  { isFinal = false } = {},
): Promise<void> {
  if (!OPEN.includes(row.status)) return
  if (await tellByNext(house, t, scope, notice, row)) return
  if (!isFinal || (await findLive(t, scope, row.id))) return
  const handed = await handToFallback(t, scope, row, 'untold')
  if (handed)
    await notify(house, t, scope, [handed.row], {
      purpose: notice.purpose === 'digest' ? 'asked' : notice.purpose,
      people: handed.asked,
    })
}

/** Once for each notice, and only a person has a next channel. */
async function tellByNext(house: TasksHouse, t: Tx, scope: Scope, notice: NoticeRow, row: TaskRow): Promise<boolean> {
  if (notice.user_id === null) return false
  if (await findInstead(t, scope, notice.id)) return true
  const [person] = await findPeopleAsked(t, scope, [notice.user_id])
  if (!person) return false
  const means = await preferred(house, t, scope, person, true)
  const at = means.findIndex(({ channel }) => channel === notice.channel)
  const next = means.slice(at + 1).find(({ channel }) => channel !== notice.channel)
  if (!next) return false
  await tellAgain(t, scope, notice, row, { ...next, identity: null, instead_of: notice.id })
  return true
}
