// What `countersign run` returns, says, passes on and leaves behind (V124, V126, V128; §12.36).
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { setup } from '#harness'
import { buildCommand, type Running, start, temporaryFolder } from '../../../../../test/harness/process.ts'
import { grantAll, openRunWorld, type RunWorld } from './testing/world.ts'

const left = (world: RunWorld): string[] => readdirSync(world.folder).filter((name) => name.startsWith('countersign-run-'))

type Run = { id: string; state: string; ended_reason: string | null; purpose: string; labels: string[]; mode: string }
const runsOf = async (world: RunWorld) => (await world.house.alice.get('/api/v1/runs')).body.data as Run[]

const statusOf = (running: Running) =>
  JSON.parse(
    running
      .stderr()
      .split('\n')
      .find((line) => line.startsWith('{"v"')) ?? 'null',
  )

test('V124 the code of the child, 128 and the signal that killed it, 126 and 127 for what cannot be started; the run ends with it', async () => {
  const world = await openRunWorld()
  await grantAll(world)
  const child = (code: number | null, signal: string | null) => ({ v: 1, started: true, child: { code, signal }, error: null })
  const never = (code: string) => ({ v: 1, started: false, child: null, error: { code, message: expect.any(String) } })
  const cases: [string[], number, string, object][] = [
    [['sh', '-c', 'exit 37'], 37, 'done', child(37, null)],
    [['sh', '-c', 'kill -TERM $$'], 143, 'done', child(null, 'SIGTERM')],
    [['sh', '-c', 'kill -KILL $$'], 137, 'done', child(null, 'SIGKILL')],
    [['/no/such/program'], 127, 'not_started', never('not_found')],
    [[world.folder], 126, 'not_started', never('not_executable')],
  ]
  for (const [command, code, reason, status] of cases) {
    const running = world.run(['--status-fd', '2', '--', ...command])
    expect([command, (await running.ended).code]).toEqual([command, code])
    expect(statusOf(running)).toEqual(status)
    expect((await runsOf(world))[0]).toMatchObject({
      state: 'ended',
      ended_reason: reason,
      purpose: command[0]?.split('/').at(-1),
    })
  }
  expect(left(world)).toEqual([])
}, 240_000)

test('V126 a signal to the command reaches the child and what the child started; the run goes on until the whole group is gone', async () => {
  const world = await openRunWorld()
  const inner = `trap 'echo inner heard; exit 0' TERM; echo $$ ready; while :; do sleep 0.1; done`
  const running = world.run(['--', 'sh', '-c', `trap 'echo outer heard; wait; exit 9' TERM; sh -c "$1" & wait`, 'sh', inner])
  await running.line(/ ready$/)
  running.child.kill('SIGTERM')
  expect(await running.ended).toEqual({ code: 9, signal: null })
  expect(running.stdout().split('\n').sort()).toEqual(expect.arrayContaining(['inner heard', 'outer heard']))
}, 240_000)

test('V126 the run goes on as long as something that the command left behind does, and says so', async () => {
  const world = await openRunWorld()
  const running = world.run(['--', 'sh', '-c', '(while [ ! -e stop ]; do sleep 0.1; done; echo the last) & exit 4'])
  await expect.poll(running.stderr).toContain('left processes behind')
  expect((await runsOf(world))[0]).toMatchObject({ state: 'live' })
  writeFileSync(join(world.folder, 'stop'), '')
  expect((await running.ended).code).toBe(4)
  expect(running.stdout()).toBe('the last\n')
  expect((await runsOf(world))[0]).toMatchObject({ state: 'ended', ended_reason: 'done' })
}, 240_000)

test('V126 V23 a command that was killed ends its run by missed beats; its folder is closed to others and goes with the next start', async () => {
  const world = await openRunWorld()
  const running = world.run(['--', 'sh', '-c', 'echo "$$ $SSL_CERT_FILE"; exec sleep 600'])
  const [pid = '', bundle = ''] = (await running.line(/^\d+ /)).split(' ')
  onTestFinished(() => void process.kill(Number(pid), 'SIGKILL'))
  const [folder = ''] = left(world)
  expect(join(world.folder, folder)).toBe(dirname(bundle))
  expect(statSync(dirname(bundle)).mode & 0o777).toBe(0o700)
  const [first = ''] = [readFileSync(bundle, 'utf8')]
  expect(first.match(/BEGIN CERTIFICATE/g)?.length).toBeGreaterThan(50)
  const gone = once(running.child, 'exit')
  running.child.kill('SIGKILL')
  await gone
  expect((await runsOf(world))[0]).toMatchObject({ state: 'live' })
  await world.house.clock.advance('91s')
  await world.house.server.queue.enqueueMany([{ kind: 'run.sweep' }])
  await world.house.runJobs()
  expect((await runsOf(world))[0]).toMatchObject({ state: 'ended', ended_reason: 'beat_missed' })
  expect(left(world)).toEqual([folder])
  expect((await world.run(['--', 'true']).ended).code).toBe(0)
  expect(left(world)).toEqual([])
}, 240_000)

