// The statements of what is said about tasks. A transition is one conditional update; zero rows is an answer, and the verb says why.
import type { Scope, Tx } from '../../db/tx.ts'
import { FINAL, OPEN, type TaskRow } from '../sql.ts'

export type CommentRow = {
  id: string
  task_id: string
  revision: number
  audience: 'all' | 'humans'
  purpose: 'comment' | 'sent_back' | 'late_answer'
  author_type: 'user' | 'agent' | 'key' | 'guest' | 'system'
  author_id: string
  author_name: string
  channel: string
  body: Buffer
  created_at: Date
}

export const MOST_COMMENTS = 500

// The task's row counts its comments, and its lock orders those who come at once: the 501st finds the guard (T52).
export const countCommentIfRoom = (t: Tx, scope: Scope, id: string) => t.maybe<TaskRow>`
  update tasks set comment_count = comment_count + 1, version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and comment_count < ${MOST_COMMENTS}::integer and erased_at is null
  returning *`

export const insertComment = (t: Tx, scope: Scope, row: CommentRow) => t.run`
  insert into comments (id, tenant_id, task_id, revision, audience, purpose, author_type, author_id, author_name, channel, body, created_at)
  values (${row.id}::text, ${scope.tenantId}::uuid, ${row.task_id}::text, ${row.revision}::smallint, ${row.audience}::text, ${row.purpose}::text,
    ${row.author_type}::text, ${row.author_id}::text, ${row.author_name}::text, ${row.channel}::text, ${row.body}::bytea, ${row.created_at}::timestamptz)`

/** In the order in which they were said; `after` is the last one that the caller has. */
export const findComments = (
  t: Tx,
  scope: Scope,
  taskId: string,
  page: { audiences: readonly string[]; after: string | null; limit: number },
) => t.rows<CommentRow>`
  select id, task_id, revision, audience, purpose, author_type, author_id, author_name, channel, body, created_at from comments
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and audience = any(${page.audiences}::text[])
    and (${page.after}::text is null or id > ${page.after}::text)
  order by id limit ${page.limit}::integer`

/** Who holds it keeps it: after the revision they are asked again. */
export const sendBackIfOpen = (t: Tx, scope: Scope, id: string, revision: number) => t.maybe<TaskRow>`
  update tasks set status = 'revising', revising_at = ${t.now}::timestamptz, comment_count = comment_count + 1, version = version + 1,
    updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any(${OPEN}::text[]) and revision = ${revision}::integer
    and deadline_at > ${t.now}::timestamptz and comment_count < ${MOST_COMMENTS}::integer
  returning *`

export const MOST_REVISION = 21
export type Revised = { description: Buffer | null; payload: Buffer | null; action: Buffer | null }

// A deadline that rested while the agent revised moves on by that time; another is what it was. Reminders that came meanwhile are over.
export const reviseIfAt = (
  t: Tx,
  scope: Scope,
  id: string,
  next: Revised & { revision: number; reminded: number; deadline: Date },
) => t.maybe<TaskRow>`
  update tasks set description = ${next.description}::bytea, payload = ${next.payload}::bytea, action = ${next.action}::bytea,
    revision = revision + 1, status = 'open', opened_at = ${t.now}::timestamptz, deadline_at = ${next.deadline}::timestamptz,
    reminded = reminded | ${next.reminded}::smallint, votes = 0, version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status in ('open', 'returned', 'revising')
    and revision = ${next.revision}::integer and revision < ${MOST_REVISION}::integer
    and (deadline_at > ${t.now}::timestamptz or status = 'revising' and pause_while_revising)
  returning *`

/** They saw something else (T43). Answers who loses a vote. */
export const voidDecisions = (t: Tx, scope: Scope, taskId: string) => t.rows<{ id: string; user_id: string | null }>`
  update decisions set state = 'void' where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and state in ('pending', 'counted')
  returning id, user_id`

export type RevisionRow = {
  /** The revision that is no more. */
  revision: number
  task_id: string
  content: Buffer
  note: Buffer
  changed: string[]
  revised_by: string
  revised_at: Date
}

export const insertRevision = (t: Tx, scope: Scope, row: RevisionRow) => t.run`
  insert into revisions (revision, tenant_id, task_id, content, note, changed, revised_by, revised_at)
  values (${row.revision}::smallint, ${scope.tenantId}::uuid, ${row.task_id}::text, ${row.content}::bytea, ${row.note}::bytea, ${row.changed}::text[],
    ${row.revised_by}::text, ${row.revised_at}::timestamptz)`

export const findRevisions = (t: Tx, scope: Scope, taskId: string, from = 1) => t.rows<RevisionRow>`
  select revision, task_id, content, note, changed, revised_by, revised_at from revisions
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and revision >= ${from}::integer order by revision`

export const reportOutcomeIfNone = (
  t: Tx,
  scope: Scope,
  id: string,
  told: { status: 'succeeded' | 'failed' | 'skipped'; detail: Buffer | null },
) => t.maybe<TaskRow>`
  update tasks set agent_outcome = ${told.status}::text, agent_outcome_detail = ${told.detail}::bytea, agent_outcome_at = ${t.now}::timestamptz,
    version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any(${FINAL}::text[]) and agent_outcome is null and erased_at is null
  returning *`

// Once: who comes second finds the mark, and who reports at this moment goes first or finds it said.
export const markOutcomeMissingIfDue = (t: Tx, scope: Scope, id: string) => t.maybe<TaskRow>`
  update tasks set outcome_missing_at = ${t.now}::timestamptz, version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = 'completed' and agent_outcome is null and outcome_missing_at is null
    and completed_at + make_interval(secs => expect_outcome_seconds) <= ${t.now}::timestamptz
  returning *`
