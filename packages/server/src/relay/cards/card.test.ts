import { type AgentCard, verifyAgentCardSignature } from '@a2a-js/sdk'
import type { JWK } from 'jose'
import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { verifyDocument } from '../../crypto/card-signature.ts'
import { mintKey } from '../../crypto/token.ts'
import { leastCard, wholeCard } from './testing/cards.ts'

type Shown = { id: string; slug: string; version: number; etag: string; url: string; card_url: string } & Record<string, unknown>

const save = async (house: House, card: object = leastCard('ada-travel')): Promise<Shown> => {
  const answer = await house.alice.post('/api/v1/cards', card)
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
  return answer.body as Shown
}
const change = (house: House, card: Shown, body: object, etag: string | null = card.etag) =>
  house.alice.patch(`/api/v1/cards/${card.id}`, body, etag === null ? {} : { 'if-match': etag })
const read = (house: House, slug: string, headers: Record<string, string> = {}) =>
  fetch(`${house.url}/api/v1/agents/${slug}/card`, { headers })
const keysOf = async (house: House, slug: string) =>
  (await (await fetch(`${house.url}/agents/${slug}/.well-known/jwks.json`)).json()) as { keys: (JWK & { kid: string })[] }

test('R10 R12 R13 §12.1 a saved card has its URL, version and ETag, and anybody reads it without credentials', async () => {
  const house = await setup()
  const saved = await house.alice.post('/api/v1/cards', wholeCard('ada-travel'))
  expect(saved.status).toBe(201)
  const card = saved.body as Shown
  expect(card).toMatchObject({ slug: 'ada-travel', version: 1, state: 'active', listing: 'direct_link_only' })
  expect(card.url).toBe(`${house.url}/agents/ada-travel/`)
  expect(saved.headers.get('etag')).toBe(card.etag)

  const first = await fetch(card.card_url)
  const bytes = await first.text()
  expect(first.status).toBe(200)
  expect(first.headers.get('etag')).toMatch(/^"[A-Za-z0-9_-]{43}"$/)
  expect(first.headers.get('cache-control')).toBe('public, max-age=300')
  expect(first.headers.get('vary')).toMatch(/Accept/)
  expect(first.headers.get('countersign-card-version')).toBe('1')
  expect(first.headers.get('content-type')).toBe('application/json')
  expect(JSON.parse(bytes)).toMatchObject({ slug: 'ada-travel', version: 1, name: wholeCard('ada-travel').name })

  const again = await read(house, 'ada-travel', { 'if-none-match': first.headers.get('etag') as string })
  expect([again.status, await again.text()]).toEqual([304, ''])
  expect(again.headers.get('etag')).toBe(first.headers.get('etag'))
  const since = await read(house, 'ada-travel', { 'if-modified-since': first.headers.get('last-modified') as string })
  expect(since.status).toBe(304)
  // A tag says more than a time.
  const other = { 'if-none-match': '"other"', 'if-modified-since': first.headers.get('last-modified') as string }
  expect((await read(house, 'ada-travel', other)).status).toBe(200)
  const listed = await house.admin.one<{ listing: string }>`select listing from cards where slug = 'ada-travel'`
  expect(listed.listing).toBe('direct_link_only')
  expect(await house.eventTypes()).toEqual(['card.created'])
})

test('R13 the bytes are those that were stored at publication', async () => {
  const house = await setup()
  await save(house, wholeCard('ada-travel'))
  const [row] = await house.admin.rows<{ native: Buffer }>`select native from card_versions`
  expect(Buffer.from(await (await read(house, 'ada-travel')).arrayBuffer())).toEqual(row?.native)
  await house.admin.run`update card_versions set native = convert_to('{"as": "stored"}', 'UTF8')`
  expect(await (await read(house, 'ada-travel')).text()).toBe('{"as": "stored"}')
})

test('R14 §12.24 both documents are signed by a key of the served set, for the SDK too; one changed byte and none verifies', async () => {
  const house = await setup()
  const card = await save(house, wholeCard('ada-travel'))
  const keySet = await keysOf(house, 'ada-travel')
  expect(keySet.keys).toHaveLength(1)
  expect(JSON.stringify(keySet)).not.toContain('"d"')
  const wire = await (await read(house, 'ada-travel')).text()
  expect(verifyDocument(JSON.parse(wire), keySet)).toEqual({ ok: true, kid: keySet.keys[0]?.kid })
  const changed = wire.replace('/connection-requests', '/connection-requestz')
  expect(verifyDocument(JSON.parse(changed), keySet)).toEqual({ ok: false, reason: 'mismatch' })

  const version = await house.alice.get(`/api/v1/cards/${card.id}/versions/1`)
  const { a2a_document } = version.body as { a2a_document: AgentCard }
  const header = JSON.parse(Buffer.from(a2a_document.signatures[0]?.protected ?? '', 'base64url').toString())
  expect(header).toMatchObject({ alg: 'ES256', typ: 'JOSE', jku: `${house.url}/agents/ada-travel/.well-known/jwks.json` })
  const verify = verifyAgentCardSignature(async (kid) => keySet.keys.find((key) => key.kid === kid) as JWK)
  await expect(verify(a2a_document)).resolves.toBeUndefined()
})

