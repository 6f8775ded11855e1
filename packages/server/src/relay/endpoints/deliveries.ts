// What was sent of a thread to one's own side, with every attempt (relay.md R70). Of the other side's addresses nothing is shown, nor that there are any; of one's own, where exactly
// they led is the host's to know.
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import type { RelayHouse } from '../house.ts'
import { sideOf } from '../party.ts'
import { seen } from './endpoint.ts'
import type { ShownDelivery } from './house.ts'

export function listDeliveries(
  house: RelayHouse,
  scope: Scope,
  threadId: string,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
) {
  const side = sideOf(scope)
  const at = { tenantId: scope.tenantId, route: 'GET /threads/:id/deliveries', filter: { id: threadId, side } }
  return tx(
    house.db,
    scope,
    async (t) => {
      await seen(t, scope, threadId)
      const before = cursor === undefined ? null : openCursor<string>(house.keyring, at, cursor, t.now)
      const rows = await house.callbacks.deliveries(t, scope, { key: threadId, side, before, limit: limit + 1 })
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: (row) => row.position })
      return { ...page, data: page.data.map(show) }
    },
    { readOnly: true },
  )
}

function show(row: ShownDelivery) {
  const { id, endpoint_id, event_id, event_type, form, state, attempts, trigger, next_attempt_at, log } = row
  const { last_status, last_class, created_at, succeeded_at, ended_at } = row
  return {
    ...{ id, endpoint_id, event_id, event_type, form, state, attempts, trigger, next_attempt_at },
    ...{ last_status, last_class, created_at, succeeded_at, ended_at, log },
  }
}
