// Answers before the policies and people of the caller's side (relay.md R80).
import { expect, test } from 'vitest'
import type { Person } from '#harness'
import { type Loose, openRelay, type RelayTest } from '../testing/relay.ts'

const PEOPLE = '@id("people") permit (principal is User, action, resource);'
const LEAVES =
  '@id("leaves") permit (principal is Agent, action, resource) unless { context has direction && context.direction == "in" };'
const comes = (how: string) =>
  `@id("comes") ${how} (principal is Agent, action == Action::"thread.respond", resource) when { context.direction == "in" && context has peer && context.peer.external };\n${LEAVES}\n${PEOPLE}`
const ASKS = comes('@ask("May {connection} answer us?") @expires("10m") permit')

async function activate(owner: Pick<Person, 'post'>, text: string): Promise<void> {
  const saved = await owner.post('/api/v1/policies', { text })
  expect([saved.status, saved.body.errors]).toEqual([201, []])
  expect((await owner.post(`/api/v1/policies/${saved.body.version}/activate`, {})).status).toBe(200)
}
type Held = RelayTest & { threadId: string; reply: Loose; taskId: string; seen(): Promise<Loose> }
async function held(body: Record<string, unknown> = { text: 'done' }): Promise<Held> {
  const relay = await openRelay()
  await activate(relay.bea, ASKS)
  const { thread_id: threadId } = (await relay.start({ text: 'hello' })).body
  await relay.claim()
  const { status, body: reply } = await relay.respond(threadId, body)
  expect([status, reply.state, reply.reason, reply.approval.side]).toEqual([202, 'waiting_owner', 'reply_held', 'caller'])
  const seen = async () => (await relay.caller.get(`/api/v1/threads/${threadId}`)).body
  return { ...relay, threadId, reply, taskId: reply.approval.task_id, seen }
}
const decide = ({ bea, taskId }: Held, type: string) =>
  bea.post(`/api/v1/tasks/${taskId}/decide`, { type, seen_revision: 1, ...(type === 'deny' ? { reason: 'no' } : {}) })
const said = async ({ caller, threadId }: Held): Promise<Loose[]> =>
  (await caller.get(`/api/v1/threads/${threadId}/messages`)).body.data.filter(({ side }: Loose) => side === 'owner')

test('R80 an answer that the caller’s policies ask about is a task there; the caller sees WORKING until it is let in, as it was', async () => {
  const relay = await held({ outcome: 'completed', text: 'done' })
  expect(await relay.seen()).toMatchObject({ state: 'waiting_owner', approval: null })
  expect(await said(relay)).toEqual([])
  const task = (await relay.bea.get(`/api/v1/tasks/${relay.taskId}`)).body
  expect(task).toMatchObject({
    ...{ origin: 'relay', task: `May ${relay.card.slug} answer us?` },
    action: { name: 'thread.respond', args: { parts: [{ text: 'done' }] }, editable: [] },
    payload: { thread_id: relay.threadId },
  })
  expect((await relay.respond(relay.threadId, { text: 'again' })).body.code).toBe('state_conflict')
  expect((await decide(relay, 'accept')).status).toBe(200)
  expect(await relay.seen()).toMatchObject({ state: 'closed', outcome: 'completed' })
  expect((await said(relay)).map(({ parts }) => parts)).toEqual([[{ text: 'done' }], [{ text: 'done' }]])
  const [decided] = (await relay.bea.get('/api/v1/events?type=approval.decided')).body.data
  expect(decided.data).toMatchObject({ decision: 'agreed', side: 'caller', asked_hash: task.payload.payload_hash })
})

