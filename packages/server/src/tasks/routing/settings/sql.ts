// The statements over what a tenant and its people say about routing: pools, labels, absences.
import type { Scope, Tx } from '../../../db/tx.ts'
import type { Strategy } from '../form.ts'

export type NewPool = {
  id: string
  name: string
  description: string
  strategy: Strategy
  claim_seconds: number | null
}

export const insertPool = (t: Tx, scope: Scope, pool: NewPool) => t.run`
  insert into pools (id, tenant_id, name, description, strategy, claim_seconds, created_by, created_at, updated_at)
  values (${pool.id}::text, ${scope.tenantId}::uuid, ${pool.name}::text, ${pool.description}::text, ${pool.strategy}::text,
    ${pool.claim_seconds}::integer, ${scope.principal}::text, ${t.now}::timestamptz, ${t.now}::timestamptz)`

export const updatePool = (t: Tx, scope: Scope, pool: NewPool) => t.run`
  update pools set name = ${pool.name}::text, description = ${pool.description}::text, strategy = ${pool.strategy}::text,
    claim_seconds = ${pool.claim_seconds}::integer, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${pool.id}::text`

// Their last picks stay with those who stay: a change of members starts nobody's turn anew.
export const putMembers = (t: Tx, scope: Scope, poolId: string, userIds: readonly string[]) => t.run`
  with gone as (
    delete from pool_members where tenant_id = ${scope.tenantId}::uuid and pool_id = ${poolId}::text and user_id <> all(${userIds}::text[])
  )
  insert into pool_members (pool_id, tenant_id, user_id, added_at)
  select ${poolId}::text, ${scope.tenantId}::uuid, u, ${t.now}::timestamptz from unnest(${userIds}::text[]) as u
  on conflict (tenant_id, pool_id, user_id) do nothing`

