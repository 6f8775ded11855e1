// The statements over endpoints, their secrets and their health. A transition is one conditional update; zero rows is an answer, and the verb says why.
import type { SentMode, SigningMode } from '../../crypto/signature.ts'
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'

export type EndpointState = 'pending' | 'active' | 'paused' | 'disabled' | 'deleted'

export type EndpointRow = {
  id: string
  label: string
  url: string
  events: string[]
  mode: SigningMode
  header: 'Countersign-Signature' | 'Humane-Signature' | 'X-Humane-Signature'
  thin: boolean | null
  ordering: 'none' | 'fifo'
  on_exhausted: 'proceed' | 'block'
  schedule: 'standard' | 'quick_24h' | 'own'
  delays: number[] | null
  timeout_seconds: number
  max_in_flight: number
  rate_per_second: number | null
  ca_pem: string | null
  client_certificate: Buffer | null
  headers: Buffer | null
  header_names: string[]
  signing_key: Buffer | null
  public_key: string | null
  state: EndpointState
  state_reason: string | null
  state_since: Date
  version: number
  created_by: string
  created_at: Date
  updated_at: Date
}

/** What makes an endpoint one of a card or a thread (relay.md R62, R100); all null on a tenant's own. */
export type Binding = {
  bound_to: string | null
  side: 'owner' | 'caller' | null
  relay_grant_id: string | null
  caller_tenant: string | null
  client_id: string | null
  auth_scheme: string | null
}
export const UNBOUND: Binding = {
  ...{ bound_to: null, side: null, relay_grant_id: null, caller_tenant: null, client_id: null, auth_scheme: null },
}
export type AnyEndpointRow = Omit<EndpointRow, 'mode'> & { mode: SentMode } & Binding

export type SecretRow = { endpoint_id: string; n: number; material: Buffer; created_at: Date; ends_at: Date | null }
export type HealthRow = { timeouts: number; failing_since: Date | null; last_failure_at: Date | null; slowed_until: Date | null }

export const COLUMNS = sql`e.id, e.label, e.url, e.events, e.mode, e.header, e.thin, e.ordering, e.on_exhausted, e.schedule, e.delays, e.timeout_seconds,
  e.max_in_flight, e.rate_per_second, e.ca_pem, e.client_certificate, e.headers, e.header_names, e.signing_key, e.public_key, e.state,
  e.state_reason, e.state_since, e.version, e.created_by, e.created_at, e.updated_at, e.bound_to, e.side, e.relay_grant_id, e.caller_tenant,
  e.client_id, e.auth_scheme`

// Serialises the creates of one tenant, so that the bound on their number holds.
export const lockEndpointsOf = (t: Tx, scope: Scope) => t.run`
  select pg_advisory_xact_lock(x'77686500'::integer, hashtext(${scope.tenantId}::text))`

export const countEndpoints = (t: Tx, scope: Scope) => t.one<{ n: number }>`
  select count(*)::integer as n from endpoints where tenant_id = ${scope.tenantId}::uuid and state <> 'deleted' and bound_to is null`

export type NewEndpoint = Omit<
  AnyEndpointRow,
  'state_reason' | 'state_since' | 'version' | 'created_by' | 'created_at' | 'updated_at'
>

export const insertEndpoint = (t: Tx, scope: Scope, one: NewEndpoint) => t.run`
  with made as (
    insert into endpoints (id, tenant_id, label, url, events, mode, header, thin, ordering, on_exhausted, schedule, delays, timeout_seconds,
      max_in_flight, rate_per_second, ca_pem, client_certificate, headers, header_names, signing_key, public_key, state, state_since, created_by,
      created_at, updated_at, bound_to, side, relay_grant_id, caller_tenant, client_id, auth_scheme)
    values (${one.id}::text, ${scope.tenantId}::uuid, ${one.label}::text, ${one.url}::text, ${one.events}::text[], ${one.mode}::text,
      ${one.header}::text, ${one.thin}::boolean, ${one.ordering}::text, ${one.on_exhausted}::text, ${one.schedule}::text,
      ${one.delays}::integer[], ${one.timeout_seconds}::smallint, ${one.max_in_flight}::smallint, ${one.rate_per_second}::real,
      ${one.ca_pem}::text, ${one.client_certificate}::bytea, ${one.headers}::bytea, ${one.header_names}::text[], ${one.signing_key}::bytea,
      ${one.public_key}::text, ${one.state}::text, ${t.now}::timestamptz, ${scope.principal}::text, ${t.now}::timestamptz, ${t.now}::timestamptz,
      ${one.bound_to}::text, ${one.side}::text, ${one.relay_grant_id}::text, ${one.caller_tenant}::uuid, ${one.client_id}::text,
      ${one.auth_scheme}::text)
    returning id
  )
  insert into endpoint_health (endpoint_id, tenant_id) select id, ${scope.tenantId}::uuid from made`

export const findEndpoint = (t: Tx, scope: Scope, id: string) => t.maybe<EndpointRow>`
  select ${COLUMNS} from endpoints e where e.tenant_id = ${scope.tenantId}::uuid and e.id = ${id}::text and e.state <> 'deleted' and e.bound_to is null`

