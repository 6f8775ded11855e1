// The server in the foreground, until a signal ends it. A second signal ends it at once.
import { acceptSetupToken, issueSetupLinkIfNone } from '../../identity/setup.ts'
import { boot, bootReceiver, type Running } from '../../main/boot.ts'
import { type Config, processContext, readConfig } from '../../main/config.ts'
import { isReceiverOnly } from '../../main/listeners.ts'
import { openServerLog } from '../../main/log.ts'
import { type Output, print } from '../output.ts'

export async function serve({ allowUnsigned, ...options }: ServeFlags, output: Output): Promise<void> {
  const { env, context } = processContext()
  const unsigned = allowUnsigned ? { callbacksUnsigned: '1' } : {}
  const config = readConfig({ ...env, ...asSettings({ ...options, ...unsigned }) }, context)
  const { log, told } = openServerLog(config)
  if (isReceiverOnly(config)) {
    const receiver = await bootReceiver(config, log)
    endOnSignal(receiver)
    return print(output, { ready: true, url: receiver.url, pid: process.pid }, ({ url }) => `Callbacks are received at ${url}`)
  }
  const running = await boot(config, log, told)
  endOnSignal(running)
  // Who sets an installation up comes to its pages.
  const link = config.roles.includes('web') ? await setupLink(running, config) : null
  const { url, listeners } = running.server
  if (output.json) output.stdout(`${JSON.stringify({ ready: true, url, setup_url: link, pid: process.pid, listeners })}\n`)
  else {
    const others = Object.entries(listeners).map(([name, at]) => `${name} on ${at}\n`)
    output.stdout(`Countersign listens on ${url}\n${others.join('')}${link ? `Set it up: ${link}\n` : ''}`)
  }
}

export type ServeFlags = Record<string, string | undefined> & { allowUnsigned?: true }

const settingOf = (flag: string): string => `COUNTERSIGN_${flag.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

/** Flags are settings under another name. */
export const asSettings = (flags: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [[settingOf(name), value]])))

/** The link for the first operator; null once there is one, or while another process has printed one. */
export const setupLink = ({ server }: Running, config: Config): Promise<string | null> =>
  config.setupToken ? acceptSetupToken(server.identity, config.setupToken.reveal()) : issueSetupLinkIfNone(server.identity)

/** Ends the process, with running work done: on a signal, and with 78 when a newer version has taken the database over (Q144). */
export function endOnSignal(
  running: Pick<Running, 'close'> & Partial<Pick<Running, 'outdated'>>,
  last: () => Promise<void> = () => Promise.resolve(),
): void {
  let ending = false
  const end = (code: number) => {
    ending = true
    running
      .close()
      .then(last)
      .then(
        () => process.exit(code),
        (error: unknown) => {
          process.stderr.write(`countersign: it did not end cleanly: ${error instanceof Error ? error.message : String(error)}\n`)
          process.exit(code || 1)
        },
      )
  }
  const onSignal = () => {
    if (ending) process.exit(130)
    end(0)
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  void running.outdated?.then((sentence) => {
    if (ending) return
    process.stderr.write(`countersign: ${sentence}\n`)
    end(78)
  })
}
