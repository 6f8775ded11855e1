// An act that waits for people (P66, P68): its task, how votes on it count, and what its end means. Judges nothing: policy has asked already.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { DEFAULT_POOL } from '../person.ts'
import { EVERY, findTask, type TaskRow } from '../sql.ts'
import { escalateIfNot, escalateTask, findAsk, findVoters, lockIfOpen, settleIfOpen } from './sql.ts'

/** The rooms whose acts wait; questions of agents and people are not among them. */
const ORIGINS: readonly string[] = ['queue', 'proxy', 'relay', 'vault']
export const isAct = ({ origin }: Pick<TaskRow, 'origin'>): boolean => ORIGINS.includes(origin)

/** Whether this vote ends the task: a denial does, and the approval that completes the number of people that policy wants. Throws what stands against it. */
export async function countVote(
  t: Tx,
  scope: Scope,
  vote: { row: TaskRow; userId: string; approves: boolean },
): Promise<boolean> {
  const { row, userId, approves } = vote
  const ask = await lockIfOpen(t, scope, row.id)
  if (!ask) return true
  const voters = (await findVoters(t, scope, row.id)).map(({ user_id }) => user_id)
  // One human, one vote (T39); where several are wanted, nobody of the asking side is one of them (T41).
  if (voters.includes(userId)) throw new Problem('already_decided')
  if (ask.quorum > 1 && userId === ask.principal_user) throw new Problem('separation_of_duties')
  return !approves || voters.length + 1 >= ask.quorum
}

/** Nobody holds alone what several people have to agree to. */
export async function wantsSeveral(t: Tx, scope: Scope, row: TaskRow): Promise<boolean> {
  return isAct(row) && ((await findAsk(t, scope, row.id))?.quorum ?? 1) > 1
}

/** In the transaction of the task's end, whatever brought it about. */
export async function settleAsk(t: Tx, scope: Scope, row: TaskRow, approved: boolean): Promise<void> {
  if (!isAct(row)) return
  const byPeople = row.status === 'completed' && row.completed_via_channel !== 'timeout'
  const state = byPeople ? (approved ? 'agreed' : 'refused') : row.status === 'cancelled' ? 'withdrawn' : 'expired'
  await settleIfOpen(t, scope, row.id, state)
}

/** `@on_timeout("escalate")`: once more to those who run the work, for as long again; then it is denied. The task when that happened now. */
export async function escalateAsk(t: Tx, scope: Scope, row: TaskRow): Promise<TaskRow | null> {
  if (!isAct(row) || row.status !== 'open') return null
  const ask = await findAsk(t, scope, row.id)
  if (ask?.on_timeout !== 'escalate' || ask.escalated_at !== null) return null
  const deadline = new Date(t.now.getTime() + (ask.expires_at.getTime() - ask.opened_at.getTime()))
  if ((await escalateTask(t, scope, row.id, DEFAULT_POOL, deadline)) === 0) return null
  await escalateIfNot(t, scope, row.id, deadline)
  const data = { agent_id: row.agent_id, deadline_at: deadline }
  await record(t, scope, 'task.escalated', data, { resource: { type: 'task', id: row.id } })
  return findTask(t, scope, row.id, EVERY)
}
