// countersign endpoints, deliveries, replays …: where events go, what became of each, and sending again.
import type { RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm } from './confirm.ts'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'
import { parseNumber, parseSeconds, parseTime } from './words.ts'

type Endpoint = RouteAnswer<'GET /endpoints/:id'>
type Delivery = RouteAnswer<'GET /deliveries'>['data'][number]
type Replay = RouteAnswer<'GET /replays/:id'>

const ENDPOINT_EXAMPLES = `
Examples:
  $ countersign endpoints create https://example.com/hooks --events 'task.*,key.expiring'
  $ countersign endpoints test whe_01J…
  $ countersign endpoints rotate whe_01J… --overlap 1h
`
const DELIVERY_EXAMPLES = `
Examples:
  $ countersign deliveries list --endpoint whe_01J… --state exhausted
  $ countersign deliveries show dlv_01J…
  $ countersign deliveries replay dlv_01J…
`
const REPLAY_EXAMPLES = `
Examples:
  $ countersign replays start --endpoint whe_01J… --exhausted --since 2h
  $ countersign replays show rpy_01J…
  $ countersign replays cancel rpy_01J…
`

type CreateOptions = { events: string; label?: string; mode?: string; order?: string; schedule?: string; verify: boolean }

export function endpointsCommand(program: Command, door: Door): void {
  const endpoints = program
    .command('endpoints')
    .description('addresses that get events as signed webhooks')
    .addHelpText('after', ENDPOINT_EXAMPLES)
  const call = (head: 'POST /endpoints/:id/pause', id: string) => door.client().call(head, { params: { id } })
  endpoints
    .command('list')
    .description('endpoints, newest first')
    .action(async () =>
      print(door.output(), await door.client().call('GET /endpoints'), ({ data }) =>
        table(
          data.map((one) => [one.id, one.state, one.mode, plain(one.events.join(',')), plain(one.url)]),
          ['ID', 'STATE', 'MODE', 'EVENTS', 'URL'],
          'No endpoint yet: countersign endpoints create <url> --events "task.*"',
        ),
      ),
    )
  endpoints
    .command('create <url>')
    .description('a new endpoint; its secret is printed once')
    .requiredOption('--events <names>', 'event types, prefix.* or *, with commas between')
    .option('--label <text>', 'a name for people')
    .option('--mode <mode>', 'how it is signed: standard, stripe, github, awaithumans, foragent')
    .option('--order <order>', 'none, or fifo: one after the other for each resource')
    .option('--schedule <schedule>', 'standard, quick_24h, or waits with commas between: 10s,5m,1h')
    .option('--no-verify', 'active without an answer to a first ping')
    .action(async (url: string, { events, label, mode, order, schedule, verify }: CreateOptions) => {
      const body = {
        ...{ url, events, label, verify },
        mode: mode as Endpoint['mode'] | undefined,
        ordering: order as Endpoint['ordering'] | undefined,
        schedule: schedule === undefined ? undefined : scheduleOf(schedule),
      }
      print(door.output(), await door.client().call('POST /endpoints', { body }), withSecret)
    })
  endpoints
    .command('show <id>')
    .description('one endpoint: settings, secrets, how it did in the last 24 hours')
    .action(async (id: string) => {
      const client = door.client()
      const endpoint = await client.call('GET /endpoints/:id', { params: { id } })
      const stats = await client.call('GET /endpoints/:id/stats', { params: { id } })
      print(door.output(), { ...endpoint, stats }, () => shown(endpoint, stats))
    })
  endpoints
    .command('pause <id>')
    .description('hold its deliveries until it is resumed')
    .action(async (id: string) => print(door.output(), await call('POST /endpoints/:id/pause', id), line))
  endpoints
    .command('resume <id>')
    .description('send again, beginning with what was held')
    .option('--recover-since <time>', 'only what came to be since then, a time or how long ago: 2h')
    .action(async (id: string, { recoverSince }: { recoverSince?: string }) => {
      const body = { recover_since: recoverSince === undefined ? undefined : parseAgo('--recover-since', recoverSince) }
      print(door.output(), await door.client().call('POST /endpoints/:id/resume', { params: { id }, body }), line)
    })
  endpoints
    .command('test <id>')
    .description('send one request now')
    .action(async (id: string) =>
      print(
        door.output(),
        await door.client().call('POST /endpoints/:id/test', { params: { id } }),
        ({ delivery_id }) => `sent as ${delivery_id}; countersign deliveries show ${delivery_id}`,
      ),
    )
  endpoints
    .command('rotate <id>')
    .description('a new secret, printed once')
    .option('--overlap <time>', 'how long the old one signs too; default 1d')
    .option('--force', 'end an earlier rotation now')
    .action(async (id: string, { overlap, force }: { overlap?: string; force?: true }) => {
      const overlap_seconds = overlap === undefined ? undefined : parseSeconds('--overlap', overlap)
      const rotated = await door.client().call('POST /endpoints/:id/rotate', { params: { id }, body: { overlap_seconds, force } })
      print(door.output(), rotated, withSecret)
    })
  endpoints
    .command('delete <id>')
    .description('remove it and its secrets; its log stays for its 90 days')
    .option('-y, --yes', 'without a question')
    .action(async (id: string, { yes }: { yes?: true }) => {
      const client = door.client()
      await confirm(door, `Delete ${id} and cancel what is on its way`, client.settings.url, yes)
      await client.call('DELETE /endpoints/:id', { params: { id } })
      print(door.output(), { id, deleted: true }, () => `${id} is deleted.`)
    })
}

