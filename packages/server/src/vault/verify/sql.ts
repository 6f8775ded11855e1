// The statements of how a vault stands.
import type { Scope, Tx } from '../../db/tx.ts'

export const countConnections = (t: Tx, scope: Scope) => t.rows<{ status: string; n: number }>`
  select status, count(*)::integer as n from connections
  where tenant_id = ${scope.tenantId}::uuid and status <> 'removed' group by status order by status`

/* What the doctor tries */

export const insertCanary = (t: Tx, scope: Scope, one: { id: string; material: Buffer }) => t.run`
  insert into vault_canaries (id, tenant_id, material, made_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.material}::bytea, ${t.now}::timestamptz)`

export const findCanary = (t: Tx, scope: Scope, id: string) => t.maybe<{ material: Buffer }>`
  select material from vault_canaries where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const deleteCanary = (t: Tx, scope: Scope, id: string) => t.run`
  delete from vault_canaries where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`
