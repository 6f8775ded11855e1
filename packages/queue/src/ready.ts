// What a worker holds and has not started, by queue in the order of the claims: single jobs, and batches that are full or have waited enough.
// Starts nothing, and knows no permits.
import type { Batch } from './batch.ts'
import type { Held } from './claim.ts'

export type Unit = Held | Batch

/** A line whose front moves on without copying what is behind it. */
type Line = { units: Unit[]; front: number }

const COMPACT = 256

export type Ready = {
  add(unit: Unit): void
  /** Before all others of its queue: a suspect, which is never behind what was claimed ahead (Q18). */
  first(unit: Unit): void
  take(queue: string): Unit | undefined
  /** The queues that have something. */
  queues(): Iterable<string>
  empty(): boolean
  /** Takes out everything that this says yes to. */
  remove(which: (unit: Unit) => boolean): Unit[]
}

export function makeReady(): Ready {
  const lines = new Map<string, Line>()
  const lineOf = (queue: string): Line => {
    let line = lines.get(queue)
    if (!line) {
      line = { units: [], front: 0 }
      lines.set(queue, line)
    }
    return line
  }
  return {
    add: (unit) => void lineOf(unit.queue).units.push(unit),
    first(unit) {
      const line = lineOf(unit.queue)
      line.units = [unit, ...line.units.slice(line.front)]
      line.front = 0
    },
    take(queue) {
      const line = lines.get(queue)
      if (!line) return undefined
      const unit = line.units[line.front++]
      if (line.front === line.units.length) lines.delete(queue)
      else if (line.front === COMPACT) {
        line.units = line.units.slice(COMPACT)
        line.front = 0
      }
      return unit
    },
    queues: () => lines.keys(),
    empty: () => lines.size === 0,
    remove(which) {
      const out: Unit[] = []
      for (const [queue, line] of [...lines]) {
        const stay: Unit[] = []
        for (const unit of line.units.slice(line.front)) (which(unit) ? out : stay).push(unit)
        if (stay.length === 0) lines.delete(queue)
        else lines.set(queue, { units: stay, front: 0 })
      }
      return out
    },
  }
}
