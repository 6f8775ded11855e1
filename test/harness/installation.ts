// A whole installation for tests that kill parts of it: a database of its own that writes through to its files, server processes on ports that stay theirs,
// an owner and agents. What it starts is gone after the test, whatever was killed.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { expect, onTestFinished } from 'vitest'
import { dataFolder, SUPERUSER } from '../../packages/server/src/db/embedded/cluster.ts'
import { loadPasswords } from '../../packages/server/src/db/embedded/passwords.ts'
import { type Embedded, startEmbedded } from '../../packages/server/src/db/embedded/postgres.ts'
import { type Client, clientOf } from './client.ts'
import { type Database, database } from './database.ts'
import { type Outage, openSwitchable } from './outage.ts'
import { buildCommand, cli, type Running, start, temporaryFolder } from './process.ts'

const PASSWORD = 'marble-otter-sings-7-hymns'
const EMAIL = 'olga@example.com'
/** Nobody is slowed down here but by what breaks. Few streams, so that half of the agents wait by polls. */
const LIMITS = [
  'api.key=1000000/1m+100000',
  'api.user=1000000/1m+100000',
  'api.tenant=1000000/1m+100000',
  'anonymous=100000/1m+10000',
  'stream=5',
  ...['request', 'request.day', 'start', 'send', 'token', 'serve'].map((name) => `relay.${name}=0`),
].join(',')

type Ready = { url: string; setup_url: string | null; pid: number }
export type Process = {
  readonly url: string
  readonly running: Running
  kill(): Promise<void>
  restart(): Promise<void>
  /** What it said when it ended although nobody had killed it. */
  readonly died: string | null
}

export type Installation = {
  home: string
  database: Embedded
  servers: Process[]
  /** The first operator, signed in anew at one of the servers. */
  owner(server: Process): Promise<Client>
  /** The secret of a new agent's key. */
  agentKey(name: string): Promise<string>
  /** As the superuser. */
  look<T>(statement: string, values?: unknown[]): Promise<T[]>
}

type InstallationOptions = {
  servers: number
  env?: Record<string, string>
  /** Of the server of this number alone, from 0. */
  envOf?: (server: number) => Record<string, string>
  /** A pooler before the database: answers its URL. What listens goes around it. */
  through?: (url: string) => Promise<string>
}

export async function openInstallation(options: InstallationOptions): Promise<Installation> {
  await buildCommand()
  const home = join(temporaryFolder(), 'home')
  const database = await startEmbedded({ home })
  onTestFinished(() => database.stop())
  return openOver(home, database, options)
}

/** The same over a database that can be switched off. */
export async function openWithOutage(options: InstallationOptions): Promise<Installation & { outage: Outage }> {
  await buildCommand()
  const home = join(temporaryFolder(), 'home')
  const { database, outage } = await openSwitchable(home)
  return { ...(await openOver(home, database, options)), outage }
}

/** Server processes over a database of the run's own PostgreSQL, which nobody kills: there at once, and gone with the test. */
export async function openServers(options: InstallationOptions): Promise<Omit<Installation, 'database'> & { data: Database }> {
  await buildCommand()
  const data = await database({ listen: false })
  return { data, ...(await serveOver(join(temporaryFolder(), 'home'), data, options, () => data.adminUrl)) }
}

async function openOver(home: string, database: Embedded, options: InstallationOptions): Promise<Installation> {
  const adminUrl = () => Object.assign(new URL(database.adminUrl), { pathname: '/countersign' }).href
  return { database, ...(await serveOver(home, database, options, adminUrl)) }
}

async function serveOver(
  home: string,
  database: { runtimeUrl: string; migratorUrl: string },
  options: InstallationOptions,
  adminUrl: () => string,
): Promise<Omit<Installation, 'database'>> {
  const direct = database.runtimeUrl
  const env = {
    COUNTERSIGN_HOME: home,
    ...(options.through
      ? { COUNTERSIGN_DATABASE_URL: await options.through(direct), COUNTERSIGN_LISTEN_URL: direct }
      : { COUNTERSIGN_DATABASE_URL: direct }),
    COUNTERSIGN_MIGRATOR_URL: database.migratorUrl,
    ...options.env,
  }
  const begin = (n: number) => startServer({ ...env, ...options.envOf?.(n) })
  const first = await begin(0)
  const rest = await Promise.all(Array.from({ length: options.servers - 1 }, (_, i) => begin(i + 1)))
  const servers = [first, ...rest]
  return furnish({ home, servers, setupUrl: first.setupUrl, adminUrl })
}

