// The vault in a terminal, as the built command against a real server: values go in from files and come out by `export` alone.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { House } from '#harness'
import { canary, formsOf, openVault, tablesAsText } from '../../packages/server/src/vault/testing/vault.ts'
import { buildCommand, start, temporaryFolder } from '../harness/process.ts'

type Ran = { code: number | null; out: string; err: string }
type Terminal = { folder: string; run(words: string[], more?: { env?: Record<string, string>; input?: string }): Promise<Ran> }

async function terminalOf(
  house: House,
  scopes = ['agents:*', 'connections:*', 'grants:*', 'runs:*', 'providers:*', 'vaults:*', 'jobs:*', 'events:*'],
): Promise<Terminal> {
  const cli = await buildCommand()
  const folder = temporaryFolder()
  const { KEY_SCOPES } = await import('../../packages/server/src/identity/matrix.ts')
  const key = await house.given.key({ kind: 'usr', scopes: scopes.filter((one) => KEY_SCOPES.includes(one)) })
  return {
    folder,
    async run(words, { env = {}, input } = {}) {
      const own = { HOME: folder, COUNTERSIGN_URL: house.url, COUNTERSIGN_KEY: key.secret, ...env }
      const running = start(process.execPath, [cli, ...words], {
        cwd: folder,
        env: own,
        ...(input === undefined ? {} : { input }),
      })
      const { code } = await running.ended
      return { code, out: running.stdout(), err: running.stderr() }
    },
  }
}

test('V125 §12.37 export: a person signs in, and eval of the shell form gives back each byte and runs nothing', async () => {
  const { house, connect } = await openVault()
  await house.alice.patch('/api/v1/tenant', { vault_export: true })
  const password = `${crypto.randomUUID()} of a test`
  const olga = await house.given.user({ role: 'owner', email: 'olga@example.com', password })
  const marker = join(temporaryFolder(), 'ran')
  const value = `a'b"c\n$(touch ${marker})\`touch ${marker}\` \\ ; & é \u0001 %`
  await connect({ belongs: { shared: true }, value, material: { api_key: value, refresh_token: canary() } })
  const { run } = await terminalOf(house)
  const words = ['export', 'alpha', '--email', olga.email, '--password-from-env', 'PASSWORD', '--reason', 'another host']
  const env = { PASSWORD: password }

  const shell = await run([...words, '--format', 'shell'], { env })
  expect([shell.code, shell.err]).toEqual([0, expect.stringContaining('These are secrets of alpha:default')])
  const script = `${shell.out}printf %s "$ALPHA_API_KEY"`
  expect(execFileSync('/bin/sh', ['-c', script], { encoding: 'utf8' })).toBe(value)
  expect(existsSync(marker)).toBe(false)

  const json = await run([...words, '--json', '--quiet'], { env })
  expect([JSON.parse(json.out), json.err]).toEqual([{ v: 1, connection_id: expect.any(String), fields: { api_key: value } }, ''])
  const piped = await run(
    [...words.filter((word) => !/PASSWORD|password/.test(word)), '--password-from-stdin', '--format', 'json'],
    { input: password },
  )
  expect([piped.code, JSON.parse(piped.out)]).toEqual([0, { api_key: value }])

  const refresh = await run([...words, '--field', 'refresh_token'], { env })
  expect([refresh.code, refresh.out]).toEqual([12, ''])
  expect((await run(words, { env: { PASSWORD: 'wrong' } })).code).toBe(10)
  expect((await run(words.slice(0, 4).concat('--reason', 'x'))).code).toBe(2)
  expect((await run(['export', 'alpha', '--password-from-env', 'PASSWORD'], { env })).code).toBe(2)
  expect((await run(['export', 'beta', ...words.slice(2)], { env })).code).toBe(3)
  await house.alice.patch('/api/v1/tenant', { vault_export: false })
  expect((await run(words, { env })).code).toBe(12)
  const sessions = await house.admin.one<{ n: number }>`
    select count(*)::integer as n from sessions where user_id = ${olga.id} and ended_at is null and methods && array['password']`
  expect(sessions.n).toBe(0)
}, 240_000)

