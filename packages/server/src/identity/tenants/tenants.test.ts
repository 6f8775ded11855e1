import { expect, test } from 'vitest'
import { type House, type Person, setup } from '#harness'
import { tenantUuid, tenantWire } from '../../std/id.ts'

/** Somebody who runs the installation and is in no tenant but one of their own. */
async function host(house: House, name = 'Harriet'): Promise<Person> {
  const person = await house.given.user({ role: 'owner', tenantId: await house.given.tenant(`Of ${name}`), displayName: name })
  await house.admin.run`insert into hosts (user_id, since) values (${person.id}::text, countersign.now())`
  return person
}
const main = (house: House) => tenantWire(house.tenantId)
const types = async (house: House, tenantId: string) =>
  (await house.admin.rows<{ type: string }>`select type from events where tenant_id = ${tenantId}::uuid order by ord`).map(
    (one) => one.type,
  )

test('P11 a host suspends a tenant: reads work, writes are 403 tenant_suspended for people and keys, its jobs wait and lose no attempt; resumed, all goes on', async () => {
  const house = await setup()
  const harriet = await host(house)
  const task = await house.given.task({ timeout_seconds: 60 })
  const path = `/api/v1/tenants/${main(house)}`

  expect((await harriet.patch(path, { state: 'suspended' })).body.errors[0].code).toBe('reason_required')
  const suspended = await harriet.patch(path, { state: 'suspended', reason: 'unpaid' })
  expect([suspended.status, suspended.body.state, suspended.body.state_reason]).toEqual([200, 'suspended', 'unpaid'])

  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).status).toBe(200)
  expect((await house.alice.get('/api/v1/tasks')).status).toBe(200)
  for (const refused of [
    await house.agent.post('/api/v1/tasks', { task: 'x' }),
    await house.alice.post('/api/v1/agents', { name: 'x' }),
    await house.alice.post('/api/v1/tenant/reopen'),
  ])
    expect([refused.status, refused.body.code, refused.body.state]).toEqual([403, 'tenant_suspended', 'suspended'])
  await house.clock.advance('61s')
  await house.runJobs()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.status).toBe('open')

  expect((await harriet.patch(path, { state: 'active' })).body.state).toBe('active')
  await house.clock.advance('61s')
  await house.runJobs()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.status).toBe('timed_out')
  expect((await house.alice.post('/api/v1/agents', { name: 'x' })).status).toBe(201)
  expect(await types(house, house.tenantId)).toEqual(expect.arrayContaining(['tenant.suspended', 'tenant.resumed']))
})

test('P11 an owner closes by writing the name, can only leave or take it back, and after 30 days the keys are gone for good', async () => {
  const house = await setup()
  const harriet = await host(house)
  const task = await house.given.task()
  expect((await house.bob.post('/api/v1/tenant/close', { name: 'Main', reason: 'x' })).status).toBe(403)
  expect((await house.alice.post('/api/v1/tenant/close', { name: 'main', reason: 'x' })).status).toBe(422)
  const close = () => house.alice.post('/api/v1/tenant/close', { name: 'Main', reason: 'We move on.' })
  expect((await close()).body).toMatchObject({ state: 'closing' })
  expect((await house.alice.post('/api/v1/agents', { name: 'x' })).body.code).toBe('tenant_suspended')
  expect((await house.alice.post('/api/v1/tenant/reopen')).body).toMatchObject({ state: 'active', erased_after: null })

  await house.clock.advance('1m')
  const closed = await close()
  await house.clock.advance(new Date(closed.body.erased_after).getTime() - house.clock.now().getTime() - 60_000)
  await house.runJobs()
  // The first closing was taken back: its job came too early and changed nothing.
  expect((await harriet.get(`/api/v1/tenants/${main(house)}`)).status).toBe(401)
  const again = await house.given.user({ role: 'owner', tenantId: await house.given.tenant('Later') })
  await house.admin.run`insert into hosts (user_id, since) values (${again.id}::text, countersign.now())`
  expect((await again.get(`/api/v1/tenants/${main(house)}`)).body.state).toBe('closing')
  await house.clock.advance('2m')
  await house.runJobs()

  expect((await again.get(`/api/v1/tenants/${main(house)}`)).body.state).toBe('erased')
  expect((await again.patch(`/api/v1/tenants/${main(house)}`, { state: 'active' })).body.code).toBe('state_conflict')
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.code).toBe('key_revoked')
  const left = await house.admin.one<{ keys: number; wrapped: number; sessions: number }>`
    select (select count(*)::int from tenant_keys where tenant_id = ${house.tenantId}::uuid) as keys,
      (select count(*)::int from subject_keys where tenant_id = ${house.tenantId}::uuid and wrapped is not null) as wrapped,
      (select count(*)::int from sessions where tenant_id = ${house.tenantId}::uuid and ended_at is null) as sessions`
  expect(left).toEqual({ keys: 0, wrapped: 0, sessions: 0 })
  // The keys of one that lives cannot be destroyed, not even by mistake.
  await expect(
    house.db.pool.query('select countersign_engine.destroy_tenant_keys($1::uuid)', [
      tenantUuid((await again.get('/api/v1/me')).body.tenant_id),
    ]),
  ).rejects.toMatchObject({ code: '42501' })
})

