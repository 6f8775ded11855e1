// Ours and the peers behind one shape: install, produce, work. Each is set up as its own documentation says for speed; what is set is printed with the figures.
import { createQueue, defineKind, migrate } from '@countersign/queue'
import pg from 'pg'
import type PgBoss from 'pg-boss'
import { bossLive, graphileLive } from './sql.ts'

export type SystemName = 'ours' | 'graphile-worker' | 'pg-boss'
/** n: its number in this run; at: when it was handed to the producer, in ms of this machine's clock. */
export type Payload = { n: number; at: number; x?: string }
export type Handle = (payload: Payload) => void | Promise<void>
export type WorkPlan = {
  concurrency: number
  /** Each with a pool of its own; default: one queue with `concurrency`. */
  queues?: Record<string, number>
  /** The peer's documented ways to trade latency for throughput: local queue, batches. */
  batched: boolean
}
export type Send = { queue: string; payload: Payload; delayMs?: number; options?: Record<string, unknown> }
export type Producing = { one(job: Send): Promise<void>; many(jobs: Send[]): Promise<void>; close(): Promise<void> }
export type Working = { unacknowledged(): number | null; stop(): Promise<void> }

export type Contender = {
  schema: string
  install(url: string): Promise<void>
  producer(url: string, connections: number): Promise<Producing>
  worker(url: string, plan: WorkPlan, handle: Handle): Promise<Working>
  /** One row `live`; null: ask the library. */
  live: string | null
}

export const QUEUE = 'bench'
const LOCAL_QUEUE = 500

const ours: Contender = {
  schema: 'countersign_queue',
  live: null,
  async install(url) {
    await migrate(url)
  },
  async producer(url, connections) {
    const pool = new pg.Pool({ connectionString: url, max: connections })
    const queue = createQueue({ database: pool, listen: false })
    const spoken = ({ queue: name, payload, delayMs, options }: Send) => ({
      kind: 'bench',
      queue: name,
      payload,
      ...(delayMs === undefined ? {} : { runAt: delayMs }),
      ...options,
    })
    return {
      one: async (job) => void (await queue.enqueueMany([spoken(job)])),
      many: async (jobs) => void (await queue.enqueueMany(jobs.map(spoken))),
      async close() {
        await queue.close()
        await pool.end()
      },
    }
  },
  async worker(url, { concurrency, queues }, handle) {
    const kind = defineKind<Payload>('bench', { run: (job) => handle(job.payload) })
    const queue = createQueue({ database: { url }, kinds: [kind] })
    const worker = queue.work({ queues: queues ?? { [QUEUE]: {} }, concurrency })
    return { unacknowledged: () => worker.ages().unacknowledged, stop: () => queue.close() }
  },
}

/** Only by who needs it: a process of ours is not to pay for loading a peer. */
async function loadGraphile() {
  const loaded = await import('graphile-worker')
  return { ...loaded, logger: new loaded.Logger(() => () => undefined) }
}

const graphile: Contender = {
  schema: 'graphile_worker',
  live: graphileLive,
  async install(url) {
    const { runMigrations, logger } = await loadGraphile()
    await runMigrations({ connectionString: url, logger })
  },
  async producer(url, connections) {
    const pool = new pg.Pool({ connectionString: url, max: connections })
    const onError = (error: Error) => process.stderr.write(`graphile-worker: ${error.message}\n`)
    pool.on('error', onError).on('connect', (client) => void client.on('error', onError))
    const { makeWorkerUtils, logger } = await loadGraphile()
    const utils = await makeWorkerUtils({ pgPool: pool, logger })
    const spec = (delayMs?: number) => (delayMs === undefined ? {} : { runAt: new Date(Date.now() + delayMs) })
    return {
      one: async ({ payload, delayMs }) => void (await utils.addJob('bench', payload, spec(delayMs))),
      many: async (jobs) =>
        void (await utils.addJobs(jobs.map(({ payload, delayMs }) => ({ identifier: 'bench', payload, ...spec(delayMs) })))),
      async close() {
        await utils.release()
        await pool.end()
      },
    }
  },
  async worker(url, { concurrency, batched }, handle) {
    const { run, logger } = await loadGraphile()
    const runner = await run({
      preset: {
        worker: {
          connectionString: url,
          concurrentJobs: concurrency,
          maxPoolSize: Math.max(10, Math.min(concurrency + 2, 26)),
          pollInterval: 1000,
          ...(batched ? { localQueue: { size: LOCAL_QUEUE }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } : {}),
        },
      },
      logger,
      noHandleSignals: true,
      taskList: { bench: (payload) => handle(payload as Payload) },
    })
    return { unacknowledged: () => null, stop: () => runner.stop() }
  },
}

const BOSS_BATCH = 500

const boss: Contender = {
  schema: 'pgboss',
  live: bossLive,
  async install(url) {
    const installer = await openBoss(url, 2)
    await installer.createQueue(QUEUE)
    await closeBoss(installer)
  },
  async producer(url, connections) {
    const producer = await openBoss(url, connections)
    const spoken = ({ payload, delayMs }: Send) => ({
      name: QUEUE,
      data: payload,
      ...(delayMs === undefined ? {} : { startAfter: new Date(Date.now() + delayMs) }),
    })
    return {
      one: async (job) => void (await producer.send(spoken(job))),
      many: (jobs) => producer.insert(jobs.map(spoken)),
      close: () => closeBoss(producer),
    }
  },
  async worker(url, { concurrency, batched }, handle) {
    const worker = await openBoss(url, 10)
    const batchSize = batched ? BOSS_BATCH : concurrency
    const loops = batched ? 2 : 1
    for (let n = 0; n < loops; n++) {
      let id = ''
      id = await worker.work<Payload>(QUEUE, { batchSize, pollingIntervalSeconds: 0.5 }, async (jobs) => {
        // Without this it would wait out its interval after each batch; with it a full batch is followed by the next at once.
        if (jobs.length === batchSize) worker.notifyWorker(id)
        for (let i = 0; i < jobs.length; i += concurrency)
          await Promise.all(jobs.slice(i, i + concurrency).map((job) => handle(job.data)))
      })
    }
    return { unacknowledged: () => null, stop: () => closeBoss(worker) }
  },
}

async function openBoss(url: string, max: number): Promise<PgBoss> {
  const { default: Boss } = await import('pg-boss')
  const opened = new Boss({ connectionString: url, max, schedule: false })
  opened.on('error', (error) => process.stderr.write(`pg-boss: ${error.message}\n`))
  return opened.start()
}

const closeBoss = (one: PgBoss): Promise<void> => one.stop({ graceful: true, wait: true, timeout: 5_000 })

export const CONTENDERS: Record<SystemName, Contender> = { ours, 'graphile-worker': graphile, 'pg-boss': boss }

export const PEER_SETTINGS = {
  'graphile-worker': { local_queue: LOCAL_QUEUE, complete_job_batch_delay_ms: 0 },
  'pg-boss': {
    work_batch: BOSS_BATCH,
    loops: 2,
    polling_interval_s: 0.5,
    note: 'told to fetch on at once after each full batch',
  },
}
