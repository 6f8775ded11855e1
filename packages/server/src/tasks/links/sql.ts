// Every statement over links. Knows hashes of tokens, never tokens.
import type { Scope } from '../../db/scope.ts'
import { type Sql, sql } from '../../db/sql.ts'
import type { Tx } from '../../db/tx.ts'
import { writeJson } from '../../http/json.ts'
import type { Status } from '../sql.ts'
import type { LinkAnswer } from './link.ts'

export type Purpose = 'answer' | 'review' | 'session' | 'reply'
export type LinkChannel = 'email' | 'webhook'

export type LinkRow = {
  id: string
  task_id: string
  revision: number
  purpose: Purpose
  channel: LinkChannel
  label: string | null
  choice: LinkAnswer | null
  user_id: string | null
  email: string | null
  display_name: string
  vouched: boolean
  endpoint_id: string | null
  notice_id: string | null
  parent_id: string | null
  created_at: Date
  expires_at: Date
  seen_at: Date | null
  decision_id: string | null
  used_at: Date | null
  revoked_at: Date | null
  /** Of the decision that was made by it. */
  decision_state: 'pending' | 'counted' | 'returned' | 'void' | 'withdrawn' | null
  /** Its person was one of the tenant's and is not any more. */
  is_gone: boolean
  /** Its session's link was revoked. */
  parent_revoked: boolean
  task_status: Status
  task_revision: number
  settled_at: Date | null
  settled_by: string | null
  settled_channel: string | null
}

export type NewLink = Pick<LinkRow, 'id' | 'task_id' | 'revision' | 'purpose' | 'channel' | 'label' | 'user_id' | 'email'> &
  Pick<LinkRow, 'display_name' | 'vouched' | 'endpoint_id' | 'notice_id' | 'parent_id'> & {
    token_hash: string
    choice: LinkAnswer | null
    expires_at: string
  }

/** Before the tenant is known. */
export const findLinkTenant = (t: Tx, hash: Buffer) => t.maybe<{ id: string; tenant_id: string }>`
  select id, tenant_id from countersign_engine.find_task_link(${hash}::bytea)`

const linkWithTask = (scope: Scope, which: Sql): Sql => sql`
  select l.id, l.task_id, l.revision, l.purpose, l.channel, l.label, l.choice, l.user_id, l.email, l.display_name, l.vouched, l.endpoint_id, l.notice_id, l.parent_id,
    l.created_at, l.expires_at, l.seen_at, l.decision_id, l.used_at, l.revoked_at, d.state as decision_state,
    l.user_id is not null and not exists (
      select from roles r where r.tenant_id = l.tenant_id and r.user_id = l.user_id and r.deactivated_at is null) as is_gone,
    coalesce(p.revoked_at is not null, false) as parent_revoked,
    k.status as task_status, k.revision as task_revision, k.completed_by_display_name as settled_by, k.completed_via_channel as settled_channel,
    coalesce(k.completed_at, k.timed_out_at, k.cancelled_at, k.verification_exhausted_at) as settled_at
  from task_links l
  join tasks k on k.tenant_id = l.tenant_id and k.id = l.task_id
  left join decisions d on d.tenant_id = l.tenant_id and d.id = l.decision_id
  left join task_links p on p.tenant_id = l.tenant_id and p.id = l.parent_id
  where l.tenant_id = ${scope.tenantId}::uuid and ${which}`

export const findLink = (t: Tx, scope: Scope, id: string) => t.maybe<LinkRow>`${linkWithTask(scope, sql`l.id = ${id}::text`)}`

export const listLinks = (t: Tx, scope: Scope, taskId: string) =>
  t.rows<LinkRow>`${linkWithTask(scope, sql`l.task_id = ${taskId}::text and l.purpose <> 'session'`)} order by l.id desc limit 500`

export const insertLinks = (t: Tx, scope: Scope, links: readonly NewLink[]) => t.run`
  insert into task_links (id, tenant_id, token_hash, task_id, revision, purpose, channel, label, choice, user_id, email, display_name, vouched,
    endpoint_id, notice_id, parent_id, created_at, expires_at, seen_at)
  select n.id, ${scope.tenantId}::uuid, decode(n.token_hash, 'hex'), n.task_id, n.revision, n.purpose, n.channel, n.label, n.choice, n.user_id, n.email,
    n.display_name, n.vouched, n.endpoint_id, n.notice_id, n.parent_id, ${t.now}::timestamptz, n.expires_at,
    case when n.purpose = 'session' then ${t.now}::timestamptz end
  from json_to_recordset(${writeJson(links)}::json) as n (id text, token_hash text, task_id text, revision integer, purpose text, channel text,
    label text, choice json, user_id text, email text, display_name text, vouched boolean, endpoint_id text, notice_id text, parent_id text, expires_at timestamptz)`

/** A session lives on by being used. */
export const touchSession = (t: Tx, scope: Scope, id: string) => t.run`
  update task_links set seen_at = ${t.now}::timestamptz where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and purpose = 'session'`

// The row is the lock of its link: of two uses at once the second waits for it, and then finds a decision that counts or is held, and matches nothing.
// What came back from a verifier, was voided by a revision or withdrawn leaves the link as good as it was (T110).
export const consumeIfFree = (
  t: Tx,
  scope: Scope,
  id: string,
  who: { person: string; actor: string; taskId: string },
) => t.maybe<{
  id: string
  decision_id: string
}>`
  update task_links l set used_at = ${t.now}::timestamptz, decision_id = made.id
  from (
    select d.id from decisions d
    where d.tenant_id = ${scope.tenantId}::uuid and d.task_id = ${who.taskId}::text and d.decided_at = ${t.now}::timestamptz
      and (d.user_id = ${who.person}::text or d.actor_id = ${who.actor}::text)
    order by d.id desc limit 1) made
  where l.tenant_id = ${scope.tenantId}::uuid and l.id = ${id}::text and l.revoked_at is null
    and (l.decision_id is null or exists (
      select from decisions before where before.tenant_id = l.tenant_id and before.id = l.decision_id and before.state in ('returned', 'void', 'withdrawn')))
  returning l.id, l.decision_id`

export const revokeLinkIfLive = (t: Tx, scope: Scope, taskId: string, id: string) => t.run`
  update task_links set revoked_at = ${t.now}::timestamptz, revoked_by = ${scope.principal}::text
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and id = ${id}::text and revoked_at is null and purpose <> 'session'`

/** What was made for a mail that no provider took. */
export const revokeLinksByIds = (t: Tx, scope: Scope, ids: readonly string[]) => t.run`
  update task_links set revoked_at = ${t.now}::timestamptz, revoked_by = ${scope.principal}::text
  where tenant_id = ${scope.tenantId}::uuid and id = any(${ids}::text[]) and revoked_at is null`
