// One attempt: the handler with its context, and what its return, its throw or its deadline means (Q22, Q23). Whatever a handler does ends in
// one result; nothing it throws or returns leaves this file as an error. What a handler does not touch is never made: no promise, no timer, no
// signal for a job that simply completes.
import { answerOf, type Callback, callbackOf, spokenExpressions } from './callback.ts'
import { type Held, HeldJob } from './claim.ts'
import { type Codecs, open, openProgress, seal, sealJob, sealProgress } from './codec.ts'
import { milliseconds } from './duration.ts'
import { type Enqueue, spokenJob } from './enqueue.ts'
import { asQueueError, QueueError } from './error.ts'
import type { Clock, Log } from './host.ts'
import { jsonText, MAX_PAYLOAD, storableText } from './json.ts'
import {
  type AbortReason,
  type BackoffRule,
  type CallbackOptions,
  type Context,
  type Job,
  type Kind,
  type Progress,
  parsePayload,
} from './kind.ts'
import { isOutcome, spokenOutcome } from './outcome.ts'
import { createCallback, finishInTxStatement, getCallback, leaveClaim, type Result, startIfHeld, storeProgress } from './sql.ts'
import { pause, type Queryable, type Store } from './store.ts'
import type { Span } from './telemetry.ts'
import type { Wake } from './wake.ts'

export type AttemptHouse = {
  store: Store
  wake: Wake
  clock: Clock
  log: Log
  callbackUrl: ((id: string) => string) | undefined
  /** Of this process: what a handler enqueues of a kind with a codec is sealed. */
  kinds?: Codecs
  beat(): Promise<void>
}

/** What becomes of an attempt: a result to store, null: nothing to store, undefined: completed with nothing to say. */
export type Ending = Result | null | undefined

/** Who holds the attempt. Each is called once, `settle` first. */
export type Keeper = {
  /** What is to be stored is known: the handler ended, or was not waited for. */
  settle(attempt: Attempt, ending: Ending): void
  returned(attempt: Attempt): void
}

export type Runner = (job: Job, ctx: Context, attempt: Attempt) => unknown

/** An end of the place where a handler ran, not of the handler: `reason` is the attempt's (Q94). */
export class Crashed extends Error {
  readonly reason = 'isolate_crashed'
}

const PROGRESS_MS = 1_000
const CALLBACK_POLL_MS = 1_000
const CANCEL_GRACE = '30s'
const MAX_PROGRESS = 16_384

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'

export class Attempt {
  readonly held: Held
  readonly kind: Kind
  readonly startedAt: number
  /** Its place among the deadlines. */
  bucket: Set<Attempt> | null = null
  /** The span of the handler, when spans are made. */
  span: Span | undefined
  /** Ends what cannot be asked to end. */
  kill: (() => void) | undefined
  readonly #house: AttemptHouse
  readonly #keeper: Keeper
  #over = false
  #settled = false
  #aborted: AbortReason | undefined
  #aborter: AbortController | undefined
  #log: Log | undefined
  #progress: Progress | undefined
  #unsaved = false
  #cancelProgress: (() => void) | undefined
  #cancelGrace: (() => void) | undefined
  #enqueued: string[] | undefined
  /** Jobs that are being sealed, each for its place among those to be enqueued. */
  #sealing: Promise<unknown> | undefined
  #concluding: Promise<void> | undefined
  #finishedIn = false
  #leaving: Promise<void> | undefined

  constructor(house: AttemptHouse, kind: Kind, held: Held, keeper: Keeper, now: number) {
    this.#house = house
    this.kind = kind
    this.held = held
    this.#keeper = keeper
    this.startedAt = now
  }

  begin(run: Runner): void {
    const { held, kind } = this
    if (held.crashes === 0 && kind.schema === undefined && kind.upgrade === undefined && kind.codec === undefined)
      this.#enter(run, held.payload)
    else void this.payload().then((parsed) => parsed && this.#enter(run, parsed.value))
  }

  /** The payload as the handler is to see it; null: the attempt ended over it. */
  async payload(): Promise<{ value: unknown } | null> {
    const { held, kind } = this
    const { store } = this.#house
    try {
      // A suspect's start is durable before its handler runs, so that a crash before it costs nothing (Q18).
      if (held.crashes > 0 && !(await store.insist(() => startIfHeld(store, held.id, held.lease, held.token), this.signal))) {
        this.#end(null)
        return null
      }
      if (kind.codec) held.opened = await openProgress(kind.codec, held.progress)
      const plain = kind.codec ? await open(kind.codec, held.payload) : held.payload
      const given =
        kind.upgrade && held.payloadVersion < (kind.payloadVersion ?? 1) ? kind.upgrade(plain, held.payloadVersion) : plain
      const parsed = await parsePayload(kind, given)
      if (!('errors' in parsed)) return parsed
      const error = parsed.errors.map((one) => `${one.path}: ${one.message}`).join('; ')
      this.#end({ ...held.fence, outcome: 'discard', reason: 'payload_invalid', error: storableText(error) })
    } catch (error) {
      this.threw(error)
    }
    return null
  }

  #enter(run: Runner, payload: unknown): void {
    let value: unknown
    try {
      value = run(new HeldJob(this.held, payload), new AttemptContext(this), this)
    } catch (error) {
      this.threw(error)
      return
    }
    if (isThenable(value))
      value.then(
        (given) => this.gave(given),
        (error) => this.threw(error),
      )
    else this.gave(value)
  }

