// Time that flows as outside and can be moved forward, for the database and this process together: of `countersign dev` and of the tests. Never moves back, for what was
// written in between would lie in the future.
import type { Clock } from '../../std/clock.ts'

export type MovableClock = Clock & {
  /** '500ms', '25s', '10m', '1h', '2d' or milliseconds: moves the database, fires what fell due, and lets every waiter look again. */
  advance(time: string | number): Promise<void>
  /** Called after each move. */
  onMove(fn: () => void): void
  /** By how many milliseconds it is ahead of the machine's. */
  ahead(): number
}

const UNITS: Record<string, number> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

export function milliseconds(time: string | number): number {
  if (typeof time === 'number') return time
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(time) ?? []
  const factor = UNITS[unit]
  if (count === undefined || factor === undefined) throw new TypeError(`A time is written like 25s or 1h, not ${time}.`)
  return Number(count) * factor
}

/** `ahead`: how far the database is already. */
export function movableClock(moveDatabase: (ms: number) => Promise<unknown>, ahead = 0): MovableClock {
  let offset = ahead
  const now = () => Date.now() + offset
  const waiting = new Set<{ due: number; fire: () => void }>()
  const listeners = new Set<() => void>()
  return {
    now: () => new Date(now()),
    ahead: () => offset,
    timer(ms, fn) {
      const one = {
        due: now() + ms,
        fire: () => {
          clearTimeout(handle)
          if (waiting.delete(one)) fn()
        },
      }
      waiting.add(one)
      const handle = setTimeout(one.fire, Math.min(Math.max(ms, 0), 2 ** 31 - 1)).unref()
      return () => {
        clearTimeout(handle)
        waiting.delete(one)
      }
    },
    async advance(time) {
      const ms = milliseconds(time)
      await moveDatabase(ms)
      offset += ms
      const due = [...waiting].filter((one) => one.due <= now()).sort((a, b) => a.due - b.due)
      for (const one of due) one.fire()
      for (const fn of listeners) fn()
    },
    onMove: (fn) => void listeners.add(fn),
  }
}
