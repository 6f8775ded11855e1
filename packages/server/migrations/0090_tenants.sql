-- The life of a tenant (P11), people of several tenants (P20), the one door between tenants (P12), and logins that may do one thing each (P18).

-- Who put a tenant into its state, and why. The reason is what a host or an owner wrote; it holds no data of the tenant.
alter table countersign.tenants
  add column state_by text not null default 'system:setup',
  add column state_reason text check (char_length(state_reason) between 1 and 1000);

-- Where somebody with several tenants was last: the next sign-in leads there.
alter table countersign.roles add column chosen_at timestamptz(3);
grant select (chosen_at) on countersign.roles to countersign_engine;

-- A host's request to look into one tenant. `asked` → `open` → `closed`, or `refused`, `withdrawn`, `expired`. `hosts_from`: from then on a second host may decide.
create table countersign.break_glass (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  host_id text collate "C" not null references countersign.users,
  reason text not null check (char_length(reason) between 20 and 1000),
  minutes integer not null check (minutes between 1 and 30),
  state text not null check (state in ('asked', 'open', 'refused', 'withdrawn', 'expired', 'closed')),
  task_id text collate "C",
  asked_at timestamptz(3) not null,
  hosts_from timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  decided_at timestamptz(3),
  decided_by text collate "C",
  decided_as text check (decided_as in ('owner', 'host')),
  ends_at timestamptz(3),
  closed_at timestamptz(3),
  closed_by text collate "C",
  closed_reason text check (closed_reason in ('time', 'left', 'ended_by_owner', 'ended_by_host')),
  primary key (tenant_id, id),
  foreign key (tenant_id, task_id) references countersign.tasks (tenant_id, id),
  -- Nobody lets themselves in.
  check (decided_by is distinct from host_id),
  check ((state in ('open', 'closed')) = (ends_at is not null)),
  check (ends_at <= decided_at + interval '30 minutes'),
  check ((state in ('open', 'refused', 'closed')) = (decided_at is not null)),
  check ((state = 'closed') = (closed_at is not null))
);
-- One request of a host for a tenant at a time.
create unique index break_glass_live on countersign.break_glass (tenant_id, host_id) where state in ('asked', 'open');
select countersign.make_tenant_table('break_glass', array['select', 'insert', 'update']);
select countersign.grant_engine('break_glass', 'select');

-- A session that came through that door: it lives as long as the door is open, and has no role.
alter table countersign.sessions
  add column break_glass_id text collate "C",
  add foreign key (tenant_id, break_glass_id) references countersign.break_glass (tenant_id, id);
grant select (break_glass_id) on countersign.sessions to countersign_engine;

-- For the end of a tenant: see destroy_tenant_keys.
grant select (tenant_id), delete on countersign.tenant_keys to countersign_engine;
-- For sweep_buckets.
grant select (idle_at), delete on countersign.buckets to countersign_engine;

-- Processes that have a login of their own ask for the time, and which files have run, before they begin (P153).
grant usage on schema countersign to countersign_callback, countersign_maintenance;
grant select on countersign.migrations to countersign_callback, countersign_maintenance;
grant usage on schema countersign_engine to countersign_maintenance;
-- Who keeps the house signs heads of the record: it holds the root key and says so on a lease. Tables of the installation; none of a tenant.
grant select on countersign.root_keys, countersign.keyring_state, countersign.kept_keys, countersign.verification_keys to countersign_maintenance;
grant select (wrapped, root_version, root_fingerprint) on countersign.user_keys to countersign_maintenance;
grant insert on countersign.root_keys, countersign.verification_keys to countersign_maintenance;
grant select, insert, update, delete on countersign.keyring_leases to countersign_maintenance;

set local role countersign_engine;

