// countersign doctor: the checks of the start, one line each, and what of it can be mended. Looks only, unless told to fix.
import type { Command } from 'commander'
import { isMendable, type Mended, mendRights } from '../db/mend.ts'
import { openDb } from '../db/tx.ts'
import { openKeyring, withDatabase } from '../main/boot.ts'
import { checkRootKey, examineOrSay } from '../main/checks/examine.ts'
import { type Finding, runbookOf } from '../main/checks/finding.ts'
import { refusedSettings } from '../main/checks/settings.ts'
import { type Config, ConfigRefused, processContext, readConfig } from '../main/config.ts'
import { type Log, openLog } from '../std/log.ts'
import { type Output, print } from './output.ts'

type Report = { findings: Finding[]; mended: Mended[] }

export function doctorCommand(program: Command, output: () => Output): void {
  program
    .command('doctor')
    .description('check settings, machine, database, row security and keys; each finding says how to mend it')
    .option('--fix', 'mend rights, roles and policies of the database, as the migrator login; nothing else is touched')
    .action(async (options: { fix?: true }) => {
      const report = await doctor(options)
      const findings = report.findings.map((one) => ({ ...one, runbook: one.status === 'ok' ? null : runbookOf(one.code) }))
      print(output(), { ...report, findings }, shown)
      if (report.findings.some(({ status }) => status === 'fail')) process.exitCode = 1
    })
}

async function doctor({ fix }: { fix?: true }): Promise<Report> {
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

const WIDTH = 15

const shown = ({ findings, mended }: Report): string => [...mended.map(mendedLine), ...findings.map(findingLine)].join('\n')

const mendedLine = ({ code, statement, refused }: Mended): string =>
  `${refused === null ? 'mended' : 'could not mend'} ${code}: ${statement}${refused === null ? '' : `\n       ${refused}`}`

const findingLine = ({ status, code, what, mend }: Finding): string =>
  [`${status.padEnd(5)}${code.padEnd(WIDTH)}${what}`, ...(status === 'ok' ? [] : [mend, runbookOf(code)])]
    .filter((line) => line !== null)
    .join(`\n${' '.repeat(WIDTH + 5)}→ `)
