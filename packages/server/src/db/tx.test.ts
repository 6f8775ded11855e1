import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { database } from '#harness'
import { newTenantUuid } from '../std/id.ts'
import { type Scope, systemScope } from './scope.ts'
import { type Tx, tx } from './tx.ts'

test('P3 the round trip that opens a transaction sets tenant, principal and limits, and nothing of it outlives the transaction', async () => {
  const { db } = await database({ max: 1 })
  const scope = systemScope('expire', newTenantUuid())
  const read = `select current_setting('countersign.tenant', true) as tenant, current_setting('countersign.principal', true) as principal,
    current_setting('statement_timeout') as statement, current_setting('lock_timeout') as lock,
    current_setting('idle_in_transaction_session_timeout') as idle, current_setting('search_path') as path`

  const { rows } = await tx(db, scope, (t) => t.query(read))

  expect(rows).toEqual([
    {
      tenant: scope.tenantId,
      principal: 'system:expire',
      statement: '15s',
      lock: '5s',
      idle: '30s',
      path: 'countersign, pg_temp',
    },
  ])
  const after = (await db.pool.query(read)).rows[0]
  expect([after.tenant || '', after.principal || '', after.statement, after.lock]).toEqual(['', '', '0', '0'])
})
