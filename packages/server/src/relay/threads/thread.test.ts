// Threads over HTTP, from both sides: what is accepted, answered, claimed, read and ended (relay.md §2.5, §3, §4).
import { expect, test, vi } from 'vitest'
import { systemScope } from '../../db/scope.ts'
import type { RelayHouse } from '../house.ts'
import { type Loose, openRelay } from '../testing/relay.ts'
import { claim } from './claim.ts'
import { openThreadWaits } from './wait.ts'

test('R57 a start is 202 once committed; every link of it answers, and the claimed message is what was sent', async () => {
  const relay = await openRelay()
  const { house, bearer, grant } = relay
  const started = await relay.start({ text: 'hello', context_id: 'order-7', operation_id: 'op-1', want_thread_token: true })
  expect([started.status, started.body]).toMatchObject([
    202,
    { state: 'queued', context_id: 'order-7', operation_id: 'op-1', sequence: 2, approval: null },
  ])
  const { thread_id: id, links, thread_access_token: token } = started.body
  for (const link of [links.inspect, links.messages, links.events]) {
    const answer = await bearer(token).get(link.slice(house.url.length))
    expect([link, answer.status]).toEqual([link, 200])
  }
  const [claimed] = await relay.claim()
  expect(claimed.message).toMatchObject({
    thread_id: id,
    parts: [{ text: 'hello' }],
    payload_hash: started.body.payload_hash,
    side: 'caller',
  })
  expect(claimed.thread).toMatchObject({ id, state: 'delivering', caller: { label: 'Caller', agent_id: relay.caller.id } })
  const answered = await relay.respond(id, { text: 'hello yourself', claim_token: claimed.claim_token })
  expect([answered.status, answered.body]).toMatchObject([200, { state: 'responded', turn: 'caller' }])
  const messages = (await bearer(token).get(`/api/v1/threads/${id}/messages`)).body.data
  expect(messages.map((one: Loose) => [one.sequence, one.side, one.kind, one.state, one.parts[0].text])).toEqual([
    [2, 'caller', 'message', 'delivered', 'hello'],
    [5, 'owner', 'artifact', 'delivered', 'hello yourself'],
    [6, 'owner', 'message', 'delivered', 'hello yourself'],
  ])
  const events = (await bearer(token).get(`/api/v1/threads/${id}/events?limit=100`)).body.data
  expect(events.map((one: Loose) => `${one.sequence} ${one.type}`)).toEqual([
    '1 thread.accepted',
    '2 message.accepted',
    '3 thread.delivering',
    '4 message.delivered',
    '5 artifact.completed',
    '6 message.accepted',
    '7 thread.responded',
  ])
  const closed = await bearer(token).post(`/api/v1/threads/${id}/close`, {})
  expect([closed.status, closed.body]).toMatchObject([200, { state: 'closed', outcome: 'completed', reason: 'closed_by_caller' }])
  expect((await bearer(token).post(`/api/v1/threads/${id}/close`, {})).status).toBe(200)
  const late = await bearer(grant.token).post(`/api/v1/threads/${id}/messages`, { text: 'more' })
  expect([late.status, late.body]).toMatchObject([409, { code: 'thread_closed', state: 'closed', outcome: 'completed' }])
})

test('R7 both sides list the thread in their own tenant, and each record has its events', async () => {
  const relay = await openRelay()
  const { thread_id: id } = (await relay.start()).body
  expect((await relay.caller.get('/api/v1/threads?side=caller')).body.data).toMatchObject([
    { id, side: 'caller', state: 'queued' },
  ])
  expect((await relay.house.alice.get('/api/v1/threads')).body.data).toMatchObject([{ id, side: 'owner', with: 'Caller' }])
  expect((await relay.caller.get('/api/v1/threads')).body.data).toEqual([])
  const types = async (person: Loose) =>
    (await person.get('/api/v1/events?type=thread.*')).body.data.map((one: Loose) => one.type)
  expect(await types(relay.house.alice)).toEqual(['thread.accepted'])
  expect(await types(relay.bea)).toEqual(['thread.accepted'])
})

