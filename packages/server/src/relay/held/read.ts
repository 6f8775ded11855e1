// What a caller reads of what its own side holds back (relay.md R7): the messages, from its own tenant, and the one event of a thread that ended before it began.
import { across } from '../../db/across.ts'
import { type Scope, systemScope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { RelayHouse } from '../house.ts'
import { openPayloads, type Payload } from '../threads/payload.ts'
import { listThreadEvents, type MessageRow, type ThreadEventRow, type ThreadRow } from '../threads/sql.ts'
import { homeOf } from './home.ts'
import { messageOfHeld } from './show.ts'
import { type CallerRow, listHeld } from './sql.ts'

const isCallerRow = (thread: ThreadRow | CallerRow): thread is CallerRow => 'is_held' in thread

/** In the order in which they were sent. */
export async function heldMessages(t: Tx, scope: Scope, thread: ThreadRow | CallerRow): Promise<MessageRow[]> {
  const home = homeOf(scope)
  if (!home || !isCallerRow(thread) || !thread.is_held) return []
  const rows = await across(t, scope, home, () => listHeld(t, home, thread.id))
  return rows.filter((one) => one.relay_grant_id === scope.relayParty).map((row) => messageOfHeld(home.tenantId, row))
}

/** Sealed in the tenant in which they lie. */
export async function openHeld(
  house: RelayHouse,
  t: Tx,
  scope: Scope,
  rows: readonly MessageRow[],
): Promise<Map<string, Payload>> {
  const held = rows.filter((row) => row.home !== undefined)
  const home = held[0]?.home
  if (home === undefined) return new Map()
  const there = systemScope('relay', home)
  return across(t, scope, there, () => openPayloads(house, t, there, held, 'held_messages'))
}

/** Of a thread that never began there is its end alone. */
export async function eventsAfter(
  t: Tx,
  scope: Scope,
  thread: ThreadRow | CallerRow,
  after: number,
  limit: number,
): Promise<ThreadEventRow[]> {
  if (!isCallerRow(thread) || !thread.is_apart) return listThreadEvents(t, scope, thread.id, after, limit)
  const home = homeOf(scope)
  if (!home || thread.ended_at === null || after >= 1) return []
  const [first] = await across(t, scope, home, () => listHeld(t, home, thread.id))
  if (!first?.event_id) return []
  const { state, outcome, reason } = thread
  const data = {
    thread_id: thread.id,
    agent: thread.slug,
    relay_grant_id: thread.relay_grant_id,
    sequence: 1,
    state,
    outcome,
    reason,
  }
  const actor = { type: 'agent', id: scope.actor.id }
  return [{ id: first.event_id, sequence: 1, type: `thread.${state}`, at: thread.ended_at, actor, data }]
}