test('V125 import env: what is stored, what is the same, what is new; a second run changes nothing, and no value is printed', async () => {
  const { house, connect, define } = await openVault()
  const { ALPHA } = await import('../../packages/server/src/vault/testing/vault.ts')
  const named = (name: string, env: Record<string, string>) =>
    define({ ...ALPHA, name, env, hosts: [{ host: `api.${name}.example.com` }], params: {} })
  for (const name of ['beta', 'gamma', 'delta']) await named(name, { [`${name.toUpperCase()}_API_KEY`]: 'api_key' })
  const [same, other, fresh] = [canary(), canary(), canary()]
  await connect({ value: same })
  await connect({ provider: 'beta' })
  await connect({ provider: 'delta' })
  const { run, folder } = await terminalOf(house)
  const file = join(folder, '.env')
  writeFileSync(file, `# ours\nexport ALPHA_API_KEY="${same}"\nBETA_API_KEY='${other}'\nHOUSE_TOKEN=abc\nPORT=3000\n`, {
    mode: 0o640,
  })
  const only = ['--provider', 'alpha', 'beta', 'gamma', 'delta', '--json']
  const env = { GAMMA_API_KEY: fresh }
  const statesOf = ({ out }: Ran) =>
    Object.fromEntries(
      (JSON.parse(out) as { items: { provider: string | null; variables: string[]; state: string }[] }).items.map((one) => [
        one.provider ?? one.variables.join(),
        one.state,
      ]),
    )

  const dry = await run(['import', 'env', '--dry-run', ...only], { env })
  expect([dry.code, statesOf(dry)]).toEqual([
    0,
    { alpha: 'match', beta: 'different', gamma: 'env_only', delta: 'stored_only', HOUSE_TOKEN: 'no_mapping' },
  ])
  expect((await run(['import', 'env', ...only], { env })).code).toBe(2)
  const first = await run(['import', 'env', '--yes', ...only], { env })
  expect([first.code, statesOf(first)]).toEqual([
    0,
    { alpha: 'unchanged', beta: 'different', gamma: 'imported', delta: 'stored_only', HOUSE_TOKEN: 'no_mapping' },
  ])
  const second = await run(['import', 'env', '--yes', ...only], { env })
  expect(statesOf(second)).toMatchObject({ alpha: 'unchanged', beta: 'different', gamma: 'unchanged' })
  const third = await run(['import', 'env', '--yes', '--replace', '--comment-out', ...only], { env })
  expect(statesOf(third)).toMatchObject({ beta: 'imported', gamma: 'unchanged' })

  expect(readFileSync(file, 'utf8')).toBe(
    '# ours\n# ALPHA_API_KEY is kept by Countersign as alpha:default\n# BETA_API_KEY is kept by Countersign as beta:default\nHOUSE_TOKEN=abc\nPORT=3000\n',
  )
  expect(statSync(file).mode & 0o777).toBe(0o640)
  const said = [dry, first, second, third].map(({ out, err }) => out + err).join('')
  const everything = said + house.logs.join('') + (await tablesAsText(house))
  for (const value of [same, other, fresh]) for (const form of formsOf(value)) expect(everything).not.toContain(form)
}, 240_000)

test('V52 what ships and was never compared with its vendor is not chosen by itself: import env leaves it alone until somebody names it', async () => {
  const { house } = await openVault()
  const { run, folder } = await terminalOf(house)
  const value = canary()
  writeFileSync(join(folder, '.env'), `OPENAI_API_KEY=sk-${value}\nHOUSE_TOKEN=abc\n`)
  const listed = await house.alice.get('/api/v1/providers?q=openai&limit=200')
  expect(listed.body.data.find(({ name }: { name: string }) => name === 'openai')).toMatchObject({
    bundled: true,
    verified_on: null,
  })
  const itemsOf = ({ out }: { out: string }) =>
    (JSON.parse(out) as { items: { provider: string | null; state: string; note: string | null }[] }).items.map(
      ({ provider, state, note }) => ({ provider, state, note }),
    )
  const unnamed = await run(['import', 'env', '--yes', '--json'])
  expect(itemsOf(unnamed)).toEqual([
    { provider: null, state: 'no_mapping', note: expect.stringContaining('--provider openai') },
    { provider: null, state: 'no_mapping', note: null },
  ])
  expect((await house.alice.get('/api/v1/connections')).body.data).toEqual([])
  const named = await run(['import', 'env', '--provider', 'openai', '--dry-run', '--json'])
  expect(itemsOf(named)[0]).toEqual({ provider: 'openai', state: 'env_only', note: null })
  expect(unnamed.out + unnamed.err + named.out + named.err).not.toContain(value)
}, 240_000)

