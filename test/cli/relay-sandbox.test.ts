// What a person types to try a server and to look at it: the whole of the relay against the sandbox, the contract seen from outside, and what is wrong with an installation.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { leastCard } from '../../packages/server/src/relay/cards/testing/cards.ts'
import type { Loose } from '../../packages/server/src/relay/testing/relay.ts'
import { type House, type SetupOptions, setup } from '../harness/index.ts'
import { buildCommand, start } from '../harness/process.ts'

let cli: string
beforeAll(async () => {
  cli = await buildCommand()
}, 120_000)

const SCOPES = ['connection_requests:*', 'relay_grants:*', 'threads:*', 'tasks:*', 'cards:*', 'agents:*']

async function open(options: SetupOptions = {}) {
  const house = await setup({
    sandbox: true,
    ...options,
    settings: { ROLES: 'web,relay,worker,maintenance', ...options.settings },
  })
  const { secret } = await house.given.key({ kind: 'usr', name: 'terminal', scopes: SCOPES })
  return { house, key: secret, run: runner(house, secret) }
}

function runner({ url }: House, key: string | null) {
  const home = mkdtempSync(join(tmpdir(), 'cli-sandbox-'))
  onTestFinished(() => rmSync(home, { recursive: true, force: true }))
  return async (words: string[]): Promise<{ code: number | null; text: string; json: Loose }> => {
    const env = { HOME: home, COUNTERSIGN_HOME: home, COUNTERSIGN_URL: url, ...(key === null ? {} : { COUNTERSIGN_KEY: key }) }
    const running = start(process.execPath, [cli, 'relay', ...words], { env })
    const { code } = await running.ended
    const out = running.stdout()
    return { code, text: out + running.stderr(), json: words.includes('--json') ? JSON.parse(out) : null }
  }
}

const codes = ({ json }: { json: Loose }) => json.findings.map(({ code, status }: Loose) => `${status} ${code}`)

test('R56 §12.35 relay smoke ends 0: card, signature, refusals, a thread on both faces; without a key it says what it could not see', {
  timeout: 120_000,
}, async () => {
  const { house, run } = await open()
  const seen = await run(['smoke', house.url, '--json'])
  expect([codes(seen), seen.code]).toEqual([
    [
      ...['ready', 'card', 'signature', 'interfaces', 'keys', 'refusals', 'approval', 'grant', 'start', 'idempotency'],
      ...['kinds', 'versions', 'events', 'close'],
    ].map((name) => `ok smoke.${name}`),
    0,
  ])
  expect(JSON.stringify(seen.json)).not.toMatch(/cs_live_/)
  const { code, text } = await runner(house, null)(['smoke', `${house.url}/`])
  expect([code, text.split('\n').length]).toEqual([0, 9])
  expect(text).toMatch(/^ok +smoke\.ready[\s\S]*^warn +smoke\.thread/m)
})

test('R56 R5 an agent’s key, and one without the scopes, is told so: smoke warns of what it could not see and ends 0, try is refused before anything is done', {
  timeout: 120_000,
}, async () => {
  const { house } = await open()
  const seenWith = async (key: string) => {
    const seen = await runner(house, key)(['smoke', house.url, '--json'])
    return { ...seen, warned: seen.json.findings.filter(({ status }: Loose) => status !== 'ok') }
  }
  const agent = await seenWith(house.agent.key)
  expect([agent.code, agent.warned]).toMatchObject([
    0,
    [
      {
        code: 'smoke.thread',
        status: 'warn',
        what: expect.stringMatching(/^A person tries the sandbox, and this is the key of /),
      },
    ],
  ])
  const narrow = (await house.given.key({ kind: 'usr', name: 'narrow', scopes: ['tasks:read'] })).secret
  const person = await seenWith(narrow)
  expect([person.code, person.warned.map(({ code, status }: Loose) => [status, code])]).toEqual([
    0,
    [
      ['warn', 'smoke.approval'],
      ['warn', 'smoke.grant'],
    ],
  ])
  const refused = await runner(house, house.agent.key)(['try', '--yes'])
  expect([refused.code, refused.text]).toEqual([
    2,
    expect.stringMatching(/^countersign: A person tries it out, and this is the key of .* Sign in: countersign login --server /),
  ])
  const nobody = await runner(house, null)(['try', '--yes'])
  expect([nobody.code, nobody.text]).toMatchObject([2, expect.stringContaining('nobody is signed in')])
  expect(await house.admin.rows`select 1 from relay_grants`).toEqual([])
})

