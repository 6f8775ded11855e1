// Connecting to a provider, at the doors of the API and of the connect pages (V28–V36, V40, V41, V140, V141).
import { expect, test } from 'vitest'
import { setup } from '#harness'
import { randomToken } from '../../crypto/token.ts'
import { canaryIn } from './testing/canary.ts'
import { pageAt, start } from './testing/page.ts'
import { giveClient, giveProvider, keyProvider, oauthProvider, reaching } from './testing/provider.ts'
import { openVendor } from './testing/vendor.ts'

const TOKENS = { token_type: 'Bearer', expires_in: 3600, scope: 'read' }

async function codeHouse() {
  const vendor = await openVendor()
  const access = randomToken()
  const refresh = randomToken()
  vendor.at('/token', { json: { ...TOKENS, access_token: access, refresh_token: refresh } })
  const house = await setup(reaching(vendor))
  await giveProvider(house, oauthProvider(vendor))
  await giveClient(house, 'acme')
  return { vendor, house, secrets: [access, refresh] }
}

test('V29 V30 V35 the code flow: link, page, provider, return, connection; nothing secret stands anywhere', async () => {
  const { vendor, house, secrets } = await codeHouse()
  const begun = await start(house, { provider: 'acme' })
  expect(begun.status, JSON.stringify(begun.body)).toBe(201)
  expect(begun.body).toMatchObject({
    status: 'pending',
    next_action: 'open_url',
    method: 'code',
    owner_id: house.alice.id,
    connection_name: 'default',
  })
  const page = pageAt(house.url, begun.body.connect_url)
  const seen = await page.open()
  expect(seen.status, JSON.stringify(seen.body)).toBe(200)
  expect(seen.body).toMatchObject({
    step: 'go_on',
    owner: 'Alice',
    pkce: true,
    provider: { display_name: 'Acme', docs_url: 'https://docs.acme.example/' },
    scopes: [{ name: 'read', says: 'Read what you can read.' }],
    redirect_url: `${house.url}/connect/return`,
  })
  expect((await pageAt(house.url, begun.body.connect_url).open()).status).toBe(410)
  const sent = await page.submit()
  const to = new URL(sent.body.redirect_to)
  expect(to.origin).toBe(vendor.origin)
  expect(to.searchParams.get('redirect_uri')).toBe(`${house.url}/connect/return`)
  const code = randomToken()
  const state = to.searchParams.get('state') as string
  const back = await page.back({ code, state })
  expect(back.body, JSON.stringify(back.body)).toMatchObject({ status: 'completed', step: 'done' })
  expect(vendor.askedAt('/token')[0]?.form).toMatchObject({
    code,
    grant_type: 'authorization_code',
    code_verifier: expect.any(String),
  })

  const told = await house.alice.get(`/api/v1/authorizations/${page.id}`)
  expect(told.body).toMatchObject({ status: 'completed', next_action: 'none', connection_id: back.body.connection_id })
  const connection = await house.alice.get(`/api/v1/connections/${back.body.connection_id}`)
  expect(connection.body).toMatchObject({ provider: 'acme', status: 'connected', scopes: ['read'], method: 'code' })
  expect((await page.back({ code, state })).status).toBe(403)
  expect(vendor.askedAt('/token')).toHaveLength(1)
  expect((await house.eventTypes()).filter((type) => /^(authorization|connection)/.test(type))).toEqual([
    'authorization.started',
    'connection.created',
    'authorization.completed',
    'authorization.refused',
  ])
  const verifier = vendor.askedAt('/token')[0]?.form.code_verifier as string
  const token = begun.body.connect_url.split('#')[1]
  expect(await canaryIn(house, [...secrets, code, state, verifier, token])).toEqual([])
})

test('§10.1 V30 V35 authorization, redirect in another browser, foreign state, reused code: a return counts for its own browser alone, and once', async () => {
  const { vendor, house } = await codeHouse()
  const begun = await start(house, { provider: 'acme' })
  const other = await start(house, { provider: 'acme', name: 'other' })
  const page = pageAt(house.url, begun.body.connect_url)
  const stranger = pageAt(house.url, other.body.connect_url)
  const state = new URL((await page.submit()).body.redirect_to).searchParams.get('state') as string
  const bare = pageAt(house.url, begun.body.connect_url)
  expect(await bare.back({ code: 'c', state })).toMatchObject({ status: 403, body: { code: 'form_replayed' } })
  const foreign = new URL((await stranger.submit()).body.redirect_to).searchParams.get('state')
  expect(foreign).not.toBe(state)
  // Its own cookie, somebody else's state.
  expect((await stranger.back({ code: 'c', state })).body).toMatchObject({ status: 'failed', error: { code: 'state_invalid' } })
  expect(vendor.askedAt('/token')).toEqual([])
  expect((await page.back({ code: 'c', state })).body).toMatchObject({ status: 'completed' })
  const again = await page.back({ code: 'c', state })
  expect([403, 410]).toContain(again.status)
  expect(vendor.askedAt('/token')).toHaveLength(1)
})