test('§12.6 a session on start and a relay token on a read are the wrong kind; a thread token of another thread finds nothing', async () => {
  const relay = await openRelay()
  const { house, card, grant, bearer } = relay
  const first = (await relay.start({ text: 'one', want_thread_token: true })).body
  const second = (await relay.start({ text: 'two' })).body
  const answers = [
    await house.alice.post(`/api/v1/agents/${card.slug}/threads`, { text: 'x' }),
    await bearer(grant.token).get(`/api/v1/threads/${first.thread_id}`),
    await bearer(grant.token).post(`/api/v1/threads/${first.thread_id}/responses`, { text: 'x' }),
    await bearer(grant.token).get('/api/v1/tasks'),
    await bearer(first.thread_access_token).post(`/api/v1/agents/${card.slug}/threads`, { text: 'x' }),
  ]
  for (const { status, body } of answers) expect([status, body.code]).toEqual([401, 'wrong_token_kind'])
  const other = await bearer(first.thread_access_token).get(`/api/v1/threads/${second.thread_id}`)
  const none = await bearer(first.thread_access_token).get(`/api/v1/threads/${second.thread_id.slice(0, -1)}0`)
  const { request_id: _a, ...left } = other.body
  const { request_id: _b, ...right } = none.body
  expect([other.status, left]).toEqual([404, right])
  const act = await bearer(first.thread_access_token).post(`/api/v1/threads/${first.thread_id}/responses`, {
    text: 'as the owner',
  })
  expect([act.status, act.body.code]).toEqual([403, 'not_participant'])
})

test('R52 §12.8 one Idempotency-Key and 50 parallel equal starts make one thread and 50 equal answers; another body is refused', async () => {
  const relay = await openRelay()
  const key = 'start-1'
  const answers = await Promise.all(Array.from({ length: 50 }, () => relay.start({ text: 'once' }, { key })))
  const done = answers.filter(({ status }) => status === 202)
  const busy = answers.filter(({ status }) => status === 409)
  expect(done.length + busy.length).toBe(50)
  expect(new Set(done.map(({ body }) => JSON.stringify(body))).size).toBe(1)
  for (const { body } of busy) expect(body.code).toBe('idempotency_in_flight')
  expect((await relay.house.admin.one<{ n: number }>`select count(*)::integer as n from threads`).n).toBe(1)
  expect((await relay.house.admin.one<{ n: number }>`select count(*)::integer as n from messages`).n).toBe(1)
  const other = await relay.start({ text: 'twice' }, { key })
  expect([other.status, other.body.code]).toEqual([422, 'idempotency_mismatch'])
  const id = done[0]?.body.thread_id
  const follow = () =>
    relay.bearer(relay.grant.token).post(`/api/v1/threads/${id}/messages`, { text: 'more' }, { 'Idempotency-Key': 'f-1' })
  const follows = await Promise.all(Array.from({ length: 50 }, follow))
  expect(new Set(follows.filter(({ status }) => status === 202).map(({ body }) => JSON.stringify(body))).size).toBe(1)
  expect((await relay.house.admin.one<{ n: number }>`select count(*)::integer as n from messages`).n).toBe(2)
})

