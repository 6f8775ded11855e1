// The statements by which deliveries come to be, are taken by a worker, and are settled. Each is set-based: a batch costs a round trip, not a delivery.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'

/** Whether any endpoint of the tenant's own may want an event: asked by the insert of every event. */
export const hasEndpoints = (scope: Scope): Sql => sql`
  exists (select from endpoints where tenant_id = ${scope.tenantId}::uuid and state <> 'deleted' and bound_to is null)`

export const QUEUE = 'webhooks'
export const KIND = 'webhook.deliver'
/** An endpoint that hangs gets one slot (P93). */
export const TIMEOUTS_TO_ONE_SLOT = 3

export type Told = {
  id: string
  type: string
  resource_id: string | null
  /** All filters that its type passes. */
  filters: readonly string[]
  sensitive: boolean
  large: boolean
  full: string
  thin: string
}

// 'dlv_' and a UUIDv7: the event's 48 bits of time, then random ones. Hexadecimal digits are Crockford digits.
export const newDeliveryId = (eventId: Sql): Sql => sql`(
  select 'dlv_' || substr(${eventId}, 5, 10) || 'E' || upper(substr(r.hex, 1, 2)) || substr('89AB', 1 + floor(random() * 4)::integer, 1)
    || upper(substr(r.hex, 3, 10) || substr(r.hex, 31, 2))
  from (select replace(gen_random_uuid()::text, '-', '') as hex where ${eventId} is not null offset 0) r)`

/** Of a delivery that the process which writes it begins by itself (relay.md R43): looks later whether that came to an end. Its limits are those of the process. */
export const OFFERED_QUEUE = 'webhooks.offered'
export const OFFERED_KIND = 'webhook.offered'
/** How long that process has it to itself before the job comes. */
export const OFFERED_MS = 5_000
/** Jobs that most often find nothing to do come together: one claim takes those of so long. */
const COMES_EVERY_MS = 250
const NOT_OFFERED = sql`false`
const comesAt = (t: Tx): string =>
  new Date(Math.ceil((t.now.getTime() + OFFERED_MS) / COMES_EVERY_MS) * COMES_EVERY_MS).toISOString()

// How many of an endpoint run at once is the first part of its key (migration 0080).
/** Rows: `id`, `ord`, `lane`, `slots`, `generation`, `fifo`, and `key` where a delivery is bound: what it is about. `offered`: of a row, whether it is begun without its job. */
export const enqueued = (t: Tx, scope: Scope, rows: Sql, offered: Sql = NOT_OFFERED): Sql => sql`
  select countersign_queue.enqueue_many(jsonb_agg(jsonb_build_object('tenant_id', ${scope.tenantId}::text) || case when ${offered}
    then jsonb_build_object('kind', ${OFFERED_KIND}::text, 'queue', ${OFFERED_QUEUE}::text, 'run_at', ${comesAt(t)}::text,
      'payload', jsonb_build_object('delivery_id', r.id, 'generation', r.generation))
    else jsonb_build_object('kind', ${KIND}::text, 'queue', ${QUEUE}::text, 'concurrency_key', r.slots || ':' || r.lane,
      'payload', jsonb_strip_nulls(jsonb_build_object('delivery_id', r.id, 'generation', r.generation, 'lane', r.lane, 'fifo', r.fifo, 'key', r.key)))
    end order by r.ord))
  from ${rows} r having count(*) > 0`

