// The statements of the gate: who a node may name, the key of a run's authority, and whether a grant holds at this moment.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'

export type OpenedRow = {
  id: string
  tenant_id: string
  agent_id: string
  expires_at: Date
  authority_id: string
  minute_calls: number
}

export const gateOpen = (node: string, hash: Buffer): Sql => sql`
  select id, tenant_id, agent_id, expires_at, authority_id, minute_calls from countersign_engine.gate_open(${node}::text, ${hash}::bytea)`

export type CallRow = { tenant_id: string; is_open: boolean; minute_calls: number }

export const gateCall = (node: string, runId: string, verb: 'material' | 'ask'): Sql => sql`
  select tenant_id, is_open, minute_calls from countersign_engine.gate_call(${node}::text, ${runId}::text, ${verb}::text)`

/** Null: it was erased with its run. */
export const findAuthorityKey = (t: Tx, scope: Scope, id: string) => t.maybe<{ certificate: string; key: Buffer | null }>`
  select certificate, key from authorities where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export type LeasedRow = {
  provider: string
  definition_version: number
  status: string
  owner: string | null
  hosts: string[]
  grant_status: string
  grant_ends: Date
  run_ends: Date
}

/** The connection as the run's agent may use it by this grant; nothing where the three do not belong together. */
export const findLeased = (
  t: Tx,
  scope: Scope,
  one: { runId: string; connectionId: string; grantId: string },
) => t.maybe<LeasedRow>`
  select c.provider, c.definition_version, c.status, c.owner, c.hosts, g.status as grant_status, g.expires_at as grant_ends, r.expires_at as run_ends
  from runs r
  join agents a on a.tenant_id = r.tenant_id and a.id = r.agent_id
  join grants g on g.tenant_id = r.tenant_id and g.id = ${one.grantId}::text and (g.agent_id = a.id or g.agent_label = any (a.labels))
  join connections c on c.tenant_id = g.tenant_id and c.id = g.connection_id
  where r.tenant_id = ${scope.tenantId}::uuid and r.id = ${one.runId}::text and c.id = ${one.connectionId}::text
    and g.starts_at <= ${t.now}::timestamptz`
