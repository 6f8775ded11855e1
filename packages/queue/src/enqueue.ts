// Enqueue in the caller's transaction: the job exists when, and only when, that transaction commits (Q3). Needs nothing but something that
// runs a statement; never commits, rolls back or changes a setting on it.
import { uniquePartsOf } from './codec.ts'
import { type Duration, milliseconds } from './duration.ts'
import { asQueueError, QueueError } from './error.ts'
import { jsonText } from './json.ts'
import { type BackoffRule, backoffRule, deadlineMs, spokenUnique } from './kind.ts'
import { type Enqueued, enqueueMany as insertMany, type State } from './sql.ts'
import type { Queryable } from './store.ts'

export type UniqueRule = {
  /** A key of one's own; the kind and the tenant are part of it anyway. */
  key?: string
  /** The whole payload, or paths into it: `['order_id', 'customer.id']`. */
  by?: 'payload' | readonly string[]
  scope?: readonly 'queue'[]
  /** States in which the key is held; default: all that are not terminal. */
  while?: readonly State[]
  /** One job a key and period. */
  period?: Duration
  /** `return` (default): the holder's id; `reject`: a QueueError `unique_conflict`; `replace`: the holder, not yet running, takes payload, time and priority. */
  onConflict?: 'return' | 'reject' | 'replace'
  preserveRunAt?: boolean
}

export type EnqueueOptions = {
  tenantId?: string
  queue?: string
  priority?: 1 | 2 | 3 | 4
  /** A time, or how long from now by the database's clock. */
  runAt?: Date | Duration
  maxAttempts?: number
  maxCrashes?: number
  deadline?: Duration
  backoff?: BackoffRule
  keepOutput?: Duration
  unique?: UniqueRule
  /** Short for `unique: { key }`: an existing job of this key is returned. */
  uniqueKey?: string
  /** Blocked until `release` or `cancel`; the reason is kept. */
  hold?: string
  /** With `order: 'strict'`, one job of this key after the other: the next is ready when the one before is completed, cancelled or failed. */
  orderingKey?: string
  order?: 'shard' | 'strict'
  /** What `maxRunningPerKey` counts, and `fairBy: 'concurrency_key'` groups by. */
  concurrencyKey?: string
  /** What `ratePerKey` paces, and `retry({ hold: 'rate_key' })` stops. */
  rateKey?: string
  metadata?: Record<string, unknown>
  tags?: readonly string[]
  trace?: { traceparent: string; tracestate?: string }
}

export type Enqueue = EnqueueOptions & { kind: string; payload?: unknown; payloadVersion?: number }

const A_STATEMENT = 1000

/**
 * Enqueues one job and answers its id.
 * @example await enqueue(t, { kind: 'task.notify', tenantId: scope.tenantId, payload: { task_id } })
 */
export async function enqueue(tx: Queryable, job: Enqueue): Promise<string> {
  const [id] = await enqueueMany(tx, [job])
  return id as string
}

/** Enqueues any number of jobs; ids in input order. One statement per 1,000, so all or nothing only inside a transaction. */
export async function enqueueMany(tx: Queryable, jobs: readonly Enqueue[]): Promise<string[]> {
  return (await enqueueTold(tx, jobs)).map(({ id }) => id)
}

/** The same, with what the engine says beside each id: whether another job held its unique key, and how full its queue is (0…1, with a `maxDepth`). */
export async function enqueueTold(tx: Queryable, jobs: readonly Enqueue[]): Promise<Enqueued[]> {
  const texts = jobs.map(spokenJob)
  const told: Enqueued[] = []
  for (let i = 0; i < texts.length; i += A_STATEMENT) {
    try {
      told.push(...(await insertMany(tx, `[${texts.slice(i, i + A_STATEMENT).join()}]`)))
    } catch (error) {
      throw asQueueError(error)
    }
  }
  return told
}

/** A job as the engine reads it, as JSON text. */
export function spokenJob(job: Enqueue): string {
  const payload = jsonText(job.payload, '/payload')
  const rest = {
    kind: job.kind,
    tenant_id: job.tenantId,
    queue: job.queue,
    priority: job.priority,
    ...spokenTime(job.runAt),
    max_attempts: job.maxAttempts,
    max_crashes: job.maxCrashes,
    deadline_ms: job.deadline === undefined ? undefined : deadlineMs(job.deadline),
    backoff: job.backoff && backoffRule(job.backoff),
    keep_output_ms: job.keepOutput === undefined ? undefined : milliseconds(job.keepOutput, '/keepOutput'),
    unique: job.unique
      ? { ...spokenUnique(job.unique), ...uniquePartsOf(job) }
      : job.uniqueKey === undefined
        ? undefined
        : { key: job.uniqueKey },
    hold: job.hold,
    ordering_key: job.orderingKey,
    order: job.order,
    concurrency_key: job.concurrencyKey,
    rate_key: job.rateKey,
    metadata: job.metadata,
    tags: job.tags,
    trace: job.trace,
    payload_version: job.payloadVersion,
  }
  return `${jsonText(rest, '').slice(0, -1)},"payload":${payload}}`
}

function spokenTime(runAt: Date | Duration | undefined): { run_at?: string; delay_ms?: number } {
  if (runAt === undefined) return {}
  if (!(runAt instanceof Date)) return { delay_ms: milliseconds(runAt, '/runAt') }
  const year = runAt.getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) throw QueueError.invalid('/runAt', 'is a time before the year 10000')
  return { run_at: runAt.toISOString() }
}
