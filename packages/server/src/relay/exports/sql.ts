// The statements over exports of the relay (relay.md R110): how one stands, its sealed pieces, and what is in the record about its subject.
import { join, Sql, sql } from '../../db/sql.ts'
import { TABLES } from '../../db/tables.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import type { KeyColumn } from '../../identity/keys-at-rest/rewrap/sql.ts'
import type { Subject } from '../erasures/sql.ts'
import type { Side } from '../model.ts'

export type ExportSubject = Subject | 'tenant'
export type ExportRow = {
  id: string
  subject: ExportSubject
  subject_id: string
  /** The whole of a tenant is what it is as an owner and as a caller. */
  side: Side | 'both'
  state: 'running' | 'ready' | 'failed' | 'expired'
  requested_by: string
  event_id: string
  threads: number
  written: number
  bytes: number
  checkpoint_size: number | null
  lines_hash: string | null
  error: string | null
  created_at: Date
  finished_at: Date | null
  expires_at: Date | null
}
const EXPORT: Sql = sql`id, subject, subject_id, side, state, requested_by, event_id, threads::float8 as threads, written::float8 as written, bytes::float8 as bytes,
  checkpoint_size::float8 as checkpoint_size, lines_hash, error, created_at, finished_at, expires_at`

export const insertExport = (
  t: Tx,
  scope: Scope,
  one: Pick<ExportRow, 'id' | 'subject' | 'subject_id' | 'side' | 'event_id'>,
) => t.one<ExportRow>`
  insert into exports (id, tenant_id, subject, subject_id, side, requested_by, event_id, created_at)
  values (${one.id}::text, ${scope.tenantId}::uuid, ${one.subject}::text, ${one.subject_id}::text, ${one.side}::text, ${scope.principal}::text, ${one.event_id}::text,
    ${t.now}::timestamptz)
  returning ${EXPORT}`

