// The canary of the relay (relay.md R123): secrets in tokens, in what callers and owners are told with, in material of connections and in everything that agents and people say, a run
// over both faces with retries, refusals and faults at debug level, and then a search of every log line, event, job, column, figure and answer to others.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'
import { clientOf, type Person } from '#harness'
import { newProver } from '../../packages/server/src/identity/testing/prover.ts'
import { BINDINGS, message, raw } from '../../packages/server/src/relay/a2a/testing/agent.ts'
import { leastCard } from '../../packages/server/src/relay/cards/testing/cards.ts'
import { openUpstreamAgent } from '../../packages/server/src/relay/delivery/testing/upstream-agent.ts'
import { openSandbox } from '../../packages/server/src/relay/sandbox/testing/sandbox.ts'
import { exported } from '../../packages/server/src/relay/testing/leaving.ts'
import { type Card, type Loose, openRelay, type RelayTest } from '../../packages/server/src/relay/testing/relay.ts'
import { canary, vaultIn } from '../../packages/server/src/vault/testing/vault.ts'
import { openReceiver, type Receiver } from '../../packages/server/src/webhooks/testing/receiver.ts'
import { listening, MARK, marked, openSearch } from './canary.ts'

type Search = ReturnType<typeof openSearch>
const said = (what: string) => ({
  parts: [
    { text: marked(`${what} text`), metadata: { note: marked(`${what} part`) } },
    { data: { deep: [{ [marked(`${what} name`)]: marked(`${what} data`) }] } },
    { raw: Buffer.from(marked(`${what} raw`)).toString('base64'), media_type: 'text/plain', filename: `${marked(what)}.txt` },
    { url: `https://example.com/${marked(what)}` },
  ],
  metadata: { [marked(`${what} member`)]: marked(`${what} metadata`) },
})
const ASKS = `@id("comes") @ask("Let it in?") permit (principal is Agent, action == Action::"thread.start", resource) when { context has direction && context.direction == "in" };
@id("answers") @ask("May we answer this?") permit (principal is Agent, action == Action::"thread.respond", resource);
@id("closed") forbid (principal is Agent, action == Action::"thread.send", resource);
@id("rest") permit (principal is Agent, action, resource) unless { action == Action::"thread.start" || action == Action::"thread.respond" };
@id("people") permit (principal is User, action, resource);`
const CONNECTS = `@id("connects") @ask("May {agent} connect?") permit (principal is Agent, action, resource);
@id("people") permit (principal is User, action, resource);`
const LEAVES = `@id("leaves") @ask("May {agent} write?") permit (principal is Agent, action == Action::"thread.start", resource) when { context.direction == "out" };
@id("rest") permit (principal is Agent, action, resource) unless { action == Action::"thread.start" };
@id("people") permit (principal is User, action, resource);`

async function activate(owner: Pick<Person, 'post'>, text: string): Promise<void> {
  const saved = await owner.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}

/** Three cards of one agent: pulled, posted to, and called elsewhere with material of a connection. */
async function cardsOf(relay: RelayTest, { keep }: Search, there: Receiver, upstream: { cardUrl: string }): Promise<Card[]> {
  const { house, server } = relay
  const material = canary()
  keep('material of a connection', material)
  const connection = await (await vaultIn(house)).connect({ value: material })
  const cards: Card[] = []
  for (const slug of ['ada-inbox', 'ada-push', 'ada-away']) {
    const made = await house.alice.post('/api/v1/cards', { ...leastCard(slug), accepted_inputs: ['*/*'], agent_id: server.id })
    expect(made.status, JSON.stringify(made.body)).toBe(201)
    cards.push({ id: made.body.id, slug })
  }
  const put = async (card: Card, body: object) => {
    const set = await house.alice.put(`/api/v1/cards/${card.id}/delivery`, body)
    expect(set.status, JSON.stringify(set.body)).toBe(200)
    return set.body
  }
  const [, push, away] = cards as [Card, Card, Card]
  const pushed = await put(push, { mode: 'push', url: `${there.origin}/agent`, generate_secret: true })
  keep('a secret of a card', pushed.secret)
  // Its material is stored and never goes there: it is for the hosts of its provider (R116).
  expect(connection.id).toMatch(/^conn_/)
  await put(away, { mode: 'a2a', upstream: { card_url: upstream.cardUrl } })
  return cards
}

