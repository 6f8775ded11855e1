// How grants end or pause with what they stand on: their connection, their agent, a definition. One event each, in the transaction of what ended them.
import type { Scope, Tx } from '../../db/tx.ts'
import { type EventData, record } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import { type GrantRow, moveGrantsOf } from './sql.ts'

export const tellGrant = (
  t: Tx,
  scope: Scope,
  type: Extract<EventType, `grant.${string}`>,
  row: GrantRow,
  data: EventData,
): Promise<string> =>
  record(
    t,
    scope,
    type,
    {
      grant_id: row.id,
      connection_id: row.connection_id,
      agent_id: row.agent_id,
      agent_label: row.agent_label,
      generation: row.generation,
      ...data,
    },
    { resource: { type: 'grant', id: row.id } },
  )

/** Every grant on a connection that is over. */
export async function endGrantsOf(t: Tx, scope: Scope, connectionId: string, cause: string): Promise<number> {
  const ended = await moveGrantsOf(t, scope, connectionId, ['active', 'suspended', 'proposed'], 'revoked', cause)
  for (const row of ended) await tellGrant(t, scope, 'grant.revoked', row, { cause })
  return ended.length
}

/** Until somebody confirms each of them again (V5). */
export async function suspendGrantsOf(t: Tx, scope: Scope, connectionId: string, cause: string): Promise<number> {
  const paused = await moveGrantsOf(t, scope, connectionId, ['active'], 'suspended', cause)
  for (const row of paused) await tellGrant(t, scope, 'grant.suspended', row, { cause })
  return paused.length
}
