// The second asking of an act that waits for people, `@on_timeout("escalate")` (P66): once, to the tenant's fallback pool as well, for as long as the first time;
// then it is denied. Whoever was asked before still is, what was voted stays, and nobody is let through by silence.
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import { fallbackKeys } from '../routing/fallback.ts'
import { findRouting } from '../routing/sql.ts'
import type { TaskRow } from '../sql.ts'
import { escalateToKeys } from '../time/escalation.ts'
import { isAct } from './ask.ts'
import type { WaitingAct } from './held.ts'
import { escalateIfNot, findAsk } from './sql.ts'

/** The task when that happened now. */
export async function escalateAsk(house: TasksHouse, t: Tx, scope: Scope, row: TaskRow): Promise<TaskRow | null> {
  if (!isAct(row)) return null
  const keeper = house.held.get(row.origin)
  const ask = keeper ? await keeper.waiting(t, scope, row.id) : await openAsk(t, scope, row.id)
  if (ask?.on_timeout !== 'escalate' || ask.escalated_at !== null) return null
  const deadline = new Date(t.now.getTime() + (ask.expires_at.getTime() - ask.opened_at.getTime()))
  const escalated = await escalateToKeys(house, t, scope, row, { keys: fallbackKeys(await findRouting(t, scope)), deadline })
  if (escalated && keeper) await keeper.escalated(t, scope, row.id, deadline)
  else if (escalated) await escalateIfNot(t, scope, row.id, deadline)
  return escalated
}

async function openAsk(t: Tx, scope: Scope, taskId: string): Promise<WaitingAct | null> {
  const ask = await findAsk(t, scope, taskId)
  return ask?.state === 'open' ? ask : null
}
