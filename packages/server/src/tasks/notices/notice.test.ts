import { expect, test } from 'vitest'
import { type House, type Person, setup } from '#harness'
import { mailRig } from '../channels/email/testing/rig.ts'
import type { Sink } from '../channels/email/testing/sink.ts'
import { errorsOf, remains } from '../tasks.fixture.ts'

const QUESTION = {
  task: 'Refund order 1042?',
  payload: { order: 1042 },
  response_schema: { type: 'object', properties: { approved: { type: 'boolean' } }, required: ['approved'] },
  timeout_seconds: 86_400,
}
const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`
const noticesOf = async (house: House, id: unknown) =>
  (await house.agent.get(at(id, 'notices'))).body.data as Record<string, unknown>[]
const to = ({ took }: Sink, { email }: Pick<Person, 'email'>) => took.filter(({ envelope }) => envelope.to.includes(email))

test('T104 a notice is written with the task, sent once by its job, and shown on the task with how it went', async () => {
  const { house, sink, member } = await mailRig()
  const { id } = await house.given.task({ ...QUESTION, notify: [`email:${member.email}`] })
  expect(await noticesOf(house, id)).toMatchObject([
    { state: 'queued', channel: 'email', purpose: 'asked', user_id: member.id, attempts: 0 },
  ])
  await house.runJobs()
  await house.runJobs()
  expect(to(sink, member)).toHaveLength(1)
  expect(await noticesOf(house, id)).toMatchObject([{ state: 'sent', attempts: 1, reasons: [], target: member.email }])
  const seen = (await house.agent.get(at(id))).body
  expect(seen.first_notified_at).not.toBeNull()
  expect(await house.eventTypes()).toContain('task.notified')
  // Who may not see content sees no address; who has no relation to the task sees nothing.
  const auditor = (await house.auditor.get(at(id, 'notices'))).body.data
  expect(auditor).toMatchObject([{ target: null, display_name: null, state: 'sent' }])
  expect((await house.reviewer.get(at(id, 'notices'))).status).toBe(404)
})

test('T22 T104 a repeat of the question tells nobody again', async () => {
  const { house, sink, member } = await mailRig()
  const asked = { ...QUESTION, notify: [`email:${member.email}`], idempotency_key: 'k-1' }
  const first = await house.given.task(asked)
  expect((await house.agent.post('/api/v1/tasks', asked)).body.id).toBe(first.id)
  await house.runJobs()
  expect(to(sink, member)).toHaveLength(1)
})

test('T101 one entry that names a person makes them the assignee; of several the first to claim holds it', async () => {
  const { house, member } = await mailRig()
  const one = await house.given.task({ ...QUESTION, notify: [`email:${member.email}`] })
  expect(one).toMatchObject({ assigned_to_user_id: member.id, notify: [`email:${member.email}`] })
  const two = await house.given.task({ ...QUESTION, notify: [`email:${member.email}`, `email:${house.bob.email}`] })
  expect(two.assigned_to_user_id).toBeNull()
  expect((await member.post(at(two.id, 'claim'))).status).toBe(200)
  const named = await house.given.task({ ...QUESTION, assign_to: house.bob.email, notify: [`email:${member.email}`] })
  expect(named.assigned_to_user_id).toBe(house.bob.id)
})

test('T102 without notify the assignee hears by mail, the asked of a pool in their inbox, and each as they say themselves', async () => {
  const { house, sink, member } = await mailRig()
  const other = await house.given.user({ role: 'member' })
  await house.alice.post('/api/v1/pools', { name: 'Desk', members: [member.id, other.id], strategy: 'broadcast' })
  await house.given.task({ ...QUESTION, assign_to: member.email })
  await house.given.task({ ...QUESTION, assign_to: { pool: 'Desk' } })
  await house.runJobs()
  expect([to(sink, member).length, to(sink, other).length]).toEqual([1, 0])
  expect((await other.put('/api/v1/me/availability', { notify: { shared: ['email'] } })).status).toBe(200)
  expect((await member.put('/api/v1/me/availability', { notify: { direct: [] } })).status).toBe(200)
  await house.given.task({ ...QUESTION, assign_to: member.email })
  await house.given.task({ ...QUESTION, assign_to: { pool: 'Desk' } })
  await house.runJobs()
  expect([to(sink, member).length, to(sink, other).length]).toEqual([1, 1])
})

test('T104 a task that tells nobody outside the inbox leaves no notice and no job of one', async () => {
  const { house } = await mailRig()
  const before = await remains(house)
  await house.given.task(QUESTION)
  const { jobs } = await remains(house)
  expect(jobs).toBe((before.jobs as number) + 1)
  expect(await house.admin.one`select count(*)::int as count from notices`).toEqual({ count: 0 })
})

test('T100 T166 a notify that cannot be understood, or names an identity nobody has made, is refused at its index and leaves nothing', async () => {
  const { house, member } = await mailRig()
  const before = await remains(house)
  const rows: [string[], string][] = [
    [['sms:1'], '/notify/0 channel_unknown'],
    [[`email:${member.email}`, 'slack'], '/notify/1 notify_form'],
    [['email:'], '/notify/0 target_invalid'],
    [[`email+nobody:${member.email}`], '/notify/0 identity_unknown'],
    [['email:a@example.com\r\nBcc: b@example.com'], '/notify/0 notify_form'],
    [[], '/notify count'],
  ]
  for (const [notify, error] of rows) {
    const { status, body } = await house.agent.post('/api/v1/tasks', { ...QUESTION, notify })
    expect([status, body.code, errorsOf(body)], JSON.stringify(notify)).toEqual([422, 'notify_invalid', [error]])
  }
  expect(await remains(house)).toEqual(before)
  expect((await house.agent.post('/api/v1/tasks', { ...QUESTION, notify: [`email+main:${member.email}`] })).status).toBe(201)
})

test('T102 a channel that is not set up yields a failed notice with its reason and an event; nobody told, the fallback pool has it', async () => {
  const house = await setup()
  const { id } = await house.given.task({ ...QUESTION, notify: ['push:member@example.com'] })
  await house.runJobs()
  expect(await noticesOf(house, id)).toMatchObject([{ state: 'failed', reasons: [{ reason: 'This channel is not set up.' }] }])
  const types = await house.eventTypes()
  expect(types).toEqual(expect.arrayContaining(['task.notice_failed', 'task.unrouted']))
  const task = (await house.bob.get(at(id))).body
  expect(task.warnings).toMatchObject([{ code: 'unrouted' }])
  const troubles = (await house.alice.get('/api/v1/channels/troubles')).body.data
  expect(troubles).toMatchObject([{ channel: 'push', failed: 1, last_reason: 'This channel is not set up.' }])
  expect((await house.member.get('/api/v1/channels/troubles')).status).toBe(403)
})

test('§11.2 a mail transport that refuses leaves the notice queued and comes back five times over an hour; the task is not touched', async () => {
  const { house, sink, member } = await mailRig()
  sink.mode('failing')
  const { id } = await house.given.task({ ...QUESTION, notify: [`email:${member.email}`] })
  await house.runJobs()
  expect(await noticesOf(house, id)).toMatchObject([{ state: 'queued', attempts: 1 }])
  expect((await member.get(at(id))).body.status).toBe('open')
  await house.clock.advance('61s')
  await house.runJobs()
  const [twice] = await noticesOf(house, id)
  expect(twice).toMatchObject({ state: 'queued', attempts: 2 })
  expect(twice?.reasons).toHaveLength(2)
  sink.mode('well')
  await house.clock.advance('5m')
  await house.runJobs()
  expect(await noticesOf(house, id)).toMatchObject([{ state: 'sent', attempts: 3 }])
  expect(to(sink, member)).toHaveLength(1)
})

test('§11.2 after six attempts within the hour a notice has failed, and what else the task has is not touched', async () => {
  const { house, sink, member } = await mailRig()
  sink.mode('failing')
  const { id } = await house.given.task({ ...QUESTION, notify: [`email:${member.email}`] })
  for (const wait of ['1s', '61s', '241s', '601s', '1201s', '1501s']) {
    await house.clock.advance(wait)
    await house.runJobs()
  }
  expect(await noticesOf(house, id)).toMatchObject([{ state: 'failed', attempts: 6 }])
  expect((await member.post(at(id, 'decide'), { type: 'respond', response: { approved: true }, seen_revision: 1 })).status).toBe(
    200,
  )
})

test('T105 every notice says how things stand after a claim and after each end, whatever brought it about', async () => {
  const { house, member } = await mailRig()
  const notify = [`email:${member.email}`, `email:${house.bob.email}`]
  const states = async (id: unknown) => (await noticesOf(house, id)).map(({ state }) => state)
  const open = await house.given.task({ ...QUESTION, notify })
  await house.runJobs()
  expect(await states(open.id)).toEqual(['sent', 'sent'])
  await member.post(at(open.id, 'claim'))
  await house.runJobs()
  expect(await states(open.id)).toEqual(['rewritten', 'rewritten'])
  const versions = async (id: unknown) =>
    (await house.admin.rows<{ v: number }>`select shows_version as v from notices where task_id = ${id}::text`).map(({ v }) => v)
  expect(await versions(open.id)).toEqual([2, 2])
  await member.post(at(open.id, 'decide'), { type: 'respond', response: { approved: true }, seen_revision: 1 })
  await house.runJobs()
  expect(await versions(open.id)).toEqual([3, 3])
  const ends: ((id: unknown) => Promise<unknown>)[] = [
    (id) => house.agent.post(at(id, 'cancel'), {}),
    () => house.clock.advance('25h'),
  ]
  for (const end of ends) {
    const task = await house.given.task({ ...QUESTION, notify })
    await house.runJobs()
    await end(task.id)
    await house.runJobs()
    expect(await states(task.id)).toEqual(['rewritten', 'rewritten'])
  }
})

test('T105 what ends before its notice was sent is never sent', async () => {
  const { house, sink, member } = await mailRig()
  const { id } = await house.given.task({ ...QUESTION, notify: [`email:${member.email}`] })
  await house.agent.post(at(id, 'cancel'), {})
  await house.runJobs()
  expect(await noticesOf(house, id)).toMatchObject([{ state: 'expired' }])
  expect(to(sink, member)).toHaveLength(0)
})

test('T102 above 30 notices an hour to one person the rest are one digest, and what is urgent goes at once', async () => {
  const { house, sink, member } = await mailRig()
  const notify = [`email:${member.email}`]
  for (let i = 0; i < 33; i++) await house.given.task({ ...QUESTION, task: `Question ${i}?`, notify })
  await house.given.task({ ...QUESTION, task: 'At once?', notify, priority: 'urgent' })
  await house.runJobs()
  expect(to(sink, member)).toHaveLength(31)
  await house.clock.advance('61m')
  await house.runJobs()
  expect(to(sink, member)).toHaveLength(32)
  const counts = await house.admin.rows<{ state: string; purpose: string; count: number }>`
    select state, purpose, count(*)::int as count from notices group by 1, 2 order by 3`
  expect(counts).toEqual([
    { state: 'sent', purpose: 'digest', count: 1 },
    { state: 'sent', purpose: 'asked', count: 34 },
  ])
  // An hour later they are told one by one again.
  await house.given.task({ ...QUESTION, notify })
  await house.runJobs()
  expect(to(sink, member)).toHaveLength(33)
}, 60_000)

test('T104 somebody is told again by who may change the task, by a notice of its own, and only while it is open', async () => {
  const { house, sink, member } = await mailRig()
  const { id } = await house.given.task({ ...QUESTION, notify: [`email:${member.email}`] })
  await house.runJobs()
  const [notice] = await noticesOf(house, id)
  const path = at(id, `notices/${notice?.id}/resend`)
  expect((await member.post(path)).status).toBe(403)
  const again = await house.alice.post(path)
  expect([again.status, again.body.state]).toEqual([202, 'queued'])
  await house.runJobs()
  expect(to(sink, member)).toHaveLength(2)
  expect(await noticesOf(house, id)).toMatchObject([{ state: 'sent' }, { state: 'sent' }])
  expect((await house.alice.post(at(id, 'notices/ntc_00000000000000000000000000/resend'))).status).toBe(404)
  await house.agent.post(at(id, 'cancel'), {})
  expect((await house.alice.post(path)).body.code).toBe('task_not_open')
})

test('T94 T98 a new holder is told, and the old one’s notice says that it is another’s', async () => {
  const { house, sink, member } = await mailRig()
  const other = await house.given.user({ role: 'member' })
  const { id } = await house.given.task({ ...QUESTION, assign_to: member.email })
  await house.runJobs()
  await house.alice.post(at(id, 'reassign'), { assign_to: { user_id: other.id }, reason: 'better placed' })
  await house.runJobs()
  expect([to(sink, member).length, to(sink, other).length]).toEqual([1, 1])
  expect(await noticesOf(house, id)).toMatchObject([{ state: 'rewritten' }, { state: 'sent', user_id: other.id }])
})

test('T5 who is told of an open task may change: those who are new are told and may answer, the others are not told twice', async () => {
  const { house, sink, member } = await mailRig()
  const other = await house.given.user({ role: 'member' })
  const { id } = await house.given.task({ ...QUESTION, notify: [`email:${member.email}`, 'slack:#ops'] })
  await house.runJobs()
  const notify = [`email:${member.email}`, `email:${other.email}`]
  const changed = await house.agent.patch(at(id), { notify })
  expect([changed.status, changed.body.notify]).toEqual([200, notify])
  await house.runJobs()
  expect([to(sink, member).length, to(sink, other).length]).toEqual([1, 1])
  expect((await other.post(at(id, 'claim'))).status).toBe(200)
  const wrong = await house.agent.patch(at(id), { notify: ['sms:1'] })
  expect([wrong.status, wrong.body.code, errorsOf(wrong.body)]).toEqual([422, 'notify_invalid', ['/notify/0 channel_unknown']])
})

test('T104 T105 people hear in the order in which things happened: nothing that waited is sent after what came later', async () => {
  const { house, sink, member } = await mailRig()
  const notify = [`email:${member.email}`]
  const escalation = [{ after_seconds: 60, assign_to: { user_id: member.id }, notify }]
  const { id } = await house.given.task({ ...QUESTION, reminders: [], notify, escalation })
  // The first one is held up, as by a server that does not answer.
  await house.admin.run`update notices set busy_until = countersign.now() + interval '10 minutes'`
  await house.clock.advance('61s')
  await house.runJobs()
  const written = await noticesOf(house, id)
  expect(written.map(({ purpose, state }) => [purpose, state])).toEqual([
    ['asked', 'queued'],
    ['escalated', 'queued'],
  ])
  expect(to(sink, member)).toHaveLength(0)
  await house.clock.advance('11m')
  await house.runJobs()
  const [first, second] = (await noticesOf(house, id)) as [Record<string, string>, Record<string, string>]
  expect([first.purpose, second.purpose, second.state]).toEqual(['asked', 'escalated', 'sent'])
  expect(first.state === 'expired' || (first.sent_at as string) <= (second.sent_at as string)).toBe(true)
})