/** A thread over each face, with everything that its caller may give it, and what cannot be taken. */
async function callAll(relay: RelayTest, search: Search, there: Receiver, card: Card): Promise<string[]> {
  const { house, caller, bea } = relay
  const { keep, look } = search
  const other = listening(house.stranger, look)
  const anybody = listening(house.nobody, look)
  const { token } = await relay.makeGrant({ card })
  keep(`a relay token of ${card.slug}`, token)
  const callback = { url: `${there.origin}/told`, secret: marked('own secret of a callback') }
  const body = { ...said(card.slug), callback, want_thread_token: true }
  const started = await relay.start(body, { card, token, key: marked('start') })
  expect(started.status, JSON.stringify(started.body)).toBe(202)
  const { thread_id: id, thread_access_token } = started.body
  keep(`a thread token of ${card.slug}`, thread_access_token)
  const again = await relay.start(body, { card, token, key: marked('start') })
  expect(again.body).toMatchObject({ thread_id: id })
  const [of, ids] = [{ house, slug: card.slug, grant: { ...relay.grant, token } }, [id as string]]
  for (const binding of BINDINGS) {
    const sent = { message: message([{ text: marked(`${binding} text`) }], { metadata: { note: marked('of A2A') } }) }
    const { body: answer } = await raw(of, binding, {
      ...{ method: 'SendMessage', headers: { 'Idempotency-Key': marked(binding) } },
      params: { ...sent, configuration: { returnImmediately: true } },
    })
    const task = (answer.result ?? answer).task as Loose
    ids.push(task.id)
    const authentication = { scheme: 'Bearer', credentials: marked('credentials of a config') }
    const config = { taskId: task.id, id: 'mine', url: `${there.origin}/config`, token: marked('token of a config') }
    const made = await raw(of, binding, { method: 'CreateTaskPushNotificationConfig', params: { ...config, authentication } })
    expect(made.error, made.text).toBeNull()
    for (const method of ['GetTaskPushNotificationConfig', 'ListTaskPushNotificationConfigs'])
      look(`${method} by ${binding}`, (await raw(of, binding, { method, params: { taskId: task.id, id: 'mine' } })).text)
    for (const params of [
      { message: message([{ text: marked('kind'), kind: 'text' }]) },
      { message: message([{ text: marked('two'), data: marked('contents') }]) },
      { message: message([{ text: marked('foreign') }], { taskId: `thr_${MARK}` }) },
    ])
      look(
        `an error by ${binding}`,
        (await raw(of, binding, { method: 'SendMessage', params })).text.replaceAll(`thr_${MARK}`, '…'),
      )
    look(`a bad body by ${binding}`, (await raw(of, binding, { method: 'SendMessage', body: `{"params": "${MARK}` })).text)
    look(`a bad token by ${binding}`, (await raw(of, binding, { method: 'ListTasks', token: `${token}x` })).text)
  }
  const wrong = listening(clientOf(house.url, { bearer: token }), look)
  for (const bad of [
    { text: marked('both'), data: { both: marked('ways') } },
    { parts: [{ text: marked('kind'), kind: 'text' }] },
    { text: marked('agent'), skill: 'nowhere' },
    { text: marked('address'), callback: { url: `https://user:${MARK}@example.com/`, secret: marked('refused') } },
    { text: marked('inside'), callback: { url: `https://127.0.0.1/${MARK}`, secret: marked('refused') } },
    `{"text": "${marked('cut off')}`,
    `{"text": "${MARK}", "text": "${MARK}"}`,
  ])
    expect((await wrong.post(`/api/v1/agents/${card.slug}/threads`, bad)).status).toBeGreaterThan(399)
  // A token where everybody sees it is over from then on: a thread token of its own.
  const spoiled = await caller.post(`/api/v1/threads/${id}/access-tokens`, {})
  expect(spoiled.status, JSON.stringify(spoiled.body)).toBe(201)
  keep('a token that stood in an address', spoiled.body.thread_access_token)
  expect((await other.get(`/api/v1/threads/${id}?token=${spoiled.body.thread_access_token}`)).body.code).toBe('credential_in_url')
  for (const by of [bea, caller]) {
    const minted = await by.post(`/api/v1/threads/${id}/access-tokens`, {}, { 'Idempotency-Key': marked(`mint-${by.id}`) })
    expect(minted.status, JSON.stringify(minted.body)).toBe(201)
    keep(`a thread token of ${by.id} for ${card.slug}`, minted.body.thread_access_token)
  }
  for (const path of ['', '/messages', '/events', '/artifacts', '/endpoints', '/deliveries']) {
    expect((await other.get(`/api/v1/threads/${id}${path}`)).status).toBeGreaterThan(399)
    await anybody.get(`/api/v1/threads/${id}${path}`)
  }
  return ids
}

