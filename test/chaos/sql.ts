// What the chaos does to a database, and what it looks at: as the superuser, beside the engine.
export const createLogin = (name: string, password: string) => `create role ${name} login password '${password}'`
export const createDatabase = (name: string, owner: string) => `create database ${name} owner ${owner}`
export const endRandomBackend = `
  select pg_terminate_backend(pid) as ended from pg_stat_activity
  where usename = 'chaos' and pid <> pg_backend_pid() order by random() limit 1`
export const endAllBackends = `select pg_terminate_backend(pid) as ended from pg_stat_activity where usename = 'chaos'`
export const deadTuples = `
  select coalesce(sum(n_dead_tup), 0)::float8 as dead from pg_stat_user_tables where schemaname = 'countersign_queue'`
/** Claims that have been waiting for a lock for 100 ms. */
export const waitingClaims = `
  select query from pg_stat_activity
  where usename = 'chaos' and wait_event_type = 'Lock' and query like '%claim%' and clock_timestamp() - query_start > interval '100 ms'`
export const pinByXid = 'begin; select pg_current_xact_id()'
export const pinByRead = 'begin isolation level repeatable read'
export const unpin = 'rollback'

export const tables = `
  select format('%I.%I', n.nspname, c.relname) as spoken,
    (select array_agg(quote_ident(a.attname) order by a.attnum) from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '') as columns
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'countersign_queue' and c.relkind = 'r' and c.relname <> 'migrations' order by c.relname`
export const readAll = (table: string) => `select count(*) from ${table}`
/** A logical copy, as a dump is: every row of one snapshot, as text. Rows, not JSON, which could not tell a null from none. */
export const openRows = (table: string) => `declare rows no scroll cursor for select t::text as row from ${table} t`
export const someRows = 'fetch 5000 from rows'
export const closeRows = 'close rows'
export const sequences = `
  select format('%I.%I', schemaname, sequencename) as name, last_value::text as at from pg_sequences
  where schemaname = 'countersign_queue' and last_value is not null`
export const setSequence = 'select setval($1::text::regclass, $2::bigint)'
export const statesOf = 'select countersign_queue.job_results($1::text[]) as told'
export const engineBytes = `
  select coalesce(sum(pg_total_relation_size(c.oid)), 0)::float8 as bytes from pg_class c
  where c.relnamespace = 'countersign_queue'::regnamespace and c.relkind = 'r'`
/** So many transactions that did nothing but take a number. */
export const drawXids = (n: number) => `do $$ begin for i in 1..${n} loop perform pg_current_xact_id(); commit; end loop; end $$`
export const currentXid = 'select pg_current_xact_id()::text as xid'
export const empty = (table: string) => `delete from ${table}`
export const restore = (table: string, columns: string[]) =>
  `insert into ${table} (${columns}) overriding system value
   select ${columns.map((column) => `(v).${column}`)} from (select r::${table} as v from unnest($1::text[]) r offset 0) x`
/** Triggers and foreign keys are not for rows that were good already. */
export const asReplica = 'set session_replication_role = replica'
