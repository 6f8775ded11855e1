// The way in for the first operator, made in the database that the settings name.
import { openDb } from '../../db/tx.ts'
import { issueSetupLink } from '../../identity/setup.ts'
import { openIdentity, withDatabase } from '../../main/boot.ts'
import { processContext, readConfig } from '../../main/config.ts'
import { openLog } from '../../std/log.ts'

/** Null once somebody has signed up. */
export function newSetupLink(): Promise<string | null> {
  const { env, context } = processContext()
  const config = readConfig(env, context)
  const log = openLog({ level: 'warn', pretty: true })
  return withDatabase(config, log, async ({ runtimeUrl }) => {
    const db = await openDb({ url: runtimeUrl, listen: false })
    try {
      return await issueSetupLink(await openIdentity(config, db, log))
    } finally {
      await db.close()
    }
  })
}