/** The agent takes, answers, fails and is late. */
async function serve(relay: RelayTest, { keep }: Search, card: Card, id: string): Promise<void> {
  const { house, server } = relay
  const [claimed] = await relay.claim({ limit: 1 }, card)
  keep('a claim token', claimed.claim_token)
  const wrong = { claim_token: claimed.claim_token, action: 'fail', reason: marked('reason of a failure') }
  expect((await server.post(`/api/v1/agents/${card.slug}/inbox/settle`, [wrong])).status).toBe(200)
  const minted = await house.alice.post(`/api/v1/threads/${id}/access-tokens`, {})
  keep('a thread token of the owner', minted.body.thread_access_token)
  const piece = { artifact_id: 'a', parts: said('piece').parts }
  for (const body of [
    { outcome: 'progress', ...said('progress'), artifacts: [piece] },
    { outcome: 'reply', ...said('reply'), artifacts: [{ ...piece, append: true }] },
    { outcome: 'reply', text: marked('late'), claim_token: claimed.claim_token },
  ]) {
    const { status, body: answer } = await relay.respond(id, body)
    expect([status === 200, 'claim_token' in body], JSON.stringify(answer)).toEqual([
      !('claim_token' in body),
      'claim_token' in body,
    ])
  }
}

async function finish({ house }: RelayTest, waits: readonly string[] = ['0s', '10s']): Promise<void> {
  for (const wait of waits) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  await house.server.queue.enqueueMany([{ kind: 'relay.retain' }, { kind: 'webhook.report' }])
  await house.runJobs()
}

/** Where people and machines of this server look who are not to read what was said. */
async function lookAround({ house, bea }: Pick<RelayTest, 'house' | 'bea'>, { look }: Search): Promise<void> {
  for (const path of ['/status', '/status.json', '/metrics', '/starter/relay-contract.json', '/api/v1/listing'])
    look(`the answer to ${path}`, await (await house.nobody.raw(path)).text())
  look('the figures', await (await house.operator.raw('/metrics')).text())
  const lists = ['threads', 'threads?side=caller', 'events', 'deliveries', 'jobs', 'relay-grants', 'connection-requests', 'tasks']
  for (const person of [house.auditor, house.viewer].map((one) => listening(one, look)))
    for (const path of [...lists, 'contacts', 'endpoints', `threads?q=${MARK}`, 'tasks?include=payload,response'])
      await person.get(`/api/v1/${path}`)
  for (const person of [house.alice, bea])
    for (const path of ['events', 'deliveries', 'jobs', 'relay-grants', 'threads', 'endpoints'])
      look(`${path} of ${person.id}`, JSON.stringify((await person.get(`/api/v1/${path}?limit=200`)).body))
  look('an export of the record', JSON.stringify((await house.auditor.get('/api/v1/audit/export')).body))
}

