// How a hold is taken back before people have answered, or what they agreed to before it was used: with its task, whose people read why, in one transaction.
// Sends nothing and settles nothing that was spent.
import type { Scope, Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import { withdrawTaskIn } from '../../tasks/change.ts'
import type { GateHouse } from '../gate/house.ts'
import { type HoldRow, holdsToEnd, settleIf } from './sql.ts'
import { holdTopic } from './wait.ts'

export const tellHold = (
  t: Tx,
  scope: Scope,
  type: Extract<EventType, `proxy.hold_${string}`>,
  row: HoldRow,
  more: { cause?: string } = {},
) =>
  record(
    t,
    scope,
    type,
    {
      hold_id: row.id,
      task_id: row.task_id,
      run_id: row.run_id,
      agent_id: row.agent_id,
      connection_id: row.connection_id,
      action: row.action,
      digest: row.digest.toString('hex'),
      ...more,
    },
    { resource: { type: 'hold', id: row.id } },
  )

/** What people read in place of the question. */
const SAYS = {
  rejudged:
    'A policy, the grant or the connection has changed since it was asked, and this request may not go out like this any more.',
  run_ended: 'The run that asked for it has ended: there is nothing left that could be sent.',
} as const

/** `rejudged`: what it would be judged now is stricter (V107). `run_ended`: nobody is left who could send it (V23). */
export async function closeIfLive(
  house: Pick<GateHouse, 'tasks'>,
  t: Tx,
  scope: Scope,
  row: Pick<HoldRow, 'id' | 'task_id'>,
  cause: keyof typeof SAYS,
): Promise<HoldRow | null> {
  // The task first, as whoever decides it does: two that meet wait for one another in one order.
  const withdrawn = await withdrawTaskIn(house.tasks, t, scope, row.task_id, SAYS[cause])
  const state = cause === 'run_ended' ? 'expired' : 'closed'
  // Where somebody else ended the task, what people agreed to is all that is left to take back.
  const ended = await settleIf(t, scope, row.id, { state, from: withdrawn ? ['open', 'closed'] : ['agreed'], cause })
  if (!ended) return null
  if (cause === 'rejudged') await tellHold(t, scope, 'proxy.hold_rejudged', ended, { cause })
  t.wake(holdTopic(ended.id))
  return ended
}

/** Agreed, and not used in time (V106). */
export async function lapse(t: Tx, scope: Scope, row: Pick<HoldRow, 'id'>): Promise<void> {
  const lapsed = await settleIf(t, scope, row.id, { state: 'lapsed', from: ['agreed'] })
  if (!lapsed) return
  await tellHold(t, scope, 'proxy.hold_lapsed', lapsed)
  t.wake(holdTopic(lapsed.id))
}

/** With the end of a run, in its transaction (V23). */
export async function endHoldsOfRun(house: Pick<GateHouse, 'tasks'>, t: Tx, scope: Scope, runId: string): Promise<void> {
  for (const row of await holdsToEnd(t, scope, runId)) await closeIfLive(house, t, scope, row, 'run_ended')
}
