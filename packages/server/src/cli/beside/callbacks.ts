// A receiver on a listener of its own, and signatures made and checked with the keys of a file. Prints no key.
import { readFileSync } from 'node:fs'
import {
  AWA_SIGNATURE_HEADER,
  type CallbackKeys,
  createQueue,
  type KeySource,
  QueueError,
  SIGNATURE_HEADER,
  type SignedAction,
  serveCallbacks,
  signAwa,
  signCallback,
  signingKey,
  verifyAwa,
  verifySignature,
} from '@countersign/queue'
import { openCallbackKeys } from '../../jobs/receiver.ts'
import { withDatabase } from '../../main/boot.ts'
import { type Config, ConfigRefused, processContext, readConfig } from '../../main/config.ts'
import { openServerLog } from '../../main/log.ts'
import { BootRefused } from '../../main/refused.ts'
import { type Log, openLog } from '../../std/log.ts'
import { type Output, print } from '../output.ts'

type Keyed = { keysFile?: string }
export type Signing = Keyed & { body: string; bodyFile?: string; v1?: true }
export type Serving = Keyed & { port: number; host: string; prefix: string[]; acceptV1?: true; allowUnsigned?: true }

/** The header that authorises an answer, and its value. */
export async function sign(act: SignedAction, id: string, options: Signing): Promise<{ header: string; value: string }> {
  const keys = await readKeys(options)
  return options.v1
    ? { header: AWA_SIGNATURE_HEADER, value: signedAwa(keys, id) }
    : { header: SIGNATURE_HEADER, value: await signed(keys, act, id, options) }
}

const settings = (): Config => {
  const { env, context } = processContext()
  return readConfig(env, context)
}

const readKeys = ({ keysFile }: Keyed): Promise<CallbackKeys> => {
  const file = keysFile ?? settings().callbackKeysFile
  if (!file) throw new ConfigRefused(['COUNTERSIGN_CALLBACK_KEYS_FILE is not set, and there is no --keys-file.'])
  return openKeys(file, openLog({ level: 'warn', pretty: true })).read()
}

function openKeys(file: string, log: Log): KeySource {
  try {
    return openCallbackKeys(file, log)
  } catch (error) {
    throw error instanceof QueueError ? new ConfigRefused([error.message]) : error
  }
}

const bodyOf = ({ body, bodyFile }: Signing): string | Uint8Array => (bodyFile === undefined ? body : readFileSync(bodyFile))

function signed(keys: CallbackKeys, act: SignedAction, subject: string, options: Signing): Promise<string> {
  const now = new Date()
  const key = signingKey(keys, now)
  if (!key) throw new ConfigRefused(['The key file has no key that is live.'])
  return signCallback(key, { action: act, subject, body: bodyOf(options) }, now)
}

function signedAwa({ awa: [key] }: CallbackKeys, id: string): string {
  if (!key) throw new ConfigRefused(['The key file has no key of version 1; it stands under "awa".'])
  return signAwa(key, id)
}

export type Verdict = { right: boolean; code?: string; key?: string; age_seconds?: number }

/** Whether a signature is right, now and for these bytes. */
export async function verify(act: SignedAction, id: string, options: Signing & { signature: string }): Promise<Verdict> {
  const keys = await readKeys(options)
  if (options.v1)
    return verifyAwa(options.signature, keys.awa, id) ? { right: true } : { right: false, code: 'signature_invalid' }
  const now = new Date()
  try {
    const { key, t } = await verifySignature(
      options.signature,
      keys.keys,
      { action: act, subject: id, body: bodyOf(options) },
      now,
    )
    return { right: true, key: key.id, age_seconds: Math.floor(now.getTime() / 1_000) - t }
  } catch (error) {
    if (error instanceof QueueError) return { right: false, code: error.code }
    throw error
  }
}

/** Until a signal ends it. */
export async function serve(options: Serving, output: Output): Promise<void> {
  const config = settings()
  const { log } = openServerLog(config)
  const file = options.keysFile ?? config.callbackKeysFile
  await withDatabase(config, log, async ({ runtimeUrl }) => {
    const queue = createQueue({ database: { url: runtimeUrl }, listen: false, log })
    try {
      const server = await serveCallbacks(queue, {
        ...(file === null || file === undefined ? {} : { keys: openKeys(file, log) }),
        acceptV1: options.acceptV1 === true || config.callbackV1,
        allowUnsigned: options.allowUnsigned === true,
        prefixes: options.prefix,
        host: options.host,
        port: options.port,
        log,
      })
      print(output, { ready: true, url: server.url, pid: process.pid }, ({ url }) => `Callbacks are received at ${url}`)
      await signalled()
      await server.close()
    } catch (error) {
      throw error instanceof QueueError ? new BootRefused([error.message]) : error
    } finally {
      await queue.close()
    }
  })
}

/** A second signal ends it at once. */
function signalled(): Promise<void> {
  return new Promise((resume) => {
    let ending = false
    const end = () => {
      if (ending) process.exit(130)
      ending = true
      resume()
    }
    process.on('SIGINT', end)
    process.on('SIGTERM', end)
  })
}
