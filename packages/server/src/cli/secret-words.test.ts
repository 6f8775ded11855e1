// V125 over the whole tree: no command has a word for a secret, and each refuses one before it understands anything.
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { randomToken } from '../crypto/token.ts'
import { commandLine } from './program.ts'
import { refuseSecrets } from './secret-words.ts'

const tree = (command: Command, path: string[] = []): [string[], Command][] => [
  [path, command],
  ...command.commands.flatMap((child) => tree(child, [...path, child.name()])),
]
const commands = tree(commandLine().program)
const leaves = commands.filter(([, command]) => command.commands.length === 0)

/** What may take a value although its name sounds like a secret: ids, idempotency keys, public keys, files. */
const NO_SECRETS = [
  ...['tasks create --key', 'jobs list --unique-key', 'jobs enqueue --unique-key', 'evidence --key', 'audit verify --key'],
  ...['audit verify --keys', 'audit verify-receipt --keys', 'audit verify-receipt --audit-keys', 'receipt verify --keys'],
  ...['receipt verify --audit-keys', 'mail add --secret-file', 'slack connect --secrets', 'callbacks serve --keys-file'],
  ...['callbacks sign --keys-file', 'callbacks verify --keys-file', 'run --with-secret', 'agents import-did <key>'],
  ...['relay card verify --keys', 'relay start --key', 'relay send --key'],
]

test('V125 no command of the tree takes a secret as an option or an argument', () => {
  const named = commands.flatMap(([path, command]) => [
    ...command.options
      .filter(
        (one) =>
          (one.required || one.optional) &&
          /key|secret|token|password|passphrase|credential/i.test(one.long ?? '') &&
          !/-id$|-from-env$/.test(one.long ?? ''),
      )
      .map((one) => `${path.join(' ')} ${one.long}`),
    ...command.registeredArguments
      .filter((one) => /secret|token|password|passphrase|credential|(^|_)key$/i.test(one.name()))
      .map((one) => `${path.join(' ')} <${one.name()}>`),
  ])
  expect(named.filter((one) => !NO_SECRETS.includes(one))).toEqual([])
  expect(leaves.length).toBeGreaterThan(100)
})

test('V125 every command of the tree refuses a secret among its words, and does not repeat it', () => {
  const canary = randomToken()
  const own = `cs_live_usr_${'A1b2C3d4E5f6G7h8J9k0L1m2N3p4Q5r6S7t8'}`
  for (const [path] of leaves)
    for (const words of [
      ...['--secret', '--token', '--password', '--api-key', '--client-secret', '--refresh-token'].flatMap((option) => [
        [option, canary],
        [`${option}=${canary}`],
      ]),
      [own],
      [`--name=${own}`],
    ]) {
      let said = ''
      try {
        refuseSecrets([...path, ...words])
      } catch (error) {
        said = (error as Error).message
        expect((error as Error).name).toBe('UsageError')
      }
      expect([path, words[0]?.split('=')[0], said.startsWith('A secret never stands in a command')]).toEqual([
        ...[path, words[0]?.split('=')[0], true],
      ])
      expect(said).not.toContain(canary)
    }
})

test('V125 ids, idempotency keys, files and the words of a child are no secrets', () => {
  for (const words of [
    ['tasks', 'create', 'Refund?', '--key', 'order-1042'],
    ['evidence', '--key', 'key_01J'],
    ['audit', 'verify', 'record.ndjson', '--keys', 'audit-keys.json'],
    ['--json', 'mail', 'add', '--secret-file', 'smtp.txt'],
    ['run', '--', 'curl', '--token', 'x'],
    ['login', 'openai', '--from-env', 'OPENAI_API_KEY'],
    [
      'relay',
      'start',
      'translator',
      'hello',
      '--key',
      'order-1042',
      '--callback',
      'https://example.com/told',
      '--secret-from-stdin',
    ],
  ])
    expect(() => refuseSecrets(words)).not.toThrow()
})
