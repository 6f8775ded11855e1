import { expect, test } from 'vitest'
import { outOfDate } from './age.ts'

test('V52 a definition that was compared more than twelve months ago, or is said to be compared later than today, is found', () => {
  const today = new Date('2026-03-01T12:00:00Z')
  const on = (name: string, verified_on?: string) => ({ name, ...(verified_on === undefined ? {} : { verified_on }) })
  const all = [
    on('never'),
    on('today', '2026-03-01'),
    on('a-year', '2025-03-01'),
    on('older', '2025-02-28'),
    on('old', '2019-01-01'),
    on('future', '2026-03-02'),
  ]
  expect(outOfDate(all, today)).toEqual(['older (2025-02-28)', 'old (2019-01-01)', 'future (2026-03-02)'])
})