/** A delivery for each endpoint that wants one of these events, the bodies that they need, and the jobs of those that may leave now. */
export const insertDeliveriesOf = (t: Tx, scope: Scope, told: readonly Told[]) => t.run`
  with told as materialized (
    select * from json_to_recordset(${JSON.stringify(told)}::json) as o (
      id text, type text, resource_id text, filters text[], sensitive boolean, large boolean, "full" text, thin text)
  ), matched as materialized (
    select o.*, e.id as endpoint_id, e.state as endpoint_state, e.ordering = 'fifo' and o.resource_id is not null as fifo,
      case when h.timeouts >= ${TIMEOUTS_TO_ONE_SLOT}::integer then 1 else e.max_in_flight end as slots,
      case when o.large or coalesce(e.thin, o.sensitive) then 'thin' else 'full' end as form, ${newDeliveryId(sql`o.id`)} as delivery_id
    from told o
    join endpoints e on e.tenant_id = ${scope.tenantId}::uuid and e.state <> 'deleted' and e.bound_to is null and e.events && o.filters
    join endpoint_health h on h.tenant_id = e.tenant_id and h.endpoint_id = e.id
  ), bodies as (
    insert into event_bodies (event_id, tenant_id, form, bytes, created_at)
    select distinct on (m.id, m.form) m.id, ${scope.tenantId}::uuid, m.form,
      convert_to(case m.form when 'thin' then m.thin else m."full" end, 'UTF8'), ${t.now}::timestamptz
    from matched m
    on conflict do nothing
  ), written as (
    insert into deliveries (id, tenant_id, endpoint_id, event_id, event_type, resource_id, form, state, fifo, next_at, created_at)
    select m.delivery_id, ${scope.tenantId}::uuid, m.endpoint_id, m.id, m.type, m.resource_id, m.form,
      case m.endpoint_state when 'active' then 'pending' else 'held' end, m.fifo, ${t.now}::timestamptz, ${t.now}::timestamptz
    from matched m order by m.id, m.endpoint_id
    returning id, ord, endpoint_id as lane, state, generation, fifo
  )
  ${enqueued(t, scope, sql`(select w.*, m.slots, null::text as key from written w join matched m on m.delivery_id = w.id where w.state = 'pending')`)}`

export type OwnDelivery = {
  event_id: string
  event_type: string
  resource_id: string
  target_url: string
  target_mode: 'standard' | 'awaithumans'
  /** Which host it goes to, for its share of what runs at once. */
  lane: string
}

/** Deliveries to addresses of their own, with their jobs: what a task's `callback_url` gets. */
export const insertOwnDeliveries = (t: Tx, scope: Scope, all: readonly OwnDelivery[], slots: number) => t.run`
  with told as materialized (
    select o.*, ${newDeliveryId(sql`o.event_id`)} as delivery_id from json_to_recordset(${JSON.stringify(all)}::json) as o (
      event_id text, event_type text, resource_id text, target_url text, target_mode text, lane text)
  ), written as (
    insert into deliveries (id, tenant_id, event_id, event_type, resource_id, form, state, source, target_url, target_mode, next_at, created_at)
    select o.delivery_id, ${scope.tenantId}::uuid, o.event_id, o.event_type, o.resource_id, 'callback', 'pending', 'task', o.target_url,
      o.target_mode, ${t.now}::timestamptz, ${t.now}::timestamptz
    from told o
    returning id, ord, generation, fifo
  )
  ${enqueued(t, scope, sql`(select w.*, o.lane, ${slots}::integer as slots, null::text as key from written w join told o on o.delivery_id = w.id)`)}`

/** A delivery of our own making to one endpoint, whatever its state and its filters: a ping or a test. Answers its id. */
export const insertProbe = (
  t: Tx,
  scope: Scope,
  probe: { endpointId: string; eventId: string; type: string; trigger: 'auto' | 'test'; body: string },
) => t.one<{ id: string }>`
  with body as (
    insert into event_bodies (event_id, tenant_id, form, bytes, created_at)
    values (${probe.eventId}::text, ${scope.tenantId}::uuid, 'full', convert_to(${probe.body}::text, 'UTF8'), ${t.now}::timestamptz)
  ), written as (
    insert into deliveries (id, tenant_id, endpoint_id, event_id, event_type, resource_id, form, state, trigger, once, next_at, created_at)
    select ${newDeliveryId(sql`e.id`)}, ${scope.tenantId}::uuid, e.id, ${probe.eventId}::text, ${probe.type}::text, e.id, 'full', 'pending',
      ${probe.trigger}::text, ${probe.trigger === 'test'}::boolean, ${t.now}::timestamptz, ${t.now}::timestamptz
    from endpoints e where e.tenant_id = ${scope.tenantId}::uuid and e.id = ${probe.endpointId}::text
    returning id, ord, endpoint_id as lane, generation, fifo
  ), made as (${enqueued(t, scope, sql`(select w.*, 1 as slots, null::text as key from written w)`)})
  select w.id from written w, made`

/** Jobs for deliveries that are pending, as their rows say: after a release, a replay, or when the one before in their key is over. */
export const enqueueDeliveries = (t: Tx, scope: Scope, ids: readonly string[]) => t.run`
  ${enqueued(
    t,
    scope,
    sql`(
    select d.id, d.ord, coalesce(d.endpoint_id, 'host:' || substring(d.target_url from '^[a-z]+://([^/?#]+)')) as lane, d.generation, d.fifo,
      coalesce(e.max_in_flight, 10) as slots, case when d.side is not null then d.resource_id end as key
    from deliveries d left join endpoints e on e.tenant_id = d.tenant_id and e.id = d.endpoint_id
    where d.tenant_id = ${scope.tenantId}::uuid and d.id = any (${ids}::text[]))`,
  )}`