test('V74 V124 vault verify in a terminal: a row that was tampered with ends it with 20', async () => {
  const { house, connect } = await openVault({ settings: { ROLES: 'web,worker' } })
  const [one, two] = [await connect(), await connect({ name: 'second' })]
  const { run } = await terminalOf(house)
  const sound = await run(['vault', 'verify'])
  expect([sound.code, sound.out]).toEqual([0, expect.stringMatching(/^\d+ envelopes, 0 of which do not open\n/)])
  await house.admin
    .run`update connections set material = (select material from connections where id = ${one.id}) where id = ${two.id}`
  const broken = await run(['vault', 'verify', '--json'])
  expect([broken.code, JSON.parse(broken.out)]).toMatchObject([
    20,
    { v: 1, failed: 1, items: { 'connections.material': { failed: 1 } } },
  ])
  for (const form of formsOf(one.value)) expect(sound.out + sound.err + broken.out + broken.err).not.toContain(form)
}, 240_000)

test('V123 flags of every command: JSON of failures, the tenant, quiet notes, time, calls said and written down', async () => {
  const { house, connect } = await openVault()
  await connect()
  const { run, folder } = await terminalOf(house)
  const missing = await run(['connections', 'show', 'nowhere', '--json'])
  expect([missing.code, JSON.parse(missing.out).error]).toMatchObject([3, { code: 'connection_missing', status: 404 }])
  expect(missing.err).toMatch(/^countersign: No usable connection\./)
  const usage = await run(['connections', 'show', '--json'])
  expect([usage.code, JSON.parse(usage.out).error.code]).toEqual([2, 'usage'])
  const field = await run(['connections', 'show', 'alpha', '--field', 'material'])
  expect([field.code, field.err]).toEqual([2, expect.stringContaining('Fields: id, provider,')])
  expect((await run(['--tenant', 'ten_00000000000000000000000000', 'connections', 'list'])).code).toBe(2)
  const { tenant_id: tenant } = (await house.alice.get('/api/v1/principal')).body
  expect((await run(['connections', 'list', '--tenant', tenant])).code).toBe(0)

  const log = join(folder, 'calls.log')
  const told = await run(['--verbose', '--log-file', log, 'connections', 'list', '--provider', 'alpha'])
  expect(told.err).toMatch(/^GET \/api\/v1\/connections 200 \d+ ms \S+\n$/)
  expect(JSON.parse(readFileSync(log, 'utf8'))).toMatchObject({ method: 'GET', path: '/api/v1/connections', status: 200 })
  expect(statSync(log).mode & 0o777).toBe(0o600)
  expect(readFileSync(log, 'utf8')).not.toMatch(/cs_live|alpha/)

  expect((await run(['--server', 'http://127.0.0.1:9', '--timeout', '1', 'connections', 'list'])).code).toBe(8)
  expect((await run(['connections', 'list'], { env: { COUNTERSIGN_KEY: 'cs_live_usr_nobody' } })).code).toBe(10)
  const secret = await run(['connections', 'list', '--token', 'abc', '--json'])
  expect([secret.code, JSON.parse(secret.out).error.code, secret.out + secret.err]).toEqual([
    2,
    'usage',
    expect.not.stringContaining('abc'),
  ])
}, 240_000)

test('V124 agents use: whose runs are opened where nobody is named, kept for this server in a file of one’s own', async () => {
  const { house } = await openVault()
  const { run, folder } = await terminalOf(house)
  const nobody = await run(['run', '--', 'true'])
  expect([nobody.code, nobody.err]).toEqual([125, expect.stringContaining('say which one with --agent')])
  const used = await run(['agents', 'use', house.agent.id])
  expect([used.code, used.out]).toEqual([0, expect.stringContaining(house.agent.id)])
  expect(statSync(join(folder, '.config/countersign/agents.json')).mode & 0o777).toBe(0o600)
  // Nothing but the proxy is missing now.
  const known = await run(['run', '--', 'true'])
  expect([known.code, known.err]).toEqual([125, expect.stringContaining('runs no proxy')])
  expect((await run(['agents', 'use', 'agt_00000000000000000000000000'])).code).toBe(1)
}, 240_000)
