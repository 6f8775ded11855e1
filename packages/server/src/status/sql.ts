// The statements of this room: readings and their days, incidents and what was said of them. All but the notices belong to the installation.
import type { Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import type { Measured, State } from './probe.ts'

export const readStore = (t: Tx) => t.one<{ answers: boolean }>`select true as answers`

/* Readings */

export type ReadingRow = { probe: string; minute: Date; state: State; measured: Measured }

/** Of several processes that measured in one minute the first counts; only what was written is counted by day. */
export const insertReadings = (t: Tx, rows: readonly ReadingRow[]) => t.run`
  with given as (
    select * from unnest(${rows.map((row) => row.probe)}::text[], ${rows.map((row) => row.minute)}::timestamptz[], ${rows.map((row) => row.state)}::text[],
      ${rows.map((row) => JSON.stringify(row.measured))}::text[]) as one (probe, at, state, measured)
  ), written as (
    insert into status_readings (probe, minute, state, measured)
    select probe, date_trunc('minute', at, 'UTC'), state, measured::jsonb from given
    on conflict do nothing
    returning probe, minute, state
  )
  insert into status_days as d (probe, day, ok, warn, outage)
  select probe, (minute at time zone 'UTC')::date, count(*) filter (where state = 'ok'), count(*) filter (where state = 'warn'),
    count(*) filter (where state = 'outage')
  from written group by 1, 2 order by 1, 2
  on conflict (probe, day) do update set ok = d.ok + excluded.ok, warn = d.warn + excluded.warn, outage = d.outage + excluded.outage`

export const deleteOldReadings = (t: Tx, before: Date) => t.run`delete from status_readings where minute < ${before}::timestamptz`
export const deleteOldDays = (t: Tx, before: Date) => t.run`
  delete from status_days where day < (${before}::timestamptz at time zone 'UTC')::date`

export const latestReadings = (t: Tx, since: Date) => t.rows<ReadingRow>`
  select distinct on (probe) probe, minute, state, measured from status_readings
  where minute >= ${since}::timestamptz order by probe, minute desc`

/** Since when a probe has said what it says now: the first reading behind the last one that said otherwise. */
export const stateSince = (t: Tx, since: Date) => t.rows<{ probe: string; since: Date }>`
  with last as (
    select distinct on (probe) probe, minute, state from status_readings where minute >= ${since}::timestamptz order by probe, minute desc
  )
  select l.probe, (
    select min(r.minute) from status_readings r where r.probe = l.probe and r.minute >= ${since}::timestamptz and r.minute > coalesce((
      select max(o.minute) from status_readings o where o.probe = l.probe and o.minute >= ${since}::timestamptz and o.state <> l.state
    ), '-infinity')
  ) as since
  from last l where l.state <> 'ok'`

export type DayRow = { probe: string; day: string; ok: number; warn: number; outage: number }
export const listDays = (t: Tx, since: Date) => t.rows<DayRow>`
  select probe, day, ok, warn, outage from status_days
  where day >= (${since}::timestamptz at time zone 'UTC')::date order by probe, day`

export type LatencyRow = { at: Date; p50_ms: number; p95_ms: number }
/** By ten minutes: what was usual, and the worst of it. */
export const listLatency = (t: Tx, since: Date) => t.rows<LatencyRow>`
  select date_bin('10 minutes', minute, 'epoch'::timestamptz) as at,
    percentile_cont(0.5) within group (order by (measured ->> 'p50_ms')::float8) as p50_ms, max((measured ->> 'p95_ms')::float8) as p95_ms
  from status_readings where probe = 'database' and minute >= ${since}::timestamptz and measured ? 'p50_ms'
  group by 1 order by 1`

/** Of all tenants, two numbers. */
export const firstAttempts = (t: Tx, since: Date) => t.one<{ taken: number; refused: number }>`
  select taken, refused from countersign_engine.first_attempts(${since}::timestamptz)`

/* Incidents */

export type Severity = 'SEV-1' | 'SEV-2' | 'SEV-3' | 'SEV-4'
export type IncidentStatus =
  | 'investigating'
  | 'identified'
  | 'monitoring'
  | 'resolved'
  | 'scheduled'
  | 'in_progress'
  | 'completed'
export type IncidentRow = {
  id: string
  kind: 'incident' | 'maintenance'
  severity: Severity | null
  status: IncidentStatus
  title: string
  components: string[]
  affects: 'none' | 'some' | 'all'
  affected: string[]
  customer_data: boolean
  detected_at: Date
  starts_at: Date | null
  ends_at: Date | null
  notify_by: Date | null
  notified_at: Date | null
  alarmed_at: Date | null
  opened_by: string
  opened_in: string
  opened_at: Date
  closed_at: Date | null
}
export type UpdateRow = {
  id: string
  incident_id: string
  status: IncidentStatus
  severity: Severity | null
  body: string
  written_by: string
  written_at: Date
}

export type NewIncident = Omit<
  IncidentRow,
  'notified_at' | 'alarmed_at' | 'opened_at' | 'opened_by' | 'opened_in' | 'closed_at'
> & { closes: boolean }

export const insertIncident = (t: Tx, scope: Scope, one: NewIncident) => t.run`
  insert into incidents (id, kind, severity, status, title, components, affects, affected, customer_data, detected_at, starts_at, ends_at, notify_by,
    opened_by, opened_in, opened_at, closed_at)
  values (${one.id}::text, ${one.kind}::text, ${one.severity}::text, ${one.status}::text, ${one.title}::text, ${one.components}::text[], ${one.affects}::text,
    ${one.affected}::uuid[], ${one.customer_data}::boolean, ${one.detected_at}::timestamptz, ${one.starts_at}::timestamptz, ${one.ends_at}::timestamptz,
    ${one.notify_by}::timestamptz, ${scope.principal}::text, ${scope.tenantId}::uuid, ${t.now}::timestamptz, ${one.closes ? t.now : null}::timestamptz)`

export const findIncident = (t: Tx, id: string) => t.maybe<IncidentRow>`select * from incidents where id = ${id}::text`
// Two hosts at once: the second sees what the first said, and its own words come behind.
export const lockIncident = (t: Tx, id: string) => t.maybe<IncidentRow>`select * from incidents where id = ${id}::text for update`

export const updateIncident = (t: Tx, one: IncidentRow) => t.run`
  update incidents set severity = ${one.severity}::text, status = ${one.status}::text, title = ${one.title}::text, components = ${one.components}::text[],
    affects = ${one.affects}::text, affected = ${one.affected}::uuid[], customer_data = ${one.customer_data}::boolean, starts_at = ${one.starts_at}::timestamptz,
    ends_at = ${one.ends_at}::timestamptz, notify_by = ${one.notify_by}::timestamptz, notified_at = ${one.notified_at}::timestamptz,
    closed_at = ${one.closed_at}::timestamptz
  where id = ${one.id}::text`

export const insertUpdate = (t: Tx, scope: Scope, one: Omit<UpdateRow, 'written_by' | 'written_at'>) => t.run`
  insert into incident_updates (id, incident_id, status, severity, body, written_by, written_at)
  values (${one.id}::text, ${one.incident_id}::text, ${one.status}::text, ${one.severity}::text, ${one.body}::text, ${scope.principal}::text, ${t.now}::timestamptz)`

export const listUpdates = (t: Tx, ids: readonly string[]) => t.rows<UpdateRow>`
  select * from incident_updates where incident_id = any (${ids}::text[]) order by written_at desc, id desc`

export const listIncidents = (t: Tx, before: { at: Date; id: string } | null, limit: number) => t.rows<IncidentRow>`
  select * from incidents
  where ${before === null}::boolean or (opened_at, id) < (${before?.at ?? t.now}::timestamptz, ${before?.id ?? ''}::text)
  order by opened_at desc, id desc limit ${limit}::integer`

/** What is not over, and what ended since. */
export const listCurrent = (t: Tx, since: Date) => t.rows<IncidentRow>`
  select * from incidents where closed_at is null or closed_at >= ${since}::timestamptz order by opened_at desc, id desc limit 50`

// The guard makes it told once, whichever process looks first.
export const alarmIfOwed = (t: Tx) => t.rows<IncidentRow>`
  update incidents set alarmed_at = ${t.now}::timestamptz
  where notify_by < ${t.now}::timestamptz and notified_at is null and alarmed_at is null
  returning *`

export const findUpdate = (t: Tx, id: string) => t.maybe<UpdateRow>`select * from incident_updates where id = ${id}::text`

export const tenantsToTell = (t: Tx, named: readonly string[] | null) => t.rows<{ id: string }>`
  select id from countersign_engine.tenants_to_tell(${named}::uuid[]) as id`

/** False: this tenant was told of this before. */
export const noteOnce = async (t: Tx, scope: Scope, updateId: string): Promise<boolean> =>
  (await t.run`
    insert into incident_notices (update_id, tenant_id, told_at) values (${updateId}::text, ${scope.tenantId}::uuid, ${t.now}::timestamptz)
    on conflict do nothing`) > 0

export const isHostUser = (t: Tx, userId: string) => t.one<{ yes: boolean }>`
  select exists (select from hosts where user_id = ${userId}::text) as yes`
