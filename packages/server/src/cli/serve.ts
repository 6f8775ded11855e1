// countersign serve: the server in the foreground, until a signal ends it. A second signal ends it at once.
import type { Command } from 'commander'
import { acceptSetupToken, issueSetupLinkIfNone } from '../identity/setup.ts'
import { boot, type Running } from '../main/boot.ts'
import { type Config, processContext, readConfig } from '../main/config.ts'
import { openServerLog } from '../main/log.ts'
import type { Output } from './output.ts'

export function serveCommand(program: Command, output: () => Output): void {
  program
    .command('serve')
    .description('run the server with the settings of the environment (docs/config.md)')
    .option('--roles <roles>', 'what this process does: web, worker, maintenance; default all')
    .option('--port <port>', 'the port to listen on')
    .option('--host <address>', 'the address to listen on')
    .action(async (options: { roles?: string; port?: string; host?: string }) => {
      const { env, context } = processContext()
      const config = readConfig({ ...env, ...asSettings(options) }, context)
      const { log, told } = openServerLog(config)
      const running = await boot(config, log, told)
      endOnSignal(running)
      const link = await setupLink(running, config)
      const { url } = running.server
      if (output().json) output().stdout(`${JSON.stringify({ ready: true, url, setup_url: link, pid: process.pid })}\n`)
      else output().stdout(`Countersign listens on ${url}\n${link ? `Set it up: ${link}\n` : ''}`)
    })
}

/** Flags are settings under another name. */
export const asSettings = (flags: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [[`COUNTERSIGN_${name.toUpperCase()}`, value]])),
  )

/** The link for the first operator; null once there is one, or while another process has printed one. */
export const setupLink = ({ server }: Running, config: Config): Promise<string | null> =>
  config.setupToken ? acceptSetupToken(server.identity, config.setupToken.reveal()) : issueSetupLinkIfNone(server.identity)

export function endOnSignal(running: Pick<Running, 'close'>, last: () => void = () => undefined): void {
  let ending = false
  const end = () => {
    if (ending) process.exit(130)
    ending = true
    running
      .close()
      .then(last)
      .then(
        () => process.exit(0),
        (error: unknown) => {
          process.stderr.write(`countersign: it did not end cleanly: ${error instanceof Error ? error.message : String(error)}\n`)
          process.exit(1)
        },
      )
  }
  process.on('SIGINT', end)
  process.on('SIGTERM', end)
}
