// One embedded PostgreSQL for a whole run of the tests, and in it one migrated database that each test clones. Gone when the run is over.
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { dataFolder } from '../../packages/server/src/db/embedded/cluster.ts'
import { startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { stopLeftover } from '../../packages/server/src/db/embedded/postmaster.ts'
import { listMigrations, MigrationError, migrate } from '../../packages/server/src/db/migrate.ts'

declare module 'vitest' {
  interface ProvidedContext {
    pg: { adminUrl: string; migratorUrl: string; runtimeUrl: string; template: string }
  }
}

const HOME = /^countersign-test-(\d+)$/
const TEMPLATE = 'countersign'
// Losing a test database in a power cut is fine; two workers with several houses each want more connections than a laptop does.
const SETTINGS = { max_connections: '300', shared_buffers: '128MB', autovacuum: 'off', max_wal_size: '2GB' }

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await removeLeftovers()
  const home = join(tmpdir(), `countersign-test-${process.pid}`)
  mkdirSync(home, { mode: 0o711 })
  const postgres = await startEmbedded({ home, fsync: false, settings: SETTINGS })
  const { adminUrl, migratorUrl, runtimeUrl } = postgres
  await migrateAsFarAsPossible(migratorUrl)
  project.provide('pg', { adminUrl, migratorUrl, runtimeUrl, template: TEMPLATE })
  return async () => {
    await postgres.stop()
    rmSync(home, { recursive: true, force: true })
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

/** What a killed run left behind: its folder is named after its process. */
async function removeLeftovers(): Promise<void> {
  for (const name of readdirSync(tmpdir())) {
    const pid = Number(HOME.exec(name)?.[1])
    if (Number.isNaN(pid) || isAlive(pid)) continue
    const home = join(tmpdir(), name)
    await stopLeftover(dataFolder(home))
    rmSync(home, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
