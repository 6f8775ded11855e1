// countersign embed …: which pages of others may show tasks, and the tokens that do so.
import type { RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'
import { parseSeconds } from './words.ts'

type Token = RouteAnswer<'GET /embed/tokens'>['data'][number]

const EXAMPLES = `
Examples:
  $ countersign embed allow https://app.example.com
  $ countersign embed mint task_01J… --origin https://app.example.com --sub ann
  $ countersign embed tokens --live
`

export function embedCommand(program: Command, door: Door): void {
  const embed = program.command('embed').description('tasks inside pages of others').addHelpText('after', EXAMPLES)
  embed
    .command('origins')
    .description('pages that may show tasks')
    .action(async () =>
      print(door.output(), await door.client().call('GET /embed/origins'), ({ data }) =>
        table(
          data.map((one) => [one.id, plain(one.origin)]),
          ['ID', 'ORIGIN'],
          'No page may: countersign embed allow https://app.example.com',
        ),
      ),
    )
  embed
    .command('allow <origin>')
    .description('let a page show tasks: https://app.example.com, or https://*.example.com for every name right below')
    .action(async (origin: string) =>
      print(
        door.output(),
        await door.client().call('POST /embed/origins', { body: { origin } }),
        (one) => `${one.id}  ${plain(one.origin)}`,
      ),
    )
  embed
    .command('forbid <id>')
    .description('let a page show no more tasks; tokens that are out end within the hour')
    .action(async (id: string) => {
      await door.client().call('DELETE /embed/origins/:id', { params: { id } })
      print(door.output(), { id, removed: true }, () => `${id} is removed`)
    })
  embed
    .command('mint <task>')
    .description('a token for one task in one page; printed this once')
    .requiredOption('--origin <origin>', 'the page that holds the frame')
    .option('--sub <name>', 'for whom')
    .option('--ttl <duration>', 'how long it lives, a minute to an hour', '5m')
    .option('--comment', 'they may say something too')
    .action(async (task: string, given: { origin: string; sub?: string; ttl: string; comment?: true }) => {
      const body = {
        task_id: task,
        parent_origin: given.origin,
        sub: given.sub ?? null,
        ttl_seconds: parseSeconds('--ttl', given.ttl),
        allow: given.comment ? (['decide', 'comment'] as const) : (['decide'] as const),
      }
      const made = await door.client().call('POST /embed/tokens', { body: { ...body, allow: [...body.allow] } })
      print(door.output(), made, ({ embed_url, expires_at }) => `${embed_url}\nends ${expires_at}`)
    })
  embed
    .command('tokens')
    .description('tokens, newest first')
    .option('--live', 'only those that still open something')
    .option('--task <id>', 'of one task')
    .action(async ({ live, task }: { live?: true; task?: string }) => {
      const query = { ...(live ? { live: true } : {}), ...(task === undefined ? {} : { task_id: task }) }
      print(door.output(), await door.client().call('GET /embed/tokens', { query }), ({ data }) =>
        table(data.map(row), ['ID', 'STATE', 'ENDS', 'WHO', 'WHERE', 'TASK'], 'No token matches.'),
      )
    })
  embed
    .command('revoke <id>')
    .description('end a token now')
    .action(async (id: string) => {
      await door.client().call('DELETE /embed/tokens/:id', { params: { id } })
      print(door.output(), { id, revoked: true }, () => `${id} is revoked`)
    })
}

const row = (one: Token): string[] => [
  one.id,
  one.state,
  one.expires_at,
  plain(one.sub ?? '–'),
  plain(one.parent_origin),
  one.task_id,
]
