// Signing this machine's commands in and out, as the built command against a real server, with a person who approves in their own session (vault.md §7.2, V34, V123).
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { buildCommand, type Running, start, temporaryFolder } from '../harness/process.ts'

type Machine = {
  folder: string
  file: string
  begin(words: string[], more?: Record<string, string>): Running
  run(words: string[], more?: Record<string, string>): Promise<{ code: number | null; out: string; err: string }>
}

/** Somebody's machine: no key, no profile, no browser. */
async function machineOf(house: House): Promise<Machine> {
  const cli = await buildCommand()
  const folder = temporaryFolder()
  const begin = (words: string[], more: Record<string, string> = {}) => {
    const env = { HOME: folder, COUNTERSIGN_URL: house.url, XDG_STATE_HOME: '', XDG_CONFIG_HOME: '', ...more }
    return start(process.execPath, [cli, ...words], { cwd: folder, env })
  }
  return {
    folder,
    file: join(folder, '.local/state/countersign/sessions.json'),
    begin,
    async run(words, more) {
      const running = begin(words, more)
      const { code } = await running.ended
      return { code, out: running.stdout(), err: running.stderr() }
    },
  }
}

/** What the command shows its person on stderr, once it waits. */
async function codeShown(running: Running): Promise<string> {
  for (;;) {
    const [, code] = /^Your code is (\S+)$[\s\S]*^Waiting/m.exec(running.stderr()) ?? []
    if (code !== undefined) return code
    await new Promise((done) => running.child.stderr?.once('data', done))
  }
}

const answer = (house: House, how: 'approve' | 'refuse', code: string) =>
  house.alice.post(`/api/v1/cli/sign-ins/${how}`, { code })

test('V34 V123 login prints a code, waits for a person, keeps what it was given for its owner alone, and logout ends it here and on the server', async () => {
  const house = await setup()
  const machine = await machineOf(house)
  expect((await machine.run(['tasks', 'list'])).code).toBe(10)

  const login = machine.begin(['login', '--device', '--json'])
  const code = await codeShown(login)
  expect(login.stderr()).toContain(`Open ${house.url}/cli in a browser that you are signed in to`)
  expect((await answer(house, 'approve', code)).status).toBe(200)
  expect((await login.ended).code).toBe(0)
  const signed = JSON.parse(login.stdout())
  expect(signed).toMatchObject({ v: 1, server: house.url, kept: 'file', principal: { id: house.alice.id } })
  expect(login.stderr()).toContain('The keyring of this system is not used')

  const { key } = JSON.parse(readFileSync(machine.file, 'utf8')).servers[house.url]
  expect(login.stdout() + login.stderr()).not.toContain(key)
  expect([statSync(machine.file).mode & 0o777, statSync(join(machine.file, '..')).mode & 0o777]).toEqual([0o600, 0o700])
  expect((await machine.run(['tasks', 'list'])).code).toBe(0)
  // Also where no server is named: the one that was signed in to last.
  const whoami = await machine.run(['whoami', '--json'], { COUNTERSIGN_URL: '' })
  expect(JSON.parse(whoami.out)).toMatchObject({
    server: house.url,
    principal: { id: house.alice.id },
    key: { id: signed.key_id },
  })
  // A key that is named says more than a sign-in, and neither goes to another server.
  expect((await machine.run(['tasks', 'list'], { COUNTERSIGN_KEY: 'cs_live_usr_x' })).code).toBe(10)
  const elsewhere = house.url.replace('127.0.0.1', 'localhost')
  expect((await machine.run(['tasks', 'list'], { COUNTERSIGN_URL: elsewhere })).code).toBe(10)

  const out = await machine.run(['logout'])
  expect([out.code, out.out]).toEqual([0, `signed out  ${house.url}\n`])
  expect(JSON.parse(readFileSync(machine.file, 'utf8'))).toEqual({ current: null, servers: {} })
  const late = await house.nobody.get('/api/v1/principal', { authorization: `Bearer ${key}` })
  expect([late.status, late.body.code]).toEqual([401, 'key_revoked'])
  expect((await machine.run(['logout'])).code).toBe(2)
}, 240_000)

