// The statements by which one of many renews a credential (V46). The claim is a compare and swap on the row; whoever holds none writes nothing.
import { type Sql, sql } from '../../db/sql.ts'
import { type Db, once, type Scope, type Tx } from '../../db/tx.ts'
import type { ConnectionStatus } from '../connections/sql.ts'
import type { Method } from '../providers/definition.ts'

export type RefreshRow = {
  id: string
  provider: string
  definition_version: number
  method: Method
  status: ConnectionStatus
  status_cause: string | null
  params: Record<string, string>
  scopes: string[]
  generation: number
  material: Buffer | null
  client_id: string | null
  obtained_at: Date | null
  expires_at: Date | null
  refresh_at: Date | null
  refresh_owner: string | null
  refresh_until: Date | null
  refresh_lapsed: boolean
  refresh_failures: number
}

const COLUMNS: Sql = sql`id, provider, definition_version, method, status, status_cause, params, scopes, generation::float8 as generation, material,
  client_id, obtained_at, expires_at, refresh_at, refresh_owner, refresh_until, refresh_lapsed, refresh_failures`

export const findForRefresh = (t: Tx, scope: Scope, id: string) => t.maybe<RefreshRow>`
  select ${COLUMNS} from connections where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status <> 'removed'`

/** Free, or left behind by a process that was killed; then it says so, and a refusal means that the refresh was lost. */
export const claimRefresh = (
  t: Tx,
  scope: Scope,
  id: string,
  generation: number,
  owner: string,
  until: Date,
) => t.maybe<RefreshRow>`
  update connections set refresh_lapsed = refresh_lapsed or refresh_owner is not null, refresh_owner = ${owner}::text,
    refresh_until = ${until}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and generation = ${generation}::bigint and status = 'connected'
    and (refresh_owner is null or refresh_until <= ${t.now}::timestamptz)
  returning ${COLUMNS}`

/** It did not work, and is tried again then. Guarded by the claim. */
export const putOff = (t: Tx, scope: Scope, id: string, owner: string, one: { code: string; at: Date | null }) => t.run`
  update connections set refresh_owner = null, refresh_until = null, refresh_failures = refresh_failures + 1,
    refresh_at = ${one.at}::timestamptz, last_error_code = ${one.code}::text, last_error_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and refresh_owner = ${owner}::text`

export const resetFailures = (t: Tx, scope: Scope, id: string) => t.run`
  update connections set refresh_failures = 0
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and refresh_failures > 0`

/** From `connected` and from nowhere else, so that it is told of once (V49). */
export const needReauthIf = (t: Tx, scope: Scope, id: string, cause: string, code: string, generation: number | null) => t.run`
  update connections set status = 'needs_reauth', status_cause = ${cause}::text, status_since = ${t.now}::timestamptz, refresh_at = null,
    refresh_owner = null, refresh_until = null, refresh_lapsed = false, last_error_code = ${code}::text, last_error_at = ${t.now}::timestamptz,
    revision = revision + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = 'connected'
    and (${generation}::bigint is null or generation = ${generation}::bigint)`

/** Told with the change of state that follows. */
export const setAskedScopes = (t: Tx, scope: Scope, id: string, scopes: readonly string[]) => t.run`
  update connections set asked_scopes = ${scopes}::text[]
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = 'connected'`

/** What was kept alive by a use of it is used again then. Guarded by what was due. */
export const setNextUse = (t: Tx, scope: Scope, id: string, was: Date, at: Date, code: string | null) => t.run`
  update connections set refresh_at = ${at}::timestamptz, last_error_code = coalesce(${code}::text, last_error_code),
    last_error_at = case when ${code}::text is null then last_error_at else ${t.now}::timestamptz end
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = 'connected' and refresh_at = ${was}::timestamptz`

export const dueConnections = (db: Db, batch: number) =>
  once<{ tenant_id: string; id: string }>(
    db,
    sql`select tenant_id, id from countersign_engine.connections_to_refresh(${batch}::integer)`,
  )

export const endingConnections = (t: Tx, atMost: number) => t.rows<{ tenant_id: string; id: string }>`
  select tenant_id, id from countersign_engine.connections_ending(${atMost}::integer)`

/** Of those who remind at once, one does; what was given another end meanwhile is looked at again. */
export const remindIf = (t: Tx, scope: Scope, id: string, days: number, expiresAt: Date) => t.run`
  update connections set reminded_days = ${days}::integer
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = 'connected' and expires_at = ${expiresAt}::timestamptz
    and (reminded_days is null or reminded_days > ${days}::integer)`
