// Deliveries to an address of its own (T69): what a task's `callback_url` gets when the task ends. The same schedule, log, guard and replay as of endpoints.
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { insertOwnDeliveries } from './sending/sql.ts'
import { OWN_SLOTS } from './sending/take.ts'

export type Callback = { eventId: string; type: string; taskId: string; url: string; mode: 'standard' | 'awaithumans' }

/** Part of the transaction that ends the tasks. One host has so many at once, whoever asked. */
export async function deliverCallbacks(t: Tx, scope: Scope, callbacks: readonly Callback[]): Promise<void> {
  const rows = callbacks.map(({ eventId, type, taskId, url, mode }) => ({
    event_id: eventId,
    event_type: type,
    resource_id: taskId,
    target_url: url,
    target_mode: mode,
    lane: `host:${new URL(url).host}`,
  }))
  await insertOwnDeliveries(t, scope, rows, OWN_SLOTS)
}
