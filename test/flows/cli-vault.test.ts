// The rest of the command line of the vault, as the built command against a real server, with a real proxy where requests pass (vault.md §7.2, §12).
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { House } from '#harness'
import { grantAll, openRunWorld } from '../../packages/server/src/cli/run/testing/world.ts'
import { KEY_SCOPES } from '../../packages/server/src/identity/matrix.ts'
import { pageAt, start as startAuthorization } from '../../packages/server/src/vault/authorizations/testing/page.ts'
import { canary, formsOf, openVault, tablesAsText } from '../../packages/server/src/vault/testing/vault.ts'
import { buildCommand, type Running, start, temporaryFolder } from '../harness/process.ts'

type Ran = { code: number | null; out: string; err: string }
type More = { env?: Record<string, string>; input?: string }

/** The command as Alice, with all that her role lets a key do. */
async function terminalOf(house: House, folder = temporaryFolder()) {
  const cli = await buildCommand()
  const { secret } = await house.given.key({ kind: 'usr', scopes: KEY_SCOPES.filter((one) => one.endsWith(':*')) })
  const environment = { HOME: folder, TMPDIR: folder, COUNTERSIGN_URL: house.url, COUNTERSIGN_KEY: secret }
  const begin = (words: string[], { env = {}, input }: More = {}): Running =>
    start(process.execPath, [cli, ...words], {
      cwd: folder,
      env: { ...environment, ...env },
      ...(input === undefined ? {} : { input }),
    })
  const run = async (words: string[], more?: More): Promise<Ran> => {
    const running = begin(words, more)
    const { code } = await running.ended
    return { code, out: running.stdout(), err: running.stderr() }
  }
  return { cli, folder, environment, begin, run }
}

/** Each when stderr or stdout has it, whatever came before. */
async function shown(running: Running, pattern: RegExp): Promise<void> {
  while (!pattern.test(running.stdout() + running.stderr()))
    await new Promise((done) => {
      running.child.stderr?.once('data', done)
      running.child.stdout?.once('data', done)
    })
}

test('§12.3 a key by the form of the page and another by --from-stdin: nothing stands anywhere, and both go out through the proxy', async () => {
  const world = await openRunWorld()
  const { house } = world
  const terminal = await terminalOf(house, world.folder)
  const [piped, typed] = [`ak_${canary()}`, `ak_${canary()}`]

  const stored = await terminal.run(['login', 'alpha', '--name', 'piped', '--from-stdin'], { input: piped })
  expect([stored.code, stored.out]).toEqual([0, expect.stringMatching(/^connected {2}alpha:piped {2}conn_/)])
  const begun = await startAuthorization(house, { provider: 'alpha', name: 'typed', method: 'api_key' })
  const done = await pageAt(house.url, begun.body.connect_url).submit({ fields: { api_key: typed } })
  expect([done.status, done.body.view]).toMatchObject([200, { status: 'completed' }])

  await grantAll(world)
  for (const [name, value] of [
    ['piped', piped],
    ['typed', typed],
  ] as const) {
    const running = world.run(['--connection', `alpha=${name}`, '--', 'curl', '-sS', `${world.origin}/v1/me`])
    expect([name, (await running.ended).code, running.stderr()]).toEqual([name, 0, ''])
    expect(world.service.seen.at(-1)?.authorization).toBe(`Bearer ${value}`)
  }
  const everything = [
    stored.out,
    stored.err,
    JSON.stringify([begun.body, done.body]),
    house.logs.join(''),
    await tablesAsText(house),
  ].join()
  for (const value of [piped, typed]) for (const form of formsOf(value)) expect(everything).not.toContain(form)
}, 240_000)

test('V34 login: a key is typed unseen where no browser can be opened, and Ctrl-C at the question stores nothing', async () => {
  const { house } = await openVault()
  const { cli, folder, environment } = await terminalOf(house)
  const value = canary()
  /** In a terminal of its own, as a person has one. */
  const typing = async (words: string[], typed: string) => {
    const command = [process.execPath, cli, ...words].map((word) => `'${word}'`).join(' ')
    const child = spawn('script', ['-qec', command, '/dev/null'], {
      cwd: folder,
      env: { PATH: process.env.PATH, ...environment },
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    let said = ''
    let isAnswered = false
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk
      if (isAnswered || !said.includes('Key: ')) return
      isAnswered = true
      child.stdin.write(typed)
    })
    const code = await new Promise<number | null>((done) => child.on('close', done))
    return { code, said }
  }
  const given = await typing(['login', 'alpha', '--no-browser', '--name', 'given'], '\u0003')
  expect(given.code).toBe(11)
  const typed = await typing(['login', 'alpha', '--no-browser'], `${value}\r`)
  expect([typed.code, typed.said]).toEqual([0, expect.stringContaining('connected  alpha:default')])
  for (const form of formsOf(value)) expect(typed.said).not.toContain(form)
  expect((await house.alice.get('/api/v1/connections')).body.data.map(({ name }: { name: string }) => name)).toEqual(['default'])
}, 240_000)

