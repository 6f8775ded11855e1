// The millisecond that a handler of B3 waits, and what bare loops reach with it (Q158): Node's timers fire late and in batches, a look at the clock in each
// turn of the event loop does not, and costs the processor.
import type { Way } from './orders.ts'

type Waiter = { due: number; resume: () => void }
const waiters: Waiter[] = []
let turning = false

// All wait equally long, so the first in line is the first due.
function turn(): void {
  const now = performance.now()
  while (waiters.length > 0 && (waiters[0] as Waiter).due <= now) (waiters.shift() as Waiter).resume()
  turning = waiters.length > 0
  if (turning) setImmediate(turn)
}

export function wait(way: Way, ms: number): Promise<void> {
  return new Promise((resume) => {
    if (way === 'timer') {
      setTimeout(resume, ms)
      return
    }
    waiters.push({ due: performance.now() + ms, resume })
    if (turning) return
    turning = true
    setImmediate(turn)
  })
}

/** Waits per second of so many loops that do nothing else. */
export async function ceiling(way: Way, slots: number, ms: number): Promise<number> {
  const begun = performance.now()
  let waits = 0
  await Promise.all(
    Array.from({ length: slots }, async () => {
      while (performance.now() - begun < ms) {
        await wait(way, 1)
        waits++
      }
    }),
  )
  return (waits / (performance.now() - begun)) * 1000
}
