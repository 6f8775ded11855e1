// What was typed behind `run`, as what it means: words that fit nothing are refused by the flag's name before a run is opened.
import { usage } from '../output.ts'
import { parseNumber, parseSeconds } from '../words.ts'

export type RunOptions = {
  agent?: string
  purpose?: string
  connection?: string[]
  label?: string[]
  ttl?: string
  mode?: string
  /** What `--no-proxy` names. */
  proxy: true | string[]
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

export function readRequest(command: readonly string[], options: RunOptions): RunRequest {
  const printsEnv = options.printEnv === true
  const apart = options.isolate ? '--isolate' : options.relay ? '--relay' : null
  if (!printsEnv && command.length === 0) throw usage('Say what to run, behind --: countersign run -- <command>')
  if (printsEnv && command.length > 0) throw usage('--print-env starts nothing: leave the command away.')
  if (printsEnv && apart) throw usage(`${apart} is for a command that is started here, and --print-env starts none.`)
  if (options.isolate && options.relay)
    throw usage('--relay cannot tell processes in a network of their own: use it, or --isolate.')
  if (options.mode !== undefined && !MODES.includes(options.mode)) throw usage('--mode is enforce or learn.')
  return {
    command,
    agent: options.agent ?? null,
    purpose: options.purpose ?? purposeOf(command),
    connections: Object.fromEntries((options.connection ?? []).map(connectionOf)),
    labels: options.label ?? [],
    ttlSeconds: options.ttl === undefined ? null : parseSeconds('--ttl', options.ttl),
    mode: options.mode === 'learn' ? 'learn' : 'enforce',
    noProxy: options.proxy === true ? [] : options.proxy,
    isClean: options.cleanEnv === true,
    isIsolated: options.isolate === true,
    isRelayed: options.relay === true,
    statusFd: options.statusFd === undefined ? null : parseNumber('--status-fd', options.statusFd),
    printsEnv,
  }
}

/** The program's name and no word behind it: those may hold what nobody else should read. */
const purposeOf = ([program = '']: readonly string[]): string =>
  (program === '' ? 'variables for a container' : (program.split('/').at(-1) ?? program)).slice(0, LONGEST_PURPOSE)

function connectionOf(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1) throw usage(`--connection is provider=name, not ${JSON.stringify(text)}.`)
  return [text.slice(0, at), text.slice(at + 1)]
}