test('R5 §12.35 relay try: a card, a start, an approval that they give themselves, an answer as it comes and a close, each with its time', {
  timeout: 120_000,
}, async () => {
  const { house, run } = await open()
  const tried = await run(['try', '--yes'])
  const steps = [...tried.text.matchAll(/^ +([\d.]+) s {2}(\w+)/gm)].map(([, , step]) => step)
  expect([tried.code, steps]).toEqual([
    0,
    ['card', 'connect', 'start', 'approve', 'stream', 'stream', 'stream', 'answer', 'close'],
  ])
  expect(tried.text).toContain(`${house.url}/threads?side=caller&agent=sandbox`)
  const { json, code } = await run(['try', '--yes', '--json'])
  expect([code, json]).toMatchObject([0, { v: 1, agent: 'sandbox' }])
  expect(json.ms).toBeLessThan(60_000)
  expect(json.steps.find(({ step }: Loose) => step === 'start').text).toContain('awaiting_approval')
  expect(json.steps.at(-1).text).toBe('closed, completed')
  expect(tried.text + JSON.stringify(json)).not.toMatch(/cs_(live|test)_/)
  expect(await house.admin.rows`select state, outcome from threads`).toEqual([
    { state: 'closed', outcome: 'completed' },
    { state: 'closed', outcome: 'completed' },
  ])
  // Where nobody can be asked and nobody said yes, nothing is approved.
  const silent = await run(['try'])
  expect([silent.code, silent.text]).toMatchObject([2, expect.stringContaining('needs --yes')])
})

test('R56 relay smoke fails where the card is not what was signed, and where nothing answers', { timeout: 120_000 }, async () => {
  const { house, run } = await open()
  await house.admin
    .run`update card_versions set native = convert_to(replace(convert_from(native, 'UTF8'), 'Answers by', 'Answers to'), 'UTF8')`
  const forged = await run(['smoke', house.url, '--json'])
  expect([forged.code, codes(forged).filter((one: string) => one.startsWith('fail'))]).toEqual([20, ['fail smoke.signature']])
  const nowhere = await run(['smoke', 'http://127.0.0.1:9', '--json'])
  expect([nowhere.code, codes(nowhere).filter((one: string) => one.startsWith('fail')).length]).toEqual([20, 6])
})

test('R56 relay doctor finds what waits, what was given up, what the way out refused and cards that lead elsewhere', {
  timeout: 120_000,
}, async () => {
  const { house, run } = await open()
  const well = await run(['doctor', '--json'])
  expect([well.code, codes(well)]).toEqual([
    0,
    ['server', 'clock', 'keys', 'public_url', 'card', 'listener', 'endpoints', 'deliveries', 'egress'].map(
      (one) => `ok relay.${one}`,
    ),
  ])

  expect((await house.alice.post('/api/v1/cards', leastCard('late'))).status).toBe(201)
  const tried = await house.alice.post('/api/v1/relay/sandbox', { agent: 'late' })
  const sent = await fetch(`${house.url}/api/v1/agents/late/threads`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tried.body.relay_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ text: 'hello' }),
  })
  expect(sent.status).toBe(202)
  await house.clock.advance('6m')
  const waits = await run(['doctor', '--json'])
  expect(waits.json.findings.find(({ code }: Loose) => code === 'relay.inbox')).toMatchObject({
    status: 'warn',
    what: expect.stringMatching(/^A message for late waits since 3\d\d s\.$/),
  })

  await house.admin.run`update card_versions set a2a = convert_to(replace(convert_from(a2a, 'UTF8'), 'Books', 'Cooks'), 'UTF8')`
  const forged = await run(['doctor'])
  expect([forged.code, forged.text]).toMatchObject([
    20,
    expect.stringMatching(/fail +relay\.card +late at .*mismatch[\s\S]*→ Restart/),
  ])
})

test('R56 relay doctor names another address that cards say', { timeout: 120_000 }, async () => {
  const { house, key } = await open()
  expect((await house.alice.post('/api/v1/cards', leastCard('elsewhere'))).status).toBe(201)
  const { hostname } = new URL(house.url)
  const other = house.url.replace(hostname, hostname === 'localhost' ? '127.0.0.1' : 'localhost')
  const seen = await runner({ ...house, url: other }, key)(['doctor', '--json'])
  expect(seen.json.findings.find(({ code }: Loose) => code === 'relay.public_url')).toMatchObject({
    status: 'warn',
    what: `Cards say ${house.url}; you call ${other}.`,
  })
})
