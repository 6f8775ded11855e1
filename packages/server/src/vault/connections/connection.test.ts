// Connections over the API: who sees which, what may be changed, how they end; and that what is secret in them stands nowhere (V8, V9, V11, V16).
import { expect, test } from 'vitest'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { newId } from '../../std/id.ts'
import { formsOf, openVault, tablesAsText } from '../testing/vault.ts'
import { chooseConnection } from './default.ts'

const PATH = '/api/v1/connections'
const ids = (body: { data: { id: string }[] }) => body.data.map(({ id }) => id)

test('V8 V12 owners see all, members their own, an agent those granted to it; strangers and random ids answer the same 404', async () => {
  const { house, connect } = await openVault()
  const member = await house.given.user({ role: 'member' })
  const [shared, own, hers] = [
    await connect({ name: 'shared', belongs: { shared: true } }),
    await connect({ name: 'mine', owner: member }),
    await connect({ name: 'hers' }),
  ]
  const seen = async (who: { get: typeof member.get }, query = '') => ids((await who.get(`${PATH}${query}`)).body)
  expect(await seen(house.bob)).toEqual([hers.id, own.id, shared.id])
  expect(await seen(house.auditor)).toEqual([hers.id, own.id, shared.id])
  expect(await seen(member)).toEqual([own.id])
  expect(await seen(house.agent)).toEqual([])
  expect(await seen(house.bob, '?shared=true')).toEqual([shared.id])
  expect(await seen(house.bob, `?owner=${member.id}&q=MIN`)).toEqual([own.id])
  expect(await seen(house.bob, '?provider=beta')).toEqual([])
  expect((await house.viewer.get(PATH)).status).toBe(403)

  await house.admin.run`
    insert into grants (id, tenant_id, agent_id, connection_id, rules, starts_at, expires_at, status, status_since, created_by, created_at, updated_at)
    values (${newId('grt')}, ${house.tenantId}::uuid, ${house.agent.id}, ${hers.id}, '[]', now() - interval '1 day', now() + interval '400 days', 'active', now(), 'x', now(), now())`
  expect(await seen(house.agent)).toEqual([hers.id])
  const read = await house.agent.get(`${PATH}/${hers.id}`)
  expect(read.body).toMatchObject({ id: hers.id, name: 'hers', used_by: [{ agent_id: house.agent.id }], status: 'connected' })
  expect(read.headers.get('etag')).toBe('"1"')

  const strip = (body: Record<string, unknown>) => ({ ...body, request_id: '', instance: '' })
  for (const who of [house.agent, member, house.stranger]) {
    const [other, random] = [await who.get(`${PATH}/${shared.id}`), await who.get(`${PATH}/${newId('conn')}`)]
    expect([other.status, strip(other.body)]).toEqual([404, strip(random.body)])
  }
})

test('V8 a connection is renamed, labelled, shared and taken back; If-Match, a taken name and a member’s bounds hold', async () => {
  const { house, connect } = await openVault()
  const one = await connect({ name: 'one' })
  await connect({ name: 'two' })
  const at = `${PATH}/${one.id}`
  const changed = await house.alice.patch(at, { name: 'main', labels: ['prod', 'eu', 'prod'] }, { 'If-Match': '"1"' })
  expect(changed.body).toMatchObject({ name: 'main', labels: ['eu', 'prod'], revision: 2, generation: 1 })
  expect((await house.alice.patch(at, { name: 'x' }, { 'If-Match': '"1"' })).body).toMatchObject({
    code: 'version_conflict',
    version: 2,
  })
  expect((await house.alice.patch(at, { name: 'two' })).body.code).toBe('connection_exists')
  expect((await house.alice.patch(at, {})).body.code).toBe('validation_failed')
  for (const name of ['__proto__', 'x'.repeat(64), 'x ', 'X', '🙂', ''])
    expect([name, (await house.alice.patch(at, { name })).status]).toEqual([name, 422])
  expect((await house.member.patch(at, { name: 'theirs' })).status).toBe(404)
  expect((await house.agent.patch(at, { name: 'theirs' })).status).toBe(403)
  expect((await house.alice.patch(at, { shared: true })).body).toMatchObject({ shared: true, owner: null })
  expect((await house.bob.patch(at, { shared: false })).body).toMatchObject({ shared: false, owner: house.bob.id })
})

test('V5 V8 parameters are checked against the definition, and a change of one suspends every grant until it is confirmed', async () => {
  const { house, connect } = await openVault()
  const one = await connect()
  const at = `${PATH}/${one.id}`
  expect((await house.alice.patch(at, { params: { region: 'EUROPE' } })).body.errors).toMatchObject([{ path: '/params/region' }])
  expect((await house.alice.patch(at, { params: { host: 'evil.test' } })).body.errors).toMatchObject([{ path: '/params/host' }])
  const grant = newId('grt')
  await house.admin.run`
    insert into grants (id, tenant_id, agent_id, connection_id, rules, starts_at, expires_at, status, status_since, created_by, created_at, updated_at)
    values (${grant}, ${house.tenantId}::uuid, ${house.agent.id}, ${one.id}, '[]', now(), now() + interval '1 day', 'active', now(), 'x', now(), now())`
  expect((await house.alice.patch(at, { params: { region: 'eu' } })).status).toBe(200)
  const stateOf = () => house.admin.one<{ status: string }>`select status from grants where id = ${grant}`
  expect((await stateOf()).status).toBe('active')
  expect((await house.alice.patch(at, { params: { region: 'us' } })).body.params).toEqual({ region: 'us' })
  expect((await stateOf()).status).toBe('suspended')
})

