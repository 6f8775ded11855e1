-- Who may ask: users, passwords, sessions, agents, keys, invitations and the set-up token.
-- A user belongs to the installation (P20); what a user is in a tenant, and everything that acts there, belongs to the tenant.

alter table countersign.tenants
  add column session_profile text not null default 'standard' check (session_profile in ('standard', 'strict', 'custom')),
  add column session_idle_seconds integer check (session_idle_seconds between 300 and 2592000),
  add column session_absolute_seconds integer check (session_absolute_seconds between 1800 and 2592000),
  add column revoke_exposed_keys boolean not null default true,
  add constraint tenants_custom_profile check (
    (session_profile = 'custom') = (session_idle_seconds is not null)
    and (session_profile = 'custom') = (session_absolute_seconds is not null)
  );

create table countersign.users (
  id text collate "C" primary key,
  display_name text not null check (char_length(display_name) between 1 and 200),
  username text collate "C" unique check (username ~ '^[a-z0-9][a-z0-9_-]{2,31}$'),
  created_at timestamptz(3) not null
);

-- `email` is the folded form that is compared (P20), `address` what the person wrote.
create table countersign.user_emails (
  email text collate "C" primary key check (octet_length(email) between 3 and 254),
  user_id text collate "C" not null references countersign.users,
  address text not null,
  is_primary boolean not null,
  verified_at timestamptz(3),
  created_at timestamptz(3) not null
);
create unique index user_emails_primary on countersign.user_emails (user_id) where is_primary;
create index user_emails_user on countersign.user_emails (user_id);

-- `hash` is the PHC text; the pepper went in before hashing, so its version stands beside (P23).
create table countersign.passwords (
  user_id text collate "C" primary key references countersign.users,
  hash text not null,
  pepper_version integer not null,
  changed_at timestamptz(3) not null
);

create table countersign.hosts (
  user_id text collate "C" primary key references countersign.users,
  since timestamptz(3) not null
);

create table countersign.setup_tokens (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  made_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  ended_at timestamptz(3)
);

grant select, insert, update on countersign.users, countersign.user_emails, countersign.passwords, countersign.setup_tokens
  to countersign_runtime;
grant select, insert on countersign.hosts to countersign_runtime;

create table countersign.roles (
  user_id text collate "C" not null references countersign.users,
  tenant_id uuid not null references countersign.tenants,
  role text not null check (role in ('owner', 'admin', 'operator', 'member', 'reviewer', 'auditor', 'viewer')),
  given_by text not null,
  given_at timestamptz(3) not null,
  deactivated_at timestamptz(3),
  deactivated_by text,
  primary key (tenant_id, user_id)
);
create index roles_user on countersign.roles (user_id);
select countersign.make_tenant_table('roles', array['select', 'insert', 'update']);
select countersign.grant_engine('roles', 'select');

create table countersign.sessions (
  id text collate "C" primary key,
  tenant_id uuid not null references countersign.tenants,
  user_id text collate "C" not null references countersign.users,
  methods text[] not null,
  started_at timestamptz(3) not null,
  last_seen_at timestamptz(3) not null,
  step_up_at timestamptz(3),
  rotation_due_at timestamptz(3),
  address text,
  client text,
  ended_at timestamptz(3),
  ended_by text,
  ended_reason text,
  unique (tenant_id, id),
  check ((ended_at is null) = (ended_reason is null))
);
create index sessions_of_user on countersign.sessions (tenant_id, user_id) where ended_at is null;
select countersign.make_tenant_table('sessions', array['select', 'insert', 'update', 'delete']);
select countersign.grant_engine('sessions',
  'select (id, tenant_id, user_id, methods, started_at, last_seen_at, step_up_at, rotation_due_at, ended_at)', 'update (last_seen_at)');

-- Every token that a session ever had: a replaced one that comes back tells of a theft (P26).
create table countersign.session_tokens (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  tenant_id uuid not null,
  session_id text collate "C" not null,
  made_at timestamptz(3) not null,
  replaced_at timestamptz(3),
  foreign key (tenant_id, session_id) references countersign.sessions (tenant_id, id) on delete cascade
);
create unique index session_tokens_current on countersign.session_tokens (tenant_id, session_id) where replaced_at is null;
create index session_tokens_session on countersign.session_tokens (tenant_id, session_id);
select countersign.make_tenant_table('session_tokens', array['select', 'insert', 'update', 'delete']);
select countersign.grant_engine('session_tokens', 'select');

