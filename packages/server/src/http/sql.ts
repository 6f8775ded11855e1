// Every statement of the edge: buckets (P71) and replies (P77). A bucket is one row, and a take is one statement on it with the database's clock.

import type { Scope } from '../db/scope.ts'
import { type Sql, sql } from '../db/sql.ts'
import type { Tx } from '../db/tx.ts'
import type { Lease } from './leases.ts'

/** What a take knows of its bucket afterwards; times in milliseconds. */
export type TakenRow = { at: number; used: number; first: number | null }
/** One want that was let through, by its number. */
export type RateRow = { nth: number; at: number; tat: number }
export type BucketRow = { key: string; now: number; tat: number | null; hits: number[] | null }

const ms = (value: number) => sql`(${value}::float8 * interval '1 millisecond')`
const epoch = (value: Sql) => sql`(extract(epoch from ${value}) * 1000)::float8`
const now = sql`countersign.now()`

export type Rate = { key: string; unit: number; burst: number; idle: number }
/** `call`: whose want it is. `place`: of its bucket among the rates, from 1. */
export type RateWant = { call: number; place: number; cost: number }

/** The wants of any number of calls, in one round trip (0231_rates_together.sql says how). */
export const takeRates = (rates: readonly Rate[], wants: readonly RateWant[]): Sql => sql`
  select nth, at, tat from countersign.take_rates(${rates.map((one) => one.key)}::text[], ${rates.map((one) => one.unit)}::float8[],
    ${rates.map((one) => one.burst)}::float8[], ${rates.map((one) => one.idle)}::float8[], ${wants.map((one) => one.call)}::integer[],
    ${wants.map((one) => one.place)}::integer[], ${wants.map((one) => one.cost)}::float8[])`

// In each `on conflict do update` PostgreSQL locks the row first and evaluates the expressions on its newest version afterwards, and countersign.now()
// is volatile: so of any number of processes each sees the bucket as the one before left it, with a time that is not older. No read precedes the write.

/** Exact sliding log: a hit counts until more than `per` has passed, to the millisecond that the clock is cut to. */
export function takeWindow(key: string, { limit, per }: { limit: number; per: number }): Sql {
  const live = sql`from unnest(b.hits) as hit where hit + ${ms(per)} >= ${now}`
  return sql`
    insert into countersign.buckets as b (key, hits, idle_at) values (${key}::text, array[${now}], ${now} + ${ms(2 * per)})
    on conflict (key) do update set hits = array(select hit ${live} order by hit) || ${now}, idle_at = excluded.idle_at
    where (select count(*) ${live}) < ${limit}::integer
    returning ${epoch(now)} as at, cardinality(b.hits) as used, ${epoch(sql`b.hits[1]`)} as first`
}

/** Every take counts as a failure until a success empties the row; from the `from`th on, each opens a wait twice as long as the one before. */
export function takeBackOff(
  key: string,
  { from, wait, most, idle }: { from: number; wait: number; most: number; idle: number },
): Sql {
  const pause = (failures: Sql) => sql`case when ${failures} >= ${from}::integer
    then ${now} + least(${wait}::float8 * power(2, least(${failures} - ${from}::integer, 30)), ${most}::float8) * interval '1 millisecond' end`
  return sql`
    insert into countersign.buckets as b (key, failures, tat, idle_at) values (${key}::text, 1, ${pause(sql`1`)}, ${now} + ${ms(idle)})
    on conflict (key) do update set failures = b.failures + 1, tat = ${pause(sql`b.failures + 1`)}, idle_at = excluded.idle_at
    where b.tat is null or b.tat <= ${now}
    returning ${epoch(now)} as at, b.failures as used, null::float8 as first`
}

/** Read only after a refusal, to say when to come back. */
export const findBuckets = (keys: string[]): Sql => sql`
  select key, ${epoch(now)} as now, ${epoch(sql`tat`)} as tat,
    (select array_agg(${epoch(sql`hit`)} order by hit) from unnest(hits) as hit) as hits
  from countersign.buckets where key = any(${keys}::text[])`