test('V34 V124 login ends with 12 when it is refused and with 11 at Ctrl-C; signing in again ends the sign-in before', async () => {
  const house = await setup()
  const machine = await machineOf(house)
  const refused = machine.begin(['login', '--device'])
  await answer(house, 'refuse', await codeShown(refused))
  expect((await refused.ended).code).toBe(12)

  const given = machine.begin(['login', '--device'])
  await codeShown(given)
  given.child.kill('SIGINT')
  expect((await given.ended).code).toBe(11)

  const ids: string[] = []
  for (let i = 0; i < 2; i++) {
    const again = machine.begin(['login', '--no-browser', '--json'])
    await answer(house, 'approve', await codeShown(again))
    expect((await again.ended).code).toBe(0)
    ids.push(JSON.parse(again.stdout()).key_id)
  }
  const states = await Promise.all(ids.map(async (id) => (await house.alice.get(`/api/v1/keys/${id}`)).body.state))
  expect(states).toEqual(['revoked', 'active'])
}, 240_000)

test('V34 login: words that mean something of a provider are refused without one, and the other way round', async () => {
  const house = await setup()
  const { run } = await machineOf(house)
  for (const words of [
    ['login', '--shared'],
    ['login', '--from-stdin'],
    ['login', 'dub', '--device'],
    ['login', '--name', 'x'],
  ]) {
    const { code, err } = await run(words)
    expect([words.join(' '), code, err !== '']).toEqual([words.join(' '), 2, true])
  }
}, 240_000)

test('V123 a sign-in that others can read is used by no command', async () => {
  const house = await setup()
  const machine = await machineOf(house)
  const login = machine.begin(['login', '--device'])
  await answer(house, 'approve', await codeShown(login))
  expect((await login.ended).code).toBe(0)
  chmodSync(machine.file, 0o640)
  const { code, err } = await machine.run(['tasks', 'list'])
  expect([code, err]).toEqual([78, expect.stringContaining('chmod 600')])
}, 240_000)

test('§7.2 onboard: a person signs in, an agent with a key pair of its own is there and claimed, and nothing is imported; again it changes nothing', async () => {
  const house = await setup()
  const machine = await machineOf(house)
  const value = `sk-${'0123456789abcdef'.repeat(3)}`
  writeFileSync(join(machine.folder, '.env'), `OPENAI_API_KEY=${value}\n`, { mode: 0o600 })

  const first = machine.begin(['onboard', '--device', '--agent', 'Nightly', '--json'])
  await answer(house, 'approve', await codeShown(first))
  expect((await first.ended).code).toBe(0)
  const made = JSON.parse(first.stdout())
  expect(made).toMatchObject({
    ...{ v: 1, server: house.url, principal: { id: house.alice.id, signed_in: true } },
    agent: { name: 'Nightly', profile: 'agent', made: true },
    import: { items: expect.arrayContaining([expect.objectContaining({ variables: ['OPENAI_API_KEY'], from: ['.env'] })]) },
  })
  expect(first.stdout() + first.stderr()).not.toContain(value)
  expect((await house.alice.get('/api/v1/connections')).body.data).toEqual([])

  // The agent is claimed, calls with its pair, and is the one that `run` runs.
  const self = await machine.run(['whoami', '--json', '--profile', 'agent'])
  expect([self.code, JSON.parse(self.out)]).toMatchObject([
    0,
    {
      ...{ key_source: 'profile', principal: { type: 'agent', id: made.agent.id } },
      agent: { id: made.agent.id, did: expect.stringMatching(/^did:key:z6Mk/), thumbprint: expect.any(String) },
    },
  ])
  const mine = await machine.run(['whoami', '--json'])
  expect(JSON.parse(mine.out)).toMatchObject({ key_source: 'file', agent: { id: made.agent.id, did: expect.any(String) } })

  const second = await machine.run(['onboard', '--json'])
  expect([second.code, JSON.parse(second.out)]).toMatchObject([
    0,
    { principal: { signed_in: false }, agent: { id: made.agent.id, profile: 'agent', made: false }, import: made.import },
  ])
  expect(
    (await house.alice.get('/api/v1/agents')).body.data.filter(({ name }: { name: string }) => name === 'Nightly'),
  ).toHaveLength(1)
}, 240_000)