create table countersign.agents (
  id text collate "C" primary key,
  tenant_id uuid not null references countersign.tenants,
  user_id text collate "C" not null,
  name text not null check (char_length(name) between 1 and 100),
  description text not null default '' check (char_length(description) <= 2000),
  environment text not null check (environment in ('live', 'test')),
  state text not null check (state in ('unclaimed', 'active', 'paused', 'revoked')),
  state_since timestamptz(3) not null,
  state_by text not null,
  created_at timestamptz(3) not null,
  created_by text not null,
  updated_at timestamptz(3) not null,
  unique (tenant_id, id),
  foreign key (tenant_id, user_id) references countersign.roles (tenant_id, user_id)
);
create index agents_user on countersign.agents (tenant_id, user_id);
select countersign.make_tenant_table('agents', array['select', 'insert', 'update']);
select countersign.grant_engine('agents', 'select (id, tenant_id, user_id, name, state)');

-- `user_id` is the maker, whose role now bounds the key's power (P56); a rotation gives it another life of `lasts_seconds`. Scopes hold `<areas>:<verb>` or `<areas>:*`.
create table countersign.keys (
  id text collate "C" primary key,
  tenant_id uuid not null references countersign.tenants,
  kind text not null check (kind in ('agt', 'usr', 'adm')),
  environment text not null check (environment in ('live', 'test')),
  agent_id text collate "C",
  user_id text collate "C" not null,
  name text not null check (char_length(name) between 1 and 100),
  scopes text[] not null,
  addresses inet[] not null default '{}' check (cardinality(addresses) <= 20),
  created_at timestamptz(3) not null,
  lasts_seconds integer not null check (lasts_seconds between 60 and 31536000),
  expires_at timestamptz(3) not null,
  revoked_at timestamptz(3),
  revoked_by text,
  -- how many days before its end the last warning came; a rotation begins anew
  warned_days integer check (warned_days in (14, 3, 0)),
  last_used_at timestamptz(3),
  last_used_from text,
  unique (tenant_id, id),
  check ((kind = 'agt') = (agent_id is not null)),
  foreign key (tenant_id, agent_id) references countersign.agents (tenant_id, id),
  foreign key (tenant_id, user_id) references countersign.roles (tenant_id, user_id)
);
create index keys_agent on countersign.keys (tenant_id, agent_id);
create index keys_user on countersign.keys (tenant_id, user_id);
select countersign.make_tenant_table('keys', array['select', 'insert', 'update']);
select countersign.grant_engine('keys',
  'select (id, tenant_id, kind, agent_id, user_id, name, scopes, addresses, expires_at, revoked_at, warned_days, last_used_at)',
  'update (last_used_at, last_used_from)');

-- A key keeps its id when it is rotated; for the overlap it has two tokens (P57).
create table countersign.key_tokens (
  token_hash bytea primary key check (octet_length(token_hash) = 32),
  tenant_id uuid not null,
  key_id text collate "C" not null,
  prefix text not null,
  last_four text not null,
  made_at timestamptz(3) not null,
  ends_at timestamptz(3),
  foreign key (tenant_id, key_id) references countersign.keys (tenant_id, id)
);
create unique index key_tokens_current on countersign.key_tokens (tenant_id, key_id) where ends_at is null;
create index key_tokens_key on countersign.key_tokens (tenant_id, key_id);
select countersign.make_tenant_table('key_tokens', array['select', 'insert', 'update']);
select countersign.grant_engine('key_tokens', 'select');

create table countersign.invitations (
  id text collate "C" primary key,
  tenant_id uuid not null references countersign.tenants,
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  email text collate "C" not null,
  address text not null,
  role text not null check (role in ('owner', 'admin', 'operator', 'member', 'reviewer', 'auditor', 'viewer')),
  invited_by text collate "C" not null,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  accepted_at timestamptz(3),
  accepted_by text collate "C" references countersign.users,
  revoked_at timestamptz(3),
  revoked_by text,
  unique (tenant_id, id)
);
create unique index invitations_open on countersign.invitations (tenant_id, email) where accepted_at is null and revoked_at is null;
select countersign.make_tenant_table('invitations', array['select', 'insert', 'update']);
select countersign.grant_engine('invitations', 'select (id, tenant_id, token_hash)');

