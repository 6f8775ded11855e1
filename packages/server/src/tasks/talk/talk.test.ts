import { expect, test } from 'vitest'
import { type Client, type House, setup } from '#harness'
import { answer, errorsOf, REFUND } from '../tasks.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const comment = (by: Client, id: unknown, body: string, more: object = {}) => by.post(at(id, 'comments'), { body, ...more })
const bodies = async (by: Client, id: unknown) =>
  (await by.get(at(id, 'comments'))).body.data.map((one: { body: string }) => one.body)
const events = async (house: House, type: string) => (await house.eventTypes()).filter((one) => one === type).length

test('T52 people and the agent talk about a task; what is said to humans reaches no agent, neither as text nor as an event', async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  const first = await comment(house.alice, id, 'Which parcel?')
  expect([first.status, first.body]).toMatchObject([
    201,
    { task_id: id, revision: 1, audience: 'all', purpose: 'comment', channel: 'dashboard', body: 'Which parcel?' },
  ])
  expect(first.body.author).toEqual({ type: 'user', id: house.alice.id, display_name: 'Alice' })
  await comment(house.agent, id, 'The second one.')
  await comment(house.bob, id, 'I do not trust this.', { audience: 'humans' })
  expect(await bodies(house.alice, id)).toEqual(['Which parcel?', 'The second one.', 'I do not trust this.'])
  expect(await bodies(house.agent, id)).toEqual(['Which parcel?', 'The second one.'])
  const told = async (by: Client) =>
    (await by.get(at(id, 'record'))).body.data.filter((one: { type: string }) => one.type === 'task.comment_added').length
  expect([await told(house.alice), await told(house.agent)]).toEqual([3, 2])
  expect((await house.alice.get(at(id))).body).toMatchObject({
    comment_count: 3,
    version: 4,
    may: expect.arrayContaining(['comment']),
  })
  expect((await comment(house.agent, id, 'psst', { audience: 'humans' })).status).toBe(422)
})

test('T52 comments stand in envelopes, in pages, and at most 500 on one task, also when several come at once', async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  for (const word of ['one', 'two', 'three']) await comment(house.alice, id, `canary-${word}`)
  const stored = await house.admin.rows<{ body: Buffer }>`select body from comments`
  expect(stored.map(({ body }) => body.includes('canary'))).toEqual([false, false, false])
  const page = (await house.alice.get(at(id, 'comments?limit=2'))).body
  const rest = (await house.alice.get(at(id, `comments?limit=2&cursor=${page.next_cursor}`))).body
  expect([page.data.length, rest.data.map((one: { body: string }) => one.body), rest.next_cursor]).toEqual([
    2,
    ['canary-three'],
    null,
  ])
  await house.admin.run`update tasks set comment_count = 498`
  const answers = await Promise.all([1, 2, 3, 4].map((n) => comment(house.bob, id, `last ${n}`)))
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 201, 409, 409])
  for (const body of ['', ' ', 'x'.repeat(10_001)]) expect((await comment(house.alice, id, body)).status).toBe(422)
})

test('T15 an answer that came too late is refused and can be kept as a comment', async () => {
  const house = await setup()
  const { id } = await house.given.task({ ...REFUND, timeout_seconds: 60 })
  await house.clock.advance('61s')
  const late = await house.alice.post(at(id, 'decide'), answer())
  expect([late.status, late.body.code]).toEqual([409, 'task_not_open'])
  const kept = await comment(house.alice, id, 'I would have said yes.', { purpose: 'late_answer' })
  expect([kept.status, kept.body.purpose]).toEqual([201, 'late_answer'])
  await house.runJobs()
  expect((await house.alice.get(at(id))).body).toMatchObject({ status: 'timed_out', response: null, comment_count: 1 })
})

