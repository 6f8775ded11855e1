// The statements over tenants, memberships and break-glass. What a host sees across tenants comes from functions of the engine; everything that
// changes a tenant runs in a transaction of that tenant.
import type { Role, Scope } from '../../db/scope.ts'
import { type Sql, sql } from '../../db/sql.ts'
import type { Tx } from '../../db/tx.ts'

export type TenantState = 'active' | 'suspended' | 'closing' | 'erased'
export type TenantRow = {
  id: string
  name: string
  state: TenantState
  state_since: Date
  state_by: string
  state_reason: string | null
  created_at: Date
}

export const listTenants = (t: Tx, page: { after: string | null; only: string | null; limit: number }) => t.rows<TenantRow>`
  select * from countersign_engine.list_tenants(${page.after}::uuid, ${page.only}::uuid, ${page.limit}::integer)`

export type Settings = {
  id: string
  name: string
  state: TenantState
  state_since: Date
  state_reason: string | null
  created_at: Date
  session_profile: 'standard' | 'strict' | 'custom'
  session_idle_seconds: number | null
  session_absolute_seconds: number | null
  revoke_exposed_keys: boolean
  proof_nonce: boolean
  vault_export: boolean
  grant_max_seconds: number
  card_verification: 'ignore' | 'prefer' | 'require'
  relay_compat: 'none' | 'foragent'
}

// Two changes of one tenant take turns: the second reads what the first left.
export const findSettings = (t: Tx, scope: Scope, lock: 'for update' | 'unlocked' = 'unlocked') => t.maybe<Settings>`
  select id, name, state, state_since, state_reason, created_at, session_profile, session_idle_seconds, session_absolute_seconds, revoke_exposed_keys,
    proof_nonce, vault_export, grant_max_seconds, card_verification, relay_compat
  from tenants where id = ${scope.tenantId}::uuid ${lock === 'for update' ? sql`for update` : sql``}`

export const updateSettings = (t: Tx, scope: Scope, next: Settings) => t.run`
  update tenants set name = ${next.name}::text, session_profile = ${next.session_profile}::text,
    session_idle_seconds = ${next.session_idle_seconds}::integer, session_absolute_seconds = ${next.session_absolute_seconds}::integer,
    revoke_exposed_keys = ${next.revoke_exposed_keys}::boolean, proof_nonce = ${next.proof_nonce}::boolean, vault_export = ${next.vault_export}::boolean,
    grant_max_seconds = ${next.grant_max_seconds}::integer, card_verification = ${next.card_verification}::text,
    relay_compat = ${next.relay_compat}::text
  where id = ${scope.tenantId}::uuid`

export const setStateIf = (t: Tx, scope: Scope, from: readonly TenantState[], to: TenantState, reason: string | null) => t.run`
  update tenants set state = ${to}::text, state_since = ${t.now}::timestamptz, state_by = ${scope.principal}::text, state_reason = ${reason}::text
  where id = ${scope.tenantId}::uuid and state = any (${from}::text[])`

export const destroyTenantKeys = (t: Tx, scope: Scope) => t.one<{ destroyed: number }>`
  select countersign_engine.destroy_tenant_keys(${scope.tenantId}::uuid) as destroyed`

export const destroyAllSubjectKeys = (t: Tx, scope: Scope) => t.run`
  update subject_keys set wrapped = null, destroyed_at = ${t.now}::timestamptz, destroyed_by = ${scope.principal}::text
  where tenant_id = ${scope.tenantId}::uuid and destroyed_at is null`

export const endAllSessions = (t: Tx, scope: Scope, reason: string) => t.rows<{ id: string; user_id: string }>`
  update sessions set ended_at = ${t.now}::timestamptz, ended_by = ${scope.principal}::text, ended_reason = ${reason}::text
  where tenant_id = ${scope.tenantId}::uuid and ended_at is null
  returning id, user_id`

export const revokeAllKeys = (t: Tx, scope: Scope) => t.rows<{ id: string }>`
  update keys set revoked_at = ${t.now}::timestamptz, revoked_by = ${scope.principal}::text
  where tenant_id = ${scope.tenantId}::uuid and revoked_at is null
  returning id`

