// A request that waits for people, the whole way: a client, the proxy, the gate, a person in the dashboard's API, and an upstream that counts what reaches it
// (vault.md §12, 23 and 24).
import { expect, test, vi } from 'vitest'
import { randomToken } from '../../packages/server/src/crypto/token.ts'
import { systemScope } from '../../packages/server/src/db/scope.ts'
import { tx } from '../../packages/server/src/db/tx.ts'
import { openWayOut, type Run, type WayNode, type WayOut } from '../../packages/server/src/proxy/testing/way-out.ts'
import {
  giveClient,
  giveProvider,
  oauthProvider,
  reaching,
} from '../../packages/server/src/vault/authorizations/testing/provider.ts'
import { openVendor } from '../../packages/server/src/vault/authorizations/testing/vendor.ts'
import { clientOf } from '../../packages/server/src/vault/clients/client.ts'

// Each of these starts a server, its gate and one or two proxies.
vi.setConfig({ testTimeout: 120_000 })

const RULES = [{ effect: 'allow', methods: ['GET', 'POST'], paths: ['/v1'] }]
const PATIENT = { timeout: 60_000, interval: 50 }
const PEOPLE = '@id("people") permit (principal is User, action, resource);'
const POLICY = `@id("small") permit (principal is Agent, action == Action::"proxy.request", resource)
  unless { context.facts has amount && context.facts.amount > 100 };
@id("large") @ask("May {agent} refund {facts.amount} with {connection}?") @expires("10m")
permit (principal is Agent, action == Action::"proxy.request", resource) when { context.facts has amount && context.facts.amount > 100 };
${PEOPLE}`

type Scene = WayOut & { through: WayNode; going: Run; grantId: string; connectionId: string; secret: string }

async function activate({ house }: Pick<WayOut, 'house'>, text: string): Promise<void> {
  const saved = await house.bob.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}

async function opened(policy = POLICY, settings: Record<string, string> = {}): Promise<Scene> {
  const way = await openWayOut(settings)
  const { house } = way
  await activate(way, policy)
  const connection = await way.connect({ account: { id: 'acct_1', label: 'Acme Ltd' } })
  const grant = await house.alice.post('/api/v1/grants', {
    ...{ agent_id: house.agent.id, connection_id: connection.id, rules: RULES },
  })
  expect(grant.status).toBe(201)
  const [through, going] = [await way.node(), await way.run()]
  return { ...way, through, going, grantId: grant.body.id, connectionId: connection.id, secret: connection.value }
}

const refund = (amount: number, more: object = {}) => JSON.stringify({ amount, charge: 'ch_1', ...more })
const task = async ({ house }: WayOut, id: unknown) => (await house.bob.get(`/api/v1/tasks/${id}`)).body
const decide = ({ house }: WayOut, id: unknown, body: object) =>
  house.bob.post(`/api/v1/tasks/${id}/decide`, { seen_revision: 1, ...body })
const holdsOf = ({ house }: WayOut) =>
  house.admin.rows<{ state: string; task_id: string }>`select state, task_id from proxy_holds order by opened_at, id`
const states = async (way: WayOut) => (await holdsOf(way)).map(({ state }) => state)
/** Once somebody is asked: the task of the only hold that waits. */
const asked = (way: WayOut): Promise<string> =>
  vi.waitFor(async () => {
    const [waiting, ...more] = (await holdsOf(way)).filter(({ state }) => state === 'open')
    expect([waiting !== undefined, more]).toEqual([true, []])
    return (waiting as { task_id: string }).task_id
  }, PATIENT)

test('V100 V103 V104 §12.23 a small refund goes through; a large one waits, is shown to a person, and is sent once when they agree', async () => {
  const way = await opened()
  const { house, send, through, going, reached, secret } = way
  expect((await send(through, going, { body: refund(40) }).answer).status).toBe(200)
  const waiting = send(through, going, { body: refund(400, { note: 'api_key=sk_live_abcdefghijklmnop' }), wait: 50 })

  const id = await asked(way)
  expect(reached).toHaveLength(1)
  const shown = await task(way, id)
  expect(shown).toMatchObject({
    ...{ origin: 'proxy', status: 'open', task: 'May refund-bot refund 400 with alpha:default?', timeout_seconds: 600 },
    action: {
      name: 'proxy.request',
      allow: ['accept', 'deny'],
      args: { method: 'POST', url: 'https://api.example.com/v1/refunds' },
    },
    payload: {
      agent: { id: house.agent.id, name: 'refund-bot', owner: 'Alice' },
      run: { id: going.id, purpose: 'Refund what was promised' },
      connection: { provider: 'alpha', name: 'default', account: 'Acme Ltd' },
      request: { method: 'POST', host: 'api.example.com', path: '/v1/refunds', query: '' },
      facts: { amount: 400 },
      body_is_whole: false,
      asked_by: { policies: ['large'] },
      asked_before: [],
    },
  })
  expect(JSON.stringify(shown)).not.toContain('sk_live_abcdefghijklmnop')
  expect(JSON.stringify(shown)).not.toContain(secret)

  expect((await decide(way, id, { type: 'accept' })).status).toBe(200)
  const answer = await waiting.answer
  expect([answer.status, answer.body, answer.headers['countersign-task']]).toEqual([200, 'done', id])
  expect(reached.slice(1)).toMatchObject([
    {
      method: 'POST',
      url: '/v1/refunds',
      body: refund(400, { note: 'api_key=sk_live_abcdefghijklmnop' }),
      authorization: `Bearer ${secret}`,
    },
  ])
  await vi.waitFor(async () => expect(await states(way)).toEqual(['sent']), PATIENT)
  const told = (await house.eventTypes()).filter((type) => type.startsWith('proxy.hold_'))
  expect(told).toEqual(['proxy.hold_agreed', 'proxy.hold_spent'])
  // What it said is kept nowhere but in its task.
  expect(await house.admin.one`select request is null and edited is null as gone from proxy_holds`).toEqual({ gone: true })
})