test.each([
  ['refused by people', 'approval_denied', (relay: Held) => decide(relay, 'deny')],
  [
    'left unanswered',
    'approval_timeout',
    async ({ house }: Held) => {
      await house.clock.advance('601s')
      await house.runJobs()
    },
  ],
  [
    'denied by now',
    'policy_denied',
    async (relay: Held) => {
      await activate(relay.bea, comes('forbid'))
      await decide(relay, 'accept')
    },
  ],
] as const)('R80 an answer that is %s is refused, and its thread has failed', async (_, reason, end) => {
  const relay = await held()
  await end(relay)
  expect(await relay.seen()).toMatchObject({ state: 'failed', reason: 'reply_refused' })
  expect(await said(relay)).toEqual([])
  const own = (await relay.server.get(`/api/v1/threads/${relay.threadId}/messages/${relay.reply.message_id}`)).body
  expect(own).toMatchObject({ state: 'refused', parts: [{ text: 'done' }] })
  const [decided] = (await relay.bea.get('/api/v1/events?type=approval.decided')).body.data
  expect(decided.data).toMatchObject({ reason })
})

test('R80 an answer that the caller’s policies deny is refused at once, and told on the caller’s record', async () => {
  const relay = await openRelay()
  await activate(relay.bea, comes('forbid'))
  const { thread_id: id } = (await relay.start({ text: 'hello' })).body
  const { status, body } = await relay.respond(id, { text: 'done' })
  expect([status, body.state, body.reason]).toEqual([200, 'failed', 'reply_refused'])
  expect((await relay.caller.get(`/api/v1/threads/${id}/messages`)).body.data.length).toBe(1)
  const [told] = (await relay.bea.get('/api/v1/events?type=thread.refused')).body.data
  expect(told).toMatchObject({
    data: { direction: 'in', action: 'thread.respond', thread_id: id },
    decision: { policy_ids: ['comes'] },
  })
})

test('R80 what both sides ask about is asked at the owner’s first, and what its people edited is what the other side’s see', async () => {
  const relay = await openRelay()
  await activate(relay.bea, ASKS)
  await activate(
    relay.house.bob,
    `@id("in") permit (principal is Agent, action in [Action::"thread.start", Action::"thread.send"], resource);
@id("answers") @ask("May we answer this?") permit (principal is Agent, action == Action::"thread.respond", resource);\n@id("serve") permit (principal is Agent, action in [Action::"thread.serve", Action::"thread.read"], resource);\n${PEOPLE}`,
  )
  const { thread_id: id } = (await relay.start({ text: 'hello' })).body
  const first = (await relay.respond(id, { text: 'drafted' })).body.approval
  expect(first.side).toBe('owner')
  const edit = { type: 'edit', args: { parts: [{ text: 'edited' }] }, seen_revision: 1 }
  expect((await relay.house.bob.post(`/api/v1/tasks/${first.task_id}/decide`, edit)).status).toBe(200)
  const [task] = (await relay.bea.get('/api/v1/tasks?origin=relay')).body.data
  expect((await relay.bea.get(`/api/v1/tasks/${task.id}`)).body.action.args).toEqual({ parts: [{ text: 'edited' }] })
  expect((await relay.caller.get(`/api/v1/threads/${id}`)).body.state).toBe('waiting_owner')
  expect((await relay.bea.post(`/api/v1/tasks/${task.id}/decide`, { type: 'accept', seen_revision: 1 })).status).toBe(200)
  const messages = (await relay.caller.get(`/api/v1/threads/${id}/messages`)).body.data as Loose[]
  expect(messages.filter(({ side }) => side === 'owner').map(({ parts }) => parts[0].text)).toEqual(['edited', 'edited'])
})

test('R80 T14 an answer that waits there ends with its thread', async () => {
  const relay = await held()
  expect((await relay.caller.post(`/api/v1/threads/${relay.threadId}/close`, {})).status).toBe(200)
  expect((await relay.bea.get(`/api/v1/tasks/${relay.taskId}`)).body.status).toBe('cancelled')
  expect((await relay.server.get(`/api/v1/threads/${relay.threadId}/messages/${relay.reply.message_id}`)).body.state).toBe(
    'withdrawn',
  )
  expect(await said(relay)).toEqual([])
})
