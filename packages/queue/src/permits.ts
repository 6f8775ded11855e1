// How queues share a worker's permits (Q91): a fixed number is a pool of its own; the others share `concurrency` by minimum and weight, and
// what one does not use overflows to whoever has work. A job may be held before a permit is free for it, as many as the caller says start soon
// (Q90). Pure: knows nothing of jobs, time or the database.
import { QueueError } from './error.ts'

export type QueueShare = number | { min?: number; weight?: number }
export type Shares = Readonly<Record<string, QueueShare>>

/** `ahead`: how many of `n` have no permit yet. */
export type Want = { queue: string; n: number; of?: number; ahead?: number }

type Share = { queue: string; min: number; weight: number }

/** How many jobs of a queue may be held beyond its permits, for they start soon. */
export type Ahead = (queue: string) => number

export type Permits = {
  /** What to ask of which queue now, in order; `of` is what the queues that share may get together. A queue may stand here more than once. */
  wants(ahead?: Ahead): Want[]
  /** What a claim gave, by queue: one that gave nothing has no more for now. */
  answered(wants: readonly Want[], got: ReadonlyMap<string, number>): void
  /** Held without a permit, or no longer. */
  wait(queue: string, n: number): void
  /** A handler starts, one ends. */
  take(queue: string): void
  free(queue: string): void
  /** Of the queues that have something to start, the one whose turn it is; undefined: no permit is free for any. */
  next(queues: Iterable<string>): string | undefined
  /** Permits that nobody holds. */
  unheld(): number
  /** The permits of a queue: its pool's, or those shared. */
  size(queue: string): number
  runningOf(queue: string): number
  running(): number
  waiting(): number
}

/** All faults at once, in sentences. */
export function checkShares(shares: Shares, concurrency: number): string[] {
  const faults: string[] = []
  if (!Number.isInteger(concurrency) || concurrency < 1) faults.push('concurrency is a whole number above 0')
  for (const [queue, share] of Object.entries(shares)) {
    if (typeof share === 'number') {
      if (!Number.isInteger(share) || share < 1) faults.push(`the pool of queue ${queue} is a whole number above 0`)
    } else {
      if (share.weight !== undefined && !(share.weight > 0)) faults.push(`the weight of queue ${queue} is above 0`)
      if (share.min !== undefined && !(Number.isInteger(share.min) && share.min >= 0))
        faults.push(`the minimum of queue ${queue} is a whole number`)
    }
  }
  const mins = Object.values(shares).reduce<number>((sum, share) => sum + (typeof share === 'number' ? 0 : (share.min ?? 0)), 0)
  if (mins > concurrency) faults.push('the minimums of all queues together fit into concurrency')
  return faults
}

