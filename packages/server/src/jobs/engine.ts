// What this room reads of the engine beyond the plain verbs. One place, so that a change of the engine's words is met here.
import type { CallbackRow, InTx, JobFilter, JobRow, Queue, State } from '@countersign/queue'
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import type { JobsHouse } from './house.ts'
import { isWithin } from './own.ts'
import type { EnginePage } from './page.ts'

export type Filter = JobFilter & {
  schedule?: string
  unique_key?: string
  ordering_key?: string
  q?: string
  since?: string
  until?: string
}

export type CallbackFilter = { state?: string; kind?: string; queue?: string; job_id?: string }

export type TimelineRow = {
  at: string
  what: string
  state?: State | null
  actor?: string | null
  attempt?: number | null
  lease?: number | null
  worker?: string | null
  outcome?: string | null
  reason?: string | null
  error?: string | null
  duration_ms?: number | null
}

export type KeyRow = {
  key: string
  by?: 'ordering_key' | 'concurrency_key' | 'rate_key'
  blocked?: number
  running?: number | null
  limit?: number | null
  head_job_id?: string | null
  head_state?: State | null
}

export type KindRow = {
  name: string
  paused_at: string | null
  paused_by: string | null
  seen_at: string | null
  settings: Record<string, unknown>
}

export type RingRow = {
  generation: number | null
  free_slots: number
  blocked: string | null
  horizon_age_seconds: number | null
  horizon_pid?: number | null
  slots: {
    slot: number
    state: 'current' | 'sealed' | 'free'
    generation: number | null
    opened_at: string | null
    held_by: string | null
    jobs: number | null
    bytes: number | null
  }[]
}

export type Readers = {
  deadLetters: Queue['deadLetters'] & { depth(own?: InTx): Promise<Record<string, unknown>> }
  callbacks: Queue['callbacks'] & {
    list(filter: CallbackFilter, page: { after?: string; limit?: number } & InTx): Promise<EnginePage<CallbackRow>>
  }
  timeline(id: string, own?: InTx): Promise<TimelineRow[]>
  kinds(own?: InTx): Promise<KindRow[]>
  ring(own?: InTx): Promise<RingRow>
  keys(queue: string, own?: InTx): Promise<KeyRow[]>
  skipKey(queue: string, key: string, own?: InTx): Promise<unknown>
  configure(queue: string, settings: Record<string, unknown>, own?: InTx): Promise<Record<string, unknown>>
  stats: {
    totals(own?: InTx): Promise<Record<string, unknown>>
    timeseries(query: { from: Date; to: Date; step: number; by: string | null }, own?: InTx): Promise<Record<string, unknown>>
    byKind(own?: InTx): Promise<Record<string, unknown>[]>
    byQueue(own?: InTx): Promise<Record<string, unknown>[]>
  }
}

export const readersFor = (queue: Queue): Queue & Readers => queue as unknown as Queue & Readers
export const readersOf = (house: JobsHouse): Queue & Readers => readersFor(house.queue)

const LOOKS = 10

/** A page of jobs within a mark; a second tag, asked for by the caller, is looked for in what the mark finds. */
export async function readJobs(
  house: JobsHouse,
  t: Tx,
  filter: Filter,
  mark: string | null,
  page: { after?: string; limit: number },
): Promise<EnginePage<JobRow>> {
  const asked = filter.tag
  const both = mark !== null && asked !== undefined
  const found: JobRow[] = []
  let after = page.after
  for (let looks = 0; ; looks++) {
    const limit = both ? 200 : page.limit
    const part = await readPage(house, t, mark === null ? filter : { ...filter, tag: mark }, { after, limit })
    const rows = both ? part.data.filter((job) => job.tags.includes(asked)) : part.data
    found.push(...rows)
    if (found.length > page.limit) return { data: found.slice(0, page.limit), next_cursor: found[page.limit - 1]?.id ?? null }
    if (part.next_cursor === null || found.length === page.limit || looks >= LOOKS)
      return { data: found, next_cursor: part.next_cursor }
    after = part.next_cursor
  }
}

async function readPage(
  { queue }: JobsHouse,
  t: Tx,
  filter: Filter,
  { after, limit }: { after?: string; limit: number },
): Promise<EnginePage<JobRow>> {
  const rows = await queue.jobs(filter, { after, limit, tx: t })
  return { data: rows, next_cursor: rows.length === limit ? (rows.at(-1)?.id ?? null) : null }
}

/** A job that this scope reaches; null for one that is not there or not its own. */
export async function findWithin({ queue }: JobsHouse, t: Tx, id: string, mark: string | null): Promise<JobRow | null> {
  const job = await queue.job(id, { tx: t })
  return job && isWithin(job, mark) ? job : null
}

/** Who paused something, as the engine keeps it: with the tenant, so that no other tenant reads the name. */
export const actorText = (scope: Scope): string => `${scope.tenantId}/${scope.principal}`

export function actorOf(scope: Scope, text: string | null): string | null {
  if (text === null || !/^[0-9a-f-]{36}\//.test(text)) return text
  return text.startsWith(`${scope.tenantId}/`) ? text.slice(37) : null
}
