// Handing a task back to the agent, with a comment that says what is missing (T53). The deadline runs on unless the task rests meanwhile; the agent revises or
// cancels. No agent sends a task back (T19), and what waits as an act of another room is never changed: it would be another act.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import type { TasksHouse } from '../house.ts'
import { seeTask, showWhole } from '../look.ts'
import type { Person } from '../person.ts'
import { notOpen, taskTopic } from '../settle.ts'
import { EVERY, findTask, OPEN, type TaskRow } from '../sql.ts'
import { tellOfSendBack } from '../time/tell.ts'
import type { Task } from '../wire.ts'
import { writeComment } from './comments.ts'
import { canBeRevised, maySendBack } from './may.ts'
import { changedSince } from './revisions.ts'
import { MOST_COMMENTS, MOST_REVISION, sendBackIfOpen } from './sql.ts'

export type SendBackInput = { comment: string; seen_revision?: number }

export async function sendBack(house: TasksHouse, scope: Scope, id: string, input: SendBackInput): Promise<Task> {
  return tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.send_back')
    if (!person) throw new Problem('agent_may_not_decide')
    await refuseUnlessPossible(t, scope, row, person, input)
    const sent = await sendBackIfOpen(t, scope, id, row.revision)
    if (!sent) throw await whyNotSentBack(t, scope, row)
    const data = { from: row.status, to: sent.status, revision: row.revision, agent_id: row.agent_id }
    await record(t, scope, 'task.sent_back', data, { resource: { type: 'task', id } })
    await writeComment(house, t, scope, sent, person, { body: input.comment, audience: 'all', purpose: 'sent_back' })
    await tellOfSendBack(t, scope, sent)
    t.wake(taskTopic(id))
    return showWhole(house, t, scope, sent, null, person)
  })
}

async function refuseUnlessPossible(t: Tx, scope: Scope, row: TaskRow, person: Person, input: SendBackInput): Promise<void> {
  if (!OPEN.includes(row.status) || row.deadline_at <= t.now)
    throw row.status === 'verifying' ? new Problem('task_verifying', { status: row.status }) : notOpen(row)
  if (!canBeRevised(row)) {
    const detail =
      row.revision >= MOST_REVISION
        ? 'It has been revised 20 times: answer it or cancel it.'
        : 'There is no agent that could change what it asks.'
    throw new Problem('state_conflict', { state: row.status, detail })
  }
  if (!maySendBack(scope, row, person)) throw new Problem('not_eligible')
  if (input.seen_revision !== undefined && input.seen_revision !== row.revision)
    throw new Problem('task_revised', {
      revision: row.revision,
      changed: await changedSince(t, scope, row.id, input.seen_revision),
    })
}

async function whyNotSentBack(t: Tx, scope: Scope, seen: TaskRow): Promise<Problem> {
  const row = await findTask(t, scope, seen.id, EVERY)
  if (!row) return new Problem('not_found')
  if (!OPEN.includes(row.status) || row.deadline_at <= t.now) return notOpen(row)
  if (row.comment_count >= MOST_COMMENTS)
    return new Problem('state_conflict', { detail: `A task has at most ${MOST_COMMENTS} comments.` })
  return new Problem('task_revised', { revision: row.revision, changed: await changedSince(t, scope, row.id, seen.revision) })
}
