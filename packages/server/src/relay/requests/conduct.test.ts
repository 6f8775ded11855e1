// How an asker behaves, told to whom it asks; what it has proved, told to policies; and who is told of what ought not to be here (relay.md R73, R120, R121).
import { expect, test } from 'vitest'
import { leastCard } from '../cards/testing/cards.ts'
import type { Loose } from '../testing/relay.ts'
import { openTwo, type Two } from '../testing/two.ts'
import { scoreOf } from './conduct.ts'

const at = (id: string, act = '') => `/api/v1/connection-requests/${id}${act && `/${act}`}`

async function activate(two: Two, text: string): Promise<void> {
  const made = await two.house.bob.post('/api/v1/policies', { text })
  const done = await two.house.bob.post(`/api/v1/policies/${made.body.version}/activate`, {})
  if (done.status !== 200) throw new Error(JSON.stringify([made.body, done.body]))
}

/** As though its DNS had been looked at; answers the card. */
async function prove({ house, bea, caller, askerTenant }: Two, domain: string): Promise<string> {
  const card = await bea.post('/api/v1/cards', { ...leastCard(`of-${domain.replaceAll('.', '-')}`), agent_id: caller.id })
  if (card.status !== 201) throw new Error(JSON.stringify(card.body))
  await house.admin.run`
    insert into card_domains (id, tenant_id, card_id, domain, method, token, state, verified_at, expires_at, checked_at, created_by, created_at)
    values ('dom_00000000000000000000000001', ${askerTenant}::uuid, ${card.body.id}, ${domain}, 'dns', 'x', 'verified', countersign.now(),
      countersign.now() + interval '90 days', countersign.now(), 'x', countersign.now())`
  return card.body.id
}

test('R121 the score is of many cards, refusals and limits; a handful of requests is none', () => {
  expect(scoreOf({ cards_asked: 3, refusals: 0, times_limited: 0 })).toBe(0)
  expect(scoreOf({ cards_asked: 5, refusals: 2, times_limited: 7 })).toBe(37)
  expect(scoreOf({ cards_asked: 3, refusals: 0, times_limited: 4_000 })).toBe(30)
  expect(scoreOf({ cards_asked: 400, refusals: 90, times_limited: 90 })).toBe(100)
})

test('R121 owners see how their asker asks elsewhere, in numbers, with the request and its task; the asker does not', async () => {
  const two = await openTwo({ settings: { LIMITS: 'relay.request=6/1h' } })
  const { house, slug, ask, caller, bea } = two
  for (const n of [1, 2, 3, 4]) await house.alice.post('/api/v1/cards', leastCard(`other-${n}`))
  const asked = await ask()
  const conduct = async () => (await house.bob.get(at(asked.body.id))).body.conduct
  expect(await conduct()).toEqual({ score: 0, cards_asked: 1, refusals: 0, times_limited: 0, domains: [] })
  const more = await Promise.all(
    [1, 2, 3, 4].map((n) => caller.post(`/api/v1/agents/other-${n}/connection-requests`, { purpose: 'x' })),
  )
  await house.bob.post(at(more[0]?.body.id, 'deny'), {})
  expect((await ask()).status).toBe(409)
  expect((await ask()).status).toBe(429)
  await expect.poll(conduct).toEqual({ score: 21, cards_asked: 5, refusals: 1, times_limited: 1, domains: [] })
  const listed = (await house.bob.get('/api/v1/connection-requests?side=owner')).body.data as Loose[]
  expect(listed.every((one) => one.conduct.cards_asked === 5)).toBe(true)
  const [, id] = /tasks\/(task_\w+)$/.exec(more[3]?.body.task_url) ?? []
  expect((await house.bob.get(`/api/v1/tasks/${id}`)).body.payload.conduct).toMatchObject({ score: expect.any(Number) })
  expect((await bea.get(at(asked.body.id))).body).not.toHaveProperty('conduct')
  expect(asked.body).not.toHaveProperty('conduct')
  expect(slug).toBeTruthy()
})

test('R121 an operator lets nobody ask who has proved no domain; one who has is let through', async () => {
  const two = await openTwo({ settings: { RELAY_REQUESTS_NEED_DOMAIN: '1' } })
  const refused = await two.ask()
  expect([refused.status, refused.body]).toMatchObject([403, { code: 'policy_denied', reason: 'domain_proof_required' }])
  await prove(two, 'bea.example')
  const asked = await two.ask()
  expect(asked.status).toBe(201)
  expect((await two.house.bob.get(at(asked.body.id))).body.conduct.domains).toEqual(['bea.example'])
})

