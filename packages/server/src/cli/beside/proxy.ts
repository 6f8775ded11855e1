// The proxy as a process: in the foreground until a signal ends it, or beside a server that hands it everything over a pipe and ends it with itself.
import { createInterface } from 'node:readline'
import type { Running } from '../../main/boot.ts'
import type { Config, Environment } from '../../main/config.ts'
import { type Beside, startBeside } from '../../main/node/beside.ts'
import type { Handed } from '../../main/node/process.ts'
import { BootRefused } from '../../main/refused.ts'
import type { Log } from '../../std/log.ts'
import { type Output, print } from '../output.ts'
import { endOnSignal } from './signals.ts'

export async function serveProxy(config: Config, log: Log, output: Output, isHanded: boolean): Promise<void> {
  const pipe = isHanded ? openPipe() : null
  const { bootProxy } = await import('../../main/node/process.ts')
  const start = async () => bootProxy(config, log, pipe ? await pipe.handed : null)
  const proxy = await start().catch((error: unknown) => {
    // An open pipe would keep a process that did not start.
    if (pipe) process.stdin.destroy()
    throw error
  })
  const end = endOnSignal(proxy)
  // Whoever started it is gone, whatever became of them: nobody would end it any more.
  void pipe?.ended.then(end)
  const ready = { ready: true, url: proxy.url, pid: process.pid }
  if (output.json) output.stdout(`${JSON.stringify(ready)}\n`)
  else print(output, ready, ({ url }) => `The proxy listens on ${url}`)
}

/** One line of JSON, and then nothing until its other end is gone. */
function openPipe(): { handed: Promise<Handed>; ended: Promise<void> } {
  const lines = createInterface({ input: process.stdin })
  const ended = new Promise<void>((resolve) => lines.once('close', resolve))
  const handed = new Promise<Handed>((resolve, reject) => {
    lines.once('line', (text) => resolve(JSON.parse(text) as Handed))
    void ended.then(() => reject(new BootRefused(['proxy.node: Nothing came over the pipe that --handed reads.'])))
  })
  return { handed, ended }
}

/** Null where nothing says with which login a proxy could connect. */
export async function besideProxy(config: Config, given: Environment, running: Running, log: Log): Promise<Beside | null> {
  const databaseUrl = config.proxyDatabaseUrl?.reveal() ?? running.embedded?.proxyUrl
  const { gate } = running.server
  if (databaseUrl === undefined || gate === null) {
    log.warn(
      {},
      'no proxy: COUNTERSIGN_PROXY_DATABASE_URL says how one connects to a PostgreSQL of your own, COUNTERSIGN_GATE_LISTEN where it calls',
    )
    return null
  }
  try {
    const beside = await startBeside({ config, given, db: running.db, databaseUrl, gate, log })
    running.server.tellProxy(config.proxyUrl?.origin ?? beside.url)
    return beside
  } catch (error) {
    // Everything else works without: why it did not start, it has said itself.
    log.error({ err: error }, 'no proxy: agents’ calls are let out by nobody until the next start')
    return null
  }
}
