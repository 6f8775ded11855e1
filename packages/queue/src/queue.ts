// The face of the engine in one process: enqueue, work, wait, operate. Holds the pool, the listening connection and what it started, and
// closes them; keeps no state of jobs: that is the database's alone.
import type pg from 'pg'
import * as callbacks from './callback.ts'
import { checked, checkedAll } from './checked.ts'
import { deadLettersOf, sealedOverrides, spokenOverrides } from './dead-letter.ts'
import { examineQueue } from './doctor.ts'
import { type Duration, milliseconds } from './duration.ts'
import { newEnding } from './ending.ts'
import { type Enqueue, type EnqueueOptions, enqueue, enqueueMany, enqueueTold, type UniqueRule } from './enqueue.ts'
import { QueueError } from './error.ts'
import { followUpKinds } from './follow-up.ts'
import { type Health, readHealth, readingsOf } from './health.ts'
import { historyReaders } from './history.ts'
import { type Clock, type Log, silentLog, systemClock } from './host.ts'
import { jobReaders } from './job.ts'
import { type Kind, kindSettings, spokenUnique } from './kind.ts'
import { makePace, type QueueChange, spokenSettings } from './limit.ts'
import { type DutyName, type Maintenance, startMaintenance, tickOnce } from './maintenance.ts'
import { makeResults } from './result.ts'
import { listFires, prune, type Schedule, saveSchedule, shownSchedule } from './schedule.ts'
import * as sql from './sql.ts'
import { statsReaders } from './stats.ts'
import { type DatabaseOption, openStore, type Queryable, type Store } from './store.ts'
import { type Meters, makeMeters, makeSpans, observe, type Spans, type Telemetry } from './telemetry.ts'
import { watchTolerance } from './tolerance.ts'
import { openWake } from './wake.ts'
import { makeWatches } from './watch.ts'
import { startWorker, type Worker } from './worker.ts'
import type { SettledHook, WorkerOptions } from './worker-plan.ts'

export type QueueOptions = {
  database: DatabaseOption
  kinds?: readonly Kind[]
  schedules?: readonly Schedule[]
  /** false: no LISTEN connection; a URL or a config: LISTEN there, because the pool goes through a pooler. */
  listen?: boolean | string | pg.ClientConfig
  /** Where a callback is answered from outside. */
  callbackUrl?: (id: string) => string
  clock?: Clock
  log?: Log
  /** Best effort, detached: an error in it reaches the log only (Q113). */
  onSettled?: SettledHook
  /** A migration made this runtime too old: its workers and its maintenance stop by themselves (Q144). Told once, also to who has neither. */
  onOutdated?: (error: unknown) => void
  /** A tracer and a meter as OpenTelemetry makes them, or `prometheusMeter()`; without them nothing is measured. */
  telemetry?: Telemetry
}

export type InTx = { tx?: Queryable }
export type ByKey = { kind: string | { name: string }; unique: UniqueRule; payload?: unknown; queue?: string; tenantId?: string }
type OfKey = { tenantId?: string; reason?: string }
type Overrides = { queue?: string; priority?: 1 | 2 | 3 | 4; runAt?: Date; payload?: unknown }

export type Queue = ReturnType<typeof createQueue>

/**
 * Opens the queue.
 * @example
 * const queue = createQueue({ database: pool, kinds: [sendReceipt] })
 * await queue.enqueue(sendReceipt, { order_id }, { tx: client })
 * const worker = queue.work({ concurrency: 64 })
 * await worker.stop({ grace: '30s' })
 */
