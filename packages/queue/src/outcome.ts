// Control by return value (Q23): what a handler gives back says what becomes of its job. Plain data; never an exception.
import { type Duration, milliseconds } from './duration.ts'

const OUTCOME = Symbol.for('countersign.queue.outcome')

export type Outcome =
  | { [OUTCOME]: 'retry'; after_ms?: number; error?: string; hold?: 'rate_key' }
  | { [OUTCOME]: 'snooze'; after_ms?: number; at?: string }
  | { [OUTCOME]: 'discard'; error: string }
  | { [OUTCOME]: 'cancel'; reason: string }
  | { [OUTCOME]: 'park'; callback_id: string }

const KNOWN = ['retry', 'snooze', 'discard', 'cancel', 'park']

/**
 * The attempt is spent; the job runs again after the kind's backoff, or `after`. On the last attempt it becomes a dead letter.
 * With `hold: 'rate_key'` no job of its rate key starts before then (default 1s): what a handler says that was told to slow down.
 */
export const retry = (options: { after?: Duration; error?: string; hold?: 'rate_key' } = {}): Outcome => ({
  [OUTCOME]: 'retry',
  after_ms: options.after === undefined ? undefined : milliseconds(options.after, '/after'),
  error: options.error,
  hold: options.hold,
})

/** Not now: the job runs again at that time, and the attempt is given back. */
export const snooze = (when: Duration | Date): Outcome =>
  when instanceof Date
    ? { [OUTCOME]: 'snooze', at: when.toISOString() }
    : { [OUTCOME]: 'snooze', after_ms: milliseconds(when, '/snooze') }

/** Hopeless: a dead letter at once, reason `terminal_error`. */
export const discard = (reason: string): Outcome => ({ [OUTCOME]: 'discard', error: reason })

/** No longer wanted: cancelled, never a dead letter. */
export const cancel = (reason: string): Outcome => ({ [OUTCOME]: 'cancel', reason })

/** Waits for the callback's answer without holding a permit. */
export const park = (callback: { id: string }): Outcome => ({ [OUTCOME]: 'park', callback_id: callback.id })

export const isOutcome = (value: unknown): value is Outcome => typeof value === 'object' && value !== null && OUTCOME in value

/** The outcome as the engine reads it, null for a control object that is not one of ours. */
export function spokenOutcome(outcome: Outcome): ({ outcome: string } & Record<string, unknown>) | null {
  const { [OUTCOME]: name, ...rest } = outcome
  return KNOWN.includes(name) ? { outcome: name, ...rest } : null
}

/** An outcome that crossed a thread or a process as plain data, or the value that stood in its place. */
export const asOutcome = (spelled: { value?: unknown; outcome?: string; rest?: object }): unknown =>
  spelled.outcome === undefined ? spelled.value : { [OUTCOME]: spelled.outcome, ...spelled.rest }

/** What a return value is called in traces. */
export const outcomeName = (value: unknown): string =>
  isOutcome(value) ? (spokenOutcome(value)?.outcome ?? 'output_invalid') : 'completed'
