// What PostgreSQL's own catalogue says about our schemas, the login and the connection. Reads only; any login may.
export type TableRow = {
  name: string
  owner: string
  row_security: 'forced' | 'on' | 'off'
  columns: string[]
  indexes: { name: string; definition: string; leads_with: string }[]
  policies: PolicyRow[]
}
export type PolicyRow = {
  name: string
  permissive: boolean
  command: string
  roles: string[]
  using: string | null
  check: string | null
}
export type FunctionRow = { name: string; owner: string; definer: boolean; settings: string[] }
export type GrantRow = { object: string; grantee: string; privileges: string[] }
export type LoginRow = {
  login: string
  superuser: boolean
  bypasses: boolean
  makes_roles: boolean
  owned: string[]
  creates_in: string[]
  may_become: string[]
}
export type RoleRow = {
  name: string
  login: boolean
  inherit: boolean
  powers: string[]
  member_of: string[]
}
export type ServerRow = {
  version_number: number
  version: string
  in_recovery: boolean
  read_only: boolean
  database: string
  database_owner: string
  test_clock: boolean
}

const SCHEMAS = `('countersign', 'countersign_engine', 'countersign_queue')`

// The analyser renames a bare subselect's column differently between versions, so names after AS are left out.
const plain = (expression: string) => `regexp_replace(${expression}, ' AS "?[a-z]+"?\\)', ')', 'g')`

export const listTables = `
  select n.nspname || '.' || c.relname as name, pg_get_userbyid(c.relowner)::text as owner,
    case when c.relforcerowsecurity and c.relrowsecurity then 'forced' when c.relrowsecurity then 'on' else 'off' end as row_security,
    array(
      select a.attname || ' ' || format_type(a.atttypid, a.atttypmod) || case when a.attnotnull then ' not null' else '' end
      from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum
    ) as columns,
    coalesce((
      select json_agg(json_build_object(
        'name', i.relname, 'definition', pg_get_indexdef(x.indexrelid), 'leads_with', pg_get_indexdef(x.indexrelid, 1, true)
      ) order by i.relname)
      from pg_index x join pg_class i on i.oid = x.indexrelid where x.indrelid = c.oid
    ), '[]') as indexes,
    coalesce((
      select json_agg(json_build_object(
        'name', p.polname, 'permissive', p.polpermissive,
        'command', case p.polcmd when 'r' then 'select' when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'all' end,
        'roles', array(select case r when 0 then 'public' else pg_get_userbyid(r)::text end from unnest(p.polroles) r order by 1),
        'using', ${plain('pg_get_expr(p.polqual, p.polrelid)')},
        'check', ${plain('pg_get_expr(p.polwithcheck, p.polrelid)')}
      ) order by p.polname)
      from pg_policy p where p.polrelid = c.oid
    ), '[]') as policies
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname in ${SCHEMAS} and c.relkind in ('r', 'p')
  order by 1`

export const listFunctions = `
  select n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' as name,
    pg_get_userbyid(p.proowner) as owner, p.prosecdef as definer, coalesce(p.proconfig, '{}') as settings
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace
  where n.nspname in ${SCHEMAS}
  order by 1`

// What an owner may do with its own is left out: it says nothing.
export const listGrants = `
  with granted as (
    select 'table ' || n.nspname || '.' || c.relname as object, c.relowner as owner, a.grantee, a.privilege_type
    from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
    where n.nspname in ${SCHEMAS} and c.relkind in ('r', 'p', 'v', 'm')
    union all
    select 'sequence ' || n.nspname || '.' || c.relname, c.relowner, a.grantee, a.privilege_type
    from pg_class c join pg_namespace n on n.oid = c.relnamespace, aclexplode(c.relacl) a
    where n.nspname in ${SCHEMAS} and c.relkind = 'S'
    union all
    select 'table ' || n.nspname || '.' || c.relname, c.relowner, a.grantee, a.privilege_type || ' (' || t.attname || ')'
    from pg_attribute t join pg_class c on c.oid = t.attrelid join pg_namespace n on n.oid = c.relnamespace, aclexplode(t.attacl) a
    where n.nspname in ${SCHEMAS}
    union all
    select 'function ' || n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', p.proowner, a.grantee, a.privilege_type
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    where n.nspname in ${SCHEMAS}
    union all
    select 'schema ' || n.nspname, n.nspowner, a.grantee, a.privilege_type
    from pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
    where n.nspname in ${SCHEMAS} or (n.nspname = 'public' and a.grantee = 0)
    union all
    select 'database', d.datdba, a.grantee, a.privilege_type
    from pg_database d, aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
    where d.datname = current_database() and (a.grantee = 0 or pg_get_userbyid(a.grantee) ~ '^countersign_(?!run_)')
  )
  select object, case grantee when 0 then 'public' else pg_get_userbyid(grantee)::text end as grantee,
    array_agg(lower(privilege_type) order by privilege_type) as privileges
  from granted where grantee <> owner
  group by 1, 2 order by 1, 2`

