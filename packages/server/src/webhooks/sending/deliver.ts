// One delivery, from its job to its verdict: a place, the letter, the request, the outcome. The reading and writing is done together with whoever comes at
// the same moment; no transaction is open while something is sent.
import { postSigned } from '../../egress/post.ts'
import { together } from '../../http/together.ts'
import type { Log } from '../../std/log.ts'
import type { BoundAnswer } from '../bound/hooks.ts'
import type { WebhooksHouse } from '../house.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { type Happened, type Next, settleMany } from './settle.ts'
import { openSlots } from './slots.ts'
import { type AttemptRow, OFFERED_MS, RUNNER, type Took } from './sql.ts'
import { type Asked, type Letter, type Taken, takeMany } from './take.ts'

/** Requests of one process at a time. */
export const SOCKETS = 128
/** Jobs that a worker holds for them: some wait for a place. */
export const HELD_JOBS = 2 * SOCKETS
const TRANSACTIONS_AT_ONCE = 2
/** What this process began by itself waits for its turn here until shortly before its job comes: sent away, it would wait as long without a turn. */
const OWN_WAIT_MS = OFFERED_MS - 1_000
const CONNECT_MS = 5_000
const HEADERS_MS = 10_000

/** When to come again, by the database's clock or in so many milliseconds; exhausted: nobody tries again; null: done. */
export type Verdict = { at: Date } | { afterMs: number } | 'exhausted' | null

export type Deliver = (asked: Asked, signal: AbortSignal) => Promise<Verdict>

export function openDeliver(house: WebhooksHouse, sockets = SOCKETS): Deliver {
  const slots = openSlots(house.db.clock, sockets)
  const groupOf = (one: { tenantId: string }) => one.tenantId
  const take = together<Asked, Taken>({ groupOf, atOnce: TRANSACTIONS_AT_ONCE, run: (all) => takeMany(house, all) })
  const settle = together<Happened, Next>({ groupOf, atOnce: TRANSACTIONS_AT_ONCE, run: (all) => settleMany(house, all) })

  return async (asked, signal) => {
    const pass = await slots.enter(asked.lane, asked.job === RUNNER ? OWN_WAIT_MS : undefined)
    if ('againMs' in pass) return { afterMs: pass.againMs }
    if (signal.aborted) {
      pass.leave('nothing')
      return { afterMs: 0 }
    }
    let happened: Happened
    try {
      const taken = await take(asked)
      if (taken === 'done') return null
      if ('at' in taken) return taken
      slots.learn(asked.lane, taken.letter.took.timeouts ?? 0)
      pass.sends()
      happened = await send(house, asked, taken.letter, signal)
      // Stopped in the middle: nobody knows whether it arrived. The next attempt says of this one that it was lost.
      if (signal.aborted) return { afterMs: 0 }
      pass.leave(happened.outcome.how)
    } finally {
      pass.leave('nothing')
    }
    return settle(happened)
  }
}

async function send(house: WebhooksHouse, { tenantId, lane }: Asked, letter: Letter, signal: AbortSignal): Promise<Happened> {
  const { took, url, headers, body, timeoutMs } = letter
  const began = performance.now()
  const posted = await postSigned(house.door, {
    tenantId: letter.guardedAs ?? tenantId,
    url,
    headers,
    body,
    ca: letter.ca,
    client: letter.client,
    pool: { name: lane, connections: letter.connections },
    replyBytes: letter.replyBytes,
    caps: {
      connectMs: Math.min(CONNECT_MS, timeoutMs),
      headersMs: took.side === null ? Math.min(HEADERS_MS, timeoutMs) : timeoutMs,
      idleMs: timeoutMs,
      wholeMs: timeoutMs,
    },
    signal,
  })
  const ms = Math.round(performance.now() - began)
  const outcome = outcomeOf(took, posted, letter.delays, house.db.clock.now())
  const { timings } = posted
  const log: AttemptRow = {
    delivery_id: took.id,
    n: took.attempt,
    endpoint_id: took.endpoint_id,
    trigger: took.trigger,
    started_at: took.started_at.toISOString(),
    ms,
    dns_ms: timings.dnsMs,
    connect_ms: timings.connectMs,
    tls_ms: timings.tlsMs,
    first_byte_ms: timings.firstByteMs,
    address: timings.address,
    family: timings.family,
    status: outcome.status,
    class: outcome.class,
    excerpt: 'excerpt' in posted && isKept(took, posted.status) ? readable(posted.excerpt) : null,
  }
  tellHost(house.log, tenantId, log, outcome)
  const answer: BoundAnswer | null = 'reply' in posted && posted.reply ? { status: posted.status, ...posted.reply } : null
  return { tenantId, took, outcome, log, answer, boundTo: letter.boundTo ?? null, delays: letter.delays }
}

/** What an agent answers is content of its thread, and lies nowhere else. */
const isKept = (took: Took, status: number): boolean => took.side === null || status < 200 || status >= 300

/** PostgreSQL keeps no NUL, and half a surrogate pair is no text. */
const readable = (text: string): string | null =>
  text
    .replaceAll('\0', '')
    .slice(0, 4_096)
    .replace(/\p{Cs}/gu, '') || null

/** Where exactly it went is the host's to know (P103). */
function tellHost(log: Log, tenantId: string, { delivery_id, n, address, status, ms }: AttemptRow, outcome: Outcome): void {
  const fields = { delivery: delivery_id, tenant: tenantId, attempt: n, address, status, ms, class: outcome.class }
  log.debug(fields, 'a delivery was attempted')
}
