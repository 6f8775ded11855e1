import { rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { given, givenFolder, install, openFolder, startOwner } from './embedded.fixture.ts'
import { startEmbedded } from './postgres.ts'
import { markOf } from './process-mark.ts'

// One state folder, owned by one test after the other: initdb is the slow part.
let shared = ''
let home = ''
let next = 1
let installation = ''

beforeAll(async () => {
  shared = openFolder()
  installation = await install(join(shared, 'installation'))
  home = join(shared, 'home')
  const database = await startEmbedded({ home })
  const client = await connect(database.adminUrl)
  await client.query('create table written (n int primary key)')
  await client.end()
  await database.stop()
})
afterAll(() => rmSync(shared, { recursive: true, force: true }))

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined) // the end of the connection is what these tests are about
  await client.connect()
  return client
}

/** Writes numbers one by one, each in a transaction of its own, and comes back after every lost connection. Only what was acknowledged counts. */
function startWriter() {
  const acknowledged: number[] = []
  let isOn = true
  const run = async (url: () => string): Promise<void> => {
    while (isOn) {
      const client = await connect(url()).catch(() => null)
      while (client && isOn) {
        const n = next++
        const isWritten = await client.query('insert into written values ($1)', [n]).then(
          () => true,
          () => false,
        )
        if (!isWritten) break
        acknowledged.push(n)
      }
      await client?.end().catch(() => undefined)
    }
  }
  const stop = (): void => {
    isOn = false
  }
  return { acknowledged, run, stop, reached: (count: number) => until(() => acknowledged.length >= count) }
}

const until = (fact: () => boolean) => expect.poll(fact, { timeout: 20_000, interval: 5 }).toBe(true)

async function written(url: string): Promise<Set<number>> {
  const client = await connect(url)
  const { rows } = await client.query<{ n: number }>('select n from written')
  await client.end()
  return new Set(rows.map((row) => row.n))
}

test('a postmaster killed with -9 comes back by itself on the same port, and every acknowledged write is there', async () => {
  const database = await given({ home })
  const writer = startWriter()
  const writing = writer.run(() => database.adminUrl)
  onTestFinished(writer.stop)

  for (let kills = 1; kills <= 3; kills++) {
    await writer.reached(writer.acknowledged.length + 50 + Math.floor(Math.random() * 100))
    const { pid } = database
    process.kill(pid, 'SIGKILL')
    await until(() => database.pid !== pid && markOf(pid) === null)
    await writer.reached(writer.acknowledged.length + 20)
  }
  writer.stop()
  await writing

  const rows = await written(database.adminUrl)
  expect(writer.acknowledged.filter((n) => !rows.has(n))).toEqual([])
})

test('a backend killed with -9 takes no acknowledged write along', async () => {
  const database = await given({ home })
  const writer = startWriter()
  const writing = writer.run(() => database.adminUrl)
  onTestFinished(writer.stop)
  await writer.reached(100)

  const client = await connect(database.adminUrl)
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  process.kill(rows[0]?.pid as number, 'SIGKILL')
  await writer.reached(writer.acknowledged.length + 100)
  writer.stop()
  await writing

  const kept = await written(database.adminUrl)
  expect(writer.acknowledged.filter((n) => !kept.has(n))).toEqual([])
})

for (const victim of ['its owner', 'its owner and its postmaster'] as const) {
  test(`after kill -9 of ${victim} the next start has every acknowledged write, and no PostgreSQL of before runs`, async () => {
    const all: number[] = []
    for (let round = 1; round <= 2; round++) {
      const owner = startOwner(installation, { home })
      const { adminUrl, pid, wasInitialised } = await owner.told
      expect(wasInitialised).toBe(false)
      const writer = startWriter()
      const writing = writer.run(() => adminUrl)
      onTestFinished(writer.stop)
      await writer.reached(50 + Math.floor(Math.random() * 100))

      owner.child.kill('SIGKILL')
      if (victim !== 'its owner') process.kill(pid, 'SIGKILL')
      await owner.ended
      const database = await startEmbedded({ home })
      writer.stop()
      await writing
      expect(markOf(pid)).toBeNull()
      expect(database.pid).not.toBe(pid)

      all.push(...writer.acknowledged)
      const rows = await written(database.adminUrl)
      expect(all.filter((n) => !rows.has(n))).toEqual([])
      await database.stop()
    }
  })
}

test('a start waits for a backend that outlives its killed postmaster', async () => {
  const owner = startOwner(installation, { home })
  const { adminUrl, pid } = await owner.told
  const busy = await connect(adminUrl)
  // Busy inside one function call, a backend does not look whether its postmaster is still there.
  const result = busy
    .query("select count(*) from generate_series(1, 3000000) as n where md5(n::text) = 'x'")
    .catch(() => undefined)
  const backend = Number((busy as unknown as { processID: number }).processID)

  owner.child.kill('SIGKILL')
  process.kill(pid, 'SIGKILL')
  await owner.ended
  expect(markOf(backend)).not.toBeNull()
  const database = await given({ home })
  await result

  expect(markOf(backend)).toBeNull()
  expect(database.wasInitialised).toBe(false)
})

test('it can be stopped while it is away', async () => {
  const database = await startEmbedded({ home })
  process.kill(database.pid, 'SIGKILL')

  await database.stop()

  expect(markOf(database.pid)).toBeNull()
  const again = await given({ home })
  expect(again.wasInitialised).toBe(false)
})

test('it can be stopped when its folder was removed underneath', async () => {
  const folder = givenFolder()
  const database = await startEmbedded({ home: join(folder, 'home') })
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  process.kill(database.pid, 'SIGKILL')

  await expect.poll(() => markOf(database.pid)).toBeNull()
  await database.stop()
})