export const describeLogin = `
  select r.rolname as login, r.rolsuper as superuser, r.rolbypassrls as bypasses, r.rolcreaterole or r.rolcreatedb as makes_roles,
    array(
      select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where c.relowner = r.oid and c.relkind in ('r', 'p') order by 1 limit 5
    ) as owned,
    array(
      select 'schema ' || n.nspname from pg_namespace n
      where n.nspname in ('public', 'countersign', 'countersign_engine', 'countersign_queue') and has_schema_privilege(n.oid, 'create')
      union all
      select 'database ' || current_database() where has_database_privilege(current_database(), 'create')
    ) as creates_in,
    array(
      select p.rolname::text from pg_roles p
      where p.rolname in ('countersign_owner', 'countersign_engine', 'countersign_migrator') and pg_has_role(r.oid, p.oid, 'member')
      order by 1
    ) as may_become
  from pg_roles r where r.rolname = current_user`

/** What a login that only calls functions reaches of the tables, and whether the functions are there that it calls. */
export const describeReach = `
  select array(
      select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname in ('countersign', 'countersign_queue') and c.relkind in ('r', 'p', 'v')
        -- The clock that development and tests move tells everybody the time.
        and c.relname <> 'test_clock'
        and (has_table_privilege(c.oid, 'select, insert, update, delete') or has_any_column_privilege(c.oid, 'select, insert, update'))
      order by 1 limit 5
    ) as tables,
    array(
      select name from unnest($1::text[]) as named (name)
      where not exists (
        select from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'countersign_engine' and p.proname = named.name and has_function_privilege(p.oid, 'execute'))
      order by 1
    ) as missing`
export type ReachRow = { tables: string[]; missing: string[] }

export const listRoles = `
  select r.rolname as name, r.rolcanlogin as login, r.rolinherit as inherit,
    array_remove(array[
      case when r.rolsuper then 'superuser' end, case when r.rolbypassrls then 'bypassrls' end, case when r.rolcreaterole then 'createrole' end,
      case when r.rolcreatedb then 'createdb' end, case when r.rolreplication then 'replication' end
    ], null) as powers,
    array(select pg_get_userbyid(m.roleid)::text from pg_auth_members m where m.member = r.oid order by 1) as member_of
  from pg_roles r where r.rolname = any ($1::text[])`

export const describeServer = `
  select current_setting('server_version_num')::integer as version_number, current_setting('server_version') as version,
    pg_is_in_recovery() as in_recovery, current_setting('transaction_read_only') = 'on' as read_only,
    current_database() as database, pg_get_userbyid(d.datdba) as database_owner,
    to_regclass('countersign.test_clock') is not null as test_clock
  from pg_database d where d.datname = current_database()`

export const hasLedger = `
  select to_regclass('countersign.migrations') is not null
    and has_table_privilege(to_regclass('countersign.migrations'), 'select') as readable`

export const readClock = `select clock_timestamp() as now`

export const whereAmI = `
  select pg_backend_pid() as pid, nullif(current_setting('countersign.principal', true), '') as principal`

export type OwnerRow = {
  kind: 'schema' | 'table' | 'sequence' | 'view' | 'materialized view' | 'function' | 'type'
  schema: string
  name: string
  owner: string
  login: boolean
  superuser: boolean
}

// A sequence of an identity column follows its table, an array and a table's row type follow theirs: none of these is named.
export const listOwners = `
  with owned as (
    select 'schema' as kind, n.nspname as schema, n.nspname::text as name, n.nspowner as owner, 0 as rank
    from pg_namespace n where n.nspname in ${SCHEMAS}
    union all
    select case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' else 'table' end, n.nspname,
      quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relowner, 1
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname in ${SCHEMAS} and c.relkind in ('r', 'p', 'v', 'm', 'S')
      and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('i', 'a') and c.relkind = 'S'
        and d.refclassid = 'pg_class'::regclass)
    union all
    select 'type', n.nspname, quote_ident(n.nspname) || '.' || quote_ident(t.typname), t.typowner, 2
    from pg_type t join pg_namespace n on n.oid = t.typnamespace
    where n.nspname in ${SCHEMAS} and t.typrelid = 0 and t.typelem = 0
    union all
    select 'function', n.nspname, n.nspname || '.' || p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', p.proowner, 3
    from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname in ${SCHEMAS}
  )
  select o.kind, o.schema, o.name, r.rolname::text as owner, r.rolcanlogin as login, r.rolsuper as superuser
  from owned o join pg_roles r on r.oid = o.owner
  order by o.rank, o.name`

// Two administrators take turns. Nobody who serves waits longer behind us than their own statements may.
export const setAdoptLimits = `
  set local lock_timeout = '3s';
  set local statement_timeout = '60s';
  select pg_advisory_xact_lock(x'636f756e'::int, 9)`

// Only a superuser may: then whoever serves notices a deadlock first, gives way and simply runs again, while what we hold grows until it is all.
export const setPatience = `
  select current_user::text as me, r.rolsuper as superuser,
    case when r.rolsuper then set_config('deadlock_timeout', '30s', true) end as patience
  from pg_roles r where r.rolname = current_user`