export const deletePool = (t: Tx, scope: Scope, id: string) => t.run`
  delete from pools where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const findTaskAskedOf = (t: Tx, scope: Scope, key: string) => t.maybe<{ id: string }>`
  select id from tasks
  where tenant_id = ${scope.tenantId}::uuid and status in ('open', 'verifying', 'returned', 'revising') and ${key}::text = any(asked) limit 1`

export const updateRouting = (
  t: Tx,
  scope: Scope,
  to: { default_pool_id: string | null; fallback_pool_id: string | null },
) => t.run`
  update tenants set default_pool_id = ${to.default_pool_id}::text, fallback_pool_id = ${to.fallback_pool_id}::text
  where id = ${scope.tenantId}::uuid`

export type LabelRow = { kind: 'role' | 'access_level'; label: string }

export const findLabels = (t: Tx, scope: Scope, userId: string) => t.rows<LabelRow>`
  select kind, label from user_labels where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text order by kind, label`

export const putLabels = (t: Tx, scope: Scope, userId: string, labels: readonly LabelRow[]) => t.run`
  with given as (select * from json_to_recordset(${JSON.stringify(labels)}::json) as g (kind text, label text)),
  gone as (
    delete from user_labels l where l.tenant_id = ${scope.tenantId}::uuid and l.user_id = ${userId}::text
      and not exists (select from given where given.kind = l.kind and given.label = l.label)
  )
  insert into user_labels (user_id, tenant_id, kind, label)
  select ${userId}::text, ${scope.tenantId}::uuid, kind, label from given
  on conflict (tenant_id, kind, label, user_id) do nothing`

export type PersonRouting = {
  user_id: string
  display_name: string
  role: string
  roles: string[]
  access_levels: string[]
  pools: string[]
  max_open: number | null
  open: number
  away_until: Date | null
  delegate_user_id: string | null
}

/** Everybody who could be asked, with what routing knows of them. */
export const findPersonRoutings = (t: Tx, scope: Scope) => t.rows<PersonRouting>`
  select r.user_id, u.display_name, r.role, a.max_open, absent.ends_at as away_until, absent.delegate_user_id,
    coalesce((select array_agg(l.label order by l.label) from user_labels l
      where l.tenant_id = r.tenant_id and l.user_id = r.user_id and l.kind = 'role'), '{}') as roles,
    coalesce((select array_agg(l.label order by l.label) from user_labels l
      where l.tenant_id = r.tenant_id and l.user_id = r.user_id and l.kind = 'access_level'), '{}') as access_levels,
    coalesce((select array_agg(m.pool_id order by m.pool_id) from pool_members m
      where m.tenant_id = r.tenant_id and m.user_id = r.user_id), '{}') as pools,
    (select count(*)::integer from tasks where tasks.tenant_id = r.tenant_id and tasks.assigned_to_user_id = r.user_id
      and tasks.status in ('open', 'verifying', 'returned', 'revising')) as open
  from roles r join users u on u.id = r.user_id
  left join availability a on a.tenant_id = r.tenant_id and a.user_id = r.user_id
  left join lateral (
    select ends_at, delegate_user_id from absences
    where tenant_id = r.tenant_id and user_id = r.user_id and starts_at <= ${t.now}::timestamptz and ends_at > ${t.now}::timestamptz
    order by ends_at desc limit 1
  ) absent on true
  where r.tenant_id = ${scope.tenantId}::uuid and r.deactivated_at is null
  order by lower(u.display_name), r.user_id limit 1000`

export type AvailabilityRow = {
  max_open: number | null
  quiet_from: string | null
  quiet_until: string | null
  time_zone: string | null
  notify_direct: string[] | null
  notify_shared: string[] | null
}

export const findAvailability = (t: Tx, scope: Scope, userId: string) => t.maybe<AvailabilityRow>`
  select max_open, to_char(quiet_from, 'HH24:MI') as quiet_from, to_char(quiet_until, 'HH24:MI') as quiet_until, time_zone, notify_direct,
    notify_shared
  from availability where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text`

export const putAvailability = (t: Tx, scope: Scope, userId: string, row: AvailabilityRow) => t.run`
  insert into availability (user_id, tenant_id, max_open, quiet_from, quiet_until, time_zone, notify_direct, notify_shared, updated_at)
  values (${userId}::text, ${scope.tenantId}::uuid, ${row.max_open}::integer, ${row.quiet_from}::time, ${row.quiet_until}::time,
    ${row.time_zone}::text, ${row.notify_direct}::text[], ${row.notify_shared}::text[], ${t.now}::timestamptz)
  on conflict (tenant_id, user_id) do update set max_open = excluded.max_open, quiet_from = excluded.quiet_from,
    quiet_until = excluded.quiet_until, time_zone = excluded.time_zone, notify_direct = excluded.notify_direct,
    notify_shared = excluded.notify_shared, updated_at = excluded.updated_at`

export type AbsenceRow = { id: string; starts_at: Date; ends_at: Date; delegate_user_id: string | null }

/** Those that are over are nobody's business any more. */
export const findAbsences = (t: Tx, scope: Scope, userId: string) => t.rows<AbsenceRow>`
  select id, starts_at, ends_at, delegate_user_id from absences
  where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text and ends_at > ${t.now}::timestamptz order by starts_at, id`

/** Of people who stand in for each other, for loops: their absences that overlap this time. */
export const findOverlapping = (t: Tx, scope: Scope, userId: string, from: Date, until: Date) => t.rows<AbsenceRow>`
  select id, starts_at, ends_at, delegate_user_id from absences
  where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text and starts_at < ${until}::timestamptz and ends_at > ${from}::timestamptz`

export const deleteAbsences = (t: Tx, scope: Scope, userId: string) => t.run`
  delete from absences where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text`

export const insertAbsences = (t: Tx, scope: Scope, userId: string, absences: readonly AbsenceRow[]) => t.run`
  insert into absences (id, tenant_id, user_id, starts_at, ends_at, delegate_user_id)
  select id, ${scope.tenantId}::uuid, ${userId}::text, starts_at, ends_at, delegate_user_id
  from json_to_recordset(${JSON.stringify(absences)}::json) as g (id text, starts_at timestamptz, ends_at timestamptz, delegate_user_id text)`

// Two that name each other as delegates at once: the second reads what the first wrote.
export const lockAvailabilities = (t: Tx, scope: Scope) => t.run`
  select pg_advisory_xact_lock(hashtextextended('absences:' || ${scope.tenantId}::text, 0))`