test('§10 bad bodies are refused with the path of the fault, and nothing is stored', async () => {
  const relay = await openRelay()
  const cases: [Record<string, unknown>, string][] = [
    [{}, '/'],
    [{ text: 'a', parts: [{ text: 'b' }] }, '/'],
    [{ parts: [] }, '/parts'],
    [{ parts: [{ text: 'a', url: 'https://a.example' }] }, '/parts/0'],
    [{ parts: [{}] }, '/parts/0'],
    [{ parts: [{ raw: '%%%' }] }, '/parts/0/raw'],
    [{ parts: [{ url: 'javascript:alert(1)' }] }, '/parts/0/url'],
    [{ parts: [{ url: 'file:///etc/passwd' }] }, '/parts/0/url'],
    [{ parts: Array.from({ length: 33 }, () => ({ text: 'a' })) }, '/parts'],
    [{ text: 'a', sync: { wait_ms: 0 } }, '/sync/wait_ms'],
    [{ text: 'a', sync: { wait_ms: 25_001 } }, '/sync/wait_ms'],
    [{ text: 'a', sync: { wait_ms: '5' } }, '/sync/wait_ms'],
    [{ text: 'a', skill: 'none-such' }, '/skill'],
    [{ text: 'a', unknown: 1 }, '/'],
    [{ skill: 'pay', data: {} }, '/data/amount'],
  ]
  for (const [body, path] of cases) {
    const answer = await relay.start(body)
    expect([JSON.stringify(body).slice(0, 80), answer.status, answer.body.code]).toEqual([
      JSON.stringify(body).slice(0, 80),
      422,
      'validation_failed',
    ])
    expect(answer.body.errors[0].path, JSON.stringify(body).slice(0, 80)).toMatch(new RegExp(`^${path === '/' ? '/?' : path}`))
  }
  expect((await relay.house.admin.one<{ n: number }>`select count(*)::integer as n from threads`).n).toBe(0)
})

test('R59 a caller that waits gets the answer in its 200, and a 202 when none comes in time', async () => {
  const relay = await openRelay()
  const { house, grant, card } = relay
  const waiting = relay.start({ text: 'hi', sync: { wait_ms: 20_000 } })
  const [claimed] = await relay.claim({ wait_seconds: 20 })
  await relay.respond(claimed.thread.id, { text: 'in time', outcome: 'completed', claim_token: claimed.claim_token })
  const answer = await waiting
  expect([answer.status, answer.body]).toMatchObject([
    200,
    {
      state: 'closed',
      response: { outcome: 'completed', parts: [{ text: 'in time' }], artifacts: [{ artifact_id: 'response' }] },
    },
  ])
  const slow = relay.bearer(grant.token).raw(`/api/v1/agents/${card.slug}/threads`, {
    ...{ method: 'POST', body: JSON.stringify({ text: 'slow' }), headers: { prefer: 'wait=1' } },
  })
  await vi.waitFor(async () => expect((await relay.claim()).length).toBe(1))
  await house.clock.advance('2s')
  const late = await slow
  expect([late.status, late.headers.get('preference-applied')]).toEqual([202, null])
})

test('T4 T5 R41 workers claim disjoint messages in order of their threads; a late settle is lease_stale', async () => {
  const relay = await openRelay()
  const { house, grant, bearer, server, card } = relay
  const ids: string[] = []
  for (let n = 0; n < 6; n++) ids.push((await relay.start({ text: `first ${n}` })).body.thread_id)
  for (const id of ids) await bearer(grant.token).post(`/api/v1/threads/${id}/messages`, { text: 'second' })
  const batches = await Promise.all([1, 2, 3].map(() => relay.claim({ limit: 4 })))
  const first = batches.flat()
  expect(first.map((one) => one.thread.id).sort()).toEqual([...ids].sort())
  expect(first.every((one) => one.message.parts[0].text.startsWith('first'))).toBe(true)
  expect(await relay.claim({ limit: 10 })).toEqual([])
  const settle = (items: object[]) => server.post(`/api/v1/agents/${card.slug}/inbox/settle`, items)
  const [one, two] = first
  const acked = await settle([
    { claim_token: one.claim_token, action: 'ack' },
    { claim_token: two.claim_token, action: 'release' },
  ])
  expect(acked.body.data.map((item: Loose) => item.status)).toEqual(['ok', 'ok'])
  expect((await settle([{ claim_token: one.claim_token, action: 'ack' }])).body.data[0].status).toBe('ok')
  const next = await relay.claim({ limit: 10 })
  expect(next.map((item) => [item.thread.id, item.message.parts[0].text]).sort()).toEqual(
    [
      [one.thread.id, 'second'],
      [two.thread.id, two.message.parts[0].text],
    ].sort(),
  )
  expect((await settle([{ claim_token: two.claim_token, action: 'ack' }])).body.data[0].status).toBe('lease_stale')
  await house.clock.advance('61s')
  expect(
    (
      await relay.respond(two.thread.id, {
        text: 'late',
        claim_token: next.find((item) => item.thread.id === two.thread.id).claim_token,
      })
    ).body.code,
  ).toBe('lease_stale')
})

