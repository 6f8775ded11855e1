// Real processes for the tests that need them: the built command, started as a person would, killed as a machine would. Each leaves nothing behind.
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { KEY_SCOPES } from '../../packages/server/src/identity/matrix.ts'
import { newFolder } from './place.ts'

export const root = fileURLToPath(new URL('../..', import.meta.url))
const bin = join(root, 'packages/server/bin/countersign.mjs')
/** The built command without a look at its sources; `buildCommand()` first. */
export const cli = join(root, 'packages/server/dist/cli.js')

let isBuilt: Promise<void> | undefined
/** The built command without a look at its sources: looked at once, so that no start pays for it and none builds between two kills. */
export async function buildCommand(): Promise<string> {
  isBuilt ??= (async () => {
    const { buildIfStale } = (await import(join(root, 'scripts/build.mjs'))) as { buildIfStale(names: string[]): Promise<void> }
    await buildIfStale(['sdk', 'queue', 'server'])
  })()
  await isBuilt
  return cli
}

export type Ready = { ready: true; url: string; setup_url: string | null; agent_key: string; pid: number }

export type Running = {
  child: ChildProcess
  stdout: () => string
  stderr: () => string
  /** Resolves when a line of stdout matches. */
  line(pattern: RegExp): Promise<string>
  /** How it ended. */
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/** A folder that is gone when the test is over. */
export function temporaryFolder(): string {
  const folder = newFolder()
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export function start(
  command: string,
  args: string[],
  options: { cwd?: string; env?: Record<string, string>; input?: string } = {},
): Running {
  const child = spawn(command, args, {
    cwd: options.cwd ?? root,
    env: { ...cleanEnvironment(), ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin?.end(options.input ?? '')
  let out = ''
  let err = ''
  const waiters: { pattern: RegExp; resolve: (line: string) => void }[] = []
  child.stdout?.on('data', (chunk: Buffer) => {
    out += chunk
    for (const waiter of [...waiters]) {
      const found = out.split('\n').find((line) => waiter.pattern.test(line))
      if (found === undefined) continue
      waiters.splice(waiters.indexOf(waiter), 1)
      waiter.resolve(found)
    }
  })
  child.stderr?.on('data', (chunk: Buffer) => {
    err += chunk
  })
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) =>
    child.on('close', (code, signal) => resolve({ code, signal })),
  )
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM')
    await ended
  })
  const line = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const found = out.split('\n').find((text) => pattern.test(text))
      if (found !== undefined) return resolve(found)
      waiters.push({ pattern, resolve })
      void ended.then(({ code, signal }) =>
        reject(new Error(`it ended with ${code ?? signal} before it said ${pattern}\n${out}${err}`)),
      )
    })
  return { child, stdout: () => out, stderr: () => err, line, ended }
}

/** `countersign …` from the build. */
export const countersign = (args: string[], options: Parameters<typeof start>[2] = {}): Running =>
  start(process.execPath, [bin, ...args], options)

/** `countersign dev` on a free port in a home of its own; resolves at its ready line. */
export async function startDev(
  home: string,
  options: { env?: Record<string, string>; args?: string[] } = {},
): Promise<Running & { ready: Ready }> {
  const running = countersign(['dev', '--json', '--port', '0', ...(options.args ?? [])], {
    // The SDK's development file lies in the home folder of the person: each test is a person of its own.
    env: { COUNTERSIGN_HOME: home, HOME: dirname(home), ...options.env },
  })
  const ready = JSON.parse(await running.line(/^\{"ready":true/)) as Ready
  return Object.assign(running, { ready })
}

/** The environment without anything that would steer the command. */
function cleanEnvironment(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        entry[1] !== undefined && !/^(COUNTERSIGN_|DATABASE_URL$|NODE_OPTIONS$|VITEST)/.test(entry[0]),
    ),
  )
}

export type OpenDev = {
  url: string
  home: string
  cli: string
  agentKey: string
  personKey: string
  /** Of a front end that relays what people decide. */
  relayKey: string
  close(): Promise<void>
}

/** A `countersign dev` for a whole file of tests, with its first operator signed up and a personal key of theirs. The caller closes it. */
export async function openDev(settings: Record<string, string> = {}, args: string[] = []): Promise<OpenDev> {
  const home = newFolder()
  const env = { ...cleanEnvironment(), HOME: home, COUNTERSIGN_HOME: join(home, 'state'), ...settings }
  const child = spawn(process.execPath, [bin, 'dev', '--json', '--port', '0', ...args], {
    cwd: home,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ready = await new Promise<Ready>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk
      if (text.includes('\n')) resolve(JSON.parse(text) as Ready)
    })
    child.on('exit', (code) => reject(new Error(`countersign dev ended with ${code}`)))
  })
  return {
    url: ready.url,
    home,
    cli,
    agentKey: ready.agent_key,
    ...(await signUp(ready)),
    async close() {
      const ended = new Promise((resolve) => child.on('exit', resolve))
      child.kill('SIGTERM')
      await ended
      rmSync(home, { recursive: true, force: true })
    },
  }
}

async function signUp({ url, setup_url }: Ready): Promise<Pick<OpenDev, 'personKey' | 'relayKey'>> {
  const post = (path: string, body: object, cookie = '') =>
    fetch(`${url}/api/v1${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin', cookie },
      body: JSON.stringify(body),
    })
  const token = new URL(setup_url as string).hash.replace('#token=', '')
  const password = `${crypto.randomUUID()} of a test`
  const made = await post('/setup/operator', { token, email: 'olga@example.com', password, display_name: 'Olga Operator' })
  const cookie = (made.headers.get('set-cookie') ?? '').split(';')[0]
  const keyOf = async (body: object): Promise<string> => {
    const key = await post('/keys', body, cookie)
    if (key.status !== 201) throw new Error(`no key: ${await key.text()}`)
    return ((await key.json()) as { secret: string }).secret
  }
  return {
    personKey: await keyOf({ kind: 'usr', name: 'terminal', scopes: KEY_SCOPES.filter((scope) => scope.endsWith(':*')) }),
    relayKey: await keyOf({ kind: 'adm', name: 'front desk', scopes: ['tasks:read', 'tasks:decide_for'] }),
  }
}
