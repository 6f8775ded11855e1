import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { findKeyInUrl, mintKey, parseKey, sha256 } from '../crypto/token.ts'
import { refuseGuestBearer } from './authenticate.ts'
import type { GuestBearer } from './house.ts'
import { warnExpiringKeys } from './key.ts'
import { identityHouse, PASSWORD, type TestHouse } from './testing/house.ts'

const agentOf = async (owner: { post(path: string, body: unknown): Promise<{ body: { id: string } }> }) =>
  (await owner.post('/agents', { name: 'Refund bot' })).body.id

const usable = async (t: TestHouse, secret: string) => (await t.client({ bearer: secret }).get('/agents')).body.code ?? 'ok'

test('P53 P55 a key is shown once, stored as a hash, and listed by its ends, maker, scopes, expiry and last use', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const agent = await agentOf(owner)

  const made = await owner.post('/keys', { kind: 'agt', agent_id: agent, name: 'production' })

  expect(made.status).toBe(201)
  const { secret, ...key } = made.body
  expect(parseKey(secret)).toEqual({ environment: 'live', kind: 'agt' })
  expect(key).toMatchObject({
    kind: 'agt',
    agent_id: agent,
    name: 'production',
    scopes: ['agents:read', 'connections:read', 'grants:create', 'grants:read', 'proxy:read', 'runs:*', 'tasks:*'],
    created_by: owner.id,
    state: 'active',
  })
  expect(secret.startsWith(key.prefix) && secret.endsWith(key.last_four)).toBe(true)
  expect(Date.parse(key.expires_at) - Date.parse(key.created_at)).toBe(90 * 86_400_000)
  expect((await t.admin.rows<{ token_hash: Buffer }>`select token_hash from key_tokens`)[0]?.token_hash).toEqual(sha256(secret))
  await t.client({ bearer: secret, from: '203.0.113.77' }).get('/agents')
  const [listed] = (await owner.get('/keys')).body.data
  const day = t.clock.now().toISOString().slice(0, 10)
  expect(listed).toEqual({ ...key, last_used_at: `${day}T00:00:00.000Z`, last_used_from: '203.0.113.0/24' })
  const dump = JSON.stringify([await t.admin.rows`select body from events`, await t.admin.rows`select * from keys`, t.lines])
  expect(dump).not.toContain(secret)
})

test('P54 the answers of a refused key, each with its code, and a mistyped one without a search', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const agent = await agentOf(owner)
  const make = async (more: object = {}) => (await owner.post('/keys', { kind: 'agt', agent_id: agent, ...more })).body
  const [live, short, revoked, bound] = [
    await make(),
    await make({ expires_in_seconds: 60 }),
    await make(),
    await make({ addresses: ['10.0.0.0/8', '2001:db8::/32'] }),
  ]
  await owner.post(`/keys/${revoked.id}/revoke`)
  await t.clock.advance('61s')
  expect(await usable(t, live.secret)).toBe('ok')
  expect(await usable(t, short.secret)).toBe('key_expired')
  expect(await usable(t, revoked.secret)).toBe('key_revoked')
  expect(await usable(t, bound.secret)).toBe('forbidden')
  for (const from of ['10.1.2.3', '2001:db8::1'])
    expect((await t.client({ bearer: bound.secret, from }).get('/agents')).status).toBe(200)
  expect(await usable(t, mintKey('live', 'agt'))).toBe('key_invalid')
  for (const text of [`${live.secret.slice(0, -1)}x`, `${live.secret}a`, live.secret.slice(0, -1), 'x']) {
    expect(await usable(t, text)).toBe('key_invalid')
  }
  const raw = async (authorization: string) => (await t.client().get('/agents', { authorization })).status
  expect(await raw(`bearer ${live.secret}`)).toBe(200)
  expect(await raw(`Bearer\t${live.secret}`)).toBe(401)
  expect(await raw(`Basic ${live.secret}`)).toBe(401)
})

test('T62 X-Admin-Token stands in for a bearer only where there is none', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const { secret } = (await owner.post('/keys', { kind: 'adm', scopes: ['agents:read'] })).body
  expect((await t.client().get('/agents', { 'x-admin-token': secret })).status).toBe(200)
  expect((await t.client({ bearer: 'wrong' }).get('/agents', { 'x-admin-token': secret })).status).toBe(401)
})

test('P54 who tries keys is slowed down after thirty, who holds a good one at the same address is not', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const { secret } = (await owner.post('/keys', { kind: 'usr', scopes: ['agents:read'] })).body
  const bad = t.client({ bearer: mintKey('live', 'agt'), from: '192.0.2.9' })
  for (let i = 0; i < 30; i++) expect((await bad.get('/agents')).status).toBe(401)
  expect((await bad.get('/agents')).body).toMatchObject({ code: 'rate_limited', bucket: 'key.bad' })
  expect((await t.client({ bearer: secret, from: '192.0.2.9' }).get('/agents')).status).toBe(200)
})

