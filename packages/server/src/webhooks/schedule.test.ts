import { expect, test } from 'vitest'
import { DELAYS, nextDelayMs, readRetryAfter, totalsOf } from './schedule.ts'

test('P87 the published totals come out', () => {
  expect(totalsOf(DELAYS.standard)).toEqual({ attempts: 10, total_seconds: 272_105 })
  expect(272_105).toBe(75 * 3_600 + 35 * 60 + 5)
  expect(totalsOf(DELAYS.quick_24h)).toEqual({ attempts: 12, total_seconds: 86_400 })
  expect(DELAYS.ping).toEqual([5, 30, 300])
})

test('P87 jitter is ±10 %, never under half a second, and spread over both sides', () => {
  expect(nextDelayMs([300], 1, null, () => 0)).toBe(270_000)
  expect(nextDelayMs([300], 1, null, () => 0.5)).toBe(300_000)
  expect(nextDelayMs([300], 1, null, () => 1)).toBe(330_000)
  expect(nextDelayMs([0.2], 1, null)).toBe(500)
  const all = Array.from({ length: 500 }, () => nextDelayMs([100], 1, null) as number)
  expect(Math.min(...all)).toBeGreaterThanOrEqual(90_000)
  expect(Math.max(...all)).toBeLessThanOrEqual(110_000)
  expect(all.some((ms) => ms < 98_000) && all.some((ms) => ms > 102_000)).toBe(true)
})

test('P86 Retry-After wins where it is longer, for a day at most, and a schedule that is over stays over', () => {
  expect(nextDelayMs([5], 1, 120, () => 0.5)).toBe(120_000)
  expect(nextDelayMs([300], 1, 120, () => 0.5)).toBe(300_000)
  expect(nextDelayMs([5], 1, 999_999_999, () => 0.5)).toBe(86_400_000)
  expect(nextDelayMs([5], 2, 120)).toBeNull()
})

test.each([
  ['120', 120],
  ['0', 0],
  ['Thu, 01 Jan 2026 00:02:00 GMT', 120],
  ['Wed, 31 Dec 2025 00:00:00 GMT', 0],
  ['soon', null],
  ['-5', null],
  ['1.5', null],
  ['1e9', null],
  ['99999999999', null],
  ['Thu, 01 Foo 2026 00:00:00 GMT', null],
  ['2026-01-01T00:00:00Z', null],
  [null, null],
])('P86 Retry-After %s is %s seconds', (text, seconds) => {
  expect(readRetryAfter(text, new Date('2026-01-01T00:00:00.000Z'))).toBe(seconds)
})
