// What tasks leave behind in channels, removed when it is old enough: each statement a batch, in the order of time by an index, of tasks that ended long ago. What
// belongs to a task that is still open stays, however old it is.
import { type Sql, sql } from '../../../db/sql.ts'
import type { Scope, Tx } from '../../../db/tx.ts'

export type Old = { cutoff: Date; limit: number }

const isOver = (task: Sql, { cutoff }: Old): Sql => sql`
  exists (select from tasks k where k.tenant_id = o.tenant_id and k.id = ${task}
    and coalesce(k.completed_at, k.timed_out_at, k.cancelled_at, k.verification_exhausted_at) < ${cutoff}::timestamptz)`

/** `before`: the first id of that time. */
export const pruneNotices = (t: Tx, scope: Scope, old: Old & { before: string }) => t.run`
  delete from notices where tenant_id = ${scope.tenantId}::uuid and id in (
    select o.id from notices o where o.tenant_id = ${scope.tenantId}::uuid and o.id < ${old.before}::text and ${isOver(sql`o.task_id`, old)}
    order by o.id limit ${old.limit}::integer)`

export const pruneLinks = (t: Tx, scope: Scope, old: Old & { before: string }) => t.run`
  delete from task_links where tenant_id = ${scope.tenantId}::uuid and id in (
    select o.id from task_links o where o.tenant_id = ${scope.tenantId}::uuid and o.id < ${old.before}::text and ${isOver(sql`o.task_id`, old)}
    order by o.id limit ${old.limit}::integer)`

/** By the ids of their notices. */
export const pruneMessages = (t: Tx, scope: Scope, old: Old & { before: string }) => t.run`
  delete from slack_messages where tenant_id = ${scope.tenantId}::uuid and notice_id in (
    select o.notice_id from slack_messages o where o.tenant_id = ${scope.tenantId}::uuid and o.notice_id < ${old.before}::text and ${isOver(sql`o.task_id`, old)}
    order by o.notice_id limit ${old.limit}::integer)`

export const pruneEmbeds = (t: Tx, scope: Scope, old: Old & { before: string }) => t.run`
  delete from embed_tokens where tenant_id = ${scope.tenantId}::uuid and id in (
    select o.id from embed_tokens o where o.tenant_id = ${scope.tenantId}::uuid and o.id < ${old.before}::text and ${isOver(sql`o.task_id`, old)}
    order by o.id limit ${old.limit}::integer)`

/** Also those of no task: invitations, trials. */
export const pruneMails = (t: Tx, scope: Scope, old: Old) => t.run`
  delete from mails where tenant_id = ${scope.tenantId}::uuid and id in (
    select o.id from mails o where o.tenant_id = ${scope.tenantId}::uuid and o.sent_at < ${old.cutoff}::timestamptz and (o.task_id is null or ${isOver(sql`o.task_id`, old)})
    order by o.sent_at limit ${old.limit}::integer)`

export const pruneMailReplies = (t: Tx, scope: Scope, old: Old) => t.run`
  delete from mail_replies where tenant_id = ${scope.tenantId}::uuid and digest in (
    select o.digest from mail_replies o where o.tenant_id = ${scope.tenantId}::uuid and o.received_at < ${old.cutoff}::timestamptz
      and (o.task_id is null or ${isOver(sql`o.task_id`, old)})
    order by o.received_at limit ${old.limit}::integer)`

export const pruneLetters = (t: Tx, scope: Scope, old: Old & { before: string }) => t.run`
  delete from letters where tenant_id = ${scope.tenantId}::uuid and id in (
    select o.id from letters o where o.tenant_id = ${scope.tenantId}::uuid and o.id < ${old.before}::text and o.body is null
    order by o.id limit ${old.limit}::integer)`
