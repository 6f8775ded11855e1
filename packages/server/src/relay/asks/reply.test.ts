// Answers of the owner's side before its own policies (relay.md R80), and the facts that policies read of messages (R74).
import { expect, test } from 'vitest'
import type { Person } from '#harness'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

const POLICY = `@id("in") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource);
@id("serve") permit (principal is Agent, action in [Action::"thread.serve", Action::"thread.read"], resource);
@id("answers") @ask("May we answer this?") permit (principal is Agent, action == Action::"thread.respond", resource);
@id("people") permit (principal is User, action, resource);`

async function activate(owner: Pick<Person, 'post'>, text: string): Promise<void> {
  const saved = await owner.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}
type Held = RelayTest & { threadId: string; taskId: string; reply: Loose; seen(): Promise<Loose[]> }
async function held(): Promise<Held> {
  const relay = await openRelay()
  await activate(relay.house.bob, POLICY)
  const { thread_id: threadId, thread_access_token: token } = (await relay.start({ text: 'hello', want_thread_token: true })).body
  await relay.claim()
  const { status, body: reply } = await relay.respond(threadId, { text: 'as drafted' })
  expect([status, reply.state, reply.reason, reply.sequence]).toEqual([202, 'waiting_owner', 'reply_held', null])
  const seen = async () => (await relay.bearer(token).get(`/api/v1/threads/${threadId}/messages`)).body.data
  return { ...relay, threadId, reply, taskId: reply.approval.task_id, seen }
}
const decide = ({ house, taskId }: Held, body: object) =>
  house.bob.post(`/api/v1/tasks/${taskId}/decide`, { seen_revision: 1, ...body })

test('R80 §12.20 a held reply: the caller sees WORKING and then the edited one; both hashes stand on the owner’s record alone', async () => {
  const relay = await held()
  expect((await relay.seen()).map(({ side }) => side)).toEqual(['caller'])
  expect((await relay.caller.get(`/api/v1/threads/${relay.threadId}/messages/${relay.reply.message_id}`)).status).toBe(404)
  expect((await relay.respond(relay.threadId, { text: 'again' })).body.code).toBe('state_conflict')
  const task = (await relay.house.bob.get(`/api/v1/tasks/${relay.taskId}`)).body
  expect(task).toMatchObject({
    origin: 'relay',
    action: { name: 'thread.respond', args: { parts: [{ text: 'as drafted' }] }, editable: ['/parts'] },
  })
  expect((await decide(relay, { type: 'edit', args: { parts: [{ text: 'as edited' }] } })).status).toBe(200)
  const replies = (await relay.seen()).filter(({ side }) => side === 'owner')
  expect(replies.map(({ parts }) => parts)).toEqual([[{ text: 'as edited' }], [{ text: 'as edited' }]])
  expect(await relay.thread(relay.threadId)).toMatchObject({ state: 'responded', turn: 'caller' })
  const [decided] = (await relay.house.bob.get('/api/v1/events?type=approval.decided')).body.data
  expect(decided.data).toMatchObject({
    decision: 'agreed',
    asked_hash: task.payload.payload_hash,
    edited_hash: replies[1].payload_hash,
  })
  const told = (await relay.caller.get(`/api/v1/threads/${relay.threadId}/events?limit=100`)).body.data as Loose[]
  expect(JSON.stringify(told)).not.toContain(task.payload.payload_hash)
  expect(told.map(({ sequence }) => sequence)).toEqual(told.map((_, i) => i + 1))
})

test('R80 a refused reply reaches nobody, and the owner’s agent may answer otherwise', async () => {
  const relay = await held()
  expect((await decide(relay, { type: 'deny', reason: 'not like this' })).status).toBe(200)
  expect((await relay.seen()).map(({ side }) => side)).toEqual(['caller'])
  expect(await relay.thread(relay.threadId)).toMatchObject({ state: 'waiting_owner', reason: null })
  expect((await relay.respond(relay.threadId, { text: 'better' })).status).toBe(202)
})

test('R80 a reply that waits ends with its thread', async () => {
  const relay = await held()
  expect((await relay.caller.post(`/api/v1/threads/${relay.threadId}/close`, {})).status).toBe(200)
  expect((await relay.house.bob.get(`/api/v1/tasks/${relay.taskId}`)).body.status).toBe('cancelled')
  expect((await decide(relay, { type: 'accept' })).status).toBe(409)
  expect((await relay.seen()).map(({ side }) => side)).toEqual(['caller'])
})

test('R75 a reply that policy denies is 403 and leaves nothing but the attempt', async () => {
  const relay = await openRelay()
  await activate(relay.house.bob, POLICY.replace('@ask("May we answer this?") permit', 'forbid'))
  const { thread_id: id } = (await relay.start({ text: 'hello' })).body
  const { status, body } = await relay.respond(id, { text: 'no' })
  expect([status, body.code]).toEqual([403, 'policy_denied'])
  expect((await relay.thread(id)).state).toBe('queued')
  const [told] = (await relay.house.bob.get('/api/v1/events?type=thread.refused')).body.data
  expect(told.data).toMatchObject({ action: 'thread.respond', thread_id: id })
})

test('R74 facts that a card declares are what policies read, and a fact has one type', async () => {
  const relay = await openRelay()
  const { house } = relay
  const facts = [
    { name: 'urgent', pointer: '/urgent', type: 'bool', required: true },
    { name: 'region', pointer: '/region', type: 'word', values: ['eu', 'us'] },
  ]
  const skills = [{ id: 'ship', name: 'Ship', description: 'Ships.', tags: ['test'], facts }]
  const card = await relay.makeCard({ content: { skills } })
  const { token } = await relay.makeGrant({ card })
  await activate(
    house.bob,
    `@id("eu") permit (principal is Agent, action == Action::"thread.start", resource) when { context.facts has region && context.facts.region == "eu" && context.facts has urgent && !context.facts.urgent };
@id("people") permit (principal is User, action, resource);`,
  )
  const start = (data: object) => relay.start({ data, skill: 'ship' }, { card, token })
  expect((await start({ urgent: false, region: 'eu' })).status).toBe(202)
  expect((await start({ urgent: false, region: 'us' })).body.code).toBe('policy_denied')
  expect((await start({ urgent: 'false' })).body.errors).toMatchObject([{ path: '/data/urgent' }])
  expect((await start({ urgent: false, region: 'asia' })).status).toBe(422)
  const clash = await house.alice.post('/api/v1/cards', {
    ...{
      slug: 'other-ship',
      name: 'Other',
      summary: 'Ships.',
      accepted_inputs: ['application/json'],
      expected_outputs: ['text/plain'],
    },
    skills: [{ ...skills[0], facts: [{ name: 'urgent', pointer: '/u', type: 'long' }] }],
  })
  expect([clash.status, clash.body.errors]).toMatchObject([422, [{ path: '/skills/0/facts/0/type', code: 'fact_clash' }]])
})
