import { expect, test } from 'vitest'
import { firesIn } from './zone.ts'

function times(cron: string, zone: string, after: string, count: number): string[] {
  const next = firesIn(cron, zone)
  const fires: string[] = []
  for (let at = next(new Date(after)); at && fires.length < count; at = next(at)) fires.push(at.toISOString().slice(5, 16))
  return fires
}

// Berlin, 29 March 2026: 02:00 → 03:00 at 01:00Z. 25 October 2026: 03:00 → 02:00 at 01:00Z.
const SPRING = '2026-03-28T12:00:00Z'
const AUTUMN = '2026-10-24T12:00:00Z'

test('Q115 A15 a time that DST skips fires at the first moment after the gap, and several skipped ones fire there together', () => {
  expect(times('30 2 * * *', 'Europe/Berlin', SPRING, 2)).toEqual(['03-29T01:00', '03-30T00:30'])
  expect(times('0,30 2 * * *', 'Europe/Berlin', SPRING, 3)).toEqual(['03-29T01:00', '03-30T00:00', '03-30T00:30'])
  expect(times('*/15 2 * * *', 'Europe/Berlin', SPRING, 2)).toEqual(['03-29T01:00', '03-30T00:00'])
  expect(times('0 2,3 * * *', 'Europe/Berlin', SPRING, 2)).toEqual(['03-29T01:00', '03-30T00:00'])
  expect(times('30 */2 * * *', 'Europe/Berlin', '2026-03-28T23:00:00Z', 3)).toEqual(['03-28T23:30', '03-29T01:00', '03-29T02:30'])
  expect(times('30 2 29 3 *', 'Europe/Berlin', '2025-06-01T00:00:00Z', 2)).toEqual(['03-29T01:00', '03-29T00:30'])
  expect(times('30 2 * * *', 'America/New_York', '2026-03-07T12:00:00Z', 2)).toEqual(['03-08T07:00', '03-09T06:30'])
  expect(times('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00:00Z', 2)).toEqual(['10-03T15:30', '10-04T15:15'])
  expect(times('0 12 30 12 *', 'Pacific/Apia', '2011-06-01T00:00:00Z', 1)).toEqual(['12-30T10:00']) // a day that there never was
})

test('Q115 A15 a time that DST repeats fires at its first pass only, also when asked for between the passes', () => {
  expect(times('30 2 * * *', 'Europe/Berlin', AUTUMN, 2)).toEqual(['10-25T00:30', '10-26T01:30'])
  expect(times('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:30:00Z', 1)).toEqual(['10-26T01:30'])
  expect(times('30 2 * * *', 'Europe/Berlin', '2026-10-25T01:10:00Z', 1)).toEqual(['10-26T01:30'])
  expect(times('0,30 2 * * *', 'Europe/Berlin', AUTUMN, 3)).toEqual(['10-25T00:00', '10-25T00:30', '10-26T01:00'])
  expect(times('0 * * * *', 'Europe/Berlin', '2026-10-24T22:30:00Z', 3)).toEqual(['10-24T23:00', '10-25T00:00', '10-25T02:00'])
  expect(times('30 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z', 2)).toEqual(['11-01T05:30', '11-02T06:30'])
  expect(times('45 1 * * *', 'Australia/Lord_Howe', '2026-04-04T00:00:00Z', 2)).toEqual(['04-04T14:45', '04-05T15:15'])
})

test('Q115 intervals below an hour run through both changes, by the time that passes', () => {
  expect(times('*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', 4)).toEqual([
    '03-29T00:30',
    '03-29T01:00',
    '03-29T01:30',
    '03-29T02:00',
  ])
  expect(times('15,45 * * * *', 'Europe/Berlin', '2026-03-29T00:30:00Z', 3)).toEqual([
    '03-29T00:45',
    '03-29T01:15',
    '03-29T01:45',
  ])
  expect(times('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z', 4)).toEqual([
    '10-25T00:30',
    '10-25T01:00',
    '10-25T01:30',
    '10-25T02:00',
  ])
  const next = firesIn('* * * * * *', 'Europe/Berlin')
  for (const change of ['2026-03-29T00:59:50Z', '2026-10-25T00:59:50Z', '2026-10-25T01:59:50Z']) {
    let at = new Date(change)
    for (let n = 0; n < 20; n++) {
      const after = next(at) as Date
      expect(after.getTime() - at.getTime()).toBe(1_000)
      at = after
    }
  }
})

test('Q115 away from the changes the fires are those of the clock on the wall, in every zone, and rare ones keep their zone’s offset', () => {
  expect(times('0 9 * * MON', 'Asia/Kathmandu', '2026-06-01T12:00:00Z', 2)).toEqual(['06-08T03:15', '06-15T03:15'])
  expect(times('0 0 1 1 *', 'Europe/Berlin', SPRING, 2)).toEqual(['12-31T23:00', '12-31T23:00'])
  expect(times('0 0 1 7 *', 'Europe/Berlin', SPRING, 2)).toEqual(['06-30T22:00', '06-30T22:00'])
  expect(times('0 0 29 2 *', 'UTC', SPRING, 2)).toEqual(['02-29T00:00', '02-29T00:00'])
  expect(firesIn('* * 31 2 *', 'UTC')(new Date(SPRING))).toBe(null)
})
