import { spawn } from 'node:child_process'
import {
  chownSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { dataFolder } from './cluster.ts'
import { given, givenFolder, install, openFolder, startOwner } from './embedded.fixture.ts'
import { startEmbedded } from './postgres.ts'
import { markOf } from './process-mark.ts'

const fsync = false
// One state folder, owned by one test after the other: initdb is the slow part, and each test starts PostgreSQL on it itself.
let shared = ''
let home = ''
let installation = ''

beforeAll(async () => {
  shared = openFolder()
  installation = await install(join(shared, 'installation'))
  home = join(shared, 'home')
  const database = await startEmbedded({ home, fsync })
  await database.stop()
})
afterAll(() => rmSync(shared, { recursive: true, force: true }))

async function ask<T extends object>(url: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query<T>(sql)).rows
  } finally {
    await client.end()
  }
}

const isGone = (pid: number) => expect.poll(() => markOf(pid), { timeout: 10_000, interval: 10 }).toBeNull()

test('the first start makes a database with an owner that nobody connects as and two logins that are no superusers', async () => {
  const database = await given({ home: join(givenFolder(), 'state', 'home'), fsync })

  expect(database.wasInitialised).toBe(true)
  expect(new URL(database.runtimeUrl).hostname).toBe('127.0.0.1')
  for (const [url, user] of [
    [database.migratorUrl, 'countersign_migrator'],
    [database.runtimeUrl, 'countersign_runtime'],
  ] as const) {
    const [row] = await ask(url, 'select current_user, current_database(), rolsuper from pg_roles where rolname = current_user')
    expect(row).toEqual({ current_user: user, current_database: 'countersign', rolsuper: false })
  }
  expect(await ask(database.adminUrl, 'show fsync')).toEqual([{ fsync: 'off' }])
})

test('a later start finds what was written, on the same passwords, and fsync is on unless the caller turns it off', async () => {
  const first = await given({ home, fsync })
  await ask(first.adminUrl, 'create table kept as select 42 as answer')
  await first.stop()
  await first.stop()

  const second = await given({ home, settings: { work_mem: '5MB' } })
  expect(second.wasInitialised).toBe(false)
  expect(await ask(second.adminUrl, 'select answer from kept')).toEqual([{ answer: 42 }])
  expect(new URL(second.runtimeUrl).password).toBe(new URL(first.runtimeUrl).password)
  const settings =
    "select name, setting from pg_settings where name in ('fsync', 'synchronous_commit', 'full_page_writes', 'work_mem') order by name"
  expect(await ask(second.adminUrl, settings)).toEqual([
    { name: 'fsync', setting: 'on' },
    { name: 'full_page_writes', setting: 'on' },
    { name: 'synchronous_commit', setting: 'on' },
    { name: 'work_mem', setting: '5120' },
  ])
})