test('T15 T16 an answered thread closes as completed when it is left alone, an idle one expires', async () => {
  const relay = await openRelay()
  const { house } = relay
  const sweep = async () => {
    await house.server.queue.enqueueMany([{ kind: 'relay.sweep' }])
    await house.runJobs()
  }
  const answered = (await relay.start({ text: 'a' })).body.thread_id
  await relay.respond(answered, { text: 'b' })
  const idle = (await relay.start({ text: 'c' })).body.thread_id
  await house.clock.advance('1d')
  await sweep()
  expect(await relay.thread(answered)).toMatchObject({ state: 'closed', outcome: 'completed', reason: 'completed' })
  expect(await relay.thread(idle)).toMatchObject({ state: 'queued' })
  await house.clock.advance('6d')
  await sweep()
  expect(await relay.thread(idle)).toMatchObject({ state: 'expired', reason: 'deadline_passed' })
})

test('R7 R114 an agent that comes with its own key does no more than its relay grant gives, and a suspended owner takes nothing', async () => {
  const relay = await openRelay()
  const { house, caller } = relay
  const card = await relay.makeCard()
  await relay.makeGrant({ card, scopes: ['threads:start', 'threads:read'] })
  const started = await caller.post(`/api/v1/agents/${card.slug}/threads`, { text: 'with my own key' })
  expect([started.status, started.body.state]).toEqual([202, 'queued'])
  const { thread_id: id } = started.body
  const more = await caller.post(`/api/v1/threads/${id}/messages`, { text: 'more' })
  expect([more.status, more.body.code, more.body.needed]).toEqual([403, 'scope_missing', 'threads:send'])
  await house.admin.run`update tenants set state = 'suspended' where id = ${house.tenantId}::uuid`
  const late = await caller.post(`/api/v1/agents/${card.slug}/threads`, { text: 'again' })
  const byToken = await relay.start()
  expect([late.body.code, byToken.body.code]).toEqual(['tenant_suspended', 'tenant_suspended'])
  expect((await caller.get(`/api/v1/threads/${id}`)).status).toBe(200)
  expect((await house.admin.one<{ n: number }>`select count(*)::integer as n from threads`).n).toBe(1)
})

test('T8 progress keeps the lease under which it is told: the answer that follows settles that message and no newer one', async () => {
  const relay = await openRelay()
  const { thread_id: id } = (await relay.start({ text: 'first' })).body
  const [claimed] = await relay.claim()
  const { claim_token } = claimed
  expect((await relay.respond(id, { outcome: 'progress', text: 'half', claim_token })).body).toMatchObject({
    state: 'waiting_owner',
  })
  expect((await relay.respond(id, { outcome: 'progress', text: 'more', claim_token })).status).toBe(200)
  await relay.bearer(relay.grant.token).post(`/api/v1/threads/${id}/messages`, { text: 'second' })
  // The lowest undelivered one is still being worked on.
  expect(await relay.claim()).toEqual([])
  expect((await relay.respond(id, { text: 'the answer', claim_token })).body.state).toBe('responded')
  expect((await relay.respond(id, { outcome: 'progress', text: 'late', claim_token })).body.code).toBe('lease_stale')
  const [next] = await relay.claim()
  expect(next.message.parts).toEqual([{ text: 'second' }])
})

test('R41 a worker that hangs up while it waits takes nothing with it', async () => {
  const relay = await openRelay()
  const { house, card } = relay
  await relay.start({ text: 'for somebody who is there' })
  const own = { ...house, follows: [], waits: openThreadWaits(house.db) } as unknown as RelayHouse
  const gone = AbortSignal.abort('client')
  const input = { limit: 10, lease_seconds: 60, wait_seconds: 25 }
  expect(await claim(own, systemScope('worker', house.tenantId), card.slug, input, gone, async (_t, all) => all)).toEqual([])
  expect(await relay.claim()).toHaveLength(1)
})
