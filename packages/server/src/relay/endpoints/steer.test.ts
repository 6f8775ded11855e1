// What a tenant does with what its agents are told as callers, and an owner with what goes to its agent: lists, once more, skipped, many at once, secrets (relay.md R66–R70, §12.15, §12.16).
import { randomBytes } from 'node:crypto'
import { verifyWebhook } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { clientOf } from '#harness'
import { type Got, openReceiver } from '../../webhooks/testing/receiver.ts'
import { leastCard } from '../cards/testing/cards.ts'
import { type Loose, openRelay } from '../testing/relay.ts'

async function given() {
  const there = await openReceiver()
  const relay = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` } })
  const { house } = relay
  const holder = async (who: Loose, more: object = {}) => {
    const key = await house.given.key({ kind: 'usr', scopes: ['deliveries:*', 'endpoints:*', 'events:*'], ...more }, who)
    return clientOf(house.url, { bearer: key.secret })
  }
  return {
    ...{ there, relay, house },
    url: `${there.origin}/told`,
    /** Of the calling tenant and of the owner, for longer than a session lasts. */
    bea: await holder(relay.bea),
    alice: await holder(house.alice),
    start: async (own: object = {}) => {
      const callback = { url: `${there.origin}/told`, generate_secret: true, events: ['thread.*'], ...own }
      const { status, body } = await relay.start({ text: 'a', callback })
      expect([status, body.callback?.endpoint_id]).toEqual([202, expect.any(String)])
      return body
    },
    /** Until nothing waits any more. */
    async runOut(hours = 90) {
      for (const wait of ['0s', '10s', '6m', '35m', '140m', '6h', '12h', '17h', '24h', `${hours - 60}h`]) {
        await house.clock.advance(wait)
        await house.runJobs()
      }
    },
  }
}
const list = async (who: Loose, query = '') => (await who.get(`/api/v1/deliveries?limit=200${query}`)).body.data as Loose[]
const idOf = (got: Got) => [got.headers['webhook-id'], got.headers['countersign-delivery'], got.body]
const headersOf = (got: Got) => got.headers as Record<string, string>

test('R69 R70 §12.15 after ten failures one is exhausted, in its own side’s list alone, and two manual replays both arrive with the same ids and bytes', async () => {
  const { there, relay, house, bea, alice, start, runOut } = await given()
  there.otherwise = 500
  const { thread_id: id } = await start()
  // Of a thread that stays open meanwhile: an answered one would end, and tell of that too.
  await relay.respond(id, { outcome: 'ask', text: 'which one?' })
  await runOut()
  expect(there.got).toHaveLength(10)
  const [lost, ...none] = await list(bea, '&state=exhausted')
  expect([lost, none]).toMatchObject([
    { event_type: 'thread.waiting_caller', state: 'exhausted', attempts: 10, resource_id: id, last_status: 500 },
    [],
  ])
  expect(await list(alice)).toEqual([])
  expect((await alice.get(`/api/v1/deliveries/${lost.id}`)).status).toBe(404)
  const detail = (await bea.get(`/api/v1/deliveries/${lost.id}`)).body
  expect([detail.log.length, detail.body]).toEqual([10, null])
  there.otherwise = 204
  const first = there.got[0] as Got
  for (const _ of [1, 2]) {
    const again = await bea.post(
      `/api/v1/deliveries/${lost.id}/replay`,
      {},
      { 'Idempotency-Key': randomBytes(8).toString('hex') },
    )
    expect([again.status, again.body.state]).toEqual([202, 'pending'])
    await house.runJobs()
  }
  expect(there.got).toHaveLength(12)
  for (const one of there.got.slice(10)) expect(idOf(one)).toEqual(idOf(first))
  expect((await alice.post(`/api/v1/deliveries/${lost.id}/replay`, {})).status).toBe(404)
  const told = async (who: Loose) => ((await who.get('/api/v1/events?type=delivery.replayed')).body.data as Loose[]).length
  expect([await told(bea), await told(alice)]).toEqual([2, 0])
}, 120_000)

test('R68 what holds up a thread is skipped by a recorded act, and the next one goes', async () => {
  const { there, relay, house, bea, start } = await given()
  there.otherwise = 503
  const { thread_id: id } = await start()
  await relay.respond(id, { text: 'one' })
  await relay.bearer(relay.grant.token).post(`/api/v1/threads/${id}/messages`, { text: 'b' })
  await relay.respond(id, { outcome: 'completed', text: 'two' })
  await house.runJobs()
  there.otherwise = 204
  const [head] = (await list(bea, '&state=pending')).filter(({ event_type }) => event_type === 'thread.responded')
  expect((await bea.post(`/api/v1/deliveries/${head.id}/skip`, {})).body).toMatchObject({ id: head.id, state: 'exhausted' })
  await house.runJobs()
  expect(there.got.map(({ body }) => JSON.parse(body).type)).toEqual(['thread.responded', 'thread.closed'])
  expect((await bea.get('/api/v1/events?type=delivery.skipped')).body.data).toMatchObject([
    { resource: { type: 'delivery', id: head.id } },
  ])
})

test('R69 many at once: by thread, by endpoint and by time, a job that counts and can be cancelled, each side its own', async () => {
  const { there, relay, house, bea, alice, start, runOut } = await given()
  there.otherwise = 500
  const begun = house.clock.now()
  const [first, second] = [await start(), await start()]
  for (const { thread_id } of [first, second]) await relay.respond(thread_id, { text: 'one' })
  await runOut()
  there.otherwise = 204
  there.got.length = 0
  const replay = async (who: Loose, filter: object) => {
    const { status, body } = await who.post('/api/v1/replays', filter)
    expect([status, body.code]).toEqual([202, undefined])
    await house.runJobs()
    return (await who.get(`/api/v1/replays/${body.id}`)).body
  }
  expect(await replay(bea, { thread_id: first.thread_id, what: 'exhausted' })).toMatchObject({
    ...{ state: 'done', total: 1, started: 1, succeeded: 1, failed: 0, waiting: 0, thread_id: first.thread_id },
  })
  expect(await replay(bea, { endpoint_id: second.callback.endpoint_id })).toMatchObject({ state: 'done', total: 1, succeeded: 1 })
  expect(await replay(bea, { since: begun, include_succeeded: true })).toMatchObject({ total: 2, started: 2, succeeded: 2 })
  expect(there.got).toHaveLength(4)
  expect(await replay(alice, { since: begun, include_succeeded: true })).toMatchObject({ total: 0 })
  expect((await alice.post('/api/v1/replays', { endpoint_id: first.callback.endpoint_id })).status).toBe(404)
  const slow = (await bea.post('/api/v1/replays', { since: begun, include_succeeded: true, per_second: 1 })).body
  expect((await bea.delete(`/api/v1/replays/${slow.id}`)).status).toBe(204)
  await house.runJobs()
  expect(there.got).toHaveLength(4)
}, 120_000)

test('R66 §12.16 a secret with two signatures rotates with overlap, one without only at once; a test proves it first', async () => {
  const { there, relay, house, bea, alice, start } = await given()
  const both = await start()
  const standard = await start({ url: `${there.origin}/standard`, signature: 'standard' })
  const rotate = (id: string, body: object, who: Loose = bea) => who.post(`/api/v1/endpoints/${id}/rotate`, body)
  const [one, two] = [both.callback, standard.callback]
  expect((await rotate(one.endpoint_id, { overlap_seconds: 60 })).body.errors?.[0]).toMatchObject({ path: '/overlap_seconds' })
  const taken = await rotate(one.endpoint_id, { overlap_seconds: 0 })
  expect([taken.status, taken.body.id, taken.body.mode]).toEqual([200, one.endpoint_id, 'foragent'])
  const overlapped = await rotate(two.endpoint_id, { overlap_seconds: 600 })
  expect([overlapped.status, overlapped.body.secrets.length]).toEqual([200, 2])
  expect((await rotate(one.endpoint_id, {}, alice)).status).toBe(404)
  const tested = await bea.post(`/api/v1/endpoints/${one.endpoint_id}/test`, {})
  expect(tested.status).toBe(202)
  await house.runJobs()
  const [test] = there.got as [Got]
  expect(JSON.parse(test.body)).toMatchObject({ type: 'endpoint.test', data: { endpoint_id: one.endpoint_id } })
  for (const { thread_id } of [both, standard]) await relay.respond(thread_id, { text: 'one' })
  await house.runJobs()
  const holds = (got: Got, secret: string, mode: 'foragent' | 'standard') =>
    verifyWebhook({ headers: headersOf(got), body: got.body, secrets: secret, mode, now: house.clock.now }).then(
      () => true,
      () => false,
    )
  for (const got of there.got.filter(({ path }) => path === '/told'))
    expect([await holds(got, taken.body.secret, 'foragent'), await holds(got, one.secret, 'foragent')]).toEqual([true, false])
  const beside = there.got.find(({ path }) => path === '/standard') as Got
  expect([await holds(beside, overlapped.body.secret, 'standard'), await holds(beside, two.secret, 'standard')]).toEqual([
    true,
    true,
  ])
  expect((await bea.get('/api/v1/events?type=endpoint.secret_rotated')).body.data).toHaveLength(2)
  expect((await alice.get('/api/v1/events?type=endpoint.secret_rotated')).body.data).toHaveLength(0)
})

test('R66 the endpoint of a card rotates and is tested by its owner, and by nobody else', async () => {
  const { there, house, bea, alice } = await given()
  const card = (await house.alice.post('/api/v1/cards', leastCard('ada-steered'))).body
  const put = await house.alice.put(`/api/v1/cards/${card.id}/delivery`, {
    mode: 'push',
    url: `${there.origin}/agent`,
    generate_secret: true,
  })
  expect([put.status, put.body]).toMatchObject([200, {}])
  const { id } = put.body.endpoint
  expect((await alice.post(`/api/v1/endpoints/${id}/rotate`, { overlap_seconds: 60 })).status).toBe(422)
  const rotated = await alice.post(`/api/v1/endpoints/${id}/rotate`, { overlap_seconds: 0 })
  expect((await alice.post(`/api/v1/endpoints/${id}/test`, {})).status).toBe(202)
  await house.runJobs()
  const [got] = there.got as [Got]
  await verifyWebhook({
    headers: headersOf(got),
    body: got.body,
    secrets: rotated.body.secret,
    mode: 'foragent',
    now: house.clock.now,
  })
  expect((await bea.post(`/api/v1/endpoints/${id}/test`, {})).status).toBe(404)
})
