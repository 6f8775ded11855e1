// Jobs as they change (§6.1 `/jobs/stream`): coalesced, each state of a job at least once while connected, and from where a broken stream left off.
// Holds no database connection while it waits; between two looks of a second a job may pass through states that nobody is told of.
import type { JobFilter, JobRow } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { onceBack } from '../events/stream.ts'
import { readJobs } from './engine.ts'
import type { JobsHouse } from './house.ts'
import { isReserved, markWithin } from './own.ts'
import { invalid, look } from './problem.ts'
import { showRow } from './show.ts'

const EVERY_MS = 1_000
/** The newest of those that match; who follows more has a filter. */
const MOST = 200
/** Transactions that were open at the last look may commit with an earlier time. */
const OVERLAP_MS = 5_000

export type JobChange = { id: string; job: ReturnType<typeof showRow> }

export function followJobs(house: JobsHouse, scope: Scope, filter: JobFilter, lastEventId: string | undefined) {
  const since = lastEventId === undefined ? null : timeOf(lastEventId)
  if (filter.tag !== undefined && isReserved(filter.tag))
    throw invalid('tag', 'reserved', 'Tags that begin with countersign: are not searched.')
  return async function* (signal: AbortSignal): AsyncGenerator<JobChange> {
    let told: Map<string, string> | null = null
    while (!signal.aborted) {
      const seen = await onceBack(house.db.clock, signal, () => snapshot(house, scope, filter))
      if (seen === null) return
      const before = told
      const changed = seen.jobs.filter((job) =>
        before === null
          ? since !== null && changedAt(job, seen.at) >= since.getTime() - OVERLAP_MS
          : before.get(job.id) !== stateOf(job),
      )
      told = new Map(seen.jobs.map((job) => [job.id, stateOf(job)]))
      for (const job of changed.toReversed()) yield { id: seen.at.toISOString(), job: showRow(scope, job) }
      await pause(house, signal)
    }
  }
}

const snapshot = (house: JobsHouse, scope: Scope, filter: JobFilter) =>
  look(house, scope, async (t) => {
    const { data } = await readJobs(house, t, filter, { mark: markWithin(scope, 'job.read') }, { limit: MOST })
    return { at: t.now, jobs: data }
  })

const stateOf = ({ state, attempt, lease, run_at, cancel_requested_at, progress }: JobRow): string =>
  JSON.stringify([state, attempt, lease, run_at, cancel_requested_at, progress])

const changedAt = (job: JobRow, now: Date): number =>
  Math.max(
    ...[job.enqueued_at, job.claimed_at, job.finished_at, job.cancel_requested_at, job.errors.at(-1)?.at].map((at) =>
      at ? Date.parse(at) : 0,
    ),
    Date.parse(job.run_at) <= now.getTime() ? Date.parse(job.run_at) : 0,
  )

function timeOf(text: string): Date {
  const at = new Date(text)
  if (!/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text) || Number.isNaN(at.getTime())) throw new Problem('cursor_invalid')
  return at
}

function pause({ db }: JobsHouse, signal: AbortSignal): Promise<void> {
  return new Promise((resume) => {
    if (signal.aborted) return resume()
    const done = () => {
      cancel()
      signal.removeEventListener('abort', done)
      resume()
    }
    const cancel = db.clock.timer(EVERY_MS, done)
    signal.addEventListener('abort', done)
  })
}
