// What a process of this product is not started with outside of development (V71): an inspector, snapshots of its memory, core files. And what a proxy is not
// started with anywhere (V79): a source of the root key, or a login that may more than its own.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { url as inspectorUrl } from 'node:inspector'
import { join } from 'node:path'
import { packageRoot } from '../../std/package-root.ts'
import { type Finding, fail, warn } from '../checks/finding.ts'
import { type Config, type Environment, KEYS_OF_THE_HOUSE, SETTINGS } from '../config.ts'
import { BootRefused } from '../refused.ts'

// What opens the memory of the process to who can reach a port, send a signal or read a file.
const OPENS = /^["']?--(?:inspect|heapsnapshot|heap-prof|report-|diagnostic-dir|abort-on-uncaught-exception|debug)/

/** The flags among those of the command line and of NODE_OPTIONS that would; Node takes them with `_` too. */
export const openingFlags = (env: Environment, given: readonly string[] = process.execArgv): string[] =>
  [...given, ...(env.NODE_OPTIONS ?? '').split(/\s+/)].filter((flag) => OPENS.test(flag.replaceAll('_', '-')))

/** Says nothing where all is as it should be. */
export function checkProcess({ environment, roles }: Config, env: Environment, cores = coreLimit()): Finding[] {
  if (environment === 'development' || !['web', 'worker', 'proxy'].some((role) => roles.includes(role as 'web'))) return []
  const flags = [...openingFlags(env), ...(inspectorUrl() === undefined ? [] : ['an inspector'])]
  if (flags.length > 0)
    return [
      fail(
        'process',
        `The process was started with ${flags.join(', ')}: whoever reaches that reads what it decrypts.`,
        'Start it without; take the flags out of NODE_OPTIONS too.',
      ),
    ]
  if (cores === null || cores === '0') return []
  return [
    (roles.includes('proxy') ? fail : warn)(
      'process',
      `A crash would write the memory of this process to a core file (limit ${cores}).`,
      'Start it with core files off: ulimit -c 0, LimitCORE=0 in a unit of systemd, --ulimit core=0 for a container.',
    ),
  ]
}

/** The soft limit of core files as the kernel says it; null where it cannot be read. */
export function coreLimit(file = '/proc/self/limits'): string | null {
  if (!existsSync(file)) return null
  return /^Max core file size\s+(\S+)/m.exec(readFileSync(file, 'utf8'))?.[1] ?? null
}

/** Core files off, where a program of this machine can do it to us, and no inspector by a signal. What could not be done, the check says. */
export function closeProcess({ environment, roles }: Config): void {
  if (environment === 'development' || !['web', 'worker', 'proxy'].some((role) => roles.includes(role as 'web'))) return
  // Whoever may send this signal would otherwise open the inspector of a process that runs.
  process.on('SIGUSR1', () => undefined)
  if ((coreLimit() ?? '0') !== '0') spawnSync('prlimit', ['--core=0:0', '--pid', String(process.pid)], { stdio: 'ignore' })
}

const NAMES = {
  databaseUrl: 'DATABASE_URL',
  proxyNode: 'PROXY_NODE',
  proxyNodeFile: 'PROXY_NODE_FILE',
  gateAddress: 'GATE_ADDRESS',
  gateFingerprint: 'GATE_FINGERPRINT',
}

/** A proxy that was given a key of the house ends before anything else happens. */
export function refuseKeys(config: Config): void {
  const given = KEYS_OF_THE_HOUSE.filter((name) => {
    const value = config[name]
    return Array.isArray(value) ? value.length > 0 : value !== null
  }).map((name) => SETTINGS[name].name)
  // What a server beside it would find without being told.
  const found =
    config.environment === 'development'
      ? []
      : [join(config.home, 'keys', 'root.key'), join(config.home, 'countersign.env')].filter(readable)
  if (given.length + found.length === 0) return
  throw new BootRefused([
    `proxy.keys: A proxy holds no key of the house and no login but its own, and this one could reach ${[...given, ...found].join(', ')}. Take it away; it needs neither.`,
  ])
}

/** What it cannot do without, when no other process handed it over. */
export function refuseWithout(config: Config): void {
  const missing = (Object.keys(NAMES) as (keyof typeof NAMES)[]).filter((name) => config[name] === null)
  if (missing.length === 0) return
  throw new BootRefused([
    `proxy.node: A proxy needs ${missing.map((name) => `COUNTERSIGN_${NAMES[name]}`).join(', ')}; countersign proxy enroll says what they are.`,
  ])
}

function readable(path: string): boolean {
  return may(path, constants.R_OK)
}

function may(path: string, mode: number): boolean {
  try {
    accessSync(path, mode)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
    return false
  }
}

/** A proxy that was taken over should find nothing to write to (V79): a warning, for the operator's file system decides it. */
export function checkPaths({ environment, home }: Config): Finding[] {
  if (environment === 'development') return []
  const open = [packageRoot(import.meta.url), process.cwd(), home].filter((path) => may(path, constants.W_OK))
  if (open.length === 0) return []
  return [
    warn(
      'proxy.paths',
      `The proxy can write to ${[...new Set(open)].join(' and ')}.`,
      'Give it a user of its own and a read-only file system but for its temporary folder (docs/proxy/operate.md).',
    ),
  ]
}
