// The statements over envelopes that were tampered with: who suspends a connection, and which rows are older than the record of them.
import { sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'

/** Guarded by the state that it leaves, so that a tampered row is told of once. */
export const suspendIfNotTampered = (t: Tx, scope: Scope, id: string, cause: string) => t.maybe<{
  generation: number
  revision: number
}>`
  update connections set status = 'suspended', status_cause = ${cause}::text, status_since = ${t.now}::timestamptz,
    updated_at = ${t.now}::timestamptz, revision = revision + 1
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status <> 'removed'
    and not (status = 'suspended' and status_cause is not distinct from ${cause}::text)
  returning generation::float8 as generation, revision::float8 as revision`

/** Connections whose counters are behind what the newest event about them says (V70): a whole row that somebody put back. */
export const findPutBack = (t: Tx, scope: Scope, after: string | null, limit: number) => t.rows<{
  id: string
  generation: number
  behind: boolean
}>`
  select c.id, c.generation::float8 as generation,
    coalesce(e.generation > c.generation or e.revision > c.revision, false) as behind
  from connections c
  left join lateral (
    select max((e.body::jsonb #>> '{data,generation}')::bigint) as generation, max((e.body::jsonb #>> '{data,revision}')::bigint) as revision
    from events e where e.tenant_id = c.tenant_id and e.resource_id = c.id and e.resource_type = 'connection'
  ) e on true
  where c.tenant_id = ${scope.tenantId}::uuid and c.status <> 'removed'
    and not (c.status = 'suspended' and c.status_cause is not distinct from 'tampered')
    ${after === null ? sql`` : sql`and c.id > ${after}::text`}
  order by c.id limit ${limit}::integer`

export const allTenants = (t: Tx, after: string | null) => t.rows<{ id: string }>`
  select id from countersign_engine.list_tenants(${after}::uuid, null::uuid, 200::integer)`
