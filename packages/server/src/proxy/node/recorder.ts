// The record of the proxy (V121): events leave for PostgreSQL in batches before their requests go upstream, and each is sent again until it is acknowledged.
// Never drops one, never lets requests go on that could not be recorded: `isAvailable` says no first.
import { Problem } from '@countersign/sdk'
import { backoffMs } from '../../std/backoff.ts'
import type { Clock } from '../../std/clock.ts'
import type { Log } from '../../std/log.ts'

export type Recorded = { id: string; body: string }

/** `sent`: it is on its way. `kept`: it is committed. Both reject with `record_unavailable` when the database has been silent for too long: the event is kept all the same, once
 *  it can be, but nobody's request waits for that. */
export type Writing = { sent: Promise<void>; kept: Promise<void> }

export type Recorder<E extends Recorded> = {
  add(event: E): Writing
  /** One that nobody waits for: it goes with the next that somebody does. */
  note(event: E): void
  /** False: too many are not acknowledged, or nothing was for too long; new requests get 503 `record_unavailable`. */
  isAvailable(): boolean
  unacknowledged(): number
  /** Waits until everything is kept, at most so long; answers how many are not. */
  close(withinMs: number): Promise<number>
}

/** `write` resolves once what it wrote will be kept even if this process is killed, `done` when it is. It is idempotent by id: what may have been written is written again. */
export type RecorderOptions<E extends Recorded> = {
  write(events: readonly E[]): Promise<{ done: Promise<unknown> }>
  clock: Clock
  log: Log
  /** So many batches may be on their way before an event waits for company. One: whatever is on its way is waited for. */
  atOnce?: number
}

const BATCH_MS = 20
const MOST_IN_BATCH = 500
const MOST_UNACKNOWLEDGED = 10_000
const SILENCE_MS = 5_000
const WATCH_MS = 1_000
/** Batches on their way at once. */
const MOST_IN_FLIGHT = 4
/** With more than these there is company already: fewer and larger batches cost everybody less. */
const FEW = 16
/** How long it waits for that company where the database could take another batch now. */
const COMPANY_MS = 2
/** How long the first of those that nobody waits for stays for the next that somebody does. */
const NOTE_MS = 5

/** Without a waiter: nobody is told of it. */
type Pending<E> = { event: E; waiter: { sent: Promised; kept: Promised } | null }

export function openRecorder<E extends Recorded>({ write, clock, log, atOnce = 1 }: RecorderOptions<E>): Recorder<E> {
  const mostInFlight = Math.max(MOST_IN_FLIGHT, atOnce)
  let isLeaving = false
  let waiting: Pending<E>[] = []
  let inFlight = 0
  let unacknowledged = 0
  let oldestSince: number | null = null
  let stopTimer: (() => void) | null = null
  let stopWatch: (() => void) | null = null
  /** Whose requests wait. */
  const open = new Set<NonNullable<Pending<E>['waiter']>>()
  const idle = new Set<() => void>()

  const isSilent = (): boolean => oldestSince !== null && clock.now().getTime() - oldestSince >= SILENCE_MS

  /** One timer for all: whoever waits while nothing is acknowledged is told so, and goes. */
  const watch = (): void => {
    stopWatch = null
    if (isSilent()) {
      for (const { sent, kept } of open)
        for (const one of [sent, kept]) one.reject(new Problem('record_unavailable', { retry_after: 1 }))
      open.clear()
    }
    if (open.size > 0) stopWatch = clock.timer(WATCH_MS, watch)
  }

  const flush = (): void => {
    stopTimer?.()
    stopTimer = null
    isLeaving = false
    while (waiting.length > 0 && inFlight < mostInFlight) {
      const batch = waiting.slice(0, MOST_IN_BATCH)
      waiting = waiting.slice(MOST_IN_BATCH)
      inFlight++
      void send(batch, 1)
    }
  }

  async function send(batch: readonly Pending<E>[], attempt: number): Promise<void> {
    try {
      const { done } = await write(batch.map((one) => one.event))
      for (const { waiter } of batch) waiter?.sent.resolve()
      await done
    } catch (error) {
      if (attempt === 1) log.warn({ err: error, events: batch.length }, 'events of the proxy wait for the database')
      clock.timer(backoffMs(attempt, { firstMs: 50, maxMs: 2_000 }), () => void send(batch, attempt + 1))
      return
    }
    inFlight--
    unacknowledged -= batch.length
    oldestSince = unacknowledged > 0 ? clock.now().getTime() : null
    for (const { waiter } of batch) {
      if (!waiter) continue
      waiter.kept.resolve()
      open.delete(waiter)
    }
    flush()
    if (unacknowledged === 0) for (const done of [...idle]) done()
  }

  function take(event: E, waiter: Pending<E>['waiter']): void {
    waiting.push({ event, waiter })
    unacknowledged++
    oldestSince ??= clock.now().getTime()
  }

  const leave = (how: (flush: () => void) => unknown): void => {
    if (isLeaving) return
    isLeaving = true
    how(flush)
  }

  return {
    add(event) {
      const [sent, kept] = [promised(), promised()]
      const waiter = { sent, kept }
      take(event, waiter)
      open.add(waiter)
      stopWatch ??= clock.timer(WATCH_MS, watch)
      // Alone, or beside few, it leaves at once, with what came in the same turn of the loop; beside many it waits for company, and not for long.
      if (inFlight === 0) queueMicrotask(flush)
      else if (inFlight < atOnce && unacknowledged <= FEW) leave(setImmediate)
      else if (inFlight < atOnce) leave((flush) => setTimeout(flush, COMPANY_MS))
      else stopTimer ??= clock.timer(BATCH_MS, flush)
      return { sent: sent.promise, kept: kept.promise }
    },
    note(event) {
      take(event, null)
      if (inFlight === 0) leave((flush) => setTimeout(flush, NOTE_MS))
      else stopTimer ??= clock.timer(BATCH_MS, flush)
    },
    isAvailable: () => unacknowledged <= MOST_UNACKNOWLEDGED && !isSilent(),
    unacknowledged: () => unacknowledged,
    async close(withinMs) {
      flush()
      if (unacknowledged === 0) {
        stopWatch?.()
        return 0
      }
      const done = promised()
      idle.add(done.resolve)
      const stop = clock.timer(withinMs, done.resolve)
      await done.promise
      stop()
      stopWatch?.()
      return unacknowledged
    },
  }
}

type Promised = { promise: Promise<void>; resolve: () => void; reject: (error: Problem) => void }

function promised(): Promised {
  let resolve = (): void => undefined
  let reject: Promised['reject'] = () => undefined
  const promise = new Promise<void>((done, failed) => {
    resolve = done
    reject = failed
  })
  // Most wait for one of the two, and some for neither.
  promise.catch(() => undefined)
  return { promise, resolve, reject }
}