/** Two are enough to see that a label names no one of them. */
export const findEndpointByLabel = (t: Tx, scope: Scope, label: string) => t.rows<EndpointRow>`
  select ${COLUMNS} from endpoints e where e.tenant_id = ${scope.tenantId}::uuid and e.label = ${label}::text and e.state <> 'deleted'
    and e.bound_to is null limit 2`

export const lockEndpoint = (t: Tx, scope: Scope, id: string) => t.maybe<EndpointRow>`
  select ${COLUMNS} from endpoints e where e.tenant_id = ${scope.tenantId}::uuid and e.id = ${id}::text and e.state <> 'deleted'
    and e.bound_to is null
  for no key update`

/** One's own, and those of one's own side of cards and threads: what an A2A client keeps is none of them. */
export const lockOwnEndpoint = (t: Tx, scope: Scope, id: string) => t.maybe<EndpointRow & Binding>`
  select ${COLUMNS} from endpoints e where e.tenant_id = ${scope.tenantId}::uuid and e.id = ${id}::text and e.state <> 'deleted' and e.mode <> 'a2a'
    and ${
      scope.relaySide === 'caller'
        ? sql`e.side = 'caller' and e.relay_grant_id = ${scope.relayParty ?? ''}::text`
        : sql`e.side is distinct from 'caller'`
    }
  for no key update`

/** Bound ones too. */
export const findEndpointsByIds = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<AnyEndpointRow>`
  select ${COLUMNS} from endpoints e where e.tenant_id = ${scope.tenantId}::uuid and e.id = any (${ids}::text[])`

export const listEndpointsBefore = (
  t: Tx,
  scope: Scope,
  filter: { state?: string; event?: readonly string[] },
  before: string | null,
  limit: number,
) => t.rows<EndpointRow & HealthRow>`
  select ${COLUMNS}, h.timeouts, h.failing_since, h.last_failure_at, h.slowed_until
  from endpoints e join endpoint_health h on h.tenant_id = e.tenant_id and h.endpoint_id = e.id
  where e.tenant_id = ${scope.tenantId}::uuid and e.state <> 'deleted' and e.bound_to is null
    ${filter.state === undefined ? sql`` : sql`and e.state = ${filter.state}::text`}
    ${filter.event === undefined ? sql`` : sql`and e.events && ${filter.event}::text[]`}
    ${before === null ? sql`` : sql`and e.id < ${before}::text`}
  order by e.id desc limit ${limit}::integer`

export const findHealth = (t: Tx, scope: Scope, id: string) => t.one<HealthRow>`
  select timeouts, failing_since, last_failure_at, slowed_until from endpoint_health
  where tenant_id = ${scope.tenantId}::uuid and endpoint_id = ${id}::text`

type Changeable = Omit<NewEndpoint, 'id' | 'state' | Exclude<keyof Binding, 'auth_scheme'>>

/** Writes what is given; the row is locked by its reader. */
export const updateEndpoint = (t: Tx, scope: Scope, id: string, one: Changeable) => t.run`
  update endpoints set label = ${one.label}::text, url = ${one.url}::text, events = ${one.events}::text[], mode = ${one.mode}::text,
    header = ${one.header}::text, thin = ${one.thin}::boolean, ordering = ${one.ordering}::text, on_exhausted = ${one.on_exhausted}::text,
    schedule = ${one.schedule}::text, delays = ${one.delays}::integer[], timeout_seconds = ${one.timeout_seconds}::smallint,
    max_in_flight = ${one.max_in_flight}::smallint, rate_per_second = ${one.rate_per_second}::real, ca_pem = ${one.ca_pem}::text,
    client_certificate = ${one.client_certificate}::bytea, headers = ${one.headers}::bytea, header_names = ${one.header_names}::text[],
    signing_key = ${one.signing_key}::bytea, public_key = ${one.public_key}::text, auth_scheme = ${one.auth_scheme}::text,
    version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state <> 'deleted'`

/** Zero rows: it is in none of these states any more. */
export const moveEndpointIf = (
  t: Tx,
  scope: Scope,
  id: string,
  from: readonly EndpointState[],
  to: EndpointState,
  reason: string | null,
) => t.run`
  update endpoints set state = ${to}::text, state_reason = ${reason}::text, state_since = ${t.now}::timestamptz, version = version + 1,
    updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = any (${from}::text[])`

