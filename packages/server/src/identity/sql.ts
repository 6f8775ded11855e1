// Every statement of this room. Users, e-mails and passwords belong to the installation; all else names its tenant.
// The functions of countersign_engine find the tenant of a token or a user; nothing else here looks across tenants.
import type { Role, Scope } from '../db/scope.ts'
import { sql } from '../db/sql.ts'
import type { Tx } from '../db/tx.ts'

/* Users */

export type User = {
  id: string
  display_name: string
  username: string | null
  email: string
  role: Role
  state: 'active' | 'deactivated'
  is_host: boolean
  created_at: Date
}
export type SignIn = { user_id: string; display_name: string; hash: string | null; pepper_version: number | null }

/** Somebody who can sign in; the place kept for the first operator is nobody yet. */
export const hasUsers = (t: Tx) => t.one<{ yes: boolean }>`select exists (select from user_emails) as yes`

/** The place that development keeps for the first operator: a user without any address. */
export const findPlace = (t: Tx) => t.maybe<{ id: string }>`
  select u.id from users u where not exists (select from user_emails e where e.user_id = u.id) order by u.id limit 1`

export const insertUser = (t: Tx, user: { id: string; display_name: string; username: string | null }) => t.run`
  insert into users (id, display_name, username, created_at)
  values (${user.id}::text, ${user.display_name}::text, ${user.username}::text, ${t.now}::timestamptz)`

export const insertEmail = (t: Tx, email: { email: string; userId: string; address: string; verifiedAt: Date | null }) => t.run`
  insert into user_emails (email, user_id, address, is_primary, verified_at, created_at)
  values (${email.email}::text, ${email.userId}::text, ${email.address}::text, true, ${email.verifiedAt}::timestamptz, ${t.now}::timestamptz)`

export const insertHost = (t: Tx, userId: string) => t.run`
  insert into hosts (user_id, since) values (${userId}::text, ${t.now}::timestamptz)`

export const updateUser = (t: Tx, userId: string, change: { display_name: string; username: string | null }) => t.run`
  update users set display_name = ${change.display_name}::text, username = ${change.username}::text where id = ${userId}::text`

/** By username or by a verified e-mail (P21). */
export const findSignIn = (t: Tx, login: { username: string | null; email: string | null }) => t.maybe<SignIn>`
  select u.id as user_id, u.display_name, p.hash, p.pepper_version
  from users u
  left join passwords p on p.user_id = u.id
  where u.username = ${login.username}::text
    or u.id = (select e.user_id from user_emails e where e.email = ${login.email}::text and e.verified_at is not null)`

export const findPassword = (t: Tx, userId: string) => t.maybe<{ hash: string; pepper_version: number }>`
  select hash, pepper_version from passwords where user_id = ${userId}::text`

export const putPassword = (t: Tx, userId: string, stored: { hash: string; pepper_version: number }) => t.run`
  insert into passwords (user_id, hash, pepper_version, changed_at)
  values (${userId}::text, ${stored.hash}::text, ${stored.pepper_version}::integer, ${t.now}::timestamptz)
  on conflict (user_id) do update
  set hash = excluded.hash, pepper_version = excluded.pepper_version, changed_at = excluded.changed_at`

/** The same password under today's parameters: not a change, and only if nobody changed it meanwhile. */
export const rehashIfSame = (t: Tx, userId: string, old: string, stored: { hash: string; pepper_version: number }) => t.run`
  update passwords set hash = ${stored.hash}::text, pepper_version = ${stored.pepper_version}::integer
  where user_id = ${userId}::text and hash = ${old}::text`

const userColumns = sql`
  u.id, u.display_name, u.username, e.address as email, r.role,
  case when r.deactivated_at is null then 'active' else 'deactivated' end as state,
  exists (select from hosts h where h.user_id = u.id) as is_host, r.given_at as created_at`

