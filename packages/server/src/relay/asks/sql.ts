// The statements over messages that wait for people. A transition is one conditional update; zero rows is an answer.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { ResponseOutcome } from '../model.ts'
import { type GrantedRow, type MessageRow, PEER, peerAs } from '../threads/sql.ts'

export type What = 'send_in' | 'send_out' | 'reply_out' | 'reply_in'
export type AskState = 'open' | 'agreed' | 'refused' | 'expired' | 'withdrawn'
export type MessageAsk = {
  task_id: string
  message_id: string
  thread_id: string
  relay_grant_id: string
  what: What
  action: string
  payload_hash: string
  edited_hash: string | null
  response: { outcome: ResponseOutcome; error: { code: string; message: string } | null } | null
  policy_version: number
  policy_ids: string[]
  quorum: number
  on_timeout: 'deny' | 'escalate'
  state: AskState
  opened_at: Date
  expires_at: Date
  escalated_at: Date | null
}

export type NewAsk = Omit<MessageAsk, 'edited_hash' | 'state' | 'opened_at' | 'escalated_at'>

export const insertMessageAsk = (t: Tx, scope: Scope, one: NewAsk) => t.run`
  insert into message_asks (task_id, tenant_id, message_id, thread_id, relay_grant_id, what, action, payload_hash, response, policy_version, policy_ids, quorum, on_timeout, state,
    opened_at, expires_at)
  values (${one.task_id}::text, ${scope.tenantId}::uuid, ${one.message_id}::text, ${one.thread_id}::text, ${one.relay_grant_id}::text, ${one.what}::text,
    ${one.action}::text, ${one.payload_hash}::text, ${one.response === null ? null : JSON.stringify(one.response)}::jsonb, ${one.policy_version}::integer, ${one.policy_ids}::text[], ${one.quorum}::integer, ${one.on_timeout}::text, 'open',
    ${t.now}::timestamptz, ${one.expires_at}::timestamptz)`

export const findMessageAsk = (t: Tx, scope: Scope, taskId: string) => t.maybe<MessageAsk>`
  select task_id, message_id, thread_id, relay_grant_id, what, action, payload_hash, edited_hash, response, policy_version, policy_ids, quorum, on_timeout, state, opened_at,
    expires_at, escalated_at
  from message_asks where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

export const findAskOfMessage = (t: Tx, scope: Scope, messageId: string, what: What) => t.maybe<
  Pick<MessageAsk, 'task_id' | 'state' | 'expires_at'>
>`
  select task_id, state, expires_at from message_asks
  where tenant_id = ${scope.tenantId}::uuid and message_id = ${messageId}::text and what = ${what}::text`

/** Of two that end it, one does. */
export const settleAskIf = (
  t: Tx,
  scope: Scope,
  taskId: string,
  to: { state: Exclude<AskState, 'open'>; editedHash?: string | null },
) => t.run`
  update message_asks set state = ${to.state}::text, settled_at = ${t.now}::timestamptz, edited_hash = ${to.editedHash ?? null}::text
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and state = 'open'`

/** Once: whoever comes second finds escalated_at. */
export const escalateAskIf = (t: Tx, scope: Scope, taskId: string, until: Date) => t.run`
  update message_asks set escalated_at = ${t.now}::timestamptz, expires_at = ${until}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and state = 'open' and on_timeout = 'escalate' and escalated_at is null`

/** Whether people of either side are asked about any of these threads. */
export const isAsked = (t: Tx, scope: Scope, ids: readonly string[]) =>
  t.one<{ is: boolean }>`select ${askedOf(scope, ids)} as is`
export const askedOf = (scope: Scope, ids: readonly string[]): Sql => sql`(
  exists (
      select from message_asks where tenant_id = ${scope.tenantId}::uuid and thread_id = any (${ids}::text[]) and state = 'open')
    or exists (select from countersign_engine.asked_elsewhere(null::text, ${ids}::text[])))`

export const openAsksOfThreads = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<
  Pick<MessageAsk, 'task_id' | 'message_id' | 'what' | 'expires_at'>
>`
  select task_id, message_id, what, expires_at from message_asks
  where tenant_id = ${scope.tenantId}::uuid and thread_id = any (${ids}::text[]) and state = 'open' order by task_id`

/** Before an answer of the owner's side: whether one waits for people, of whichever side; how much this caller sent today, and who it is. */
export const findAnswered = (t: Tx, scope: Scope, grantId: string, threadId: string) => t.maybe<
  GrantedRow & { has_held: boolean; messages: number }
>`
  select ${PEER}, ${answeredColumns(t, scope, threadId, sql`${grantId}::text`)}
  from ${peerAs(grantId, 'caller')}`
/** The same for a statement that reads more in its one round trip. */
export const answeredColumns = (t: Tx, scope: Scope, threadId: string, grantId: Sql): Sql => sql`
  exists (
      select from message_asks where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text and state = 'open' and what = 'reply_out')
    or exists (
      select from messages where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text and side = 'owner' and state = 'held') as has_held,
  (select coalesce(sum(u.messages), 0)::integer from relay_usage u
    where u.tenant_id = ${scope.tenantId}::uuid and u.relay_grant_id = ${grantId} and u.day = ${t.now}::timestamptz::date) as messages`

export const openAsksOfGrant = (t: Tx, scope: Scope, grantId: string) => t.rows<Pick<MessageAsk, 'task_id'>>`
  select task_id from message_asks
  where tenant_id = ${scope.tenantId}::uuid and relay_grant_id = ${grantId}::text and state = 'open' order by task_id`

/** Under the thread's lock: a reply that people let go takes the number of the event that tells of it. */
export const releaseReply = (t: Tx, scope: Scope, one: MessageRow) => t.run`
  update messages set state = 'delivered', state_reason = null, delivered_at = ${t.now}::timestamptz, sequence = ${one.sequence}::bigint, payload = ${one.payload}::bytea,
    payload_hash = ${one.payload_hash}::text, size_bytes = ${one.size_bytes}::integer, part_kinds = ${one.part_kinds}::text[], media_types = ${one.media_types}::text[]
  where tenant_id = ${scope.tenantId}::uuid and id = ${one.id}::text and state = 'held'`

/** As the owner's people let it go, it waits for those of the other side. */
export const reholdReply = (t: Tx, scope: Scope, one: MessageRow, taskId: string) => t.run`
  update messages set task_id = ${taskId}::text, payload = ${one.payload}::bytea, payload_hash = ${one.payload_hash}::text, size_bytes = ${one.size_bytes}::integer,
    part_kinds = ${one.part_kinds}::text[], media_types = ${one.media_types}::text[]
  where tenant_id = ${scope.tenantId}::uuid and id = ${one.id}::text and state = 'held'`

export const settleReplies = (t: Tx, scope: Scope, taskId: string, state: 'refused' | 'withdrawn', reason: string) => t.run`
  update messages set state = ${state}::text, state_reason = ${reason}::text
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and side = 'owner' and state = 'held'`
