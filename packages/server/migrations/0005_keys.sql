-- Keys at rest (P124): one wrapped key per tenant and version, and one per subject (a task, an end user) under it.
-- No plain key is ever stored; who destroys a subject's wrapped key makes all it sealed unreadable at once (P128).

create table countersign.tenant_keys (
  version integer not null check (version >= 1),
  tenant_id uuid not null references countersign.tenants,
  wrapped bytea not null,
  root_version integer not null check (root_version >= 1),
  root_fingerprint text not null check (root_fingerprint ~ '^[0-9a-f]{8}$'),
  created_at timestamptz(3) not null,
  primary key (tenant_id, version)
);
select countersign.make_tenant_table('tenant_keys', array['select', 'insert']);
select countersign.grant_engine('tenant_keys', 'select (root_version, root_fingerprint)');

-- A destroyed key leaves its row without the key, so that the subject is not given a new one by accident.
create table countersign.subject_keys (
  subject text collate "C" not null check (char_length(subject) between 3 and 200),
  tenant_id uuid not null references countersign.tenants,
  version integer not null check (version >= 1),
  wrapped bytea,
  created_at timestamptz(3) not null,
  destroyed_at timestamptz(3),
  destroyed_by text,
  primary key (tenant_id, subject, version),
  check ((wrapped is null) = (destroyed_at is not null) and (wrapped is null) = (destroyed_by is not null))
);
select countersign.make_tenant_table('subject_keys', array['select', 'insert', 'update']);

set local role countersign_engine;

-- Under which root keys rows are sealed, over all tenants: a start asks before it makes a root key and after it has read one (V66).
create function countersign_engine.root_keys_in_use()
returns table (root_version integer, root_fingerprint text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select distinct k.root_version, k.root_fingerprint from countersign.tenant_keys k order by 1, 2
$$;
grant execute on function countersign_engine.root_keys_in_use() to countersign_runtime;

set local role countersign_owner;