test('P56 a key has its scopes and no more than its maker has now', async () => {
  const t = await identityHouse()
  const [owner, operator] = [await t.as('owner'), await t.as('operator')]
  const { secret } = (await operator.post('/keys', { kind: 'adm', scopes: ['agents:read', 'agents:create'] })).body
  const key = t.client({ bearer: secret })
  expect((await key.post('/agents', { name: 'made by key' })).status).toBe(201)
  expect((await key.get('/keys')).body).toMatchObject({ code: 'scope_missing', needed: 'keys:read' })
  await owner.put(`/users/${operator.id}/role`, { role: 'auditor' })
  expect((await key.get('/agents')).status).toBe(200)
  expect((await key.post('/agents', { name: 'no more' })).body.code).toBe('forbidden')
  await owner.delete(`/users/${operator.id}`)
  expect((await key.get('/agents')).body.code).toBe('forbidden')
})

test('P56 P62 nobody gives a key more than they have, and an agent key nothing that is for people', async () => {
  const t = await identityHouse()
  const [owner, operator, member] = [await t.as('owner'), await t.as('operator'), await t.as('member')]
  const agent = await agentOf(owner)
  const code = async (who: typeof owner, body: object) => (await who.post('/keys', body)).body.code
  expect(await code(operator, { kind: 'usr', scopes: ['users:invite'] })).toBe('scope_too_wide')
  expect(await code(operator, { kind: 'usr', scopes: ['tasks:decide_for'] })).toBe('scope_too_wide')
  expect(await code(owner, { kind: 'agt', agent_id: agent, scopes: ['tasks:decide'] })).toBe('scope_too_wide')
  expect(await code(owner, { kind: 'adm', scopes: ['tasks:decide'] })).toBe('scope_too_wide')
  expect(await code(owner, { kind: 'agt', agent_id: agent, scopes: ['tasks:report_outcome'] })).toBeUndefined()
  expect(await code(member, { kind: 'adm', scopes: ['tasks:read'] })).toBe('forbidden')
  expect(await code(member, { kind: 'agt', agent_id: agent })).toBe('validation_failed')
  expect(await code(owner, { kind: 'agt' })).toBe('validation_failed')
  expect(await code(owner, { kind: 'usr' })).toBe('validation_failed')
  expect(await code(owner, { kind: 'usr', scopes: ['tasks:fly'] })).toBe('validation_failed')
  expect(await code(owner, { kind: 'usr', scopes: ['tasks:read'], expires_in_seconds: 366 * 86_400 })).toBe('validation_failed')
  const { errors } = (
    await owner.post('/keys', { kind: 'usr', scopes: ['tasks:read'], addresses: ['10.0.0.0/8', '10.0.0.0/33'] })
  ).body
  expect(errors).toMatchObject([{ path: '/addresses/1' }])
  const keys = (
    await t
      .client({ bearer: (await owner.post('/keys', { kind: 'adm', scopes: ['keys:create', 'agents:read'] })).body.secret })
      .post('/keys', { kind: 'adm', scopes: ['tasks:read'] })
  ).body
  expect(keys.code).toBe('scope_too_wide')
})

test('P57 both tokens work during the overlap, a second rotation meanwhile is 409, and afterwards only the new one works', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const made = (await owner.post('/keys', { kind: 'usr', scopes: ['agents:read'], expires_in_seconds: 7_200 })).body
  await t.clock.advance('5m')

  const rotated = await owner.post(`/keys/${made.id}/rotate`, { overlap_seconds: 600 })

  expect(rotated.status).toBe(201)
  expect(rotated.body).toMatchObject({ id: made.id, name: made.name })
  expect(Date.parse(rotated.body.expires_at)).toBeGreaterThan(Date.parse(made.expires_at))
  for (const secret of [made.secret, rotated.body.secret]) expect(await usable(t, secret)).toBe('ok')
  expect((await owner.post(`/keys/${made.id}/rotate`)).body.code).toBe('rotation_open')
  await t.clock.advance('601s')
  expect(await usable(t, made.secret)).toBe('key_expired')
  expect(await usable(t, rotated.body.secret)).toBe('ok')
  const later = await t.session(owner.id)
  const now = await later.post(`/keys/${made.id}/rotate`, { overlap_seconds: 0 })
  expect(await usable(t, rotated.body.secret)).toBe('key_expired')
  expect(await usable(t, now.body.secret)).toBe('ok')
  expect((await later.post(`/keys/${made.id}/rotate`, { overlap_seconds: 604_801 })).status).toBe(422)
})

