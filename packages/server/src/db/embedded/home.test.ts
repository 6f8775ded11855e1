import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { chooseAccount } from './account.ts'
import { dataFolder } from './cluster.ts'
import { given, givenFolder, install, openFolder, startOwner } from './embedded.fixture.ts'
import { defaultHome } from './home.ts'
import { startEmbedded } from './postgres.ts'

const isRoot = process.platform === 'linux' && process.getuid?.() === 0
const fsync = false
let shared = ''
let installation = ''

beforeAll(async () => {
  shared = openFolder()
  installation = await install(join(shared, 'installation'))
})
afterAll(() => rmSync(shared, { recursive: true, force: true }))

async function whoAnswers(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<{ current_user: string }>('select current_user')
  await client.end()
  return rows[0]?.current_user ?? ''
}

const accountOf = (name: string) => {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${name}:`))
  const [, , uid, gid] = (line ?? '').split(':').map(Number)
  return { uid: uid as number, gid: gid as number }
}

test('an ordinary user has the state folder in the working directory', () => {
  expect(defaultHome({ cwd: '/srv/shop', isRoot: false })).toBe('/srv/shop/.countersign')
})

test('an ordinary user runs PostgreSQL as himself', () => {
  const mine = join(givenFolder(), 'data')
  expect(chooseAccount({ isRoot: false, data: mine })).toBeNull()
  mkdirSync(mine)
  expect(chooseAccount({ isRoot: false, data: mine })).toBeNull()
})

if (isRoot) {
  test('root has it there too while others may enter, and under /var/lib, one a directory, when they may not', () => {
    const open = givenFolder()
    expect(defaultHome({ cwd: open, isRoot: true })).toBe(join(open, '.countersign'))

    const closed = givenFolder()
    const [shop, till] = [join(closed, 'shop'), join(closed, 'till')]
    for (const folder of [shop, till]) mkdirSync(folder, { mode: 0o755 })
    chmodSync(closed, 0o700)
    expect(defaultHome({ cwd: shop, isRoot: true })).toMatch(/^\/var\/lib\/countersign\/shop-[0-9a-f]{12}$/)
    expect(defaultHome({ cwd: till, isRoot: true })).not.toBe(defaultHome({ cwd: shop, isRoot: true }))
    expect(defaultHome({ cwd: shop, isRoot: true })).toBe(defaultHome({ cwd: shop, isRoot: true }))
  })

  test('root runs PostgreSQL under an account of the machine that is not root', async () => {
    const database = await given({ home: join(givenFolder(), 'home'), fsync })
    const { uid } = statSync(`/proc/${database.pid}`)
    expect(uid).not.toBe(0)
    expect(readFileSync('/etc/passwd', 'utf8')).toMatch(new RegExp(`^[^:]+:[^:]*:${uid}:`, 'm'))
  })

  test('root starts it from an installation, in a directory and with a umask that keep everybody else out', async () => {
    const outer = givenFolder()
    const closed = join(outer, 'closed')
    mkdirSync(closed)
    spawnSync('cp', ['-al', installation, closed])
    for (const folder of [closed, outer]) chmodSync(folder, 0o700)
    const owner = startOwner(join(closed, 'installation'), { fsync, umask: 0o077 }, { cwd: closed })
    const { home, runtimeUrl } = await owner.told
    onTestFinished(() => {
      rmSync(home, { recursive: true, force: true })
      if (readdirSync(dirname(home)).length === 0) rmdirSync(dirname(home))
    })

    expect(home).toMatch(/^\/var\/lib\/countersign\/closed-/)
    expect(await whoAnswers(runtimeUrl)).toBe('countersign_runtime')
    owner.child.kill('SIGTERM')
    expect(await owner.ended).toEqual({ code: 0, signal: null })
  })

  test('root is refused a state folder that PostgreSQL could not reach, and is told which folder is in the way', async () => {
    const closed = givenFolder()
    chmodSync(closed, 0o700)
    await expect(startEmbedded({ home: join(closed, 'home') })).rejects.toThrow(
      new RegExp(`cannot enter ${closed}\\. Set COUNTERSIGN_HOME to a folder`),
    )
  })

  test('root changes no rights of a folder that holds something else', async () => {
    const folder = givenFolder()
    writeFileSync(join(folder, 'letters'), '')
    chmodSync(folder, 0o700)
    await expect(startEmbedded({ home: folder })).rejects.toThrow(`cannot enter ${folder}.`)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
  })

  test('a user without root starts it from what root installed, and root then runs it as that user', async () => {
    const nobody = accountOf('nobody')
    const home = join(givenFolder(), 'mine', 'home')
    mkdirSync(dirname(home))
    spawnSync('chown', [`${nobody.uid}:${nobody.gid}`, dirname(home)])
    for (const folder of [dirname(home), shared]) chmodSync(folder, 0o755)

    const owner = startOwner(installation, { home, fsync }, nobody)
    const { runtimeUrl, pid, refused } = await owner.told
    expect(refused).toBeUndefined()
    expect(await whoAnswers(runtimeUrl)).toBe('countersign_runtime')
    expect(statSync(`/proc/${pid}`).uid).toBe(nobody.uid)
    expect(statSync(dataFolder(home)).uid).toBe(nobody.uid)
    owner.child.kill('SIGTERM')
    expect(await owner.ended).toEqual({ code: 0, signal: null })

    const database = await given({ home, fsync })
    expect(database.wasInitialised).toBe(false)
    expect(statSync(`/proc/${database.pid}`).uid).toBe(nobody.uid)
    expect(await whoAnswers(database.runtimeUrl)).toBe('countersign_runtime')
  })

  test('a user without root is told whose data it is when it is not his', async () => {
    const home = join(givenFolder(), 'home')
    mkdirSync(dataFolder(home), { recursive: true })
    for (const folder of [home, dataFolder(home)]) chmodSync(folder, 0o777)
    const { refused } = await startOwner(installation, { home, fsync }, accountOf('nobody')).told
    expect(refused).toMatch(/belongs to uid 0 and we run as \d+\. Run as that user or as root/)
  })

  test('a user whose number has no name is asked for DATABASE_URL', async () => {
    const home = join(givenFolder(), 'home')
    mkdirSync(home)
    chmodSync(home, 0o777)
    const { refused } = await startOwner(installation, { home, fsync }, { uid: 54_321, gid: 54_321 }).told
    expect(refused).toMatch(/uid 54321 has no entry in \/etc\/passwd\. .+DATABASE_URL/)
    expect(existsSync(dataFolder(home))).toBe(false)
  })

  test('a root that may not become another account is told so', async () => {
    const options = { home: join(givenFolder(), 'home'), fsync }
    for (const lost of ['-chown', '-setuid,-setgid']) {
      const { refused } = await startOwner(installation, options, { via: ['setpriv', `--bounding-set=${lost}`] }).told
      expect(refused).toMatch(/this root cannot become the account \w+ \(EPERM\).+DATABASE_URL/)
    }
  })
}
