// Everything by one command on this machine, the proxy as a process of its own: prints the way in, a key for an agent and a sample that works; leaves nothing running. Beside the product it opens the desk of
// development (/dev), on loopback and never in production.
import { writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { Problem } from '@countersign/sdk'
import { developmentKey, developmentScope, firstPersonKey } from '../../identity/development.ts'
import { issueSetupLink } from '../../identity/setup.ts'
import { boot, type Running } from '../../main/boot.ts'
import { type Config, type Environment, processContext, readConfig } from '../../main/config.ts'
import { type Desk, openDesk } from '../../main/dev/desk.ts'
import { openServerLog } from '../../main/log.ts'
import type { Beside } from '../../main/node/beside.ts'
import { announce, removeOwn } from '../awaithumans.ts'
import type { Output } from '../output.ts'
import { runtimeOf, snippetFor } from '../snippet.ts'
import { besideProxy } from './proxy.ts'
import { asSettings, setupLink } from './serve.ts'
import { endOnSignal } from './signals.ts'

/** The SDK looks here when nothing else says where the server is. */
const DEVELOPMENT_FILE = '.countersign-dev.json'

export type DevFlags = { port?: string; home?: string; awaithumans?: true; bare?: true }

/** `lastPort`: how far to look for a free one when nobody wants one. */
export async function develop({ awaithumans, bare, ...flags }: DevFlags, output: Output, lastPort: number): Promise<void> {
  const started = performance.now()
  const { env, context } = processContext()
  const given: Environment = {
    COUNTERSIGN_ENVIRONMENT: 'development',
    COUNTERSIGN_LOG_LEVEL: 'warn',
    // The proxy beside it calls here.
    COUNTERSIGN_GATE_LISTEN: '127.0.0.1:0',
    ...env,
    ...asSettings(flags),
  }
  const desk = bare ? null : await deskFor(readConfig(given, context), given)
  let running: Running | null = null
  let proxy: Beside | null = null
  try {
    const config = readConfig({ ...given, ...desk?.settings }, context)
    running = await listen(config, given.COUNTERSIGN_PORT === undefined ? lastPort : null, desk)
    const file = join(homedir(), DEVELOPMENT_FILE)
    const leave: (() => void)[] = [() => removeOwn(file)]
    const { close, outdated } = running
    const closeAll = async () => {
      await proxy?.close()
      await close()
    }
    endOnSignal({ outdated, close: closeAll }, async () => {
      for (const last of leave) last()
      await desk?.close()
    })
    const { url } = running.server
    const key = await developmentKey(running.server.identity, join(config.home, 'development.key'))
    await desk?.settle(key)
    proxy = await besideProxy(config, given, running, openServerLog(config, { pretty: process.stderr.isTTY }).log)
    // This process is the only one, so a link of an earlier start may die: nobody could read it again.
    const link = config.setupToken ? await setupLink(running, config) : await issueSetupLink(running.server.identity)
    const personKeyFile = desk && (await keepPersonKey(running, config))
    const ready = {
      ...{ ready: true, url, setup_url: link, agent_key: key, pid: process.pid, proxy_url: proxy?.url ?? null },
      person_key_file: personKeyFile,
    }
    const tried = await tryIn(running)
    writeFileSync(file, `${JSON.stringify(ready)}\n`, { mode: 0o600 })
    if (awaithumans) leave.push(announce(url, key, running.db.clock.now()))
    const { json, stdout } = output
    const told = { ...ready, sandbox: tried?.commands.curl ?? null }
    stdout(json ? `${JSON.stringify(told)}\n` : welcome(told, context.cwd, desk !== null, performance.now() - started))
  } catch (error) {
    await proxy?.close()
    await running?.close()
    await desk?.close()
    throw error
  }
}

/** Null where others than this machine could reach it, or where somebody calls this production. */
async function deskFor({ environment, host, home }: Config, given: Environment): Promise<Desk | null> {
  if (environment !== 'development' || !isLoopback(host)) return null
  return openDesk({
    home,
    allow: given.COUNTERSIGN_EGRESS_ALLOW,
    slack: given.COUNTERSIGN_SLACK_URL === undefined,
  })
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host)

/** The wanted port, or the first free one up to the last when nobody wants one. */
async function listen(config: Config, lastPort: number | null, desk: Desk | null): Promise<Running> {
  const { log, told } = openServerLog(config, { pretty: process.stderr.isTTY })
  for (let port = config.port; ; port++) {
    try {
      return await boot({ ...config, port }, log, told, desk)
    } catch (error) {
      const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      if (!taken || lastPort === null || port >= lastPort) throw error
    }
  }
}

/** Only where the desk is, whose secrets in the same folder already let their reader answer as anybody. */
async function keepPersonKey({ server }: Running, { home }: Config): Promise<string> {
  const file = join(home, 'person.key')
  await firstPersonKey(server.identity, file)
  return file
}

/** Null where this start has no sandbox: a database that takes no writes, or policies that refuse it. */
async function tryIn({ server }: Running) {
  try {
    return await server.tryAgent(await developmentScope(server.identity))
  } catch (error) {
    if (error instanceof Problem) return null
    throw error
  }
}

type Ready = {
  url: string
  setup_url: string | null
  agent_key: string
  proxy_url: string | null
  sandbox: string | null
}

function welcome(ready: Ready, folder: string, hasDesk: boolean, ms: number): string {
  const { url, setup_url, agent_key, proxy_url, sandbox } = ready
  const { file, run, text } = snippetFor(runtimeOf(folder))
  const sample = text.replace('<url>', url).trimEnd().split('\n')
  return `
  Countersign is ready (${(ms / 1000).toFixed(1)} s).

  Dashboard   ${url}
${setup_url ? `  Set up      ${setup_url}\n` : ''}  Agent key   ${agent_key}
${proxy_url ? `  Proxy       ${proxy_url}  agents' calls leave here, with credentials that they never see\n` : ''}${hasDesk ? `  Desk        ${url}/dev  its mail, a pretend Slack, webhooks, and a clock to move\n` : ''}
  An agent asks you: save this as ${file}, run  ${run} , and answer it in the dashboard.

${sample.map((line) => (line === '' ? '' : `    ${line}`)).join('\n')}

  It finds this server by itself. From elsewhere: COUNTERSIGN_URL=${url} COUNTERSIGN_KEY=<agent key>
${sandbox ? `\n${sandboxLines(sandbox, hasDesk)}` : ''}
  Ctrl-C stops everything.

`
}

function sandboxLines(curl: string, hasPerson: boolean): string {
  const whole = `  Two agents work together: all of it in a minute, with a message that you approve.

    npx countersign relay try

`
  return `${hasPerson ? whole : ''}  One message to the agent that comes with the server, and its answer:

    ${curl}
`
}
