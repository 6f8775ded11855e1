// countersign doctor: the checks of the start, one line each, and what of it can be mended; and what is seen from where commands are typed. Looks only, unless told to fix.
import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { processContext } from '../main/config.ts'
import type { Report } from './beside/doctor.ts'
import { checkClient } from './client-checks.ts'
import type { ClientFinding } from './client-finding.ts'
import { print } from './output.ts'
import { profileOf } from './profiles.ts'
import type { Door } from './tasks.ts'

type Options = { fix?: true; client?: true }
type Finding = Report['findings'][number]

export function doctorCommand(program: Command, door: Door): void {
  program
    .command('doctor')
    .description(
      'check settings, machine, database, row security, keys, and the way to the server; each finding says how to mend it',
    )
    .option('--fix', 'mend rights, roles and policies of the database, as the migrator login; nothing else is touched')
    .option(
      '--client',
      'only what is seen from here: the server that commands talk to, its vault and proxy, and this environment',
    )
    .action(async ({ fix, client }: Options) => {
      const report = await examined(program, door, { fix, client })
      print(door.output(), report, shown)
      if (report.findings.some(({ status }) => status === 'fail')) process.exitCode = 20
    })
}

async function examined(program: Command, door: Door, { fix, client }: Options): Promise<Report> {
  const { env } = processContext()
  const { server, url, profile } = program.opts<{ server?: string; url?: string; profile?: string }>()
  const isNamed = [server, url, env.COUNTERSIGN_URL, profileOf(profile).url].some((one) => one !== undefined && one !== '')
  const seen = async () =>
    (await checkClient({ env, isNamed, profile, client: door.client })).map((one) => ({ ...one, runbook: null }))
  if (client || (isNamed && !fix && !isServers(env))) return { findings: await seen(), mended: [] }
  const { doctor } = await import('./beside/doctor.ts')
  const { findings, mended } = await doctor({ fix })
  return { findings: [...findings, ...(isNamed ? await seen() : [])], mended }
}

/** Where nothing of a server is, there is nothing of one to look at: none is made by looking. */
const isServers = ({
  COUNTERSIGN_DATABASE_URL,
  DATABASE_URL,
  COUNTERSIGN_HOME,
  COUNTERSIGN_ENVIRONMENT,
}: ReturnType<typeof processContext>['env']): boolean =>
  [COUNTERSIGN_DATABASE_URL, DATABASE_URL, COUNTERSIGN_ENVIRONMENT].some((one) => one !== undefined) ||
  existsSync(COUNTERSIGN_HOME ?? '.countersign')

const WIDTH = 18

const shown = ({ findings, mended }: Report): string => [...mended.map(mendedLine), ...findings.map(findingLine)].join('\n')

/** Of whoever else looks at something and says how to mend it. */
export const findingsShown = (findings: readonly ClientFinding[]): string =>
  findings.map((one) => findingLine({ ...one, runbook: null })).join('\n')

const mendedLine = ({ code, statement, refused }: Report['mended'][number]): string =>
  `${refused === null ? 'mended' : 'could not mend'} ${code}: ${statement}${refused === null ? '' : `\n       ${refused}`}`

const findingLine = ({ status, code, what, mend, runbook }: Finding): string =>
  [`${status.padEnd(5)}${code.padEnd(WIDTH)}${what}`, ...(status === 'ok' ? [] : [mend, runbook])]
    .filter((line) => line !== null)
    .join(`\n${' '.repeat(WIDTH + 5)}→ `)
