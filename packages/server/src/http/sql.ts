// Every statement of the edge: buckets (P71) and replies (P77). A bucket is one row, and a take is one statement on it with the database's clock.

import type { Scope } from '../db/scope.ts'
import { join, type Sql, sql } from '../db/sql.ts'
import type { Tx } from '../db/tx.ts'

/** What a take knows of its bucket afterwards; times in milliseconds. `used` is null for a gcra. */
export type TakenRow = { at: number; nth: number; tat: number | null; used: number | null; first: number | null }
export type BucketRow = { key: string; now: number; tat: number | null; hits: number[] | null }

const ms = (value: number) => sql`(${value}::float8 * interval '1 millisecond')`
const epoch = (value: Sql) => sql`(extract(epoch from ${value}) * 1000)::float8`
const now = sql`countersign.now()`

// In each `on conflict do update` PostgreSQL locks the row first and evaluates the expressions on its newest version afterwards, and countersign.now()
// is volatile: so of any number of processes each sees the bucket as the one before left it, with a time that is not older. No read precedes the write.
type Part = { insert: Sql; taken: Sql }

/** Generic cell rate: the bucket is empty at `tat`, each unit moves it by `unit`, and it may lie at most `burst` units ahead of now. */
export function takeGcra(
  key: string,
  { unit, burst, cost, idle }: { unit: number; burst: number; cost: number; idle: number },
  after: Sql,
): Part {
  return {
    insert: sql`insert into countersign.buckets as b (key, tat, idle_at)
      select ${key}::text, ${now} + ${ms(unit * cost)}, ${now} + ${ms(idle)} where ${after}
      on conflict (key) do update set tat = greatest(b.tat, ${now}) + ${ms(unit * cost)}, idle_at = excluded.idle_at
      where b.tat is null or b.tat + ${ms(unit * cost)} <= ${now} + ${ms(unit * burst)}
      returning b.tat`,
    taken: sql`${epoch(sql`tat`)}, null::integer, null::float8`,
  }
}

/** Exact sliding log: a hit counts until more than `per` has passed, to the millisecond that the clock is cut to. */
export function takeWindow(key: string, { limit, per }: { limit: number; per: number }, after: Sql): Part {
  const live = sql`from unnest(b.hits) as hit where hit + ${ms(per)} >= ${now}`
  return {
    insert: sql`insert into countersign.buckets as b (key, hits, idle_at)
      select ${key}::text, array[${now}], ${now} + ${ms(2 * per)} where ${after}
      on conflict (key) do update set hits = array(select hit ${live} order by hit) || ${now}, idle_at = excluded.idle_at
      where (select count(*) ${live}) < ${limit}::integer
      returning b.hits`,
    taken: sql`null::float8, cardinality(hits), ${epoch(sql`hits[1]`)}`,
  }
}

/** Every take counts as a failure until a success empties the row; from the `from`th on, each opens a wait twice as long as the one before. */
export function takeBackOff(
  key: string,
  { from, wait, most, idle }: { from: number; wait: number; most: number; idle: number },
  after: Sql,
): Part {
  const pause = (failures: Sql) => sql`case when ${failures} >= ${from}::integer
    then ${now} + least(${wait}::float8 * power(2, least(${failures} - ${from}::integer, 30)), ${most}::float8) * interval '1 millisecond' end`
  return {
    insert: sql`insert into countersign.buckets as b (key, failures, tat, idle_at)
      select ${key}::text, 1, ${pause(sql`1`)}, ${now} + ${ms(idle)} where ${after}
      on conflict (key) do update set failures = b.failures + 1, tat = ${pause(sql`b.failures + 1`)}, idle_at = excluded.idle_at
      where b.tat is null or b.tat <= ${now}
      returning b.failures`,
    taken: sql`null::float8, failures, null::float8`,
  }
}

