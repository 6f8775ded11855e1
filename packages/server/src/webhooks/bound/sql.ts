// The statements over endpoints that are bound to a card or a thread, and over what goes to them. Each names the side: what is the other side's matches nothing.
import { NO_TENANT } from '../../db/scope.ts'
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { type AttemptShown, DELIVERY, type DeliveryRow } from '../deliveries/sql.ts'
import { type AnyEndpointRow, COLUMNS } from '../endpoints/sql.ts'
import { type BoundForm, enqueued, newDeliveryId } from '../sending/sql.ts'
import type { Side } from './hooks.ts'

/** What endpoints are bound to, and whose they are. */
export type Binding = { boundTo: string; side: Side }

/* Endpoints */

// Puts of one subject take turns, so that the bound on their number holds and the same address is there once.
export const lockBinding = (t: Tx, scope: Scope, { boundTo }: Binding) => t.run`
  select pg_advisory_xact_lock(x'62776865'::integer, hashtext(${`${scope.tenantId} ${boundTo}`}::text))`

export const findBound = (t: Tx, scope: Scope, { boundTo, side }: Binding) => t.rows<AnyEndpointRow>`
  select ${COLUMNS} from endpoints e
  where e.tenant_id = ${scope.tenantId}::uuid and e.bound_to = ${boundTo}::text and e.side = ${side}::text and e.state <> 'deleted'
  order by e.id`

export const lockBound = (t: Tx, scope: Scope, { boundTo, side }: Binding, id: string) => t.maybe<AnyEndpointRow>`
  select ${COLUMNS} from endpoints e
  where e.tenant_id = ${scope.tenantId}::uuid and e.id = ${id}::text and e.bound_to = ${boundTo}::text and e.side = ${side}::text
    and e.state <> 'deleted'
  for no key update`

// A caller names endpoints of its own relay grant; a tenant its own and those of its agents.
/** Whose secret another endpoint is to have too. */
export const findSecretHolder = (t: Tx, scope: Scope, id: string, side: Side, relayGrantId: string | null) => t.maybe<{
  id: string
}>`
  select e.id from endpoints e
  where e.tenant_id = ${scope.tenantId}::uuid and e.id = ${id}::text and e.state <> 'deleted'
    and case when ${side}::text = 'caller' then e.side = 'caller' and e.relay_grant_id = ${relayGrantId}::text else e.side is distinct from 'caller' end`

/* What is told */

export type Listener = { id: string; bound_to: string; mode: AnyEndpointRow['mode']; thin: boolean | null }

/** Those of these subjects that want an event which passes these filters. */
export const findListeners = (
  t: Tx,
  scope: Scope,
  subjects: readonly string[],
  side: Side,
  filters: readonly string[],
) => t.rows<Listener>`
  select e.id, e.bound_to, e.mode, e.thin from endpoints e
  where e.tenant_id = ${scope.tenantId}::uuid and e.bound_to = any (${subjects}::text[]) and e.side = ${side}::text and e.state <> 'deleted'
    and e.events && ${filters}::text[]
  order by e.id`

export type BoundTelling = {
  eventId: string
  type: string
  side: Side
  key: string
  messageId: string | null
  waitUntil: Date | null
  relayGrantId: string | null
  trigger: 'auto' | 'test'
  /** The subject whose key seals the bodies. */
  sealedUnder: string
}

export type WrittenDelivery = {
  id: string
  event_id: string
  endpoint_id: string
  state: 'pending' | 'held'
  generation: number
}
/** What is told, with the bodies that somebody wants and whoever wants them. */
export type Letters = {
  told: BoundTelling
  listeners: readonly { endpoint_id: string; form: BoundForm; offered?: boolean }[]
  bodies: readonly { form: BoundForm; bytes: Buffer }[]
}

// The event's id, written so that it hangs on the row: of one that does not, the planner would make one delivery's id for all.
const OF_ITS_OWN = sql`left(o.event_id || l.endpoint_id, 30)`

