// Rotation under load (platform.md P126, A34): root and tenant keys go add → promote → rewrap → retire over many envelopes while 100 requests a second read
// and write through the server; how many wraps move a second, and how many requests failed. The peer does what most systems do when a key changes: it reads
// every payload, decrypts it, encrypts it anew and writes it back, in batches of the same size, on the same database and under the same load. Both work in a process
// of their own, as a worker does; server and load share this one.
import { spawn } from 'node:child_process'
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { createKeyFile } from '../../packages/server/src/crypto/keyring-file.ts'
import { findRoots } from '../../packages/server/src/crypto/keyring-source.ts'
import { sealText } from '../../packages/server/src/crypto/seal.ts'
import { startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { migrate } from '../../packages/server/src/db/migrate.ts'
import { type Scope, systemScope } from '../../packages/server/src/db/scope.ts'
import { openDb, tx } from '../../packages/server/src/db/tx.ts'
import { createAgent } from '../../packages/server/src/identity/agent.ts'
import { createKey } from '../../packages/server/src/identity/key.ts'
import { openRing } from '../../packages/server/src/identity/keys-at-rest/root/ring.ts'
import {
  addRootKey,
  type KeyringHouse,
  promoteRootKey,
  retireRootKey,
} from '../../packages/server/src/identity/keys-at-rest/root/root-key.ts'
import { tenantKey } from '../../packages/server/src/identity/keys-at-rest/tenant-key.ts'
import { createTenant, createUser } from '../../packages/server/src/identity/user.ts'
import { readConfig } from '../../packages/server/src/main/config.ts'
import { startServer } from '../../packages/server/src/main/server.ts'
import { tenantWire } from '../../packages/server/src/std/id.ts'
import { openLog } from '../../packages/server/src/std/log.ts'
import { type Figure, percentile } from '../figure.ts'

const PER_SECOND = 100
/** In flight at most: a machine that is slower than the rate gets fewer requests, never a heap of them. */
const AT_ONCE = 24
const PAYLOAD = 1_024
const BATCH = 200
const PEER = 're-encrypt payloads'
const LIMITS = ['api.key', 'api.user', 'api.tenant', 'anonymous'].map((bucket) => `${bucket}=10000000/1m+1000000`).join(',')

type Wishes = {
  quick: boolean
  envelopes?: number
  /** False: ours alone. */
  compares?: boolean
}

export async function measure({ quick, compares = true, ...wishes }: Wishes): Promise<Figure[]> {
  const envelopes = wishes.envelopes ?? (quick ? 5_000 : 100_000)
  const home = mkdtempSync('/tmp/countersign-bench-')
  chmodSync(home, 0o711)
  const database = await startEmbedded({ home, settings: { max_wal_size: '4GB', shared_buffers: '256MB' } })
  const { pathname } = new URL(database.runtimeUrl)
  const admin = new pg.Client({ connectionString: Object.assign(new URL(database.adminUrl), { pathname }).href })
  try {
    await migrate(database.migratorUrl)
    await admin.connect()
    const stage = await open(database.runtimeUrl, home)
    try {
      await fill(stage, envelopes)
      const load = startLoad(stage)
      await new Promise((resolve) => setTimeout(resolve, quick ? 1_500 : 15_000))
      const idle = percentile(load.took(), 0.99)
      const again = () => reencryptElsewhere(Object.assign(new URL(database.adminUrl), { pathname }).href, quick ? 5_000 : 25_000)
      const peer = compares ? await again() : null
      load.took()
      const before = load.asked()
      const begun = performance.now()
      const { rate, moved } = await rotate(stage)
      const during = load.asked() - before
      const busy = percentile(load.took(), 0.99)
      const perSecond = Math.round(during / ((performance.now() - begun) / 1000))
      const { asked, failed, errors } = await load.stop()
      for (const error of errors.slice(0, 3)) process.stderr.write(`${error}\n`)
      const shown = `${moved.toLocaleString('en')} wraps under ${perSecond} requests/s`
      return [
        {
          ...{ bench: 'rotate', metric: `rewraps a second, ${shown}`, unit: '1/s', ours: rate },
          ...{ peer_name: compares ? PEER : null, peer, goal: '>= 2000', met: rate >= 2_000 },
        },
        {
          ...{ bench: 'rotate', metric: 'p99 of the requests meanwhile', unit: 'ms', ours: busy },
          ...{ peer_name: 'without a rotation', peer: idle, goal: '<= 2 x', met: busy <= 2 * idle },
        },
        {
          ...{
            bench: 'rotate',
            metric: `failed requests of ${asked} (${during} during the rotation)`,
            unit: 'requests',
            ours: failed,
          },
          ...{ peer_name: null, peer: null, goal: '0', met: failed === 0 && during > 0 },
        },
      ]
    } finally {
      await stage.close()
    }
  } finally {
    await admin.end()
    await database.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

type Stage = {
  url: string
  key: string
  /** What a process of this installation needs. */
  env: Record<string, string>
  server: KeyringHouse
  worker: KeyringHouse
  scope: Scope
  close(): Promise<void>
}

/** The server with its own connections, and beside it the process that works on the rotation: two live processes of one key ring. */
async function open(url: string, home: string): Promise<Stage> {
  const log = openLog({ level: 'silent' })
  const file = join(home, 'keys', 'root.key')
  await createKeyFile(file)
  const roots = await findRoots({
    given: `file:${file}`,
    home,
    production: false,
    variable: () => undefined,
    mayCreate: () => false,
  })
  const start = async (max: number): Promise<KeyringHouse> => {
    const db = await openDb({ url, max })
    const ring = await openRing({ db, roots, log, roles: ['web'] })
    return { db, keyring: ring.keyring, ring, log }
  }
  const [web, worker] = [await start(10), await start(4)]
  const config = readConfig(
    { COUNTERSIGN_ENVIRONMENT: 'development', COUNTERSIGN_PORT: '0', COUNTERSIGN_ROLES: 'web', COUNTERSIGN_LIMITS: LIMITS },
    { cwd: '/tmp', isRoot: false },
  )
  const server = await startServer({ config, db: web.db, ring: web.ring, log, version: 'bench', pages: null })
  const tenantId = await createTenant(server.identity, 'Bench')
  const scope = systemScope('bench', tenantId)
  const { id } = await createUser(server.identity, scope, { email: 'owner@example.com', display_name: 'Owner', role: 'owner' })
  const owner: Scope = { ...scope, role: 'owner', userId: id }
  const agent = await createAgent(server.identity, owner, { name: 'bench' })
  const { secret } = await createKey(server.identity, owner, { kind: 'agt', agent_id: agent.id })
  return {
    url: server.url,
    key: secret,
    env: { COUNTERSIGN_ENVIRONMENT: 'development', COUNTERSIGN_DATABASE_URL: url, COUNTERSIGN_HOME: home },
    server: web,
    worker,
    scope,
    async close() {
      await server.close()
      await worker.ring.close()
      await Promise.all([web.db.close(), worker.db.close()])
    },
  }
}

async function fill({ worker, scope }: Stage, envelopes: number): Promise<void> {
  const tenant = tenantWire(scope.tenantId)
  for (let from = 0; from < envelopes; from += 2_000) {
    await tx(worker.db, scope, async (t) => {
      const key = await tenantKey(worker, t, scope)
      const sealed = Array.from({ length: Math.min(2_000, envelopes - from) }, (_, i) =>
        sealText(
          key,
          { tenant, table: 'compatibility_keys', column: 'material', row: String(from + i + 1) },
          randomBytes(PAYLOAD / 2).toString('hex'),
        ),
      )
      await t.run`insert into compatibility_keys (version, tenant_id, material, origin, created_by, created_at, effective_at)
        select ${from}::integer + n, ${scope.tenantId}::uuid, material, 'made', 'bench', ${t.now}::timestamptz, ${t.now}::timestamptz
        from unnest(${sealed}::bytea[]) with ordinality as all_of_them (material, n)`
    })
  }
}

/** Each tenth asks a question, the others read one: what is sealed by one version is read while the next comes. */
function startLoad({ url, key }: Stage) {
  const tasks: string[] = []
  const errors: string[] = []
  const running = new Set<Promise<void>>()
  let asked = 0
  let failed = 0
  let took: number[] = []
  const call = async (n: number): Promise<void> => {
    asked++
    const began = performance.now()
    const writes = n % 10 === 0 || tasks.length === 0
    try {
      const answer = await fetch(`${url}/api/v1/tasks${writes ? '' : `/${tasks[n % tasks.length]}`}`, {
        method: writes ? 'POST' : 'GET',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: writes ? JSON.stringify({ ...QUESTION, payload: { n } }) : undefined,
      })
      const body = (await answer.json()) as { id: string; payload?: { n?: number } }
      if (!answer.ok || typeof body.payload?.n !== 'number')
        throw new Error(`${answer.status} ${JSON.stringify(body).slice(0, 200)}`)
      took.push(performance.now() - began)
      if (writes && tasks.length < 200) tasks.push(body.id)
    } catch (error) {
      failed++
      errors.push(String(error))
    }
  }
  let n = 0
  const begun = performance.now()
  const timer = setInterval(() => {
    for (const due = ((performance.now() - begun) / 1000) * PER_SECOND; n < due; n++) {
      if (running.size >= AT_ONCE) continue
      const one = call(n)
      running.add(one)
      void one.finally(() => running.delete(one))
    }
  }, 10)
  return {
    asked: () => asked,
    /** Of the answers since somebody looked last. */
    took() {
      const all = took
      took = []
      return all
    },
    async stop() {
      clearInterval(timer)
      await Promise.all(running)
      return { asked, failed, errors }
    },
  }
}
const QUESTION = {
  task: 'Approve the refund?',
  response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
  timeout_seconds: 3_600,
}

/** The whole way of P126, twice: the second rotation begins with the versions of the first. The wraps are moved by the command, as an operator does it. */
async function rotate({ worker, server, scope, env }: Stage): Promise<{ rate: number; moved: number }> {
  let moved = 0
  let seconds = 0
  for (const version of [2, 3]) {
    await addRootKey(worker, scope)
    await server.ring.refresh()
    await promoteRootKey(worker, scope, version)
    const run = JSON.parse(await elsewhere([BIN, 'keyring', 'rewrap', '--json'], env)) as {
      done: number
      failed: number
      rate: number
    }
    if (run.failed > 0) throw new Error(`${run.failed} envelopes could not be rewrapped.`)
    moved += run.done
    seconds += run.done / run.rate
    await retireRootKey(worker, scope, version - 1)
  }
  return { rate: moved / seconds, moved }
}

const BIN = fileURLToPath(new URL('../../packages/server/bin/countersign.mjs', import.meta.url))

/** What a process of its own prints. */
function elsewhere(args: string[], env: Record<string, string> = {}): Promise<string> {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(`${args.join(' ')} ended with ${code}: ${text}`))))
  })
}