export function createQueue(options: QueueOptions) {
  const { clock = systemClock, log = silentLog } = options
  const declared = options.kinds ?? []
  const kinds = byName('kind', [...declared, ...declared.flatMap(followUpKinds)])
  const schedules = byName('schedule', options.schedules ?? [])
  const store = openStore(options.database, clock, log)
  const wake = openWake(listenConfig(options, store), clock, log)
  const results = makeResults(store, wake, clock, log, kinds)
  const watches = makeWatches(store, wake, clock)
  const settled: SettledHook = (...told) => {
    results.look(told[0].id)
    watches.look()
    if (!options.onSettled) return
    // As a promise, for the error of a hook that is an async function would otherwise end the process.
    const hooked = async () => options.onSettled?.(...told)
    hooked().catch((error: unknown) => log.error({ err: error }, 'a hook failed'))
  }
  let toldOutdated = false
  const outdated = (error: unknown) => {
    if (toldOutdated) return
    toldOutdated = true
    options.onOutdated?.(error)
  }
  const { meter, tracer } = options.telemetry ?? {}
  const meters = makeMeters(meter)
  const spans = makeSpans(tracer)
  const house = { store, wake, clock, log, kinds, callbackUrl: options.callbackUrl, settled, outdated, meters, spans }
  const ending = newEnding()
  const watching = options.onOutdated && watchTolerance(house, ending.signal, outdated)
  const workers = new Set<Worker>()
  const upkeep = { store, clock, log, meters, schedules: [...schedules.values()], outdated }
  let maintenance: Maintenance | undefined
  let closing: Promise<void> | undefined
  const traced = tracedBy(spans, meters)
  observe(meter, { workers: () => [...workers].map((worker) => worker.ages()), database: readingsOf(store) })

  const health = (): Promise<Health> =>
    readHealth({ store, wake, workers, maintenance: () => maintenance, isClosing: () => closing !== undefined })

  /** Tells the database what the kinds and schedules declare. `work` tells of its kinds and `maintain` of the schedules by themselves. */
  async function register(): Promise<void> {
    await sql.registerKinds(store, Object.fromEntries([...kinds].map(([name, kind]) => [name, kindSettings(kind)])))
    await registerSchedules()
  }

  /** A login that only maintains may not say what a kind is (Q74). */
  async function registerSchedules(): Promise<void> {
    for (const schedule of schedules.values()) await saveSchedule(store, schedule, 'code', kinds)
  }

  const shownSchedules = (rows: readonly sql.ScheduleRow[]) => Promise.all(rows.map((row) => shownSchedule(kinds, row)))
  async function pausedSchedule(db: Queryable, id: string, paused: boolean, actor?: string): Promise<sql.ScheduleRow | null> {
    const row = await sql.pauseSchedule(db, id, paused, actor ?? null)
    return row && shownSchedule(kinds, row)
  }

  /** Promotes, rescues, expires, fires schedules and cleans, one process at a time, until closed. */
  function maintain(): void {
    if (maintenance) return
    store.insist(registerSchedules).catch((error: unknown) => log.error({ err: error }, 'schedules could not be registered'))
    maintenance = startMaintenance(upkeep)
  }

  return {
    house,
    register,
    maintain,

    /** Checks the payload by the kind's schema and enqueues it, in `tx` when given. */
    async enqueue<In, Out>(kind: Kind<In, Out>, payload: In, own: EnqueueOptions & InTx = {}): Promise<string> {
      const { tx = store, ...rest } = own
      return traced([await checked(kind, payload, rest)], ([job]) => enqueue(tx, job as Enqueue))
    },

    /** Any number, of mixed kinds; ids in input order. Payloads of declared kinds are checked by their schemas. */
    async enqueueMany(jobs: readonly Enqueue[], own: InTx = {}): Promise<string[]> {
      return traced(await checkedAll(kinds, jobs), (all) => enqueueMany(own.tx ?? store, all))
    },

    /** A producer that slows down as queues with a `maxDepth` fill: the fuller the last answer said it was, the longer the next call waits. */
    paced() {
      const pace = makePace(clock)
      const told = (answers: readonly sql.Enqueued[]) => {
        pace.told(answers.reduce((most, one) => Math.max(most, one.pressure ?? 0), 0))
        return answers.map((one) => one.id)
      }
      return {
        async enqueue<In, Out>(
          kind: Kind<In, Out>,
          payload: In,
          own: EnqueueOptions & InTx & { signal?: AbortSignal } = {},
        ): Promise<string> {
          const { tx = store, signal, ...rest } = own
          const job = await checked(kind, payload, rest)
          await pace.keep(signal)
          return told(await traced([job], (all) => enqueueTold(tx, all)))[0] as string
        },
        async enqueueMany(jobs: readonly Enqueue[], own: InTx & { signal?: AbortSignal } = {}): Promise<string[]> {
          const all = await checkedAll(kinds, jobs)
          await pace.keep(own.signal)
          return told(await traced(all, (jobs) => enqueueTold(own.tx ?? store, jobs)))
        },
      }
    },

    /** Starts a worker, and with it maintenance unless told otherwise. */
    work(own: WorkerOptions & { maintenance?: boolean } = {}): Worker {
      const { maintenance: maintains = true, ...rest } = own
      const worker = startWorker(house, rest)
      workers.add(worker)
      if (maintains) maintain()
      return worker
    },

    ...jobReaders(store, kinds),
    ...historyReaders(store),
    ...statsReaders(store),
    result: results.result,
    /** Transitions as they happen, each state of a job at least once; `after` is the cursor of the last one seen. */
    watch: watches.watch,

    cancel: async (id: string, own: { reason?: string } & InTx = {}) =>
      changed(await sql.cancelJob(own.tx ?? store, id, own.reason ?? null)),
    release: async (id: string, own: InTx = {}) => changed(await sql.releaseJob(own.tx ?? store, id)),
    reschedule: async (id: string, runAt: Date, own: InTx = {}) => changed(await sql.rescheduleJob(own.tx ?? store, id, runAt)),
    retry: async (id: string, own: Overrides & InTx = {}) =>
      changed(
        await sql.retryJob(
          own.tx ?? store,
          id,
          spokenOverrides(await sealedOverrides(kinds, own.tx ?? store, { ids: [id] }, own)),
        ),
      ),
    /** The holder of a unique key, or null when nobody holds it. */
    cancelByKey: (by: ByKey, own: { reason?: string } & InTx = {}) =>
      sql.cancelByKey(
        own.tx ?? store,
        nameOf(by.kind),
        spokenUnique(by.unique),
        by.payload,
        by.queue ?? null,
        by.tenantId ?? null,
        own.reason ?? null,
      ),
    rescheduleByKey: (by: ByKey, runAt: Date, own: InTx = {}) =>
      sql.rescheduleByKey(
        own.tx ?? store,
        nameOf(by.kind),
        spokenUnique(by.unique),
        runAt,
        by.payload,
        by.queue ?? null,
        by.tenantId ?? null,
      ),

    /** Saves settings of a queue: limits, fairness, depth, aging. In force for every claim that begins after; answers all of them as stored. */
    configure: (queue: string, change: QueueChange, own: InTx = {}) =>
      sql.configureQueue(own.tx ?? store, queue, spokenSettings(change)),
    settings: (queue: string, own: InTx = {}) => sql.queueSettings(own.tx ?? store, queue),

    /** Keys that keep jobs waiting: of a strict order with the job at their head, and those that are at their limit. */
    keys: {
      list: (queue: string, page: { after?: { what: string; key: string }; limit?: number } & InTx = {}) =>
        sql.listKeys(page.tx ?? store, queue, page.after ?? null, page.limit ?? 50),
      /** The head of an ordering key becomes a dead letter, and the next one goes on. */
      skip: async (queue: string, key: string, own: OfKey & InTx = {}) =>
        changed(await freeKey(own.tx ?? store, queue, key, 'skip', own)),
      /** The head runs now. */
      retry: async (queue: string, key: string, own: OfKey & InTx = {}) =>
        changed(await freeKey(own.tx ?? store, queue, key, 'retry', own)),
      cancel: async (queue: string, key: string, own: OfKey & InTx = {}) =>
        changed(await freeKey(own.tx ?? store, queue, key, 'cancel', own)),
    },

    /** Stops claims, not enqueue. */
    pause: (what: { queue: string } | { kind: string }, own: { actor?: string } & InTx = {}) =>
      setPaused(own.tx ?? store, what, true, own.actor),
    resume: (what: { queue: string } | { kind: string }, own: { actor?: string } & InTx = {}) =>
      setPaused(own.tx ?? store, what, false, own.actor),
    /** Cancels all of a queue that neither runs nor is over. */
    drain: (queue: string, own: InTx = {}) => sql.drainQueue(own.tx ?? store, queue),

    deadLetters: deadLettersOf(store, meters, kinds),

    schedules: {
      save: (schedule: Schedule, own: InTx = {}) => saveSchedule(own.tx ?? store, schedule, 'api', kinds),
      list: async (own: { name?: string } & InTx = {}) =>
        shownSchedules(await sql.listSchedules(own.tx ?? store, own.name ?? null)),
      remove: (id: string, own: InTx = {}) => sql.removeSchedule(own.tx ?? store, id),
      pause: (id: string, own: { actor?: string } & InTx = {}) => pausedSchedule(own.tx ?? store, id, true, own.actor),
      resume: (id: string, own: { actor?: string } & InTx = {}) => pausedSchedule(own.tx ?? store, id, false, own.actor),
      /** Enqueues its job now; asks no pause and moves no fire. */
      trigger: (id: string, own: InTx = {}) => sql.triggerSchedule(own.tx ?? store, id),
      /** What it fired last and will fire next, ten each; null when there is no such schedule. */
      fires: (id: string, own: InTx = {}) => listFires(own.tx ?? store, id, kinds),
      /** Schedules from code that neither this process nor, for `unseenFor` (1h), any other declares; with `remove` they are deleted. */
      prune: ({ tx, ...own }: { unseenFor?: Duration; remove?: boolean } & InTx = {}) =>
        prune(tx ?? store, schedules.values(), own).then(shownSchedules),
    },

    callbacks: {
      async get(id: string, own: InTx = {}): Promise<sql.CallbackRow | null> {
        const row = await callbacks.getCallback(own.tx ?? store, id)
        return row && callbacks.shownCallback(kinds, row)
      },
      /** Newest first; `after` is the last id of the page before. */
      async list(
        filter: sql.CallbackFilter = {},
        page: { after?: string; limit?: number } & InTx = {},
      ): Promise<sql.CallbackRow[]> {
        const rows = await sql.listCallbacks(page.tx ?? store, filter, page.after ?? null, page.limit ?? 50)
        return Promise.all(rows.map((row) => callbacks.shownCallback(kinds, row)))
      },
      complete: async (id: string, payload?: unknown, own: InTx = {}) =>
        callbacks.completeCallback(own.tx ?? store, id, await callbacks.sealedAnswer(kinds, own.tx ?? store, id, payload)),
      fail: (id: string, answer: { error: string; retryable?: boolean }, own: InTx = {}) =>
        callbacks.failCallback(own.tx ?? store, id, answer),
      heartbeat: (id: string, timeout: Duration = '1h', own: InTx = {}) =>
        callbacks.heartbeatCallback(own.tx ?? store, id, milliseconds(timeout, '/timeout') / 1000),
      resume: async (id: string, payload?: unknown, own: InTx = {}) =>
        callbacks.resumeCallback(own.tx ?? store, id, await callbacks.sealedAnswer(kinds, own.tx ?? store, id, payload)),
      retry: (id: string, own: InTx = {}) => callbacks.retryCallback(own.tx ?? store, id),
      cancel: (id: string, own: InTx = {}) => callbacks.cancelCallback(own.tx ?? store, id),
    },

    /** What is due, once through, within a budget; safe from many places at once, and for cron jobs and serverless functions. Counts per duty. */
    tick: ({ only, budget = '30s' }: { only?: readonly DutyName[]; budget?: Duration } = {}) =>
      tickOnce(upkeep, { only, budgetMs: milliseconds(budget, '/budget') }),
    /** After a logical copy of the database (Q42): every tick does it when it finds one. Answers how many jobs it moved; attempts that run count as lost. */
    reanchor: async (): Promise<number> => Number(await sql.reanchor(store)),
    /** Who leads maintenance, and how its duties go. */
    maintenance: () => sql.readMaintenance(store),

    health,
    /** What is wrong and what to do, in sentences; empty when nothing is. Through a narrowed `tx` the queues are those of its tenant alone. */
    doctor: (own: InTx = {}) =>
      examineQueue({
        store,
        counted: own.tx ?? store,
        health,
        works: workers.size > 0,
        maintains: maintenance !== undefined,
        now: () => Date.now(),
      }),

    /** Stops everything that this queue started. */
    close(own: { grace?: Duration } = {}): Promise<void> {
      closing ??= (async () => {
        await Promise.all([...workers].map((worker) => worker.stop(own)))
        await maintenance?.stop()
        ending.abort()
        await watching
        results.close()
        watches.close()
        await wake.close()
        await store.close()
      })()
      return closing
    },
  }
}

