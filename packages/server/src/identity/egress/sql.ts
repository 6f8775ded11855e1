// The exceptions of a tenant to the guard of the way out. Every statement names its tenant; none looks at another.
import type { Scope } from '../../db/scope.ts'
import { type Sql, sql } from '../../db/sql.ts'
import type { Tx } from '../../db/tx.ts'

export type AllowRow = { target: string; reason: string; added_by: string; added_at: Date }

export const hasTenant = (t: Tx, scope: Scope) => t.one<{ yes: boolean }>`
  select exists (select from tenants where id = ${scope.tenantId}::uuid and state <> 'erased') as yes`

export const listAllows = (t: Tx, scope: Scope) => t.rows<AllowRow>`
  select target, reason, added_by, added_at from egress_allows where tenant_id = ${scope.tenantId}::uuid order by target`

export const listTargets = (t: Tx, scope: Scope) => t.rows<{ target: string }>`
  select target from egress_allows where tenant_id = ${scope.tenantId}::uuid order by target`

// Who replaces a list holds it: of two hosts at once the second sees what the first left.
export const lockAllows = (t: Tx, scope: Scope) => t.run`
  select pg_advisory_xact_lock(hashtextextended('egress_allows ' || ${scope.tenantId}::text, 0))`

export const deleteAllowsBut = (t: Tx, scope: Scope, targets: readonly string[]) => t.run`
  delete from egress_allows where tenant_id = ${scope.tenantId}::uuid and target <> all (${targets}::text[])`

/** What stands there already keeps who added it and why, unless a new reason is given. */
export const insertAllows = (t: Tx, scope: Scope, targets: readonly string[], reasons: readonly string[]) => t.run`
  insert into egress_allows (target, tenant_id, reason, added_by, added_at)
  select target, ${scope.tenantId}::uuid, reason, ${scope.principal}::text, ${t.now}::timestamptz
  from unnest(${targets}::text[], ${reasons}::text[]) as given (target, reason)
  on conflict (tenant_id, target) do nothing`

/** Of the whole installation, for the check at the start. */
export const allAllows: Sql = sql`select tenant_id, target from countersign_engine.all_egress_allows()`
