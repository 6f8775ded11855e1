// What the doctor sees from where commands are typed (vault.md §7.2): the server and its clock, the key and where it is from, files that hold one, and what in this environment
// would lead a child's calls around the proxy; the vault and the proxy are looked at in vault-checks.ts. Prints no key, and says of a variable that it is set, never what is in it.
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { type Countersign, Problem } from '@countersign/sdk'
import type { Environment } from '../main/config.ts'
import { type ClientFinding, fail, ok, warn } from './client-finding.ts'
import { keyFileOf } from './key-file.ts'
import { readOsKeyring } from './os-keyring.ts'
import { plain } from './output.ts'
import { isPrivateLine } from './private-line.ts'
import { profilesFile } from './profiles.ts'
import { readSession, sessionsFile } from './session.ts'
import { checkVault } from './vault-checks.ts'
import { FROM, keySource } from './whoami.ts'

type Around = { env: Environment; isNamed: boolean; profile: string | undefined; client: () => Countersign }

const CLOCK_MS = 30_000

export async function checkClient({ env, isNamed, profile, client }: Around): Promise<ClientFinding[]> {
  return [
    ...(isNamed
      ? await checkServer(client(), profile)
      : [ok('client.server', 'No server is named; commands would use the one of `countersign dev`.')]),
    ...checkFiles(env),
    checkProxyVariables(env),
    checkNodeOptions(env),
    checkRecipes(env),
    checkNamespaces(),
    await checkKeyring(),
  ]
}

async function checkServer(client: Countersign, profile: string | undefined): Promise<ClientFinding[]> {
  const { url } = client.settings
  const sent = Date.now()
  try {
    const me = await client.call('GET /principal')
    const line = isPrivateLine(url)
      ? ok('client.server', `${url} answers.`)
      : warn(
          'client.server',
          `${url} answers, in the clear.`,
          'Use https: a key that is sent in the clear is not your own any more.',
        )
    return [
      line,
      ok('client.key', `You are ${plain(me.name)} (${me.id}) in ${plain(me.tenant_name)}.`),
      checkClock(Date.parse(me.now), sent, Date.now()),
      ...(await checkSession(client, profile)),
      ...(await checkVault(client)),
    ]
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    if (error.code === 'server_unreachable' || error.code === 'answer_unreadable')
      return [
        fail('client.server', `${url} does not answer as a server.`, 'Check --server or COUNTERSIGN_URL, and whether it runs.'),
      ]
    if (error.status !== 401) throw error
    const mend = 'Sign in: countersign login. Or set COUNTERSIGN_KEY, or use a profile.'
    return [ok('client.server', `${url} answers.`), fail('client.key', `${error.title}.`, mend)]
  }
}

/** The server's clock lies between sending and answer: only what is outside of both is a difference. */
export function checkClock(server: number, sent: number, answered: number): ClientFinding {
  const off = server < sent ? sent - server : server > answered ? server - answered : 0
  if (off <= CLOCK_MS) return ok('client.clock', 'The clock of this machine and the server’s agree.')
  const what = `The clock of this machine is ${Math.round(off / 1000)} s from the server’s.`
  return fail('client.clock', what, 'Set the clock: signatures and proofs made here would be refused.')
}

const SOON_MS = 24 * 3_600_000

/** From where the key is, and for how long it is good, where somebody signed in. */
async function checkSession({ settings }: Countersign, profile: string | undefined): Promise<ClientFinding[]> {
  const source = await keySource(settings, profile)
  if (source === null) return [ok('client.session', 'An agent calls with its key pair.')]
  if (source !== 'keyring' && source !== 'file')
    return [ok('client.session', `Commands use the key ${FROM[source]}; nobody is signed in to this server here.`)]
  const { session } = await readSession(settings.url)
  const ends = session?.expires_at ?? ''
  const what = `You are signed in until ${ends}.`
  return [
    Date.parse(ends) - Date.now() < SOON_MS
      ? warn('client.session', what, 'Sign in again before that: countersign login')
      : ok('client.session', what),
  ]
}

