// One event with all that is known beside it: its exact text, its seal, and where it came from while the person's key lives. Reads only.
import { Problem } from '@countersign/sdk'
import { type Scope, tx } from '../db/tx.ts'
import type { AuditHouse, OriginView } from './audit/house.ts'
import { findHead, findSealOf } from './audit/sql.ts'
import { type Event, readEvent } from './event.ts'
import { findEvent } from './sql.ts'

export type EventDetail = Event & {
  body: string
  seal: { seq: number; digest: string; prev_hash: string; hash: string; sealed_at: Date; checkpointed: boolean } | null
  origin: OriginView | null
}

export function getEventDetail(house: Pick<AuditHouse, 'db' | 'openOrigins'>, scope: Scope, id: string): Promise<EventDetail> {
  return tx(house.db, scope, async (t) => {
    const row = await findEvent(t, scope, id)
    if (!row) throw new Problem('not_found')
    const event = readEvent(row)
    const [seal, head] = [await findSealOf(t, scope, id), await findHead(t, scope)]
    const hash = event.actor.origin
    const origin = hash === undefined ? null : ((await house.openOrigins(t, scope, [hash])).get(hash) ?? null)
    return {
      ...event,
      body: row.body,
      origin,
      seal: seal && {
        seq: seal.seq,
        digest: seal.digest.toString('hex'),
        prev_hash: seal.prev_hash.toString('hex'),
        hash: seal.hash.toString('hex'),
        sealed_at: seal.sealed_at,
        checkpointed: (head?.checkpoint_size ?? 0) >= seal.seq,
      },
    }
  })
}
