// countersign queues …, countersign kinds …: what waits where, and holding it up for a while.
import type { RouteAnswer, RouteBody } from '@countersign/sdk'
import type { Command } from 'commander'
import { confirm, targetOf } from './confirm.ts'
import { plain, print, table } from './output.ts'
import type { Door } from './tasks.ts'
import { refuseWord } from './words.ts'

const EXAMPLES = `
Examples:
  $ countersign queues list
  $ countersign queues pause mail
  $ countersign queues keys mail
  $ countersign queues overrides set mail max_running=4 rate='{"limit":100,"per_seconds":60}'
`

type Queue = RouteAnswer<'GET /queues/:name'>
type Kind = RouteAnswer<'GET /kinds/:name'>

export function queuesCommand(program: Command, door: Door): void {
  const queues = program.command('queues').description('pause, resume and drain queues').addHelpText('after', EXAMPLES)
  queues
    .command('list')
    .description('queues that you may see')
    .action(async () =>
      print(door.output(), await door.client().call('GET /queues'), ({ data }) =>
        table(data.map(row), ['QUEUE', 'STATE', 'READY', 'RUNNING', 'LATER', 'FAILED', 'WORKERS'], 'No queue yet.'),
      ),
    )
  queues
    .command('get <name>')
    .description('one queue with its limits')
    .action(async (name: string) =>
      print(door.output(), await door.client().call('GET /queues/:name', { params: { name } }), describe),
    )
  for (const [act, what] of [
    ['pause', 'give out none of its jobs until it is resumed'],
    ['resume', 'give out its jobs again'],
  ] as const)
    queues
      .command(`${act} <name>`)
      .description(what)
      .action(async (name: string) =>
        print(door.output(), await door.client().call(`POST /queues/:name/${act}`, { params: { name } }), describe),
      )
  queues
    .command('drain <name>')
    .description('cancel everything of yours that waits in it')
    .option('--yes', 'do not ask')
    .action(async (name: string, { yes }: { yes?: true }) => {
      await confirm(door, `Cancel everything that waits in the queue ${name}`, targetOf(door.client().settings.url), yes)
      const drained = await door.client().call('POST /queues/:name/drain', { params: { name } })
      print(door.output(), drained, ({ cancelled }) => {
        const counts = Object.entries(cancelled).map(([state, n]) => `${n} ${state}`)
        return counts.length === 0 ? 'Nothing waited there.' : `cancelled ${counts.join(', ')}`
      })
    })
  queues
    .command('keys <name>')
    .description('keys of a queue that hold up jobs')
    .action(async (name: string) =>
      print(door.output(), await door.client().call('GET /queues/:name/keys', { params: { name } }), ({ data }) =>
        table(
          data.map((one) => [plain(one.key), one.by, String(one.waiting), one.head?.id ?? '–', one.head?.state ?? '–']),
          ['KEY', 'BY', 'WAITING', 'HEAD', 'STATE'],
          'No key holds up a job.',
        ),
      ),
    )
  overrides(queues, door)
}

const SETTINGS = [
  ...['max_running', 'max_running_per_key', 'rate', 'rate_per_key', 'max_depth', 'on_full', 'fair_by', 'weights'],
  ...['aging_seconds', 'undeclared'],
] as const
type Change = RouteBody<'PATCH /queues/:name'>

/** What an admin set of a queue beside what code declares: limits, fairness, depth. In force for every claim that begins after. */
function overrides(queues: Command, door: Door): void {
  const own = queues.command('overrides').description('the settings of a queue: show, set, clear')
  const change = async (name: string, body: Change) =>
    print(door.output(), await door.client().call('PATCH /queues/:name', { params: { name }, body }), settingsOf)
  own
    .command('show <name>')
    .description('every setting of a queue')
    .action(async (name: string) =>
      print(door.output(), await door.client().call('GET /queues/:name', { params: { name } }), settingsOf),
    )
  own
    .command('set <name> <setting=value...>')
    .description(`values as JSON, or a word; settings: ${SETTINGS.join(', ')}`)
    .action((name: string, pairs: string[]) => change(name, Object.fromEntries(pairs.map(pairOf)) as Change))
  own
    .command('clear <name> <setting...>')
    .description('take settings away')
    .action((name: string, settings: string[]) =>
      change(name, Object.fromEntries(settings.map((setting) => [setting, CLEARED[setting] ?? null])) as Change),
    )
}

