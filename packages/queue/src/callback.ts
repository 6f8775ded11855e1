// Waiting for the outside (Q99–Q101): a handler makes or finds a callback by name, waits in place or parks, and goes on with the answer.
// Signs nothing and serves nothing: the receiver is another face of the same functions.
import { QueueError } from './error.ts'
import { jsonText } from './json.ts'
import {
  beatCallback,
  type CallbackAnswer,
  type CallbackRow,
  getCallback,
  resolveCallback,
  type State,
  settleCallback,
} from './sql.ts'
import type { Queryable } from './store.ts'

export type Callback = {
  readonly id: string
  readonly name: string
  /** Whether an answer is there. */
  readonly resolved: boolean
  readonly payload: unknown
  /** Where to answer, when the host told the queue where callbacks are received. */
  readonly url: string | null
  readonly timeoutAt: Date
  /** Waits inside the handler, its permit held. Rejects when the answer is a failure, the time is over or the signal aborts. */
  wait(): Promise<unknown>
}

export function callbackOf(row: CallbackRow, url: string | null, wait: () => Promise<unknown>): Callback {
  const { id, name } = row
  return { id, name, resolved: row.state === 'completed', payload: row.payload, url, timeoutAt: new Date(row.timeout_at), wait }
}

/** The answer of a callback that is no longer open; throws what a waiting handler is to see. */
export function answerOf(row: CallbackRow): unknown {
  if (row.state === 'completed') return row.payload
  if (row.state === 'failed')
    throw new QueueError('job_failed', row.error?.error ?? 'the callback failed', { callback_id: row.id })
  if (row.state === 'expired')
    throw new QueueError('callback_expired', 'the callback was not answered in time', { callback_id: row.id })
  throw new QueueError('callback_resolved', 'the callback was withdrawn', { callback_id: row.id })
}

export type Settled = { id: string; job_id: string; state: State }

const asSettled = (answer: CallbackAnswer): Settled => {
  const { verdict, id, job_id, state } = answer
  if (verdict === 'not_found') throw new QueueError('not_found', 'there is no such callback')
  if (verdict === 'resolved') throw new QueueError('callback_resolved', 'the callback has its answer', { state })
  if (verdict === 'expired') throw new QueueError('callback_expired', 'the time of the callback is over', { state })
  if (verdict === 'not_waiting') throw new QueueError('state_conflict', 'the job does not wait for this callback', { state })
  return { id, job_id, state }
}

/** Ends or resumes the job with this payload. The identical answer again is no error. */
export async function completeCallback(db: Queryable, id: string, payload?: unknown): Promise<Settled> {
  const text = jsonText(payload, '/payload')
  return asSettled(await resolveCallback(db, id, 'complete', { payload: JSON.parse(text) }))
}

/** Fails the job for good, or, `retryable`, this attempt of it. */
export async function failCallback(db: Queryable, id: string, answer: { error: string; retryable?: boolean }): Promise<Settled> {
  jsonText(answer, '')
  return asSettled(await resolveCallback(db, id, 'fail', { error: answer.error, retryable: answer.retryable ?? false }))
}

/** A new timeout from now, at most 24 h and never earlier than the old one. */
export async function heartbeatCallback(db: Queryable, id: string, seconds = 3600): Promise<Settled & { timeout_at: string }> {
  const answer = await beatCallback(db, id, seconds)
  return { ...asSettled(answer), timeout_at: answer.timeout_at as string }
}

/** Runs the job on with this payload, whatever its callback says it should do. */
export const resumeCallback = async (db: Queryable, id: string, payload?: unknown): Promise<Settled> =>
  asSettled(await settleCallback(db, id, 'resume', { payload: JSON.parse(jsonText(payload, '/payload')) }))

/** Runs the waiting job again from the start, attempt 0. */
export const retryCallback = async (db: Queryable, id: string): Promise<Settled> =>
  asSettled(await settleCallback(db, id, 'retry', {}))

/** Withdraws the callback; a job that waits on it runs on and may make another. */
export const cancelCallback = async (db: Queryable, id: string): Promise<Settled> =>
  asSettled(await settleCallback(db, id, 'cancel', {}))

export { getCallback }
