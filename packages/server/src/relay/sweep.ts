// What time brings (relay.md G3, T14–T16): threads, relay grants and requests whose moment has come, found over all tenants and each ended in a transaction of its own tenant. Whoever
// is late changes nothing: every condition is read again under the row's lock.
import { systemScope } from '../db/scope.ts'
import { once, tx } from '../db/tx.ts'
import { expireGrant } from './grants/end.ts'
import { expireHeld } from './held/end.ts'
import { heldDue } from './held/sql.ts'
import type { RelayHouse } from './house.ts'
import { expireRequest } from './requests/expire.ts'
import { type DueThing, relayDue } from './sql.ts'
import { endIfDue } from './threads/end.ts'

const AT_ONCE = 200

/** What ends a thing of each kind; a kind that nobody ends here is left to who does. */
type Ends = Partial<Record<DueThing['what'], (house: RelayHouse, tenantId: string, id: string) => Promise<unknown>>>

const ENDS: Ends = {
  thread: (house, tenantId, id) => {
    const scope = systemScope('relay', tenantId)
    return tx(house.db, scope, (t) => endIfDue(house, t, scope, id))
  },
  grant: expireGrant,
  request: expireRequest,
}

/** Answers how many were due; as many again may be left. */
export async function sweepRelay(house: RelayHouse): Promise<number> {
  const due = await once<DueThing>(house.db, relayDue(AT_ONCE))
  for (const { what, tenant_id, id } of due) await ENDS[what]?.(house, tenant_id, id)
  const held = await once<{ tenant_id: string; id: string }>(house.db, heldDue(AT_ONCE))
  for (const { tenant_id, id } of held) await expireHeld(house, tenant_id, id)
  return due.length + held.length
}
