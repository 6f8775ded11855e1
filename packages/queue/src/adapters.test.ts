import { sql as drizzleSql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { drizzle as drizzleOverPostgresJs } from 'drizzle-orm/postgres-js'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import postgres from 'postgres'
import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { fromDrizzle, fromKysely, fromPostgresJs, fromPrisma, fromTypeOrm } from './adapters.ts'
import { createQueue, enqueue, enqueueMany, QueueError } from './index.ts'
import type { Queryable } from './store.ts'

class Undo extends Error {}

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
  return { queue, pool, url: house.runtimeUrl }
}

/** One transaction that commits and one that does not, in a client's own words. */
type Transact = (work: (tx: Queryable) => Promise<unknown>) => Promise<unknown>

async function proves(queue: Awaited<ReturnType<typeof open>>['queue'], transact: Transact) {
  const payload = { text: '"quoted", 100 %, $1 and \\', list: [1, 2], deep: { null: null } }
  let kept: string[] = []
  await transact(async (tx) => {
    kept = [
      await enqueue(tx, { kind: 'order.ship', payload }),
      ...(await enqueueMany(tx, [
        { kind: 'a', payload: 'just a text' },
        { kind: 'b', priority: 1, runAt: new Date('2999-01-01') },
      ])),
    ]
    expect(await queue.job(kept[0] as string, { tx })).toMatchObject({ payload })
    expect(await queue.job(kept[0] as string)).toBeNull()
  })
  let lost = ''
  await expect(
    transact(async (tx) => {
      lost = await enqueue(tx, { kind: 'order.ship', payload })
      throw new Undo()
    }),
  ).rejects.toBeInstanceOf(Undo)

  expect(await queue.job(lost)).toBeNull()
  const jobs = await Promise.all(kept.map((id) => queue.job(id)))
  expect(jobs).toMatchObject([
    { state: 'ready', payload },
    { state: 'ready', payload: 'just a text' },
    { state: 'scheduled', priority: 1, run_at: '2999-01-01T00:00:00.000Z' },
  ])
  const refused = await transact((tx) => enqueue(tx, { kind: 'Not A Kind' })).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(QueueError)
  expect(refused).toMatchObject({ code: 'validation_failed', members: { errors: [{ path: '/kind' }] } })
}

test('Q84 Q3 a transaction of postgres.js carries the job, and its error is typed', async () => {
  const { queue, url } = await open()
  const sql = postgres(url, { max: 2, onnotice: () => undefined })
  onTestFinished(() => sql.end())
  await proves(queue, (work) => sql.begin((tx) => work(fromPostgresJs(tx))))
})

test('Q84 Q3 a transaction of Kysely carries the job, and its error is typed', async () => {
  const { queue, pool } = await open()
  const db = new Kysely<Record<string, never>>({ dialect: new PostgresDialect({ pool }) })
  await proves(queue, (work) => db.transaction().execute((trx) => work(fromKysely(trx, CompiledQuery))))
})

test('Q84 Q3 a transaction of Drizzle over pg carries the job, and its error is typed', async () => {
  const { queue, pool } = await open()
  const db = drizzle(pool)
  await proves(queue, (work) => db.transaction((tx) => work(fromDrizzle(tx, drizzleSql))))
})

test('Q84 Q3 a transaction of Drizzle over postgres.js carries the job, and its error is typed', async () => {
  const { queue, url } = await open()
  const sql = postgres(url, { max: 2, onnotice: () => undefined })
  onTestFinished(() => sql.end())
  const db = drizzleOverPostgresJs(sql)
  await proves(queue, (work) => db.transaction((tx) => work(fromDrizzle(tx, drizzleSql))))
})

/** One connection in a transaction, as the clients below give it. */
const transactWith =
  (pool: pg.Pool, adapted: (client: pg.PoolClient) => Queryable): Transact =>
  async (work) => {
    const client = await pool.connect()
    try {
      await client.query('begin')
      const done = await work(adapted(client))
      await client.query('commit')
      return done
    } catch (error) {
      await client.query('rollback')
      throw error
    } finally {
      client.release()
    }
  }

test('Q84 Q3 the raw call that Prisma documents, values one by one and rows back, carries the job', async () => {
  const { queue, pool } = await open()
  const prisma = (client: pg.PoolClient) => ({
    $queryRawUnsafe: async (text: string, ...values: unknown[]) => (await client.query(text, values)).rows,
  })
  await proves(
    queue,
    transactWith(pool, (client) => fromPrisma(prisma(client))),
  )
})

test('Q84 Q3 the raw call that TypeORM documents, values as a list and rows back, carries the job', async () => {
  const { queue, pool } = await open()
  const manager = (client: pg.PoolClient) => ({
    query: async (text: string, values?: unknown[]): Promise<unknown> => (await client.query(text, values)).rows,
  })
  await proves(
    queue,
    transactWith(pool, (client) => fromTypeOrm(manager(client))),
  )
})
