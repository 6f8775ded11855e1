// countersign config show, countersign setup link: what is in force, and the way in.
import { Problem } from '@countersign/sdk'
import type { Command } from 'commander'
import { describeConfig, processContext, readConfig } from '../main/config.ts'
import { type Output, print, table } from './output.ts'

export function settingsCommands(program: Command, output: () => Output): void {
  program
    .command('config')
    .description('settings of this environment')
    .command('show')
    .description('every setting, its value and where it comes from; nothing secret is printed')
    .action(() => {
      const { env, context } = processContext()
      const rows = describeConfig(readConfig(env, context), env)
      print(output(), rows, (all) =>
        table(
          all.map(({ name, value, source }) => [name, value || '–', source]),
          ['SETTING', 'VALUE', 'FROM'],
          'none',
        ),
      )
    })

  program
    .command('setup')
    .description('the way in for the first operator')
    .command('link')
    .description('a new one-time set-up link; the one before it is dead. Refused once somebody has signed up')
    .action(async () => {
      const { newSetupLink } = await import('./beside/setup.ts')
      const link = await newSetupLink()
      if (link === null) throw new Problem('setup_completed')
      print(output(), { setup_url: link }, ({ setup_url }) => setup_url)
    })
}
