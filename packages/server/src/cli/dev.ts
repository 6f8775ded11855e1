// countersign dev: everything in one process on this machine, ready to be asked. Prints the way in, a key for an agent and a sample that works; leaves nothing running.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { developmentKey } from '../identity/development.ts'
import { issueSetupLink } from '../identity/setup.ts'
import { boot, type Running } from '../main/boot.ts'
import { type Config, type Environment, processContext, readConfig } from '../main/config.ts'
import { openServerLog } from '../main/log.ts'
import type { Output } from './output.ts'
import { asSettings, endOnSignal, setupLink } from './serve.ts'

/** The SDK looks here when nothing else says where the server is. */
const DEVELOPMENT_FILE = '.countersign-dev.json'
const FIRST_PORT = 3001
const LAST_PORT = 3010

export function devCommand(program: Command, output: () => Output): void {
  program
    .command('dev')
    .description('a server of your own: embedded PostgreSQL, dashboard, and a key for an agent')
    .option(
      '--port <port>',
      `the port to listen on, 0 for any free one; default ${FIRST_PORT} or the next free one up to ${LAST_PORT}`,
    )
    .option('--home <folder>', 'where its database and keys are kept; default .countersign in this folder')
    .action(async (options: { port?: string; home?: string }) => {
      const started = performance.now()
      const { env, context } = processContext()
      const given: Environment = {
        COUNTERSIGN_ENVIRONMENT: 'development',
        COUNTERSIGN_LOG_LEVEL: 'warn',
        ...env,
        ...asSettings(options),
      }
      const config = readConfig(given, context)
      const running = await listen(config, given.COUNTERSIGN_PORT !== undefined)
      const file = join(homedir(), DEVELOPMENT_FILE)
      endOnSignal(running, () => removeOwn(file))
      const { url } = running.server
      const key = await developmentKey(running.server.identity, join(config.home, 'development.key'))
      // This process is the only one, so a link of an earlier start may die: nobody could read it again.
      const link = config.setupToken ? await setupLink(running, config) : await issueSetupLink(running.server.identity)
      const ready = { ready: true, url, setup_url: link, agent_key: key, pid: process.pid }
      writeFileSync(file, `${JSON.stringify(ready)}\n`, { mode: 0o600 })
      const { json, stdout } = output()
      stdout(json ? `${JSON.stringify(ready)}\n` : welcome(ready, performance.now() - started))
    })
}

/** The wanted port, or the first free one of ten when nobody wants one. */
async function listen(config: Config, isGiven: boolean): Promise<Running> {
  const { log, told } = openServerLog(config, { pretty: process.stderr.isTTY })
  for (let port = config.port; ; port++) {
    try {
      return await boot({ ...config, port }, log, told)
    } catch (error) {
      const taken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
      if (!taken || isGiven || port >= LAST_PORT) throw error
    }
  }
}

/** Another `countersign dev` may have written its own since. */
function removeOwn(file: string): void {
  const { pid } = JSON.parse(readFileSync(file, 'utf8')) as { pid: number }
  if (pid === process.pid) rmSync(file)
}

type Ready = { url: string; setup_url: string | null; agent_key: string }

function welcome({ url, setup_url, agent_key }: Ready, ms: number): string {
  const door = setup_url ? `Set up      ${setup_url}` : `Dashboard   ${url}`
  return `
  Countersign is ready (${(ms / 1000).toFixed(1)} s).

  ${door}
  Agent key   ${agent_key}

  Save this as ask.mjs, run  node ask.mjs , and answer it in the dashboard:

    import { awaitHuman } from '@countersign/sdk'

    const answer = await awaitHuman({
      task: 'Refund order 1042?',
      payload: { order: 1042, amount: 240, currency: 'EUR', reason: 'parcel lost' },
      response: {
        type: 'object',
        properties: { approved: { type: 'boolean' }, note: { type: 'string', maxLength: 500 } },
        required: ['approved'],
      },
      timeout: '2h',
    })
    console.log(answer)

  It finds this server by itself. From elsewhere: COUNTERSIGN_URL=${url} COUNTERSIGN_KEY=<agent key>
  Ctrl-C stops everything.

`
}
