// A kind: name, schema and settings of a sort of job, and the function that runs it. Plain data plus `run`; declaring one does nothing yet.
import type { Callback } from './callback.ts'
import type { Codec } from './codec.ts'
import { type Duration, milliseconds } from './duration.ts'
import type { Enqueue, UniqueRule } from './enqueue.ts'
import { type Fault, QueueError } from './error.ts'
import { type AnyFollowUp, followUpRules } from './follow-up.ts'
import type { Log } from './host.ts'
import { type Limits, spokenLimits } from './limit.ts'
import type { Outcome } from './outcome.ts'
import type { Queryable } from './store.ts'
import type { Span } from './telemetry.ts'

/** Standard Schema, version 1 (zod, valibot, arktype …), as far as a queue needs it. */
export type StandardSchema<In, Out> = {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    validate(value: unknown): StandardResult<Out> | Promise<StandardResult<Out>>
    readonly types?: { readonly input: In; readonly output: Out } | undefined
  }
}
type StandardResult<Out> =
  | { readonly value: Out; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[]
      }[]
    }

export type Schema<In, Out> = StandardSchema<In, Out> | ((value: unknown) => Out)

/** A job as its handler sees it. */
export type Job<Payload = unknown> = {
  readonly id: string
  readonly tenantId: string
  readonly kind: string
  readonly queue: string
  readonly priority: number
  readonly payload: Payload
  readonly attempt: number
  readonly maxAttempts: number
  readonly lease: number
  readonly runAt: Date
  readonly enqueuedAt: Date
  readonly deadlineAt: Date | null
  readonly metadata: Readonly<Record<string, unknown>>
  readonly tags: readonly string[]
  readonly progress: Progress | null
}

export type Progress = { percent?: number; message?: string; data?: Record<string, unknown> }

export type AbortReason = 'cancelled' | 'deadline' | 'lease_lost' | 'shutdown'

export type CallbackOptions = {
  /** default 1h */
  timeout?: Duration
  /** What an answer does: it ends the job as its output (default), or the job runs again and reads it. */
  then?: 'finish' | 'resume'
  /** A jsonpath over the payload of an answer: what it does not hold for is ignored, and the callback stays open. */
  filter?: string
  /** A jsonpath: what it holds for fails the callback. Asked before `onComplete`. */
  onFail?: string
  /** A jsonpath: what it holds for completes the callback. */
  onComplete?: string
  /** A jsonpath whose first item is stored in place of the payload. */
  transform?: string
  /** What neither `onFail` nor `onComplete` names; default `ignore` when there is an `onComplete`, else `complete`. */
  default?: 'complete' | 'fail' | 'ignore'
}

export type Context = {
  /** Aborts with an AbortReason. After `cancelled` and `shutdown` a handler may still return an outcome. */
  readonly signal: AbortSignal
  readonly attempt: number
  readonly lease: number
  /** Stable over attempts: what a handler passes on to services that know idempotency keys. */
  readonly idempotencyKey: string
  readonly log: Log
  /** The same log. */
  readonly logger: Log
  /** The span of this run, when the queue was given a tracer. */
  readonly span: Span | undefined
  /** Percent clamped to 0…100, data merged shallowly; written at most once a second and when the attempt ends. */
  progress(percent?: number, message?: string, data?: Record<string, unknown>): void
  /** Writes the progress now. */
  flush(): Promise<void>
  /** Vouches for the worker now. Workers do so by themselves; a handler need not. */
  heartbeat(): Promise<void>
  /** Creates, or finds by name, a callback of this job. It is durable before this returns. */
  callback(name: string, options?: CallbackOptions): Promise<Callback>
  /** Settles this attempt inside the caller's transaction; what the handler returns later is ignored unless that rolls back. */
  finishIn(tx: Queryable, outcome?: unknown): Promise<void>
  /** A job that exists when, and only when, this attempt completes. */
  enqueue(job: Enqueue): void
}

