// countersign config show, countersign setup link: what is in force, and the way in.
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
}
