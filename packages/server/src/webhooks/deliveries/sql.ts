// The statements over deliveries as people read and steer them: lists, the log, figures, hold and release, replay, skip, cancel, and bulk replays.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Form } from '../sending/sql.ts'

export type DeliveryState = 'pending' | 'sending' | 'succeeded' | 'exhausted' | 'held' | 'cancelled'
export type Trigger = 'auto' | 'manual' | 'bulk' | 'test'

export type DeliveryRow = {
  id: string
  ord: string
  endpoint_id: string | null
  event_id: string
  event_type: string
  resource_id: string | null
  form: Form
  state: DeliveryState
  attempts: number
  trigger: Trigger
  fifo: boolean
  blocks: boolean
  next_at: Date | null
  last_status: number | null
  last_class: string | null
  replay_id: string | null
  target_url: string | null
  created_at: Date
  succeeded_at: Date | null
  ended_at: Date | null
  generation: number
}

export type AttemptShown = {
  n: number
  trigger: Trigger
  started_at: Date
  ended_at: Date
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

export type DeliveryFilter = {
  endpoint?: string
  event?: string
  type?: string
  resource?: string
  state?: DeliveryState
  class?: string
  replay?: string
  since?: Date
  until?: Date
}

export const DELIVERY = sql`d.id, d.ord::text, d.endpoint_id, d.event_id, d.event_type, d.resource_id, d.form, d.state, d.attempts, d.trigger, d.fifo,
  d.blocks, d.next_at, d.last_status, d.last_class, d.replay_id, d.target_url, d.created_at, d.succeeded_at, d.ended_at, d.generation`

/** What goes to the other side of a thread is that side's to see, and in no list of the tenant (relay.md R70). */
const OURS = sql`d.side is distinct from 'caller'`
/** One's own: who acts as the caller of a relay grant has what that one was told. */
const own = (scope: Scope): Sql =>
  scope.relaySide === 'caller' ? sql`d.side = 'caller' and d.relay_grant_id = ${scope.relayParty ?? ''}::text` : OURS

function matching(filter: DeliveryFilter): Sql {
  const { endpoint, event, type, resource, state, class: kind, replay, since, until } = filter
  const prefix = type?.endsWith('.*') ? type.slice(0, -1) : null
  return sql`true
    ${endpoint === undefined ? sql`` : sql`and d.endpoint_id = ${endpoint}::text`}
    ${event === undefined ? sql`` : sql`and d.event_id = ${event}::text`}
    ${type === undefined || prefix ? sql`` : sql`and d.event_type = ${type}::text`}
    ${prefix ? sql`and starts_with(d.event_type, ${prefix}::text)` : sql``}
    ${resource === undefined ? sql`` : sql`and d.resource_id = ${resource}::text`}
    ${state === undefined ? sql`` : sql`and d.state = ${state}::text`}
    ${kind === undefined ? sql`` : sql`and d.last_class = ${kind}::text`}
    ${replay === undefined ? sql`` : sql`and d.replay_id = ${replay}::text`}
    ${since === undefined ? sql`` : sql`and d.created_at >= ${since}::timestamptz`}
    ${until === undefined ? sql`` : sql`and d.created_at < ${until}::timestamptz`}`
}

export const listDeliveriesBefore = (t: Tx, scope: Scope, filter: DeliveryFilter, before: string | null, limit: number) =>
  t.rows<DeliveryRow>`
  select ${DELIVERY} from deliveries d
  where d.tenant_id = ${scope.tenantId}::uuid and ${OURS} and ${matching(filter)}
    ${before === null ? sql`` : sql`and d.ord < ${before}::bigint`}
  order by d.ord desc limit ${limit}::integer`

export const findDelivery = (t: Tx, scope: Scope, id: string) => t.maybe<DeliveryRow>`
  select ${DELIVERY} from deliveries d where d.tenant_id = ${scope.tenantId}::uuid and d.id = ${id}::text and ${own(scope)}`

export const lockDelivery = (t: Tx, scope: Scope, id: string) => t.maybe<DeliveryRow>`
  select ${DELIVERY} from deliveries d where d.tenant_id = ${scope.tenantId}::uuid and d.id = ${id}::text and ${own(scope)} for no key update`

export const findAttempts = (t: Tx, scope: Scope, id: string) => t.rows<AttemptShown>`
  select n, trigger, started_at, ended_at, ms, dns_ms, connect_ms, tls_ms, first_byte_ms, address, family, status, class, excerpt
  from delivery_attempts where tenant_id = ${scope.tenantId}::uuid and delivery_id = ${id}::text order by n`

export const findBody = (t: Tx, scope: Scope, eventId: string, form: string) => t.maybe<{
  bytes: Buffer
  subject: string | null
}>`
  select bytes, subject from event_bodies
  where tenant_id = ${scope.tenantId}::uuid and event_id = ${eventId}::text and form = ${form}::text`

/* Figures of an endpoint (P89) */

export type Figures = {
  attempts: number
  succeeded: number
  failed: number
  p50_ms: number | null
  p95_ms: number | null
}
export type HourRow = Figures & { hour: Date }

const FIGURES = sql`count(*)::integer as attempts, count(*) filter (where a.class is null)::integer as succeeded,
  count(*) filter (where a.class is not null)::integer as failed,
  percentile_disc(0.5) within group (order by a.ms) filter (where a.class is null) as p50_ms,
  percentile_disc(0.95) within group (order by a.ms) filter (where a.class is null) as p95_ms`

/** Of the last 24 hours. */
export const figuresOf = (t: Tx, scope: Scope, endpointId: string) => t.one<Figures>`
  select ${FIGURES} from delivery_attempts a
  where a.tenant_id = ${scope.tenantId}::uuid and a.endpoint_id = ${endpointId}::text
    and a.started_at > ${t.now}::timestamptz - interval '24 hours'`

/** The same by hour, oldest first; an hour without attempts is there with zeros. */
export const hoursOf = (t: Tx, scope: Scope, endpointId: string) => t.rows<HourRow>`
  select g.hour, f.* from generate_series(date_trunc('hour', ${t.now}::timestamptz) - interval '23 hours',
    date_trunc('hour', ${t.now}::timestamptz), interval '1 hour') g (hour)
  cross join lateral (
    select ${FIGURES} from delivery_attempts a
    where a.tenant_id = ${scope.tenantId}::uuid and a.endpoint_id = ${endpointId}::text
      and a.started_at >= g.hour and a.started_at < g.hour + interval '1 hour') f
  order by g.hour`

/** How many of an endpoint's deliveries are in each state that is not over. */
export const openOf = (t: Tx, scope: Scope, endpointId: string) => t.one<{ waiting: number; held: number; exhausted: number }>`
  select count(*) filter (where d.state in ('pending', 'sending'))::integer as waiting, count(*) filter (where d.state = 'held')::integer as held,
    count(*) filter (where d.state = 'exhausted')::integer as exhausted
  from deliveries d where d.tenant_id = ${scope.tenantId}::uuid and d.endpoint_id = ${endpointId}::text
    and d.state in ('pending', 'sending', 'held', 'exhausted')`

/* Hold and release */

export const holdPendingOf = (t: Tx, scope: Scope, endpointId: string) => t.run`
  update deliveries set state = 'held', generation = generation + 1
  where tenant_id = ${scope.tenantId}::uuid and endpoint_id = ${endpointId}::text and state = 'pending' and event_type <> 'endpoint.ping'`

export const cancelHeldBefore = (t: Tx, scope: Scope, endpointId: string, since: Date) => t.run`
  update deliveries set state = 'cancelled', ended_at = ${t.now}::timestamptz, generation = generation + 1
  where tenant_id = ${scope.tenantId}::uuid and endpoint_id = ${endpointId}::text and state = 'held' and created_at < ${since}::timestamptz`

export const cancelOpenOf = (t: Tx, scope: Scope, endpointId: string) => t.run`
  update deliveries set state = 'cancelled', ended_at = ${t.now}::timestamptz, generation = generation + 1, blocks = false
  where tenant_id = ${scope.tenantId}::uuid and endpoint_id = ${endpointId}::text and state in ('held', 'pending')`

/** The next of what an endpoint holds, in order, while it is active. Their jobs are the caller's to enqueue. */
export const releaseSome = (t: Tx, scope: Scope, endpointId: string, most: number) => t.rows<{ id: string }>`
  update deliveries d set state = 'pending', next_at = ${t.now}::timestamptz, generation = d.generation + 1
  where d.tenant_id = ${scope.tenantId}::uuid and d.id in (
    select x.id from deliveries x
    join endpoints e on e.tenant_id = x.tenant_id and e.id = x.endpoint_id and e.state = 'active'
    where x.tenant_id = ${scope.tenantId}::uuid and x.endpoint_id = ${endpointId}::text and x.state = 'held'
    order by x.ord limit ${most}::integer for no key update of x)
  returning d.id`

/* One by one */

// One that is being sent gets another attempt when this one is over: what a person asked for is never swallowed (P90).
/** One more attempt, now, whatever the schedule says. */
export const askAgain = (
  t: Tx,
  scope: Scope,
  ids: readonly string[],
  how: { trigger: Trigger; replayId: string | null },
) => t.rows<{ id: string }>`
  update deliveries d set generation = d.generation + 1, trigger = ${how.trigger}::text, replay_id = coalesce(${how.replayId}::text, d.replay_id),
    again = d.state = 'sending', state = case when d.state = 'sending' then d.state else 'pending' end,
    once = d.state in ('succeeded', 'exhausted', 'cancelled'), blocks = false, next_at = ${t.now}::timestamptz, ended_at = null
  where d.tenant_id = ${scope.tenantId}::uuid and d.id = any (${ids}::text[]) and d.state <> 'held'
  returning d.id`

/** Zero rows: it is in none of these states any more. */
export const endDeliveryIf = (
  t: Tx,
  scope: Scope,
  id: string,
  from: readonly DeliveryState[],
  to: 'exhausted' | 'cancelled',
) => t.maybe<DeliveryRow>`
  update deliveries d set state = ${to}::text, generation = d.generation + 1, blocks = false, again = false, ended_at = ${t.now}::timestamptz
  where d.tenant_id = ${scope.tenantId}::uuid and d.id = ${id}::text and d.state = any (${from}::text[])
  returning ${DELIVERY}`

/** It was over and blocked its key; it still is over. */
export const unblockIf = (t: Tx, scope: Scope, id: string) => t.maybe<DeliveryRow>`
  update deliveries d set blocks = false where d.tenant_id = ${scope.tenantId}::uuid and d.id = ${id}::text and d.blocks
  returning ${DELIVERY}`

/* Bulk (P90) */

export type ReplayFilter = {
  endpoint?: string
  event?: string
  type?: string
  thread?: string
  /** exhausted: those alone, by when they ended; any: by when they came to be. */
  what: 'exhausted' | 'any'
  since?: string
  until?: string
}

export type ReplayRow = {
  id: string
  filter: ReplayFilter
  state: 'running' | 'done' | 'cancelled'
  include_succeeded: boolean
  per_second: number
  total: number
  started: number
  position: string
  created_by: string
  created_at: Date
  ended_at: Date | null
}

const replayable = (filter: ReplayFilter, includeSucceeded: boolean): Sql => sql`
  d.event_type not in ('endpoint.ping', 'endpoint.test', 'relay.ping') and ${OURS}
  ${filter.endpoint === undefined ? sql`` : sql`and d.endpoint_id = ${filter.endpoint}::text`}
  ${filter.event === undefined ? sql`` : sql`and d.event_id = ${filter.event}::text`}
  ${filter.type === undefined ? sql`` : sql`and d.event_type = ${filter.type}::text`}
  ${filter.thread === undefined ? sql`` : sql`and d.resource_id = ${filter.thread}::text and d.side is not null`}
  and (d.state in ('exhausted', 'cancelled') and (d.succeeded_at is null or ${includeSucceeded}::boolean)
    or (${includeSucceeded}::boolean and d.state = 'succeeded'))
  ${
    filter.what === 'exhausted'
      ? sql`and d.state = 'exhausted' ${filter.since === undefined ? sql`` : sql`and d.ended_at >= ${filter.since}::timestamptz`}`
      : sql`${filter.since === undefined ? sql`` : sql`and d.created_at >= ${filter.since}::timestamptz`}
        ${filter.until === undefined ? sql`` : sql`and d.created_at < ${filter.until}::timestamptz`}`
  }`

// One running replay per endpoint and tenant at a time: two at once would each count what the other started.
export const lockReplays = (t: Tx, scope: Scope) => t.run`
  select pg_advisory_xact_lock(x'72707900'::integer, hashtext(${scope.tenantId}::text))`

export const findRunningReplay = (t: Tx, scope: Scope, endpoint: string | null) => t.maybe<{ id: string }>`
  select id from replays where tenant_id = ${scope.tenantId}::uuid and state = 'running'
    and (filter ->> 'endpoint') is not distinct from ${endpoint}::text limit 1`

export const countReplayable = (t: Tx, scope: Scope, filter: ReplayFilter, includeSucceeded: boolean) => t.one<{ n: number }>`
  select count(*)::integer as n from deliveries d where d.tenant_id = ${scope.tenantId}::uuid and ${replayable(filter, includeSucceeded)}`

export const insertReplay = (
  t: Tx,
  scope: Scope,
  one: { id: string; filter: ReplayFilter; include_succeeded: boolean; per_second: number; total: number },
) => t.run`
  insert into replays (id, tenant_id, filter, state, include_succeeded, per_second, total, created_by, created_at, ended_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${JSON.stringify(one.filter)}::jsonb, ${one.total === 0 ? 'done' : 'running'}::text,
    ${one.include_succeeded}::boolean, ${one.per_second}::integer, ${one.total}::integer, ${scope.principal}::text, ${t.now}::timestamptz,
    case when ${one.total === 0}::boolean then ${t.now}::timestamptz end)`

const REPLAY = sql`id, filter, state, include_succeeded, per_second, total, started, position::text, created_by, created_at, ended_at`

export const findReplay = (t: Tx, scope: Scope, id: string) => t.maybe<ReplayRow>`
  select ${REPLAY} from replays where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const lockReplay = (t: Tx, scope: Scope, id: string) => t.maybe<ReplayRow>`
  select ${REPLAY} from replays where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text for no key update`

export const listReplaysBefore = (t: Tx, scope: Scope, before: string | null, limit: number) => t.rows<ReplayRow>`
  select ${REPLAY} from replays
  where tenant_id = ${scope.tenantId}::uuid ${before === null ? sql`` : sql`and id < ${before}::text`}
  order by id desc limit ${limit}::integer`

/** The next that it is about, in order; what came to be after it began is not. */
export const nextReplayable = (t: Tx, scope: Scope, replay: ReplayRow, most: number) => t.rows<{ id: string; ord: string }>`
  select d.id, d.ord::text from deliveries d
  where d.tenant_id = ${scope.tenantId}::uuid and ${replayable(replay.filter, replay.include_succeeded)}
    and d.ord > ${replay.position}::bigint and d.created_at <= ${replay.created_at}::timestamptz
  order by d.ord limit ${most}::integer
  for no key update of d`

export const advanceReplay = (t: Tx, scope: Scope, id: string, position: string, started: number) => t.run`
  update replays set position = ${position}::bigint, started = started + ${started}::integer
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const endReplayIfRunning = (t: Tx, scope: Scope, id: string, state: 'done' | 'cancelled') => t.run`
  update replays set state = ${state}::text, ended_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'running'`

/** What became of those that a replay started. */
export const replayProgress = (t: Tx, scope: Scope, id: string) => t.one<{ succeeded: number; failed: number; waiting: number }>`
  select count(*) filter (where state = 'succeeded')::integer as succeeded,
    count(*) filter (where state in ('exhausted', 'cancelled'))::integer as failed,
    count(*) filter (where state in ('pending', 'sending', 'held'))::integer as waiting
  from deliveries d where d.tenant_id = ${scope.tenantId}::uuid and d.replay_id = ${id}::text and ${OURS}`

export const endpointsOfEvent = (t: Tx, scope: Scope, eventId: string) => t.rows<{ id: string }>`
  select d.id from deliveries d where d.tenant_id = ${scope.tenantId}::uuid and d.event_id = ${eventId}::text and d.state <> 'held' and ${OURS} order by d.id`

/** Of what is bound to a card or a thread: an endpoint that was taken away, and to which nothing went for as long. */
export const pruneBoundEndpoints = (before: Date, most: number): Sql => sql`
  select countersign_engine.prune_bound_endpoints(${before}::timestamptz, ${most}::integer) as gone`

export const pruneDeliveries = (before: Date, most: number): Sql => sql`
  select countersign_engine.prune_deliveries(${before}::timestamptz, ${most}::integer) as gone`

export type ExhaustedRow = {
  tenant_id: string
  endpoint_id: string | null
  side: 'owner' | 'caller' | null
  many: number
  last_status: number | null
}
/** Over all tenants, or of one. */
export const exhaustedSince = (since: Date, tenantId: string | null): Sql =>
  sql`select tenant_id, endpoint_id, side, many, last_status from countersign_engine.exhausted_since(${since}::timestamptz, ${tenantId}::uuid)`

export const listExhausted = (t: Tx, since: Date, tenantId: string) => t.rows<ExhaustedRow>`
  select * from (${exhaustedSince(since, tenantId)}) x order by x.many desc, x.endpoint_id`

export const findReport = (t: Tx, scope: Scope) => t.maybe<{ told_until: Date }>`
  select told_until from exhausted_reports where tenant_id = ${scope.tenantId}::uuid`

// Of two processes that report on the same day the second waits for the row, and then matches nothing.
export const takeReport = (t: Tx, scope: Scope) => t.run`
  insert into exhausted_reports (tenant_id, day, told_until)
  values (${scope.tenantId}::uuid, (${t.now}::timestamptz at time zone 'UTC')::date, ${t.now}::timestamptz)
  on conflict (tenant_id) do update set day = excluded.day, told_until = excluded.told_until where exhausted_reports.day < excluded.day`

/** Verified addresses of those who may steer endpoints and cards. */
export const findRunners = (t: Tx, scope: Scope) => t.rows<{ email: string }>`
  select distinct on (r.user_id) e.email from roles r join user_emails e on e.user_id = r.user_id
  where r.tenant_id = ${scope.tenantId}::uuid and r.role in ('owner', 'admin', 'operator') and r.deactivated_at is null and e.verified_at is not null
  order by r.user_id, e.email`
