// Waiting for the end of jobs (Q111): any number of waiters of one process share one connection and one statement a look. The row is the truth; a
// notice from the database, or from a worker of this process, only shortens the wait, and asks for its own job alone.
import { type Codecs, open, show } from './codec.ts'
import { type Duration, milliseconds } from './duration.ts'
import { QueueError } from './error.ts'
import type { Clock, Log } from './host.ts'
import { makeSleeper } from './sleeper.ts'
import { type JobResult, jobResults } from './sql.ts'
import type { Store } from './store.ts'
import type { Wake } from './wake.ts'

export type Results = {
  /** The job's output; rejects with `job_failed`, `job_cancelled`, `not_found` or `timeout`. */
  result(id: string, options?: { timeout?: Duration }): Promise<unknown>
  /** A worker of this process settled a job. */
  look(id: string): void
  close(): void
}

type Waiter = { resolve: (output: unknown) => void; reject: (error: Error) => void; cancel: () => void }

const POLL_MS = 200
const POLL_LISTENING_MS = 1_000

export function makeResults(store: Store, wake: Wake, clock: Clock, log: Log, kinds: Codecs = new Map()): Results {
  const waiters = new Map<string, Set<Waiter>>()
  /** Jobs to ask for at the next look; null: all. */
  let named: Set<string> | null = new Set()
  const sleeper = makeSleeper(clock)
  const unsubscribe = wake.subscribe(({ topic, name }) => {
    if (topic === 'result') look(name)
    // A moved clock, or a connection that is back: whatever was said meanwhile is lost.
    if (topic === 'clock' || (topic === 'work' && name === '*')) lookAtAll()
  })
  let polling = false

  function look(id: string): void {
    if (!waiters.has(id)) return
    named?.add(id)
    sleeper.rouse()
  }

  function lookAtAll(): void {
    named = null
    sleeper.rouse()
  }

  async function poll(): Promise<void> {
    polling = true
    let lookedAt = performance.now()
    while (waiters.size > 0) {
      sleeper.attend()
      const everyMs = wake.status() === 'listening' ? POLL_LISTENING_MS : POLL_MS
      const all = named === null || performance.now() - lookedAt >= everyMs
      const ids = all ? [...waiters.keys()] : [...(named ?? [])].filter((id) => waiters.has(id))
      named = new Set()
      try {
        if (all) lookedAt = performance.now()
        const found = ids.length > 0 ? await jobResults(store, ids) : {}
        for (const id of ids) settle(id, found[id])
      } catch (error) {
        named = null
        log.warn({ err: error }, 'results could not be read; trying again')
        await sleeper.sleep(everyMs)
        continue
      }
      if (waiters.size > 0) await sleeper.sleep(Math.max(1, everyMs - (performance.now() - lookedAt)))
    }
    polling = false
  }

  function settle(id: string, found: JobResult | undefined): void {
    const { state, reason, error } = found ?? { state: null, reason: null, error: null }
    if (!state) end(id, (waiter) => waiter.reject(new QueueError('not_found', `there is no job ${id}`)))
    if (found && state === 'completed') {
      const output = outputOf(found)
      end(id, (waiter) => output.then(waiter.resolve, waiter.reject))
    }
    if (state === 'failed')
      end(id, (waiter) => waiter.reject(new QueueError('job_failed', error ?? `job ${id} failed`, { job_id: id, reason })))
    if (state === 'cancelled')
      end(id, (waiter) => waiter.reject(new QueueError('job_cancelled', `job ${id} was cancelled`, { job_id: id, reason })))
  }

  async function outputOf({ kind, output }: JobResult): Promise<unknown> {
    const codec = kinds.get(kind)?.codec
    return (codec ? await open(codec, output) : await show(undefined, output)) ?? undefined
  }

  function end(id: string, fn: (waiter: Waiter) => void): void {
    const ended = waiters.get(id) ?? new Set()
    waiters.delete(id)
    for (const waiter of ended) {
      waiter.cancel()
      fn(waiter)
    }
  }

  return {
    result: (id, options = {}) =>
      new Promise((resolve, reject) => {
        const ms = milliseconds(options.timeout ?? '30s', '/timeout')
        const waiter: Waiter = { resolve, reject, cancel: () => undefined }
        const others = waiters.get(id) ?? new Set()
        waiters.set(id, others.add(waiter))
        waiter.cancel = clock.timer(ms, () => {
          others.delete(waiter)
          if (others.size === 0 && waiters.get(id) === others) waiters.delete(id)
          reject(new QueueError('timeout', `job ${id} was not over in time`, { job_id: id }))
        })
        look(id)
        if (!polling) void poll()
      }),
    look,
    close() {
      unsubscribe()
      for (const id of [...waiters.keys()])
        end(id, (waiter) => waiter.reject(new QueueError('timeout', 'the queue was closed', { job_id: id })))
      sleeper.rouse()
    },
  }
}