export const findUser = (t: Tx, scope: Scope, userId: string) => t.maybe<User>`
  select ${userColumns}
  from roles r
  join users u on u.id = r.user_id
  join user_emails e on e.user_id = u.id and e.is_primary
  where r.tenant_id = ${scope.tenantId}::uuid and r.user_id = ${userId}::text`

export const listUsers = (
  t: Tx,
  scope: Scope,
  page: { after: string | null; limit: number; only: string | null },
) => t.rows<User>`
  select ${userColumns}
  from roles r
  join users u on u.id = r.user_id
  join user_emails e on e.user_id = u.id and e.is_primary
  where r.tenant_id = ${scope.tenantId}::uuid
    and (${page.only}::text is null or r.user_id = ${page.only}::text)
    and (${page.after}::text is null or r.user_id > ${page.after}::text collate "C")
  order by r.user_id
  limit ${page.limit}::integer`

/* Tenants and roles */

export type Tenant = { id: string; name: string; state: string }

export const insertTenant = (t: Tx, tenant: { id: string; name: string }) => t.run`
  insert into tenants (id, name, state_since, created_at)
  values (${tenant.id}::uuid, ${tenant.name}::text, ${t.now}::timestamptz, ${t.now}::timestamptz)`

export const findTenant = (t: Tx, scope: Scope) => t.maybe<Tenant & { revoke_exposed_keys: boolean }>`
  select id, name, state, revoke_exposed_keys from tenants where id = ${scope.tenantId}::uuid`

export const tenantsOfUser = (t: Tx, userId: string) => t.rows<{ tenant_id: string; role: Role }>`
  select tenant_id, role from countersign_engine.tenants_of_user(${userId}::text)`

export const homeTenant = (t: Tx) => t.one<{ id: string | null }>`select countersign_engine.home_tenant() as id`

export const insertRole = (t: Tx, scope: Scope, userId: string, role: Role) => t.run`
  insert into roles (user_id, tenant_id, role, given_by, given_at)
  values (${userId}::text, ${scope.tenantId}::uuid, ${role}::text, ${scope.principal}::text, ${t.now}::timestamptz)`

export type Membership = { user_id: string; role: Role; deactivated_at: Date | null }

// Two changes that could each leave one owner would together leave none. Whoever changes a role first locks every owner of the
// tenant and the user in question, in one order, so the second sees what the first left.
export const lockOwnersAnd = (t: Tx, scope: Scope, userId: string) => t.rows<Membership>`
  select user_id, role, deactivated_at from roles
  where tenant_id = ${scope.tenantId}::uuid and (user_id = ${userId}::text or role = 'owner')
  order by user_id
  for update`

export const findMembership = (t: Tx, scope: Scope, userId: string) => t.maybe<Membership>`
  select user_id, role, deactivated_at from roles where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text`

export const findFirstOwner = (t: Tx, scope: Scope) => t.maybe<{ user_id: string }>`
  select user_id from roles where tenant_id = ${scope.tenantId}::uuid and role = 'owner' and deactivated_at is null
  order by given_at, user_id limit 1`

export const setRole = (t: Tx, scope: Scope, userId: string, role: Role) => t.run`
  update roles set role = ${role}::text, given_by = ${scope.principal}::text, given_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text and deactivated_at is null`

export const deactivateIfActive = (t: Tx, scope: Scope, userId: string) => t.run`
  update roles set deactivated_at = ${t.now}::timestamptz, deactivated_by = ${scope.principal}::text
  where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text and deactivated_at is null`

export const reactivateIfDeactivated = (t: Tx, scope: Scope, userId: string) => t.run`
  update roles set deactivated_at = null, deactivated_by = null
  where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text and deactivated_at is not null`

/* Set-up */

// One set-up at a time in the installation, whatever token it holds: the second waits here and then sees the first's user.
export const lockSetup = (t: Tx) => t.run`select pg_advisory_xact_lock(x'636f756e'::int, 2)`

export const endSetupTokens = (t: Tx) => t.run`
  update setup_tokens set ended_at = ${t.now}::timestamptz where ended_at is null`