  /** The handler's return value. */
  gave(value: unknown): void {
    if (value === undefined && this.#enqueued === undefined && !this.kind.onCompleted?.length) this.#end(undefined)
    else this.#conclude(() => this.spoken(value))
  }

  /** The handler's return value says nothing of this job, or nothing that can be stored. */
  invalid(why: string): void {
    this.#conclude(() => this.#invalid(why))
  }

  /** The handler's error. */
  threw(error: unknown): void {
    const { held, kind } = this
    // Not the handler's fault: the process ends, and the job is for others at once.
    if (this.#aborted === 'shutdown') {
      this.#conclude(() => ({ ...held.fence, outcome: 'release' }))
      return
    }
    const failed: Result = {
      ...held.fence,
      outcome: 'failed',
      reason: error instanceof Crashed ? error.reason : 'error',
      error: storableText(error instanceof Error ? `${error.name}: ${error.message}` : String(error)),
      stack: error instanceof Error && error.stack ? storableText(error.stack) : undefined,
    }
    const { backoff } = kind
    this.#conclude(() => (typeof backoff === 'function' ? this.#delayed(failed, backoff, error) : failed))
  }

  /** The end that the handler gave; the first one counts. Of a kind that seals, it is stored once it is sealed. */
  #conclude(result: () => Result): void {
    if (this.#concluding !== undefined) return
    if (this.kind.codec === undefined && this.#sealing === undefined) {
      this.#end(this.#withProgress(result()))
      return
    }
    this.#concluding = this.#sealed(result).then((sealed) => this.#end(sealed))
  }

  /** Resolves when the handler's end is on its way. */
  get concluded(): Promise<void> | undefined {
    return this.#concluding
  }

  /** The result as it is to be stored. Never rejects: what cannot be sealed is no outcome, and nothing of it is stored. */
  async #sealed(result: () => Result): Promise<Result> {
    const { codec } = this.kind
    const failure: unknown = await this.#sealing?.then(
      () => null,
      (error: unknown) => error,
    )
    try {
      const { progress, ...plain } = this.#withProgress(result())
      const output = codec && plain.output !== undefined ? { output: await seal(codec, plain.output, '/output') } : {}
      return { ...plain, ...output, ...(progress ? await this.#lastProgress() : {}) } as Result
    } catch (error) {
      const why = failure ?? error
      return this.#invalid(why instanceof Error ? why.message : 'the outcome could not be sealed')
    }
  }

  /** An outcome is not lost over the progress that rides on it. */
  async #lastProgress(): Promise<{ progress?: unknown }> {
    try {
      return { progress: await this.#sealedProgress() }
    } catch (error) {
      this.log.warn({ err: error }, 'progress could not be stored')
      return {}
    }
  }

  #sealedProgress() {
    return sealProgress(this.kind.codec, this.#progress ?? {}, MAX_PROGRESS)
  }

  #delayed(failed: Result, backoff: Exclude<Kind['backoff'], BackoffRule | undefined>, error: unknown): Result {
    try {
      return { ...failed, after_ms: milliseconds(backoff(this.held.attempt, error), '/backoff') }
    } catch (wrong) {
      this.log.warn({ err: wrong }, 'the backoff of this kind failed; the usual one is used')
      return failed
    }
  }

  abort(reason: AbortReason): void {
    if (this.#over) return
    this.#aborted ??= reason
    this.#aborter?.abort(reason)
    if (reason === 'deadline')
      this.#force({ outcome: 'failed', reason: 'deadline_expired', error: 'the attempt passed its deadline' })
    if (reason === 'lease_lost') this.#force(null)
    if (reason === 'cancelled')
      this.#cancelGrace ??= this.#house.clock.timer(milliseconds(this.kind.cancelGrace ?? CANCEL_GRACE, '/cancelGrace'), () =>
        this.#force({ outcome: 'cancel', reason: 'cancelled' }),
      )
  }

