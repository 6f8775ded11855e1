// A built server of its own for a benchmark, or several over one database: limits lifted as the host may, one agent and one person with keys, and a client that
// reuses its connections and takes the processes in turn.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { SUPERUSER } from '../packages/server/src/db/embedded/cluster.ts'
import { loadPasswords } from '../packages/server/src/db/embedded/passwords.ts'
import { joinEmbedded } from '../packages/server/src/db/embedded/postgres.ts'
import { openPgBouncer } from '../test/chaos/pgbouncer.ts'

export type Answer = { status: number; body: Record<string, unknown> }
export type Caller = (method: string, path: string, body?: unknown, more?: Record<string, string>) => Promise<Answer>

/** Connections of PgBouncer to the database, for all processes together. */
const POOLED = 20
const BIN = fileURLToPath(new URL('../packages/server/bin/countersign.mjs', import.meta.url))
const LIMITS = [
  ...['api.key', 'api.user', 'api.tenant', 'anonymous'].map((bucket) => `${bucket}=10000000/1m+1000000`),
  ...['request', 'request.day', 'start', 'send', 'token', 'serve'].map((bucket) => `relay.${bucket}=0`),
  'stream=100000',
].join(',')

export type Bench = {
  /** Of the first process. */
  url: string
  pid: number
  agent: Caller
  person: Caller
  agentKey: string
  /** Of the process that has most. */
  memoryMb(): number
  /** Of all processes together, without the database. */
  cpuMs(): number
  /** Of the database, as its superuser: to put there in seconds what would take hours to ask. */
  adminUrl(): string
  stop(): Promise<void>
}

/** `servers`: how many processes; the first keeps the database. `pgbouncer`: where that program is; then `servers` more, which reach the database through it in
 *  transaction mode but for their LISTEN, answer all calls. */
export async function startBench(
  settings: Record<string, string> = {},
  servers = 1,
  pgbouncer: string | null = null,
): Promise<Bench> {
  const home = mkdtempSync('/tmp/countersign-bench-')
  chmodSync(home, 0o711)
  const state = `${home}/state`
  const env = { ...process.env, HOME: home, COUNTERSIGN_HOME: state, COUNTERSIGN_LIMITS: LIMITS, ...settings }
  const first = start(['dev', '--bare'], env)
  const ready = await readyLine(first)
  const pooler = pgbouncer === null ? null : await openPgBouncer(pgbouncer, joinedAt(state).runtimeUrl, POOLED)
  const count = pooler ? servers : servers - 1
  const others = await Promise.all(Array.from({ length: count }, () => beside(state, env, pooler?.url ?? null)))
  const pids = [ready.pid, ...others.map(({ pid }) => pid)]
  const urls = pooler ? others.map(({ url }) => url) : [ready.url, ...others.map(({ url }) => url)]
  const personKey = await signUp(ready.url, ready.setup_url)
  return {
    url: ready.url,
    pid: ready.pid,
    agentKey: ready.agent_key,
    agent: inTurn(urls.map((url) => caller(url, ready.agent_key))),
    person: inTurn(urls.map((url) => caller(url, personKey))),
    memoryMb: () => Math.max(...pids.map(residentMb)),
    cpuMs: () => pids.reduce((sum, pid) => sum + usedMs(pid), 0),
    adminUrl: () => {
      const { superuser } = loadPasswords(state, { isNew: false })
      return Object.assign(new URL(joinedAt(state).runtimeUrl), { username: SUPERUSER, password: superuser }).href
    },
    async stop() {
      for (const { child } of others) await end(child)
      await pooler?.close()
      await end(first)
      rmSync(home, { recursive: true, force: true })
    },
  }
}

const start = (args: string[], env: NodeJS.ProcessEnv): ChildProcess =>
  spawn(process.execPath, [BIN, ...args, '--json', '--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'], env })

function joinedAt(state: string) {
  const joined = joinEmbedded(state)
  if (joined === null) throw new Error('The first process keeps no database.')
  return joined
}

async function beside(state: string, env: NodeJS.ProcessEnv, pooled: string | null): Promise<Ready & { child: ChildProcess }> {
  const joined = joinedAt(state)
  const child = start(['serve'], {
    ...env,
    COUNTERSIGN_ENVIRONMENT: 'development',
    COUNTERSIGN_LOG_LEVEL: 'warn',
    COUNTERSIGN_DATABASE_URL: pooled ?? joined.runtimeUrl,
    ...(pooled === null ? {} : { COUNTERSIGN_LISTEN_URL: joined.runtimeUrl }),
    COUNTERSIGN_MIGRATOR_URL: joined.migratorUrl,
  })
  return { ...(await readyLine(child)), child }
}

async function end(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.on('exit', resolve))
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await ended
}

const residentMb = (pid: number): number => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

/** In its own code and in the kernel's, in ticks of 10 ms. */
function usedMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function inTurn(callers: readonly Caller[]): Caller {
  let turn = 0
  return (...sent) => (callers[turn++ % callers.length] as Caller)(...sent)
}

type Ready = { url: string; setup_url: string; agent_key: string; pid: number }

const readyLine = (child: ChildProcess): Promise<Ready> =>
  new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk
      if (text.includes('\n')) resolve(JSON.parse(text.slice(0, text.indexOf('\n'))) as Ready)
    })
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}`)))
  })

/** The first operator, by the set-up link, and the secret of a personal key of theirs. */
async function signUp(url: string, setupUrl: string): Promise<string> {
  const token = new URL(setupUrl).hash.replace('#token=', '')
  const headers = { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' }
  const post = (path: string, body: object, cookie = '') =>
    fetch(`${url}/api/v1${path}`, { method: 'POST', headers: { ...headers, cookie }, body: JSON.stringify(body) })
  const password = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(36)).join('-')
  const made = await post('/setup/operator', { token, email: 'bench@example.com', password, display_name: 'Bench' })
  const cookie = (made.headers.get('set-cookie') ?? '').split(';')[0] ?? ''
  const key = (await (await post('/keys', { kind: 'usr', name: 'bench', scopes: ['tasks:*'] }, cookie)).json()) as {
    secret: string
  }
  return key.secret
}

export function caller(url: string, key: string): Caller {
  const { hostname, port } = new URL(url)
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  return (method, path, body, more) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const headers = {
        authorization: `Bearer ${key}`,
        ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        ...more,
      }
      const sent = request({ hostname, port, method, path: `/api/v1${path}`, agent, headers }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const answer = Buffer.concat(chunks).toString()
          resolve({
            status: response.statusCode ?? 0,
            body: answer === '' ? {} : (JSON.parse(answer) as Record<string, unknown>),
          })
        })
      })
      sent.on('error', reject)
      sent.end(text)
    })
}
