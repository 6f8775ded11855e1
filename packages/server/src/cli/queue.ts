// countersign queue …: the engine itself, spoken to through its database and not through a server. For whoever holds the database's login.
import type { Finding, Queue } from '@countersign/queue'
import type { Command } from 'commander'
import { confirm, targetOf } from './confirm.ts'
import { print, table } from './output.ts'
import type { Door } from './tasks.ts'

const EXAMPLES = `
Examples:
  $ countersign queue doctor
  $ countersign queue tick --database postgres://…
  $ countersign queue migrate --sql > queue.sql

Without --database these speak to the database of the settings, or to that of the running \`countersign dev\`.
`

const beside = () => import('./beside/queue.ts')
const withQueue = async <T>(database: string | undefined, work: (queue: Queue) => Promise<T>): Promise<T> =>
  (await beside()).withQueue(database, work)

export function queueCommand(program: Command, door: Door): void {
  const { output } = door
  const queue = program.command('queue').description('the engine, through its database').addHelpText('after', EXAMPLES)
  const DATABASE = ['--database <url>', 'the database; a login with the rights that the command needs'] as const

  queue
    .command('migrate')
    .description(
      'bring a database of the library alone to the schema of this version; a server’s own is brought by: countersign migrate',
    )
    .option(...DATABASE)
    .option('--sql', 'print the files instead, for whoever applies SQL by other means')
    .action(async ({ database, sql }: { database?: string; sql?: true }) => {
      const { listMigrations, migrate } = await beside()
      if (sql) return print(output(), listMigrations(), (all) => all.map(({ name, text }) => `-- ${name}\n${text}`).join('\n'))
      if (database === undefined)
        throw new Error('say which database with --database; the one of a server is migrated by: countersign migrate')
      const where = targetOf(database)
      const { applied } = await migrate(database)
      print(output(), { database: where, applied }, () =>
        applied.length === 0 ? `Nothing to do in ${where}.` : applied.map((name) => `applied ${name}`).join('\n'),
      )
    })

  queue
    .command('doctor')
    .description('what is wrong with the engine, and what to do; exit code 20 when something is')
    .option(...DATABASE)
    .action(async ({ database }: { database?: string }) => {
      const findings = await withQueue(database, (engine) => engine.doctor())
      print(output(), { findings }, () => (findings.length === 0 ? 'Nothing is wrong.' : findings.map(line).join('\n')))
      if (findings.length > 0) process.exitCode = 20
    })

  queue
    .command('tick')
    .description('do one round of what maintenance does: for cron jobs and for when it is away')
    .option(...DATABASE)
    .action(async ({ database }: { database?: string }) =>
      print(output(), await withQueue(database, (engine) => engine.tick()), (done) => {
        const did = Object.entries(done).filter(([, n]) => Number(n) > 0)
        return did.length === 0 ? 'Nothing was due.' : did.map(([duty, n]) => `${duty} ${n}`).join('\n')
      }),
    )

  queue
    .command('reanchor')
    .description('after a copy of the database by dump or replication; maintenance does it by itself when it finds one')
    .option(...DATABASE)
    .option('--yes', 'do not ask')
    .action(async ({ database, yes }: { database?: string; yes?: true }) => {
      const where = database === undefined ? 'the database of the settings' : targetOf(database)
      await confirm(door, 'Anchor the ring anew, so that attempts under way count as lost,', where, yes)
      const moved = await withQueue(database, (engine) => engine.reanchor())
      print(output(), { moved }, () => `The ring begins anew; ${moved} ${moved === 1 ? 'job' : 'jobs'} moved.`)
    })

  queue
    .command('ring')
    .description('the slots of the ring, and what keeps one from being emptied')
    .option(...DATABASE)
    .action(async ({ database }: { database?: string }) =>
      print(output(), await withQueue(database, (engine) => engine.ring()), (ring) =>
        table(
          ring.slots.map((one) => [
            String(one.slot),
            one.state,
            String(one.generation ?? '–'),
            one.opened_at ?? '–',
            one.held_by ?? '',
          ]),
          ['SLOT', 'STATE', 'GENERATION', 'SINCE', 'HELD BY'],
          'No ring.',
        ),
      ),
    )
}

const line = ({ code, what, remedy }: Finding): string => `${code.padEnd(22)}${what}\n${' '.repeat(22)}→ ${remedy}`
