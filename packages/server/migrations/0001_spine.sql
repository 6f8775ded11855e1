-- The ground under every other migration: rights, time, tenants, and the one way to make a tenant table.
-- Runs as countersign_owner; the roles exist already (countersign db roles --print).

-- Nothing made by us is callable by everybody, from its first second (P16).
alter default privileges revoke execute on functions from public;
alter default privileges revoke usage on types from public;
set local role countersign_engine;
alter default privileges revoke execute on functions from public;
set local role countersign_owner;

create schema countersign_engine;
create schema countersign_queue;

-- The engine makes its functions in schemas of its own and owns no table.
grant usage on schema countersign to countersign_runtime, countersign_engine;
grant usage, create on schema countersign_engine to countersign_engine;
grant usage on schema countersign_engine to countersign_runtime;
grant usage, create on schema countersign_queue to countersign_engine;
grant usage on schema countersign_queue to
  countersign_producer, countersign_worker, countersign_callback, countersign_reader, countersign_admin, countersign_maintenance;

grant select on countersign.migrations to countersign_runtime;

-- The one source of time. A database of the tests replaces it by one that can be moved.
create function countersign.now() returns timestamptz
language sql volatile parallel safe
return date_trunc('milliseconds', clock_timestamp());
grant execute on function countersign.now() to countersign_runtime, countersign_engine,
  countersign_producer, countersign_worker, countersign_callback, countersign_reader, countersign_admin, countersign_maintenance;

-- Makes a table a tenant table (P2): row security on and forced, the one policy, the rights of the runtime role.
-- The scalar subselect is planned once a statement; nullif because the setting reads as '' after COMMIT.
create function countersign.make_tenant_table(name text, privileges text[], tenant_column text default 'tenant_id') returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  same text := format('%I = (select nullif(current_setting(''countersign.tenant'', true), '''')::uuid)', tenant_column);
begin
  if not exists (
    select from pg_attribute a
    where a.attrelid = format('countersign.%I', name)::regclass and a.attname = tenant_column and a.atttypid = 'uuid'::regtype
      and a.attnotnull and (a.attnum = 2 or tenant_column <> 'tenant_id')
  ) then
    raise exception 'countersign.% needs "tenant_id uuid not null" as its second column', name;
  end if;
  execute format('alter table countersign.%I enable row level security', name);
  execute format('alter table countersign.%I force row level security', name);
  execute format('create policy tenant on countersign.%I to countersign_runtime using (%s) with check (%s)', name, same, same);
  execute format('grant %s on countersign.%I to countersign_runtime', array_to_string(privileges, ', '), name);
end
$$;

-- Lets the engine's functions reach a tenant table across tenants (P7): its own policy, and only the rights that are named,
-- for example grant_engine('sessions', 'select (id, tenant_id, token_hash)', 'update (last_seen_at)').
create function countersign.grant_engine(name text, variadic privileges text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  execute format('create policy engine on countersign.%I to countersign_engine using (true) with check (true)', name);
  execute format('grant %s on countersign.%I to countersign_engine', array_to_string(privileges, ', '), name);
end
$$;

-- `closing` is reversible for 30 days, `erased` is not (P11).
create table countersign.tenants (
  id uuid primary key,
  name text not null check (char_length(name) between 1 and 200),
  state text not null default 'active' check (state in ('active', 'suspended', 'closing', 'erased')),
  state_since timestamptz(3) not null default countersign.now(),
  created_at timestamptz(3) not null default countersign.now()
);
select countersign.make_tenant_table('tenants', array['select', 'insert', 'update'], 'id');
select countersign.grant_engine('tenants', 'select');
