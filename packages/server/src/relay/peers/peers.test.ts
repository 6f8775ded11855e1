// Whom a tenant has met, refuses, and is found by (relay.md R19, R20, R120).
import { expect, test } from 'vitest'
import { tenantWire } from '../../std/id.ts'
import { leastCard } from '../cards/testing/cards.ts'
import { agentOf, openTwo } from '../testing/two.ts'

test('R20 both sides list whom they met, with direction and state, and note something that is theirs alone', async () => {
  const { house, bea, caller, cardId, connect, token, thread } = await withThread()
  const [met] = (await house.alice.get('/api/v1/contacts')).body.data
  expect(met).toMatchObject({ direction: 'in', peer: caller.id, name: 'bea-bot', state: 'active', note: null, favourite: false })
  expect(met.last_thread).toMatchObject({ id: thread })
  const [asked] = (await bea.get('/api/v1/contacts?direction=out')).body.data
  expect(asked).toMatchObject({ direction: 'out', peer: cardId, name: 'Ada', state: 'active', last_thread: { id: thread } })
  expect(asked.relay_grant_id).toBe(connect.grantId)
  expect((await bea.get('/api/v1/contacts?direction=in')).body.data).toEqual([])

  const noted = await house.alice.patch(`/api/v1/contacts/${met.id}`, { note: 'Pays on time.', favourite: true })
  expect(noted.body).toMatchObject({ id: met.id, note: 'Pays on time.', favourite: true })
  expect((await house.alice.patch(`/api/v1/contacts/${met.id}`, { favourite: true })).body).toEqual(noted.body)
  expect((await house.eventTypes()).filter((type) => type === 'contact.updated')).toHaveLength(1)
  expect((await house.alice.get('/api/v1/contacts?favourite=true&q=BEA')).body.data).toEqual([noted.body])
  expect((await bea.get('/api/v1/contacts')).body.data[0]).toMatchObject({ note: null, favourite: false })
  expect((await bea.patch(`/api/v1/contacts/${met.id}`, { note: 'x' })).status).toBe(404)

  await house.alice.post(`/api/v1/relay-grants/${connect.grantId}/revoke`, {})
  expect((await bea.get('/api/v1/contacts?state=revoked')).body.data).toMatchObject([{ id: asked.id, state: 'revoked' }])
  expect(token).toBeTruthy()
})

test('R20 whoever reaches their own alone sees the contacts of their own cards and agents, page by page', async () => {
  const { house, bea, slug, ask } = await openTwo()
  const other = await agentOf(house, bea, ['connection_requests:*', 'contacts:*'], 'second')
  await ask()
  await ask({}, other)
  expect((await other.get('/api/v1/contacts')).body.data).toMatchObject([{ direction: 'out', state: 'pending' }])
  const member = await house.member.person()
  expect((await member.get('/api/v1/contacts')).body.data).toEqual([])
  const first = (await house.alice.get('/api/v1/contacts?limit=1')).body
  const second = (await house.alice.get(`/api/v1/contacts?limit=1&cursor=${first.next_cursor}`)).body
  expect([first.data[0].name, second.data[0].name].sort()).toEqual(['bea-bot', 'second'])
  expect(second.next_cursor).toBeNull()
  expect(slug).toBeTruthy()
})

async function withThread() {
  const two = await openTwo()
  const connect = await two.connect()
  const started = await two.as(connect.token).post(`/api/v1/agents/${two.slug}/threads`, { text: 'hello' })
  if (started.status !== 202) throw new Error(JSON.stringify(started.body))
  return { ...two, connect, token: connect.token, thread: started.body.thread_id as string }
}

test('R120 a blocked tenant starts and asks no more, and is told what policy would tell it; unblocked, it goes on', async () => {
  const { house, askerTenant, as, slug, connect, caller } = await withThread()
  const blocked = await house.alice.post('/api/v1/blocks', { tenant: tenantWire(askerTenant), reason: 'Spam.' })
  expect([blocked.status, blocked.body.tenant]).toEqual([201, tenantWire(askerTenant)])
  const again = await house.alice.post('/api/v1/blocks', { tenant: tenantWire(askerTenant) })
  expect([again.status, again.body]).toEqual([200, blocked.body])
  const start = () => as(connect.token).post(`/api/v1/agents/${slug}/threads`, { text: 'hello' })
  const refused = await start()
  expect([refused.status, refused.body.code, refused.body.policy_ids]).toEqual([403, 'policy_denied', []])
  expect(JSON.stringify(refused.body)).not.toContain('block')
  // The card itself stays what everybody reads, so that nothing tells of the block.
  expect((await caller.get(`/api/v1/agents/${slug}/card`)).status).toBe(200)
  expect((await house.alice.get('/api/v1/blocks')).body.data).toEqual([blocked.body])
  expect((await house.alice.delete(`/api/v1/blocks/${blocked.body.id}`)).status).toBe(204)
  expect((await start()).status).toBe(202)
  expect((await house.alice.delete(`/api/v1/blocks/${blocked.body.id}`)).status).toBe(404)
})

