// The owner's side of the relay, from wherever it runs: it asks for messages, so that nothing has to reach it. Each is handed out under a lease, which is extended while the
// handler works; an answer goes out with the fence of its lease, so that a worker that was given up answers nothing. It never has two of one thread at a time.

import type { ClientOptions } from '../client.ts'
import { Countersign } from '../client.ts'
import { sleep } from '../clock.ts'
import { Problem } from '../problem.ts'
import type { RouteBody } from '../shapes.ts'
import { backoff, canRepeat } from '../transport.ts'
import type { ClaimedMessage, RespondedMessage } from '../wire.ts'

/** What the owner's side answers; a text is `{ text }`. */
export type RelayResponse = Omit<RouteBody<'POST /threads/:id/responses'>, 'claim_token'>

/** A message to answer, and its thread. */
export type ServedMessage = Pick<ClaimedMessage, 'message' | 'thread'> & {
  /** Aborted when the lease is lost, or the time to stop is over: what comes after is not sent. */
  readonly signal: AbortSignal
  /** Tells how far it is. With it the message counts as taken: it is not handed out again, whatever happens here. */
  progress(said: string | Omit<RelayResponse, 'outcome'>): Promise<RespondedMessage>
}

/** Answers a message. Nothing: it was taken, and is answered later by other means. What it throws gives the message back, for later. */
export type RelayHandler = (
  one: ServedMessage,
) => Promise<RelayResponse | string | undefined> | RelayResponse | string | undefined

/** How to serve an agent. */
export type ServeOptions = Pick<ClientOptions, 'url' | 'key' | 'proof' | 'fetch' | 'clock' | 'random'> & {
  /** One that there is already, in place of `url` and `key`. */
  client?: Countersign
  /** The slug of its card. */
  agent: string
  handler: RelayHandler
  /** How many messages at a time; 1 unless said. */
  concurrency?: number
  /** 15 to 3,600; 60 unless said. Whoever vanishes keeps its messages from the others for so long. */
  leaseSeconds?: number
  /** Only messages for these skills. */
  skills?: string[]
  /** Stops it. */
  signal?: AbortSignal
  /** How long handlers may go on once it stops; 25 unless said. */
  graceSeconds?: number
  /** false: SIGTERM is nothing to it. */
  stopOnSigterm?: boolean
  /** Whose answer came too late: the lease had gone to somebody else, or the thread had ended. */
  onStale?: (one: ClaimedMessage) => void
  /** What a handler threw, or why an answer of it was refused. Nobody else hears of it. */
  onError?: (error: unknown, one: ClaimedMessage) => void
}

/** A worker at work. */
export type RelayServer = {
  /** Takes nothing more, lets the handlers end, gives back what they do not end in time. */
  stop(): Promise<void>
  /** Resolves once it has stopped; rejects where the server will not let it serve. */
  done: Promise<void>
}

type ProcessLike = {
  once?(event: 'SIGTERM', listener: () => void): unknown
  removeListener?(event: 'SIGTERM', listener: () => void): unknown
}

const CLAIM_WAIT_S = 25
const GONE = ['lease_stale', 'thread_closed', 'thread_revoked', 'thread_ended', 'not_found']
const FOREVER = { patience: () => Number.POSITIVE_INFINITY }

/**
 * Serves an agent: claims its messages, hands each to `handler`, and sends what that answers.
 *
 * @example
 * ```ts
 * import { serveRelay } from '@countersign/sdk'
 * const worker = serveRelay({
 *   url: 'http://localhost:3001',
 *   key: process.env.COUNTERSIGN_KEY,
 *   agent: 'translator',
 *   concurrency: 4,
 *   handler: ({ message }) => ({ outcome: 'completed', text: `You said: ${message.parts?.[0]?.text}` }),
 * })
 * await worker.done
 * ```
 */