export const insertSetupToken = (t: Tx, hash: Buffer, expiresAt: Date) => t.run`
  insert into setup_tokens (token_hash, made_at, expires_at) values (${hash}::bytea, ${t.now}::timestamptz, ${expiresAt}::timestamptz)
  on conflict (token_hash) do nothing`

export const hasSetupToken = (t: Tx) => t.one<{ yes: boolean }>`
  select exists (select from setup_tokens where ended_at is null and expires_at > ${t.now}::timestamptz) as yes`

export const findSetupToken = (t: Tx, hash: Buffer) => t.maybe<{ found: boolean }>`
  select true as found from setup_tokens
  where token_hash = ${hash}::bytea and ended_at is null and expires_at > ${t.now}::timestamptz`

/* Sessions */

export type LiveSession = {
  id: string
  tenant_id: string
  user_id: string
  display_name: string
  role: Role
  is_host: boolean
  tenant_state: string
  methods: string[]
  step_up_at: Date | null
  rotation_due: boolean
  started_at: Date
  ends_at: Date
  break_glass_id: string | null
  verdict: 'live' | 'ended' | 'replayed' | 'expired'
}
export type Session = {
  id: string
  started_at: Date
  last_seen_at: Date
  address: string | null
  client: string | null
  methods: string[]
  step_up_at: Date | null
  /** When it ends at the latest, however busy it is. */
  expires_at: Date
}

export const useSession = (t: Tx, hash: Buffer) => t.maybe<LiveSession>`${findLiveSession(hash)}`

/** The same by itself, without a transaction around it. */
export const findLiveSession = (hash: Buffer) => sql`
  select * from countersign_engine.use_session(${hash}::bytea)`

/** The same without a note that it was asked for: all that a database without writes can do. */
export const seeSession = (hash: Buffer) => sql`
  select * from countersign_engine.see_session(${hash}::bytea)`

export const insertSession = (
  t: Tx,
  scope: Scope,
  session: { id: string; userId: string; methods: string[]; address: string | null; client: string | null },
) => t.run`
  insert into sessions (id, tenant_id, user_id, methods, started_at, last_seen_at, step_up_at, address, client)
  values (${session.id}::text, ${scope.tenantId}::uuid, ${session.userId}::text, ${session.methods}::text[], ${t.now}::timestamptz,
    ${t.now}::timestamptz, ${t.now}::timestamptz, ${session.address}::text, ${session.client}::text)`

/** What is left of a session of this user: the strictest profile of all tenants counts (P25). */
export const sessionLife = (t: Tx, userId: string) => t.one<{ absolute_seconds: number }>`
  select extract(epoch from absolute)::integer as absolute_seconds from countersign_engine.session_life(${userId}::text)`

export const insertSessionToken = (t: Tx, scope: Scope, sessionId: string, hash: Buffer) => t.run`
  insert into session_tokens (token_hash, tenant_id, session_id, made_at)
  values (${hash}::bytea, ${scope.tenantId}::uuid, ${sessionId}::text, ${t.now}::timestamptz)`

export const retireSessionToken = (t: Tx, scope: Scope, sessionId: string) => t.run`
  update session_tokens set replaced_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and session_id = ${sessionId}::text and replaced_at is null`

export const clearRotation = (t: Tx, scope: Scope, sessionId: string) => t.run`
  update sessions set rotation_due_at = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${sessionId}::text and rotation_due_at is not null`

export const askRotation = (t: Tx, scope: Scope, userId: string) => t.run`
  update sessions set rotation_due_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text and ended_at is null`

export const proveSession = (t: Tx, scope: Scope, sessionId: string) => t.run`
  update sessions set step_up_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${sessionId}::text and ended_at is null`

