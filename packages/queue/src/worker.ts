// A worker process: claims what it has permits for and a little ahead, runs it, and hands the results over. It survives any lost connection (Q97),
// never ends for an error of a handler, and stops when told (Q96) with nothing left in its hands. It never judges what the engine judges: limits,
// fences, time.
import { hostname } from 'node:os'
import { Attempt, type AttemptHouse, type Ending, type Keeper, type Runner } from './attempt.ts'
import { type Batch, type Gathering, gather, runBatch } from './batch.ts'
import { claimJobs, Held } from './claim.ts'
import { makeDeadlines } from './deadline.ts'
import { type Duration, milliseconds } from './duration.ts'
import { isStoreAway, QueueError } from './error.ts'
import { type Finisher, makeFinisher, type Said } from './finish.ts'
import type { Clock, Log } from './host.ts'
import { makeIsolates } from './isolate.ts'
import { type Job, type Kind, kindSettings } from './kind.ts'
import { type Vouching, vouchFor } from './liveness.ts'
import { outcomeName } from './outcome.ts'
import { checkShares, makePermits, type Permits, type Shares, type Want } from './permits.ts'
import { makeReady } from './ready.ts'
import { stopOnSignal } from './signals.ts'
import { makeSleeper } from './sleeper.ts'
import { beat, type HandedJob, handBack, type Result, registerKinds, registerWorker, releaseWorker, type Verdict } from './sql.ts'
import { pause, retryMs, type Store } from './store.ts'
import { type Meters, noMeters, noSpans, type Spans } from './telemetry.ts'
import type { Wake } from './wake.ts'

export type WorkerOptions = {
  /** Queues, with a pool of their own (a number) or a share of `concurrency`; default: every queue of the kinds, and `default`. */
  queues?: readonly string[] | Shares
  /** Permits of the queues without a pool of their own; default 16. */
  concurrency?: number
  /** How often the process vouches for itself; default 5s. */
  heartbeat?: Duration
  /** How long without that until others take over; default 20s, at least three heartbeats. */
  lostAfter?: Duration
  /** How long a handler may block the event loop before the process is no longer vouched for; default 60s. */
  stallAfter?: Duration
  /** true: claims, too, wait until they are on disk. Without it a crash of the database may claim a job again (Q47). */
  strictClaims?: boolean
  /** Best effort, detached: an error in one reaches the log only (Q113). */
  hooks?: Hooks
  version?: string
}

export type SettledHook = (
  job: { id: string; kind: string; queue: string; attempt: number },
  outcome: string,
  stale: boolean,
) => void

export type HookedJob = { id: string; kind: string; queue: string; attempt: number }
/** Why an attempt ended in place of its handler. */
export type RescueReason = 'deadline_expired' | 'lease_lost' | 'isolate_crashed'

export type Hooks = {
  /** A handler begins. */
  started?(job: HookedJob): unknown
  /** The end of an attempt is stored, or came too late. */
  settled?(job: HookedJob, outcome: string, stale: boolean): unknown
  /** This process ended an attempt that its handler did not. */
  rescued?(job: HookedJob, reason: RescueReason): unknown
  /** A job waits for its callback. */
  waiting?(job: HookedJob): unknown
}

export type Worker = {
  readonly id: string
  /** No new claim; running jobs may end; at 2 s before `grace` their signals abort; what is left is ready for others. */
  stop(options?: { grace?: Duration }): Promise<void>
  /** Times since the claim loop and the heartbeat last turned, in milliseconds of this process, and what it holds. */
  ages(): {
    claim_loop_age_ms: number
    heartbeat_age_ms: number
    running: number
    waiting: number
    unacknowledged: number
  }
}