test('V34 V124 login: Ctrl-C while it waits cancels the authorization, and ends with 11', async () => {
  const { house } = await openVault()
  const { begin } = await terminalOf(house)
  const login = begin(['login', 'alpha', '--no-browser'])
  await shown(login, /^Waiting/m)
  login.child.kill('SIGINT')
  expect((await login.ended).code).toBe(11)
  expect(await house.admin.rows`select status from authorizations`).toEqual([{ status: 'cancelled' }])
  const [, link = ''] = /^Open (\S+)$/m.exec(login.stderr()) ?? []
  expect((await pageAt(house.url, link).open()).status).toBe(410)
}, 240_000)

test('V91 grants explain: each step with its result, of a request that is sent nowhere', async () => {
  const { house, connect } = await openVault()
  const { id } = await connect()
  const { run, folder } = await terminalOf(house)
  const grant = ['grants', 'create', '--agent', house.agent.id, '--connection', id, '--methods', 'POST', '--paths', '/v1']
  expect((await run(grant)).code).toBe(0)
  const body = join(folder, 'refund.json')
  writeFileSync(body, '{"amount":240}')
  const explain = ['grants', 'explain', '--agent', house.agent.id]

  const fits = await run([...explain, 'post', 'https://api.example.com/v1/refunds', '--body', body, '--json'])
  expect([fits.code, JSON.parse(fits.out)]).toMatchObject([0, { v: 1, connection_id: id, steps: expect.any(Array) }])
  const other = await run([...explain, 'POST', 'https://api.example.com/v2/refunds', '--header', 'accept=text/plain'])
  expect(other.code).toBe(0)
  expect(other.out).toMatch(/^outcome {5}deny, /)
  const steps = (JSON.parse(fits.out) as { steps: { step: string }[] }).steps
  for (const { step } of steps)
    expect(other.out).toMatch(new RegExp(`^${step} +(?:passed|refused|asks|not reached|not tried)`, 'm'))
  expect((await run([...explain, 'POST', 'https://api.example.com/v1', '--header', 'x'])).code).toBe(2)
  expect((await house.eventTypes()).filter((type) => type.startsWith('proxy.'))).toEqual([])
}, 240_000)

test('V72 vault rotate and rekey over the API: a new version of the tenant’s own key, with progress on stderr, and what is stored still opens', async () => {
  const { house, connect } = await openVault({ settings: { ROLES: 'web,worker' } })
  await connect()
  const { run } = await terminalOf(house)
  const versionOf = async () => (await house.alice.get('/api/v1/vault/status')).body.tenant_key.version as number
  const before = await versionOf()

  const rotated = await run(['vault', 'rotate', '--json'])
  expect([rotated.code, JSON.parse(rotated.out)]).toMatchObject([0, { v: 1, state: 'finished', failed: 0, renew: true }])
  for (const line of rotated.err.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ id: JSON.parse(rotated.out).id })
  const again = await run(['rekey', '--reseal'])
  expect([again.code, again.out]).toEqual([0, expect.stringMatching(/^\d+ wraps moved/)])
  expect(await versionOf()).toBe(before + 2)
  expect((await run(['vault', 'verify'])).out).toMatch(/ 0 of which do not open/)

  // Nobody else's: not of another tenant, not by whoever may not.
  const { id } = JSON.parse(rotated.out)
  const bela = await house.given.user({ role: 'member' })
  expect((await bela.post('/api/v1/vault/rotate', {})).body.code).toBe('forbidden')
  const made = await house.admin.one<{ id: string }>`insert into rewraps (id, only_tenant, renew, reseal, created_at, created_by)
    values ('rwp_01J9Z3K4M5N6P7Q8R9S0T1V2W6', null, true, false, countersign.now(), 'test') returning id`
  expect((await house.alice.get(`/api/v1/vault/rotations/${made.id}`)).status).toBe(404)
  expect((await house.alice.get(`/api/v1/vault/rotations/${id}`)).body.state).toBe('finished')
}, 240_000)

test('§7.2 whoami and doctor: from where the key is, whose agent, and whether the vault, the proxy and its certificates work at this moment', async () => {
  const world = await openRunWorld()
  const { run } = await terminalOf(world.house, world.folder)
  const findings = async () => {
    const { code, out } = await run(['doctor', '--client', '--json'])
    const all = (JSON.parse(out) as { findings: { code: string; status: string; what: string }[] }).findings
    return { code, of: (wanted: string) => all.find((one) => one.code === wanted) }
  }
  const first = await findings()
  expect(first.of('client.canary')).toMatchObject({ status: 'ok' })
  expect(first.of('client.session')).toMatchObject({ status: 'ok', what: expect.stringContaining('COUNTERSIGN_KEY') })
  expect(first.of('client.chain')).toMatchObject({ status: 'ok', what: expect.stringContaining('no agent is chosen') })
  expect(await world.house.admin.rows`select from vault_canaries`).toEqual([])

  expect((await run(['agents', 'use', world.house.agent.id])).code).toBe(0)
  const who = await run(['whoami', '--json'])
  expect(JSON.parse(who.out)).toMatchObject({
    ...{ v: 1, key_source: 'environment', agent: { id: world.house.agent.id, did: null, thumbprint: null } },
    ...{ principal: { type: 'user', handle: expect.any(String) }, vault_status: 'open', issues: [] },
    proxy: { reachable: true },
  })
  const second = await findings()
  expect([second.code, second.of('client.chain')]).toMatchObject([0, { status: 'ok', what: expect.stringContaining('answered') }])
}, 240_000)
