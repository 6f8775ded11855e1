// The proof of the start (P153, A3) as an operator meets it: a database that is not as it should be keeps the server from listening, the line says what and how
// to mend it, `doctor --fix` mends what is rights and policies, and then it starts.
import { existsSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import pg from 'pg'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { type Embedded, startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { migrate } from '../../packages/server/src/db/migrate.ts'
import { openDnsStub } from '../../packages/server/src/egress/testing/dns-stub.ts'
import { root, start as run, temporaryFolder } from '../harness/process.ts'

/** The built command without a look at its sources: what is proved is one build. */
const countersign = (args: string[], options: { env: Record<string, string> }) =>
  run(process.execPath, [join(root, 'packages/server/dist/cli.js'), ...args], options)

type House = {
  database: Embedded
  env: Record<string, string>
  port: number
  /** As the superuser. */
  sabotage(statement: string): Promise<void>
}

// The processes that are started run what was built.
beforeAll(async () => {
  const { buildIfStale } = (await import(join(root, 'scripts/build.mjs'))) as { buildIfStale(names: string[]): Promise<void> }
  await buildIfStale(['sdk', 'queue', 'server'])
}, 120_000)

async function openHouse(): Promise<House> {
  const home = join(temporaryFolder(), 'home')
  const database = await startEmbedded({ home, fsync: false })
  onTestFinished(() => database.stop())
  await migrate(database.migratorUrl)
  const dns = await openDnsStub(() => ({ rcode: 3 }))
  onTestFinished(() => dns.close())
  const port = await freePort()
  const env = {
    COUNTERSIGN_HOME: home,
    COUNTERSIGN_DATABASE_URL: database.runtimeUrl,
    COUNTERSIGN_PUBLIC_URL: 'https://cs.example.com',
    COUNTERSIGN_PORT: String(port),
    COUNTERSIGN_LOG_LEVEL: 'error',
    COUNTERSIGN_EGRESS_DNS_SERVERS: `127.0.0.1:${dns.port}`,
  }
  const sabotage = async (statement: string) => {
    const url = new URL(database.adminUrl)
    url.pathname = new URL(database.runtimeUrl).pathname
    const client = new pg.Client({ connectionString: url.href, options: '-c search_path=countersign,public' })
    await client.connect()
    await client.query(statement).finally(() => client.end())
  }
  return { database, env, port, sabotage }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts a server in production; what it said and whether anybody ever answered at its port. */
async function start({ env, port }: House, more: Record<string, string> = {}) {
  const running = countersign(['serve', '--json'], { env: { ...env, ...more } })
  let answered = false
  const look = async () => {
    while (running.child.exitCode === null) {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null)
      if (answer) answered = true
      await new Promise((resolve) => void setTimeout(resolve, 25))
    }
  }
  const looking = look()
  const { code } = await running.ended
  await looking
  return { code, stderr: running.stderr(), answered }
}

async function doctor(house: House, args: string[] = [], more: Record<string, string> = {}) {
  const running = countersign(['doctor', '--json', ...args], { env: { ...house.env, ...more } })
  const { code } = await running.ended
  if (running.stdout() === '') throw new Error(`the doctor ended with ${code} and said nothing\n${running.stderr()}`)
  const report = JSON.parse(running.stdout()) as {
    findings: { code: string; status: string; what: string; mend: string | null }[]
    mended: { code: string; statement: string; refused: string | null }[]
  }
  return { code, failed: report.findings.filter(({ status }) => status === 'fail'), ...report }
}

/** It starts, and answers its probe; then it is stopped. */
async function starts(house: House): Promise<void> {
  const running = countersign(['serve', '--json'], { env: house.env })
  const ready = JSON.parse(await running.line(/^\{"ready":true/)) as { url: string }
  await expect.poll(async () => (await fetch(`${ready.url}/readyz`)).status, { timeout: 20_000 }).toBe(200)
  running.child.kill('SIGTERM')
  expect((await running.ended).code).toBe(0)
}

const USING = `using (tenant_id = (select nullif(current_setting('countersign.tenant', true), '')::uuid))`

test('A3 P153 each sabotage keeps production from listening, with its line and exit code 78; doctor --fix mends rights and policies, and then it starts', {
  timeout: 300_000,
}, async () => {
  const house = await openHouse()
  const migrator = { COUNTERSIGN_MIGRATOR_URL: house.database.migratorUrl }
  expect(await doctor(house)).toMatchObject({ code: 0, failed: [] })

  for (const [broken, code, says] of [
    ['alter table tasks disable row level security', 'db.rls', 'countersign.tasks has row security off.'],
    [
      `drop policy tenant on agents; create policy tenant on agents to countersign_runtime ${USING}`,
      'db.rls',
      'The policy "tenant" of countersign.agents has no WITH CHECK.',
    ],
    ['grant delete on events to countersign_runtime', 'db.schema', 'events'],
    [
      'create policy wide on keys for select to countersign_runtime using (true)',
      'db.rls',
      'The policy "wide" of countersign.keys lets',
    ],
    ['grant countersign_owner to countersign_runtime', 'db.role', 'can SET ROLE to countersign_owner'],
  ] as const) {
    await house.sabotage(broken)
    const refused = await start(house)
    expect([broken, refused.code, refused.answered]).toEqual([broken, 78, false])
    expect(refused.stderr).toContain(`${code}: `)
    expect(refused.stderr).toContain(says)
    // Without --fix the doctor says the same and touches nothing.
    if (code === 'db.rls') {
      const seen = await doctor(house)
      expect(seen).toMatchObject({ code: 20, mended: [] })
      expect(seen.failed.some((one) => one.code === code && one.what.includes(says))).toBe(true)
    }
    if (code === 'db.role') {
      // Who may have which role is not the migrator's to say.
      const left = await doctor(house, ['--fix'], migrator)
      expect(left.mended.map(({ refused: why }) => why).join()).toContain('an administrator of the database can run it')
      expect(left.code).toBe(20)
      await house.sabotage('revoke countersign_owner from countersign_runtime')
    } else {
      const mended = await doctor(house, ['--fix'], migrator)
      expect([broken, mended.code, mended.failed, mended.mended.map(({ refused: why }) => why)]).toEqual([
        broken,
        0,
        [],
        mended.mended.map(() => null),
      ])
      expect(mended.mended.length).toBeGreaterThan(0)
    }
  }
  await starts(house)
})

test('A3 P153 a superuser login and a migration with another checksum are refused, and no --fix pretends to mend them', {
  timeout: 120_000,
}, async () => {
  const house = await openHouse()
  const url = new URL(house.database.adminUrl)
  url.pathname = new URL(house.database.runtimeUrl).pathname
  const asSuperuser = await start(house, { COUNTERSIGN_DATABASE_URL: url.href })
  expect([asSuperuser.code, asSuperuser.answered]).toEqual([78, false])
  expect(asSuperuser.stderr).toMatch(/db\.role: The login \w+ is a superuser/)

  await house.sabotage(`update migrations set checksum = repeat('0', 64) where name = '0040_tasks.sql'`)
  const migrator = { COUNTERSIGN_MIGRATOR_URL: house.database.migratorUrl }
  for (const env of [{}, migrator]) {
    const refused = await start(house, env)
    expect([refused.code, refused.answered]).toEqual([78, false])
    expect(refused.stderr).toContain('db.schema: server/0040_tasks.sql')
  }
  const left = await doctor(house, ['--fix'], migrator)
  expect(left).toMatchObject({ code: 20, mended: [], failed: [{ code: 'db.schema' }] })
})

test('P153 P154 what the settings say wrong is a line each, with the nearest name; --fix without the migrator says what it lacks', {
  timeout: 120_000,
}, async () => {
  const house = await openHouse()
  const wrong = {
    COUNTERSIGN_PUBLIK_URL: 'https://x.example',
    COUNTERSIGN_CORS_ORIGINS: '*,https://a.example',
    COUNTERSIGN_TRUSTED_PROXIES: '0.0.0.0/0',
  }
  const refused = await start(house, wrong)
  expect([refused.code, refused.answered]).toEqual([78, false])
  expect(refused.stderr).toContain('There is no setting COUNTERSIGN_PUBLIK_URL; perhaps COUNTERSIGN_PUBLIC_URL is meant.')
  const said = await doctor(house, [], wrong)
  expect(said.code).toBe(20)
  expect(said.failed.map(({ code }) => code).sort()).toEqual(expect.arrayContaining(['http.proxies', 'settings']))

  await house.sabotage('alter table tasks disable row level security')
  const running = countersign(['doctor', '--fix'], { env: house.env })
  expect((await running.ended).code).toBe(78)
  expect(running.stderr()).toContain('COUNTERSIGN_MIGRATOR_URL is not set')
  // No doctor made a key.
  expect(
    existsSync(join(house.env.COUNTERSIGN_HOME as string, 'keys'))
      ? readdirSync(join(house.env.COUNTERSIGN_HOME as string, 'keys'))
      : [],
  ).toEqual([])

  const away = await doctor(house, [], { COUNTERSIGN_DATABASE_URL: 'postgres://countersign_runtime:x@127.0.0.1:1/countersign' })
  expect([away.code, away.failed.map(({ code }) => code)]).toEqual([20, ['db.reach']])
})