test('R73 R118 policies see what the peer has proved: its domains, and whether one of them stands behind the card of that agent', async () => {
  const two = await openTwo()
  await activate(
    two,
    `@id("people") permit (principal is User, action, resource);
@id("proved") permit (principal is Agent, action == Action::"connection_request.create", resource) when {
  context.direction == "in" && context has peer && context.peer.card_signed && context.peer.external && context.peer.domains.contains("bea.example") };`,
  )
  expect((await two.ask()).body).toMatchObject({ code: 'policy_denied' })
  const card = await prove(two, 'bea.example')
  await two.house.admin.run`update cards set agent_id = null where id = ${card}`
  expect((await two.ask()).body).toMatchObject({ code: 'policy_denied' })
  await two.house.admin.run`update cards set agent_id = ${two.caller.id} where id = ${card}`
  expect((await two.ask()).body).toMatchObject({ state: 'approved' })
})

test('R73 R118 of a message too, beside the host that it goes on to', async () => {
  const two = await openTwo()
  const { house, cardId, connect, as, slug } = two
  const { token } = await connect()
  const start = () => as(token).post(`/api/v1/agents/${slug}/threads`, { text: 'hello' })
  await house.admin.run`update cards set delivery_host = 'agent.example:8443' where id = ${cardId}`
  await activate(
    two,
    `@id("people") permit (principal is User, action, resource);
@id("proved") permit (principal is Agent, action == Action::"thread.start", resource) when {
  context has peer && context.peer.domains.contains("bea.example") && context.peer.card_signed && context has delivery && context.delivery.host == "agent.example:8443" };`,
  )
  expect((await start()).body.code).toBe('policy_denied')
  await prove(two, 'bea.example')
  expect((await start()).status).toBe(202)
  await house.admin.run`update cards set delivery_host = 'other.example' where id = ${cardId}`
  expect((await start()).body.code).toBe('policy_denied')
})

test('R120 a blocked domain stops requests, starts and the view of the listing of whoever has proved it', async () => {
  const two = await openTwo()
  const { house, cardId, connect, as, slug, bea, caller } = two
  await prove(two, 'shop.bea.example')
  const { token } = await connect()
  await house.alice.post(`/api/v1/cards/${cardId}/listing`, { action: 'submit' })
  await house.bob.post(`/api/v1/cards/${cardId}/review`, { version: 1, decision: 'list' })
  const start = () => as(token).post(`/api/v1/agents/${slug}/threads`, { text: 'hello' })
  const found = async (by: Pick<typeof bea, 'get'>) => (await by.get('/api/v1/listing')).body.data.length
  expect([(await start()).status, await found(bea), await found(caller)]).toEqual([202, 1, 1])
  await house.alice.post('/api/v1/blocks', { domain: 'bea.example' })
  expect([(await start()).body.code, await found(bea), await found(caller), await found(house.nobody)]).toEqual([
    'policy_denied',
    ...[0, 0, 1],
  ])
  await house.alice.post('/api/v1/cards', leastCard('second-card'))
  const asked = await caller.post('/api/v1/agents/second-card/connection-requests', { purpose: 'x' })
  expect(asked.body).toMatchObject({ code: 'policy_denied', reason: 'no_permit' })
})

test('R121 a report asks the people of the installation, once a day for a peer; the other side does not hear of it', async () => {
  const two = await openTwo()
  const { house, bea, slug, ask, cardId, askerTenant, events } = two
  await ask()
  const tasks = async () =>
    (await house.bob.get('/api/v1/tasks?status=open&tag=report')).body.data.filter((one: Loose) => one.tags.includes('report'))
  const report = () => bea.post(`/api/v1/agents/${slug}/report`, { reason: 'impersonation', note: 'We are Ada.' })
  expect([(await report()).status, (await report()).body]).toMatchObject([201, { peer: cardId, reason: 'impersonation' }])
  expect(await tasks()).toHaveLength(1)
  const whole = await house.bob.get(`/api/v1/tasks/${(await tasks())[0].id}`)
  expect(whole.body).toMatchObject({
    task: `Bea & Co reports ${slug}`,
    payload: { peer: cardId, reason: 'impersonation', note: 'We are Ada.', reported_by: 'Bea & Co', conduct: { score: 0 } },
  })
  const [met] = (await house.alice.get('/api/v1/contacts?direction=in')).body.data
  expect((await house.alice.post(`/api/v1/contacts/${met.id}/report`, { reason: 'spam' })).status).toBe(201)
  expect(await tasks()).toHaveLength(2)
  expect((await events(askerTenant, 'peer.%')).map(({ type }) => type)).toEqual(['peer.reported', 'peer.reported'])
  expect((await events(house.tenantId, 'peer.%')).map(({ body }) => body.data)).toMatchObject([{ reason: 'spam' }])
  // Nobody reports what is their own, or what is not there for them.
  expect((await house.alice.post(`/api/v1/agents/${slug}/report`, { reason: 'spam' })).status).toBe(404)
  expect((await bea.post(`/api/v1/contacts/${met.id}/report`, { reason: 'spam' })).status).toBe(404)
  expect((await house.nobody.post(`/api/v1/agents/${slug}/report`, { reason: 'spam' })).status).toBe(401)
})
