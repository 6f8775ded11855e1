// A caller's message before the policies and people of its own side: held there until they let it go, and nowhere else (relay.md R7, R71, §12.20).
import { expect, test } from 'vitest'
import type { Person } from '#harness'
import { sealStep } from '../../events/audit/sealing.ts'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

const REST = `@id("rest") permit (principal is Agent, action, resource);
@id("people") permit (principal is User, action, resource);`
/** Asks about what leaves, and allows the rest. */
const leaving = (more = '') => `@id("leaves") @ask("May {agent} write to {connection}?") ${more}
permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource) when { context.direction == "out" };
@id("rest") permit (principal is Agent, action, resource) unless { context has direction && context.direction == "out" };
@id("people") permit (principal is User, action, resource);`

async function activate(owner: Pick<Person, 'post'>, text: string): Promise<number> {
  const saved = await owner.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  return saved.body.version
}
async function open(more = ''): Promise<RelayTest> {
  const relay = await openRelay()
  await activate(relay.bea, leaving(more))
  return relay
}
const decide = ({ bea }: RelayTest, id: string, type: 'accept' | 'deny') =>
  bea.post(`/api/v1/tasks/${id}/decide`, { type, seen_revision: 1, ...(type === 'deny' ? { reason: 'no' } : {}) })
const seen = async ({ caller }: RelayTest, id: string): Promise<Loose> => (await caller.get(`/api/v1/threads/${id}`)).body
const said = async ({ caller }: RelayTest, id: string): Promise<Loose[]> =>
  (await caller.get(`/api/v1/threads/${id}/messages`)).body.data
/** All that there is of it in the tenant of the owner. */
const there = ({ house }: RelayTest) => house.admin.rows<Loose>`
  select 'thread' as what, state from threads where tenant_id = ${house.tenantId}::uuid
  union all select 'message', state from messages where tenant_id = ${house.tenantId}::uuid
  union all select 'event', type from events where tenant_id = ${house.tenantId}::uuid and type ~ '^(thread|message|approval)[.]'
  union all select 'task', status from tasks where tenant_id = ${house.tenantId}::uuid`
const theirs = async ({ bea }: RelayTest, type: string): Promise<Loose[]> =>
  (await bea.get(`/api/v1/events?type=${type}`)).body.data

test('R7 R71 §12.20 an ask in the caller’s own tenant: one task there, and the owner’s side sees no thread until it is released', async () => {
  const relay = await open()
  const { status, body } = await relay.start({ text: 'hello', context_id: 'trip', operation_id: 'op-1' })
  expect([status, body.state, body.sequence]).toEqual([202, 'awaiting_approval', null])
  expect(body.approval).toMatchObject({ side: 'caller', url: `${relay.house.url}/tasks/${body.approval.task_id}` })
  expect(await there(relay)).toEqual([])
  expect((await relay.server.get(`/api/v1/threads/${body.thread_id}`)).status).toBe(404)
  expect((await relay.house.alice.get('/api/v1/threads')).body.data).toEqual([])
  const task = (await relay.bea.get(`/api/v1/tasks/${body.approval.task_id}`)).body
  expect(task).toMatchObject({
    ...{ origin: 'relay', origin_ref: body.message_id, task: `May Caller write to ${relay.card.slug}?` },
    payload: { thread_id: body.thread_id, payload_hash: body.payload_hash, relay_grant: { id: relay.grant.id } },
    action: { name: 'thread.start', args: { parts: [{ text: 'hello' }] } },
  })
  expect(await seen(relay, body.thread_id)).toMatchObject({
    ...{ id: body.thread_id, state: 'awaiting_approval', turn: 'human', sequence: 0, context_id: 'trip' },
    approval: { side: 'caller', task_id: body.approval.task_id },
  })
  expect(await said(relay, body.thread_id)).toMatchObject([
    { id: body.message_id, sequence: null, state: 'held', parts: [{ text: 'hello' }] },
  ])
  expect((await relay.caller.get(`/api/v1/threads/${body.thread_id}/messages/${body.message_id}`)).body.parts).toEqual([
    { text: 'hello' },
  ])
  expect((await relay.caller.get(`/api/v1/threads/${body.thread_id}/events`)).body.data).toEqual([])
  const list = async () => (await relay.bea.get('/api/v1/threads?side=caller')).body.data
  expect(await list()).toMatchObject([{ id: body.thread_id, state: 'awaiting_approval' }])
  expect((await decide(relay, body.approval.task_id, 'accept')).status).toBe(200)
  const [taken] = await relay.claim()
  expect(taken.message).toMatchObject({
    ...{ id: body.message_id, thread_id: body.thread_id, payload_hash: body.payload_hash, operation_id: 'op-1', sequence: 2 },
    parts: [{ text: 'hello' }],
  })
  expect(await relay.thread(body.thread_id)).toMatchObject({ context_id: 'trip', state: 'delivering' })
  expect(await seen(relay, body.thread_id)).toMatchObject({ state: 'delivering', approval: null })
  expect(await said(relay, body.thread_id)).toMatchObject([{ id: body.message_id, sequence: 2 }])
  expect(await list()).toMatchObject([{ id: body.thread_id, state: 'delivering' }])
  expect(await relay.house.admin.rows`select id from held_messages`).toEqual([])
})

