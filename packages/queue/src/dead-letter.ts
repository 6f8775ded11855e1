// Dead letters (Q117): failed jobs kept whole, to look at, to run again, to delete. Nothing here means everything by an empty filter, and a letter whose
// unique key a newer job holds stays and is reported.
import { type Codecs, hasCodecs, seal, showJob } from './codec.ts'
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

/** A payload given instead is stored as the kind of the jobs that get it says: one that seals takes no payload in plain (Q88). */
export async function sealedOverrides<O extends DeadLetterOverrides>(
  kinds: Codecs,
  db: Queryable,
  { ids, kind }: sql.DeadLetterFilter,
  own: O,
): Promise<O> {
  if (own.payload === undefined || !hasCodecs(kinds)) return own
  const jobs = kind === undefined ? await Promise.all((ids ?? []).map((id) => sql.findJob(db, id))) : []
  const named = kind === undefined ? new Set(jobs.flatMap((job) => (job ? [job.kind] : []))) : new Set([kind])
  if (named.size > 1 || (kind === undefined && ids === undefined))
    throw QueueError.invalid('/payload', 'a payload for jobs of several kinds cannot be sealed: name one kind')
  const [only = ''] = named
  const codec = kinds.get(only)?.codec
  return codec ? { ...own, payload: await seal(codec, own.payload, '/payload') } : own
}

/** Why a job is a dead letter by this end of an attempt, in the words of the engine; null: it is none. */
export function buriedBy(
  { attempt, maxAttempts }: { attempt: number; maxAttempts: number },
  { outcome, reason }: { outcome: string; reason?: unknown },
  keeps: boolean,
): string | null {
  if (!keeps) return null
  if (outcome === 'discard') return reason === 'payload_invalid' || reason === 'output_invalid' ? reason : 'terminal_error'
  if ((outcome !== 'failed' && outcome !== 'retry') || attempt < maxAttempts) return null
  return reason === 'deadline_expired' || reason === 'output_invalid' ? reason : 'max_attempts_exhausted'
}

export const deadLettersOf = (store: Queryable, meters: Meters, kinds: Codecs) => ({
  /** Newest first; `after` is what the page before said. */
  async list(filter: sql.DeadLetterSearch = {}, page: { after?: string; limit?: number } & InTx = {}) {
    const limit = page.limit ?? 50
    const found = await sql.listDeadLetters(page.tx ?? store, filter, page.after ?? null, limit)
    const data = await Promise.all(found.map((job) => showJob(kinds, job)))
    return { data, next_cursor: data.length === limit ? (data.at(-1)?.id ?? null) : null }
  },
  /** null: there is no such letter. */
  async get(id: string, own: InTx = {}): Promise<sql.JobRow | null> {
    const found = await sql.findDeadLetter(own.tx ?? store, id)
    return found && showJob(kinds, found)
  },
  /** How many, by queue, kind and reason. */
  depth: (own: InTx = {}) => sql.deadLetterDepth(own.tx ?? store),
  /** Up to a thousand of them run again with attempt 0; `next` says where to go on (`after`). */
  async retry(filter: sql.DeadLetterFilter, own: DeadLetterOverrides & InTx = {}): Promise<sql.DeadLettersRetried> {
    const tx = own.tx ?? store
    return sql.retryDeadLetters(tx, filter, spokenOverrides(await sealedOverrides(kinds, tx, filter, own)))
  },
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