  expire(): void {
    this.abort('deadline')
  }

  /** Ends this attempt as one that never was: the job is ready for others at once. */
  release(): void {
    this.#force({ outcome: 'release' })
  }

  /** Decided without the handler, which is not waited for. */
  #force(ending: { outcome: string; reason?: string; error?: string } | null): void {
    if (this.#over) return
    this.#settle(ending && { ...this.held.fence, ...ending })
    this.kill?.()
  }

  #end(ending: Ending): void {
    if (this.#over) return
    this.#over = true
    this.#cancelProgress?.()
    this.#cancelGrace?.()
    this.#settle(ending)
    this.#keeper.returned(this)
  }

  #settle(ending: Ending): void {
    if (this.#settled) return
    this.#settled = true
    this.#keeper.settle(this, ending)
  }

  /** Whether somebody asked the handler to end, and why. */
  get aborted(): AbortReason | undefined {
    return this.#aborted
  }

  get settled(): boolean {
    return this.#settled
  }

  /** The transaction of `finishIn` may still be open, so this result must not hold up others. */
  get isApart(): boolean {
    return this.#finishedIn
  }

  get signal(): AbortSignal {
    if (!this.#aborter) {
      this.#aborter = new AbortController()
      if (this.#aborted) this.#aborter.abort(this.#aborted)
    }
    return this.#aborter.signal
  }

  get log(): Log {
    const { id, kind, attempt } = this.held
    this.#log ??= withJob(this.#house.log, { job_id: id, kind, attempt })
    return this.#log
  }

  /** What a return value means; anything that is no outcome and no JSON is a failed attempt. */
  spoken(value: unknown): Result {
    const fence = this.held.fence
    if (isOutcome(value)) {
      const spoken = spokenOutcome(value)
      if (!spoken) return this.#invalid('the handler returned an unknown control object')
      for (const member of ['error', 'reason'])
        if (typeof spoken[member] === 'string') spoken[member] = storableText(spoken[member])
      return { ...fence, ...spoken }
    }
    const result: Result = { ...fence, outcome: 'completed' }
    if (this.#enqueued) result.enqueue = this.#enqueued.map((text) => JSON.parse(text))
    if (value === undefined) return result
    try {
      // What a codec makes of it is what counts.
      const text = jsonText(value, '/output', this.kind.codec ? Number.POSITIVE_INFINITY : MAX_PAYLOAD)
      return this.kind.keepOutput === false ? result : { ...result, output: JSON.parse(text) }
    } catch (error) {
      return this.#invalid(error instanceof Error ? error.message : 'the output is not JSON')
    }
  }

  #invalid(error: string): Result {
    return { ...this.held.fence, outcome: 'failed', reason: 'output_invalid', error: storableText(error) }
  }

  // The last progress rides on the result, so that it costs no call of its own.
  #withProgress(result: Result): Result {
    return this.#unsaved && result.outcome !== 'completed' ? { ...result, progress: this.#progress } : result
  }