/** What stands for "not set" where null is no value. */
const CLEARED: Record<string, unknown> = { on_full: 'reject', aging_seconds: 60 }

function pairOf(pair: string): [string, unknown] {
  const [, setting, text] = /^([a-z_]+)=(.+)$/s.exec(pair) ?? []
  if (setting === undefined || text === undefined)
    throw refuseWord('<setting=value>', 'pair', 'is a setting and its value, such as max_running=4')
  try {
    return [setting, JSON.parse(text)]
  } catch {
    return [setting, text] // a word, such as on_full=signal
  }
}

const settingsOf = (queue: Queue): string =>
  table(
    SETTINGS.map((setting) => [
      setting,
      queue[setting as keyof Queue] === null ? '–' : plain(JSON.stringify(queue[setting as keyof Queue])),
    ]),
    ['SETTING', 'VALUE'],
    '',
  )

export function kindsCommand(program: Command, door: Door): void {
  const kinds = program.command('kinds').description('sorts of jobs that workers declared')
  kinds
    .command('list')
    .description('every kind')
    .action(async () =>
      print(door.output(), await door.client().call('GET /kinds'), ({ data }) =>
        table(
          data.map((kind) => [
            plain(kind.name),
            kind.paused_at ? 'paused' : 'open',
            plain(kind.queue ?? 'default'),
            String(kind.workers),
          ]),
          ['KIND', 'STATE', 'QUEUE', 'WORKERS'],
          'No kind was declared yet.',
        ),
      ),
    )
  kinds
    .command('get <name>')
    .description('one kind with its settings')
    .action(async (name: string) =>
      print(door.output(), await door.client().call('GET /kinds/:name', { params: { name } }), describeKind),
    )
  for (const [act, what] of [
    ['pause', 'give out none of its jobs until it is resumed'],
    ['resume', 'give out its jobs again'],
  ] as const)
    kinds
      .command(`${act} <name>`)
      .description(what)
      .action(async (name: string) =>
        print(door.output(), await door.client().call(`POST /kinds/:name/${act}`, { params: { name } }), describeKind),
      )
}

const row = ({ name, paused_at, depth, workers }: Queue): string[] => [
  plain(name),
  paused_at ? 'paused' : 'open',
  ...[['ready'], ['running'], ['scheduled', 'retrying', 'blocked', 'waiting'], ['failed']].map((states) =>
    String(states.reduce((sum, state) => sum + (depth[state] ?? 0), 0)),
  ),
  String(workers),
]

function describe(queue: Queue): string {
  const depth = Object.entries(queue.depth).filter(([, n]) => n > 0)
  const lines = [
    `${plain(queue.name)}  ${queue.paused_at ? `paused since ${queue.paused_at}` : 'open'}`,
    `jobs      ${depth.length === 0 ? 'none' : depth.map(([state, n]) => `${n} ${state}`).join(', ')}`,
    `workers   ${queue.workers}`,
    queue.max_running === null ? '' : `running   at most ${queue.max_running}`,
    queue.max_depth === null ? '' : `depth     at most ${queue.max_depth}`,
    queue.rate === null ? '' : `rate      ${queue.rate.limit} in ${queue.rate.per_seconds} s`,
    queue.fair_by === null ? '' : `fair      by ${queue.fair_by}`,
    queue.undeclared === null ? '' : `kinds     ${queue.undeclared ? 'any' : 'declared ones alone'}`,
  ]
  return lines.filter(Boolean).join('\n')
}

function describeKind(kind: Kind): string {
  const lines = [
    `${plain(kind.name)}  ${kind.paused_at ? `paused since ${kind.paused_at}` : 'open'}`,
    `queue     ${plain(kind.queue ?? 'default')}`,
    `workers   ${kind.workers}`,
    kind.max_attempts === null ? '' : `attempts  ${kind.max_attempts}`,
    kind.deadline_ms === null ? '' : `deadline  ${kind.deadline_ms / 1000} s`,
  ]
  return lines.filter(Boolean).join('\n')
}
