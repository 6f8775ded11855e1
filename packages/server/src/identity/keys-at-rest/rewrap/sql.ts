// The statements of a rewrap: what is left under older versions, one batch of it, and the run itself. Identifiers come from sealed-columns.ts and the catalogue.
import { join, Sql, sql } from '../../../db/sql.ts'
import type { Scope, Tx } from '../../../db/tx.ts'

/** Bytes of a wrap in a column: where its version stands, and how long it is from the first byte on. */
export type WrapColumn = { table: string; column: string; versionAt: number; length: number; where: string; key: KeyColumn[] }
export type KeyColumn = { name: string; type: string }
export type WrapRow = { key: string[]; head: Buffer }
export type CountRow = { item: string; version: Buffer; rows: number }

export type Counter = { total: number; done: number }
export type Progress = { items?: Record<string, Record<string, Counter>>; since?: string; until?: string }
export type RewrapRow = {
  id: string
  only_tenant: string | null
  renew: boolean
  reseal: boolean
  created_at: Date
  created_by: string
  started_at: Date | null
  finished_at: Date | null
  phase: 'waiting' | 'counting' | 'renewing' | 'switching' | 'rewrapping' | 'finished'
  cursor: string | null
  progress: Progress
  failed: number
}

const raw = (text: string): Sql => new Sql([text], [])
const name = (text: string): Sql => raw(`"${text}"`)
const versionOf = ({ column, versionAt }: WrapColumn): Sql => raw(`substring("${column}" from ${versionAt} for 4)`)
const headOf = ({ column, length }: WrapColumn): Sql => raw(`substring("${column}" from 1 for ${length})`)

/** The columns of each primary key without the tenant, in order. */
export const listKeyColumns = (t: Tx, tables: readonly string[]) => t.rows<{ table: string; name: string; type: string }>`
  select c.relname::text as table, a.attname::text as name, format_type(a.atttypid, null) as type
  from pg_index i
  join pg_class c on c.oid = i.indrelid
  cross join lateral unnest(i.indkey::smallint[]) with ordinality as k (attnum, n)
  join pg_attribute a on a.attrelid = c.oid and a.attnum = k.attnum
  where i.indisprimary and c.relnamespace = 'countersign'::regnamespace and c.relname = any(${tables}::text[]) and a.attname <> 'tenant_id'
  order by c.relname, k.n`

const countOne = (one: WrapColumn, scope: Scope): Sql => sql`
  select ${raw(`'${one.table}.${one.column}'`)}::text as item, ${versionOf(one)} as version, count(*)::integer as rows
  from ${name(one.table)} where tenant_id = ${scope.tenantId}::uuid and ${name(one.column)} is not null and (${raw(one.where)}) group by 2`

/** How many wraps of this tenant name each version, by table and column. */
export const countWrapsOf = (t: Tx, scope: Scope, columns: readonly WrapColumn[]) =>
  t.rows<CountRow>`${join(
    columns.map((one) => countOne(one, scope)),
    ' union all ',
  )}`

// For this transaction: a batch walks the primary key from where the last one ended. Without fresh statistics the planner would rather read and sort all that is left, for every 200 rows.
export const walkByKey = (t: Tx) => t.run`
  select set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true)`

// For this transaction: nobody waits until the disk has it. A database that crashes may lose the last batches together with their progress, and what they moved is
// moved again: the old version opens until a later commit, which does wait and has all that came before it on disk, says that nothing names it any more.
export const commitWithoutWaiting = (t: Tx) => t.run`select set_config('synchronous_commit', 'off', true)`

/** The next wraps, in the order of the primary key, that do not name `current`. */
export const nextWraps = (
  t: Tx,
  scope: Scope,
  one: WrapColumn,
  current: Buffer,
  after: readonly string[] | null,
  atMost: number,
) =>
  t.rows<WrapRow>`
  select array[${names(one, '::text')}] as key, ${headOf(one)} as head
  from ${name(one.table)}
  where tenant_id = ${scope.tenantId}::uuid and ${name(one.column)} is not null and (${raw(one.where)})
    and ${versionOf(one)} <> ${current}::bytea ${after ? beyond(one, after) : raw('')}
  order by ${names(one)} limit ${atMost}::integer`

