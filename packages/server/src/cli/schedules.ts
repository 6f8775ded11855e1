// countersign schedules …: jobs that come by the clock.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm, targetOf } from './confirm.ts'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'
import { parseJson, parseNumber, parseSeconds } from './words.ts'

const EXAMPLES = `
Examples:
  $ countersign schedules add nightly --cron '30 2 * * *' --timezone Europe/Berlin --kind report.build
  $ countersign schedules next nightly
  $ countersign schedules pause nightly
`

type Schedule = RouteAnswer<'GET /schedules/:name'>
type AddOptions = { cron: string; kind: string } & Record<
  'timezone' | 'payload' | 'queue' | 'priority' | 'missed' | 'overlap' | 'jitter',
  string | undefined
>

export function schedulesCommand(program: Command, door: Door): void {
  const schedules = program.command('schedules').description('jobs that come by the clock').addHelpText('after', EXAMPLES)
  const where = () => targetOf(door.client().settings.url)
  const all = async () => (await door.client().call('GET /schedules')).data
  schedules
    .command('list')
    .description('every schedule, by name')
    .action(async () =>
      print(door.output(), await door.client().call('GET /schedules'), ({ data }) =>
        table(data.map(row), ['NAME', 'STATE', 'CRON', 'KIND', 'NEXT'], 'No schedule yet.'),
      ),
    )
  schedules
    .command('add <name>')
    .description('a new schedule; it begins now')
    .requiredOption('--cron <expression>', 'five or six fields, or @hourly and its like')
    .requiredOption('--kind <kind>', 'what it enqueues')
    .option('--timezone <zone>', 'IANA name; UTC unless said')
    .option('--payload <json>', 'the payload of its jobs')
    .option('--queue <queue>', 'another queue than the kind’s')
    .option('--priority <n>', '1 (urgent) to 4')
    .option('--missed <how>', 'after an outage: coalesce, catch_up or skip')
    .option('--overlap <how>', 'while the last job is not over: allow, skip or replace')
    .option('--jitter <duration>', 'spread each fire over so long: 30s')
    .action(async (name: string, options: AddOptions) =>
      print(door.output(), await door.client().call('POST /schedules', { body: added(name, options) }), describe),
    )
  schedules
    .command('remove <name>')
    .description('no fire comes any more; jobs that are there stay')
    .option('--yes', 'do not ask')
    .action(async (name: string, { yes }: { yes?: true }) => {
      await confirm(door, `Remove the schedule ${name}`, where(), yes)
      await door.client().call('DELETE /schedules/:name', { params: { name } })
      print(door.output(), { name, removed: true }, () => `${plain(name)} is removed.`)
    })
  schedules
    .command('prune')
    .description('remove schedules that code declared once and has not declared since')
    .option('--unseen <duration>', 'not declared for so long', '7d')
    .option('--yes', 'do not ask')
    .action(async ({ unseen, yes }: { unseen: string; yes?: true }) => {
      const before = new Date(Date.now() - parseSeconds('--unseen', unseen) * 1000).toISOString()
      const names = (await all()).filter((one) => one.declared_in === 'code' && one.seen_at < before).map(({ name }) => name)
      if (names.length > 0) {
        await confirm(door, `Remove ${names.map(plain).join(', ')}`, where(), yes)
        for (const name of names) await door.client().call('DELETE /schedules/:name', { params: { name } })
      }
      print(door.output(), { removed: names }, () =>
        names.length === 0 ? 'Nothing to remove.' : names.map((name) => `${plain(name)} is removed.`).join('\n'),
      )
    })
  schedules
    .command('trigger <name>')
    .description('enqueue its job now')
    .action(async (name: string) =>
      print(
        door.output(),
        await door.client().call('POST /schedules/:name/trigger', { params: { name } }),
        ({ job_id }) => job_id,
      ),
    )
  for (const [act, what] of [
    ['pause', 'fire no more until it is resumed'],
    ['resume', 'fire again'],
  ] as const)
    schedules
      .command(`${act} <name>`)
      .description(what)
      .action(async (name: string) =>
        print(door.output(), await door.client().call(`POST /schedules/:name/${act}`, { params: { name } }), describe),
      )
  schedules
    .command('next <name>')
    .description('what it fired last and the next ten times')
    .action(async (name: string) =>
      print(door.output(), await door.client().call('GET /schedules/:name/fires', { params: { name } }), ({ past, next }) =>
        [
          ...past
            .toReversed()
            .map(({ fire_time, job_id, state, skipped }) =>
              `${fire_time}  ${job_id ?? `skipped (${skipped})`}  ${state ?? ''}`.trimEnd(),
            ),
          ...(next.length === 0 ? ['No fire comes.'] : next.map((time) => `${time}  comes`)),
        ].join('\n'),
      ),
    )
}

type NewSchedule = RouteBody<'POST /schedules'>

const added = (name: string, options: AddOptions): NewSchedule => ({
  name,
  cron: options.cron,
  kind: options.kind,
  timezone: options.timezone,
  payload: options.payload === undefined ? undefined : (parseJson('--payload', options.payload) as NewSchedule['payload']),
  queue: options.queue,
  priority: options.priority === undefined ? undefined : parseNumber('--priority', options.priority),
  missed: options.missed as NewSchedule['missed'],
  overlap: options.overlap as NewSchedule['overlap'],
  jitter_seconds: options.jitter === undefined ? undefined : parseSeconds('--jitter', options.jitter),
})

const row = (one: Schedule): string[] => [
  plain(one.name),
  one.paused_at ? 'paused' : 'open',
  plain(one.cron),
  plain(one.kind),
  one.paused_at ? '–' : (one.next_fire ?? '–'),
]

const describe = (one: Schedule): string =>
  [
    `${plain(one.name)}  ${one.paused_at ? `paused since ${one.paused_at}` : 'open'}`,
    `cron      ${plain(one.cron)} (${one.timezone})`,
    `kind      ${plain(one.kind)}`,
    one.next_fire && !one.paused_at ? `next      ${one.next_fire}` : '',
  ]
    .filter(Boolean)
    .join('\n')
