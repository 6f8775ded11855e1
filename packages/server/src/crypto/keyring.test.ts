import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { KeySourceAway, makeKeyring, type Purpose, pseudonymOf, rootVersionOf } from './keyring.ts'
import { parseKeyText } from './keyring-file.ts'
import type { Kms } from './keyring-kms.ts'
import { EnvelopeError } from './seal.ts'

const someKey = () => randomBytes(32).toString('base64')
const ring = (...lines: string[]) => makeKeyring(parseKeyText(lines.join('\n'), 'a test'))

test('P126 a root holds several versions: the current one wraps, each one opens', async () => {
  const [one, two] = [someKey(), someKey()]
  const before = ring(one)
  const after = ring('# rotated', `1 accepted ${one}`, `2 current ${two}`)
  const key = randomBytes(32)
  expect(after.current).toBe(2)
  expect(await after.unwrapTenantKey('ten_A', 1, await before.wrapTenantKey('ten_A', 1, key))).toEqual(key)
  const wrapped = await after.wrapTenantKey('ten_A', 1, key)
  expect(rootVersionOf(wrapped)).toBe(2)
  expect(await after.unwrapTenantKey('ten_A', 1, wrapped)).toEqual(key)
  await expect(before.unwrapTenantKey('ten_A', 1, wrapped)).rejects.toThrow(EnvelopeError)
  await expect(after.unwrapTenantKey('ten_B', 1, wrapped)).rejects.toThrow(EnvelopeError)
  await expect(after.unwrapTenantKey('ten_A', 2, wrapped)).rejects.toThrow(EnvelopeError)
  expect(after.fingerprint(1)).toBe(before.fingerprint())
  expect(after.installation).toBe(before.installation)
})

test('P126 a keyring in use takes a further version, seals under it, and forgets one that is gone', async () => {
  const [one, two] = [randomBytes(32), randomBytes(32)]
  const keyring = makeKeyring({ current: 1, versions: new Map([[1, one]]) })
  const [pepper, installation] = [keyring.purpose('pepper'), keyring.installation]
  const old = await keyring.wrapTenantKey('ten_A', 1, Buffer.alloc(32, 9))
  keyring.put({ current: 2, versions: new Map([...[[1, one] as const], [2, two]]), installation })
  expect(rootVersionOf(await keyring.wrapTenantKey('ten_A', 1, Buffer.alloc(32, 9)))).toBe(2)
  expect((await keyring.unwrapTenantKey('ten_A', 1, old)).equals(Buffer.alloc(32, 9))).toBe(true)
  expect(keyring.purpose('pepper').equals(keyring.purpose('pepper', 1))).toBe(false)

  const kept = Buffer.from(pepper)
  keyring.put({ current: 2, versions: new Map([[2, two]]), installation, kept: new Map([['pepper/v1', kept]]) })
  expect(keyring.purpose('pepper', 1)).toEqual(kept)
  expect(() => keyring.purpose('cursor', 1)).toThrow(RangeError)
  await expect(keyring.unwrapTenantKey('ten_A', 1, old)).rejects.toThrow(EnvelopeError)
  expect(keyring.installation).toBe(installation)
})

test('P125 no key serves two purposes or two versions, and the same one comes out each time', () => {
  const keyring = ring(`1 accepted ${someKey()}`, `2 current ${someKey()}`)
  const names: Purpose[] = [
    'cursor',
    'unsubscribe',
    'mail-link',
    'pepper',
    'bucket',
    'audit-sign',
    'webhook-ed25519',
    'receipt',
    'relay-sign',
    'reply',
    'backup',
    'form',
    'wrap',
  ]
  const all = names.flatMap((name) => [keyring.purpose(name, 1), keyring.purpose(name, 2)].map((key) => key.toString('hex')))
  expect(new Set(all).size).toBe(all.length)
  expect(keyring.purpose('cursor').equals(keyring.purpose('cursor', 2))).toBe(true)
  expect(() => keyring.purpose('cursor', 3)).toThrow(RangeError)
})

test('V64 what a KMS wraps names its version and goes to it with tenant and key version; one that does not answer is away', async () => {
  const asked: unknown[] = []
  const away = { is: false }
  const answer = async (bytes: Buffer, context: unknown) => {
    if (away.is) throw new Error('connect ECONNREFUSED')
    asked.push(context)
    return Buffer.from(bytes.map((byte) => byte ^ 0x5a))
  }
  const kms: Kms = { wrap: answer, unwrap: answer, id: () => 'test', check: async () => undefined }
  const keyring = makeKeyring({ current: 7, versions: new Map([[7, randomBytes(32)]]), kms: new Map([[7, kms]]) })
  const key = randomBytes(32)
  const wrapped = await keyring.wrapTenantKey('ten_A', 3, key)
  expect(wrapped.subarray(0, 5)).toEqual(Buffer.from('0200000007', 'hex'))
  expect(await keyring.unwrapTenantKey('ten_A', 3, wrapped)).toEqual(key)
  expect(asked).toEqual([
    { tenant: 'ten_A', version: 3 },
    { tenant: 'ten_A', version: 3 },
  ])
  expect([keyring.isOutside(), keyring.isOutside(1)]).toEqual([true, false])
  away.is = true
  await expect(keyring.unwrapTenantKey('ten_A', 3, wrapped)).rejects.toThrow(KeySourceAway)
})

test('V64 a local source that is away neither wraps nor unwraps, while what needs no wrap goes on', async () => {
  const versions = new Map([[1, randomBytes(32)]])
  const keyring = makeKeyring({ current: 1, versions })
  const wrapped = await keyring.wrapTenantKey('ten_A', 1, randomBytes(32))
  keyring.put({ current: 1, versions, away: new Set([1]) })
  await expect(keyring.unwrapTenantKey('ten_A', 1, wrapped)).rejects.toThrow(KeySourceAway)
  await expect(keyring.wrapTenantKey('ten_A', 1, randomBytes(32))).rejects.toThrow(KeySourceAway)
  expect(keyring.purpose('cursor')).toHaveLength(32)
})

test('P132 an e-mail has one pseudonym in an installation, whatever its case, and another elsewhere', () => {
  const [one, two] = [ring(someKey()), ring(someKey())]
  expect(pseudonymOf(one)('Ann@example.com')).toMatch(/^u:[0-9a-f]{8}$/)
  expect(pseudonymOf(one)('Ann@example.com')).toBe(pseudonymOf(one)('ann@EXAMPLE.com'))
  expect(pseudonymOf(one)('ann@example.com')).not.toBe(pseudonymOf(two)('ann@example.com'))
})
