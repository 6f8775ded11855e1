import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readJson } from '../http/json.ts'
import { canonical } from './canonical.ts'

test('P108 the example of RFC 8785 §3.2.2 comes out byte for byte', () => {
  const value = {
    numbers: [JSON.parse('333333333.33333329'), 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
    string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
    literals: [null, true, false],
  }
  expect(canonical(value)).toBe(
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  )
})

test('P108 members are ordered by UTF-16 code units, as RFC 8785 §3.2.3 asks', () => {
  const value = { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '\ud83d\ude00': 5, '\u0080': 6, '\u00f6': 7 }
  expect([...canonical(value).matchAll(/:(\d)/g)].map((match) => Number(match[1]))).toEqual([2, 4, 6, 7, 1, 5, 3])
})

test('P108 canonical text parses back to the same value and does not depend on the order of members', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonical(value)
      expect(canonical(JSON.parse(text))).toBe(text)
      if (value && typeof value === 'object' && !Array.isArray(value)) {
        expect(canonical(Object.fromEntries(Object.entries(value).reverse()))).toBe(text)
      }
    }),
  )
})

test('T6 a number kept as its digits is written digit for digit', () => {
  expect(canonical(readJson('{"b":9007199254740993,"a":[1.10000000000000000001,1.10],"text":{"text":"1","valueOf":2}}'))).toBe(
    '{"a":[1.10000000000000000001,1.1],"b":9007199254740993,"text":{"text":"1","valueOf":2}}',
  )
})

test('P108 what is no JSON value throws, a missing member is left out, a time is its text', () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, undefined, 1n, () => 1, '\ud800', { '\udc00': 1 }, [undefined]]) {
    expect(() => canonical(bad)).toThrow(TypeError)
  }
  expect(canonical({ b: undefined, a: new Date(0), z: -0 })).toBe('{"a":"1970-01-01T00:00:00.000Z","z":0}')
})
