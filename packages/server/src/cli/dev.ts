// countersign dev: everything in one process on this machine, ready to be asked.
import type { Command } from 'commander'
import type { DevFlags } from './beside/dev.ts'
import type { Output } from './output.ts'

const FIRST_PORT = 3001
const LAST_PORT = 3010

export function devCommand(program: Command, output: () => Output): void {
  program
    .command('dev')
    .description('a server of your own: embedded PostgreSQL, dashboard, and a key for an agent')
    .option(
      '--port <port>',
      `the port to listen on, 0 for any free one; default ${FIRST_PORT} or the next free one up to ${LAST_PORT}`,
    )
    .option('--home <folder>', 'where its database and keys are kept; default .countersign in this folder')
    .option('--awaithumans', 'also writes ~/.awaithumans-dev.json, so that clients of awaithumans find it')
    .option('--bare', 'without /dev: no captured mail, no pretend Slack, no receiver of webhooks, no clock to move')
    .action(async (flags: DevFlags) => (await import('./beside/dev.ts')).develop(flags, output(), LAST_PORT))
}
