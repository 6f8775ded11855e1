// Figures of the engine: what waits, what happened in which minute and how long it took, and the ring as a picture. Nothing counts on the hot path:
// each answer is made when it is asked for and says of when it is.
import type { InTx } from './queue.ts'
import * as sql from './sql.ts'
import type { Queryable } from './store.ts'

export type SeriesOptions = {
  from: Date
  to: Date
  /** Seconds. What is older than some minutes is known by the minute, what is older than 30 days by the hour. */
  step: number
  by?: 'kind' | 'queue' | 'outcome' | null
}

export function statsReaders(store: Queryable) {
  return {
    /** The slots of the ring, what keeps the oldest one, and how far back the oldest snapshot of the server reaches. */
    ring: (own: InTx = {}) => sql.ringView(own.tx ?? store),

    stats: {
      /** Depth, the oldest ready job, dead letters, and the last minute. */
      totals: (own: InTx = {}) => sql.readStats(own.tx ?? store),
      /**
       * What happened, in steps of time; a series for each kind, queue or outcome when `by` says so.
       * @example await queue.stats.timeseries({ from: new Date(Date.now() - 3_600_000), to: new Date(), step: 60, by: 'queue' })
       */
      timeseries: ({ from, to, step, by }: SeriesOptions, own: InTx = {}) =>
        sql.readTimeseries(own.tx ?? store, from, to, step, by ?? null),
      /** The last 24 hours by kind, with the reasons of failures. */
      byKind: (own: InTx = {}) => sql.readStatsByKind(own.tx ?? store),
      /** The last 24 hours by queue, with its depth. */
      byQueue: (own: InTx = {}) => sql.readStatsByQueue(own.tx ?? store),
    },
  }
}
