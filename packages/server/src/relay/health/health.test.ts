// How listed agents are looked at, and what the listing says of them (relay.md R21–R23).
import { verifyWebhook } from '@countersign/sdk'
import { expect, test } from 'vitest'
import type { Client, House } from '#harness'
import { makeCardKey } from '../../crypto/card-signature.ts'
import { openReceiver } from '../../webhooks/testing/receiver.ts'
import { leastCard } from '../cards/testing/cards.ts'
import { openUpstreamAgent } from '../delivery/testing/upstream-agent.ts'
import { type Loose, openRelay } from '../testing/relay.ts'
import { agentOf, openTwo } from '../testing/two.ts'

async function list(house: House, cardId: string, by: Client = house.alice): Promise<void> {
  const submitted = await by.post(`/api/v1/cards/${cardId}/listing`, { action: 'submit' })
  const done = await house.bob.post(`/api/v1/cards/${cardId}/review`, { version: submitted.body.version, decision: 'list' })
  if (done.status !== 200) throw new Error(JSON.stringify([submitted.body, done.body]))
}
const healthOf = async (house: House, slug: string): Promise<Loose> =>
  (await house.nobody.get(`/api/v1/agents/${slug}/health`)).body

/** The next look is due. */
async function later(house: House): Promise<void> {
  await house.runJobs()
  await house.clock.advance('16m')
  await house.runJobs()
}

test('R23 a listed agent of the hosted inbox is there while a worker has claimed within a day; what is not listed nobody looks at', async () => {
  const { house, cardId, slug } = await openTwo()
  const server = await agentOf(house, house.alice, ['threads:*'], 'worker')
  await later(house)
  expect(await healthOf(house, slug)).toEqual({ state: null, reason: null, checked_at: null, history: [] })
  await list(house, cardId)
  await later(house)
  expect(await healthOf(house, slug)).toMatchObject({ state: 'down', reason: 'no_claim', history: [{ state: 'down' }] })
  const claimed = await server.post(`/api/v1/agents/${slug}/inbox/claim`, {})
  expect([claimed.status, claimed.body.data]).toEqual([200, []])
  await later(house)
  const seen = await healthOf(house, slug)
  expect([seen.state, seen.reason, seen.history.map(({ state }: Loose) => state)]).toEqual(['ok', null, ['ok', 'down']])
  expect((await house.nobody.get('/api/v1/listing')).body.data).toMatchObject([
    { slug, health: { state: 'ok', checked_at: seen.checked_at, p50_ms: expect.any(Number) } },
  ])
  // A quarter of an hour has not passed: the next round leaves it alone.
  await house.clock.advance('2m')
  await house.runJobs()
  expect((await healthOf(house, slug)).history).toHaveLength(2)
  await house.clock.advance('25h')
  await house.runJobs()
  expect(await healthOf(house, slug)).toMatchObject({ state: 'down', reason: 'no_claim' })
  expect((await house.nobody.get('/api/v1/agents/nobody-here/health')).status).toBe(404)
})

test('R23 a card whose bytes are not those that were signed is down, and a paused agent degraded', async () => {
  const { house, cardId, slug } = await openTwo()
  const server = await agentOf(house, house.alice, ['threads:*'], 'worker')
  await server.post(`/api/v1/agents/${slug}/inbox/claim`, {})
  await list(house, cardId)
  expect((await house.alice.post(`/api/v1/cards/${cardId}/pause`, {})).status).toBe(200)
  await later(house)
  expect(await healthOf(house, slug)).toMatchObject({ state: 'degraded', reason: 'paused' })
  await house.alice.post(`/api/v1/cards/${cardId}/resume`, {})
  await house.admin.run`
    update card_versions set native = convert_to(replace(convert_from(native, 'UTF8'), 'Books travel.', 'Books trouble'), 'UTF8') where card_id = ${cardId}`
  await later(house)
  expect(await healthOf(house, slug)).toMatchObject({ state: 'down', reason: 'card_differs' })
})

