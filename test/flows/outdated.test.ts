// A newer version has migrated the database in a way that older ones cannot work with (Q144, Q78): what runs ends by itself, and what starts does not start.
import { expect, test } from 'vitest'
import { listMigrations, type Migration, migrate, readMigration } from '../../packages/server/src/db/migrate.ts'
import { openInstallation, type Process } from '../harness/installation.ts'
import { countersign } from '../harness/process.ts'

const harmless = readMigration('queue', '0998_harmless.sql', 'select 1')
const breaking = readMigration('queue', '0999_made_up.sql', '--! breaking\nselect 1')
/** As a newer installation brings them: its queue files before the server's later ones. */
const withQueueFiles = (...added: Migration[]): Migration[] => {
  const all = listMigrations()
  const last = all.findLastIndex(({ series }) => series === 'queue')
  return [...all.slice(0, last + 1), ...added, ...all.slice(last + 1)]
}

test('Q144 Q78 §8 the row "newer schema": every server of an older version ends with code 78 and one sentence, whatever its roles, and starts no more', {
  timeout: 120_000,
}, async () => {
  const house = await openInstallation({ servers: 1 })
  const [all] = house.servers as [Process]
  const { runtimeUrl, migratorUrl } = house.database
  const env = {
    COUNTERSIGN_HOME: house.home,
    COUNTERSIGN_ENVIRONMENT: 'development',
    COUNTERSIGN_LOG_LEVEL: 'silent',
    COUNTERSIGN_DATABASE_URL: runtimeUrl,
  }
  const serve = (...roles: string[]) => countersign(['serve', '--json', '--port', '0', '--roles', roles.join()], { env })
  const web = serve('web')
  await web.line(/^\{"ready":true/)

  await migrate(migratorUrl, { migrations: withQueueFiles(harmless) })
  expect((await fetch(`${all.url}/livez`)).status).toBe(200)

  await migrate(migratorUrl, { migrations: withQueueFiles(harmless, breaking) })
  for (const running of [all.running, web]) {
    expect(await running.ended).toEqual({ code: 78, signal: null })
    expect(running.stderr()).toMatch(
      /^countersign: the database was migrated to file 0999 of the queue, .*: this one stops; start the newer version$/m,
    )
  }
  const late = serve('web', 'worker', 'maintenance')
  expect(await late.ended).toEqual({ code: 78, signal: null })
  expect(late.stderr()).toMatch(/^ {2}db\.schema: .*queue\/099[89]_/m)
})
