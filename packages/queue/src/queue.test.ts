import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { cancel, createQueue, defineKind, discard, enqueue, type Kind, listMigrations, type QueueOptions } from './index.ts'
import { SCHEMA_VERSION } from './sql.ts'

async function open(kinds: readonly Kind[] = [], options: Partial<QueueOptions> = {}) {
  const house = await database()
  const another = (own: readonly Kind[] = kinds, more: Partial<QueueOptions> = {}) => {
    const queue = createQueue({ database: { url: house.runtimeUrl }, clock: house.clock, ...more, kinds: own })
    onTestFinished(() => queue.close({ grace: '1s' }))
    return queue
  }
  const awaited = async () =>
    (
      await house.admin.one<{ n: number }>`
        select (select count(*) from countersign_queue.jobs where awaited)::int + (select count(*) from countersign_queue.awaited)::int as n`
    ).n
  return { ...house, another, awaited, queue: another(kinds, options) }
}

/** A clock that stands still: who waits for it waits for ever, so what happens all the same was woken. */
const frozen = { timer: () => () => undefined }

const listening = (queue: { health(): Promise<{ listen: string }> }) =>
  expect.poll(async () => (await queue.health()).listen).toBe('listening')

test('Q111 result is woken by the end of the job, in whatever process that is, and rejects with a type', async () => {
  const kinds = [
    defineKind('fine', { run: () => ({ n: 1 }) }),
    defineKind('silent', { run: () => undefined }),
    defineKind('hopeless', { run: () => discard('no such account') }),
    defineKind('unwanted', { run: () => cancel('changed my mind') }),
  ]
  const { queue, another, awaited } = await open([], { clock: frozen })
  await listening(queue)
  const ids = await queue.enqueueMany(kinds.map((kind) => ({ kind: kind.name })))
  const ended = Promise.allSettled(ids.map((id) => queue.result(id)))
  // Marked before anything runs, so that nothing but a notice can tell.
  await expect.poll(awaited).toBe(ids.length)
  another(kinds).work()
  const [fine, silent, hopeless, unwanted] = await ended
  expect(fine).toEqual({ status: 'fulfilled', value: { n: 1 } })
  expect(silent).toEqual({ status: 'fulfilled', value: undefined })
  expect(hopeless).toMatchObject({
    reason: { code: 'job_failed', message: 'no such account', members: { reason: 'terminal_error' } },
  })
  expect(unwanted).toMatchObject({ reason: { code: 'job_cancelled', members: { reason: 'changed my mind' } } })
})

test('Q111 result rejects when its time is over, for a job that is not there, and when the queue is closed', async () => {
  const { queue, another } = await open()
  const id = await enqueue(queue.house.store, { kind: 'nobody.runs' })
  await expect(queue.result(id, { timeout: '50ms' })).rejects.toMatchObject({ code: 'timeout', members: { job_id: id } })
  await expect(queue.result('job_01920000000070008000000000')).rejects.toMatchObject({ code: 'not_found' })
  expect((await queue.job(id))?.state).toBe('ready')
  const other = another()
  const waiting = other.result(id)
  const rejected = expect(waiting).rejects.toMatchObject({ code: 'timeout', message: 'the queue was closed' })
  await other.close()
  await rejected
})

test('Q111 a thousand waiters share one connection and one statement a look, and a job that somebody holds locked holds up no other', async () => {
  const kinds = [defineKind('n', { run: (job) => job.payload })]
  const house = await open(kinds)
  const pool = new pg.Pool({ connectionString: house.runtimeUrl, max: 20 })
  // A connection that ends while its database is dropped says so; nobody waits for it any more.
  pool.on('error', () => undefined)
  // What a database says that is dropped while its connections are ending is no error of a test.
  pool.on('connect', (client) => void client.on('error', () => undefined))
  onTestFinished(() => pool.end())
  const looks: number[] = []
  let underWay = 0
  let most = 0
  const query = pool.query.bind(pool) as (text: string, values?: unknown[]) => Promise<pg.QueryResult>
  Object.assign(pool, {
    query: async (text: string, values?: unknown[]) => {
      if (text.includes('job_results')) looks.push((values as [string[]])[0].length)
      most = Math.max(most, ++underWay)
      try {
        return await query(text, values)
      } finally {
        underWay--
      }
    },
  })
  const waiter = house.another([], { database: pool })
  const ids = await house.queue.enqueueMany(Array.from({ length: 500 }, (_, n) => ({ kind: 'n', payload: n })))
  const stuck = await enqueue(house.queue.house.store, { kind: 'stuck', uniqueKey: 'stuck' })

  const holder = new pg.Client(house.adminUrl)
  await holder.connect()
  onTestFinished(() => holder.end())
  await holder.query('begin')
  await holder.query('select from countersign_queue.jobs where id = $1 for update', [stuck])

  const held = waiter.result(stuck, { timeout: '30s' })
  const all = Promise.all([...ids, ...ids].map((id) => waiter.result(id, { timeout: '30s' })))
  await expect.poll(house.awaited, { timeout: 10_000 }).toBeGreaterThanOrEqual(500)
  expect(pool.totalCount).toBe(1)
  house.queue.work({ concurrency: 50 })
  const numbers = Array.from({ length: 500 }, (_, n) => n)
  expect(await all).toEqual([...numbers, ...numbers])
  expect(most).toBe(1)
  // Waiters of one job ask once, and a notice asks for its own job alone.
  expect([500, 501]).toContain(Math.max(...looks))
  expect(looks.length).toBeLessThan(500)

  await holder.query('rollback')
  await house.queue.cancel(stuck)
  await expect(held).rejects.toMatchObject({ code: 'job_cancelled' })
})

