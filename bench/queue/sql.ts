// What the benchmarks ask of a database beside the queue under test. Nothing here is on a measured path.

export const createLogin = (password: string) => `create role bench login password '${password}'`
export const createTemplate = (name: string) => `create database ${name} owner bench`
export const cloneTemplate = (name: string, template: string) => `create database ${name} template ${template} owner bench`
export const dropDatabase = (name: string) => `drop database if exists ${name} with (force)`
export const checkpoint = 'checkpoint'

export const walPosition = `select pg_current_wal_insert_lsn() - '0/0'::pg_lsn as bytes`
/** What the cumulative statistics of this database hold is flushed by each backend at most once a second. */
export const deadTuples = `
  select coalesce(sum(n_dead_tup), 0)::float8 as dead from pg_stat_user_tables where schemaname = $1`
export const sizeOf = `
  select coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8 as bytes
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind in ('r', 'm')`
export const tablesOf = `
  select format('%I.%I', n.nspname, c.relname) as name
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1 and c.relkind in ('r', 'p') order by 1`
export const settingsOf = `select name, current_setting(name) as value from pg_settings where name = any ($1)`
export const version = `select current_setting('server_version') as version`

/** A snapshot that pins the horizon: a transaction that wrote, or one that reads. */
export const pinByXid = 'begin; select pg_current_xact_id()'
export const pinByRead = 'begin isolation level repeatable read'
export const readAll = (table: string) => `select count(*) from ${table}`
export const unpin = 'rollback'

/** Whether a peer has work left that is not over. */
export const graphileLive = 'select exists (select from graphile_worker._private_jobs) as live'
export const bossLive = `select exists (select from pgboss.job where name = 'bench' and state < 'completed') as live`

/** By the database's own times: from the first claim to the last, and the most in any second. */
export const claimRate = `
  select extract(epoch from max(claimed_at) - min(claimed_at))::float8 as took, max(n)::float8 as most
  from (select claimed_at, count(*) over (order by claimed_at range between current row and interval '999.999 ms' following) as n
    from countersign_queue.jobs where claimed_at is not null) claims`
