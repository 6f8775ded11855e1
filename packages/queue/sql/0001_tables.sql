-- The plain engine's ground: the schema, the clock and the tables. One row is one job; every other table hangs on it.
-- Runs as whoever owns the tables (countersign_owner, or the one login of a library user); no process has a right on a table.

do $$ begin
  if not exists (select from pg_namespace where nspname = 'countersign_queue') then
    create schema countersign_queue;
  end if;
end $$;

-- Who owns the functions: countersign_engine where that role exists and the installer may take it, else the installer.
-- A function file begins with as_engine() and ends with as_owner(). Takes no lock; never makes a role.
create function countersign_queue.as_engine() returns void
language plpgsql as $$
begin
  perform set_config('countersign.installer', current_user, true);
  if exists (select from pg_roles where rolname = 'countersign_engine' and pg_has_role(session_user, oid, 'member')) then
    grant usage, create on schema countersign_queue to countersign_engine;
    set local role countersign_engine;
  end if;
end $$;

-- Takes EXECUTE from PUBLIC on all that the engine made, and goes back to the installer.
create function countersign_queue.as_owner() returns void
language plpgsql as $$
declare
  f regprocedure;
begin
  for f in select p.oid::regprocedure from pg_proc p
    where p.pronamespace = 'countersign_queue'::regnamespace and p.proowner = current_user::regrole
  loop
    execute format('revoke execute on function %s from public', f);
  end loop;
  perform set_config('role', current_setting('countersign.installer'), true);
end $$;

-- Gives a group role some functions by name; nothing where the role does not exist (one login for everything).
create function countersign_queue.grant_functions(role name, names text[]) returns void
language plpgsql as $$
declare
  f regprocedure;
begin
  if not exists (select from pg_roles where rolname = role) then
    return;
  end if;
  for f in select p.oid::regprocedure from pg_proc p
    where p.pronamespace = 'countersign_queue'::regnamespace and p.proname::text = any (names)
  loop
    execute format('grant execute on function %s to %I', f, role);
  end loop;
end $$;

-- The engine's own time, to the millisecond. Inside a server it is the server's clock, so that two clocks never meet in one fact.
do $$ begin
  if to_regprocedure('countersign.now()') is not null then
    create function countersign_queue.now() returns timestamptz language sql volatile parallel safe return countersign.now();
  else
    create function countersign_queue.now() returns timestamptz language sql volatile parallel safe
    return date_trunc('milliseconds', clock_timestamp());
  end if;
end $$;

-- bounded: live jobs, plus a day of finished ones and 30 days of dead letters
create table countersign_queue.jobs (
  id text collate "C" primary key,
  tenant_id uuid not null,
  ord bigint generated always as identity,
  queue text collate "C" not null check (queue ~ '^[a-z0-9][a-z0-9_.:-]{0,199}$'),
  kind text collate "C" not null check (kind ~ '^[a-z][a-z0-9_.:-]{0,199}$'),
  priority smallint not null check (priority between 1 and 4),
  state text collate "C" not null check (state in
    ('scheduled', 'retrying', 'blocked', 'ready', 'running', 'waiting', 'completed', 'failed', 'cancelled')),
  state_reason text,
  payload jsonb not null,
  payload_bytes integer not null,
  payload_version integer not null,
  attempt integer not null default 0 check (attempt >= 0),
  max_attempts integer not null check (max_attempts between 1 and 1000),
  -- Named with the job; else the kind's, read again at each claim: it may have been declared after the job was made.
  max_attempts_own boolean not null,
  crashes integer not null default 0,
  -- The fence: number of the attempt, and the random token of the claim that holds it (null: nobody does).
  lease bigint not null default 0,
  claim_token uuid,
  worker text collate "C",
  started_at timestamptz(3),
  settled_as text,
  -- The next claim, or the one in force, goes on with the attempt that parked and does not count.
  resumes boolean not null default false,
  run_at timestamptz(3) not null,
  enqueued_at timestamptz(3) not null,
  claimed_at timestamptz(3),
  finished_at timestamptz(3),
  deadline_ms bigint,
  deadline_at timestamptz(3),
  backoff jsonb,
  max_crashes integer,
  cancel_requested_at timestamptz(3),
  cancel_reason text,
  errors jsonb not null default '[]',
  progress jsonb,
  output jsonb,
  keep_output_ms bigint,
  output_until timestamptz(3),
  metadata jsonb not null default '{}',
  tags text[] not null default '{}',
  trace jsonb,
  callback_id text collate "C",
  callbacks integer not null default 0,
  awaited boolean not null default false,
  dead_letter boolean not null default false,
  unique_key text,
  unique_hash bytea,
  unique_while text[],
  unique_until timestamptz(3),
  unique_held boolean generated always as (unique_hash is not null and state = any (unique_while)) stored,
  -- Why a job failed is one of a closed list (Q24), and a dead letter says why.
  constraint jobs_reason check (
    (state <> 'failed' or state_reason in ('terminal_error', 'max_attempts_exhausted', 'crashed_too_often', 'deadline_expired',
      'callback_timeout', 'unknown_kind', 'payload_invalid', 'output_invalid', 'dependency_failed', 'operator'))
    and (not dead_letter or (state = 'failed' and state_reason is not null)))
) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);
comment on table countersign_queue.jobs is 'bounded: live jobs, a day of finished ones, 30 days of dead letters';

