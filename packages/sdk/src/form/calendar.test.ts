import { expect, test } from 'vitest'
import { dayOf, localIn, momentIn, momentOf, secondOf } from './calendar.ts'

test('T79 days, times and moments are what they are, and nothing else is', () => {
  expect(['2026-02-28', '2024-02-29'].map((text) => dayOf(text) !== null)).toEqual([true, true])
  expect(['2026-02-29', '2026-13-01', '26-01-01', 7].map(dayOf)).toEqual([null, null, null, null])
  expect([secondOf('08:30'), secondOf('08:30:05'), secondOf('24:00'), secondOf('8:30')]).toEqual([30600, 30605, null, null])
  expect([momentOf('2026-01-01T00:00:00+01:00'), momentOf('2026-01-01T00:00:00'), momentOf('2026-02-30T00:00:00Z')]).toEqual([
    Date.UTC(2025, 11, 31, 23),
    null,
    null,
  ])
})

test('T79 the clocks of a zone are read and written, also where they change', () => {
  expect(momentIn('Europe/Vienna', '2026-01-15T08:30')).toBe('2026-01-15T07:30:00.000Z')
  expect(momentIn('Europe/Vienna', '2026-07-15T08:30')).toBe('2026-07-15T06:30:00.000Z')
  expect(momentIn('America/New_York', '2026-03-08T01:59')).toBe('2026-03-08T06:59:00.000Z')
  expect(momentIn('America/New_York', '2026-03-08T03:00')).toBe('2026-03-08T07:00:00.000Z')
  expect(momentIn('Asia/Kolkata', '2026-01-01T00:00:30')).toBe('2025-12-31T18:30:30.000Z')
  expect([momentIn('UTC', 'tomorrow'), momentIn('UTC', '2026-02-30T08:00')]).toEqual([null, null])
  for (const zone of ['Europe/Vienna', 'Asia/Kolkata', 'America/New_York', 'UTC'])
    for (const local of ['2026-01-15T08:30', '2026-07-15T23:59:07', '2026-10-25T12:00'])
      expect(localIn(zone, momentIn(zone, local) as string)).toBe(local)
})
