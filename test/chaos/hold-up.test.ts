import { expect, test } from 'vitest'
import { levelsOff } from './hold-up.ts'

test('A26 the disk levels off when its last third stays where the second was, and not while it grows on', () => {
  const many = (n: number, size: (i: number) => number) => Array.from({ length: n }, (_, i) => size(i))
  expect(levelsOff(many(60, (i) => Math.min(i, 20)))).toBe(true)
  expect(levelsOff(many(60, (i) => 100 + (i % 8)))).toBe(true)
  expect(levelsOff(many(60, (i) => i))).toBe(false)
  expect(levelsOff(many(60, (i) => (i === 59 ? 200 : 100)))).toBe(false)
  expect(levelsOff([1, 1])).toBe(false)
})
