import { expect, test } from 'vitest'
import { setup } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { EVERY } from '../sql.ts'
import { answer, REFUND } from '../tasks.fixture.ts'
import { scansOf } from '../testing/scans.ts'
import { BY_ADDRESS, countInbox, FREE } from './inbox/sql.ts'
import { countOpen } from './sql.ts'

const COUNTS = '/api/v1/tasks/counts'
const found = async (by: { get(path: string): Promise<{ body: { data: unknown[] } }> }, query: string) =>
  (await by.get(`/api/v1/tasks?${query}`)).body.data.length

test('T158 what waits is counted as the list would find it, for each caller within what they reach', async () => {
  const house = await setup()
  const reviewer = await house.reviewer.person()
  const pool = (await house.alice.post('/api/v1/pools', { name: 'Treasury', members: [house.bob.id] })).body
  const ask = (more: object = {}) => house.given.task({ ...REFUND, ...more })
  const held = await ask()
  await house.alice.post(`/api/v1/tasks/${held.id}/claim`, {})
  await ask()
  await ask({ assign_to: { pool: pool.name, strategy: 'broadcast' } })
  await ask({ assign_to: { emails: [reviewer.email, house.bob.email] } })
  const done = await ask()
  await house.alice.post(`/api/v1/tasks/${done.id}/decide`, answer())

  const none = { mine: 0, claimable: 0, team: 0, all: 0, at_least: false }
  expect((await house.alice.get(COUNTS)).body).toEqual({ mine: 2, claimable: 1, team: 2, all: 4, at_least: false })
  expect((await house.bob.get(COUNTS)).body).toEqual({ mine: 3, claimable: 3, team: 3, all: 4, at_least: false })
  expect((await reviewer.get(COUNTS)).body).toEqual({ ...none, mine: 1, claimable: 1, all: 1 })
  expect((await house.agent.get(COUNTS)).body).toEqual({ ...none, all: 4 })
  expect((await house.stranger.get(COUNTS)).body).toEqual(none)
  for (const person of [house.alice, house.bob, reviewer]) {
    const { body } = await person.get(COUNTS)
    expect(await found(person, 'status=open&mine=true')).toBe(body.mine)
    expect(await found(person, 'claimable=true')).toBe(body.claimable)
    expect(await found(person, 'status=open&team=true')).toBe(body.team)
    expect(await found(person, 'status=open')).toBe(body.all)
  }
})

test('T158 T165 a count reads so many entries of an index as it may show and no more, however many tasks wait, and no task at all', async () => {
  const house = await setup()
  const { tenant_id } = await house.admin.one<{
    tenant_id: string
  }>`select tenant_id from roles where user_id = ${house.alice.id}`
  await house.admin.query(
    `insert into tasks (id, tenant_id, origin, created_by, asker, key_reuse, task, response_schema, deadline_at, asked, callback_mode, created_at, updated_at,
       opened_at, status, cancelled_at, assigned_to_user_id)
     select 'task_' || lpad(i::text, 26, '0'), $1::uuid, 'agent', 'agt_x', 'agt_x', 'forever', 'One of many', '{}', now() + i * interval '1 second',
       case when i % 4 = 0 then array['x', 'y'] else array['pool:default', '${house.alice.id}'] end,
       'standard', now(), now(), now(), case when i % 2 = 0 then 'open' else 'cancelled' end, case when i % 2 = 1 then now() end,
       case when i % 8 = 0 then '${house.alice.id}' end
     from generate_series(1, 4000) i`,
    [tenant_id],
  )
  const scope = systemScope('test', tenant_id)
  const all = await scansOf(house, scope, (t) => countOpen(t, scope, EVERY, { among: null, most: 99 }))
  expect(all).toMatchObject([{ 'Node Type': 'Index Only Scan', 'Index Name': 'tasks_open_deadline', 'Actual Rows': 100 }])

  const keys = [house.alice.id, 'pool:default', 'nobody']
  for (const holder of [null, house.alice.id]) {
    const view = { keys, holds: [FREE, BY_ADDRESS], holder }
    const scans = await scansOf(house, scope, (t) => countInbox(t, scope, view, 99))
    const read = scans.reduce((sum, scan) => sum + scan['Actual Rows'] * scan['Actual Loops'], 0)
    // Of the thousand that are free, a hundred under each of two names; of the five hundred that she holds, as many.
    expect(scans.map((scan) => scan['Node Type'])).toEqual(scans.map(() => 'Index Only Scan'))
    expect(Math.round(read)).toBe(holder ? 300 : 200)
    expect(scans.map((scan) => scan['Relation Name']).sort()).toEqual(holder ? ['task_inbox', 'tasks'] : ['task_inbox'])
  }
})
