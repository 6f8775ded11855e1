// Time for the process: reading it and waiting for it. Facts in rows take the database's time (t.now), never this one.
export type Clock = {
  now(): Date
  timer(ms: number, fn: () => void): () => void // calls `fn` once after `ms`; what it returns cancels
}

/** `advance` moves time forward and fires what falls due on the way, in order, each at its own moment. */
export type TestClock = Clock & { advance(ms: number): void }

// setTimeout fires at once beyond 2^31-1 ms; a wait that long ends early here, which every waiter bears since it reads again.
const LONGEST = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => new Date(),
  timer(ms, fn) {
    const handle = setTimeout(fn, Math.min(Math.max(ms, 0), LONGEST))
    return () => clearTimeout(handle)
  },
}

export function testClock(options: { start?: Date | string | number } = {}): TestClock {
  let now = new Date(options.start ?? '2026-01-01T00:00:00.000Z').getTime()
  const waiting = new Set<{ due: number; fn: () => void }>()
  const next = (until: number) => [...waiting].filter((one) => one.due <= until).sort((a, b) => a.due - b.due)[0]
  return {
    now: () => new Date(now),
    timer(ms, fn) {
      const one = { due: now + Math.max(ms, 0), fn }
      waiting.add(one)
      return () => void waiting.delete(one)
    },
    advance(ms) {
      const until = now + ms
      for (let due = next(until); due; due = next(until)) {
        waiting.delete(due)
        now = Math.max(now, due.due)
        due.fn()
      }
      now = until
    },
  }
}
