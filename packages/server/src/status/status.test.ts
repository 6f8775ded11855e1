import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createQueue } from '@countersign/queue'
import { expect, onTestFinished, test } from 'vitest'
import { database, type House, setup } from '#harness'
import { systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { openLog } from '../std/log.ts'
import { openBoards } from './board.ts'
import { openMonitor } from './monitor.ts'
import { databaseProbe, type Probe, queueProbe, type Reading, recordProbe, schemaProbe, webhooksProbe } from './probe.ts'
import { insertReadings, type ReadingRow } from './sql.ts'

const quiet = openLog({ level: 'silent' })

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'countersign-status-'))
  onTestFinished(() => rmSync(path, { recursive: true, force: true }))
  return path
}

/** A probe that says what it is told. */
function said(name: string, title: string) {
  const now: Reading = { state: 'ok', measured: {} }
  const probe: Probe = { name, title, says: `Of ${title}.`, measure: async () => ({ ...now }) }
  return { probe, now }
}

const write = (house: House, rows: readonly ReadingRow[]) => tx(house.db, systemScope('test'), (t) => insertReadings(t, rows))

test('P142 a round measures every probe once a minute; two processes in one minute count once, and what is older than 90 days goes', async () => {
  const house = await setup()
  const { probe, now } = said('thing', 'Thing')
  const first = openMonitor({ db: house.db, log: quiet, probes: [databaseProbe, schemaProbe, probe] })
  const second = openMonitor({ db: house.db, log: quiet, probes: [probe] })
  onTestFinished(async () => void (await Promise.all([first.close(), second.close()])))
  await Promise.all([first.measure(), second.measure()])
  const rows = () =>
    house.admin.rows<{
      probe: string
      n: number
    }>`select probe, count(*)::int as n from status_readings group by probe order by probe`
  const before = Object.fromEntries((await rows()).map(({ probe: name, n }) => [name, n]))
  expect(Object.keys(before)).toEqual(['database', 'schema', 'thing'])
  const { minutes } = await house.admin.one<{
    minutes: number
  }>`select count(distinct minute)::int as minutes from status_readings`
  expect(before.thing).toBe(minutes)
  const { measured } = await house.admin.one<{ measured: { p50_ms: number; p95_ms: number } }>`
    select measured from status_readings where probe = 'database' order by minute limit 1`
  expect(measured.p95_ms).toBeGreaterThanOrEqual(measured.p50_ms)

  now.state = 'outage'
  await house.clock.advance('1m')
  await first.measure()
  const days = await house.admin.rows<{
    outage: number
  }>`select sum(outage)::int as outage from status_days where probe = 'thing'`
  expect(days).toEqual([{ outage: 1 }])

  await house.clock.advance('92d')
  await first.measure()
  expect((await rows()).every(({ n }) => n <= 2)).toBe(true)
  expect(
    (await house.admin.rows`select from status_days where day < (countersign.now() at time zone 'UTC')::date - 90`).length,
  ).toBe(0)
})

test('P142 the page says in one sentence how it stands, shows 90 days of each component and the pace of a day, in markup that needs no script and takes none', async () => {
  const house = await setup({
    settings: { STATUS_PUBLIC: 'full' },
  })
  const now = house.clock.now().getTime()
  const at = (minutes: number) => new Date(now - minutes * 60_000)
  const history = Array.from(
    { length: 80 },
    (_, i): ReadingRow => ({
      probe: 'database',
      minute: at(i * 15),
      state: i === 40 ? 'outage' : 'ok',
      measured: { p50_ms: 1 + (i % 5) / 10, p95_ms: 3 },
    }),
  )
  await write(house, [
    ...history,
    { probe: 'schema', minute: at(0), state: 'ok', measured: { pending: 0 } },
    { probe: 'queue', minute: at(0), state: 'warn', measured: { oldest_due_ms: 65_000 } },
    { probe: 'record', minute: at(0), state: 'ok', measured: {} },
    { probe: 'webhooks', minute: at(0), state: 'ok', measured: {} },
  ])
  const answer = await house.nobody.raw('/status', { headers: { accept: 'text/html' } })
  const html = await answer.text()
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'; style-src 'self'")
  expect(html).toContain('<h1>Everything works; Background work needs attention.</h1>')
  expect(html.match(/<svg class="bars"/g)).toHaveLength(6)
  expect(html.match(/<rect /g)?.length).toBe(6 * 90)
  expect(html).toContain('<polyline points="')
  expect(html).toContain('Usually 1.2 ms; the slowest twentieth took up to 3 ms.')
  expect(html).toContain('oldest due 65,000 ms')
  for (const never of [' style="', '<script', ' onload=', 'javascript:']) expect(html).not.toContain(never)
  const styles = await house.nobody.raw('/status.css')
  expect([styles.status, styles.headers.get('content-type')]).toEqual([200, 'text/css; charset=utf-8'])

  const { status, sentence, components } = (await house.nobody.get('/status.json')).body
  expect([status, sentence]).toEqual(['warn', 'Everything works; Background work needs attention.'])
  expect(components[0]).toMatchObject({ name: 'database', state: 'ok', uptime: 79 / 80, measured: { p95_ms: 3 } })
  expect(components[0].days).toHaveLength(90)
})

