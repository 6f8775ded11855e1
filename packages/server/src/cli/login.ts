// countersign login <provider>: a credential of one's own, by a page in the browser, a code to type in, or a key that is piped in or typed unseen (V34); without a provider
// the commands themselves are signed in (sign-in.ts). A secret is never taken from the command line, and none is printed.
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { RouteAnswer } from '@countersign/sdk'
import type { Command } from 'commander'
import { processContext } from '../main/config.ts'
import { canOpenBrowser, openBrowser } from './browser.ts'
import { GivenUp, missingIs, plain, print, usage } from './output.ts'
import { needPrivateLine } from './private-line.ts'
import { signIn } from './sign-in.ts'
import type { Door } from './tasks.ts'
import { askHidden, whenInterrupted } from './terminal.ts'

type Started = RouteAnswer<'POST /authorizations'>
type Authorization = RouteAnswer<'GET /authorizations/:id'>

const EXAMPLES = `
Without a provider it signs this machine’s commands in, as you: by a page in the browser, or by a code with --device.

Examples:
  $ countersign login --server https://countersign.example.com
  $ countersign login github                            opens a page; waits until you have said yes
  $ countersign login github --method device --name bot
  $ pass show openai | countersign login openai --from-stdin
  $ countersign login acme-mcp --base-url https://mcp.example.com
`

type LoginOptions = {
  device?: true
  method?: Authorization['method']
  name?: string
  shared?: true
  scopes?: string
  baseUrl?: string
  param: Record<string, string>
  replace?: true
  browser: boolean
  fromEnv?: string
  fromStdin?: true
  storeAnyway?: true
  timeout: number
}

const ASK_AGAIN_MS = 2_000
/** V124: of how it ended, where no connection came of it. */
const ENDS: Partial<Record<Authorization['status'], number>> = { failed: 5, cancelled: 11, expired: 13 }

export function loginCommand(program: Command, door: Door): void {
  program
    .command('login [provider]')
    .description('sign this machine’s commands in; with a provider: sign in there, or store a key')
    .option('--device', 'without a provider: print a code to type in elsewhere, and open nothing')
    .option(
      '--method <method>',
      'code, device, register, client_credentials, api_key, basic or aws; the best that there is, unless given',
    )
    .option('--name <name>', 'of the connection; default unless given')
    .option('--shared', 'for the whole tenant')
    .option('--scopes <scopes>', 'in place of the provider’s usual ones, with commas between them')
    .option('--base-url <url>', 'the origin of your own installation of the product')
    .option('--param <name=value>', 'a parameter that the provider’s definition asks for; may be repeated', pair, {})
    .option('--replace', 'in place of the connection that has this name; who may use it stays the same')
    .option('--no-browser', 'print the address and open nothing')
    .option('--from-env <variable>', 'the key stands in this variable')
    .option('--from-stdin', 'the key is piped in; of several fields, one line name=value each')
    .option('--store-anyway', 'also where the provider refuses the key')
    .option('--timeout <seconds>', 'how long to wait for you', seconds, 900)
    .addHelpText('after', EXAMPLES)
    .action((provider: string | undefined, options: LoginOptions, command: Command) => {
      if (provider === undefined) {
        refuseProviders(command)
        return signIn(door, { browser: options.browser && !options.device })
      }
      if (options.device) throw usage('--device signs commands in; of a provider it is --method device.')
      return missingIs(4, () => login(door, provider, options))
    })
}

/** What means something of a provider only. */
function refuseProviders(command: Command): void {
  const mine = ['device', 'browser']
  const [other] = command.options.filter(
    (one) => !mine.includes(one.attributeName()) && command.getOptionValueSource(one.attributeName()) === 'cli',
  )
  if (other) throw usage(`${other.long} is of a provider: countersign login <provider> ${other.long}.`)
}

async function login(door: Door, provider: string, options: LoginOptions): Promise<void> {
  const typed = secretOf(options)
  if (typed !== null) needPrivateLine(door.client())
  const fields = typed === null ? await typedFields(door, provider, options) : await fieldsOf(door, provider, typed)
  const params = { ...options.param, ...(options.baseUrl === undefined ? {} : { base_url: options.baseUrl }) }
  const body = {
    provider,
    params,
    ...(options.method && { method: options.method }),
    ...(options.name && { name: options.name }),
    ...(options.shared && { shared: true }),
    ...(options.scopes && { scopes: options.scopes.split(',').filter((one) => one !== '') }),
    ...(options.replace && { replace: true }),
    ...(fields && { fields }),
    ...(options.storeAnyway && { store_anyway: true }),
  }
  const begun = await door.client().call('POST /authorizations', { body })
  const ended = begun.next_action === 'none' ? begun : await waitFor(door, begun, options)
  if (ended.status !== 'completed') process.exitCode = ENDS[ended.status] ?? 13
  print(door.output(), withoutLink(ended), told)
}

