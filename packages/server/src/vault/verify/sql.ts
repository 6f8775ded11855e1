// The statements of how a vault stands.
import type { Scope, Tx } from '../../db/tx.ts'

export const countConnections = (t: Tx, scope: Scope) => t.rows<{ status: string; n: number }>`
  select status, count(*)::integer as n from connections
  where tenant_id = ${scope.tenantId}::uuid and status <> 'removed' group by status order by status`
