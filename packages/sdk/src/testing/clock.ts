// A clock that moves only when told to. Timers run in the order in which they are due, each at its own time, and what they set in motion
// has settled before the next one runs.

import type { Clock } from '../clock.ts'
import { type Duration, milliseconds } from '../duration.ts'

/** A clock that stands still until it is moved. */
export type TestClock = Clock & {
  /** Moves on by `"2h"` or milliseconds and runs what falls due. */
  advance(by: Duration): Promise<void>
}

type Timer = { at: number; fn: () => void }

export function testClock(start: Date | string = '2030-01-01T00:00:00.000Z'): TestClock {
  let now = new Date(start).getTime()
  const timers = new Set<Timer>()
  const nextDue = (until: number) => [...timers].filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0]

  return {
    now: () => new Date(now),
    timer(ms, fn) {
      const timer = { at: now + Math.max(0, ms), fn }
      timers.add(timer)
      return () => timers.delete(timer)
    },
    async advance(by) {
      const ms = milliseconds(by)
      if (ms === null) throw new TypeError(`${JSON.stringify(by)} is not a time; write milliseconds or text such as "2h".`)
      const until = now + ms
      await settled()
      for (let timer = nextDue(until); timer; timer = nextDue(until)) {
        timers.delete(timer)
        now = Math.max(now, timer.at)
        timer.fn()
        await settled()
      }
      now = until
      await settled()
    },
  }
}

/** Lets promises and streams that are ready run on; a turn of the event loop outlasts any chain of settled promises. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setTimeout(resolve))
}
