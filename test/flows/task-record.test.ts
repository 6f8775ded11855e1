// What the record says of a task (T155): act by act, one event each, with who did it and in which request; and that nobody has written one without its act.
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { EVENT_TYPES } from '../../packages/server/src/events/types.ts'

/** The words of T155, and the events that they are. `rotas` are of a later version; whoever has one writes pools until then. */
const WORDS: Record<string, string[]> = {
  created: ['task.created'],
  replayed: ['task.replayed', 'task.replay_mismatch'],
  routed: ['task.routed', 'task.unrouted'],
  'notified or failed': ['task.notified', 'task.notice_failed', 'task.notice_resent'],
  viewed: ['task.viewed'],
  revealed: ['task.revealed'],
  claimed: ['task.claimed'],
  released: ['task.released'],
  reassigned: ['task.reassigned'],
  delegated: ['task.delegated'],
  reminded: ['task.reminded'],
  escalated: ['task.escalated'],
  commented: ['task.comment_added'],
  'sent back': ['task.sent_back'],
  revised: ['task.revised'],
  decided: ['task.decision_recorded', 'task.completed'],
  withdrawn: ['task.vote_withdrawn', 'task.cancelled'],
  verified: ['task.verified'],
  returned: ['task.returned'],
  overridden: ['task.overridden'],
  settled: ['task.completed', 'task.timed_out', 'task.cancelled', 'task.verification_exhausted'],
  outcome: ['task.outcome_reported', 'task.outcome_missing'],
  exported: ['task.exported'],
  erased: ['task.erased'],
  channels: ['mail_identity.created', 'mail_identity.updated', 'mail_identity.removed', 'slack.installed', 'slack.revoked'],
  verifiers: ['settings.changed'],
  pools: ['pool.created', 'pool.updated', 'pool.removed', 'routing.changed'],
  forms: ['form.stored', 'form.retired'],
  keys: ['key.created', 'key.rotated', 'key.revoked', 'settings.changed'],
}

const source = fileURLToPath(new URL('../../packages/server/src/', import.meta.url))
const written = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !/\.(test|fixture)\.ts$|testing\/|events\/types\.ts$/.test(name))
  .map((name) => readFileSync(source + name, 'utf8'))
  .join('\n')

test.each(Object.entries(WORDS))('T155 %s is an event that is known, and that some act writes', (_, types) => {
  for (const type of types) expect([type, type in EVENT_TYPES, written.includes(`'${type}'`)]).toEqual([type, true, true])
})

type Body = {
  type: string
  actor: { type: string; id: string; assurance: string | null }
  request_id: string | null
  data: Record<string, unknown>
}

/** What is told of this task by the system (notices, deadlines) comes when it comes; of people and agents in the order of their acts. */
const told = async ({ admin }: House, id: string): Promise<Body[]> => {
  const rows = await admin.rows<{
    body: string
  }>`select body from events where body::jsonb #>> '{resource,id}' = ${id} order by ord`
  return rows.map(({ body }) => JSON.parse(body) as Body).filter(({ actor }) => actor.type !== 'system')
}

const QUESTION = {
  task: 'Refund order 1042?',
  payload: { order: 1042 },
  redact: 'strict',
  response_schema: { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] },
  timeout_seconds: 7_200,
  idempotency_key: 'refund 1042',
  expect_outcome_seconds: 3_600,
}

test('T155 each act on a task is one event with who did it, and in which request', async () => {
  const house = await setup()
  const { agent, alice } = house
  const member = await house.given.user({ role: 'member', displayName: 'Mia' })
  const steps: [string, string][] = []
  const act = async (who: { id: string }, type: string, done: Promise<{ status: number; body: unknown }>) => {
    const { status, body } = await done
    expect([type, status, status < 300 ? null : body]).toEqual([type, status, null])
    steps.push([type, who.id])
    return body as { id: string; revision?: number }
  }
  const asked = { ...QUESTION, assign_to: { users: [alice.id, member.id] } }
  const created = await agent.post('/api/v1/tasks', asked)
  expect(created.status).toBe(201)
  const { id } = created.body
  const path = `/api/v1/tasks/${id}`
  steps.push(['task.created', house.agent.id], ['task.routed', house.agent.id])
  await act(house.agent, 'task.replayed', agent.post('/api/v1/tasks', asked))
  await act(member, 'task.viewed', member.get(path))
  // A second look is no second event.
  await member.get(path)
  await alice.get(path)
  await act(member, 'task.revealed', member.post(`${path}/reveal`, {}))
  await act(member, 'task.claimed', member.post(`${path}/claim`, {}))
  await act(member, 'task.released', member.post(`${path}/release`, {}))
  await act(alice, 'task.comment_added', alice.post(`${path}/comments`, { body: 'Which customer?', audience: 'humans' }))
  await act(
    alice,
    'task.reassigned',
    alice.post(`${path}/reassign`, { assign_to: { user_id: member.id }, reason: 'She knows them.' }),
  )
  // Why somebody else has it now, and why the agent has, is said among the comments.
  steps.push(['task.comment_added', alice.id])
  await act(member, 'task.sent_back', member.post(`${path}/send-back`, { comment: 'Say which customer.' }))
  steps.push(['task.comment_added', member.id])
  await act(
    house.agent,
    'task.revised',
    agent.post(`${path}/revisions`, { payload: { order: 1042, customer: 7 }, note: 'Which customer it is.' }),
  )
  const answer = { type: 'respond', response: { approved: true }, seen_revision: 2 }
  await act(member, 'task.completed', member.post(`${path}/decide`, answer))
  await act(house.agent, 'task.outcome_reported', agent.post(`${path}/outcome`, { status: 'succeeded', detail: 'done' }))
  await act(alice, 'task.erased', alice.delete(path))

  const events = await told(house, id)
  expect(events.map(({ type, actor }) => [type, actor.id])).toEqual(steps)
  for (const { type, actor, request_id } of events) {
    expect([type, typeof request_id]).toEqual([type, 'string'])
    // People by their session, the agent by its key.
    expect([type, actor.type]).toEqual([type, actor.id === house.agent.id ? 'agent' : 'user'])
  }
  const settled = events.find(({ type }) => type === 'task.completed')
  expect(settled).toMatchObject({ data: { channel: 'dashboard' }, actor: { assurance: expect.any(String) } })
  // Content never gets in.
  expect(JSON.stringify(events)).not.toMatch(/Which customer|knows them|1042/)
})

test('T155 T23 T95 what is asked again with other content, and what names nobody, is told as what it is', async () => {
  const house = await setup()
  const plain = { ...QUESTION, assign_to: undefined, redact: undefined }
  const { id } = (await house.agent.post('/api/v1/tasks', plain)).body
  const other = await house.agent.post('/api/v1/tasks', { ...plain, task: 'Refund order 1043?' })
  expect(other.status).toBe(422)
  expect((await told(house, id)).map(({ type }) => type)).toEqual(['task.created'])
})
