// The statements over messages on their way to an owner's agent. Whoever changes one holds its thread.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { grantShare } from '../sql.ts'
import { lockThreads, MESSAGE, type MessageRow, type ThreadRow } from '../threads/sql.ts'

export type Mode = 'inbox' | 'push' | 'a2a'
export type Stage = 'waiting' | 'calling' | 'following' | 'done'
export type SendingRow = {
  message_id: string
  thread_id: string
  mode: 'push' | 'a2a'
  /** Until when the process that accepted it has it to itself. */
  runs_until: Date | null
  stage: Stage
  tries: number
  looks: number
}

/** Grants before threads, each in their order: as whoever revokes takes them. Answers the threads as they are under their locks. */
export async function holdThreads(t: Tx, scope: Scope, ids: readonly string[]): Promise<ThreadRow[]> {
  await shareGrantsOf(t, scope, ids)
  return lockThreads(t, scope, ids)
}

/** The same as locks of one thread, for a transaction that is opened with them. */
export const holdsOf = (scope: Scope, threadId: string): Sql[] => [
  sql`select ${grantShare(sql`h.relay_grant_id`)} from threads h where h.tenant_id = ${scope.tenantId}::uuid and h.id = ${threadId}::text`,
  sql`select from threads where tenant_id = ${scope.tenantId}::uuid and id = ${threadId}::text for update`,
]

const shareGrantsOf = (t: Tx, scope: Scope, ids: readonly string[]) => t.run`
  select ${grantShare(sql`g.id`)} from (
    select distinct h.relay_grant_id as id from threads h where h.tenant_id = ${scope.tenantId}::uuid and h.id = any (${ids}::text[]) order by 1 offset 0) g`

export const findSending = (t: Tx, scope: Scope, messageId: string) => t.maybe<SendingRow>`
  select message_id, thread_id, mode, runs_until, stage, tries, looks from message_sendings
  where tenant_id = ${scope.tenantId}::uuid and message_id = ${messageId}::text`

/** With the message itself. */
export type SentRow = MessageRow & Omit<SendingRow, 'message_id' | 'thread_id'>

/** Those of these messages that were on their way to an endpoint. */
export const findPushed = async (
  t: Tx,
  scope: Scope,
  messageIds: readonly string[],
): Promise<Pick<SendingRow, 'message_id' | 'thread_id'>[]> =>
  messageIds.length === 0
    ? []
    : t.rows`
  select message_id, thread_id from message_sendings
  where tenant_id = ${scope.tenantId}::uuid and message_id = any (${messageIds}::text[]) and mode = 'push' order by message_id`

/** Answers those that were not on their way already. */
export const insertSendings = (
  t: Tx,
  scope: Scope,
  all: readonly {
    message: Pick<MessageRow, 'id' | 'thread_id' | 'relay_grant_id'>
    mode: 'push' | 'a2a'
    runsUntil: Date | null
  }[],
) => t.rows<{ message_id: string }>`
  insert into message_sendings (message_id, tenant_id, thread_id, relay_grant_id, mode, runs_until, created_at)
  select x.message_id, ${scope.tenantId}::uuid, x.thread_id, x.relay_grant_id, x.mode, x.runs_until, ${t.now}::timestamptz
  from unnest(${all.map(({ message }) => message.id)}::text[], ${all.map(({ message }) => message.thread_id)}::text[],
    ${all.map(({ message }) => message.relay_grant_id)}::text[], ${all.map(({ mode }) => mode)}::text[],
    ${all.map(({ runsUntil }) => runsUntil)}::timestamptz[]) as x (message_id, thread_id, relay_grant_id, mode, runs_until)
  on conflict (tenant_id, message_id) do nothing
  returning message_id`

export const forgetSendings = (t: Tx, scope: Scope, messageIds: readonly string[]) => t.run`
  delete from message_sendings where tenant_id = ${scope.tenantId}::uuid and message_id = any (${messageIds}::text[])`

