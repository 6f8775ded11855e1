// The canary (P133, A36, T153): a marker in every field that holds a secret or content, a run with errors, retries and bad bodies at debug level, and then a search
// of every log line, event, job, column, file and answer to others. What is documented as plain (title, tags, metadata, names, addresses of mail) carries none.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { clientOf, setup } from '#harness'
import { openDevelopment } from '../harness/installation.ts'
import { listening, MARK, marked, openSearch } from './canary.ts'

const RESPONSE = {
  type: 'object',
  properties: { approve: { type: 'boolean' }, note: { type: 'string', maxLength: 200 } },
  required: ['approve', 'note'],
}
const respond = (what: string) => ({
  type: 'respond',
  response: { approve: true, note: marked(what) },
  reason: marked(`${what} reason`),
  comment: marked(`${what} comment`),
  seen_revision: 1,
})
const ask = (what: string, more: object = {}) => ({
  task: 'May it go on?',
  description: marked(`${what} description`),
  payload: { [what]: marked(`${what} payload`), list: [{ deep: marked(`${what} deep`) }] },
  initial_response: { approve: false, note: marked(`${what} initial`) },
  response_schema: RESPONSE,
  timeout_seconds: 3_600,
  ...more,
})
const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act}`

async function receiver() {
  const got: string[] = []
  const server = createServer(async (request, response) => {
    got.push(Buffer.concat(await request.toArray()).toString())
    response.writeHead(got.length === 1 ? 500 : 200).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { got, url: `http://127.0.0.1:${port}/hook`, settings: { EGRESS_ALLOW: `127.0.0.1:${port}`, EGRESS_HTTP: '1' } }
}