export type Form = 'full' | 'thin' | 'callback' | BoundForm
/** Whose it is, and how much it says; `a2a` says it in the words of that protocol. */
export type BoundForm = 'owner' | 'owner_thin' | 'caller' | 'caller_thin' | 'a2a'

export type Claimed = { id: string; generation: number; job: string }
export type Took = {
  id: string
  generation: number
  endpoint_id: string | null
  endpoint_version: number | null
  event_id: string
  event_type: string
  resource_id: string | null
  form: Form
  bytes: Buffer | null
  subject: string | null
  tries: number
  attempt: number
  trigger: 'auto' | 'manual' | 'bulk' | 'test'
  once: boolean
  fifo: boolean
  started_at: Date
  succeeded_before: boolean
  source: 'task' | null
  target_url: string | null
  target_mode: 'standard' | 'awaithumans' | null
  /** Of a bound one. */
  side: 'owner' | 'caller' | null
  relay_grant_id: string | null
  message_id: string | null
  wait_until: Date | null
  was_sending_since: Date | null
  was_paced: boolean
  timeouts: number | null
  failing_since: Date | null
  slowed_until: Date | null
}

const NOT_OURS_FOR = sql`interval '10 minutes'`
/** As whom the process that wrote a delivery takes it. Longer than any attempt: whoever has died by then is not waited for. */
export const RUNNER = 'runner'
const LOST_AFTER = sql`interval '45 seconds'`

// Locks the rows in order of id, so that two batches never wait crosswise. What another worker still sends is left to it; a row that this very job was
// sending is its own lost attempt. Endpoints that are not active keep all but the probes that are to wake them.
/** Marks as being sent what may leave now, and answers what it takes to send it. What is not answered has to be asked about. */
export const takeDeliveries = (t: Tx, scope: Scope, claimed: readonly Claimed[]) => t.rows<Took>`
  with wanted as materialized (
    select * from unnest(${claimed.map((one) => one.id)}::text[], ${claimed.map((one) => one.generation)}::integer[],
      ${claimed.map((one) => one.job)}::text[]) as w (id, generation, job)
  ), held as materialized (
    select d.id, d.state, d.started_at, d.paced, w.job from deliveries d join wanted w on w.id = d.id
    where d.tenant_id = ${scope.tenantId}::uuid and d.generation = w.generation and d.next_at <= ${t.now}::timestamptz
      and (d.state = 'pending' or (d.state = 'sending' and (d.sent_by = w.job or d.started_at < ${t.now}::timestamptz - ${NOT_OURS_FOR}
        or (d.sent_by = ${RUNNER}::text and d.started_at < ${t.now}::timestamptz - ${LOST_AFTER}))))
    order by d.id for no key update of d
  ), taken as (
    update deliveries d set state = 'sending', attempts = d.attempts + 1, sent_by = h.job, started_at = ${t.now}::timestamptz, paced = false
    from held h left join endpoints e on e.tenant_id = ${scope.tenantId}::uuid and e.id = (
      select x.endpoint_id from deliveries x where x.tenant_id = ${scope.tenantId}::uuid and x.id = h.id)
    where d.tenant_id = ${scope.tenantId}::uuid and d.id = h.id
      and (e.id is null or e.state = 'active' or (d.event_type in ('endpoint.ping', 'endpoint.test') and e.state <> 'deleted'))
    returning d.*, e.version as endpoint_version, case when h.state = 'sending' then h.started_at end as was_sending_since, h.paced as was_paced
  )
  select d.id, d.generation, d.endpoint_id, d.endpoint_version, d.event_id, d.event_type, d.resource_id, d.form, b.bytes, b.subject, d.tries,
    d.attempts as attempt, d.trigger, d.once, d.fifo, d.started_at, d.succeeded_at is not null as succeeded_before, d.source, d.target_url,
    d.target_mode, d.side, d.relay_grant_id, d.message_id, d.wait_until, d.was_sending_since, d.was_paced, h.timeouts, h.failing_since, h.slowed_until
  from taken d
  left join event_bodies b on b.tenant_id = d.tenant_id and b.event_id = d.event_id and b.form = d.form
  left join endpoint_health h on h.tenant_id = d.tenant_id and h.endpoint_id = d.endpoint_id`

