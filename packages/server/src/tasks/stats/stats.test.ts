import { expect, test } from 'vitest'
import { setup } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { EVERY } from '../sql.ts'
import { answer, REFUND } from '../tasks.fixture.ts'
import { scansOf } from '../testing/scans.ts'
import { countOpen } from './sql.ts'

const STATS = '/api/v1/tasks/stats'
const at = (id: unknown, act = '') => `/api/v1/tasks/${id}${act && `/${act}`}`

test('T161 the figures count what was asked, how it ended and how long it took', async () => {
  const house = await setup()
  const make = async (more: object = {}) =>
    (await house.given.task({ ...REFUND, timeout_seconds: 600, tags: ['money'], ...more })).id
  const [yes, no, late, withdrawn] = [await make(), await make(), await make(), await make({ tags: [] })]
  await make({ timeout_seconds: 7_200, reminders: [], escalation: [{ after_seconds: 700, assign_to: null }] })
  await house.clock.advance('64s')
  await house.alice.get(at(yes))
  await house.alice.post(at(yes, 'decide'), answer())
  await house.alice.post(at(no, 'decide'), answer({ approved: false }))
  await house.alice.post(at(withdrawn, 'cancel'), {})
  await house.agent.post(at(yes, 'outcome'), { status: 'succeeded' })
  await house.clock.advance('15m')
  await house.runJobs()
  expect((await house.alice.get(at(late))).body.status).toBe('timed_out')
  const { body } = await house.alice.get(`${STATS}?by=agent&time_zone=Europe/Berlin`)
  expect(body.totals).toMatchObject({ created: 5, answered: 2, timed_out: 1, cancelled: 1, open: 1 })
  expect(body.volume.length).toBeGreaterThanOrEqual(30)
  expect(sumOf(body.volume, 'created')).toBe(5)
  expect(body.heat).toHaveLength(168)
  expect(sumOf(body.heat, 'tasks')).toBe(5)
  expect(body.decision.tasks).toBe(2)
  // A minute and what the asking took, read from a bucket.
  expect(body.decision.median_seconds).toBeGreaterThanOrEqual(45)
  expect(body.decision.median_seconds).toBeLessThan(600)
  // Who looks at what is over finds no question.
  expect(body.first_look.tasks).toBe(1)
  expect(body.backlog).toMatchObject({ open: 1 })
  expect(body.backlog.oldest_seconds).toBeGreaterThanOrEqual(900)
  expect(body.escalated).toBe(1)
  expect(body.after_approval).toEqual({ approved: 2, succeeded: 1, failed: 0, skipped: 0, missing: 0 })
  expect(body.groups).toMatchObject([{ key: house.agent.id, name: 'refund-bot', tasks: 5 }])
  expect((await house.alice.get(`${STATS}?tag=money`)).body.totals.created).toBe(4)
  expect((await house.alice.get(`${STATS}?person=${house.alice.id}&days=7`)).body.totals.created).toBe(2)
  expect((await house.alice.get(`${STATS}?channel=email`)).body.totals.created).toBe(0)
})

test('T18 T161 an agent counts its own tasks, a reviewer those that concern them, and viewers all without content', async () => {
  const house = await setup()
  const other = await house.given.agent({ name: 'other' })
  await house.given.task(REFUND)
  await house.given.task(REFUND, other)
  const { id: reviewerId } = await house.reviewer.person()
  await house.given.task({ ...REFUND, assign_to: { user_id: reviewerId } }, other)
  const created = async (by: typeof house.nobody, query = '') => (await by.get(`${STATS}${query}`)).body.totals.created
  expect([await created(house.agent), await created(other)]).toEqual([1, 2])
  expect(await created(house.agent, `?agent_id=${other.id}`)).toBe(0)
  expect([await created(house.reviewer), await created(house.viewer), await created(house.auditor)]).toEqual([1, 3, 3])
  expect((await house.stranger.get(STATS)).body.totals.created).toBe(0)
})

test('T166 T161 a zone that is none, 366 days and another channel are refused', async () => {
  const house = await setup()
  for (const query of ['time_zone=Nowhere/At-all', 'days=366', 'days=0', 'channel=pigeon', 'by=colour'])
    expect((await house.alice.get(`${STATS}?${query}`)).status).toBe(422)
})

const sumOf = (rows: Record<string, number>[], name: string): number => rows.reduce((sum, row) => sum + (row[name] ?? 0), 0)

test('T161 what is open is counted from an index alone, whatever the agents sent with it', async () => {
  const house = await setup()
  const { tenant_id } = await house.admin.one<{
    tenant_id: string
  }>`select tenant_id from roles where user_id = ${house.alice.id}`
  await house.admin.query(
    `insert into tasks (id, tenant_id, origin, created_by, asker, key_reuse, task, response_schema, deadline_at, asked, callback_mode, created_at, updated_at,
       opened_at, payload, status, cancelled_at)
     select 'task_' || lpad(i::text, 26, '0'), $1::uuid, 'agent', 'agt_x', 'agt_x', 'forever', 'One of many', '{}', now() + i * interval '1 second', '{x}',
       'standard', now(), now(), now(), decode(repeat(md5(i::text), 75), 'hex'), case when i <= 500 then 'open' else 'cancelled' end, case when i > 500 then now() end
     from generate_series(1, 4000) i`,
    [tenant_id],
  )
  const scope = systemScope('test', tenant_id)
  const scans = await scansOf(house, scope, (t) => countOpen(t, scope, { by: 'agent', ages: [new Date(0)] }, EVERY))
  expect(scans).toMatchObject([{ 'Node Type': 'Index Only Scan', 'Index Name': 'tasks_open_deadline' }])
  expect((await house.bob.get(STATS)).body).toMatchObject({ totals: { created: 4_000, open: 500 }, backlog: { open: 500 } })
})
