// Reminders (T37): the people who can still answer are told again. Marked in the transaction that checks the state, so that each goes out once, and none after
// the state left `open` or `returned`. Several that are due at once are one.
import type { Scope, Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import type { TasksHouse } from '../house.ts'
import type { TaskRow } from '../sql.ts'
import { dueReminders } from './moments.ts'
import { markRemindedIfOpen } from './sql.ts'
import { tellOfReminder } from './tell.ts'

/** The task with its mark, or null when there was nothing to send. */
export async function remindIfDue(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow): Promise<TaskRow | null> {
  const mask = dueReminders(row, t.now)
  if (mask === 0) return null
  const reminded = await markRemindedIfOpen(t, scope, row.id, mask)
  if (!reminded) return null
  const data = { count: ones(mask), deadline_at: row.deadline_at, agent_id: row.agent_id }
  await record(t, scope, 'task.reminded', data, { resource: { type: 'task', id: row.id } })
  await tellOfReminder(house, t, scope, reminded)
  return reminded
}

const ones = (mask: number): number => mask.toString(2).replaceAll('0', '').length