/** The bodies, a delivery for each endpoint, and the jobs of those that may leave now; each waits for the one before it in its key. Answers the deliveries. */
export const insertBoundDeliveries = (t: Tx, scope: Scope, all: readonly Letters[]) => {
  const bodies = all.flatMap(({ told, bodies: own }) => own.map((one) => ({ ...one, eventId: told.eventId })))
  const listeners = all.flatMap(({ told, listeners: own }) => own.map((one) => ({ ...one, eventId: told.eventId })))
  return t.rows<WrittenDelivery>`
  with told as materialized (
    select * from json_to_recordset(${JSON.stringify(all.map(({ told }, n) => ({ ...told, n })))}::json) as o (
      n integer, "eventId" text, type text, side text, key text, "messageId" text, "waitUntil" timestamptz, "relayGrantId" text, trigger text, "sealedUnder" text)
  ), event as materialized (select o.*, o."eventId" as event_id from told o), body as (
    insert into event_bodies (event_id, tenant_id, form, bytes, subject, created_at)
    select o.event_id, ${scope.tenantId}::uuid, b.form, b.bytes, o."sealedUnder", ${t.now}::timestamptz
    from unnest(${bodies.map((one) => one.eventId)}::text[], ${bodies.map((one) => one.form)}::text[], ${bodies.map((one) => one.bytes)}::bytea[]) as b (event_id, form, bytes)
    join event o on o.event_id = b.event_id
    on conflict do nothing
  ), listening as materialized (
    select o.*, e.id, e.state, e.max_in_flight as slots, nullif(e.caller_tenant, ${NO_TENANT}::uuid) as caller_tenant, l.form, l.offered,
      ${newDeliveryId(OF_ITS_OWN)} as delivery_id
    from unnest(${listeners.map((one) => one.eventId)}::text[], ${listeners.map((one) => one.endpoint_id)}::text[], ${listeners.map((one) => one.form)}::text[],
      ${listeners.map((one) => one.offered === true)}::boolean[]) as l (event_id, endpoint_id, form, offered)
    join event o on o.event_id = l.event_id
    join endpoints e on e.tenant_id = ${scope.tenantId}::uuid and e.id = l.endpoint_id and e.state <> 'deleted'
  ), written as (
    insert into deliveries (id, tenant_id, endpoint_id, event_id, event_type, resource_id, form, state, trigger, once, fifo, next_at, created_at, side,
      relay_grant_id, message_id, wait_until, caller_tenant)
    select l.delivery_id, ${scope.tenantId}::uuid, l.id, l.event_id, l.type, l.key, l.form,
      case when l.state = 'active' or l.type = 'endpoint.test' then 'pending' else 'held' end, l.trigger, l.trigger = 'test', l.trigger = 'auto',
      ${t.now}::timestamptz, ${t.now}::timestamptz, l.side, l."relayGrantId", l."messageId", l."waitUntil", l.caller_tenant
    from listening l order by l.n, l.id
    returning id, ord, event_id, endpoint_id, endpoint_id as lane, state, generation, fifo, resource_id as key
  ), made as (${enqueued(t, scope, sql`(select w.*, l.slots, l.offered from written w join listening l on l.delivery_id = w.id where w.state = 'pending')`, sql`r.offered`)})
  select w.id, w.event_id, w.endpoint_id, w.state, w.generation from written w where (select count(*) from made) >= 0 order by w.ord`
}

/* What is taken back */

const about = (scope: Scope, key: string, side: Side): Sql =>
  sql`d.tenant_id = ${scope.tenantId}::uuid and d.resource_id = ${key}::text and d.side = ${side}::text`

/** What has not arrived arrives no more: all about a key, or what brings one of these messages. An attempt on its way may land. */
export const cancelAbout = (t: Tx, scope: Scope, key: string, side: Side, messageIds: readonly string[] | null) => t.rows<{
  state: string
  fifo: boolean
  endpoint_id: string | null
  resource_id: string | null
}>`
  update deliveries d set state = 'cancelled', ended_at = ${t.now}::timestamptz, generation = d.generation + 1, blocks = false, again = false
  where ${about(scope, key, side)} and d.state in ('pending', 'sending', 'held')
    ${messageIds === null ? sql`` : sql`and d.message_id = any (${messageIds}::text[])`}
  returning d.state, d.fifo, d.endpoint_id, d.resource_id`

/** What was said about a key is gone: the bodies, and what anybody answered to them. */
export const forgetAbout = (t: Tx, scope: Scope, key: string) => t.run`
  with theirs as materialized (
    select d.id, d.event_id from deliveries d where d.tenant_id = ${scope.tenantId}::uuid and d.resource_id = ${key}::text and d.side is not null
  ), blanked as (
    update delivery_attempts a set excerpt = null from theirs o
    where a.tenant_id = ${scope.tenantId}::uuid and a.delivery_id = o.id and a.excerpt is not null
  )
  delete from event_bodies b
  where b.tenant_id = ${scope.tenantId}::uuid and b.subject is not null and b.form not in ('full', 'thin', 'callback')
    and b.event_id in (select o.event_id from theirs o)`

/* What a side sees */

export const listAbout = (
  t: Tx,
  scope: Scope,
  key: string,
  side: Side,
  before: string | null,
  limit: number,
) => t.rows<DeliveryRow>`
  select ${DELIVERY} from deliveries d
  where ${about(scope, key, side)} ${before === null ? sql`` : sql`and d.ord < ${before}::bigint`}
  order by d.ord desc limit ${limit}::integer`

export const findAttemptsOf = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<AttemptShown & { delivery_id: string }>`
  select delivery_id, n, trigger, started_at, ended_at, ms, dns_ms, connect_ms, tls_ms, first_byte_ms, address, family, status, class, excerpt
  from delivery_attempts where tenant_id = ${scope.tenantId}::uuid and delivery_id = any (${ids}::text[]) order by delivery_id, n`

export const lockAbout = (t: Tx, scope: Scope, key: string, side: Side, id: string) => t.maybe<DeliveryRow>`
  select ${DELIVERY} from deliveries d where ${about(scope, key, side)} and d.id = ${id}::text for no key update`

/** Those that used up their schedule, in their order. */
export const findExhausted = (t: Tx, scope: Scope, key: string, side: Side, most: number) => t.rows<{ id: string }>`
  select d.id from deliveries d where ${about(scope, key, side)} and d.state = 'exhausted' order by d.ord limit ${most}::integer`