-- For the functions below: names of people, who is a host.
grant select (id, display_name) on countersign.users to countersign_engine;
grant select on countersign.hosts to countersign_engine;

set local role countersign_engine;

-- The longest a user may stay, over all tenants of that user: the strictest profile counts (P25).
create function countersign_engine.session_life(of_user text, out idle interval, out absolute interval)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select
    min(case t.session_profile when 'standard' then interval '12 hours' when 'strict' then interval '30 minutes'
      else make_interval(secs => t.session_idle_seconds) end),
    min(case t.session_profile when 'standard' then interval '14 days' when 'strict' then interval '12 hours'
      else make_interval(secs => t.session_absolute_seconds) end)
  from countersign.roles r
  join countersign.tenants t on t.id = r.tenant_id
  where r.user_id = of_user and r.deactivated_at is null
$$;

-- Who holds this session token, and whether it still counts. The tenant is not known before, so this looks across all of them (P7).
-- Writes `last_seen_at` at most once a minute.
create function countersign_engine.use_session(hash bytea)
returns table (
  id text, tenant_id uuid, user_id text, display_name text, role text, is_host boolean, tenant_state text, methods text[],
  step_up_at timestamptz, rotation_due boolean, ends_at timestamptz, verdict text
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
    select s.id, s.tenant_id, s.user_id, s.methods, s.started_at, s.last_seen_at, s.step_up_at, s.rotation_due_at, s.ended_at,
      k.replaced_at, r.role as role_now, l.idle, l.absolute
    from countersign.session_tokens k
    join countersign.sessions s on s.tenant_id = k.tenant_id and s.id = k.session_id
    left join countersign.roles r on r.tenant_id = s.tenant_id and r.user_id = s.user_id and r.deactivated_at is null
    cross join lateral countersign_engine.session_life(s.user_id) l
    where k.token_hash = hash
  ), judged as (
    select f.*, case
      when f.ended_at is not null or f.role_now is null then 'ended'
      when f.replaced_at < at - interval '30 seconds' then 'replayed'
      when at >= least(f.started_at + f.absolute, f.last_seen_at + f.idle) then 'expired'
      else 'live' end as verdict
    from found f
  ), seen as (
    update countersign.sessions s set last_seen_at = at
    from judged j
    where s.tenant_id = j.tenant_id and s.id = j.id and j.verdict = 'live' and s.last_seen_at <= at - interval '1 minute'
  )
  select j.id, j.tenant_id, j.user_id, u.display_name, j.role_now, h.user_id is not null, t.state, j.methods, j.step_up_at,
    j.rotation_due_at is not null, j.started_at + j.absolute, j.verdict
  from judged j
  join countersign.users u on u.id = j.user_id
  join countersign.tenants t on t.id = j.tenant_id
  left join countersign.hosts h on h.user_id = j.user_id;
end
$$;

-- Who holds this key, and what could stand against it. Writes the last use at most once a minute, and only its network.
create function countersign_engine.use_key(hash bytea, address inet)
returns table (
  id text, tenant_id uuid, kind text, agent_id text, agent_state text, agent_name text, agent_owner text, name text,
  maker text, maker_name text, maker_role text, scopes text[], tenant_state text, expired boolean, revoked boolean, address_allowed boolean
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
    select k.id, k.tenant_id, k.kind, k.agent_id, k.user_id, k.name, k.scopes, k.revoked_at, coalesce(k.expires_at <= at or o.ends_at <= at, false) as is_expired,
      cardinality(k.addresses) = 0 or coalesce(address <<= any (k.addresses), false) as may_come
    from countersign.key_tokens o
    join countersign.keys k on k.tenant_id = o.tenant_id and k.id = o.key_id
    where o.token_hash = hash
  ), used as (
    update countersign.keys k
    set last_used_at = at,
        last_used_from = host(network(set_masklen(address, case family(address) when 4 then 24 else 48 end)))
          || case family(address) when 4 then '/24' else '/48' end
    from found f
    where k.tenant_id = f.tenant_id and k.id = f.id and f.revoked_at is null and not f.is_expired and f.may_come
      and (k.last_used_at is null or k.last_used_at <= at - interval '1 minute')
  )
  select f.id, f.tenant_id, f.kind, f.agent_id, a.state, a.name, a.user_id, f.name, f.user_id, u.display_name, r.role, f.scopes,
    t.state, f.is_expired, f.revoked_at is not null, f.may_come
  from found f
  join countersign.users u on u.id = f.user_id
  join countersign.tenants t on t.id = f.tenant_id
  left join countersign.agents a on a.tenant_id = f.tenant_id and a.id = f.agent_id
  left join countersign.roles r on r.tenant_id = f.tenant_id and r.user_id = f.user_id and r.deactivated_at is null;
