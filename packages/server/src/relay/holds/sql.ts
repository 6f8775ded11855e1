// The statements over holds (relay.md R109). A hold is about a thread, a relay grant or a card, or, as a setting of the record, about all of a tenant.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { MessageRow } from '../threads/sql.ts'

// Whoever sets or lifts a hold waits for what destroys at this moment, and the next such step finds the hold; steps do not wait for each other.
export const shareHolds = (t: Tx, scope: Scope) =>
  t.run`select pg_advisory_xact_lock_shared(hashtextextended('relay holds ' || ${scope.tenantId}::text, 0))`
export const lockHolds = (t: Tx, scope: Scope) =>
  t.run`select pg_advisory_xact_lock(hashtextextended('relay holds ' || ${scope.tenantId}::text, 0))`

/** Of rows `m` of messages: something holds them. */
export const MESSAGE_HELD: Sql = sql`exists (select from holds k where k.tenant_id = m.tenant_id and k.subject_id in (m.thread_id, m.relay_grant_id, m.card_id))`
/** Of rows `h` of threads. */
export const THREAD_HELD: Sql = sql`exists (select from holds k where k.tenant_id = h.tenant_id and k.subject_id in (h.id, h.relay_grant_id, h.card_id))`

/** Everything of the tenant is held. */
export const isHeld = async (t: Tx, scope: Scope): Promise<boolean> => {
  await shareHolds(t, scope)
  const found = await t.maybe<{ held: boolean }>`
    select held_at is not null as held from audit_retention where tenant_id = ${scope.tenantId}::uuid for share`
  return found?.held ?? false
}

/** Of these threads those that are held by themselves, by their relay grant or their card. */
export const heldAmong = (t: Tx, scope: Scope, threadIds: readonly string[]) => t.rows<{ id: string }>`
  select h.id from threads h where h.tenant_id = ${scope.tenantId}::uuid and h.id = any (${threadIds}::text[]) and ${THREAD_HELD}`

export type HoldRow = { subject_id: string; reason: string | null; set_by: string; created_at: Date }

export const putHold = (t: Tx, scope: Scope, id: string, reason: string | null) => t.one<HoldRow & { is_new: boolean }>`
  insert into holds as k (subject_id, tenant_id, reason, set_by, created_at)
  values (${id}::text, ${scope.tenantId}::uuid, ${reason}::text, ${scope.principal}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, subject_id) do update set reason = excluded.reason
  returning subject_id, reason, set_by, created_at, k.created_at = ${t.now}::timestamptz as is_new`

export const deleteHold = (t: Tx, scope: Scope, id: string) => t.run`
  delete from holds where tenant_id = ${scope.tenantId}::uuid and subject_id = ${id}::text`

export const putTenantHold = (t: Tx, scope: Scope, heldAt: Date | null, reason: string | null) => t.run`
  insert into audit_retention (audit_months, tenant_id, held_at, held_reason)
  values (24, ${scope.tenantId}::uuid, ${heldAt}::timestamptz, ${reason}::text)
  on conflict (tenant_id) do update set held_at = excluded.held_at, held_reason = excluded.held_reason`

/** Whether this tenant has it, as its owner. */
export const ownsThing = async (t: Tx, scope: Scope, id: string): Promise<boolean> =>
  (
    await t.one<{ own: boolean }>`
    select exists (select from threads where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text)
      or exists (select from relay_grants where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text)
      or exists (select from cards where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text) as own`
  ).own

export type HeldMessage = Pick<MessageRow, 'id' | 'thread_id' | 'subject' | 'payload' | 'expires_at'>

/** Under keys of days, or of this one, although they are held. */
export const findUnderDays = (t: Tx, scope: Scope, subject: string | null, limit: number) => t.rows<HeldMessage>`
  select m.id, m.thread_id, m.subject, m.payload, m.expires_at from messages m
  where m.tenant_id = ${scope.tenantId}::uuid and m.payload_state = 'present'
    and ${subject === null ? sql`m.subject like 'relay\\_day:%'` : sql`m.subject = ${subject}::text`} and ${MESSAGE_HELD}
  order by m.id limit ${limit}::integer for update of m ${subject === null ? sql`skip locked` : sql``}`

/** Nothing of it is over while it is held; when it was to be is remembered. */
export const moveHeld = (t: Tx, scope: Scope, id: string, subject: string, payload: Buffer) => t.run`
  update messages set payload = ${payload}::bytea, subject = ${subject}::text, held_expires_at = coalesce(expires_at, held_expires_at), expires_at = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

/** What nothing holds any more is over when it was to be. */
export const restoreTimes = (t: Tx, scope: Scope) => t.run`
  update messages m set expires_at = m.held_expires_at, held_expires_at = null
  where m.tenant_id = ${scope.tenantId}::uuid and m.held_expires_at is not null and not ${MESSAGE_HELD}`

/** What was to go when its thread ended goes when its hold is lifted. */
export const expireOnceFree = (t: Tx, scope: Scope, threadIds: readonly string[]) => t.run`
  update messages set held_expires_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and thread_id = any (${threadIds}::text[]) and payload_state = 'present'`

/** The same under a hold of the whole tenant: nobody reads it any more, and the key goes once that is lifted. */
export const expireUnread = (t: Tx, scope: Scope, threadIds: readonly string[]) => t.run`
  update messages set expires_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and thread_id = any (${threadIds}::text[]) and payload_state = 'present'`