// An endpoint that is not active holds what is on its way to it (P91): it is not lost, and has no job until the endpoint is active again.
export const holdDeliveries = (t: Tx, scope: Scope, claimed: readonly Claimed[]) => t.run`
  update deliveries d set state = 'held', sent_by = null
  from unnest(${claimed.map((one) => one.id)}::text[], ${claimed.map((one) => one.generation)}::integer[]) as w (id, generation), endpoints e
  where d.tenant_id = ${scope.tenantId}::uuid and d.id = w.id and d.generation = w.generation and d.state in ('pending', 'sending')
    and e.tenant_id = d.tenant_id and e.id = d.endpoint_id and e.state <> 'active'
    and (d.event_type not in ('endpoint.ping', 'endpoint.test') or e.state = 'deleted')`

export type Present = { id: string; generation: number; state: string; next_at: Date | null }
export const findPresent = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<Present>`
  select id, generation, state, next_at from deliveries where tenant_id = ${scope.tenantId}::uuid and id = any (${ids}::text[])`

const headOf = (scope: Scope, id: Sql): Sql => sql`
  select h.id from deliveries d
  join deliveries h on h.tenant_id = d.tenant_id and h.endpoint_id = d.endpoint_id and h.resource_id = d.resource_id
    and h.fifo and (h.state in ('pending', 'sending', 'held') or h.blocks)
  where d.tenant_id = ${scope.tenantId}::uuid and d.id = ${id}
  order by h.ord limit 1`

// Locks the head of each key: its end waits for us, or we for its end, so that whoever is next is seen by one of the two. They are locked as they are named, one
// after the other; a head that ended while we waited for it is not answered.
/** Of each of these deliveries, in their order, the first of its key that is not over (P92). */
export const lockHeads = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<{ id: string; head: string }>`
  select w.id, h.id as head from unnest(${ids}::text[]) with ordinality as w (id, n)
  cross join lateral (${headOf(scope, sql`w.id`)} for no key update of h) h
  order by w.n`
export const findHead = (t: Tx, scope: Scope, id: string) => t.maybe<{ id: string }>`${headOf(scope, sql`${id}::text`)}`

export type AttemptRow = {
  delivery_id: string
  n: number
  endpoint_id: string | null
  trigger: string
  started_at: string
  ms: number
  dns_ms: number | null
  connect_ms: number | null
  tls_ms: number | null
  first_byte_ms: number | null
  address: string | null
  family: number | null
  status: number | null
  class: string | null
  excerpt: string | null
}

/** The log (P89): one row per attempt, written once. */
export const insertAttempts = (t: Tx, scope: Scope, attempts: readonly AttemptRow[]) => t.run`
  insert into delivery_attempts (delivery_id, tenant_id, n, endpoint_id, trigger, started_at, ended_at, ms, dns_ms, connect_ms, tls_ms,
    first_byte_ms, address, family, status, class, excerpt)
  select delivery_id, ${scope.tenantId}::uuid, n, endpoint_id, trigger, started_at, ${t.now}::timestamptz, ms, dns_ms, connect_ms, tls_ms,
    first_byte_ms, address, family, status, class, excerpt
  from json_to_recordset(${JSON.stringify(attempts)}::json) as a (delivery_id text, n integer, endpoint_id text, trigger text,
    started_at timestamptz, ms integer, dns_ms real, connect_ms real, tls_ms real, first_byte_ms real, address text, family smallint,
    status smallint, class text, excerpt text)
  on conflict do nothing`

/** Which of these attempts still hold their delivery. */
export const findHolding = (t: Tx, scope: Scope, all: readonly { id: string; attempt: number }[]) => t.rows<{ id: string }>`
  select d.id from deliveries d
  join unnest(${all.map((one) => one.id)}::text[], ${all.map((one) => one.attempt)}::integer[]) as o (id, attempt) on o.id = d.id
  where d.tenant_id = ${scope.tenantId}::uuid and d.attempts = o.attempt and d.state in ('sending', 'cancelled')`

export type Settlement = {
  id: string
  attempt: number
  state: 'succeeded' | 'exhausted' | 'pending' | 'cancelled'
  tries: number
  next_at: string | null
  status: number | null
  class: string | null
}
export type Settled = {
  id: string
  generation: number
  state: string
  next_at: Date | null
  endpoint_id: string | null
  resource_id: string | null
  fifo: boolean
}

