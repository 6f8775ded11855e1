// countersign callbacks …: a receiver on a listener of its own, and signatures made and checked by hand. Prints no key.
import { readFileSync } from 'node:fs'
import {
  AWA_SIGNATURE_HEADER,
  CALLBACK_PREFIX,
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
import { type Command, InvalidArgumentError } from 'commander'
import { openCallbackKeys } from '../jobs/receiver.ts'
import { BootRefused, withDatabase } from '../main/boot.ts'
import { type Config, ConfigRefused, processContext, readConfig } from '../main/config.ts'
import { openServerLog } from '../main/log.ts'
import { type Log, openLog } from '../std/log.ts'
import { type Output, print } from './output.ts'

const EXAMPLES = `
Examples:
  $ countersign callbacks serve --port 3002 --keys-file keys.json
  $ countersign callbacks sign complete cb_01J… --body '{"payload":{"ok":true}}'
  $ countersign callbacks verify complete cb_01J… --body '{"payload":{"ok":true}}' --signature 'v2;kid=…'

The keys are those of COUNTERSIGN_CALLBACK_KEYS_FILE: { "keys": [{ "id": "k1", "secret": "<64 hex digits>" }] }, mode 0600.
`

export function callbacksCommand(program: Command, output: () => Output): void {
  const callbacks = program
    .command('callbacks')
    .description('answers from outside: receive, sign, verify')
    .addHelpText('after', EXAMPLES)
  const KEYS = ['--keys-file <path>', 'the keys; else COUNTERSIGN_CALLBACK_KEYS_FILE'] as const

  callbacks
    .command('serve')
    .description('receive callbacks and nothing else, until a signal ends it; a login with countersign_callback is enough')
    .option('--port <port>', 'the port to listen on', port, 3002)
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--prefix <path...>', 'where the routes stand', [CALLBACK_PREFIX, '/api/callbacks'])
    .option(...KEYS)
    .option('--accept-v1', 'also take X-Awa-Signature')
    .option('--allow-unsigned', 'take everything; only at a private address')
    .action(async (options: Serving) => serve(options, output()))

  callbacks
    .command('sign')
    .description('the header that authorises an answer')
    .argument('<action>', 'complete, fail, heartbeat or dispatch', action)
    .argument('<id>', 'the callback as in its URL; for dispatch the job')
    .option('--body <text>', 'exactly what will be sent', '')
    .option('--body-file <path>', 'a file with exactly what will be sent')
    .option('--v1', 'an X-Awa-Signature instead, which covers the id alone')
    .option(...KEYS)
    .action(async (act: SignedAction, id: string, options: Signing) => {
      const keys = await readKeys(options)
      const [name, value] = options.v1
        ? [AWA_SIGNATURE_HEADER, signedAwa(keys, id)]
        : [SIGNATURE_HEADER, await signed(keys, act, id, options)]
      print(output(), { header: name, value }, () => `${name}: ${value}`)
    })

  callbacks
    .command('verify')
    .description('whether a signature is right, now and for these bytes; exit code 1 when it is not')
    .argument('<action>', 'complete, fail, heartbeat or dispatch', action)
    .argument('<id>', 'the callback as in its URL; for dispatch the job')
    .requiredOption('--signature <value>', 'the value of the header')
    .option('--body <text>', 'exactly what was sent', '')
    .option('--body-file <path>', 'a file with exactly what was sent')
    .option('--v1', 'the value is an X-Awa-Signature')
    .option(...KEYS)
    .action(async (act: SignedAction, id: string, options: Signing & { signature: string }) => {
      const verdict = await judge(await readKeys(options), act, id, options)
      print(output(), verdict, ({ right, key, age_seconds }) =>
        right ? `right${key ? `: signed with ${key}, ${age_seconds} s ago` : ''}` : `not right: ${verdict.code}`,
      )
      if (!verdict.right) process.exitCode = 1
    })
}

type Keyed = { keysFile?: string }
type Signing = Keyed & { body: string; bodyFile?: string; v1?: true }
type Serving = Keyed & { port: number; host: string; prefix: string[]; acceptV1?: true; allowUnsigned?: true }

function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text)
  throw new InvalidArgumentError('Must be a port.')
}

function action(text: string): SignedAction {
  const known = (['complete', 'fail', 'heartbeat', 'dispatch'] as const).find((one) => one === text)
  if (!known) throw new InvalidArgumentError('Must be complete, fail, heartbeat or dispatch.')
  return known
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

type Verdict = { right: boolean; code?: string; key?: string; age_seconds?: number }

async function judge(
  keys: CallbackKeys,
  act: SignedAction,
  id: string,
  options: Signing & { signature: string },
): Promise<Verdict> {
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

async function serve(options: Serving, output: Output): Promise<void> {
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