/** A deleted endpoint keeps its row for its log, and nothing that is secret. */
export const forgetSecrets = (t: Tx, scope: Scope, id: string) => t.run`
  with gone as (
    update endpoint_secrets set revoked_at = coalesce(revoked_at, ${t.now}::timestamptz), material = null
    where tenant_id = ${scope.tenantId}::uuid and endpoint_id = ${id}::text
  )
  update endpoints set client_certificate = null, headers = null, signing_key = null, public_key = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

/* Secrets */

export const insertSecret = (t: Tx, scope: Scope, endpointId: string, n: number, material: Buffer) => t.run`
  insert into endpoint_secrets (n, tenant_id, endpoint_id, material, created_at)
  values (${n}::integer, ${scope.tenantId}::uuid, ${endpointId}::text, ${material}::bytea, ${t.now}::timestamptz)`

const isLive = (t: Tx): Sql => sql`revoked_at is null and (ends_at is null or ends_at > ${t.now}::timestamptz)`

/** Live ones, newest first. */
export const findLiveSecrets = (t: Tx, scope: Scope, endpointIds: readonly string[]) => t.rows<SecretRow>`
  select endpoint_id, n, material, created_at, ends_at from endpoint_secrets
  where tenant_id = ${scope.tenantId}::uuid and endpoint_id = any (${endpointIds}::text[]) and ${isLive(t)}
  order by endpoint_id, n desc`

export const lastSecret = (t: Tx, scope: Scope, endpointId: string) => t.one<{ n: number | null }>`
  select max(n) as n from endpoint_secrets where tenant_id = ${scope.tenantId}::uuid and endpoint_id = ${endpointId}::text`

export const endOlderSecrets = (t: Tx, scope: Scope, endpointId: string, endsAt: Date) => t.run`
  update endpoint_secrets set ends_at = least(ends_at, ${endsAt}::timestamptz)
  where tenant_id = ${scope.tenantId}::uuid and endpoint_id = ${endpointId}::text and ${isLive(t)}`

export const revokeSecretIfLive = (t: Tx, scope: Scope, endpointId: string, n: number) => t.run`
  update endpoint_secrets set revoked_at = ${t.now}::timestamptz, material = null
  where tenant_id = ${scope.tenantId}::uuid and endpoint_id = ${endpointId}::text and n = ${n}::integer and ${isLive(t)}`

export const bumpVersion = (t: Tx, scope: Scope, id: string) => t.run`
  update endpoints set version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const publicKeyOf = (endpointId: string): Sql => sql`
  select countersign_engine.endpoint_public_key(${endpointId}::text) as public_key`

/* Health */

/** It works again. */
export const markWorking = (t: Tx, scope: Scope, ids: readonly string[]) => t.run`
  update endpoint_health set timeouts = 0, failing_since = null, failed_events = 0
  where tenant_id = ${scope.tenantId}::uuid and endpoint_id = any (${ids}::text[]) and (timeouts > 0 or failing_since is not null)`

export type Failing = {
  endpoint_id: string
  failing_since: Date
  last_failure_at: Date
  failed_events: number
  told_at: Date | null
}

// A delivery counts once in a run of failures, however often it is tried.
/** Each of these attempts failed. Answers how long each endpoint has been failing. */
export const markFailing = (
  t: Tx,
  scope: Scope,
  failures: readonly { endpoint_id: string; delivery_id: string; timed_out: boolean; answered: boolean; slowed: boolean }[],
) => t.rows<Failing>`
  with told as materialized (
    select o.*, d.failed_in is null or d.failed_in < coalesce(h.failing_since, 'infinity') as fresh
    from json_to_recordset(${JSON.stringify(failures)}::json) as o (endpoint_id text, delivery_id text, timed_out boolean, answered boolean, slowed boolean)
    join endpoint_health h on h.tenant_id = ${scope.tenantId}::uuid and h.endpoint_id = o.endpoint_id
    join deliveries d on d.tenant_id = h.tenant_id and d.id = o.delivery_id
  ), marked as (
    update deliveries d set failed_in = ${t.now}::timestamptz from told o
    where d.tenant_id = ${scope.tenantId}::uuid and d.id = o.delivery_id and o.fresh
  ), summed as (
    select endpoint_id, count(*) filter (where fresh) as fresh, count(*) filter (where timed_out) as timeouts, bool_or(answered) as answered,
      bool_or(slowed) as slowed
    from told group by endpoint_id
  )
  update endpoint_health h set
    timeouts = case when s.answered then 0 else h.timeouts + s.timeouts end,
    failing_since = coalesce(h.failing_since, ${t.now}::timestamptz), last_failure_at = ${t.now}::timestamptz,
    failed_events = h.failed_events + s.fresh,
    slowed_until = case when s.slowed then ${t.now}::timestamptz + interval '60 seconds' else h.slowed_until end
  from summed s where h.tenant_id = ${scope.tenantId}::uuid and h.endpoint_id = s.endpoint_id
  returning h.endpoint_id, h.failing_since, h.last_failure_at, h.failed_events, h.told_at`

/** At most one a day (P91). Zero rows: it was told already. */
export const markToldIfDue = (t: Tx, scope: Scope, endpointId: string) => t.run`
  update endpoint_health set told_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and endpoint_id = ${endpointId}::text
    and (told_at is null or told_at <= ${t.now}::timestamptz - interval '24 hours')`

/** Where it starts anew: after a person switched it on again. */
export const resetHealth = (t: Tx, scope: Scope, endpointId: string) => t.run`
  update endpoint_health set timeouts = 0, failing_since = null, failed_events = 0, slowed_until = null, paced_at = null
  where tenant_id = ${scope.tenantId}::uuid and endpoint_id = ${endpointId}::text`
