// When something has to happen to a task while nobody answers (T36, T37): pure, from its row and the time. Whoever acts asks again afterwards.
import { isFinal, OPEN, type TaskRow } from '../sql.ts'

/** `after`: seconds from creation. `before`: seconds to the deadline. `at_percent`: of the time between them. */
export type Reminder = { after: number } | { before: number } | { at_percent: number }
/** A step before the deadline, `after_seconds` from creation. */
export type EscalationStep = {
  after_seconds: number
  assign_to: unknown
  mode: 'add' | 'replace'
  notify?: string[]
  raise_priority?: boolean
}
/** Whom the deadline hands a task on to, and for how long. */
export type TimeoutEscalation = { assign_to: unknown; notify?: string[]; extra_seconds: number }

export type TimeRow = Pick<
  TaskRow,
  | 'status'
  | 'created_at'
  | 'deadline_at'
  | 'verifying_at'
  | 'reminders'
  | 'reminded'
  | 'escalation'
  | 'escalation_step'
  | 'pause_while_revising'
>

/** So long a deadline rests while an answer lies with the verifier (T14). */
export const LONGEST_VERIFYING_MS = 3_600_000
/** Nobody can be reminded while an answer is verified or the agent revises: look again in a while. */
const LATER_MS = 30_000

/** The moments of the reminders in their own order. One that does not lie between creation and deadline never comes. */
export function momentsOf(row: Pick<TimeRow, 'reminders' | 'created_at' | 'deadline_at'>): Date[] {
  const [from, to] = [row.created_at.getTime(), row.deadline_at.getTime()]
  return (row.reminders ?? []).map((one) => {
    if ('after' in one) return new Date(from + one.after * 1000)
    if ('before' in one) return new Date(to - one.before * 1000)
    return new Date(from + ((to - from) * one.at_percent) / 100)
  })
}

/** The bits of the reminders whose time has come and that are not over. */
export function dueReminders(row: TimeRow, now: Date): number {
  return momentsOf(row).reduce(
    (mask, at, i) => (at <= now && comes(row, at) && !isOver(row.reminded, i) ? mask | (1 << i) : mask),
    0,
  )
}

/** One that would lie before the question, or at its end, is for a longer time than this. */
const comes = (row: Pick<TimeRow, 'created_at' | 'deadline_at'>, at: Date): boolean => at > row.created_at && at < row.deadline_at

const isOver = (reminded: number, i: number): boolean => (reminded & (1 << i)) !== 0

/** The next step of an escalation before the deadline, when its time has come. */
export function dueStep(row: TimeRow, now: Date): EscalationStep | null {
  const step = nextStep(row)
  return step && stepAt(row, step) <= now ? step : null
}

export const nextStep = (row: Pick<TimeRow, 'escalation' | 'escalation_step'>): EscalationStep | null =>
  row.escalation?.[row.escalation_step] ?? null

const stepAt = (row: Pick<TimeRow, 'created_at'>, step: EscalationStep): Date =>
  new Date(row.created_at.getTime() + step.after_seconds * 1000)

/** A deadline rests while an answer is verified, an hour at most, and while the agent revises what was asked to rest meanwhile. */
export function isDue(row: TimeRow, now: Date): boolean {
  if (row.status === 'revising' && row.pause_while_revising) return false
  return endOf(row) <= now
}

const endOf = ({ status, deadline_at, verifying_at }: TimeRow): Date =>
  status === 'verifying' && verifying_at !== null
    ? new Date(Math.max(deadline_at.getTime(), verifying_at.getTime() + LONGEST_VERIFYING_MS))
    : deadline_at

/** When to look at the task again; null when nothing will come by itself. */
export function nextMoment(row: TimeRow, now: Date): Date | null {
  if (isFinal(row.status)) return null
  const rests = row.status === 'revising' && row.pause_while_revising
  // A deadline that rests moves with the revision, and the revision sees to it.
  if (rests) return null
  const step = nextStep(row)
  const nudges = [
    ...momentsOf(row).filter((at, i) => comes(row, at) && !isOver(row.reminded, i)),
    ...(step ? [stepAt(row, step)].filter((at) => at < row.deadline_at) : []),
  ]
  const earliest = OPEN.includes(row.status) ? 0 : now.getTime() + LATER_MS
  return new Date(Math.min(endOf(row).getTime(), ...nudges.map((at) => Math.max(at.getTime(), earliest))))
}
