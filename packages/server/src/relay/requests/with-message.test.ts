// A message of an agent without a relay grant (relay.md R103, R7, R24, R96): it waits in its caller's tenant behind a connection request, and goes in or ends with that.
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import type { Answer } from '#harness'
import { BINDINGS, type Binding, message, raw, rawResponse, readFrames, resultOf } from '../a2a/testing/agent.ts'
import { openTwo, type Two } from '../testing/two.ts'

// biome-ignore lint/suspicious/noExplicitAny: answers of routes under test.
type Loose = any

async function asking(options: Parameters<typeof openTwo>[0] = {}): Promise<Two> {
  const two = await openTwo(options)
  const { etag } = (await two.house.alice.get(`/api/v1/cards/${two.cardId}`)).body
  const saved = await two.house.alice.patch(`/api/v1/cards/${two.cardId}`, { unapproved: 'request' }, { 'if-match': etag })
  expect(saved.status).toBe(200)
  return two
}
const start = (two: Two, body: object = { text: 'One seat to Rome.', skill: 'book' }, headers = {}): Promise<Answer> =>
  two.caller.post(`/api/v1/agents/${two.slug}/threads`, body, headers)
const requests = async ({ caller }: Two): Promise<Loose[]> =>
  (await caller.get('/api/v1/connection-requests?side=caller')).body.data
const decide = (two: Two, id: string, act: 'approve' | 'deny', body: object = {}) =>
  two.house.bob.post(`/api/v1/connection-requests/${id}/${act}`, body)
const threadOf = async ({ caller }: Two, id: string): Promise<Loose> => (await caller.get(`/api/v1/threads/${id}`)).body
const counts = ({ house }: Two) =>
  house.admin.one<{ threads: number; messages: number; grants: number; held: number }>`
    select (select count(*) from threads)::integer as threads, (select count(*) from messages)::integer as messages,
      (select count(*) from relay_grants)::integer as grants, (select count(*) from held_messages)::integer as held`
const agentOf = (two: Two) => ({
  house: two.house,
  slug: two.slug,
  grant: { id: '', tokenId: '', token: (two.caller as Loose).key as string },
})

test('R103 a message without a relay grant makes a connection request, and waits in its caller’s tenant until that is approved', async () => {
  const two = await asking()
  const sent = await start(two)
  expect([sent.status, sent.body.state, sent.body.sequence]).toEqual([202, 'awaiting_approval', null])
  const [request] = await requests(two)
  expect(request).toMatchObject({ state: 'pending', thread_id: sent.body.thread_id, relay_grant_id: null })
  expect(sent.body.approval).toMatchObject({ side: 'owner', url: request.task_url })
  expect(await counts(two)).toEqual({ threads: 0, messages: 0, grants: 0, held: 1 })
  expect(await threadOf(two, sent.body.thread_id)).toMatchObject({ state: 'awaiting_approval' })
  const seen = (await two.caller.get(`/api/v1/threads/${sent.body.thread_id}/messages`)).body
  expect(seen.data).toMatchObject([{ id: sent.body.message_id, state: 'held', parts: [{ text: 'One seat to Rome.' }] }])
  // The owner's people see what they are to judge.
  const task = (await two.house.bob.get(`/api/v1/tasks/${request.task_url.split('/').at(-1)}`)).body
  expect(task.payload.message).toMatchObject({
    skill: 'book',
    payload_hash: sent.body.payload_hash,
    parts: [{ text: 'One seat to Rome.' }],
  })
  const agreed = await decide(two, request.id, 'approve')
  expect(agreed.status).toBe(200)
  expect(agreed.body.relay_token).toBeUndefined()
  expect(agreed.body.relay_grant.scopes).not.toContain('threads:start')
  const thread = await threadOf(two, sent.body.thread_id)
  expect(thread).toMatchObject({ state: 'queued', relay_grant_id: agreed.body.relay_grant.id })
  const [went] = (await two.caller.get(`/api/v1/threads/${sent.body.thread_id}/messages`)).body.data
  expect(went).toMatchObject({
    id: sent.body.message_id,
    payload_hash: sent.body.payload_hash,
    parts: [{ text: 'One seat to Rome.' }],
  })
  expect(await counts(two)).toEqual({ threads: 1, messages: 1, grants: 1, held: 0 })
})

test('R103 without a tick the relay grant is for that thread: it starts no other, and ends with it', async () => {
  const two = await asking()
  const { body: sent } = await start(two)
  const [request] = await requests(two)
  const { relay_grant: grant } = (await decide(two, request.id, 'approve')).body
  expect((await two.caller.post(`/api/v1/threads/${sent.thread_id}/messages`, { text: 'By the window.' })).status).toBe(202)
  expect([(await start(two)).status, (await counts(two)).threads]).toEqual([403, 1])
  expect((await two.caller.post(`/api/v1/threads/${sent.thread_id}/close`, {})).status).toBe(200)
  const again = await start(two)
  expect([again.status, again.body.state]).toEqual([202, 'awaiting_approval'])
  expect((await two.house.bob.get(`/api/v1/relay-grants/${grant.id}`)).body.state).toBe('expired')
  expect((await threadOf(two, sent.thread_id)).state).toBe('closed')
})

