// One attempt: the handler with its context, and what its return, its throw or its deadline means (Q22, Q23). Whatever a handler does ends in
// one result; nothing it throws or returns leaves this file as an error.
import { answerOf, callbackOf } from './callback.ts'
import { milliseconds } from './duration.ts'
import { type Enqueue, spokenJob } from './enqueue.ts'
import { asQueueError, QueueError } from './error.ts'
import type { Clock, Log } from './host.ts'
import { jsonText, storableText } from './json.ts'
import { type AbortReason, type Context, type Job, type Kind, type Progress, parsePayload } from './kind.ts'
import { isOutcome, spokenOutcome } from './outcome.ts'
import { createCallback, finishInTx, getCallback, type HandedJob, type Result, startIfHeld, storeProgress } from './sql.ts'
import { pause, type Store } from './store.ts'
import type { Wake } from './wake.ts'

export type AttemptHouse = {
  store: Store
  wake: Wake
  clock: Clock
  log: Log
  callbackUrl: ((id: string) => string) | undefined
  beat(): Promise<void>
}

export type Attempt = {
  readonly job: HandedJob
  abort(reason: AbortReason): void
  /** What was decided without waiting for the handler: a deadline, a lost lease. */
  readonly decided: Promise<Result | null>
  /** The handler's end. null: nothing to store. */
  readonly returned: Promise<Result | null>
  /** The transaction of `finishIn` may still be open, so this result must not hold up others. */
  isApart(): boolean
  /** Ends this attempt as one that never was: the job is ready for others at once. */
  release(): void
}

type Fence = { id: string; lease: number; token: string }

const PROGRESS_MS = 1_000
const CALLBACK_POLL_MS = 1_000

export function startAttempt(house: AttemptHouse, kind: Kind, job: HandedJob, token: string): Attempt {
  const fence: Fence = { id: job.id, lease: job.lease, token }
  const aborter = new AbortController()
  let decide: (result: Result | null) => void = () => undefined
  const decided = new Promise<Result | null>((resolve) => {
    decide = resolve
  })
  let over = false
  const abort = (reason: AbortReason) => {
    if (over) return
    aborter.abort(reason)
    if (reason === 'deadline')
      decide({ ...fence, outcome: 'failed', reason: 'deadline_expired', error: 'the attempt passed its deadline' })
    if (reason === 'lease_lost') decide(null)
  }
  const cancelDeadline =
    job.deadline_in_ms === null ? () => undefined : house.clock.timer(job.deadline_in_ms, () => abort('deadline'))
  const run = makeContext(house, kind, job, fence, aborter.signal)
  const returned = runHandler(house, kind, job, fence, run, aborter.signal).finally(() => {
    over = true
    cancelDeadline()
    run.close()
  })
  return { job, abort, decided, returned, isApart: run.finishedIn, release: () => decide({ ...fence, outcome: 'release' }) }
}

async function runHandler(
  house: AttemptHouse,
  kind: Kind,
  job: HandedJob,
  fence: Fence,
  run: Running,
  signal: AbortSignal,
): Promise<Result | null> {
  try {
    // A suspect's start is durable before its handler runs, so that a crash before it costs nothing (Q18).
    if (job.crashes > 0 && !(await house.store.insist(() => startIfHeld(house.store, job.id, job.lease, fence.token), signal)))
      return null
    const payload =
      kind.upgrade && job.payload_version < (kind.payloadVersion ?? 1)
        ? kind.upgrade(job.payload, job.payload_version)
        : job.payload
    const parsed = await parsePayload(kind, payload)
    if ('errors' in parsed) {
      const error = parsed.errors.map((one) => `${one.path}: ${one.message}`).join('; ')
      return { ...fence, outcome: 'discard', reason: 'payload_invalid', error: storableText(error) }
    }
    const value = await kind.run(asJob(job, parsed.value), run.context)
    return run.withProgress(resultOf(kind, fence, value, run.enqueued))
  } catch (error) {
    return run.withProgress(thrown(kind, job, fence, error, signal))
  }
}

/** What a return value means; anything that is no outcome and no JSON is a failed attempt. */
function resultOf(kind: Kind, fence: Fence, value: unknown, enqueued: readonly string[]): Result {
  const invalid = (error: string): Result => ({
    ...fence,
    outcome: 'failed',
    reason: 'output_invalid',
    error: storableText(error),
  })
  if (isOutcome(value)) {
    const spoken = spokenOutcome(value)
    if (!spoken) return invalid('the handler returned an unknown control object')
    for (const member of ['error', 'reason'])
      if (typeof spoken[member] === 'string') spoken[member] = storableText(spoken[member])
    return { ...fence, ...spoken }
  }
  const result: Result = { ...fence, outcome: 'completed' }
  if (enqueued.length > 0) result.enqueue = enqueued.map((text) => JSON.parse(text))
  if (value === undefined) return result
  try {
    const text = jsonText(value, '/output')
    return kind.keepOutput === false ? result : { ...result, output: JSON.parse(text) }
  } catch (error) {
    return invalid(error instanceof Error ? error.message : 'the output is not JSON')
  }
}