function byName<T extends { name: string }>(what: string, list: readonly T[]): Map<string, T> {
  const map = new Map<string, T>()
  for (const one of list) {
    if (map.has(one.name)) throw new QueueError('validation_failed', `two declarations of the ${what} ${one.name}`)
    map.set(one.name, one)
  }
  return map
}

function listenConfig({ listen = true }: QueueOptions, store: Store): pg.ClientConfig | null {
  if (listen === false) return null
  if (listen === true) return store.config
  return typeof listen === 'string' ? { connectionString: listen } : listen
}

/** Around an enqueue: its span, whose trace the jobs carry on, and its count. */
const tracedBy =
  (spans: Spans, meters: Meters) =>
  async <T>(jobs: readonly Enqueue[], fn: (jobs: readonly Enqueue[]) => Promise<T>): Promise<T> => {
    const [first] = jobs
    if (!first || !(spans.on || meters.on)) return fn(jobs)
    const kind = jobs.every((job) => job.kind === first.kind) ? first.kind : 'many'
    const answer = await spans.enqueue(kind, first.queue, jobs.length, (trace) =>
      fn(trace ? jobs.map((job) => (job.trace ? job : { ...job, trace })) : jobs),
    )
    for (const job of jobs) meters.enqueued(job.queue ?? 'default', job.kind, 1)
    return answer
  }

const freeKey = (db: Queryable, queue: string, key: string, action: 'skip' | 'retry' | 'cancel', { tenantId, reason }: OfKey) =>
  sql.freeKey(db, queue, key, action, tenantId ?? null, reason ?? null)

function changed(answer: sql.Changed | null): sql.Changed {
  if (!answer) throw new QueueError('not_found', 'there is no such job')
  if (answer.conflict) throw new QueueError('unique_conflict', 'a newer job holds its unique key', { job_id: answer.conflict })
  if (!answer.changed) throw new QueueError('state_conflict', `the job is ${answer.state}`, { state: answer.state })
  return answer
}

const nameOf = (kind: string | { name: string }): string => (typeof kind === 'string' ? kind : kind.name)

const setPaused = (db: Queryable, what: { queue: string } | { kind: string }, paused: boolean, actor?: string) =>
  'queue' in what
    ? sql.setPaused(db, 'queue', what.queue, paused, actor ?? null)
    : sql.setPaused(db, 'kind', what.kind, paused, actor ?? null)