test.each([
  ['a refusal', 'rejected', 'approval_denied', (relay: RelayTest, id: string) => decide(relay, id, 'deny')],
  [
    'a withdrawn question',
    'rejected',
    'approval_denied',
    (relay: RelayTest, id: string) => relay.bea.post(`/api/v1/tasks/${id}/cancel`, {}),
  ],
  [
    'silence',
    'rejected',
    'approval_timeout',
    async ({ house }: RelayTest) => {
      await house.clock.advance('601s')
      await house.runJobs()
    },
  ],
  [
    'a policy that denies by now',
    'rejected',
    'policy_denied',
    async (relay: RelayTest, id: string) => {
      await activate(relay.bea, `@id("closed") forbid (principal is Agent, action == Action::"thread.start", resource);\n${REST}`)
      await decide(relay, id, 'accept')
    },
  ],
] as const)(
  'T3 R82 %s ends it for its caller, with a receipt, and no byte of it is with the owner',
  async (_, state, reason, end) => {
    const relay = await open('@expires("10m")')
    const { body } = await relay.start({ text: 'hello' })
    await end(relay, body.approval.task_id)
    expect(await seen(relay, body.thread_id)).toMatchObject({ state, reason, turn: 'none', sequence: 1, approval: null })
    expect(await there(relay)).toEqual([])
    const told = (await relay.caller.get(`/api/v1/threads/${body.thread_id}/events`)).body.data
    expect(told).toMatchObject([{ sequence: 1, type: 'thread.rejected', data: { state, reason } }])
    const [decided] = await theirs(relay, 'approval.decided')
    expect(decided.data).toMatchObject({ side: 'caller', reason, asked_hash: body.payload_hash, thread_id: body.thread_id })
    await sealStep({ db: relay.house.db })
    expect((await relay.bea.get(`/api/v1/events/${decided.id}/receipt`)).status).toBe(200)
    const later = await relay.bearer(relay.grant.token).post(`/api/v1/threads/${body.thread_id}/messages`, { text: 'again' })
    expect([later.status, later.body.code, later.body.reason]).toEqual([409, 'thread_ended', reason])
  },
)

test('§12.18 what the owner’s side denies when it comes in is rejected, and told on both sides', async () => {
  const relay = await open()
  const { body } = await relay.start({ text: 'hello' })
  await activate(
    relay.house.bob,
    `@id("closed") forbid (principal is Agent, action == Action::"thread.start", resource);\n${REST}`,
  )
  expect((await decide(relay, body.approval.task_id, 'accept')).status).toBe(200)
  expect(await seen(relay, body.thread_id)).toMatchObject({ state: 'rejected', reason: 'policy_denied' })
  expect(await there(relay)).toEqual([{ what: 'event', state: 'thread.refused' }])
})

test('R71 what both sides ask about is asked first here and then there', async () => {
  const relay = await open()
  await activate(
    relay.house.bob,
    `@id("comes") @ask("Let it in?") permit (principal is Agent, action == Action::"thread.start", resource);\n@id("people") permit (principal is User, action, resource);`,
  )
  const { body } = await relay.start({ text: 'hello' })
  await decide(relay, body.approval.task_id, 'accept')
  const now = await seen(relay, body.thread_id)
  expect(now).toMatchObject({ state: 'awaiting_approval', approval: { side: 'owner' } })
  expect(
    (await relay.house.bob.post(`/api/v1/tasks/${now.approval.task_id}/decide`, { type: 'accept', seen_revision: 1 })).status,
  ).toBe(200)
  expect((await seen(relay, body.thread_id)).state).toBe('queued')
})