test('P142 strangers see states and words in the summary, everything when it is full, and nothing when it is off; hosts see all of it', async () => {
  for (const view of ['full', 'summary', 'off']) {
    const house = await setup({ settings: { STATUS_PUBLIC: view } })
    await write(house, [{ probe: 'queue', minute: house.clock.now(), state: 'ok', measured: { lag_p95_ms: 4321 } }])
    const answers = await Promise.all(['/status', '/status.json', '/status/feed.atom'].map((path) => house.nobody.get(path)))
    expect([view, ...answers.map((one) => one.status)]).toEqual([view, ...Array(3).fill(view === 'off' ? 404 : 200)])
    expect([
      view,
      JSON.stringify(answers.map((one) => one.body))
        .replaceAll(',', '')
        .includes('4321'),
    ]).toEqual([view, view === 'full'])
    expect((await house.alice.get('/api/v1/status')).body.code).toBe('forbidden')
    await house.admin.run`insert into hosts (user_id, since) values (${house.alice.id}::text, countersign.now())`
    const own = (await house.alice.get('/api/v1/status')).body
    expect(own.components.find((one: { name: string }) => one.name === 'queue').measured).toEqual({ lag_p95_ms: 4321 })
  }
})

test('P143 A39 with the database away the pages answer from what was known, with its time and the outage; afterwards the outage stands in the history', async () => {
  const file = join(folder(), 'status.json')
  const house = await setup({ cable: true, settings: { STATUS_SNAPSHOT_FILE: file } })
  const { nobody, cable } = house
  const monitor = openMonitor({ db: house.db, log: quiet, probes: [databaseProbe, schemaProbe] })
  onTestFinished(() => monitor.close())
  await monitor.measure()
  const known = (await nobody.get('/status.json')).body
  expect(known).toMatchObject({ away_since: null, as_of: expect.any(String) })
  expect(JSON.parse(readFileSync(file, 'utf8')).as_of).toBe(known.as_of)

  await cable?.pull()
  await house.clock.advance('1m')
  await expect.poll(async () => (await nobody.get('/health')).status, { timeout: 15_000 }).toBe(503)
  const away = await nobody.get('/status.json')
  expect([away.status, away.body.status, away.body.as_of]).toEqual([200, 'outage', known.as_of])
  expect(away.body.sentence).toMatch(/^The database has been away since /)
  expect(away.body.components.find((one: { name: string }) => one.name === 'database').state).toBe('outage')
  const page = await nobody.raw('/status', { headers: { accept: 'text/html' } })
  const html = await page.text()
  expect(page.status).toBe(200)
  expect(html).toContain(`What follows is as of <time datetime="${known.as_of}">`)
  expect([(await nobody.get('/livez')).status, (await nobody.get('/status/feed.atom')).status]).toEqual([200, 200])
  expect(await nobody.get('/readyz')).toMatchObject({ status: 503, body: { code: 'not_ready' } })

  // A process that starts meanwhile has nothing but the file, and one without a file says so.
  const fromFile = openBoards({ db: house.db, log: quiet, probes: [databaseProbe], file })
  expect(await fromFile.current()).toMatchObject({ as_of: known.as_of, status: 'outage' })
  const fromNothing = openBoards({ db: house.db, log: quiet, probes: [databaseProbe], file: null })
  expect(await fromNothing.current()).toMatchObject({
    as_of: null,
    status: 'outage',
    components: [{ name: 'database', state: 'outage' }],
  })

  await monitor.measure()
  await cable?.plug()
  await house.clock.advance('1m')
  await expect.poll(async () => (await nobody.get('/health')).status, { timeout: 15_000 }).toBe(200)
  await monitor.measure()
  expect(
    await house.admin.one`select count(*)::int as n from status_readings where probe = 'database' and state = 'outage'`,
  ).toEqual({ n: 1 })
  await house.clock.advance('2s')
  expect((await nobody.get('/status.json')).body).toMatchObject({ away_since: null })
})

