// Waiting for people, and for one's turn: a hold is woken when its task ends and when it is spent, and each second in any case. Of those who wait for the same the
// oldest is told first that people have agreed (V105); the others hear that it went out, or have their turn when the oldest does not come.
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { GateHouse } from '../gate/house.ts'
import { findHold, type HoldRow, oldestWaiter, stopWaiting, waitFor } from './sql.ts'

export const holdTopic = (id: string): string => `hold:${id}`

/** Who was told that it is their turn has this long to use it. */
const TURN_MS = 2_000
/** Between two calls of one that waits on. */
const BETWEEN_MS = 5_000

/** The hold as it stands at the end of the wait; null: it was taken back, or lapsed. */
export async function waitOn(
  house: GateHouse,
  scope: Scope,
  { id }: Pick<HoldRow, 'id'>,
  { requestId, until }: { requestId: string; until: number },
): Promise<HoldRow | null> {
  const { db } = house.vault
  const now = () => db.clock.now().getTime()
  let turnAt: number | null = null
  await tx(db, scope, (t) => waitFor(t, scope, id, requestId, new Date(Math.max(until, now()) + BETWEEN_MS)))
  for (;;) {
    const change = untilWoken(house, id, Math.max(0, Math.max(until, turnAt ?? 0) - now()))
    try {
      const { row, first } = await tx(db, scope, (t) => read(t, scope, id), { readOnly: true })
      if (row.state === 'open' && now() >= until) return row
      if (row.state === 'agreed') {
        if (first === null || first === requestId || (turnAt !== null && now() >= turnAt)) return await leave(row)
        turnAt ??= now() + TURN_MS
      } else if (row.state !== 'open')
        return await leave(row.state === 'closed' || row.state === 'lapsed' ? null : row, row.state)
      await change.done
    } finally {
      change.stop()
    }
  }
  /** Whoever goes on to use it stays the first until it is used. */
  async function leave<T>(row: T, state?: HoldRow['state']): Promise<T> {
    if (state !== undefined) await tx(db, scope, (t) => stopWaiting(t, scope, id, requestId))
    return row
  }
}

async function read(t: Tx, scope: Scope, id: string): Promise<{ row: HoldRow; first: string | null }> {
  const row = await findHold(t, scope, id)
  if (!row) throw new Error(`Hold ${id} is gone.`)
  const first = row.state === 'agreed' ? await oldestWaiter(t, scope, id) : null
  return { row, first: first?.request_id ?? null }
}

/** Subscribes at once, so that whatever happens after the next look is noticed. */
export function untilWoken(
  { vault: { db } }: GateHouse,
  id: string,
  ms: number,
  signal?: AbortSignal,
): { done: Promise<void>; stop(): void } {
  let wake: () => void = () => undefined
  const done = new Promise<void>((resolve) => {
    wake = resolve
  })
  const unsubscribe = db.listen.subscribe(holdTopic(id), wake)
  const cancel = db.clock.timer(ms, wake)
  signal?.addEventListener('abort', wake, { once: true })
  return {
    done,
    stop() {
      cancel()
      signal?.removeEventListener('abort', wake)
      unsubscribe()
    },
  }
}
