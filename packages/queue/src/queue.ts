// The face of the engine in one process: enqueue, work, wait, operate. Holds the pool, the listening connection and what it started, and
// closes them; keeps no state of jobs: that is the database's alone.
import type pg from 'pg'
import * as callbacks from './callback.ts'
import { type Duration, milliseconds } from './duration.ts'
import { type Enqueue, type EnqueueOptions, enqueue, enqueueMany, type UniqueRule } from './enqueue.ts'
import { QueueError } from './error.ts'
import { type Clock, type Log, silentLog, systemClock } from './host.ts'
import { type Kind, kindSettings, parsePayload, spokenUnique } from './kind.ts'
import { type Maintenance, startMaintenance } from './maintenance.ts'
import { makeResults } from './result.ts'
import { fireDue, type Schedule, saveSchedule } from './schedule.ts'
import * as sql from './sql.ts'
import { type DatabaseOption, openStore, type Queryable, type Store } from './store.ts'
import { openWake } from './wake.ts'
import { type SettledHook, startWorker, type Worker, type WorkerHouse, type WorkerOptions } from './worker.ts'

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
}

export type InTx = { tx?: Queryable }
export type ByKey = { kind: string | { name: string }; unique: UniqueRule; payload?: unknown; queue?: string; tenantId?: string }
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
  const kinds = byName('kind', options.kinds ?? [])
  const schedules = byName('schedule', options.schedules ?? [])
  const store = openStore(options.database, clock, log)
  const wake = openWake(listenConfig(options, store), clock, log)
  const results = makeResults(store, wake, clock, log)
  const settled: SettledHook = (...told) => {
    results.look()
    // As a promise, for the error of a hook that is an async function would otherwise end the process.
    const hooked = async () => options.onSettled?.(...told)
    hooked().catch((error: unknown) => log.error({ err: error }, 'a hook failed'))
  }
  const house: WorkerHouse = { store, wake, clock, log, kinds, callbackUrl: options.callbackUrl, settled }
  const workers = new Set<Worker>()
  let maintenance: Maintenance | undefined
  let closing: Promise<void> | undefined

  /** Tells the database what the kinds and schedules declare. `work` and `maintain` do so by themselves. */
  async function register(): Promise<void> {
    await sql.registerKinds(store, Object.fromEntries([...kinds].map(([name, kind]) => [name, kindSettings(kind)])))
    for (const schedule of schedules.values()) await saveSchedule(store, schedule, 'code')
  }

  /** Promotes, rescues, expires, fires schedules and cleans, one process at a time, until closed. */
  function maintain(): void {
    if (maintenance) return
    store.insist(register).catch((error: unknown) => log.error({ err: error }, 'kinds and schedules could not be registered'))
    maintenance = startMaintenance(store, clock, log)
  }

  return {
    house,
    register,
    maintain,

    /** Checks the payload by the kind's schema and enqueues it, in `tx` when given. */
    async enqueue<In, Out>(kind: Kind<In, Out>, payload: In, own: EnqueueOptions & InTx = {}): Promise<string> {
      const { tx = store, ...rest } = own
      return enqueue(tx, await checked(kind, payload, rest))
    },

    /** Any number, of mixed kinds; ids in input order. Payloads of declared kinds are checked by their schemas. */
    async enqueueMany(jobs: readonly Enqueue[], own: InTx = {}): Promise<string[]> {
      const all = await Promise.all(
        jobs.map(({ kind, payload, ...rest }) => {
          const known = kinds.get(kind)
          return known ? checked(known, payload, rest) : { kind, payload, ...rest }
        }),
      )
      return enqueueMany(own.tx ?? store, all)
    },

    /** Starts a worker, and with it maintenance unless told otherwise. */
    work(own: WorkerOptions & { maintenance?: boolean } = {}): Worker {
      const { maintenance: maintains = true, ...rest } = own
      const worker = startWorker(house, rest)
      workers.add(worker)
      if (maintains) maintain()
      return worker
    },

    job: (id: string, own: InTx = {}) => sql.findJob(own.tx ?? store, id),
    /** Newest first; `after` is the last id of the page before. */
    jobs: (filter: sql.JobFilter = {}, page: { after?: string; limit?: number } & InTx = {}) =>
      sql.listJobs(page.tx ?? store, filter, page.after ?? null, page.limit ?? 50),
    counts: (own: InTx = {}) => sql.counts(own.tx ?? store),
    queues: (own: InTx = {}) => sql.listQueues(own.tx ?? store),
    workers: () => sql.listWorkers(store),
    result: results.result,

    cancel: async (id: string, own: { reason?: string } & InTx = {}) =>
      changed(await sql.cancelJob(own.tx ?? store, id, own.reason ?? null)),
    release: async (id: string, own: InTx = {}) => changed(await sql.releaseJob(own.tx ?? store, id)),
    reschedule: async (id: string, runAt: Date, own: InTx = {}) => changed(await sql.rescheduleJob(own.tx ?? store, id, runAt)),
    retry: async (id: string, own: Overrides & InTx = {}) =>
      changed(await sql.retryJob(own.tx ?? store, id, spokenOverrides(own))),
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

    /** Stops claims, not enqueue. */
    pause: (what: { queue: string } | { kind: string }, own: { actor?: string } & InTx = {}) =>
      setPaused(own.tx ?? store, what, true, own.actor),
    resume: (what: { queue: string } | { kind: string }, own: { actor?: string } & InTx = {}) =>
      setPaused(own.tx ?? store, what, false, own.actor),
    /** Cancels all of a queue that neither runs nor is over. */
    drain: (queue: string, own: InTx = {}) => sql.drainQueue(own.tx ?? store, queue),

    deadLetters: {
      list: (filter: { queue?: string; kind?: string } = {}, page: { after?: string; limit?: number } & InTx = {}) =>
        sql.listJobs(page.tx ?? store, { ...filter, dead_letter: true }, page.after ?? null, page.limit ?? 50),
      retry: (filter: sql.DeadLetterFilter, own: Overrides & InTx = {}) =>
        sql.retryDeadLetters(own.tx ?? store, filter, spokenOverrides(own)),
      purge: (filter: sql.DeadLetterFilter, own: InTx = {}) => sql.purgeDeadLetters(own.tx ?? store, filter),
      /** Moves a job there by hand. */
      move: async (id: string, own: { reason?: string } & InTx = {}) =>
        changed(await sql.buryJob(own.tx ?? store, id, own.reason ?? null)),
    },

    schedules: {
      save: (schedule: Schedule, own: InTx = {}) => saveSchedule(own.tx ?? store, schedule, 'api'),
      list: (own: { name?: string } & InTx = {}) => sql.listSchedules(own.tx ?? store, own.name ?? null),
      remove: (id: string, own: InTx = {}) => sql.removeSchedule(own.tx ?? store, id),
      pause: (id: string, own: { actor?: string } & InTx = {}) => sql.pauseSchedule(own.tx ?? store, id, true, own.actor ?? null),
      resume: (id: string, own: { actor?: string } & InTx = {}) =>
        sql.pauseSchedule(own.tx ?? store, id, false, own.actor ?? null),
      /** Enqueues its job now; asks no pause and moves no fire. */
      trigger: (id: string, own: InTx = {}) => sql.triggerSchedule(own.tx ?? store, id),
    },

    callbacks: {
      get: (id: string, own: InTx = {}) => callbacks.getCallback(own.tx ?? store, id),
      complete: (id: string, payload?: unknown, own: InTx = {}) => callbacks.completeCallback(own.tx ?? store, id, payload),
      fail: (id: string, answer: { error: string; retryable?: boolean }, own: InTx = {}) =>
        callbacks.failCallback(own.tx ?? store, id, answer),
      heartbeat: (id: string, timeout: Duration = '1h', own: InTx = {}) =>
        callbacks.heartbeatCallback(own.tx ?? store, id, milliseconds(timeout, '/timeout') / 1000),
      resume: (id: string, payload?: unknown, own: InTx = {}) => callbacks.resumeCallback(own.tx ?? store, id, payload),
      retry: (id: string, own: InTx = {}) => callbacks.retryCallback(own.tx ?? store, id),
      cancel: (id: string, own: InTx = {}) => callbacks.cancelCallback(own.tx ?? store, id),
    },

    /** One round of maintenance, schedules included; safe from many places at once, and for cron jobs and serverless functions. */
    async tick(only: readonly (keyof sql.TickCounts)[] | null = null) {
      const done = await sql.tick(store, only)
      return { ...done, cron: only === null ? (await fireDue(store, log)).length : 0 }
    },

    async health() {
      const [vitals] = await Promise.all([sql.vitals(store).catch(() => null)])
      const ages = [...workers].map((worker) => worker.ages())
      const fits = vitals?.schema_version === sql.SCHEMA_VERSION
      const degraded = [
        ...(wake.status() === 'degraded' ? ['listen'] : []),
        ...(vitals?.leader === null ? ['maintenance'] : []),
        ...(vitals && !fits ? ['schema'] : []),
      ]
      return {
        ready: fits && closing === undefined,
        database: vitals === null ? ('away' as const) : ('ok' as const),
        schema_version: vitals?.schema_version ?? null,
        expected_schema_version: sql.SCHEMA_VERSION,
        listen: wake.status(),
        claim_loop_age_ms: ages.length ? Math.max(...ages.map((one) => one.claim_loop_age_ms)) : null,
        heartbeat_age_ms: ages.length ? Math.max(...ages.map((one) => one.heartbeat_age_ms)) : null,
        maintenance_age_ms: maintenance?.age() ?? null,
        leader: vitals?.leader ?? null,
        workers: vitals?.workers ?? null,
        oldest_ready_ms: vitals?.oldest_ready_ms ?? null,
        shutting_down: closing !== undefined,
        degraded,
      }
    },

    /** Stops everything that this queue started. */
    close(own: { grace?: Duration } = {}): Promise<void> {
      closing ??= (async () => {
        await Promise.all([...workers].map((worker) => worker.stop(own)))
        await maintenance?.stop()
        results.close()
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

async function checked<In, Out>(kind: Kind<In, Out>, payload: In, options: EnqueueOptions): Promise<Enqueue> {
  const parsed = await parsePayload(kind as Kind<unknown, Out>, payload)
  if ('errors' in parsed)
    throw new QueueError('validation_failed', `the payload of ${kind.name} is wrong`, { errors: parsed.errors })
  const { queue, priority, maxAttempts, unique, payloadVersion } = kind
  // The nearest setting wins: what this call names, then the kind as this process declares it.
  const own = options.uniqueKey === undefined ? { unique } : {}
  return { queue, priority, maxAttempts, payloadVersion, ...own, ...options, kind: kind.name, payload }
}

function changed(answer: sql.Changed | null): sql.Changed {
  if (!answer) throw new QueueError('not_found', 'there is no such job')
  if (answer.conflict) throw new QueueError('unique_conflict', 'a newer job holds its unique key', { job_id: answer.conflict })
  if (!answer.changed) throw new QueueError('state_conflict', `the job is ${answer.state}`, { state: answer.state })
  return answer
}

const nameOf = (kind: string | { name: string }): string => (typeof kind === 'string' ? kind : kind.name)

const spokenOverrides = ({ queue, priority, runAt, payload }: Overrides) => ({
  queue,
  priority,
  run_at: runAt?.toISOString(),
  payload,
})

const setPaused = (db: Queryable, what: { queue: string } | { kind: string }, paused: boolean, actor?: string) =>
  'queue' in what
    ? sql.setPaused(db, 'queue', what.queue, paused, actor ?? null)
    : sql.setPaused(db, 'kind', what.kind, paused, actor ?? null)
