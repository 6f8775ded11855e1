// What a proxy's login can and cannot do in the database: B3 of the threat model, a process that was taken over by a bug in a parser.
import { expect, test } from 'vitest'
import { type Database, database } from '#harness'
import { canonical } from '../../crypto/canonical.ts'
import { NO_TENANT, type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { newId } from '../../std/id.ts'
import {
  beatNode,
  type ProxyEvent,
  readPolicies,
  readRevisions,
  readRoutes,
  recordEvents,
  reserveUse,
  settleHold,
  spendHold,
} from './sql.ts'
import { putRows, type Rows } from './testing/rows.ts'

const scope: Scope = systemScope('proxy', NO_TENANT)

async function opened() {
  const given = await database({ login: 'countersign_run_proxy', listen: false })
  const rows = await putRows(given.admin)
  const as = <T>(fn: (t: Tx) => Promise<T>) => tx(given.db, scope, fn)
  return { given, rows, as }
}

const eventOf = ({ tenant, agent, run, connection }: Rows, more: object = {}, id = newId('evt')): ProxyEvent => ({
  id,
  run_id: run,
  type: 'proxy.allowed',
  class: 'audit',
  resource_type: 'connection',
  resource_id: connection,
  decision: 'allow',
  action: 'proxy.request',
  body: canonical({
    id,
    type: 'proxy.allowed',
    class: 'audit',
    occurred_at: new Date('2026-03-02T10:00:00Z'),
    tenant_id: tenant,
    actor: { type: 'agent', id: agent },
    data: { run_id: run, host: 'api.stripe.com' },
    ...more,
  }),
})

test('V79 a proxy’s login reads no table, and calls nothing but its eight functions', async () => {
  const { given } = await opened()
  const { rows: tables } = await given.admin.query(`
    select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname like 'countersign%' and c.relname <> 'test_clock' and c.relkind in ('r', 'v', 'm', 'p', 'S')
      and (case when c.relkind = 'S' then has_sequence_privilege('countersign_run_proxy', c.oid, 'usage,select')
        else has_table_privilege('countersign_run_proxy', c.oid, 'select,insert,update,delete')
          or has_any_column_privilege('countersign_run_proxy', c.oid, 'select,insert,update') end)`)
  expect(tables).toEqual([])
  const { rows: functions } = await given.admin.query(`
    select p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where n.nspname like 'countersign%' and has_function_privilege('countersign_run_proxy', p.oid, 'execute') order by 1`)
  expect(functions.map(({ name }: { name: string }) => name)).toEqual([
    'now',
    'proxy_beat',
    'proxy_policies',
    'proxy_record',
    'proxy_reserve',
    'proxy_revision',
    'proxy_routes',
    'proxy_settle',
    'proxy_spend',
  ])
})

test('V79 who is no enrolled node, or was expelled, is refused by each of them', async () => {
  const { given, rows, as } = await opened()
  const calls: Record<string, (t: Tx, node: string) => Promise<unknown>> = {
    revision: (t, node) => readRevisions(t, node, [rows.run]),
    routes: (t, node) => readRoutes(t, node, rows.run),
    policies: (t, node) => readPolicies(t, node, rows.run, null),
    reserve: (t, node) => reserveUse(t, node, rows.run, rows.grant),
    spend: (t, node) =>
      spendHold(t, node, { runId: rows.run, holdId: 'hld_1', digest: Buffer.alloc(32), judgedUnder: 1, requestId: 'req_1' }),
    settle: (t, node) => settleHold(t, node, { runId: rows.run, holdId: 'hld_1', became: 'sent' }),
    record: (t, node) => recordEvents(t, node, [eventOf(rows)]),
    beat: (t, node) => beatNode(t, node, { version: '1', lagMs: 1, leases: 0, runs: 0 }),
  }
  for (const [name, call] of Object.entries(calls))
    await expect(
      as((t) => call(t, newId('nod'))),
      name,
    ).rejects.toThrow(/not enrolled/)
  await given.admin.run`update proxy_nodes set expelled_at = countersign.now()`
  for (const [name, call] of Object.entries(calls))
    await expect(
      as((t) => call(t, rows.node)),
      name,
    ).rejects.toThrow(/not enrolled/)
  expect(await given.admin.rows`select from events`).toEqual([])
})

test('V79 the routes of a run name what its agent was granted, and no envelope, no hash, nothing of another tenant', async () => {
  const { given, rows, as } = await opened()
  const other = await putRows(given.admin)
  const { routes } = await as((t) => readRoutes(t, rows.node, rows.run))
  expect(routes).toMatchObject({
    run: { id: rows.run, tenant: rows.tenant, agent_id: rows.agent },
    agent: { id: rows.agent, name: 'bot', labels: ['money'], owner: rows.user },
    connections: [
      { id: rows.connection, provider: 'stripe', generation: 1, grants: [{ id: rows.grant, rules: [{ effect: 'allow' }] }] },
    ],
  })
  const text = JSON.stringify(routes)
  for (const member of ['material', 'token_hash', 'secret', 'key']) expect(text).not.toContain(`"${member}":`)
  for (const id of Object.values(other)) expect(text).not.toContain(id)
})

test('V22 V23 a run that ended, expired, or lost its heart has no routes and reserves nothing', async () => {
  const { given, rows, as } = await opened()
  const over = async (change: string) => {
    await given.admin.query(`update runs set ${change} where id = '${rows.run}'`)
    const { routes } = await as((t) => readRoutes(t, rows.node, rows.run))
    const [revision] = await as((t) => readRevisions(t, rows.node, [rows.run]))
    const { is_reserved } = await as((t) => reserveUse(t, rows.node, rows.run, rows.grant))
    expect([change, routes, revision?.is_open, is_reserved]).toEqual([change, null, false, false])
  }
  await over(`beat_at = countersign.now() - interval '91 seconds'`)
  await over(`beat_at = null, expires_at = countersign.now()`)
  await over(`expires_at = countersign.now() + interval '1 hour', ended_at = countersign.now()`)
  await given.admin.run`update runs set ended_at = null`
  await given.admin.run`update agents set state = 'paused'`
  expect((await as((t) => readRoutes(t, rows.node, rows.run))).routes).toBeNull()
})

test('V82 each change of a connection, grant, run or agent raises the revision of its tenant alone', async () => {
  const { given, rows, as } = await opened()
  const other = await putRows(given.admin)
  const revisionOf = async (run: string) => (await as((t) => readRevisions(t, rows.node, [run])))[0]?.revision as number
  const others = await revisionOf(other.run)
  for (const change of [
    `update connections set status = 'suspended' where tenant_id = $1`,
    `update grants set status = 'revoked' where tenant_id = $1`,
    `update agents set state = 'paused' where tenant_id = $1`,
    `update runs set ended_at = countersign.now() where tenant_id = $1`,
  ]) {
    const before = await revisionOf(rows.run)
    await given.admin.query(change, [rows.tenantId])
    expect([change, (await revisionOf(rows.run)) > before]).toEqual([change, true])
  }
  expect(await revisionOf(other.run)).toBe(others)
  const before = await revisionOf(rows.run)
  await given.admin.run`update connections set last_used_at = countersign.now() where tenant_id = ${rows.tenantId}::uuid`
  expect(await revisionOf(rows.run)).toBe(before)
})

test('V12 of twelve at once with five uses left exactly five are reserved', async () => {
  const { rows, as } = await opened()
  const all = await Promise.all(Array.from({ length: 12 }, () => as((t) => reserveUse(t, rows.node, rows.run, rows.grant))))
  expect(all.filter((one) => one.is_reserved)).toHaveLength(5)
})

test('V121 an event is written once, however often it is sent, in the tenant of its run', async () => {
  const { given, rows, as } = await opened()
  const event = eventOf(rows)
  const write = () => as((t) => recordEvents(t, rows.node, [event]))
  expect((await Promise.all([write(), write(), write()])).reduce((sum, { written }) => sum + written, 0)).toBe(1)
  expect(await given.admin.rows`select id, tenant_id, actor_id, type, decision, body from events`).toEqual([
    { id: event.id, tenant_id: rows.tenantId, actor_id: rows.agent, type: 'proxy.allowed', decision: 'allow', body: event.body },
  ])
})

test('V121 the last events of a run that has ended are kept for an hour', async () => {
  const { given, rows, as } = await opened()
  await given.admin.run`update runs set ended_at = countersign.now() - interval '59 minutes'`
  expect((await as((t) => recordEvents(t, rows.node, [eventOf(rows)]))).written).toBe(1)
  await given.admin.run`update runs set ended_at = countersign.now() - interval '61 minutes'`
  await expect(as((t) => recordEvents(t, rows.node, [eventOf(rows)]))).rejects.toThrow(/refused/)
})

test.each([
  ['of another tenant', (_: Rows, other: Rows) => ({ tenant_id: other.tenant })],
  ['of another agent', (_: Rows, other: Rows) => ({ actor: { type: 'agent', id: other.agent } })],
  ['of another run', (_: Rows, other: Rows) => ({ data: { run_id: other.run } })],
  ['with another id inside', () => ({ id: newId('evt') })],
  ['of another room', () => ({ type: 'task.completed' })],
])('B3 an event %s is refused with its whole batch', async (_, lie) => {
  const { given, rows, as } = await opened()
  const other = await putRows(given.admin)
  const batch = [eventOf(rows), eventOf(rows, lie(rows, other))]
  await expect(as((t) => recordEvents(t, rows.node, batch))).rejects.toThrow(/refused/)
  expect(await given.admin.rows`select from events`).toEqual([])
})

test('V120 an event is handed on to endpoints where its tenant has some, and only there', async () => {
  const { given, rows, as } = await opened()
  await as((t) => recordEvents(t, rows.node, [eventOf(rows)]))
  expect(await given.admin.rows`select from untold_events`).toEqual([])
  await putEndpoint(given, rows)
  const event = eventOf(rows)
  await as((t) => recordEvents(t, rows.node, [event]))
  expect(await given.admin.rows`select event_id, tenant_id from untold_events`).toEqual([
    { event_id: event.id, tenant_id: rows.tenantId },
  ])
})

const putEndpoint = ({ admin }: Database, { tenantId }: Rows) => admin.run`
  insert into endpoints (id, tenant_id, label, url, events, mode, header, ordering, on_exhausted, schedule, timeout_seconds, max_in_flight,
    state, state_since, created_by, created_at, updated_at)
  values (${newId('whe')}::text, ${tenantId}::uuid, 'all', 'https://hooks.example/', '{*}', 'standard', 'Countersign-Signature', 'none', 'proceed',
    'standard', 10, 5, 'active', countersign.now(), 'test', countersign.now(), countersign.now())`

test('V106 one approval, one send: of eight at once one spends, and none once something changed', async () => {
  const { given, rows, as } = await opened()
  const digest = Buffer.alloc(32, 7)
  const hold = async (more: string = '') => {
    const [id, task] = [newId('hld'), newId('task')]
    await given.admin.query(`alter table proxy_holds drop constraint if exists proxy_holds_tenant_id_task_id_fkey`)
    await given.admin.query(`delete from proxy_holds`)
    await given.admin.query(
      `insert into proxy_holds (id, tenant_id, task_id, digest, agent_id, run_id, connection_id, grant_id, grant_generation, policy_version,
        state, state_since, opened_at, expires_at, lapses_at)
      values ($1, $2, $3, $4, $5, $6, $7, $8, 1, 1, 'agreed', now(), now(), countersign.now() + interval '1 hour', countersign.now() + interval '10 minutes')`,
      [id, rows.tenantId, task, digest, rows.agent, rows.run, rows.connection, rows.grant],
    )
    if (more) await given.admin.query(more)
    return id
  }
  await given.admin.run`insert into policies (version, tenant_id, text, origin, saved_by, saved_at)
    values (1, ${rows.tenantId}::uuid, '', 'saved', 'test', countersign.now())`
  await given.admin.run`insert into policy_activations (ordinal, tenant_id, version, activated_by, activated_at)
    values (1, ${rows.tenantId}::uuid, 1, 'test', countersign.now())`
  const spend = (holdId: string, more: Partial<Parameters<typeof spendHold>[2]> = {}) =>
    as((t) => spendHold(t, rows.node, { runId: rows.run, holdId, digest, judgedUnder: 1, requestId: newId('req'), ...more }))

  const first = await hold()
  expect((await Promise.all(Array.from({ length: 8 }, () => spend(first)))).filter((one) => one.is_spent)).toHaveLength(1)
  expect((await as((t) => settleHold(t, rows.node, { runId: rows.run, holdId: first, became: 'sent' }))).is_settled).toBe(true)
  expect(await given.admin.rows`select state from proxy_holds`).toEqual([{ state: 'sent' }])

  const refused = async (why: string, id: string, more = {}) =>
    expect([why, (await spend(id, more)).is_spent]).toEqual([why, false])
  await refused('another digest', await hold(), { digest: Buffer.alloc(32, 8) })
  await refused('policies were replaced since', await hold(), { judgedUnder: 2 })
  await refused('it lapsed', await hold(`update proxy_holds set lapses_at = countersign.now() - interval '1 ms'`))
  await refused('nobody agreed yet', await hold(`update proxy_holds set state = 'open'`))
  await refused('the connection is suspended', await hold(`update connections set status = 'suspended'`))
  await refused('the grant changed', await hold(`update connections set status = 'connected'; update grants set generation = 2`))
  await refused('the run is over', await hold(`update grants set generation = 1; update runs set ended_at = countersign.now()`))
})