test('T53 A13 sent back with a comment and revised: earlier votes are void, and a decision on the old revision is refused', async () => {
  const house = await setup()
  const { id } = await house.given.task(REFUND)
  const sent = await house.alice.post(at(id, 'send-back'), { comment: 'Name the customer.', seen_revision: 1 })
  expect([sent.status, sent.body]).toMatchObject([200, { status: 'revising', revision: 1, comment_count: 1 }])
  expect(sent.body.revising_at).not.toBeNull()
  expect((await house.alice.post(at(id, 'decide'), answer())).body.code).toBe('task_not_open')
  expect((await house.agent.get(at(id, 'comments'))).body.data).toMatchObject([
    { purpose: 'sent_back', body: 'Name the customer.' },
  ])
  await house.admin.run`
    insert into decisions (id, tenant_id, task_id, user_id, display_name, type, seen_revision, state, stepped_in, channel, assurance, actor_id,
      content_sha256, decision_sha256, decided_at)
    select 'dec_0' || substr(id, 7), tenant_id, id, ${house.bob.id}::text, 'Bob', 'respond', 1, 'counted', false, 'dashboard', 'session',
      ${house.bob.id}::text, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), now() from tasks`
  const revised = await house.agent.post(at(id, 'revisions'), {
    payload: { order: 1042, amount: 240, currency: 'EUR', customer: 'Ann' },
    note: 'Added who it is for.',
  })
  expect([revised.status, revised.body]).toMatchObject([201, { status: 'open', revision: 2, payload: { customer: 'Ann' } }])
  expect(revised.body.decisions).toMatchObject([{ state: 'void' }])
  const stale = await house.alice.post(at(id, 'decide'), answer())
  expect([stale.status, stale.body.code, stale.body.revision]).toEqual([409, 'task_revised', 2])
  expect((await house.alice.get(at(id, 'revisions'))).body.data).toMatchObject([
    {
      revision: 2,
      note: 'Added who it is for.',
      changed: ['/payload/customer'],
      before: { payload: REFUND.payload },
      revised_by: house.agent.id,
    },
  ])
  expect((await house.alice.post(at(id, 'decide'), answer({ approved: true }, { seen_revision: 2 }))).status).toBe(200)
  expect((await house.eventTypes()).filter((type) => type.startsWith('task.'))).toEqual([
    ...['task.created', 'task.sent_back', 'task.comment_added', 'task.revised', 'task.completed'],
  ])
})

test('T53 numbers keep their digits through a revision, and what did not change is refused', async () => {
  const house = await setup()
  const { id } = await house.given.task({ ...REFUND, description: 'before' })
  const same = await house.agent.post(at(id, 'revisions'), { payload: REFUND.payload, note: 'again' })
  expect([same.status, errorsOf(same.body)]).toEqual([422, [' nothing_changed']])
  expect((await house.agent.post(at(id, 'revisions'), { note: 'nothing' })).status).toBe(422)
  const text = `{"description":"after","payload":{"amount":12345678901234567890.10},"note":"exact"}`
  const response = await house.agent.raw(at(id, 'revisions'), { method: 'POST', body: text })
  expect([response.status, await response.text()]).toEqual([201, expect.stringContaining('"amount":12345678901234567890.10')])
  expect((await house.alice.get(at(id, 'revisions'))).body.data[0].changed).toEqual([
    ...['/description', '/payload/amount', '/payload/currency', '/payload/order'],
  ])
})

test('T53 of a decision and a send-back at once one wins, and twenty revisions are the most', async () => {
  const house = await setup()
  const both = await house.given.task(REFUND)
  const [decided, sent] = await Promise.all([
    house.alice.post(at(both.id, 'decide'), answer()),
    house.bob.post(at(both.id, 'send-back'), { comment: 'wait' }),
  ])
  expect([decided.status, sent.status].sort()).toEqual([200, 409])
  const { id } = await house.given.task(REFUND)
  const revise = (n: number) => house.agent.post(at(id, 'revisions'), { payload: { n }, note: `${n}` })
  for (let n = 1; n <= 20; n++) expect((await revise(n)).status).toBe(201)
  expect([(await revise(21)).body.code, (await house.alice.get(at(id))).body.revision]).toEqual(['state_conflict', 21])
  expect((await house.alice.post(at(id, 'send-back'), { comment: 'more' })).body.code).toBe('state_conflict')
})

