// A built server of its own for a benchmark: limits lifted as the host may, one agent and one person with keys, and a client that reuses its connections.
import { type ChildProcess, spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { fileURLToPath } from 'node:url'

export type Answer = { status: number; body: Record<string, unknown> }
export type Caller = (method: string, path: string, body?: unknown) => Promise<Answer>

const BIN = fileURLToPath(new URL('../packages/server/bin/countersign.mjs', import.meta.url))
const LIMITS = ['api.key', 'api.user', 'api.tenant', 'anonymous'].map((bucket) => `${bucket}=10000000/1m+1000000`).join(',')

export type Bench = {
  url: string
  pid: number
  agent: Caller
  person: Caller
  agentKey: string
  memoryMb(): number
  stop(): Promise<void>
}

export async function startBench(settings: Record<string, string> = {}): Promise<Bench> {
  const home = mkdtempSync('/tmp/countersign-bench-')
  chmodSync(home, 0o711)
  const child = spawn(process.execPath, [BIN, 'dev', '--bare', '--json', '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, HOME: home, COUNTERSIGN_HOME: `${home}/state`, COUNTERSIGN_LIMITS: LIMITS, ...settings },
  })
  const ready = await readyLine(child)
  const person = await signUp(ready.url, ready.setup_url)
  return {
    url: ready.url,
    pid: ready.pid,
    agentKey: ready.agent_key,
    agent: caller(ready.url, ready.agent_key),
    person,
    memoryMb: () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${ready.pid}/status`, 'utf8'))?.[1]) / 1024,
    async stop() {
      const ended = new Promise((resolve) => child.on('exit', resolve))
      child.kill('SIGTERM')
      await ended
      rmSync(home, { recursive: true, force: true })
    },
  }
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

/** The first operator, by the set-up link, and a personal key of theirs. */
async function signUp(url: string, setupUrl: string): Promise<Caller> {
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
  return caller(url, key.secret)
}

export function caller(url: string, key: string): Caller {
  const { hostname, port } = new URL(url)
  const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
  return (method, path, body) =>
    new Promise((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const headers = {
        authorization: `Bearer ${key}`,
        ...(text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
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
