// What every end of a task has in common (T11): its one terminal event, the job that tells the asking side, and the wake-ups, in the transaction of the end.
import { enqueue } from '@countersign/queue'
import { type FieldError, Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { type EventData, record } from '../events/event.ts'
import { CALLBACK_ATTEMPTS } from './schedule.ts'
import { EVERY, findTask, isFinal, type Status, type TaskRow } from './sql.ts'

const TERMINAL = {
  completed: 'task.completed',
  timed_out: 'task.timed_out',
  cancelled: 'task.cancelled',
  verification_exhausted: 'task.verification_exhausted',
} as const

/** The topic on which the waits of one task are woken. */
export const taskTopic = (id: string): string => `task:${id}`

/** `row` is the settled one, `from` the state it had. */
export async function tellOfEnd(t: Tx, scope: Scope, row: TaskRow, from: Status, data: EventData = {}): Promise<void> {
  const type = TERMINAL[row.status as keyof typeof TERMINAL]
  const facts = {
    from,
    to: row.status,
    outcome: row.outcome,
    channel: row.completed_via_channel,
    agent_id: row.agent_id,
    ...data,
  }
  await record(t, scope, type, facts, { resource: { type: 'task', id: row.id } })
  if (row.callback_url !== null)
    await enqueue(t, {
      kind: 'task.callback',
      tenantId: scope.tenantId,
      payload: { task_id: row.id },
      maxAttempts: CALLBACK_ATTEMPTS,
    })
  t.wake(taskTopic(row.id))
}

/** Why a conditional update matched nothing: the present state, never a guess. */
export async function whyNotOpen(t: Tx, scope: Scope, id: string): Promise<Problem> {
  const row = await findTask(t, scope, id, EVERY)
  if (!row) return new Problem('not_found')
  if (row.status === 'verifying') return new Problem('task_verifying', { status: row.status })
  return notOpen(row)
}

export const notOpen = (row: TaskRow): Problem =>
  new Problem('task_not_open', {
    status: row.status,
    settled_at: row.completed_at ?? row.timed_out_at ?? row.cancelled_at ?? row.verification_exhausted_at,
    by: row.completed_by_display_name,
    ...(isFinal(row.status) ? {} : { detail: 'Its deadline has passed.' }),
  })

export const invalid = (path: string, code: string, message: string): Problem => {
  const errors: FieldError[] = [{ path, code, message }]
  return new Problem('validation_failed', { errors })
}
