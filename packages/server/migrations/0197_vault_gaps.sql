-- What the vault's flows remember besides: the name of a client's key, how often a registration went out without an answer, which scopes a provider asked for in
-- addition, and who was reminded that a key ends.

alter table countersign.clients
  -- `kid` of the key with which it signs (RFC 7523); public.
  add column key_id text check (char_length(key_id) between 1 and 200),
  -- Registrations that were sent since an answer was last stored (V39).
  add column sent integer not null default 0;

alter table countersign.connections
  -- By a 403 `insufficient_scope` (V38); gone with the next sign-in.
  add column asked_scopes text[] not null default '{}' check (cardinality(asked_scopes) <= 100),
  -- A reminder that the key ends was told for so many days before; null: none yet (V50).
  add column reminded_days integer;

create index connections_ending on countersign.connections (expires_at) where status = 'connected' and refresh_at is null and expires_at is not null;
create index authorizations_settled on countersign.authorizations (tenant_id, settled_at) where settled_at is not null;
grant select (expires_at, reminded_days) on countersign.connections to countersign_engine;
grant select (settled_at) on countersign.authorizations to countersign_engine;

set local role countersign_engine;

-- What nothing renews and what ends within a month: each as often as there are reminders that were not told (30, 7 and 1 days before).
create function countersign_engine.connections_ending(at_most integer) returns table (tenant_id uuid, id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select c.tenant_id, c.id from countersign.connections c
  where c.status = 'connected' and c.refresh_at is null and c.expires_at <= countersign.now() + interval '30 days'
    and (c.reminded_days is null
      or (c.reminded_days > 7 and c.expires_at <= countersign.now() + interval '7 days')
      or (c.reminded_days > 1 and c.expires_at <= countersign.now() + interval '1 day')
      or (c.reminded_days > 0 and c.expires_at <= countersign.now()))
  order by c.expires_at limit at_most
$$;

-- Authorizations that ended a month ago, by tenant.
create function countersign_engine.tenants_with_settled_authorizations(before timestamptz) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select distinct a.tenant_id from countersign.authorizations a where a.settled_at < before
$$;

grant execute on function countersign_engine.connections_ending(integer),
  countersign_engine.tenants_with_settled_authorizations(timestamptz) to countersign_runtime;

set local role countersign_owner;