test('R103 with the tick the connection lasts, as widely as was asked for', async () => {
  const two = await asking()
  await start(two)
  const [request] = await requests(two)
  const { relay_grant: grant, relay_token: token } = (await decide(two, request.id, 'approve', { lasting: true })).body
  expect(grant).toMatchObject({ state: 'active', skills: ['book'], scopes: expect.arrayContaining(['threads:start']) })
  expect(token).toMatch(/^cs_live_rly_/)
  expect((await start(two)).body.state).toBe('queued')
})

test('R103 what is denied, not answered or taken back ends the thread, and no byte of it lies with the owner', async () => {
  const two = await asking()
  const { body: denied } = await start(two)
  expect((await decide(two, (await requests(two))[0].id, 'deny')).status).toBe(200)
  expect(await threadOf(two, denied.thread_id)).toMatchObject({ state: 'rejected', reason: 'approval_denied' })
  const { body: back } = await start(two)
  const [pending] = await requests(two)
  expect((await two.caller.post(`/api/v1/connection-requests/${pending.id}/withdraw`, {})).status).toBe(200)
  expect(await threadOf(two, back.thread_id)).toMatchObject({ state: 'closed', outcome: 'canceled', reason: 'closed_by_caller' })
  const { body: closed } = await start(two)
  expect((await two.caller.post(`/api/v1/threads/${closed.thread_id}/close`, {})).status).toBe(200)
  expect((await requests(two))[0]).toMatchObject({ state: 'withdrawn', thread_id: closed.thread_id })
  expect(await threadOf(two, closed.thread_id)).toMatchObject({ state: 'closed', reason: 'closed_by_caller' })
  const { body: late } = await start(two)
  await two.house.clock.advance('24h')
  // Whoever comes next writes the end of what is over.
  expect((await start(two)).status).toBe(202)
  expect(await threadOf(two, late.thread_id)).toMatchObject({ state: 'rejected', reason: 'approval_timeout' })
  expect(await counts(two)).toMatchObject({ threads: 0, messages: 0, grants: 0 })
})

test('R103 R76 the inbox decides it: accepting is for this one, and `lasting` is edited like any other term', async () => {
  for (const lasting of [false, true]) {
    const two = await asking()
    const { body: sent } = await start(two)
    const id = (await requests(two))[0].task_url.split('/').at(-1)
    const { action, revision } = (await two.house.bob.get(`/api/v1/tasks/${id}`)).body
    expect(action.args.lasting).toBe(false)
    const decision = lasting ? { type: 'edit', args: { ...action.args, lasting } } : { type: 'accept' }
    const decided = await two.house.bob.post(`/api/v1/tasks/${id}/decide`, { ...decision, seen_revision: revision ?? 1 })
    expect(decided.status).toBe(200)
    expect((await threadOf(two, sent.thread_id)).state).toBe('queued')
    expect((await start(two)).status).toBe(lasting ? 202 : 403)
  }
})

test('R103 a second message while one waits is told where the first one asked; so is what may not ask', async () => {
  const two = await asking()
  await start(two)
  const [request] = await requests(two)
  const second = await start(two)
  expect([second.status, second.body.code, second.body.request_state]).toEqual([403, 'approval_required', 'pending'])
  expect(second.body.request_url).toBe(`${two.house.url}/api/v1/connection-requests/${request.id}`)
  expect((await counts(two)).held).toBe(1)
  const plain = await openTwo()
  const refused = await start(plain)
  expect([refused.status, refused.body.code]).toEqual([403, 'approval_required'])
  expect(refused.body.request_url).toContain(`/agents/${plain.slug}/connection-requests`)
  for (const body of [{ text: 'x'.repeat(70_000) }, { text: 'hi', want_thread_token: true }]) {
    const fresh = await asking()
    expect((await start(fresh, body)).body.code).toBe('approval_required')
    expect(await counts(fresh)).toMatchObject({ held: 0 })
  }
})

test('R103 nothing but reading and closing is open while it waits', async () => {
  const two = await asking()
  const { body: sent } = await start(two)
  const at = `/api/v1/threads/${sent.thread_id}`
  for (const [path, body] of [
    ['messages', { text: 'and another' }],
    ['access-tokens', {}],
  ] as const)
    expect((await two.caller.post(`${at}/${path}`, body)).status).toBe(403)
  expect(await counts(two)).toEqual({ threads: 0, messages: 0, grants: 0, held: 1 })
})