export function deliveriesCommand(program: Command, door: Door): void {
  const deliveries = program
    .command('deliveries')
    .description('events on their way to endpoints, with every attempt')
    .addHelpText('after', DELIVERY_EXAMPLES)
  deliveries
    .command('list')
    .description('newest first')
    .option('--endpoint <id>', 'to one endpoint')
    .option('--event <id>', 'of one event')
    .option('--type <type>', 'of one event type, or task.*')
    .option('--state <state>', 'pending, sending, succeeded, exhausted, held, cancelled')
    .option('--since <time>', 'since a time, or how long ago: 2h')
    .option('--limit <n>', 'how many', '50')
    .action(async ({ since, limit, ...rest }: Record<string, string>) => {
      const query = {
        ...rest,
        ...(since === undefined ? {} : { since: parseAgo('--since', since) }),
        limit: parseNumber('--limit', limit ?? '50'),
      }
      print(door.output(), await door.client().call('GET /deliveries', { query }), ({ data }) =>
        table(data.map(row), ['ID', 'STATE', 'TRIES', 'LAST', 'TYPE', 'TO'], 'No delivery fits.'),
      )
    })
  deliveries
    .command('show <id>')
    .description('one delivery and its attempts')
    .action(async (id: string) => {
      const one = await door.client().call('GET /deliveries/:id', { params: { id } })
      print(door.output(), one, () =>
        [
          `${one.id}  ${one.state}  ${one.event_type}  ${one.endpoint_id ?? plain(one.url ?? '')}`,
          ...(one.waits_for === null ? [] : [`waits for ${one.waits_for}, which is before it in its order`]),
          table(
            one.log.map((each) => [
              String(each.n),
              each.trigger,
              each.started_at,
              resultOf(each.status, each.class),
              `${each.ms} ms`,
            ]),
            ['TRY', 'BY', 'AT', 'RESULT', 'TOOK'],
            'It was not sent yet.',
          ),
        ].join('\n'),
      )
    })
  const acts = {
    replay: [
      'one more attempt now, with the same bytes',
      (id: string) => door.client().call('POST /deliveries/:id/replay', of(id)),
    ],
    skip: ['let the next of its FIFO key go', (id: string) => door.client().call('POST /deliveries/:id/skip', of(id))],
    cancel: ['send it no more', (id: string) => door.client().call('POST /deliveries/:id/cancel', of(id))],
  } as const
  for (const [name, [what, act]] of Object.entries(acts))
    deliveries
      .command(`${name} <id>`)
      .description(what)
      .action(async (id: string) => print(door.output(), await act(id), (one) => `${one.id}  ${one.state}`))
}

const of = (id: string) => ({ params: { id } })

type StartOptions = {
  endpoint?: string
  event?: string
  exhausted?: true
  since?: string
  includeSucceeded?: true
  rate?: string
}

