// countersign runs …: bounded executions of agents: what is under way, and its end. A run is opened by `countersign run`; its token is never shown here.
import type { RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { plain, print, table } from './output.ts'
import { runDraftCommand } from './run-draft.ts'
import type { Door } from './tasks.ts'
import { parseNumber } from './words.ts'

type Run = RouteAnswer<'GET /runs/:id'>

const EXAMPLES = `
Examples:
  $ countersign runs list --state live
  $ countersign runs draft run_01J… --publish
  $ countersign runs end run_01J… --reason "it goes in circles"
`

export function runsCommand(program: Command, door: Door): void {
  const runs = program.command('runs').description('what agents do now, and its end').addHelpText('after', EXAMPLES)
  runs
    .command('list')
    .description('runs that you may see, newest first')
    .option('--agent <id>', 'of one agent')
    .option('--state <state>', 'live or ended')
    .option('--limit <n>', 'at most so many', '50')
    .option('--cursor <cursor>', 'go on where the list before ended')
    .action(async ({ agent, state, limit, cursor }: { agent?: string; state?: Run['state']; limit: string; cursor?: string }) => {
      const query = { ...(agent === undefined ? {} : { agent_id: agent }), state, cursor, limit: parseNumber('--limit', limit) }
      print(door.output(), await door.client().call('GET /runs', { query }), ({ data }) =>
        table(
          data.map((one) => [one.id, one.state, one.agent_id, one.mode, one.created_at, plain(one.purpose)]),
          ['ID', 'STATE', 'AGENT', 'MODE', 'SINCE', 'PURPOSE'],
          'No run matches.',
        ),
      )
    })
  runs
    .command('show <id>')
    .description('one of them')
    .action(async (id: string) => print(door.output(), await door.client().call('GET /runs/:id', { params: { id } }), described))
  runDraftCommand(runs, door)
  runs
    .command('end <id>')
    .description('end it: its token, its sockets and what was minted for it end with it')
    .option('--reason <text>', 'why')
    .action(async (id: string, { reason }: { reason?: string }) => {
      const body = reason === undefined ? {} : { reason }
      print(door.output(), await door.client().call('POST /runs/:id/end', { params: { id }, body }), described)
    })
}

const described = (one: Run): string =>
  [
    `${one.id}  ${one.state}  ${one.agent_id}  ${plain(one.purpose)}`,
    `opened by ${plain(one.opened_by)} (${one.proof}), ${one.environment}, ${one.mode}`,
    `from ${one.created_at} to ${one.expires_at}`,
    ...(one.labels.length === 0 ? [] : [`labels ${plain(one.labels.join(', '))}`]),
    ...Object.entries(one.connections).map(([provider, name]) => `uses ${plain(provider)}:${plain(name)}`),
    ...(one.ended_at === null ? [] : [`ended ${one.ended_at}: ${plain(one.ended_reason ?? '')}`]),
  ].join('\n')
