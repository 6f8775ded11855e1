import { expect, test } from 'vitest'
import { canonicalJson, jsonText, NotJson } from './canonical.ts'
import { automaticKey } from './question.ts'

test('T26 the automatic key is auto: and 32 hex of the canonical form, the same for the same question', async () => {
  const key = await automaticKey('Refund order 1042?', { order: 1042, amount: 240, currency: 'EUR' })
  expect(key).toMatch(/^auto:[0-9a-f]{32}$/)
  expect(await automaticKey('Refund order 1042?', { currency: 'EUR', amount: 240.0, order: 1042 })).toBe(key)
  expect(await automaticKey('Refund order 1042?', { order: 1042, amount: 241, currency: 'EUR' })).not.toBe(key)
})

test('T26 fixed values, so that every runtime and version makes the same key', async () => {
  // printf '{"payload":{"amount":250,"text":"Grüße, 世界"},"task":"Überweisen?"}' | sha256sum
  expect(await automaticKey('Überweisen?', { text: 'Grüße, 世界', amount: JSON.parse('250.0') })).toBe(
    'auto:82a638f63a5d9c9c1bf7757c035bd952',
  )
  // printf '{"payload":{},"run":"r1","task":"Ship it?"}' | sha256sum
  expect(await automaticKey('Ship it?', {}, 'r1')).toBe('auto:c01f719a0a317004175d749e7f8658ae')
})

test('T26 the canonical form is that of RFC 8785', () => {
  expect(
    canonicalJson({
      numbers: [JSON.parse('333333333.33333329'), 1e30, 4.5, 2e-3, 1e-27, -0],
      string: '\u20ac$\u000F\nA\'B"\\\\"/',
      literals: [null, true, false],
    }),
  ).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27,0],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  )
  expect(canonicalJson({ '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 })).toBe(
    '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}',
  )
})

test('T6 a BigInt travels digit for digit, and members keep their order where nothing is hashed', () => {
  expect(jsonText({ b: 12345678901234567890n, a: new Date(0), gone: undefined })).toBe(
    '{"b":12345678901234567890,"a":"1970-01-01T00:00:00.000Z"}',
  )
})

test.each([
  ['a number that is none', { a: [1, Number.NaN] }, '/a/1'],
  ['a function', { 'x/y': () => 1 }, '/x~1y'],
  ['half a character', { a: '\ud800' }, '/a'],
])('T26 %s is refused with its path', (_name, value, path) => {
  expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ path }))
})

test('T26 a value that contains itself is refused', () => {
  const loop: Record<string, unknown> = {}
  loop.self = { loop }
  expect(() => canonicalJson(loop)).toThrow(NotJson)
})
