// countersign log: what went through the proxy and what happened to the vault, the newest last. Shows hosts, paths, ids and outcomes; what a query, a header or a body held
// stands in no record.
import type { RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { asLine, plain, unlessRefused } from './output.ts'
import type { Door } from './tasks.ts'
import { connectionNamed } from './which-connection.ts'
import { parseNumber, refuseWord } from './words.ts'

type Request = RouteAnswer<'GET /proxy/requests'>['data'][number]
type Event = RouteAnswer<'GET /events'>['data'][number]
type Entry = { at: string; id: string } & ({ request: Request } | { event: Event })
type Options = { n: string; follow?: true; agent?: string; connection?: string; raw?: true }
type Only = { agent?: string; connection?: string }

/** Of the record, what concerns stored credentials and who uses them. */
const OF_VAULT = ['connection', 'grant', 'run', 'provider', 'client', 'authorization', 'keyring', 'authority'] as const
const MOST = 200

const EXAMPLES = `
Examples:
  $ countersign log -n 50
  $ countersign log --follow --connection stripe
  $ countersign log --raw --agent agt_01J… | grep '"outcome":"deny"'
`

export function logCommand(program: Command, door: Door): void {
  program
    .command('log')
    .description('requests through the proxy and events of the vault, the newest last')
    .option('-n <count>', 'how many', '20')
    .option('--follow', 'go on as they happen; ends with Ctrl-C')
    .option('--agent <id>', 'of one agent')
    .option('--connection <connection>', 'about one connection')
    .option('--raw', 'each as a line of JSON, as the API gives it')
    .addHelpText('after', EXAMPLES)
    .action((options: Options) => log(door, options))
}

async function log(door: Door, options: Options): Promise<void> {
  const most = parseNumber('-n', options.n)
  if (most > MOST) throw refuseWord('-n', 'too_many', `is at most ${MOST}`)
  const only: Only = {
    ...(options.agent === undefined ? {} : { agent: options.agent }),
    ...(options.connection === undefined ? {} : { connection: (await connectionNamed(door, options.connection)).id }),
  }
  const output = door.output()
  const say = (entry: Entry) => output.stdout(options.raw || output.json ? rawLine(entry) : `${line(entry)}\n`)
  const shown = most === 0 ? [] : (await recent(door, only, most)).slice(-most)
  // One object with --json alone; lines as they come with --raw or --follow.
  if (output.json && !options.raw && !options.follow) return output.stdout(asLine({ entries: shown }))
  for (const entry of shown) say(entry)
  if (shown.length === 0 && !options.follow) output.stderr('Nothing yet.\n')
  if (options.follow) await Promise.all([followRequests(door, only, shown, say), followEvents(door, only, shown, say)])
}

async function recent(door: Door, { agent, connection }: Only, limit: number): Promise<Entry[]> {
  const client = door.client()
  const query = {
    ...(agent === undefined ? {} : { agent_id: agent }),
    ...(connection === undefined ? {} : { connection_id: connection }),
    limit,
  }
  const requests = await unlessRefused(() => client.call('GET /proxy/requests', { query }))
  const about = {
    ...(agent === undefined ? {} : { actor: agent }),
    ...(connection === undefined ? {} : { resource: connection }),
  }
  const pages = await Promise.all(
    OF_VAULT.map((area) => unlessRefused(() => client.call('GET /events', { query: { ...about, type: `${area}.*`, limit } }))),
  )
  const events = pages.flatMap((page) => page?.data ?? [])
  if (requests === null && pages.every((page) => page === null))
    door.output().stderr('Your role reads neither requests of the proxy nor the record.\n')
  return [...(requests?.data ?? []).map(ofRequest), ...events.map(ofEvent)].sort((a, b) =>
    a.at < b.at ? -1 : a.at > b.at ? 1 : 0,
  )
}

const ofRequest = (request: Request): Entry => ({ at: request.at, id: request.event_id, request })
const ofEvent = (event: Event): Entry => ({ at: event.occurred_at, id: event.id, event })

/** What was shown is not shown again. */
async function followRequests(
  door: Door,
  { agent, connection }: Only,
  shown: readonly Entry[],
  say: (entry: Entry) => void,
): Promise<void> {
  const query = {
    ...(agent === undefined ? {} : { agent_id: agent }),
    ...(connection === undefined ? {} : { connection_id: connection }),
  }
  const last = shown.findLast((one) => 'request' in one)?.id
  await unlessRefused(async () => {
    for await (const { event, data } of door.client().stream<Request>('/proxy/requests/stream', { query, lastEventId: last }))
      if (event === 'request') say(ofRequest(data))
  })
}

async function followEvents(
  door: Door,
  { agent, connection }: Only,
  shown: readonly Entry[],
  say: (entry: Entry) => void,
): Promise<void> {
  const query = {
    ...(agent === undefined ? {} : { actor: agent }),
    ...(connection === undefined ? {} : { resource: connection }),
  }
  const last = shown.findLast((one) => 'event' in one)?.id
  await unlessRefused(async () => {
    for await (const { data } of door.client().stream<Event>('/events/stream', { query, lastEventId: last }))
      if ((OF_VAULT as readonly string[]).includes(data.type.split('.')[0] as string)) say(ofEvent(data))
  })
}

const rawLine = (entry: Entry): string => asLine('request' in entry ? { request: entry.request } : { event: entry.event })

function line(entry: Entry): string {
  if ('event' in entry) {
    const { type, actor, resource, data } = entry.event
    const why = [data.cause, data.reason, data.code].filter((one) => typeof one === 'string').join(' ')
    return plain(
      `${entry.at}  ${type}  ${resource === null ? '' : `${resource.id}  `}by ${actor.id}${why === '' ? '' : `  ${why}`}`,
    )
  }
  const { outcome, reason, method, scheme, host, port, path, agent_id: agent, ended, tools } = entry.request
  const usual = (scheme === 'https' && port === 443) || (scheme === 'http' && port === 80)
  const target = `${scheme}://${host}${usual ? '' : `:${port}`}${path}`
  const what = [
    outcome,
    reason,
    method,
    target,
    tools.join(','),
    agent,
    ended === null ? '' : String(ended.status ?? ended.fault ?? ''),
  ]
  return plain(`${entry.at}  ${what.filter((one) => one !== null && one !== '').join('  ')}`)
}
