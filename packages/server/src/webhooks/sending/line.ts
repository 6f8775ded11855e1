// Who is next in a line (P92, relay.md R68): one delivery of a key at a time, and the end of one gives the next its job. Ends nothing by itself.
import type { Scope, Tx } from '../../db/tx.ts'
import { enqueueDeliveries, findNextInLine, type Settled } from './sql.ts'

/** Whoever is next in a line whose head is over gets a job. */
export async function wakeNext(
  t: Tx,
  scope: Scope,
  ended: readonly Pick<Settled, 'state' | 'fifo' | 'endpoint_id' | 'resource_id'>[],
): Promise<void> {
  const keys = ended.filter((one) => one.fifo && one.state !== 'pending')
  if (keys.length === 0) return
  const next = await findNextInLine(
    t,
    scope,
    keys.map((one) => ({ endpoint_id: one.endpoint_id as string, resource_id: one.resource_id as string })),
  )
  const ids = [...new Set(next.map((one) => one.id))]
  if (ids.length > 0) await enqueueDeliveries(t, scope, ids)
}
