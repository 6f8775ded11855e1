// `countersign dev` from the outside: its starts and stops, what it writes into the home folder, and the desk that it alone has.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { setup } from '#harness'
import { countersign, type Running, start, startDev, temporaryFolder } from '../harness/process.ts'

type Ready = { url: string; setup_url: string | null; agent_key: string }
type Json = Record<string, unknown>

/** The first operator, signed in. */
async function signUp({ url, setup_url }: Ready) {
  const token = new URL(setup_url as string).hash.replace('#token=', '')
  const headers = { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' }
  const body = { token, email: 'olga@example.com', password: `${crypto.randomUUID()} of a test`, display_name: 'Olga' }
  const made = await fetch(`${url}/api/v1/setup/operator`, { method: 'POST', headers, body: JSON.stringify(body) })
  expect(made.status).toBe(201)
  const cookie = (made.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  const own = { ...headers, cookie }
  return Object.assign(caller(url, own), { headers: own })
}

const caller = (url: string, headers: Record<string, string>) => async (method: string, path: string, body?: object) => {
  const answer = await fetch(`${url}/api/v1${path}`, { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) })
  return { status: answer.status, body: (await answer.json()) as Json }
}

async function stop({ child, ended }: Running): Promise<void> {
  child.kill('SIGINT')
  expect((await ended).code).toBe(0)
}

test('P46 a second start before set-up prints a link that works, and the same agent key', async () => {
  const home = join(temporaryFolder(), 'home')
  const first = await startDev(home)
  await stop(first)

  const { ready } = await startDev(home)

  expect(ready.agent_key).toBe(first.ready.agent_key)
  const call = await signUp(ready)
  expect((await call('GET', '/me')).status).toBe(200)
}, 180_000)

test('T148 the desk has a sender, a workspace and an endpoint, found again at the next start, and a clock that goes on where it was', async () => {
  const home = join(temporaryFolder(), 'home')
  const first = await startDev(home)
  const call = await signUp(first.ready)
  expect((await call('GET', '/dev')).body).toMatchObject({ clock: { ahead_ms: 0, reason: null }, slack: { faults: [] } })
  expect((await call('POST', '/dev/clock', { by: '0h' })).status).toBe(422)
  expect((await call('POST', '/dev/clock', { by: '9999999d' })).status).toBe(422)
  expect((await call('POST', '/dev/clock', { by: '2m' })).body).toMatchObject({ ahead_ms: 120_000 })
  const senders = (await call('GET', '/channels/email/identities')).body
  const teams = (await call('GET', '/channels/slack/installations')).body
  const endpoint = ((await call('GET', '/dev')).body.webhooks as Json).endpoint_id
  expect([senders, teams]).toMatchObject([{ data: [{ id: 'dev' }] }, { data: [{ team_id: 'T0DEV', state: 'active' }] }])
  await stop(first)
  expect(statSync(join(home, 'dev-desk.json')).mode & 0o777).toBe(0o600)

  const { ready } = await startDev(home)
  const again = caller(ready.url, call.headers)
  const after = (await again('GET', '/dev')).body
  expect(after).toMatchObject({ clock: { ahead_ms: 120_000 }, webhooks: { endpoint_id: endpoint } })
  expect(((await again('GET', '/endpoints')).body.data as Json[]).map(({ id }) => id)).toEqual([endpoint])
  expect([
    (await again('GET', '/channels/email/identities')).body.data,
    (await again('GET', '/channels/slack/installations')).body.data,
  ]).toMatchObject([[{ id: 'dev' }], [{ team_id: 'T0DEV', state: 'active' }]])
}, 180_000)

test('T148 nobody but an admin sees the desk; the clock of the database moves with that of the server, and deadlines pass', async () => {
  const { ready } = await startDev(join(temporaryFolder(), 'home'))
  const call = await signUp(ready)
  const nobody = caller(ready.url, { 'content-type': 'application/json' })
  const agent = caller(ready.url, { authorization: `Bearer ${ready.agent_key}`, 'content-type': 'application/json' })
  for (const [method, path, body] of [
    ['GET', '/dev'],
    ['POST', '/dev/clock', { by: '1h' }],
    ['POST', '/dev/ask', {}],
    ['POST', '/dev/slack/press', { channel: 'C', ts: '1', action_id: 'a', user: 'U' }],
  ] as const)
    expect([(await nobody(method, path, body)).status, (await agent(method, path, body)).status], path).toEqual([401, 403])

  const made = await agent('POST', '/tasks', {
    task: 'Publish it?',
    response_schema: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
    timeout_seconds: 3_600,
  })
  expect(made.status).toBe(201)
  const id = made.body.id as string
  expect((await call('POST', '/dev/clock', { by: '2h' })).status).toBe(200)
  await expect.poll(async () => (await agent('GET', `/tasks/${id}`)).body.status, { timeout: 60_000 }).toBe('timed_out')
}, 180_000)

test('T148 what mail and Slack send is there, and a press is taken as from Slack; the commands of channels work against the desk', async () => {
  const { ready } = await startDev(join(temporaryFolder(), 'home'))
  const call = await signUp(ready)
  const asked = (await call('POST', '/dev/ask', {})).body
  type Seen = {
    mail: { mails: { id: string; subject: string; parts: { url?: string }[] }[] }
    slack: {
      messages: { channel: string; ts: string; blocks: Json[] }[]
      views: { id: string; user: string; blocks: Json[] }[]
      members: { id: string }[]
    }
    webhooks: { received: { path: string; signature: { holds: boolean } }[] }
  }
  const look = async () => (await call('GET', '/dev')).body as unknown as Seen
  await expect.poll(async () => (await look()).mail.mails.length, { timeout: 60_000 }).toBe(1)
  await expect.poll(async () => (await look()).slack.messages.length, { timeout: 60_000 }).toBe(1)
  const { mail, slack } = await look()
  expect(mail.mails[0]?.subject).toContain('Refund order 1042?')
  const [message] = slack.messages
  const user = slack.members[0]?.id
  expect((await call('POST', '/dev/slack/press', { ...message, blocks: undefined, action_id: 'cs_review', user })).status).toBe(
    422,
  )
  const press = { channel: message?.channel, ts: message?.ts, action_id: 'cs_review', user }
  expect((await call('POST', '/dev/slack/press', press)).status).toBe(200)
  await expect.poll(async () => (await look()).slack.views.length, { timeout: 60_000 }).toBe(1)
  const view = (await look()).slack.views[0]
  const values = { 'f-approved': { value: { type: 'radio_buttons', selected_option: { value: 'true' } } } }
  expect((await call('POST', '/dev/slack/submit', { view_id: view?.id, values })).status).toBe(200)
  expect((await call('GET', `/tasks/${asked.id as string}`)).body).toMatchObject({
    status: 'completed',
    completed_via_channel: 'slack',
    response: { approved: true },
  })
  const posted = async () => (await look()).webhooks.received
  await expect.poll(async () => (await posted()).some(({ path }) => path === '/callback'), { timeout: 60_000 }).toBe(true)
  await expect.poll(async () => (await posted()).length, { timeout: 60_000 }).toBeGreaterThan(1)
  expect((await posted()).filter(({ signature }) => !signature.holds)).toEqual([])
  const key = await call('POST', '/keys', { kind: 'usr', name: 'terminal', scopes: ['tasks:*'] })
  expect(key.status).toBe(201)
  const env = { COUNTERSIGN_URL: ready.url, COUNTERSIGN_KEY: key.body.secret as string }
  for (const args of [
    ['slack', 'list'],
    ['slack', 'test', '#approvals', '--json'],
    ['mail', 'test', 'dev', '--to', 'olga@example.com', '--json'],
  ]) {
    const run = countersign(args, { env })
    expect([args.join(' '), (await run.ended).code, run.stderr()]).toEqual([args.join(' '), 0, ''])
  }
  await expect.poll(async () => (await look()).mail.mails.length, { timeout: 60_000 }).toBe(2)
}, 180_000)

test('R5 the line about the sandbox starts a thread as it is pasted, and shows the answer', async () => {
  const home = join(temporaryFolder(), 'home')
  const dev = countersign(['dev', '--port', '0'], { env: { COUNTERSIGN_HOME: home, HOME: join(home, '..') } })
  const line = await dev.line(/^ {4}curl .*agents\/sandbox/)
  const pasted = start('sh', ['-c', line.trim()], {})
  expect(await pasted.ended).toMatchObject({ code: 0 })
  expect([pasted.stderr(), JSON.parse(pasted.stdout())]).toMatchObject([
    '',
    { state: 'responded', response: { outcome: 'reply', parts: [{ text: 'hello' }] } },
  ])
  await stop(dev)
  // The next start prints another that works, and what was said under the first is the first operator's to read.
  const { ready } = await startDev(home)
  const again = start('sh', ['-c', (ready as unknown as { sandbox: string }).sandbox], {})
  expect(await again.ended).toMatchObject({ code: 0 })
  expect(JSON.parse(again.stdout()).response.parts).toEqual([{ text: 'hello' }])
  const call = await signUp(ready)
  const threads = (await call('GET', '/threads?side=caller&agent=sandbox')).body.data as Json[]
  expect(threads.map(({ state, side }) => [state, side])).toEqual([
    ['responded', 'caller'],
    ['responded', 'caller'],
  ])
}, 180_000)

test('R5 §12.35 in the words that `dev` prints somebody new tries the relay out and checks it, and a bare start keeps no key of a person', async () => {
  const home = join(temporaryFolder(), 'home')
  const dev = await startDev(home)
  const env = { HOME: join(home, '..') }
  const tried = countersign(['relay', 'try', '--yes'], { env })
  expect([(await tried.ended).code, tried.stderr()]).toEqual([0, ''])
  expect(tried.stdout()).toMatch(/ approve +task_\w+, by you\n[\s\S]* close +closed, completed\n/)
  const smoke = countersign(['relay', 'smoke', dev.ready.url], { env })
  expect((await smoke.ended).code).toBe(0)
  expect(smoke.stdout()).toMatch(/^ok +smoke\.close/m)
  expect(smoke.stdout()).not.toMatch(/^(?:warn|fail)/m)
  expect(tried.stdout() + smoke.stdout()).not.toMatch(/cs_(?:live|test)_/)
  expect(statSync(join(home, 'person.key')).mode & 0o777).toBe(0o600)
  await stop(dev)

  const bareHome = join(temporaryFolder(), 'home')
  const bare = await startDev(bareHome, { args: ['--bare'] })
  expect(existsSync(join(bareHome, 'person.key'))).toBe(false)
  const refused = countersign(['relay', 'try', '--yes'], { env: { HOME: join(bareHome, '..') } })
  expect([(await refused.ended).code, refused.stderr()]).toEqual([
    2,
    `countersign: A person tries it out, and this is the key of the agent “Development agent”. Sign in: countersign login --server ${bare.ready.url}\n`,
  ])
}, 180_000)

test('T67 a receiver on this machine is reached from `dev`, our own port is not', async () => {
  const got: string[] = []
  const server = createServer((incoming, outgoing) => {
    got.push(incoming.url ?? '')
    outgoing.writeHead(204).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>((resolve) => void server.close(() => resolve())))
  const { port } = server.address() as AddressInfo
  const { ready } = await startDev(join(temporaryFolder(), 'home'))
  const agent = caller(ready.url, { authorization: `Bearer ${ready.agent_key}`, 'content-type': 'application/json' })
  const ask = (callback_url: string) =>
    agent('POST', '/tasks', {
      task: 'Publish it?',
      response_schema: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
      timeout_seconds: 3_600,
      callback_url,
    })
  const refused = await ask(`${ready.url}/api/v1/tasks`)
  expect([refused.status, refused.body.code]).toEqual([422, 'url_not_allowed'])
  const { body } = await ask(`http://localhost:${port}/told`)
  expect((await agent('POST', `/tasks/${body.id as string}/cancel`, {})).status).toBe(200)
  await expect.poll(() => got, { timeout: 60_000 }).toEqual(['/told'])

  // Any other start refuses it, also one that is called development.
  const house = await setup()
  const plain = await house.agent.post('/api/v1/tasks', {
    ...{ task: 'Publish it?', timeout_seconds: 3_600, callback_url: `http://localhost:${port}/told` },
    response_schema: { type: 'object', properties: { ok: { type: 'boolean' } } },
  })
  expect([plain.status, plain.body.code]).toEqual([422, 'url_not_allowed'])
}, 180_000)

test('T148 no other start has a desk: not a server of its own, not a bare one', async () => {
  const house = await setup()
  const [seen, moved] = [await house.alice.get('/api/v1/dev'), await house.alice.post('/api/v1/dev/clock', { by: '1h' })]
  expect([seen.status, moved.status]).toEqual([404, 404])
  const home = join(temporaryFolder(), 'home')
  const dev = await startDev(home, { args: ['--bare'] })
  const answer = await fetch(`${dev.ready.url}/api/v1/dev`, { headers: { authorization: `Bearer ${dev.ready.agent_key}` } })
  expect([answer.status, existsSync(join(home, 'dev-desk.json'))]).toEqual([404, false])
  await stop(dev)
}, 180_000)

test('T67 --awaithumans writes the file that those clients look for, for its owner alone, and takes it away at the end', async () => {
  const folder = temporaryFolder()
  const file = join(folder, '.awaithumans-dev.json')
  const dev = await startDev(join(folder, 'home'), { args: ['--awaithumans'] })
  const { port, hostname } = new URL(dev.ready.url)
  await expect.poll(() => existsSync(file)).toBe(true)
  const told = JSON.parse(readFileSync(file, 'utf8')) as Json
  expect(told).toEqual({
    ...{ url: dev.ready.url, host: hostname, port: Number(port), pid: dev.child.pid, admin_token: dev.ready.agent_key },
    started_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:]+\.\d{3}Z$/),
  })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  // As such a client asks.
  const asked = await fetch(`${told.url as string}/api/tasks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${told.admin_token as string}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      task: 'Ship?',
      payload: {},
      payload_schema: {},
      response_schema: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
      timeout_seconds: 60,
      idempotency_key: 'one',
    }),
  })
  expect(asked.status).toBe(201)
  await stop(dev)
  expect([existsSync(file), existsSync(join(folder, '.countersign-dev.json'))]).toEqual([false, false])
}, 180_000)
