import { expect, test } from 'vitest'
import { identityHouse, PASSWORD } from './testing/house.ts'

const WRONG = 'not-the-right-password'

test('P21 a user signs in by username or verified e-mail, in any case, and reads who they are', async () => {
  const t = await identityHouse()
  await t.user('member', { email: 'Mia@Example.com', username: 'mia', password: PASSWORD })
  for (const login of ['mia', 'MIA', 'mia@example.com', 'MIA@EXAMPLE.COM']) {
    const browser = t.client()
    const answer = await browser.post('/auth/login', { login, password: PASSWORD })
    expect([answer.status, answer.body]).toEqual([204, null])
    expect((await browser.get('/auth/me')).body).toMatchObject({
      email: 'Mia@Example.com',
      username: 'mia',
      role: 'member',
      is_host: false,
    })
  }
})

test('P21 unknown name, wrong password, unverified e-mail, no password and a deactivated user get one and the same 401', async () => {
  const t = await identityHouse()
  await t.user('member', { email: 'right@example.com', password: PASSWORD })
  await t.user('member', { email: 'unset@example.com' })
  const unverified = await t.user('member', { email: 'unverified@example.com', password: PASSWORD })
  await t.admin.run`update user_emails set verified_at = null where user_id = ${unverified.id}`
  const gone = await t.user('member', { email: 'gone@example.com', password: PASSWORD })
  const owner = await t.as('owner')
  expect((await owner.delete(`/users/${gone.id}`)).status).toBe(204)
  const tries = [
    ['nobody@example.com', PASSWORD],
    ['nobody', PASSWORD],
    ['right@example.com', WRONG],
    ['unset@example.com', PASSWORD],
    ['unverified@example.com', PASSWORD],
    ['gone@example.com', PASSWORD],
    ['right＠example.com', PASSWORD],
    [' right@example.com', PASSWORD],
    ['"right"@example.com', PASSWORD],
  ]
  const bodies = new Set<string>()
  for (const [login, password] of tries) {
    const { status, body, cookie } = await t.client().post('/auth/login', { login, password })
    expect([login, status, cookie]).toEqual([login, 401, null])
    const { request_id: _, ...rest } = body
    bodies.add(JSON.stringify(rest))
  }
  expect([...bodies]).toHaveLength(1)
  expect(t.house.passwords.count()).toBe(tries.length + 3) // one hash a try, and the three that were set
})

test('P21 A8 a known and an unknown name run the same statements and one hash each', async () => {
  const t = await identityHouse()
  await t.user('member', { email: 'known@example.com', password: PASSWORD })
  const failed = () => t.admin.one<{ n: number }>`select count(*)::int as n from events where type = 'signin.failed'`
  const [hashes, events] = [t.house.passwords.count(), (await failed()).n]
  for (const [i, login] of ['known@example.com', 'unknown@example.com'].entries()) {
    await t.client().post('/auth/login', { login, password: WRONG })
    expect(t.house.passwords.count()).toBe(hashes + i + 1)
    expect((await failed()).n).toBe(events + i + 1)
  }
  const bodies = await t.admin.rows<{ body: string }>`select body from events where type = 'signin.failed'`
  expect(JSON.stringify(bodies)).not.toMatch(/known@|not-the-right/)
})

test('P72 A7 the 11th wrong login from one address is 429 and hashes nothing; the ten before were 401', async () => {
  const t = await identityHouse({ limited: true })
  const post = (i: number) => t.client({ from: '198.51.100.7' }).post('/auth/login', { login: `name${i}`, password: WRONG })
  for (let i = 0; i < 10; i++) expect((await post(i)).status).toBe(401)
  const before = t.house.passwords.count()

  const refused = await post(11)

  expect([refused.status, refused.body.bucket]).toEqual([429, 'login.address'])
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(t.house.passwords.count()).toBe(before)
  await t.clock.advance('5m')
  expect((await post(12)).status).toBe(401)
})

test('P72 A7 the 21st wrong login for one account over three addresses is 429, known or not, and hashes nothing', async () => {
  const t = await identityHouse({ limited: true })
  await t.user('member', { email: 'known@example.com', password: PASSWORD })
  for (const login of ['known@example.com', 'unknown@example.com']) {
    const post = (n: number, from: string) =>
      t.client({ from: `203.0.113.${n}${from}` }).post('/auth/login', { login, password: WRONG })
    const octet = login.startsWith('known') ? 1 : 2
    for (let i = 0; i < 20; i++) expect((await post(octet, String(i % 3))).status).toBe(401)
    const before = t.house.passwords.count()
    const refused = await post(octet, '0')
    expect([refused.status, refused.body.bucket]).toEqual([429, 'login.account'])
    expect(t.house.passwords.count()).toBe(before)
  }
})

