import { expect, test } from 'vitest'
import { relative } from './time.ts'

test('what is left of a time is said so that nobody reads less into it than there is', () => {
  const now = Date.parse('2026-01-02T03:04:05Z')
  const at = (seconds: number) => relative(new Date(now + seconds * 1000).toISOString(), now)
  expect([2, 40, 90, 7199, 7140, 50_000, 90_000, 200_000].map(at)).toEqual([
    'now',
    'in 40 s',
    'in 2 min',
    'in 2 h',
    'in 1 h 59 min',
    'in 14 h',
    'in 25 h',
    'in 2 days',
  ])
  expect(at(-300)).toBe('5 min ago')
})