const PEER_FLAG = '--reencrypt'
const reencryptElsewhere = async (url: string, rows: number): Promise<number> =>
  Number(await elsewhere(['--import', 'tsx', fileURLToPath(import.meta.url), PEER_FLAG, url, String(rows)]))

if (process.argv[2] === PEER_FLAG) {
  const admin = new pg.Client({ connectionString: process.argv[3] })
  await admin.connect()
  process.stdout.write(String(await reencrypt(admin, Number(process.argv[4]))))
  await admin.end()
}

async function reencrypt(admin: pg.Client, rows: number): Promise<number> {
  const [old, next] = [randomBytes(32), randomBytes(32)]
  const encrypt = (key: Buffer, plain: Buffer): Buffer => {
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', key, nonce)
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
  }
  const decrypt = (key: Buffer, sealed: Buffer): Buffer => {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12)).setAuthTag(sealed.subarray(-16))
    return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()])
  }
  await admin.query('create table peer (id integer primary key, material bytea not null)')
  for (let from = 0; from < rows; from += 2_000)
    await admin.query(
      'insert into peer select $1::integer + n, material from unnest($2::bytea[]) with ordinality as all_of_them (material, n)',
      [
        from,
        Array.from({ length: Math.min(2_000, rows - from) }, () =>
          encrypt(old, Buffer.from(randomBytes(PAYLOAD / 2).toString('hex'))),
        ),
      ],
    )
  const begun = performance.now()
  for (let from = 0; from < rows; from += BATCH) {
    await admin.query('begin')
    const { rows: batch } = await admin.query<{ id: number; material: Buffer }>(
      'select id, material from peer where id > $1 order by id limit $2 for update',
      [from, BATCH],
    )
    await admin.query(
      'update peer as p set material = x.material from unnest($1::integer[], $2::bytea[]) as x (id, material) where p.id = x.id',
      [batch.map((row) => row.id), batch.map((row) => encrypt(next, decrypt(old, row.material)))],
    )
    await admin.query('commit')
  }
  return rows / ((performance.now() - begun) / 1000)
}