test('§10.1 V35 authorization, error=access_denied: what the provider refuses is told in its words, and the authorization is over', async () => {
  const { vendor, house } = await codeHouse()
  const begun = await start(house, { provider: 'acme' })
  const page = pageAt(house.url, begun.body.connect_url)
  const state = new URL((await page.submit()).body.redirect_to).searchParams.get('state') as string
  const back = await page.back({ error: 'access_denied', error_description: 'Not today', state })
  expect(back.body).toMatchObject({
    status: 'failed',
    step: 'ended',
    error: { code: 'access_denied', said: 'Not today' },
    connection_id: null,
  })
  expect(vendor.asked).toEqual([])
  expect(await house.eventTypes()).toContain('authorization.failed')
})

test('V28 every process finishes what another began', async () => {
  const { house } = await codeHouse()
  const second = await house.second()
  const begun = await start(house, { provider: 'acme' })
  const page = pageAt(house.url, begun.body.connect_url)
  const state = new URL((await page.submit()).body.redirect_to).searchParams.get('state') as string
  const elsewhere = page.at(second.url)
  const back = await elsewhere.post(
    '/connect/return',
    { code: 'c', state },
    { origin: second.url, 'sec-fetch-site': 'same-origin' },
  )
  expect(back.body, JSON.stringify(back.body)).toMatchObject({ status: 'completed' })
})

test('V29 an existing connection needs replace, and replacing keeps its id; a client must be there', async () => {
  const { vendor, house } = await codeHouse()
  const connect = async (body: object) => {
    const begun = await start(house, { provider: 'acme', ...body })
    if (begun.status !== 201) return begun
    const page = pageAt(house.url, begun.body.connect_url)
    const state = new URL((await page.submit()).body.redirect_to).searchParams.get('state') as string
    return page.back({ code: 'c', state })
  }
  const first = await connect({})
  expect(await connect({})).toMatchObject({ status: 409, body: { code: 'connection_exists' } })
  expect((await connect({ replace: true })).body.connection_id).toBe(first.body.connection_id)
  expect((await start(house, { provider: 'nowhere' })).status).toBe(404)
  await giveProvider(house, { ...oauthProvider(vendor), name: 'clientless' })
  expect(await start(house, { provider: 'clientless' })).toMatchObject({ status: 409, body: { code: 'client_needed' } })
})

test('V29 V28 given up, and not gone on with in time', async () => {
  const { house } = await codeHouse()
  const begun = await start(house, { provider: 'acme' })
  const path = `/api/v1/authorizations/${begun.body.authorization_id}`
  expect((await (await house.member.person()).get(path)).status).toBe(404)
  expect((await house.stranger.get(path)).status).toBe(404)
  expect((await house.alice.post(`${path}/cancel`)).body).toMatchObject({ status: 'cancelled' })
  expect((await house.alice.post(`${path}/cancel`)).status).toBe(409)
  expect((await pageAt(house.url, begun.body.connect_url).open()).status).toBe(410)
  const late = await start(house, { provider: 'acme' })
  await house.clock.advance('11m')
  await house.runJobs()
  expect((await house.alice.get(`/api/v1/authorizations/${late.body.authorization_id}`)).body).toMatchObject({
    status: 'expired',
  })
  expect(await house.eventTypes()).toEqual(expect.arrayContaining(['authorization.cancelled', 'authorization.expired']))
})

async function keyHouse() {
  const vendor = await openVendor()
  vendor.at('/me', ({ headers }) => ({ status: headers['x-api-key'] === 'key-bad' ? 401 : 200, json: {} }))
  const house = await setup(reaching(vendor))
  await giveProvider(house, keyProvider(vendor))
  return { vendor, house }
}

test('V31 V33 V41 §12.4 §10.1 authorization, submit twice in parallel; a key by the form: checked, tried, stored; of two posts at once one counts, and each refusal is on the record', async () => {
  const { vendor, house } = await keyHouse()
  const begun = await start(house, { provider: 'keyed' })
  const page = pageAt(house.url, begun.body.connect_url)
  const seen = await page.open()
  expect(seen.body).toMatchObject({ step: 'fields', fields: [{ name: 'api_key', secret: true, hint: 'It begins with key-.' }] })
  const path = `/connect/${page.id}/submit`
  const own = { origin: house.url }
  const key = `key-${randomToken()
    .toLowerCase()
    .replaceAll(/[^a-z0-9]/g, '')}`
  const form = { nonce: seen.body.nonce, fields: { api_key: ` ${key}\n` } }
  const elsewhere = await page.post(path, form, { origin: 'https://evil.example' })
  expect(elsewhere).toMatchObject({ status: 403, body: { code: 'csrf_refused' } })
  expect((await house.nobody.post(path, form)).body.code).toBe('form_replayed')
  const other = await start(house, { provider: 'keyed', name: 'other' })
  const another = await pageAt(house.url, other.body.connect_url).open()
  expect((await page.post(path, { ...form, nonce: another.body.nonce }, own)).body.code).toBe('form_replayed')
  const both = await Promise.all([page.post(path, form, own), page.post(path, form, own)])
  expect(both.map(({ status }) => status).sort()).toEqual([200, 403])
  expect(both.find(({ status }) => status === 200)?.body.view).toMatchObject({ status: 'completed' })
  expect(vendor.askedAt('/me').map(({ headers }) => headers['x-api-key'])).toEqual([key])
  const types = await house.eventTypes()
  expect(types.filter((type) => type === 'connection.created')).toHaveLength(1)
  expect(types.filter((type) => type === 'authorization.refused')).toHaveLength(3)
  expect(await canaryIn(house, [key])).toEqual([])
})

