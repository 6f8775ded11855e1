// What was typed behind `run`, as what it means: words that fit nothing are refused by the flag's name before a run is opened.
import { usage } from '../output.ts'
import type { SignIn } from '../person.ts'
import { parseNumber, parseSeconds } from '../words.ts'
import type { Wanted } from './secrets.ts'

export type RunOptions = SignIn & {
  agent?: string
  purpose?: string
  connection?: string[]
  label?: string[]
  ttl?: string
  mode?: string
  /** What `--no-proxy` names. */
  proxy: true | string[]
  wait?: string
  mask?: true
  maskEnv?: string[]
  withSecret?: string[]
  pinHosts?: true
  trustKeychain?: true
  cleanEnv?: true
  isolate?: true
  relay?: true
  statusFd?: string
  printEnv?: true
}

export type RunRequest = {
  command: readonly string[]
  agent: string | null
  purpose: string
  connections: Record<string, string>
  labels: string[]
  ttlSeconds: number | null
  /** How long its requests wait for people that do not say so. */
  waitSeconds: number | null
  pinsHosts: boolean
  trustsKeychain: boolean
  isMasked: boolean
  /** Variables whose values are masked. */
  maskedVariables: readonly string[]
  secrets: readonly Wanted[]
  signIn: SignIn
  mode: 'enforce' | 'learn'
  noProxy: readonly string[]
  isClean: boolean
  isIsolated: boolean
  isRelayed: boolean
  statusFd: number | null
  printsEnv: boolean
}

const MODES: readonly string[] = ['enforce', 'learn']
const LONGEST_PURPOSE = 200
const LONGEST_WAIT = 600

export function readRequest(command: readonly string[], options: RunOptions, platform = process.platform): RunRequest {
  const printsEnv = options.printEnv === true
  const secrets = (options.withSecret ?? []).map(secretOf)
  const apart = startedHereOf(options)
  if (!printsEnv && command.length === 0) throw usage('Say what to run, behind --: countersign run -- <command>')
  if (printsEnv && command.length > 0) throw usage('--print-env starts nothing: leave the command away.')
  if (printsEnv && apart) throw usage(`${apart} is for a command that is started here, and --print-env starts none.`)
  if (options.isolate && options.relay)
    throw usage('--relay cannot tell processes in a network of their own: use it, or --isolate.')
  if (options.trustKeychain && platform !== 'darwin')
    throw usage('--trust-keychain is for macOS: elsewhere programs read SSL_CERT_FILE, which the command is given.')
  if (options.mode !== undefined && !MODES.includes(options.mode)) throw usage('--mode is enforce or learn.')
  return {
    command,
    agent: options.agent ?? null,
    purpose: options.purpose ?? purposeOf(command),
    connections: Object.fromEntries((options.connection ?? []).map(connectionOf)),
    labels: options.label ?? [],
    ttlSeconds: options.ttl === undefined ? null : parseSeconds('--ttl', options.ttl),
    waitSeconds: options.wait === undefined ? null : waitOf(options.wait),
    pinsHosts: options.pinHosts === true,
    trustsKeychain: options.trustKeychain === true,
    // A value that is put into a variable is never shown, whatever else was said.
    isMasked: options.mask === true || secrets.length > 0 || options.maskEnv !== undefined,
    maskedVariables: options.maskEnv ?? [],
    secrets,
    signIn: signInOf(options),
    mode: options.mode === 'learn' ? 'learn' : 'enforce',
    noProxy: options.proxy === true ? [] : options.proxy,
    isClean: options.cleanEnv === true,
    isIsolated: options.isolate === true,
    isRelayed: options.relay === true,
    statusFd: options.statusFd === undefined ? null : parseNumber('--status-fd', options.statusFd),
    printsEnv,
  }
}

/** What a container, which is started later and elsewhere, has nothing of. */
const startedHereOf = (options: RunOptions): string | null =>
  (options.isolate && '--isolate') ||
  (options.relay && '--relay') ||
  (options.mask && '--mask') ||
  (options.maskEnv && '--mask-env') ||
  (options.withSecret && '--with-secret') ||
  (options.trustKeychain && '--trust-keychain') ||
  null

const signInOf = ({ email, passwordFromEnv, passwordFromStdin }: RunOptions): SignIn => ({
  ...(email === undefined ? {} : { email }),
  ...(passwordFromEnv === undefined ? {} : { passwordFromEnv }),
  ...(passwordFromStdin === undefined ? {} : { passwordFromStdin }),
})

function waitOf(text: string): number {
  const seconds = parseSeconds('--wait', text)
  if (seconds > LONGEST_WAIT) throw usage(`--wait is 0 to ${LONGEST_WAIT} seconds.`)
  return seconds
}

function secretOf(text: string): Wanted {
  const [, variable, connection, field] = /^([A-Za-z_][A-Za-z0-9_]*)=(.+)\.([^.=]+)$/.exec(text) ?? []
  if (variable === undefined || connection === undefined || field === undefined)
    throw usage(
      '--with-secret is VARIABLE=connection.field, such as STRIPE_KEY=stripe.api_key: where a value is, never the value.',
    )
  return { variable, connection, field }
}

/** The program's name and no word behind it: those may hold what nobody else should read. */
const purposeOf = ([program = '']: readonly string[]): string =>
  (program === '' ? 'variables for a container' : (program.split('/').at(-1) ?? program)).slice(0, LONGEST_PURPOSE)

function connectionOf(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1) throw usage(`--connection is provider=name, not ${JSON.stringify(text)}.`)
  return [text.slice(0, at), text.slice(at + 1)]
}
