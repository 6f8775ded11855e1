// One PostgreSQL for a whole run, and in it a database of its own for each run of each system, installed once and cloned: nobody meets what another left.
import { randomUUID } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import pg from 'pg'
import { type Embedded, startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { CONTENDERS, type SystemName } from './contenders.ts'
import * as sql from './sql.ts'

const SETTINGS = {
  max_connections: '500',
  shared_buffers: '512MB',
  max_wal_size: '8GB',
  checkpoint_timeout: '15min',
  synchronous_commit: 'on',
  full_page_writes: 'on',
}
const SAID = [...Object.keys(SETTINGS), 'fsync', 'autovacuum', 'wal_level', 'wal_compression', 'work_mem', 'random_page_cost']

export type Theatre = {
  system: SystemName
  /** A plain login that owns the database and nothing else. */
  url: string
  adminUrl: string
  walBytes(): Promise<number>
  /** Of the system's own tables, as the cumulative statistics say. */
  deadTuples(): Promise<number>
  sizeBytes(): Promise<number>
  tables(): Promise<string[]>
  checkpoint(): Promise<void>
  isLive(): Promise<boolean>
  look<T>(text: string, values?: unknown[]): Promise<T[]>
  drop(): Promise<void>
}

export type Stage = {
  open(system: SystemName): Promise<Theatre>
  settings(): Promise<Record<string, unknown>>
  readonly database: Embedded
  close(): Promise<void>
}

export async function openStage(): Promise<Stage> {
  const home = mkdtempSync('/tmp/countersign-bench-')
  chmodSync(home, 0o711)
  const database = await startEmbedded({ home, settings: SETTINGS })
  const admin = new pg.Client({ connectionString: database.adminUrl })
  await admin.connect()
  const password = randomUUID()
  await admin.query(sql.createLogin(password))
  const urlOf = (name: string): string => {
    const url = new URL(database.adminUrl)
    url.username = 'bench'
    url.password = password
    url.pathname = `/${name}`
    return url.href
  }
  const adminUrlOf = (name: string): string => Object.assign(new URL(database.adminUrl), { pathname: `/${name}` }).href

  const templates = new Map<SystemName, Promise<string>>()
  const template = (system: SystemName): Promise<string> => {
    const installed =
      templates.get(system) ??
      (async () => {
        const name = `installed_${system.replace('-', '_')}`
        await admin.query(sql.createTemplate(name))
        await CONTENDERS[system].install(urlOf(name))
        return name
      })()
    templates.set(system, installed)
    return installed
  }
  let number = 0

  return {
    database,
    async open(system) {
      const { schema, live } = CONTENDERS[system]
      const name = `run_${++number}`
      await admin.query(sql.cloneTemplate(name, await template(system)))
      const adminUrl = adminUrlOf(name)
      const looker = new pg.Client({ connectionString: adminUrl, application_name: 'bench-look' })
      await looker.connect()
      const look = async <T>(text: string, values: unknown[] = []) => (await looker.query(text, values)).rows as T[]
      const url = urlOf(name)
      return {
        system,
        url,
        adminUrl,
        look,
        walBytes: async () => Number((await look<{ bytes: string }>(sql.walPosition))[0]?.bytes),
        deadTuples: async () => (await look<{ dead: number }>(sql.deadTuples, [schema]))[0]?.dead ?? 0,
        sizeBytes: async () => (await look<{ bytes: number }>(sql.sizeOf, [schema]))[0]?.bytes ?? 0,
        tables: async () => (await look<{ name: string }>(sql.tablesOf, [schema])).map((row) => row.name),
        checkpoint: async () => void (await look(sql.checkpoint)),
        isLive: async () => (live === null ? oursIsLive(url) : ((await look<{ live: boolean }>(live))[0]?.live ?? true)),
        async drop() {
          await looker.end()
          await admin.query(sql.dropDatabase(name))
        },
      }
    },
    async settings() {
      const { rows } = await admin.query<{ name: string; value: string }>(sql.settingsOf, [SAID])
      const [version] = (await admin.query<{ version: string }>(sql.version)).rows
      return {
        postgresql: version?.version,
        node: process.version,
        cpu: `${cpus().length} × ${cpus()[0]?.model.trim()}`,
        memory_gb: Math.round(totalmem() / 2 ** 30),
        ...Object.fromEntries(rows.map(({ name, value }) => [name, value])),
      }
    },
    async close() {
      await admin.end()
      await database.stop()
      rmSync(home, { recursive: true, force: true })
    },
  }
}

const LIVE = ['ready', 'running', 'scheduled', 'retrying', 'blocked', 'waiting'] as const

/** By the library's own reader, as an operator would ask. */
async function oursIsLive(url: string): Promise<boolean> {
  const { createQueue } = await import('@countersign/queue')
  const queue = createQueue({ database: { url, max: 1 }, listen: false })
  try {
    const { queues } = await queue.counts()
    return Object.values(queues).some((states) => LIVE.some((state) => (states[state] ?? 0) > 0))
  } finally {
    await queue.close()
  }
}
