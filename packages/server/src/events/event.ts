// The one record of all capabilities: an event is written in the transaction of the fact it tells, or not at all (P107, P108).
// Never changes or removes an event, never holds content: ids, states, names of fields and digests only.
import { Problem } from '@countersign/sdk'
import { canonical } from '../crypto/canonical.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { Actor } from '../db/scope.ts'
import type { Sql } from '../db/sql.ts'
import { type Db, type Scope, type Tx, tx } from '../db/tx.ts'
import { openCursor, pageOf } from '../http/cursor.ts'
import { nearest } from '../http/nearest.ts'
import { newId, tenantWire } from '../std/id.ts'
import { type EventFilter, type EventInsert, insertEvents, type ListedRow, listEventsBefore, type Position } from './sql.ts'
import { EVENT_TYPES, type EventClass, type EventType, isEventType } from './types.ts'

export type { EventFilter } from './sql.ts'
export type EventsHouse = { db: Db; keyring: Keyring }

/** What may stand in an event: JSON of ids, states, names and digests. */
export type EventData = { [member: string]: string | number | boolean | null | undefined | Date | readonly string[] | EventData }

export type RecordOptions = {
  resource?: { type: string; id: string }
  /** Only to raise an activity to audit. */
  class?: EventClass
  /** The redacted difference. */
  before?: EventData
  after?: EventData
  decision?: { outcome: string; policy_ids?: readonly string[]; policy_version?: number }
  /** For whom the actor acts; an agent acts for its owner unless told otherwise. */
  onBehalfOf?: readonly { type: Actor['type']; id: string }[]
}

export type Event = {
  id: string
  type: EventType
  class: EventClass
  occurred_at: string
  tenant_id: string
  /** `origin` names the side envelope of address and client (P110). */
  actor: Actor & { origin?: string }
  on_behalf_of: { type: Actor['type']; id: string }[]
  resource: { type: string; id: string } | null
  data: Record<string, unknown>
  before?: Record<string, unknown>
  after?: Record<string, unknown>
  decision?: { outcome: string; policy_ids?: string[]; policy_version?: number }
  request_id: string | null
  trace_id?: string
  /** Its number in the sealed log; told in lists, no part of what is stored. */
  seq?: number
}

/** Writes the event and wakes whoever follows the record, once the transaction commits. Returns its id. */
export async function record(
  t: Tx,
  scope: Scope,
  type: EventType,
  data: EventData,
  options: RecordOptions = {},
): Promise<string> {
  const [id] = await recordMany(t, [{ scope, type, data, options }])
  return id as string
}

export type Told = { scope: Scope; type: EventType; data: EventData; options?: RecordOptions }

/** Any number of events of one tenant in one statement, each with its own actor. `beside`: what is written in that same statement, made of their ids, as parts of its `with`. */
export async function recordMany(t: Tx, told: readonly Told[], beside?: (ids: string[]) => readonly Sql[]): Promise<string[]> {
  const [first] = told
  if (!first) return []
  const origins = await originsOf(t, told)
  const rows = told.map((one) => writeEvent(t, one, origins.get(one.scope) ?? null))
  const ids = rows.map((row) => row.id)
  const [written] = await insertEvents(t, first.scope, rows, beside?.(ids))
  if (written?.wanted) await t.fanOut?.follow(t, first.scope, rows)
  t.wake(eventTopic(first.scope))
  t.wake(SEAL_TOPIC)
  return ids
}

/** Events as they would be written in the tenant of their scope, for a function of the engine that writes them there; without a side envelope. */
export const composeEvents = (t: Tx, told: readonly Told[]): { id: string; body: string }[] =>
  told.map((one) => writeEvent(t, one, null))

async function originsOf(t: Tx, told: readonly Told[]): Promise<Map<Scope, string>> {
  const origins = new Map<Scope, string>()
  // In one order: who is seen for the first time gets a key, and of two transactions that make keys for the same people neither may have what the other waits for.
  const scopes = [...new Set(told.map((one) => one.scope))].sort((a, b) => compare(a.actor.id, b.actor.id))
  for (const scope of scopes) {
    const origin = await scope.origin?.(t)
    if (origin) origins.set(scope, origin)
  }
  return origins
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

function writeEvent(t: Tx, { scope, type, data, options = {} }: Told, origin: string | null): EventInsert {
  const { resource = null, class: eventClass = EVENT_TYPES[type].class, before, after, decision } = options
  const id = newId('evt', t.now.getTime())
  const body = canonical({
    id,
    type,
    class: eventClass,
    occurred_at: t.now,
    tenant_id: tenantWire(scope.tenantId),
    actor: origin === null ? scope.actor : { ...scope.actor, origin },
    on_behalf_of: options.onBehalfOf ?? principals(scope),
    resource,
    data,
    before,
    after,
    decision,
    request_id: scope.requestId,
    trace_id: scope.traceId ?? undefined,
  })
  const action = typeof data.action === 'string' ? data.action : null
  const found = { resource_type: resource?.type ?? null, resource_id: resource?.id ?? null, actor_id: scope.actor.id }
  return { id, type, class: eventClass, ...found, decision: decision?.outcome ?? null, action, body }
}

/** Wakes whoever seals. */
export const SEAL_TOPIC = 'events'

/** The topic that wakes followers of a tenant's record. */
export const eventTopic = (scope: Scope): string => `events:${scope.tenantId}`

/** An event as it is spoken: the stored bytes, read. */
export const readEvent = (row: { body: string }): Event => JSON.parse(row.body) as Event

const listed = (row: ListedRow): Event => (row.seq === null ? readEvent(row) : { ...readEvent(row), seq: row.seq })

/** Newest first. */
export async function listEvents(
  house: EventsHouse,
  scope: Scope,
  query: EventFilter & { limit: number; cursor?: string },
): Promise<{ data: Event[]; next_cursor: string | null }> {
  const { limit, cursor, ...filter } = query
  checkFilter(filter)
  const at = { tenantId: scope.tenantId, route: 'GET /events', filter }
  return tx(
    house.db,
    scope,
    async (t) => {
      const before = cursor === undefined ? null : openCursor<Position>(house.keyring, at, cursor, t.now)
      const rows = await listEventsBefore(t, scope, filter, before, limit + 1)
      const page = pageOf(house.keyring, at, rows, { limit, now: t.now, position: ({ xid, ord }) => ({ xid, ord }) })
      return { ...page, data: page.data.map(listed) }
    },
    { readOnly: true },
  )
}

/** 422 for a type that cannot exist, with the one that was probably meant, and for a time range that runs backwards. */
export function checkFilter(filter: EventFilter): void {
  const { type, since, until } = filter
  const names = Object.keys(EVENT_TYPES)
  const known =
    type === undefined || isEventType(type) || (type.endsWith('.*') && names.some((name) => name.startsWith(type.slice(0, -1))))
  if (!known) {
    const meant = nearest(type, names)
    const message = `There is no event type "${type.slice(0, 64)}".`
    const errors = [{ path: 'type', code: 'unknown_event_type', message }]
    throw new Problem('validation_failed', meant ? { errors, did_you_mean: meant } : { errors })
  }
  if (since && until && since > until)
    throw new Problem('validation_failed', {
      errors: [{ path: 'since', code: 'range_reversed', message: 'since lies after until.' }],
    })
}

function principals(scope: Scope): { type: Actor['type']; id: string }[] {
  const acts = scope.actor.type === 'agent' || scope.actor.type === 'key'
  return acts && scope.userId ? [{ type: 'user', id: scope.userId }] : []
}
