// Escalation (T36): others are asked as well, or instead, because nobody answered; at a time of its own, at the deadline, or because those who were asked can
// no longer be enough (T42). The task stays one question: its votes, comments and key are what they were. Decides nothing.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { type Asked, NOBODY, readAssignment, resolveAssignment } from '../assignment.ts'
import type { TasksHouse } from '../house.ts'
import { DEFAULT_POOL } from '../person.ts'
import { taskTopic } from '../settle.ts'
import type { TaskRow } from '../sql.ts'
import { type EscalationStep, nextStep, type TimeoutEscalation } from './moments.ts'
import { escalateIfAt } from './sql.ts'
import { tellOfChange } from './tell.ts'

export type EscalationReason = 'time' | 'deadline' | 'quorum_unreachable'

/** A step before the deadline. Null: somebody was quicker. */
export const takeStep = (house: TasksHouse, t: Tx, scope: Scope, row: TaskRow, step: EscalationStep): Promise<TaskRow | null> =>
  escalate(house, t, scope, row, { ...step, took: 'step', deadline: null, because: 'time', raise: step.raise_priority ?? false })

/** What the deadline hands the task on to before it ends it; null when there is nothing left, or somebody was quicker. */
export async function takeTimeoutStep(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow): Promise<TaskRow | null> {
  const next = nextTimeoutStep(row)
  return next === null ? null : escalate(house, t, scope, row, { ...atDeadline(next, t.now), because: 'deadline' })
}

export const nextTimeoutStep = (row: Pick<TaskRow, 'timeout_escalations' | 'timeout_step'>): TimeoutEscalation | null =>
  row.timeout_escalations?.[row.timeout_step] ?? null

const atDeadline = ({ assign_to, notify, extra_seconds }: TimeoutEscalation, now: Date) => ({
  assign_to,
  notify,
  took: 'timeout' as const,
  mode: 'add' as const,
  deadline: new Date(now.getTime() + extra_seconds * 1000),
  raise: false,
})

/**
 * The escalation begins now, whatever its time (T42): the next step before the deadline, else the next at it, else those who run the work are asked as well.
 * Null: nobody new could be asked.
 */
export async function beginEscalation(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  because: EscalationReason = 'quorum_unreachable',
): Promise<TaskRow | null> {
  const step = nextStep(row)
  if (step)
    return escalate(house, t, scope, row, { ...step, took: 'step', deadline: null, because, raise: step.raise_priority ?? false })
  const next = nextTimeoutStep(row)
  if (next) {
    const taken = atDeadline(next, t.now)
    // A deadline is never shortened (T5).
    const deadline = new Date(Math.max(taken.deadline.getTime(), row.deadline_at.getTime()))
    return escalate(house, t, scope, row, { ...taken, deadline, because })
  }
  if (row.asked.includes(DEFAULT_POOL)) return null
  return escalate(house, t, scope, row, { assign_to: null, mode: 'add', took: 'neither', deadline: null, because, raise: false })
}

/** At the deadline, to everybody behind these names as well, as urgent as can be: it is the last time that anybody is asked. Null: somebody was quicker. */
export const escalateToKeys = (
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  { keys, deadline }: { keys: string[]; deadline: Date },
): Promise<TaskRow | null> =>
  escalate(house, t, scope, row, {
    ...{ assign_to: null, keys, mode: 'add', took: 'neither', deadline, because: 'deadline', raise: true, urgent: true },
  })

type Escalating = {
  assign_to: unknown
  /** In place of `assign_to`: these and all of them. */
  keys?: string[]
  notify?: string[]
  mode: 'add' | 'replace'
  took: 'step' | 'timeout' | 'neither'
  deadline: Date | null
  because: EscalationReason
  raise: boolean
  urgent?: boolean
}

async function escalate(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow, how: Escalating): Promise<TaskRow | null> {
  const to = how.keys ? { ...NOBODY, asked: how.keys } : await resolved(house, t, scope, how.assign_to)
  const asked = how.mode === 'replace' ? to.asked : [...new Set([...row.asked, ...heldBy(row), ...to.asked])]
  // Where the old may answer as well as the new, nobody holds it alone.
  const holder =
    how.mode === 'replace' && (to.assigned_to_user_id !== null || to.assigned_to_email !== null)
      ? { user_id: to.assigned_to_user_id, email: to.assigned_to_email, display_name: to.assigned_to_display_name }
      : null
  const escalated = await escalateIfAt(t, scope, row, { ...how, asked: asked.slice(0, MOST_ASKED), holder })
  if (!escalated) return null
  const data = {
    from: row.status,
    to: escalated.status,
    because: how.because,
    mode: how.mode,
    level: escalated.escalation_level,
    deadline_at: escalated.deadline_at,
    priority: escalated.priority,
    agent_id: row.agent_id,
  }
  await record(t, scope, 'task.escalated', data, { resource: { type: 'task', id: row.id } })
  await tellOfChange(house, t, scope, escalated, { purpose: 'escalated', entries: how.notify })
  t.wake(taskTopic(row.id))
  return escalated
}

/** As the table allows. */
const MOST_ASKED = 400

/** Who held it may still answer. */
const heldBy = (row: TaskRow): string[] => (row.assigned_to_user_id === null ? [] : [row.assigned_to_user_id])

/** Whoever was named may have left since: then it goes to those who run the work, for a deadline never fails because of it. */
async function resolved(house: TasksHouse, t: Tx, scope: Scope, assignTo: unknown): Promise<Asked> {
  try {
    return await resolveAssignment(t, scope, readAssignment(assignTo))
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    house.log.warn({ code: error.code }, 'an escalation names nobody who can be asked')
    return resolveAssignment(t, scope, readAssignment(null))
  }
}