export type BackoffRule = { base?: Duration; factor?: number; cap?: Duration; jitter?: number }

/** A key that is always the same, or one that the payload gives; none: undefined. A function is asked where this process enqueues. */
export type KeyOption<In> = string | { key(payload: In): string | undefined }['key']

export type KindOptions<In, Out> = Limits & {
  schema?: Schema<In, Out>
  queue?: string
  /** 1 (urgent) … 4; default 2 */
  priority?: 1 | 2 | 3 | 4
  /** default 25 */
  maxAttempts?: number
  /** Losses with a worker in a row before the job is a dead letter; default 3, 0: attempts alone decide. */
  maxCrashes?: number
  /** How long one attempt may take; default 5m, 0: no deadline. */
  deadline?: Duration
  /** How long a handler may take to honour a cancel before the job is cancelled over its head; default 30s. */
  cancelGrace?: Duration
  /** Runs in a thread or a process of its own, which ends hard at the deadline; a crash there costs an attempt and no worker (Q94). */
  isolate?: 'thread' | 'process'
  /** With `isolate`: the module that exports this kind, usually `import.meta.url`. It is loaded there, so it should only define. */
  module?: string
  /** With `isolate`: how large the heap may grow, in MiB; default 256. */
  memory?: number
  backoff?: BackoffRule | ((attempt: number, error: unknown) => Duration)
  unique?: UniqueRule
  /** With `order: 'strict'`, one job of this key after the other. */
  orderingKey?: KeyOption<In>
  order?: 'shard' | 'strict'
  concurrencyKey?: KeyOption<In>
  rateKey?: KeyOption<In>
  /** How long an output is kept; default 24h, false: outputs are not stored. */
  keepOutput?: Duration | false
  /** How long dead letters are kept; default the queue's, else 30d. */
  keepDeadLetters?: Duration
  /** false: a failed job is no dead letter. */
  deadLetters?: boolean
  /** Seals payload, output and progress data: they are stored as what it makes of them, and who lacks it reads `[sealed]` (Q88). */
  codec?: Codec
  payloadVersion?: number
  /** Brings an older payload to the present version, before the schema sees it. */
  upgrade?(payload: unknown, fromVersion: number): unknown
  onCompleted?: readonly AnyFollowUp<Out>[]
  onRetried?: readonly AnyFollowUp<Out>[]
  onFailed?: readonly AnyFollowUp<Out>[]
  onCancelled?: readonly AnyFollowUp<Out>[]
  onWaiting?: readonly AnyFollowUp<Out>[]
  onRescued?: readonly AnyFollowUp<Out>[]
  run(job: Job<Out>, ctx: Context): Promise<unknown | Outcome> | unknown | Outcome
}

/** How many jobs at most, and how long the first of them waits for others. */
export type BatchRule = { max: number; wait: Duration }

export type BatchContext = {
  /** Aborts when the worker stops or is lost, and when every job of the batch was cancelled or passed its deadline. */
  readonly signal: AbortSignal
  readonly log: Log
  readonly logger: Log
  heartbeat(): Promise<void>
  /** The context of one of the jobs. */
  of(job: { id: string }): Context
  /** What becomes of one of the jobs, now: a later throw does not concern it. */
  settle(job: { id: string }, outcome?: unknown): void
}

export type BatchKindOptions<In, Out> = Omit<KindOptions<In, Out>, 'run' | 'isolate' | 'module' | 'memory'> & {
  batch: BatchRule
  /** Returns one outcome for all, or a Map or an object from job id to outcome; a throw concerns all that have none yet (Q93). */
  run(jobs: readonly Job<Out>[], ctx: BatchContext): Promise<unknown> | unknown
}

export type Kind<In = unknown, Out = In> = KindOptions<In, Out> & { readonly name: string; readonly batch?: BatchRule }

const NAME = /^[a-z][a-z0-9_.:-]{0,199}$/

