import { expect, test } from 'vitest'
import { makeDeadlines } from './deadline.ts'

/** Time that only moves when it is told to. */
function clock() {
  let now = 0
  const waiting = new Set<{ due: number; fn: () => void }>()
  return {
    timers: () => waiting.size,
    now: () => now,
    timer(ms: number, fn: () => void) {
      const one = { due: now + ms, fn }
      waiting.add(one)
      return () => void waiting.delete(one)
    },
    advance(ms: number) {
      now += ms
      for (const one of [...waiting].sort((a, b) => a.due - b.due)) if (one.due <= now && waiting.delete(one)) one.fn()
    },
  }
}

type One = { expire(): void; bucket: Set<One> | null }

test('Q56 deadlines fire never early and at most a tenth of a second late, many on one timer', () => {
  const time = clock()
  const deadlines = makeDeadlines<One>(time)
  const fired: [number, number][] = []
  const dues = [1_000, 1_010, 1_050, 1_099, 1_100, 2_500, 2_501]
  for (const due of dues) {
    const one: One = { bucket: null, expire: () => void fired.push([due, time.now()]) }
    deadlines.watch(one, due, time.now())
  }
  expect(time.timers()).toBe(3)
  for (let i = 0; i < 3_000; i++) time.advance(1)
  expect(fired).toHaveLength(dues.length)
  for (const [due, at] of fired) {
    expect(at).toBeGreaterThanOrEqual(due)
    expect(at).toBeLessThanOrEqual(due + 101)
  }
  expect(time.timers()).toBe(0)
})

test('Q98 what ended in time leaves no timer, and closing leaves none at all', () => {
  const time = clock()
  const deadlines = makeDeadlines<One>(time)
  for (let i = 0; i < 500; i++) {
    const one: One = { bucket: null, expire: () => expect.unreachable() }
    deadlines.watch(one, 300_000, time.now())
    deadlines.forget(one)
    time.advance(20)
  }
  expect(time.timers()).toBeLessThanOrEqual(1)
  deadlines.watch({ bucket: null, expire: () => expect.unreachable() }, 50, time.now())
  deadlines.close()
  time.advance(1_000_000)
  expect(time.timers()).toBe(0)
})
