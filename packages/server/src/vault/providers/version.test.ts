import { expect, test } from 'vitest'
import { type Client, type House, type SetupOptions, setup } from '#harness'
import { openVault } from '../testing/vault.ts'

const ACME = {
  schema: 1,
  name: 'acme',
  aliases: ['acme-api'],
  kind: 'app',
  display_name: 'Acme',
  hosts: [{ host: 'api.acme.example' }],
  methods: ['api_key'],
  api_key: { fields: [{ name: 'api_key', label: 'API key', secret: true }] },
  inject: [{ where: 'header', name: 'Authorization', template: 'Bearer {{api_key}}' }],
}
const with_ = (change: object) => JSON.stringify({ ...ACME, ...change })
const at = (rest = '') => `/api/v1/providers${rest}`
const propose = (by: Client, source: string, more: object = {}) => by.post(at(), { source, reason: 'needed', ...more })
const approve = (by: Client, name: string, digest: string) => by.post(at(`/${name}/versions/${digest}/approve`), {})

/** Alice and Bob both may manage providers; Bob alone is made an operator where one of them is to. */
const demote = (house: House) => house.admin.run`update roles set role = 'operator' where user_id = ${house.bob.id}`
/** Hosts are probed: here nobody answers for a name, and that at once. */
const NO_NAMES: SetupOptions = { settings: { EGRESS_DNS_SERVERS: '127.0.0.1:9' } }
const open = () => setup(NO_NAMES)
async function inForce(house: House, source: string, more: object = {}): Promise<string> {
  const { body, status } = await propose(house.alice, source, more)
  expect([status, body.code]).toEqual([202, undefined])
  expect((await approve(house.bob, body.provider, body.digest)).status).toBe(200)
  return body.digest
}

test('V5 §12.33 a definition acts once somebody else approves its exact digest', async () => {
  const house = await open()
  const proposed = await propose(house.alice, with_({}))
  expect(proposed).toMatchObject({
    status: 202,
    body: { provider: 'acme', version: 1, state: 'proposed', affected: { connections: 0 } },
  })
  expect((await house.alice.get(at('/acme'))).body).toMatchObject({
    provider: null,
    definition: null,
    proposals: [{ version: 1 }],
  })
  expect((await house.alice.get(at('?state=proposed'))).body.data).toMatchObject([{ name: 'acme', in_force: false }])
  expect((await house.agent.get(at('?q=acme'))).body.data ?? []).toEqual([])
  expect(await approve(house.alice, 'acme', proposed.body.digest)).toMatchObject({ status: 403, body: { code: 'same_person' } })
  expect(await approve(house.bob, 'acme', 'ab'.repeat(32))).toMatchObject({ status: 409, body: { code: 'state_conflict' } })
  expect(await approve(house.bob, 'acme', proposed.body.digest)).toMatchObject({ status: 200, body: { state: 'active' } })
  expect(await approve(house.bob, 'acme', proposed.body.digest)).toMatchObject({
    status: 409,
    body: { code: 'state_conflict', state: 'active' },
  })
  // By its alias too.
  expect((await house.alice.get(at('/acme-api'))).body).toMatchObject({
    name: 'acme',
    definition: ACME,
    provider: { version: 1, bundled: false },
  })
  const types = await house.eventTypes()
  expect(types.filter((type) => type.startsWith('provider.'))).toEqual(['provider.proposed', 'provider.approved'])
})

test('V5 where one person alone may, the same person approves', async () => {
  const house = await open()
  await demote(house)
  const { body } = await propose(house.alice, with_({}))
  expect(await approve(house.alice, 'acme', body.digest)).toMatchObject({ status: 200, body: { state: 'active' } })
})

test('V5 §12.33 a change that moves credentials suspends the grants of the provider, another does not', async () => {
  const { house, connect, define } = await openVault(NO_NAMES)
  await define({
    ...ACME,
    schema: 1,
    kind: 'app',
    methods: ['api_key'],
    inject: [{ where: 'header', name: 'Authorization', template: 'Bearer {{api_key}}' }],
  })
  const row = await connect({ provider: 'acme', params: {} })
  await grantTo(house, row.id)
  const words = await house.alice.put(at('/acme'), { source: with_({ display_name: 'Acme Inc.' }), reason: '' })
  expect(words.body).toMatchObject({
    version: 2,
    suspends_grants: false,
    difference: [{ path: '/display_name', change: 'changed' }],
    affected: { connections: 1, grants: 1 },
  })
  await approve(house.bob, 'acme', words.body.digest)
  expect(await grants(house)).toEqual(['active'])
  const hosts = await house.alice.put(at('/acme'), {
    source: with_({ hosts: [...ACME.hosts, { host: 'eu.acme.example' }] }),
    reason: 'Europe',
  })
  expect(hosts.body).toMatchObject({
    version: 3,
    suspends_grants: true,
    difference: expect.arrayContaining([{ path: '/hosts/1/host', change: 'added' }]),
  })
  // Nothing happens until it is approved.
  expect(await grants(house)).toEqual(['active'])
  await approve(house.bob, 'acme', hosts.body.digest)
  expect(await grants(house)).toEqual(['suspended'])
  expect(await house.admin.rows`select definition_version as v, status from connections`).toEqual([{ v: 3, status: 'connected' }])
  expect(await house.eventTypes()).toContain('grant.suspended')
  const [event] = await house.admin.rows<{
    data: object
  }>`select body::jsonb -> 'data' as data from events where type = 'provider.approved' order by ord desc limit 1`
  expect(event?.data).toMatchObject({
    suspended_grants: 1,
    proposer: house.alice.id,
    approver: house.bob.id,
    affected_connections: 1,
  })
})