test('P142 a board without fresh measurements claims nothing, and what broke or is down is named', async () => {
  const house = await setup()
  const one = said('one', 'One')
  const two = said('two', 'Two')
  const broken: Probe = { name: 'three', title: 'Three', says: '', measure: () => Promise.reject(new Error('no')) }
  const probes = [one.probe, two.probe, broken]
  const boards = openBoards({ db: house.db, log: quiet, probes, file: null })
  expect(await boards.current()).toMatchObject({ status: 'unknown', sentence: 'Nothing has been measured in the last minutes.' })
  const monitor = openMonitor({ db: house.db, log: quiet, probes })
  onTestFinished(() => monitor.close())
  const next = async () => {
    await house.clock.advance('1m')
    await monitor.measure()
    await house.clock.advance('2s')
    return boards.current()
  }
  expect((await next()).sentence).toBe('Everything that was measured works; of Three nothing is known just now.')
  one.now.state = 'outage'
  expect(await next()).toMatchObject({ status: 'outage', sentence: 'One is not working.' })
  two.now.state = 'outage'
  const both = await next()
  expect(both.sentence).toBe('One and Two are not working.')
  // Since the first of them, not since the last.
  expect(Date.parse(both.components[0]?.since ?? '')).toBeLessThan(Date.parse(both.components[1]?.since ?? ''))
  // Nobody measures any more.
  await monitor.close()
  await house.clock.advance('10m')
  expect((await boards.current()).status).toBe('unknown')
})

test('P141 ready is: database, migrations, key ring, and a maintenance that was seen within 30 s; whatever is missing is named and nothing more', async () => {
  const house = await setup()
  const ready = async () => {
    await house.clock.advance('2s')
    return house.nobody.get('/readyz')
  }
  // Nobody keeps the house yet.
  const alone = await ready()
  expect([alone.status, alone.body.code, alone.body.checks]).toEqual([503, 'not_ready', ['maintenance']])
  await house.admin
    .run`insert into countersign_queue.leases (name, holder, until) values ('maintenance', 'x', clock_timestamp() + interval '1 hour')
    on conflict (name) do update set holder = 'x', until = excluded.until`
  expect([(await ready()).status, (await house.nobody.get('/health')).body.status]).toEqual([200, 'ok'])
  // For so long somebody else may take over.
  await house.admin.run`delete from countersign_queue.leases`
  expect((await ready()).status).toBe(200)
  await house.clock.advance('31s')
  expect((await ready()).body.checks).toEqual(['maintenance'])
  await house.admin.run`update migrations set checksum = repeat('0', 64) where name = '0100_status.sql'`
  const changed = await ready()
  expect(changed.body.checks).toEqual(['migrations', 'maintenance'])
  expect(Object.keys(changed.body).sort()).toEqual(['checks', 'code', 'request_id', 'retry_after', 'status', 'title', 'type'])
  // Neither is a reason for a load balancer to look elsewhere.
  expect((await house.nobody.get('/health')).status).toBe(200)
})

test('P153 security.txt is served as it is, with its media type; a wrong or missing one is not there', async () => {
  const file = join(folder(), 'security.txt')
  const text = '# Thank you\nContact: mailto:security@example.com\nExpires: 2027-06-01T00:00:00Z\nPreferred-Languages: en, de\n'
  writeFileSync(file, text)
  const house = await setup({ settings: { SECURITY_TXT_FILE: file } })
  const answer = await house.nobody.raw('/.well-known/security.txt')
  expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([
    200,
    'text/plain; charset=utf-8',
    text,
  ])
  writeFileSync(file, 'Contact: security@example.com\n')
  expect((await house.nobody.get('/.well-known/security.txt')).status).toBe(404)
  const without = await setup()
  expect((await without.nobody.get('/.well-known/security.txt')).body.code).toBe('not_found')
})

