// How queues share a worker's permits (Q91): a fixed number is a pool of its own; the others share `concurrency` by minimum and weight, and
// what one does not use overflows to whoever has work. Pure: knows nothing of jobs, time or the database.
import { QueueError } from './error.ts'

export type QueueShare = number | { min?: number; weight?: number }
export type Shares = Readonly<Record<string, QueueShare>>

export type Want = { queue: string; n: number; of?: number }

type Share = { queue: string; min: number; weight: number }

export type Permits = {
  /** What to ask of which queue now, in order; `of` is what the queues that share may get together. A queue may stand here more than once. */
  wants(): Want[]
  /** What a claim gave, by queue: one that gave nothing has no more for now. */
  answered(wants: readonly Want[], got: ReadonlyMap<string, number>): void
  take(queue: string): void
  free(queue: string): void
  running(): number
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
  const pools = Object.entries(shares).filter((one): one is [string, number] => typeof one[1] === 'number')
  const shared: Share[] = Object.entries(shares)
    .filter((one): one is [string, { min?: number; weight?: number }] => typeof one[1] !== 'number')
    .map(([queue, { min = 0, weight = 1 }]) => ({ queue, min, weight }))
  const held = new Map<string, number>(Object.keys(shares).map((queue) => [queue, 0]))
  const hungry = new Set<string>(shared.map((one) => one.queue))
  const runs = (queue: string) => held.get(queue) ?? 0

  // In the order in which the engine serves: minimums, then a look at each queue that had nothing, then shares, then what is left over.
  const sharedWants = (): Want[] => {
    const of = concurrency - shared.reduce((sum, one) => sum + runs(one.queue), 0)
    const wants: Want[] = []
    const ask = (queue: string, n: number) => {
      if (n > 0) wants.push({ queue, n: Math.min(n, of), of })
    }
    if (of <= 0) return wants
    const byNeed = [...shared].sort((a, b) => runs(a.queue) / a.weight - runs(b.queue) / b.weight)
    const contenders = byNeed.filter((one) => hungry.has(one.queue))
    const weights = contenders.reduce((sum, one) => sum + one.weight, 0)
    for (const one of byNeed) if (!hungry.has(one.queue)) ask(one.queue, Math.max(1, one.min - runs(one.queue)))
    for (const one of contenders) ask(one.queue, one.min - runs(one.queue))
    for (const one of contenders) {
      const share = Math.max(one.min, Math.ceil((concurrency * one.weight) / weights))
      ask(one.queue, share - Math.max(runs(one.queue), one.min))
    }
    for (const one of contenders) ask(one.queue, of)
    return wants
  }

  return {
    wants() {
      const fixed = pools.map(([queue, size]) => ({ queue, n: size - runs(queue) })).filter((one) => one.n > 0)
      return [...fixed, ...sharedWants()]
    },
    answered(wants, got) {
      let left = wants.find((one) => one.of !== undefined)?.of ?? 0
      for (const { queue, n, of } of wants) {
        if (of === undefined || left <= 0) continue // nothing was left to ask with: says nothing about the queue
        const gave = got.get(queue) ?? 0
        if (gave > 0) hungry.add(queue)
        else hungry.delete(queue)
        left -= Math.min(n, gave)
      }
    },
    take: (queue) => void held.set(queue, runs(queue) + 1),
    free: (queue) => void held.set(queue, runs(queue) - 1),
    running: () => [...held.values()].reduce((sum, n) => sum + n, 0),
  }
}