test('R103 R71 its own side judges it first: what that forbids or asks about makes no request', async () => {
  const two = await asking()
  const policies = async (text: string) => {
    const saved = await two.bea.post('/api/v1/policies', { text })
    expect((await two.bea.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  }
  const rest = `@id("people") permit (principal is User, action, resource);
@id("ask") permit (principal is Agent, action == Action::"connection_request.create", resource);`
  await policies(rest)
  const denied = await start(two)
  expect([denied.status, denied.body.code]).toEqual([403, 'policy_denied'])
  await policies(`${rest}
@id("asks") @ask("May {agent} write?") permit (principal is Agent, action == Action::"thread.start", resource);`)
  expect((await start(two)).body.code).toBe('approval_required')
  expect([await requests(two), (await counts(two)).held]).toEqual([[], 0])
})

test('R103 R48 a repeat under its key hears what the first one made', async () => {
  const two = await asking()
  const headers = { 'Idempotency-Key': randomUUID() }
  const [one, other] = [await start(two, undefined, headers), await start(two, undefined, headers)]
  expect([one.status, other.status]).toEqual([202, 202])
  expect(other.body).toEqual(one.body)
  expect([(await requests(two)).length, (await counts(two)).held]).toEqual([1, 1])
})

test('R103 §12.4 approve and withdraw, and approve and close, at the same instant: one of them, and never half', async () => {
  const two = await asking()
  for (const taken of ['request', 'thread', 'request', 'thread'] as const) {
    const { body: sent } = await start(two)
    const [request] = await requests(two)
    const back =
      taken === 'request' ? `/api/v1/connection-requests/${request.id}/withdraw` : `/api/v1/threads/${sent.thread_id}/close`
    const [agreed, gone] = await Promise.all([decide(two, request.id, 'approve'), two.caller.post(back, {})])
    const { state } = (await two.caller.get(`/api/v1/connection-requests/${request.id}`)).body
    const thread = await threadOf(two, sent.thread_id)
    expect([200, 409]).toContain(agreed.status)
    expect(state).toBe(agreed.status === 200 ? 'approved' : 'withdrawn')
    if (taken === 'request') expect(gone.status).toBe(agreed.status === 200 ? 409 : 200)
    if (agreed.status !== 200) expect(thread).toMatchObject({ state: 'closed', reason: 'closed_by_caller' })
    else expect(thread.state).toBe(taken === 'thread' && gone.status === 200 ? 'closed' : 'queued')
    const open = await two.house.admin.one<{
      n: number
    }>`select count(*)::integer as n from held_messages where state in ('asked', 'ready')`
    expect(open.n).toBe(0)
    if (thread.state === 'queued') await two.caller.post(`/api/v1/threads/${sent.thread_id}/close`, {})
  }
})

test('R103 C2 where policy lets the request through, the message goes in at once', async () => {
  const two = await asking()
  const text = `@id("in") permit (principal is Agent, action in [Action::"connection_request.create", Action::"thread.start"], resource);
@id("people") permit (principal is User, action, resource);`
  const saved = await two.house.bob.post('/api/v1/policies', { text })
  expect((await two.house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
  const sent = await start(two, undefined, { 'Idempotency-Key': randomUUID() })
  expect([sent.status, sent.body.state]).toEqual([202, 'queued'])
  expect((await requests(two))[0]).toMatchObject({ state: 'approved', thread_id: null })
})

test.each(BINDINGS)(
  'R103 R96 over A2A it is a task in AUTH_REQUIRED, and the approval continues its stream: %s',
  async (binding: Binding) => {
    const two = await asking()
    const agent = agentOf(two)
    const open = readFrames(
      await rawResponse(agent, binding, { method: 'SendStreamingMessage', params: { message: message() } }),
      binding,
    )
    const stateIn = ({ data }: Loose) => (data.statusUpdate ?? data.task)?.status.state
    await expect.poll(() => open.frames.map(stateIn)).toEqual(['TASK_STATE_AUTH_REQUIRED'])
    const { task } = (open.frames[0] as Loose).data
    const read = async () => resultOf(binding, await raw(agent, binding, { method: 'GetTask', params: { id: task.id } }))
    expect((await read()).status.state).toBe('TASK_STATE_AUTH_REQUIRED')
    const [request] = await requests(two)
    expect((await decide(two, request.id, 'approve')).status).toBe(200)
    await expect.poll(() => open.frames.map(stateIn)).toEqual(['TASK_STATE_AUTH_REQUIRED', 'TASK_STATE_SUBMITTED'])
    await raw(agent, binding, { method: 'CancelTask', params: { id: task.id } })
    await open.ended
    // Its relay grant has ended with it, and it is still its caller's to read.
    expect((await read()).status.state).toBe('TASK_STATE_CANCELED')
  },
)

test.each(BINDINGS)(
  'R103 R91 over A2A a refusal is REJECTED, and a second send is APPROVAL_REQUIRED: %s',
  async (binding: Binding) => {
    const two = await asking()
    const agent = agentOf(two)
    const send = () => raw(agent, binding, { method: 'SendMessage', params: { message: message() } })
    const { task } = resultOf(binding, await send()) as Loose
    expect(task.status.state).toBe('TASK_STATE_AUTH_REQUIRED')
    const second = (await send()) as Loose
    expect(second.status).toBe(403)
    expect(JSON.stringify(second.body)).toContain('APPROVAL_REQUIRED')
    const [request] = await requests(two)
    expect(JSON.stringify(second.body)).toContain(request.id)
    expect((await decide(two, request.id, 'deny')).status).toBe(200)
    const read = resultOf(binding, await raw(agent, binding, { method: 'GetTask', params: { id: task.id } })) as Loose
    expect(read.status.state).toBe('TASK_STATE_REJECTED')
  },
)
