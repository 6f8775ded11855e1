// The statements over providers and the versions of their definitions. A transition is guarded by the state that it leaves; a version never changes its text.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Definition } from './definition.ts'

export type DefinitionState = 'proposed' | 'active' | 'superseded' | 'rejected' | 'removed'
export type VersionRow = {
  provider: string
  version: number
  digest: Buffer
  source: string
  definition: Definition
  state: DefinitionState
  reason: string
  proposed_by: string
  proposed_at: Date
  decided_by: string | null
  decided_at: Date | null
}
export type ProviderRow = { name: string; version: number | null; overrides: boolean; removed_at: Date | null }

const VERSION: Sql = sql`d.provider, d.version, d.digest, d.source, d.definition, d.state, d.reason, d.proposed_by, d.proposed_at, d.decided_by, d.decided_at`

/** Which of the tenant's own providers a name or an alias means. */
export const findNamed = (t: Tx, scope: Scope, names: readonly string[]) => t.rows<{ name: string; provider: string }>`
  select name, provider from provider_names where tenant_id = ${scope.tenantId}::uuid and name = any (${names}::text[])`

/** What is in force of the tenant's own. */
export const findActive = (t: Tx, scope: Scope, names: readonly string[] | null) => t.rows<VersionRow & { overrides: boolean }>`
  select ${VERSION}, p.overrides from definitions d
  join providers p on p.tenant_id = d.tenant_id and p.name = d.provider and p.removed_at is null
  where d.tenant_id = ${scope.tenantId}::uuid and d.state = 'active' and (${names}::text[] is null or d.provider = any (${names}::text[]))
  order by d.provider`

/** The facts of every version that is or was in force, the newest first. */
export const findFactsEver = (t: Tx, scope: Scope) => t.rows<{ facts: NonNullable<Definition['facts']>; in_force: boolean }>`
  select d.definition -> 'facts' as facts, d.state = 'active' and p.removed_at is null as in_force from definitions d
  join providers p on p.tenant_id = d.tenant_id and p.name = d.provider
  where d.tenant_id = ${scope.tenantId}::uuid and d.state in ('active', 'superseded', 'removed') and d.definition ? 'facts'
  order by d.provider, d.version desc`

export const findVersion = (t: Tx, scope: Scope, provider: string, version: number) => t.maybe<VersionRow>`
  select ${VERSION} from definitions d
  where d.tenant_id = ${scope.tenantId}::uuid and d.provider = ${provider}::text and d.version = ${version}::integer`

/** The newest first. */
export const findProposed = (t: Tx, scope: Scope, provider: string | null) => t.rows<VersionRow>`
  select ${VERSION} from definitions d
  where d.tenant_id = ${scope.tenantId}::uuid and d.state = 'proposed' and (${provider}::text is null or d.provider = ${provider}::text)
  order by d.provider, d.version desc`

/** Writers of one tenant's providers take turns here, so that names stay one's own and versions have no gaps. */
export const lockProviders = (t: Tx, scope: Scope) => t.run`
  select pg_advisory_xact_lock(hashtextextended('countersign.providers/' || ${scope.tenantId}::text, 0))`

export const findProvider = (t: Tx, scope: Scope, name: string) => t.maybe<ProviderRow>`
  select name, version, overrides, removed_at from providers where tenant_id = ${scope.tenantId}::uuid and name = ${name}::text`

/** Of a removed one the row comes back, with the numbers of its versions. */
export const putProvider = (t: Tx, scope: Scope, name: string, overrides: boolean) => t.run`
  insert into providers (name, tenant_id, version, overrides, created_by, created_at)
  values (${name}::text, ${scope.tenantId}::uuid, null, ${overrides}::boolean, ${scope.principal}::text, ${t.now}::timestamptz)
  on conflict (tenant_id, name) do update set removed_at = null, version = null, overrides = excluded.overrides
  where providers.removed_at is not null`

export type NewVersion = { provider: string; digest: Buffer; source: string; canonical: string; reason: string }

export const insertVersion = (t: Tx, scope: Scope, one: NewVersion) => t.one<{ version: number }>`
  insert into definitions (provider, tenant_id, version, digest, source, definition, state, reason, proposed_by, proposed_at)
  select ${one.provider}::text, ${scope.tenantId}::uuid, coalesce(max(version), 0) + 1, ${one.digest}::bytea, ${one.source}::text,
    ${one.canonical}::jsonb, 'proposed', ${one.reason}::text, ${scope.principal}::text, ${t.now}::timestamptz
  from definitions where tenant_id = ${scope.tenantId}::uuid and provider = ${one.provider}::text
  returning version`

