// The deadline of a task (T32, T33, T35): a job at its moment, the database's clock, and one conditional update, so that of many processes one acts.
import { enqueueMany } from '@countersign/queue'
import { type Scope, systemScope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { escalateAsk } from './asks/ask.ts'
import { openContents, sealIf, taskKey } from './content.ts'
import type { TasksHouse } from './house.ts'
import { taskTopic, tellOfEnd } from './settle.ts'
import { EVERY, expireIfDue, findTask, isFinal, type Settlement, type TaskRow } from './sql.ts'

/** A later deadline gets a job of its own; the earlier one finds that it is not due and ends. */
export const enqueueExpiries = async (t: Tx, scope: Scope, rows: readonly TaskRow[]): Promise<void> => {
  if (rows.length === 0) return
  await enqueueMany(
    t,
    rows.map((row) => ({ kind: 'task.expire', tenantId: scope.tenantId, payload: { task_id: row.id }, runAt: row.deadline_at })),
  )
}

/** Acts on a passed deadline. Answers the time to look again, or null when there is nothing left to do. */
export async function expireTask(house: TasksHouse, tenantId: string, id: string): Promise<Date | null> {
  const scope = systemScope('expire', tenantId)
  return tx(house.db, scope, async (t) => {
    const row = await findTask(t, scope, id, EVERY)
    if (!row || isFinal(row.status)) return null
    if (row.deadline_at > t.now) return row.deadline_at
    const escalated = await escalateAsk(t, scope, row)
    if (escalated) {
      t.wake(taskTopic(id))
      return escalated.deadline_at
    }
    const expired = await expireIfDue(t, scope, id, await endOf(house, t, scope, row))
    if (expired) await tellOfEnd(house, t, scope, expired, row.status)
    return null
  })
}

async function endOf(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow): Promise<Settlement> {
  const nobody = { cancelReason: null, by: null }
  if (row.on_timeout === 'time_out') return { status: 'timed_out', outcome: null, response: null, channel: null, ...nobody }
  // An envelope is bound to its column: what was sealed as the deadline's answer is sealed anew as the answer.
  const answer = (await openContents(house, t, scope, [row.id])).task(row).timeout_response
  const response = sealIf(await taskKey(house, t, scope, row.id), scope, 'tasks', 'response', row.id, answer)
  return {
    status: 'completed',
    outcome: row.on_timeout === 'deny' ? 'denied' : 'defaulted',
    response,
    channel: 'timeout',
    ...nobody,
  }
}
