// Dead letters (Q117): failed jobs kept whole, to look at, to run again, to delete. Nothing here means everything by an empty filter, and a letter whose
// unique key a newer job holds stays and is reported.
import { QueueError } from './error.ts'
import type { InTx } from './queue.ts'
import * as sql from './sql.ts'
import type { Queryable } from './store.ts'
import type { Meters } from './telemetry.ts'

export type DeadLetterOverrides = { queue?: string; priority?: 1 | 2 | 3 | 4; runAt?: Date; payload?: unknown }

export const spokenOverrides = ({ queue, priority, runAt, payload }: DeadLetterOverrides) => ({
  queue,
  priority,
  run_at: runAt?.toISOString(),
  payload,
})

export const deadLettersOf = (store: Queryable, meters: Meters) => ({
  /** Newest first; `after` is what the page before said. */
  async list(filter: sql.DeadLetterSearch = {}, page: { after?: string; limit?: number } & InTx = {}) {
    const limit = page.limit ?? 50
    const data = await sql.listDeadLetters(page.tx ?? store, filter, page.after ?? null, limit)
    return { data, next_cursor: data.length === limit ? (data.at(-1)?.id ?? null) : null }
  },
  /** null: there is no such letter. */
  get: (id: string, own: InTx = {}) => sql.findDeadLetter(own.tx ?? store, id),
  /** How many, by queue, kind and reason. */
  depth: (own: InTx = {}) => sql.deadLetterDepth(own.tx ?? store),
  /** Up to a thousand of them run again with attempt 0; `next` says where to go on (`after`). */
  retry: (filter: sql.DeadLetterFilter, own: DeadLetterOverrides & InTx = {}) =>
    sql.retryDeadLetters(own.tx ?? store, filter, spokenOverrides(own)),
  /** Deletes up to a thousand of them; answers how many. */
  purge: (filter: sql.DeadLetterFilter, own: InTx = {}) => sql.purgeDeadLetters(own.tx ?? store, filter),
  /** Moves a job that nobody runs there by hand. */
  async move(id: string, own: { reason?: string } & InTx = {}): Promise<sql.Changed> {
    const answer = await sql.buryJob(own.tx ?? store, id, own.reason ?? null)
    if (!answer) throw new QueueError('not_found', 'there is no such job')
    if (!answer.changed) throw new QueueError('state_conflict', `the job is ${answer.state}`, { state: answer.state })
    meters.deadLettered('other', 'other', 'operator', 1)
    return answer
  },
  /** Moves up to a thousand jobs there; those that somebody runs, or that are over, are skipped and reported. */
  async moveMany(ids: readonly string[], own: { reason?: string } & InTx = {}): Promise<sql.Buried> {
    const answer = await sql.buryJobs(own.tx ?? store, ids, own.reason ?? null)
    if (answer.moved.length > 0) meters.deadLettered('other', 'other', 'operator', answer.moved.length)
    return answer
  },
})
