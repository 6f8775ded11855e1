// The proxy as a process of its own (vault.md §6.1): enrolled, by its own login, behind a gate that a stranger does not pass. What is held to seconds of the clock stands
// in proxy-revoked.test.ts.
import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import { setup } from '#harness'
import { dataFolder } from '../../packages/server/src/db/embedded/cluster.ts'
import { stopLeftover } from '../../packages/server/src/db/embedded/postmaster.ts'
import { openDb } from '../../packages/server/src/db/tx.ts'
import { ask, knock, openEdge, stream, tunnel } from '../../packages/server/src/main/node/testing/edge.ts'
import { formsOf } from '../../packages/server/src/vault/testing/vault.ts'
import { startDev, temporaryFolder } from '../harness/process.ts'

const soon = { timeout: 30_000, interval: 50 }

test('V79 V80 V108 V109 an agent’s call leaves a process that holds no key, with a credential that the agent never sees', async () => {
  const edge = await openEdge()
  const proxy = await edge.proxy('edge-1')
  const run = await edge.openRun()

  const answer = await ask(edge, proxy.port, run, '/v1/things')
  expect([answer.status, edge.seen]).toEqual([200, [{ url: '/v1/things', authorization: `Bearer ${edge.canary}` }]])
  expect(answer.text).toContain('seen /v1/things with ')
  for (const form of formsOf(edge.canary)) expect(answer.text).not.toContain(form)

  // Nothing of the house is with it: not in its environment, not in its arguments, not in what it said.
  const { pid } = proxy.running.child
  const [environment, words] = [readFileSync(`/proc/${pid}/environ`, 'utf8'), readFileSync(`/proc/${pid}/cmdline`, 'utf8')]
  for (const form of formsOf(edge.canary))
    expect(`${environment}${words}${proxy.running.stdout()}${proxy.running.stderr()}`).not.toContain(form)
  expect(environment).not.toMatch(/ROOT_KEY|MIGRATOR/)

  // The house sees how it is.
  const node = async () => (await edge.house.alice.get('/api/v1/proxy/nodes')).body.data[0]
  await expect.poll(async () => (await node()).runs, soon).toBe(1)
  await expect.poll(async () => (await node()).version, soon).toMatch(/\+gate\.1$/)
  expect(await node()).toMatchObject({
    id: proxy.node,
    name: 'edge-1',
    state: 'live',
    version: expect.any(String),
    lag_ms: expect.any(Number),
  })
  const events = await edge.house.admin.rows<{
    type: string
  }>`select type from events where type like 'proxy.%' or type like 'node.%' order by ord`
  expect(events.map(({ type }) => type).slice(0, 2)).toEqual(['node.enrolled', 'proxy.allowed'])
  expect((await edge.house.agent.get('/api/v1/proxy/ca')).status).toBe(404)
}, 120_000)