/**
 * Declares a kind.
 * @example
 * const sendReceipt = defineKind('receipt.send', { maxAttempts: 8, async run(job, ctx) { await send(job.payload, ctx.signal) } })
 * @example
 * const index = defineKind('index', { batch: { max: 100, wait: '50ms' }, run: (jobs) => write(jobs.map((job) => job.payload)) })
 */
export function defineKind<In = unknown, Out = In>(name: string, options: BatchKindOptions<In, Out>): Kind<In, Out>
export function defineKind<In = unknown, Out = In>(name: string, options: KindOptions<In, Out>): Kind<In, Out>
export function defineKind<In, Out>(name: string, options: KindOptions<In, Out> | BatchKindOptions<In, Out>): Kind<In, Out> {
  if (!NAME.test(name))
    throw QueueError.invalid('/kind', `"${name}" is not a kind: 1 to 200 of a-z, 0-9, _ . : -, beginning with a letter`)
  // What a batch kind is run with is decided where `batch` is read (batch.ts), nowhere else.
  const kind = { ...options, name } as Kind<In, Out>
  kindSettings(kind as Kind) // says now what is wrong, not at the first start
  return kind
}

/** What the database knows about a kind. */
export function kindSettings(kind: Kind): Record<string, unknown> {
  integer(kind.maxAttempts, '/maxAttempts', 1, 1000)
  integer(kind.maxCrashes, '/maxCrashes', 0, 1000)
  integer(kind.priority, '/priority', 1, 4)
  integer(kind.payloadVersion, '/payloadVersion', 1, 2 ** 31 - 1)
  checkPlace(kind)
  if (kind.codec && (typeof kind.codec.encode !== 'function' || typeof kind.codec.decode !== 'function'))
    throw QueueError.invalid('/codec', 'a codec has the functions encode and decode')
  const followUps = followUpRules(kind)
  return {
    queue: kind.queue,
    priority: kind.priority,
    max_attempts: kind.maxAttempts,
    max_crashes: kind.maxCrashes,
    deadline_ms: kind.deadline === undefined ? undefined : deadlineMs(kind.deadline),
    cancel_grace_ms: kind.cancelGrace === undefined ? undefined : milliseconds(kind.cancelGrace, '/cancelGrace'),
    backoff: typeof kind.backoff === 'object' ? backoffRule(kind.backoff) : undefined,
    unique: kind.unique && spokenUnique(kind.unique),
    ...spokenLimits(kind),
    ordering_key: fixedKey(kind.orderingKey),
    order: kind.order,
    concurrency_key: fixedKey(kind.concurrencyKey),
    rate_key: fixedKey(kind.rateKey),
    keep_output_ms: kind.keepOutput ? milliseconds(kind.keepOutput, '/keepOutput') : undefined,
    dead_letters: kind.deadLetters,
    keep_dead_letters_ms: kind.keepDeadLetters && milliseconds(kind.keepDeadLetters, '/keepDeadLetters'),
    payload_version: kind.payloadVersion,
    follow_ups: followUps.length > 0 ? followUps : undefined,
  }
}

/** Where and with how many others a handler runs. */
function checkPlace({ batch, isolate, module, memory }: Kind): void {
  if (batch) {
    integer(batch.max, '/batch/max', 1, 1000)
    milliseconds(batch.wait, '/batch/wait')
    if (isolate) throw QueueError.invalid('/isolate', 'a batch runs in the worker itself')
  }
  if (isolate !== undefined && isolate !== 'thread' && isolate !== 'process')
    throw QueueError.invalid('/isolate', "is 'thread' or 'process'")
  if (isolate && !module) throw QueueError.invalid('/module', 'names the module that exports an isolated kind: import.meta.url')
  integer(memory, '/memory', 8, 65_536)
}

const fixedKey = (key: KeyOption<unknown> | undefined): string | undefined => (typeof key === 'string' ? key : undefined)

