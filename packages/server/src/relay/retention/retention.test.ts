// How long what agents said is kept (relay.md R108, R109, §12.21).
import { expect, test } from 'vitest'
import { openReceiver } from '../../webhooks/testing/receiver.ts'
import { askBeforeLeaving } from '../testing/leaving.ts'
import { type Loose, openRelay, type RelayTest, relayAgent } from '../testing/relay.ts'

const retain = async ({ house }: RelayTest) => {
  await house.server.queue.enqueueMany([{ kind: 'relay.retain' }])
  await house.runJobs()
}

async function answered(relay: RelayTest, card = relay.card, token = relay.grant.token) {
  const { thread_id: id, message_id } = (await relay.start({ text: 'what is kept' }, { card, token })).body
  await relay.respond(id, { text: 'the answer', outcome: 'completed' })
  return { id, message_id }
}

test('R108 R109 §12.21 after 31 days the parts are gone and the envelope stays, and the day key is gone from the keyring', async () => {
  const relay = await openRelay()
  const { house, server } = relay
  const { id, message_id } = await answered(relay)
  const read = () => server.get(`/api/v1/threads/${id}/messages/${message_id}`)
  expect((await read()).body.parts).toEqual([{ text: 'what is kept' }])
  await house.clock.advance('30d')
  await house.clock.advance('1m')
  // The job has not run: reads refuse at the time itself.
  expect([(await read()).status, (await read()).body.code]).toEqual([410, 'payload_expired'])
  await house.clock.advance('1d')
  const before = (await server.get(`/api/v1/threads/${id}`)).body
  await retain(relay)
  expect([(await read()).status, (await read()).body.code]).toEqual([410, 'payload_expired'])
  const shown = (await server.get(`/api/v1/threads/${id}/messages`)).body.data
  expect(shown.map((one: Loose) => [one.payload_state, one.parts])).toEqual(shown.map(() => ['expired', undefined]))
  expect((await server.get(`/api/v1/threads/${id}`)).body).toMatchObject({
    state: 'closed',
    outcome: 'completed',
    sequence: before.sequence + 1,
  })
  const events = (await server.get(`/api/v1/threads/${id}/events?after=${before.sequence}`)).body.data
  expect(events).toMatchObject([{ type: 'payload.expired', sequence: before.sequence + 1, data: { messages: 3 } }])
  expect(await house.admin.rows`select wrapped from subject_keys where subject like 'relay_day:%'`).toEqual([{ wrapped: null }])
  expect(await house.admin.rows`select 1 from messages where payload is not null`).toEqual([])
})

test('R108 what was read out of contents or said beside them goes with them: facts, names of artifacts, words of a failure', async () => {
  const relay = await openRelay()
  const { house, server } = relay
  const { thread_id: id } = (await relay.start({ data: { amount: 4_711 }, skill: 'pay' })).body
  const word = crypto.randomUUID()
  const piece = { artifact_id: 'a', name: word, description: word, parts: [{ text: word }] }
  await relay.respond(id, { text: word, artifacts: [piece] })
  const failed = await relay.respond(id, { outcome: 'failed', text: word, error: { code: 'no_luck', message: word } })
  expect(failed.status, JSON.stringify(failed.body)).toBe(200)
  const stored = async () => {
    const rows = await house.admin.rows<{ row: string }>`
      select m::text as row from messages m where m.thread_id = ${id} union all select h::text from threads h where h.id = ${id}`
    return rows.map(({ row }) => row).join('\n')
  }
  const before = await stored()
  expect([before.includes(word), before.includes('4711')]).toEqual([true, true])
  await house.clock.advance('32d')
  await retain(relay)
  const after = await stored()
  expect([after.includes(word), after.includes('4711')]).toEqual([false, false])
  expect((await server.get(`/api/v1/threads/${id}`)).body).toMatchObject({
    state: 'failed',
    error: { code: 'no_luck', message: '' },
  })
})

test('R108 a thread whose envelope is over is not found by anybody, and stands in nobody’s list', async () => {
  const relay = await openRelay()
  const { house } = relay
  const card = await relay.makeCard({ agent_id: null })
  const { id } = await answered(relay, card, (await relay.makeGrant({ card })).token)
  const listed = () => house.admin.rows`select thread_id from caller_threads`
  // Keys do not last as long as what they read.
  const status = async () =>
    (await (await relayAgent(house, house.alice, crypto.randomUUID())).get(`/api/v1/threads/${id}`)).status
  await house.clock.advance('399d')
  await retain(relay)
  expect([await status(), await listed()]).toEqual([200, [{ thread_id: id }]])
  await house.clock.advance('2d')
  expect(await status()).toBe(404)
  await retain(relay)
  expect((await house.admin.one<{ n: number }>`select count(*)::integer as n from threads`).n).toBe(0)
  expect((await house.admin.one<{ n: number }>`select count(*)::integer as n from thread_events`).n).toBe(0)
  expect(await listed()).toEqual([])
})

