// The two builders (relay.md R1): from a card to a revoked relay grant in twelve calls of plain HTTP, each party with what it would really hold.
import { expect, test } from 'vitest'
import { relayAgent } from '../../packages/server/src/relay/testing/relay.ts'
import { clientOf, setup } from '../harness/index.ts'

const CARD = {
  name: 'Ada Travel',
  summary: 'Books trains.',
  skills: [{ id: 'book', name: 'Book', description: 'Books a train.', tags: ['travel'] }],
  accepted_inputs: ['text/plain'],
  expected_outputs: ['text/plain'],
  visibility: 'public',
}

test('R1 the two builders: twelve calls over plain HTTP, from a card that anybody reads to a relay grant that is revoked', async () => {
  const house = await setup()
  // (1) A and B have signed up, each in a tenant of their own, each with an agent.
  const ada = house.alice
  const adasAgent = await relayAgent(house, ada, 'travel-desk')
  const elsewhere = await house.given.tenant('Bea & Co')
  const bea = await house.given.user({ role: 'owner', tenantId: elsewhere })
  const beasAgent = await relayAgent(house, bea, 'planner', elsewhere)

  // (2) A saves a card.
  const saved = await ada.post('/api/v1/cards', { ...CARD, slug: 'ada-travel', agent_id: adasAgent.id })
  expect([saved.status, saved.body.version]).toEqual([201, 1])
  expect(saved.headers.get('etag')).toBeTruthy()
  // (3) Anybody reads it.
  const read = await fetch(saved.body.card_url)
  expect([read.status, ((await read.json()) as { name: string }).name]).toEqual([200, 'Ada Travel'])
  // (4) B starts a thread, and is told where to ask.
  const early = await beasAgent.post('/api/v1/agents/ada-travel/threads', { text: 'A train to Rome' })
  expect([early.status, early.body.code, early.body.request_state]).toEqual([403, 'approval_required', null])
  // (5) B asks there.
  const asked = await beasAgent.post(new URL(early.body.request_url).pathname, { purpose: 'Trips of our sales team' })
  expect([asked.status, asked.body.state]).toEqual([201, 'pending'])
  // (6) A finds it in the inbox, and approves; (7) the relay token appears in that one answer.
  const inbox = await ada.get('/api/v1/tasks?status=open')
  expect(inbox.body.data).toMatchObject([{ id: asked.body.task_url.split('/').at(-1) }])
  const approved = await ada.post(`/api/v1/connection-requests/${asked.body.id}/approve`, { issue: 'on_approve' })
  expect(approved.status).toBe(200)
  const token: string = approved.body.relay_token
  expect(token).toMatch(/^cs_live_rly_/)
  // (8) B starts a thread: 202 with ids and URLs that work.
  const withToken = clientOf(house.url, { bearer: token })
  const started = await withToken.post('/api/v1/agents/ada-travel/threads', { text: 'A train to Rome', skill: 'book' })
  expect([started.status, started.body.state]).toEqual([202, 'queued'])
  expect(started.headers.get('location')).toBe(started.body.links.inspect)
  // (9) B mints a thread token, and reads the thread.
  const at = (link: string) => link.slice(house.url.length)
  const minted = await beasAgent.post(at(started.body.links.access_tokens), {})
  expect([minted.status, minted.body.side]).toEqual([201, 'caller'])
  const reader = clientOf(house.url, { bearer: minted.body.thread_access_token })
  expect((await reader.get(at(started.body.links.inspect))).body).toMatchObject({ id: started.body.thread_id, turn: 'owner' })
  // (10) A's agent takes the message, and replies.
  const claimed = await adasAgent.post('/api/v1/agents/ada-travel/inbox/claim', {})
  const [work] = claimed.body.data
  expect(work.message).toMatchObject({ parts: [{ text: 'A train to Rome' }], payload_hash: started.body.payload_hash })
  const replied = await adasAgent.post(`/api/v1/threads/${work.thread.id}/responses`, {
    ...{ text: 'Tomorrow, 8:10', claim_token: work.claim_token },
  })
  expect([replied.status, replied.body.state]).toEqual([200, 'responded'])
  // (11) B reads the reply, and closes.
  const messages = (await reader.get(at(started.body.links.messages))).body.data
  expect(messages.at(-1)).toMatchObject({ side: 'owner', outcome: 'reply', parts: [{ text: 'Tomorrow, 8:10' }] })
  const closed = await reader.post(at(started.body.links.close), {})
  expect([closed.status, closed.body.state, closed.body.outcome]).toEqual([200, 'closed', 'completed'])
  // (12) A revokes, and B's next start fails.
  const revoked = await ada.post(`/api/v1/relay-grants/${approved.body.relay_grant.id}/revoke`, { reason: 'The season is over' })
  expect([revoked.status, revoked.body.state]).toEqual([200, 'revoked'])
  const late = await withToken.post('/api/v1/agents/ada-travel/threads', { text: 'Another' })
  expect([late.status, late.body.code]).toEqual([401, 'key_revoked'])
  // Nothing of the secret is anywhere but in the one answer.
  expect(JSON.stringify(await house.admin.rows`select * from events`)).not.toContain(token)
  expect(house.logs.join('\n')).not.toContain(token)
})