export const deleteBucket = (key: string): Sql => sql`delete from countersign.buckets where key = ${key}::text`

export const sweepBuckets = (): Sql => sql`select countersign_engine.sweep_buckets() as swept`

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

// Of many rows: they are locked in the order of their keys, so that two processes that renew or give back the same ones wait for each other and never in a ring. The update sees
// each row as whoever was before it left it.
const lockedLeases = (all: readonly Lease[]) => sql`
  with mine as (
    select one.key, array_agg(one.holder) as holders
    from unnest(${all.map(({ row }) => row)}::text[], ${all.map(({ holder }) => holder)}::text[]) as one (key, holder) group by one.key
  ), locked as (
    select mine.* from countersign.buckets b join mine on mine.key = b.key order by b.key for update of b
  )`

/** What is not there any more does not come back. */
export const renewLeases = (all: readonly Lease[], leaseMs: number): Sql => sql`${lockedLeases(all)}
  update countersign.buckets b set idle_at = ${now} + ${ms(2 * leaseMs)}, leases = b.leases || (
    select jsonb_object_agg(holder, ${epoch(now)} + ${leaseMs}::float8) from unnest(locked.holders) as holder where b.leases ? holder)
  from locked where b.key = locked.key and b.leases ?| locked.holders`

export const releaseLeases = (all: readonly Lease[]): Sql => sql`${lockedLeases(all)}
  update countersign.buckets b set leases = b.leases - locked.holders from locked where b.key = locked.key`

export type BegunReply = { outcome: 'begun' | 'in_flight' | 'mismatch' | 'replay'; id: string; reply: Buffer | null }

/** `leaseMs` and `keepMs` are the same for all of a server. */
export type ReplyAttempt = { scope: Scope; route: string; keyHash: Buffer; fingerprint: Buffer; attempt: string }
export type ReplyTimes = { leaseMs: number; keepMs: number }

/** `again`: only a look at this one alone can tell (0250_replies_together.sql says when). */
export type BegunTogether = Omit<BegunReply, 'outcome'> & { nth: number; outcome: BegunReply['outcome'] | 'again' }

export const beginReplies = (all: readonly ReplyAttempt[], times: ReplyTimes): Sql => sql`
  select nth, outcome, id, reply from countersign_engine.begin_replies(${all.map(({ scope }) => scope.tenantId)}::uuid[],
    ${all.map(({ scope }) => scope.principal)}::text[], ${all.map(({ route }) => route)}::text[], ${all.map(({ keyHash }) => keyHash)}::bytea[],
    ${all.map(({ fingerprint }) => fingerprint)}::bytea[], ${all.map(({ attempt }) => attempt)}::text[], ${ms(times.leaseMs)}, ${ms(times.keepMs)})`

export const beginReply = (one: ReplyAttempt, times: ReplyTimes): Sql => sql`
  select outcome, id, reply from countersign_engine.begin_reply(${one.scope.tenantId}::uuid, ${one.scope.principal}::text, ${one.route}::text,
    ${one.keyHash}::bytea, ${one.fingerprint}::bytea, ${one.attempt}::text, ${ms(times.leaseMs)}, ${ms(times.keepMs)})`

/** In the transaction of the effects. One that is not answered: its lease lapsed and another attempt has taken over, so this one must not commit. */
export const completeReplies = (t: Tx, scope: Scope, all: readonly { id: string; reply: Buffer }[]) => t.rows<{ id: string }>`
  update replies r set reply = x.reply from unnest(${all.map((one) => one.id)}::text[], ${all.map((one) => one.reply)}::bytea[]) as x (id, reply)
  where r.tenant_id = ${scope.tenantId}::uuid and r.id = x.id
  returning r.id`

/** After a refusal that is not kept: the key is free again. A reply that was completed stays. */
export const releaseReply = (t: Tx, scope: Scope, attempt: string) => t.run`
  delete from replies where tenant_id = ${scope.tenantId}::uuid and id = ${attempt}::text and reply is null`

export const sweepReplies = (batch: number): Sql => sql`select countersign_engine.sweep_replies(${batch}::integer) as swept`