  /** Before anything but "completed" is done with it, the attempt gets a row of its own, in a transaction of its own (Q52, Q53). */
  leave(): Promise<void> {
    if (!this.held.receipt) return Promise.resolve()
    this.#leaving ??= this.#leave().catch((error: unknown) => {
      this.#leaving = undefined
      throw error
    })
    return this.#leaving
  }

  async #leave(): Promise<void> {
    const { id, lease, token } = this.held
    const { store } = this.#house
    if (!(await store.insist(() => leaveClaim(store, id, lease, token), this.signal)))
      throw new QueueError('lease_stale', `this attempt of job ${id} is over`)
    this.held.receipt = null
  }

  progress(percent?: number, message?: string, data?: Record<string, unknown>): void {
    const before = this.#progress ?? this.held.progress ?? {}
    const next = { ...before }
    if (percent !== undefined && Number.isFinite(percent)) next.percent = Math.min(100, Math.max(0, percent))
    if (message !== undefined) next.message = storableText(message).slice(0, 1024)
    if (data !== undefined) {
      next.data = { ...before.data, ...data }
      jsonText(next.data, '/progress/data', this.kind.codec ? Number.POSITIVE_INFINITY : MAX_PROGRESS)
    }
    this.#progress = next
    this.#unsaved = true
    if (this.#over) return
    this.#cancelProgress ??= this.#house.clock.timer(PROGRESS_MS, () => {
      this.flush().catch((error: unknown) => this.log.warn({ err: error }, 'progress could not be stored'))
    })
  }

  async flush(): Promise<void> {
    this.#cancelProgress?.()
    this.#cancelProgress = undefined
    if (!this.#unsaved) return
    this.#unsaved = false
    try {
      await this.leave()
      const progress = await this.#sealedProgress()
      await storeProgress(this.#house.store, [{ ...this.held.fence, progress }])
    } catch (error) {
      this.#unsaved = true // the next write, or the result, carries it
      throw error
    }
  }

  heartbeat(): Promise<void> {
    return this.#house.beat()
  }

  async callback(name: string, options: CallbackOptions = {}): Promise<Callback> {
    const { store, callbackUrl } = this.#house
    const { id, lease, token } = this.held
    const timeout = milliseconds(options.timeout ?? '1h', '/timeout')
    await this.leave()
    const expressions = spokenExpressions(options)
    if (expressions && this.kind.codec)
      throw QueueError.invalid(
        '/callback',
        `an expression of the database cannot read an answer to ${this.kind.name}, which is sealed`,
      )
    const create = () => createCallback(store, id, lease, token, name, timeout, options.then ?? 'finish', expressions)
    const row = await store.insist(create, this.signal)
    const { codec } = this.kind
    const opened = codec ? { ...row, payload: await open(codec, row.payload) } : row
    return callbackOf(opened, callbackUrl?.(row.id) ?? null, async () => {
      const answer = await waitFor(this.#house, row.id, this.signal)
      return codec ? open(codec, answer) : answer
    })
  }

  /** The statement that settles this attempt in whichever transaction runs it. */
  async finishInStatement(outcome: unknown): Promise<{ text: string; values: unknown[] }> {
    // First, and outside of the caller's transaction: while that is open it holds this one job, and no other of the claim (Q52).
    await this.leave()
    this.#finishedIn = true
    const seals = this.kind.codec !== undefined || this.#sealing !== undefined
    const result = seals ? await this.#sealed(() => this.spoken(outcome)) : this.spoken(outcome)
    return finishInTxStatement(this.#unsaved ? { ...result, progress: await this.#sealedProgress() } : result)
  }

  async finishIn(tx: Queryable, outcome?: unknown): Promise<void> {
    const { text, values } = await this.finishInStatement(outcome)
    try {
      await tx.query(text, values)
    } catch (error) {
      throw asQueueError(error)
    }
  }

  enqueue(one: Enqueue): void {
    const job = { tenantId: this.held.tenantId, ...one }
    this.#enqueued ??= []
    const list = this.#enqueued
    const codec = this.#house.kinds?.get(one.kind)?.codec
    if (!codec) {
      list.push(spokenJob(job))
      return
    }
    const place = list.push('') - 1
    const sealing = sealJob(codec, job).then((sealed) => {
      list[place] = spokenJob(sealed)
    })
    this.#sealing = Promise.all([this.#sealing, sealing])
    // Whoever ends the attempt awaits it; until then a failure of it is no unhandled one.
    this.#sealing.catch(() => undefined)
  }
}

/** The context as a handler sees it. Its functions are made when they are read, and may be taken apart from it. */
class AttemptContext implements Context {
  readonly #of: Attempt

  constructor(of: Attempt) {
    this.#of = of
  }

  get signal() {
    return this.#of.signal
  }
  get attempt() {
    return this.#of.held.attempt
  }
  get lease() {
    return this.#of.held.lease
  }
  get idempotencyKey() {
    return this.#of.held.id
  }
  get log() {
    return this.#of.log
  }
  get logger() {
    return this.#of.log
  }
  get span() {
    return this.#of.span
  }
  get progress(): Context['progress'] {
    return (percent, message, data) => this.#of.progress(percent, message, data)
  }
  get flush(): Context['flush'] {
    return () => this.#of.flush()
  }
  get heartbeat(): Context['heartbeat'] {
    return () => this.#of.heartbeat()
  }
  get callback(): Context['callback'] {
    return (name, options) => this.#of.callback(name, options)
  }
  get finishIn(): Context['finishIn'] {
    return (tx, outcome) => this.#of.finishIn(tx, outcome)
  }
  get enqueue(): Context['enqueue'] {
    return (job) => this.#of.enqueue(job)
  }
}

export const contextOf = (attempt: Attempt): Context => new AttemptContext(attempt)

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

const withJob = (log: Log, fields: object): Log => ({
  debug: (more, message) => log.debug({ ...fields, ...more }, message),
  info: (more, message) => log.info({ ...fields, ...more }, message),
  warn: (more, message) => log.warn({ ...fields, ...more }, message),
  error: (more, message) => log.error({ ...fields, ...more }, message),
})
