// Nobody could be asked, or nobody could be told: the task goes to the tenant's fallback pool, and says so (T95). It is never unassigned in silence.
import type { Scope, Tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { taskTopic } from '../settle.ts'
import type { TaskRow } from '../sql.ts'
import { fallbackKeys } from './fallback.ts'
import { addAskedIfOpen } from './held/sql.ts'
import { findRouting } from './sql.ts'

export type Why = 'nobody_matches' | 'untold' | 'deactivated' | 'role' | 'away'

/** Null when they are asked already, or it is over. */
export async function handToFallback(
  t: Tx,
  scope: Scope,
  row: TaskRow,
  why: Why,
): Promise<{ row: TaskRow; asked: string[] } | null> {
  const asked = fallbackKeys(await findRouting(t, scope))
  if (row.unrouted_at !== null && asked.every((key) => row.asked.includes(key))) return null
  const handed = await addAskedIfOpen(t, scope, row.id, asked)
  if (!handed) return null
  await record(t, scope, 'task.unrouted', { reason: why, agent_id: row.agent_id }, { resource: { type: 'task', id: row.id } })
  t.wake(taskTopic(row.id))
  return { row: handed, asked }
}