export function serveRelay(options: ServeOptions): RelayServer {
  const { agent, handler, concurrency = 1, leaseSeconds = 60, skills, graceSeconds = 25, onStale, onError } = options
  const client = options.client ?? new Countersign(options)
  const { clock, random } = client.transport
  const params = { slug: agent }
  const running = new Set<Promise<void>>()
  /** No more claims. */
  const stopping = new AbortController()
  /** No more of anything. */
  const over = new AbortController()

  const settle = (item: RouteBody<'POST /agents/:slug/inbox/settle'>[number], patience: object = {}) =>
    client
      .call('POST /agents/:slug/inbox/settle', { params, body: [item], ...patience })
      .then(({ data: [settled] }) => settled?.status === 'ok')

  async function claim(limit: number): Promise<ClaimedMessage[]> {
    const body = { limit, lease_seconds: leaseSeconds, wait_seconds: CLAIM_WAIT_S, ...(skills && { skills }) }
    const call = { signal: stopping.signal, attemptMs: (CLAIM_WAIT_S + 15) * 1000, idempotency: 'none' } as const
    return (await client.call('POST /agents/:slug/inbox/claim', { params, body, ...call })).data
  }

  async function work(one: ClaimedMessage): Promise<void> {
    const lost = new AbortController()
    const signal = AbortSignal.any([lost.signal, over.signal])
    const { message, thread, claim_token } = one
    let isTaken = false
    let isTelling = false
    const drop = () => {
      if (lost.signal.aborted) return
      lost.abort(new Error('the lease of this message is over'))
      onStale?.(one)
    }
    const respond = (body: RelayResponse) => {
      const fence = isTaken ? {} : { claim_token }
      const call = { params: { id: thread.id }, body: { ...body, ...fence }, signal, ...FOREVER }
      return client.call('POST /threads/:id/responses', call)
    }
    let beat: () => void = () => undefined
    const extend = () => {
      beat = clock.timer((leaseSeconds * 1000) / 3, () => {
        if (isTaken || signal.aborted) return
        settle({ claim_token, action: 'extend', lease_seconds: leaseSeconds }).then(
          (isOurs) => (isOurs || isTelling ? extend() : isTaken || drop()),
          extend, // nobody could be reached: the lease may stand yet, and the answer will tell
        )
      })
    }
    extend()
    try {
      const said = await orGone(
        handler({
          ...{ message, thread, signal },
          async progress(tells) {
            isTelling = true
            try {
              const told = await respond({ ...responseOf(tells), outcome: 'progress' })
              isTaken = true
              return told
            } finally {
              isTelling = false
            }
          },
        }),
        signal,
      )
      if (said !== undefined) await respond(responseOf(said))
      else if (!isTaken && !(await settle({ claim_token, action: 'ack' }, { signal, ...FOREVER }))) drop()
    } catch (error) {
      if (lost.signal.aborted) return
      if (isGone(error)) return drop()
      const isOver = over.signal.aborted
      if (!isOver) onError?.(error, one)
      if (isTaken) return
      // Its words stay here: what is told with a failure is read by the other side.
      const item = isOver ? ({ action: 'release' } as const) : ({ action: 'fail', reason: 'handler_failed' } as const)
      await settle({ claim_token, ...item }).catch(() => undefined) // then the lease ends by itself
    } finally {
      beat()
    }
  }

  async function serve(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      if (running.size >= concurrency) {
        await Promise.race(running)
        continue
      }
      try {
        for (const one of await claim(concurrency - running.size)) {
          const at: Promise<void> = work(one).finally(() => running.delete(at))
          running.add(at)
        }
        failures = 0
      } catch (error) {
        if (stopping.signal.aborted) break
        if (!(error instanceof Problem) || !canRepeat(error)) {
          stop()
          await drain()
          throw error
        }
        await sleep(clock, backoff(failures++, random()), { signal: stopping.signal }).catch(() => undefined) // stopped
      }
    }
    await drain()
  }

  async function drain(): Promise<void> {
    await Promise.all(running)
    stopTimer()
  }

  let stopTimer: () => void = () => undefined
  function stop(): void {
    if (stopping.signal.aborted) return
    stopping.abort(new Error('stopped'))
    stopTimer = clock.timer(graceSeconds * 1000, () => over.abort(new Error('the time to stop is over')))
  }
  const { process } = globalThis as { process?: ProcessLike }
  const listens = options.stopOnSigterm !== false ? process : undefined
  listens?.once?.('SIGTERM', stop)
  options.signal?.addEventListener('abort', stop, { once: true })
  if (options.signal?.aborted) stop()
  const done = serve().finally(() => {
    listens?.removeListener?.('SIGTERM', stop)
    options.signal?.removeEventListener('abort', stop)
  })
  return {
    done,
    stop: () => {
      stop()
      return done.catch(() => undefined) // said by `done`
    },
  }
}

const responseOf = (said: RelayResponse | string): RelayResponse => (typeof said === 'string' ? { text: said } : said)

const isGone = (error: unknown): boolean => error instanceof Problem && GONE.includes(error.code)

/** A handler that does not listen to its signal is not waited for. */
function orGone<T>(answer: Promise<T> | T, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const gone = () => reject(signal.reason)
    if (signal.aborted) gone()
    else signal.addEventListener('abort', gone, { once: true })
    Promise.resolve(answer)
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', gone))
  })
}
