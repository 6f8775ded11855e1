// countersign callbacks …: a receiver on a listener of its own, and signatures made and checked by hand. Prints no key.
import type { CALLBACK_PREFIX, SignedAction } from '@countersign/queue'
import { type Command, InvalidArgumentError } from 'commander'
import type { Serving, Signing } from './beside/callbacks.ts'
import { type Output, print } from './output.ts'

// Written out, since the engine is not loaded to print a default.
const PREFIX: typeof CALLBACK_PREFIX = '/api/v1/callbacks'
const EXAMPLES = `
Examples:
  $ countersign callbacks serve --port 3002 --keys-file keys.json
  $ countersign callbacks sign complete cb_01J… --body '{"payload":{"ok":true}}'
  $ countersign callbacks verify complete cb_01J… --body '{"payload":{"ok":true}}' --signature 'v2;kid=…'

The keys are those of COUNTERSIGN_CALLBACK_KEYS_FILE: { "keys": [{ "id": "k1", "secret": "<64 hex digits>" }] }, mode 0600.
`

const beside = () => import('./beside/callbacks.ts')

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
    .option('--prefix <path...>', 'where the routes stand', [PREFIX, '/api/callbacks'])
    .option(...KEYS)
    .option('--accept-v1', 'also take X-Awa-Signature')
    .option('--allow-unsigned', 'take everything; only at a private address')
    .action(async (options: Serving) => (await beside()).serve(options, output()))

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
      const { sign } = await beside()
      print(output(), await sign(act, id, options), ({ header, value }) => `${header}: ${value}`)
    })

  callbacks
    .command('verify')
    .description('whether a signature is right, now and for these bytes; exit code 20 when it is not')
    .argument('<action>', 'complete, fail, heartbeat or dispatch', action)
    .argument('<id>', 'the callback as in its URL; for dispatch the job')
    .requiredOption('--signature <value>', 'the value of the header')
    .option('--body <text>', 'exactly what was sent', '')
    .option('--body-file <path>', 'a file with exactly what was sent')
    .option('--v1', 'the value is an X-Awa-Signature')
    .option(...KEYS)
    .action(async (act: SignedAction, id: string, options: Signing & { signature: string }) => {
      const verdict = await (await beside()).verify(act, id, options)
      print(output(), verdict, ({ right, key, age_seconds }) =>
        right ? `right${key ? `: signed with ${key}, ${age_seconds} s ago` : ''}` : `not right: ${verdict.code}`,
      )
      if (!verdict.right) process.exitCode = 20
    })
}

function port(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) < 65_536) return Number(text)
  throw new InvalidArgumentError('Must be a port.')
}

function action(text: string): SignedAction {
  const known = (['complete', 'fail', 'heartbeat', 'dispatch'] as const).find((one) => one === text)
  if (!known) throw new InvalidArgumentError('Must be complete, fail, heartbeat or dispatch.')
  return known
}