export const findSession = (t: Tx, scope: Scope, sessionId: string) => t.maybe<Session & { user_id: string }>`
  select s.id, s.user_id, s.started_at, s.last_seen_at, s.address, s.client, s.methods, s.step_up_at,
    s.started_at + (countersign_engine.session_life(s.user_id)).absolute as expires_at
  from sessions s
  where s.tenant_id = ${scope.tenantId}::uuid and s.id = ${sessionId}::text and s.ended_at is null`

export const listSessions = (t: Tx, scope: Scope, userId: string) => t.rows<Session>`
  select s.id, s.started_at, s.last_seen_at, s.address, s.client, s.methods, s.step_up_at, s.started_at + l.absolute as expires_at
  from sessions s, countersign_engine.session_life(s.user_id) l
  where s.tenant_id = ${scope.tenantId}::uuid and s.user_id = ${userId}::text and s.ended_at is null
    and ${t.now}::timestamptz < least(s.started_at + l.absolute, s.last_seen_at + l.idle)
  order by s.last_seen_at desc, s.id desc
  limit 200`

export const endSessionIfLive = (t: Tx, scope: Scope, sessionId: string, reason: string) => t.maybe<{
  id: string
  user_id: string
}>`
  update sessions set ended_at = ${t.now}::timestamptz, ended_by = ${scope.principal}::text, ended_reason = ${reason}::text
  where tenant_id = ${scope.tenantId}::uuid and id = ${sessionId}::text and ended_at is null
  returning id, user_id`

export const endOtherSessions = (t: Tx, scope: Scope, userId: string, keep: string | null, reason: string) => t.rows<{
  id: string
}>`
  update sessions set ended_at = ${t.now}::timestamptz, ended_by = ${scope.principal}::text, ended_reason = ${reason}::text
  where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text and ended_at is null
    and (${keep}::text is null or id <> ${keep}::text)
  returning id`

export const tenantsOfSessions = (t: Tx, userId: string) => t.rows<{ tenant_id: string }>`
  select tenant_id from countersign_engine.tenants_of_sessions(${userId}::text)`

/** Of the sessions and keys that something is still open with, those that count. */
export const liveCredentials = (t: Tx, sessions: string[], keys: string[]) => t.rows<{ id: string }>`
  select id from countersign_engine.live_credentials(${sessions}::text[], ${keys}::text[]) as id`

/* Agents */

export type AgentState = 'unclaimed' | 'active' | 'paused' | 'revoked'
export type Agent = {
  id: string
  name: string
  description: string
  environment: 'live' | 'test'
  state: AgentState
  /** Words by which grants and policies mean many agents at once. */
  labels: string[]
  /** required: a bare key of this agent does not count. */
  proof: 'optional' | 'required'
  owner_user_id: string
  owner_display_name: string
  created_at: Date
  updated_at: Date
}

const agentColumns = sql`
  a.id, a.name, a.description, a.environment, a.state, a.labels, a.proof, a.created_at, a.updated_at, a.user_id as owner_user_id,
  (select u.display_name from users u where u.id = a.user_id) as owner_display_name`

export const insertAgent = (
  t: Tx,
  scope: Scope,
  agent: { id: string; userId: string; name: string; description: string; environment: string },
) => t.run`
  insert into agents (id, tenant_id, user_id, name, description, environment, state, state_since, state_by, created_at, created_by, updated_at)
  values (${agent.id}::text, ${scope.tenantId}::uuid, ${agent.userId}::text, ${agent.name}::text, ${agent.description}::text,
    ${agent.environment}::text, 'active', ${t.now}::timestamptz, ${scope.principal}::text, ${t.now}::timestamptz, ${scope.principal}::text,
    ${t.now}::timestamptz)`

/** `only`: the agents of this user, or this one agent; null for all of the tenant. */
export type Only = { user: string | null; agent: string | null }

export const findAgent = (t: Tx, scope: Scope, agentId: string, only: Only) => t.maybe<Agent>`
  select ${agentColumns} from agents a
  where a.tenant_id = ${scope.tenantId}::uuid and a.id = ${agentId}::text
    and (${only.user}::text is null or a.user_id = ${only.user}::text)
    and (${only.agent}::text is null or a.id = ${only.agent}::text)`