test('P73 A7 a success empties the account and pair buckets and not the one of the address', async () => {
  const t = await identityHouse({ limited: true })
  await t.user('member', { email: 'known@example.com', password: PASSWORD })
  const post = (password: string, from: string) =>
    t.client({ from }).post('/auth/login', { login: 'known@example.com', password })
  for (let i = 0; i < 9; i++) expect((await post(WRONG, '192.0.2.1')).status).toBe(401)
  expect((await post(PASSWORD, '192.0.2.1')).status).toBe(204)
  expect(await t.admin.rows`select key from buckets where key like 'login.account%' or key like 'login.pair%'`).toEqual([])
  expect((await post(PASSWORD, '192.0.2.1')).body).toMatchObject({ code: 'rate_limited', bucket: 'login.address' })
  expect((await post(PASSWORD, '192.0.2.2')).status).toBe(204)
})

test('P73 the pair of account and address waits from its tenth failure in a row on, longer each time', async () => {
  const t = await identityHouse()
  await t.user('member', { email: 'known@example.com', password: PASSWORD })
  const post = (password: string, from = '192.0.2.1') =>
    t.client({ from }).post('/auth/login', { login: 'known@example.com', password })
  for (let i = 0; i < 10; i++) expect((await post(WRONG)).status).toBe(401)
  expect((await post(PASSWORD)).body).toMatchObject({ code: 'rate_limited', bucket: 'login.pair' })
  await t.clock.advance('31s')
  expect((await post(WRONG)).status).toBe(401)
  await t.clock.advance('31s')
  expect((await post(PASSWORD)).status).toBe(429)
  await t.clock.advance('30s')
  expect((await post(PASSWORD)).status).toBe(204)
})

test('P21 what is no login is 422 or 401, never 500: NUL, too long, empty, wrong type, unknown member, too large a body', async () => {
  const t = await identityHouse()
  const send = async (body: unknown) => (await t.client().post('/auth/login', body)).status
  expect(await send({ login: 'a\u0000b', password: 'x' })).toBe(400)
  expect(await send({ login: 'a'.repeat(321), password: 'x' })).toBe(422)
  expect(await send({ login: 'alice', password: '' })).toBe(422)
  expect(await send({ login: 7, password: 'x' })).toBe(422)
  expect(await send({ login: 'alice', password: 'x', admin: true })).toBe(422)
  expect(await send({ login: 'alice', password: 'x'.repeat(5_000) })).toBe(413)
  expect(await send({ login: 'alice', password: '   ' })).toBe(401)
})

test('P29 step-up by password makes the proof fresh, gives another token and is limited; a wrong password proves nothing', async () => {
  const t = await identityHouse()
  const { id } = await t.user('owner', { password: PASSWORD })
  const owner = await t.session(id)
  await t.clock.advance('11m')
  const refused = await owner.post('/keys', { kind: 'usr', scopes: ['tasks:read'] })
  expect([refused.status, refused.body]).toMatchObject([403, { code: 'step_up_required', methods: ['password'] }])
  expect((await owner.post('/auth/step-up', { password: WRONG })).body.code).toBe('credentials_invalid')
  const before = owner.cookie

  expect((await owner.post('/auth/step-up', { password: PASSWORD })).status).toBe(204)

  expect(owner.cookie).not.toBe(before)
  expect((await owner.post('/keys', { kind: 'usr', scopes: ['tasks:read'] })).status).toBe(201)
  for (let i = 0; i < 20; i++) await owner.post('/auth/step-up', { password: WRONG })
  expect((await owner.post('/auth/step-up', { password: PASSWORD })).body).toMatchObject({
    code: 'rate_limited',
    bucket: 'factor.user',
  })
})

test('P50 P27 a password is changed by the old one or a fresh proof, is judged, and the old one no longer signs in', async () => {
  const t = await identityHouse()
  const user = await t.user('member', { email: 'known@example.com', password: PASSWORD })
  const member = await t.session(user.id)
  const next = 'eleven-quiet-harbours-1'
  await t.clock.advance('11m')
  expect((await member.post('/me/password', { password: next })).body.code).toBe('step_up_required')
  expect((await member.post('/me/password', { old_password: WRONG, password: next })).body.code).toBe('credentials_invalid')
  expect((await member.post('/me/password', { old_password: PASSWORD, password: 'short' })).body.code).toBe('password_refused')

  expect((await member.post('/me/password', { old_password: PASSWORD, password: next })).status).toBe(204)

  expect((await t.client().post('/auth/login', { login: 'known@example.com', password: PASSWORD })).status).toBe(401)
  expect((await t.client().post('/auth/login', { login: 'known@example.com', password: next })).status).toBe(204)
  expect((await member.post('/me/password', { password: PASSWORD })).status).toBe(204) // the change before was a proof
  expect(await t.eventTypes()).toEqual(expect.arrayContaining(['password.changed']))
})