test('T12 what is sent later waits behind it in order, each with its own question, and goes in with the last answer before it', async () => {
  const relay = await open()
  const { body } = await relay.start({ text: '1' })
  const send = (text: string) => relay.bearer(relay.grant.token).post(`/api/v1/threads/${body.thread_id}/messages`, { text })
  const second = (await send('2')).body
  expect([second.state, second.sequence, second.approval.side]).toEqual(['awaiting_approval', null, 'caller'])
  // From now on only some are asked about.
  await activate(relay.bea, REST)
  const third = (await send('3')).body
  expect([third.state, third.sequence]).toEqual(['awaiting_approval', null])
  await decide(relay, second.approval.task_id, 'accept')
  expect(await there(relay)).toEqual([])
  expect((await said(relay, body.thread_id)).map(({ parts }) => parts[0].text)).toEqual(['1', '2', '3'])
  await decide(relay, body.approval.task_id, 'accept')
  expect((await said(relay, body.thread_id)).map(({ parts, sequence }) => [parts[0].text, sequence > 0])).toEqual([
    ['1', true],
    ['2', true],
    ['3', true],
  ])
  expect((await send('4')).body).toMatchObject({ state: 'queued', sequence: expect.any(Number) })
})

test('T12 T3 a follow-up that is held: the owner’s side sees nothing of it, its caller sees AUTH_REQUIRED’s state; refused, the thread is rejected for both', async () => {
  const relay = await openRelay()
  const { body } = await relay.start({ text: 'first' })
  await activate(relay.bea, leaving())
  const before = await there(relay)
  const held = (await relay.bearer(relay.grant.token).post(`/api/v1/threads/${body.thread_id}/messages`, { text: 'second' })).body
  expect([held.state, held.approval.side]).toEqual(['awaiting_approval', 'caller'])
  expect(await there(relay)).toEqual(before)
  expect((await relay.thread(body.thread_id)).state).toBe('queued')
  expect(await seen(relay, body.thread_id)).toMatchObject({
    state: 'awaiting_approval',
    approval: { task_id: held.approval.task_id },
  })
  expect((await said(relay, body.thread_id)).map(({ state }) => state)).toEqual(['queued', 'held'])
  await decide(relay, held.approval.task_id, 'deny')
  expect(await relay.thread(body.thread_id)).toMatchObject({ state: 'rejected', reason: 'approval_denied' })
  expect(await seen(relay, body.thread_id)).toMatchObject({ state: 'rejected', reason: 'approval_denied' })
  expect(JSON.stringify(await relay.house.admin.rows`select id from messages`)).not.toContain(held.message_id)
})

test('R52 an idempotency key holds over the whole: before the release and after it the answer is the first one, and there is one thread', async () => {
  const relay = await open()
  const all = await Promise.all(Array.from({ length: 8 }, () => relay.start({ text: 'hello' }, { key: 'once' })))
  const [first] = all.filter(({ status }) => status === 202)
  expect(
    all.every(({ status, body }) =>
      status === 202 ? body.thread_id === first?.body.thread_id : body.code === 'idempotency_in_flight',
    ),
  ).toBe(true)
  expect((await relay.house.admin.rows`select id from held_messages`).length).toBe(1)
  await decide(relay, first?.body.approval.task_id, 'accept')
  expect((await relay.start({ text: 'hello' }, { key: 'once' })).body).toEqual(first?.body)
  expect((await relay.house.admin.rows`select id from threads`).length).toBe(1)
})

test('R32 T13 taken back or closed by its caller it is gone with its question', async () => {
  const relay = await open()
  const one = (await relay.start({ text: '1' })).body
  const back = await relay
    .bearer(relay.grant.token)
    .post(`/api/v1/threads/${one.thread_id}/messages/${one.message_id}/withdraw`, {})
  expect([back.status, back.body.state]).toEqual([200, 'withdrawn'])
  expect((await relay.bea.get(`/api/v1/tasks/${one.approval.task_id}`)).body.status).toBe('cancelled')
  expect(await seen(relay, one.thread_id)).toMatchObject({ state: 'closed', outcome: 'canceled', reason: 'closed_by_caller' })
  const two = (await relay.start({ text: '2' })).body
  const closed = await relay.caller.post(`/api/v1/threads/${two.thread_id}/close`, {})
  expect([closed.status, closed.body.state, closed.body.outcome]).toEqual([200, 'closed', 'canceled'])
  expect((await relay.caller.post(`/api/v1/threads/${two.thread_id}/close`, {})).status).toBe(200)
  expect((await decide(relay, two.approval.task_id, 'accept')).status).toBe(409)
  // The second message alone: the first goes on waiting.
  const three = (await relay.start({ text: '3' })).body
  const more = (await relay.bearer(relay.grant.token).post(`/api/v1/threads/${three.thread_id}/messages`, { text: '4' })).body
  await relay.caller.post(`/api/v1/threads/${three.thread_id}/messages/${more.message_id}/withdraw`, {})
  expect((await seen(relay, three.thread_id)).state).toBe('awaiting_approval')
  expect(await there(relay)).toEqual([])
})

