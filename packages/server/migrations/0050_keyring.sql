-- The key ring (P123–P128, V72, V73): versions of the root key and who holds them, rewraps, keys of users, what stays of destroyed versions,
-- and the list of what was erased. No plain key is stored here either: bytes are wrapped, public, or not there.

-- One row a version that was ever added. `wrapped`: the secret of a version that a KMS keeps, wrapped by it (ADR 0010); local sources hold their own.
create table countersign.root_keys (
  version integer primary key check (version >= 1),
  fingerprint text not null unique check (fingerprint ~ '^[0-9a-f]{8}$'),
  source text not null check (source in ('file', 'exec', 'vault-transit', 'env', 'env-file', 'keyring', 'memory')),
  wrapped bytea,
  state text not null check (state in ('accepted', 'current', 'retired', 'destroyed')),
  created_at timestamptz(3) not null,
  created_by text collate "C" not null,
  promoted_at timestamptz(3),
  replaced_at timestamptz(3),
  retired_at timestamptz(3),
  destroy_at timestamptz(3),
  destroyed_at timestamptz(3),
  check ((state = 'destroyed') = (destroyed_at is not null) and (state <> 'destroyed' or wrapped is null))
);
create unique index root_keys_one_current on countersign.root_keys (state) where state = 'current';

-- Moves with every change that processes have to know; locked by whoever makes one, so that two changes never cross.
create table countersign.keyring_state (
  only_row boolean primary key default true check (only_row),
  epoch bigint not null
);
insert into countersign.keyring_state (epoch) values (1);

-- A live process says which versions it holds and up to which change it has read: a version is used once all of them say so (P126).
create table countersign.keyring_leases (
  id text collate "C" primary key,
  roles text[] not null,
  versions integer[] not null,
  epoch bigint not null,
  since timestamptz(3) not null,
  expires_at timestamptz(3) not null
);

-- One pass over wraps. A killed one goes on from the rows themselves; `cursor` and `progress` move in the transaction of the batch they speak of.
create table countersign.rewraps (
  id text collate "C" primary key,
  only_tenant uuid,
  renew boolean not null,
  reseal boolean not null,
  created_at timestamptz(3) not null,
  created_by text collate "C" not null,
  started_at timestamptz(3),
  finished_at timestamptz(3),
  phase text not null default 'waiting' check (phase in ('waiting', 'counting', 'renewing', 'switching', 'rewrapping', 'finished')),
  cursor uuid,
  progress jsonb not null default '{}',
  failed integer not null default 0,
  holder text collate "C",
  held_until timestamptz(3)
);
create index rewraps_open on countersign.rewraps (id) where finished_at is null;

-- Keys of users stand under the root, as a user may belong to several tenants (P124).
create table countersign.user_keys (
  user_id text collate "C" not null references countersign.users,
  version integer not null check (version >= 1),
  wrapped bytea,
  root_version integer not null check (root_version >= 1),
  root_fingerprint text not null check (root_fingerprint ~ '^[0-9a-f]{8}$'),
  created_at timestamptz(3) not null,
  destroyed_at timestamptz(3),
  destroyed_by text collate "C",
  primary key (user_id, version),
  check ((wrapped is null) = (destroyed_at is not null))
);

-- What older versions derived and is still needed when they are gone, wrapped under the current one: the pepper of who has not signed in since.
create table countersign.kept_keys (
  purpose text collate "C" not null check (purpose in ('pepper', 'unsubscribe')),
  version integer not null,
  wrapped bytea not null,
  root_version integer not null check (root_version >= 1),
  root_fingerprint text not null check (root_fingerprint ~ '^[0-9a-f]{8}$'),
  primary key (purpose, version)
);

-- The public halves of what signs: a signature of a destroyed version still verifies.
create table countersign.verification_keys (
  purpose text collate "C" not null,
  version integer not null,
  public_key bytea not null check (octet_length(public_key) = 32),
  created_at timestamptz(3) not null,
  primary key (purpose, version)
);

grant select, insert, update on countersign.root_keys, countersign.rewraps, countersign.user_keys, countersign.kept_keys to countersign_runtime;
grant select, insert on countersign.verification_keys to countersign_runtime;
grant select, update on countersign.keyring_state to countersign_runtime;
grant select, insert, update, delete on countersign.keyring_leases to countersign_runtime;

-- accepted: opens and does not seal. retired: nothing names it any more. destroyed: its key is gone, by rotation or by erasure.
alter table countersign.tenant_keys
  alter column wrapped drop not null,
  add column state text not null default 'current' check (state in ('accepted', 'current', 'retired', 'destroyed')),
  add column retired_at timestamptz(3),
  add column destroyed_at timestamptz(3),
  add check ((wrapped is null) = (state = 'destroyed') and (state = 'destroyed') = (destroyed_at is not null));
grant update (wrapped, root_version, root_fingerprint, state, retired_at, destroyed_at) on countersign.tenant_keys to countersign_runtime;
grant select (tenant_id, version, state, created_at) on countersign.tenant_keys to countersign_engine;

-- A rewrap changes the wrap in front of a sealed value, so it must be able to write the column.
grant update (material) on countersign.compatibility_keys to countersign_runtime;