test('P57 of two rotations at once one wins; rotating does not bring an expired token back', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const made = (await owner.post('/keys', { kind: 'usr', scopes: ['agents:read'], expires_in_seconds: 60 })).body
  await t.clock.advance('61s')
  const answers = await Promise.all([0, 1].map(() => owner.post(`/keys/${made.id}/rotate`)))
  const statuses = answers.map((answer) => answer.status).sort()
  expect(statuses[0]).toBe(201)
  expect(await usable(t, made.secret)).toBe('key_expired')
  expect(await t.admin.one`select count(*)::int as n from key_tokens where ends_at is null`).toEqual({ n: 1 })
})

test('P57 revoking acts on the next request, needs no repetition, and in bulk takes what the filter and the role reach', async () => {
  const t = await identityHouse()
  const [owner, member] = [await t.as('owner'), await t.as('member')]
  const mine = (await member.post('/keys', { kind: 'usr', scopes: ['agents:read'] })).body
  const theirs = (await owner.post('/keys', { kind: 'usr', scopes: ['agents:read'] })).body
  expect((await member.post(`/keys/${theirs.id}/revoke`)).status).toBe(404)
  expect((await member.post('/keys/revoke', {})).status).toBe(422)
  expect((await member.post('/keys/revoke', { created_before: '2999-01-01T00:00:00Z' })).body).toEqual({ revoked: 1 })
  expect(await usable(t, mine.secret)).toBe('key_revoked')
  expect(await usable(t, theirs.secret)).toBe('ok')
  const before = (await t.eventTypes()).length
  expect((await owner.post(`/keys/${mine.id}/revoke`)).status).toBe(204)
  expect((await t.eventTypes()).length).toBe(before)
  expect((await owner.post('/keys/revoke', { kind: 'agt' })).body).toEqual({ revoked: 0 })
  expect((await owner.post('/keys/revoke', { created_by: owner.id })).body).toEqual({ revoked: 1 })
})

test('P61 a member lists and reads the keys of their own and of their agents, whatever is asked', async () => {
  const t = await identityHouse()
  const [owner, member] = [await t.as('owner'), await t.as('member')]
  const agent = await agentOf(member)
  const ofAgent = (await owner.post('/keys', { kind: 'agt', agent_id: agent })).body
  const own = (await member.post('/keys', { kind: 'usr', scopes: ['tasks:read'] })).body
  const foreign = (await owner.post('/keys', { kind: 'usr', scopes: ['tasks:read'] })).body
  const ids = (answer: { body: { data: { id: string }[] } }) => answer.body.data.map((key) => key.id).sort()
  expect(ids(await member.get('/keys'))).toEqual([ofAgent.id, own.id].sort())
  expect((await member.get(`/keys/${foreign.id}`)).status).toBe(404)
  const page = await owner.get('/keys?limit=2')
  expect(page.body.data).toHaveLength(2)
  expect(ids(await owner.get(`/keys?limit=2&cursor=${page.body.next_cursor}`))).toEqual([ofAgent.id])
  expect((await member.get(`/keys?cursor=${page.body.next_cursor}`)).status).toBe(200)
  expect((await owner.get(`/keys?kind=usr&cursor=${page.body.next_cursor}`)).body.code).toBe('cursor_invalid')
})

test('P78 a repeated POST /keys under one Idempotency-Key makes one key and does not show it again', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const post = () => owner.post('/keys', { kind: 'usr', scopes: ['tasks:read'] }, { 'idempotency-key': 'one' })
  const [first, second] = [await post(), await post()]
  expect(first.body.secret).toMatch(/^cs_live_usr_/)
  const { secret: _, ...rest } = first.body
  expect(second.body).toEqual({ ...rest, secret_shown: false })
  expect(second.headers.get('idempotency-replayed')).toBe('true')
  expect(await t.admin.one`select count(*)::int as n from keys`).toEqual({ n: 1 })
})

test('P59 a key in a URL is found however it is written, and a real one is revoked with two events unless the tenant says no', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const make = async () => (await owner.post('/keys', { kind: 'usr', scopes: ['agents:read'] })).body.secret as string
  const [first, second] = [await make(), await make()]
  expect(findKeyInUrl(`/api/v1/tasks?key=${first}`)).toBe(first)
  expect(findKeyInUrl(`/x/${first.replaceAll('_', '%5F')}/y`)).toBe(first)
  expect(findKeyInUrl('/api/v1/tasks?limit=5')).toBeNull()

  expect((await t.client().get(`/agents?key=${first}`)).body.code).toBe('credential_in_url')

  expect(await usable(t, first)).toBe('key_revoked')
  expect((await t.eventTypes()).slice(-2)).toEqual(['key.exposed', 'key.revoked'])
  await t.admin.run`update tenants set revoke_exposed_keys = false`
  await t.client().get(`/agents?key=${second}`)
  expect(await usable(t, second)).toBe('ok')
  expect((await t.eventTypes()).at(-1)).toBe('key.exposed')
})