test('P11 P60 a host makes tenants and sees names and states, and nothing that lives in one', async () => {
  const house = await setup()
  const harriet = await host(house)
  const made = await harriet.post('/api/v1/tenants', { name: 'Acme', owner_email: 'olga@acme.example' })
  expect([made.status, made.body.state]).toEqual([201, 'active'])
  expect(made.body.link).toContain('/invite#')
  const token = made.body.link.split('#')[1]
  const joined = await house.nobody.post('/api/v1/invitations/accept', {
    token,
    email: 'olga@acme.example',
    password: 'tangerine-otter-7-lanterns',
  })
  expect([joined.status, joined.body.tenant_id]).toEqual([201, made.body.id])
  const mine = await harriet.post('/api/v1/tenants', { name: 'Mine too' })
  expect((await harriet.get('/api/v1/me/tenants')).body.data.map((one: { name: string }) => one.name)).toEqual([
    'Mine too',
    'Of Harriet',
  ])
  expect(mine.body.link).toBeUndefined()

  const list = await harriet.get('/api/v1/tenants?limit=2')
  expect(Object.keys(list.body.data[0]).sort()).toEqual(
    ['created_at', 'erased_after', 'id', 'name', 'state', 'state_by', 'state_reason', 'state_since'].sort(),
  )
  const rest = await harriet.get(`/api/v1/tenants?limit=200&cursor=${encodeURIComponent(list.body.next_cursor)}`)
  expect([...list.body.data, ...rest.body.data].map((one) => one.name).sort()).toEqual(['Acme', 'Main', 'Mine too', 'Of Harriet'])
  for (const person of [house.alice, house.bob]) expect((await person.get('/api/v1/tenants')).status).toBe(403)
  expect((await harriet.get(`/api/v1/tenants/${tenantWire('0197f2a0-0000-7000-8000-000000000000')}`)).status).toBe(404)
})

test('P25 P11 the owner settles names and session lives, and a stricter one holds at the next request', async () => {
  const house = await setup()
  expect((await house.alice.patch('/api/v1/tenant', { session_profile: 'custom' })).body.errors[0].code).toBe('life_required')
  expect((await house.member.patch('/api/v1/tenant', { name: 'x' })).status).toBe(403)
  const changed = await house.alice.patch('/api/v1/tenant', {
    name: 'Renamed',
    session_profile: 'strict',
    revoke_exposed_keys: false,
  })
  expect(changed.body).toMatchObject({ name: 'Renamed', session_profile: 'strict', revoke_exposed_keys: false })
  await house.clock.advance('31m')
  expect((await house.bob.get('/api/v1/me')).body.code).toBe('session_ended')
  const [{ body }] = (await house.admin.rows<{ body: string }>`select body from events where type = 'settings.changed'`) as [
    { body: string },
  ]
  expect(JSON.parse(body)).toMatchObject({
    data: { fields: ['name', 'session_profile', 'revoke_exposed_keys'] },
    before: { session_profile: 'standard' },
    after: { session_profile: 'strict' },
  })
  expect(body).not.toContain('Renamed')
})