/** `countersign dev`: one process that keeps its own database. */
export async function openDevelopment(
  options: { env?: Record<string, string>; password?: string } = {},
): Promise<Omit<Installation, 'database'>> {
  await buildCommand()
  const folder = temporaryFolder()
  const home = join(folder, 'home')
  const dev = await startServer({ COUNTERSIGN_HOME: home, HOME: folder, ...options.env }, 'dev')
  // The superuser's way in: the password is in the home, the port in PostgreSQL's own file and another one after each start.
  const adminUrl = () => {
    const { superuser: password } = loadPasswords(home, { isNew: false })
    return `postgres://${SUPERUSER}:${password}@127.0.0.1:${postmasterLines(home)[3]}/countersign`
  }
  return furnish({ home, servers: [dev], setupUrl: dev.setupUrl, adminUrl, password: options.password })
}

type Bare = { home: string; servers: Process[]; setupUrl: string | null; adminUrl(): string; password?: string }

async function furnish({
  home,
  servers,
  setupUrl,
  adminUrl,
  password = PASSWORD,
}: Bare): Promise<Omit<Installation, 'database'>> {
  const [first] = servers as [Process]
  const operator = await setUp(first.url, setupUrl as string, password)
  return {
    home,
    servers,
    owner: (server) => signIn(server.url, password),
    agentKey: (name) => makeAgent(operator, name),
    look: (statement, values) => look(adminUrl(), statement, values),
  }
}

const run = (args: string[], env: Record<string, string>): Running =>
  start(process.execPath, [cli, ...args], {
    env: { COUNTERSIGN_ENVIRONMENT: 'development', COUNTERSIGN_LOG_LEVEL: 'warn', COUNTERSIGN_LIMITS: LIMITS, ...env },
  })

async function startServer(
  env: Record<string, string>,
  command: 'serve' | 'dev' = 'serve',
): Promise<Process & { setupUrl: string | null }> {
  const serve = async (port: string) => {
    const running = run([command, '--json', '--port', port], env)
    const ready = JSON.parse(await running.line(/^\{"ready":true/)) as Ready
    return { running, ready }
  }
  let { running, ready } = await serve('0')
  const { url, setup_url: setupUrl } = ready
  let isKilled = false
  return {
    url,
    setupUrl,
    get running() {
      return running
    },
    get died() {
      const { exitCode, signalCode } = running.child
      return isKilled || (exitCode ?? signalCode) === null
        ? null
        : `${url} ended with ${exitCode ?? signalCode}\n${running.stderr()}`
    },
    async kill() {
      isKilled = true
      running.child.kill('SIGKILL')
      await running.ended
    },
    async restart() {
      ;({ running } = await serve(new URL(url).port))
      isKilled = false
    },
  }
}

async function setUp(url: string, setupUrl: string, password: string): Promise<Client> {
  const token = new URL(setupUrl).hash.replace('#token=', '')
  const operator = clientOf(url)
  const made = await operator.post('/api/v1/setup/operator', { token, email: EMAIL, password, display_name: 'Olga' })
  expect(made.status).toBe(201)
  return operator
}

async function signIn(url: string, password: string): Promise<Client> {
  const person = clientOf(url)
  expect((await person.post('/api/v1/auth/login', { login: EMAIL, password })).status).toBe(204)
  return person
}

async function makeAgent(operator: Client, name: string): Promise<string> {
  const agent = await operator.post('/api/v1/agents', { name })
  const key = await operator.post('/api/v1/keys', { kind: 'agt', agent_id: agent.body.id })
  expect([agent.status, key.status]).toEqual([201, 201])
  return key.body.secret
}

async function look<T>(adminUrl: string, statement: string, values?: unknown[]): Promise<T[]> {
  const client = new pg.Client({ connectionString: adminUrl, options: '-c search_path=countersign,public' })
  await client.connect()
  try {
    return (await client.query(statement, values)).rows as T[]
  } finally {
    await client.end()
  }
}

/** Looks again and again; fails when nothing comes of it, and at once when a process is gone that should be there. */
export async function until(fact: () => boolean, servers: readonly Process[] = []): Promise<void> {
  for (const begun = performance.now(); !fact(); await new Promise((resolve) => void setTimeout(resolve, 5))) {
    for (const { died } of servers) if (died !== null) throw new Error(died)
    if (performance.now() - begun > PATIENCE_MS) throw new Error(`Not so after ${PATIENCE_MS} ms: ${fact}`)
  }
}
const PATIENCE_MS = 60_000

/** PostgreSQL's own file: pid, folder, start, port … */
function postmasterLines(home: string): string[] {
  const file = join(dataFolder(home), 'postmaster.pid')
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
}

/** As PostgreSQL itself says it. */
export function postmasterOf(home: string): number {
  const pid = Number(postmasterLines(home)[0])
  if (!(pid > 1)) throw new Error(`No PostgreSQL runs on ${home}.`)
  return pid
}
