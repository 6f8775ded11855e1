// The jobs of deliveries: one verb each, ids alone in their payloads.
import { defineKind, type Kind } from '@countersign/queue'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { isId } from '../../std/id.ts'
import { healthJobs } from '../health/jobs.ts'
import { findCard } from '../threads/sql.ts'
import { MOVE, moveWaiting } from './dispatch.ts'
import type { DeliveryHouse } from './house.ts'
import { upstreamJobs } from './upstream/jobs.ts'

type Moved = { card_id: string }
function readMoved(value: unknown): Moved {
  const { card_id } = value as Partial<Moved>
  if (!isId('card', card_id)) throw new TypeError('a card')
  return { card_id }
}

export const deliveryJobs = (house: DeliveryHouse): Kind[] => [
  defineKind<unknown, Moved>(MOVE, {
    schema: readMoved,
    keepOutput: false,
    async run({ tenantId, payload }) {
      const scope = systemScope('relay', tenantId)
      await tx(house.db, scope, async (t) => {
        const card = await findCard(t, scope, { id: payload.card_id })
        if (card) await moveWaiting(house, t, scope, card.id, card.delivery_mode)
      })
    },
  }) as Kind,
  ...upstreamJobs(house),
  ...healthJobs(house),
]