test('it listens on 127.0.0.1 alone, has no socket, and opens only to the generated password', async () => {
  const database = await given({ home, fsync })

  const settings =
    "select name, setting from pg_settings where name in ('listen_addresses', 'unix_socket_directories') order by name"
  expect((await ask<{ setting: string }>(database.adminUrl, settings)).map((one) => one.setting)).toEqual(['127.0.0.1', ''])
  const rules = await ask<{ auth_method: string }>(database.adminUrl, 'select distinct auth_method from pg_hba_file_rules')
  expect(rules).toEqual([{ auth_method: 'scram-sha-256' }])
  const wrong = new URL(database.runtimeUrl)
  wrong.password = 'guess'
  await expect(ask(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' })
  expect(statSync(join(home, 'passwords.json')).mode & 0o777).toBe(0o600)
  expect(statSync(dataFolder(home)).mode & 0o777).toBe(0o700)
  for (const name of readdirSync(home)) {
    const { mode } = statSync(join(home, name))
    if (!name.startsWith('postgresql-')) expect([name, mode & 0o066]).toEqual([name, 0])
  }
})

test('its log file repeats no value of a row', async () => {
  const database = await given({ home, fsync })
  await ask(database.adminUrl, 'create table once (secret text primary key)')
  await ask(database.adminUrl, "insert into once values ('canary-7c1')")
  await expect(ask(database.adminUrl, "insert into once values ('canary-7c1')")).rejects.toMatchObject({ code: '23505' })
  await database.stop()

  expect(readFileSync(join(home, 'postgres.log'), 'utf8')).not.toContain('canary-7c1')
})

test('a second start in this process or another says who holds the folder, since when and how to stop it', async () => {
  const database = await given({ home, fsync })

  await expect(startEmbedded({ home, fsync })).rejects.toThrow(
    /in use by this very process \(\d+\), since 20.+Z\. Stop that one first/,
  )
  const { refused } = await startOwner(installation, { home, fsync }).told
  expect(refused).toContain(`in use by process ${process.pid}, since 20`)
  expect(refused).toContain(`kill ${process.pid}`)
  expect(await ask(database.runtimeUrl, 'select 1 as alive')).toEqual([{ alive: 1 }])
})

test('of three starts at once one gets the folder and the others are told', async () => {
  const told = await Promise.all([1, 2, 3].map(() => startOwner(installation, { home, fsync }).told))

  expect(told.filter((one) => !one.refused)).toHaveLength(1)
  for (const { refused } of told) if (refused) expect(refused).toContain('in use by process')
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`after ${signal} to its owner no PostgreSQL and no claim is left`, async () => {
    const owner = startOwner(installation, { home, fsync })
    const { pid } = await owner.told

    owner.child.kill(signal)

    expect(await owner.ended).toEqual({ code: 0, signal: null })
    expect(markOf(pid)).toBeNull()
    expect(readdirSync(home).filter((name) => name.startsWith('owner.'))).toEqual([])
    expect(existsSync(join(dataFolder(home), 'postmaster.pid'))).toBe(false)
  })
}

test('an owner that ends without stopping it takes PostgreSQL along', async () => {
  const owner = startOwner(installation, { home, fsync })
  const { pid } = await owner.told

  owner.child.stdin?.write('exit\n')

  expect(await owner.ended).toEqual({ code: 7, signal: null })
  await isGone(pid)
})

test('a signal that nobody handles ends its owner as always and PostgreSQL with it', async () => {
  const owner = startOwner(installation, { home, fsync })
  const { pid } = await owner.told

  owner.child.kill('SIGHUP')

  expect(await owner.ended).toEqual({ code: null, signal: 'SIGHUP' })
  await isGone(pid)
})

test('a signal in the middle of the start leaves no PostgreSQL', async () => {
  const owner = startOwner(installation, { home, fsync })
  owner.told.catch(() => undefined)
  const file = join(dataFolder(home), 'postmaster.pid')
  await expect
    .poll(() => existsSync(file) && readFileSync(file, 'utf8').includes('\n'), { interval: 1, timeout: 20_000 })
    .toBe(true)
  const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)

  owner.child.kill('SIGTERM')

  await owner.ended
  await isGone(pid)
})

test('an initdb that was killed half-way is done again', async () => {
  const home = join(givenFolder(), 'home')
  const owner = startOwner(installation, { home, fsync })
  owner.told.catch(() => undefined)
  const half = () => (existsSync(home) ? readdirSync(home).find((name) => /^data\..+\.new$/.test(name)) : undefined)
  await expect.poll(() => existsSync(join(home, half() ?? 'none', 'PG_VERSION')), { interval: 2, timeout: 20_000 }).toBe(true)

  owner.child.kill('SIGKILL')
  await owner.ended
  const database = await given({ home, fsync })

  expect(database.wasInitialised).toBe(true)
  expect(await ask(database.runtimeUrl, 'select 1 as alive')).toEqual([{ alive: 1 }])
  expect(half()).toBeUndefined()
})

test('a pid file whose number now belongs to a stranger neither harms the stranger nor stops the start', async () => {
  const data = dataFolder(home)
  const { uid, gid } = statSync(data)
  const stranger = spawn('sleep', ['60'], { uid, gid, cwd: '/' })
  onTestFinished(() => void stranger.kill('SIGKILL'))
  const file = join(data, 'postmaster.pid')
  writeFileSync(file, `${stranger.pid}\n${data}\n1700000000\n25432\n\n127.0.0.1\n  12345   6789\nready   \n`, { mode: 0o600 })
  chownSync(file, uid, gid)

  const database = await given({ home, fsync })

  expect(await ask(database.runtimeUrl, 'select 1 as alive')).toEqual([{ alive: 1 }])
  expect(markOf(stranger.pid as number)).not.toBeNull()
})

test('a pid file that is a link is not written through', async () => {
  const elsewhere = join(givenFolder(), 'precious')
  writeFileSync(elsewhere, '4194303\nprecious\n')
  const file = join(dataFolder(home), 'postmaster.pid')
  symlinkSync(elsewhere, file)
  onTestFinished(() => rmSync(file, { force: true }))

  await expect(startEmbedded({ home, fsync })).rejects.toMatchObject({ code: 'ELOOP' })
  expect(readFileSync(elsewhere, 'utf8')).toBe('4194303\nprecious\n')
})

test('a folder made by another major version is refused with the way out', async () => {
  const file = join(dataFolder(home), 'PG_VERSION')
  writeFileSync(file, '14\n')
  onTestFinished(() => writeFileSync(file, '18\n'))
  await expect(startEmbedded({ home, fsync })).rejects.toThrow(/was made by PostgreSQL 14, and this release brings PostgreSQL 18/)
  expect(readdirSync(home).filter((name) => name.startsWith('owner.'))).toEqual([])
})

test('a database whose passwords are gone is refused with the way out', async () => {
  const file = join(home, 'passwords.json')
  renameSync(file, `${file}.away`)
  onTestFinished(() => renameSync(`${file}.away`, file))
  await expect(startEmbedded({ home, fsync })).rejects.toThrow(/passwords\.json is gone.+Put it back/)
})

test('a setting that PostgreSQL refuses is told in its own words', async () => {
  await expect(startEmbedded({ home, fsync, settings: { max_connections: 'many' } })).rejects.toThrow(
    /PostgreSQL does not start\. Its log ends with: .*max_connections/,
  )
})

test('a state folder that cannot be written to is refused by name', async () => {
  const file = join(givenFolder(), 'file')
  writeFileSync(file, '')
  await expect(startEmbedded({ home: join(file, 'home') })).rejects.toThrow(/cannot be used \(ENOTDIR\).+COUNTERSIGN_HOME/)
})
