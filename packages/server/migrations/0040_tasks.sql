-- Questions to humans, and their answers. Content (bytea here) stands in envelopes under a key of the task's own (T7); `task`, `tags` and `metadata` are plain on purpose.
-- The states and outcomes of verification, revision, quorum and actions are in the checks already, so that later files add columns and no rewrite.

create table countersign.tasks (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  version integer not null default 1 check (version >= 1),
  revision integer not null default 1 check (revision between 1 and 21),
  origin text not null check (origin in ('agent', 'user', 'proxy', 'relay', 'queue', 'vault')),
  origin_ref text check (char_length(origin_ref) <= 128),
  agent_id text collate "C",
  created_by text collate "C" not null,
  -- Whose keys of idempotency these are: the asking agent, or the user (T22).
  asker text collate "C" not null,
  on_behalf_of text check (char_length(on_behalf_of) between 1 and 200),
  idempotency_key text collate "C" check (char_length(idempotency_key) between 1 and 512),
  key_reuse text not null check (key_reuse in ('forever', 'until_collected')),
  key_freed_at timestamptz(3),
  replay_mismatch_at timestamptz(3),

  task text not null check (char_length(task) between 1 and 4000),
  description bytea,
  payload bytea,
  -- json, not jsonb: a form shows the members in the order in which they were written.
  payload_schema json,
  response_schema json not null,
  form_definition json,
  initial_response bytea,
  verdict json,

  status text not null default 'open'
    check (status in ('open', 'verifying', 'returned', 'revising', 'completed', 'timed_out', 'cancelled', 'verification_exhausted')),
  outcome text check (outcome in ('answered', 'accepted', 'edited', 'responded', 'ignored', 'denied', 'defaulted')),
  timeout_seconds integer check (timeout_seconds between 5 and 31536000),
  deadline_at timestamptz(3) not null,
  on_timeout text not null default 'time_out' check (on_timeout in ('time_out', 'deny', 'default')),
  -- What the deadline will answer, checked at creation like a person's answer (T33).
  timeout_response bytea,

  assign_to json,
  -- Who may answer: ids of users, folded addresses, names of pools. The holder, once there is one, stands below.
  asked text[] collate "C" not null check (cardinality(asked) between 1 and 400),
  assigned_to_user_id text collate "C",
  assigned_to_email text,
  assigned_to_display_name text,
  assigned_to_slack_user_id text,

  priority text not null default 'normal' check (priority in ('low', 'normal', 'high', 'urgent')),
  priority_rank smallint not null generated always as (case priority when 'low' then 1 when 'normal' then 2 when 'high' then 3 else 4 end) stored,
  tags text[] collate "C" not null default '{}' check (cardinality(tags) <= 20),
  metadata jsonb not null default '{}',
  risk text not null default 'normal' check (risk in ('low', 'normal', 'high', 'critical')),
  redact text not null default 'none' check (redact in ('none', 'notify', 'strict')),
  callback_url text check (char_length(callback_url) <= 2048),
  callback_mode text not null check (callback_mode in ('standard', 'awaithumans')),

  response bytea,
  cancel_reason bytea,
  completed_by_user_id text collate "C",
  completed_by_email text,
  completed_by_display_name text,
  completed_by_slack_user_id text,
  completed_via_channel text check (completed_via_channel in ('dashboard', 'email', 'slack', 'embed', 'webhook', 'api', 'cli', 'timeout')),
  verification_attempt integer not null default 0,

  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  opened_at timestamptz(3) not null,
  verifying_at timestamptz(3),
  returned_at timestamptz(3),
  revising_at timestamptz(3),
  completed_at timestamptz(3),
  timed_out_at timestamptz(3),
  cancelled_at timestamptz(3),
  verification_exhausted_at timestamptz(3),
  assigned_at timestamptz(3),
  claimed_at timestamptz(3),
  first_notified_at timestamptz(3),
  first_viewed_at timestamptz(3),
  collected_at timestamptz(3),
  erased_at timestamptz(3),

  primary key (tenant_id, id),
  foreign key (tenant_id, agent_id) references countersign.agents (tenant_id, id),
  -- No state without its time, and no time of an end that did not come (T10).
  check ((status = 'completed') = (completed_at is not null) and (status = 'completed') = (outcome is not null)),
  check ((status = 'timed_out') = (timed_out_at is not null)),
  check ((status = 'cancelled') = (cancelled_at is not null)),
  check ((status = 'verification_exhausted') = (verification_exhausted_at is not null)),
  check ((status <> 'verifying' or verifying_at is not null) and (status <> 'returned' or returned_at is not null)
    and (status <> 'revising' or revising_at is not null)),
  check ((on_timeout = 'time_out') = (timeout_response is null))
);

