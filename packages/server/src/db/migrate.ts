// Brings a database to the schema of this binary (P14): plain numbered SQL, forward only, one transaction a file, every object owned by
// countersign_owner from its first second. Refuses a file that changed after it ran and a database that is ahead. Never runs at request time.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { sha256Hex } from '../crypto/token.ts'
import type { Log } from '../std/log.ts'
import { packageRoot } from '../std/package-root.ts'
import {
  type Applied,
  breakQueue,
  insertApplied,
  ledger,
  listApplied,
  lockMigrations,
  startFile,
  testClockSql,
} from './migrations/sql.ts'
import { type Connection, clientConfig } from './pool.ts'

export type Series = 'server' | 'queue'
export type Migration = { series: Series; number: number; name: string; text: string; checksum: string; breaking: boolean }

export type MigrateOptions = {
  /** Makes countersign.now() movable. For tests: a database made so is refused in production by `db.clock`. */
  testClock?: boolean
  log?: Log
  /** Instead of the files of this installation. */
  migrations?: readonly Migration[]
}

// The spine (0001–0009) makes the schema that the queue's files fill, and later server files may build on the queue.
const SPINE_END = 9
const FILE = /^(\d{4})_[a-z0-9_]+\.sql$/

/** A file of ours that PostgreSQL refused, with its line. */
export class MigrationError extends Error {
  readonly migration: Migration

  constructor(migration: Migration, cause: unknown) {
    super(`${migrationLabel(migration)}${lineOf(migration.text, cause)}: ${cause instanceof Error ? cause.message : cause}`, {
      cause,
    })
    this.migration = migration
  }
}

/** The database holds another past than this version: nothing was run. */
export class MigrationRefused extends Error {
  constructor(sentence: string) {
    super(sentence)
    this.name = 'MigrationRefused'
  }
}

/** What this binary brings, in the order in which it runs. */
export function listMigrations(): Migration[] {
  const server = readSeries('server', join(packageRoot(import.meta.url), 'migrations'))
  const queue = readSeries('queue', join(packageRoot(import.meta.url, '@countersign/queue'), 'sql'))
  const isSpine = (one: Migration) => one.number <= SPINE_END
  return [...server.filter(isSpine), ...queue, ...server.filter((one) => !isSpine(one))]
}

export function readMigration(series: Series, name: string, text: string): Migration {
  const number = Number(FILE.exec(name)?.[1])
  return { series, number, name, text, checksum: sha256Hex(text), breaking: text.startsWith('--! breaking') }
}

function readSeries(series: Series, folder: string): Migration[] {
  const names = readdirSync(folder)
    .filter((name) => FILE.test(name))
    .sort()
  return names.map((name) => readMigration(series, name, readFileSync(join(folder, name), 'utf8')))
}

export const migrationLabel = (one: { series: string; name: string }): string => `${one.series}/${one.name}`

/** Where the database and this binary disagree; empty when every file ran as it is here. */
export function compareMigrations(ours: readonly Migration[], applied: readonly Applied[]) {
  const key = (one: { series: string; number: number }) => `${one.series}/${one.number}`
  const done = new Map(applied.map((one) => [key(one), one]))
  const known = new Set(ours.map(key))
  return {
    pending: ours.filter((one) => !done.has(key(one))),
    changed: ours.filter((one) => done.has(key(one)) && done.get(key(one))?.checksum !== one.checksum),
    ahead: applied.filter((one) => !known.has(key(one))),
  }
}

export async function migrate(url: Connection, options: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const { log, migrations = listMigrations() } = options
  const client = new pg.Client({ ...clientConfig(url), application_name: 'countersign-migrate' })
  client.on('error', (error) => log?.error({ err: error }, 'the connection of the migration broke'))
  await client.connect()
  const applied: string[] = []
  try {
    await inTransaction(client, () => client.query(ledger))
    for (const one of migrations) {
      const ran = await inTransaction(client, () => runIfPending(client, one, migrations))
      if (!ran) continue
      applied.push(migrationLabel(one))
      log?.info({ migration: migrationLabel(one) }, 'migration applied')
    }
    if (options.testClock) await inTransaction(client, () => client.query(testClockSql))
  } finally {
    await client.end()
  }
  return { applied }
}

/** The lock makes two migrators take turns, so the ledger is read again under it: the second finds the first's work done. */
async function runIfPending(client: pg.Client, one: Migration, all: readonly Migration[]): Promise<boolean> {
  const { pending, changed, ahead } = compareMigrations(all, (await client.query<Applied>(listApplied)).rows)
  if (changed[0])
    throw new MigrationRefused(
      `${migrationLabel(changed[0])} was changed after it ran here. Restore the file and put the change into a new one.`,
    )
  if (ahead[0])
    throw new MigrationRefused(
      `The database has ${migrationLabel(ahead[0])}, which this version does not know. Start the newer version.`,
    )
  if (!pending.includes(one)) return false
  try {
    await client.query(one.text)
  } catch (error) {
    throw new MigrationError(one, error)
  }
  await client.query(startFile)
  // Workers of the queue that do not know the file stop by themselves (Q144).
  if (one.breaking && one.series === 'queue') await client.query(breakQueue, [one.number])
  await client.query(insertApplied, [one.series, one.number, one.name, one.checksum, one.breaking])
  return true
}

async function inTransaction<T>(client: pg.Client, fn: () => Promise<T>): Promise<T> {
  await client.query('begin')
  try {
    await client.query(lockMigrations)
    await client.query(startFile)
    const result = await fn()
    await client.query('commit')
    return result
  } catch (error) {
    await client.query('rollback')
    throw error
  }
}

function lineOf(text: string, error: unknown): string {
  const position = Number(error instanceof pg.DatabaseError ? error.position : Number.NaN)
  return Number.isNaN(position) ? '' : `:${text.slice(0, position).split('\n').length}`
}