test('V126 V127 what the child inherits: no proxy of before, no key of a person, and with --clean-env nothing that is not said', async () => {
  const world = await openRunWorld()
  await grantAll(world)
  const { house } = world
  const { secret } = await house.given.key({ kind: 'usr', name: 'terminal', scopes: ['runs:*', 'agents:*'] })
  const before = {
    ALL_PROXY: 'socks5://127.0.0.1:1',
    NO_PROXY: '*',
    http_proxy: 'http://127.0.0.1:1',
    ALPHA_API_KEY: 'mine',
    MINE: 'kept',
  }
  const env = async (words: string[], key?: string) => {
    const running = world.run([...words, '--', 'env', '-0'], { env: before, ...(key ? { key } : {}) })
    expect([(await running.ended).code, running.stderr()]).toEqual([0, expect.stringContaining('no proxied connection')])
    const lines = running.stdout().split('\0').filter(Boolean)
    return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]))
  }
  const own = await env(['--no-proxy', 'intern.example.com', '--no-proxy', 'db'])
  const address = new RegExp(`^http://run:cs_live_prx_[0-9A-Za-z]{36}@127\\.0\\.0\\.1:${world.proxyPort}$`)
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) expect(own[name]).toMatch(address)
  expect([own.NO_PROXY, own.no_proxy, own.ALL_PROXY]).toEqual([
    ...Array(2).fill('127.0.0.1,localhost,::1,intern.example.com,db'),
    undefined,
  ])
  expect(own.ALPHA_API_KEY).toMatch(/^csph_conn_/)
  expect(own).toMatchObject({
    MINE: 'kept',
    COUNTERSIGN_KEY: house.agent.key,
    GIT_HTTP_PROXY_AUTHMETHOD: 'basic',
    NODE_USE_ENV_PROXY: '1',
  })
  expect(own.COUNTERSIGN_PROXY).toBe(`http://127.0.0.1:${world.proxyPort}`)
  expect(own.NODE_OPTIONS).toMatch(/^--require .*preload\.cjs$/)
  const persons = await env(['--agent', 'refund-bot'], secret)
  expect([persons.COUNTERSIGN_KEY, persons.MINE]).toEqual([undefined, 'kept'])
  const clean = await env(['--clean-env'])
  expect([clean.MINE, clean.COUNTERSIGN_KEY, clean.COUNTERSIGN_URL]).toEqual([undefined, undefined, undefined])
  expect(clean).toMatchObject({ ALPHA_API_KEY: own.ALPHA_API_KEY, HOME: world.folder, PATH: expect.any(String) })
}, 240_000)

test('V124 what stands in the way of a run is said before anything starts, with 125: no agent named, none of that name, no such connection, no proxy', async () => {
  const world = await openRunWorld()
  await grantAll(world)
  const { house } = world
  const { secret } = await house.given.key({ kind: 'usr', name: 'terminal', scopes: ['runs:*', 'agents:*'] })
  const said = async (words: string[], key?: string) => {
    const running = world.run([...words, '--', 'touch', 'started'], key ? { key } : {})
    expect([words, (await running.ended).code]).toEqual([words, 125])
    return running.stderr()
  }
  expect(await said([], secret)).toMatch(/a run is an agent’s: say which one with --agent\. Those that may run: refund-bot\./)
  expect(await said(['--agent', 'nobody'], secret)).toMatch(/There is no agent nobody\. Those that may run: refund-bot\./)
  expect(await said(['--connection', 'alpha=other'])).toContain('it may use alpha=default')
  expect(await said(['--connection', 'alpha'])).toContain('is provider=name')
  expect(await said(['--mode', 'learn'])).toContain('opened by a person')
  expect(await said(['--mode', 'strict'])).toContain('enforce or learn')
  expect(await said(['--ttl', 'long'])).toContain('--ttl')
  expect(await said(['--no-such-flag'])).toContain('unknown option')
  expect(await said(['--status-fd', '77'])).toContain('not open')
  expect((await world.run([]).ended).code).toBe(125)
  expect(existsSync(join(world.folder, 'started'))).toBe(false)
  expect((await runsOf(world)).filter(({ state }) => state === 'live')).toEqual([])
}, 240_000)

test('V124 a server without a proxy is told from one that has one, and its run does not stay open', async () => {
  const house = await setup()
  const cli = await buildCommand()
  const env = { COUNTERSIGN_URL: house.url, COUNTERSIGN_KEY: house.agent.key }
  const running = start(process.execPath, [cli, 'run', '--', 'true'], { env, cwd: temporaryFolder() })
  expect((await running.ended).code).toBe(125)
  expect(running.stderr()).toContain('runs no proxy')
  expect((await house.alice.get('/api/v1/runs?state=live')).body.data).toEqual([])
}, 240_000)

test('V126 what the run is called, labelled and told to use stands with it; --print-env starts nothing and says what a container needs', async () => {
  const world = await openRunWorld()
  await grantAll(world)
  const words = ['--purpose', 'Nightly', '--label', 'b', '--label', 'a', '--connection', 'alpha=default', '--ttl', '2h']
  const running = world.run([...words, '--print-env'])
  expect((await running.ended).code).toBe(0)
  const [run] = await runsOf(world)
  expect(run).toMatchObject({ purpose: 'Nightly', labels: ['a', 'b'], state: 'live', mode: 'enforce' })
  const set = execFileSync('sh', ['-c', `${running.stdout()}\nenv; cat "$SSL_CERT_FILE" | tail -1`], { encoding: 'utf8' })
  expect(set).toMatch(new RegExp(`^COUNTERSIGN_RUN=${run?.id}$`, 'm'))
  expect(set).toMatch(/^HTTPS_PROXY=http:\/\/run:cs_live_prx_/m)
  expect(set).toMatch(/^ALPHA_API_KEY=csph_conn_/m)
  expect(set).toContain('END CERTIFICATE')
  expect(set).not.toContain('--require')
  expect(left(world)).toHaveLength(1)
  // The next start leaves what a container may still read.
  expect((await world.run(['--', 'true']).ended).code).toBe(0)
  expect(left(world)).toHaveLength(1)
}, 240_000)
