// A thread that ended here is cancelled upstream as well (relay.md §6.2): asked for a few times, and no more is made of it. What the agent says to that reaches nobody.
import { isJsonRpcError, isRestError } from '@a2a-js/sdk/errors'
import { systemScope } from '../../../db/scope.ts'
import { tx } from '../../../db/tx.ts'
import { findThread } from '../../threads/sql.ts'
import type { DeliveryHouse } from '../house.ts'
import { openClient } from './client.ts'
import { findUpstream, noteSeen, taskBehind } from './sql.ts'

/** Whether there is nothing left to do. */
export async function cancelTask(
  house: DeliveryHouse,
  tenantId: string,
  threadId: string,
  signal: AbortSignal,
): Promise<boolean> {
  const scope = systemScope('relay', tenantId)
  const at = await tx(
    house.db,
    scope,
    async (t) => {
      const thread = await findThread(t, scope, threadId)
      const behind = await taskBehind(t, scope, threadId)
      const upstream = thread && (await findUpstream(t, scope, thread.card_id))
      return behind && upstream && !behind.is_over ? { behind, upstream } : null
    },
    { readOnly: true },
  )
  if (!at) return true
  try {
    const { client } = await openClient(house, tenantId, at.upstream)
    await client.cancelTask({ tenant: '', id: at.behind.upstream_task_id, metadata: undefined }, { signal })
  } catch (error) {
    // In the words of the protocol: it is over there, or was never to be stopped.
    if (!isJsonRpcError(error) && !isRestError(error)) return false
  }
  await tx(house.db, scope, (t) => noteSeen(t, scope, threadId, at.behind.seen, true))
  return true
}