create index jobs_ready on countersign_queue.jobs (queue, priority, ord) where state = 'ready';
create index jobs_suspect on countersign_queue.jobs (queue, priority, ord) where state = 'ready' and crashes > 0;
create index jobs_due on countersign_queue.jobs (queue, run_at) where state in ('scheduled', 'retrying');
create index jobs_running on countersign_queue.jobs (worker) where state = 'running';
create index jobs_finished on countersign_queue.jobs (finished_at) where state in ('completed', 'failed', 'cancelled');
create index jobs_of_tenant on countersign_queue.jobs (tenant_id, id);
create unique index jobs_unique on countersign_queue.jobs (unique_hash) where unique_held;

create table countersign_queue.callbacks (
  id text collate "C" primary key,
  tenant_id uuid not null,
  job_id text collate "C" not null references countersign_queue.jobs on delete cascade,
  name text not null,
  state text collate "C" not null check (state in ('open', 'completed', 'failed', 'expired', 'cancelled')),
  -- What the job does with an answer: ends with it as output, or runs again and reads it.
  then_do text not null check (then_do in ('finish', 'resume')),
  payload jsonb,
  error jsonb,
  created_at timestamptz(3) not null,
  timeout_at timestamptz(3) not null,
  resolved_at timestamptz(3),
  -- The row that the name of this job means; older ones only answer that they are over.
  in_force boolean not null default true
);
comment on table countersign_queue.callbacks is 'bounded: goes with its job';
create unique index callbacks_by_name on countersign_queue.callbacks (job_id, name) where in_force;
create index callbacks_open on countersign_queue.callbacks (timeout_at) where state = 'open';
create index callbacks_of_job on countersign_queue.callbacks (job_id);

create table countersign_queue.schedules (
  id text collate "C" primary key,
  tenant_id uuid not null,
  name text not null check (char_length(name) between 1 and 200),
  cron text not null,
  timezone text not null,
  job jsonb not null,
  missed text not null check (missed in ('coalesce', 'catch_up', 'skip')),
  overlap text not null check (overlap in ('allow', 'skip', 'replace')),
  jitter_ms bigint not null default 0,
  starts_at timestamptz(3),
  ends_at timestamptz(3),
  declared_in text not null check (declared_in in ('code', 'api')),
  created_at timestamptz(3) not null,
  seen_at timestamptz(3) not null,
  paused_at timestamptz(3),
  paused_by text,
  -- The compare-and-swap of a fire: what was emitted last, or when the schedule began.
  last_fire timestamptz(3) not null,
  next_fire timestamptz(3),
  caught_up integer not null default 0,
  last_job_id text,
  unique (tenant_id, name)
);
comment on table countersign_queue.schedules is 'static: as many as somebody declared';

create table countersign_queue.queues (
  name text collate "C" primary key,
  paused_at timestamptz(3),
  paused_by text
);
comment on table countersign_queue.queues is 'static: queues that somebody paused once';

