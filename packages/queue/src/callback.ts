// Waiting for the outside (Q99–Q102): a handler makes or finds a callback by name, waits in place or parks, and goes on with the answer.
// Signs nothing and serves nothing: the receiver is another face of the same functions.
import { type Codecs, hasCodecs, sealAnswer, show } from './codec.ts'
import { QueueError } from './error.ts'
import { jsonText } from './json.ts'
import type { CallbackOptions } from './kind.ts'
import {
  beatCallback,
  type CallbackAnswer,
  type CallbackRow,
  getCallback,
  limitStatements,
  type Proof,
  resolveCallback,
  type State,
  settleCallback,
} from './sql.ts'
import type { Queryable, Store } from './store.ts'

export type Callback = {
  readonly id: string
  readonly name: string
  readonly state: CallbackRow['state']
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
  const { id, name, state, payload } = row
  return { id, name, state, resolved: state === 'completed', payload, url, timeoutAt: new Date(row.timeout_at), wait }
}

/** The expressions of a callback as the database reads them; null when there are none. */
export function spokenExpressions(options: CallbackOptions): Record<string, string> | null {
  const { filter, onFail, onComplete, transform } = options
  const named = { filter, on_fail: onFail, on_complete: onComplete, transform, default: options.default }
  const given = Object.entries(named).filter((one): one is [string, string] => one[1] !== undefined)
  return given.length > 0 ? Object.fromEntries(given) : null
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

/** `ignored`: the callback's filter did not hold, and it is still open. */
export type Settled = { id: string; job_id: string; state: State; ignored?: true }

/** What an answer came to; throws when it was refused. */
export function settledOf(answer: CallbackAnswer): Settled {
  const { verdict, id, job_id, state } = answer
  switch (verdict) {
    case 'done':
    case 'again':
      return { id, job_id, state }
    case 'ignored':
      return { id, job_id, state, ignored: true }
    case 'not_found':
      throw new QueueError('not_found', 'there is no such callback')
    case 'resolved':
      throw new QueueError('callback_resolved', 'the callback has its answer', { state })
    case 'expired':
      throw new QueueError('callback_expired', 'the time of the callback is over', { state })
    case 'replayed':
      throw new QueueError('callback_replayed', 'the heartbeat is not newer than the last', { state })
    case 'stale':
      throw new QueueError('lease_stale', 'the job has another lease by now', { state })
    case 'not_waiting':
      throw new QueueError('state_conflict', 'the job does not wait for this callback', { state })
    case 'expression_failed':
      throw new QueueError('callback_expression_failed', answer.error ?? 'an expression failed', { state })
    case 'signature_expired':
      throw new QueueError('signature_expired', 'the signature is more than 300 s from the time of the database')
    default:
      throw new QueueError('signature_invalid', 'no key that is live has signed this')
  }
}

/**
 * An answer from outside, its body as JSON text. In a transaction of the caller's nothing is set; on our own store, expressions get a
 * statement timeout, and a transaction to hold it, only when the callback has some.
 */
export async function answerCallback(
  db: Queryable | Store,
  id: string,
  action: 'complete' | 'fail',
  body: string,
  proof: Proof | null = null,
): Promise<Settled> {
  const own = 'insist' in db
  const answer = await resolveCallback(db, id, action, body, proof, own)
  if (!own || answer.verdict !== 'unbounded') return settledOf(answer)
  return settledOf(
    await db.transaction(async (tx) => {
      await tx.query(limitStatements)
      return resolveCallback(tx, id, action, body, proof, false)
    }),
  )
}

/** An answer as it is to be stored: sealed when this process declares the job's kind with a codec. Asks the database only where kinds seal at all. */
export async function sealedAnswer(kinds: Codecs | undefined, db: Queryable, id: string, payload: unknown): Promise<unknown> {
  if (!kinds || !hasCodecs(kinds)) return payload
  const row = await getCallback(db, id)
  return row ? sealAnswer(kinds.get(row.kind ?? '')?.codec, row, payload) : payload
}

/** A callback as this process may see it. */
export async function shownCallback(kinds: Codecs, row: CallbackRow): Promise<CallbackRow> {
  return { ...row, payload: await show(kinds.get(row.kind ?? '')?.codec, row.payload) }
}

/** Ends or resumes the job with this payload. The identical answer again is no error. */
export const completeCallback = async (db: Queryable | Store, id: string, payload?: unknown): Promise<Settled> =>
  answerCallback(db, id, 'complete', `{"payload":${jsonText(payload, '/payload')}}`)

/** Fails the job for good, or, `retryable`, this attempt of it. */
export async function failCallback(
  db: Queryable | Store,
  id: string,
  answer: { error: string; retryable?: boolean },
): Promise<Settled> {
  const { error, retryable = false } = answer
  return answerCallback(db, id, 'fail', jsonText({ error, retryable }, ''))
}

/** A new timeout from now, at most 24 h and never earlier than the old one. */
export async function heartbeatCallback(db: Queryable, id: string, seconds = 3600): Promise<Settled & { timeout_at: string }> {
  const answer = await beatCallback(db, id, seconds)
  return { ...settledOf(answer), timeout_at: answer.timeout_at as string }
}

/** Runs the job on with this payload, whatever its callback says it should do. */
export const resumeCallback = async (db: Queryable, id: string, payload?: unknown): Promise<Settled> =>
  settledOf(await settleCallback(db, id, 'resume', { payload: JSON.parse(jsonText(payload, '/payload')) }))

/** Runs the waiting job again from the start, attempt 0. */
export const retryCallback = async (db: Queryable, id: string): Promise<Settled> =>
  settledOf(await settleCallback(db, id, 'retry', {}))

/** Withdraws the callback; a job that waits on it runs on and may make another. */
export const cancelCallback = async (db: Queryable, id: string): Promise<Settled> =>
  settledOf(await settleCallback(db, id, 'cancel', {}))

export { getCallback }