test('V105 §12.23 a person who refuses is heard with their words; until its time is over nobody is asked again', async () => {
  const way = await opened()
  const { send, through, going, reached } = way
  const waiting = send(through, going, { body: refund(400), wait: 50 })
  const id = await asked(way)
  await decide(way, id, { type: 'deny', reason: 'not before Friday' })
  const denied = await waiting.answer
  expect([denied.status, denied.json.code, denied.json.comment]).toEqual([403, 'human_denied', 'not before Friday'])
  const again = await send(through, going, { body: refund(400) }).answer
  expect([again.json.code, again.json.task_id]).toEqual(['human_denied', id])
  expect([reached, await states(way)]).toEqual([[], ['refused']])
})

test('V104 V105 §12.23 nobody answers in time: 428; the same request joins what waits, and after approval goes out once', async () => {
  const way = await opened()
  const { house, send, through, going, reached } = way
  const pending = await send(through, going, { body: refund(400) }).answer
  expect(pending).toMatchObject({
    status: 428,
    headers: { 'retry-after': '5', 'countersign-outcome': 'ask' },
    json: {
      code: 'approval_pending',
      task_url: expect.stringContaining('/tasks/task_'),
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  })
  const id = pending.json.task_id
  expect(pending.headers['countersign-task']).toBe(id)
  expect((await send(through, going, { body: refund(400) }).answer).json.task_id).toBe(id)
  await decide(way, id, { type: 'accept' })
  expect((await send(through, going, { body: refund(400) }).answer).status).toBe(200)
  expect(reached).toHaveLength(1)
  // The next one like it is another act, and is asked anew.
  const next = await send(through, going, { body: refund(400) }).answer
  expect([next.status, next.json.task_id === id]).toEqual([428, false])
  expect((await task(way, next.json.task_id)).payload.asked_before).toMatchObject([{ task_id: id, what: 'approved and sent' }])
  // And nobody answers that.
  await house.clock.advance('11m')
  const late = await send(through, going, { body: refund(400) }).answer
  expect([late.status, late.json.code]).toEqual([403, 'approval_expired'])
  expect((await send(through, going, { body: refund(400) }).answer).json.code).toBe('approval_pending')
  expect(reached).toHaveLength(1)
})

test('V101 V106 §12.24 a body that differs by one byte and another run do not use an approval', async () => {
  const way = await opened()
  const { send, through, going, reached } = way
  const { json } = await send(through, going, { body: refund(400) }).answer
  await decide(way, json.task_id, { type: 'accept' })
  const byte = await send(through, going, { body: refund(401) }).answer
  const spaced = await send(through, going, { body: `${refund(400)} ` }).answer
  const other = await send(through, await way.run(), { body: refund(400) }).answer
  const header = await send(through, going, { body: refund(400), headers: { 'idempotency-key': 'k' } }).answer
  expect([byte, spaced, other, header].map((one) => one.json.code)).toEqual(Array(4).fill('approval_pending'))
  expect(reached).toEqual([])
})

test('V106 §12.24 an approval that nobody uses lapses after ten minutes', async () => {
  const way = await opened()
  const { house, send, through, going, reached } = way
  const { json } = await send(through, going, { body: refund(400) }).answer
  await decide(way, json.task_id, { type: 'accept' })
  await house.clock.advance('11m')
  await house.server.queue.enqueueMany([{ kind: 'proxy.hold_sweep' }])
  await house.runJobs()
  expect(await states(way)).toEqual(['lapsed'])
  expect((await house.eventTypes()).at(-1)).toBe('proxy.hold_lapsed')
  expect((await send(through, going, { body: refund(400) }).answer).json.code).toBe('approval_pending')
  expect(reached).toEqual([])
})

test('V106 §12.24 a grant that shrank after the approval lets nothing out, also before the node knows of it', async () => {
  const way = await opened()
  const { house, send, through, going, grantId, reached } = way
  const { json } = await send(through, going, { body: refund(400) }).answer
  await decide(way, json.task_id, { type: 'accept' })
  const seen = await house.alice.get(`/api/v1/grants/${grantId}`)
  const shrunk = await house.alice.patch(
    `/api/v1/grants/${grantId}`,
    { rules: [{ effect: 'allow', methods: ['GET'] }] },
    { 'If-Match': seen.headers.get('etag') ?? `"${seen.body.generation}"` },
  )
  expect([shrunk.status, shrunk.body.code]).toEqual([200, undefined])
  // The node has not looked since: the gate has.
  const stale = await send(through, going, { body: refund(400) }).answer
  expect([stale.status, stale.json.code, stale.json.reason]).toEqual([403, 'proxy_denied', 'method'])
  await through.node.look()
  expect((await send(through, going, { body: refund(400) }).answer).json.reason).toBe('method')
  expect([reached, await states(way)]).toEqual([[], ['closed']])
})

test('V105 V106 §12.24 of eight sockets over two proxies that have one approval exactly one sends, and the rest hear which', async () => {
  const way = await opened()
  const { house, send, through, going, reached, upstream } = way
  const second = await way.node((await house.second({ settings: { GATE_LISTEN: '127.0.0.1:0' } })) as typeof house.server)
  let letGo: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    letGo = resolve
  })
  upstream.answer = async () => {
    await gate
    return { status: 200, body: 'done' }
  }
  const all = Array.from({ length: 8 }, (_, i) => send(i % 2 ? second : through, going, { body: refund(400), wait: 50 }))
  const id = await asked(way)
  await vi.waitFor(
    async () => expect((await house.admin.one<{ n: number }>`select count(*)::integer as n from proxy_hold_waiters`).n).toBe(8),
    PATIENT,
  )
  await decide(way, id, { type: 'accept' })
  // Seven are refused while the one is still on its way.
  const refused = await vi.waitFor(async () => {
    const done = await Promise.all(all.map(({ answer }) => Promise.race([answer, Promise.resolve(null)])))
    const answers = done.filter((one) => one !== null)
    expect(answers).toHaveLength(7)
    return answers
  }, PATIENT)
  letGo()
  const answers = await Promise.all(all.map(({ answer }) => answer))
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409, 409, 409, 409, 409, 409])
  const [hold] = await house.admin.rows<{ spent_request: string }>`select spent_request from proxy_holds`
  for (const one of refused) expect([one.json.code, one.json.sent]).toEqual(['hold_spent', hold?.spent_request])
  expect(reached).toHaveLength(1)
})

