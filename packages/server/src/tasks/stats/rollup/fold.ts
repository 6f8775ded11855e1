// Folding what has ended into the rollups (T161), each minute and behind the writers: by the events of ends, once each, up to the oldest transaction that could still
// commit one. The first fold of a tenant takes its tasks as they stand. Killed and run again it goes on; it never makes a writer wait.
import { type Scope, systemScope } from '../../../db/scope.ts'
import { type Tx, tx } from '../../../db/tx.ts'
import type { TasksHouse } from '../../house.ts'
import {
  addCounts,
  addParts,
  deleteRollups,
  findDue,
  findMark,
  findStep,
  findUntil,
  insertMarkIfNone,
  lockMark,
  putMark,
  standingBefore,
  standingIn,
} from './sql.ts'

const TENANTS = 500
/** Events of one kind in one fold, tasks in one step of a first fold: a statement of a second or two. */
const EVENTS = 50_000
const TASKS = 50_000

type House = Pick<TasksHouse, 'db'>

/** Every tenant of whose tasks some have ended since. Answers how many tenants were folded. */
export async function foldRollups(house: House, signal?: AbortSignal): Promise<number> {
  const due = await tx(house.db, systemScope('rollups'), (t) => findDue(t, TENANTS), { readOnly: true })
  for (const { id } of due) {
    const scope = systemScope('rollups', id)
    for (let more = true; more; ) {
      signal?.throwIfAborted()
      more = await tx(house.db, scope, (t) => foldOnce(t, scope))
    }
  }
  return due.length
}

/** Answers whether more waits. */
async function foldOnce(t: Tx, scope: Scope): Promise<boolean> {
  await insertMarkIfNone(t, scope)
  await lockMark(t, scope)
  // Read after the lock: another fold may have moved it on.
  const mark = await findMark(t, scope)
  if (!mark || mark.xid === null || mark.is_ahead) {
    await foldAll(t, scope, mark?.horizon as string)
    return false
  }
  const { xid: until } = await findUntil(t, scope, mark.xid, EVENTS)
  const which = standingIn(scope, { from: mark.xid, until })
  await addCounts(t, scope, which)
  await addParts(t, scope, which)
  await putMark(t, scope, until)
  return BigInt(until) < BigInt(mark.horizon)
}

/** From the tasks themselves: also of those whose events are gone. What was told of from the horizon on is left for the next fold, in every step. */
async function foldAll(t: Tx, scope: Scope, horizon: string): Promise<void> {
  await deleteRollups(t, scope)
  for (let after = new Date(0); ; ) {
    const { until } = await findStep(t, scope, after, TASKS)
    if (until === null) break
    const which = standingBefore(scope, horizon, { after, until })
    await addCounts(t, scope, which)
    await addParts(t, scope, which)
    after = until
  }
  await putMark(t, scope, horizon)
}