export function replaysCommand(program: Command, door: Door): void {
  const replays = program.command('replays').description('many deliveries again, as a job').addHelpText('after', REPLAY_EXAMPLES)
  replays
    .command('list')
    .description('newest first')
    .action(async () =>
      print(door.output(), await door.client().call('GET /replays'), ({ data }) =>
        table(data.map(progress), ['ID', 'STATE', 'STARTED', 'ARRIVED', 'FAILED'], 'Nothing was replayed yet.'),
      ),
    )
  replays
    .command('start')
    .description('begin one; name an endpoint, an event or a time')
    .option('--endpoint <id>', 'to one endpoint')
    .option('--event <id>', 'of one event')
    .option('--exhausted', 'only those that used up their schedule')
    .option('--since <time>', 'since a time, or how long ago: 2h')
    .option('--include-succeeded', 'also what arrived already')
    .option('--rate <n>', 'how many a second; default 20')
    .action(async ({ endpoint, event, exhausted, since, includeSucceeded, rate }: StartOptions) => {
      const body = {
        endpoint_id: endpoint,
        event_id: event,
        what: exhausted ? ('exhausted' as const) : undefined,
        since: since === undefined ? undefined : parseAgo('--since', since),
        include_succeeded: includeSucceeded,
        per_second: rate === undefined ? undefined : parseNumber('--rate', rate),
      }
      const begun = await door.client().call('POST /replays', { body })
      print(door.output(), begun, () => `${begun.id}  ${begun.state}  ${begun.total} to send at ${begun.per_second} a second`)
    })
  replays
    .command('show <id>')
    .description('how far it is')
    .action(async (id: string) => {
      const one = await door.client().call('GET /replays/:id', { params: { id } })
      print(door.output(), one, () => progress(one).join('  '))
    })
  replays
    .command('cancel <id>')
    .description('start no further delivery')
    .action(async (id: string) => {
      await door.client().call('DELETE /replays/:id', { params: { id } })
      print(door.output(), { id, state: 'cancelled' }, () => `${id} is cancelled.`)
    })
}

const line = (one: Endpoint): string => `${one.id}  ${one.state}  ${plain(one.url)}`

const withSecret = (one: Endpoint & { secret?: string }): string =>
  one.secret === undefined ? line(one) : `${line(one)}\n${one.secret}\nKeep it now: it is not shown again.`

const row = (one: Delivery): string[] => [
  one.id,
  one.state,
  String(one.attempts),
  one.attempts === 0 ? '-' : resultOf(one.last_status, one.last_class),
  one.event_type,
  one.endpoint_id ?? plain(one.url ?? ''),
]

const resultOf = (status: number | null, kind: string | null): string => String(status ?? kind ?? '-')

const progress = (one: Replay): string[] => [
  one.id,
  one.state,
  `${one.started} of ${one.total}`,
  `${one.succeeded} arrived`,
  `${one.failed} failed`,
]

function shown(one: Endpoint, stats: RouteAnswer<'GET /endpoints/:id/stats'>): string {
  const share =
    stats.success_share === null ? 'nothing sent' : `${Math.round(stats.success_share * 100)} % of ${stats.attempts} arrived`
  const took = stats.p50_ms === null ? '' : `, p50 ${stats.p50_ms} ms, p95 ${stats.p95_ms} ms`
  return [
    line(one),
    `events    ${plain(one.events.join(', '))}`,
    `signed    ${one.mode}, ${one.secrets.length === 1 ? 'one secret' : `${one.secrets.length} secrets`}`,
    `schedule  ${one.schedule.name}: ${one.schedule.attempts} tries in ${one.schedule.total_seconds} s`,
    `waiting   ${stats.waiting}, held ${stats.held}, exhausted ${stats.exhausted}`,
    `last day  ${share}${took}`,
  ].join('\n')
}

const scheduleOf = (text: string): 'standard' | 'quick_24h' | number[] =>
  text === 'standard' || text === 'quick_24h' ? text : text.split(',').map((one) => parseSeconds('--schedule', one.trim()))

/** A time, or how long ago. */
function parseAgo(option: string, text: string): string {
  if (/^\d+[smhd]$/.test(text)) return new Date(Date.now() - parseSeconds(option, text) * 1000).toISOString()
  return parseTime(option, text, Date.now())
}
