// What builders begin with, and the names that clients of ForAgent know (relay.md R54, R55, R56, R112).
import { createHash, createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { BUCKETS } from '../../http/bucket.ts'
import { leastCard } from '../cards/testing/cards.ts'
import { THREAD_STATES } from '../model.ts'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

const bytes = async ({ house }: RelayTest, path: string) => Buffer.from(await (await house.nobody.raw(path)).arrayBuffer())

test('R56 R112 the contract is made of the tables of the code, and the manifest has the size and hash of each file as it is served', async () => {
  const relay = await openRelay({ settings: { LIMITS: 'relay.start=7/1m+3' } })
  const { assets } = (await relay.house.nobody.get('/starter/manifest.json')).body
  expect(assets.map((one: Loose) => one.name)).toEqual(['/starter/relay-contract.json', '/openapi.json'])
  for (const { name, bytes: size, sha256 } of assets) {
    const file = await bytes(relay, name)
    expect([name, size, sha256]).toEqual([name, file.length, createHash('sha256').update(file).digest('hex')])
  }
  const contract = JSON.parse((await bytes(relay, '/starter/relay-contract.json')).toString())
  expect([...contract.states.open, ...contract.states.ended]).toEqual([...THREAD_STATES])
  for (const { from, to } of contract.transitions) for (const state of [...from, ...to]) expect(THREAD_STATES).toContain(state)
  expect(contract.transitions).toHaveLength(16)
  expect(contract.buckets['relay.start']).toMatchObject({ limit: 7, burst: 3, by: 'relay grant' })
  for (const name of Object.keys(BUCKETS).filter((one) => one.startsWith('relay.')))
    expect(Object.keys(contract.buckets)).toContain(name)
  expect(contract.errors.approval_required).toMatchObject({ status: 403 })
  expect(contract.routes).toContainEqual(
    expect.objectContaining({ method: 'POST', path: '/agents/:slug/threads', auth: ['relay', 'key'], bucket: 'relay.start' }),
  )
  const { vector } = contract.signatures
  expect([vector.v1, vector.v2, vector.standard]).toEqual([
    'f27f954a00042e1dbd55bc3c27702b5a7313375a09c689c80d8a15ae27652900',
    'a2bea0ba6d072d279be7114983ff9bf97df191e6e276e8419f0d04c892613aa5',
    'v1,E5eNO+41e4Xc9UIwszI9kpFatEh5oXxw2kWT9r5kfEE=',
  ])
  expect(createHmac('sha256', vector.secret).update(vector.body).digest('hex')).toBe(vector.v1)
  const { paths } = JSON.parse((await bytes(relay, '/openapi.json')).toString())
  const tags = new Set(
    Object.values(paths as Loose).flatMap((path: Loose) => Object.values(path).flatMap((one: Loose) => one.tags ?? [])),
  )
  for (const tag of ['publicCard', 'approval', 'threads']) expect(tags).toContain(tag)
})

test('R54 pages and files of ForAgent lead to ours', async () => {
  const { house } = await openRelay()
  for (const [path, to] of [
    ['/create', '/cards/new'],
    ['/recover', '/login'],
    ['/docs', '/openapi.json'],
    ['/security', '/profile'],
    ['/starter/foragent-relay-contract.json', '/starter/relay-contract.json'],
    ['/starter/foragent-openapi.json', '/openapi.json'],
  ]) {
    const answer = await house.nobody.raw(path as string, { redirect: 'manual' })
    expect([path, answer.status, answer.headers.get('location')]).toEqual([path, 302, `${house.server.publicUrl}${to}`])
  }
})

test('R55 with the setting relay_compat of a tenant answers about its agents, and to them, have the names of ForAgent; nobody else’s do', async () => {
  const relay = await openRelay()
  const { house, card, grant, caller, bea } = relay
  const send = async () => (await relay.bearer(grant.token).post(`/api/v1/agents/${card.slug}/threads`, { text: 'hello' })).body
  const cardVersion = async () =>
    (await house.nobody.raw(`/api/v1/agents/${card.slug}/card`)).headers.get('x-foragent-card-version')
  const owner = await house.given.user({ role: 'owner' })
  const set = async (who: Pick<typeof owner, 'patch'>, relay_compat: string) => {
    const changed = await who.patch('/api/v1/tenant', { relay_compat })
    expect([changed.status, changed.body.relay_compat]).toEqual([200, relay_compat])
  }
  const { thread_id: id } = await send()
  const named = async () => 'threadId' in (await caller.get(`/api/v1/threads/${id}`)).body
  expect([(await send()).threadId, await named(), await cardVersion()]).toEqual([undefined, false, null])
  await set(owner, 'foragent')
  await expect.poll(async () => (await send()).threadId).toMatch(/^thr_/)
  expect([await named(), await cardVersion()]).toEqual([true, '1'])
  await set(owner, 'none')
  await expect.poll(named).toBe(false)
  // Of the asker’s own tenant: its clients, and the card of the other as before.
  await set(bea, 'foragent')
  await expect.poll(named).toBe(true)
  expect([(await send()).threadId !== undefined, await cardVersion()]).toEqual([true, null])
  expect((await owner.patch('/api/v1/tenant', { relay_compat: 'other' })).status).toBe(422)
})

test('R54 R55 requests may use the names of ForAgent; answers have them beside ours for who asks, and for nobody else', async () => {
  const relay = await openRelay()
  const { house, card, grant, caller } = relay
  const client = relay.bearer(grant.token)
  const compat = { 'Countersign-Compat': 'foragent' }
  const at = `/api/v1/agents/${card.slug}/threads`
  const plain = await client.post(at, { message: 'hello', operationId: 'op-1' })
  expect(plain.status, JSON.stringify(plain.body)).toBe(202)
  expect(plain.body).toMatchObject({ operation_id: 'op-1' })
  expect(Object.keys(plain.body)).not.toContain('threadId')
  const { body: named } = await client.post(at, { payload: { n: 1 } }, compat)
  expect(named).toMatchObject({
    threadId: named.thread_id,
    threadPublicId: named.thread_id,
    status: named.state,
    inspectUrl: named.links.inspect,
  })
  const messages = (await caller.get(`/api/v1/threads/${named.thread_id}/messages`)).body.data
  expect(messages[0].parts).toEqual([{ data: { n: 1 } }])
  for (const wrong of [{ message: 'a', text: 'b' }, { massage: 'a' }, { text: 'a', operationid: 'x' }])
    expect([(await client.post(at, wrong)).status, wrong]).toEqual([422, wrong])
  const read = (await caller.get(`/api/v1/threads/${named.thread_id}`, compat)).body
  expect(read).toMatchObject({ threadId: named.thread_id, grantId: grant.id, status: read.state })
  const introspected = await caller.get(`/api/v1/connection-grants/${grant.id}/introspect`, compat)
  expect(introspected.body).toMatchObject({ id: grant.id, grantPublicId: grant.id, isExpired: false, status: 'active' })
  const path = `/connection-grants/${grant.id}/rotate`
  expect((await house.alice.post(`/api/v1${path}`, { overlap_seconds: 604_801 }, compat)).status).toBe(422)
  expect((await house.nobody.post(`/api/v1${path}`, {})).status).toBe(401)
  expect((await house.alice.post(`/api/v1/connection-grants/${grant.id}/revoke`, {}, compat)).body).toMatchObject({
    state: 'revoked',
    status: 'revoked',
  })
  const made = await house.alice.post('/api/v1/cards', leastCard('ada-compat'))
  const header = async (own?: object) =>
    (await house.nobody.raw(`/api/v1/agents/${made.body.slug}/card`, own)).headers.get('x-foragent-card-version')
  expect([await header(), await header({ headers: compat })]).toEqual([null, '1'])
  const asked = await caller.post(`/api/v1/agents/${made.body.slug}/connection-requests`, { message: 'to test' }, compat)
  expect(asked.body).toMatchObject({ purpose: 'to test', requestId: asked.body.id, status: 'pending' })
})