const grants = async (house: House) =>
  (await house.admin.rows<{ status: string }>`select status from grants`).map(({ status }) => status)

async function grantTo(house: House, connectionId: string): Promise<void> {
  await house.admin.run`
    insert into grants (id, tenant_id, agent_label, connection_id, rules, starts_at, expires_at, status, status_since, created_by, created_at, updated_at)
    select 'grt_01M80Q61T1E0FA9NT5E655XGT2', tenant_id, 'any', id, '[]', now(), now() + interval '30 days', 'active', now(), ${house.alice.id}, now(), now()
    from connections where id = ${connectionId}`
}

test('V6 a bundled name needs override, shows as overridden, and removing it restores the bundled one', async () => {
  const house = await open()
  const source = with_({ name: 'groq', aliases: undefined })
  expect(await propose(house.alice, source)).toMatchObject({ status: 409, body: { code: 'provider_exists' } })
  await inForce(house, source, { override: true })
  expect((await house.alice.get(at('?q=groq'))).body.data).toMatchObject([
    { name: 'groq', overridden: true, bundled: false, version: 1 },
  ])
  expect((await house.alice.get(at('?state=overridden'))).body.data).toHaveLength(1)
  expect((await house.alice.delete(at('/groq'), {})).status).toBe(202)
  expect((await house.alice.get(at('/groq'))).body).toMatchObject({ provider: { overridden: false, bundled: true, version: 0 } })
  expect(await house.alice.delete(at('/groq'), {})).toMatchObject({
    status: 409,
    body: { code: 'state_conflict', state: 'bundled' },
  })
  expect((await house.eventTypes()).filter((type) => type.startsWith('provider.'))).toEqual([
    'provider.proposed',
    'provider.approved',
    'provider.overridden',
    'provider.removed',
  ])
})

test('V2 names and aliases are unique in a tenant, over bundled ones too', async () => {
  const house = await open()
  await inForce(house, with_({}))
  const clash = { status: 409, body: { code: 'provider_exists' } }
  expect(await propose(house.alice, with_({ display_name: 'Again' }))).toMatchObject(clash)
  expect(await propose(house.alice, with_({ name: 'acme-api', aliases: [] }))).toMatchObject(clash)
  expect(await propose(house.alice, with_({ name: 'other', aliases: ['acme'] }))).toMatchObject(clash)
  expect(await propose(house.alice, with_({ name: 'other', aliases: ['openai'] }))).toMatchObject(clash)
  expect(await propose(house.alice, with_({ name: 'notion_dcr', aliases: [] }))).toMatchObject(clash)
  // Another tenant has its own.
  expect((await house.stranger.get(at('/acme'))).status).toBe(404)
  expect(await house.alice.put(at('/acme'), { source: with_({}), reason: '' })).toMatchObject({
    status: 409,
    body: { code: 'state_conflict' },
  })
  expect(await house.alice.put(at('/acme'), { source: with_({ name: 'other' }), reason: '' })).toMatchObject({
    status: 422,
    body: { code: 'definition_invalid' },
  })
  expect((await house.alice.put(at('/nobody'), { source: with_({ name: 'nobody', aliases: [] }), reason: '' })).status).toBe(404)
})

test('V5 two approvals at once: one puts it in force, the other is told', async () => {
  const house = await open()
  const { body } = await propose(house.alice, with_({}))
  const answers = await Promise.all([approve(house.bob, 'acme', body.digest), approve(house.bob, 'acme', body.digest)])
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409])
})

