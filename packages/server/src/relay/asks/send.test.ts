// A caller's message before the owner's policies and people: let in, refused, asked about once, and what becomes of that (relay.md §5, T2, T3).
import { expect, test } from 'vitest'
import type { Person } from '#harness'
import { sealStep } from '../../events/audit/sealing.ts'
import { type Loose, openRelay, type RelayTest, relayAgent } from '../testing/relay.ts'

const PEOPLE =
  '@id("people") permit (principal is User, action, resource);\n@id("server") permit (principal is Agent, action in [Action::"thread.respond", Action::"thread.serve", Action::"thread.read"], resource);'
const asking = (more = '') =>
  `@id("asks") @ask("May {agent} write to us?") ${more} permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource);\n${PEOPLE}`

async function activate(owner: Pick<Person, 'post'>, text: string): Promise<number> {
  const saved = await owner.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  return saved.body.version
}
async function open(policy = asking()): Promise<RelayTest & { version: number }> {
  const relay = await openRelay()
  return { ...relay, version: await activate(relay.house.bob, policy) }
}
const decide = ({ house }: RelayTest, id: string, type: 'accept' | 'deny', by: Pick<Person, 'post'> = house.bob) =>
  by.post(`/api/v1/tasks/${id}/decide`, { type, seen_revision: 1 })
const events = async ({ house }: RelayTest, type: string): Promise<Loose[]> =>
  (await house.bob.get(`/api/v1/events?type=${type}`)).body.data
const theirs = async ({ bea }: RelayTest, type: string): Promise<Loose[]> =>
  (await bea.get(`/api/v1/events?type=${type}`)).body.data

test('R75 what policy denies is 403, leaves no thread, and is told on both sides', async () => {
  const relay = await open(
    `@id("no-strangers") forbid (principal is Agent, action == Action::"thread.start", resource);\n${asking()}`,
  )
  const { status, body } = await relay.start({ text: 'hello' })
  expect([status, body.code, body.reason]).toEqual([403, 'policy_denied', 'forbidden'])
  expect(await relay.house.admin.rows`select id from threads`).toEqual([])
  const [own] = await events(relay, 'thread.refused')
  expect(own).toMatchObject({
    data: { agent: relay.card.slug, action: 'thread.start', reason: 'policy_denied' },
    decision: { outcome: 'deny', policy_ids: ['no-strangers'] },
  })
  expect(own.data.payload_hash).toMatch(/^sha256:[0-9a-f]{64}$/)
  expect(await theirs(relay, 'thread.refused')).toMatchObject([{ data: { agent: relay.card.slug, reason: 'policy_denied' } }])
  const dry = await relay.house.bob.post(`/api/v1/policies/1/dry-run`, {})
  expect(dry.body.changed).toContainEqual(
    expect.objectContaining({ action: 'thread.start', before: expect.objectContaining({ outcome: 'deny' }) }),
  )
})

test('R75 R76 R77 an ask holds the message, and one task in the inbox shows who, for what and which bytes', async () => {
  const relay = await open()
  const { status, body } = await relay.start({ data: { amount: 400 }, skill: 'pay' })
  expect([status, body.state]).toEqual([202, 'awaiting_approval'])
  expect(body.approval).toMatchObject({ side: 'owner', url: `${relay.house.url}/tasks/${body.approval.task_id}` })
  const task = (await relay.house.bob.get(`/api/v1/tasks/${body.approval.task_id}`)).body
  expect(task).toMatchObject({
    ...{ origin: 'relay', origin_ref: body.message_id, status: 'open', task: 'May Caller write to us?' },
    payload: {
      from: { label: 'Caller', agent: relay.caller.id },
      skill: 'pay',
      facts: { amount: 400 },
      payload_hash: body.payload_hash,
      thread_id: body.thread_id,
    },
    action: { name: 'thread.start', args: { parts: [{ data: { amount: 400 } }] } },
  })
  expect(new Date(task.deadline_at).getTime() - new Date(task.created_at).getTime()).toBe(86_400_000)
  expect(await relay.claim()).toEqual([])
  expect((await relay.house.bob.get('/api/v1/tasks?origin=relay')).body.data.length).toBe(1)
  const told = await relay.server.get(`/api/v1/threads/${body.thread_id}/events`)
  expect(told.body.data.map(({ type }: Loose) => type)).toEqual([
    'thread.accepted',
    'message.accepted',
    'approval.requested',
    'thread.awaiting_approval',
  ])
  // Which people were asked is no business of the other side.
  expect(await theirs(relay, 'approval.requested')).toEqual([])
  expect(await theirs(relay, 'thread.awaiting_approval')).toMatchObject([{ data: { thread_id: body.thread_id } }])
})

