// The threads of which a transaction has the locks, as they are in it: whoever comes later in the same transaction reads none of them again. Only this transaction can change them,
// and it does so in one place (change.ts), which says so here.
import type { Tx } from '../../db/tx.ts'
import type { ThreadRow } from './sql.ts'

const locked = new WeakMap<Tx, Map<string, ThreadRow>>()

export function rememberLocked(t: Tx, rows: readonly ThreadRow[]): void {
  const own = locked.get(t) ?? new Map<string, ThreadRow>()
  locked.set(t, own)
  for (const row of rows) own.set(row.id, row)
}

/** Of those that are remembered alone. */
export function rememberChanged(t: Tx, rows: readonly ThreadRow[]): void {
  const own = locked.get(t)
  if (own) for (const row of rows) if (own.has(row.id)) own.set(row.id, row)
}

export const lockedThread = (t: Tx, id: string): ThreadRow | undefined => locked.get(t)?.get(id)
