// Remarks on a task (T52): by people from any channel and by the asking agent, also when there is nothing to decide any more (T15). What is said to humans
// reaches no agent, neither as text nor as an event. A comment decides nothing.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { record } from '../../events/event.ts'
import { openCursor, pageOf } from '../../http/cursor.ts'
import { newId } from '../../std/id.ts'
import { type Opener, openContents, sealValue, taskKey } from '../content.ts'
import type { TasksHouse } from '../house.ts'
import { seeTask } from '../look.ts'
import type { Person } from '../person.ts'
import { mask } from '../redaction.ts'
import { invalid, taskTopic } from '../settle.ts'
import type { TaskRow } from '../sql.ts'
import { surfaceOf } from '../wire.ts'
import { type CommentRow, countCommentIfRoom, findComments, insertComment, MOST_COMMENTS } from './sql.ts'

export type CommentInput = { body: string; audience?: 'all' | 'humans'; purpose?: 'comment' | 'late_answer' }

export type CommentShown = ReturnType<typeof showComment>

export async function addComment(house: TasksHouse, scope: Scope, id: string, input: CommentInput) {
  return tx(house.db, scope, async (t) => {
    const { row, person } = await seeTask(t, scope, id, 'task.comment')
    if (row.erased_at !== null) throw new Problem('content_erased')
    if (person === null && input.audience === 'humans')
      throw invalid('/audience', 'humans_only', 'An agent cannot speak to humans alone: it would not hear the answer.')
    const counted = await countCommentIfRoom(t, scope, id)
    if (!counted) throw full(row)
    const comment = await writeComment(house, t, scope, counted, person, { audience: 'all', purpose: 'comment', ...input })
    t.wake(taskTopic(id))
    return comment
  })
}

const full = (row: TaskRow): Problem =>
  row.erased_at === null
    ? new Problem('state_conflict', { detail: `A task has at most ${MOST_COMMENTS} comments.` })
    : new Problem('content_erased')

/** In the caller's transaction, which has counted it. */
export async function writeComment(
  house: TasksHouse,
  t: Tx,
  scope: Scope,
  task: TaskRow,
  person: Person | null,
  input: { body: string; audience: 'all' | 'humans'; purpose: CommentRow['purpose'] },
) {
  const id = newId('cmt', t.now.getTime())
  const key = await taskKey(house, t, scope, task.id)
  const row: CommentRow = {
    id,
    task_id: task.id,
    revision: task.revision,
    audience: input.audience,
    purpose: input.purpose,
    author_type: scope.actor.type,
    author_id: person?.id ?? scope.agentId ?? scope.principal,
    author_name: person?.display_name ?? scope.displayName,
    channel: channelOf(scope),
    body: sealValue(key, scope, 'comments', 'body', id, input.body),
    created_at: t.now,
  }
  await insertComment(t, scope, row)
  const data = { comment_id: id, audience: row.audience, purpose: row.purpose, channel: row.channel, agent_id: task.agent_id }
  await record(t, scope, 'task.comment_added', data, { resource: { type: 'task', id: task.id } })
  return showComment(row, input.body, task, scope)
}

const channelOf = (scope: Scope): string => scope.guest?.channel ?? (scope.scopes === null ? 'dashboard' : 'api')

/** Who is no human, and who sits in a page of the asking side, hears what is said to all. */
export const audiencesOf = (scope: Scope, person: Person | null): readonly ('all' | 'humans')[] =>
  person === null || scope.guest?.channel === 'embed' ? ['all'] : ['all', 'humans']

export async function listComments(house: TasksHouse, scope: Scope, id: string, page: { limit: number; cursor?: string }) {
  const at = { tenantId: scope.tenantId, route: 'GET /tasks/:id/comments', filter: { id, by: scope.principal } }
  return tx(
    house.db,
    scope,
    async (t) => {
      const { row, person } = await seeTask(t, scope, id, 'task.read')
      const after = page.cursor === undefined ? null : openCursor<{ id: string }>(house.keyring, at, page.cursor, t.now).id
      const audiences = audiencesOf(scope, person)
      const rows = await findComments(t, scope, id, { audiences, after, limit: page.limit + 1 })
      const opener = rows.length === 0 ? null : await openContents(house, t, scope, [id])
      const answer = pageOf(house.keyring, at, rows, {
        limit: page.limit,
        now: t.now,
        position: (one) => ({ id: one.id }),
      })
      return { ...answer, data: answer.data.map((one) => openComment(one, opener as Opener, row, scope)) }
    },
    { readOnly: true },
  )
}

export const openComment = (row: CommentRow, opener: Opener, task: TaskRow, scope: Scope) =>
  showComment(row, opener.of(row.task_id, 'comments', 'body', row.id, row.body), task, scope)

const showComment = (row: CommentRow, body: unknown, task: TaskRow, scope: Scope) => ({
  id: row.id,
  task_id: row.task_id,
  revision: row.revision,
  audience: row.audience,
  purpose: row.purpose,
  author: { type: row.author_type, id: row.author_id, display_name: row.author_name },
  channel: row.channel,
  // What the agent says is part of what was asked, what people say part of what was answered.
  ...mask({ body }, task, surfaceOf(scope)),
  created_at: row.created_at,
})