test('V84 §12.18 without the token of a run: 407, no question to a name server, no connection to the service', async () => {
  const edge = await openEdge()
  const proxy = await edge.proxy('edge-1')
  const { token } = await edge.openRun()
  const texts: string[] = []
  for (const shown of [null, '', 'x', token.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a')), edge.house.agent.key]) {
    const { status, text } = await knock(proxy.port, edge.target, shown)
    expect([shown, status]).toEqual([shown, 407])
    texts.push(text)
  }
  expect(new Set(texts).size).toBe(1)
  // What its start asked to see whether anybody answers is no name of anybody.
  expect([edge.asked.filter((question) => !question.endsWith(' invalid')), edge.connections()]).toEqual([[], 0])
}, 120_000)

test('V79 its login reads and writes no table, and calls eight functions and what begins a transaction', async () => {
  const house = await setup()
  const db = await openDb({ url: house.urlOf('countersign_run_proxy'), listen: false, max: 1 })
  onTestFinished(() => db.close())
  const { rows: tables } = await house.admin.query(
    "select quote_ident(schemaname) || '.' || quote_ident(tablename) as name from pg_tables where schemaname in ('countersign', 'countersign_queue') and tablename <> 'test_clock'",
  )
  expect(tables.length).toBeGreaterThan(50)
  for (const { name } of tables)
    for (const statement of [`select * from ${name}`, `delete from ${name}`])
      await expect(db.pool.query(statement), statement).rejects.toMatchObject({ code: '42501' })
  const { rows } = await db.pool.query(
    "select p.proname::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname like 'countersign%' and has_function_privilege(p.oid, 'execute') and has_schema_privilege(n.oid, 'usage') order by 1",
  )
  expect(rows.map(({ name }) => name)).toEqual([
    'now',
    ...['beat', 'policies', 'record', 'reserve', 'revision', 'routes', 'settle', 'spend'].map((name) => `proxy_${name}`),
  ])
})

test('V79 V71 with a key of the house within reach, without what it is, or with an inspector, it does not start: 78 and the rule', async () => {
  const edge = await openEdge()
  const settings = { ...(await edge.settingsOf('edge-1')), COUNTERSIGN_DATABASE_URL: edge.house.urlOf('countersign_run_proxy') }
  const refused = async (more: Record<string, string>) => {
    const running = edge.command(['serve', '--roles', 'proxy'], { ...settings, ...more })
    return [(await running.ended).code, running.stdout(), running.stderr()]
  }
  const url = edge.house.urlOf('countersign_runtime')
  for (const more of [
    { COUNTERSIGN_ROOT_KEY: 'file:/nowhere' },
    { COUNTERSIGN_ROOT_KEY_ALSO: 'file:/nowhere' },
    { COUNTERSIGN_ROOT_KEY_VAULT_TOKEN: 'x' },
    { COUNTERSIGN_MIGRATOR_URL: url },
  ] as Record<string, string>[]) {
    const [code, out, said] = await refused(more)
    expect([Object.keys(more), code, out]).toEqual([Object.keys(more), 78, ''])
    expect(said).toContain(`proxy.keys: `)
    expect(said).toContain(Object.keys(more)[0])
  }
  const [code, , said] = await refused({ COUNTERSIGN_PROXY_NODE: '' })
  expect([code, said]).toEqual([78, expect.stringContaining('proxy.node: A proxy needs COUNTERSIGN_PROXY_NODE;')])
  const [asRuntime, , why] = await refused({ COUNTERSIGN_DATABASE_URL: url })
  expect([asRuntime, why]).toEqual([78, expect.stringContaining('db.schema: This login may read or write ')])
  const [inspected, out, opens] = await refused({ COUNTERSIGN_ENVIRONMENT: 'production', NODE_OPTIONS: '--inspect=127.0.0.1:0' })
  expect([inspected, out, opens]).toEqual([78, '', expect.stringContaining('process: ')])
  const beside = edge.command(['serve', '--roles', 'web,proxy'], { COUNTERSIGN_ENVIRONMENT: 'production' })
  expect([(await beside.ended).code, beside.stderr()]).toEqual([
    78,
    expect.stringContaining('in production the proxy is a process of its own'),
  ])
}, 180_000)

test('V80 V82 a stranger is closed before a byte is read; who is expelled loses the line at once, and its key never comes back', async () => {
  const edge = await openEdge()
  const { house } = edge
  const { gate } = house.server
  const { host, port } = (gate as NonNullable<typeof gate>).address as { host: string; port: number }
  // TLS alone admits nobody: the line is closed, whatever was sent.
  const closed = await new Promise<number>((resolve) => {
    let bytes = 0
    const socket = connect({ host, port, rejectUnauthorized: false })
    socket.on('data', (chunk) => {
      bytes += chunk.length
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(bytes))
    socket.write('{"id":1,"verb":"open","params":{}}\n')
  })
  expect(closed).toBe(0)

  const [one, other] = [await edge.proxy('edge-1'), await edge.proxy('edge-2')]
  const run = await edge.openRun()
  expect([(await ask(edge, one.port, run)).status, (await ask(edge, other.port, run)).status]).toEqual([200, 200])

  const expelled = await house.alice.delete(`/api/v1/proxy/nodes/${one.node}`)
  expect(expelled.status).toBe(204)
  // A run that it does not know yet is asked for at the gate, and nobody answers there.
  const fresh = await edge.openRun()
  await expect.poll(async () => (await knock(one.port, edge.target, fresh.token)).status, soon).toBe(503)
  // What it knew already is of no use either: it reads no revision any more.
  await expect.poll(async () => (await ask(edge, one.port, run)).status, soon).toBe(503)
  expect((await ask(edge, other.port, fresh)).status).toBe(200)

  expect((await house.alice.delete(`/api/v1/proxy/nodes/${one.node}`)).body).toMatchObject({
    code: 'state_conflict',
    state: 'expelled',
  })
  const list = (await house.alice.get('/api/v1/proxy/nodes')).body.data as { id: string; state: string; fingerprint: string }[]
  expect(list.map(({ state }) => state)).toEqual(['expelled', 'live'])
  const again = await house.alice.post('/api/v1/proxy/nodes', { fingerprint: list[0]?.fingerprint, name: 'again' })
  expect(again.body).toMatchObject({ code: 'state_conflict', state: 'expelled' })
  for (const who of [house.bob, house.operator, house.agent]) expect((await who.get('/api/v1/proxy/nodes')).status).toBe(403)
  await house.clock.advance('11m')
  expect((await house.alice.delete(`/api/v1/proxy/nodes/${other.node}`)).body.code).toBe('step_up_required')
}, 180_000)

test('V81 what each proxy asks of the gate is counted per node and run, and visible to hosts in the list of nodes', async () => {
  const edge = await openEdge()
  const { house } = edge
  const [one, other] = [await edge.proxy('edge-1'), await edge.proxy('edge-2')]
  const runs = [await edge.openRun(), await edge.openRun()]
  for (const run of runs) await expect.poll(async () => (await ask(edge, one.port, run)).status, soon).toBe(200)
  const list = (await house.alice.get('/api/v1/proxy/nodes')).body.data as { id: string; calls: Record<string, number> }[]
  const calls = new Map(list.map(({ id, calls }) => [id, calls]))
  expect(calls.get(one.node)).toMatchObject({ opens: 2, asks: 0 })
  expect(calls.get(one.node)?.materials).toBeGreaterThanOrEqual(2)
  expect(calls.get(other.node)).toEqual({ opens: 0, materials: 0, asks: 0, busiest: 0 })
}, 300_000)

test('V113 a tenant that is suspended is stopped at the proxy too, and goes on with the same run when it is not any more', async () => {
  const edge = await openEdge()
  const { house } = edge
  const { port } = await edge.proxy('edge-1')
  const run = await edge.openRun()
  await expect.poll(async () => (await ask(edge, port, run)).status, soon).toBe(200)
  const endless = await stream(edge, port, run, '/events')
  await expect.poll(() => endless.bytes, soon).toBeGreaterThan(200)
  const suspend = (state: string) => house.admin.run`update tenants set state = ${state}::text where id = ${house.tenantId}::uuid`
  await suspend('suspended')
  await expect.poll(() => endless.endedAt, soon).not.toBeNull()
  await expect.poll(async () => (await knock(port, edge.target, run.token)).status, soon).toBe(407)
  const reached = edge.seen.length
  expect((await knock(port, edge.target, run.token)).status).toBe(407)
  expect(edge.seen.length).toBe(reached)
  await suspend('active')
  await expect.poll(async () => (await knock(port, edge.target, run.token)).status, soon).toBe(200)
  await expect.poll(async () => (await ask(edge, port, run)).status, soon).toBe(200)
}, 300_000)

test('§10.2 the proxy is killed in the middle of a request: the client sees a reset, and its event was outside before', async () => {
  const edge = await openEdge()
  const proxy = await edge.proxy('edge-1')
  const run = await edge.openRun()
  const socket = await tunnel(edge, proxy.port, run)
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => undefined)
  const first = new Promise<void>((resolve) => socket.once('data', () => resolve()))
  socket.write(`GET /events HTTP/1.1\r\nHost: ${edge.target}\r\n\r\n`)
  await first
  proxy.running.child.kill('SIGKILL')
  await closed
  await proxy.running.ended
  const { rows } = await edge.house.admin.query("select type from events where type = 'proxy.allowed'")
  expect(rows).toHaveLength(1)
  // The next one that starts goes on with the same run.
  const next = await edge.proxy('edge-2')
  expect((await ask(edge, next.port, run)).status).toBe(200)
}, 120_000)

test('V79 V80 `countersign dev` starts a proxy of its own, tells runs of it, and takes it along when it is killed', async () => {
  const home = `${temporaryFolder()}/home`
  const dev = await startDev(home)
  onTestFinished(async () => void (await stopLeftover(dataFolder(home))))
  const { url, agent_key, proxy_url } = dev.ready as typeof dev.ready & { proxy_url: string }
  const headers = { authorization: `Bearer ${agent_key}`, 'content-type': 'application/json' }
  const opened = await fetch(`${url}/api/v1/runs`, { method: 'POST', headers, body: JSON.stringify({ purpose: 'a test' }) })
  const { token, proxy_url: told } = (await opened.json()) as { token: string; proxy_url: string }
  expect([opened.status, told]).toEqual([201, proxy_url])
  const port = Number(new URL(proxy_url).port)
  expect((await knock(port, 'nothing.example:443', null)).status).toBe(407)
  expect((await knock(port, 'nothing.example:443', token)).status).toBe(200)
  dev.child.kill('SIGKILL')
  // Its output ends with the last process that had it: the proxy too.
  await dev.ended
  await expect
    .poll(
      () =>
        knock(port, 'nothing.example:443', null).then(
          () => 'there',
          () => 'gone',
        ),
      soon,
    )
    .toBe('gone')
}, 180_000)
