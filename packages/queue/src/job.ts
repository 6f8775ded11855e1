// Reading jobs: one, a page, counts, and what they hang on. Reads only, each in one statement and so in one moment; asks the database every time and
// remembers nothing. A narrowed transaction (`tx`) sees the jobs of its own tenant alone.
import { type Codecs, showJob } from './codec.ts'
import type { InTx } from './queue.ts'
import * as sql from './sql.ts'
import type { Queryable } from './store.ts'

export type PageOptions = { after?: string | undefined; limit?: number | undefined } & InTx

export function jobReaders(store: Queryable, kinds: Codecs) {
  return {
    /** Null when there is none. What only the history keeps has no payload any more; what this process cannot open reads `[sealed]`. */
    job: (id: string, own: InTx = {}) => sql.findJob(own.tx ?? store, id).then((found) => found && showJob(kinds, found)),

    /**
     * A page of jobs, newest first; `after` is the `next_cursor` of the page before. A page may be short and still have a next one: each looks at a
     * bounded number of jobs. A list of completed, failed or cancelled jobs goes on into the history, where jobs have no payload.
     * @example const { data, next_cursor } = await queue.jobs({ state: 'failed', kind: 'receipt.send' }, { limit: 20 })
     */
    async jobs(filter: sql.JobFilter = {}, { tx = store, after, limit }: PageOptions = {}): Promise<sql.JobPage> {
      const page = await sql.listJobs(tx, filter, after ?? null, limit ?? 50)
      return { ...page, data: await Promise.all(page.data.map((job) => showJob(kinds, job))) }
    },

    /** By queue and state. Exact up to 10,000, an estimate in the queues that `estimated` names. */
    counts: (own: InTx = {}) => sql.counts(own.tx ?? store),
    queues: (own: InTx = {}) => sql.listQueues(own.tx ?? store),
    kinds: (own: InTx = {}) => sql.listKinds(own.tx ?? store),
    workers: (own: InTx = {}) => sql.listWorkers(own.tx ?? store),
  }
}

/** The newest jobs that a filter names, over as many pages as it takes. */
export async function newestJobs(db: Queryable, filter: sql.JobFilter, most: number): Promise<sql.JobRow[]> {
  const found: sql.JobRow[] = []
  for (let after: string | null = null; ; ) {
    const page: sql.JobPage = await sql.listJobs(db, filter, after, Math.min(200, most - found.length))
    found.push(...page.data)
    after = page.next_cursor
    if (after === null || found.length >= most) return found
  }
}