test('R14 the private half is sealed, and one tenant has one key however many publish at once', async () => {
  const house = await setup()
  await Promise.all(['one-a', 'two-b', 'three-c'].map((slug) => save(house, leastCard(slug))))
  const rows = await house.admin.rows<{ kid: string; private_key: Buffer }>`select kid, private_key from card_keys`
  expect(rows).toHaveLength(1)
  expect(rows[0]?.private_key[0]).toBe(1)
  expect(rows[0]?.private_key.toString('latin1')).not.toContain('"d"')
})

test('R12 a change needs If-Match, a stale one is refused, and the same content makes no version', async () => {
  const house = await setup()
  const card = await save(house)
  const without = await change(house, card, { summary: 'Other.' }, null)
  expect(without).toMatchObject({ status: 428, body: { code: 'precondition_required', current_etag: card.etag } })
  const same = await change(house, card, { summary: 'Books travel.' })
  expect(same).toMatchObject({ status: 200, body: { version: 1, etag: card.etag } })
  house.clock.advance(1_000)
  const other = await change(house, card, { summary: 'Other.', description: 'More.' })
  expect(other).toMatchObject({ status: 200, body: { version: 2, summary: 'Other.' } })
  const stale = await change(house, card, { summary: 'Third.' })
  expect(stale).toMatchObject({ status: 409, body: { code: 'version_conflict' } })
  const removed = await change(house, other.body as Shown, { description: null })
  expect(removed.body).toMatchObject({ version: 3 })
  expect(removed.body).not.toHaveProperty('description')
  expect(await house.eventTypes()).toEqual(['card.created', 'card.saved', 'card.saved'])
})

test('R12 settings that callers do not read change the card and make no version', async () => {
  const house = await setup()
  const card = await save(house)
  house.clock.advance(1_000)
  const answer = await change(house, card, { idle_seconds: 3_600, primary: true })
  expect(answer).toMatchObject({ status: 200, body: { version: 1, idle_seconds: 3_600, primary: true } })
  expect((answer.body as Shown).etag).not.toBe(card.etag)
  const second = await save(house, { ...leastCard('other-one'), primary: true })
  expect(second).toMatchObject({ primary: true })
  expect((await house.alice.get(`/api/v1/cards/${card.id}`)).body).toMatchObject({ primary: false })
})

test('R12 of two changes made from one version, on two connections, one is refused', async () => {
  const house = await setup()
  const card = await save(house)
  const answers = await Promise.all([change(house, card, { summary: 'A' }), change(house, card, { summary: 'B' })])
  expect(answers.map((one) => one.status).sort()).toEqual([200, 409])
})

test('R12 each version stays readable by its number, and one can be restored as a new one', async () => {
  const house = await setup()
  const card = await save(house)
  const path = `/api/v1/cards/${card.id}/versions`
  await change(house, card, { summary: 'Other.' })
  const old = await fetch(`${card.card_url}?version=1`)
  expect(old.headers.get('countersign-card-version')).toBe('1')
  expect(await old.json()).toMatchObject({ summary: 'Books travel.', version: 1 })
  expect((await fetch(`${card.card_url}?version=3`)).status).toBe(404)
  expect((await house.alice.get(path)).body).toMatchObject({
    data: [
      { number: 2, is_current: true },
      { number: 1, is_current: false },
    ],
  })
  expect(await house.alice.post(`${path}/2/restore`)).toMatchObject({ status: 200, body: { version: 2 } })
  expect(await house.alice.post(`${path}/1/restore`)).toMatchObject({
    status: 201,
    body: { version: 3, summary: 'Books travel.' },
  })
  expect(await (await read(house, 'ada-travel')).json()).toMatchObject({ version: 3, summary: 'Books travel.' })
  expect((await house.alice.post(`${path}/9/restore`)).status).toBe(404)
})

test('R11 what looks like a secret is not published unless somebody means it', async () => {
  const house = await setup()
  const card = { ...leastCard('ada-travel'), description: `Use ${mintKey('live', 'rly')}.` }
  const refused = await house.alice.post('/api/v1/cards', card)
  expect(refused).toMatchObject({
    status: 422,
    body: { code: 'secret_in_card', errors: [{ path: '/description', code: 'countersign_key' }] },
  })
  expect(JSON.stringify(refused.body)).not.toContain('cs_live_rly')
  expect((await read(house, 'ada-travel')).status).toBe(404)
  expect((await house.alice.post('/api/v1/cards', { ...card, confirm_public: true })).status).toBe(201)
  expect((await house.alice.post('/api/v1/cards', { ...card, slug: 'for-members', visibility: 'members' })).status).toBe(201)
})

