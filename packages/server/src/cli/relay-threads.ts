// countersign relay start, send, thread, tail, close, inbox: threads as either side sees them. Every text of a message is shown inert, and marked with its side. A secret that signs
// what a thread tells comes from the environment or a pipe, or is made by the server and shown once.
import { readFileSync } from 'node:fs'
import { type RouteAnswer, relay } from '@countersign/sdk'
import type { Command } from 'commander'
import { processContext } from '../main/config.ts'
import { asLine, plain, plainLines, print, table, usage } from './output.ts'
import { needPrivateLine } from './private-line.ts'
import type { Door } from './tasks.ts'
import { parseJson, parseNumber, readObject } from './words.ts'

type Thread = RouteAnswer<'GET /threads/:id'>
type Message = RouteAnswer<'GET /threads/:id/messages'>['data'][number]
type Accepted = RouteAnswer<'POST /threads/:id/messages'>
type Waiting = RouteAnswer<'GET /agents/:slug/inbox'>['data'][number]
type SayOptions = { data?: string; file?: string; skill?: string; wait?: string; key?: string } & CallbackOptions
type CallbackOptions = { callback?: string; events?: string; secretFromEnv?: string; secretFromStdin?: true }

const callsOf = (door: Door) => relay(undefined, null, { client: door.client() })

export function threadCommands(group: Command, door: Door): void {
  saying(group.command('start <agent> [text]').description('start a thread with an agent'))
    .option('--context <id>', 'your own name for a conversation')
    .option('--want-token', 'with a relay token: a thread token too, which reads the thread; it is shown once')
    .action(async (agent: string, text: string | undefined, options: SayOptions & { context?: string; wantToken?: true }) => {
      const { context, wantToken } = options
      const more = {
        ...(context === undefined ? {} : { context_id: context }),
        ...(wantToken ? { want_thread_token: true } : {}),
      }
      const body = { ...contentOf(text, options), ...callbackOf(door, options), ...more }
      print(door.output(), await callsOf(door).start(agent, body, onceOf(options)), accepted)
    })
  saying(group.command('send <thread> [text]').description('go on with a thread')).action(
    async (id: string, text: string | undefined, options: SayOptions) =>
      print(
        door.output(),
        await callsOf(door).send(id, { ...contentOf(text, options), ...callbackOf(door, options) }, onceOf(options)),
        accepted,
      ),
  )
  group
    .command('thread <thread>')
    .description('where a thread stands, and what was said')
    .action(async (id: string) => {
      const calls = callsOf(door)
      const thread = await calls.read(id)
      const messages: Message[] = []
      for await (const one of calls.messages(id)) messages.push(one)
      print(door.output(), { ...thread, messages }, () =>
        [stands(thread), ...messages.map((one) => saidBy(thread, one))].join('\n'),
      )
    })
  group
    .command('tail <thread>')
    .description('every event of a thread, as it happens, until it has ended')
    .option('--after <sequence>', 'go on after this one', '0')
    .action(async (id: string, { after }: { after: string }) => {
      const { json, stdout } = door.output()
      for await (const event of callsOf(door).events(id, { after: parseNumber('--after', after) })) {
        const { sequence, type, at, actor } = event
        stdout(json ? asLine(event) : `${plain(`${String(sequence).padStart(5)}  ${at}  ${type}  ${actor.type} ${actor.id}`)}\n`)
      }
    })
  group
    .command('close <thread>')
    .description('end a thread, from either side')
    .option('--reason <text>', 'why; the other side reads it')
    .action(async (id: string, { reason }: { reason?: string }) =>
      print(door.output(), await callsOf(door).close(id, reason === undefined ? {} : { reason }), stands),
    )
  group
    .command('inbox <agent>')
    .description('what waits for an agent of yours, oldest first')
    .option('--state <state>', 'queued, delivering, exhausted or held')
    .option('--limit <n>', 'at most so many', '50')
    .option('--cursor <cursor>', 'go on where the list before ended')
    .action(async (slug: string, { limit, ...rest }: { state?: 'queued'; limit: string; cursor?: string }) => {
      const query = { ...rest, limit: parseNumber('--limit', limit) }
      print(door.output(), await door.client().call('GET /agents/:slug/inbox', { params: { slug }, query }), ({ data }) =>
        table(data.map(waitingRow), ['MESSAGE', 'THREAD', 'STATE', 'AGE', 'TRIES', 'FROM', 'SKILL'], 'Nothing waits.'),
      )
    })
}