/** By itself: a worker asks it beside its jobs. */
export const heldTenants = (): Sql => sql`select id from countersign_engine.held_tenants() as id`

/** Whose clients are shown names of ForAgent. */
export const compatTenants = (): Sql => sql`select id from countersign_engine.compat_tenants() as id`

/* Memberships */

export type MembershipRow = { tenant_id: string; name: string; state: TenantState; role: Role }

export const listMemberships = (t: Tx, userId: string) => t.rows<MembershipRow>`
  select tenant_id, name, state, role from countersign_engine.memberships(${userId}::text)`

export const markChosen = (t: Tx, scope: Scope, userId: string) => t.run`
  update roles set chosen_at = ${t.now}::timestamptz where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text`

type Moved = {
  id: string
  userId: string
  startedAt: Date
  stepUpAt: Date | null
  methods: string[]
  breakGlassId: string | null
}

/** A session goes on elsewhere: it began when it began, so that no switch makes it longer. */
export const insertMovedSession = (t: Tx, scope: Scope, one: Moved & { address: string | null; client: string | null }) => t.run`
  insert into sessions (id, tenant_id, user_id, methods, started_at, last_seen_at, step_up_at, address, client, break_glass_id)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.userId}::text, ${one.methods}::text[], ${one.startedAt}::timestamptz, ${t.now}::timestamptz,
    ${one.stepUpAt}::timestamptz, ${one.address}::text, ${one.client}::text, ${one.breakGlassId}::text)`

export const findOwnSession = (t: Tx, scope: Scope, sessionId: string) => t.maybe<{
  started_at: Date
  step_up_at: Date | null
  methods: string[]
  address: string | null
  client: string | null
}>`
  select started_at, step_up_at, methods, address, client from sessions
  where tenant_id = ${scope.tenantId}::uuid and id = ${sessionId}::text and ended_at is null`

/* Break-glass */

export type BreakGlassState = 'asked' | 'open' | 'refused' | 'withdrawn' | 'expired' | 'closed'
export type BreakGlassRow = {
  id: string
  tenant_id: string
  tenant_name: string
  host_id: string
  host_name: string
  reason: string
  minutes: number
  state: BreakGlassState
  task_id: string | null
  asked_at: Date
  hosts_from: Date
  expires_at: Date
  decided_at: Date | null
  decided_by: string | null
  decided_as: 'owner' | 'host' | null
  ends_at: Date | null
  closed_at: Date | null
  closed_by: string | null
  closed_reason: string | null
}

export const listRequests = (t: Tx, page: { before: string | null; only: string | null; limit: number }) => t.rows<BreakGlassRow>`
  select * from countersign_engine.break_glass_requests(${page.before}::text, ${page.only}::text, ${page.limit}::integer)`

const columns = sql`
  b.id, b.tenant_id, (select n.name from tenants n where n.id = b.tenant_id) as tenant_name, b.host_id,
  (select u.display_name from users u where u.id = b.host_id) as host_name, b.reason, b.minutes, b.state, b.task_id, b.asked_at, b.hosts_from,
  b.expires_at, b.decided_at, b.decided_by, b.decided_as, b.ends_at, b.closed_at, b.closed_by, b.closed_reason`

export const listTenantRequests = (t: Tx, scope: Scope, page: { before: string | null; limit: number }) => t.rows<BreakGlassRow>`
  select ${columns} from break_glass b
  where b.tenant_id = ${scope.tenantId}::uuid and (${page.before}::text is null or b.id < ${page.before}::text collate "C")
  order by b.id desc limit ${page.limit}::integer`

export const findRequest = (t: Tx, scope: Scope, id: string) => t.maybe<BreakGlassRow>`
  select ${columns} from break_glass b where b.tenant_id = ${scope.tenantId}::uuid and b.id = ${id}::text`

// A decision and the end of the wait can come together: whoever acts on a request first holds its row.
export const lockRequest = (t: Tx, scope: Scope, id: string) => t.run`
  select from break_glass where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text for update`

