// What a process wrote and was to send by itself (relay.md R43), looked at later: most often it is over. What is not gets a job of its own, which sends it by the
// conditional claim of all others, or waits where somebody still does. Sends nothing.
import { tx } from '../../db/tx.ts'
import { together } from '../../http/together.ts'
import type { WebhooksHouse } from '../house.ts'
import { enqueueDeliveries, findPresent } from './sql.ts'
import { deliveryScope } from './take.ts'

export type Offered = { tenantId: string; id: string; generation: number }

/** Jobs of one process that look at the same moment look together. */
export const HELD_OFFERED = 256

export const openOffered = (house: WebhooksHouse): ((one: Offered) => Promise<'seen'>) =>
  together<Offered, 'seen'>({ groupOf: ({ tenantId }) => tenantId, atOnce: 1, run: (all) => giveJobs(house, all) })

async function giveJobs(house: WebhooksHouse, all: readonly Offered[]): Promise<'seen'[]> {
  const [first] = all
  if (!first) return []
  const scope = deliveryScope(first.tenantId)
  const ids = all.map(({ id }) => id)
  const generations = new Map(all.map(({ id, generation }) => [id, generation]))
  await tx(house.db, scope, async (t) => {
    const rows = await findPresent(t, scope, ids)
    const open = rows.filter(
      ({ id, generation, state }) => generations.get(id) === generation && (state === 'pending' || state === 'sending'),
    )
    if (open.length > 0)
      await enqueueDeliveries(
        t,
        scope,
        open.map(({ id }) => id),
      )
  })
  return all.map(() => 'seen')
}