test('T53 the deadline runs on while the agent revises, and rests where the task says so', async () => {
  const house = await setup()
  const runs = await house.given.task({ ...REFUND, timeout_seconds: 600 })
  const rests = (await house.given.task({ ...REFUND, timeout_seconds: 600, pause_while_revising: true })) as unknown as {
    id: string
    deadline_at: string
  }
  for (const { id } of [runs, rests]) expect((await house.alice.post(at(id, 'send-back'), { comment: 'more' })).status).toBe(200)
  await house.clock.advance('15m')
  await house.runJobs()
  expect((await house.alice.get(at(runs.id))).body.status).toBe('timed_out')
  expect((await house.alice.get(at(rests.id))).body.status).toBe('revising')
  const revised = await house.agent.post(at(rests.id, 'revisions'), { payload: { better: true }, note: 'done' })
  expect(revised.body.status).toBe('open')
  const moved = Date.parse(revised.body.deadline_at) - Date.parse(rests.deadline_at)
  expect(moved).toBeGreaterThanOrEqual(15 * 60_000)
  await house.clock.advance('11m')
  await house.runJobs()
  expect((await house.alice.get(at(rests.id))).body.status).toBe('timed_out')
})

test('T53 a payload that its own schema refuses is no revision; a task of a person cannot be sent back', async () => {
  const house = await setup()
  const payload_schema = { type: 'object', properties: { order: { type: 'integer' } }, required: ['order'] }
  const { id } = await house.given.task({ ...REFUND, payload_schema })
  const wrong = await house.agent.post(at(id, 'revisions'), { payload: { order: 'x' }, note: 'no' })
  expect([wrong.status, wrong.body.code]).toEqual([422, 'payload_invalid'])
  expect((await house.alice.get(at(id))).body.revision).toBe(1)
  const own = await house.given.task(REFUND, house.alice)
  expect((await house.bob.post(at(own.id, 'send-back'), { comment: 'no' })).body.code).toBe('state_conflict')
  expect((await house.alice.post(at(own.id, 'revisions'), { payload: { a: 1 }, note: 'no' })).status).toBe(403)
  expect((await house.agent.post(at(id, 'send-back'), { comment: 'no' })).body.code).toBe('agent_may_not_decide')
})

test('T53 T8 a revised action is checked as a new one, and a policy that forbids it forbids the revision too', async () => {
  const house = await setup()
  const action = { name: 'refund', args: { amount: 10 } }
  const { id } = await house.given.task({ task: 'Refund?', action, payload: undefined, response_schema: undefined })
  const revise = (more: object) => house.agent.post(at(id, 'revisions'), { note: 'other', ...more })
  const args_schema = { type: 'object', properties: { amount: { type: 'integer', maximum: 5 } } }
  expect((await revise({ action: { ...action, args_schema } })).body.code).toBe('args_invalid')
  const revised = await revise({ action: { name: 'refund', args: { amount: 20 } } })
  expect([revised.status, revised.body.action.args, revised.body.revision]).toEqual([201, { amount: 20 }, 2])
  expect((await house.alice.get(at(id, 'revisions'))).body.data).toMatchObject([
    { changed: ['/action/args/amount'], before: { action } },
  ])
  const plain = await house.given.task(REFUND)
  expect((await house.agent.post(at(plain.id, 'revisions'), { action, note: 'no' })).status).toBe(422)
})

test('T54 the agent tells once what became of an answer; where it is expected, its absence is told once', async () => {
  const house = await setup()
  const make = async (more: object) => (await house.given.task({ ...REFUND, ...more })).id
  const [told, missed, quiet] = [
    await make({ expect_outcome_seconds: 600 }),
    await make({ expect_outcome_seconds: 600 }),
    await make({}),
  ]
  const report = (id: string, more: object = {}) =>
    house.agent.post(at(id, 'outcome'), { status: 'succeeded', detail: 'refunded', refs: ['rf_1'], ...more })
  expect((await report(told)).body.code).toBe('state_conflict')
  for (const id of [told, missed, quiet]) await house.alice.post(at(id, 'decide'), answer())
  const said = await report(told)
  expect([said.status, said.body]).toMatchObject([
    201,
    { agent_outcome: 'succeeded', agent_outcome_detail: { detail: 'refunded', refs: ['rf_1'] } },
  ])
  expect((await report(told, { status: 'failed' })).body.code).toBe('state_conflict')
  await house.clock.advance('11m')
  await house.runJobs()
  await house.runJobs()
  expect(await events(house, 'task.outcome_missing')).toBe(1)
  expect((await house.alice.get(at(missed))).body.outcome_missing_at).not.toBeNull()
  expect((await house.alice.get(at(quiet))).body.outcome_missing_at).toBeNull()
  expect((await report(missed, { status: 'failed' })).status).toBe(201)
  expect((await house.alice.post(at(quiet, 'outcome'), { status: 'succeeded' })).status).toBe(403)
})
