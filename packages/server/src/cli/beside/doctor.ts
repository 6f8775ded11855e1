// The checks of the start, and what of them can be mended. Looks only, unless told to fix.
import { isMendable, type Mended, mendRights } from '../../db/mend.ts'
import { openDb } from '../../db/tx.ts'
import { openKeyring, withDatabase } from '../../main/boot.ts'
import { checkRootKey, examineOrSay } from '../../main/checks/examine.ts'
import { type Finding, runbookOf } from '../../main/checks/finding.ts'
import { refusedSettings } from '../../main/checks/settings.ts'
import { type Config, ConfigRefused, processContext, readConfig } from '../../main/config.ts'
import { type Log, openLog } from '../../std/log.ts'

export type Report = { findings: (Finding & { runbook: string | null })[]; mended: Mended[] }

/** Each finding with its runbook, unless it is fine. */
export async function doctor(flags: { fix?: true }): Promise<Report> {
  const { findings, mended } = await examined(flags)
  return { findings: findings.map((one) => ({ ...one, runbook: one.status === 'ok' ? null : runbookOf(one.code) })), mended }
}

async function examined({ fix }: { fix?: true }): Promise<{ findings: Finding[]; mended: Mended[] }> {
  const config = settingsOrFindings()
  if (Array.isArray(config)) return { findings: config, mended: [] }
  const log = openLog({ level: 'silent' })
  return withDatabase(
    config,
    log,
    async ({ runtimeUrl, migratorUrl }) => {
      const findings = await look(config, runtimeUrl, log)
      const broken = findings.filter((one) => one.status === 'fail' && isMendable(one))
      if (!fix || broken.length === 0) return { findings, mended: [] }
      if (!migratorUrl)
        throw new ConfigRefused([
          'COUNTERSIGN_MIGRATOR_URL is not set: what --fix mends belongs to the login countersign_migrator.',
        ])
      const mended = await mendRights(migratorUrl, broken)
      // What was mended may have hidden more: a policy that is right again on a table whose rights are not.
      const after = await look(config, runtimeUrl, log)
      const rest = await mendRights(
        migratorUrl,
        after.filter((one) => one.status === 'fail' && !mended.some(({ statement }) => statement === one.mend)),
      )
      return { findings: rest.length > 0 ? await look(config, runtimeUrl, log) : after, mended: [...mended, ...rest] }
    },
    { migrates: false },
  )
}

/** The embedded database is for one machine, so a command about it speaks of development unless told otherwise. */
function settingsOrFindings(): Config | Finding[] {
  const { env, context } = processContext()
  try {
    const config = readConfig(env, context)
    return config.databaseUrl || env.COUNTERSIGN_ENVIRONMENT ? config : { ...config, environment: 'development' }
  } catch (error) {
    if (error instanceof ConfigRefused) return refusedSettings(error)
    throw error
  }
}

async function look(config: Config, runtimeUrl: string, log: Log): Promise<Finding[]> {
  const db = await openDb({ url: runtimeUrl, listen: false, log })
  try {
    const findings = await examineOrSay(config, db, log)
    const reads = !findings.some(({ code, status }) => status === 'fail' && (code === 'db.reach' || code === 'db.schema'))
    const open = async () => {
      const ring = await openKeyring(config, db, log, null)
      await ring.close()
      return ring.keyring.fingerprint()
    }
    return reads ? [...findings, await checkRootKey(config, db, open)] : findings
  } finally {
    await db.close()
  }
}
