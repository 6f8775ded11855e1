import { announce, newWorkerId } from './announce.ts'
import { Attempt, type AttemptHouse, type Ending, type Keeper, type Runner } from './attempt.ts'
import { type Batch, type Gathering, gather, runBatch } from './batch.ts'
import { claimJobs, Held } from './claim.ts'
import { buriedBy } from './dead-letter.ts'
import { makeDeadlines } from './deadline.ts'
import { makeDoze, POLL_LISTENING_MS } from './doze.ts'
import { type Duration, milliseconds } from './duration.ts'
import { newEnding } from './ending.ts'
import { isStoreAway } from './error.ts'
import { type Finisher, makeFinisher, type Said } from './finish.ts'
import type { Clock, Log } from './host.ts'
import { makeIsolates } from './isolate.ts'
import type { Job, Kind } from './kind.ts'
import { type Vouching, vouchFor } from './liveness.ts'
import { outcomeName } from './outcome.ts'
import { makePace } from './pace.ts'
import { makePermits, type Permits, type Want } from './permits.ts'
import { makeReady } from './ready.ts'
import { stopOnSignal } from './signals.ts'
import { makeSleeper } from './sleeper.ts'
import { beat, handBack, releaseWorker, type Verdict } from './sql.ts'
import { pause, retryMs, type Store } from './store.ts'
import { type Meters, noMeters, noSpans, type Spans } from './telemetry.ts'
import { checkTolerated, isOutdated } from './tolerance.ts'
import type { Wake } from './wake.ts'
import { type HookedJob, type Plan, planOf, type SettledHook, type WorkerOptions } from './worker-plan.ts'

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
  /** The schema tolerates this runtime no more: what it ran stops by itself. */
  outdated?: (error: unknown) => void
  /** Without them nothing is measured. */
  meters?: Meters
  spans?: Spans
}

/** Before the end of grace: signals abort, then what is left is handed back. */
const SHUTDOWN_MS = 2_000
const HAND_BACK_MS = 500
/** Held and not started for so long: others may be faster. */
const STALE_MS = 5_000
const SWEEP_MS = 1_000
/** Handlers that end at once may not keep the loop from its timers and sockets. */
const BREATH_MS = 8
/** Claims answer with at most so many of a queue. */
const MOST_ASKED = 1_000