test('T14 it ends with its relay grant and with its thread', async () => {
  const relay = await open()
  const { house } = relay
  await activate(relay.bea, REST)
  const open1 = (await relay.start({ text: '2' })).body
  await activate(relay.bea, leaving())
  const follow = (await relay.bearer(relay.grant.token).post(`/api/v1/threads/${open1.thread_id}/messages`, { text: '3' })).body
  await relay.respond(open1.thread_id, { outcome: 'completed', text: 'done' })
  expect((await relay.bea.get(`/api/v1/tasks/${follow.approval.task_id}`)).body.status).toBe('cancelled')
  expect(await seen(relay, open1.thread_id)).toMatchObject({ state: 'closed', approval: null })
  const last = (await relay.start({ text: '4' })).body
  expect((await house.alice.post(`/api/v1/relay-grants/${relay.grant.id}/revoke`, {})).status).toBe(200)
  expect(await seen(relay, last.thread_id)).toMatchObject({ state: 'revoked', reason: 'grant_revoked' })
  expect((await relay.bea.get(`/api/v1/tasks/${last.approval.task_id}`)).body.status).toBe('cancelled')
})

test('T15 it ends when its time is over', async () => {
  const relay = await open()
  const { house } = relay
  const short = (await relay.start({ text: '1', expires_in_seconds: 3_600 })).body
  await house.clock.advance('3601s')
  await house.server.queue.enqueueMany([{ kind: 'relay.sweep' }])
  await house.runJobs()
  expect(await seen(relay, short.thread_id)).toMatchObject({ state: 'expired', reason: 'deadline_passed' })
  expect((await relay.bea.get(`/api/v1/tasks/${short.approval.task_id}`)).body.status).toBe('cancelled')
})

test('R38 R39 R59 a thread token opens what waits, and whoever waits for the thread hears of it as it goes in', async () => {
  const relay = await open()
  const { body } = await relay.start({ text: 'hello', want_thread_token: true })
  const token = relay.bearer(body.thread_access_token)
  expect((await token.get(`/api/v1/threads/${body.thread_id}`)).body.state).toBe('awaiting_approval')
  expect((await relay.caller.post(`/api/v1/threads/${body.thread_id}/access-tokens`, {})).status).toBe(201)
  const waited = token.get(`/api/v1/threads/${body.thread_id}?wait_seconds=20&after=0`)
  await decide(relay, body.approval.task_id, 'accept')
  expect((await waited).body).toMatchObject({ state: 'queued', sequence: 2 })
})

test('T2 T13 an approval and a close that race leave one of the two, whole', async () => {
  const relay = await open()
  for (let i = 0; i < 5; i++) {
    const { body } = await relay.start({ text: `${i}` })
    await Promise.all([
      decide(relay, body.approval.task_id, 'accept'),
      relay.caller.post(`/api/v1/threads/${body.thread_id}/close`, {}),
    ])
    const now = await seen(relay, body.thread_id)
    const [row] = await relay.house.admin.rows<Loose>`
      select (select count(*)::int from threads where id = ${body.thread_id}) as threads, (select count(*)::int from held_messages where thread_id = ${body.thread_id}) as held`
    expect(now.state).toBe('closed')
    expect([row.threads, row.held]).toEqual(row.threads === 1 ? [1, 0] : [0, 1])
  }
})

test('R81 a draft runs over recorded decisions of the relay, on the side that made them: each changed outcome is listed, and nothing changes', async () => {
  const relay = await open()
  const { body } = await relay.start({ text: 'hello' })
  const saved = await relay.bea.post('/api/v1/policies', { text: REST })
  const dry = await relay.bea.post(`/api/v1/policies/${saved.body.version}/dry-run`, {})
  expect(dry.body.changed).toMatchObject([
    {
      action: 'thread.start',
      before: { outcome: 'ask', policy_ids: ['leaves'] },
      after: { outcome: 'allow', policy_ids: ['rest'] },
    },
  ])
  expect((await seen(relay, body.thread_id)).state).toBe('awaiting_approval')
})
