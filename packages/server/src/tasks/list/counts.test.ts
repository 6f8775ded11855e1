import { expect, test } from 'vitest'
import { setup } from '#harness'
import { systemScope } from '../../db/scope.ts'
import { type Sql, sql } from '../../db/sql.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { EVERY } from '../sql.ts'
import { answer, REFUND } from '../tasks.fixture.ts'
import { countWaiting } from './sql.ts'

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

test('T158 T165 a count reads so many of the most pressing open tasks by their index and no more, however many there are', async () => {
  const house = await setup()
  const { tenant_id } = await house.admin.one<{
    tenant_id: string
  }>`select tenant_id from roles where user_id = ${house.alice.id}`
  await house.admin.query(
    `insert into tasks (id, tenant_id, origin, created_by, asker, key_reuse, task, response_schema, deadline_at, asked, callback_mode, created_at, updated_at,
       opened_at, status, cancelled_at)
     select 'task_' || lpad(i::text, 26, '0'), $1::uuid, 'agent', 'agt_x', 'agt_x', 'forever', 'One of many', '{}', now() + i * interval '1 second', '{x}',
       'standard', now(), now(), now(), case when i % 2 = 0 then 'open' else 'cancelled' end, case when i % 2 = 1 then now() end
     from generate_series(1, 4000) i`,
    [tenant_id],
  )
  await house.admin.query('analyze tasks')
  const asker = { id: house.alice.id, keys: [house.alice.id, 'pool:default'] }
  // The statement itself, unsent.
  const unsent = { one: sql } as unknown as Tx
  const scope = systemScope('test', tenant_id)
  const { text, values } = countWaiting(unsent, scope, EVERY, asker, { among: null, most: 99 }) as unknown as Sql
  const { rows } = await tx(
    house.db,
    scope,
    (t) => t.query(`explain (analyze, timing off, costs off, format json) ${text}`, [...values]),
    {
      readOnly: true,
    },
  )
  const scans: Node[] = []
  const walk = (node: Node) => {
    if (node['Relation Name'] === 'tasks') scans.push(node)
    for (const child of node.Plans ?? []) walk(child)
  }
  walk(rows[0]['QUERY PLAN'][0].Plan)
  expect(scans).toHaveLength(1)
  expect(scans[0]).toMatchObject({ 'Node Type': 'Index Scan', 'Index Name': 'tasks_open_deadline', 'Actual Rows': 100 })
})

type Node = { 'Node Type': string; 'Relation Name'?: string; 'Index Name'?: string; 'Actual Rows': number; Plans?: Node[] }