export function makePermits(shares: Shares, concurrency: number): Permits {
  const faults = checkShares(shares, concurrency)
  if (faults.length > 0) throw new QueueError('validation_failed', faults.join('; '))
  const pools = new Map(Object.entries(shares).filter((one): one is [string, number] => typeof one[1] === 'number'))
  const shared: Share[] = Object.entries(shares)
    .filter((one): one is [string, { min?: number; weight?: number }] => typeof one[1] !== 'number')
    .map(([queue, { min = 0, weight = 1 }]) => ({ queue, min, weight }))
  const shareOf = new Map(shared.map((share) => [share.queue, share]))
  const running = new Map<string, number>(Object.keys(shares).map((queue) => [queue, 0]))
  const waiting = new Map<string, number>(Object.keys(shares).map((queue) => [queue, 0]))
  const hungry = new Set<string>(shared.map((one) => one.queue))
  const runs = (queue: string) => running.get(queue) ?? 0
  const waits = (queue: string) => waiting.get(queue) ?? 0
  const holds = (queue: string) => runs(queue) + waits(queue)
  let sharedRunning = 0
  let sharedWaiting = 0

  // In the order in which the engine serves: minimums, then a look at each queue that had nothing, then shares, then what is left over.
  const sharedWants = (ahead: Ahead): Want[] => {
    const wants: Want[] = []
    const asked = new Map<string, number>()
    const free = Math.max(0, concurrency - sharedRunning - sharedWaiting)
    const ask = (queue: string, n: number) => {
      const of = concurrency + ahead(queue) - sharedRunning - sharedWaiting
      const least = Math.min(n, of)
      if (least <= 0) return
      const before = asked.get(queue) ?? 0
      asked.set(queue, before + least)
      const early = Math.min(least, Math.max(0, before + least - free))
      wants.push(early > 0 ? { queue, n: least, of, ahead: early } : { queue, n: least, of })
    }
    const byNeed = [...shared].sort((a, b) => holds(a.queue) / a.weight - holds(b.queue) / b.weight)
    const contenders = byNeed.filter((one) => hungry.has(one.queue))
    const weights = contenders.reduce((sum, one) => sum + one.weight, 0)
    for (const one of byNeed) if (!hungry.has(one.queue)) ask(one.queue, Math.max(1, one.min - holds(one.queue)))
    for (const one of contenders) ask(one.queue, one.min - holds(one.queue))
    for (const one of contenders) {
      const share = Math.max(one.min, Math.ceil(((concurrency + ahead(one.queue)) * one.weight) / weights))
      ask(one.queue, share - Math.max(holds(one.queue), one.min))
    }
    if (contenders.length > 1) for (const one of contenders) ask(one.queue, concurrency + ahead(one.queue))
    return wants
  }

  const mayStart = (queue: string): boolean => {
    const pool = pools.get(queue)
    return pool === undefined ? sharedRunning < concurrency : runs(queue) < pool
  }

  return {
    wants(ahead = () => 0) {
      const fixed: Want[] = []
      for (const [queue, size] of pools) {
        const n = size + ahead(queue) - holds(queue)
        const early = Math.max(0, n - Math.max(0, size - holds(queue)))
        if (n > 0) fixed.push(early > 0 ? { queue, n, ahead: early } : { queue, n })
      }
      return [...fixed, ...sharedWants(ahead)]
    },
    answered(wants, got) {
      let left = Math.max(0, ...wants.map((one) => one.of ?? 0))
      for (const { queue, n, of } of wants) {
        if (of === undefined || left <= 0) continue // nothing was left to ask with: says nothing about the queue
        const gave = got.get(queue) ?? 0
        if (gave > 0) hungry.add(queue)
        else hungry.delete(queue)
        left -= Math.min(n, gave)
      }
    },
    wait(queue, n) {
      waiting.set(queue, waits(queue) + n)
      if (!pools.has(queue)) sharedWaiting += n
    },
    take(queue) {
      running.set(queue, runs(queue) + 1)
      if (!pools.has(queue)) sharedRunning++
    },
    free(queue) {
      running.set(queue, runs(queue) - 1)
      if (!pools.has(queue)) sharedRunning--
    },
    next(queues) {
      let best: string | undefined
      let lowest = Number.POSITIVE_INFINITY
      for (const queue of queues) {
        if (!mayStart(queue)) continue
        const { min, weight } = shareOf.get(queue) ?? { min: 0, weight: 1 }
        // A queue below its minimum goes before all that are not.
        const need = runs(queue) < min ? runs(queue) / weight - concurrency - 1 : runs(queue) / weight
        if (need < lowest) {
          lowest = need
          best = queue
        }
      }
      return best
    },
    unheld() {
      let unheld = shared.length > 0 ? concurrency - sharedRunning : 0
      for (const [queue, size] of pools) unheld += size - runs(queue)
      return unheld
    },
    size: (queue) => pools.get(queue) ?? concurrency,
    runningOf: runs,
    running: () => [...running.values()].reduce((sum, n) => sum + n, 0),
    waiting: () => [...waiting.values()].reduce((sum, n) => sum + n, 0),
  }
}