/** The keys of one job of this kind, as far as its payload gives them. */
export function keysOf<In, Out>(
  kind: Kind<In, Out>,
  payload: In,
): { orderingKey?: string; concurrencyKey?: string; rateKey?: string } {
  const { orderingKey, concurrencyKey, rateKey } = kind
  return {
    orderingKey: typeof orderingKey === 'function' ? orderingKey(payload) : orderingKey,
    concurrencyKey: typeof concurrencyKey === 'function' ? concurrencyKey(payload) : concurrencyKey,
    rateKey: typeof rateKey === 'function' ? rateKey(payload) : rateKey,
  }
}

export function deadlineMs(deadline: Duration): number {
  const ms = milliseconds(deadline, '/deadline')
  if (ms !== 0 && ms < 1000) throw QueueError.invalid('/deadline', 'a deadline is at least 1s, or 0 for none')
  return ms
}

export function backoffRule(rule: BackoffRule): Record<string, unknown> {
  if (rule.factor !== undefined && !(rule.factor >= 1)) throw QueueError.invalid('/backoff/factor', 'is at least 1')
  if (rule.jitter !== undefined && !(rule.jitter >= 0 && rule.jitter <= 1))
    throw QueueError.invalid('/backoff/jitter', 'is between 0 and 1')
  return {
    base_ms: rule.base === undefined ? undefined : milliseconds(rule.base, '/backoff/base'),
    factor: rule.factor,
    cap_ms: rule.cap === undefined ? undefined : milliseconds(rule.cap, '/backoff/cap'),
    jitter: rule.jitter,
  }
}

export function spokenUnique(rule: UniqueRule): Record<string, unknown> {
  if (rule.while?.length === 0) throw QueueError.invalid('/unique/while', 'names at least one state')
  if (Array.isArray(rule.by) && (rule.by.length === 0 || rule.by.some((path) => path === '')))
    throw QueueError.invalid('/unique/by', "is 'payload' or names paths into it")
  if (rule.while?.includes('completed') && (rule.period === undefined || !rule.while.includes('running')))
    throw QueueError.invalid('/unique/while', 'a key held while completed needs a period, and is held while running')
  return {
    key: rule.key,
    by: rule.by,
    scope: rule.scope,
    while: rule.while,
    period_ms: rule.period === undefined ? undefined : milliseconds(rule.period, '/unique/period'),
    on_conflict: rule.onConflict,
    preserve_run_at: rule.preserveRunAt,
  }
}

function integer(value: number | undefined, path: string, least: number, greatest: number): void {
  if (value !== undefined && !(Number.isInteger(value) && value >= least && value <= greatest))
    throw QueueError.invalid(path, `is an integer between ${least} and ${greatest}`)
}

/** The payload as the schema makes it, or the faults with paths from /payload on. */
export async function parsePayload<Out>(
  kind: Kind<unknown, Out>,
  payload: unknown,
): Promise<{ value: Out } | { errors: Fault[] }> {
  const { schema } = kind
  if (schema === undefined) return { value: payload as Out }
  if ('~standard' in schema) {
    const result = await schema['~standard'].validate(payload)
    if (!result.issues) return { value: result.value }
    return { errors: result.issues.map(({ path = [], message }) => ({ path: pointer(path), code: 'schema', message })) }
  }
  try {
    return { value: schema(payload) }
  } catch (error) {
    return { errors: [{ path: '/payload', code: 'schema', message: error instanceof Error ? error.message : String(error) }] }
  }
}

const pointer = (path: readonly (PropertyKey | { readonly key: PropertyKey })[]): string =>
  [
    '/payload',
    ...path.map((part) =>
      String(typeof part === 'object' ? part.key : part)
        .replaceAll('~', '~0')
        .replaceAll('/', '~1'),
    ),
  ].join('/')

/**
 * The kind that a type name means, as awa derives it, so that producers in other languages agree (Q10).
 * @example kindName('HTMLToPDF') // 'html_to_pdf'
 */
export const kindName = (typeName: string): string =>
  typeName
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1_$2')
    .toLowerCase()
