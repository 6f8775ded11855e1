// What an attempt comes to (P86, P87). Pure: reads no row and no clock.
import type { Failed } from '../../egress/failure.ts'
import type { Posted } from '../../egress/post.ts'
import { nextDelayMs, readRetryAfter } from '../schedule.ts'
import type { Answered } from './slots.ts'
import type { Took } from './sql.ts'

export type AttemptClass = Failed | 'status' | 'lost' | 'answer_invalid' | null

export type Outcome = {
  state: 'succeeded' | 'exhausted' | 'pending'
  tries: number
  /** Until the next attempt. */
  afterMs: number | null
  status: number | null
  class: AttemptClass
  /** 410: nobody there wants any of it. */
  gone: boolean
  how: Answered
}

const SLOW_DOWN = [429, 502, 504]
const SAYS_WHEN = [429, 503]

export function outcomeOf(
  took: Pick<Took, 'tries' | 'once' | 'succeeded_before' | 'endpoint_id'>,
  posted: Pick<Posted, 'status' | 'retryAfter'> | { failed: Failed },
  delays: readonly number[],
  now: Date,
): Outcome {
  const status = 'failed' in posted ? null : posted.status
  if (status !== null && status >= 200 && status < 300)
    return { state: 'succeeded', tries: took.tries, afterMs: null, status, class: null, gone: false, how: 'answered' }
  const how = 'failed' in posted ? (posted.failed === 'timeout' ? 'timeout' : 'failed') : howOf(posted.status)
  const failure = { status, class: 'failed' in posted ? posted.failed : ('status' as const), how, gone: status === 410 }
  // A replay is one attempt; what had succeeded before stays so.
  if (took.once) return { ...failure, state: took.succeeded_before ? 'succeeded' : 'exhausted', tries: took.tries, afterMs: null }
  // Its endpoint is switched off in this very settlement, and what is pending is held; without an endpoint there is nobody to ask again.
  if (failure.gone) return { ...failure, state: took.endpoint_id ? 'pending' : 'exhausted', tries: took.tries, afterMs: 0 }
  const said = !('failed' in posted) && SAYS_WHEN.includes(posted.status) ? readRetryAfter(posted.retryAfter, now) : null
  return { ...failure, ...tryAgain(took.tries + 1, delays, said) }
}

function tryAgain(tries: number, delays: readonly number[], said: number | null) {
  const afterMs = nextDelayMs(delays, tries, said)
  return { state: afterMs === null ? ('exhausted' as const) : ('pending' as const), tries, afterMs }
}

/** It was taken with 2xx, and what it answered is none of the answers that there are. */
export function invalidAnswer(took: Pick<Took, 'tries' | 'once'>, outcome: Outcome, delays: readonly number[]): Outcome {
  const failure = { ...outcome, class: 'answer_invalid' as const }
  return took.once ? { ...failure, state: 'exhausted', afterMs: null } : { ...failure, ...tryAgain(took.tries + 1, delays, null) }
}

const howOf = (status: number): Answered => (SLOW_DOWN.includes(status) ? 'slow_down' : 'answered')