test('V5 a rejected version never acts, and the same text can be proposed again', async () => {
  const house = await open()
  const { body } = await propose(house.alice, with_({}))
  expect(await house.bob.post(at(`/acme/versions/${body.digest}/reject`), {})).toMatchObject({
    status: 200,
    body: { state: 'rejected' },
  })
  expect((await approve(house.bob, 'acme', body.digest)).status).toBe(409)
  expect((await propose(house.alice, with_({}))).body).toMatchObject({ version: 2, state: 'proposed' })
  // Proposed twice it is one proposal.
  expect((await propose(house.bob, with_({}))).body).toMatchObject({ version: 2, proposed_by: house.alice.id })
})

test('V17 a fact has one type over all providers of a tenant', async () => {
  const house = await open()
  const facts = { amount: { in: 'body', pointer: '/total', type: 'string' } }
  expect(await propose(house.alice, with_({ facts }))).toMatchObject({
    status: 422,
    body: { code: 'definition_invalid', errors: [{ path: '/facts/amount/type', code: 'fact_clash' }] },
  })
})

test('V4 §10.1 the check stores nothing, and tells every fault with its pointer; a source that is too large is one', async () => {
  const house = await open()
  const checked = await house.alice.post(at('/check'), { source: with_({}) })
  expect(checked).toMatchObject({ status: 200, body: { fields: [{ name: 'api_key', secret: true }] } })
  expect(await house.alice.post(at('/check'), { source: with_({ colour: 1, hosts: [{ host: '*.com' }] }) })).toMatchObject({
    status: 422,
    body: { code: 'definition_invalid', errors: [{ path: '/colour' }] },
  })
  for (const path of [at('/check'), at()])
    expect(await house.alice.post(path, { source: `"${'a'.repeat(1_000_000)}"` })).toMatchObject({
      status: 422,
      body: { code: 'definition_invalid', errors: [{ code: 'too_large' }] },
    })
  expect((await house.admin.one<{ n: number }>`select count(*)::int as n from definitions`).n).toBe(0)
})

test('V139 who may not manage providers proposes, approves and registers nothing; an agent reads without client and counts', async () => {
  const house = await open()
  await demote(house)
  const { body } = await propose(house.alice, with_({}))
  expect((await house.bob.post(at(), { source: with_({ name: 'other' }) })).status).toBe(403)
  expect((await approve(house.bob, 'acme', body.digest)).status).toBe(403)
  expect((await house.bob.put(at('/openai/client'), { client_id: 'x', auth: 'none' })).status).toBe(403)
  expect((await house.agent.post(at(), { source: with_({}) })).status).toBe(403)
})

test('V7 the list tells what a provider still needs, and none claims to be verified', async () => {
  const house = await open()
  const states = async (name: string) =>
    (await house.alice.get(at(`?q=${name}`))).body.data.find((one: { name: string }) => one.name === name)
  expect(await states('linear')).toMatchObject({ state: 'available', verified_on: null })
  expect(await states('openai')).toMatchObject({ state: 'configured' })
  expect((await house.alice.put(at('/google/client'), { client_id: 'g-1', secret: 's-1' })).status).toBe(200)
  // Products of one vendor share its client.
  expect(await states('google-drive')).toMatchObject({ state: 'configured' })
  const first = (await house.alice.get(at('?limit=60'))).body
  const second = (await house.alice.get(at(`?limit=60&cursor=${encodeURIComponent(first.next_cursor)}`))).body
  const names = [...first.data, ...second.data].map((one: { name: string }) => one.name)
  expect(names).toHaveLength(103)
  expect(names).toEqual([...new Set(names)].sort())
  expect(second.next_cursor).toBe(null)
})

test('§9.1 revoking a provider says what depends on it, then ends each connection', async () => {
  const { house, connect } = await openVault(NO_NAMES)
  await connect({ name: 'one' })
  await connect({ name: 'two' })
  const path = at('/alpha/revoke')
  expect(await house.alice.post(path, {})).toMatchObject({
    status: 409,
    body: { code: 'confirmation_required', affected: { connections: 2, grants: 0 } },
  })
  expect((await house.alice.post(path, { confirm: true, affected: 1 })).status).toBe(409)
  expect(await house.alice.post(path, { confirm: true, affected: 2 })).toMatchObject({
    status: 202,
    body: { job_id: expect.stringMatching(/^job_/) },
  })
  await house.runJobs()
  expect(await house.admin.rows`select distinct status from connections`).toEqual([{ status: 'revoked' }])
})

test('V6 removing a provider that no bundled one replaces ends its connections', async () => {
  const { house, connect } = await openVault(NO_NAMES)
  await connect({ name: 'one' })
  expect((await house.alice.delete(at('/alpha'), {})).status).toBe(409)
  expect((await house.alice.delete(at('/alpha'), { confirm: true })).status).toBe(202)
  expect((await house.alice.get(at('/alpha'))).status).toBe(404)
  await house.runJobs()
  expect(await house.admin.rows`select distinct status from connections`).toEqual([{ status: 'revoked' }])
})