test('R77 T2 agreed, it is delivered with the hash that people saw, once', async () => {
  const relay = await open()
  const { body } = await relay.start({ text: 'hello' })
  expect((await decide(relay, body.approval.task_id, 'accept')).status).toBe(200)
  const [taken] = await relay.claim()
  expect(taken.message).toMatchObject({ id: body.message_id, payload_hash: body.payload_hash, parts: [{ text: 'hello' }] })
  const [decided] = await events(relay, 'approval.decided')
  expect(decided.data).toMatchObject({ decision: 'agreed', asked_hash: body.payload_hash, policy_version: relay.version })
  expect(Object.values(decided.data.answered)).toMatchObject([
    { user_id: relay.house.bob.id, type: 'accept', assurance: expect.any(String) },
  ])
  expect((await decide(relay, body.approval.task_id, 'accept')).status).toBe(409)
  // The next message is another one, and asked about by itself.
  const next = await relay.bearer(relay.grant.token).post(`/api/v1/threads/${body.thread_id}/messages`, { text: 'hello' })
  expect(next.body.approval.task_id).not.toBe(body.approval.task_id)
})

test.each([
  ['T3 a refusal', 'approval_denied', (relay: RelayTest, id: string) => decide(relay, id, 'deny')],
  [
    'T3 a withdrawn question',
    'approval_denied',
    (relay: RelayTest, id: string) => relay.house.bob.post(`/api/v1/tasks/${id}/cancel`, {}),
  ],
  [
    'T3 silence',
    'approval_timeout',
    async ({ house }: RelayTest) => {
      await house.clock.advance('601s')
      await house.runJobs()
    },
  ],
] as const)('%s rejects the thread, and no byte of it is delivered', async (_, reason, end) => {
  const relay = await open(asking('@expires("10m")'))
  const { body } = await relay.start({ text: 'hello' })
  await end(relay, body.approval.task_id)
  const [row] = await relay.house.admin.rows<Loose>`select state, reason, approval from threads`
  expect(row).toEqual({ state: 'rejected', reason, approval: null })
  expect(await relay.house.admin.rows`select state, state_reason from messages`).toEqual([
    { state: 'refused', state_reason: reason },
  ])
  expect(await relay.claim()).toEqual([])
  const [decided] = await events(relay, 'approval.decided')
  expect(decided.data).toMatchObject({ reason, asked_hash: body.payload_hash })
  expect(await theirs(relay, 'thread.rejected')).toMatchObject([{ data: { reason } }])
})

test('R78 nobody of the asking side decides, also where one person is enough', async () => {
  const relay = await open()
  const { house } = relay
  const own = await relay.makeGrant({ agent: await relayAgent(house, house.alice, 'own'), tenant: house.tenantId })
  const { body } = await relay.start({ text: 'hello' }, { token: own.token })
  const vote = await decide(relay, body.approval.task_id, 'accept', house.alice)
  expect([vote.status, vote.body.code]).toEqual([403, 'separation_of_duties'])
  expect((await relay.thread(body.thread_id)).state).toBe('awaiting_approval')
  expect((await decide(relay, body.approval.task_id, 'accept')).status).toBe(200)
})

test('R82 each ask ends in an event with a receipt, also where nobody answered', async () => {
  const relay = await open(asking('@expires("10m")'))
  await relay.start({ text: 'hello' })
  await relay.house.clock.advance('601s')
  await relay.house.runJobs()
  const [decided] = await events(relay, 'approval.decided')
  await sealStep({ db: relay.house.db })
  const receipt = await relay.house.bob.get(`/api/v1/events/${decided.id}/receipt`)
  expect(receipt.status).toBe(200)
  expect(receipt.body.receipt).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/)
  expect(decided.data).toMatchObject({
    decision: 'expired',
    answered: {},
    policy_version: relay.version,
    asked_hash: expect.any(String),
  })
})

