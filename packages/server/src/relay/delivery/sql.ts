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

const shareGrantsOf = (t: Tx, scope: Scope, ids: readonly string[]) => t.run`
  select ${grantShare(sql`g.id`)} from (
    select distinct h.relay_grant_id as id from threads h where h.tenant_id = ${scope.tenantId}::uuid and h.id = any (${ids}::text[]) order by 1 offset 0) g`

export const findSending = (t: Tx, scope: Scope, messageId: string) => t.maybe<SendingRow>`
  select message_id, thread_id, mode, runs_until, stage, tries, looks from message_sendings
  where tenant_id = ${scope.tenantId}::uuid and message_id = ${messageId}::text`

/** With the message itself. */
export type SentRow = MessageRow & Omit<SendingRow, 'message_id' | 'thread_id'>
export const findSent = (t: Tx, scope: Scope, messageId: string) => t.maybe<SentRow>`
  select ${MESSAGE}, s.mode, s.runs_until, s.stage, s.tries, s.looks
  from message_sendings s join messages m on m.tenant_id = s.tenant_id and m.id = s.message_id
  where s.tenant_id = ${scope.tenantId}::uuid and s.message_id = ${messageId}::text`

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

/** Zero rows: it is on its way already. */
export const insertSending = (
  t: Tx,
  scope: Scope,
  message: Pick<MessageRow, 'id' | 'thread_id' | 'relay_grant_id'>,
  mode: 'push' | 'a2a',
  runsUntil: Date | null,
) => t.run`
  insert into message_sendings (message_id, tenant_id, thread_id, relay_grant_id, mode, runs_until, created_at)
  values (${message.id}::text, ${scope.tenantId}::uuid, ${message.thread_id}::text, ${message.relay_grant_id}::text, ${mode}::text,
    ${runsUntil}::timestamptz, ${t.now}::timestamptz)
  on conflict (tenant_id, message_id) do nothing`

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
export const takeMessage = (t: Tx, scope: Scope, id: string, by: 'push' | 'a2a', hash: Buffer, until: Date) =>
  t.run`${takenMessage(scope, id, by, hash, until)}`

/** With the fence of whoever took it last. */
export type FencedRow = MessageRow & { claim_hash: Buffer | null }
export const findFenced = (t: Tx, scope: Scope, threadId: string, id: string) => t.maybe<FencedRow>`
  select ${MESSAGE}, m.claim_hash from messages m
  where m.tenant_id = ${scope.tenantId}::uuid and m.thread_id = ${threadId}::text and m.id = ${id}::text`

export const threadsWithWaiting = (t: Tx, scope: Scope, cardId: string, after: string, limit: number) => t.rows<{ id: string }>`
  select distinct m.thread_id as id from messages m
  where m.tenant_id = ${scope.tenantId}::uuid and m.card_id = ${cardId}::text and m.side = 'caller' and m.state = 'queued'
    and m.thread_id > ${after}::text
  order by m.thread_id limit ${limit}::integer`
