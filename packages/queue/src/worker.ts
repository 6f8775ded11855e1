// A worker process: claims what it has permits for, runs it, and hands the results over. It survives any lost connection (Q97), never ends for
// an error of a handler, and stops when told (Q96) with nothing left in its hands. It never judges what the engine judges: limits, fences, time.
import { hostname } from 'node:os'
import { type Attempt, type AttemptHouse, startAttempt } from './attempt.ts'
import { type Duration, milliseconds } from './duration.ts'
import { QueueError } from './error.ts'
import { type Finisher, makeFinisher } from './finish.ts'
import type { Clock, Log } from './host.ts'
import { type Kind, kindSettings } from './kind.ts'
import { makePermits, type Permits, type Shares, type Want } from './permits.ts'
import { makeSleeper } from './sleeper.ts'
import { beat, claim, type HandedJob, type Result, registerKinds, registerWorker, releaseWorker } from './sql.ts'
import { pause, retryMs, type Store } from './store.ts'
import type { Wake } from './wake.ts'

export type WorkerOptions = {
  /** Queues, with a pool of their own (a number) or a share of `concurrency`; default: every queue of the kinds, and `default`. */
  queues?: readonly string[] | Shares
  /** Permits of the queues without a pool of their own; default 16. */
  concurrency?: number
  /** How often the process vouches for itself; default 5s. */
  heartbeat?: Duration
  /** How long without that until others take over; default 15s, at least three heartbeats. */
  lostAfter?: Duration
  version?: string
}

export type SettledHook = (
  job: { id: string; kind: string; queue: string; attempt: number },
  outcome: string,
  stale: boolean,
) => void

export type Worker = {
  readonly id: string
  /** No new claim; running jobs may end; at 2 s before `grace` their signals abort; what is left is ready for others. */
  stop(options?: { grace?: Duration }): Promise<void>
  /** Times since the claim loop and the heartbeat last turned, in milliseconds of this process. */
  ages(): { claim_loop_age_ms: number; heartbeat_age_ms: number; running: number; unacknowledged: number }
}

export type WorkerHouse = {
  store: Store
  wake: Wake
  clock: Clock
  log: Log
  kinds: ReadonlyMap<string, Kind>
  callbackUrl: ((id: string) => string) | undefined
  settled: SettledHook | undefined
}

const POLL_FIRST_MS = 1
const POLL_MS = 200
const POLL_LISTENING_MS = 1_000
/** From this wait on a worker says that it sleeps, so that enqueues wake it. */
const ASLEEP_MS = 16
/** We say that we sleep a little longer than we do: a wake-up too many costs less than one too few. */
const ASLEEP_SLACK_MS = 500
/** Before the end of grace: signals abort, then what is left is handed back. */
const SHUTDOWN_MS = 2_000
const HAND_BACK_MS = 500

export function shapeOf(kinds: ReadonlyMap<string, Kind>, options: WorkerOptions): { shares: Shares; concurrency: number } {
  const named = options.queues ?? [...new Set(['default', ...[...kinds.values()].map((kind) => kind.queue ?? 'default')])]
  const shares = Array.isArray(named) ? Object.fromEntries(named.map((queue) => [queue, {}])) : (named as Shares)
  return { shares, concurrency: options.concurrency ?? 16 }
}

export function startWorker(house: WorkerHouse, options: WorkerOptions = {}): Worker {
  const heartbeatMs = milliseconds(options.heartbeat ?? '5s', '/heartbeat')
  const lostAfterMs = milliseconds(options.lostAfter ?? '15s', '/lostAfter')
  if (heartbeatMs < 1 || lostAfterMs < 3 * heartbeatMs) throw QueueError.invalid('/lostAfter', 'is at least three heartbeats')
  const { shares, concurrency } = shapeOf(house.kinds, options)
  const window = Math.min(4096, Math.max(256, 4 * concurrency))
  const { version = '0' } = options
  return new RunningWorker(house, makePermits(shares, concurrency), {
    queues: Object.keys(shares),
    window,
    heartbeatMs,
    lostAfterMs,
    version,
  })
}

export type Identity = { id: string; queues: string[]; kinds: ReadonlyMap<string, Kind>; lostAfterMs: number; version: string }

/** Makes a worker and what its kinds declare known to the database. */
export async function announce(store: Store, { kinds, ...worker }: Identity): Promise<void> {
  await registerKinds(store, Object.fromEntries([...kinds].map(([name, kind]) => [name, kindSettings(kind)])))
  await registerWorker(store, { ...worker, kinds: [...kinds.keys()], host: hostname(), pid: process.pid })
}

export const newWorkerId = (): string => `${hostname()}-${process.pid}-${crypto.randomUUID().slice(0, 8)}`

type Plan = { queues: string[]; window: number; heartbeatMs: number; lostAfterMs: number; version: string }