test('R114 a token that is no key of this room is told to whoever may know it, once, with where it stood, and a mistyped one to nobody', async () => {
  const t = await identityHouse()
  const told: string[][] = []
  t.house.leaked = [async (token, where) => void told.push([token, where])]
  const relay = mintKey('live', 'rly')
  expect((await t.client().get(`/agents?access_token=${relay}`)).body.code).toBe('credential_in_url')
  expect((await t.client().get(`/agents?access_token=${relay.slice(0, -1)}${relay.endsWith('a') ? 'b' : 'a'}`)).body.code).toBe(
    'credential_in_url',
  )
  expect(told).toEqual([[relay, 'url']])
})

test('R85 R114 a bearer of another room is handed what it judges by, opens no open route, and is as though not shown where it says so', async () => {
  const t = await identityHouse()
  const asked: unknown[] = []
  const bearer: GuestBearer = {
    prefix: 'cs_live_rly_',
    async scopeOf(request, token, _route, proof) {
      asked.push([request.method, request.address, request.header('x-own'), token, proof])
      throw new Problem('key_revoked')
    },
  }
  t.house.bearers = [bearer]
  const relay = mintKey('live', 'rly')
  const refused = await t.client({ bearer: relay }).raw('/agents', { headers: { 'x-own': 'seen' } })
  expect([refused.status, ((await refused.json()) as { code: string }).code]).toEqual([401, 'key_revoked'])
  expect(asked).toEqual([['GET', '127.0.0.1', 'seen', relay, null]])
  const shown = { header: (name: string) => (name === 'authorization' ? `Bearer ${relay}` : undefined) }
  expect(() => refuseGuestBearer(t.house, shown)).toThrow(expect.objectContaining({ code: 'forbidden' }))
  bearer.unseenWhereOpen = true
  expect(() => refuseGuestBearer(t.house, shown)).not.toThrow()
})

// The bound is of wall-clock time: a run that the machine held up is tried again.
test('P57 P27 what a key has open ends when it is revoked', { retry: 2 }, async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const made = (await owner.post('/keys', { kind: 'usr', scopes: ['agents:read'] })).body
  const answer = await t.client({ bearer: made.secret }).raw('/open-stream')
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader()
  await reader.read()
  await owner.post(`/keys/${made.id}/revoke`)
  const at = Date.now()
  while (!(await reader.read()).done);
  expect(Date.now() - at).toBeLessThan(2_000)
})

test('P9 another tenant’s key and agent answer like random ids', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const key = (await owner.post('/keys', { kind: 'usr', scopes: ['tasks:read'] })).body
  const other = '018f0000-0000-7000-8000-00000000000b'
  await t.admin.run`insert into tenants (id, name) values (${other}, 'Other')`
  const stranger = await t.as('owner', { tenantId: other })
  const bodyOf = async (id: string) => {
    const { request_id: _, ...body } = (await stranger.get(`/keys/${id}`)).body
    return body
  }
  expect(await bodyOf(key.id)).toEqual(await bodyOf('key_01M80Q61T1E0FA9NT5E655XGT2'))
  expect((await stranger.post(`/keys/${key.id}/revoke`)).status).toBe(404)
  expect((await stranger.get('/keys')).body.data).toEqual([])
  expect((await stranger.post('/auth/step-up', { password: PASSWORD })).status).toBe(401)
})

test('P55 a key is told of 14, 3 and 0 days before its end, once each, and anew after a rotation', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const { id } = (await owner.post('/keys', { kind: 'usr', scopes: ['agents:read'], expires_in_seconds: 20 * 86_400 })).body
  const days = async () => {
    await Promise.all([warnExpiringKeys(t.house), warnExpiringKeys(t.house)])
    const rows = await t.admin.rows<{ body: string }>`select body from events where type = 'key.expiring' order by ord`
    return rows
      .map((row) => (JSON.parse(row.body) as { data: { key_id: string; days: number } }).data)
      .map((data) => [data.key_id, data.days])
  }
  expect(await days()).toEqual([])
  await t.clock.advance('6d')
  expect(await days()).toEqual([[id, 14]])
  expect(await days()).toHaveLength(1)
  await t.clock.advance('11d')
  expect(await days()).toEqual([
    [id, 14],
    [id, 3],
  ])
  await t.clock.advance('4d')
  expect((await days()).map(([, day]) => day)).toEqual([14, 3, 0])
  await (await t.session(owner.id)).post(`/keys/${id}/rotate`)
  expect(await days()).toHaveLength(3)
  await t.clock.advance('19d')
  expect((await days()).map(([, day]) => day)).toEqual([14, 3, 0, 3])
})
