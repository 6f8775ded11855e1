// An act that waits for people (P66, P68): what the end of its task means, and the second asking. Judges nothing, for policy has asked already, and counts no
// vote: how many people have to agree is the quorum of its task, as of any other (T9).
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { DEFAULT_POOL } from '../person.ts'
import { EVERY, findTask, type TaskRow } from '../sql.ts'
import { escalateIfNot, escalateTask, findAsk, settleIfOpen } from './sql.ts'

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
