// Events of the proxy reach the endpoints of their tenant (V141): a node writes them without knowing who listens, and a worker hands them on. Each event once and
// to each endpoint once, however many workers look: whoever takes the mark writes the deliveries in the same transaction.
import { systemScope } from '../../db/scope.ts'
import { type Db, once, tx } from '../../db/tx.ts'
import { takeUntold, untoldTenants } from './sql.ts'

const TENANTS_AT_ONCE = 100
const EVENTS_AT_ONCE = 200

/** Answers how many events were handed on. */
export async function tellEvents({ db }: { db: Db }): Promise<number> {
  let told = 0
  for (;;) {
    let round = 0
    for (const { tenant_id } of await once<{ tenant_id: string }>(db, untoldTenants(TENANTS_AT_ONCE))) {
      const scope = systemScope('proxy', tenant_id)
      round += await tx(db, scope, async (t) => {
        const events = await takeUntold(t, scope, EVENTS_AT_ONCE)
        if (events.length > 0) await t.fanOut?.follow(t, scope, events)
        return events.length
      })
    }
    told += round
    // Nothing: it is done, or another worker has it.
    if (round === 0) return told
  }
}
