// Waiting for the end of jobs (Q111): any number of waiters of one process share one statement a poll. The row is the truth; a notice from the
// database, or from a worker of this process, only shortens the wait.
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
  /** Somebody in this process settled something. */
  look(): void
  close(): void
}

type Waiter = { id: string; resolve: (output: unknown) => void; reject: (error: Error) => void; cancel: () => void }

const POLL_MS = 200
const POLL_LISTENING_MS = 1_000

export function makeResults(store: Store, wake: Wake, clock: Clock, log: Log): Results {
  const waiters = new Set<Waiter>()
  const sleeper = makeSleeper(clock)
  const unsubscribe = wake.subscribe(({ topic }) => {
    if (topic === 'result' || topic === 'clock') sleeper.rouse()
  })
  let polling = false

  async function poll(): Promise<void> {
    polling = true
    while (waiters.size > 0) {
      sleeper.attend()
      try {
        const asked = [...waiters] // who comes meanwhile was not asked for
        const found = await jobResults(store, [...new Set(asked.map((one) => one.id))])
        for (const waiter of asked) settle(waiter, found[waiter.id])
      } catch (error) {
        log.warn({ err: error }, 'results could not be read; trying again')
      }
      if (waiters.size > 0) await sleeper.sleep(wake.status() === 'listening' ? POLL_LISTENING_MS : POLL_MS)
    }
    polling = false
  }

  function settle(waiter: Waiter, found: JobResult | undefined): void {
    const { id } = waiter
    const end = (fn: () => void) => {
      waiter.cancel()
      waiters.delete(waiter)
      fn()
    }
    const { state, reason, error, output } = found ?? { state: null, reason: null, error: null, output: null }
    if (!state) end(() => waiter.reject(new QueueError('not_found', `there is no job ${id}`)))
    if (state === 'completed') end(() => waiter.resolve(output ?? undefined))
    if (state === 'failed')
      end(() => waiter.reject(new QueueError('job_failed', error ?? `job ${id} failed`, { job_id: id, reason })))
    if (state === 'cancelled')
      end(() => waiter.reject(new QueueError('job_cancelled', `job ${id} was cancelled`, { job_id: id, reason })))
  }

  return {
    result: (id, options = {}) =>
      new Promise((resolve, reject) => {
        const ms = milliseconds(options.timeout ?? '30s', '/timeout')
        const waiter: Waiter = { id, resolve, reject, cancel: () => undefined }
        waiter.cancel = clock.timer(ms, () => {
          waiters.delete(waiter)
          reject(new QueueError('timeout', `job ${id} was not over in time`, { job_id: id }))
        })
        waiters.add(waiter)
        if (polling) sleeper.rouse()
        else void poll()
      }),
    look: () => sleeper.rouse(),
    close() {
      unsubscribe()
      for (const waiter of waiters) {
        waiter.cancel()
        waiter.reject(new QueueError('timeout', 'the queue was closed', { job_id: waiter.id }))
      }
      waiters.clear()
      sleeper.rouse()
    },
  }
}
