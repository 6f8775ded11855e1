import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { openLog } from '../std/log.ts'
import { Secret } from './secret.ts'

test('P131 a Secret prints [secret] in JSON, inspect, template, concatenation, error and log, and gives itself up only when asked', () => {
  const secret = new Secret('canary-1')
  const lines: string[] = []
  openLog({ sink: (line) => lines.push(line) }).info(
    { plain: secret, list: [{ deep: secret }], err: new Error(`bad: ${secret}`, { cause: secret }) },
    `${secret}`,
  )
  const prints = [
    JSON.stringify({ secret }),
    inspect(secret),
    inspect({ a: [secret] }, { showHidden: true, depth: 9 }),
    `${secret}`,
    ''.concat(secret as unknown as string),
    String(secret),
    ...lines,
  ]
  for (const print of prints) {
    expect(print).toContain('[secret]')
    expect(print).not.toContain('canary')
  }
  expect(Object.keys(secret).concat(Object.values(secret).map(String)).join()).not.toContain('canary')
  expect(secret.reveal()).toBe('canary-1')
  expect(secret.bytes().toString()).toBe('canary-1')
})

const SOURCES = join(import.meta.dirname, '..')

/** Where a value leaves: into a request that goes out, a connection that is made, a signature, an envelope. Whoever adds a line here says which it is. */
const LETS_GO: Readonly<Record<string, readonly string[]>> = {
  'into what an agent sends, at its place': ['proxy/inject/inject.ts'],
  'into what is looked for in answers, to be masked': ['proxy/send.ts'],
  'the key of an authority, into the signer of certificates': ['proxy/certificates.ts'],
  'the same, into the mac that binds a session of an MCP server to its run': ['proxy/mcp/session.ts'],
  'into a request to a provider': [
    ...['revoke', 'assertion', 'server'].map((name) => `vault/authorizations/protocol/${name}.ts`),
    ...['vault/authorizations/settle-registration.ts', 'vault/clients/forget.ts'],
  ],
  'into a request to a service of the tenant, or what is signed for one': [
    ...['tasks/channels/email/inbound.ts', 'tasks/verifiers/model.ts', 'webhooks/message.ts', 'webhooks/sending/take.ts'],
    ...['client', 'receive', 'install'].map((name) => `tasks/channels/slack/${name}.ts`),
    ...['egress/mail.ts', 'egress/proxy.ts', 'crypto/keyring-transit.ts', 'webhooks/bound/letter.ts'],
  ],
  'a setting of this process, into what it opens with it': [
    ...['main/boot.ts', 'main/proxy.ts', 'main/roots.ts', 'main/rooms.ts', 'main/node/process.ts', 'main/node/beside.ts'],
    ...['serve', 'proxy', 'database'].map((name) => `cli/beside/${name}.ts`),
    'crypto/keyring-source.ts',
  ],
}

test('V71 a Secret becomes a string where its value leaves and nowhere else: every place is named', () => {
  const found = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !/\.test\.ts$|(^|\/)testing\//.test(name))
    // What terminals and workers hold of their own keys is no Secret of this class.
    .filter((name) => name !== 'crypto/secret.ts' && /\.(?:reveal|bytes)\(\)/.test(readFileSync(join(SOURCES, name), 'utf8')))
  expect(found.sort()).toEqual(Object.values(LETS_GO).flat().sort())
})
