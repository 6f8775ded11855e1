// The statements over connections and defaults. Counters: `generation` of what is sealed, `revision` of what may be read; each write raises its own.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Definition, Method } from '../providers/definition.ts'

export type ConnectionStatus = 'pending' | 'connected' | 'needs_reauth' | 'suspended' | 'revoked' | 'removed'

export type ConnectionRow = {
  id: string
  provider: string
  definition_version: number
  name: string
  owner: string | null
  labels: string[]
  params: Record<string, string>
  method: Method
  status: ConnectionStatus
  status_cause: string | null
  status_since: Date
  scopes: string[]
  account_id: string | null
  account_label: string | null
  expires_at: Date | null
  refresh_at: Date | null
  obtained_at: Date | null
  last_used_at: Date | null
  last_error_code: string | null
  last_error_at: Date | null
  generation: number
  revision: number
  client_id: string | null
  provider_revocation: 'waiting' | 'done' | 'failed' | 'none' | null
  /** What the provider asked for in addition (V38). */
  asked_scopes: string[]
  /** Those that a human named for the session that they brought (V45); none: every host of the provider. */
  hosts: string[]
  created_by: string
  created_at: Date
  updated_at: Date
}

/** With its envelope: read by whoever opens it, and by nobody who shows a connection. */
export type SealedConnection = ConnectionRow & { material: Buffer | null }

export const COLUMNS: Sql = sql`c.id, c.provider, c.definition_version, c.name, c.owner, c.labels, c.params, c.method, c.status, c.status_cause,
  c.status_since, c.scopes, c.account_id, c.account_label, c.expires_at, c.refresh_at, c.obtained_at, c.last_used_at, c.last_error_code,
  c.last_error_at, c.generation::float8 as generation, c.revision::float8 as revision, c.client_id, c.provider_revocation, c.asked_scopes, c.hosts, c.created_by,
  c.created_at, c.updated_at`

/** What a caller who reaches only their own sees: an owner's, or what an agent was granted. Null on both sides: all of the tenant. */
export type Seen = { owner: string | null; agent: string | null }

const seenBy = ({ owner, agent }: Seen): Sql => sql`(${owner}::text is null or c.owner = ${owner}::text)
    and (${agent}::text is null or exists (
      select from grants g join agents a on a.tenant_id = g.tenant_id and a.id = ${agent}::text
      where g.tenant_id = c.tenant_id and g.connection_id = c.id and g.status = 'active' and g.starts_at <= countersign.now()
        and g.expires_at > countersign.now() and (g.agent_id = a.id or g.agent_label = any (a.labels))))`

export const findConnection = (t: Tx, scope: Scope, id: string, seen: Seen) => t.maybe<ConnectionRow>`
  select ${COLUMNS} from connections c
  where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${id}::text and c.status <> 'removed' and ${seenBy(seen)}`

export const lockConnection = (t: Tx, scope: Scope, id: string, seen: Seen) => t.maybe<SealedConnection>`
  select ${COLUMNS}, c.material from connections c
  where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${id}::text and c.status <> 'removed' and ${seenBy(seen)}
  for no key update`

/** With its envelope, without a lock; also of one that was removed and whose provider was not told yet. */
export const findSealed = (t: Tx, scope: Scope, id: string) => t.maybe<SealedConnection>`
  select ${COLUMNS}, c.material from connections c where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${id}::text`

/** What is over keeps no material once its provider was told, or there is nobody to tell. */
export const eraseMaterialIfOver = (t: Tx, scope: Scope, id: string, told: 'done' | 'failed' | 'none') => t.maybe<ConnectionRow>`
  update connections c set material = null, provider_revocation = ${told}::text, updated_at = ${t.now}::timestamptz
  where c.tenant_id = ${scope.tenantId}::uuid and c.id = ${id}::text and c.status in ('revoked', 'removed') and c.material is not null
  returning ${COLUMNS}`

// The name is what two writers at once meet at: the one that comes second finds the row of the first, or the unique index says so.
export const lockByName = (
  t: Tx,
  scope: Scope,
  provider: string,
  owner: string | null,
  name: string,
) => t.maybe<SealedConnection>`
  select ${COLUMNS}, c.material from connections c
  where c.tenant_id = ${scope.tenantId}::uuid and c.provider = ${provider}::text and coalesce(c.owner, '') = coalesce(${owner}::text, '')
    and c.name = ${name}::text and c.status <> 'removed'
  for no key update`

/** Without its lock: to say what was there. */
export const findByName = (t: Tx, scope: Scope, provider: string, owner: string | null, name: string) => t.maybe<{ id: string }>`
  select id from connections
  where tenant_id = ${scope.tenantId}::uuid and provider = ${provider}::text and coalesce(owner, '') = coalesce(${owner}::text, '')
    and name = ${name}::text and status <> 'removed'`

export type Filter = {
  provider?: string
  status?: string
  owner?: string
  shared?: boolean
  /** A part of a name, of an account or of a provider. */
  q?: string
}

