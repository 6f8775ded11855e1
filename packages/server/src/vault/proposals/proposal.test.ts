// Connections that agents ask people for (V15): asked once, narrowed, accepted by who may, and then that person's own authorization.
import { expect, test } from 'vitest'
import { newId } from '../../std/id.ts'
import { giveClient, oauthProvider } from '../authorizations/testing/provider.ts'
import { openVault } from '../testing/vault.ts'

const PATH = '/api/v1/connection-proposals'

async function opened() {
  const vault = await openVault()
  const { house } = vault
  await vault.define(oauthProvider({ origin: 'https://acme.example' }))
  await giveClient(house, 'acme')
  const propose = (own: object = {}) =>
    house.agent.post(PATH, { provider: 'acme', name: 'work', scopes: ['read', 'write'], reason: 'To file issues', ...own })
  const read = async (id: string) => (await house.agent.get(`${PATH}/${id}`)).body
  const told = async () => (await house.eventTypes()).filter((type) => /^(connection|authorization)\./.test(type))
  return { ...vault, propose, read, told }
}

test('V15 an agent proposes a new connection: people are asked once, the same joins, and grants count among the twenty that wait', async () => {
  const { house, propose, read, connect } = await opened()
  const first = await propose()
  expect([first.status, first.body.status, first.body.agent_id]).toEqual([201, 'proposed', house.agent.id])
  expect(Date.parse(first.body.expires_at) - Date.parse(first.body.created_at)).toBe(7 * 86_400_000)
  const again = await propose({ scopes: ['write', 'read'], reason: 'said otherwise' })
  expect([again.status, again.body.id]).toEqual([200, first.body.id])
  const shared = await connect({ belongs: { shared: true } })
  expect((await house.agent.post('/api/v1/grants', { connection_id: shared.id, rules: [{ effect: 'allow' }] })).status).toBe(201)
  for (let n = 2; n < 20; n++) expect((await propose({ name: `n${n}` })).status).toBe(201)
  expect((await propose({ name: 'one-more' })).body).toMatchObject({ code: 'too_many_open' })
  expect((await house.agent.post('/api/v1/grants', { connection_id: shared.id, rules: [{ effect: 'ask' }] })).body).toMatchObject(
    {
      code: 'too_many_open',
    },
  )
  await house.runJobs()
  const task = (await house.alice.get(`/api/v1/tasks/${(await read(first.body.id)).task_id}`)).body
  expect(task.task).toBe('refund-bot asks for a connection to acme')
  expect(task.payload).toMatchObject({
    provider: 'acme',
    connection: 'work',
    scopes: ['read', 'write'],
    reason: 'To file issues',
  })
})

test('V15 what is no provider, no method or no parameter of one is refused; people do not propose, agents do not accept, and others see nothing', async () => {
  const { house, propose } = await opened()
  expect((await propose({ provider: 'nothing-such' })).status).toBe(404)
  expect((await propose({ method: 'aws' })).body.errors).toMatchObject([{ path: '/method' }])
  expect((await propose({ params: { region: 'eu' } })).body.errors).toMatchObject([{ path: '/params/region' }])
  expect((await propose({ name: 'No Name' })).body.errors).toMatchObject([{ path: '/name' }])
  expect((await house.alice.post(PATH, { provider: 'acme', reason: 'x' })).status).toBe(403)
  const { id } = (await propose()).body
  expect((await house.agent.post(`${PATH}/${id}/accept`, {})).status).toBe(403)
  expect((await house.agent.post(`${PATH}/${id}/reject`, {})).status).toBe(403)
  const member = await house.member.person()
  for (const at of [`${PATH}/${id}`, `${PATH}/${newId('prp')}`]) {
    expect((await house.stranger.get(at)).status).toBe(404)
    expect((await member.get(at)).status).toBe(404)
    expect((await member.post(`${at}/accept`, {})).status).toBe(404)
  }
})

test('V15 a person narrows a proposal and accepts it: the link is theirs, names the agent, and what comes of it stands in the proposal', async () => {
  const { house, propose, read, told } = await opened()
  const { id } = (await propose()).body
  await house.runJobs()
  const { task_id } = await read(id)
  const wider = await house.alice.post(`${PATH}/${id}/accept`, { scopes: ['read', 'admin'] })
  expect([wider.status, wider.body.errors]).toMatchObject([422, [{ path: '/scopes/1', code: 'wider' }]])
  const link = await house.alice.post(`${PATH}/${id}/accept`, { scopes: ['read'], name: 'narrow' })
  expect(link.status).toBe(201)
  expect(link.body).toMatchObject({
    provider: 'acme',
    connection_name: 'narrow',
    owner_id: house.alice.id,
    next_action: 'open_url',
  })
  expect(link.body.connect_url).toMatch(/\/connect\/atz_[0-9A-Z]{26}#/)
  expect(await read(id)).toMatchObject({
    status: 'accepted',
    decided_by: house.alice.id,
    authorization_id: link.body.authorization_id,
  })
  const kept = await house.admin.one`select scopes, agent_id, owner from authorizations where id = ${link.body.authorization_id}`
  expect(kept).toEqual({ scopes: ['read'], agent_id: house.agent.id, owner: house.alice.id })
  // A link lives for minutes, so there is another, and the question is gone.
  const another = await house.alice.post(`${PATH}/${id}/accept`, {})
  expect(another.body.authorization_id).not.toBe(link.body.authorization_id)
  expect((await house.alice.get(`/api/v1/tasks/${task_id}`)).body.status).toBe('cancelled')
  expect((await house.alice.post(`${PATH}/${id}/reject`, {})).status).toBe(409)
  expect((await told()).filter((type) => type.startsWith('connection.'))).toEqual([
    'connection.proposed',
    'connection.proposal_accepted',
  ])
})

test('V15 a yes to the question accepts it for whoever may connect, a no refuses it, and after seven days it is over', async () => {
  const { house, propose, read, told } = await opened()
  const ids = [(await propose()).body.id, (await propose({ name: 'second' })).body.id, (await propose({ name: 'third' })).body.id]
  await house.runJobs()
  const decide = async (id: string, approve: boolean) => {
    const { task_id } = await read(id)
    const task = (await house.alice.get(`/api/v1/tasks/${task_id}`)).body
    const done = await house.alice.post(`/api/v1/tasks/${task_id}/decide`, {
      ...{ type: 'respond', response: { approve }, seen_revision: task.revision ?? 1 },
    })
    expect(done.status).toBe(200)
  }
  await decide(ids[0], true)
  await decide(ids[1], false)
  await house.clock.advance('3s')
  await house.runJobs()
  expect(await read(ids[0])).toMatchObject({ status: 'accepted', authorization_id: null, decided_by: house.alice.id })
  expect(await read(ids[1])).toMatchObject({ status: 'rejected' })
  expect((await house.alice.post(`${PATH}/${ids[0]}/accept`, {})).status).toBe(201)
  await house.clock.advance('169h')
  await house.runJobs()
  expect(await read(ids[2])).toMatchObject({ status: 'expired' })
  expect((await told()).filter((type) => type.startsWith('connection.proposal_'))).toEqual([
    ...['connection.proposal_accepted', 'connection.proposal_rejected', 'connection.proposal_rejected'],
  ])
})
