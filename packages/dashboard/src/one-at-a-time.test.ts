import { expect, test } from 'vitest'
import { oneAtATime } from './one-at-a-time.ts'

test('a hundred wishes during one reading make one more, not a hundred', async () => {
  const ends: (() => void)[] = []
  const want = oneAtATime(() => new Promise<void>((resolve) => ends.push(resolve)))
  for (let i = 0; i < 100; i++) want()
  expect(ends).toHaveLength(1)
  ends[0]?.()
  await expect.poll(() => ends.length).toBe(2)
  ends[1]?.()
  await Promise.resolve()
  await Promise.resolve()
  want()
  expect(ends).toHaveLength(3)
})