-- Where somebody was last comes first.
create or replace function countersign_engine.tenants_of_user(of_user text)
returns table (tenant_id uuid, role text, given_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select r.tenant_id, r.role, r.given_at
  from countersign.roles r
  join countersign.tenants t on t.id = r.tenant_id
  where r.user_id = of_user and r.deactivated_at is null and t.state <> 'erased'
  order by r.chosen_at desc nulls last, r.given_at, r.tenant_id
$$;

-- What a person may choose from: their own tenants, with the name that stands on the switch.
create function countersign_engine.memberships(of_user text)
returns table (tenant_id uuid, name text, state text, role text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select r.tenant_id, t.name, t.state, r.role
  from countersign.roles r
  join countersign.tenants t on t.id = r.tenant_id
  where r.user_id = of_user and r.deactivated_at is null and t.state <> 'erased'
  order by lower(t.name), t.id
$$;

-- For hosts: names and states, nothing that lives in a tenant (P11). `only`: one of them.
create function countersign_engine.list_tenants(after uuid, one uuid, at_most integer)
returns table (id uuid, name text, state text, state_since timestamptz, state_by text, state_reason text, created_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id, t.name, t.state, t.state_since, t.state_by, t.state_reason, t.created_at
  from countersign.tenants t
  where (after is null or t.id > after) and (one is null or t.id = one)
  order by t.id
  limit at_most
$$;

-- Whose jobs wait: asked by every worker, so it answers the few and not the many.
create function countersign_engine.held_tenants() returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id from countersign.tenants t where t.state <> 'active'
$$;

-- A host's own requests and those of other hosts: what was asked of whom, and what became of it. Nothing of what was read.
create function countersign_engine.break_glass_requests(before text, one text, at_most integer)
returns table (
  id text, tenant_id uuid, tenant_name text, host_id text, host_name text, reason text, minutes integer, state text, task_id text, asked_at timestamptz,
  hosts_from timestamptz, expires_at timestamptz, decided_at timestamptz, decided_by text, decided_as text, ends_at timestamptz, closed_at timestamptz,
  closed_by text, closed_reason text
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select b.id, b.tenant_id, t.name, b.host_id, u.display_name, b.reason, b.minutes, b.state, b.task_id, b.asked_at, b.hosts_from, b.expires_at, b.decided_at,
    b.decided_by, b.decided_as, b.ends_at, b.closed_at, b.closed_by, b.closed_reason
  from countersign.break_glass b
  join countersign.tenants t on t.id = b.tenant_id
  join countersign.users u on u.id = b.host_id
  where (before is null or b.id < before) and (one is null or b.id = one)
  order by b.id desc
  limit at_most
$$;

-- All that a tenant sealed is unreadable from the commit on. Only for one that is erased: the runtime cannot do it to a tenant that lives.
create function countersign_engine.destroy_tenant_keys(of_tenant uuid) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  destroyed integer;
begin
  if not exists (select from countersign.tenants t where t.id = of_tenant and t.state = 'erased') then
    raise exception 'the keys of a tenant are destroyed only when it is erased' using errcode = 'insufficient_privilege';
  end if;
  delete from countersign.tenant_keys k where k.tenant_id = of_tenant;
  get diagnostics destroyed = row_count;
  return destroyed;
end
$$;

-- Limits that nobody touched for two windows; for a process that keeps the house and reads no table.
create function countersign_engine.sweep_buckets() returns integer
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  with gone as (delete from countersign.buckets b where b.idle_at < countersign.now() returning 1)
  select count(*)::integer from gone
$$;

-- As before, and besides: a session that came through break-glass counts as long as that door is open.
drop function countersign_engine.use_session(bytea);
create function countersign_engine.use_session(hash bytea)
returns table (
  id text, tenant_id uuid, user_id text, display_name text, role text, is_host boolean, tenant_state text, methods text[],
  step_up_at timestamptz, rotation_due boolean, started_at timestamptz, ends_at timestamptz, break_glass_id text, verdict text
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  at timestamptz := countersign.now();
begin
  return query
  with found as (
    select s.id, s.tenant_id, s.user_id, s.methods, s.started_at, s.last_seen_at, s.step_up_at, s.rotation_due_at, s.ended_at, s.break_glass_id,
      k.replaced_at, case when s.break_glass_id is null then r.role end as role_now, l.idle, l.absolute,
      case when s.break_glass_id is null then r.role is not null
        else b.state = 'open' and at < b.ends_at and b.host_id = s.user_id and h.user_id is not null end as is_in,
      b.ends_at as door_closes, h.user_id is not null as is_host
    from countersign.session_tokens k
    join countersign.sessions s on s.tenant_id = k.tenant_id and s.id = k.session_id
    left join countersign.roles r on r.tenant_id = s.tenant_id and r.user_id = s.user_id and r.deactivated_at is null
    left join countersign.break_glass b on b.tenant_id = s.tenant_id and b.id = s.break_glass_id
    left join countersign.hosts h on h.user_id = s.user_id
    cross join lateral countersign_engine.session_life(s.user_id) l
    where k.token_hash = hash
  ), judged as (
    select f.*, case
      when f.ended_at is not null or not f.is_in then 'ended'
      when f.replaced_at < at - interval '30 seconds' then 'replayed'
      when at >= least(f.started_at + f.absolute, f.last_seen_at + f.idle) then 'expired'
      else 'live' end as verdict
    from found f
  ), seen as (
    update countersign.sessions s set last_seen_at = at
    from judged j
    where s.tenant_id = j.tenant_id and s.id = j.id and j.verdict = 'live' and s.last_seen_at <= at - interval '1 minute'
  )
  select j.id, j.tenant_id, j.user_id, u.display_name, j.role_now, j.is_host, t.state, j.methods, j.step_up_at,
    j.rotation_due_at is not null, j.started_at, least(j.started_at + j.absolute, j.door_closes), j.break_glass_id, j.verdict
  from judged j
  join countersign.users u on u.id = j.user_id
  join countersign.tenants t on t.id = j.tenant_id;
end
$$;

grant execute on function countersign_engine.memberships(text), countersign_engine.list_tenants(uuid, uuid, integer), countersign_engine.held_tenants(),
  countersign_engine.break_glass_requests(text, text, integer), countersign_engine.destroy_tenant_keys(uuid), countersign_engine.use_session(bytea)
  to countersign_runtime;
-- Keeping the house is what these are for; whoever does only that may call them too.
grant execute on function countersign_engine.root_keys_in_use() to countersign_maintenance;
grant execute on function countersign_engine.sweep_buckets(), countersign_engine.sweep_replies(integer) to countersign_runtime, countersign_maintenance;

set local role countersign_owner;
