// The statements of retention: what is over, and what remains of it (relay.md R108, R109).
import type { Scope, Tx } from '../../db/tx.ts'
import { MESSAGE_HELD, THREAD_HELD } from '../holds/sql.ts'

export const findTenants = (t: Tx, after: string | null) => t.rows<{ id: string }>`
  select id from countersign_engine.list_tenants(${after}::uuid, null::uuid, 200::integer)`

/** Days that are wholly over and whose key has not been destroyed. */
export const findDaysOver = (t: Tx, scope: Scope) => t.rows<{ subject: string }>`
  select distinct subject from subject_keys
  where tenant_id = ${scope.tenantId}::uuid and destroyed_at is null and subject like 'relay\\_day:%'
    and subject < 'relay_day:' || to_char(${t.now}::timestamptz at time zone 'UTC', 'YYYY-MM-DD')
  order by subject limit 1000`

/** Threads with contents that no key opens any more. */
export const findExpired = (t: Tx, scope: Scope, limit: number) => t.rows<{ thread_id: string }>`
  select distinct m.thread_id from messages m
  where m.tenant_id = ${scope.tenantId}::uuid and m.payload_state = 'present' and m.expires_at < date_trunc('day', ${t.now}::timestamptz at time zone 'UTC') at time zone 'UTC'
    and not ${MESSAGE_HELD}
  limit ${limit}::integer`

/** The envelopes go for the room that they take, and with them whatever else was read out of them or said beside them. Answers how many messages. */
export const blankExpired = (t: Tx, scope: Scope, threadId: string) => t.run`
  update messages m set payload = null, payload_state = 'expired', facts = null, artifact_name = null, artifact_description = null
  where m.tenant_id = ${scope.tenantId}::uuid and m.thread_id = ${threadId}::text and m.payload_state = 'present' and not ${MESSAGE_HELD}
    and m.expires_at < date_trunc('day', ${t.now}::timestamptz at time zone 'UTC') at time zone 'UTC'`

export const blankAll = (t: Tx, scope: Scope, threadIds: readonly string[]) => t.run`
  update messages set payload = null, payload_state = 'expired', facts = null, artifact_name = null, artifact_description = null
  where tenant_id = ${scope.tenantId}::uuid and thread_id = any (${threadIds}::text[]) and payload_state = 'present'`

/** What an agent said of its failure goes with the last of its contents; that it failed, and by which code, stays. */
export const blankErrors = (t: Tx, scope: Scope, threadIds: readonly string[]) => t.run`
  update threads h set error = jsonb_set(h.error, '{message}', '""')
  where h.tenant_id = ${scope.tenantId}::uuid and h.id = any (${threadIds}::text[]) and h.error ->> 'message' <> ''
    and not exists (select from messages m where m.tenant_id = h.tenant_id and m.thread_id = h.id and m.payload_state = 'present')`

/** Ended, without contents, with endpoints, and with nothing on its way to them. */
export const findTelling = (t: Tx, scope: Scope, limit: number) => t.rows<{ id: string }>`
  select h.id from threads h
  where h.tenant_id = ${scope.tenantId}::uuid and h.has_endpoints and h.ended_at is not null and not ${THREAD_HELD}
    and not exists (select from messages m where m.tenant_id = h.tenant_id and m.thread_id = h.id and m.payload_state = 'present')
    and not exists (
      select from deliveries d where d.tenant_id = h.tenant_id and d.resource_id = h.id and d.side = 'caller' and d.state in ('pending', 'sending'))
  order by h.ended_at limit ${limit}::integer
  for update of h skip locked`

/** Connection requests that were decided so long ago, with endpoints, and with nothing on its way to them. */
export const findRequestsTelling = (t: Tx, scope: Scope, days: number, limit: number) => t.rows<{ id: string }>`
  select distinct r.id from endpoints e join connection_requests r on r.tenant_id = e.tenant_id and r.id = e.bound_to
  where e.tenant_id = ${scope.tenantId}::uuid and e.bound_to like 'creq\\_%' and e.state <> 'deleted' and r.state <> 'pending'
    and r.state_since <= ${t.now}::timestamptz - make_interval(days => ${days}::integer)
    and not exists (
      select from deliveries d where d.tenant_id = r.tenant_id and d.resource_id = r.id and d.side = 'caller' and d.state in ('pending', 'sending'))
  limit ${limit}::integer`

export const findForgotten = (t: Tx, scope: Scope, limit: number) => t.rows<{ id: string; has_endpoints: boolean }>`
  select h.id, h.has_endpoints from threads h
  where h.tenant_id = ${scope.tenantId}::uuid and h.kept_until <= ${t.now}::timestamptz and not ${THREAD_HELD}
  order by h.kept_until limit ${limit}::integer
  for update of h skip locked`

/** With its messages, events and tokens, here and in its caller's list. */
export const forgetThreads = (t: Tx, ids: readonly string[]) => t.run`select countersign_engine.forget_threads(${ids}::text[])`

/** Keys that sealed contents of this thread alone, and that nothing needs any more. */
export const findEmptyKeys = (t: Tx, scope: Scope, threadId: string) => t.rows<{ subject: string }>`
  select k.subject from subject_keys k
  where k.tenant_id = ${scope.tenantId}::uuid and k.destroyed_at is null and k.subject in ('held:' || ${threadId}::text, 'thread:' || ${threadId}::text)
    and not exists (select from messages m where m.tenant_id = k.tenant_id and m.thread_id = ${threadId}::text and m.subject = k.subject and m.payload_state = 'present')`
