// Work that a transaction left to do, begun by the process that committed it, without the way through the queue (relay.md R43). Its job is written all the same and comes a little
// later: it finds the work done, or does it. Bounded over all and for each lane; whoever finds no room leaves it to the job. Keeps nothing that may not vanish with the process.
import type { Log } from '../std/log.ts'
import type { Tx } from './tx.ts'

export type Runner = {
  /** Whether one more of this lane would be begun: asked before its job is written, which then comes later. */
  hasRoom(lane: string): boolean
  /** The same for several that one transaction writes: each yes takes a place from those that are asked for after it. */
  rooms(): (lane: string) => boolean
  /** Begins the work once the transaction has committed. */
  offer(t: Tx, lane: string, work: (signal: AbortSignal) => Promise<unknown>): void
  /** Nothing more is begun; what runs is told to leave, and waited for. */
  close(): Promise<void>
}

export function openRunner({ most, mostOfLane, log }: { most: number; mostOfLane: number; log: Log }): Runner {
  const lanes = new Map<string, number>()
  const running = new Set<Promise<void>>()
  const leave = new AbortController()

  async function run(lane: string, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    lanes.set(lane, (lanes.get(lane) ?? 0) + 1)
    try {
      await work(leave.signal)
    } catch (error) {
      log.warn({ err: error }, 'what was begun after its commit failed; its job does it')
    } finally {
      const left = (lanes.get(lane) ?? 1) - 1
      if (left > 0) lanes.set(lane, left)
      else lanes.delete(lane)
    }
  }

  function rooms(): (lane: string) => boolean {
    const given = new Map<string, number>()
    let all = 0
    return (lane) => {
      const own = given.get(lane) ?? 0
      const isFree = running.size + all < most && (lanes.get(lane) ?? 0) + own < mostOfLane
      if (leave.signal.aborted || !isFree) return false
      given.set(lane, own + 1)
      all++
      return true
    }
  }

  return {
    hasRoom: (lane) => rooms()(lane),
    rooms,
    offer(t, lane, work) {
      t.afterCommit(() => {
        if (leave.signal.aborted) return
        const one = run(lane, work).finally(() => running.delete(one))
        running.add(one)
      })
    },
    async close() {
      leave.abort()
      await Promise.all(running)
    },
  }
}