export const findExport = (t: Tx, scope: Scope, id: string) => t.maybe<ExportRow>`
  select ${EXPORT} from exports where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

export const listExports = (t: Tx, scope: Scope, before: string | null, limit: number) => t.rows<ExportRow>`
  select ${EXPORT} from exports where tenant_id = ${scope.tenantId}::uuid ${before === null ? sql`` : sql`and id < ${before}::text`}
  order by id desc limit ${limit}::integer`

/** A run that was killed begins anew. */
export const restartExport = (t: Tx, scope: Scope, id: string, checkpoint: number) => t.run`
  with gone as (delete from export_chunks where tenant_id = ${scope.tenantId}::uuid and export_id = ${id}::text)
  update exports set threads = 0, written = 0, bytes = 0, checkpoint_size = ${checkpoint}::bigint
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'running'`

/** 0: it is not being written any more. The lock first: an erasure that ends it takes every piece, or this piece is not written. */
export const addChunk = (
  t: Tx,
  scope: Scope,
  id: string,
  one: { n: number; envelope: Buffer; threads: number; lines: number; bytes: number },
) => t.run`
  with here as (
    select id from exports where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'running' for update
  ), chunk as (
    insert into export_chunks (n, tenant_id, export_id, bytes) select ${one.n}::integer, ${scope.tenantId}::uuid, id, ${one.envelope}::bytea from here
  )
  update exports set threads = threads + ${one.threads}::bigint, written = written + ${one.lines}::bigint, bytes = bytes + ${one.bytes}::bigint
  from here
  where exports.tenant_id = ${scope.tenantId}::uuid and exports.id = here.id`

export const endIfRunning = (
  t: Tx,
  scope: Scope,
  id: string,
  end: { linesHash: string | null; error: string | null; keepMs: number },
) => t.maybe<ExportRow>`
  update exports set state = case when ${end.error}::text is null then 'ready' else 'failed' end, error = ${end.error}::text, lines_hash = ${end.linesHash}::text,
    finished_at = ${t.now}::timestamptz, expires_at = ${t.now}::timestamptz + ${end.keepMs}::bigint * interval '1 millisecond'
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and state = 'running'
  returning ${EXPORT}`

export const readChunk = (t: Tx, scope: Scope, id: string, n: number) => t.maybe<{ bytes: Buffer }>`
  select bytes from export_chunks where tenant_id = ${scope.tenantId}::uuid and export_id = ${id}::text and n = ${n}::integer`

/** Their pieces go; their keys are the caller's to destroy. */
export const expireOver = (t: Tx, scope: Scope) => t.rows<{ id: string }>`
  with over as (
    update exports set state = 'expired'
    where tenant_id = ${scope.tenantId}::uuid and state in ('ready', 'failed') and expires_at <= ${t.now}::timestamptz returning id
  ), gone as (
    delete from export_chunks c using over where c.tenant_id = ${scope.tenantId}::uuid and c.export_id = over.id
  )
  select id from over`

export type SealedRow = { seq: number; event_id: string; digest: Buffer; prev_hash: Buffer; hash: Buffer; body: string | null }
/** What the record of this tenant says of a thing, up to a checkpoint; null for a body whose time is over. */
export const sealedAbout = (t: Tx, scope: Scope, resource: string, size: number) => t.rows<SealedRow>`
  select s.seq::float8 as seq, s.event_id, s.digest, s.prev_hash, s.hash, e.body
  from (
    select id from events where tenant_id = ${scope.tenantId}::uuid and resource_id = ${resource}::text
    union select id from thread_events where tenant_id = ${scope.tenantId}::uuid and thread_id = ${resource}::text
  ) x
  join seals s on s.tenant_id = ${scope.tenantId}::uuid and s.event_id = x.id and s.seq <= ${size}::bigint
  left join events e on e.tenant_id = s.tenant_id and e.id = s.event_id
  order by s.seq`

/** A stretch of it, whatever it is about. */
export const sealedBetween = (t: Tx, scope: Scope, from: number, to: number) => t.rows<SealedRow>`
  select s.seq::float8 as seq, s.event_id, s.digest, s.prev_hash, s.hash, e.body
  from seals s left join events e on e.tenant_id = s.tenant_id and e.id = s.event_id
  where s.tenant_id = ${scope.tenantId}::uuid and s.seq between ${from}::bigint and ${to}::bigint order by s.seq`

export type AskRow = {
  task_id: string
  message_id: string
  what: string
  action: string
  payload_hash: string
  edited_hash: string | null
  policy_version: number
  policy_ids: string[]
  quorum: number
  state: string
  opened_at: Date
  settled_at: Date | null
}
export const asksOf = (t: Tx, scope: Scope, threadId: string) => t.rows<AskRow>`
  select task_id, message_id, what, action, payload_hash, edited_hash, policy_version, policy_ids, quorum, state, opened_at, settled_at
  from message_asks where tenant_id = ${scope.tenantId}::uuid and thread_id = ${threadId}::text order by opened_at, task_id`

/** Whose task it was, in the tenant of the scope: of the requests that led to a relay grant. */
export const requestTasks = (t: Tx, scope: Scope, subjectId: string) => t.rows<{ task_id: string }>`
  select r.task_id from connection_requests r
  where r.tenant_id = ${scope.tenantId}::uuid and r.task_id is not null and (r.relay_grant_id = ${subjectId}::text or r.card_id = ${subjectId}::text)
  order by r.task_id`

export const grantsOfCard = (t: Tx, scope: Scope, cardId: string) => t.rows<{ id: string }>`
  select id from relay_grants where tenant_id = ${scope.tenantId}::uuid and card_id = ${cardId}::text order by id`

/** The bytes as they were signed. */
export const versionsOf = (t: Tx, scope: Scope, cardId: string) => t.rows<{ number: number; native: Buffer; created_at: Date }>`
  select number, native, created_at from card_versions where tenant_id = ${scope.tenantId}::uuid and card_id = ${cardId}::text order by number`

/* The whole of a tenant. Names and expressions come from tables.ts and the catalogue; nothing from outside ever gets in. */

const raw = (text: string): Sql => new Sql([text], [])
const named = (names: readonly string[], cast = ''): Sql => raw(names.map((one) => `x."${one}"${cast}`).join(', '))

/** Of these tables, and which of them hold bytes. */
export const listColumns = (t: Tx, tables: readonly string[]) => t.rows<{ table: string; name: string; holds_bytes: boolean }>`
  select c.relname::text as table, a.attname::text as name, a.atttypid in ('bytea'::regtype, 'bytea[]'::regtype) as holds_bytes
  from pg_attribute a join pg_class c on c.oid = a.attrelid
  where c.relnamespace = 'countersign'::regnamespace and c.relname = any(${tables}::text[]) and a.attnum > 0 and not a.attisdropped
    and a.attname <> 'tenant_id'
  order by c.relname, a.attnum`

export type From = { table: string; where: string; columns: readonly string[]; key: readonly KeyColumn[] }
/** The next rows in the order of the primary key, each as JSON with every digit, on one line. */
export const nextRows = (t: Tx, scope: Scope, from: From, after: readonly string[] | null, limit: number) => {
  const { table, where, columns, key } = from
  const keys = key.map(({ name }) => name)
  return t.rows<{ key: string[]; text: string }>`
  select array[${named(keys, '::text')}]::text[] as key,
    translate((select row_to_json(y) from (select ${named(columns)}) y)::text, chr(10) || chr(13), '  ') as text
  from ${raw(`"${table}"`)} x
  where x.${raw(`"${TABLES[table]?.tenantColumn ?? 'tenant_id'}"`)} = ${scope.tenantId}::uuid and (${raw(where)})
    ${
      after === null || key.length === 0
        ? sql``
        : sql`and (${named(keys)}) > (${join(
            key.map(({ type }, i) => sql`${after[i]}::text::${raw(type)}`),
            ', ',
          )})`
    }
  ${key.length === 0 ? sql`` : sql`order by ${named(keys)}`} limit ${limit}::integer`
}

export const nextCards = (t: Tx, scope: Scope, after: string, limit: number) => t.rows<{ id: string }>`
  select id from cards where tenant_id = ${scope.tenantId}::uuid and id > ${after}::text order by id limit ${limit}::integer`

export const nextRequests = (t: Tx, scope: Scope, after: string, limit: number) => t.rows<{ id: string }>`
  select id from connection_requests where tenant_id = ${scope.tenantId}::uuid and id > ${after}::text order by id limit ${limit}::integer`

/** Relay grants (or requests for one) of others with something that this tenant held back itself. */
export const nextHeldGrants = (t: Tx, scope: Scope, after: string, limit: number) => t.rows<{ id: string }>`
  select distinct relay_grant_id as id from held_messages
  where tenant_id = ${scope.tenantId}::uuid and relay_grant_id > ${after}::text order by 1 limit ${limit}::integer`
