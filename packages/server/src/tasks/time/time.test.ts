import { expect, test } from 'vitest'
import { type House, setup } from '#harness'
import { answer, elsewhere, errorsOf, NOTHING, REFUND, remains } from '../tasks.fixture.ts'

const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const HOUR = { ...REFUND, timeout_seconds: 3_600 }

const escalate = (assign_to: unknown, extra_seconds: number, end: unknown) => ({
  escalate: { assign_to, extra_seconds, ...Object.fromEntries([['then', end]]) },
})

const events = async (house: House, type: string) => (await house.eventTypes()).filter((one) => one === type).length

async function advance(house: House, by: string): Promise<void> {
  await house.clock.advance(by as '1h')
  await house.runJobs()
}

test('T37 A10 reminders at half and nine tenths: after an answer between them exactly one was sent', async () => {
  const house = await setup()
  const { id } = await house.given.task(HOUR)
  expect((await house.alice.get(at(id))).body.reminders).toEqual([{ at_percent: 50 }, { at_percent: 90 }])
  await advance(house, '29m')
  expect(await events(house, 'task.reminded')).toBe(0)
  await advance(house, '2m')
  expect(await events(house, 'task.reminded')).toBe(1)
  expect((await house.alice.get(at(id))).body.reminded_at).not.toBeNull()
  await advance(house, '5m')
  expect((await house.alice.post(at(id, 'decide'), answer())).status).toBe(200)
  await advance(house, '30m')
  expect(await events(house, 'task.reminded')).toBe(1)
  expect((await house.alice.get(at(id))).body.status).toBe('completed')
})

test('T37 several that are due at once are one, each of its own time is sent once, and none comes at the deadline', async () => {
  const house = await setup()
  const reminders = [{ after: 60 }, { after: 120 }, { before: 600 }, { at_percent: 99 }, { before: 3_600 }]
  const { id } = await house.given.task({ ...HOUR, reminders })
  // The last one lies at the creation itself, and never comes.
  await advance(house, '3m')
  expect(await events(house, 'task.reminded')).toBe(1)
  await advance(house, '48m')
  expect(await events(house, 'task.reminded')).toBe(2)
  await advance(house, '510s')
  expect(await events(house, 'task.reminded')).toBe(3)
  await advance(house, '1m')
  expect(await events(house, 'task.reminded')).toBe(3)
  expect((await house.alice.get(at(id))).body.status).toBe('timed_out')
})

test('T37 a short task and one that wants none get none, and a creation without reminders makes one job', async () => {
  const house = await setup()
  const jobs = async () =>
    (await house.admin.one<{ n: number }>`select count(*)::int as n from countersign_queue.jobs where kind = 'task.expire'`).n
  const short = await house.given.task({ ...REFUND, timeout_seconds: 3_599 })
  const none = await house.given.task({ ...HOUR, reminders: [] })
  const usual = await house.given.task(HOUR)
  expect(await jobs()).toBe(3)
  const said = async (id: string) => (await house.alice.get(at(id))).body.reminders
  expect([await said(short.id), await said(none.id)]).toEqual([null, []])
  await house.alice.post(at(usual.id, 'cancel'), {})
  await advance(house, '61m')
  expect(await events(house, 'task.reminded')).toBe(0)
})

test('T37 with two processes a reminder that both see due is sent once', async () => {
  const house = await setup({ settings: { ROLES: 'web,worker,maintenance' } })
  await house.second()
  for (let i = 0; i < 10; i++) {
    const { id } = await house.given.task({ ...REFUND, timeout_seconds: 7_200, reminders: [{ after: 600 }] })
    // An earlier time gets a job of its own: two jobs are due then.
    expect((await house.agent.patch(at(id), { reminders: [{ after: 595 }] })).status).toBe(200)
  }
  await house.clock.advance('601s')
  await expect.poll(() => events(house, 'task.reminded'), { timeout: 20_000 }).toBe(10)
  const marked = await house.admin.rows<{ reminded: number }>`select reminded from tasks`
  expect(marked.every(({ reminded }) => reminded === 1)).toBe(true)
})

test('T5 T37 reminders can be changed while a task is open; what lies behind is not made up for', async () => {
  const house = await setup()
  const { id } = await house.given.task({ ...HOUR, reminders: [] })
  await advance(house, '10m')
  const changed = await house.agent.patch(at(id), { reminders: [{ after: 60 }, { after: 900 }] })
  expect([changed.status, changed.body.reminders]).toEqual([200, [{ after: 60 }, { after: 900 }]])
  await advance(house, '1s')
  expect(await events(house, 'task.reminded')).toBe(0)
  await advance(house, '5m')
  expect(await events(house, 'task.reminded')).toBe(1)
})

test('T32 T36 A9 escalate hands a task on at its deadline, level by level, and ends as the innermost says', async () => {
  const house = await setup()
  const { id: reviewerId } = await house.reviewer.person()
  const { id: memberId } = await house.member.person()
  const on_timeout = escalate({ user_id: reviewerId }, 60, escalate({ user_id: memberId }, 30, 'deny'))
  const made = await house.agent.post('/api/v1/tasks', {
    ...REFUND,
    timeout_seconds: 60,
    assign_to: house.alice.email,
    on_timeout,
  })
  expect([made.status, made.body.on_timeout]).toEqual([201, on_timeout])
  const { id } = made.body
  expect((await house.reviewer.get(at(id))).status).toBe(404)
  await advance(house, '61s')
  const first = (await house.reviewer.get(at(id))).body
  expect(first).toMatchObject({
    status: 'open',
    escalation_level: 1,
    assigned_to_user_id: null,
    may: expect.arrayContaining(['decide']),
  })
  expect((await house.alice.get(at(id))).body.may).toContain('decide')
  expect((await house.member.get(at(id))).status).toBe(404)
  await advance(house, '61s')
  expect((await house.member.get(at(id))).body).toMatchObject({ status: 'open', escalation_level: 2 })
  await advance(house, '31s')
  expect((await house.agent.get(at(id, 'poll'))).body).toMatchObject({
    status: 'completed',
    outcome: 'denied',
    response: { approved: false },
  })
  expect(await events(house, 'task.escalated')).toBe(2)
  const { data } = (await house.alice.get(at(id, 'record'))).body
  expect(
    data.filter((one: { type: string }) => one.type === 'task.escalated').map((one: { data: object }) => one.data),
  ).toMatchObject([
    { because: 'deadline', level: 2 },
    { because: 'deadline', level: 1 },
  ])
})

