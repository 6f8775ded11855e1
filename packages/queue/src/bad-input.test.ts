// Rows of the table of bad input (section 8) that are about where a call is made, not what it says.
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { silentLog } from './host.ts'
import { createQueue, defineKind, defineSchedule, enqueue, listMigrations, migrate, QueueError } from './index.ts'
import { emptyDatabase } from './testing/empty-database.ts'

const greet = defineKind('greet', { run: () => 'hi' })

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url)
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

const caught = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'done',
    (error: unknown) => error,
  )

test('§8 the row "in a failed transaction": the server’s own error is passed on as it is, from every kind of call, and nothing is written', async () => {
  const url = await emptyDatabase()
  await migrate(url)
  const queue = createQueue({ database: { url }, kinds: [greet], listen: false })
  onTestFinished(() => queue.close())
  await queue.register()
  const kept = await queue.enqueue(greet, null)
  const client = await connect(url)
  await client.query('begin')
  const lost = await enqueue(client, { kind: 'greet' })
  await expect(client.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' })

  const own = { tx: client }
  const calls: Record<string, Promise<unknown>> = {
    enqueue: caught(enqueue(client, { kind: 'greet' })),
    'a whole call of many': caught(queue.enqueueMany([{ kind: 'greet' }, { kind: 'greet' }], own)),
    cancel: caught(queue.cancel(kept, own)),
    reschedule: caught(queue.reschedule(kept, new Date(Date.now() + 60_000), own)),
    pause: caught(queue.pause({ queue: 'default' }, own)),
    settings: caught(queue.configure('default', { maxDepth: 1 }, own)),
    claim: caught(
      client.query(
        `select countersign_queue.claim('w', gen_random_uuid(), '[{"queue": "default", "n": 1, "kinds": ["greet"]}]')`,
      ),
    ),
    finish: caught(client.query(`select countersign_queue.finish('[]')`)),
    tick: caught(client.query('select countersign_queue.tick()')),
    'a reader': caught(client.query('select countersign_queue.counts()')),
  }
  for (const [name, call] of Object.entries(calls)) {
    const error = await call
    expect(error, name).toMatchObject({ code: '25P02' })
    expect(error, name).not.toBeInstanceOf(QueueError)
  }
  await client.query('rollback')
  expect(await queue.job(lost)).toBeNull()
  expect(await queue.job(kept)).toMatchObject({ state: 'ready' })
  expect(await queue.settings('default')).toEqual({})
  expect((await queue.jobs()).data).toHaveLength(1)
  // The connection is as good as before.
  expect(await enqueue(client, { kind: 'greet' })).toMatch(/^job_/)
})

test('§8 the row "older schema": a worker that comes before its migration says schema_mismatch and stops; nothing is written, and it works once migrated', async () => {
  const url = await emptyDatabase()
  const client = await connect(url)
  const errors: unknown[] = []
  const start = () => {
    const told: unknown[] = []
    const log = { ...silentLog, error: ({ err }: { err?: unknown }) => void errors.push(err) }
    const queue = createQueue({
      database: { url },
      listen: false,
      kinds: [greet],
      log,
      onOutdated: (error) => void told.push(error),
    })
    onTestFinished(() => queue.close())
    return { queue, told, worker: queue.work({ maintenance: false }) }
  }
  for (const files of [0, 6]) {
    if (files > 0) await migrate(url, { migrations: listMigrations().slice(0, files) })
    const { told, worker } = start()
    await expect.poll(() => told.length, { timeout: 20_000 }).toBe(1)
    expect(told[0]).toMatchObject({ code: 'schema_mismatch', message: expect.stringContaining('bring it up to date first') })
    expect(errors).toContain(told[0])
    await worker.stop()
    const { rows } = await client.query("select to_regclass('countersign_queue.workers') is not null as there")
    expect(rows).toEqual([{ there: files > 0 }])
    if (files > 0) expect((await client.query('select from countersign_queue.workers')).rowCount).toBe(0)
  }
  await migrate(url)
  const { queue, told } = start()
  expect(await queue.result(await queue.enqueue(greet, null), { timeout: '20s' })).toBe('hi')
  expect(told).toEqual([])
})

test('§8 the row "foreign schema of the same name": it is schema_mismatch, and what lies there stays as it was', async () => {
  const url = await emptyDatabase()
  const client = await connect(url)
  const look = async () =>
    (
      await client.query(`
        select c.relname as name from pg_class c where c.relnamespace = 'countersign_queue'::regnamespace
        union all select p.proname from pg_proc p where p.pronamespace = 'countersign_queue'::regnamespace order by 1`)
    ).rows.map(({ name }) => name)
  await client.query('create schema countersign_queue')
  for (const theirs of [
    'create function countersign_queue.enqueue() returns void language sql as $$ $$',
    'create table countersign_queue.migrations (version integer)',
  ]) {
    await client.query(theirs)
    const before = await look()
    await expect(migrate(url)).rejects.toMatchObject({
      code: 'schema_mismatch',
      message: expect.stringContaining('countersign_queue'),
    })
    expect(await look()).toEqual(before)
  }
  // An empty one is a place that somebody prepared.
  await client.query('drop schema countersign_queue cascade')
  await client.query('create schema countersign_queue')
  expect((await migrate(url)).applied).toHaveLength(listMigrations().length)
})

test('§8 the row "in REPEATABLE READ or SERIALIZABLE": what reads the newest state says QJ006 and writes nothing; an enqueue belongs to any transaction', async () => {
  const url = await emptyDatabase()
  await migrate(url)
  const queue = createQueue({ database: { url }, kinds: [greet], listen: false })
  onTestFinished(() => queue.close())
  await queue.register()
  const client = await connect(url)
  const ids: string[] = []
  for (const level of ['repeatable read', 'serializable']) {
    await client.query(`begin isolation level ${level}`)
    ids.push(await enqueue(client, { kind: 'greet' }))
    for (const call of [
      `claim('w', gen_random_uuid(), '[{"queue": "default", "n": 1, "kinds": ["greet"]}]')`,
      `finish('[]')`,
      'tick()',
      'reanchor()',
    ]) {
      await client.query('savepoint before')
      await expect(client.query(`select countersign_queue.${call}`), `${call} in ${level}`).rejects.toMatchObject({
        code: 'QJ006',
      })
      await client.query('rollback to before')
    }
    await client.query('commit')
  }
  expect((await queue.jobs({ state: 'ready' })).data.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
})

test('§8 the row "two of one name": two schedules, or two kinds, of one name in a process are an error at start', () => {
  const at = defineSchedule('nightly', { cron: '@daily', kind: greet })
  const open = (options: object) => () =>
    createQueue({ database: { url: 'postgres://nobody@127.0.0.1:9/nothing' }, listen: false, ...options })
  expect(open({ schedules: [at, defineSchedule('nightly', { cron: '@hourly', kind: greet })] })).toThrow(
    'two declarations of the schedule nightly',
  )
  expect(open({ kinds: [greet, defineKind('greet', { maxAttempts: 1, run: () => 'ho' })] })).toThrow(
    'two declarations of the kind greet',
  )
})