/** All takes of a request in one round trip; one that is refused keeps those behind it from counting. */
export function takeAll(parts: ((after: Sql) => Part)[]): Sql {
  const made = parts.map((part, i) => part(i === 0 ? sql`true` : sql`exists (select from ${name(i - 1)})`))
  const ctes = made.map((part, i) => sql`${name(i)} as (${part.insert})`)
  const rows = made.map((part, i) => sql`select ${i}::integer, ${epoch(now)}, ${part.taken} from ${name(i)}`)
  return sql`with ${join(ctes, ', ')} select * from (${join(rows, ' union all ')}) as taken (nth, at, tat, used, first)`
}

// A name of ours with a number, never a value from outside.
const name = (i: number): Sql => sql([`b${i}`])

/** Read only after a refusal, to say when to come back. */
export const findBuckets = (keys: string[]): Sql => sql`
  select key, ${epoch(now)} as now, ${epoch(sql`tat`)} as tat,
    (select array_agg(${epoch(sql`hit`)} order by hit) from unnest(hits) as hit) as hits
  from countersign.buckets where key = any(${keys}::text[])`

export const deleteBucket = (key: string): Sql => sql`delete from countersign.buckets where key = ${key}::text`

export const sweepBuckets = (): Sql => sql`delete from countersign.buckets where idle_at < ${now}`

// What is held at once stands in one row as holder → end: the row's lock makes the count exact, and the lease of a process that died ends by itself.
const liveLeases = sql`from jsonb_each_text(b.leases) as held (holder, until) where held.until::float8 > ${epoch(now)}`
const lease = (holder: string, leaseMs: number) => sql`jsonb_build_object(${holder}::text, ${epoch(now)} + ${leaseMs}::float8)`

export const takeLease = (key: string, holder: string, limit: number, leaseMs: number): Sql => sql`
  insert into countersign.buckets as b (key, leases, idle_at)
  values (${key}::text, ${lease(holder, leaseMs)}, ${now} + ${ms(2 * leaseMs)})
  on conflict (key) do update
    set leases = coalesce((select jsonb_object_agg(holder, until::float8) ${liveLeases}), '{}'::jsonb) || ${lease(holder, leaseMs)}, idle_at = excluded.idle_at
    where (select count(*) ${liveLeases} and held.holder <> ${holder}::text) < ${limit}::integer
  returning 1 as held`

export const renewLease = (key: string, holder: string, leaseMs: number): Sql => sql`
  update countersign.buckets set leases = leases || ${lease(holder, leaseMs)}, idle_at = ${now} + ${ms(2 * leaseMs)}
  where key = ${key}::text and leases ? ${holder}::text`

export const releaseLease = (key: string, holder: string): Sql => sql`
  update countersign.buckets set leases = leases - ${holder}::text where key = ${key}::text`

export type BegunReply = { outcome: 'begun' | 'in_flight' | 'mismatch' | 'replay'; id: string; reply: Buffer | null }

export const beginReply = (
  scope: Scope,
  at: { route: string; keyHash: Buffer; fingerprint: Buffer; attempt: string; leaseMs: number; keepMs: number },
): Sql => sql`
  select outcome, id, reply from countersign_engine.begin_reply(${scope.tenantId}::uuid, ${scope.principal}::text, ${at.route}::text,
    ${at.keyHash}::bytea, ${at.fingerprint}::bytea, ${at.attempt}::text, ${ms(at.leaseMs)}, ${ms(at.keepMs)})`

/** In the transaction of the effect. Zero rows: the lease lapsed and another attempt has taken over, so this one must not commit. */
export const completeReply = (t: Tx, scope: Scope, attempt: string, reply: Buffer) => t.run`
  update replies set reply = ${reply}::bytea where tenant_id = ${scope.tenantId}::uuid and id = ${attempt}::text`

/** After a refusal that is not kept: the key is free again. A reply that was completed stays. */
export const releaseReply = (t: Tx, scope: Scope, attempt: string) => t.run`
  delete from replies where tenant_id = ${scope.tenantId}::uuid and id = ${attempt}::text and reply is null`

export const sweepReplies = (batch: number): Sql => sql`select countersign_engine.sweep_replies(${batch}::integer) as swept`
