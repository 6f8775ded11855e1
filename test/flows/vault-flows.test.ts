// The acceptance tests of the vault that need no proxy (vault.md §12), each with the number it has there.
import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { randomToken } from '../../packages/server/src/crypto/token.ts'
import { canaryIn } from '../../packages/server/src/vault/authorizations/testing/canary.ts'
import { pageAt, start } from '../../packages/server/src/vault/authorizations/testing/page.ts'
import {
  giveClient,
  giveProvider,
  oauthProvider,
  reaching,
} from '../../packages/server/src/vault/authorizations/testing/provider.ts'
import { openVendor, type Says } from '../../packages/server/src/vault/authorizations/testing/vendor.ts'

const tokens = (more: object = {}) => ({
  access_token: randomToken(),
  refresh_token: randomToken(),
  token_type: 'Bearer',
  expires_in: 3_600,
  ...more,
})

const ofConnections = async (house: House) => (await house.eventTypes()).filter((type) => type.startsWith('connection.'))

async function connect(house: House, body: object): Promise<string> {
  const begun = await start(house, { provider: 'acme', ...body })
  expect(begun.status, JSON.stringify(begun.body)).toBe(201)
  const page = pageAt(house.url, begun.body.connect_url)
  const state = new URL((await page.submit()).body.redirect_to).searchParams.get('state') as string
  const back = await page.back({ code: randomToken(), state })
  expect(back.body, JSON.stringify(back.body)).toMatchObject({ status: 'completed' })
  return back.body.connection_id
}

test('V28 V30 §12.5 every process is gone while the human is at the provider: another one takes the return, in the same browser alone', async () => {
  const vendor = await openVendor({ '/token': () => ({ json: tokens() }) })
  const house = await setup(reaching(vendor))
  await giveProvider(house, oauthProvider(vendor))
  await giveClient(house, 'acme')
  const begun = await start(house, { provider: 'acme' })
  const page = pageAt(house.url, begun.body.connect_url)
  const state = new URL((await page.submit()).body.redirect_to).searchParams.get('state') as string
  const second = await house.second()
  await house.server.close()
  const own = { origin: second.url }
  const profile = pageAt(second.url, begun.body.connect_url)
  expect((await profile.post('/connect/return', { code: 'c', state }, own)).status).toBe(403)
  expect(vendor.asked).toEqual([])
  const back = await page.at(second.url).post('/connect/return', { code: 'c', state }, own)
  expect(back.body).toMatchObject({ status: 'completed', connection_id: expect.any(String) })
})

test('V37 §12.6 a device code of 900 seconds, interval 5 and two slow_down: at minute ten it connects, and no two questions were closer than allowed', async () => {
  const answers: string[] = ['authorization_pending', 'slow_down', 'authorization_pending', 'slow_down']
  let approved = false
  const asked: number[] = []
  const given = tokens()
  const vendor = await openVendor({
    '/device': {
      json: {
        device_code: randomToken(),
        user_code: 'WXYZ-1234',
        verification_uri: 'https://acme.example/device',
        expires_in: 900,
        interval: 5,
      },
    },
  })
  const house = await setup(reaching(vendor))
  vendor.at('/token', (): Says => {
    asked.push(house.clock.now().getTime())
    return approved ? { json: given } : { status: 400, json: { error: answers.shift() ?? 'authorization_pending' } }
  })
  await giveProvider(house, oauthProvider(vendor, { methods: ['device'] }))
  await giveClient(house, 'acme')
  const begun = await start(house, { provider: 'acme' })
  expect(begun.body).toMatchObject({ next_action: 'show_code', user_code: 'WXYZ-1234', interval: 5, status: 'waiting_for_user' })
  const pass = async (time: `${number}s`) => {
    await house.clock.advance(time)
    await house.runJobs()
  }
  for (const time of ['5s', '5s', '9s', '2s', '9s', '2s', '14s', '2s', '552s'] as const) await pass(time)
  approved = true
  await pass('16s')
  const pauses = asked.slice(1).map((at, i) => at - (asked[i] as number))
  // 5 until the first slow_down, 10 until the second, 15 from then on.
  for (const [i, pause] of pauses.entries()) expect(pause).toBeGreaterThanOrEqual(i < 1 ? 5_000 : i < 3 ? 10_000 : 15_000)
  const told = await house.alice.get(`/api/v1/authorizations/${begun.body.authorization_id}`)
  expect(told.body).toMatchObject({ status: 'completed', user_code: null })
  expect(await canaryIn(house, [given.access_token, given.refresh_token])).toEqual([])
})

