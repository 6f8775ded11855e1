// The statements of routing: who stands behind a name, whose turn it is, who is away.
import { sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { type ActiveRow, activeColumns } from '../../identity/policies/sql.ts'
import type { Strategy } from './form.ts'

/** What every create of a batch reads once. */
export type RoutingRow = { default_pool_id: string | null; fallback_pool_id: string | null; shared: boolean }

const routingColumns = (scope: Scope) => sql`
  default_pool_id, fallback_pool_id,
    exists (select from availability a where a.tenant_id = ${scope.tenantId}::uuid and cardinality(a.notify_shared) > 0) as shared`

export const findRouting = (t: Tx, scope: Scope) => t.one<RoutingRow>`
  select ${routingColumns(scope)} from tenants where id = ${scope.tenantId}::uuid`

/** With what the judgement of creations reads, in one statement. */
export const findBeforeCreating = (t: Tx, scope: Scope, agentIds: readonly string[]) => t.one<RoutingRow & ActiveRow>`
  select ${routingColumns(scope)}, ${activeColumns(scope, agentIds)} from tenants where id = ${scope.tenantId}::uuid`

export type RoutedPerson = {
  id: string
  display_name: string
  /** The primary address as they wrote it. */
  email: string | null
  /** As they are compared. */
  emails: string[]
  role: string
  max_open: number | null
  quiet_from: string | null
  quiet_until: string | null
  time_zone: string | null
  notify_direct: NoticeName[] | null
  notify_shared: NoticeName[] | null
  /** Away at this moment. */
  away: boolean
  delegate_user_id: string | null
}
type NoticeName = 'email' | 'slack' | 'webhook' | 'push'

const people = (t: Tx, scope: Scope) => sql`
  select u.id, u.display_name, p.address as email, r.role, a.max_open, a.quiet_from, a.quiet_until, a.time_zone, a.notify_direct, a.notify_shared,
    coalesce((select array_agg(e.email order by e.email) from user_emails e where e.user_id = u.id), '{}') as emails,
    absent.id is not null as away, absent.delegate_user_id
  from roles r join users u on u.id = r.user_id
  left join user_emails p on p.user_id = u.id and p.is_primary
  left join availability a on a.tenant_id = r.tenant_id and a.user_id = r.user_id
  left join lateral (
    select id, delegate_user_id from absences
    where tenant_id = r.tenant_id and user_id = r.user_id and starts_at <= ${t.now}::timestamptz and ends_at > ${t.now}::timestamptz
    order by ends_at desc limit 1
  ) absent on true
  where r.tenant_id = ${scope.tenantId}::uuid and r.deactivated_at is null`

/** Whose role lets them answer what they are asked (the row `task.decide` of the matrix); auditors and viewers are asked in vain. */
const DECIDING = ['owner', 'admin', 'operator', 'member', 'reviewer']
export const mayDecide = ({ role }: Pick<RoutedPerson, 'role'>): boolean => DECIDING.includes(role)

const POOL = 'pool:'
/** Those who run the work, whatever pools a tenant has. */
export const RUNNERS = 'pool:default'

/** Every active person behind these names: ids of users, folded addresses, names of pools. */
export const findPeopleAsked = (t: Tx, scope: Scope, keys: readonly string[]) => t.rows<RoutedPerson>`
  ${people(t, scope)} and (
    r.user_id = any(${keys}::text[])
    or r.user_id in (select e.user_id from user_emails e where e.email = any(${keys}::text[]))
    or r.user_id in (select m.user_id from pool_members m where m.tenant_id = ${scope.tenantId}::uuid and m.pool_id = any(${poolsIn(keys)}::text[]))
    or (${keys.includes(RUNNERS)}::boolean and r.role in ('owner', 'admin', 'operator')))
  order by u.id`

const poolsIn = (keys: readonly string[]): string[] =>
  keys.flatMap((key) => (key.startsWith(POOL) && key !== RUNNERS ? [key.slice(POOL.length)] : []))

export type Labelled = { role?: string; access_level?: string; poolId?: string }

/** All that are asked for must match. */
export const findLabelled = (t: Tx, scope: Scope, { role, access_level, poolId }: Labelled) => t.rows<RoutedPerson>`
  ${people(t, scope)}
    and ${role === undefined ? sql`true` : labelled(scope, 'role', role)}
    and ${access_level === undefined ? sql`true` : labelled(scope, 'access_level', access_level)}
    and ${
      poolId === undefined
        ? sql`true`
        : sql`exists (select from pool_members m where m.tenant_id = ${scope.tenantId}::uuid and m.pool_id = ${poolId}::text and m.user_id = r.user_id)`
    }
  order by u.id`

const labelled = (scope: Scope, kind: string, label: string) => sql`
  exists (select from user_labels l where l.tenant_id = ${scope.tenantId}::uuid and l.user_id = r.user_id and l.kind = ${kind}::text
    and l.label = ${label.toLowerCase()}::text)`

/** Users of this tenant, whatever their state. */
export const findMembers = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<{ user_id: string; active: boolean }>`
  select user_id, deactivated_at is null as active from roles
  where tenant_id = ${scope.tenantId}::uuid and user_id = any(${ids}::text[])`

/** Addresses of users who may do nothing here any more: asked, they reach nobody. */
export const findDeactivated = (t: Tx, scope: Scope, emails: readonly string[]) => t.rows<{ email: string }>`
  select e.email from user_emails e join roles r on r.tenant_id = ${scope.tenantId}::uuid and r.user_id = e.user_id
  where e.email = any(${emails}::text[]) and r.deactivated_at is not null`

export type PoolRow = {
  id: string
  name: string
  description: string
  strategy: Strategy
  claim_seconds: number | null
  picks: string
  created_by: string
  created_at: Date
  updated_at: Date
}

/** By its name in any case, or by its id. */
export const findPoolNamed = (t: Tx, scope: Scope, name: string) => t.maybe<PoolRow>`
  select * from pools where tenant_id = ${scope.tenantId}::uuid and (lower(name) = lower(${name}::text) or id = ${name}::text)
  order by id = ${name}::text desc limit 1`

export const findPool = (t: Tx, scope: Scope, id: string) => t.maybe<PoolRow>`
  select * from pools where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const findPools = (t: Tx, scope: Scope) => t.rows<PoolRow & { members: string[] }>`
  select p.*, coalesce((select array_agg(m.user_id order by m.user_id) from pool_members m
    where m.tenant_id = p.tenant_id and m.pool_id = p.id), '{}') as members
  from pools p where p.tenant_id = ${scope.tenantId}::uuid order by lower(p.name)`

export const findPoolNames = (t: Tx, scope: Scope) => t.rows<{ name: string }>`
  select name from pools where tenant_id = ${scope.tenantId}::uuid order by name limit 500`

// Whose turn it is follows from the picks before, so picks of one pool come one after another: whoever picks holds its row to the end of their transaction.
// A batch that picks from several locks them all first, in the order of their ids, so that two batches wait for each other in one order.
export const lockPools = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<PoolRow>`
  select * from pools where tenant_id = ${scope.tenantId}::uuid and id = any(${ids}::text[]) order by id for no key update`

// Picks by labels alone are ordered by the tenant's row, after the pools.
export const lockLabels = (t: Tx, scope: Scope) => t.run`
  select id from tenants where id = ${scope.tenantId}::uuid for no key update`

export type Turn = { user_id: string; last_pick: string; open: number }

/** Of these people: which pick of this pool was theirs last, and how much they have before them. */
export const findTurns = (t: Tx, scope: Scope, source: string, userIds: readonly string[]) => t.rows<Turn>`
  select u.id as user_id,
    coalesce((select m.last_pick from pool_members m
        where m.tenant_id = ${scope.tenantId}::uuid and m.pool_id = ${source}::text and m.user_id = u.id),
      (select l.last_pick from label_picks l where l.tenant_id = ${scope.tenantId}::uuid and l.source = ${source}::text and l.user_id = u.id), 0) as last_pick,
    (select count(*)::integer from tasks where tasks.tenant_id = ${scope.tenantId}::uuid and tasks.assigned_to_user_id = u.id
      and tasks.status in ('open', 'verifying', 'returned', 'revising')) as open
  from unnest(${userIds}::text[]) as u (id)`

/** What was picked, in its order; under the lock of the pool. */
export const markPoolPicks = (t: Tx, scope: Scope, poolId: string, userIds: readonly string[]) => t.run`
  with counted as (
    update pools set picks = picks + ${userIds.length}::integer where tenant_id = ${scope.tenantId}::uuid and id = ${poolId}::text
    returning picks - ${userIds.length}::integer as before
  ), last as (
    select user_id, max(n) as n from unnest(${userIds}::text[]) with ordinality as g (user_id, n) group by user_id
  )
  update pool_members m set last_pick = counted.before + last.n from counted, last
  where m.tenant_id = ${scope.tenantId}::uuid and m.pool_id = ${poolId}::text and m.user_id = last.user_id`

export const markLabelPicks = (t: Tx, scope: Scope, source: string, userIds: readonly string[]) => t.run`
  with counted as (
    update tenants set label_picks = label_picks + ${userIds.length}::integer where id = ${scope.tenantId}::uuid
    returning label_picks - ${userIds.length}::integer as before
  )
  insert into label_picks (source, tenant_id, user_id, last_pick)
  select ${source}::text, ${scope.tenantId}::uuid, g.user_id, max(counted.before + g.n)
  from counted, unnest(${userIds}::text[]) with ordinality as g (user_id, n) group by g.user_id
  on conflict (tenant_id, source, user_id) do update set last_pick = excluded.last_pick`

/** Which of these addresses belong to active users of this tenant. */
export const findDirectory = (t: Tx, scope: Scope, emails: readonly string[]) => t.rows<{ email: string }>`
  select e.email from user_emails e join roles r on r.tenant_id = ${scope.tenantId}::uuid and r.user_id = e.user_id
  where e.email = any(${emails}::text[]) and r.deactivated_at is null`

/** The domains of the verified addresses of those who run the tenant. */
export const findOwnDomains = (t: Tx, scope: Scope) => t.rows<{ domain: string }>`
  select distinct split_part(e.email, '@', 2) as domain
  from roles r join user_emails e on e.user_id = r.user_id
  where r.tenant_id = ${scope.tenantId}::uuid and r.role in ('owner', 'admin') and r.deactivated_at is null and e.verified_at is not null`

/** On whose side a task is asked: the owner of its agent. */
export const findOwner = (t: Tx, scope: Scope, agentId: string) => t.maybe<{ user_id: string }>`
  select user_id from agents where tenant_id = ${scope.tenantId}::uuid and id = ${agentId}::text`

export const findPoolsNamed = (t: Tx, scope: Scope, names: readonly string[]) => t.rows<{ id: string; name: string }>`
  select id, name from pools
  where tenant_id = ${scope.tenantId}::uuid
    and (id = any(${names}::text[]) or lower(name) in (select lower(n) from unnest(${names}::text[]) as n))`