test('Q113 a hook’s errors, thrown or rejected, reach the log only: the job is settled and the worker goes on', async () => {
  const errors: unknown[] = []
  const log = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (fields: object) => void errors.push((fields as { err?: unknown }).err),
  }
  const told: string[] = []
  const { queue } = await open([defineKind('a', { run: (job) => job.payload })], {
    log,
    onSettled: (job, outcome, stale): void | Promise<void> => {
      told.push(`${job.kind} ${outcome} ${stale}`)
      if (told.length === 1) throw new Error('thrown by a hook')
      if (told.length === 2) return Promise.reject(new Error('rejected by a hook'))
    },
  })
  queue.work()
  for (const n of [1, 2, 3]) expect(await queue.result(await enqueue(queue.house.store, { kind: 'a', payload: n }))).toBe(n)
  await expect.poll(() => told).toEqual(['a completed false', 'a completed false', 'a completed false'])
  await expect.poll(() => errors).toEqual([new Error('thrown by a hook'), new Error('rejected by a hook')])
  expect((await queue.jobs({ state: 'completed' })).data.length).toBe(3)
})

test('Q126 health says what works, what is degraded, and which schema is there', async () => {
  expect(SCHEMA_VERSION).toBe(Number(listMigrations().at(-1)?.name.slice(0, 4)))
  const { queue, another, admin } = await open([defineKind('a', { run: () => undefined })])
  await listening(queue)
  const health = await queue.health()
  expect(health).toEqual({
    ready: true,
    database: 'ok',
    schema_version: SCHEMA_VERSION,
    expected_schema_version: SCHEMA_VERSION,
    listen: 'listening',
    claim_loop_age_ms: null,
    heartbeat_age_ms: null,
    maintenance_age_ms: null,
    leader: null,
    workers: 0,
    oldest_ready_ms: null,
    ring: { generation: expect.any(Number), free_slots: 15, oldest_age_ms: expect.any(Number), blocked: null, blocked_pid: null },
    horizon_age_s: health.horizon_age_s,
    shutting_down: false,
    degraded: ['maintenance'],
  })
  const worker = queue.work()
  await expect.poll(async () => (await queue.health()).degraded).toEqual([])
  await expect.poll(async () => (await queue.health()).workers).toBe(1)
  expect(await queue.health()).toMatchObject({
    ready: true,
    leader: expect.any(String),
    claim_loop_age_ms: expect.any(Number),
    heartbeat_age_ms: expect.any(Number),
    maintenance_age_ms: expect.any(Number),
  })
  await worker.stop()
  await enqueue(queue.house.store, { kind: 'a' })
  expect((await queue.health()).oldest_ready_ms).toBeGreaterThanOrEqual(0)

  const deaf = another([], { listen: 'postgres://nobody@127.0.0.1:1/none' })
  expect(await deaf.health()).toMatchObject({ ready: true, listen: 'degraded', degraded: expect.arrayContaining(['listen']) })
  const away = createQueue({ database: { url: 'postgres://nobody@127.0.0.1:1/none' }, listen: false })
  expect(await away.health()).toMatchObject({ ready: false, database: 'away', schema_version: null, workers: null })
  await away.close()
  await admin.query(`create or replace function countersign_queue.vitals() returns jsonb language sql stable security definer
    set search_path = pg_catalog, pg_temp return '{"schema_version": 5, "workers": 0, "leader": "x", "oldest_ready_ms": null}'::jsonb`)
  expect(await queue.health()).toMatchObject({ ready: false, database: 'ok', schema_version: 5, degraded: ['schema'] })

  const closing = queue.close()
  expect(await queue.health()).toMatchObject({ ready: false, shutting_down: true })
  await closing
})