test('P62 a tenant is handed over: the other is its owner and the giver an admin', async () => {
  const house = await setup()
  const { id } = await house.member.person()
  expect((await house.bob.post('/api/v1/tenant/transfer', { user_id: id })).status).toBe(403)
  expect((await house.alice.post('/api/v1/tenant/transfer', { user_id: house.alice.id })).status).toBe(422)
  expect((await house.alice.post('/api/v1/tenant/transfer', { user_id: id })).status).toBe(200)
  expect((await house.alice.get('/api/v1/me')).body.role).toBe('admin')
  expect((await house.member.get('/api/v1/me')).body.role).toBe('owner')
  expect((await house.alice.post('/api/v1/tenant/close', { name: 'Main', reason: 'x' })).status).toBe(403)
})

test('P20 P25 P26 a person of two tenants switches between them under another token, no longer than the sign-in lasts, by the strictest profile', async () => {
  const house = await setup()
  const other = await house.given.tenant('Second')
  const email = 'two@example.com'
  const person = await house.given.user({ role: 'operator', email })
  await house.admin
    .run`insert into roles (user_id, tenant_id, role, given_by, given_at) values (${person.id}, ${other}::uuid, 'viewer', 'test', countersign.now())`
  const before = person.credential.cookie
  expect((await person.get('/api/v1/me/tenants')).body.data).toMatchObject([
    { name: 'Main', role: 'operator', current: true },
    { name: 'Second', role: 'viewer', current: false },
  ])
  await house.clock.advance('1h')
  const switched = await person.post('/api/v1/me/tenant', { tenant_id: tenantWire(other) })
  expect(switched.body).toMatchObject({ name: 'Second', role: 'viewer', current: true })
  expect(person.credential.cookie).not.toBe(before)
  expect((await person.get('/api/v1/me')).body).toMatchObject({ tenant_name: 'Second', role: 'viewer' })
  expect(switched.headers.getSetCookie()[0]).toMatch(new RegExp(`Max-Age=${14 * 86_400 - 3_600}|Max-Age=${14 * 86_400 - 3_601}`))
  // The token before is over, in the tenant before too.
  const old = await house.nobody.raw('/api/v1/me', { headers: { cookie: before as string } })
  expect(old.status).toBe(401)
  // What is no tenant of one's own answers as one that never was (P9).
  for (const id of [tenantWire(await house.given.tenant('Foreign')), tenantWire('0197f2a0-0000-7000-8000-000000000000')])
    expect((await person.post('/api/v1/me/tenant', { tenant_id: id })).body.code).toBe('not_found')
  // The stricter profile of the tenant that one is not in counts as well.
  const owner = await house.given.user({ role: 'owner' })
  expect((await owner.patch('/api/v1/tenant', { session_profile: 'strict' })).status).toBe(200)
  await house.clock.advance('31m')
  expect((await person.get('/api/v1/me')).body.code).toBe('session_ended')
})

test('P6 to invite somebody who has an account elsewhere looks exactly like inviting a stranger, and they join by their own password', async () => {
  const house = await setup()
  const password = 'tangerine-otter-7-lanterns'
  await house.given.user({ email: 'known@example.com', tenantId: await house.given.tenant('Elsewhere'), password })
  const invite = async (email: string) => {
    const { status, body } = await house.alice.post('/api/v1/invitations', { email, role: 'viewer' })
    return { status, members: Object.keys(body).sort(), state: body.state, body }
  }
  const [known, unknown] = [await invite('known@example.com'), await invite('stranger@example.com')]
  expect({ ...known, body: null }).toEqual({ ...unknown, body: null })
  const accept = (own: string) =>
    house.nobody.post('/api/v1/invitations/accept', {
      token: known.body.link.split('#')[1],
      email: 'known@example.com',
      password: own,
    })
  expect((await accept('another-otter-8-lanterns')).body.code).toBe('credentials_invalid')
  expect((await accept(password)).status).toBe(201)
  const { body } = await house.nobody.post('/api/v1/auth/login', { login: 'known@example.com', password })
  expect(body).toBe(null)
})
