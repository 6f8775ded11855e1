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
  state: State | null
  actor: string | null
  worker: string | null
  attempt: number | null
  lease: number | null
  outcome: string | null
  reason: string | null
  error: string | null
  duration_ms: number | null
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
  stale: boolean
  workers: number
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

export type FireRow = {
  fire_time: string
  at: string
  job_id: string | null
  state?: State | null
  skipped?: 'overlap' | 'outage' | 'error'
  error?: string
  fires?: number
}

export type QueueRow = {
  name: string
  paused_at: string | null
  paused_by: string | null
  settings: Record<string, unknown>
  as_of: string
  depth: Partial<Record<State, number>>
  estimated: boolean
  oldest_ready_ms: number | null
  workers: number
}

export type DeadLetterDepth = {
  as_of: string
  total: number
  oldest_at: string | null
  groups: { queue: string; kind: string; reason: string; n: number; oldest_at: string; newest_at: string }[]
}

export type Readers = {
  jobs(filter: Filter, page: { after?: string; limit?: number } & InTx): Promise<EnginePage<JobRow>>
  queues(own?: InTx): Promise<QueueRow[]>
  deadLetters: Queue['deadLetters'] & { depth(own?: InTx): Promise<DeadLetterDepth> }
  schedules: Queue['schedules'] & { fires(id: string, own?: InTx): Promise<{ past: FireRow[]; next: string[] } | null> }
  callbacks: Queue['callbacks'] & {
    list(filter: CallbackFilter, page: { after?: string; limit?: number } & InTx): Promise<EnginePage<CallbackRow>>
  }
  timeline(id: string, own?: InTx): Promise<TimelineRow[] | null>
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

export type Engine = Omit<Queue, keyof Readers> & Readers

export const readersFor = (queue: Queue): Engine => queue as unknown as Engine
export const readersOf = (house: JobsHouse): Engine => readersFor(house.queue)

/** How often a page is filled up, when most of what is found is not what was asked for. */
const LOOKS = 10

/** What is asked beyond what the engine's list looks for by itself. */
type Also = { mark: string | null; reason?: string }

/** A page of jobs within a mark. The engine looks for one tag: a second one, asked for by the caller, is looked for in what the mark finds. */
export async function readJobs(
  house: JobsHouse,
  t: Tx,
  filter: Filter,
  { mark, reason }: Also,
  page: { after?: string; limit: number },
): Promise<EnginePage<JobRow>> {
  const { tag } = filter
  const fits = (job: JobRow) =>
    (mark === null || tag === undefined || job.tags.includes(tag)) && (reason === undefined || job.state_reason === reason)
  const asked = mark === null ? filter : { ...filter, tag: mark }
  const data: JobRow[] = []
  let after = page.after
  for (let looks = 0; looks < LOOKS; looks++) {
    const part = await readersOf(house).jobs(asked, { after, limit: page.limit - data.length, tx: t })
    data.push(...part.data.filter(fits))
    after = part.next_cursor ?? undefined
    if (after === undefined || data.length === page.limit) break
  }
  return { data, next_cursor: after ?? null }
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
