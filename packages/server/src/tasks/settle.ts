// What every end of a task has in common (T11): its one terminal event, the job that tells the asking side, and the wake-ups, in the transaction of the end.
import { type FieldError, Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { type EventData, recordMany, type Told } from '../events/event.ts'
import type { Passed } from '../identity/policies/countersign.ts'
import { settleAsk } from './asks/ask.ts'
import type { TasksHouse } from './house.ts'
import { rewriteNotices } from './notices/notice.ts'
import { EVERY, findTask, isFinal, type Status, type TaskRow } from './sql.ts'
import { expectOutcomes } from './talk/expect.ts'

/** The event that ends a task, by the state it ends in. */
export const ENDS = {
  completed: 'task.completed',
  timed_out: 'task.timed_out',
  cancelled: 'task.cancelled',
  verification_exhausted: 'task.verification_exhausted',
} as const

/** The topic on which the waits of one task are woken. */
export const taskTopic = (id: string): string => `task:${id}`

type Telling = Pick<TasksHouse, 'deliver' | 'continuations' | 'held'>

/** `row` is the settled one, `from` the state it had. */
export const tellOfEnd = (
  house: Telling,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  from: Status,
  data: EventData = {},
  approved = false,
): Promise<void> => tellOfEnds(house, t, [{ scope, row, from, data, approved }])

/** `approved`: people said yes; asked only where an act waits for that. `passed`: what policy said to the decision that brought it about (P69). */
export type End = { scope: Scope; row: TaskRow; from: Status; data: EventData; approved?: boolean; passed?: Passed }

/** Of any number of tasks of one tenant. */
export async function tellOfEnds(house: Telling, t: Tx, ends: readonly End[]): Promise<void> {
  const [first] = ends
  if (!first) return
  const told = ends.map(toldOfEnd)
  const eventIds = await recordMany(t, told)
  const callbacks = ends.flatMap(({ row }, i) => {
    if (row.callback_url === null) return []
    const { type } = told[i] as Told
    return [{ eventId: eventIds[i] as string, type, taskId: row.id, url: row.callback_url, mode: row.callback_mode }]
  })
  if (callbacks.length > 0) await house.deliver(t, first.scope, callbacks)
  await expectOutcomes(
    t,
    first.scope,
    ends.map(({ row }) => row),
  )
  await rewriteNotices(
    t,
    first.scope,
    ends.map(({ row }) => row),
  )
  for (const { scope, row, approved = false } of ends) {
    await settleAsk(house, t, scope, row, approved)
    t.wake(taskTopic(row.id))
  }
}

const toldOfEnd = ({ scope, row, from, data, passed }: End): Told => ({
  scope,
  type: ENDS[row.status as keyof typeof ENDS],
  data: {
    from,
    to: row.status,
    outcome: row.outcome,
    channel: row.completed_via_channel,
    agent_id: row.agent_id,
    ...inPlaceOf(row),
    ...data,
  },
  options: { resource: { type: 'task', id: row.id }, ...(passed ? { decision: passed } : {}) },
})

/** A stand-in decides as themself, and the record says for whom (T98). */
const inPlaceOf = (row: TaskRow): EventData =>
  row.assigned_for_user_id !== null && row.completed_by_user_id === row.assigned_to_user_id && row.completed_by_user_id !== null
    ? { for_user_id: row.assigned_for_user_id }
    : {}

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