const names = ({ key }: WrapColumn, cast = ''): Sql => raw(key.map((column) => `"${column.name}"${cast}`).join(', '))
const beyond = (one: WrapColumn, after: readonly string[]): Sql => sql`
    and (${names(one)}) > (${join(
      one.key.map(({ type }, i) => sql`${after[i]}::text::${raw(type)}`),
      ', ',
    )})`

// Only where the wrap is still the one that was read: a row that its room wrote meanwhile has a newer wrap already. The data behind it is not touched.
export const putWraps = (t: Tx, scope: Scope, one: WrapColumn, rows: readonly (WrapRow & { next: Buffer })[]) => t.run`
  update ${name(one.table)} as t set ${name(one.column)} = overlay(t.${name(one.column)} placing x.next from 1 for ${raw(String(one.length))})
  from unnest(${join(
    one.key.map((_, i) => sql`${rows.map((row) => row.key[i])}::text[]`),
    ', ',
  )}, ${rows.map((row) => row.head)}::bytea[], ${rows.map((row) => row.next)}::bytea[]) as x (${raw(one.key.map((_, i) => `k${i}`).join(', '))}, head, next)
  where t.tenant_id = ${scope.tenantId}::uuid
    and ${join(
      one.key.map((column, i) => sql`t.${name(column.name)} = ${raw(`x.k${i}::${column.type}`)}`),
      ' and ',
    )}
    and substring(t.${name(one.column)} from 1 for ${raw(String(one.length))}) = x.head`

export type WholeRow = { key: string[]; row: string; subject: string | null; envelope: Buffer }
/** Whole envelopes, for replacing their data keys too. */
export const nextEnvelopes = (
  t: Tx,
  scope: Scope,
  one: WrapColumn & { row: string; subject?: string },
  after: readonly string[] | null,
  atMost: number,
) => t.rows<WholeRow>`
  select array[${names(one, '::text')}] as key, (${raw(one.row)})::text as row, (${raw(one.subject ?? 'null')})::text as subject, ${name(one.column)} as envelope
  from ${name(one.table)}
  where tenant_id = ${scope.tenantId}::uuid and ${name(one.column)} is not null and (${raw(one.where)}) ${after ? beyond(one, after) : raw('')}
  order by ${names(one)} limit ${atMost}::integer`

export const putEnvelope = (t: Tx, scope: Scope, one: WrapColumn, row: WholeRow, next: Buffer) => t.run`
  update ${name(one.table)} set ${name(one.column)} = ${next}::bytea
  where tenant_id = ${scope.tenantId}::uuid and ${name(one.column)} = ${row.envelope}::bytea
    and ${join(
      one.key.map((column, i) => sql`${name(column.name)} = ${row.key[i]}::text::${raw(column.type)}`),
      ' and ',
    )}`

const RUN = raw(
  'id, only_tenant, renew, reseal, created_at, created_by, started_at, finished_at, phase, cursor, progress, failed',
)

export const insertRewrap = (
  t: Tx,
  row: { id: string; only_tenant: string | null; renew: boolean; reseal: boolean; created_by: string },
) => t.one<RewrapRow>`
  insert into rewraps (id, only_tenant, renew, reseal, created_at, created_by)
  values (${row.id}::text, ${row.only_tenant}::uuid, ${row.renew}::boolean, ${row.reseal}::boolean, ${t.now}::timestamptz, ${row.created_by}::text)
  returning ${RUN}`

export const findRewrap = (t: Tx, id: string) => t.maybe<RewrapRow>`select ${RUN} from rewraps where id = ${id}::text`
export const listRewraps = (t: Tx, atMost: number) => t.rows<RewrapRow>`
  select ${RUN} from rewraps order by (finished_at is not null), id desc limit ${atMost}::integer`

// The oldest open one and no other, so that two run one after the other. The lock makes two takers wait for each other; the lease of one that died ends.
export const takeRewrap = (t: Tx, holder: string, ms: number) => t.maybe<RewrapRow>`
  update rewraps set holder = ${holder}::text, held_until = ${t.now}::timestamptz + make_interval(secs => ${ms}::float8 / 1000),
    started_at = coalesce(started_at, ${t.now}::timestamptz), phase = case phase when 'waiting' then 'counting' else phase end
  where id = (select id from rewraps where finished_at is null order by id limit 1 for update)
    and (held_until is null or held_until < ${t.now}::timestamptz or holder = ${holder}::text)
  returning ${RUN}`

