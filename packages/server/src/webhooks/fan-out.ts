// Deliveries come to be in the transaction of their event (P85): one set-based statement for all matching endpoints, with their jobs. Rolled back with it,
// committed with it. Handed to db by main, so that the record does not know who listens.
import type { FanOut } from '../db/tx.ts'
import { isSensitive } from '../events/schema.ts'
import { isEventType } from '../events/types.ts'
import { renderBodies, type ToldEvent } from './body.ts'
import { filtersOf } from './filter.ts'
import { hasEndpoints, insertDeliveriesOf } from './sending/sql.ts'

export const openFanOut = (origin: () => string): FanOut => ({
  wanted: hasEndpoints,
  async follow(t, scope, rows) {
    const told = rows.map(({ body }) => {
      const event = JSON.parse(body) as ToldEvent
      const { full, thin, large } = renderBodies(event, origin())
      const { id, type, resource } = event
      return {
        id,
        type,
        resource_id: resource?.id ?? null,
        filters: filtersOf(type),
        sensitive: isEventType(type) && isSensitive(type),
        large,
        full,
        thin,
      }
    })
    await insertDeliveriesOf(t, scope, told)
  },
})