test('R11 what is not public is 404 to everyone else, and the same 404 as what is not there', async () => {
  const house = await setup()
  await save(house, { ...leastCard('for-members'), visibility: 'members' })
  const bodies: unknown[] = []
  for (const slug of ['for-members', 'not-there', 'agt', '..', 'ADA', 'a'.repeat(65)]) {
    const answer = await read(house, slug)
    expect(answer.status, slug).toBe(404)
    const { request_id: _, ...body } = (await answer.json()) as Record<string, unknown>
    if (slug.includes('-')) bodies.push(body)
  }
  expect(bodies[0]).toEqual(bodies[1])
  expect((await fetch(`${house.url}/agents/for-members/.well-known/jwks.json`)).status).toBe(404)
  const card = await save(house)
  await change(house, card, { visibility: 'grant_holders' })
  expect((await read(house, 'ada-travel')).status).toBe(404)
})

test('R10 §10 slugs that are reserved, taken or malformed are refused', async () => {
  const house = await setup()
  for (const slug of ['api', 'register', 'self', 'sandbox', 'Ada', '...', 'a'.repeat(65), 'аda'])
    expect(await house.alice.post('/api/v1/cards', leastCard(slug)), slug).toMatchObject({
      status: 422,
      body: { code: 'validation_failed', errors: [{ path: '/slug' }] },
    })
  await save(house)
  const taken = { status: 409, body: { code: 'slug_taken' } }
  expect(await house.alice.post('/api/v1/cards', leastCard('ada-travel'))).toMatchObject(taken)
  // Of another tenant, too: its rows are nobody else's to see.
  expect(await house.stranger.post('/api/v1/cards', leastCard('ada-travel'))).toMatchObject(taken)
  const other = await save(house, leastCard('other-one'))
  expect(await change(house, other, { slug: 'ada-travel' })).toMatchObject(taken)
  expect(await change(house, other, { slug: 'third-one' })).toMatchObject({
    status: 200,
    body: { slug: 'third-one', version: 2 },
  })
  expect((await read(house, 'other-one')).status).toBe(404)
})

test('R10 a slug is unchangeable once a relay grant exists', async () => {
  const house = await setup()
  const card = await save(house)
  await house.admin.run`
    insert into relay_grants (id, tenant_id, card_id, label, purpose, scopes, environment, state, state_since, created_by, created_at)
    values ('rgr_01KE0000000000000000000000', ${house.tenantId}::uuid, ${card.id}, 'x', 'x', '{threads:start}', 'live', 'active', now(), ${house.alice.id}, now())`
  expect(await change(house, card, { slug: 'other-one' })).toMatchObject({ status: 422, body: { errors: [{ path: '/slug' }] } })
})

test('R10 a card of more than 64 KiB is refused', async () => {
  const house = await setup()
  const skills = Array.from({ length: 64 }, (_, i) => ({ id: `s${i}`, name: 'S', description: 'x'.repeat(1_000), tags: ['x'] }))
  expect(await house.alice.post('/api/v1/cards', { ...leastCard('ada-travel'), skills })).toMatchObject({
    status: 422,
    body: { errors: [{ code: 'too_large' }] },
  })
})

test('R72 members keep the cards of their own, viewers read, and a foreign card is not there', async () => {
  const house = await setup()
  const card = await save(house)
  expect((await house.viewer.get(`/api/v1/cards/${card.id}`)).status).toBe(200)
  expect((await house.viewer.post('/api/v1/cards', leastCard('of-viewer'))).status).toBe(403)
  expect((await house.member.get(`/api/v1/cards/${card.id}`)).status).toBe(404)
  const own = await house.member.post('/api/v1/cards', leastCard('of-member'))
  expect(own.status).toBe(201)
  expect((await house.member.get('/api/v1/cards')).body).toMatchObject({ data: [{ slug: 'of-member' }] })
  expect((await house.alice.get('/api/v1/cards')).body).toMatchObject({ data: [{ slug: 'of-member' }, { slug: 'ada-travel' }] })
  for (const call of [
    () => house.stranger.get(`/api/v1/cards/${card.id}`),
    () => house.stranger.get(`/api/v1/cards/${card.id}/versions`),
    () => house.stranger.post(`/api/v1/cards/${card.id}/pause`, {}),
    () => house.stranger.delete(`/api/v1/cards/${card.id}`),
  ])
    expect((await call()).status).toBe(404)
  const serving = await house.given.agent({ scopes: ['cards:*'] })
  const agents = await serving.post('/api/v1/cards', leastCard('of-agent'))
  expect(agents).toMatchObject({ status: 201, body: { agent_id: serving.id } })
})

