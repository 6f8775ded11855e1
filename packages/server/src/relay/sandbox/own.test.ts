// One person on both sides (relay.md R6): their own card as a caller, and what its policies ask decided by themselves, for a day and nowhere else.
import { expect, test } from 'vitest'
import { clientOf, type House, setup } from '#harness'
import { type Loose, relayAgent } from '../testing/relay.ts'

const CARD = {
  ...{ name: 'Mine', summary: 'Mine.', accepted_inputs: ['text/plain'], expected_outputs: ['text/plain'] },
  skills: [{ id: 'x', name: 'X', description: 'X.', tags: ['x'] }],
}
const ASKS = `@id("each") @ask("May {agent} say this?") permit (principal, action == Action::"thread.start", resource) when { context.direction == "in" };`

async function askAboutEach(house: House): Promise<void> {
  const { text } = (await house.alice.get('/api/v1/policies/active')).body
  const kept = text.replace(/@id\("relay-granted"\)[\s\S]*?;\n/, '')
  const made = await house.alice.post('/api/v1/policies', { text: `${kept}\n${ASKS}\n` })
  expect(made.status).toBe(201)
  expect((await house.alice.post(`/api/v1/policies/${made.body.version}/activate`, {})).status).toBe(200)
}

const open = async () => {
  const house = await setup()
  const agent = await relayAgent(house, house.alice, 'server')
  const card = await house.alice.post('/api/v1/cards', { ...CARD, slug: 'mine', agent_id: agent.id })
  expect(card.status).toBe(201)
  const tried = await house.alice.post('/api/v1/relay/sandbox', { agent: 'mine' })
  return { house, agent, card: card.body as Loose, tried, caller: clientOf(house.url, { bearer: tried.body.relay_token }) }
}

test('R6 a person calls their own agent, and approves themselves what its policies ask about', async () => {
  const { house, agent, tried, caller } = await open()
  expect([tried.status, tried.body]).toMatchObject([
    201,
    { agent: 'mine', relay_grant: { side: 'owner', sandbox: true, asker: { label: 'Try-out' } } },
  ])
  await askAboutEach(house)
  const started = await caller.post('/api/v1/agents/mine/threads', { text: 'hello' })
  expect([started.status, started.body.state]).toEqual([202, 'awaiting_approval'])
  const { task_id: id } = started.body.approval
  const { revision } = (await house.alice.get(`/api/v1/tasks/${id}`)).body
  const decided = await house.alice.post(`/api/v1/tasks/${id}/decide`, { type: 'accept', seen_revision: revision })
  expect(decided.status).toBe(200)
  const [claimed] = (await agent.post('/api/v1/agents/mine/inbox/claim', {})).body.data
  expect(claimed.message).toMatchObject({ parts: [{ text: 'hello' }], payload_hash: started.body.payload_hash })
})

test('R6 under any other relay grant the same person may not', async () => {
  const { house } = await open()
  await askAboutEach(house)
  const asking = await relayAgent(house, house.alice, 'asking')
  const asked = await asking.post('/api/v1/agents/mine/connection-requests', { purpose: 'To ask.' })
  expect(asked.status).toBe(201)
  const agreed = await house.bob.post(`/api/v1/connection-requests/${asked.body.id}/approve`, { issue: 'on_approve' })
  expect(agreed.status).toBe(200)
  const started = await asking.post('/api/v1/agents/mine/threads', { text: 'hello' })
  expect([started.status, started.body.state]).toEqual([202, 'awaiting_approval'])
  const { task_id: id } = started.body.approval
  const { revision } = (await house.alice.get(`/api/v1/tasks/${id}`)).body
  const decided = await house.alice.post(`/api/v1/tasks/${id}/decide`, { type: 'accept', seen_revision: revision })
  expect([decided.status, decided.body.code]).toEqual([403, 'separation_of_duties'])
})

test('R6 only one’s own card: not one of a colleague, not one elsewhere, whatever one’s role', async () => {
  const { house } = await open()
  for (const who of [house.bob, house.stranger]) {
    const other = await who.post('/api/v1/relay/sandbox', { agent: 'mine' })
    expect([other.status, other.body.code]).toEqual([404, 'not_found'])
  }
  expect((await house.alice.post('/api/v1/relay/sandbox', { agent: 'nobody' })).status).toBe(404)
})

test('R6 it ends after a day, whatever is done to it', async () => {
  const { house, tried } = await open()
  const { id, expires_at: until } = tried.body.relay_grant
  expect(new Date(until).getTime() - new Date(tried.body.relay_grant.created_at).getTime()).toBe(86_400_000)
  const own = await house.given.key({ kind: 'usr', name: 'alice', scopes: ['connection_requests:*', 'agents:*'] })
  await house.clock.advance('20m')
  const rotated = await house.alice.post(`/api/v1/relay-grants/${id}/rotate`, {})
  expect([rotated.status, rotated.body.expires_at]).toEqual([200, until])
  for (const ends_at of [null, new Date(new Date(until).getTime() + 1).toISOString()]) {
    const moved = await house.alice.patch(`/api/v1/relay-grants/${id}`, { ends_at })
    expect([moved.status, moved.body.errors?.[0].path]).toEqual([422, '/ends_at'])
  }
  await expect(
    house.admin.run`update relay_grants set expires_at = expires_at + interval '1 second', ends_at = null where id = ${id}`,
  ).rejects.toThrow('relay_grants_sandbox_day')
  await house.clock.advance('24h')
  const newest = clientOf(house.url, { bearer: rotated.body.relay_token })
  expect((await newest.post('/api/v1/agents/mine/threads', { text: 'late' })).body.code).toBe('key_expired')
  const owner = await house.given.user({ role: 'owner' })
  const renewed = await owner.post(`/api/v1/relay-grants/${id}/renew`, {})
  expect([renewed.status, renewed.body.code]).toEqual([409, 'grant_ended'])
  // By a key of their own, as their terminal has one.
  const again = await clientOf(house.url, { bearer: own.secret }).post('/api/v1/relay/sandbox', { agent: 'mine' })
  expect(again.status).toBe(201)
  expect(again.body.relay_grant.id).not.toBe(id)
})
