import { expect, test } from 'vitest'
import { identityHouse } from './testing/house.ts'

test('P52 an agent belongs to its maker, or to whom an operator names, and has an environment', async () => {
  const t = await identityHouse()
  const [operator, member] = [await t.as('operator'), await t.as('member')]
  const own = await member.post('/agents', { name: ' Refund bot ', description: 'Asks before it pays.', environment: 'test' })
  expect(own.status).toBe(201)
  expect(own.body).toMatchObject({
    id: expect.stringMatching(/^agt_/),
    name: 'Refund bot',
    description: 'Asks before it pays.',
    environment: 'test',
    state: 'active',
    owner_user_id: member.id,
  })
  const given = await operator.post('/agents', { name: 'Night bot', owner_user_id: member.id })
  expect(given.body).toMatchObject({ owner_user_id: member.id, environment: 'live' })
  expect((await member.post('/agents', { name: 'x', owner_user_id: operator.id })).status).toBe(403)
  expect(
    (await operator.post('/agents', { name: 'x', owner_user_id: 'usr_01M80Q61T1E0FA9NT5E655XGT2' })).body.errors,
  ).toMatchObject([{ path: '/owner_user_id' }])
  expect((await operator.post('/agents', { name: ' ' })).body.errors).toMatchObject([{ path: '/name' }])
  expect(
    await t.admin.one`select body::jsonb -> 'data' as data from events where type = 'agent.created' order by ord limit 1`,
  ).toEqual({
    data: { agent_id: own.body.id, owner_id: member.id, environment: 'test' },
  })
})

test('P61 a member sees their own agents, an agent itself, an auditor all; other ids are not there', async () => {
  const t = await identityHouse()
  const [owner, member, auditor] = [await t.as('owner'), await t.as('member'), await t.as('auditor')]
  const theirs = (await owner.post('/agents', { name: 'theirs' })).body
  const mine = (await member.post('/agents', { name: 'mine' })).body
  const { secret } = (await member.post('/keys', { kind: 'agt', agent_id: mine.id })).body
  const names = async (who: typeof owner) => (await who.get('/agents')).body.data.map((agent: { name: string }) => agent.name)
  expect(await names(auditor)).toEqual(['mine', 'theirs'])
  expect(await names(member)).toEqual(['mine'])
  const agent = t.client({ bearer: secret })
  expect((await agent.get('/agents')).body.data).toMatchObject([{ id: mine.id }])
  expect((await member.patch(`/agents/${theirs.id}`, { name: 'stolen' })).status).toBe(404)
})

test('P52 a paused agent’s key is refused until it is resumed; a revoked agent takes its keys with it and stays revoked', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const { id } = (await owner.post('/agents', { name: 'bot' })).body
  const { secret, id: keyId } = (await owner.post('/keys', { kind: 'agt', agent_id: id })).body
  const agent = t.client({ bearer: secret })
  const change = async (state: string) => (await owner.patch(`/agents/${id}`, { state })).status
  expect(await change('paused')).toBe(200)
  expect((await agent.get('/agents')).body.code).toBe('forbidden')
  expect(await change('active')).toBe(200)
  expect((await agent.get('/agents')).status).toBe(200)

  expect(await change('revoked')).toBe(200)

  expect((await agent.get('/agents')).body.code).toBe('key_revoked')
  expect((await owner.get(`/keys/${keyId}`)).body.state).toBe('revoked')
  expect((await owner.patch(`/agents/${id}`, { state: 'active' })).body).toMatchObject({
    code: 'state_conflict',
    state: 'revoked',
  })
  expect((await owner.post('/keys', { kind: 'agt', agent_id: id })).body.code).toBe('state_conflict')
  expect((await t.eventTypes()).filter((type) => /^(agent|key)\./.test(type))).toEqual([
    'agent.created',
    'key.created',
    'agent.updated',
    'agent.updated',
    'agent.revoked',
    'key.revoked',
  ])
})

test('P52 a change says before and after; the same again is no change', async () => {
  const t = await identityHouse()
  const owner = await t.as('owner')
  const { id } = (await owner.post('/agents', { name: 'bot' })).body
  await owner.patch(`/agents/${id}`, { name: 'robot' })
  await owner.patch(`/agents/${id}`, { name: 'robot' })
  const rows = await t.admin.rows<{ body: string }>`select body from events where type = 'agent.updated'`
  expect(rows.map((row) => JSON.parse(row.body))).toMatchObject([
    { before: { name: 'bot' }, after: { name: 'robot' }, actor: { type: 'user', id: owner.id } },
  ])
})
