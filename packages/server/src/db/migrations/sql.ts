// The statements of the migration runner: its lock, its ledger, and the movable clock of test databases.
export type Applied = { series: string; number: number; name: string; checksum: string; breaking: boolean }

// One migrator at a time. Scoped to the transaction, so that it also holds behind a pooler and ends with the connection.
// 0x636f756e is 'coun' in ASCII.
export const lockMigrations = `select pg_advisory_xact_lock(x'636f756e'::int, 1)`

export const startFile = `set local role countersign_owner; set local search_path = countersign, pg_temp`

export const ledger = `
  create schema if not exists countersign;
  create table if not exists countersign.migrations (
    series text not null,
    number integer not null,
    name text not null,
    checksum text not null,
    breaking boolean not null,
    applied_at timestamptz(3) not null default clock_timestamp(),
    primary key (series, number)
  )`

export const listApplied = `select series, number, name, checksum, breaking from countersign.migrations order by series, number`

export const insertApplied = `
  insert into countersign.migrations (series, number, name, checksum, breaking)
  values ($1::text, $2::integer, $3::text, $4::text, $5::boolean)`

/** The queue's own word for it; the owner's alone. */
export const breakQueue = `select countersign_queue.break_with($1::integer)`

export const testClockSql = `
  create table if not exists countersign.test_clock (offset_ms bigint not null);
  insert into countersign.test_clock (offset_ms) select 0 where not exists (select from countersign.test_clock);
  grant select on countersign.test_clock to public;
  create or replace function countersign.now() returns timestamptz
  language sql volatile parallel safe
  return date_trunc('milliseconds', clock_timestamp())
    + (select offset_ms * interval '1 millisecond' from countersign.test_clock)`

/** Whether the clock was made movable, how far ahead it is, and further. */
export const isMovable = `select to_regclass('countersign.test_clock') is not null as there`
export const readMoved = 'select offset_ms from countersign.test_clock'
export const moveClock = 'update countersign.test_clock set offset_ms = offset_ms + $1::bigint'
