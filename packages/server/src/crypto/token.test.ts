import fc from 'fast-check'
import { expect, test } from 'vitest'
import vectors from '../../../../test/vectors/signatures.json' with { type: 'json' }
import { KEY_KINDS, KEY_PATTERN, mintKey, parseKey, randomInt, randomToken, sameBytes, sha256Hex } from './token.ts'

type TokenVector = { scheme: string; inputs: { prefix_and_entropy: string; sha256: string }; expected: string }
const published = (vectors as unknown as TokenVector[]).filter((vector) => vector.scheme === 'token-checksum')

test.each(published)(
  'P53 the published key $expected carries the checksum and is stored under the hash of the vector',
  ({ inputs, expected }) => {
    expect(parseKey(expected)).toMatchObject({ environment: expected.slice(3, 7) })
    expect(expected.startsWith(inputs.prefix_and_entropy)).toBe(true)
    expect(sha256Hex(expected)).toBe(inputs.sha256)
  },
)

test('P53 a minted key has the published pattern, its kind and environment, and no two are alike', () => {
  const minted = KEY_KINDS.flatMap((kind) =>
    (['live', 'test'] as const).map((environment) => ({ kind, environment, key: mintKey(environment, kind) })),
  )
  for (const { kind, environment, key } of minted) {
    expect(key).toMatch(KEY_PATTERN)
    expect(parseKey(key)).toEqual({ kind, environment })
  }
  expect(new Set(Array.from({ length: 200 }, () => mintKey('live', 'agt'))).size).toBe(200)
})

test('P54 one changed, missing or added character is refused by the checksum or the pattern, whatever it is', () => {
  const key = mintKey('live', 'agt')
  for (let i = 0; i < key.length; i++) {
    for (const by of ['0', 'z', '_', ' ', 'é']) {
      const changed = key.slice(0, i) + by + key.slice(i + 1)
      if (changed !== key) expect(parseKey(changed)).toBeNull()
    }
    expect(parseKey(key.slice(0, i) + key.slice(i + 1))).toBeNull()
    expect(parseKey(`${key.slice(0, i)}0${key.slice(i)}`)).toBeNull()
  }
  for (const other of ['', null, undefined, 7, {}, `${key}\n`, `Bearer ${key}`, key.toLowerCase(), 'a'.repeat(1e6)])
    expect(parseKey(other)).toBeNull()
})

test('P54 any other text of the right length is refused', () => {
  fc.assert(fc.property(fc.string({ minLength: 44, maxLength: 52 }), (text) => parseKey(text) === null))
})

test('tokens are 256 bits of base64url, numbers stay below their bound, comparison tells equal from different and long from short', () => {
  expect(randomToken()).toMatch(/^[\w-]{43}$/)
  for (let i = 0; i < 100; i++) expect(randomInt(3)).toBeLessThan(3)
  expect([sameBytes('a', 'a'), sameBytes('a', 'b'), sameBytes('a', 'aa'), sameBytes('', '')]).toEqual([true, false, false, true])
})
