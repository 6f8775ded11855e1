// One embedded PostgreSQL for a whole run of the tests, and in it one migrated database that each test clones. Gone when the run is over.
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { dataFolder } from '../../packages/server/src/db/embedded/cluster.ts'
import { startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { stopLeftover } from '../../packages/server/src/db/embedded/postmaster.ts'
import { migrate } from '../../packages/server/src/db/migrate.ts'

declare module 'vitest' {
  interface ProvidedContext {
    pg: { adminUrl: string; migratorUrl: string; runtimeUrl: string; template: string; broken: string | null }
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
  // A migration that fails is told to each test that asks for a database, so that the others still say what they think.
  const broken = await migrate(migratorUrl, { testClock: true }).then(
    () => null,
    (error: Error) => error.message,
  )
  project.provide('pg', { adminUrl, migratorUrl, runtimeUrl, template: TEMPLATE, broken })
  return async () => {
    await postgres.stop()
    rmSync(home, { recursive: true, force: true })
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