export const listConnections = (
  t: Tx,
  scope: Scope,
  filter: Filter,
  seen: Seen,
  before: string | null,
  limit: number,
) => t.rows<ConnectionRow>`
  select ${COLUMNS} from connections c
  where c.tenant_id = ${scope.tenantId}::uuid and c.status <> 'removed' and ${seenBy(seen)}
    ${filter.provider === undefined ? sql`` : sql`and c.provider = ${filter.provider}::text`}
    ${filter.status === undefined ? sql`` : sql`and c.status = ${filter.status}::text`}
    ${filter.owner === undefined ? sql`` : sql`and c.owner = ${filter.owner}::text`}
    ${filter.shared === undefined ? sql`` : sql`and (c.owner is null) = ${filter.shared}::boolean`}
    ${
      filter.q === undefined
        ? sql``
        : sql`and position(lower(${filter.q}::text) in lower(c.provider || ' ' || c.name || ' ' || coalesce(c.account_label, ''))) > 0`
    }
    ${before === null ? sql`` : sql`and c.id < ${before}::text`}
  order by c.id desc limit ${limit}::integer`

export type Written = {
  definition_version: number
  params: Record<string, string>
  method: Method
  scopes: readonly string[]
  account_id: string | null
  account_label: string | null
  expires_at: Date | null
  refresh_at: Date | null
  client_id: string | null
  hosts: readonly string[]
}

export const insertConnection = (
  t: Tx,
  scope: Scope,
  one: Written & {
    id: string
    provider: string
    name: string
    owner: string | null
    labels: readonly string[]
    material: Buffer
  },
) => t.one<ConnectionRow>`
  insert into connections as c (id, tenant_id, provider, definition_version, name, owner, labels, params, method, status, status_since, scopes,
    account_id, account_label, expires_at, refresh_at, obtained_at, generation, material, client_id, hosts, created_by, created_at, updated_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.provider}::text, ${one.definition_version}::integer, ${one.name}::text,
    ${one.owner}::text, ${one.labels}::text[], ${JSON.stringify(one.params)}::jsonb, ${one.method}::text, 'connected', ${t.now}::timestamptz,
    ${one.scopes}::text[], ${one.account_id}::text, ${one.account_label}::text, ${one.expires_at}::timestamptz, ${one.refresh_at}::timestamptz,
    ${t.now}::timestamptz, 1, ${one.material}::bytea, ${one.client_id}::text, ${one.hosts}::text[], ${scope.principal}::text, ${t.now}::timestamptz,
    ${t.now}::timestamptz)
  returning ${COLUMNS}`

/** In place: id, name, labels and grants stay. The row is locked by its reader. Whoever refreshes the old material now writes nothing any more. */
export const replaceConnection = (
  t: Tx,
  scope: Scope,
  id: string,
  one: Written & { generation: number; material: Buffer },
) => t.one<ConnectionRow>`
  update connections c set definition_version = ${one.definition_version}::integer, params = ${JSON.stringify(one.params)}::jsonb,
    method = ${one.method}::text, status_since = case when status = 'connected' then status_since else ${t.now}::timestamptz end,
    status = 'connected', status_cause = null, scopes = ${one.scopes}::text[], account_id = ${one.account_id}::text,
    account_label = ${one.account_label}::text, expires_at = ${one.expires_at}::timestamptz, refresh_at = ${one.refresh_at}::timestamptz,
    obtained_at = ${t.now}::timestamptz, last_error_code = null, last_error_at = null, generation = ${one.generation}::bigint,
    revision = revision + 1, material = ${one.material}::bytea, refresh_owner = null, refresh_until = null, refresh_lapsed = false,
    client_id = ${one.client_id}::text, hosts = ${one.hosts}::text[], provider_revocation = null, asked_scopes = '{}', reminded_days = null, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text
  returning ${COLUMNS}`

export type Renewed = {
  material: Buffer
  expires_at: Date | null
  refresh_at: Date | null
  /** Null: as they were. */
  scopes: readonly string[] | null
}

/** Guarded by the generation that was read: of two who renew, the second writes nothing (V46). */
export const renewIfGeneration = (t: Tx, scope: Scope, id: string, expected: number, one: Renewed) => t.maybe<ConnectionRow>`
  update connections c set material = ${one.material}::bytea, generation = generation + 1, revision = revision + 1,
    reminded_days = case when expires_at is distinct from ${one.expires_at}::timestamptz then null else reminded_days end,
    expires_at = ${one.expires_at}::timestamptz, refresh_at = ${one.refresh_at}::timestamptz,
    scopes = coalesce(${one.scopes}::text[], scopes), obtained_at = ${t.now}::timestamptz,
    status_since = case when status = 'connected' then status_since else ${t.now}::timestamptz end, status = 'connected', status_cause = null,
    last_error_code = null, last_error_at = null, refresh_owner = null, refresh_until = null, refresh_lapsed = false,
    updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and generation = ${expected}::bigint
    and status in ('connected', 'needs_reauth')
  returning ${COLUMNS}`