test('R23 an agent of mode push is there when it answers a signed ping with 2xx', async () => {
  const there = await openReceiver()
  const { house, cardId, slug } = await openTwo({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${there.port}` } })
  const put = await house.alice.put(`/api/v1/cards/${cardId}/delivery`, {
    ...{ mode: 'push', url: `${there.origin}/agent`, generate_secret: true },
  })
  await list(house, cardId)
  await later(house)
  const [got] = there.got as [Loose]
  expect(JSON.parse(got.body)).toMatchObject({ type: 'relay.ping', data: { id: cardId } })
  await verifyWebhook({ headers: got.headers, body: got.body, secrets: put.body.secret, now: () => house.clock.now() })
  expect(await healthOf(house, slug)).toMatchObject({ state: 'ok', history: [{ state: 'ok' }] })
  there.otherwise = { status: 500, headers: {}, body: '' }
  await later(house)
  expect(await healthOf(house, slug)).toMatchObject({ state: 'down', reason: 'unreachable' })
  // One attempt each: nothing is tried again in between.
  expect(there.got).toHaveLength(2)
})

test('R23 R118 an agent that answers elsewhere is there while its card is; a changed key pauses it and asks a person', async () => {
  const agent = await openUpstreamAgent()
  agent.key = makeCardKey('ES256')
  const { house } = await openRelay({ settings: { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${agent.port}` } })
  const made = await house.alice.post('/api/v1/cards', leastCard('ada-elsewhere'))
  const { id, slug } = made.body
  await house.alice.put(`/api/v1/cards/${id}/delivery`, { mode: 'a2a', upstream: { card_url: agent.cardUrl } })
  await list(house, id)
  await later(house)
  expect(await healthOf(house, slug)).toMatchObject({ state: 'ok' })
  agent.cardStatus = 503
  await later(house)
  expect(await healthOf(house, slug)).toMatchObject({ state: 'down', reason: 'unreachable' })
  agent.cardStatus = 200
  agent.key = makeCardKey('ES256')
  await later(house)
  expect(await healthOf(house, slug)).toMatchObject({ state: 'down', reason: 'key_changed' })
  expect((await house.alice.get(`/api/v1/cards/${id}`)).body).toMatchObject({ state: 'paused' })
  const tasks = (await house.bob.get('/api/v1/tasks?status=open')).body.data.map(({ task }: Loose) => task)
  expect(tasks).toContainEqual(expect.stringContaining('is paused: what answers for it is not as it was'))
})

test('R21 R22 the listing tells of proofs and health with their dates, finds by both, ranks by text and then by proof; so does the question of its reviewers', async () => {
  const { house, bea, cardId, slug, askerTenant } = await openTwo()
  const second = await bea.post('/api/v1/cards', leastCard('bea-second'))
  const prove = (id: string, tenant: string, name: string) => house.admin.run`
    insert into card_domains (id, tenant_id, card_id, domain, method, token, state, verified_at, expires_at, checked_at, created_by, created_at)
    values (${`dom_0000000000000000000000000${name.length}`}, ${tenant}::uuid, ${id}, ${name}, 'dns', 'x', 'verified', countersign.now(),
      countersign.now() + interval '90 days', countersign.now(), 'x', countersign.now())`
  await prove(second.body.id, askerTenant, 'bea.example')
  await bea.post(`/api/v1/cards/${second.body.id}/listing`, { action: 'submit' })
  await house.runJobs()
  const { id: task } = await house.admin.one<{ id: string }>`select id from tasks where origin_ref = ${second.body.id as string}`
  expect((await house.bob.get(`/api/v1/tasks/${task}`)).body.payload).toMatchObject({
    verified_domains: [{ domain: 'bea.example', method: 'dns', expires_at: expect.any(String) }],
    health: null,
  })
  await house.bob.post(`/api/v1/cards/${second.body.id}/review`, { version: 1, decision: 'list' })
  await list(house, cardId)
  const server = await agentOf(house, house.alice, ['threads:*'], 'worker')
  await server.post(`/api/v1/agents/${slug}/inbox/claim`, {})
  await later(house)
  const found = async (query: string) =>
    (await house.nobody.get(`/api/v1/listing${query}`)).body.data.map((one: Loose) => one.slug)
  expect(await found('')).toEqual(['bea-second', slug])
  expect(await found('?verified=true')).toEqual(['bea-second'])
  expect(await found('?verified=false')).toEqual([slug])
  expect(await found('?healthy=true')).toEqual([slug])
  expect(await found('?healthy=false')).toEqual(['bea-second'])
  // Words count first: only this one has them in its skills.
  expect(await found('?q=cancel')).toEqual([slug])
  const [shown] = (await house.nobody.get('/api/v1/listing?verified=true')).body.data
  expect(shown).toMatchObject({
    verified_domains: [{ domain: 'bea.example', method: 'dns', verified_at: expect.any(String), expires_at: expect.any(String) }],
    health: { state: 'down', reason: 'no_claim', checked_at: expect.any(String), p50_ms: null },
    signed: { at: expect.any(String) },
  })
})