test('V41 a key that the provider refuses goes back to an empty form, and is stored all the same if that is meant', async () => {
  const { house } = await keyHouse()
  const page = pageAt(house.url, (await start(house, { provider: 'keyed' })).body.connect_url)
  const bad = await page.submit({ fields: { api_key: 'key-bad' } })
  expect(bad.body.view).toMatchObject({
    status: 'pending',
    step: 'fields',
    error: { code: 'test_failed', said: 'The provider answered 401.' },
  })
  expect(JSON.stringify(bad.body)).not.toContain('key-bad')
  const stored = await page.submit({ fields: { api_key: 'key-bad' }, store_anyway: true })
  expect(stored.body.view).toMatchObject({ status: 'completed' })
  const connection = await house.alice.get(`/api/v1/connections/${stored.body.view.connection_id}`)
  expect(connection.body.last_error).toMatchObject({ code: 'test_failed' })
})

// §10.1, row "key field".
const KEYS: [string, string, boolean][] = [
  ['CR LF inside', 'key-a\r\nx', false],
  ['NUL', 'key-\u0000a', false],
  ['1 MB', `key-${'a'.repeat(1_000_000)}`, false],
  ['only spaces', '   ', false],
  ['a wrong pattern', 'sk-abc', false],
  ['a mark of the byte order', '\ufeffkey-abc', false],
  ['a newline at the end', 'key-abc\n', true],
]

test('§10.1 V33 V41 key field: what may stand there, with the pattern’s hint where it may not', async () => {
  const { house } = await keyHouse()
  for (const [i, [name, api_key, fits]] of KEYS.entries()) {
    const answer = await start(house, { provider: 'keyed', name: `k${i}`, fields: { api_key } })
    expect([name, answer.status < 300], JSON.stringify(answer.body)).toEqual([name, fits])
    if (!fits && answer.status === 422 && answer.body.errors[0].path === '/fields/api_key' && api_key.length < 20_000)
      expect(answer.body.errors[0].message).toContain('It begins with key-.')
    expect(JSON.stringify(answer.body)).not.toContain('sk-abc')
  }
})

test('V34 a session hands a key in without a page; an agent cannot', async () => {
  const { house } = await keyHouse()
  const done = await start(house, { provider: 'keyed', fields: { api_key: 'key-good' } })
  expect(done.body).toMatchObject({ status: 'completed', next_action: 'none', connection_id: expect.any(String) })
  expect(done.body.connect_url).toBeUndefined()
  const failed = await start(house, { provider: 'keyed', name: 'two', fields: { api_key: 'key-bad' } })
  expect(failed.body).toMatchObject({ status: 'failed', error: { code: 'test_failed' } })
  expect((await start(house, { provider: 'keyed', name: 'three', fields: { api_key: 'key-good' } }, house.agent)).status).toBe(
    403,
  )
})

test('V41 a parameter that is part of the key is read from it', async () => {
  const { vendor, house } = await keyHouse()
  const derive = { dc: { derive: { field: 'api_key', after_last: '-' }, pattern: '^[a-z]+[0-9]+$' } }
  const test = { method: 'GET', url: `${vendor.origin}/me?dc={dc}`, expect: [200] }
  const fields = [{ name: 'api_key', label: 'API key', secret: true }]
  await giveProvider(house, { ...keyProvider(vendor), name: 'chimp', params: derive, api_key: { fields, test } })
  const page = pageAt(house.url, (await start(house, { provider: 'chimp' })).body.connect_url)
  expect((await page.submit({ fields: { api_key: 'abc' } })).status).toBe(422)
  const done = await page.submit({ fields: { api_key: 'abc-us21' } })
  expect(done.body.view, JSON.stringify(done.body)).toMatchObject({ status: 'completed' })
  const { body } = await house.alice.get(`/api/v1/connections/${done.body.view.connection_id}`)
  expect(body.params).toEqual({ dc: 'us21' })
})
