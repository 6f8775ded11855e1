// countersign keys …: what agents and people call with. A key is printed once, when it is made.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import type { Command } from 'commander'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'

const EXAMPLES = `
Examples:
  $ countersign keys create --agent agt_01J…            a key for an agent
  $ countersign keys create --personal --scope 'tasks:*'  a key that acts as you, also for answering
  $ countersign keys rotate key_01J… --overlap 3600
`

export function keysCommand(program: Command, door: Door): void {
  const keys = program.command('keys').description('keys of agents and people').addHelpText('after', EXAMPLES)
  keys
    .command('list')
    .description('keys that you may see; never their text')
    .option('--agent <id>', 'of one agent')
    .action(async ({ agent }: { agent?: string }) =>
      print(door.output(), await door.client().keys.list({ agent_id: agent }), ({ data }) =>
        table(data.map(row), ['ID', 'KIND', 'KEY', 'SCOPES', 'EXPIRES', 'NAME'], 'No key yet.'),
      ),
    )
  keys
    .command('create')
    .description('a new key; its text is printed this once')
    .option('--agent <id>', 'the agent that will call with it')
    .option('--personal', 'a key that acts as you')
    .option('--name <text>', 'what it is for')
    .option('--scope <scope...>', 'what it may do, for instance tasks:create; agent keys have a default')
    .option('--days <n>', 'how long it lasts, at most 365', '90')
    .action(async (options: { agent?: string; personal?: true; name?: string; scope?: string[]; days: string }) => {
      const made = await door.client().keys.create({
        kind: options.agent ? 'agt' : options.personal ? 'usr' : 'adm',
        agent_id: options.agent,
        name: options.name,
        scopes: options.scope as RouteBody<'POST /keys'>['scopes'],
        expires_in_seconds: Number(options.days) * 86_400,
      })
      print(door.output(), made, shown)
    })
  keys
    .command('rotate <id>')
    .description('a new text under the same id; the old one works until the overlap ends')
    .option('--overlap <seconds>', 'how long both work', '86400')
    .action(async (id: string, { overlap }: { overlap: string }) =>
      print(door.output(), await door.client().keys.rotate(id, { overlap_seconds: Number(overlap) }), shown),
    )
  keys
    .command('revoke <id>')
    .description('end it with the next request')
    .action(async (id: string) => {
      await door.client().keys.revoke(id)
      print(door.output(), { id, revoked: true }, () => `${id} is revoked.`)
    })
}

type Key = RouteAnswer<'GET /keys/:id'>

const row = (key: Key): string[] => [
  key.id,
  key.kind,
  `${key.prefix}…${key.last_four}`,
  key.scopes.join(','),
  key.revoked_at ? 'revoked' : key.expires_at.slice(0, 10),
  plain(String(key.name ?? '')),
]

const shown = (key: RouteAnswer<'POST /keys'>): string =>
  `${key.id}\n${key.secret ?? '(its text was shown before)'}\nKeep it now: it is not shown again.`