test('P133 A36 T153 what is secret or content is found in no log, event, job, column or answer to others, whatever went wrong', async () => {
  const there = await receiver()
  const house = await setup({ settings: there.settings })
  const { alice, agent, stranger, nobody, auditor, viewer, admin, logs } = house
  const { look, keep, hits, tables } = openSearch()
  const other = listening(stranger, look)
  const anybody = listening(nobody, look)
  keep('key of the agent', agent.key)
  keep('cookie of alice', alice.credential.cookie?.split('=')[1])

  // given: people with passwords, right and wrong ones
  const password = marked('first password')
  const carol = await house.given.user({ role: 'owner', email: 'carol@example.com', password })
  const browser = clientOf(house.url)
  expect((await browser.post('/api/v1/auth/login', { login: carol.email, password })).status).toBe(204)
  keep('cookie after the login', browser.credential.cookie?.split('=')[1])
  for (const wrong of [
    { login: carol.email, password: marked('wrong password') },
    { login: `${MARK}@example.com`, password: 'x' },
    { login: carol.email, password: { nested: marked('no text') } },
    { login: carol.email, password: 'x', [`more_${MARK.slice(4)}`]: 1 },
    `{"login": "carol@example.com", "password": "${marked('cut off')}`,
    `{"password": "${MARK}", "password": "${MARK}"}`,
  ])
    expect((await nobody.post('/api/v1/auth/login', wrong)).status).toBeGreaterThan(399)
  expect((await browser.post('/api/v1/auth/step-up', { password })).status).toBe(204)
  keep('cookie after the step-up', browser.credential.cookie?.split('=')[1])
  const next = marked('second password')
  expect((await browser.post('/api/v1/me/password', { old_password: marked('not it'), password: next })).status).toBe(401)
  expect((await browser.post('/api/v1/me/password', { old_password: password, password: next })).status).toBe(204)
  keep('cookie after the change', browser.credential.cookie?.split('=')[1])

  // … an invitation, keys and their rotation, replays of what is shown once
  const invited = await browser.post(
    '/api/v1/invitations',
    { email: 'dora@example.com', role: 'member' },
    { 'idempotency-key': marked('invite') },
  )
  const token = new URL(invited.body.link).hash.slice(1)
  keep('token of the invitation', token)
  await browser.post(
    '/api/v1/invitations',
    { email: 'dora@example.com', role: 'member' },
    { 'idempotency-key': marked('invite') },
  )
  const joining = { token, email: 'dora@example.com', password: marked('third password') }
  expect((await anybody.post('/api/v1/invitations/accept', { ...joining, password: 'short' })).status).toBe(422)
  expect((await anybody.post('/api/v1/invitations/accept', joining)).status).toBe(201)
  expect((await anybody.post('/api/v1/invitations/accept', joining)).status).toBe(410)
  const newKey = { kind: 'agt', agent_id: agent.id }
  const once = { 'idempotency-key': marked('key') }
  const made = await browser.post('/api/v1/keys', newKey, once)
  keep('a key', made.body.secret)
  expect((await browser.post('/api/v1/keys', newKey, once)).body).toMatchObject({ id: made.body.id, secret_shown: false })
  const rotated = await browser.post(`/api/v1/keys/${made.body.id}/rotate`, {})
  keep('a rotated key', rotated.body.secret)
  for (const key of [`${rotated.body.secret}x`, rotated.body.secret.slice(0, -1), marked('no key')])
    expect((await clientOf(house.url, { bearer: key }).get('/api/v1/tasks')).status).toBe(401)
  expect((await nobody.get(`/api/v1/tasks?key=${made.body.secret}`)).body.code).toBe('credential_in_url')
  const signing = await browser.post('/api/v1/compatibility-keys', {
    key: Buffer.from(MARK.padEnd(32, '.')).toString('base64url'),
  })
  expect(signing.status).toBe(201)
  const own = await browser.post('/api/v1/compatibility-keys', {})
  keep('a signing key', own.body.key)
  await nobody.get('/api/v1/me', { cookie: `${alice.credential.cookie?.split('=')[0]}=${marked('no session')}` })

  // when: tasks of every level are asked, looked at, refused, answered, defaulted, cancelled, told of; each also with what cannot be taken
  const ids: string[] = []
  for (const redact of ['none', 'notify'] as const) {
    for (const [i, more] of [
      { callback_url: there.url },
      { on_timeout: { default: { approve: false, note: marked('default') } }, timeout_seconds: 60 },
      {},
    ].entries()) {
      const what = `${redact}-${i}`
      const asked = await agent.post(
        '/api/v1/tasks',
        ask(what, { redact, redact_payload: redact === 'notify', idempotency_key: what, ...more }),
        {
          'idempotency-key': marked(what),
        },
      )
      expect(asked.status, JSON.stringify(asked.body)).toBe(201)
      ids.push(asked.body.id)
      await agent.post('/api/v1/tasks', ask(what, { redact, idempotency_key: what, payload: { other: marked('mismatch') } }))
    }
  }
  const [answered, , cancelled, told] = ids as [string, string, string, string]
  for (const bad of [
    { ...ask('bad'), payload: [marked('list')] },
    { ...ask('bad'), timeout_seconds: marked('time') },
    { ...ask('bad'), response_schema: { type: 'object', properties: { a: { $ref: `https://example.com/${MARK}` } } } },
    { ...ask('bad'), initial_response: { approve: marked('no boolean') } },
    { ...ask('bad'), callback_url: `https://user:${MARK}@example.com/` },
    `{"payload": {"a": "${MARK}"`,
    `{"payload": "${MARK}", "payload": "${MARK}"}`,
  ])
    expect((await agent.post('/api/v1/tasks', bad)).status).toBeGreaterThan(399)
  await agent.raw('/api/v1/tasks', { method: 'POST', body: MARK, headers: { 'content-type': 'text/plain' } })
  for (const id of ids) {
    for (const path of [at(id), at(id, '/poll?timeout=1'), at(id, '/decisions'), at(id, '/record')]) {
      expect((await other.get(path)).status).toBe(404)
      await anybody.get(path)
    }
    await other.post(at(id, '/decide'), respond('stranger'))
    await alice.post(at(id, '/decide'), { ...respond('wrong'), response: { approve: marked('no boolean') } })
    await alice.post(at(id, '/decide'), { ...respond('wrong'), seen_revision: 7 })
  }
  // PostgreSQL itself is made to refuse, with the row in its mouth.
  await admin.query("alter table countersign.tasks add constraint boom check (task <> 'boom') not valid")
  await admin.query('alter table countersign.decisions add constraint boom check (seen_revision <> 1) not valid')
  expect((await agent.post('/api/v1/tasks', { ...ask('boom'), task: 'boom' })).body.code).toBe('internal')
  expect((await alice.post(at(answered, '/decide'), respond('boom'))).body.code).toBe('internal')
  await admin.query('alter table countersign.decisions drop constraint boom')

  for (const id of [answered, told])
    expect((await alice.post(at(id, '/decide'), respond('answer'), { 'idempotency-key': marked(`decide-${id}`) })).status).toBe(
      200,
    )
  expect((await alice.post(at(answered, '/decide'), respond('late'))).status).toBe(409)
  expect((await agent.post(at(cancelled, '/cancel'), { reason: marked('cancel reason') })).status).toBe(200)
  expect((await agent.get(at(answered, '/poll?timeout=1'))).body.response.note).toContain(MARK)
  await house.runJobs()
  await house.clock.advance('2m')
  await house.runJobs()
  expect(there.got.filter((body) => body.includes(MARK)).length).toBeGreaterThanOrEqual(3)

  // then: those who see no content see none, also in lists, in the record and in search
  for (const person of [auditor, viewer].map((one) => listening(one, look))) {
    await person.get('/api/v1/tasks?include=payload,response&limit=200')
    await person.get(`/api/v1/tasks?q=${MARK}`)
    for (const id of ids) for (const path of ['', '/record', '/decisions', '/poll?timeout=1']) await person.get(at(id, path))
    await person.get('/api/v1/events?limit=200')
  }
  const list = (await alice.get('/api/v1/tasks?include=payload,response&limit=200')).body.data as { redact: string }[]
  look('a list of level notify', JSON.stringify(list.filter((task) => task.redact === 'notify')))
  look('the events', JSON.stringify((await alice.get('/api/v1/events?limit=200')).body))
  // and nothing is found anywhere
  await tables(admin)
  look('the log', logs.join(''))
  expect([...new Set(hits)]).toEqual([])
  expect(logs.length).toBeGreaterThan(100)
  expect(logs.some((line) => line.includes('"internal"') || line.includes('boom'))).toBe(true)
})

