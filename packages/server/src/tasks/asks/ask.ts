// An act that waits for people (P66, P68): what the end of its task means. Judges nothing, for policy has asked already, and counts no vote: how many people
// have to agree is the quorum of its task, as of any other (T9). The second asking is in escalation.ts.
import { enqueueMany } from '@countersign/queue'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import type { TaskRow } from '../sql.ts'
import type { ActEnd } from './held.ts'
import { settleIfOpen } from './sql.ts'

/** The rooms whose acts wait; questions of agents and people are not among them. */
const ORIGINS: readonly string[] = ['queue', 'proxy', 'relay', 'vault']
export const isAct = ({ origin }: Pick<TaskRow, 'origin'>): boolean => ORIGINS.includes(origin)

/** In the transaction of the task's end, whatever brought it about. What the house can do by itself follows as a job of that same transaction (T9). */
export async function settleAsk(
  { continuations, held }: Pick<TasksHouse, 'continuations' | 'held'>,
  t: Tx,
  scope: Scope,
  row: TaskRow,
  approved: boolean,
): Promise<void> {
  if (!isAct(row)) return
  const byPeople = row.status === 'completed' && row.completed_via_channel !== 'timeout'
  const state: ActEnd = byPeople ? (approved ? 'agreed' : 'refused') : row.status === 'cancelled' ? 'withdrawn' : 'expired'
  const keeper = held.get(row.origin)
  if (keeper) return keeper.settled(t, scope, row, state)
  const settled = await settleIfOpen(t, scope, row.id, state)
  if (state !== 'agreed' || !settled || !continuations.has(settled.action)) return
  await enqueueMany(t, [{ kind: 'act.continue', tenantId: scope.tenantId, payload: { task_id: row.id } }])
}
