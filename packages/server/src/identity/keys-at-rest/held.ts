// The tenant keys that this process holds in memory: one object a tenant, for five minutes at most, changed in place when versions come or go, so that
// whoever holds it sees them too (V64, P126). Only what was committed gets in. Never writes anything, never outlives its database.
import type { Db } from '../../db/tx.ts'

export type HeldKey = { current: number; readonly versions: Map<number, Buffer> }

export const HELD_MS = 5 * 60_000

type Held = { key: HeldKey; until: number }

export type Store = {
  /** Moves when versions changed: what was read before is read again. */
  generation: number
  readonly tenants: Map<string, Held>
  /** Answers of a KMS on their way into the transaction that asked. */
  readonly answers: Map<string, Buffer>
}

const stores = new WeakMap<Db, Store>()

export function storeOf(db: Db): Store {
  const known = stores.get(db) ?? { generation: 0, tenants: new Map(), answers: new Map() }
  stores.set(db, known)
  return known
}

/** The held key of a tenant, or null when there is none or its time is over. */
export function held(db: Db, tenantId: string): HeldKey | null {
  const known = storeOf(db).tenants.get(tenantId)
  return known && known.until > db.clock.now().getTime() ? known.key : null
}

/** Puts these versions into the object that others may hold already. */
export function hold(db: Db, tenantId: string, versions: ReadonlyMap<number, Buffer>, current: number): HeldKey {
  const { tenants } = storeOf(db)
  const key: HeldKey = tenants.get(tenantId)?.key ?? { current, versions: new Map() }
  for (const version of key.versions.keys()) if (!versions.has(version)) key.versions.delete(version)
  for (const [version, bytes] of versions) key.versions.set(version, bytes)
  key.current = current
  tenants.set(tenantId, { key, until: db.clock.now().getTime() + HELD_MS })
  return key
}

export function drop(db: Db, tenantId: string): void {
  storeOf(db).tenants.delete(tenantId)
}