export const findAgentByName = (t: Tx, scope: Scope, name: string) => t.maybe<{ id: string }>`
  select id from agents where tenant_id = ${scope.tenantId}::uuid and name = ${name}::text and state = 'active' order by id limit 1`

export const listAgents = (
  t: Tx,
  scope: Scope,
  page: Only & { before: string | null; limit: number; state: string | null },
) => t.rows<Agent>`
  select ${agentColumns} from agents a
  where a.tenant_id = ${scope.tenantId}::uuid
    and (${page.user}::text is null or a.user_id = ${page.user}::text)
    and (${page.agent}::text is null or a.id = ${page.agent}::text)
    and (${page.state}::text is null or a.state = ${page.state}::text)
    and (${page.before}::text is null or a.id < ${page.before}::text collate "C")
  order by a.id desc
  limit ${page.limit}::integer`

/** A revoked agent stays revoked: the guard is in the statement, so that two changes at once cannot undo it. */
export const updateAgentIfAlive = (
  t: Tx,
  scope: Scope,
  agentId: string,
  change: {
    name: string
    description: string
    labels: readonly string[]
    proof: Agent['proof']
    state: AgentState
    stateChanged: boolean
  },
) => t.run`
  update agents set name = ${change.name}::text, description = ${change.description}::text, state = ${change.state}::text,
    labels = ${change.labels}::text[], proof = ${change.proof}::text,
    updated_at = ${t.now}::timestamptz,
    state_since = case when ${change.stateChanged}::boolean then ${t.now}::timestamptz else state_since end,
    state_by = case when ${change.stateChanged}::boolean then ${scope.principal}::text else state_by end
  where tenant_id = ${scope.tenantId}::uuid and id = ${agentId}::text and state <> 'revoked'`

/** Their streams look again when the agent's state changed. */
export const listLiveKeysOfAgent = (t: Tx, scope: Scope, agentId: string) => t.rows<{ id: string }>`
  select id from keys where tenant_id = ${scope.tenantId}::uuid and agent_id = ${agentId}::text and revoked_at is null`

/* Keys */

export type KeyRow = {
  id: string
  kind: 'agt' | 'usr' | 'adm' | 'emb'
  environment: 'live' | 'test'
  name: string
  agent_id: string | null
  /** Of the kind emb: whose tasks it may show, and where; without origins wherever the tenant allows. */
  agent_ids: string[]
  origins: string[]
  /** Of a key pair: the name of its public half, which is shown in place of a secret. */
  thumbprint: string | null
  scopes: string[]
  addresses: string[]
  created_by: string
  created_by_display_name: string
  prefix: string
  last_four: string
  state: 'active' | 'expired' | 'revoked'
  created_at: Date
  expires_at: Date
  revoked_at: Date | null
  rotation_ends_at: Date | null
  /** The day (UTC), not the second. */
  last_used_at: Date | null
  last_used_from: string | null
}
export type KeyInUse = {
  id: string
  tenant_id: string
  kind: 'agt' | 'usr' | 'adm' | 'emb'
  agent_id: string | null
  agent_state: AgentState | null
  agent_name: string | null
  agent_owner: string | null
  name: string
  maker: string
  maker_name: string
  maker_role: Role | null
  scopes: string[]
  tenant_state: string
  expired: boolean
  revoked: boolean
  address_allowed: boolean
}

/** With what its agent and tenant ask of those who come with it; null for a key that is no agent's. */
export type AskedKey = KeyInUse & { proof: 'optional' | 'required' | null; nonce: boolean | null }

export const useKey = (t: Tx, hash: Buffer, address: string | null) => t.maybe<KeyInUse>`
  select * from countersign_engine.use_key(${hash}::bytea, ${address}::inet)`

