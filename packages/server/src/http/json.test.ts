import { expect, test } from 'vitest'
import { canonical } from '../crypto/canonical.ts'
import { Digits, JsonRefused, readJson, readJsonBody, writeJson } from './json.ts'

const refused = (text: string | Buffer): boolean => {
  try {
    readJsonBody(typeof text === 'string' ? Buffer.from(text) : text)
    return false
  } catch (error) {
    if (error instanceof JsonRefused) return true
    throw error
  }
}

test('T6 numbers that a double cannot give back keep every digit, the others stay numbers', () => {
  const text =
    '{"id":9007199254740993,"tiny":0.1000000000000000055,"huge":1e400,"deep":[{"n":-123456789012345678901234567890}],"plain":[1,0.1,1.5e3]}'
  const value = readJson(text) as Record<string, unknown>
  expect(writeJson(value)).toBe(text.replace('1.5e3', '1500'))
  expect(value.id).toBeInstanceOf(Digits)
  expect(value.plain).toEqual([1, 0.1, 1500])
  expect(canonical(value)).toContain('"id":9007199254740993')
})

test('T6 the same value in another spelling is the same number', () => {
  expect(readJson('[1.0, 1.10, 100e-2, 0.0, 0e5, -0.0, 9007199254740992, 1E2]')).toEqual([
    1, 1.1, 1, 0, 0, -0, 9007199254740992, 100,
  ])
})

test('T6 writeJson gives what JSON.stringify gives where no digits are at stake', () => {
  const value = { at: new Date(0), none: undefined, list: [undefined, null], text: 'ä\n"\u2028', nested: { toJSON: () => 7 } }
  expect(writeJson(value)).toBe(JSON.stringify(value))
  expect(writeJson({ ...value, n: new Digits('1e999') })).toBe(`${JSON.stringify(value).slice(0, -1)},"n":1e999}`)
})

test('P138 §21 what is not JSON in our sense is refused', () => {
  const bad = [
    '{"a":1,"a":2}',
    '{"a":{"b":1,"\\u0062":2}}',
    '{"__proto__":{}}',
    '{"\\u005f_proto__":{}}',
    '["\\ud800"]',
    '["\\udc00\\ud800"]',
    '["a\\u0000"]',
    '["a\u0000"]',
  ]
  bad.push(
    '\ufeff{}',
    '[NaN]',
    '[Infinity]',
    '[1,]',
    '{"a":1,}',
    '"text"',
    '1',
    'null',
    '',
    ' ',
    '{',
    '[1 2]',
    '[01]',
    '[1.]',
    '[.5]',
    '[+1]',
    '[-]',
    '[1e]',
    "{'a':1}",
    '{a:1}',
    '{"a" 1}',
  )
  bad.push('["\n"]', '["\\x"]', '["\\u12"]', '[tru]', '{} {}', '[1]x', '"', '/* */{}')
  expect(bad.filter((text) => !refused(text))).toEqual([])
  expect(refused(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))).toBe(true)
  expect(refused(Buffer.from('{"a":1}', 'utf16le'))).toBe(true)
  expect(refused(Buffer.concat([Buffer.from('["'), Buffer.from([0xed, 0xa0, 0x80]), Buffer.from('"]')]))).toBe(true)
})

test('P138 64 levels and 10,000 members pass, one more does not', () => {
  const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
  expect([refused(nested(64)), refused(nested(65)), refused(nested(100_000))]).toEqual([false, true, true])
  const wide = (count: number) => JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i])))
  expect([refused(wide(10_000)), refused(wide(10_001))]).toEqual([false, true])
})

test('P138 valid JSON reads as JSON.parse reads it', () => {
  const texts = [
    '{"a":[true,false,null,"\\u00e4\\ud83d\\ude00\\n\\/"],"constructor":1,"toString":"x"," ":{}}',
    '[]',
    '{}',
    ' [ 1 , {"b" : -1.5E-3 } ] \n',
    '["😀é\u2028"]',
    '[-0]',
  ]
  for (const text of texts) expect(readJson(text)).toEqual(JSON.parse(text))
})