test('R120 a blocked domain is whoever has proved it, or a name below it, and nobody else', async () => {
  const { house, bea, ask, askerTenant } = await openTwo()
  const card = await bea.post('/api/v1/cards', leastCard('bea-card'))
  await house.admin.run`
    insert into card_domains (id, tenant_id, card_id, domain, method, token, state, verified_at, expires_at, checked_at, created_by, created_at)
    values ('dom_00000000000000000000000001', ${askerTenant}::uuid, ${card.body.id}, 'shop.bea.example', 'dns', 'x', 'verified', countersign.now(),
      countersign.now() + interval '90 days', countersign.now(), 'x', countersign.now())`
  await house.alice.post('/api/v1/blocks', { domain: 'ea.example' })
  const elsewhere = await ask()
  expect(elsewhere.status).toBe(201)
  await bea.post(`/api/v1/connection-requests/${elsewhere.body.id}/withdraw`, {})
  await house.alice.post('/api/v1/blocks', { domain: 'Bea.Example' })
  expect((await ask()).body).toMatchObject({ code: 'policy_denied', reason: 'no_permit' })
})

test('R72 blocks are of owners and admins, one thing each', async () => {
  const { house } = await openTwo()
  expect((await house.operator.post('/api/v1/blocks', { domain: 'a.example' })).status).toBe(403)
  expect((await house.agent.post('/api/v1/blocks', { domain: 'a.example' })).body.code).toBe('forbidden')
  for (const body of [
    {},
    { domain: 'a.example', agent: 'agt_01K00000000000000000000000' },
    { domain: 'nodots' },
    { tenant: tenantWire(house.tenantId) },
  ])
    expect([body, (await house.alice.post('/api/v1/blocks', body)).status]).toEqual([body, 422])
})

test('R19 a handle leads to its card once its owner wants to be found, and is one owner’s in the whole installation', async () => {
  const { house, slug, cardId, bea } = await openTwo()
  const at = '/api/v1/handles/ada-co'
  const claimed = await house.alice.put(at, { of: 'tenant', card_id: cardId })
  expect([claimed.status, claimed.body]).toMatchObject([
    201,
    { handle: 'ada-co', of: 'tenant', findable: false, card_id: cardId },
  ])
  expect((await house.nobody.get(at)).status).toBe(404)
  expect((await house.alice.put(at, { of: 'tenant', findable: true })).status).toBe(200)
  expect((await house.nobody.get(at)).body).toMatchObject({ handle: 'ada-co', of: 'tenant', card: { slug, name: 'Ada' } })
  expect((await bea.put(at, { of: 'tenant' })).body).toMatchObject({ code: 'slug_taken', slug: 'ada-co' })
  expect((await house.alice.put('/api/v1/handles/other', { of: 'tenant' })).body).toMatchObject({
    code: 'state_conflict',
    state: 'ada-co',
  })
  // Without a card of its own it is that which the tenant says is its primary one.
  await house.alice.put(at, { of: 'tenant', card_id: null })
  expect((await house.alice.get('/api/v1/handles')).body.data).toHaveLength(1)
  expect((await house.alice.delete(at)).status).toBe(204)
  expect((await house.nobody.get(at)).status).toBe(404)
  expect((await bea.put(at, { of: 'user', findable: true })).status).toBe(201)
})

test('R19 the primary card answers for handles without one of their own; the newest to be it is the only one', async () => {
  const { house } = await openTwo()
  const make = (name: string) => house.alice.post('/api/v1/cards', { ...leastCard(name), primary: true })
  await make('first-card')
  await house.alice.put('/api/v1/handles/the-house', { of: 'tenant', findable: true })
  await house.alice.put('/api/v1/handles/alice', { of: 'user', findable: true })
  expect((await house.nobody.get('/api/v1/handles/the-house')).body.card.slug).toBe('first-card')
  await make('second-card')
  expect((await house.nobody.get('/api/v1/handles/alice')).body).toMatchObject({ of: 'user', card: { slug: 'second-card' } })
  const reserved = await house.bob.put('/api/v1/handles/countersign', { of: 'user' })
  expect([reserved.status, reserved.body.errors[0].code]).toEqual([422, 'reserved'])
  const member = await house.member.person()
  expect((await member.put('/api/v1/handles/mine-all-mine', { of: 'tenant' })).body.code).toBe('forbidden')
  expect((await house.nobody.get('/api/v1/handles/nobody-here')).status).toBe(404)
})

test('R19 of two tenants that claim one handle at the same moment one has it', async () => {
  const { house, bea } = await openTwo()
  const both = await Promise.all([
    house.alice.put('/api/v1/handles/contested', { of: 'tenant' }),
    bea.put('/api/v1/handles/contested', { of: 'tenant' }),
  ])
  expect(both.map(({ status }) => status).sort()).toEqual([201, 409])
})
