// The statements over the record: insert and select, nothing else exists (P107).
import { type Sql, sql } from '../db/sql.ts'
import type { Scope, Tx } from '../db/tx.ts'
import type { EventClass, EventType } from './types.ts'

/** Where an event stands in the order of the record: the transaction that wrote it, then its number. */
export type Position = { xid: string; ord: number }
export type EventRow = Position & { id: string; body: string }
export type FollowedRow = EventRow & { settled: boolean }

export type EventInsert = {
  id: string
  type: EventType
  class: EventClass
  resource_type: string | null
  resource_id: string | null
  actor_id: string
  body: string
}

export type EventFilter = {
  actor?: string
  resource?: string
  /** An exact type, or `task.*`. */
  type?: string
  class?: EventClass
  since?: Date
  until?: Date
}

export const insertEvents = (t: Tx, scope: Scope, events: readonly EventInsert[]) => t.run`
  insert into events (id, tenant_id, type, class, resource_type, resource_id, actor_id, occurred_at, body)
  select id, ${scope.tenantId}::uuid, type, class, resource_type, resource_id, actor_id, ${t.now}::timestamptz, body
  from unnest(${events.map((one) => one.id)}::text[], ${events.map((one) => one.type)}::text[], ${events.map((one) => one.class)}::text[],
    ${events.map((one) => one.resource_type)}::text[], ${events.map((one) => one.resource_id)}::text[],
    ${events.map((one) => one.actor_id)}::text[], ${events.map((one) => one.body)}::text[])
    as told (id, type, class, resource_type, resource_id, actor_id, body)`

export const findEvent = (t: Tx, scope: Scope, id: string) => t.maybe<EventRow>`
  select id, xid::text, ord, body from events where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

function matching(filter: EventFilter): Sql {
  const { actor, resource, type, class: kind, since, until } = filter
  const prefix = type?.endsWith('.*') ? type.slice(0, -1) : null
  return sql`true
    ${actor === undefined ? sql`` : sql`and actor_id = ${actor}::text`}
    ${resource === undefined ? sql`` : sql`and resource_id = ${resource}::text`}
    ${type === undefined || prefix ? sql`` : sql`and type = ${type}::text`}
    ${prefix ? sql`and starts_with(type, ${prefix}::text)` : sql``}
    ${kind === undefined ? sql`` : sql`and class = ${kind}::text`}
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
) => t.rows<EventRow>`
  select id, xid::text, ord, body from events
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
