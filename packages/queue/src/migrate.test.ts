import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { createQueue, defineKind, defineSchedule, discard, enqueue, listMigrations, migrate, park } from './index.ts'
import { emptyDatabase } from './testing/empty-database.ts'
import { advance, drain, expectEnqueued } from './testing.ts'

test('Q7 Q72 the library installs and works in an empty database under one login, and a second run changes nothing', async () => {
  const url = await emptyDatabase()
  expect((await migrate(url, { testClock: true })).applied).toEqual(listMigrations().map((one) => one.name))
  expect(await migrate(url)).toEqual({ applied: [] })
  const greet = defineKind<{ name: string }>('greet', { run: (job) => `hi ${job.payload.name}` })
  const queue = createQueue({ database: { url }, kinds: [greet] })
  onTestFinished(() => queue.close())
  const id = await queue.enqueue(greet, { name: 'Bo' }, { runAt: '1h' })
  await expectEnqueued(queue, 'greet', { name: 'Bo' })
  await expect(expectEnqueued(queue, 'greet', { name: 'Al' })).rejects.toThrow('No greet')
  expect(await drain(queue)).toEqual([])
  await advance(queue, '2h')
  expect(await drain(queue)).toEqual([{ id, kind: 'greet', outcome: 'completed' }])
  expect(await queue.job(id)).toMatchObject({ output: 'hi Bo', tenant_id: '00000000-0000-0000-0000-000000000000' })
  const worker = queue.work()
  expect(await queue.result(await enqueue(queue.house.store, { kind: 'greet', payload: { name: 'Cy' } }))).toBe('hi Cy')
  await worker.stop()
})

test('Q78 a file that changed after it ran, and a database that is ahead, are refused without a write', async () => {
  const url = await emptyDatabase()
  await migrate(url)
  const client = new pg.Client(url)
  await client.connect()
  onTestFinished(() => client.end())
  await client.query(`insert into countersign_queue.migrations (name, checksum) values ('9999_future.sql', 'x')`)
  await expect(migrate(url)).rejects.toMatchObject({
    code: 'schema_mismatch',
    message: expect.stringContaining('9999_future.sql'),
  })
  await client.query(`delete from countersign_queue.migrations where name like '9999%'`)
  await client.query(`update countersign_queue.migrations set checksum = 'other' where name like '0001%'`)
  await expect(migrate(url)).rejects.toMatchObject({
    code: 'schema_mismatch',
    message: expect.stringContaining('0001_tables.sql was changed'),
  })
})

/** Everything that the catalogue knows: relations, columns, functions, types, triggers, constraints, extensions, roles. */
async function readCatalogue(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ line: string }>(`
    select 'relation ' || oid || ' ' || relname || ' ' || relkind::text || ' ' || relpersistence::text as line from pg_class where relnamespace <> 'pg_toast'::regnamespace
    union all select 'column ' || attrelid || ' ' || attname || ' ' || atttypid from pg_attribute
    union all select 'function ' || oid || ' ' || proname from pg_proc
    union all select 'type ' || oid || ' ' || typname from pg_type
    union all select 'trigger ' || oid || ' ' || tgname || ' on ' || tgrelid::regclass from pg_trigger where not tgisinternal
    union all select 'constraint ' || oid || ' ' || conname from pg_constraint
    union all select 'extension ' || extname from pg_extension
    union all select 'schema ' || oid || ' ' || nspname from pg_namespace
    order by 1`)
  return rows.map((row) => row.line)
}

test('Q6 no extension, no superuser, no trigger of ours on tables of others, and a busy run leaves the catalogue as it was', async () => {
  const url = await emptyDatabase()
  const client = new pg.Client(url)
  await client.connect()
  onTestFinished(() => client.end())
  await client.query('create table public.orders (id int primary key)')
  await migrate(url)
  const { rows } = await client.query(`
    select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication as mighty,
      array(select extname::text from pg_extension) as extensions,
      array(select tgrelid::regclass::text from pg_trigger t join pg_class c on c.oid = t.tgrelid
        where c.relnamespace <> 'countersign_queue'::regnamespace) as triggers
    from pg_roles where rolname = current_user`)
  expect(rows).toEqual([{ mighty: false, extensions: ['plpgsql'], triggers: [] }])

  const before = await readCatalogue(client)
  const after = defineKind('after', { run: () => undefined })
  const flaky = defineKind('flaky', {
    queue: 'brand-new',
    onCompleted: [after],
    run: async (job, ctx) => {
      ctx.progress(50, 'half')
      const callback = await ctx.callback('bank', { timeout: '1h' })
      if (job.attempt === 1) throw new Error('once')
      await queue.callbacks.complete(callback.id, { paid: true })
      return park(callback)
    },
    backoff: { base: 0 },
  })
  const doomed = defineKind('doomed', { run: () => discard('never') })
  const schedule = defineSchedule('often', { cron: '* * * * * *', kind: after })
  const queue = createQueue({ database: { url }, kinds: [flaky, after, doomed], schedules: [schedule] })
  onTestFinished(() => queue.close())
  const worker = queue.work({ concurrency: 8 })
  const ids = await queue.enqueueMany([
    ...Array.from({ length: 20 }, (_, n) => ({ kind: 'flaky', queue: `made-now-${n % 5}`, uniqueKey: `k${n}`, runAt: n * 5 })),
    { kind: 'doomed' },
  ])
  const others = queue.work({ queues: Array.from({ length: 5 }, (_, n) => `made-now-${n}`) })
  await Promise.allSettled(ids.map((id) => queue.result(id, { timeout: '20s' })))
  await queue.deadLetters.retry({ all: true })
  await queue.pause({ queue: 'another-new' })
  await queue.tick()
  expect((await queue.jobs({ kind: 'flaky', state: 'completed' })).data.length).toBe(20)
  await Promise.all([worker.stop(), others.stop()])
  expect(await readCatalogue(client)).toEqual(before)
})
