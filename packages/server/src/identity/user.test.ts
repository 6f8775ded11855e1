import { expect, test } from 'vitest'
import { identityHouse, PASSWORD } from './testing/house.ts'

test('P20 a user changes their names; a taken or malformed username is refused with its field', async () => {
  const t = await identityHouse()
  await t.user('member', { username: 'taken' })
  const member = await t.as('member')
  expect((await member.patch('/me', { display_name: 'Mia', username: 'mia' })).body).toMatchObject({
    display_name: 'Mia',
    username: 'mia',
  })
  expect((await member.patch('/me', { username: 'taken' })).body.errors).toMatchObject([{ path: '/username', code: 'taken' }])
  expect((await member.patch('/me', { username: 'A B' })).body.errors).toMatchObject([{ path: '/username' }])
  expect((await member.patch('/me', { display_name: 'x\u202ey' })).status).toBe(422)
  expect((await member.patch('/me', { username: null })).body.username).toBeNull()
  const bodies = JSON.stringify(await t.admin.rows`select body from events where type = 'user.updated'`)
  expect(bodies).not.toMatch(/Mia|mia/)
})

test('P61 an owner lists all users, a member only themselves, a viewer none', async () => {
  const t = await identityHouse()
  const [owner, member, viewer] = [await t.as('owner'), await t.as('member'), await t.as('viewer')]
  expect((await owner.get('/users')).body.data).toHaveLength(3)
  expect((await owner.get('/users?limit=2')).body.data).toHaveLength(2)
  expect((await member.get('/users')).body.data).toMatchObject([{ id: member.id }])
  expect((await member.get(`/users/${owner.id}`)).status).toBe(404)
  expect((await viewer.get('/users')).body.code).toBe('forbidden')
})

test('P62 the last owner cannot be demoted or deactivated, by anybody or themselves', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  expect((await owner.put(`/users/${owner.id}/role`, { role: 'admin' })).body.code).toBe('last_owner')
  expect((await owner.delete(`/users/${owner.id}`)).body.code).toBe('last_owner')
  const second = await t.as('owner')
  expect((await owner.put(`/users/${owner.id}/role`, { role: 'admin' })).status).toBe(200)
  expect((await second.delete(`/users/${second.id}`)).body.code).toBe('last_owner')
})

test('P62 of two owners who demote each other at once one stays', async () => {
  const t = await identityHouse()
  const [a, b] = [await t.as('owner'), await t.as('owner')]
  const answers = await Promise.all([
    a.put(`/users/${b.id}/role`, { role: 'viewer' }),
    b.put(`/users/${a.id}/role`, { role: 'viewer' }),
  ])
  expect(answers.map((answer) => answer.status).sort()).not.toEqual([200, 200])
  expect(await t.admin.one`select count(*)::int as n from roles where role = 'owner'`).toEqual({ n: 1 })
})

test('P62 nobody grants above themselves or raises themselves, and only an owner touches admins and owners', async () => {
  const t = await identityHouse()
  const [owner, admin, other, member] = [await t.as('owner'), await t.as('admin'), await t.as('admin'), await t.as('member')]
  const set = async (who: typeof owner, id: string, role: string) =>
    (await who.put(`/users/${id}/role`, { role })).body.code ?? 200
  expect(await set(admin, member.id, 'operator')).toBe(200)
  expect(await set(admin, member.id, 'admin')).toBe('role_too_high')
  expect(await set(admin, other.id, 'viewer')).toBe('role_too_high')
  expect(await set(admin, owner.id, 'viewer')).toBe('role_too_high')
  expect(await set(admin, admin.id, 'owner')).toBe('role_too_high')
  expect((await admin.delete(`/users/${other.id}`)).body.code).toBe('role_too_high')
  expect(await set(member, member.id, 'admin')).toBe('forbidden')
  expect(await set(owner, member.id, 'admin')).toBe(200)
  expect(await set(owner, member.id, '__proto__')).toBe('validation_failed')
  expect(await set(owner, 'usr_01M80Q61T1E0FA9NT5E655XGT2', 'viewer')).toBe('not_found')
  const { body } = await t.admin.one<{
    body: string
  }>`select body from events where type = 'role.changed' order by ord desc limit 1`
  expect(JSON.parse(body)).toMatchObject({
    before: { role: 'operator' },
    after: { role: 'admin' },
    resource: { type: 'user', id: member.id },
  })
})

