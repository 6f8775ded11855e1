// What every end of a task has in common (T11): its one terminal event, the job that tells the asking side, and the wake-ups, in the transaction of the end.
import { enqueueMany } from '@countersign/queue'
import { type FieldError, Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { type EventData, recordMany, type Told } from '../events/event.ts'
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
export const tellOfEnd = (t: Tx, scope: Scope, row: TaskRow, from: Status, data: EventData = {}): Promise<void> =>
  tellOfEnds(t, [{ scope, row, from, data }])

export type End = { scope: Scope; row: TaskRow; from: Status; data: EventData }

/** Of any number of tasks of one tenant. */
export async function tellOfEnds(t: Tx, ends: readonly End[]): Promise<void> {
  await recordMany(t, ends.map(toldOfEnd))
  const callbacks = ends.filter(({ row }) => row.callback_url !== null)
  await enqueueMany(
    t,
    callbacks.map(({ scope, row }) => ({
      kind: 'task.callback',
      tenantId: scope.tenantId,
      payload: { task_id: row.id },
      maxAttempts: CALLBACK_ATTEMPTS,
    })),
  )
  for (const { row } of ends) t.wake(taskTopic(row.id))
}

const toldOfEnd = ({ scope, row, from, data }: End): Told => ({
  scope,
  type: TERMINAL[row.status as keyof typeof TERMINAL],
  data: { from, to: row.status, outcome: row.outcome, channel: row.completed_via_channel, agent_id: row.agent_id, ...data },
  options: { resource: { type: 'task', id: row.id } },
})

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