-- One task per key and asker, as long as the key is held: of any number of creates at once one inserts (T22, T24).
create unique index tasks_key on countersign.tasks (tenant_id, asker, idempotency_key)
  where idempotency_key is not null and key_freed_at is null;
-- The inbox: what is open, by deadline and by priority. The list by creation reads the primary key, for ids are in order of time.
create index tasks_open_deadline on countersign.tasks (tenant_id, deadline_at, id)
  where status in ('open', 'verifying', 'returned', 'revising');
create index tasks_open_priority on countersign.tasks (tenant_id, priority_rank, id)
  where status in ('open', 'verifying', 'returned', 'revising');
create index tasks_updated on countersign.tasks (tenant_id, updated_at, id);
create index tasks_agent on countersign.tasks (tenant_id, agent_id, id) where agent_id is not null;
create index tasks_assigned on countersign.tasks (tenant_id, assigned_to_user_id, id) where assigned_to_user_id is not null;
select countersign.make_tenant_table('tasks', array['select', 'insert', 'update']);
select countersign.grant_engine('tasks', 'select (id, tenant_id, version, status)');

create table countersign.decisions (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  task_id text collate "C" not null,
  user_id text collate "C" not null,
  email text,
  display_name text not null,
  type text not null check (type in ('respond', 'accept', 'edit', 'ignore', 'deny')),
  response bytea,
  reason bytea,
  comment bytea,
  seen_revision integer not null,
  state text not null check (state in ('pending', 'counted', 'returned', 'void', 'withdrawn')),
  -- Decided without being asked: the reason is then required (T20).
  stepped_in boolean not null,
  channel text not null check (channel in ('dashboard', 'email', 'slack', 'embed', 'webhook', 'api', 'cli')),
  assurance text not null check (assurance in ('link', 'channel', 'session', 'step_up', 'passkey')),
  actor_id text collate "C" not null,
  session_id text collate "C",
  key_id text collate "C",
  address_hash bytea,
  content_sha256 bytea not null check (octet_length(content_sha256) = 32),
  decision_sha256 bytea not null check (octet_length(decision_sha256) = 32),
  decided_at timestamptz(3) not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, task_id) references countersign.tasks (tenant_id, id)
);
create index decisions_task on countersign.decisions (tenant_id, task_id, id);
create index decisions_user on countersign.decisions (tenant_id, user_id, task_id);
select countersign.make_tenant_table('decisions', array['select', 'insert', 'update']);

-- The key that signs posts to `callback_url`, and nothing else (T72): one per tenant, its 32 bytes in an envelope.
create table countersign.compatibility_keys (
  version integer not null check (version >= 1),
  tenant_id uuid not null references countersign.tenants,
  material bytea not null,
  origin text not null check (origin in ('made', 'imported')),
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  effective_at timestamptz(3) not null,
  primary key (tenant_id, version)
);
select countersign.make_tenant_table('compatibility_keys', array['select', 'insert']);

set local role countersign_engine;

-- Every wait of a process in one statement a second, whatever their tenants are (T28): says only whether a row moved on.
create function countersign_engine.task_versions(tenants uuid[], ids text[])
returns table (id text, version integer, status text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id, t.version, t.status
  from unnest(tenants, ids) as waited (tenant_id, id)
  join countersign.tasks t on t.tenant_id = waited.tenant_id and t.id = waited.id
$$;
grant execute on function countersign_engine.task_versions(uuid[], text[]) to countersign_runtime;

set local role countersign_owner;
