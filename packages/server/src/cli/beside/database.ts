// The database that the settings name, looked at and brought up to date.
import { type Adopted, adoptRoles } from '../../db/adopt.ts'
import type { Difference } from '../../db/catalogue.ts'
import { checkRoles } from '../../db/check.ts'
import { type ManifestFormat, printManifest } from '../../db/manifest.ts'
import { migrate } from '../../db/migrate.ts'
import { printRoles } from '../../db/roles.ts'
import { openDb } from '../../db/tx.ts'
import { withDatabase } from '../../main/boot.ts'
import { type Config, ConfigRefused, processContext, readConfig } from '../../main/config.ts'
import { openLog } from '../../std/log.ts'

/** The embedded database is for one machine, so a command about it speaks of development unless told otherwise. */
const settings = (): Config => {
  const { env, context } = processContext()
  const config = readConfig(env, context)
  return config.databaseUrl || env.COUNTERSIGN_ENVIRONMENT ? config : { ...config, environment: 'development' }
}

/** Brings it to the schema of this version; answers what was applied. */
export function migrateDatabase(): Promise<{ applied: string[] }> {
  const log = openLog({ level: 'warn', pretty: true })
  return withDatabase(settings(), log, ({ migratorUrl }) => {
    if (!migratorUrl)
      throw new ConfigRefused([
        'COUNTERSIGN_MIGRATOR_URL is not set: it names the same database as the login countersign_migrator.',
      ])
    return migrate(migratorUrl, { log })
  })
}

export async function adopt(): Promise<Adopted> {
  const { adminUrl } = settings()
  if (!adminUrl)
    throw new ConfigRefused([
      'COUNTERSIGN_ADMIN_URL is not set: it names the database as a superuser, or as the login that owns it all and may make roles.',
    ])
  return adoptRoles(adminUrl.reveal())
}

export const differencesOfRoles = (): Promise<Difference[]> =>
  withDatabase(settings(), openLog({ level: 'warn', pretty: true }), async ({ runtimeUrl }) => {
    const db = await openDb({ url: runtimeUrl, listen: false })
    try {
      return await checkRoles(db)
    } finally {
      await db.close()
    }
  })

export { type ManifestFormat, printManifest, printRoles }
