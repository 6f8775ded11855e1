// Claiming and giving back (T94): the first writer holds the task, the others learn who. No agent claims (T19).

import { enqueueMany } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { reach } from '../identity/matrix.ts'
import { isId } from '../std/id.ts'
import { mayClaim, mayRelease } from './acts.ts'
import type { TasksHouse } from './house.ts'
import { seeTask, showWhole } from './look.ts'
import { rewriteNotices } from './notices/notice.ts'
import type { Person } from './person.ts'
import { releaseIfStillClaimed } from './routing/held/sql.ts'
import { notOpen, taskTopic } from './settle.ts'
import { claimIfFree, EVERY, findTask, OPEN, releaseIfClaimed, type TaskRow } from './sql.ts'
import type { Task } from './wire.ts'

export async function claimTask(house: TasksHouse, scope: Scope, id: string): Promise<Task> {
  return tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.claim')
    if (!person) throw new Problem('agent_may_not_decide')
    if (!OPEN.includes(row.status)) throw notOpen(row)
    if (row.assigned_to_user_id === null && !mayClaim(scope, row, person)) throw new Problem('not_eligible')
    if (row.quorum !== null)
      throw new Problem('state_conflict', { detail: 'Several people have to agree to it: nobody holds it alone.' })
    const claimed = await claimIfFree(t, scope, id, holderOf(person))
    if (!claimed) {
      const now = (await findTask(t, scope, id, EVERY)) ?? row
      throw OPEN.includes(now.status)
        ? new Problem('task_already_claimed', { status: now.status, by: now.assigned_to_display_name })
        : notOpen(now)
    }
    await record(t, scope, 'task.claimed', { user_id: person.id, agent_id: row.agent_id }, { resource: { type: 'task', id } })
    await rewriteNotices(t, scope, [claimed])
    await limitClaim(t, scope, claimed)
    t.wake(taskTopic(id))
    return showWhole(house, t, scope, claimed, null, person)
  })
}

const holderOf = ({ id, email, display_name }: Person) => ({ userId: isId('usr', id) ? id : null, email, display_name })

/** An unanswered claim returns by itself where the pool says when. */
async function limitClaim(t: Tx, scope: Scope, row: TaskRow): Promise<void> {
  if (row.claim_seconds === null) return
  const payload = { task_id: row.id, claimed_at: (row.claimed_at as Date).toISOString() }
  const runAt = new Date(t.now.getTime() + row.claim_seconds * 1000)
  await enqueueMany(t, [{ kind: 'task.return_claim', tenantId: scope.tenantId, payload, runAt }])
}

/** The claim of then, if it is the claim of now. */
export async function returnClaim(house: TasksHouse, tenantId: string, id: string, claimedAt: Date): Promise<void> {
  const scope = systemScope('claims', tenantId)
  await tx(house.db, scope, async (t) => {
    const released = await releaseIfStillClaimed(t, scope, id, claimedAt)
    if (!released) return
    const data = { from_user_id: released.was_held_by, agent_id: released.agent_id, after_seconds: released.claim_seconds }
    await record(t, scope, 'task.released', data, { resource: { type: 'task', id } })
    await tellOfRelease(t, scope, released)
  })
}

/** Everybody's notices say that it is free again; nobody is told anew. */
async function tellOfRelease(t: Tx, scope: Scope, row: TaskRow): Promise<void> {
  await rewriteNotices(t, scope, [row])
  t.wake(taskTopic(row.id))
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
    await tellOfRelease(t, scope, released)
    return showWhole(house, t, scope, released, null, person)
  })
}