/** Any number of keys by themselves, without a transaction around them; `nth` counts from 1 in the order of the question. */
export const useKeys = (hashes: readonly Buffer[], addresses: readonly (string | null)[]) => sql`
  select used.*, wanted.proof, wanted.nonce, asked.nth::integer
  from unnest(${hashes}::bytea[], ${addresses}::inet[]) with ordinality as asked (hash, address, nth)
  cross join lateral countersign_engine.use_key(asked.hash, asked.address) as used
  left join lateral countersign_engine.proof_asked(used.agent_id) as wanted on true`

/** The same without a note of their use. */
export const seeKeys = (hashes: readonly Buffer[], addresses: readonly (string | null)[]) => sql`
  select seen.*, wanted.proof, wanted.nonce, asked.nth::integer
  from unnest(${hashes}::bytea[], ${addresses}::inet[]) with ordinality as asked (hash, address, nth)
  cross join lateral countersign_engine.see_key(asked.hash, asked.address) as seen
  left join lateral countersign_engine.proof_asked(seen.agent_id) as wanted on true`

export const insertKey = (
  t: Tx,
  scope: Scope,
  key: {
    id: string
    kind: string
    environment: string
    agentId: string | null
    agentIds: readonly string[]
    origins: readonly string[]
    userId: string
    name: string
    scopes: readonly string[]
    addresses: readonly string[]
    lastsSeconds: number
  },
) => t.run`
  insert into keys (id, tenant_id, kind, environment, agent_id, agent_ids, origins, user_id, name, scopes, addresses, created_at, lasts_seconds,
    expires_at)
  values (${key.id}::text, ${scope.tenantId}::uuid, ${key.kind}::text, ${key.environment}::text, ${key.agentId}::text,
    ${key.agentIds}::text[], ${key.origins}::text[], ${key.userId}::text, ${key.name}::text, ${key.scopes}::text[], ${key.addresses}::inet[], ${t.now}::timestamptz, ${key.lastsSeconds}::integer,
    ${t.now}::timestamptz + make_interval(secs => ${key.lastsSeconds}::integer))`

export const insertKeyToken = (
  t: Tx,
  scope: Scope,
  keyId: string,
  token: { hash: Buffer; prefix: string; last_four: string },
) => t.run`
  insert into key_tokens (token_hash, tenant_id, key_id, prefix, last_four, made_at)
  values (${token.hash}::bytea, ${scope.tenantId}::uuid, ${keyId}::text, ${token.prefix}::text, ${token.last_four}::text, ${t.now}::timestamptz)`

const keyColumns = (now: Date) => sql`
  k.id, k.kind, k.environment, k.name, k.agent_id, k.agent_ids, k.origins, k.scopes, k.addresses::text[] as addresses, k.created_at, k.expires_at, k.revoked_at,
  date_trunc('day', k.last_used_at, 'UTC') as last_used_at, k.last_used_from, o.prefix, o.last_four,
  case when k.revoked_at is not null then 'revoked' when k.expires_at <= ${now}::timestamptz then 'expired' else 'active' end as state,
  (select max(old.ends_at) from key_tokens old
   where old.tenant_id = k.tenant_id and old.key_id = k.id and old.ends_at > ${now}::timestamptz) as rotation_ends_at,
  (select p.thumbprint from agent_keys p
   where p.tenant_id = k.tenant_id and p.key_id = k.id and o.token_hash = sha256(convert_to(p.thumbprint, 'UTF8'))) as thumbprint,
  k.user_id as created_by, (select u.display_name from users u where u.id = k.user_id) as created_by_display_name`

/** `only.user`: keys this user made, and keys of agents of this user. */
const within = (only: Only) => sql`
  (${only.user}::text is null or k.user_id = ${only.user}::text or exists (
    select from agents a where a.tenant_id = k.tenant_id and a.id = k.agent_id and a.user_id = ${only.user}::text))
  and (${only.agent}::text is null or k.agent_id = ${only.agent}::text)`

