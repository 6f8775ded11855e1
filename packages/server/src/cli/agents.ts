// countersign agents …: who may ask here.
import type { Agent } from '@countersign/sdk'
import type { Command } from 'commander'
import { agentKeyCommands, givePair } from './agent-keys.ts'
import { plain, print, table, unlessRefused } from './output.ts'
import type { Door } from './tasks.ts'
import { useAgent } from './used-agent.ts'

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
    .option('--key-pair', 'with a key pair made here; its private half stays on this machine')
    .option('--keep <profile>', 'with --key-pair: call as this agent with --profile <profile> from now on')
    .action(async (name: string, { environment, keyPair, keep }: NewAgent) => {
      const agent = await door.client().agents.create({ name, environment })
      if (!keyPair) return print(door.output(), agent, describe)
      const { file, key } = await givePair(door, agent.id, keep)
      print(door.output(), { ...agent, key, file }, () => `${describe(agent)}\n${key.id}  ${key.thumbprint}\nkey  ${file}`)
    })
  agentKeyCommands(agents, door)
  agents
    .command('show <id>')
    .description('one of them, with what it may use')
    .action(async (id: string) => {
      const client = door.client()
      const agent = await client.agents.get(id)
      const grants = await unlessRefused(() =>
        client.call('GET /grants', { query: { agent_id: id, status: 'active', limit: 200 } }),
      )
      print(door.output(), { ...agent, grants: grants?.data ?? null }, () => shown(agent, grants?.data ?? []))
    })
  agents
    .command('use <id>')
    .description('the agent that `countersign run` opens runs of, where none is named')
    .action(async (id: string) => {
      const client = door.client()
      const agent = await client.agents.get(id)
      useAgent(client.settings, agent.id)
      print(door.output(), agent, describe)
    })
  agents
    .command('rename <id> <name>')
    .description('another name; its keys and grants stay')
    .action(async (id: string, name: string) => print(door.output(), await door.client().agents.update(id, { name }), describe))
  agents
    .command('label <id> [label...]')
    .description('the words by which grants and policies mean it; these and no others, none where none is given')
    .action(async (id: string, labels: string[]) =>
      print(door.output(), await door.client().agents.update(id, { labels }), describe),
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

type NewAgent = { environment: 'live' | 'test'; keyPair?: true; keep?: string }

const describe = (agent: Agent): string =>
  plain([agent.id, agent.state, agent.environment, agent.name, agent.labels.join(',')].filter((one) => one !== '').join('  '))

const shown = (agent: Agent, grants: readonly { id: string; connection_id: string; expires_at: string }[]): string =>
  [
    describe(agent),
    ...(agent.description === '' ? [] : [plain(agent.description)]),
    `of ${plain(agent.owner_display_name)}, since ${agent.created_at}`,
    ...grants.map((one) => `  ${one.id}  ${one.connection_id}  until ${one.expires_at.slice(0, 10)}`),
    ...(grants.length === 0 ? ['it may use no connection: countersign grants create'] : []),
  ].join('\n')
