// Whose jobs wait because their tenant is not active (P11). A worker asks before each job and is answered from memory; a change wakes it, and a second
// at most goes by where the wake-up was lost. Never runs a job, and never lets one of a held tenant through on an old answer for longer than that.
import { type Kind, snooze } from '@countersign/queue'
import type { Sql } from '../../db/sql.ts'
import { type Db, once } from '../../db/tx.ts'
import { compatTenants, heldTenants } from './sql.ts'
import { STATES_TOPIC } from './tenant.ts'

export type Holds = {
  isHeld(tenantId: string): Promise<boolean>
  /** The same kind, whose jobs come back later while their tenant is held. It costs them no attempt. */
  over(kind: Kind): Kind
  close(): void
}

const FRESH_MS = 1_000
const LATER = '1m'

/** A few tenants among many, asked for at most once in a second, and at once after a change. */
export function openTenantSet(db: Db, which: () => Sql): { has(tenantId: string): Promise<boolean>; close(): void } {
  let last: { at: number; found: Promise<Set<string>> } | undefined
  const unsubscribe = db.listen.subscribe(STATES_TOPIC, () => {
    last = undefined
  })
  const found = (): Promise<Set<string>> => {
    const now = db.clock.now().getTime()
    if (!last || now - last.at >= FRESH_MS || now < last.at) {
      const asked = once<{ id: string }>(db, which()).then((rows) => new Set(rows.map((row) => row.id)))
      last = { at: now, found: asked }
      // Who asks next asks anew; whoever asked now hears why.
      asked.catch(() => {
        last = undefined
      })
    }
    return last.found
  }
  return { has: async (tenantId) => (await found()).has(tenantId), close: unsubscribe }
}

/** Those whose clients are shown the names of ForAgent (relay.md R55). */
export const openCompat = (db: Db) => openTenantSet(db, compatTenants)

export function openHolds(db: Db): Holds {
  const held = openTenantSet(db, heldTenants)
  const isHeld = (tenantId: string) => held.has(tenantId)
  return {
    isHeld,
    over: (kind) =>
      // A batch mixes tenants and is its owner's to hold; none of ours is one.
      kind.batch
        ? kind
        : { ...kind, run: async (job, ctx) => ((await isHeld(job.tenantId)) ? snooze(LATER) : kind.run(job, ctx)) },
    close: held.close,
  }
}
