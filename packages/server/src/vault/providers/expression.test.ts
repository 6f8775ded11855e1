import fc from 'fast-check'
import { expect, test } from 'vitest'
import { beginningsOf, ExpressionFault, readExpression } from './expression.ts'

test.each([
  '(a+)+$',
  '(a*)*',
  '((a|b)+c)*',
  '(?=a)b',
  '(?<!a)b',
  '(a)\\1',
  '(?<x>a)\\k<x>',
  'a{5000}',
  '(',
  '[z-a]',
  `${'a'.repeat(201)}`,
])('V4 §10.1 the pattern %j is refused', (source) => {
  expect(() => readExpression(source)).toThrow(ExpressionFault)
})

test.each([
  ['^sk-.{20,}$', 'sk-abcdefghijklmnopqrstu', 'sk-abc'],
  ['^sk-ant-', 'sk-ant-1', 'xsk-ant-'],
  ['^(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{4,8}$', 'rk_test_abcd', 'rk_test_abc'],
  ['^[a-z]{2}\\d{1,3}$', 'us21', 'us'],
  ['\\bcat\\b', 'a cat here', 'concat'],
  ['^a?b|c$', 'xc', 'x'],
  ['^\\p{Lu}x$', 'Äx', 'äx'],
  ['^$', '', 'a'],
  ['a.c', 'a😀c', 'a\nc'],
])('V4 %j takes %j and not %j', (source, good, bad) => {
  expect(readExpression(source).test(good)).toBe(true)
  expect(readExpression(source).test(bad)).toBe(false)
})

test('V4 it means what the language’s own engine means', () => {
  const atom = fc.constantFrom('a', 'b', '[ab]', '[^a]', '\\d', '.', '\\w')
  const piece = fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{2}', '{1,3}', '{2,}')).map(([one, sign]) => one + sign)
  const group = fc
    .tuple(fc.array(atom, { minLength: 1, maxLength: 3 }), fc.constantFrom('|', ''), fc.constantFrom('', '?', '{2}'))
    .map(([all, bar, sign]) => `(?:${all.join(bar)})${sign}`)
  const source = fc
    .tuple(fc.constantFrom('^', ''), fc.array(fc.oneof(piece, group), { maxLength: 5 }), fc.constantFrom('$', ''))
    .map(([start, middle, end]) => start + middle.join('') + end)
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '1', '-'), maxLength: 8 })
  fc.assert(
    fc.property(source, text, (pattern, value) => {
      expect([pattern, value, readExpression(pattern).test(value)]).toEqual([
        pattern,
        value,
        new RegExp(pattern, 'u').test(value),
      ])
    }),
    { numRuns: 500 },
  )
})

test('V4 a text that keeps other engines busy for ever is walked once', () => {
  // Cubic at best where one goes back and tries again: 10^14 steps.
  expect(readExpression('^\\w*\\w*\\w*!$').test('a'.repeat(50_000))).toBe(false)
})

test.each([
  ['^sk-ant-', ['sk-ant-']],
  ['^(?:sk|rk)_(?:live|test)_.{8,}$', ['sk_live_', 'sk_test_', 'rk_live_', 'rk_test_']],
  ['^SG\\..{20,}$', ['SG.']],
  ['^(?:AC|SK)[0-9a-f]{32}$', ['AC', 'SK']],
  ['^[0-9a-f]{32}$', []],
  ['sk-', []],
  ['^a?b$', []],
  ['^ab|^cd', []],
])('V131 what everything that fits %s begins with is %j', (source, beginnings) => {
  expect(beginningsOf(source)).toEqual(beginnings)
})
