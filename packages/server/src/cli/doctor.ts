// countersign doctor: the checks of the start, one line each, and what of it can be mended. Looks only, unless told to fix.
import type { Command } from 'commander'
import type { Report } from './beside/doctor.ts'
import { type Output, print } from './output.ts'

export function doctorCommand(program: Command, output: () => Output): void {
  program
    .command('doctor')
    .description('check settings, machine, database, row security and keys; each finding says how to mend it')
    .option('--fix', 'mend rights, roles and policies of the database, as the migrator login; nothing else is touched')
    .action(async (options: { fix?: true }) => {
      const { doctor } = await import('./beside/doctor.ts')
      const report = await doctor(options)
      print(output(), report, shown)
      if (report.findings.some(({ status }) => status === 'fail')) process.exitCode = 1
    })
}

const WIDTH = 15

const shown = ({ findings, mended }: Report): string => [...mended.map(mendedLine), ...findings.map(findingLine)].join('\n')

const mendedLine = ({ code, statement, refused }: Report['mended'][number]): string =>
  `${refused === null ? 'mended' : 'could not mend'} ${code}: ${statement}${refused === null ? '' : `\n       ${refused}`}`

const findingLine = ({ status, code, what, mend, runbook }: Report['findings'][number]): string =>
  [`${status.padEnd(5)}${code.padEnd(WIDTH)}${what}`, ...(status === 'ok' ? [] : [mend, runbook])]
    .filter((line) => line !== null)
    .join(`\n${' '.repeat(WIDTH + 5)}→ `)