test('P62 a changed role acts on the next request', async () => {
  const t = await identityHouse()
  const [owner, member] = [await t.as('owner'), await t.as('member')]
  await owner.put(`/users/${member.id}/role`, { role: 'viewer' })
  expect((await member.post('/agents', { name: 'x' })).body.code).toBe('forbidden')
  expect((await member.get('/auth/me')).body.may['agent.create']).toBeUndefined()
})

test('P47 an invitation is bound to one address and role, works once, and its link is shown once', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const made = await owner.post('/invitations', { email: 'New@Example.com', role: 'reviewer' })
  expect(made.status).toBe(201)
  const token = made.body.link.split('/invite#')[1]
  expect(made.body.link).toBe(`${t.url}/invite#${token}`)
  const [listed] = (await owner.get('/invitations')).body.data
  expect(listed).toMatchObject({ email: 'New@Example.com', role: 'reviewer', state: 'open' })
  expect(listed.link).toBeUndefined()
  const accept = (body: object) =>
    t.client().post('/invitations/accept', { token, email: 'new@example.com', password: PASSWORD, ...body })
  expect((await accept({ email: 'other@example.com' })).status).toBe(403)
  expect((await accept({ token: 'unknown' })).body.code).toBe('link_invalid')
  expect((await accept({ password: 'new@example.com' })).body.code).toBe('password_refused')

  const joined = await accept({ display_name: 'Neo' })

  expect(joined.status).toBe(201)
  expect((await accept({})).body.code).toBe('link_used')
  const browser = t.client()
  await browser.post('/auth/login', { login: 'new@example.com', password: PASSWORD })
  expect((await browser.get('/auth/me')).body).toMatchObject({ id: joined.body.user_id, role: 'reviewer', display_name: 'Neo' })
  expect(JSON.stringify(await t.admin.rows`select body from events`)).not.toContain(token)
  expect((await t.eventTypes()).filter((type) => type.startsWith('invitation'))).toEqual([
    'invitation.created',
    'invitation.accepted',
  ])
})

test('P47 P48 an invitation ends after seven days, by revocation, and by a newer one; twenty acceptances at once make one user', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const invite = async (email: string) => {
    const { body } = await owner.post('/invitations', { email, role: 'member' })
    return { id: body.id, token: body.link.split('#')[1] as string }
  }
  const accept = async (token: string, email: string) => {
    const answer = await t.client().post('/invitations/accept', { token, email, password: PASSWORD })
    return answer.body.code ?? answer.status
  }
  const old = await invite('a@example.com')
  const current = await invite('a@example.com')
  const withdrawn = await invite('b@example.com')
  expect((await owner.delete(`/invitations/${withdrawn.id}`)).status).toBe(204)
  expect(await accept(old.token, 'a@example.com')).toBe('link_revoked')
  expect(await accept(withdrawn.token, 'b@example.com')).toBe('link_revoked')
  const codes = await Promise.all(Array.from({ length: 20 }, () => accept(current.token, 'a@example.com')))
  expect(codes.filter((code) => code === 201)).toHaveLength(1)
  expect(codes.every((code) => [201, 'link_used', 'state_conflict', 'rate_limited'].includes(code))).toBe(true)
  const late = await invite('c@example.com')
  await t.clock.advance('169h')
  expect(await accept(late.token, 'c@example.com')).toBe('link_expired')
})

test('P47 P62 nobody invites above themselves; who has an account joins with its password and keeps it', async () => {
  const t = await identityHouse()
  const [owner, admin] = [await t.as('owner'), await t.as('admin')]
  expect((await admin.post('/invitations', { email: 'x@example.com', role: 'admin' })).body.code).toBe('role_too_high')
  expect((await admin.post('/invitations', { email: 'not an address', role: 'viewer' })).body.errors).toMatchObject([
    { path: '/email' },
  ])
  const other = '018f0000-0000-7000-8000-00000000000b'
  await t.admin.run`insert into tenants (id, name) values (${other}, 'Other')`
  const known = await t.user('viewer', { email: 'known@example.com', password: PASSWORD, tenantId: other })
  const { body } = await owner.post('/invitations', { email: 'known@example.com', role: 'operator' })
  const accept = (password: string) =>
    t.client().post('/invitations/accept', { token: body.link.split('#')[1], email: 'known@example.com', password })
  expect((await accept('another-long-password-9')).body.code).toBe('credentials_invalid')
  expect((await accept(PASSWORD)).body).toMatchObject({ user_id: known.id })
  expect((await owner.get(`/users/${known.id}`)).body).toMatchObject({ role: 'operator', state: 'active' })
})