test('§12.17 over a ceiling two have to agree: one is not enough, two deliver what they saw, and the asking side has no vote', async () => {
  const policy = `@id("small") permit (principal is Agent, action == Action::"thread.start", resource) when { context.facts has amount && context.facts.amount <= 50000 };
@id("large") @ask("May {agent} pay {facts.amount}?") @quorum("2") @expires("10m") @on_timeout("deny") permit (principal is Agent, action == Action::"thread.start", resource) when { context.facts has amount && context.facts.amount > 50000 };
${PEOPLE}`
  const relay = await open(policy)
  const { house } = relay
  expect((await relay.start({ data: { amount: 50_000 }, skill: 'pay' })).body.state).toBe('queued')
  // An agent of the owner's own people asks: whose it is has no say in it.
  const own = await relay.makeGrant({ agent: await relayAgent(house, house.alice, 'own'), tenant: house.tenantId })
  const carol = await house.given.user({ role: 'owner' })
  const pay = async () => (await relay.start({ data: { amount: 50_001 }, skill: 'pay' }, { token: own.token })).body
  const late = await pay()
  expect((await decide(relay, late.approval.task_id, 'accept')).status).toBe(200)
  await house.clock.advance('601s')
  await house.runJobs()
  expect(await relay.thread(late.thread_id)).toMatchObject({ state: 'rejected', reason: 'approval_timeout' })
  const paid = await pay()
  const vote = await decide(relay, paid.approval.task_id, 'accept', house.alice)
  expect([vote.status, vote.body.code]).toEqual([403, 'separation_of_duties'])
  await decide(relay, paid.approval.task_id, 'accept')
  expect((await relay.thread(paid.thread_id)).state).toBe('awaiting_approval')
  await decide(relay, paid.approval.task_id, 'accept', carol)
  const taken = (await relay.claim({ limit: 10 })).map(({ message }) => message.payload_hash)
  expect(taken).toContain(paid.payload_hash)
  expect(taken).not.toContain(late.payload_hash)
})

test('§12.18 a policy that denies by now wins over an approval of the one before', async () => {
  const relay = await open()
  const { body } = await relay.start({ text: 'hello' })
  await activate(
    relay.house.bob,
    `@id("closed") forbid (principal is Agent, action == Action::"thread.start", resource);\n${asking()}`,
  )
  expect((await decide(relay, body.approval.task_id, 'accept')).status).toBe(200)
  expect(await relay.thread(body.thread_id)).toMatchObject({ state: 'rejected', reason: 'policy_denied' })
  expect(await relay.claim()).toEqual([])
})

test('R77 what is no longer what people saw goes nowhere', async () => {
  const relay = await open()
  const { body } = await relay.start({ text: 'hello' })
  await relay.house.admin.run`update messages set payload_hash = ${`sha256:${'0'.repeat(64)}`}`
  await decide(relay, body.approval.task_id, 'accept')
  expect(await relay.thread(body.thread_id)).toMatchObject({ state: 'rejected', reason: 'policy_denied' })
})

test('T12 what follows waits behind it in order, each with an ask of its own', async () => {
  const relay = await open()
  const first = (await relay.start({ text: '1' })).body
  const second = (await relay.bearer(relay.grant.token).post(`/api/v1/threads/${first.thread_id}/messages`, { text: '2' })).body
  expect(second.state).toBe('awaiting_approval')
  expect(second.approval.task_id).not.toBe(first.approval.task_id)
  await decide(relay, second.approval.task_id, 'accept')
  expect(await relay.claim()).toEqual([])
  expect((await relay.thread(first.thread_id)).approval.task_id).toBe(first.approval.task_id)
  await decide(relay, first.approval.task_id, 'accept')
  expect((await relay.thread(first.thread_id)).state).toBe('queued')
  expect((await relay.claim()).map(({ message }) => message.parts[0].text)).toEqual(['1'])
})

test('T13 a close takes the question back, and an approval after it changes nothing', async () => {
  const relay = await open()
  const { body } = await relay.start({ text: 'hello' })
  expect((await relay.caller.post(`/api/v1/threads/${body.thread_id}/close`, {})).status).toBe(200)
  expect((await relay.house.bob.get(`/api/v1/tasks/${body.approval.task_id}`)).body.status).toBe('cancelled')
  expect((await decide(relay, body.approval.task_id, 'accept')).status).toBe(409)
  expect(await relay.thread(body.thread_id)).toMatchObject({ state: 'closed', approval: null })
})

test('R32 a message that waits may be taken back with its question', async () => {
  const relay = await open()
  const { body } = await relay.start({ text: 'hello' })
  const answer = await relay
    .bearer(relay.grant.token)
    .post(`/api/v1/threads/${body.thread_id}/messages/${body.message_id}/withdraw`, {})
  expect(answer.status).toBe(200)
  expect((await relay.house.bob.get(`/api/v1/tasks/${body.approval.task_id}`)).body.status).toBe('cancelled')
  expect(await relay.thread(body.thread_id)).toMatchObject({ state: 'waiting_owner', approval: null })
})