/** 0: somebody else has taken it over, and what this transaction did must not be counted twice. */
export const keepRewrap = (
  t: Tx,
  run: Pick<RewrapRow, 'id' | 'phase' | 'cursor' | 'progress' | 'failed'>,
  holder: string,
  ms: number,
) => t.run`
  update rewraps set phase = ${run.phase}::text, cursor = ${run.cursor}::uuid, progress = ${JSON.stringify(run.progress)}::jsonb,
    failed = ${run.failed}::integer, held_until = ${t.now}::timestamptz + make_interval(secs => ${ms}::float8 / 1000),
    finished_at = case when ${run.phase}::text = 'finished' then ${t.now}::timestamptz end
  where id = ${run.id}::text and holder = ${holder}::text and finished_at is null`

export const releaseRewrap = (t: Tx, id: string, holder: string) => t.run`
  update rewraps set holder = null, held_until = null where id = ${id}::text and holder = ${holder}::text`

export const nextTenants = (t: Tx, after: string | null, atMost: number) => t.rows<{ tenant_id: string }>`
  select tenant_id from countersign_engine.tenants_with_keys(${after}::uuid, ${atMost}::integer) as tenant_id`

export const putTenantWrap = (
  t: Tx,
  scope: Scope,
  row: { version: number; old: Buffer; wrapped: Buffer; root_version: number; root_fingerprint: string },
) => t.run`
  update tenant_keys set wrapped = ${row.wrapped}::bytea, root_version = ${row.root_version}::integer, root_fingerprint = ${row.root_fingerprint}::text
  where tenant_id = ${scope.tenantId}::uuid and version = ${row.version}::integer and wrapped = ${row.old}::bytea`

/** The newest version of the tenant and when it was made. */
export const newestTenantKey = (t: Tx, scope: Scope) => t.maybe<{ version: number; created_at: Date }>`
  select version, created_at from tenant_keys where tenant_id = ${scope.tenantId}::uuid order by version desc limit 1`

// The newest seals; what sealed before only opens. One statement, so no moment has two.
export const sealWithNewest = (t: Tx, scope: Scope) => t.run`
  update tenant_keys as k set state = case when k.version = n.version then 'current' else 'accepted' end
  from (select max(version) as version from tenant_keys where tenant_id = ${scope.tenantId}::uuid and state in ('accepted', 'current')) as n
  where k.tenant_id = ${scope.tenantId}::uuid and k.state in ('accepted', 'current')`

export const retireTenantKeys = (t: Tx, scope: Scope) => t.run`
  update tenant_keys as k set state = 'retired', retired_at = ${t.now}::timestamptz
  where k.tenant_id = ${scope.tenantId}::uuid and k.state = 'accepted'
    and k.version < (select version from tenant_keys where tenant_id = ${scope.tenantId}::uuid and state = 'current')`

export const listRetired = (t: Tx, scope: Scope, before: Date) => t.rows<{ version: number }>`
  select version from tenant_keys
  where tenant_id = ${scope.tenantId}::uuid and state = 'retired' and retired_at < ${before}::timestamptz order by version`

export const destroyRetired = (t: Tx, scope: Scope, version: number) => t.run`
  update tenant_keys set state = 'destroyed', wrapped = null, destroyed_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and version = ${version}::integer and state = 'retired'`

export const nextUserWraps = (t: Tx, root: number, after: string, atMost: number) => t.rows<{
  user_id: string
  version: number
  wrapped: Buffer
}>`
  select user_id, version, wrapped from user_keys
  where wrapped is not null and root_version <> ${root}::integer and user_id || '/' || version > ${after}::text
  order by user_id || '/' || version limit ${atMost}::integer`

export const putUserWrap = (
  t: Tx,
  row: { user_id: string; version: number; old: Buffer; wrapped: Buffer; root_version: number; root_fingerprint: string },
) => t.run`
  update user_keys set wrapped = ${row.wrapped}::bytea, root_version = ${row.root_version}::integer, root_fingerprint = ${row.root_fingerprint}::text
  where user_id = ${row.user_id}::text and version = ${row.version}::integer and wrapped = ${row.old}::bytea`