-- What a process declared about a kind: the nearest setting wins, and follow-ups are data, not code of one process.
create table countersign_queue.kinds (
  name text collate "C" primary key check (name ~ '^[a-z][a-z0-9_.:-]{0,199}$'),
  settings jsonb not null default '{}',
  seen_at timestamptz(3),
  paused_at timestamptz(3),
  paused_by text
);
comment on table countersign_queue.kinds is 'static: kinds that somebody declared';

-- beat_at, lost_after_ms and leases are real time, also under a test clock: a process is alive or it is not.
create table countersign_queue.workers (
  id text collate "C" primary key,
  queues text[] not null,
  kinds text[] not null,
  host text not null,
  pid integer not null,
  version text not null,
  started_at timestamptz(3) not null,
  beat_at timestamptz not null,
  lost_after_ms integer not null,
  sleeps_until timestamptz
) with (fillfactor = 50);
comment on table countersign_queue.workers is 'bounded: live processes';

create table countersign_queue.leases (
  name text primary key,
  holder text not null,
  until timestamptz not null
) with (fillfactor = 50);
comment on table countersign_queue.leases is 'static: one row a duty that only one process does';

-- Row security (Q76): one policy names the engine, the other shows a reader only its own tenant, should a role ever get the right to read.
do $$
declare
  engine name := current_user;
  t text;
begin
  if exists (select from pg_roles where rolname = 'countersign_engine' and pg_has_role(session_user, oid, 'member')) then
    engine := 'countersign_engine';
  end if;
  foreach t in array array['jobs', 'callbacks', 'schedules'] loop
    execute format('alter table countersign_queue.%I enable row level security', t);
    execute format('alter table countersign_queue.%I force row level security', t);
    execute format('create policy engine on countersign_queue.%I to %I using (true) with check (true)', t, engine);
    execute format($p$create policy tenant on countersign_queue.%I for select
      using (tenant_id = (select nullif(current_setting('countersign.tenant', true), '')::uuid))$p$, t);
  end loop;
  foreach t in array array['jobs', 'callbacks', 'schedules', 'queues', 'kinds', 'workers', 'leases'] loop
    if engine <> current_user then
      execute format('grant select, insert, update, delete on countersign_queue.%I to %I', t, engine);
    end if;
  end loop;
  if engine <> current_user then
    execute format('grant execute on function countersign_queue.now() to %I', engine);
    execute format('grant execute on function countersign_queue.grant_functions(name, text[]) to %I', engine);
    execute format('grant execute on function countersign_queue.as_owner() to %I', engine);
  end if;
  revoke execute on function countersign_queue.now() from public;
  revoke execute on function countersign_queue.as_engine() from public;
  revoke execute on function countersign_queue.as_owner() from public;
  revoke execute on function countersign_queue.grant_functions(name, text[]) from public;
  perform countersign_queue.grant_functions(r, array['now']) from unnest(array['countersign_producer', 'countersign_worker',
    'countersign_callback', 'countersign_maintenance', 'countersign_reader', 'countersign_admin']::name[]) r;
end $$;

-- The two transition tables of Q13, as a guard on the table itself, so that no path can leave them.
-- Takes no lock; never changes the row. A trigger function runs as the engine that updates, so it needs no rights of its own.
create function countersign_queue.refuse_transition() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'job % may not go from % to %', old.id, old.state, new.state using errcode = 'QJ000';
end $$;
revoke execute on function countersign_queue.refuse_transition() from public;
create trigger transitions before update of state on countersign_queue.jobs for each row
when (old.state is distinct from new.state and old.state || ' ' || new.state <> all (array[
  'scheduled ready', 'retrying ready',
  'ready scheduled', 'retrying scheduled',
  'ready failed', 'scheduled failed', 'retrying failed', 'blocked failed',
  'blocked ready', 'blocked scheduled',
  'ready running',
  'running completed', 'running retrying', 'running failed', 'running scheduled', 'running waiting', 'running ready',
  'waiting ready', 'waiting completed', 'waiting failed', 'waiting retrying',
  'failed ready', 'cancelled ready',
  'scheduled cancelled', 'retrying cancelled', 'blocked cancelled', 'ready cancelled', 'running cancelled', 'waiting cancelled'
]))
execute function countersign_queue.refuse_transition();
