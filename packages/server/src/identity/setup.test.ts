import { expect, test } from 'vitest'
import { acceptSetupToken, issueSetupLink, issueSetupLinkIfNone } from './setup.ts'
import { identityHouse, PASSWORD } from './testing/house.ts'

const tokenOf = (link: string | null) => (link as string).split('#token=')[1] as string
const emptied = async () => {
  const t = await identityHouse()
  await t.admin.run`delete from tenants`
  return t
}

test('P46 the set-up link makes one host and owner of a first tenant, signed in, and then closes for good', async () => {
  const t = await emptied()
  const link = await issueSetupLink(t.house)
  expect(link).toMatch(new RegExp(`^${t.url}/setup#token=[A-Za-z0-9_-]{43}$`))
  const browser = t.client()
  expect((await browser.get('/setup/status')).body).toEqual({ needs_setup: true, token_active: true })

  const made = await browser.post('/setup/operator', {
    token: tokenOf(link),
    email: 'Ada@Example.com',
    password: PASSWORD,
    display_name: 'Ada',
  })

  expect(made.status).toBe(201)
  expect(made.body).toEqual({
    user_id: expect.stringMatching(/^usr_/),
    email: 'Ada@Example.com',
    tenant_id: expect.stringMatching(/^ten_/),
  })
  const me = (await browser.get('/auth/me')).body
  expect(me).toMatchObject({ id: made.body.user_id, role: 'owner', is_host: true, tenant_id: made.body.tenant_id })
  expect((await browser.get('/setup/status')).body).toEqual({ needs_setup: false })
  expect(await issueSetupLink(t.house)).toBeNull()
  expect((await t.client().post('/setup/operator', { token: 'x', email: 'b@example.com', password: PASSWORD })).body.code).toBe(
    'setup_completed',
  )
  expect((await t.client().post('/auth/login', { login: 'ada@example.com', password: PASSWORD })).status).toBe(204)
  expect(await t.eventTypes()).toEqual(['user.created', 'user.updated', 'session.started', 'session.started'])
})

test('P46 A6 of twenty set-up posts at once exactly one is 201, and the 31st from one address is 429', async () => {
  const t = await emptied()
  const token = tokenOf(await issueSetupLink(t.house))
  const post = (i: number) =>
    t.client({ from: '192.0.2.1' }).post('/setup/operator', { token, email: `a${i}@example.com`, password: PASSWORD })

  const statuses = (await Promise.all(Array.from({ length: 20 }, (_, i) => post(i)))).map((answer) => answer.status)

  expect(statuses.filter((status) => status === 201)).toHaveLength(1)
  expect(statuses.filter((status) => status === 409)).toHaveLength(19)
  expect(await t.admin.one`select count(*)::int as n from users`).toEqual({ n: 1 })
  expect(await t.admin.one`select count(*)::int as n from tenants`).toEqual({ n: 1 })
  for (let i = 0; i < 10; i++) expect((await post(i)).status).toBe(409)
  const refused = await post(30)
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
})

test('P46 a wrong, a replaced and a day-old token are 403, hash nothing and change nothing', async () => {
  const t = await emptied()
  const old = tokenOf(await issueSetupLink(t.house))
  const current = tokenOf(await issueSetupLink(t.house))
  const post = (token: string) => t.client().post('/setup/operator', { token, email: 'a@example.com', password: PASSWORD })
  for (const token of ['wrong', old]) expect((await post(token)).body.code).toBe('setup_token_invalid')

  await t.clock.advance('24h')

  expect((await post(current)).status).toBe(403)
  expect((await t.client().get('/setup/status')).body).toEqual({ needs_setup: true, token_active: false })
  expect(t.house.passwords.count()).toBe(0)
  expect(await t.eventTypes()).toEqual([])
})

test('P46 a second process does not kill the link of the first, a given token stays given, and the table holds no token', async () => {
  const t = await emptied()
  const link = await issueSetupLinkIfNone(t.house)
  expect(await issueSetupLinkIfNone(t.house)).toBeNull()
  const given = 'a-token-of-the-operator-from-a-file'
  expect(await acceptSetupToken(t.house, given)).toBe(await acceptSetupToken(t.house, given))
  expect(
    (await t.client().post('/setup/operator', { token: tokenOf(link), email: 'a@example.com', password: PASSWORD })).status,
  ).toBe(403)
  const rows = await t.admin.rows`select encode(token_hash, 'escape') as text from setup_tokens`
  expect(JSON.stringify(rows)).not.toContain(given)
  expect((await t.client().post('/setup/operator', { token: given, email: 'a@example.com', password: PASSWORD })).status).toBe(
    201,
  )
})

test('P22 P46 the first password is judged like every other', async () => {
  const t = await emptied()
  const token = tokenOf(await issueSetupLink(t.house))
  const post = (password: string) =>
    t.client().post('/setup/operator', { token, email: 'grace@example.com', password, display_name: 'Grace Hopper' })
  expect((await post('too short')).body).toMatchObject({ code: 'password_refused', reason: 'too_short', minimum: 15 })
  expect((await post('gracehopper2026!')).body).toMatchObject({ code: 'password_refused', reason: 'about_you' })
  expect((await post('')).body.errors[0].path).toBe('/password')
  expect((await post(PASSWORD)).status).toBe(201)
})
