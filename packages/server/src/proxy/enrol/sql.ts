// The statements over enrolled proxies. A row that was expelled stays: it says who did it, and keeps its key out for ever.
import { type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'

export type NodeRow = {
  id: string
  fingerprint: Buffer
  name: string
  enrolled_by: string
  enrolled_at: Date
  expelled_at: Date | null
  expelled_by: string | null
  seen_at: Date | null
  version: string | null
  lag_ms: number | null
  leases: number | null
  runs: number | null
}

const COLUMNS: Sql = sql`n.id, n.fingerprint, n.name, n.enrolled_by, n.enrolled_at, n.expelled_at, n.expelled_by, n.seen_at, n.version, n.lag_ms, n.leases, n.runs`

export const listNodes = (t: Tx, after: string | null, limit: number) => t.rows<NodeRow>`
  select ${COLUMNS} from proxy_nodes n where (${after}::text is null or n.id > ${after}::text) order by n.id limit ${limit}::integer`

export const findNode = (t: Tx, id: string) => t.maybe<NodeRow>`select ${COLUMNS} from proxy_nodes n where n.id = ${id}::text`

export const findNodeByFingerprint = (t: Tx, fingerprint: Buffer) => t.maybe<NodeRow>`
  select ${COLUMNS} from proxy_nodes n where n.fingerprint = ${fingerprint}::bytea`

/** Null: this key is known already, of whoever came first. */
export const insertNodeIfNew = (t: Tx, scope: Scope, one: { id: string; fingerprint: Buffer; name: string }) => t.maybe<NodeRow>`
  insert into proxy_nodes as n (id, fingerprint, name, enrolled_by, enrolled_at)
  values (${one.id}::text, ${one.fingerprint}::bytea, ${one.name}::text, ${scope.principal}::text, ${t.now}::timestamptz)
  on conflict (fingerprint) do nothing
  returning ${COLUMNS}`

/** Guarded by the state that it leaves: of two at once one expels. */
export const expelNodeIfLive = (t: Tx, scope: Scope, id: string) => t.maybe<NodeRow>`
  update proxy_nodes n set expelled_at = ${t.now}::timestamptz, expelled_by = ${scope.principal}::text
  where n.id = ${id}::text and n.expelled_at is null
  returning ${COLUMNS}`

/** The node that a process starts beside itself has a new key at each start. */
export const takeOverNode = (t: Tx, scope: Scope, name: string, fingerprint: Buffer) => t.maybe<{ id: string }>`
  update proxy_nodes n set fingerprint = ${fingerprint}::bytea
  where n.enrolled_by = ${scope.principal}::text and n.name = ${name}::text and n.expelled_at is null
  returning n.id`

export const findAdmitted = (fingerprint: Buffer): Sql => sql`
  select id from countersign.proxy_nodes where fingerprint = ${fingerprint}::bytea and expelled_at is null`

/** Of those that have a line now, who may have none any more. */
export const notAdmitted = (fingerprints: readonly Buffer[]): Sql => sql`
  select encode(asked.one, 'hex') as fingerprint from unnest(${fingerprints}::bytea[]) asked (one)
  where not exists (select from countersign.proxy_nodes n where n.fingerprint = asked.one and n.expelled_at is null)`

export type CallsRow = { node_id: string; opens: number; materials: number; asks: number; busiest: number }

/** What each asked of the gate, over all tenants. */
export const callsOf = (t: Tx, ids: readonly string[]) => t.rows<CallsRow>`
  select node_id, opens::float8 as opens, materials::float8 as materials, asks::float8 as asks, busiest
  from countersign_engine.proxy_node_calls(${ids}::text[])`

export type LagRow = { nodes: number; silent_nodes: number; lag_ms: number | null }

export const nodesLag = (t: Tx, silentSeconds: number) => t.one<LagRow>`
  select nodes, silent_nodes, lag_ms from countersign_engine.proxy_nodes_lag(make_interval(secs => ${silentSeconds}::float8))`