export const findKey = (t: Tx, scope: Scope, keyId: string, only: Only) => t.maybe<KeyRow>`
  select ${keyColumns(t.now)}
  from keys k
  join key_tokens o on o.tenant_id = k.tenant_id and o.key_id = k.id and o.ends_at is null
  where k.tenant_id = ${scope.tenantId}::uuid and k.id = ${keyId}::text and ${within(only)}`

export const listKeys = (
  t: Tx,
  scope: Scope,
  page: Only & { before: string | null; limit: number; agentId: string | null; kind: string | null },
) => t.rows<KeyRow>`
  select ${keyColumns(t.now)}
  from keys k
  join key_tokens o on o.tenant_id = k.tenant_id and o.key_id = k.id and o.ends_at is null
  where k.tenant_id = ${scope.tenantId}::uuid and ${within(page)}
    and (${page.agentId}::text is null or k.agent_id = ${page.agentId}::text)
    and (${page.kind}::text is null or k.kind = ${page.kind}::text)
    and (${page.before}::text is null or k.id < ${page.before}::text collate "C")
  order by k.id desc
  limit ${page.limit}::integer`

// Rotations of one key take turns here: the second waits for the row and then finds the first's overlap open.
export const lockKey = (t: Tx, scope: Scope, keyId: string) => t.maybe<{ id: string }>`
  select id from keys where tenant_id = ${scope.tenantId}::uuid and id = ${keyId}::text for update`

export const endCurrentToken = (t: Tx, scope: Scope, keyId: string, endsAt: Date) => t.run`
  update key_tokens set ends_at = ${endsAt}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and key_id = ${keyId}::text and ends_at is null`

export const revokeKeyIfLive = (t: Tx, scope: Scope, keyId: string) => t.run`
  update keys set revoked_at = ${t.now}::timestamptz, revoked_by = ${scope.principal}::text
  where tenant_id = ${scope.tenantId}::uuid and id = ${keyId}::text and revoked_at is null`

/** Bulk revocation (P57): a filter that is null does not narrow. */
export const revokeKeysWhere = (
  t: Tx,
  scope: Scope,
  only: Only,
  where: { madeBy: string | null; agentId: string | null; kind: string | null; createdBefore: Date | null },
) => t.rows<{ id: string }>`
  update keys k set revoked_at = ${t.now}::timestamptz, revoked_by = ${scope.principal}::text
  where k.tenant_id = ${scope.tenantId}::uuid and k.revoked_at is null and ${within(only)}
    and (${where.madeBy}::text is null or k.user_id = ${where.madeBy}::text)
    and (${where.agentId}::text is null or k.agent_id = ${where.agentId}::text)
    and (${where.kind}::text is null or k.kind = ${where.kind}::text)
    and (${where.createdBefore}::timestamptz is null or k.created_at < ${where.createdBefore}::timestamptz)
  returning k.id`

/** Another life of the length that was chosen at creation. */
export const renewKey = (t: Tx, scope: Scope, keyId: string) => t.run`
  update keys set expires_at = ${t.now}::timestamptz + make_interval(secs => lasts_seconds), warned_days = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${keyId}::text`

export const revokeKeysOfAgent = (t: Tx, scope: Scope, agentId: string) => t.rows<{ id: string }>`
  update keys set revoked_at = ${t.now}::timestamptz, revoked_by = ${scope.principal}::text
  where tenant_id = ${scope.tenantId}::uuid and agent_id = ${agentId}::text and revoked_at is null
  returning id`

export type Warning = { id: string; tenant_id: string; days: number }

export const keysToWarn = (t: Tx, atMost: number) => t.rows<Warning>`
  select id, tenant_id, days from countersign_engine.keys_to_warn(${atMost}::integer)`

