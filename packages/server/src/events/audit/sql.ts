// The statements over the audit log's chain, tree and checkpoints, of the retention and of the exports. What crosses tenants is a function of the engine;
// the rest reads as the tenant. Nothing here changes a seal.
import { sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'

// ── sealing: functions of the engine

export const lead = (t: Tx, duty: string, holder: string, leaseMs: number) => t.one<{ held: boolean | null }>`
  select countersign_engine.take_duty(${duty}::text, ${holder}::text, ${leaseMs}::integer * interval '1 millisecond') as held`

export const stopLeading = (t: Tx, duty: string, holder: string) => t.run`
  select countersign_engine.leave_duty(${duty}::text, ${holder}::text)`

// A backlog of hours is one step of many parts; a part has its own bound of rows, so the clock of the statement would only kill it half way.
export async function sealEvents(t: Tx, most: number): Promise<{ sealed: number; more: boolean }> {
  await t.run`select set_config('statement_timeout', '0', true)`
  return t.one`select sealed::float8 as sealed, more from countersign_engine.seal_events(${most}::integer)`
}

export type Place = { cluster: string; timeline: string; known_cluster: string | null; known_timeline: string | null }
export const sealPlace = (t: Tx) => t.one<Place>`
  select cluster, timeline, known_cluster, known_timeline from countersign_engine.seal_place()`

export type End = { tenant_id: string; size: number; hash: Buffer; checkpoint_size: number }
export const sealEnds = (t: Tx) => t.rows<End>`
  select tenant_id, size::float8 as size, hash, checkpoint_size::float8 as checkpoint_size from countersign_engine.seal_ends()`

export type ToldRow = { id: string; tenant_id: string; actor_id: string; occurred_at: Date; body: string }
export const notePlace = (t: Tx, now: Place, told: readonly ToldRow[]) => t.one<{ noted: boolean }>`
  select countersign_engine.note_place(${now.cluster}::text, ${now.timeline}::text, ${now.known_cluster}::text, ${now.known_timeline}::text,
    ${JSON.stringify(told)}::jsonb) as noted`

export type Due = { tenant_id: string; size: number; checkpoint_size: number }
export const checkpointsDue = (t: Tx, many: number, ageMs: number) => t.rows<Due>`
  select tenant_id, size::float8 as size, checkpoint_size::float8 as checkpoint_size
  from countersign_engine.checkpoints_due(${many}::bigint, ${ageMs}::integer * interval '1 millisecond')`

export const sealHashes = (t: Tx, tenantId: string, level: number, from: number, to: number) => t.one<{ hashes: Buffer | null }>`
  select countersign_engine.seal_hashes(${tenantId}::uuid, ${level}::integer, ${from}::bigint, ${to}::bigint) as hashes`

export const putTiles = (t: Tx, tenantId: string, level: number, from: number, hashes: readonly Buffer[]) => t.run`
  select countersign_engine.put_seal_tiles(${tenantId}::uuid, ${level}::integer, ${from}::bigint, ${hashes}::bytea[])`

type NewCheckpoint = { was: number; size: number; root: Buffer; note: string; version: number }
export const putCheckpoint = (t: Tx, tenantId: string, { was, size, root, note, version }: NewCheckpoint) => t.one<{
  put: boolean
}>`
  select countersign_engine.put_checkpoint(${tenantId}::uuid, ${was}::bigint, ${size}::bigint, ${root}::bytea, ${note}::text,
    ${version}::integer) as put`

export const checkpointsToTell = (t: Tx, sinceMs: number) => t.rows<{ tenant_id: string; size: number; note: string }>`
  select tenant_id, size::float8 as size, note from countersign_engine.checkpoints_to_tell(${sinceMs}::integer * interval '1 millisecond')`

export const markTold = (t: Tx, tenantId: string, size: number, cosignatures: string | null) => t.maybe<{ told: boolean }>`
  select told from countersign_engine.mark_checkpoint_told(${tenantId}::uuid, ${size}::bigint, ${cosignatures}::text) as told where told`

export type Lag = { oldest: Date | null; waiting: number; holding_pid: number | null }
/** Of one tenant, or of all. */
export const sealLag = (tenantId: string | null) => sql`
  select oldest, waiting::float8 as waiting, holding_pid from countersign_engine.seal_lag(${tenantId}::uuid)`

/** What of the holding session this login may see: its own kind's only (P115). */
export const describeSession = (t: Tx, pid: number) => t.maybe<{
  state: string | null
  since: Date | null
  application: string | null
}>`
  select state, xact_start as since, application_name as application from pg_stat_activity where pid = ${pid}::integer`

// ── keys

export type SigningPurpose = 'audit-sign' | 'receipt' | 'relay-sign' | 'webhook-ed25519'
export type SigningKeyRow = {
  purpose: SigningPurpose
  version: number
  public_key: Buffer
  created_at: Date
  retired_at: Date | null
}
export const putSigningKey = (t: Tx, row: Pick<SigningKeyRow, 'purpose' | 'version' | 'public_key'>) => t.run`
  insert into signing_keys (purpose, version, public_key, created_at)
  values (${row.purpose}::text, ${row.version}::integer, ${row.public_key}::bytea, ${t.now}::timestamptz)
  on conflict (purpose, public_key) do nothing`

export const listSigningKeys = (t: Tx, purpose: SigningKeyRow['purpose']) => t.rows<SigningKeyRow>`
  select purpose, version, public_key, created_at, retired_at from signing_keys where purpose = ${purpose}::text order by version, created_at`

// ── reading, as the tenant

export type Head = { size: number; hash: Buffer; sealed_at: Date; checkpoint_size: number; checkpoint_at: Date | null }
export const findHead = (t: Tx, scope: Scope) => t.maybe<Head>`
  select size::float8 as size, hash, sealed_at, checkpoint_size::float8 as checkpoint_size, checkpoint_at
  from seal_heads where tenant_id = ${scope.tenantId}::uuid`

export type CheckpointRow = {
  size: number
  root: Buffer
  note: string
  key_version: number
  created_at: Date
  cosignatures: string | null
}
export const findCheckpoint = (t: Tx, scope: Scope, size: number) => t.maybe<CheckpointRow>`
  select size::float8 as size, root, note, key_version, created_at, cosignatures from checkpoints
  where tenant_id = ${scope.tenantId}::uuid and size = ${size}::bigint`

/** The newest, or the newest below a size. */
export const listCheckpoints = (t: Tx, scope: Scope, below: number | null, limit: number) => t.rows<CheckpointRow>`
  select size::float8 as size, root, note, key_version, created_at, cosignatures from checkpoints
  where tenant_id = ${scope.tenantId}::uuid ${below === null ? sql`` : sql`and size < ${below}::bigint`}
  order by size desc limit ${limit}::integer`

export type SealRow = { seq: number; event_id: string; digest: Buffer; prev_hash: Buffer; hash: Buffer; sealed_at: Date }
export const findSealOf = (t: Tx, scope: Scope, eventId: string) => t.maybe<SealRow>`
  select seq::float8 as seq, event_id, digest, prev_hash, hash, sealed_at from seals
  where tenant_id = ${scope.tenantId}::uuid and event_id = ${eventId}::text`

export const findSealAt = (t: Tx, scope: Scope, seq: number) => t.maybe<{ seq: number; sealed_at: Date }>`
  select seq::float8 as seq, sealed_at from seals where tenant_id = ${scope.tenantId}::uuid and seq = ${seq}::bigint`

export type Stretch = { level: number; from: number; to: number }
type Stretched = { n: number; hash: Buffer }

/** The hashes of seals in these stretches, each in its order; `from` is not in it (sequence numbers begin with 1, places in the tree with 0). */
export const hashesOfSeals = (t: Tx, scope: Scope, stretches: readonly Stretch[]) => t.rows<Stretched>`
  select r.n::integer as n, s.hash
  from unnest(${stretches.map((one) => one.from)}::bigint[], ${stretches.map((one) => one.to)}::bigint[]) with ordinality as r (lo, hi, n)
  join seals s on s.tenant_id = ${scope.tenantId}::uuid and s.seq > r.lo and s.seq <= r.hi
  order by r.n, s.seq`

export const hashesOfTiles = (t: Tx, scope: Scope, stretches: readonly Stretch[]) => t.rows<Stretched>`
  select r.n::integer as n, s.hash
  from unnest(${stretches.map((one) => one.level)}::smallint[], ${stretches.map((one) => one.from)}::bigint[],
    ${stretches.map((one) => one.to)}::bigint[]) with ordinality as r (level, lo, hi, n)
  join seal_tiles s on s.tenant_id = ${scope.tenantId}::uuid and s.level = r.level and s.index >= r.lo and s.index < r.hi
  order by r.n, s.index`

// ── exports

export type ExportRow = {
  id: string
  format: 'ndjson' | 'csv'
  from_at: Date | null
  to_at: Date | null
  state: 'running' | 'ready' | 'failed' | 'expired'
  requested_by: string
  from_seq: number | null
  to_seq: number | null
  written: number
  bytes: number
  checkpoint_size: number | null
  error: string | null
  created_at: Date
  finished_at: Date | null
  expires_at: Date | null
}

const EXPORT = sql`id, format, from_at, to_at, state, requested_by, from_seq::float8 as from_seq, to_seq::float8 as to_seq,
  written::float8 as written, bytes::float8 as bytes, checkpoint_size::float8 as checkpoint_size, error, created_at, finished_at, expires_at`

export const insertExport = (
  t: Tx,
  scope: Scope,
  row: Pick<ExportRow, 'id' | 'format' | 'from_at' | 'to_at'>,
) => t.one<ExportRow>`
  insert into audit_exports (id, tenant_id, format, from_at, to_at, requested_by, created_at)
  values (${row.id}::text, ${scope.tenantId}::uuid, ${row.format}::text, ${row.from_at}::timestamptz, ${row.to_at}::timestamptz,
    ${scope.principal}::text, ${t.now}::timestamptz)
  returning ${EXPORT}`

export const findExport = (t: Tx, scope: Scope, id: string) => t.maybe<ExportRow>`
  select ${EXPORT} from audit_exports where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const listExports = (t: Tx, scope: Scope, before: string | null, limit: number) => t.rows<ExportRow>`
  select ${EXPORT} from audit_exports
  where tenant_id = ${scope.tenantId}::uuid ${before === null ? sql`` : sql`and id < ${before}::text`}
  order by id desc limit ${limit}::integer`

/** A run that was killed begins anew: its pieces go, the range is fixed again. */
export const restartExport = (t: Tx, scope: Scope, id: string) => t.run`
  delete from audit_export_chunks where tenant_id = ${scope.tenantId}::uuid and export_id = ${id}::text`

export const fixExportRange = (t: Tx, scope: Scope, id: string, from: number, to: number, checkpoint: number | null) => t.run`
  update audit_exports set from_seq = ${from}::bigint, to_seq = ${to}::bigint, checkpoint_size = ${checkpoint}::bigint, written = 0, bytes = 0
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'running'`

export const addExportChunk = (t: Tx, scope: Scope, id: string, n: number, bytes: Buffer, written: number) => t.run`
  with chunk as (
    insert into audit_export_chunks (n, tenant_id, export_id, bytes)
    values (${n}::integer, ${scope.tenantId}::uuid, ${id}::text, ${bytes}::bytea)
  )
  update audit_exports set written = written + ${written}::bigint, bytes = bytes + ${bytes.length}::bigint
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'running'`

export const endExportIfRunning = (t: Tx, scope: Scope, id: string, error: string | null, keepMs: number) => t.maybe<ExportRow>`
  update audit_exports set state = case when ${error}::text is null then 'ready' else 'failed' end, error = ${error}::text,
    finished_at = ${t.now}::timestamptz, expires_at = ${t.now}::timestamptz + ${keepMs}::bigint * interval '1 millisecond'
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'running'
  returning ${EXPORT}`

export const readExportChunk = (t: Tx, scope: Scope, id: string, n: number) => t.maybe<{ bytes: Buffer }>`
  select bytes from audit_export_chunks where tenant_id = ${scope.tenantId}::uuid and export_id = ${id}::text and n = ${n}::integer`

/** Exports of the tenant whose time is over lose their pieces. */
export const expireExports = (t: Tx, scope: Scope) => t.run`
  with over as (
    update audit_exports set state = 'expired'
    where tenant_id = ${scope.tenantId}::uuid and state in ('ready', 'failed') and expires_at <= ${t.now}::timestamptz returning id
  )
  delete from audit_export_chunks c using over where c.tenant_id = ${scope.tenantId}::uuid and c.export_id = over.id`

export type ExportedRow = { seq: number; digest: Buffer; prev_hash: Buffer; hash: Buffer; body: string | null }
export const readSealed = (t: Tx, scope: Scope, from: number, to: number) => t.rows<ExportedRow>`
  select s.seq::float8 as seq, s.digest, s.prev_hash, s.hash, e.body
  from seals s left join events e on e.tenant_id = s.tenant_id and e.id = s.event_id
  where s.tenant_id = ${scope.tenantId}::uuid and s.seq between ${from}::bigint and ${to}::bigint
  order by s.seq`

// ── retention

export const tenantsToPurge = () => sql`select tenant_id from countersign_engine.tenants_to_purge()`
export type Purged = { from_seq: number; to_seq: number; purged: number; before: Date }
export const purgeEvents = (t: Tx, scope: Scope, kind: 'audit' | 'activity', most: number) => t.maybe<Purged>`
  select from_seq::float8 as from_seq, to_seq::float8 as to_seq, purged::float8 as purged, before
  from countersign_engine.purge_events(${scope.tenantId}::uuid, ${kind}::text, ${most}::bigint)`

export type Retention = { audit_months: number; activity_days: number; held_at: Date | null; held_reason: string | null }
export const findRetention = (t: Tx, scope: Scope) => t.maybe<Retention>`
  select audit_months, activity_days, held_at, held_reason from audit_retention where tenant_id = ${scope.tenantId}::uuid`

export const putRetention = (t: Tx, scope: Scope, months: number, days: number) => t.run`
  insert into audit_retention (audit_months, tenant_id, activity_days) values (${months}::integer, ${scope.tenantId}::uuid, ${days}::integer)
  on conflict (tenant_id) do update set audit_months = excluded.audit_months, activity_days = excluded.activity_days`