class RunningWorker implements Worker {
  id = newWorkerId()
  readonly #house: WorkerHouse
  readonly #permits: Permits
  readonly #plan: Plan
  readonly #attempts = new Set<Attempt>()
  readonly #settling = new Set<Promise<void>>()
  readonly #finisher: Finisher
  readonly #attemptHouse: AttemptHouse
  readonly #stopping = new AbortController()
  readonly #givingUp = new AbortController()
  readonly #claimSleeper: ReturnType<typeof makeSleeper>
  readonly #beatSleeper: ReturnType<typeof makeSleeper>
  readonly #unsubscribe: () => void
  readonly #claiming: Promise<void>
  readonly #beating: Promise<void>
  #stopped: Promise<void> | undefined
  #claimedAt = performance.now()
  #beatAt = performance.now()

  constructor(house: WorkerHouse, permits: Permits, plan: Plan) {
    this.#house = house
    this.#permits = permits
    this.#plan = plan
    this.#finisher = makeFinisher(house.store, house.log, this.#givingUp.signal)
    this.#attemptHouse = { ...house, beat: () => this.#beat() }
    this.#claimSleeper = makeSleeper(house.clock)
    this.#beatSleeper = makeSleeper(house.clock)
    this.#unsubscribe = house.wake.subscribe(({ topic, name }) => {
      if (topic === 'cancel' && [...this.#attempts].some((one) => one.job.id === name)) this.#beatSleeper.rouse()
      if (topic === 'clock' || (topic === 'work' && (name === '*' || plan.queues.includes(name)))) this.#claimSleeper.rouse()
    })
    this.#claiming = this.#claimLoop()
    this.#beating = this.#beatLoop()
  }