test('the search finds what it is after: in a plain column, in bytes, in base64 wherever it stands, in hex', async () => {
  const house = await setup()
  const { look, hits, tables } = openSearch()
  await house.given.task({
    metadata: { note: MARK },
    tags: [MARK],
    idempotency_key: Buffer.from(`ab${MARK}c`).toString('base64url'),
  })
  await tables(house.admin)
  expect([...new Set(hits)].sort()).toEqual(
    ['idempotency_key', 'metadata', 'tags'].map((column) => `the marker in countersign.tasks.${column}`),
  )
  for (const hidden of [
    Buffer.from(`a${MARK}`),
    `x${Buffer.from(`${MARK}yz`).toString('hex')}`,
    Buffer.from(`a${MARK}`).toString('base64'),
  ]) {
    hits.length = 0
    look('here', hidden)
    expect(hits).not.toEqual([])
  }
})

test('P133 A36 a real process keeps them too: set-up token, passwords of the database, root key; in its output, its files and its database', {
  timeout: 60_000,
}, async () => {
  const { look, keep, hits, tables } = openSearch()
  const setupToken = `${MARK}_set-up_token_0123456789`
  const dev = await openDevelopment({
    env: { COUNTERSIGN_LOG_LEVEL: 'debug', COUNTERSIGN_SETUP_TOKEN: setupToken },
    password: marked('operator password'),
  })
  const key = await dev.agentKey('canary')
  keep('the key of an agent', key)
  const secrets = JSON.parse(readFileSync(join(dev.home, 'passwords.json'), 'utf8')) as Record<string, string>
  for (const [name, password] of Object.entries(secrets)) keep(`the ${name} password`, password)
  keep('the development key', readFileSync(join(dev.home, 'development.key'), 'utf8').trim())
  keep('the root key', readFileSync(join(dev.home, 'keys', 'root.key'), 'utf8').trim())

  const [server] = dev.servers as [(typeof dev.servers)[number]]
  const agent = clientOf(server.url, { bearer: key })
  const owner = await dev.owner(server)
  const { id } = (await agent.post('/api/v1/tasks', ask('child'))).body
  await agent.post('/api/v1/tasks', `{"payload": "${MARK}`)
  await clientOf(server.url).post('/api/v1/auth/login', { login: 'olga@example.com', password: marked('guess') })
  await clientOf(server.url).post('/api/v1/setup/operator', {
    token: marked('again'),
    email: 'x@example.com',
    password: marked('p'),
  })
  expect((await owner.post(at(id, '/decide'), respond('child'))).status).toBe(200)
  expect((await agent.get(at(id, '/poll?timeout=1'))).body.response.note).toContain(MARK)

  await tables({ query: async (text) => ({ rows: await dev.look(text), rowCount: null }) })
  server.running.child.kill('SIGTERM')
  await server.running.ended
  // The way in is what the command is asked for: one line on stdout, and nowhere else.
  const [ready = '', ...rest] = server.running.stdout().split('\n')
  expect(JSON.parse(ready)).toMatchObject({ ready: true })
  look('stdout', rest.join('\n'))
  look('stderr', server.running.stderr())
  const keepers = ['passwords.json', 'development.key', 'keys/root.key'].map((name) => join(dev.home, name))
  let bytes = 0
  for (const file of filesBelow(dev.home).filter((one) => !keepers.includes(one))) {
    const data = readFileSync(file)
    bytes += data.length
    look(file.slice(dev.home.length), data)
  }
  expect(bytes).toBeGreaterThan(10_000_000) // the database's own files and its log of changes
  expect(server.running.stderr()).toContain('"level":"debug"')
  expect([...new Set(hits)]).toEqual([])
})

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    // The binaries are laid out in the home too; nobody writes into them.
    .filter((path) => !path.includes('/postgresql-') && statSync(path).isFile())
