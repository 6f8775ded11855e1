// What row-level security costs (platform.md P2, P4): ten queries that routes make, over 100 tenants, the same statements with the policies on and off.
// Both name their tenant, as every statement of ours does, so the policy is a check at the start of a plan and not a filter per row.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import pg from 'pg'
import { startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { migrate } from '../../packages/server/src/db/migrate.ts'
import { newTenantUuid } from '../../packages/server/src/std/id.ts'
import { type Figure, percentile } from '../figure.ts'

const TENANTS = 100
const PEER = 'the same queries, row security off'

export async function measure({ quick }: { quick: boolean }): Promise<Figure[]> {
  const home = mkdtempSync('/tmp/countersign-bench-')
  chmodSync(home, 0o711)
  const database = await startEmbedded({ home, fsync: false, settings: { shared_buffers: '256MB', max_wal_size: '4GB' } })
  const { pathname } = new URL(database.runtimeUrl)
  const admin = new pg.Client({ connectionString: Object.assign(new URL(database.adminUrl), { pathname }).href })
  const runtime = new pg.Client(database.runtimeUrl)
  try {
    await migrate(database.migratorUrl)
    await admin.connect()
    await runtime.connect()
    const tenants = Array.from({ length: TENANTS }, () => newTenantUuid())
    await fill(admin, tenants, quick ? 1_000 : 100_000)
    const rounds = quick ? 300 : 1_000
    const on: number[] = []
    const off: number[] = []
    // Turn about, so that neither has the warmer cache.
    for (let part = 0; part < 6; part++) {
      const secured = part % 2 === 0
      for (const table of TABLES)
        await admin.query(`alter table countersign.${table} ${secured ? 'enable' : 'disable'} row level security`)
      ;(secured ? on : off).push(...(await run(runtime, tenants, rounds / 3)))
    }
    const [ours, peer] = [percentile(on, 0.5), percentile(off, 0.5)]
    const [ours99, peer99] = [percentile(on, 0.99), percentile(off, 0.99)]
    const figure = { bench: 'rls', unit: 'ms', peer_name: PEER }
    return [
      { ...figure, metric: 'query of a route, p50 of 10', ours, peer, goal: '<= +10 %', met: ours <= peer * 1.1 },
      { ...figure, metric: 'query of a route, p99 of 10', ours: ours99, peer: peer99, goal: null, met: null },
    ]
  } finally {
    await runtime.end()
    await admin.end()
    await database.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

const TABLES = ['events', 'tasks', 'decisions']

async function fill(admin: pg.Client, tenants: string[], rows: number): Promise<void> {
  await admin.query('insert into countersign.tenants (id, name) select id, id::text from unnest($1::uuid[]) id', [tenants])
  for (const tenant of tenants) {
    await admin.query(
      `insert into countersign.tasks (id, tenant_id, origin, created_by, asker, key_reuse, task, response_schema, deadline_at, asked, callback_mode, created_at, updated_at, opened_at)
       select 'task_' || lpad(n::text, 8, '0') || substr(md5($1 || n), 1, 18), $1::uuid, 'agent', 'agt_' || n % 7, 'agt_' || n % 7, 'forever', 'May it go on ' || n, '{}',
         now() + make_interval(mins => n), '{pool:default}', 'standard', now(), now(), now() from generate_series(1, $2) n`,
      [tenant, Math.ceil(rows / 2)],
    )
    await admin.query(
      `insert into countersign.events (id, tenant_id, type, class, resource_type, resource_id, actor_id, occurred_at, body)
       select 'evt_' || lpad(n::text, 8, '0') || substr(md5($1 || n), 1, 18), $1::uuid, case n % 3 when 0 then 'task.created' else 'agent.updated' end, 'activity', 'task',
         'task_' || n % 500, 'agt_' || n % 7, now() - make_interval(secs => n), '{}' from generate_series(1, $2) n`,
      [tenant, Math.floor(rows / 2)],
    )
  }
  await admin.query('vacuum analyze')
}

const QUERIES: ((tenant: string, n: number) => { name: string; text: string; values: unknown[] })[] = [
  (t) => q('list', 'select id, status from countersign.tasks where tenant_id = $1 order by id desc limit 50', [t]),
  (t) =>
    q(
      'open',
      "select id from countersign.tasks where tenant_id = $1 and status in ('open', 'verifying', 'returned', 'revising') order by deadline_at, id limit 50",
      [t],
    ),
  (t) =>
    q(
      'urgent',
      "select id from countersign.tasks where tenant_id = $1 and status in ('open', 'verifying', 'returned', 'revising') order by priority_rank desc, id limit 50",
      [t],
    ),
  (t) =>
    q(
      'one',
      'select * from countersign.tasks where tenant_id = $1 and id = (select id from countersign.tasks where tenant_id = $1 order by id limit 1)',
      [t],
    ),
  (t) =>
    q(
      'updated',
      'select id from countersign.tasks where tenant_id = $1 and updated_at <= now() order by updated_at desc, id desc limit 50',
      [t],
    ),
  (t, n) =>
    q(
      'key',
      'select id from countersign.tasks where tenant_id = $1 and asker = $2 and idempotency_key = $3 and key_freed_at is null',
      [t, `agt_${n % 7}`, `k${n}`],
    ),
  (t) => q('events', 'select id, body from countersign.events where tenant_id = $1 order by xid desc, ord desc limit 50', [t]),
  (t, n) =>
    q(
      'of',
      'select id, body from countersign.events where tenant_id = $1 and resource_id = $2 order by xid desc, ord desc limit 50',
      [t, `task_${n % 500}`],
    ),
  (t, n) =>
    q(
      'by',
      'select id, body from countersign.events where tenant_id = $1 and actor_id = $2 order by xid desc, ord desc limit 50',
      [t, `agt_${n % 7}`],
    ),
  (t) =>
    q('type', 'select id from countersign.events where tenant_id = $1 and type = $2 order by xid desc, ord desc limit 50', [
      t,
      'task.created',
    ]),
]
const q = (name: string, text: string, values: unknown[]) => ({ name, text, values })

/** Each as a route makes it: in a transaction whose tenant is set in the round trip that opens it. */
async function run(client: pg.Client, tenants: string[], rounds: number): Promise<number[]> {
  const times: number[] = []
  for (let n = 0; n < rounds; n++) {
    const tenant = tenants[n % tenants.length] as string
    await client.query(`begin read only; select set_config('countersign.tenant', '${tenant}', true)`)
    for (const query of QUERIES) {
      const statement = query(tenant, n)
      const begun = performance.now()
      await client.query(statement)
      times.push(performance.now() - begun)
    }
    await client.query('commit')
  }
  return times
}