const saying = (command: Command): Command =>
  command
    .option('--data <json>', 'data in place of a text')
    .option('--file <file>', 'a JSON object with text, data or parts; - for what is piped in')
    .option('--skill <id>', 'one of the skills on the card')
    .option('--wait <seconds>', 'wait so long for the answer, at most 25')
    .option('--key <text>', 'idempotency key: under the same one it acts once')
    .option('--callback <url>', 'tell of the thread there, signed; its secret is made and shown once, unless you bring one')
    .option('--events <names>', 'with --callback: thread.*, artifact.completed …, with commas between; all where left out')
    .option('--secret-from-env <name>', 'with --callback: the secret stands in this variable')
    .option('--secret-from-stdin', 'with --callback: the secret is piped in')

function contentOf(text: string | undefined, { data, file, skill, wait }: SayOptions): object {
  if ([text, data, file].filter((one) => one !== undefined).length !== 1) throw usage('Give a text, --data or --file.')
  const said =
    file !== undefined ? readObject(file) : data !== undefined ? { data: parseJson('--data', data) } : { text: text as string }
  const sync = wait === undefined ? {} : { sync: { wait_ms: parseNumber('--wait', wait) * 1000 } }
  return { ...said, ...(skill === undefined ? {} : { skill }), ...sync }
}

function callbackOf(door: Door, { callback, events, secretFromEnv, secretFromStdin, file }: SayOptions): object {
  if (callback === undefined) {
    if (events ?? secretFromEnv ?? secretFromStdin) throw usage('Say with --callback where to.')
    return {}
  }
  if (secretFromStdin && file === '-') throw usage('Only one thing is piped in: --file - or --secret-from-stdin.')
  const secret = secretOf(secretFromEnv, secretFromStdin)
  if (secret !== null) needPrivateLine(door.client())
  const heard = events === undefined ? {} : { events: events.split(',').map((one) => one.trim()) }
  return { callback: { url: callback, ...heard, ...(secret === null ? { generate_secret: true } : { secret }) } }
}

function secretOf(fromEnv: string | undefined, fromStdin: true | undefined): string | null {
  if (fromEnv !== undefined && fromStdin) throw usage('Take the secret from one place: --secret-from-env or --secret-from-stdin.')
  const text = fromStdin ? readFileSync(0, 'utf8') : fromEnv === undefined ? null : (processContext().env[fromEnv] ?? '')
  if (text !== null && text.trim() === '') throw usage(fromStdin ? 'Nothing was piped in.' : `${fromEnv} is not set.`)
  return text === null ? null : text.trim()
}

const onceOf = ({ key }: SayOptions) => (key === undefined ? {} : { idempotencyKey: key })

const accepted = ({ thread_id: id, state, approval, thread_access_token: token, response, callback }: Accepted): string =>
  [
    `${id}  ${response?.state ?? state}`,
    ...(approval ? [`people have to agree first: ${plain(approval.url)}`] : []),
    ...(token ? [token, 'Keep it now: it is not shown again.'] : []),
    ...(callback ? [`told at ${callback.endpoint_id}`] : []),
    ...(callback?.secret ? [callback.secret, 'Keep it now: it is not shown again.'] : []),
    ...(response ? response.parts.map((part) => `  ${partLine(part)}`) : []),
  ].join('\n')

const stands = ({ id, agent, state, outcome, reason, turn, sequence, approval }: Thread): string =>
  [
    plain(
      `${id}  ${agent}  ${[state, outcome, reason].filter((word) => word !== null).join(', ')}  turn ${turn}  at ${sequence}`,
    ),
    ...(approval ? [`people have to agree first: ${plain(approval.url)}`] : []),
  ].join('\n')

function saidBy(thread: Thread, { sequence, side, kind, parts, payload_state: payload, artifact_id: artifact }: Message): string {
  const who = side === 'owner' ? thread.agent : thread.caller.label
  const head = plain(
    `${String(sequence ?? '-').padStart(5)}  ${side} ${who}${kind === 'message' ? '' : `, ${kind}`}${artifact ? ` ${artifact}` : ''}`,
  )
  return [head, ...(parts ?? []).map((part) => `       ${partLine(part)}`), ...(parts ? [] : [`       (${payload})`])].join('\n')
}

type Part = NonNullable<Message['parts']>[number]

function partLine({ text, data, raw, url, media_type: type, filename }: Part): string {
  if (text !== undefined) return plainLines(text).replaceAll('\n', '\n       ')
  const named = [filename, type].filter((one) => one !== undefined).join(', ')
  if (url !== undefined) return plain(`link${named ? ` (${named})` : ''}: ${url}`)
  if (raw !== undefined) return plain(`file${named ? ` (${named})` : ''}, ${Math.floor((raw.length * 3) / 4)} bytes`)
  return plain(JSON.stringify(data))
}

const waitingRow = (one: Waiting): string[] =>
  [
    ...[one.message_id, one.thread_id, one.state, `${one.age_seconds} s`],
    ...[String(one.attempts), one.from, one.skill ?? '-'],
  ].map(plain)
