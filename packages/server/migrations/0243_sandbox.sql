-- The sandbox of the relay (relay.md R3, R6): its tenant, which has one id on every installation, is nobody's home and stands in no list of tenants; and a relay grant that is
-- marked as such ends a day after it was made, whatever is done to it.

set local role countersign_engine;

-- Where the sign-in of a name that nobody has is recorded: the first tenant of the installation that people live in.
create or replace function countersign_engine.home_tenant() returns uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id from countersign.tenants t where t.id <> '00000000-0000-7000-8000-73616e64626f'::uuid order by t.created_at, t.id limit 1
$$;

-- For hosts: names and states, nothing that lives in a tenant (P11). `only`: one of them.
create or replace function countersign_engine.list_tenants(after uuid, one uuid, at_most integer)
returns table (id uuid, name text, state text, state_since timestamptz, state_by text, state_reason text, created_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id, t.name, t.state, t.state_since, t.state_by, t.state_reason, t.created_at
  from countersign.tenants t
  where (after is null or t.id > after) and (one is null or t.id = one) and t.id <> '00000000-0000-7000-8000-73616e64626f'::uuid
  order by t.id
  limit at_most
$$;

set local role countersign_owner;

alter table countersign.relay_grants add constraint relay_grants_sandbox_day
  check (not sandbox or coalesce(ends_at <= created_at + interval '24 hours' and expires_at <= ends_at, false));