test('V37 a device code that nobody types in ends exactly when the provider said', async () => {
  const vendor = await openVendor({
    '/device': {
      json: { device_code: 'd', user_code: 'A', verification_uri: 'https://acme.example/', expires_in: 60, interval: 10 },
    },
    '/token': { status: 400, json: { error: 'authorization_pending' } },
  })
  const house = await setup(reaching(vendor))
  await giveProvider(house, oauthProvider(vendor, { methods: ['device'] }))
  await giveClient(house, 'acme')
  const begun = await start(house, { provider: 'acme' })
  await house.clock.advance('59s')
  await house.runJobs()
  await house.clock.advance('2s')
  await house.runJobs()
  const count = vendor.askedAt('/token').length
  expect((await house.alice.get(`/api/v1/authorizations/${begun.body.authorization_id}`)).body.status).toBe('expired')
  await house.clock.advance('1h')
  await house.runJobs()
  expect(vendor.askedAt('/token')).toHaveLength(count)
})

test('V38 §12.7 a resource that only says where its metadata is: a client is registered once, and `resource` is in all three calls', async () => {
  const vendor = await openVendor()
  const { origin } = vendor
  const resource = `${origin}/mcp`
  const metadata = {
    issuer: `${origin}/as`,
    authorization_endpoint: `${origin}/authorize`,
    token_endpoint: `${origin}/token`,
    registration_endpoint: `${origin}/register`,
    revocation_endpoint: `${origin}/revoke`,
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
  }
  vendor.at('/mcp', { status: 401, headers: { 'www-authenticate': `Bearer resource_metadata="${origin}/meta"` } })
  vendor.at('/meta', { json: { resource, authorization_servers: [`${origin}/as`], scopes_supported: ['tools'] } })
  vendor.at('/.well-known/oauth-authorization-server/as', { json: metadata })
  vendor.at('/register', { status: 201, json: { client_id: 'registered-1', token_endpoint_auth_method: 'none' } })
  vendor.at('/token', () => ({ json: tokens() }))
  const house = await setup(reaching(vendor))
  const provider = oauthProvider(vendor, { methods: ['register'], resource })
  await giveProvider(house, { ...provider, client: { needed: 'never', auth: 'none' } })

  const id = await connect(house, {})
  await connect(house, { name: 'second' })
  expect(vendor.askedAt('/register')).toHaveLength(1)
  expect(JSON.parse(vendor.askedAt('/register')[0]?.body ?? '')).toMatchObject({
    redirect_uris: [`${house.url}/connect/return`],
    token_endpoint_auth_method: 'none',
  })
  expect(vendor.askedAt('/token')[0]?.form).toMatchObject({ resource, client_id: 'registered-1' })
  const renewed = await house.alice.post(`/api/v1/connections/${id}/refresh`)
  expect(renewed.body, JSON.stringify(renewed.body)).toMatchObject({ generation: 2 })
  expect(vendor.askedAt('/token').at(-1)?.form).toMatchObject({ grant_type: 'refresh_token', resource })
  const begun = await start(house, { provider: 'acme', name: 'third' })
  const out = await pageAt(house.url, begun.body.connect_url).submit()
  expect(new URL(out.body.redirect_to).searchParams.get('resource')).toBe(resource)

  vendor.at('/meta', { json: { resource: `${origin}/other`, authorization_servers: [`${origin}/as`] } })
  const foreign = await start(house, { provider: 'acme', name: 'fourth' })
  expect(foreign).toMatchObject({ status: 502, body: { code: 'provider_error', reason: 'resource_mismatch' } })
  vendor.at('/meta', { json: { resource, authorization_servers: [`${origin}/evil`] } })
  for (const [reason, found] of [
    ['issuer_mismatch', metadata],
    ['pkce_missing', { ...metadata, issuer: `${origin}/evil`, code_challenge_methods_supported: ['plain'] }],
  ] as const) {
    vendor.at('/.well-known/oauth-authorization-server/evil', { json: found })
    const begun = await start(house, { provider: 'acme', name: reason.replace('_', '-') })
    const refused = await pageAt(house.url, begun.body.connect_url).submit()
    expect(refused).toMatchObject({ status: 502, body: { reason } })
  }
})

