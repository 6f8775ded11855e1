// Both sides are told 14 and 3 days before a relay grant ends, and on its last day (relay.md R26), each once; who follows the record by an endpoint hears of it there.
import { systemScope } from '../../db/scope.ts'
import { once, tx } from '../../db/tx.ts'
import { tellGrantWide } from '../endpoints/tell.ts'
import type { RelayHouse } from '../house.ts'
import { type Ending, grantsEnding, markWarnedIfDue } from './sql.ts'

const AT_ONCE = 500

/** Answers how many were told. */
export async function warnOfEnds(house: Pick<RelayHouse, 'db' | 'callbacks' | 'origin'>): Promise<number> {
  const { db } = house
  let told = 0
  for (;;) {
    const due = await once<Ending>(db, grantsEnding(AT_ONCE))
    for (const { tenant_id: tenantId, id, days } of due) {
      const scope = systemScope('expiry', tenantId)
      await tx(db, scope, async (t) => {
        const row = await markWarnedIfDue(t, scope, id, days)
        if (!row) return
        await tellGrantWide(house, t, scope, 'relay_grant.expiring', row, { days, expires_at: row.expires_at })
        told += 1
      })
    }
    if (due.length < AT_ONCE) return told
  }
}