test('R108 what is kept for no day at all is gone when the thread ends', async () => {
  const relay = await openRelay()
  const card = await relay.makeCard({ retention_days: 0 })
  const grant = await relay.makeGrant({ card })
  const { id } = await answered(relay, card, grant.token)
  const shown = (await relay.server.get(`/api/v1/threads/${id}/messages`)).body.data
  expect(shown.map((one: Loose) => one.payload_state)).toEqual(['expired', 'expired', 'expired'])
  expect(await relay.house.admin.rows`select wrapped from subject_keys where subject = ${`thread:${id}`}`).toEqual([
    { wrapped: null },
  ])
})

test('R109 a hold stops it: nothing is destroyed while it stands', async () => {
  const relay = await openRelay()
  const { house } = relay
  await answered(relay)
  await house.admin.run`
    insert into audit_retention (tenant_id, held_at) values (${house.tenantId}::uuid, countersign.now())
    on conflict (tenant_id) do update set held_at = excluded.held_at`
  await house.clock.advance('401d')
  await retain(relay)
  expect((await house.admin.one<{ n: number }>`select count(*)::integer as n from messages where payload is not null`).n).toBe(3)
  expect(await house.admin.rows`select 1 from subject_keys where subject like 'relay_day:%' and wrapped is null`).toEqual([])
})

test('R100 R109 endpoints of a thread are listed until its payloads expire; then they go, with what was sent and what anybody answered to it', async () => {
  const there = await openReceiver()
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` } })
  const { house } = relay
  const callback = { url: `${there.origin}/told`, generate_secret: true }
  there.otherwise = { status: 200, body: 'you told me: the answer' }
  const { thread_id: id } = (await relay.start({ text: 'what is kept', callback })).body
  await relay.respond(id, { text: 'the answer', outcome: 'completed' })
  await house.runJobs()
  expect(there.got.length).toBeGreaterThan(0)
  const listed = async () =>
    (await house.admin.rows<{ state: string }>`select state from endpoints where bound_to = ${id}`).map((row) => row.state)
  const stored = () => house.admin.rows`select 1 from event_bodies where subject is not null`
  await retain(relay)
  expect((await relay.caller.get(`/api/v1/threads/${id}/endpoints`)).body.data).toHaveLength(1)
  expect([await listed(), (await stored()).length > 0]).toEqual([['active'], true])
  await house.clock.advance('31d')
  await house.clock.advance('1m')
  await retain(relay)
  expect(await listed()).toEqual(['deleted'])
  expect(await stored()).toEqual([])
  expect(await house.admin.rows`select 1 from delivery_attempts where excerpt is not null`).toEqual([])
  expect(await house.admin.rows`select 1 from endpoint_secrets where ends_at is null and material is not null`).toEqual([])
})

test('R100 R108 what is kept for no day still tells of the end, for as long as the schedule takes; then its endpoints go', async () => {
  const there = await openReceiver()
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` } })
  const { house } = relay
  const card = await relay.makeCard({ retention_days: 0 })
  const { token } = await relay.makeGrant({ card })
  const callback = { url: `${there.origin}/told`, generate_secret: true, events: ['thread.closed'] }
  there.otherwise = 503
  const { thread_id: id } = (await relay.start({ text: 'brief', callback }, { card, token })).body
  await relay.respond(id, { text: 'the answer', outcome: 'completed' })
  await house.runJobs()
  await retain(relay)
  const states = () => house.admin.rows`select state from endpoints where bound_to = ${id}`
  expect(await states()).toEqual([{ state: 'active' }])
  there.otherwise = 204
  await house.clock.advance('10m')
  await house.runJobs()
  expect(there.got.map(({ body }) => JSON.parse(body).type)).toContain('thread.closed')
  await retain(relay)
  expect(await states()).toEqual([{ state: 'deleted' }])
})

test('R109 what a caller’s own side held back expires with its day there, and its envelope stays for 400 days', async () => {
  const relay = await openRelay()
  const { house, bea } = relay
  await askBeforeLeaving(bea)
  const { body } = await relay.start({ text: 'not without people' })
  await bea.post(`/api/v1/tasks/${body.approval.task_id}/decide`, { type: 'deny', reason: 'no', seen_revision: 1 })
  const rows = () => house.admin.rows<{ gone: boolean }>`select payload is null as gone from held_messages`
  await house.clock.advance('29d')
  await retain(relay)
  expect(await rows()).toEqual([{ gone: false }])
  await house.clock.advance('3d')
  await retain(relay)
  expect(await rows()).toEqual([{ gone: true }])
  expect(await house.admin.rows`select wrapped from subject_keys where subject like 'relay_day:%'`).toEqual([{ wrapped: null }])
  await house.clock.advance('400d')
  await retain(relay)
  expect(await rows()).toEqual([])
})
