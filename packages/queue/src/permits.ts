// How queues share a worker's permits (Q91): a fixed number is a pool of its own; the others share `concurrency` by minimum and weight, and
// what one does not use overflows to whoever has work. Pure: knows nothing of jobs, time or the database.
import { QueueError } from './error.ts'

export type QueueShare = number | { min?: number; weight?: number }
export type Shares = Readonly<Record<string, QueueShare>>

type Share = { queue: string; min: number; weight: number }

export type Permits = {
  /** How many jobs to ask of which queue now. Never more in sum than are free. */
  wants(): { queue: string; n: number }[]
  /** What a claim of that queue gave: less than asked means that it has no more for now. */
  answered(queue: string, asked: number, got: number): void
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

  const sharedWants = (): Map<string, number> => {
    const asked = new Map<string, number>()
    let free = concurrency - shared.reduce((sum, one) => sum + runs(one.queue), 0)
    const give = (queue: string, n: number) => {
      const some = Math.max(0, Math.min(n, free))
      free -= some
      if (some > 0) asked.set(queue, (asked.get(queue) ?? 0) + some)
    }
    const byNeed = [...shared].sort((a, b) => runs(a.queue) / a.weight - runs(b.queue) / b.weight)
    const contenders = byNeed.filter((one) => hungry.has(one.queue))
    const weights = contenders.reduce((sum, one) => sum + one.weight, 0)
    for (const one of byNeed) give(one.queue, one.min - runs(one.queue))
    // A queue that had nothing is asked for one, so that it joins the contenders as soon as it has.
    for (const one of byNeed) if (!hungry.has(one.queue) && !asked.has(one.queue)) give(one.queue, 1)
    for (const one of contenders) {
      const share = Math.max(one.min, Math.ceil((concurrency * one.weight) / weights))
      give(one.queue, share - runs(one.queue) - (asked.get(one.queue) ?? 0))
    }
    for (const one of contenders) give(one.queue, free)
    return asked
  }

  return {
    wants() {
      const fixed = pools.map(([queue, size]) => ({ queue, n: size - runs(queue) })).filter((one) => one.n > 0)
      return [...fixed, ...[...sharedWants()].map(([queue, n]) => ({ queue, n }))]
    },
    answered(queue, asked, got) {
      if (got >= asked) hungry.add(queue)
      else hungry.delete(queue)
    },
    take: (queue) => void held.set(queue, runs(queue) + 1),
    free: (queue) => void held.set(queue, runs(queue) - 1),
    running: () => [...held.values()].reduce((sum, n) => sum + n, 0),
  }
}