test('V48 §12.24 a token that upstream refuses is renewed once and the approved request goes once more, under the one approval', async () => {
  const vendor = await openVendor()
  const way = await openWayOut(reaching(vendor).settings)
  const { house, send, reached, upstream } = way
  await giveProvider(house, { ...oauthProvider(vendor), hosts: [{ host: 'api.example.com' }] })
  await giveClient(house, 'acme')
  const scope = systemScope('test', house.tenantId)
  const client = await tx(house.db, scope, (t) => clientOf(house.server.identity, t, scope, 'acme'))
  const [old, renewed] = [randomToken(), randomToken()]
  const connection = await way.connect({
    ...{ provider: 'acme', method: 'code', params: {}, clientId: client?.id ?? null },
    material: { access_token: old, refresh_token: randomToken() },
  })
  vendor.at('/token', { json: { access_token: renewed, token_type: 'bearer', expires_in: 3600 } })
  upstream.answer = async ({ authorization }) => ({ status: authorization === `Bearer ${renewed}` ? 200 : 401 })
  await activate(way, `@id("asks") @ask("May it?") permit (principal is Agent, action, resource);\n${PEOPLE}`)
  const grant = await house.alice.post('/api/v1/grants', {
    ...{ agent_id: house.agent.id, connection_id: connection.id, rules: [{ effect: 'allow' }] },
  })
  expect(grant.status).toBe(201)
  const [through, going] = [await way.node(), await way.run()]
  const request = { body: refund(400), headers: { 'idempotency-key': 'k-1' } }
  const { json } = await send(through, going, request).answer
  expect(json.code).toBe('approval_pending')
  await decide(way, json.task_id, { type: 'accept' })

  expect((await send(through, going, request).answer).status).toBe(200)

  expect(reached.map(({ authorization }) => authorization)).toEqual([`Bearer ${old}`, `Bearer ${renewed}`])
  expect(vendor.askedAt('/token')).toHaveLength(1)
  await vi.waitFor(async () => expect(await states(way)).toEqual(['sent']), PATIENT)
  expect((await house.eventTypes()).filter((type) => type === 'proxy.hold_spent')).toHaveLength(1)
  // What was renewed is what the next request gets, and nobody renews again.
  expect((await send(through, going, { method: 'GET', path: '/v1/refunds' }).answer).json.code).toBe('approval_pending')
  expect(vendor.askedAt('/token')).toHaveLength(1)
})