/** Zero rows: it is in none of these states any more. */
export const moveConnectionIf = (
  t: Tx,
  scope: Scope,
  id: string,
  from: readonly ConnectionStatus[],
  to: { status: ConnectionStatus; cause: string | null; revocation?: 'waiting' | 'none' },
) => t.maybe<ConnectionRow>`
  update connections c set status = ${to.status}::text, status_cause = ${to.cause}::text, status_since = ${t.now}::timestamptz,
    revision = revision + 1, updated_at = ${t.now}::timestamptz,
    provider_revocation = coalesce(${to.revocation ?? null}::text, provider_revocation),
    material = case when ${to.status}::text = 'removed' and provider_revocation is distinct from 'waiting' then null else material end
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any (${from}::text[])
  returning ${COLUMNS}`

export const changeConnectionIf = (
  t: Tx,
  scope: Scope,
  id: string,
  revision: number,
  one: {
    name: string
    labels: readonly string[]
    owner: string | null
    params: Record<string, string>
    expires_at: Date | null
  },
) => t.maybe<ConnectionRow>`
  update connections c set name = ${one.name}::text, labels = ${one.labels}::text[], owner = ${one.owner}::text,
    params = ${JSON.stringify(one.params)}::jsonb, revision = revision + 1, updated_at = ${t.now}::timestamptz,
    reminded_days = case when expires_at is distinct from ${one.expires_at}::timestamptz then null else reminded_days end,
    expires_at = ${one.expires_at}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and revision = ${revision}::bigint and status <> 'removed'
  returning ${COLUMNS}`

/* Defaults: `holder` is an agent, a user, or empty for the tenant's. */

export const putDefault = (t: Tx, scope: Scope, holder: string, provider: string, connectionId: string) => t.run`
  insert into connection_defaults (holder, tenant_id, provider, connection_id, set_by, set_at)
  values (${holder}::text, ${scope.tenantId}::uuid, ${provider}::text, ${connectionId}::text, ${scope.principal}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, holder, provider) do update set connection_id = excluded.connection_id, set_by = excluded.set_by, set_at = excluded.set_at`

export type DefaultRow = { holder: string; provider: string; connection_id: string; alive: boolean }

/** Of these holders, in no order. `alive`: what it points to may be used. */
export const findDefaults = (t: Tx, scope: Scope, holders: readonly string[], provider: string | null) => t.rows<DefaultRow>`
  select d.holder, d.provider, d.connection_id, c.status not in ('removed', 'revoked') as alive
  from connection_defaults d join connections c on c.tenant_id = d.tenant_id and c.id = d.connection_id
  where d.tenant_id = ${scope.tenantId}::uuid and d.holder = any (${holders}::text[])
    and (${provider}::text is null or d.provider = ${provider}::text)`

export const clearDefault = (t: Tx, scope: Scope, holder: string, provider: string, connectionId: string) => t.run`
  delete from connection_defaults
  where tenant_id = ${scope.tenantId}::uuid and holder = ${holder}::text and provider = ${provider}::text
    and connection_id = ${connectionId}::text`

export const holdersOf = (t: Tx, scope: Scope, connectionIds: readonly string[]) => t.rows<{
  holder: string
  connection_id: string
}>`
  select holder, connection_id from connection_defaults
  where tenant_id = ${scope.tenantId}::uuid and connection_id = any (${connectionIds}::text[]) order by holder`

/** The agents that may use each of these now, and by which grant. */
export const usersOf = (t: Tx, scope: Scope, connectionIds: readonly string[]) => t.rows<{
  connection_id: string
  grant_id: string
  agent_id: string | null
  agent_label: string | null
}>`
  select connection_id, id as grant_id, agent_id, agent_label from grants
  where tenant_id = ${scope.tenantId}::uuid and connection_id = any (${connectionIds}::text[]) and status = 'active'
    and expires_at > ${t.now}::timestamptz
  order by id`

/** The versions that connections were made under, in force or not. */
export const findDefinitions = (t: Tx, scope: Scope, providers: readonly string[], versions: readonly number[]) => t.rows<{
  provider: string
  version: number
  definition: Definition
}>`
  select d.provider, d.version, d.definition from definitions d
  join unnest(${providers}::text[], ${versions}::integer[]) as w (provider, version) on w.provider = d.provider and w.version = d.version
  where d.tenant_id = ${scope.tenantId}::uuid`

/** Those that are not over, oldest first. */
export const findConnections = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<ConnectionRow>`
  select ${COLUMNS} from connections c
  where c.tenant_id = ${scope.tenantId}::uuid and c.id = any (${ids}::text[]) and c.status not in ('revoked', 'removed') order by c.id`

export const exportIsOn = (t: Tx, scope: Scope) => t.one<{ on: boolean }>`
  select vault_export as "on" from tenants where id = ${scope.tenantId}::uuid`