test('R40 R12 pause, resume, delivery and retirement, each once and each on the record', async () => {
  const house = await setup()
  const card = await save(house)
  const path = `/api/v1/cards/${card.id}`
  expect(await house.alice.post(`${path}/pause`, { reason: 'Holidays.' })).toMatchObject({
    status: 200,
    body: { state: 'paused', paused_reason: 'Holidays.' },
  })
  expect((await house.alice.post(`${path}/pause`, {})).body).toMatchObject({ state: 'paused', paused_reason: 'Holidays.' })
  expect((await house.alice.post(`${path}/resume`)).body).toMatchObject({ state: 'active', paused_reason: null })
  const inbox = { mode: 'inbox', on_exhausted: 'fail' }
  expect(await house.alice.put(`${path}/delivery`, inbox)).toMatchObject({ status: 200, body: { delivery: inbox, version: 1 } })
  expect((await house.alice.put(`${path}/delivery`, inbox)).status).toBe(200)
  expect((await house.alice.delete(path)).status).toBe(204)
  expect((await house.alice.delete(path)).status).toBe(204)
  expect((await read(house, 'ada-travel')).status).toBe(404)
  expect((await house.alice.get(path)).body).toMatchObject({ state: 'retired' })
  expect((await house.alice.post(`${path}/resume`)).body).toMatchObject({ code: 'state_conflict' })
  expect(await house.alice.post('/api/v1/cards', leastCard('ada-travel'))).toMatchObject({ status: 409 })
  expect(await house.eventTypes()).toEqual([
    'card.created',
    'card.paused',
    'card.resumed',
    'card.delivery_changed',
    'card.retired',
  ])
})

test('R83 the address without its slash leads to the one with it', async () => {
  const house = await setup()
  const answer = await fetch(`${house.url}/agents/ada-travel`, { redirect: 'manual' })
  expect([answer.status, answer.headers.get('location')]).toEqual([308, '/agents/ada-travel/'])
  expect((await fetch(`${house.url}/agents/ADA`, { redirect: 'manual' })).status).toBe(404)
})

test('R71 R72 where policy asks, people see the whole of what is to be published, and agree to that and nothing else', async () => {
  const house = await setup()
  const text = `@id("cards") @ask("May {agent} publish?") permit (principal is Agent, action == Action::"card.publish", resource);
    @id("no-secrets") forbid (principal is Agent, action == Action::"card.publish", resource) when { context has visibility && context.visibility == "members" };
    @id("people") permit (principal is User, action, resource);`
  const saved = await house.bob.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  await house.bob.post(`/api/v1/policies/${saved.body.version}/activate`, {})
  const agent = await house.given.agent({ scopes: ['cards:*', 'tasks:*'] })
  const publish = (card: object) => agent.post('/api/v1/cards', card)

  const held = await publish(leastCard('of-agent'))
  expect([held.status, held.body.code]).toEqual([428, 'approval_pending'])
  expect((await read(house, 'of-agent')).status).toBe(404)
  const task = await house.bob.get(`/api/v1/tasks/${held.body.task_id}`)
  expect(task.body).toMatchObject({ origin: 'relay', payload: { action: 'card.publish', body: leastCard('of-agent') } })
  const answer = { type: 'respond', response: { approve: true }, seen_revision: 1 }
  expect((await house.bob.post(`/api/v1/tasks/${held.body.task_id}/decide`, answer)).status).toBe(200)

  expect((await publish({ ...leastCard('of-agent'), summary: 'Other.' })).body.code).toBe('approval_pending')
  expect(await publish(leastCard('of-agent'))).toMatchObject({ status: 201, body: { summary: 'Books travel.' } })
  expect(await publish({ ...leastCard('of-members'), visibility: 'members' })).toMatchObject({
    status: 403,
    body: { code: 'policy_denied', policy_ids: ['no-secrets'] },
  })
})

test('R72 an agent changes the card that it serves, and no other', async () => {
  const house = await setup()
  const agent = await house.given.agent({ scopes: ['cards:*'] })
  const shared = await save(house, leastCard('of-everybody'))
  expect((await agent.get(`/api/v1/cards/${shared.id}`)).status).toBe(200)
  const change = (card: Shown) => agent.patch(`/api/v1/cards/${card.id}`, { summary: 'Mine.' }, { 'if-match': card.etag })
  expect((await change(shared)).status).toBe(404)
  const own = await agent.post('/api/v1/cards', leastCard('of-agent'))
  expect(await change(own.body)).toMatchObject({ status: 200, body: { summary: 'Mine.', version: 2 } })
  const other = await save(house, { ...leastCard('of-another'), agent_id: house.agent.id })
  expect((await agent.get(`/api/v1/cards/${other.id}`)).status).toBe(404)
})
