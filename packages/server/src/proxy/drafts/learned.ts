// What a run learned, folded: one line for each host, method and shape of a path (V96), with one path that stands for it. Pure.

import { shapeOf } from './shape.ts'
import type { LearnedRow } from './sql.ts'

/** `path`: the shape. `sample`: one that was sent, for whoever asks where it leads; it leaves this room in no answer. */
export type Learned = LearnedRow & { sample: string }

/** The most wanted first, in the order of the rows. */
export function foldLearned(rows: readonly LearnedRow[]): Learned[] {
  const folded = new Map<string, Learned>()
  for (const row of rows) {
    const shape = shapeOf(row.path)
    // It went out before rules could read it: nothing can be said for it.
    if (shape === null) continue
    const { scheme, host, port, method } = row
    const key = JSON.stringify([scheme, host, port, method, shape])
    const known = folded.get(key)
    if (known) known.requests += row.requests
    else folded.set(key, { ...row, path: shape, sample: row.path })
  }
  return [...folded.values()].sort((a, b) => b.requests - a.requests)
}
