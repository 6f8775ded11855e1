// Sealing beside writers (platform.md P112, P115): how many events a second a backlog is sealed at while 4 writers go on, and how long after its COMMIT an
// event of theirs is sealed. The peer does what most hash chains do: each writer locks the head of the chain and computes its link in its own transaction.
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import pg from 'pg'
import { makeKeyring } from '../../packages/server/src/crypto/keyring.ts'
import { startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { migrate } from '../../packages/server/src/db/migrate.ts'
import { type Scope, systemScope } from '../../packages/server/src/db/scope.ts'
import { type Db, openDb, tx } from '../../packages/server/src/db/tx.ts'
import { openSealer, sealStep } from '../../packages/server/src/events/audit/sealing.ts'
import { record } from '../../packages/server/src/events/event.ts'
import { newTenantUuid } from '../../packages/server/src/std/id.ts'
import { openLog } from '../../packages/server/src/std/log.ts'
import { type Figure, percentile } from '../figure.ts'

const WRITERS = 4
const BODY = JSON.stringify({ agent_id: 'agt_01JD8Z6V3QK8W2N4T6Y8B0C2E4', note: 'x'.repeat(320) })
const PEER = 'chain head locked per event'

export async function measure({ quick }: { quick: boolean }): Promise<Figure[]> {
  const home = mkdtempSync('/tmp/countersign-bench-')
  chmodSync(home, 0o711)
  const database = await startEmbedded({ home, settings: { max_wal_size: '4GB', shared_buffers: '256MB' } })
  const { pathname } = new URL(database.runtimeUrl)
  const admin = new pg.Client({ connectionString: Object.assign(new URL(database.adminUrl), { pathname }).href })
  try {
    await migrate(database.migratorUrl)
    await admin.connect()
    const db = await openDb({ url: database.runtimeUrl, max: 16 })
    try {
      const tenantId = newTenantUuid()
      await admin.query('insert into countersign.tenants (id, name) values ($1, $2)', [tenantId, 'bench'])
      const scope = systemScope('bench', tenantId)
      const rate = await backlog(admin, db, scope, quick ? 60_000 : 500_000)
      const latency = await latencies(admin, db, scope, quick ? 8_000 : 30_000)
      const peer = await lockedHeads(admin, db, scope, quick ? 4_000 : 15_000)
      return [
        {
          ...{ bench: 'seal', metric: 'events sealed while 4 writers are on', unit: '1/s', ours: rate },
          ...{ peer_name: PEER, peer, goal: '>= 20000', met: rate >= 20_000 },
        },
        {
          ...{ bench: 'seal', metric: 'commit to seal, p99, 4 writers', unit: 's', ours: latency.p99 },
          ...{ peer_name: null, peer: null, goal: '<= 1', met: latency.p99 <= 1 },
        },
        {
          ...{ bench: 'seal', metric: 'events recorded by those 4 writers', unit: '1/s', ours: latency.perSecond },
          ...{ peer_name: PEER, peer, goal: null, met: null },
        },
      ]
    } finally {
      await db.close()
    }
  } finally {
    await admin.end()
    await database.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

/** What an hour without maintenance leaves behind, sealed while others write. */
async function backlog(admin: pg.Client, db: Db, scope: Scope, events: number): Promise<number> {
  await admin.query(
    `insert into countersign.events (id, tenant_id, type, class, actor_id, occurred_at, body)
     select 'evt_' || gen_random_uuid(), $1::uuid, 'task.created', 'activity', 'agt_1', now(), $2 || i from generate_series(1, $3::integer) i`,
    [scope.tenantId, BODY, events],
  )
  await admin.query('vacuum analyze countersign.events')
  const writing = write(db, scope)
  const from = performance.now()
  const sealed = await sealStep({ db })
  const seconds = (performance.now() - from) / 1000
  await writing.stop()
  return sealed / seconds
}

async function latencies(admin: pg.Client, db: Db, scope: Scope, ms: number): Promise<{ p99: number; perSecond: number }> {
  await sealStep({ db })
  const log = openLog({ level: 'silent', sink: () => undefined })
  const keyring = makeKeyring({ current: 1, versions: new Map([[1, randomBytes(32)]]) })
  const sealer = openSealer({ db, keyring, log, origin: () => 'http://localhost' })
  const from = performance.now()
  const writing = write(db, scope)
  await new Promise((resume) => setTimeout(resume, ms))
  const committed = await writing.stop()
  const seconds = (performance.now() - from) / 1000
  await new Promise((resume) => setTimeout(resume, 1_000))
  await sealer.close()
  await sealStep({ db })
  const { rows } = await admin.query<{ event_id: string; at: number }>(
    'select event_id, extract(epoch from sealed_at)::float8 * 1000 as at from countersign.seals where event_id = any($1)',
    [[...committed.keys()]],
  )
  const late = rows.map(({ event_id, at }) => Math.max(0, at - (committed.get(event_id) as number)) / 1000)
  return { p99: percentile(late, 0.99), perSecond: committed.size / seconds }
}

/** One event a transaction, as fast as it goes; when each was committed. */
function write(db: Db, scope: Scope): { stop(): Promise<Map<string, number>> } {
  const committed = new Map<string, number>()
  let stopped = false
  const writers = Array.from({ length: WRITERS }, async () => {
    while (!stopped) {
      const id = await tx(db, scope, (t) => record(t, scope, 'task.created', JSON.parse(BODY)))
      committed.set(id, Date.now())
    }
  })
  return {
    async stop() {
      stopped = true
      await Promise.all(writers)
      return committed
    },
  }
}

/** The same events, each linked by its own writer under the lock of the one head. */
async function lockedHeads(admin: pg.Client, db: Db, scope: Scope, ms: number): Promise<number> {
  await admin.query('create table countersign.bench_head (id int primary key, seq bigint, hash bytea)')
  await admin.query(`insert into countersign.bench_head values (1, 0, '\\x00')`)
  await admin.query(
    'create table countersign.bench_seals (seq bigint primary key, event_id text unique, digest bytea, hash bytea)',
  )
  await admin.query('grant select, insert, update on countersign.bench_head, countersign.bench_seals to countersign_runtime')
  let events = 0
  const until = performance.now() + ms
  await Promise.all(
    Array.from({ length: WRITERS }, async () => {
      while (performance.now() < until) {
        await tx(db, scope, async (t) => {
          const id = await record(t, scope, 'task.created', JSON.parse(BODY))
          await t.query(
            `with head as (
               update countersign.bench_head h set seq = h.seq + 1,
                 hash = sha256(h.hash || sha256(convert_to((select body from countersign.events where tenant_id = $2 and id = $1), 'UTF8')))
               where h.id = 1 returning h.seq, h.hash
             ) insert into countersign.bench_seals select seq, $1, hash, hash from head`,
            [id, scope.tenantId],
          )
        })
        events += 1
      }
    }),
  )
  return events / (ms / 1000)
}