/** The event that recorded a message has its number. */
export const eventOf = (t: Tx, scope: Scope, message: Pick<MessageRow, 'thread_id' | 'sequence'>) => t.maybe<{ id: string }>`
  select id from thread_events where tenant_id = ${scope.tenantId}::uuid and thread_id = ${message.thread_id}::text
    and sequence = ${message.sequence}::bigint`

/** Under its thread's lock: what waits, or what an earlier attempt of the same way began and never ended. */
export const takenMessage = (scope: Scope, id: string, by: 'push' | 'a2a', hash: Buffer, until: Date): Sql => sql`
  update messages set state = 'delivering', state_reason = null, attempts = attempts + 1, claim_hash = ${hash}::bytea, claimed_by = ${by}::text,
    claimed_until = ${until}::timestamptz, next_attempt_at = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and side = 'caller'
    and (state in ('queued', 'exhausted') or (state = 'delivering' and claimed_by = ${by}::text))`

/** The same of many, each with a fence of its own. */
export const takeMessages = (
  t: Tx,
  scope: Scope,
  by: 'push' | 'a2a',
  all: readonly { id: string; hash: Buffer }[],
  until: Date,
) => t.rows<{ id: string }>`
  update messages m set state = 'delivering', state_reason = null, attempts = m.attempts + 1, claim_hash = x.hash, claimed_by = ${by}::text,
    claimed_until = ${until}::timestamptz, next_attempt_at = null
  from unnest(${all.map(({ id }) => id)}::text[], ${all.map(({ hash }) => hash)}::bytea[]) as x (id, hash)
  where m.tenant_id = ${scope.tenantId}::uuid and m.id = x.id and m.side = 'caller'
    and (m.state in ('queued', 'exhausted') or (m.state = 'delivering' and m.claimed_by = ${by}::text))
  returning m.id`

/** With the fence of whoever took it last. */
export type FencedRow = MessageRow & { claim_hash: Buffer | null }
export const findFenced = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<FencedRow>`
  select ${MESSAGE}, m.claim_hash from messages m where m.tenant_id = ${scope.tenantId}::uuid and m.id = any (${ids}::text[])`

/** Of these relay grants those by which something may still go on its way. */
export const findOpenGrants = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<{ id: string }>`
  select id from relay_grants where tenant_id = ${scope.tenantId}::uuid and id = any (${ids}::text[]) and state = 'active'
    and coalesce(expires_at > ${t.now}::timestamptz, true)`

export const insertReplyTokens = (
  t: Tx,
  scope: Scope,
  all: readonly { id: string; thread_id: string; relay_grant_id: string; hash: Buffer }[],
  expiresAt: Date,
) => t.run`
  insert into thread_tokens (id, tenant_id, thread_id, relay_grant_id, side, token_hash, minted_by, first_minted_at, created_at, expires_at)
  select x.id, ${scope.tenantId}::uuid, x.thread_id, x.relay_grant_id, 'owner', x.hash, ${scope.actor.id}::text, ${t.now}::timestamptz,
    ${t.now}::timestamptz, ${expiresAt}::timestamptz
  from unnest(${all.map(({ id }) => id)}::text[], ${all.map(({ thread_id }) => thread_id)}::text[],
    ${all.map(({ relay_grant_id }) => relay_grant_id)}::text[], ${all.map(({ hash }) => hash)}::bytea[]) as x (id, thread_id, relay_grant_id, hash)`

export const threadsWithWaiting = (t: Tx, scope: Scope, cardId: string, after: string, limit: number) => t.rows<{ id: string }>`
  select distinct m.thread_id as id from messages m
  where m.tenant_id = ${scope.tenantId}::uuid and m.card_id = ${cardId}::text and m.side = 'caller' and m.state = 'queued'
    and m.thread_id > ${after}::text
  order by m.thread_id limit ${limit}::integer`
