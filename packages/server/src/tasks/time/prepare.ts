// What a creation says about time, read once and checked before any transaction (T32, T36, T37). Writes nothing.
import type { OnTimeout } from '../verdict.ts'
import type { EscalationStep, Reminder, TimeoutEscalation } from './moments.ts'
import { type GivenOnTimeout, readEscalation, readOnTimeout } from './shapes.ts'

export type TimeInput = {
  timeout_seconds?: number
  on_timeout?: GivenOnTimeout
  reminders?: Reminder[]
  escalation?: EscalationStep[]
  pause_while_revising?: boolean
  expect_outcome_seconds?: number | null
}

/** As it is stored. Null reminders: as the tenant has them. */
export type PreparedTime = {
  reminders: Reminder[] | null
  escalation: EscalationStep[] | null
  /** Of each step, its place as it was sent: what is wrong with it is said there. */
  escalation_order: number[]
  timeout_escalations: TimeoutEscalation[] | null
  pause_while_revising: boolean
  expect_outcome_seconds: number | null
}

/** `last`: what happens when nobody is left to hand it on to; verdict.ts judges it. */
export function prepareTime(input: TimeInput): { time: PreparedTime; last: OnTimeout } {
  const { chain, last } = readOnTimeout(input.on_timeout ?? 'time_out')
  const steps = readEscalation(input.escalation ?? [], input.timeout_seconds ?? null)
  return {
    last,
    time: {
      reminders: input.reminders ?? null,
      escalation: steps.length > 0 ? steps : null,
      escalation_order: steps.map(({ after_seconds }) =>
        (input.escalation ?? []).findIndex((one) => one.after_seconds === after_seconds),
      ),
      timeout_escalations: chain.length > 0 ? chain : null,
      pause_while_revising: input.pause_while_revising ?? false,
      expect_outcome_seconds: input.expect_outcome_seconds ?? null,
    },
  }
}

/** The row's own part of a new task. */
export const timeColumns = ({ reminders, escalation, escalation_order: _, timeout_escalations, ...rest }: PreparedTime) => ({
  reminders: reminders && JSON.stringify(reminders),
  escalation: escalation && JSON.stringify(escalation),
  timeout_escalations: timeout_escalations && JSON.stringify(timeout_escalations),
  ...rest,
})

/** `on_timeout` as it was asked: the chain around what happens in the end. */
export const spokenOnTimeout = (chain: readonly TimeoutEscalation[] | null, last: unknown): unknown =>
  (chain ?? []).reduceRight((then, one) => ({ escalate: { ...one, then } }), last)
