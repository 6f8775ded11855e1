// Installs the engine for library use: the same files that the server runs, in the same order, each in one transaction, each once. Refuses a
// file that changed after it ran, a database that is ahead, and a schema of our name that is another's. A file whose first line is `--! breaking` makes older workers and maintenance stop by
// themselves as it commits (Q144). Creates no role.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { QueueError } from './error.ts'
import {
  beginMigration,
  breakWith,
  commitMigration,
  insertApplied,
  installTestClock,
  installWithoutRing,
  isForeign,
  ledger,
  listApplied,
  rollbackMigration,
} from './sql.ts'

export type Migration = { name: string; text: string }

const BREAKING = '--! breaking'

/** The files of this version, oldest first: for `migrate`, or for whoever applies SQL by other means. */
export function listMigrations(): Migration[] {
  const folder = join(packageRoot(), 'sql')
  const names = readdirSync(folder).filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name))
  return names.sort().map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }))
}

/**
 * Brings a database to this version's schema, as the login that will own it.
 * @example await migrate({ connectionString: process.env.DATABASE_URL })
 */
export async function migrate(
  config: string | pg.ClientConfig,
  options: { testClock?: boolean; ring?: boolean; migrations?: readonly Migration[] } = {},
): Promise<{ applied: string[] }> {
  const client = new pg.Client(config)
  const applied: string[] = []
  await client.connect()
  try {
    await inTransaction(client, async () => {
      const { rows } = await client.query<{ answer: boolean }>(isForeign)
      if (rows[0]?.answer)
        throw new QueueError(
          'schema_mismatch',
          'the schema countersign_queue of this database was not made by this library: it is another’s, or a server’s, which brings it up to date itself',
        )
      await client.query(ledger)
    })
    const all = options.migrations ?? listMigrations()
    for (const one of all) {
      await inTransaction(client, async () => {
        const { rows } = await client.query<{ name: string; checksum: string }>(listApplied)
        const ahead = rows.find((row) => !all.some((known) => known.name === row.name))
        if (ahead) throw new QueueError('schema_mismatch', `the database has ${ahead.name}, which this version does not know`)
        const done = rows.find((row) => row.name === one.name)
        const checksum = await sha256(one.text)
        if (done && done.checksum !== checksum)
          throw new QueueError('schema_mismatch', `${one.name} was changed after it ran here`)
        if (done) return
        await client.query(one.text)
        if (one.text.startsWith(BREAKING)) await breakWith(client, Number(one.name.slice(0, 4)))
        await client.query(insertApplied, [one.name, checksum])
        applied.push(one.name)
      })
    }
    if (options.ring === false) await inTransaction(client, () => client.query(installWithoutRing))
    if (options.testClock) await inTransaction(client, () => client.query(installTestClock))
  } finally {
    await client.end()
  }
  return { applied }
}

async function inTransaction(client: pg.Client, fn: () => Promise<unknown>): Promise<void> {
  await client.query(beginMigration)
  try {
    await fn()
    await client.query(commitMigration)
  } catch (error) {
    await client.query(rollbackMigration)
    throw error
  }
}

async function sha256(text: string): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))).toString('hex')
}

/** The folder of this package: above this file, or installed beside whoever bundled it. */
function packageRoot(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const found = [folder, join(folder, 'node_modules', '@countersign', 'queue')].find(isOurs)
    if (found) return found
    if (dirname(folder) === folder) throw new Error('the SQL files of @countersign/queue are not installed')
  }
}

function isOurs(folder: string): boolean {
  const file = join(folder, 'package.json')
  return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).name === '@countersign/queue'
}
