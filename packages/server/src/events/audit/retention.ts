// Retention (P122): the text of events goes when its time is over, range by whole sealed range; their seals with their digests stay, so the chain verifies
// as before. What was removed is told in the same transaction. Never touches what a hold protects, and nothing that is not sealed.
import { systemScope } from '../../db/scope.ts'
import { once, type Scope, tx } from '../../db/tx.ts'
import { record } from '../event.ts'
import type { AuditHouse } from './house.ts'
import { findRetention, purgeEvents, putRetention, tenantsToPurge } from './sql.ts'

/** Sequence numbers of one transaction: some seconds at most, so that nobody waits for it. */
const RANGE = 20_000

export type RetentionView = { audit_months: number; activity_days: number; held: boolean; held_reason: string | null }
const DEFAULTS: RetentionView = { audit_months: 24, activity_days: 90, held: false, held_reason: null }

export function getRetention({ db }: Pick<AuditHouse, 'db'>, scope: Scope): Promise<RetentionView> {
  return tx(db, scope, async (t) => {
    const row = await findRetention(t, scope)
    if (!row) return DEFAULTS
    return {
      audit_months: row.audit_months,
      activity_days: row.activity_days,
      held: row.held_at !== null,
      held_reason: row.held_reason,
    }
  })
}

export function setRetention(
  house: Pick<AuditHouse, 'db'>,
  scope: Scope,
  next: { audit_months: number; activity_days: number },
): Promise<RetentionView> {
  return tx(house.db, scope, async (t) => {
    const row = await findRetention(t, scope)
    const before = { audit_months: row?.audit_months ?? 24, activity_days: row?.activity_days ?? 90 }
    await putRetention(t, scope, next.audit_months, next.activity_days)
    await record(t, scope, 'settings.changed', { setting: 'audit_retention' }, { before, after: next })
    return { ...next, held: row?.held_at != null, held_reason: row?.held_reason ?? null }
  })
}

/** Every tenant whose record holds more than it keeps. Answers how many events lost their text. */
export async function purgeAll({ db }: Pick<AuditHouse, 'db'>, signal?: AbortSignal): Promise<number> {
  let all = 0
  for (const { tenant_id } of await once<{ tenant_id: string }>(db, tenantsToPurge()))
    for (const kind of ['activity', 'audit'] as const)
      for (;;) {
        signal?.throwIfAborted()
        const purged = await purgeRange(db, systemScope('retention', tenant_id), kind)
        if (purged === null) break
        all += purged
      }
  return all
}

const purgeRange = (db: AuditHouse['db'], scope: Scope, kind: 'audit' | 'activity'): Promise<number | null> =>
  tx(db, scope, async (t) => {
    const range = await purgeEvents(t, scope, kind, RANGE)
    if (!range) return null
    const { from_seq, to_seq, purged, before } = range
    // A range without an event of the class needs no telling: nothing was removed.
    if (purged > 0) await record(t, scope, 'audit.purged', { class: kind, from_seq, to_seq, events: purged, before })
    return purged
  })
