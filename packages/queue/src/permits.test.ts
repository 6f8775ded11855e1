import { expect, test } from 'vitest'
import { makePermits, type Shares } from './permits.ts'

/** Fills up as a worker does, where each queue has so many jobs. */
function fill(shares: Shares, concurrency: number, jobs: Record<string, number>) {
  const permits = makePermits(shares, concurrency)
  const held: Record<string, number> = {}
  for (let round = 0; round < 20; round++) {
    const wants = permits.wants()
    expect(wants.every((want) => want.n > 0)).toBe(true)
    const gave = new Map<string, number>()
    let shared = 0
    for (const { queue, n, of } of wants) {
      const got = Math.min(n, jobs[queue] ?? 0, of === undefined ? n : of - shared) // as the engine serves
      if (of !== undefined) shared += got
      jobs[queue] = (jobs[queue] ?? 0) - got
      held[queue] = (held[queue] ?? 0) + got
      gave.set(queue, (gave.get(queue) ?? 0) + got)
      for (let i = 0; i < got; i++) permits.take(queue)
    }
    permits.answered(wants, gave)
  }
  return { permits, held }
}

test('Q91 contenders share by weight, each has its minimum, and nobody gets more in sum than there are', () => {
  expect(fill({ a: {}, b: {} }, 10, { a: 99, b: 99 }).held).toEqual({ a: 5, b: 5 })
  expect(fill({ a: { weight: 3 }, b: { weight: 1 } }, 8, { a: 99, b: 99 }).held).toEqual({ a: 6, b: 2 })
  expect(fill({ a: { weight: 100 }, b: { min: 2 } }, 8, { a: 99, b: 99 }).held).toEqual({ a: 6, b: 2 })
})

test('Q91 idle share overflows to whoever has work, and a fixed number is a pool of its own', () => {
  expect(fill({ a: {}, b: {} }, 10, { a: 99 }).held).toMatchObject({ a: 10 })
  expect(fill({ mail: 3, a: {} }, 4, { mail: 99, a: 99 }).held).toEqual({ mail: 3, a: 4 })
  expect(fill({ mail: 3, a: {} }, 4, { mail: 99 }).held).toMatchObject({ mail: 3 })
})

test('Q91 a queue that had nothing gets its turn as soon as a permit comes free', () => {
  const jobs: Record<string, number> = { a: 999, b: 0 }
  const { permits } = fill({ a: {}, b: {} }, 4, jobs)
  permits.free('a')
  expect(permits.wants().map((want) => want.queue)).toContain('b')
})

test('bad options are told all at once, before any connection', () => {
  expect(() => makePermits({ a: 0, b: { weight: 0 }, c: { min: 9 } }, 0)).toThrow(
    'concurrency is a whole number above 0; the pool of queue a is a whole number above 0; the weight of queue b is above 0; the minimums of all queues together fit into concurrency',
  )
})