  ages() {
    const now = performance.now()
    return {
      claim_loop_age_ms: Math.round(now - this.#claimedAt),
      heartbeat_age_ms: Math.round(now - this.#beatAt),
      running: this.#attempts.size,
      unacknowledged: this.#finisher.pending(),
    }
  }

  stop(options: { grace?: Duration } = {}): Promise<void> {
    this.#stopped ??= this.#stop(milliseconds(options.grace ?? '30s', '/grace'))
    return this.#stopped
  }

  async #claimLoop(): Promise<void> {
    const { clock, log, wake } = this.#house
    let idle = 0
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      this.#claimedAt = performance.now()
      this.#claimSleeper.attend()
      const wants = this.#finisher.pending() < this.#plan.window ? this.#permits.wants() : []
      const listening = wake.status() === 'listening'
      const waitMs = Math.min(listening ? POLL_LISTENING_MS : POLL_MS, POLL_FIRST_MS * 2 ** Math.min(idle, 10))
      if (wants.length === 0) {
        await this.#claimSleeper.sleep(POLL_LISTENING_MS) // a permit that comes free rouses
        continue
      }
      try {
        const { got, nextMs } = await this.#claim(wants, listening && waitMs > ASLEEP_MS ? waitMs + ASLEEP_SLACK_MS : 0)
        failures = 0
        idle = got > 0 ? 0 : idle + 1
        if (got === 0) await this.#claimSleeper.sleep(Math.min(waitMs, nextMs ?? waitMs))
      } catch (error) {
        failures++
        if (failures === 1) log.warn({ err: error }, 'claiming failed; trying again')
        await pause(clock, retryMs(failures), this.#stopping.signal)
      }
    }
  }

  async #claim(asked: readonly Want[], sleepMs: number): Promise<{ got: number; nextMs: number | null }> {
    const { store, kinds } = this.#house
    const token = crypto.randomUUID()
    const wants = asked.map((one) => ({ ...one, kinds: [...kinds.keys()] }))
    const { lost, jobs, wait_ms } = await claim(store, this.id, token, wants, sleepMs)
    if (lost) {
      // Found lost, or new: what we still run belongs to others by now, and so does our name (Q58).
      for (const attempt of this.#attempts) attempt.abort('lease_lost')
      if (this.#attempts.size > 0) this.id = newWorkerId()
      const { queues, lostAfterMs, version } = this.#plan
      if (!this.#stopping.signal.aborted) await announce(store, { id: this.id, queues, kinds, lostAfterMs, version })
      return { got: 1, nextMs: null }
    }
    const got = new Map<string, number>()
    for (const { queue } of jobs) got.set(queue, (got.get(queue) ?? 0) + 1)
    this.#permits.answered(asked, got)
    for (const job of jobs) {
      if (this.#stopping.signal.aborted)
        this.#track(this.#settle(job, { id: job.id, lease: job.lease, token, outcome: 'release' }, this.#finisher))
      else this.#start(job, token)
    }
    return { got: jobs.length, nextMs: wait_ms === null ? null : Math.max(1, wait_ms) }
  }

  #start(job: HandedJob, token: string): void {
    const kind = this.#house.kinds.get(job.kind) as Kind // a claim names only the kinds of this map
    const attempt = startAttempt(this.#attemptHouse, kind, job, token)
    // Whoever cannot be told of a cancel begins to ask every second now.
    if (this.#attempts.size === 0 && this.#house.wake.status() !== 'listening') this.#beatSleeper.rouse()
    this.#attempts.add(attempt)
    this.#permits.take(job.queue)
    let decided = false
    const once = (result: Result | null) => {
      if (!decided && result) {
        // A transaction of the handler's own may still hold the job: its result waits alone.
        const finisher = attempt.isApart()
          ? makeFinisher(this.#house.store, this.#house.log, this.#givingUp.signal)
          : this.#finisher
        this.#track(this.#settle(job, result, finisher, attempt.isApart()))
      }
      decided = true
    }
    void attempt.decided.then(once)
    void attempt.returned.then((result) => {
      once(result)
      this.#attempts.delete(attempt)
      this.#permits.free(job.queue)
      this.#claimSleeper.rouse()
    })
  }

  async #settle(job: HandedJob, result: Result, finisher: Finisher, mayBeStale = false): Promise<void> {
    const { log, settled } = this.#house
    const fields = { job_id: job.id, kind: job.kind, attempt: job.attempt, outcome: result.outcome }
    try {
      const verdict = await finisher.add(result)
      if (verdict === 'stale' && !mayBeStale) log.warn(fields, 'the attempt was over before its outcome came')
      if (result.outcome === 'failed') log.info({ ...fields, error: result.error, reason: result.reason }, 'an attempt failed')
      if (result.outcome !== 'completed') this.#claimSleeper.rouse() // it may be due again soon
      settled?.({ id: job.id, kind: job.kind, queue: job.queue, attempt: job.attempt }, result.outcome, verdict === 'stale')
    } catch (error) {
      log.error({ ...fields, err: error }, 'an outcome is not stored; the job will be rescued')
    }
  }

  #track(settling: Promise<void>): void {
    this.#settling.add(settling)
    void settling.finally(() => this.#settling.delete(settling))
  }

  async #beat(): Promise<void> {
    const attempts = [...this.#attempts]
    const held = attempts.map(({ job }) => ({ id: job.id, lease: job.lease }))
    const { lost, cancelled, gone } = await beat(this.#house.store, this.id, held)
    this.#beatAt = performance.now()
    if (lost) this.#claimSleeper.rouse() // the next claim registers anew
    for (const attempt of lost ? [] : attempts) {
      if (cancelled.includes(attempt.job.id)) attempt.abort('cancelled')
      // Gone by its own finishIn is no loss.
      else if (gone.includes(attempt.job.id) && !attempt.isApart()) attempt.abort('lease_lost')
    }
  }

  async #beatLoop(): Promise<void> {
    const { log, wake } = this.#house
    let failures = 0
    while (!this.#givingUp.signal.aborted) {
      // Without LISTEN a cancel is learned here, within a second (Q95).
      const watched = this.#attempts.size > 0 && wake.status() !== 'listening' ? 1_000 : this.#plan.heartbeatMs
      await this.#beatSleeper.sleep(Math.min(failures > 0 ? retryMs(failures) : watched, this.#plan.heartbeatMs))
      if (this.#givingUp.signal.aborted) return
      try {
        await this.#beat()
        failures = 0
      } catch (error) {
        failures++
        if (failures === 1) log.warn({ err: error }, 'the heartbeat failed; trying again')
      }
    }
  }

  async #stop(graceMs: number): Promise<void> {
    const { clock, store, log } = this.#house
    const gaveUp = aborted(this.#givingUp.signal)
    this.#stopping.abort()
    this.#claimSleeper.rouse()
    let handBack: () => void = () => undefined
    const handedBack = new Promise<void>((resume) => {
      handBack = resume
    })
    const cancels = [
      clock.timer(Math.max(0, graceMs - SHUTDOWN_MS), () => {
        for (const attempt of this.#attempts) attempt.abort('shutdown')
      }),
      clock.timer(Math.max(0, graceMs - HAND_BACK_MS), () => {
        for (const attempt of this.#attempts) attempt.release()
        handBack()
      }),
      clock.timer(Math.max(graceMs, HAND_BACK_MS), () => this.#givingUp.abort()),
    ]
    const ended = async () => {
      await this.#claiming
      await Promise.race([Promise.all([...this.#attempts].map((one) => one.returned)), handedBack])
      await new Promise((resume) => setImmediate(resume)) // the last outcomes are on their way now
      await Promise.all(this.#settling)
      await releaseWorker(store, this.id)
    }
    await Promise.race([
      ended().catch((error) => log.warn({ err: error }, 'the worker could not sign off; its row will be found stale')),
      gaveUp,
    ])
    for (const cancel of cancels) cancel()
    this.#givingUp.abort()
    this.#beatSleeper.rouse()
    await this.#beating
    this.#unsubscribe()
  }
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resume) => {
    if (signal.aborted) resume()
    else signal.addEventListener('abort', () => resume(), { once: true })
  })