test('T2 T3 T13 of those who race, on connections of their own, one wins and nothing is half done', async () => {
  const relay = await open()
  const { house } = relay
  for (let i = 0; i < 6; i++) {
    const { body } = await relay.start({ text: `${i}` })
    const id = body.approval.task_id
    await Promise.all([
      decide(relay, id, 'accept'),
      decide(relay, id, 'deny', house.alice),
      relay.caller.post(`/api/v1/threads/${body.thread_id}/close`, {}),
    ])
    const [row] = await house.admin.rows<Loose>`
      select h.state as thread, m.state as message, k.state as ask, t.status, h.approval from threads h join messages m on m.thread_id = h.id
      join message_asks k on k.message_id = m.id join tasks t on t.id = k.task_id where h.id = ${body.thread_id}`
    expect(row.approval).toBeNull()
    expect([
      'closed withdrawn agreed completed',
      'queued queued agreed completed',
      'rejected refused refused completed',
      'closed withdrawn withdrawn cancelled',
    ]).toContain(`${row.thread} ${row.message} ${row.ask} ${row.status}`)
  }
})

test('R71 the side that sends is judged first, by its own policies: what those refuse the other side never hears of', async () => {
  const relay = await openRelay()
  const leaves = (
    when: string,
  ) => `@id("stays") forbid (principal is Agent, action == Action::"thread.start", resource) when { context.direction == "out"${when} };
@id("else") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource);
@id("people") permit (principal is User, action, resource);`
  await activate(
    relay.bea,
    leaves(' && context has peer && context.peer.external && context has relay_grant && context.relay_grant.state == "active"'),
  )
  const refused = await relay.start({ text: 'hello' })
  expect([refused.status, refused.body.code, refused.body.policy_ids]).toEqual([403, 'policy_denied', ['stays']])
  expect(await theirs(relay, 'thread.refused')).toMatchObject([
    { data: { agent: relay.card.slug, direction: 'out', reason: 'policy_denied' } },
  ])
  expect(await events(relay, 'thread.refused')).toEqual([])
  expect(await relay.house.admin.rows`select id from threads`).toEqual([])
  const byKey = await relay.caller.post(`/api/v1/agents/${relay.card.slug}/threads`, { text: 'hello' })
  expect(byKey.body.code).toBe('policy_denied')
  await activate(relay.bea, leaves(' && context.face == "a2a"'))
  expect((await relay.start({ text: 'hello' })).status).toBe(202)
  // Whoever has no account has no policies of their own.
  await activate(relay.bea, leaves(''))
  const outside = await relay.makeGrant({ agent: null })
  expect((await relay.start({ text: 'hello' }, { token: outside.token })).status).toBe(202)
})

test('R79 §12.19 what somebody allows for a while passes without a person, names that policy version, and asks again once it is over', async () => {
  const relay = await open()
  const { house } = relay
  const { body } = await relay.start({ text: 'hello', skill: 'echo' })
  const said = await house.bob.post(`/api/v1/tasks/${body.approval.task_id}/decide`, {
    type: 'accept',
    seen_revision: 1,
    remember: { for_seconds: 600 },
  })
  expect(said.status).toBe(200)
  const next = await relay.start({ text: 'again', skill: 'echo' })
  expect(next.body.state).toBe('queued')
  const told = (await relay.server.get(`/api/v1/threads/${next.body.thread_id}/events`)).body.data
  expect(told[0].data).toMatchObject({ decision: 'allow', policy_version: relay.version + 1 })
  expect(told[0].data.policy_ids).toContainEqual(expect.stringMatching(/^remembered\./))
  // Of this skill alone.
  expect((await relay.start({ data: { amount: 1 }, skill: 'pay' })).body.state).toBe('awaiting_approval')
  await house.clock.advance('601s')
  expect((await relay.start({ text: 'again', skill: 'echo' })).body.state).toBe('awaiting_approval')
})

test('T2 T14 an approval and a revocation that race leave a revoked thread, and nothing that could be delivered', async () => {
  const relay = await open()
  for (let i = 0; i < 4; i++) {
    const grant = await relay.makeGrant({ agent: null })
    const { body } = await relay.start({ text: `${i}` }, { token: grant.token })
    const [, revoked] = await Promise.all([
      decide(relay, body.approval.task_id, 'accept'),
      relay.house.alice.post(`/api/v1/relay-grants/${grant.id}/revoke`, {}),
    ])
    expect(revoked.status).toBe(200)
    const [row] = await relay.house.admin.rows<Loose>`
      select h.state as thread, h.approval, m.state as message, k.state as ask from threads h join messages m on m.thread_id = h.id
      join message_asks k on k.message_id = m.id where h.id = ${body.thread_id}`
    expect(row).toMatchObject({
      thread: 'revoked',
      approval: null,
      message: 'withdrawn',
      ask: expect.stringMatching(/^(agreed|withdrawn)$/),
    })
  }
  expect(await relay.claim()).toEqual([])
})