/** The link's token is for the browser that opens it, and for no log of results. */
const withoutLink = ({ connect_url: _, ...rest }: Started): Authorization => rest

function secretOf({ fromEnv, fromStdin }: LoginOptions): string | null {
  if (fromEnv !== undefined && fromStdin) throw usage('Take the key from one place: --from-env or --from-stdin.')
  const text = fromStdin ? readFileSync(0, 'utf8') : fromEnv === undefined ? null : (processContext().env[fromEnv] ?? '')
  if (text !== null && text.trim() === '') throw usage(fromStdin ? 'Nothing was piped in.' : `${fromEnv} is not set.`)
  return text
}

type FormField = { name: string; label?: string; secret?: boolean }
type Definition = { methods?: string[]; api_key?: { fields?: FormField[] } }

/** Methods that are a form and nothing else. */
const FORMS = ['api_key', 'basic', 'aws']

/** Where no browser can be opened and somebody sits there: each field is asked for, and what is secret is not shown (V34). */
async function typedFields(
  door: Door,
  name: string,
  { method, browser }: LoginOptions,
): Promise<Record<string, string> | undefined> {
  if (!process.stdin.isTTY || canOpenBrowser(browser, processContext().env)) return undefined
  const { definition } = await door.client().call('GET /providers/:name', { params: { name } })
  const { methods = [], api_key: form } = definition as Definition
  const chosen = method === undefined ? methods : [method]
  if (chosen.length === 0 || !chosen.every((one) => FORMS.includes(one))) return undefined
  needPrivateLine(door.client())
  const fields: Record<string, string> = {}
  for (const { name: field, label = field, secret = true } of form?.fields ?? [{ name: 'api_key', label: 'API key' }]) {
    const question = `${plain(label)}: `
    fields[field] = secret ? await askHidden(question, '--from-env or --from-stdin') : await door.ask(question)
  }
  return fields
}

/** One field takes all that was piped in; of several each has a line of its own. */
async function fieldsOf(door: Door, name: string, text: string): Promise<Record<string, string>> {
  const { definition } = await door.client().call('GET /providers/:name', { params: { name } })
  const { fields = [] } = (definition as Definition).api_key ?? {}
  const [only] = fields
  if (fields.length <= 1) return { [only?.name ?? 'api_key']: text }
  const lines = text.split(/\r?\n/).filter((line) => line.trim() !== '')
  if (lines.some((line) => !line.includes('=')))
    throw usage(`Pipe a line name=value for each of ${fields.map((one) => one.name).join(', ')}.`)
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')).trim(), line.slice(line.indexOf('=') + 1)]))
}

async function waitFor(door: Door, begun: Started, { browser, timeout }: LoginOptions): Promise<Started> {
  const say = door.output().stderr
  if (begun.next_action === 'show_code') say(`Open ${begun.verification_uri} and type in ${begun.user_code}\n`)
  else say(`Open ${begun.connect_url}\n`)
  const to = begun.next_action === 'show_code' ? (begun.verification_uri_complete ?? begun.verification_uri) : begun.connect_url
  if (browser && to) openBrowser(to)
  const params = { id: begun.authorization_id }
  return whenInterrupted(
    (signal) => {
      say('Waiting until you have said yes there. Ctrl-C cancels it.\n')
      return ended(door, params, { timeout, signal })
    },
    async () => {
      await door.client().call('POST /authorizations/:id/cancel', { params })
      throw new GivenUp('Cancelled: the page and the code open nothing any more.')
    },
  )
}

type Wait = { timeout: number; signal: AbortSignal }

async function ended(door: Door, params: { id: string }, { timeout, signal }: Wait): Promise<Authorization> {
  const until = performance.now() + timeout * 1_000
  for (;;) {
    const now = await door.client().call('GET /authorizations/:id', { params, signal })
    if (now.next_action === 'none' && now.status !== 'processing') return now
    if (performance.now() >= until) return now
    await pause(ASK_AGAIN_MS, undefined, { signal })
  }
}

function told({ status, provider, connection_name, connection_id, error }: Authorization): string {
  const what = `${provider}:${connection_name}`
  if (status === 'completed') return `connected  ${what}  ${connection_id}`
  const why = error === null ? '' : `  ${plain(error.code)}${error.said === null ? '' : `: ${plain(error.said)}`}`
  return `${status}  ${what}${why}`
}

function pair(text: string, before: Record<string, string>): Record<string, string> {
  const at = text.indexOf('=')
  if (at < 1) throw usage(`--param is name=value, not ${JSON.stringify(text)}.`)
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

function seconds(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 0) throw usage('--timeout is a number of seconds.')
  return value
}
