-- Who is asked (T91–T99): pools and labels of users, when people are away and for whom they stand, how they want to be told; and what a task says of it.
-- Labels and pools route; they grant nothing (T92).

create table countersign.pools (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  name text not null check (char_length(name) between 1 and 100),
  description text not null default '' check (char_length(description) <= 1000),
  strategy text not null default 'least_recent' check (strategy in ('least_recent', 'least_open', 'broadcast')),
  -- How long a claim without an answer lasts; null: until it is given back.
  claim_seconds integer check (claim_seconds between 10 and 2592000),
  -- How many were picked from it. Whoever picks locks this row: the order of picks is the order of their commits (T93).
  picks bigint not null default 0,
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  primary key (tenant_id, id)
) with (fillfactor = 70);
create unique index pools_name on countersign.pools (tenant_id, lower(name));
select countersign.make_tenant_table('pools', array['select', 'insert', 'update', 'delete']);

create table countersign.pool_members (
  pool_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  user_id text collate "C" not null,
  -- Which pick of the pool was theirs last; 0: none yet.
  last_pick bigint not null default 0,
  added_at timestamptz(3) not null,
  primary key (tenant_id, pool_id, user_id),
  foreign key (tenant_id, pool_id) references countersign.pools (tenant_id, id) on delete cascade,
  foreign key (tenant_id, user_id) references countersign.roles (tenant_id, user_id)
) with (fillfactor = 70);
create index pool_members_user on countersign.pool_members (tenant_id, user_id);
select countersign.make_tenant_table('pool_members', array['select', 'insert', 'update', 'delete']);

create table countersign.user_labels (
  user_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  kind text not null check (kind in ('role', 'access_level')),
  -- As it is compared: lower case.
  label text not null check (char_length(label) between 1 and 100),
  primary key (tenant_id, kind, label, user_id),
  foreign key (tenant_id, user_id) references countersign.roles (tenant_id, user_id)
);
create index user_labels_user on countersign.user_labels (tenant_id, user_id);
select countersign.make_tenant_table('user_labels', array['select', 'insert', 'delete']);

-- Picks by labels have no pool: `source` is the form that was asked for, and the tenant's row is the lock.
create table countersign.label_picks (
  source text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  user_id text collate "C" not null,
  last_pick bigint not null,
  primary key (tenant_id, source, user_id),
  foreign key (tenant_id, user_id) references countersign.roles (tenant_id, user_id)
);
select countersign.make_tenant_table('label_picks', array['select', 'insert', 'update']);

-- What people say of themselves: how much they take on, when they are not to be disturbed, by what they hear of tasks (null: as shipped).
create table countersign.availability (
  user_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  max_open integer check (max_open between 1 and 10000),
  quiet_from time,
  quiet_until time,
  time_zone text check (char_length(time_zone) between 1 and 64),
  notify_direct text[] check (cardinality(notify_direct) <= 4),
  notify_shared text[] check (cardinality(notify_shared) <= 4),
  updated_at timestamptz(3) not null,
  primary key (tenant_id, user_id),
  foreign key (tenant_id, user_id) references countersign.roles (tenant_id, user_id),
  check ((quiet_from is null) = (quiet_until is null) and (quiet_from is null or time_zone is not null))
);
select countersign.make_tenant_table('availability', array['select', 'insert', 'update']);

create table countersign.absences (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  user_id text collate "C" not null,
  starts_at timestamptz(3) not null,
  ends_at timestamptz(3) not null,
  delegate_user_id text collate "C",
  primary key (tenant_id, id),
  foreign key (tenant_id, user_id) references countersign.roles (tenant_id, user_id),
  foreign key (tenant_id, delegate_user_id) references countersign.roles (tenant_id, user_id),
  check (ends_at > starts_at),
  check (delegate_user_id <> user_id)
);
create index absences_user on countersign.absences (tenant_id, user_id, ends_at);
select countersign.make_tenant_table('absences', array['select', 'insert', 'delete']);

-- Null: those who run the work.
alter table countersign.tenants
  add column default_pool_id text collate "C",
  add column fallback_pool_id text collate "C",
  add column label_picks bigint not null default 0;

alter table countersign.tasks
  -- Parts that are masked at any level; null: none (T153).
  add column redact_pointers json,
  add column notify text[] check (cardinality(notify) between 1 and 20),
  add column require_assignee boolean not null default false,
  add column delegable boolean not null default true,
  add column claim_seconds integer,
  -- In whose place the holder is asked (T98).
  add column assigned_for_user_id text collate "C",
  -- Nobody matched when it was asked: the fallback pool has it (T95).
  add column unrouted_at timestamptz(3),
  -- There are notices of it; without, no change of the task has to look for any.
  add column noticed_at timestamptz(3);
create index tasks_held_open on countersign.tasks (tenant_id, assigned_to_user_id)
  where status in ('open', 'verifying', 'returned', 'revising') and assigned_to_user_id is not null;
create index tasks_unrouted on countersign.tasks (tenant_id, id)
  where status in ('open', 'returned') and unrouted_at is not null;
