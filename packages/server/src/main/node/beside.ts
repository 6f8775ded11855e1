// The proxy that a process of development starts beside itself: a process of its own, whose key is made here and handed over its standard input, never by arguments
// or environment. It ends when that pipe does, whoever was killed.
import { type ChildProcess, spawn } from 'node:child_process'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { systemScope } from '../../db/scope.ts'
import { type Db, tx } from '../../db/tx.ts'
import { homeTenant } from '../../identity/sql.ts'
import { enrolBeside } from '../../proxy/enrol/node.ts'
import type { Log } from '../../std/log.ts'
import { packageRoot } from '../../std/package-root.ts'
import { type Config, type Environment, environmentOfProxy } from '../config.ts'
import type { Gate } from '../gate.ts'
import { newIdentity } from './identity.ts'
import type { Handed } from './process.ts'

export type Beside = { url: string; close(): Promise<void> }

export type BesideOptions = {
  config: Config
  /** The settings that this process was started with; the proxy gets those that are its own. */
  given: Environment
  db: Db
  /** As the login of the proxy. */
  databaseUrl: string
  gate: Gate
  log: Log
}

/** Longer is a machine that does not get on. */
const READY_MS = 60_000
const END_MS = 8_000

export async function startBeside(options: BesideOptions): Promise<Beside> {
  const { config, log } = options
  const handed = await enrolled(options)
  const child = start(environmentOfProxy(options.given))
  let isClosing = false
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => resolve(`it ended with ${signal ?? code}`))
  })
  child.stdin?.on('error', (error) => log.debug({ err: error }, 'the pipe to the proxy broke'))
  child.stdin?.write(`${JSON.stringify(handed)}\n`)
  const late = setTimeout(() => child.kill('SIGKILL'), READY_MS)
  const url = await Promise.race([
    ready(child),
    ended.then((how) => Promise.reject(new Error(`The proxy did not start: ${how}.`))),
  ]).finally(() => clearTimeout(late))
  void ended.then((how) => {
    if (!isClosing) log.error({}, `the proxy is gone: ${how}; what it let out is let out no more until the next start`)
  })
  log.info({ url, environment: config.environment }, 'the proxy is there')
  return {
    url,
    async close() {
      isClosing = true
      child.stdin?.end()
      const late = setTimeout(() => child.kill('SIGKILL'), END_MS)
      await ended
      clearTimeout(late)
    },
  }
}

async function enrolled({ config, given, db, databaseUrl, gate }: BesideOptions): Promise<Handed> {
  const identity = await newIdentity('Countersign proxy')
  const { id } = await tx(db, systemScope('beside'), homeTenant, { readOnly: true })
  if (id === null) throw new Error('The installation has no tenant yet.')
  const name = `beside ${hostname()}:${config.port}`
  const { key, certificate, fingerprint } = identity
  return {
    databaseUrl,
    node: await enrolBeside({ db }, systemScope('beside', id), name.slice(0, 100), fingerprint),
    identity: { key, certificate },
    gate: { address: gate.address, fingerprint: gate.fingerprint },
    egressProxy: config.egressProxy?.reveal() ?? null,
    anyPort: given.COUNTERSIGN_PROXY_LISTEN === undefined,
  }
}

/** Without core files, where there is a shell to say so (V71). */
function start(env: Record<string, string>): ChildProcess {
  const cli = join(packageRoot(import.meta.url), 'dist', 'cli.js')
  const args = [process.execPath, cli, 'serve', '--roles', 'proxy', '--json', '--handed']
  return spawn('/bin/sh', ['-c', 'ulimit -c 0; exec "$@"', 'sh', ...args], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
    // A terminal's Ctrl-C reaches this process alone: it ends the proxy when its own work is done.
    detached: true,
  })
}

function ready(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const line = text.split('\n').find((one) => one.startsWith('{"ready":true'))
      if (line) resolve((JSON.parse(line) as { url: string }).url)
    })
  })
}
