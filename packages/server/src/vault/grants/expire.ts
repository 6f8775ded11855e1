// Grants whose time is over say so in their state, each once. What they permitted ended before: every use compares the time itself.
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import type { VaultHouse } from '../house.ts'
import { tellGrant } from './end.ts'
import { endIfOver, grantsToEnd } from './sql.ts'

const AT_ONCE = 500

/** Answers how many ended. */
export async function expireGrants(house: Pick<VaultHouse, 'db'>): Promise<number> {
  let ended = 0
  for (;;) {
    const due = await tx(house.db, systemScope('vault'), (t) => grantsToEnd(t, AT_ONCE), { readOnly: true })
    for (const { id, tenant_id } of due) {
      const scope = systemScope('vault', tenant_id)
      await tx(house.db, scope, async (t) => {
        const row = await endIfOver(t, scope, id)
        if (!row) return
        ended += 1
        await tellGrant(t, scope, row.status === 'rejected' ? 'grant.rejected' : 'grant.expired', row, { cause: 'expired' })
      })
    }
    if (due.length < AT_ONCE) return ended
  }
}