// Only what this attempt still holds: one that was taken from a worker believed dead is settled by whoever took it. A replay that somebody asked for
// meanwhile stays asked for. An endpoint that was switched off meanwhile holds what would be tried again.
export const settleDeliveries = (t: Tx, scope: Scope, all: readonly Settlement[]) => t.rows<Settled>`
  with told as materialized (
    select * from json_to_recordset(${JSON.stringify(all)}::json) as o (
      id text, attempt integer, state text, tries smallint, next_at timestamptz, status smallint, class text)
  ), held as materialized (
    select d.id from deliveries d join told o on o.id = d.id where d.tenant_id = ${scope.tenantId}::uuid order by d.id for no key update of d
  )
  update deliveries d set
    state = case
      when d.state = 'cancelled' then 'cancelled'
      when d.again then 'pending'
      when o.state = 'pending' and e.state <> 'active' and d.event_type <> 'endpoint.ping' then 'held'
      else o.state end,
    next_at = case when d.again then ${t.now}::timestamptz else o.next_at end,
    again = false, once = d.again, tries = o.tries, sent_by = null, last_status = o.status, last_class = o.class,
    blocks = d.fifo and not d.again and o.state = 'exhausted' and e.on_exhausted = 'block',
    succeeded_at = case when o.state = 'succeeded' and o.class is null then coalesce(d.succeeded_at, ${t.now}::timestamptz) else d.succeeded_at end,
    ended_at = case when o.state in ('succeeded', 'exhausted', 'cancelled') and not d.again then ${t.now}::timestamptz end
  from held h
  join told o on o.id = h.id
  join deliveries x on x.tenant_id = ${scope.tenantId}::uuid and x.id = o.id
  left join endpoints e on e.tenant_id = x.tenant_id and e.id = x.endpoint_id
  where d.tenant_id = ${scope.tenantId}::uuid and d.id = h.id and d.attempts = o.attempt and d.state in ('sending', 'cancelled')
  returning d.id, d.generation, d.state, d.next_at, d.endpoint_id, d.resource_id, d.fifo`

// Runs after the statement that ended the head, so its snapshot sees whoever waited for that row.
/** The next of each key whose head is over. */
export const findNextInLine = (t: Tx, scope: Scope, keys: readonly { endpoint_id: string; resource_id: string }[]) => t.rows<{
  id: string
}>`
  select n.id from unnest(${keys.map((one) => one.endpoint_id)}::text[], ${keys.map((one) => one.resource_id)}::text[]) as k (endpoint_id, resource_id)
  cross join lateral (
    select d.id, d.state, d.blocks from deliveries d
    where d.tenant_id = ${scope.tenantId}::uuid and d.endpoint_id = k.endpoint_id and d.resource_id = k.resource_id
      and d.fifo and (d.state in ('pending', 'sending', 'held') or d.blocks)
    order by d.ord limit 1) n
  where n.state = 'pending' and not n.blocks`

/** The body of a source, rendered at the first attempt: sealed under its subject's key, the same bytes ever after. */
export const insertSealedBody = (t: Tx, scope: Scope, eventId: string, bytes: Buffer, subject: string) => t.run`
  insert into event_bodies (event_id, tenant_id, form, bytes, subject, created_at)
  values (${eventId}::text, ${scope.tenantId}::uuid, 'callback', ${bytes}::bytea, ${subject}::text, ${t.now}::timestamptz)
  on conflict do nothing`

/** Not yet: the attempt that was begun is taken back. */
export const putBack = (t: Tx, scope: Scope, all: readonly { id: string; next_at: string }[]) => t.run`
  update deliveries d set state = 'pending', attempts = d.attempts - 1, sent_by = null, next_at = o.next_at, paced = true
  from json_to_recordset(${JSON.stringify(all)}::json) as o (id text, next_at timestamptz)
  where d.tenant_id = ${scope.tenantId}::uuid and d.id = o.id and d.state = 'sending'`

// The rows of endpoints in order, so that two batches never wait crosswise.
/** Reserves so many starts at the endpoint's pace; answers when the first of them is due. */
export const reservePace = (t: Tx, scope: Scope, endpointId: string, count: number, intervalMs: number) => t.maybe<{
  first_at: Date
}>`
  update endpoint_health set paced_at = greatest(paced_at, ${t.now}::timestamptz) + ${count * intervalMs}::float8 * interval '1 millisecond'
  where tenant_id = ${scope.tenantId}::uuid and endpoint_id = ${endpointId}::text
  returning paced_at - ${count * intervalMs}::float8 * interval '1 millisecond' as first_at`
