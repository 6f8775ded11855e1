import { expect, test } from 'vitest'
import { niceTop } from './chart.tsx'
import { span } from './frame.tsx'
import { readTyped } from './json.ts'
import { readSearch } from './search.ts'

test('Q141 a search names fields by their prefix, and looks for everything else', () => {
  expect(readSearch('kind:mail.send queue:mail state:failed tag:vip key:order-1 hello  world')).toEqual({
    kind: 'mail.send',
    queue: 'mail',
    state: 'failed',
    tag: 'vip',
    unique_key: 'order-1',
    q: 'hello world',
  })
  expect(readSearch('state:gone other:x')).toEqual({ q: 'state:gone other:x' })
  expect(readSearch('  ')).toEqual({})
})

test('Q141 figures are said as people say them', () => {
  expect([null, 0.44, 9.96, 12.4, 1_240, 61_000, 7_200_000].map(span)).toEqual([
    '–',
    '0.4 ms',
    '10 ms',
    '12 ms',
    '1.2 s',
    '1 min',
    '2 h',
  ])
  expect([0, 1, 3, 7, 12, 480, 1_001].map(niceTop)).toEqual([1, 1, 5, 10, 20, 500, 2_000])
})

test('Q141 what a person types as JSON is sent as typed, or not at all', () => {
  expect(['', ' {"a":[1.5,9007199254740991]} ', '"x"'].map(readTyped)).toEqual([
    { value: undefined },
    { value: { a: [1.5, 9007199254740991] } },
    { value: 'x' },
  ])
  for (const wrong of ['x', '{"a":', '{"a":[9007199254740993]}'])
    expect([wrong, readTyped(wrong).fault]).toEqual([wrong, expect.any(String)])
})
