// How many waits of one principal are open at once, over all processes (T31). Leases are taken in blocks of 50, so that a thousand waits cost twenty rows'
// worth of leases and a wait that finds room in a block costs nothing. Counts nothing else and wakes nobody.
import type { Limits } from '../http/limit.ts'
import type { Clock } from '../std/clock.ts'

export const BLOCK = 50
// An empty block is kept a moment: an agent that polls again at once does not take a lease each time.
const KEPT_MS = 10_000

export type WaitSlots = {
  /** Room for one wait, or 429 `concurrency_limited`; the returned function gives it back. */
  hold(principal: string): Promise<() => void>
  close(): Promise<void>
}

type Lease = { release(): Promise<void> }
type Room = { used: number; leases: Lease[]; taking: Promise<void>; cancelRest: () => void }

export function openWaitSlots(
  limits: Pick<Limits, 'hold'>,
  clock: Clock,
  bucket: 'task.wait' | 'relay.wait' = 'task.wait',
): WaitSlots {
  const rooms = new Map<string, Room>()

  // One after another per principal: the second of two waits at once often finds room in the block of the first.
  async function take(room: Room, principal: string): Promise<void> {
    const before = room.taking
    let done: () => void = () => undefined
    room.taking = new Promise<void>((resolve) => {
      done = resolve
    })
    try {
      await before
      if (room.used > room.leases.length * BLOCK) room.leases.push(await limits.hold(bucket, principal))
    } finally {
      done()
    }
  }
  function rest(principal: string, room: Room): void {
    room.cancelRest()
    room.cancelRest = clock.timer(KEPT_MS, () => {
      const spare = room.leases.length - Math.ceil(room.used / BLOCK)
      for (const lease of room.leases.splice(room.leases.length - spare, spare)) void lease.release().catch(() => undefined)
      if (room.used === 0) rooms.delete(principal)
    })
  }
  return {
    async hold(principal) {
      const room = rooms.get(principal) ?? { used: 0, leases: [], taking: Promise.resolve(), cancelRest: () => undefined }
      rooms.set(principal, room)
      room.used++
      const leave = () => {
        room.used--
        rest(principal, room)
      }
      try {
        if (room.used > room.leases.length * BLOCK) await take(room, principal)
      } catch (error) {
        leave()
        throw error
      }
      return leave
    },
    async close() {
      for (const room of rooms.values()) room.cancelRest()
      await Promise.allSettled([...rooms.values()].flatMap((room) => room.leases.map((lease) => lease.release())))
      rooms.clear()
    },
  }
}
