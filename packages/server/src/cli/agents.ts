// countersign agents …: who may ask here.
import type { Agent } from '@countersign/sdk'
import type { Command } from 'commander'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'

const EXAMPLES = `
Examples:
  $ countersign agents create "Refund bot"
  $ countersign keys create --agent agt_01J…
  $ countersign agents pause agt_01J…
`

export function agentsCommand(program: Command, door: Door): void {
  const agents = program.command('agents').description('programs that may ask people').addHelpText('after', EXAMPLES)
  agents
    .command('list')
    .description('agents that you may see')
    .action(async () =>
      print(door.output(), await door.client().agents.list(), ({ data }) =>
        table(
          data.map((agent) => [agent.id, agent.state, agent.environment, plain(agent.name)]),
          ['ID', 'STATE', 'ENVIRONMENT', 'NAME'],
          'No agent yet: countersign agents create "Refund bot"',
        ),
      ),
    )
  agents
    .command('create <name>')
    .description('a new agent of yours')
    .option('--environment <environment>', 'live or test', 'live')
    .action(async (name: string, { environment }: { environment: string }) =>
      print(door.output(), await door.client().agents.create({ name, environment: environment as 'live' | 'test' }), describe),
    )
  for (const [name, state, what] of [
    ['pause', 'paused', 'refuse its keys until it is resumed'],
    ['resume', 'active', 'accept its keys again'],
    ['revoke', 'revoked', 'end it and its keys for good'],
  ] as const)
    agents
      .command(`${name} <id>`)
      .description(what)
      .action(async (id: string) => print(door.output(), await door.client().agents.update(id, { state }), describe))
}

const describe = (agent: Agent): string => `${agent.id}  ${agent.state}  ${agent.environment}  ${plain(agent.name)}`