export type WorkerHouse = {
  store: Store
  wake: Wake
  clock: Clock
  log: Log
  kinds: ReadonlyMap<string, Kind>
  callbackUrl: ((id: string) => string) | undefined
  settled: SettledHook | undefined
  /** Without them nothing is measured. */
  meters?: Meters
  spans?: Spans
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
/** What is held ahead should start within this time; a handler above the other gets nothing ahead (Q90). */
const SOON_MS = 100
const LONG_MS = 1_000
const MOST_AHEAD = 512
/** Held and not started for so long: others may be faster. */
const STALE_MS = 5_000
const SWEEP_MS = 1_000
/** Handlers that end at once may not keep the loop from its timers and sockets. */
const BREATH_MS = 8
/** Claims answer with at most so many of a queue. */
const MOST_ASKED = 1_000

export function shapeOf(kinds: ReadonlyMap<string, Kind>, options: WorkerOptions): { shares: Shares; concurrency: number } {
  const named = options.queues ?? [...new Set(['default', ...[...kinds.values()].map((kind) => kind.queue ?? 'default')])]
  const shares = Array.isArray(named) ? Object.fromEntries(named.map((queue) => [queue, {}])) : (named as Shares)
  return { shares, concurrency: options.concurrency ?? 16 }
}

/** All faults at once, in one sentence, before anything is opened (section 8 of the specification). */
function plan(kinds: ReadonlyMap<string, Kind>, options: WorkerOptions): Plan {
  const faults: string[] = []
  const duration = (value: Duration, path: string, name: string): number => {
    try {
      return milliseconds(value, path)
    } catch {
      faults.push(`${name} is a duration like 500ms, 10s or 5m`)
      return Number.NaN
    }
  }
  const { shares, concurrency } = shapeOf(kinds, options)
  faults.push(...checkShares(shares, concurrency))
  if (Object.keys(shares).length === 0) faults.push('a worker serves at least one queue')
  const heartbeatMs = duration(options.heartbeat ?? '5s', '/heartbeat', 'heartbeat')
  const lostAfterMs = duration(options.lostAfter ?? '20s', '/lostAfter', 'lostAfter')
  const stallMs = duration(options.stallAfter ?? '60s', '/stallAfter', 'stallAfter')
  if (heartbeatMs < 1) faults.push('heartbeat is above 0')
  if (lostAfterMs < 3 * heartbeatMs) faults.push('lostAfter is at least three heartbeats')
  if (stallMs < 1) faults.push('stallAfter is above 0')
  for (const kind of kinds.values()) {
    if (kind.deadline === undefined) continue
    const ms = duration(kind.deadline, '/deadline', `the deadline of kind ${kind.name}`)
    if (ms > 0 && ms < 1_000) faults.push(`the deadline of kind ${kind.name} is at least 1s, or 0 for none`)
  }
  if (faults.length > 0) throw new QueueError('validation_failed', `The worker cannot start: ${faults.join('; ')}.`)
  const { version = '0', strictClaims = false, hooks = {} } = options
  const window = Math.min(4096, Math.max(256, 4 * concurrency))
  return {
    shares,
    concurrency,
    queues: Object.keys(shares),
    window,
    heartbeatMs,
    lostAfterMs,
    stallMs,
    version,
    strictClaims,
    hooks,
  }
}

type Plan = {
  shares: Shares
  concurrency: number
  queues: string[]
  window: number
  heartbeatMs: number
  lostAfterMs: number
  stallMs: number
  version: string
  strictClaims: boolean
  hooks: Hooks
}

export const startWorker = (house: WorkerHouse, options: WorkerOptions = {}): Worker =>
  new RunningWorker(house, plan(house.kinds, options))

export type Identity = { id: string; queues: string[]; kinds: ReadonlyMap<string, Kind>; lostAfterMs: number; version: string }

/** Makes a worker and what its kinds declare known to the database. */
export async function announce(store: Store, { kinds, ...worker }: Identity): Promise<void> {
  await registerKinds(store, Object.fromEntries([...kinds].map(([name, kind]) => [name, kindSettings(kind)])))
  await registerWorker(store, { ...worker, kinds: [...kinds.keys()], host: hostname(), pid: process.pid })
}

export const newWorkerId = (): string => `${hostname()}-${process.pid}-${crypto.randomUUID().slice(0, 8)}`

class RunningWorker implements Worker {
  id = newWorkerId()
  readonly #house: WorkerHouse
  readonly #permits: Permits
  readonly #plan: Plan
  readonly #kindNames: string[]
  readonly #attempts = new Set<Attempt>()
  readonly #ready = makeReady()
  readonly #gathering: Gathering
  readonly #deadlines: ReturnType<typeof makeDeadlines<Attempt>>
  readonly #isolates: ReturnType<typeof makeIsolates>
  readonly #finisher: Finisher
  readonly #attemptHouse: AttemptHouse
  readonly #single: Keeper
  readonly #member: Keeper
  readonly #runners = new Map<Kind, Runner>()
  readonly #meters: Meters
  /** How long handlers ran whose outcomes are not stored yet. */
  readonly #took = new WeakMap<Held, number>()
  readonly #spans: Spans
  /** How long handlers of a queue take, in milliseconds: quick to learn that they are slow, slow to believe that they are quick. */
  readonly #tempo = new Map<string, number>()
  /** How many jobs batches of a queue gather. */
  readonly #gathers = new Map<string, number>()
  readonly #stopping = new AbortController()
  readonly #givingUp = new AbortController()
  readonly #claimSleeper: ReturnType<typeof makeSleeper>
  readonly #beatSleeper: ReturnType<typeof makeSleeper>
  readonly #unsubscribe: () => void
  readonly #unsignal: () => void
  readonly #sweeping: NodeJS.Timeout
  readonly #claiming: Promise<void>
  readonly #beating: Promise<void>
  #vouching: Vouching | null = null
  #registered = false
  /** Of those that wait, how many wait for their batch to fill. */
  #gathered = 0
  #pumping = false
  /** The claim loop waits for room in the window of results. */
  #full = false
  #suspect: Attempt | undefined
  #drained: (() => void) | undefined
  #wokenAt: number | undefined
  #stopped: Promise<void> | undefined
  #claimMs = 1
  /** Claim calls that failed on the way, and may have given jobs. */
  readonly #unsure: { id: string; token: string }[] = []
  #claimedAt = performance.now()
  #beatAt = performance.now()

  constructor(house: WorkerHouse, own: Plan) {
    this.#house = house
    this.#plan = own
    this.#permits = makePermits(own.shares, own.concurrency)
    this.#meters = house.meters ?? noMeters
    this.#spans = house.spans ?? noSpans
    this.#kindNames = [...house.kinds.keys()]
    for (const { batch, queue = 'default' } of house.kinds.values())
      if (batch) this.#gathers.set(queue, (this.#gathers.get(queue) ?? 0) + batch.max)
    this.#finisher = makeFinisher(
      house.store,
      house.log,
      this.#givingUp.signal,
      (...told) => this.#told(...told),
      this.#meters,
      this.#spans,
    )
    this.#attemptHouse = { ...house, beat: () => this.#beat() }
    this.#single = { settle: (...ending) => this.#settle(...ending), returned: (attempt) => this.#returned(attempt) }
    this.#member = { settle: (...ending) => this.#settle(...ending), returned: (attempt) => this.#left(attempt) }
    this.#deadlines = makeDeadlines<Attempt>(house.clock)
    this.#isolates = makeIsolates(house.clock)
    this.#gathering = gather(house.clock, (batch) => {
      this.#gathered -= batch.held.length
      this.#ready.add(batch)
      this.#pump()
    })
    this.#claimSleeper = makeSleeper(house.clock)
    this.#beatSleeper = makeSleeper(house.clock)
    this.#unsubscribe = house.wake.subscribe((notice) => this.#hear(notice.topic, notice.name))
    this.#unsignal = stopOnSignal(() => this.stop())
    this.#sweeping = setInterval(() => this.#handBack((held, now) => now - held.heldAt > STALE_MS), SWEEP_MS).unref()
    this.#claiming = this.#claimLoop()
    this.#beating = this.#beatLoop()
  }

  ages() {
    const now = performance.now()
    return {
      claim_loop_age_ms: Math.round(now - this.#claimedAt),
      heartbeat_age_ms: Math.round(now - this.#beatAt),
      running: this.#attempts.size,
      waiting: this.#permits.waiting(),
      unacknowledged: this.#finisher.pending(),
    }
  }

  stop(options: { grace?: Duration } = {}): Promise<void> {
    this.#stopped ??= this.#stop(milliseconds(options.grace ?? '30s', '/grace'))
    return this.#stopped
  }

  #hear(topic: string, name: string): void {
    if (topic === 'cancel') {
      for (const attempt of this.#attempts) if (attempt.held.id === name) this.#beatSleeper.rouse()
    } else if (topic === 'pause') {
      this.#handBack((held) => name === `queue:${held.queue}` || name === `kind:${held.kind}`)
    } else if (topic === 'clock' || (topic === 'work' && (name === '*' || this.#plan.queues.includes(name)))) {
      if (this.#meters.on && topic === 'work') {
        this.#meters.wakeUp()
        this.#wokenAt ??= performance.now()
      }
      this.#claimSleeper.rouse()
    }
  }

  // claiming

  async #claimLoop(): Promise<void> {
    const { clock, log, wake } = this.#house
    let idle = 0
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      this.#claimedAt = performance.now()
      this.#claimSleeper.attend()
      const wants = this.#wants()
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
        if (got === 0) {
          const ms = Math.min(waitMs, nextMs ?? waitMs)
          this.#meters.poll(ms)
          await this.#claimSleeper.sleep(ms)
        }
      } catch (error) {
        failures++
        if (failures === 1) log.warn({ err: error }, 'claiming failed; trying again')
        await pause(clock, retryMs(failures), this.#stopping.signal)
      }
    }
  }

  #wants(): Want[] {
    this.#full = this.#finisher.pending() >= this.#plan.window
    if (this.#full) return []
    const memo = new Map<string, number>()
    const ahead = (queue: string): number => {
      let n = memo.get(queue)
      if (n === undefined) {
        n = this.#ahead(queue)
        memo.set(queue, n)
      }
      return n
    }
    const wants = this.#permits.wants(ahead)
    // One statement for a handful, rather than one for each job that ends: what is held ahead bridges the time that a claim takes.
    const startable = this.#permits.waiting() - this.#gathered
    if (startable >= this.#permits.unheld() && startable > this.#enough(Math.max(0, ...memo.values()))) return []
    return wants
  }

  /** How many waiting jobs will not be started before the next claim has answered, of `most`. */
  #enough(most: number): number {
    let perMs = 0
    for (const [queue, tempo] of this.#tempo) perMs += this.#permits.runningOf(queue) / Math.max(tempo, 0.001)
    return Math.min((most * 3) / 4, 1.5 * perMs * this.#claimMs)
  }

  /** As many jobs of a queue as start within a moment, by what its handlers took so far (Q90). */
  #ahead(queue: string): number {
    const gathers = this.#gathers.get(queue) ?? 0
    const tempo = this.#tempo.get(queue)
    if (tempo === undefined || tempo > LONG_MS) return gathers
    const size = this.#permits.size(queue)
    const since = performance.now() - SOON_MS
    let free = size
    // Those that began first stand first; permits held for long free nobody soon.
    for (const attempt of this.#attempts) {
      if (attempt.startedAt > since) break
      free--
    }
    return gathers + Math.max(0, Math.min(2 * size, MOST_AHEAD, Math.floor((SOON_MS / Math.max(tempo, 0.001)) * free)))
  }

  async #claim(asked: readonly Want[], sleepMs: number): Promise<{ got: number; nextMs: number | null }> {
    const { store } = this.#house
    const token = crypto.randomUUID()
    const kinds = this.#kindNames
    const wants = asked.map((one) => ({ ...one, n: Math.min(one.n, MOST_ASKED), kinds }))
    await this.#handBackUnsure()
    const began = performance.now()
    const { id } = this
    const { lost, held, waitMs } = await this.#spans
      .call('claim', () => claimJobs(store, id, token, wants, sleepMs, !this.#plan.strictClaims))
      .catch((error: unknown) => {
        if (isStoreAway(error)) this.#unsure.push({ id, token })
        throw error
      })
    if (lost) {
      await this.#register()
      return { got: 1, nextMs: null }
    }
    this.#claimMs = this.#claimMs * 0.9 + (performance.now() - began) * 0.1
    const got = new Map<string, number>()
    for (const { queue } of held) got.set(queue, (got.get(queue) ?? 0) + 1)
    this.#permits.answered(asked, got)
    if (this.#meters.on) this.#measureClaim(began, got)
    for (const one of held) this.#hold(one)
    this.#pump()
    return { got: held.length, nextMs: waitMs === null ? null : Math.max(1, waitMs) }
  }

  /** A claim whose answer was lost may have committed: its jobs go back before the next one. */
  async #handBackUnsure(): Promise<void> {
    for (let one = this.#unsure[0]; one; one = this.#unsure[0]) {
      const n = await handBack(this.#house.store, one.id, one.token)
      this.#unsure.shift()
      if (n > 0) this.#house.log.info({ jobs: n }, 'jobs of a claim whose answer was lost were given back')
    }
  }

  #measureClaim(began: number, got: ReadonlyMap<string, number>): void {
    const now = performance.now()
    let sum = 0
    for (const [queue, n] of got) {
      sum += n
      this.#meters.claimed(queue, n)
    }
    this.#meters.claim(now - began, sum)
    if (sum === 0 || this.#wokenAt === undefined) return
    this.#meters.wokeToClaim(now - this.#wokenAt)
    this.#wokenAt = undefined
  }

  /** Found lost, or new: what we still hold belongs to others by now, and so does our name (Q58). */
  async #register(): Promise<void> {
    const { store, kinds, log } = this.#house
    for (const attempt of this.#attempts) attempt.abort('lease_lost')
    for (const held of this.#unstarted(() => true)) log.debug({ job_id: held.id }, 'a job claimed ahead is for others now')
    if (this.#registered) this.id = newWorkerId()
    if (this.#stopping.signal.aborted) return
    const { queues, lostAfterMs, version, heartbeatMs, stallMs } = this.#plan
    await announce(store, { id: this.id, queues, kinds, lostAfterMs, version })
    this.#registered = true
    if (this.#vouching) this.#vouching.rename(this.id)
    else
      this.#vouching = vouchFor({
        ...{ id: this.id, config: store.config, everyMs: heartbeatMs, stallMs, log },
        onLost: (id) => {
          if (id === this.id) this.#claimSleeper.rouse() // the next claim registers anew
        },
      })
  }

  // holding

  #hold(held: Held): void {
    const kind = this.#house.kinds.get(held.kind)
    // A claim names only kinds of ours; whatever comes besides goes back without an attempt (Q20).
    if (this.#stopping.signal.aborted || !kind) {
      this.#finisher.add(held, { ...held.fence, outcome: 'release' })
      return
    }
    this.#permits.wait(held.queue, 1)
    if (held.crashes > 0) this.#ready.first(held)
    else if (kind.batch) {
      this.#gathered++
      this.#gathering.add(held, kind.batch)
    } else this.#ready.add(held)
  }

  /** Takes out what is held and not started. */
  #unstarted(which: (held: Held, now: number) => boolean): Held[] {
    const now = performance.now()
    const units = this.#ready.remove((unit) => (unit instanceof Held ? [unit] : unit.held).every((held) => which(held, now)))
    const all = units.flatMap((unit) => (unit instanceof Held ? [unit] : unit.held))
    for (const held of all) this.#permits.wait(held.queue, -1)
    return all
  }

  /** Unstarted jobs go back without an attempt, for others to start sooner. */
  #handBack(which: (held: Held, now: number) => boolean, gathered = false): void {
    const now = performance.now()
    const back = this.#unstarted(which)
    if (gathered)
      for (const held of this.#gathering.remove((one) => which(one, now))) {
        this.#gathered--
        this.#permits.wait(held.queue, -1)
        back.push(held)
      }
    for (const held of back) {
      this.#meters.handedBack(held.queue, 1)
      this.#finisher.add(held, { ...held.fence, outcome: 'release' })
    }
  }

  // running

  /** Starts what is held, as far as permits and the window of results allow. */
  #pump(): void {
    if (this.#pumping) return
    this.#pumping = true
    const began = performance.now()
    for (let n = 1; !this.#ready.empty() && this.#finisher.pending() < this.#plan.window; n++) {
      const queue = this.#permits.next(this.#ready.queues())
      const unit = queue === undefined ? undefined : this.#ready.take(queue)
      if (!unit) break
      if (unit instanceof Held) this.#startOne(unit)
      else this.#startBatch(unit)
      if (n % 16 === 0 && performance.now() - began > BREATH_MS) {
        setImmediate(() => this.#pump())
        break
      }
    }
    this.#pumping = false
  }

  #startOne(held: Held): void {
    this.#permits.wait(held.queue, -1)
    // A process runs one suspect at a time (Q18); a second one is for others.
    if (held.crashes > 0 && this.#suspect) {
      this.#finisher.add(held, { ...held.fence, outcome: 'release' })
      return
    }
    const kind = this.#house.kinds.get(held.kind) as Kind // #hold looked
    this.#permits.take(held.queue)
    if (kind.batch) this.#runBatch(kind, held.queue, [held])
    else this.#admit(kind, held, this.#single).begin(this.#runnerOf(kind))
  }

  #startBatch({ kind, queue, held }: Batch): void {
    this.#permits.wait(queue, -held.length)
    this.#permits.take(queue)
    this.#runBatch(this.#house.kinds.get(kind) as Kind, queue, held)
  }

  #runBatch(kind: Kind, queue: string, held: readonly Held[]): void {
    const attempts = held.map((one) => this.#admit(kind, one, this.#member))
    const began = performance.now()
    void runBatch(kind, attempts, this.#house.log).then(() => this.#freed(queue, performance.now() - began))
  }

  #admit(kind: Kind, held: Held, keeper: Keeper): Attempt {
    const now = performance.now()
    const attempt = new Attempt(this.#attemptHouse, kind, held, keeper, now)
    // Whoever cannot be told of a cancel begins to ask every second now.
    if (this.#attempts.size === 0 && this.#house.wake.status() !== 'listening') this.#beatSleeper.rouse()
    this.#attempts.add(attempt)
    if (held.crashes > 0) this.#suspect = attempt
    if (held.deadlineInMs !== null) this.#deadlines.watch(attempt, held.deadlineInMs - (now - held.heldAt), now)
    if (this.#plan.hooks.started) this.#hook(() => this.#plan.hooks.started?.(hooked(held)))
    return attempt
  }

  #runnerOf(kind: Kind): Runner {
    let runner = this.#runners.get(kind)
    if (!runner) {
      runner = kind.isolate
        ? (job, ctx, attempt) => this.#isolates.run(kind, job, ctx, attempt)
        : (job: Job, ctx) => kind.run(job, ctx)
      if (this.#spans.on) runner = this.#traced(runner)
      this.#runners.set(kind, runner)
    }
    return runner
  }

  #traced(run: Runner): Runner {
    return (job, ctx, attempt) => {
      const { id, kind, queue, attempt: n, lease, trace } = attempt.held
      return this.#spans.run({ id, kind, queue, attempt: n, lease, trace }, async (span, outcome) => {
        attempt.span = span
        try {
          const value = await run(job, ctx, attempt)
          outcome(outcomeName(value))
          return value
        } catch (error) {
          outcome('failed', error)
          throw error
        }
      })
    }
  }

  #settle(attempt: Attempt, ending: Ending): void {
    const { held } = attempt
    this.#deadlines.forget(attempt)
    if (this.#plan.hooks.rescued) {
      const reason = ending === null ? attempt.aborted : ending?.reason
      if (reason === 'deadline_expired' || reason === 'lease_lost' || reason === 'isolate_crashed')
        this.#hook(() => this.#plan.hooks.rescued?.(hooked(held), reason))
    }
    if (ending === undefined) this.#finisher.complete(held)
    else if (ending) this.#finisher.add(held, ending, attempt.isApart)
  }

  #returned(attempt: Attempt): void {
    this.#left(attempt)
    this.#freed(attempt.held.queue, performance.now() - attempt.startedAt)
  }

  #left(attempt: Attempt): void {
    if (this.#meters.on) this.#took.set(attempt.held, performance.now() - attempt.startedAt)
    this.#attempts.delete(attempt)
    if (this.#suspect === attempt) this.#suspect = undefined
  }

  #freed(queue: string, took: number): void {
    const tempo = this.#tempo.get(queue) ?? took
    this.#tempo.set(queue, took > tempo ? (tempo + took) / 2 : tempo * 0.9 + took * 0.1)
    this.#permits.free(queue)
    this.#pump()
    this.#claimSleeper.rouse()
    if (this.#attempts.size === 0) this.#drained?.()
  }

  // results

  #told(held: Held, result: Said, verdict: Verdict | { error: unknown }, apart: boolean): void {
    const { log, settled } = this.#house
    const { outcome } = result
    if (typeof verdict === 'object') {
      const { error } = verdict
      log.error({ ...factsOf(held), outcome, err: error }, 'an outcome is not stored; the job will be rescued')
      return
    }
    const stale = verdict === 'stale'
    if (stale && !apart) log.warn({ ...factsOf(held), outcome }, 'the attempt was over before its outcome came')
    if (outcome === 'failed')
      log.info({ ...factsOf(held), outcome, error: result.error, reason: result.reason }, 'an attempt failed')
    // It may be due again soon; or there is room in the window; or this process may have another suspect.
    if (outcome !== 'completed' || this.#full || held.crashes > 0) this.#claimSleeper.rouse()
    if (!this.#ready.empty()) this.#pump()
    if (this.#meters.on && !stale) this.#measure(held, outcome)
    settled?.(hooked(held), outcome, stale)
    const { hooks } = this.#plan
    if (hooks.settled) this.#hook(() => hooks.settled?.(hooked(held), outcome, stale))
    if (hooks.waiting && outcome === 'park' && !stale) this.#hook(() => hooks.waiting?.(hooked(held)))
  }

  #measure(held: Held, outcome: string): void {
    const latency = Date.now() - held.runAt.getTime()
    const wait = latency - (performance.now() - held.heldAt)
    this.#meters.settled(held.queue, held.kind, outcome, this.#took.get(held) ?? 0, wait, latency)
  }

  #hook(fn: () => unknown): void {
    // As a promise, for the error of a hook that is an async function would otherwise end the process.
    const detached = async () => fn()
    detached().catch((error: unknown) => this.#house.log.error({ err: error }, 'a hook failed'))
  }

  // liveness

  async #beat(): Promise<void> {
    const attempts = [...this.#attempts]
    const held = attempts.map(({ held: { id, lease } }) => ({ id, lease }))
    const { lost, cancelled, gone } = await beat(this.#house.store, this.id, held)
    this.#beatAt = performance.now()
    if (lost) {
      this.#claimSleeper.rouse() // the next claim registers anew
      return
    }
    if (cancelled.length === 0 && gone.length === 0) return
    const byCancel = new Set(cancelled)
    const byLoss = new Set(gone)
    for (const attempt of attempts) {
      if (byCancel.has(attempt.held.id)) attempt.abort('cancelled')
      // Gone by its own finishIn, or by an outcome on its way, is no loss.
      else if (byLoss.has(attempt.held.id) && !attempt.isApart && !attempt.settled) attempt.abort('lease_lost')
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

  // the end

  async #stop(graceMs: number): Promise<void> {
    const { clock, store, log } = this.#house
    const gaveUp = aborted(this.#givingUp.signal)
    this.#stopping.abort()
    this.#claimSleeper.rouse()
    this.#handBack(() => true, true)
    let giveUpHandlers: () => void = () => undefined
    const handedBack = new Promise<void>((resume) => {
      giveUpHandlers = resume
    })
    const cancels = [
      clock.timer(Math.max(0, graceMs - SHUTDOWN_MS), () => {
        for (const attempt of this.#attempts) attempt.abort('shutdown')
      }),
      clock.timer(Math.max(0, graceMs - HAND_BACK_MS), () => {
        for (const attempt of this.#attempts) attempt.release()
        giveUpHandlers()
      }),
      clock.timer(Math.max(graceMs, HAND_BACK_MS), () => this.#givingUp.abort()),
    ]
    const ended = async () => {
      await this.#claiming
      const drained = new Promise<void>((resume) => {
        this.#drained = resume
        if (this.#attempts.size === 0) resume()
      })
      await Promise.race([drained, handedBack])
      await this.#finisher.idle()
      await store.insist(() => this.#handBackUnsure(), this.#givingUp.signal)
      this.#vouching?.end()
      await releaseWorker(store, this.id)
    }
    await Promise.race([
      ended().catch((error) => log.warn({ err: error }, 'the worker could not sign off; its row will be found stale')),
      gaveUp,
    ])
    for (const cancel of cancels) cancel()
    this.#vouching?.end()
    this.#givingUp.abort()
    this.#beatSleeper.rouse()
    await this.#beating
    this.#isolates.close()
    this.#deadlines.close()
    clearInterval(this.#sweeping)
    this.#unsignal()
    this.#unsubscribe()
  }
}

const hooked = ({ id, kind, queue, attempt }: Held): HookedJob => ({ id, kind, queue, attempt })
const factsOf = ({ id, kind, attempt }: Held) => ({ job_id: id, kind, attempt })

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resume) => {
    if (signal.aborted) resume()
    else signal.addEventListener('abort', () => resume(), { once: true })
  })

/** One job in this process, without a worker around it: what becomes of it, for whoever claimed it to store. */
export function runAlone(house: AttemptHouse, kind: Kind, job: HandedJob, token: string): Promise<Result | null> {
  return new Promise((resolve) => {
    const deadlines = makeDeadlines<Attempt>(house.clock)
    const held = Held.ofRow(job, token, performance.now())
    const keeper: Keeper = {
      settle(_, ending) {
        deadlines.close()
        resolve(ending === undefined ? { ...held.fence, outcome: 'completed' } : ending)
      },
      returned: () => undefined,
    }
    const attempt = new Attempt(house, kind, held, keeper, held.heldAt)
    if (held.deadlineInMs !== null) deadlines.watch(attempt, held.deadlineInMs, held.heldAt)
    if (kind.batch) void runBatch(kind, [attempt], house.log)
    else attempt.begin((given, ctx) => kind.run(given, ctx))
  })
}
