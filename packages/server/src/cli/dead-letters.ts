// countersign dlq …: failed jobs kept whole. What would touch many names them by a filter, or says --all.
import type { RouteAnswer, RouteBody, RouteQuery } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm, targetOf } from './confirm.ts'
import { describe, listed } from './jobs.ts'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'
import { parseJson, parseNumber } from './words.ts'

const EXAMPLES = `
Examples:
  $ countersign dlq depth
  $ countersign dlq retry job_01J…
  $ countersign dlq retry --kind report.build
  $ countersign dlq purge --all
`

type Filter = RouteBody<'POST /dead-letters/bulk-retry'>['filter']
type FilterOptions = { kind?: string; queue?: string; reason?: string; all?: true; yes?: true }

const filtered = (command: Command): Command =>
  command
    .option('--kind <kind>', 'of one kind')
    .option('--queue <queue>', 'of one queue')
    .option('--reason <reason>', 'why it failed, such as max_attempts_exhausted')
    .option('--all', 'every dead letter')

const filterOf = (ids: string[], { kind, queue, reason, all }: FilterOptions): Filter => ({
  ids: ids.length > 0 ? ids : undefined,
  kind,
  queue,
  reason,
  all,
})

/** The filter in words, for the question. */
const spoken = (ids: string[], { kind, queue, reason, all }: FilterOptions): string =>
  [
    ids.length > 0 ? ids.join(', ') : all ? 'every dead letter' : 'dead letters',
    ...(kind ? [`of kind ${kind}`] : []),
    ...(queue ? [`in queue ${queue}`] : []),
    ...(reason ? [`with reason ${reason}`] : []),
  ].join(' ')

export function deadLettersCommand(program: Command, door: Door): void {
  const dlq = program.command('dlq').description('failed jobs: look, retry, delete').addHelpText('after', EXAMPLES)
  reads(dlq, door)
  acts(dlq, door)
}

function reads(dlq: Command, door: Door): void {
  dlq
    .command('list')
    .description('dead letters, newest first')
    .option('--kind <kind>', 'of one kind')
    .option('--queue <queue>', 'of one queue')
    .option('--limit <n>', 'at most so many', '50')
    .option('--cursor <cursor>', 'go on where the list before ended')
    .action(async ({ limit, ...rest }: { kind?: string; queue?: string; limit: string; cursor?: string }) => {
      const query: RouteQuery<'GET /dead-letters'> = { ...rest, limit: parseNumber('--limit', limit) }
      print(door.output(), await door.client().call('GET /dead-letters', { query }), listed)
    })
  dlq
    .command('get <id>')
    .description('one dead letter with its content and errors')
    .action(async (id: string) =>
      print(door.output(), await door.client().call('GET /dead-letters/:id', { params: { id } }), describe),
    )
  dlq
    .command('depth')
    .description('how many, by kind, queue and reason')
    .action(async () => print(door.output(), await door.client().call('GET /dead-letters/depth'), depth))
}

const depth = ({ groups }: RouteAnswer<'GET /dead-letters/depth'>): string =>
  table(
    groups.map((one) => [String(one.n), plain(one.kind), plain(one.queue), one.reason]),
    ['COUNT', 'KIND', 'QUEUE', 'REASON'],
    'No dead letter.',
  )

function acts(dlq: Command, door: Door): void {
  const where = () => targetOf(door.client().settings.url)
  filtered(dlq.command('retry [ids...]'))
    .description('run dead letters again')
    .option('--payload <json>', 'with another payload')
    .option('--to-queue <queue>', 'in another queue')
    .action(async (ids: string[], options: FilterOptions & { payload?: string; toQueue?: string }) => {
      const payload = options.payload === undefined ? undefined : parseJson('--payload', options.payload)
      const done = { retried: 0, conflicts: [] as { id: string; job_id: string }[] }
      let after: string | undefined
      do {
        const filter = { ...filterOf(ids, options), after }
        const body = { filter, queue: options.toQueue, payload } as RouteBody<'POST /dead-letters/bulk-retry'>
        const part = await door.client().call('POST /dead-letters/bulk-retry', { body })
        done.retried += part.retried
        done.conflicts.push(...part.conflicts)
        after = part.next ?? undefined
      } while (after !== undefined)
      print(door.output(), done, ({ retried, conflicts }) =>
        [`${retried} run again.`, ...conflicts.map(({ id, job_id }) => `${id} stays: ${job_id} has its unique key.`)].join('\n'),
      )
    })
  filtered(dlq.command('purge [ids...]'))
    .description('delete dead letters, at most 1,000 a call')
    .option('--yes', 'do not ask')
    .action(async (ids: string[], options: FilterOptions) => {
      await confirm(door, `Delete ${spoken(ids, options)}`, where(), options.yes)
      const done = await door.client().call('POST /dead-letters/bulk-purge', { body: { filter: filterOf(ids, options) } })
      print(door.output(), done, ({ purged, more }) => `${purged} deleted.${more ? ' More are left: say it again.' : ''}`)
    })
  dlq
    .command('move <ids...>')
    .description('move jobs that nobody runs to the dead letters')
    .option('--reason <text>', 'what the job’s errors say')
    .option('--yes', 'do not ask')
    .action(async (ids: string[], { reason, yes }: { reason?: string; yes?: true }) => {
      await confirm(door, `Move ${ids.join(', ')} to the dead letters`, where(), yes)
      const done = await door.client().call('POST /dead-letters/bulk-move', { body: { filter: { ids }, reason } })
      print(door.output(), done, ({ data }) =>
        data.map(({ id, changed, state, code }) => (changed ? `${id}  moved` : `${id}  left: ${state ?? code}`)).join('\n'),
      )
    })
}
