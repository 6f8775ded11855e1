// Which delivery gets one of the process's sockets (P93). An endpoint earns its room: it begins with one request at a time, doubles with every answer, and
// falls back to one when it lets us wait. What has not answered lately shares half of the sockets, so that any number of endpoints that hang leaves the
// other half to those that do not. Judges by this process's experience; what all processes together may do stands in the queue.
import type { Clock } from '../../std/clock.ts'

export type Answered = 'answered' | 'timeout' | 'failed' | 'slow_down'

export type Pass = {
  /** The request leaves now: until then it is we who take our time, and the endpoint lets nobody wait. */
  sends(): void
  /** Once, when the exchange is over; `nothing`: there was none, and nothing is learned. */
  leave(how: Answered | 'nothing'): void
}

export type Slots = {
  /** A socket, or in how many milliseconds to ask again. `waitMs`: so long its turn may be waited for here. */
  enter(lane: string, waitMs?: number): Promise<Pass | { againMs: number }>
  /** What the rows say of an endpoint that this process may not have met. */
  learn(lane: string, timeouts: number): void
  readonly busy: number
}

type Begun = { sentAt: number | null }
type Lane = { begun: Begun[]; window: number; timeouts: number; answeredAt: number; slowedUntil: number }
type Waiter = { lane: string; until: number; go: (pass: Pass | { againMs: number }) => void; cancel: () => void }

const LARGEST_WINDOW = 50
/** An endpoint that kept us waiting so long is not counted on. */
const SLOW_MS = 1_000
/** So long is an answer remembered. */
const PROVEN_MS = 300_000
const SLOWED_MS = 60_000
/** How long a delivery waits here for its turn before it gives its place to others. */
const WAIT_MS = 250
const TIMEOUTS_TO_ONE_SLOT = 3

export function openSlots(clock: Clock, sockets: number): Slots {
  const lanes = new Map<string, Lane>()
  const waiting: Waiter[] = []
  let busy = 0
  const now = () => clock.now().getTime()

  const laneOf = (name: string): Lane => {
    const known = lanes.get(name)
    if (known) return known
    if (lanes.size > 10_000) for (const [one, { begun }] of lanes) if (begun.length === 0) lanes.delete(one)
    const lane = { begun: [], window: 1, timeouts: 0, answeredAt: -Infinity, slowedUntil: 0 }
    lanes.set(name, lane)
    return lane
  }
  const isSlow = (lane: Lane, at: number) => lane.begun.some(({ sentAt }) => sentAt !== null && at - sentAt >= SLOW_MS)
  const isProven = (lane: Lane, at: number) => at - lane.answeredAt < PROVEN_MS && lane.timeouts === 0 && !isSlow(lane, at)
  const doubtful = (at: number): number => {
    let sum = 0
    for (const lane of lanes.values()) if (lane.begun.length > 0 && !isProven(lane, at)) sum += lane.begun.length
    return sum
  }
  const roomOf = (lane: Lane, at: number): number => {
    if (lane.timeouts >= TIMEOUTS_TO_ONE_SLOT) return 1
    return lane.slowedUntil > at ? Math.max(1, Math.floor(lane.window / 2)) : lane.window
  }
  const mayGo = (lane: Lane, at: number): boolean =>
    busy < sockets &&
    lane.begun.length < roomOf(lane, at) &&
    (isProven(lane, at) || doubtful(at) < Math.max(1, Math.floor(sockets / 2)))

  function pass(lane: Lane): Pass {
    busy++
    const own: Begun = { sentAt: null }
    lane.begun.push(own)
    let isOver = false
    return {
      sends() {
        own.sentAt = now()
      },
      leave(how) {
        if (isOver) return
        isOver = true
        busy--
        lane.begun.splice(lane.begun.indexOf(own), 1)
        if (how !== 'nothing') judge(lane, how, now())
        wakeWaiters()
      },
    }
  }

  function judge(lane: Lane, how: Answered, at: number): void {
    lane.timeouts = how === 'timeout' ? lane.timeouts + 1 : 0
    if (how === 'timeout') lane.window = 1
    else if (how === 'failed') lane.window = Math.max(1, Math.floor(lane.window / 2))
    else lane.answeredAt = at
    if (how === 'answered') lane.window = Math.min(LARGEST_WINDOW, lane.window * 2)
    if (how === 'slow_down') lane.slowedUntil = at + SLOWED_MS
  }

  // In the order of arrival, but past those whose endpoint has no room.
  function wakeWaiters(): void {
    const at = now()
    for (const waiter of [...waiting]) {
      if (busy >= sockets) return
      const lane = laneOf(waiter.lane)
      if (mayGo(lane, at)) leaveLine(waiter, pass(lane))
    }
  }

  function leaveLine(waiter: Waiter, how: Pass | { againMs: number }): void {
    waiting.splice(waiting.indexOf(waiter), 1)
    waiter.cancel()
    waiter.go(how)
  }

  // Spread out, so that those sent away do not all come back at once.
  const later = (lane: Lane, at: number) => {
    const base = lane.timeouts >= TIMEOUTS_TO_ONE_SLOT ? 5_000 : isSlow(lane, at) ? 2_000 : 500
    return { againMs: Math.round(base * (0.5 + (crypto.getRandomValues(new Uint32Array(1))[0] as number) / 2 ** 32)) }
  }

  return {
    async enter(name, waitMs = WAIT_MS) {
      const at = now()
      const lane = laneOf(name)
      if (mayGo(lane, at)) return pass(lane)
      // Behind an endpoint that hangs nobody waits here.
      if (isSlow(lane, at) || lane.timeouts > 0) return later(lane, at)
      return new Promise((go) => {
        const waiter: Waiter = { lane: name, until: at + waitMs, go, cancel: () => undefined }
        waiter.cancel = clock.timer(waitMs, () => leaveLine(waiter, later(lane, now())))
        waiting.push(waiter)
      })
    },
    learn(name, timeouts) {
      const lane = laneOf(name)
      if (timeouts >= TIMEOUTS_TO_ONE_SLOT && lane.answeredAt === -Infinity) lane.timeouts = Math.max(lane.timeouts, timeouts)
    },
    get busy() {
      return busy
    },
  }
}
