// How long what agents said is kept (relay.md R108, R109, §12.21).
import { expect, test } from 'vitest'
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