test('V49 §12.9 invalid_grant is told once, by event and webhook, and signing in again restores the same id, name, labels and grants', async () => {
  const vendor = await openVendor({ '/token': () => ({ json: tokens() }) })
  const house = await setup(reaching(vendor))
  await giveProvider(house, oauthProvider(vendor))
  await giveClient(house, 'acme')
  const id = await connect(house, {})
  await house.alice.patch(`/api/v1/connections/${id}`, { labels: ['billing'] })
  const granted = await house.alice.post('/api/v1/grants', {
    ...{ agent_id: house.agent.id, connection_id: id, rules: [{ effect: 'allow' }] },
  })
  const hook = { url: `${vendor.origin}/hook`, events: 'connection.*', verify: false }
  expect((await house.alice.post('/api/v1/endpoints', hook)).status).toBe(201)
  vendor.at('/token', { status: 400, json: { error: 'invalid_grant' } })
  for (let i = 0; i < 2; i++)
    expect(await house.alice.post(`/api/v1/connections/${id}/refresh`)).toMatchObject({
      status: 409,
      body: { code: 'needs_reauth' },
    })
  expect((await house.alice.get(`/api/v1/connections/${id}`)).body.status).toBe('needs_reauth')
  vendor.at('/token', () => ({ json: tokens() }))
  expect(await connect(house, { replace: true })).toBe(id)
  expect((await house.alice.get(`/api/v1/connections/${id}`)).body).toMatchObject({
    ...{ status: 'connected', name: 'default', labels: ['billing'] },
    used_by: [{ grant_id: granted.body.id, agent_id: house.agent.id }],
  })
  expect((await house.alice.get(`/api/v1/grants/${granted.body.id}`)).body.status).toBe('active')
  expect(await ofConnections(house)).toEqual([
    ...['connection.created', 'connection.updated', 'connection.needs_reauth', 'connection.reauthorized'],
  ])
  const sent = await house.admin.rows<{ type: string }>`select event_type as type from deliveries order by ord`
  expect(sent.map(({ type }) => type)).toEqual(['connection.needs_reauth', 'connection.reauthorized'])
})

test('V51 §12.10 revoked while the provider is down: use stops at once, it is told when it is back, and nothing of the material is left', async () => {
  const given = tokens()
  const vendor = await openVendor({ '/token': { json: given }, '/revoke': { status: 503 } })
  const house = await setup(reaching(vendor))
  await giveProvider(house, oauthProvider(vendor))
  await giveClient(house, 'acme')
  const id = await connect(house, {})
  const revoked = await house.alice.post(`/api/v1/connections/${id}/revoke`, {})
  expect(revoked).toMatchObject({ status: 202, body: { status: 'revoked', job_id: expect.stringMatching(/^job_/) } })
  expect((await house.alice.post(`/api/v1/connections/${id}/revoke`, {})).status).toBe(409)
  expect((await house.alice.post(`/api/v1/connections/${id}/test`)).status).toBe(404)
  await house.runJobs()
  const material = async () =>
    (await house.admin.one<{ there: boolean }>`select material is not null as there from connections where id = ${id}`).there
  expect(await material()).toBe(true)
  vendor.at('/revoke', {})
  await house.clock.advance('1h')
  await house.runJobs()
  expect(
    vendor
      .askedAt('/revoke')
      .slice(-2)
      .map(({ form }) => form.token),
  ).toEqual([given.refresh_token, given.access_token])
  expect(await material()).toBe(false)
  expect(await ofConnections(house)).toEqual(['connection.created', 'connection.revoked', 'connection.provider_revoked'])
})

test('V51 a provider that stays away for a day: the material is erased all the same, and the record says that it may count there still', async () => {
  const vendor = await openVendor({ '/token': () => ({ json: tokens() }), '/revoke': { status: 503 } })
  const house = await setup(reaching(vendor))
  await giveProvider(house, oauthProvider(vendor))
  await giveClient(house, 'acme')
  const ids = [await connect(house, {}), await connect(house, { name: 'local' })]
  await house.alice.post(`/api/v1/connections/${ids[0]}/revoke`, {})
  await house.alice.post(`/api/v1/connections/${ids[1]}/revoke`, { local_only: true })
  await house.runJobs()
  await house.clock.advance('25h')
  await house.runJobs()
  const rows = await house.admin.rows<{ told: string; there: boolean }>`
    select provider_revocation as told, material is not null as there from connections order by id`
  expect(rows).toEqual([
    { told: 'failed', there: false },
    { told: 'none', there: false },
  ])
  expect((await ofConnections(house)).filter((type) => type === 'connection.revocation_failed')).toHaveLength(1)
})
