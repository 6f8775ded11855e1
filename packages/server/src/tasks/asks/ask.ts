// An act that waits for people (P66, P68): what the end of its task means. Judges nothing, for policy has asked already, and counts no vote: how many people
// have to agree is the quorum of its task, as of any other (T9). The second asking is in escalation.ts.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { TaskRow } from '../sql.ts'
import { settleIfOpen } from './sql.ts'

/** The rooms whose acts wait; questions of agents and people are not among them. */
const ORIGINS: readonly string[] = ['queue', 'proxy', 'relay', 'vault']
export const isAct = ({ origin }: Pick<TaskRow, 'origin'>): boolean => ORIGINS.includes(origin)

/** In the transaction of the task's end, whatever brought it about. */
export async function settleAsk(t: Tx, scope: Scope, row: TaskRow, approved: boolean): Promise<void> {
  if (!isAct(row)) return
  const byPeople = row.status === 'completed' && row.completed_via_channel !== 'timeout'
  const state = byPeople ? (approved ? 'agreed' : 'refused') : row.status === 'cancelled' ? 'withdrawn' : 'expired'
  await settleIfOpen(t, scope, row.id, state)
}