/** Asked for by a name that nobody uses: what is there is not looked at. */
async function checkKeyring(): Promise<ClientFinding> {
  const { fault } = await readOsKeyring('doctor')
  return fault === null
    ? ok('client.keyring', 'The keyring of this system answers.')
    : ok(
        'client.keyring',
        `The keyring of this system is not used (${plain(fault)}); sign-ins are kept in a file that you alone can read.`,
      )
}

/** Files that hold a key are their owner's alone, as the root key's is (V65). */
function checkFiles(env: Environment): ClientFinding[] {
  const profiles = profilesFile(env)
  const sessions = sessionsFile(env)
  const keys = dirname(keyFileOf(env, 'x'))
  const pairs = existsSync(keys) ? readdirSync(keys).map((name) => join(keys, name)) : []
  const places = [profiles, dirname(profiles), sessions, dirname(sessions), keys, ...pairs]
  const faults = [...places, join(homedir(), '.countersign-dev.json')].flatMap((file) => {
    const found = statSync(file, { throwIfNoEntry: false })
    return found && (found.mode & 0o077) !== 0 ? [file] : []
  })
  if (faults.length === 0) return [ok('client.files', 'What this machine keeps for commands is closed to other accounts.')]
  return faults.map((file) => fail('client.files', `${file} is open to other accounts.`, `chmod go-rwx ${file}`))
}

const PROXIES = /^(?:https?|all|ftp|ws|wss|grpc)_proxy$/i

function checkProxyVariables(env: Environment): ClientFinding {
  const set = Object.keys(env).filter((name) => PROXIES.test(name) && env[name])
  if (set.length === 0) return ok('client.proxies', 'No variable sends calls to another proxy.')
  return warn(
    'client.proxies',
    `${set.join(', ')} ${set.length === 1 ? 'is' : 'are'} set.`,
    '`countersign run` replaces them for its child; what runs without it goes there.',
  )
}

/** Names of the flags alone: what stands behind them is nobody's business. */
function checkNodeOptions(env: Environment): ClientFinding {
  const flags = (env.NODE_OPTIONS ?? '')
    .split(/\s+/)
    .flatMap((word) => (word.startsWith('-') ? [word.split('=')[0] as string] : []))
  if (flags.length === 0) return ok('client.node', 'NODE_OPTIONS is not set.')
  return warn(
    'client.node',
    `NODE_OPTIONS is set: ${plain(flags.join(' '))}.`,
    '`countersign run` adds to it; a preload that changes how calls are made may lead them around the proxy.',
  )
}

const PROGRAMS = ['node', 'deno', 'bun', 'java', 'python3', 'git', 'curl', 'go']

function checkRecipes({ PATH = '' }: Environment): ClientFinding {
  const folders = PATH.split(delimiter).filter((one) => one !== '')
  const found = PROGRAMS.filter((program) => folders.some((folder) => isRunnable(join(folder, program))))
  return ok(
    'client.recipes',
    found.length === 0
      ? 'None of the programs that `run` knows is on PATH.'
      : `\`run\` knows these on PATH: ${found.join(', ')}.`,
  )
}

function isRunnable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === undefined) throw error
    return false
  }
}

const SWITCHES = ['/proc/sys/kernel/unprivileged_userns_clone', '/proc/sys/user/max_user_namespaces']

/** What a child can be shut off with. Elsewhere than on Linux there are none, and nothing is wrong with that. */
function checkNamespaces(): ClientFinding {
  if (process.platform !== 'linux') return ok('client.namespaces', 'This system has no user namespaces.')
  const off = SWITCHES.some((file) => statSync(file, { throwIfNoEntry: false }) && readFileSync(file, 'utf8').trim() === '0')
  return off
    ? warn(
        'client.namespaces',
        'User namespaces are switched off.',
        'Without them a child is led to the proxy, and not held to it.',
      )
    : ok('client.namespaces', 'User namespaces are there.')
}