test('V9 an agent’s default, else its owner’s, else the tenant’s; one that points to what was removed is missing and cleared, with an event', async () => {
  const { house, connect } = await openVault()
  const [mine, shared, other] = [
    await connect({ name: 'mine' }),
    await connect({ name: 'shared', belongs: { shared: true } }),
    await connect({ name: 'other' }),
  ]
  const scope = systemScope('test', house.tenantId)
  const choose = (name?: string) =>
    tx(house.db, scope, async (t) => {
      const chosen = await chooseConnection(t, scope, {
        ...{ provider: 'alpha', agentId: house.agent.id, ownerId: house.alice.id },
        ...(name === undefined ? {} : { name }),
      })
      return chosen === null || chosen === 'missing' ? chosen : chosen.id
    })
  expect(await choose()).toBeNull()
  expect(await choose('mine')).toBe(mine.id)
  expect(await choose('shared')).toBe(shared.id)
  expect(await choose('none')).toBe('missing')
  const set = (id: string, body: object, by = house.alice) => by.post(`${PATH}/${id}/default`, body)
  expect((await set(shared.id, { tenant: true })).body.default_of).toEqual([''])
  expect(await choose()).toBe(shared.id)
  expect((await set(mine.id, {})).body.default_of).toEqual([house.alice.id])
  expect(await choose()).toBe(mine.id)
  expect((await set(other.id, { agent_id: house.agent.id })).body.default_of).toEqual([house.agent.id])
  expect(await choose()).toBe(other.id)
  expect((await set(mine.id, { tenant: true })).body.errors).toMatchObject([{ path: '/tenant', code: 'not_shared' }])
  expect((await set(mine.id, { agent_id: newId('agt') })).body.errors).toMatchObject([{ path: '/agent_id' }])
  expect((await house.alice.delete(`${PATH}/${other.id}`)).body.status).toBe('removed')
  const before = (await house.eventTypes()).length
  expect(await choose()).toBe('missing')
  expect((await house.eventTypes()).slice(before)).toEqual(['connection.defaulted'])
  expect(await choose()).toBe(mine.id)
})

test('V8 V9 where nothing was made the default, the connection that is called so is meant', async () => {
  const { house, connect } = await openVault()
  const [shared, mine] = [await connect({ belongs: { shared: true } }), await connect({ name: 'other' })]
  const scope = systemScope('test', house.tenantId)
  const choose = () =>
    tx(house.db, scope, (t) =>
      chooseConnection(t, scope, { provider: 'alpha', agentId: house.agent.id, ownerId: house.alice.id }),
    )
  expect(await choose()).toMatchObject({ id: shared.id })
  const own = await connect()
  expect(await choose()).toMatchObject({ id: own.id })
  expect((await house.alice.post(`${PATH}/${mine.id}/default`, {})).status).toBe(200)
  expect(await choose()).toMatchObject({ id: mine.id })
})

test('V51 a removed connection is revoked first, with its grants, in one transaction; its name is free, and its material is erased once its provider was told', async () => {
  const { house, connect } = await openVault()
  const one = await connect({ name: 'one' })
  const grant = newId('grt')
  await house.admin.run`
    insert into grants (id, tenant_id, agent_id, connection_id, rules, starts_at, expires_at, status, status_since, created_by, created_at, updated_at)
    values (${grant}, ${house.tenantId}::uuid, ${house.agent.id}, ${one.id}, '[]', now(), now() + interval '1 day', 'active', now(), 'x', now(), now())`
  const before = (await house.eventTypes()).length
  expect((await house.alice.delete(`${PATH}/${one.id}`)).body).toMatchObject({ status: 'removed', used_by: [] })
  expect((await house.eventTypes()).slice(before)).toEqual(['grant.revoked', 'connection.revoked', 'connection.removed'])
  const sealed = () => house.admin.one<{ is: boolean }>`select material is not null as is from connections where id = ${one.id}`
  expect((await sealed()).is).toBe(true)
  await house.runJobs()
  expect((await sealed()).is).toBe(false)
  expect((await house.alice.get(`${PATH}/${one.id}`)).status).toBe(404)
  expect((await connect({ name: 'one' })).id).not.toBe(one.id)
  expect((await house.member.delete(`${PATH}/${newId('conn')}`)).status).toBe(404)
})

test('V8 V12 A2 the canary: no answer, event, job, log or column holds material in any form', async () => {
  const { house, connect } = await openVault()
  const one = await connect({ name: 'one' })
  const answers: string[] = []
  const call = async (answer: Promise<{ body: unknown }>) => answers.push(JSON.stringify((await answer).body ?? null))
  for (const who of [house.alice, house.bob, house.agent, house.auditor]) {
    await call(who.get(PATH))
    await call(who.get(`${PATH}/${one.id}`))
    await call(who.get(`${PATH}?q=${one.value.slice(0, 12)}`))
  }
  await call(house.alice.patch(`${PATH}/${one.id}`, { labels: ['x'] }))
  await call(house.alice.post(`${PATH}/${one.id}/default`, {}))
  await call(house.alice.get('/api/v1/events?limit=200'))
  const stored = await tablesAsText(house)
  for (const form of formsOf(one.value)) {
    expect(answers.join('\n')).not.toContain(form)
    expect(stored).not.toContain(form)
    expect(house.logs.join('\n')).not.toContain(form)
  }
})