/** Of two who warn at once one does: the guard repeats why the warning was due. */
export const markWarnedIfDue = (t: Tx, scope: Scope, keyId: string, days: number) => t.maybe<{
  expires_at: Date
  agent_id: string | null
}>`
  update keys set warned_days = ${days}::integer
  where tenant_id = ${scope.tenantId}::uuid and id = ${keyId}::text and revoked_at is null
    and (warned_days is null or warned_days > ${days}::integer)
    and expires_at <= ${t.now}::timestamptz + make_interval(days => ${days}::integer)
  returning expires_at, agent_id`

/* Invitations */

export type Invitation = {
  id: string
  email: string
  role: Role
  invited_by: string
  state: 'open' | 'accepted' | 'expired' | 'revoked'
  created_at: Date
  expires_at: Date
  accepted_at: Date | null
  revoked_at: Date | null
}

const invitationColumns = (now: Date) => sql`
  i.id, i.address as email, i.role, i.invited_by, i.created_at, i.expires_at, i.accepted_at, i.revoked_at,
  case when i.accepted_at is not null then 'accepted' when i.revoked_at is not null then 'revoked'
    when i.expires_at <= ${now}::timestamptz then 'expired' else 'open' end as state`

export const insertInvitation = (
  t: Tx,
  scope: Scope,
  invitation: { id: string; hash: Buffer; email: string; address: string; role: Role; expiresAt: Date },
) => t.run`
  insert into invitations (id, tenant_id, token_hash, email, address, role, invited_by, created_at, expires_at)
  values (${invitation.id}::text, ${scope.tenantId}::uuid, ${invitation.hash}::bytea, ${invitation.email}::text, ${invitation.address}::text,
    ${invitation.role}::text, ${scope.principal}::text, ${t.now}::timestamptz, ${invitation.expiresAt}::timestamptz)`

/** A newer invitation takes the place of the open one to the same address (P48). */
export const revokeOpenInvitations = (t: Tx, scope: Scope, email: string) => t.rows<{ id: string }>`
  update invitations set revoked_at = ${t.now}::timestamptz, revoked_by = ${scope.principal}::text
  where tenant_id = ${scope.tenantId}::uuid and email = ${email}::text and accepted_at is null and revoked_at is null
  returning id`

export const findInvitation = (t: Tx, scope: Scope, invitationId: string) => t.maybe<Invitation>`
  select ${invitationColumns(t.now)} from invitations i
  where i.tenant_id = ${scope.tenantId}::uuid and i.id = ${invitationId}::text`

// Acceptances of one invitation take turns: the second waits here and then reads what the first made of it.
export const lockInvitation = (t: Tx, scope: Scope, invitationId: string) => t.run`
  select from invitations where tenant_id = ${scope.tenantId}::uuid and id = ${invitationId}::text for update`

export const listInvitations = (t: Tx, scope: Scope, page: { before: string | null; limit: number }) => t.rows<Invitation>`
  select ${invitationColumns(t.now)} from invitations i
  where i.tenant_id = ${scope.tenantId}::uuid and (${page.before}::text is null or i.id < ${page.before}::text collate "C")
  order by i.id desc
  limit ${page.limit}::integer`

export const revokeInvitationIfOpen = (t: Tx, scope: Scope, invitationId: string) => t.run`
  update invitations set revoked_at = ${t.now}::timestamptz, revoked_by = ${scope.principal}::text
  where tenant_id = ${scope.tenantId}::uuid and id = ${invitationId}::text and accepted_at is null and revoked_at is null`

export const acceptInvitationIfOpen = (t: Tx, scope: Scope, invitationId: string, userId: string) => t.run`
  update invitations set accepted_at = ${t.now}::timestamptz, accepted_by = ${userId}::text
  where tenant_id = ${scope.tenantId}::uuid and id = ${invitationId}::text
    and accepted_at is null and revoked_at is null and expires_at > ${t.now}::timestamptz`

export const findInvitationTenant = (t: Tx, hash: Buffer) => t.maybe<{ id: string; tenant_id: string }>`
  select id, tenant_id from countersign_engine.find_invitation(${hash}::bytea)`
