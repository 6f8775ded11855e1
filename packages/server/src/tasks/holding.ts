// Claiming and giving back (T94): the first writer holds the task, the others learn who. No agent claims (T19).
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { reach } from '../identity/matrix.ts'
import { wantsSeveral } from './asks/ask.ts'
import type { TasksHouse } from './house.ts'
import { mayClaim, mayRelease, seeTask, showWhole } from './look.ts'
import { notOpen, taskTopic } from './settle.ts'
import { claimIfFree, EVERY, findTask, OPEN, releaseIfClaimed } from './sql.ts'
import type { Task } from './wire.ts'

export async function claimTask(house: TasksHouse, scope: Scope, id: string): Promise<Task> {
  return tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.claim')
    if (!person) throw new Problem('agent_may_not_decide')
    if (!OPEN.includes(row.status)) throw notOpen(row)
    if (row.assigned_to_user_id === null && !mayClaim(scope, row, person)) throw new Problem('not_eligible')
    if (await wantsSeveral(t, scope, row))
      throw new Problem('state_conflict', { detail: 'Several people have to agree to it: nobody holds it alone.' })
    const claimed = await claimIfFree(t, scope, id, person)
    if (!claimed) {
      const now = (await findTask(t, scope, id, EVERY)) ?? row
      throw OPEN.includes(now.status)
        ? new Problem('task_already_claimed', { status: now.status, by: now.assigned_to_display_name })
        : notOpen(now)
    }
    await record(t, scope, 'task.claimed', { user_id: person.id, agent_id: row.agent_id }, { resource: { type: 'task', id } })
    t.wake(taskTopic(id))
    return showWhole(house, t, scope, claimed, null, person)
  })
}

/** Back to all who were asked. Those who run the work may take it from the holder. */
export async function releaseTask(house: TasksHouse, scope: Scope, id: string): Promise<Task> {
  return tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.release')
    if (!person) throw new Problem('agent_may_not_decide')
    if (!OPEN.includes(row.status)) throw notOpen(row)
    if (row.claimed_at !== null && !mayRelease(scope, row, person)) throw new Problem('not_eligible')
    const holder = reach(scope, 'task.release') === 'any' ? null : person.id
    const released = await releaseIfClaimed(t, scope, id, holder)
    if (!released) throw new Problem('state_conflict', { detail: 'Nobody has claimed this task.' })
    const data = { from_user_id: row.assigned_to_user_id, agent_id: row.agent_id }
    await record(t, scope, 'task.released', data, { resource: { type: 'task', id } })
    t.wake(taskTopic(id))
    return showWhole(house, t, scope, released, null, person)
  })
}
