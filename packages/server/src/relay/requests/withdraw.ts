// A connection request is taken back by whoever asked (relay.md C5): by itself, or with the thread of the message that it was made of.
import { across } from '../../db/across.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { withdrawTaskIn } from '../../tasks/change.ts'
import type { HeldEnd } from '../held/sql.ts'
import type { RelayHouse } from '../house.ts'
import { deciding } from './deciding.ts'
import { findRequest, type RequestRow } from './sql.ts'

/** The task first, as whoever decides it does: two that meet wait for one another in one order. */
export async function takeBack(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  row: Pick<RequestRow, 'state' | 'task_id'>,
): Promise<void> {
  if (row.state === 'pending' && row.task_id !== null)
    await withdrawTaskIn(house.tasks, t, scope, row.task_id, 'Whoever asked has taken it back.')
}

/** The connection request of a message, and how its thread ends. */
export type RequestOf = { request_id: string; owner_tenant: string; agent_id: string; end: HeldEnd }

/** With the thread of the message that it was made of, in the transaction that ends that. */
export async function withdrawWith(house: RelayHouse, t: Tx, from: Scope, of: RequestOf): Promise<void> {
  const scope: Scope = {
    ...systemScope('relay', of.owner_tenant),
    ...{ principal: of.request_id, actor: { type: 'agent', id: of.agent_id }, relayParty: of.request_id },
    ...{ relaySide: 'caller', relayFrom: from.tenantId, isForeign: true },
  }
  deciding.set(scope, { withdrawn: true, end: of.end })
  await across(t, from, scope, async () => {
    const row = await findRequest(t, scope, of.request_id)
    if (row) await takeBack(house, t, scope, row)
  })
}
