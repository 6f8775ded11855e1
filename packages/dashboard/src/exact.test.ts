import { expect, test } from 'vitest'
import { plain, readExact, writeExact } from './exact.ts'

test('T6 a number that a double cannot hold is shown digit for digit', () => {
  const json =
    '{"order":9007199254740993,"amount":240.10,"rate":1e400,"lines":[{"sku":"A\\"1","n":-0.0}],"none":null,"ok":true,"empty":{},"list":[]}'
  const text = writeExact(readExact(json))
  for (const digits of ['9007199254740993', '240.10', '1e400', '-0.0']) expect(text).toContain(digits)
  expect(text.replace(/\s/g, '')).toBe(json)
})

test('text keeps its letters and an object its order', () => {
  const shown = readExact('{"b":"é\\u0041\\n","a":[1,[2,[]]]}')
  expect([...(shown as Map<string, unknown>).keys()]).toEqual(['b', 'a'])
  expect((shown as Map<string, unknown>).get('b')).toBe('éA\n')
})

test('T6 a prefilled number that would lose digits fills its input as the text it was', () => {
  expect(plain(readExact('{"a":9007199254740993,"b":[1.5,null],"c":"x"}'))).toEqual({
    a: '9007199254740993',
    b: [1.5, null],
    c: 'x',
  })
})
