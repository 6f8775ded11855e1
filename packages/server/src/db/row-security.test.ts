// A2 over every tenant table that a house with people, agents and tasks in it has filled.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { database, setup } from '#harness'
import { newTenantUuid } from '../std/id.ts'
import { systemScope } from './scope.ts'
import { TABLES } from './tables.ts'
import { tx } from './tx.ts'

const tenantTables = Object.entries(TABLES).filter(([, table]) => table.kind === 'tenant')

test('P2 A2 no tenant table shows or takes a row without its tenant, with another one, or after COMMIT', async () => {
  const house = await setup()
  await house.stranger.person()
  const { db, admin } = house
  const mine = systemScope('test', house.tenantId)
  const wrong = systemScope('test', newTenantUuid())
  let filled = 0

  for (const [name, { tenantColumn = 'tenant_id' }] of tenantTables) {
    const count = `select count(*)::int as count from countersign.${name}`
    const all = (await admin.query(count)).rows[0].count as number
    const ours = (await admin.query(`${count} where ${tenantColumn} = $1`, [house.tenantId])).rows[0].count as number
    if (ours > 0 && all > ours) filled += 1

    const seen = await tx(db, mine, (t) => t.query(count))
    expect([name, seen.rows[0].count]).toEqual([name, ours])
    // on a connection that has had a tenant
    expect([name, (await db.pool.query(count)).rows[0].count]).toEqual([name, 0])
    expect([name, (await tx(db, wrong, (t) => t.query(count))).rows[0].count]).toEqual([name, 0])

    const steal = `update countersign.${name} set ${tenantColumn} = '${wrong.tenantId}'`
    const stolen = await tx(db, mine, (t) => t.query(steal)).catch((error: { code?: string }) => error)
    expect([name, 'rowCount' in stolen ? stolen.rowCount : stolen.code]).toEqual([
      name,
      ours === 0 && 'rowCount' in stolen ? 0 : '42501',
    ])
  }
  // tenants, roles, sessions and their tokens, events: rows of two tenants stood there
  expect(filled).toBeGreaterThanOrEqual(5)
})

test('P8 a predicate on text or JSON runs after the tenant filter, so what it says of a value never tells of another tenant’s row', async () => {
  const given = await database()
  const [mine, theirs] = [newTenantUuid(), newTenantUuid()]
  for (const [tenant, n] of [
    [mine, '1'],
    [theirs, 'not a number'],
  ] as const) {
    await given.admin.run`insert into tenants (id, name) values (${tenant}::uuid, 'one')`
    await given.admin.query(
      `insert into tasks (id, tenant_id, origin, created_by, asker, key_reuse, task, response_schema, metadata, deadline_at, asked, callback_mode, created_at, updated_at, opened_at)
       select 'task_' || i || '_' || left($1::text, 8), $1::uuid, 'agent', 'agt_x', 'agt_x', 'forever', $2, '{}', jsonb_build_object('n', $2::text), now(), '{x}', 'standard', now(), now(), now()
       from generate_series(1, 200) i`,
      [tenant, n],
    )
  }
  await given.admin.query('analyze tasks')
  const scope = systemScope('test', mine)
  // Both would fail on the first row of the other tenant, were they asked about it. The tenant is not named: row security alone stands between.
  for (const predicate of [
    "(metadata ->> 'n')::integer = 1",
    'task::integer = 1',
    "task ~ '^[0-9]+$' and 1 / position('1' in task) = 1",
    "1 / (length(task) - length('not a number')) < 5",
  ]) {
    const { rows } = await tx(given.db, scope, (t) => t.query(`select count(*)::int as n from tasks where ${predicate}`), {
      readOnly: true,
    })
    expect([predicate, rows[0].n]).toEqual([predicate, 200])
    const plan = await tx(given.db, scope, (t) => t.query(`explain (costs off) select id from tasks where ${predicate}`), {
      readOnly: true,
    })
    const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n')
    const tenantAt = text.search(/tenant_id = /)
    const predicateAt = text.search(/\bmetadata\b|\btask\b/)
    expect([predicate, tenantAt >= 0 && tenantAt < predicateAt]).toEqual([predicate, true])
  }
  // Nothing of ours is marked as telling nothing, which would let the planner ask it first.
  expect(
    await given.admin
      .rows`select p.oid::regprocedure::text as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname like 'countersign%' and p.proleakproof`,
  ).toEqual([])
})

test('P13 whoever holds the runtime login chooses the tenant, which SECURITY.md says; who names none reads nothing', async () => {
  const house = await setup()
  await house.given.task()
  const count = 'select count(*)::int as count from countersign.tasks'
  expect((await house.db.pool.query(count)).rows[0].count).toBe(0)
  const client = await house.db.pool.connect()
  try {
    await client.query('begin')
    await client.query("select set_config('countersign.tenant', $1, true)", [house.tenantId])
    expect((await client.query(count)).rows[0].count).toBe(1)
  } finally {
    await client.query('rollback')
    client.release()
  }
  const said = readFileSync(new URL('../../../../SECURITY.md', import.meta.url), 'utf8')
  expect(said).toContain('Whoever holds the runtime login chooses the tenant they name')
})