export const insertRequestIfNone = (
  t: Tx,
  scope: Scope,
  one: { id: string; hostId: string; reason: string; minutes: number; hostsFrom: Date; expiresAt: Date },
) => t.run`
  insert into break_glass (id, tenant_id, host_id, reason, minutes, state, asked_at, hosts_from, expires_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.hostId}::text, ${one.reason}::text, ${one.minutes}::integer, 'asked', ${t.now}::timestamptz,
    ${one.hostsFrom}::timestamptz, ${one.expiresAt}::timestamptz)
  on conflict (tenant_id, host_id) where state in ('asked', 'open') do nothing`

export const setTaskOfRequest = (t: Tx, scope: Scope, id: string, taskId: string) => t.run`
  update break_glass set task_id = ${taskId}::text where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and task_id is null`

type Decided = { at: Date; by: string; as: 'owner' | 'host' | null; endsAt: Date }

export const openIfAsked = (t: Tx, scope: Scope, id: string, how: Decided) => t.run`
  update break_glass set state = 'open', decided_at = ${how.at}::timestamptz, decided_by = ${how.by}::text, decided_as = ${how.as}::text,
    ends_at = ${how.endsAt}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'asked'`

export const refuseIfAsked = (t: Tx, scope: Scope, id: string, how: Omit<Decided, 'endsAt'>) => t.run`
  update break_glass set state = 'refused', decided_at = ${how.at}::timestamptz, decided_by = ${how.by}::text, decided_as = ${how.as}::text
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'asked'`

export const endIfAsked = (t: Tx, scope: Scope, id: string, state: 'withdrawn' | 'expired') => t.run`
  update break_glass set state = ${state}::text where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'asked'`

export const closeIfOpen = (t: Tx, scope: Scope, id: string, reason: string) => t.run`
  update break_glass set state = 'closed', closed_at = ${t.now}::timestamptz, closed_by = ${scope.principal}::text, closed_reason = ${reason}::text
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'open'`

export const endSessionsOfRequest = (t: Tx, scope: Scope, id: string) => t.rows<{ id: string; user_id: string }>`
  update sessions set ended_at = ${t.now}::timestamptz, ended_by = ${scope.principal}::text, ended_reason = 'break_glass_closed'
  where tenant_id = ${scope.tenantId}::uuid and break_glass_id = ${id}::text and ended_at is null
  returning id, user_id`

export type Owner = { user_id: string; email: string | null }

/** Those who may let a host in, and are told when it opens and when it closes. */
export const listOwners = (t: Tx, scope: Scope) => t.rows<Owner>`
  select r.user_id, e.address as email from roles r left join user_emails e on e.user_id = r.user_id and e.is_primary
  where r.tenant_id = ${scope.tenantId}::uuid and r.role = 'owner' and r.deactivated_at is null
  order by r.user_id limit 100`

/** Every host but this one who is no owner here, each with the active tenant in which they were last. */
export const listOtherHosts = (t: Tx, scope: Scope, hostId: string) => t.rows<{ user_id: string; tenant_id: string }>`
  select h.user_id, own.tenant_id from hosts h cross join lateral (
    select o.tenant_id from countersign_engine.tenants_of_user(h.user_id) with ordinality as o (tenant_id, role, given_at, place)
    join countersign_engine.memberships(h.user_id) m on m.tenant_id = o.tenant_id and m.state = 'active'
    order by o.place limit 1
  ) own
  where h.user_id <> ${hostId}::text and not exists (
    select from roles r where r.tenant_id = ${scope.tenantId}::uuid and r.user_id = h.user_id and r.role = 'owner' and r.deactivated_at is null)
  order by h.since, h.user_id limit 20`

export const isHost = (t: Tx, userId: string) => t.one<{ yes: boolean }>`
  select exists (select from hosts where user_id = ${userId}::text) as yes`

export const findName = (t: Tx, userId: string) => t.maybe<{
  display_name: string
  username: string | null
  email: string
  created_at: Date
}>`
  select u.display_name, u.username, e.address as email, u.created_at from users u join user_emails e on e.user_id = u.id and e.is_primary
  where u.id = ${userId}::text`
