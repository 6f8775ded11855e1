import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { type Copied, copyIn } from './copy-in.ts'
import { createQueue, type Enqueue, QueueError } from './index.ts'

async function open() {
  const house = await database()
  const queue = createQueue({ database: house.db.pool, listen: false })
  onTestFinished(() => queue.close())
  const pool = new pg.Pool({ connectionString: house.runtimeUrl, max: 2 })
  // A connection that ends while its database is dropped says so; nobody waits for it any more.
  pool.on('error', () => undefined)
  // What a database says that is dropped while its connections are ending is no error of a test.
  pool.on('connect', (client) => void client.on('error', () => undefined))
  onTestFinished(() => pool.end())
  const ready = async () => (await queue.counts()).queues.default?.ready ?? 0
  return { ...house, queue, pool, ready }
}

const failureOf = async (promise: Promise<Copied>): Promise<QueueError> => {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(QueueError)
  return error as QueueError
}

function* jobs(count: number, odd: Record<number, Partial<Enqueue>> = {}): Generator<Enqueue> {
  for (let n = 0; n < count; n++) yield { kind: 'order.ship', payload: { n }, ...odd[n] }
}

test('Q33 Q83 copyIn streams any iterable into one transaction and answers ids in input order', async () => {
  const { pool, queue, ready } = await open()
  async function* source() {
    for (const job of jobs(2_500)) yield job
  }
  const { count, ids, refused } = await copyIn(pool, source())
  expect({ count, refused, length: ids.length }).toEqual({ count: 2_500, refused: [], length: 2_500 })
  expect(new Set(ids).size).toBe(2_500)
  expect(await queue.job(ids.at(0) as string)).toMatchObject({ payload: { n: 0 } })
  expect(await queue.job(ids.at(2_499) as string)).toMatchObject({ payload: { n: 2_499 } })
  expect(ids.at(2_500)).toBeNull()
  expect(await ready()).toBe(2_500)
})

test('Q33 Q3 in the transaction of a caller nothing is there before its commit, and nothing after its rollback', async () => {
  const { pool, ready } = await open()
  const client = await pool.connect()
  await client.query('begin')
  await copyIn({ tx: client }, jobs(1_200))
  expect(await ready()).toBe(0)
  await client.query('rollback; begin')
  await copyIn({ tx: client }, jobs(3))
  await client.query('commit')
  client.release()
  expect(await ready()).toBe(3)
})

test('Q33 atomic: the first bad job refuses all and is named by its index, whoever finds it', async () => {
  const { pool, ready } = await open()
  const inSql = await failureOf(copyIn(pool, jobs(2_500, { 1700: { kind: 'Not A Kind' } })))
  expect(inSql).toMatchObject({ code: 'validation_failed', members: { index: 1_700, errors: [{ path: '/kind' }] } })
  const inTypeScript = await failureOf(copyIn(pool, jobs(2_500, { 2200: { payload: { text: '\0' } } })))
  expect(inTypeScript).toMatchObject({
    code: 'validation_failed',
    members: { index: 2_200, errors: [{ path: '/payload/text' }] },
  })
  const twice = await failureOf(copyIn(pool, jobs(1_500, { 3: { uniqueKey: 'k' }, 1100: { uniqueKey: 'k' } })))
  expect(twice).toMatchObject({ code: 'unique_conflict', members: { index: 1_100, job_id: expect.stringMatching(/^job_/) } })
  expect(await ready()).toBe(0)
})

test('Q33 skip: what is valid and distinct goes in, the rest comes back with its index and code', async () => {
  const { pool, queue, ready } = await open()
  const { count, ids, refused } = await copyIn(
    pool,
    jobs(2_500, {
      5: { kind: 'Not A Kind' },
      6: { priority: 9 as 1 },
      700: { payload: Number.NaN },
      1400: { uniqueKey: 'k' },
      1900: { uniqueKey: 'k' },
      2000: { unique: { key: 'k', onConflict: 'reject' } },
      2499: { queue: 'No Queue' },
    }),
    { mode: 'skip' },
  )
  const holder = ids.at(1_400) as string
  expect(refused).toMatchObject([
    { index: 5, code: 'validation_failed', errors: [{ path: '/kind' }] },
    { index: 6, code: 'validation_failed', errors: [{ path: '/priority' }] },
    { index: 700, code: 'validation_failed', errors: [{ path: '/payload' }] },
    { index: 1_900, code: 'unique_conflict', job_id: holder },
    { index: 2_000, code: 'unique_conflict', job_id: holder },
    { index: 2_499, code: 'validation_failed', errors: [{ path: '/queue' }] },
  ])
  expect(count).toBe(2_494)
  expect(await ready()).toBe(2_494)
  expect(refused.map(({ index }) => ids.at(index))).toEqual(refused.map(() => null))
  expect(await queue.job(ids.at(2_001) as string)).toMatchObject({ payload: { n: 2_001 } })
})

test('Q33 a source that fails leaves nothing behind, and its error is the one that the caller sees', async () => {
  const { pool, ready } = await open()
  class Broken extends Error {}
  function* source() {
    yield* jobs(1_500)
    throw new Broken()
  }
  await expect(copyIn(pool, source())).rejects.toBeInstanceOf(Broken)
  expect(await ready()).toBe(0)
  expect(pool.idleCount).toBe(pool.totalCount)
})

test('Q33 the source is asked for no more than what one call and the next hold', async () => {
  const { pool } = await open()
  let given = 0
  let stored = 0
  let furthest = 0
  const client = await pool.connect()
  onTestFinished(() => client.release())
  const tx = {
    async query(text: string, values?: unknown[]) {
      const answer = await client.query(text, values)
      stored += (answer.rows[0] as { answer: unknown[] }).answer.length
      return answer
    },
  }
  function* source() {
    for (const job of jobs(5_500)) {
      given++
      furthest = Math.max(furthest, given - stored)
      yield job
    }
  }
  await copyIn({ tx }, source())
  expect(stored).toBe(5_500)
  expect(furthest).toBeLessThanOrEqual(2_001)
})

test('Q33 a connection that dies under a copy is an error of that copy and no more', async () => {
  const { pool, admin, ready } = await open()
  async function* source() {
    yield* jobs(2_100)
    await admin.query(
      'select pg_terminate_backend(pid) from pg_stat_activity where xact_start is not null and datname = current_database() and pid <> pg_backend_pid()',
    )
    yield* jobs(2_100)
  }
  await expect(copyIn(pool, source())).rejects.toThrow()
  expect(await ready()).toBe(0)
  expect((await copyIn(pool, jobs(10))).count).toBe(10)
})
