// The statements over runs and authorities. A run ends once; with it the key of its own authority is erased.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Only } from '../../identity/sql.ts'

export type RunRow = {
  id: string
  agent_id: string
  environment: 'live' | 'test'
  purpose: string
  labels: string[]
  mode: 'enforce' | 'learn'
  proof: 'key' | 'dpop' | 'oidc' | 'user'
  opened_by: string
  chosen: Record<string, string>
  wait_seconds: number | null
  authority_id: string
  client_address: string | null
  created_at: Date
  expires_at: Date
  beat_at: Date | null
  used_at: Date | null
  ended_at: Date | null
  ended_reason: string | null
}

const COLUMNS: Sql = sql`r.id, r.agent_id, r.environment, r.purpose, r.labels, r.mode, r.proof, r.opened_by, r.chosen, r.wait_seconds, r.authority_id,
  host(r.client_address) as client_address, r.created_at, r.expires_at, r.beat_at, r.used_at, r.ended_at, r.ended_reason`

const seenBy = ({ user, agent }: Only): Sql => sql`(${agent}::text is null or r.agent_id = ${agent}::text)
    and (${user}::text is null or exists (select from agents a where a.tenant_id = r.tenant_id and a.id = r.agent_id and a.user_id = ${user}::text))`

export const findRun = (t: Tx, scope: Scope, id: string, only: Only) => t.maybe<RunRow>`
  select ${COLUMNS} from runs r where r.tenant_id = ${scope.tenantId}::uuid and r.id = ${id}::text and ${seenBy(only)}`

export type RunFilter = { agent_id?: string; state?: 'live' | 'ended' }

export const listRuns = (
  t: Tx,
  scope: Scope,
  filter: RunFilter,
  only: Only,
  before: string | null,
  limit: number,
) => t.rows<RunRow>`
  select ${COLUMNS} from runs r
  where r.tenant_id = ${scope.tenantId}::uuid and ${seenBy(only)}
    ${filter.agent_id === undefined ? sql`` : sql`and r.agent_id = ${filter.agent_id}::text`}
    ${
      filter.state === undefined
        ? sql``
        : sql`and (r.ended_at is null and r.expires_at > ${t.now}::timestamptz) = ${filter.state === 'live'}::boolean`
    }
    ${before === null ? sql`` : sql`and r.id < ${before}::text`}
  order by r.id desc limit ${limit}::integer`

export type NewRun = Pick<
  RunRow,
  | 'id'
  | 'agent_id'
  | 'environment'
  | 'purpose'
  | 'labels'
  | 'mode'
  | 'proof'
  | 'chosen'
  | 'wait_seconds'
  | 'authority_id'
  | 'client_address'
  | 'expires_at'
> & { token_hash: Buffer }

export const insertRun = (t: Tx, scope: Scope, one: NewRun) => t.one<RunRow>`
  insert into runs as r (id, tenant_id, agent_id, environment, purpose, labels, mode, proof, opened_by, token_hash, chosen, wait_seconds, authority_id,
    client_address, created_at, expires_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.agent_id}::text, ${one.environment}::text, ${one.purpose}::text,
    ${one.labels}::text[], ${one.mode}::text, ${one.proof}::text, ${scope.principal}::text, ${one.token_hash}::bytea,
    ${JSON.stringify(one.chosen)}::jsonb, ${one.wait_seconds}::smallint, ${one.authority_id}::text, ${one.client_address}::inet, ${t.now}::timestamptz,
    ${one.expires_at}::timestamptz)
  returning ${COLUMNS}`

/** Guarded by the state that it leaves: whoever comes first says why. */
export const endRunIfLive = (t: Tx, scope: Scope, id: string, reason: string) => t.maybe<RunRow>`
  update runs r set ended_at = ${t.now}::timestamptz, ended_reason = ${reason}::text
  where r.tenant_id = ${scope.tenantId}::uuid and r.id = ${id}::text and r.ended_at is null
  returning ${COLUMNS}`

export const beatIfLive = (t: Tx, scope: Scope, id: string) => t.maybe<{ expires_at: Date }>`
  update runs set beat_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and ended_at is null and expires_at > ${t.now}::timestamptz
  returning expires_at`

export const runsToEnd = (t: Tx, atMost: number) => t.rows<{ id: string; tenant_id: string; reason: string }>`
  select id, tenant_id, reason from countersign_engine.runs_to_end(${atMost}::integer)`

export type RunInUse = {
  id: string
  tenant_id: string
  agent_id: string
  agent_name: string
  owner_id: string
  agent_state: string
  tenant_state: string
  ended: boolean
}

export const useRun = (hash: Buffer): Sql => sql`
  select id, tenant_id, agent_id, agent_name, owner_id, agent_state, tenant_state, ended from countersign_engine.use_run(${hash}::bytea)`

/* Authorities */

export type AuthorityRow = { id: string; certificate: string; expires_at: Date }

export const insertAuthority = (
  t: Tx,
  scope: Scope,
  one: { id: string; run_id: string | null; certificate: string; key: Buffer; expires_at: Date },
) => t.run`
  insert into authorities (id, tenant_id, run_id, certificate, key, made_at, expires_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.run_id}::text, ${one.certificate}::text, ${one.key}::bytea, ${t.now}::timestamptz,
    ${one.expires_at}::timestamptz)`

// Two that need the tenant's authority at once get the same one.
export const lockAuthorities = (t: Tx, scope: Scope) => t.run`
  select pg_advisory_xact_lock(x'61757400'::integer, hashtext(${scope.tenantId}::text))`

/** The tenant's own, with at least so long to live. */
export const findTenantAuthority = (t: Tx, scope: Scope, until: Date) => t.maybe<AuthorityRow>`
  select id, certificate, expires_at from authorities
  where tenant_id = ${scope.tenantId}::uuid and run_id is null and erased_at is null and expires_at > ${until}::timestamptz
  order by expires_at desc limit 1`

/** The newest first; the one before it until its own end. */
export const listTenantAuthorities = (t: Tx, scope: Scope) => t.rows<AuthorityRow>`
  select id, certificate, expires_at from authorities
  where tenant_id = ${scope.tenantId}::uuid and run_id is null and erased_at is null and expires_at > ${t.now}::timestamptz
  order by expires_at desc limit 4`

export const eraseAuthorityOfRun = (t: Tx, scope: Scope, runId: string) => t.run`
  update authorities set key = null, erased_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and run_id = ${runId}::text and erased_at is null`
