// The statements over the health of listed agents, and over what is due of them (relay.md R23).
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'

export type HealthState = 'ok' | 'degraded' | 'down'
export type HealthRow = { checked_at: Date; state: HealthState; reason: string | null; ms: number }

export type DueLook = { what: 'domain' | 'health'; tenant_id: string; id: string }
export const listingDue = (limit: number): Sql => sql`select * from countersign_engine.listing_due(${limit}::integer)`

export type LookedCard = {
  id: string
  slug: string
  state: 'active' | 'paused'
  delivery_mode: 'inbox' | 'push' | 'a2a'
  looked_at: Date
}
/** Null: somebody else looks, or it is not listed any more. */
export const beginLook = (t: Tx, scope: Scope, id: string) => t.maybe<LookedCard>`
  update cards set looked_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and listing = 'listed' and state <> 'retired'
    and coalesce(looked_at <= ${t.now}::timestamptz - interval '15 minutes', true)
  returning id, slug, state, delivery_mode, looked_at`

export const findLooked = (t: Tx, scope: Scope, id: string) => t.maybe<LookedCard>`
  select id, slug, state, delivery_mode, looked_at from cards
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and looked_at is not null and state <> 'retired'`

/** Of two answers of one moment the first counts. */
export const insertHealth = (t: Tx, scope: Scope, cardId: string, one: Omit<HealthRow, 'checked_at'>) => t.run`
  insert into card_health (card_id, tenant_id, checked_at, state, reason, ms)
  values (${cardId}::text, ${scope.tenantId}::uuid, ${t.now}::timestamptz, ${one.state}::text, ${one.reason}::text, ${one.ms}::integer)
  on conflict do nothing`

export const forgetHealth = (t: Tx, scope: Scope, cardId: string) => t.run`
  delete from card_health where tenant_id = ${scope.tenantId}::uuid and card_id = ${cardId}::text and checked_at < ${t.now}::timestamptz - interval '30 days'`

export const listHealth = (t: Tx, scope: Scope, cardId: string, limit: number) => t.rows<HealthRow>`
  select checked_at, state, reason, ms from card_health
  where tenant_id = ${scope.tenantId}::uuid and card_id = ${cardId}::text order by checked_at desc limit ${limit}::integer`

/** When a worker asked for messages; what is newer than that stays. */
export const noteClaim = (t: Tx, scope: Scope, cardId: string) => t.run`
  insert into card_claims as k (card_id, tenant_id, claimed_at) values (${cardId}::text, ${scope.tenantId}::uuid, ${t.now}::timestamptz)
  on conflict (tenant_id, card_id) do update set claimed_at = greatest(k.claimed_at, excluded.claimed_at)`

export const claimedSince = (t: Tx, scope: Scope, cardId: string, since: Date) => t.one<{ claimed: boolean }>`
  select exists (select from card_claims where tenant_id = ${scope.tenantId}::uuid and card_id = ${cardId}::text
    and claimed_at > ${since}::timestamptz) as claimed`
