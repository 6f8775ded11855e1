// The statements over the record: insert and select, nothing else exists (P107).
import { join, type Sql, sql } from '../db/sql.ts'
import type { Scope, Tx } from '../db/tx.ts'
import type { EventClass, EventType } from './types.ts'

/** Where an event stands in the order of the record: the transaction that wrote it, then its number. */
export type Position = { xid: string; ord: number }
export type EventRow = Position & { id: string; body: string }
export type ListedRow = EventRow & { seq: number | null }
export type FollowedRow = EventRow & { settled: boolean }

export type EventInsert = {
  id: string
  type: EventType
  class: EventClass
  resource_type: string | null
  resource_id: string | null
  actor_id: string
  decision: string | null
  action: string | null
  body: string
}

export type EventFilter = {
  actor?: string
  resource?: string
  /** An exact type, or `task.*`. */
  type?: string
  class?: EventClass
  /** What was asked for, as the event tells it (`data.action`), or how its type ends: `created`. */
  action?: string
  /** The outcome of the decision that the event tells of. */
  decision?: string
  since?: Date
  until?: Date
}

/** Each row answers whether anything is to follow it in this transaction. `beside`: parts that write what belongs to them, each with a name of its own. */
export const insertEvents = (t: Tx, scope: Scope, events: readonly EventInsert[], beside: readonly Sql[] = []) => t.rows<{
  wanted: boolean
}>`
  ${beside.length === 0 ? sql`` : sql`with ${join(beside, ', ')}`}
  insert into events (id, tenant_id, type, class, resource_type, resource_id, actor_id, decision, action, occurred_at, body)
  select id, ${scope.tenantId}::uuid, type, class, resource_type, resource_id, actor_id, decision, action, ${t.now}::timestamptz, body
  from unnest(${events.map((one) => one.id)}::text[], ${events.map((one) => one.type)}::text[], ${events.map((one) => one.class)}::text[],
    ${events.map((one) => one.resource_type)}::text[], ${events.map((one) => one.resource_id)}::text[],
    ${events.map((one) => one.actor_id)}::text[], ${events.map((one) => one.decision)}::text[], ${events.map((one) => one.action)}::text[],
    ${events.map((one) => one.body)}::text[])
    as told (id, type, class, resource_type, resource_id, actor_id, decision, action, body)
  returning (select ${t.fanOut?.wanted(scope) ?? sql`false`}) as wanted`

export const findEvent = (t: Tx, scope: Scope, id: string) => t.maybe<EventRow>`
  select id, xid::text, ord, body from events where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&')

function matching(filter: EventFilter): Sql {
  const { actor, resource, type, class: kind, action, decision, since, until } = filter
  const prefix = type?.endsWith('.*') ? type.slice(0, -1) : null
  return sql`true
    ${actor === undefined ? sql`` : sql`and actor_id = ${actor}::text`}
    ${resource === undefined ? sql`` : sql`and resource_id = ${resource}::text`}
    ${type === undefined || prefix ? sql`` : sql`and type = ${type}::text`}
    ${prefix ? sql`and starts_with(type, ${prefix}::text)` : sql``}
    ${kind === undefined ? sql`` : sql`and class = ${kind}::text`}
    ${action === undefined ? sql`` : sql`and (action = ${action}::text or type like ${`%.${escapeLike(action)}`}::text)`}
    ${decision === undefined ? sql`` : sql`and decision = ${decision}::text`}
    ${since === undefined ? sql`` : sql`and occurred_at >= ${since}::timestamptz`}
    ${until === undefined ? sql`` : sql`and occurred_at < ${until}::timestamptz`}`
}

// `events.xid` in the order: a bare xid would name the text that is selected, and text puts 999 behind 1000.
/** Newest first, below a position. */
export const listEventsBefore = (
  t: Tx,
  scope: Scope,
  filter: EventFilter,
  before: Position | null,
  limit: number,
) => t.rows<ListedRow>`
  select id, xid::text, ord, body,
    (select s.seq::float8 from seals s where s.tenant_id = ${scope.tenantId}::uuid and s.event_id = events.id) as seq
  from events
  where tenant_id = ${scope.tenantId}::uuid and ${matching(filter)}
    ${before ? sql`and (xid, ord) < (${before.xid}::xid8, ${before.ord}::bigint)` : sql``}
  order by events.xid desc, ord desc
  limit ${limit}::integer`

// A transaction takes its number when it first writes and commits when it likes, so a row with a lower number can appear after one with a higher.
// Below the oldest transaction that still runs (the snapshot's xmin) nothing can appear any more: such rows are settled, and only they are handed on.
// Snapshot and rows are of one statement, so no commit falls between them.
export const findEventsAfter = (t: Tx, scope: Scope, filter: EventFilter, after: Position, limit: number) => t.rows<FollowedRow>`
  select id, xid::text, ord, body, xid < pg_snapshot_xmin(pg_current_snapshot()) as settled from events
  where tenant_id = ${scope.tenantId}::uuid and (xid, ord) > (${after.xid}::xid8, ${after.ord}::bigint) and ${matching(filter)}
  order by events.xid, ord
  limit ${limit}::integer`

/** Everything that is not settled yet lies at or after this. */
export const presentPosition = (t: Tx) => t.one<Position>`
  select pg_snapshot_xmin(pg_current_snapshot())::text as xid, 0 as ord`

/** One side envelope serves all events of a session or key from one place; who puts it anew finds it there. */
export const putOrigin = (t: Tx, scope: Scope, sha256: string, subject: string, envelope: Buffer) => t.run`
  insert into event_origins (sha256, tenant_id, subject, envelope, created_at)
  values (${sha256}::text, ${scope.tenantId}::uuid, ${subject}::text, ${envelope}::bytea, ${t.now}::timestamptz)
  on conflict (tenant_id, sha256) do nothing`

export type OriginRow = { sha256: string; subject: string; envelope: Buffer }
export const findOrigins = (t: Tx, scope: Scope, hashes: readonly string[]) => t.rows<OriginRow>`
  select sha256, subject, envelope from event_origins
  where tenant_id = ${scope.tenantId}::uuid and sha256 = any(${hashes}::text[])`

/** Of a resource's events of these types, the newest first. */
export const findEventIds = async (t: Tx, scope: Scope, resource: string, types: readonly EventType[]): Promise<string[]> =>
  (
    await t.rows<{ id: string }>`
    select id from events
    where tenant_id = ${scope.tenantId}::uuid and resource_id = ${resource}::text and type = any(${types}::text[])
    order by events.xid desc, ord desc`
  ).map((row) => row.id)