-- Every key that was destroyed to erase what it sealed, until it stands in erasures.jsonl beside the backups (P128). subject null: the whole tenant.
create table countersign.key_erasures (
  id text collate "C" not null default 'era_' || gen_random_uuid(),
  tenant_id uuid not null,
  subject text collate "C",
  erased_at timestamptz(3) not null default countersign.now(),
  erased_by text collate "C" not null,
  written_at timestamptz(3),
  primary key (tenant_id, id)
);
create index key_erasures_unwritten on countersign.key_erasures (erased_at) where written_at is null;
select countersign.make_tenant_table('key_erasures', array['select', 'insert']);
select countersign.grant_engine('key_erasures', 'select', 'insert', 'update (written_at)');

-- Whoever destroys a key, by whatever statement, leaves this line: no room can forget it. A retired version that goes is rotation, not erasure.
create function countersign.keep_erasure() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if old.wrapped is not null and (tg_op = 'DELETE' or new.wrapped is null) then
    insert into countersign.key_erasures (tenant_id, subject, erased_by)
    values (old.tenant_id, to_jsonb(old) ->> 'subject', coalesce(nullif(current_setting('countersign.principal', true), ''), 'system:database'));
  end if;
  return null;
end
$$;
create trigger erased after update of wrapped or delete on countersign.subject_keys
  for each row execute function countersign.keep_erasure();
create trigger erased after update of wrapped or delete on countersign.tenant_keys
  for each row when (old.state <> 'retired') execute function countersign.keep_erasure();

-- The same for the keys of users, which belong to no tenant.
create table countersign.user_key_erasures (
  id text collate "C" primary key default 'era_' || gen_random_uuid(),
  user_id text collate "C" not null,
  erased_at timestamptz(3) not null default countersign.now(),
  erased_by text collate "C" not null,
  written_at timestamptz(3)
);
create index user_key_erasures_unwritten on countersign.user_key_erasures (erased_at) where written_at is null;
grant insert on countersign.user_key_erasures to countersign_runtime;
grant select, update (written_at) on countersign.user_key_erasures to countersign_engine;
create function countersign.keep_user_erasure() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into countersign.user_key_erasures (user_id, erased_by)
  values (old.user_id, coalesce(nullif(current_setting('countersign.principal', true), ''), 'system:database'));
  return null;
end
$$;
create trigger erased after update of wrapped on countersign.user_keys
  for each row when (old.wrapped is not null and new.wrapped is null) execute function countersign.keep_user_erasure();
create trigger erased_with_row after delete on countersign.user_keys
  for each row when (old.wrapped is not null) execute function countersign.keep_user_erasure();

set local role countersign_engine;

-- Under which root keys tenants' keys are wrapped, over all tenants: a start asks before it makes a root key and after it has read one (V66).
create or replace function countersign_engine.root_keys_in_use()
returns table (root_version integer, root_fingerprint text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select distinct k.root_version, k.root_fingerprint from countersign.tenant_keys k where k.state <> 'destroyed' order by 1, 2
$$;

-- The same with their number: a root version is retired once it is 0 (P126).
create function countersign_engine.tenant_keys_by_root() returns table (root_version integer, keys bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select k.root_version, count(*) from countersign.tenant_keys k where k.state <> 'destroyed' group by 1
$$;

-- A rewrap goes from tenant to tenant; each is then worked on in a transaction of its own.
create function countersign_engine.tenants_with_keys(after uuid, at_most integer) returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select distinct k.tenant_id from countersign.tenant_keys k
  where k.state <> 'destroyed' and (after is null or k.tenant_id > after)
  order by 1 limit at_most
$$;

-- How old the keys of tenants are, without saying whose (P127).
create function countersign_engine.tenant_keys_summary()
returns table (tenants bigint, versions bigint, retired bigint, oldest timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select count(distinct k.tenant_id), count(*), count(*) filter (where k.state = 'retired'),
    min(k.created_at) filter (where k.state = 'current')
  from countersign.tenant_keys k where k.state <> 'destroyed'
$$;

-- What is still to be written beside the backups, oldest first. Without a tenant: the keys of a user, in every tenant.
create function countersign_engine.unwritten_erasures(at_most integer)
returns table (id text, tenant_id uuid, subject text, erased_at timestamptz, erased_by text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select e.id, e.tenant_id, e.subject, e.erased_at, e.erased_by from (
    select k.id, k.tenant_id, k.subject, k.erased_at, k.erased_by from countersign.key_erasures k where k.written_at is null
    union all
    select u.id, null, 'user:' || u.user_id, u.erased_at, u.erased_by from countersign.user_key_erasures u where u.written_at is null
  ) e order by e.erased_at, e.id limit at_most
$$;

create function countersign_engine.erasures_written(ids text[], at timestamptz) returns integer
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  with done as (update countersign.key_erasures e set written_at = at where e.id = any (ids) and e.written_at is null returning 1),
    of_users as (update countersign.user_key_erasures e set written_at = at where e.id = any (ids) and e.written_at is null returning 1)
  select ((select count(*) from done) + (select count(*) from of_users))::integer
$$;

grant execute on function countersign_engine.tenant_keys_by_root(), countersign_engine.tenants_with_keys(uuid, integer),
  countersign_engine.tenant_keys_summary(), countersign_engine.unwritten_erasures(integer),
  countersign_engine.erasures_written(text[], timestamptz) to countersign_runtime;

set local role countersign_owner;
