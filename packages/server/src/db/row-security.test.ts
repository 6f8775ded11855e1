// A2 over every tenant table that a house with people, agents and tasks in it has filled.
import { expect, test } from 'vitest'
import { setup } from '#harness'
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
