// A person takes their vote back while the task waits for others (T43), and people who leave are missed at once (T42). Settles only through the count.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import type { TasksHouse } from '../house.ts'
import { seeTask } from '../look.ts'
import { notOpen } from '../settle.ts'
import { findOpenQuorums, findVotes, lockIfOpen, lockTask, withdrawIfLive } from './sql.ts'
import { recount } from './vote.ts'

export const withdrawVote = (house: TasksHouse, scope: Scope, id: string, decisionId: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    const { person } = await seeTask(t, scope, id, 'task.withdraw_vote')
    if (!person) throw new Problem('agent_may_not_decide')
    const row = await lockIfOpen(t, scope, id)
    if (!row) throw notOpen((await seeTask(t, scope, id, 'task.withdraw_vote')).row)
    const vote = (await findVotes(t, scope, id)).find((one) => one.id === decisionId)
    if (!vote) throw new Problem('not_found')
    if (vote.person !== person.id) throw new Problem('forbidden', { detail: 'A vote is withdrawn by whoever gave it.' })
    await withdrawIfLive(t, scope, id, decisionId)
    const data = { decision_id: decisionId, agent_id: row.agent_id }
    await record(t, scope, 'task.vote_withdrawn', data, { resource: { type: 'task', id } })
    await recount(house, t, scope, row)
    return null
  })

/** Whoever left, or may decide no more, is missed where they were needed: each open quorum of the tenant is looked at again, one after another. */
export async function recountQuorums(house: TasksHouse, scope: Scope): Promise<number> {
  const ids = await tx(house.db, scope, (t) => findOpenQuorums(t, scope), { readOnly: true })
  for (const { id } of ids) await tx(house.db, scope, (t) => recountOne(house, t, scope, id))
  return ids.length
}

async function recountOne(house: TasksHouse, t: Tx, scope: Scope, id: string): Promise<void> {
  const row = await lockTask(t, scope, id)
  if (row?.status === 'open' && row.quorum !== null && row.deadline_at > t.now)
    await recount(house, t, scope, row, { looking: true })
}
