import pg from 'pg'
import { expect, inject, onTestFinished, test } from 'vitest'
import { advance, createQueue, defineKind, drain, enqueue, expectEnqueued, listMigrations, migrate } from './index.ts'

/** An empty database that belongs to one plain login, which is a member of nothing. */
async function emptyDatabase(): Promise<string> {
  const { adminUrl } = inject('pg')
  const name = `lib_${crypto.randomUUID().slice(0, 8)}`
  const admin = new pg.Client(adminUrl)
  await admin.connect()
  await admin.query(`create role ${name} login password 'x'`)
  await admin.query(`create database ${name} owner ${name}`)
  onTestFinished(async () => {
    await admin.query(`drop database ${name} with (force)`)
    await admin.query(`drop role ${name}`)
    await admin.end()
  })
  const url = new URL(adminUrl)
  url.username = name
  url.password = 'x'
  url.pathname = `/${name}`
  return url.href
}

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