test('P19 figures are for hosts and for keys that a host gave metrics:read; they count by route pattern and hold no name of a tenant, no id and no path', async () => {
  const house = await setup()
  const key = await house.given.key({ kind: 'adm', scopes: ['metrics:read'] })
  const scrape = (secret: string) => house.nobody.raw('/metrics', { headers: { authorization: `Bearer ${secret}` } })
  expect((await scrape(key.secret)).status).toBe(403)
  expect((await house.alice.get('/metrics')).status).toBe(403)
  await house.admin.run`insert into hosts (user_id, since) values (${house.alice.id}::text, countersign.now())`
  await house.agent.get('/api/v1/tasks/task_00000000000000000000000000')
  await house.nobody.get('/no/such/secret-path')
  const answer = await scrape(key.secret)
  const text = await answer.text()
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8'])
  expect(text).toContain('countersign_http_answers_total{method="GET",route="/tasks/:id",status="404"} 1')
  expect(text).toContain('countersign_http_answers_total{method="GET",route="none",status="404"}')
  expect(text).toMatch(/countersign_http_duration_seconds_bucket\{method="GET",route="\/tasks\/:id",le="\+Inf"\} 1/)
  expect(text).toContain('countersign_db_connections{state="idle"}')
  expect(text).toMatch(/countersign_queue_/)
  for (const never of ['secret-path', 'task_0', house.tenantId, house.alice.id, 'Main', key.secret.slice(8, 20)])
    expect(text).not.toContain(never)
  expect((await scrape(house.agent.key)).status).toBe(403)
})

test('P142 of all tenants the share of webhooks that were taken at the first attempt within the hour: retries, tests and older ones do not count', async () => {
  const house = await setup()
  const stranger = await house.given.tenant()
  const reading = () => tx(house.db, systemScope('status'), (t) => webhooksProbe.measure(t))
  expect(await reading()).toEqual({ state: 'ok', measured: { first_attempt_share: null, first_attempts: 0 } })
  // As the superuser, without the rows that a delivery has beside its attempts.
  await house.admin.query("set session_replication_role = 'replica'")
  const attempt = (tenant: string, i: number, n: number, trigger: string, failed: string | null, age: string) => house.admin.run`
    insert into delivery_attempts (delivery_id, tenant_id, n, trigger, started_at, ended_at, ms, class)
    values (${`dlv_${i}`}::text, ${tenant}::uuid, ${n}::integer, ${trigger}::text, countersign.now() - ${age}::interval, countersign.now(), 5, ${failed}::text)`
  for (let i = 0; i < 12; i++)
    await attempt(i % 2 ? house.tenantId : stranger, i, 1, 'auto', i < 9 ? 'timeout' : null, '10 minutes')
  for (let i = 0; i < 12; i++) await attempt(house.tenantId, 100 + i, 1, 'auto', null, '2 hours')
  await attempt(house.tenantId, 1, 2, 'auto', null, '5 minutes')
  await attempt(house.tenantId, 200, 1, 'test', null, '5 minutes')
  expect(await reading()).toEqual({ state: 'ok', measured: { first_attempt_share: 0.25, first_attempts: 12 } })
  for (let i = 0; i < 12; i++) await attempt(house.tenantId, 300 + i, 1, 'auto', 'status', '1 minute')
  expect((await reading()).state).toBe('warn')
})

test('P18 P142 a process whose login only keeps the house measures everything but figures by kind, and shows what it measured', async () => {
  const given = await database()
  const db = await given.open({
    url: { connectionString: given.adminUrl, options: '-c role=countersign_maintenance' },
    listen: false,
  })
  const queue = createQueue({ database: db.pool, listen: false, kinds: [] })
  onTestFinished(() => queue.close())
  const probes = [databaseProbe, schemaProbe, queueProbe(queue), webhooksProbe, recordProbe]
  const monitor = openMonitor({ db, log: quiet, probes })
  onTestFinished(() => monitor.close())
  await monitor.measure()
  const { components } = await openBoards({ db, log: quiet, probes, file: null }).current()
  expect(components.map(({ name, state }) => [name, state])).toEqual(
    probes.map(({ name }) => [name, name === 'schema' ? expect.any(String) : 'ok']),
  )
  expect(components.find(({ name }) => name === 'queue')?.measured).toMatchObject({ lag_p95_ms: null, workers: 0 })
})
