// What is known of a job's past: every transition while it is kept, seven days at least, also of jobs that the ring has long let go. Reads only.
import type { InTx } from './queue.ts'
import * as sql from './sql.ts'
import type { Queryable } from './store.ts'

export function historyReaders(store: Queryable) {
  return {
    /**
     * The transitions of a job, oldest first, each attempt on its own; null when there is no such job.
     * @example for (const { at, what, worker } of (await queue.timeline(id)) ?? []) console.log(at, what, worker)
     */
    timeline: (id: string, own: InTx = {}) => sql.readTimeline(own.tx ?? store, id),
  }
}