export const startWorker = (house: WorkerHouse, options: WorkerOptions = {}): Worker =>
  new RunningWorker(house, planOf(house.kinds, options))

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
  readonly #pace = makePace()
  /** How many jobs batches of a queue gather. */
  readonly #gathers = new Map<string, number>()
  readonly #stopping = newEnding()
  readonly #givingUp = newEnding()
  readonly #claimSleeper: ReturnType<typeof makeSleeper>
  readonly #beatSleeper: ReturnType<typeof makeSleeper>
  readonly #doze = makeDoze()
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
  /** A wake-up came since the last claim. */
  #woken = false
  /** Some queue was not asked, for want of a permit or of room. */
  #short = true
  #stopped: Promise<void> | undefined
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
    } else if (topic === 'schema') {
      this.#beatSleeper.rouse()
    } else if (topic === 'pause') {
      this.#handBack((held) => name === `queue:${held.queue}` || name === `kind:${held.kind}`)
    } else if (topic === 'clock' || (topic === 'work' && (name === '*' || this.#plan.queues.includes(name)))) {
      if (topic === 'work') {
        if (name !== '*' && !this.#doze.hears(performance.now())) return
        this.#woken = true
        if (this.#meters.on) {
          this.#meters.wakeUp()
          this.#wokenAt ??= performance.now()
        }
      }
      this.#claimSleeper.rouse()
    }
  }

  // claiming

  async #claimLoop(): Promise<void> {
    const { clock, log, wake } = this.#house
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      this.#claimedAt = performance.now()
      this.#claimSleeper.attend()
      const wants = this.#wants()
      this.#short = !this.#asksAll(wants)
      if (wants.length === 0) {
        await this.#claimSleeper.sleep(POLL_LISTENING_MS) // a permit that comes free rouses
        continue
      }
      try {
        const listening = wake.status() === 'listening'
        const woken = this.#woken
        this.#woken = false
        const { got, nextMs } = await this.#claim(wants, this.#doze.asks(this.#claimedAt, listening))
        failures = 0
        const now = performance.now()
        if (got > 0) this.#doze.found(now)
        else {
          this.#doze.missed(now, woken)
          const ms = this.#doze.sleeps(now, listening, nextMs)
          this.#meters.poll(ms)
          await this.#claimSleeper.sleep(ms)
        }
      } catch (error) {
        if (isOutdated(error)) return this.#retire(error)
        failures++
        if (failures === 1) log.warn({ err: error }, 'claiming failed; trying again')
        await pause(clock, retryMs(failures), this.#stopping.signal)
      }
    }
  }

  /** Whether every queue is asked for something: then a permit that comes free is no reason to look again. */
  #asksAll(wants: readonly Want[]): boolean {
    const { queues } = this.#plan
    return queues.length === 1 ? wants.length > 0 : new Set(wants.map((one) => one.queue)).size === queues.length
  }

  #wants(): Want[] {
    this.#full = this.#finisher.pending() >= this.#plan.window
    if (this.#full) return []
    const memo = new Map<string, number>()
    const ahead = (queue: string): number => {
      let n = memo.get(queue)
      if (n === undefined) {
        n = (this.#gathers.get(queue) ?? 0) + this.#pace.ahead(queue, this.#permits.size(queue), this.#attempts)
        memo.set(queue, n)
      }
      return n
    }
    const wants = this.#permits.wants(ahead)
    // One statement for a handful, rather than one for each job that ends: what is held ahead bridges the time that a claim takes.
    const startable = this.#permits.waiting() - this.#gathered
    if (
      startable >= this.#permits.unheld() &&
      startable > this.#pace.enough(Math.max(0, ...memo.values()), this.#permits.runningOf)
    )
      return []
    return wants
  }

  async #claim(asked: readonly Want[], sleepMs: number): Promise<{ got: number; nextMs: number | null }> {
    const { store } = this.#house
    const token = crypto.randomUUID()
    const kinds = this.#kindNames
    const wants = asked.map((one) => ({ ...one, n: Math.min(one.n, MOST_ASKED), kinds }))
    await this.#handBackUnsure()
    const began = performance.now()
    const { id } = this
    const { lost, held, waitMs, paced } = await this.#spans
      .call('claim', () => claimJobs(store, id, token, wants, sleepMs, !this.#plan.strictClaims))
      .catch((error: unknown) => {
        if (isStoreAway(error)) this.#unsure.push({ id, token })
        throw error
      })
    if (lost) {
      await this.#register()
      return { got: 1, nextMs: null }
    }
    this.#pace.claimed(performance.now() - began)
    const got = new Map<string, number>()
    for (const { queue } of held) got.set(queue, (got.get(queue) ?? 0) + 1)
    this.#permits.answered(asked, got)
    if (this.#meters.on) this.#measureClaim(began, got)
    for (const queue of paced) this.#meters.rateLimited(queue, 1)
    for (const one of held) this.#hold(one)
    this.#pump()
    return { got: held.length, nextMs: waitMs }
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
    await checkTolerated(store)
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
    this.#pace.ran(queue, took)
    this.#permits.free(queue)
    this.#pump()
    if (this.#short) this.#claimSleeper.rouse()
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
    if (this.#meters.on && !stale) this.#measure(held, result)
    settled?.(hooked(held), outcome, stale)
    const { hooks } = this.#plan
    if (hooks.settled) this.#hook(() => hooks.settled?.(hooked(held), outcome, stale))
    if (hooks.waiting && outcome === 'park' && !stale) this.#hook(() => hooks.waiting?.(hooked(held)))
  }

  #measure(held: Held, said: Said): void {
    const { outcome } = said
    const buried = buriedBy(held, said, this.#house.kinds.get(held.kind)?.deadLetters !== false)
    if (buried) this.#meters.deadLettered(held.queue, held.kind, buried, 1)
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
        if (!this.#stopping.signal.aborted) await checkTolerated(this.#house.store)
        await this.#beat()
        failures = 0
      } catch (error) {
        if (isOutdated(error)) this.#retire(error)
        failures++
        if (failures === 1) log.warn({ err: error }, 'the heartbeat failed; trying again')
      }
    }
  }

  /** The schema has left this runtime behind: it claims no more, lets what runs end, and says why. */
  #retire(error: unknown): void {
    if (this.#stopping.signal.aborted) return
    this.#house.log.error({ err: error }, `the worker ${this.id} stops: its version and the schema of the database do not fit`)
    this.#house.outdated?.(error)
    void this.stop()
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