end
$$;

-- Which of these still count; for what was opened with them and is still open (P27). Across tenants, so that one statement serves all.
create function countersign_engine.live_credentials(session_ids text[], key_ids text[]) returns setof text
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select s.id
  from countersign.sessions s
  join countersign.roles r on r.tenant_id = s.tenant_id and r.user_id = s.user_id and r.deactivated_at is null
  cross join lateral countersign_engine.session_life(s.user_id) l
  where s.id = any (session_ids) and s.ended_at is null
    and countersign.now() < least(s.started_at + l.absolute, s.last_seen_at + l.idle)
  union all
  select k.id
  from countersign.keys k
  join countersign.roles r on r.tenant_id = k.tenant_id and r.user_id = k.user_id and r.deactivated_at is null
  left join countersign.agents a on a.tenant_id = k.tenant_id and a.id = k.agent_id
  where k.id = any (key_ids) and k.revoked_at is null and k.expires_at > countersign.now() and coalesce(a.state, 'active') = 'active'
$$;

-- At sign-in no tenant is known yet.
create function countersign_engine.tenants_of_user(of_user text)
returns table (tenant_id uuid, role text, given_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select r.tenant_id, r.role, r.given_at
  from countersign.roles r
  join countersign.tenants t on t.id = r.tenant_id
  where r.user_id = of_user and r.deactivated_at is null and t.state <> 'erased'
  order by r.given_at, r.tenant_id
$$;

-- Where the sign-in of a name that nobody has is recorded: the first tenant of the installation.
create function countersign_engine.home_tenant() returns uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id from countersign.tenants t order by t.created_at, t.id limit 1
$$;

-- Keys of all tenants whose next warning is due: 14, 3 and 0 days before their end (P55). A key that ended while nobody looked is told once.
create function countersign_engine.keys_to_warn(at_most integer)
returns table (id text, tenant_id uuid, days integer)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select due.id, due.tenant_id, due.days
  from (
    select k.id, k.tenant_id, k.warned_days, case
      when k.expires_at <= countersign.now() then 0
      when k.expires_at <= countersign.now() + interval '3 days' then 3
      else 14 end as days
    from countersign.keys k
    where k.revoked_at is null and k.warned_days is distinct from 0 and k.expires_at <= countersign.now() + interval '14 days'
  ) due
  where due.warned_days is null or due.warned_days > due.days
  order by due.tenant_id, due.id
  limit at_most
$$;

-- A new password ends the user's sessions in every tenant (P27).
create function countersign_engine.tenants_of_sessions(of_user text)
returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select distinct s.tenant_id from countersign.sessions s where s.user_id = of_user and s.ended_at is null
$$;

-- The person who opens an invitation has no tenant yet.
create function countersign_engine.find_invitation(hash bytea)
returns table (id text, tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select i.id, i.tenant_id from countersign.invitations i where i.token_hash = hash
$$;

grant execute on function countersign_engine.session_life(text), countersign_engine.use_session(bytea), countersign_engine.use_key(bytea, inet), countersign_engine.live_credentials(text[], text[]),
  countersign_engine.tenants_of_user(text), countersign_engine.home_tenant(),
  countersign_engine.keys_to_warn(integer), countersign_engine.tenants_of_sessions(text), countersign_engine.find_invitation(bytea)
  to countersign_runtime;

set local role countersign_owner;