/** Zero rows: it is in another state by now. */
export const decideIf = (
  t: Tx,
  scope: Scope,
  provider: string,
  version: number,
  from: DefinitionState,
  to: DefinitionState,
) => t.run`
  update definitions set state = ${to}::text, decided_by = ${scope.principal}::text, decided_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and provider = ${provider}::text and version = ${version}::integer and state = ${from}::text`

export const setVersion = (t: Tx, scope: Scope, name: string, version: number, overrides: boolean) => t.run`
  update providers set version = ${version}::integer, overrides = ${overrides}::boolean
  where tenant_id = ${scope.tenantId}::uuid and name = ${name}::text`

/** Its open proposals go with it. */
export const removeProvider = (t: Tx, scope: Scope, name: string) => t.run`
  with gone as (
    update definitions set state = 'removed', decided_by = ${scope.principal}::text, decided_at = ${t.now}::timestamptz
    where tenant_id = ${scope.tenantId}::uuid and provider = ${name}::text and state in ('active', 'proposed')
  ), names as (
    delete from provider_names where tenant_id = ${scope.tenantId}::uuid and provider = ${name}::text
  )
  update providers set removed_at = ${t.now}::timestamptz, version = null
  where tenant_id = ${scope.tenantId}::uuid and name = ${name}::text and removed_at is null`

export const forgetNames = (t: Tx, scope: Scope, provider: string) => t.run`
  delete from provider_names where tenant_id = ${scope.tenantId}::uuid and provider = ${provider}::text`

export const insertNames = (t: Tx, scope: Scope, provider: string, names: readonly string[]) => t.run`
  insert into provider_names (name, tenant_id, provider)
  select n, ${scope.tenantId}::uuid, ${provider}::text from unnest(${names}::text[]) as n`

/** Connections live on under the definition that is in force. */
export const moveConnections = (t: Tx, scope: Scope, provider: string, version: number) => t.run`
  update connections set definition_version = ${version}::integer
  where tenant_id = ${scope.tenantId}::uuid and provider = ${provider}::text and status <> 'removed'`

/** Those whose use has not ended. */
export const findConnectionsOf = (t: Tx, scope: Scope, provider: string) => t.rows<{ id: string }>`
  select id from connections where tenant_id = ${scope.tenantId}::uuid and provider = ${provider}::text
    and status in ('pending', 'connected', 'needs_reauth', 'suspended') order by id`

export type Usage = { provider: string; connections: number; connected: number; grants: number }

/** Of connections whose use has not ended, and of grants that let somebody use them. */
export const countUsage = (t: Tx, scope: Scope, provider: string | null) => t.rows<Usage>`
  select c.provider, count(distinct c.id)::float8 as connections, count(distinct c.id) filter (where c.status = 'connected')::float8 as connected,
    count(g.id)::float8 as grants
  from connections c left join grants g on g.tenant_id = c.tenant_id and g.connection_id = c.id and g.status = 'active'
  where c.tenant_id = ${scope.tenantId}::uuid and (${provider}::text is null or c.provider = ${provider}::text)
    and c.status in ('pending', 'connected', 'needs_reauth', 'suspended')
  group by c.provider`

/** Providers that whoever looks is connected to: by their own or a shared connection, an agent by what it was granted. */
export const findConnectedTo = (t: Tx, scope: Scope, userId: string | null, agentId: string | null) => t.rows<{
  provider: string
}>`
  select distinct c.provider from connections c
  where c.tenant_id = ${scope.tenantId}::uuid and c.status = 'connected' and case when ${agentId}::text is null
    then c.owner is null or c.owner = ${userId}::text
    else exists (
      select from grants g join agents a on a.tenant_id = g.tenant_id and a.id = ${agentId}::text
      where g.tenant_id = c.tenant_id and g.connection_id = c.id and g.status = 'active' and (g.agent_id = a.id or g.agent_label = any (a.labels))
    ) end`

/** People of these roles who are active here. */
export const countPeople = (t: Tx, scope: Scope, roles: readonly string[]) => t.one<{ people: number }>`
  select count(*)::float8 as people from roles
  where tenant_id = ${scope.tenantId}::uuid and role = any (${roles}::text[]) and deactivated_at is null`
