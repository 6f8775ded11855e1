// What the figures of webhooks stand on: PostgreSQL that writes through to its disk, the room as main wires it, and a receiver in a thread of its own.
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { createQueue, type Queue } from '@countersign/queue'
import pg from 'pg'
import { makeKeyring } from '../../packages/server/src/crypto/keyring.ts'
import { startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { migrate } from '../../packages/server/src/db/migrate.ts'
import { type Scope, systemScope } from '../../packages/server/src/db/scope.ts'
import { type Db, openDb } from '../../packages/server/src/db/tx.ts'
import { openDoor } from '../../packages/server/src/egress/fetch.ts'
import { openGuard } from '../../packages/server/src/egress/guard.ts'
import { newTenantUuid } from '../../packages/server/src/std/id.ts'
import { openLog } from '../../packages/server/src/std/log.ts'
import { openFanOut } from '../../packages/server/src/webhooks/fan-out.ts'
import type { WebhooksHouse } from '../../packages/server/src/webhooks/house.ts'
import { webhookJobs } from '../../packages/server/src/webhooks/jobs.ts'
import { HELD_JOBS, openDeliver } from '../../packages/server/src/webhooks/sending/deliver.ts'

export type Arrival = [path: string, id: string, at: number]
export type Rig = {
  db: Db
  admin: pg.Client
  house: WebhooksHouse
  scope: Scope
  queue: Queue
  /** Where the receiver listens: behind it `/ok…` or `/hang…`. */
  origin: string
  work(): void
  /** Since the last time that somebody asked. */
  arrivals(): Promise<Arrival[]>
  close(): Promise<void>
}

export async function openRig(): Promise<Rig> {
  const home = mkdtempSync('/tmp/countersign-bench-')
  chmodSync(home, 0o711)
  const database = await startEmbedded({ home, settings: { max_wal_size: '4GB', shared_buffers: '256MB' } })
  await migrate(database.migratorUrl)
  const { pathname } = new URL(database.runtimeUrl)
  const admin = new pg.Client({ connectionString: Object.assign(new URL(database.adminUrl), { pathname }).href })
  await admin.connect()
  const db = await openDb({ url: database.runtimeUrl, max: 16 })
  const receiver = new Worker(new URL('receiver.mjs', import.meta.url))
  const { port } = await heard<{ port: number }>(receiver)
  const log = openLog({ level: 'silent', sink: () => undefined })
  const keyring = makeKeyring({ current: 1, versions: new Map([[1, randomBytes(32)]]) })
  const guard = openGuard({ http: true, allowed: [{ host: '127.0.0.1', port }] })
  const door = openDoor({ guard, installation: keyring.fingerprint(), version: 'bench' })
  const nobody = async () => {
    throw new Error('there are no tasks here')
  }
  const house: WebhooksHouse = {
    ...{ db, keyring, log, door, origin: () => 'http://localhost', checkUrl: (url: string) => url },
    sources: { task: { render: nobody, secret: nobody, ended: nobody } },
  }
  db.fanOut = openFanOut(house.origin)
  const tenantId = newTenantUuid()
  await admin.query('insert into countersign.tenants (id, name) values ($1, $2)', [tenantId, 'bench'])
  const queue = createQueue({ database: db.pool, kinds: webhookJobs(house, openDeliver(house)), log })
  return {
    ...{ db, admin, house, queue, scope: systemScope('bench', tenantId), origin: `http://127.0.0.1:${port}` },
    work: () => void queue.work({ queues: { default: {}, webhooks: HELD_JOBS }, concurrency: 4 }),
    arrivals: async () => {
      const answer = heard<{ arrivals: Arrival[] }>(receiver)
      receiver.postMessage('told')
      return (await answer).arrivals
    },
    async close() {
      await queue.close({ grace: '0s' })
      await door.close()
      await db.close()
      await admin.end()
      await receiver.terminate()
      await database.stop()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

const heard = <T>(worker: Worker): Promise<T> => new Promise((resolve) => worker.once('message', resolve))