test('T36 steps before the deadline add or replace the asked, at their time, and may raise the priority', async () => {
  const house = await setup()
  const { id: reviewerId } = await house.reviewer.person()
  const { id: memberId } = await house.member.person()
  const escalation = [
    { after_seconds: 120, assign_to: { user_id: memberId }, mode: 'replace' },
    { after_seconds: 60, assign_to: { user_id: reviewerId }, mode: 'add', raise_priority: true },
  ]
  const { id, deadline_at } = await house.given.task({
    ...REFUND,
    timeout_seconds: 600,
    assign_to: house.alice.email,
    escalation,
  })
  await advance(house, '61s')
  expect((await house.reviewer.get(at(id))).body).toMatchObject({
    status: 'open',
    priority: 'high',
    escalation_level: 1,
    deadline_at,
  })
  expect((await house.alice.get(at(id))).body.may).toContain('decide')
  await advance(house, '60s')
  expect((await house.member.get(at(id))).body).toMatchObject({
    assigned_to_user_id: memberId,
    escalation_level: 2,
    priority: 'high',
  })
  expect((await house.reviewer.get(at(id))).status).toBe(404)
  expect((await house.alice.get(at(id))).body.may).not.toContain('decide')
  expect((await house.member.post(at(id, 'decide'), answer())).status).toBe(200)
  await advance(house, '10m')
  expect(await events(house, 'task.escalated')).toBe(2)
})

test('T36 whom an escalation names may have left since: those who run the work are asked, and the deadline is kept', async () => {
  const house = await setup()
  const { id: gone } = await house.reviewer.person()
  const on_timeout = escalate({ user_id: gone }, 60, 'time_out')
  const { id } = await house.given.task({ ...REFUND, timeout_seconds: 60, assign_to: house.alice.email, on_timeout })
  await house.admin.run`update roles set deactivated_at = now() where user_id = ${gone}::text`
  await advance(house, '61s')
  expect((await house.operator.get(at(id))).body).toMatchObject({
    status: 'open',
    escalation_level: 1,
    may: expect.arrayContaining(['decide']),
  })
  await advance(house, '61s')
  expect((await house.alice.get(at(id))).body.status).toBe('timed_out')
})

test.each([
  [
    'six deep',
    {
      on_timeout: [1, 2, 3, 4, 5, 6].reduce<unknown>((end) => escalate(null, 60, end), 'deny'),
    },
  ],
  ['an end that is none', { on_timeout: { escalate: { assign_to: null, extra_seconds: 60 } } }],
  ['nobody', { on_timeout: escalate({ nobody: 1 }, 60, 'deny') }],
  ['after the deadline', { escalation: [{ after_seconds: 3_600, assign_to: null }] }],
  [
    'twice at once',
    {
      escalation: [
        { after_seconds: 5, assign_to: null },
        { after_seconds: 5, assign_to: null },
      ],
    },
  ],
  ['six steps', { escalation: [1, 2, 3, 4, 5, 6].map((after_seconds) => ({ after_seconds, assign_to: null })) }],
  ['eleven reminders', { reminders: Array.from({ length: 11 }, () => ({ after: 5 })) }],
  ['a reminder of two kinds', { reminders: [{ after: 5, before: 5 }] }],
  ['a percent of 100', { reminders: [{ at_percent: 100 }] }],
  ['4 seconds for an outcome', { expect_outcome_seconds: 4 }],
])('T166 T32 T36 T37 %s is refused and leaves nothing', async (_name, more) => {
  const house = await setup()
  const refused = await house.agent.post('/api/v1/tasks', { ...HOUR, ...more })
  expect(refused.status).toBe(422)
  expect(errorsOf(refused.body).length).toBeGreaterThan(0)
  expect(await remains(house)).toEqual(NOTHING)
})

test('T34 a default deep inside an escalation is held against the risk too', async () => {
  const house = await setup()
  const on_timeout = escalate(null, 60, { default: { approved: true } })
  const refused = await house.agent.post('/api/v1/tasks', { ...HOUR, risk: 'high', on_timeout })
  expect([refused.status, refused.body.code]).toEqual([422, 'unsafe_default'])
})

test('T5 a deadline is never shortened, whoever asks, also at another process', async () => {
  const house = await setup()
  const other = await house.second()
  const { id, deadline_at } = (await house.given.task(HOUR)) as { id: string; deadline_at: string }
  const sooner = new Date(Date.parse(deadline_at) - 1_000).toISOString()
  for (const by of [house.agent, house.alice, elsewhere(house.alice, other)]) {
    const refused = await by.patch(at(id), { deadline_at: sooner })
    expect([refused.status, errorsOf(refused.body)]).toEqual([422, ['/deadline_at shortened']])
  }
})
