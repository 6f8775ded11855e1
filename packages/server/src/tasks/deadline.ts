// The time of a task (T32, T33, T35–T37): one job at its next moment (a reminder, a step of its escalation, the deadline), the database's clock, and
// conditional updates, so that of many processes one acts. The job of a task that wants nothing before its deadline costs what it always did.
import { enqueueMany } from '@countersign/queue'
import { type Scope, systemScope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { escalateAsk } from './asks/escalation.ts'
import { openContents, sealIf, taskKey } from './content.ts'
import type { TasksHouse } from './house.ts'
import { tellOfEnd } from './settle.ts'
import { EVERY, expireIfDue, findTask, isFinal, OPEN, type Settlement, type TaskRow } from './sql.ts'
import { takeStep, takeTimeoutStep } from './time/escalation.ts'
import { dueStep, isDue, nextMoment } from './time/moments.ts'
import { remindIfDue } from './time/reminders.ts'

/** A later deadline gets a job of its own; the earlier one finds that it is not due and looks again then. */
export const enqueueExpiries = async (t: Tx, scope: Scope, rows: readonly TaskRow[]): Promise<void> => {
  const jobs = rows.flatMap((row) => {
    const runAt = nextMoment(row, t.now)
    return runAt === null ? [] : [{ kind: 'task.expire', tenantId: scope.tenantId, payload: { task_id: row.id }, runAt }]
  })
  if (jobs.length > 0) await enqueueMany(t, jobs)
}

/** Does what is due. Answers the time to look again, or null when there is nothing left to do. */
export async function expireTask(house: TasksHouse, tenantId: string, id: string): Promise<Date | null> {
  const scope = systemScope('expire', tenantId)
  return tx(house.db, scope, async (t) => {
    const row = await findTask(t, scope, id, EVERY)
    if (!row || isFinal(row.status)) return null
    const now = isDue(row, t.now) ? await endOrHandOn(house, t, scope, row) : await nudge(house, t, scope, row)
    return now && nextMoment(now, t.now)
  })
}

/** The task as it goes on, or null when this was its end. */
async function endOrHandOn(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow): Promise<TaskRow | null> {
  const escalated = (await escalateAsk(house, t, scope, row)) ?? (await takeTimeoutStep(house, t, scope, row))
  if (escalated) return escalated
  const expired = await expireIfDue(t, scope, row.id, await endOf(house, t, scope, row))
  if (expired) {
    await tellOfEnd(house, t, scope, expired, row.status)
    return null
  }
  return findTask(t, scope, row.id, EVERY)
}

/** Before the deadline: a step that has come, and whoever is to be reminded. */
async function nudge(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow): Promise<TaskRow> {
  if (!OPEN.includes(row.status)) return row
  const step = dueStep(row, t.now)
  const stepped = (step && (await takeStep(house, t, scope, row, step))) ?? row
  return (await remindIfDue(house, t, scope, stepped)) ?? (await findTask(t, scope, row.id, EVERY)) ?? stepped
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
