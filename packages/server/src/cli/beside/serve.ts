// The server in the foreground, until a signal ends it. A second signal ends it at once.
import { acceptSetupToken, issueSetupLinkIfNone } from '../../identity/setup.ts'
import type { Running } from '../../main/boot.ts'
import { type Config, type Environment, processContext, readConfig } from '../../main/config.ts'
import { isProxyOnly, isReceiverOnly } from '../../main/listeners.ts'
import { openServerLog } from '../../main/log.ts'
import { closeProcess } from '../../main/node/guards.ts'
import type { Output } from '../output.ts'
import { endOnSignal } from './signals.ts'

export async function serve({ allowUnsigned, handed, ...options }: ServeFlags, output: Output): Promise<void> {
  const { env, context } = processContext()
  const unsigned = allowUnsigned ? { callbacksUnsigned: '1' } : {}
  const given: Environment = { ...env, ...asSettings({ ...options, ...unsigned }) }
  const config = readConfig(given, context)
  const { log, told } = openServerLog(config)
  closeProcess(config)
  // Each kind of process loads what it runs and no more: a proxy never has the code that opens envelopes.
  if (isProxyOnly(config)) return (await import('./proxy.ts')).serveProxy(config, log, output, handed === true)
  const { boot, bootReceiver } = await import('../../main/boot.ts')
  if (isReceiverOnly(config)) {
    const receiver = await bootReceiver(config, log)
    endOnSignal(receiver)
    const { url } = receiver
    // As every role says it: whoever started it waits for a line that begins so.
    if (output.json) output.stdout(`${JSON.stringify({ ready: true, url, pid: process.pid })}\n`)
    else output.stdout(`Callbacks are received at ${url}\n`)
    return
  }
  const running = await boot(config, log, told)
  const proxy = config.roles.includes('proxy')
    ? await (await import('./proxy.ts')).besideProxy(config, given, running, log)
    : null
  const close = async () => {
    await proxy?.close()
    await running.close()
  }
  endOnSignal({ outdated: running.outdated, close })
  // Who sets an installation up comes to its pages.
  const link = config.roles.includes('web') ? await setupLink(running, config) : null
  const { url, listeners } = running.server
  if (output.json) output.stdout(`${JSON.stringify({ ready: true, url, setup_url: link, pid: process.pid, listeners })}\n`)
  else {
    const others = Object.entries(listeners).map(([name, at]) => `${name} on ${at}\n`)
    output.stdout(`Countersign listens on ${url}\n${others.join('')}${link ? `Set it up: ${link}\n` : ''}`)
  }
}

export type ServeFlags = Record<string, string | undefined> & { allowUnsigned?: true; handed?: true }

const settingOf = (flag: string): string => `COUNTERSIGN_${flag.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`

/** Flags are settings under another name; switches that every command takes are none. */
export const asSettings = (flags: Record<string, unknown>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(flags).flatMap(([name, value]) => (typeof value === 'string' ? [[settingOf(name), value]] : [])),
  )

/** The link for the first operator; null once there is one, or while another process has printed one. */
export const setupLink = ({ server }: Running, config: Config): Promise<string | null> =>
  config.setupToken ? acceptSetupToken(server.identity, config.setupToken.reveal()) : issueSetupLinkIfNone(server.identity)