function thrown(kind: Kind, job: HandedJob, fence: Fence, error: unknown, signal: AbortSignal): Result {
  // Not the handler's fault: the process ends, and the job is for others at once.
  if (signal.aborted && signal.reason === 'shutdown') return { ...fence, outcome: 'release' }
  const failed: Result = {
    ...fence,
    outcome: 'failed',
    reason: 'error',
    error: storableText(error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
    stack: error instanceof Error && error.stack ? storableText(error.stack) : undefined,
  }
  if (typeof kind.backoff !== 'function') return failed
  try {
    return { ...failed, after_ms: milliseconds(kind.backoff(job.attempt, error), '/backoff') }
  } catch {
    return failed // a backoff that fails leaves the engine's own
  }
}

const asJob = <P>(job: HandedJob, payload: P): Job<P> => ({
  id: job.id,
  tenantId: job.tenant_id,
  kind: job.kind,
  queue: job.queue,
  priority: job.priority,
  payload,
  attempt: job.attempt,
  maxAttempts: job.max_attempts,
  lease: job.lease,
  runAt: new Date(job.run_at),
  enqueuedAt: new Date(job.enqueued_at),
  deadlineAt: job.deadline_at === null ? null : new Date(job.deadline_at),
  metadata: job.metadata,
  tags: job.tags,
  progress: job.progress,
})

type Running = {
  context: Context
  enqueued: readonly string[]
  withProgress(result: Result): Result
  finishedIn(): boolean
  close(): void
}

function makeContext(house: AttemptHouse, kind: Kind, job: HandedJob, fence: Fence, signal: AbortSignal): Running {
  const { store, clock } = house
  const log = withJob(house.log, { job_id: job.id, kind: job.kind, attempt: job.attempt })
  const enqueued: string[] = []
  let progress: Progress = job.progress ?? {}
  let unsaved = false
  let finishedIn = false
  let cancelTimer: (() => void) | undefined
  const flush = async () => {
    cancelTimer?.()
    cancelTimer = undefined
    if (!unsaved) return
    unsaved = false
    await storeProgress(store, [{ ...fence, progress }])
  }
  const spoken = (value: unknown): Result => resultOf(kind, fence, value, enqueued)

  const context: Context = {
    signal,
    attempt: job.attempt,
    lease: job.lease,
    idempotencyKey: job.id,
    log,
    progress(percent, message, data) {
      const next = { ...progress }
      if (percent !== undefined && Number.isFinite(percent)) next.percent = Math.min(100, Math.max(0, percent))
      if (message !== undefined) next.message = storableText(message).slice(0, 1024)
      if (data !== undefined) {
        next.data = { ...progress.data, ...data }
        jsonText(next.data, '/progress/data', 16_384)
      }
      progress = next
      unsaved = true
      cancelTimer ??= clock.timer(PROGRESS_MS, () => {
        flush().catch((error: unknown) => log.warn({ err: error }, 'progress could not be stored'))
      })
    },
    flush,
    heartbeat: house.beat,
    async callback(name, options = {}) {
      const timeout = milliseconds(options.timeout ?? '1h', '/timeout')
      const create = () => createCallback(store, fence.id, fence.lease, fence.token, name, timeout, options.then ?? 'finish')
      const row = await store.insist(create, signal)
      const url = house.callbackUrl?.(row.id) ?? null
      return callbackOf(row, url, () => waitFor(house, row.id, signal))
    },
    async finishIn(tx, outcome) {
      finishedIn = true
      const result = spoken(outcome)
      await finishInTx(tx, unsaved ? { ...result, progress } : result).catch((error: unknown) => {
        throw asQueueError(error)
      })
    },
    enqueue(one: Enqueue) {
      enqueued.push(spokenJob({ tenantId: job.tenant_id, ...one }))
    },
  }
  return {
    context,
    enqueued,
    // The last progress rides on the result, so that it costs no call of its own.
    withProgress: (result) => (unsaved && result.outcome !== 'completed' ? { ...result, progress } : result),
    finishedIn: () => finishedIn,
    close: () => cancelTimer?.(),
  }
}

/** The truth is the row; a notice only shortens the wait. */
async function waitFor(house: AttemptHouse, id: string, signal: AbortSignal): Promise<unknown> {
  for (;;) {
    const row = await house.store.insist(() => getCallback(house.store, id), signal)
    if (!row) throw new QueueError('not_found', 'there is no such callback')
    if (row.state !== 'open') return answerOf(row)
    if (signal.aborted) throw new DOMException(`the attempt was aborted: ${signal.reason}`, 'AbortError')
    await pause(house.clock, CALLBACK_POLL_MS, signal)
  }
}

export const withJob = (log: Log, fields: object): Log => ({
  debug: (more, message) => log.debug({ ...fields, ...more }, message),
  info: (more, message) => log.info({ ...fields, ...more }, message),
  warn: (more, message) => log.warn({ ...fields, ...more }, message),
  error: (more, message) => log.error({ ...fields, ...more }, message),
})