test('R123 of the relay nothing secret and nothing that agents say is found in logs, events, jobs, columns, figures, error bodies or on the status page', {
  timeout: 480_000,
}, async () => {
  const [there, upstream] = [await openReceiver(), await openUpstreamAgent()]
  const relay = await openRelay({
    settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port},127.0.0.1:${upstream.port}` },
  })
  const { house, server, caller, grant } = relay
  const search = openSearch()
  const { look, keep, hits, tables } = search
  keep('a relay token', grant.token)
  keep('the key of the agent', server.key)
  keep('the key of the caller', caller.key)
  // Receivers and agents elsewhere fail with what they were sent, then hold.
  there.otherwise = { status: 503, body: marked('answer of a receiver') }
  upstream.before = (method, _request, response) => {
    if (method.includes('Message')) response.writeHead(500, { 'content-type': 'text/plain' }).end(marked('fault of an agent'))
    return method.includes('Message')
  }
  const cards = await cardsOf(relay, search, there, upstream)

  // when: threads over both faces, answered, told of, refused and given up
  const [inbox] = cards as [Card]
  const ids: string[] = []
  for (const card of cards) ids.push(...(await callAll(relay, search, there, card)))
  await serve(relay, search, inbox, ids[0] as string)
  await finish(relay, ['0s', '6m'])
  there.otherwise = {
    status: 200,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ outcome: 'reply', text: marked('reply') }),
  }
  upstream.before = null
  upstream.execute = (_context, say) => {
    say.task('TASK_STATE_WORKING')
    say.artifact('b', [marked('artifact of an agent')])
    say.status('TASK_STATE_COMPLETED', marked('end of an agent'))
  }
  await house.clock.advance('3h')
  await finish(relay)
  for (const { headers } of there.got)
    for (const name of ['countersign-reply-token', 'countersign-caller'] as const)
      if (typeof headers[name] === 'string')
        keep(`${name} of ${headers['countersign-delivery'] ?? headers['webhook-id']}`, headers[name])

  // … by the tools, by a child key, with a proof
  const by = { Authorization: `Bearer ${caller.key}` }
  const tools = new Client({ name: 'test', version: '1.0.0' }, { versionNegotiation: { mode: { pin: '2026-07-28' } } })
  await tools.connect(new StreamableHTTPClientTransport(new URL('/mcp', house.url), { requestInit: { headers: by } }))
  const tool = { name: 'relay_start_thread', arguments: { agent: relay.card.slug, text: marked('by a tool') } }
  expect((await tools.callTool(tool)).isError ?? false).toBe(false)
  await tools.close()
  const basic = `Basic ${Buffer.from(`${caller.id}:${caller.key}`).toString('base64')}`
  const form = new URLSearchParams({ grant_type: 'client_credentials', resource: `${house.url}/agents/${relay.card.slug}/` })
  const child = await fetch(`${house.url}/api/v1/oauth/token`, { method: 'POST', headers: { Authorization: basic }, body: form })
  keep('a child key', ((await child.json()) as Loose).access_token)
  expect((await caller.at(house.url).post('/api/v1/relay-tokens/introspect', { token: grant.token })).status).toBe(200)
  await proofs(relay, search)

  // … what people are asked about, on either side
  // People who signed in just now: the clock was moved by hours.
  const [rita, olga] = [
    await house.given.user({ role: 'owner' }),
    await house.given.user({ role: 'owner', tenantId: relay.callerTenant }),
  ]
  await activate(olga, LEAVES)
  const held = await caller.post(`/api/v1/agents/${inbox.slug}/threads`, said('held'))
  expect([held.status, held.body.approval?.side], JSON.stringify(held.body)).toEqual([202, 'caller'])
  await activate(rita, ASKS)
  const accept = { type: 'accept', seen_revision: 1, reason: marked('why it may'), comment: marked('comment') }
  expect((await olga.post(`/api/v1/tasks/${held.body.approval.task_id}/decide`, accept)).status).toBe(200)
  await activate(olga, '@id("all") permit (principal, action, resource);')
  const asked = await caller.post(`/api/v1/agents/${inbox.slug}/threads`, said('asked'))
  expect(asked.body.approval?.side, JSON.stringify(asked.body)).toBe('owner')
  const deny = { type: 'deny', seen_revision: 1, reason: marked('why not') }
  expect((await rita.post(`/api/v1/tasks/${asked.body.approval.task_id}/decide`, deny)).status).toBe(200)
  const reply = await relay.respond(ids[1] as string, { outcome: 'reply', ...said('held-reply') })
  expect(reply.body.reason, JSON.stringify(reply.body)).toBe('reply_held')
  const refused = await caller.post(`/api/v1/threads/${asked.body.thread_id}/messages`, said('late'))
  expect(refused.status).toBeGreaterThan(399)
  look('a refusal', JSON.stringify(refused.body))
  await connect(relay, search, rita)
  await finish(relay)

  // … PostgreSQL itself is made to refuse, with the row in its mouth; and everything is taken out
  await house.admin.query("alter table countersign.messages add constraint boom check (operation_id <> 'boom') not valid")
  const last = await house.given.user({ role: 'owner' })
  await activate(last, '@id("all") permit (principal, action, resource);')
  expect((await relay.start({ text: marked('boom'), operation_id: 'boom' })).body.code).toBe('internal')
  expect(await exported(house, last, { subject: 'thread', id: ids[0] })).toContain(MARK)

  // What was meant to arrive did: the search looks for what was really there.
  expect(there.got.some(({ body }) => body.includes(MARK))).toBe(true)
  expect(there.got.some(({ headers }) => JSON.stringify(headers).includes(marked('credentials of a config')))).toBe(true)
  expect(there.got.some(({ headers }) => headers['countersign-reply-token'] !== undefined)).toBe(true)
  expect(upstream.calls.length).toBeGreaterThan(0)
  expect(JSON.stringify(upstream.calls.map(({ headers }) => headers))).not.toContain('canary-')
  expect(JSON.stringify(upstream.calls.map(({ headers }) => headers))).not.toContain(MARK)

  // then: nothing is found anywhere
  await lookAround(relay, search)
  await tables(house.admin)
  look('the log', house.logs.join(''))
  expect(house.logs.length).toBeGreaterThan(100)
  expect(hidden(hits)).toEqual([])
  expect(hits).toContain('a purpose in countersign.connection_requests.purpose')
})

/**
 * What lies and is shown in the clear: the purpose of a request and the note on its answer, to whoever reads requests and relay grants; what a receiver answered, beside the attempt,
 * to its own side; the words with which an agent failed, with the thread, until its contents expire.
 */
const PLAIN = [
  /^a (?:purpose|note) in countersign\.(?:connection_requests|relay_grants)\.(?:purpose|note)$/,
  /^a (?:purpose|note) in (?:the answer 200 to GET \/api\/v1\/)?(?:relay-grants|connection-requests)/,
  /^the marker in countersign\.delivery_attempts\.excerpt$/,
  /^the marker in countersign\.threads\.error$/,
]
const hidden = (hits: readonly string[]) => [...new Set(hits)].filter((hit) => !PLAIN.some((one) => one.test(hit)))

/** A request with a private purpose, refused with a private note; another agreed to, collected and rotated. */
async function connect(relay: RelayTest, { keep }: Search, rita: Person): Promise<void> {
  const { caller } = relay
  const [purpose, note] = [canary(), canary()]
  keep('a purpose', purpose)
  keep('a note', note)
  await activate(rita, CONNECTS)
  for (const [slug, verdict] of [
    ['ada-no', 'deny'],
    ['ada-yes', 'approve'],
  ] as const) {
    const card = await rita.post('/api/v1/cards', leastCard(slug))
    expect(card.status).toBe(201)
    const made = await caller.post(`/api/v1/agents/${slug}/connection-requests`, { purpose })
    expect(made.status, JSON.stringify(made.body)).toBe(201)
    const at = `/api/v1/connection-requests/${made.body.id}`
    const decided = await rita.post(`${at}/${verdict}`, verdict === 'deny' ? { note } : { issue: 'on_collect' })
    expect(decided.status, JSON.stringify(decided.body)).toBe(200)
    if (verdict === 'deny') continue
    const collected = await caller.post(`${at}/collect`, {}, { 'Idempotency-Key': marked('collect') })
    keep('a token that was collected', collected.body.relay_token)
    expect((await caller.post(`${at}/collect`, {}, { 'Idempotency-Key': marked('collect') })).body.secret_shown).toBe(false)
    const rotated = await rita.post(`/api/v1/relay-grants/${collected.body.relay_grant_id}/rotate`, {})
    keep('a token after a rotation', rotated.body.relay_token)
  }
}

/** A token that is bound to a key, with a proof of it. */
async function proofs(relay: RelayTest, { keep }: Search): Promise<void> {
  const { house } = relay
  const prover = await newProver('ES256')
  const { id, token } = await relay.makeGrant({ agent: null })
  keep('a bound token', token)
  await house.admin.run`update relay_grants set dpop_jkt = ${prover.thumbprint} where id = ${id}`
  const url = `${house.url}/api/v1/relay-tokens/introspect`
  const { dpop = '' } = await prover.headers({ method: 'POST', url, credential: token, at: house.clock.now() })
  keep('a proof', dpop)
  const send = (proof: string) => fetch(url, { method: 'POST', headers: { authorization: `DPoP ${token}`, dpop: proof } })
  const [first, second] = [await send(dpop), await send(dpop)]
  expect([first.status, ((await second.json()) as Loose).code]).toEqual([200, 'proof_replayed'])
  await first.text()
  expect((await send(`${dpop}x`)).status).toBe(401)
}

test('R123 what the sandbox is told is nowhere in the clear either', { timeout: 60_000 }, async () => {
  const sandbox = await openSandbox()
  const { house } = sandbox
  const { look, keep, hits, tables } = openSearch()
  keep('a token for trying out', sandbox.token)
  for (const text of [`echo ${MARK}`, `artifact ${MARK}`, `chunks 2 ${MARK}`, `ask ${MARK}`, `fail ${MARK}`, `message ${MARK}`])
    await sandbox.say(text)
  await tables(house.admin)
  look('the log', house.logs.join(''))
  expect(hidden(hits)).toEqual([])
})
