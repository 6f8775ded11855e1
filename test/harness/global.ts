// One embedded PostgreSQL for a whole run of the tests, and in it one migrated database that each test clones. Gone when the run is over.
import { rmSync } from 'node:fs'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { randomBytes } from '../../packages/server/src/crypto/token.ts'
import { startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { listMigrations, MigrationError, migrate } from '../../packages/server/src/db/migrate.ts'
import { PROCESS_LOGINS } from '../../packages/server/src/db/roles.ts'
import { newFolder, removeLeftovers } from './place.ts'

declare module 'vitest' {
  interface ProvidedContext {
    pg: { adminUrl: string; migratorUrl: string; runtimeUrl: string; template: string; logins: Record<string, string> }
  }
}

const TEMPLATE = 'countersign'
// Losing a test database in a power cut is fine; two workers with several houses each want more connections than a laptop does,
// and log in all the time.
const SETTINGS = {
  max_connections: '300',
  shared_buffers: '128MB',
  autovacuum: 'off',
  max_wal_size: '256MB',
  scram_iterations: '1',
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeLeftovers()
  const home = newFolder()
  const postgres = await startEmbedded({ home, fsync: false, settings: SETTINGS })
  const { adminUrl, migratorUrl, runtimeUrl } = postgres
  await migrateAsFarAsPossible(migratorUrl)
  project.provide('pg', { adminUrl, migratorUrl, runtimeUrl, template: TEMPLATE, logins: await openLogins(adminUrl) })
  return async () => {
    await postgres.stop()
    rmSync(home, { recursive: true, force: true })
  }
}

/** The logins of processes that do one thing each (P18), with passwords of this run. */
async function openLogins(adminUrl: string): Promise<Record<string, string>> {
  const client = new pg.Client(adminUrl)
  await client.connect()
  try {
    const urls: Record<string, string> = {}
    for (const { name } of PROCESS_LOGINS) {
      const password = randomBytes(18).toString('hex')
      await client.query(`alter role ${name} password '${password}'`)
      urls[name] = Object.assign(new URL(adminUrl), { username: name, password }).href
    }
    return urls
  } finally {
    await client.end()
  }
}

/** A refused file is said once and its series ends there: tests that need it fail, the others still say what they think. */
async function migrateAsFarAsPossible(url: string): Promise<void> {
  let migrations = listMigrations()
  for (;;) {
    try {
      await migrate(url, { testClock: true, migrations })
      return
    } catch (error) {
      if (!(error instanceof MigrationError)) throw error
      const { series, number } = error.migration
      process.stderr.write(`migration refused: ${error.message}\n`)
      migrations = migrations.filter((one) => one.series !== series || one.number < number)
    }
  }
}
