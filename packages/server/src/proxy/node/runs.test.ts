import { expect, onTestFinished, test } from 'vitest'
import { database } from '#harness'
import { testClock } from '../../std/clock.ts'
import { openLog } from '../../std/log.ts'
import { definition } from '../decide/testing/view.fixture.ts'
import { type Cut, openRuns } from './runs.ts'
import { putRows } from './testing/rows.ts'

const STRIPE = definition('stripe', [{ host: 'api.stripe.com' }])

async function opened() {
  const given = await database({ login: 'countersign_run_proxy', listen: false })
  const rows = await putRows(given.admin)
  const clock = testClock()
  const bundled = new Map([['stripe', STRIPE]])
  const runs = openRuns({ node: rows.node, db: given.db, clock, log: openLog({ level: 'silent' }), bundled, pollMs: 1e9 })
  onTestFinished(() => runs.close())
  const cuts: Cut[] = []
  runs.onCut((cut) => cuts.push(cut))
  runs.follow(rows.run)
  return { ...given, rows, clock, runs, cuts }
}

test('V82 V92 a run’s view has its connections with the bundled definition, placeholder and grants', async () => {
  const { runs, rows } = await opened()
  expect(await runs.viewOf(rows.run)).toMatchObject({
    run: { id: rows.run, tenant: rows.tenant },
    connections: [
      { id: rows.connection, definition: STRIPE, placeholder: `csph_${rows.connection}`, grants: [{ id: rows.grant }] },
    ],
    known: [],
  })
})

test('V113 a suspended connection is cut with the next look; what is granted anew works without a restart', async () => {
  const { runs, rows, admin, cuts } = await opened()
  await runs.viewOf(rows.run)
  await runs.look()
  expect(cuts).toEqual([])
  await admin.run`update connections set status = 'suspended', status_since = countersign.now()`
  await runs.look()
  expect(cuts).toEqual([{ runId: rows.run, connectionId: rows.connection }])
  expect(await runs.viewOf(rows.run)).toMatchObject({ connections: [{ status: 'suspended' }] })
  await admin.run`update connections set status = 'connected', status_since = countersign.now()`
  await runs.look()
  expect(await runs.viewOf(rows.run)).toMatchObject({ connections: [{ status: 'connected' }] })
})

test('V113 a revoked grant is cut, and a run that has ended is forgotten', async () => {
  const { runs, rows, admin, cuts } = await opened()
  await runs.viewOf(rows.run)
  await admin.run`update grants set status = 'revoked', status_since = countersign.now()`
  await runs.look()
  expect(cuts).toEqual([{ runId: rows.run, connectionId: rows.connection }])
  await admin.run`update runs set ended_at = countersign.now()`
  await runs.look()
  expect(cuts.at(-1)).toEqual({ runId: rows.run })
  expect(runs.open()).toEqual([])
  expect(await runs.viewOf(rows.run)).toBeNull()
})

test('V69 V113 a policy that is activated is in the next view', async () => {
  const { runs, rows, admin } = await opened()
  const activate = async (version: number, text: string) => {
    await admin.run`insert into policies (version, tenant_id, text, origin, saved_by, saved_at)
      values (${version}::integer, ${rows.tenantId}::uuid, ${text}::text, 'saved', 'test', countersign.now())`
    await admin.run`insert into policy_activations (ordinal, tenant_id, version, activated_by, activated_at)
      values (${version}::integer, ${rows.tenantId}::uuid, ${version}::integer, 'test', countersign.now())`
  }
  await activate(1, 'permit (principal, action, resource);')
  expect(await runs.viewOf(rows.run)).toMatchObject({ policy: { version: 1, text: 'permit (principal, action, resource);' } })
  await activate(2, 'forbid (principal, action, resource);')
  await runs.look()
  expect(await runs.viewOf(rows.run)).toMatchObject({ policy: { version: 2, text: 'forbid (principal, action, resource);' } })
})

test('V82 after a second without an answer nothing counts, until the next answer', async () => {
  const { runs, clock } = await opened()
  clock.advance(999)
  expect(runs.isFresh()).toBe(true)
  clock.advance(1)
  expect(runs.isFresh()).toBe(false)
  await runs.look()
  expect(runs.isFresh()).toBe(true)
  expect(runs.lagMs()).toBe(0)
})
