// What one set has that another has not, policy by policy. Names a policy by its id; who gives none has theirs compared by place.
import type { Policy } from './set.ts'

export type Difference = {
  added: { id: string; text: string }[]
  removed: { id: string; text: string }[]
  changed: { id: string; before: string; after: string }[]
  same: number
}

export function differenceOf(before: readonly Policy[], after: readonly Policy[]): Difference {
  const old = new Map(before.map(({ id, text }) => [id, text]))
  const now = new Map(after.map(({ id, text }) => [id, text]))
  const both = [...now].filter(([id]) => old.has(id))
  const changed = both.filter(([id, text]) => old.get(id) !== text)
  return {
    added: [...now].filter(([id]) => !old.has(id)).map(([id, text]) => ({ id, text })),
    removed: [...old].filter(([id]) => !now.has(id)).map(([id, text]) => ({ id, text })),
    changed: changed.map(([id, text]) => ({ id, before: old.get(id) as string, after: text })),
    same: both.length - changed.length,
  }
}
