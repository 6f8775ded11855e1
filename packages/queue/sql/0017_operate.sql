-- What operators may do, on a job wherever it lies: lock_job gives a job of the ring its row first, and what ended in the ring is told by its state.
-- Each function keeps to the tenant of the caller's transaction; a foreign job is as if absent.

-- Runtimes that know less than this file stop by themselves (Q144): the number of the last file that began with `--! breaking`, 0 without one.
create table countersign_queue.tolerance (
  one boolean primary key default true check (one),
  oldest_runtime integer not null
);
comment on table countersign_queue.tolerance is 'static: one row';
insert into countersign_queue.tolerance values (true, 0);
do $$ begin
  if exists (select from pg_roles where rolname = 'countersign_engine' and pg_has_role(session_user, oid, 'member')) then
    grant select on countersign_queue.tolerance to countersign_engine;
  end if;
end $$;

-- Says that a file which older runtimes cannot work with was run: they hear it as it commits, and stop. For whoever runs migrations, in the transaction
-- of that file: nobody but the owner of the tables may call it.
create function countersign_queue.break_with(file integer) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  update countersign_queue.tolerance t set oldest_runtime = greatest(t.oldest_runtime, file);
  perform pg_notify('countersign_queue', 'schema:' || file);
end $$;
revoke execute on function countersign_queue.break_with(integer) from public;

select countersign_queue.as_engine();

-- The oldest runtime that this schema tolerates, as the number of the last file that it knows. Takes no lock.
create function countersign_queue.oldest_runtime() returns integer
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select t.oldest_runtime from countersign_queue.tolerance t;
end;

-- What is answered about a job without a row: its state when it ended in the ring or only the history knows it, null when there is none.
create function countersign_queue.ended(job text) returns jsonb
language plpgsql volatile as $$
declare
  said text := countersign_queue.job_state(job);
begin
  return case when said is not null then jsonb_build_object('id', job, 'state', said, 'changed', false) end;
end $$;

-- Cancels a job: at once where nobody runs it, else by asking its worker. {id, state, changed}, null when there is none. Locks the job, and before it the lane or stripe of one in the ring.
create or replace function countersign_queue.cancel_job(job text, reason text default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  j countersign_queue.jobs := countersign_queue.lock_job(job);
begin
  if j.id is null then
    return countersign_queue.ended(job);
  elsif j.state in ('completed', 'failed', 'cancelled') then
    return jsonb_build_object('id', j.id, 'state', j.state, 'changed', false);
  elsif j.state = 'running' then
    update countersign_queue.jobs q set cancel_requested_at = coalesce(q.cancel_requested_at, at),
      cancel_reason = coalesce(q.cancel_reason, left(reason, 1024)) where q.id = j.id;
    perform pg_notify('countersign_queue', 'cancel:' || j.id);
    return jsonb_build_object('id', j.id, 'state', 'running', 'changed', j.cancel_requested_at is null);
  end if;
  return jsonb_build_object('id', j.id, 'changed', true,
    'state', countersign_queue.put(j.id, 'cancelled', left(coalesce(reason, 'cancelled'), 1024), null, at));
end $$;

-- Gives a job that waits for its time another time. {id, state, changed}. Locks the job, and before it the lane or stripe of one in the ring.
create or replace function countersign_queue.reschedule_job(job text, run_at timestamptz) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  j countersign_queue.jobs := countersign_queue.lock_job(job);
begin
  if j.id is null then
    return countersign_queue.ended(job);
  elsif j.state not in ('ready', 'scheduled', 'retrying') then
    return jsonb_build_object('id', j.id, 'state', j.state, 'changed', false);
  end if;
  return jsonb_build_object('id', j.id, 'changed', true,
    'state', countersign_queue.put(j.id, 'scheduled', null, reschedule_job.run_at, countersign_queue.now()));
end $$;

-- Lets a held job go (Q23). {id, state, changed}. Locks the job, and before it the lane or stripe of one in the ring.
create or replace function countersign_queue.release_job(job text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  j countersign_queue.jobs := countersign_queue.lock_job(job);
begin
  if j.id is null then
    return countersign_queue.ended(job);
  elsif j.state <> 'blocked' or j.state_reason <> 'held' then
    return jsonb_build_object('id', j.id, 'state', j.state, 'changed', false);
  end if;
  return jsonb_build_object('id', j.id, 'changed', true, 'state',
    countersign_queue.put(j.id, case when j.run_at > at then 'scheduled' else 'ready' end, null, j.run_at, at));
end $$;

-- Runs a failed or cancelled job again with attempt 0 (errors are kept), or a scheduled or retrying one now. Overrides: queue, priority,
-- run_at, payload. {id, state, changed}, with conflict = the holder when a newer job has its unique key. Locks the job, and before it the lane or stripe of one in the ring.
create or replace function countersign_queue.retry_job(job text, overrides jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  j countersign_queue.jobs := countersign_queue.lock_job(job);
  due timestamptz := coalesce((overrides ->> 'run_at')::timestamptz, at);
  goal text;
begin
  if overrides - array['queue', 'priority', 'run_at', 'payload'] <> '{}' then
    perform countersign_queue.refuse('', 'a retry may change queue, priority, run_at and payload');
  end if;
  perform countersign_queue.check_size('/payload', overrides ->> 'payload', 1048576), countersign_queue.integer_of(overrides, 'priority', 1, 4);
  if overrides ->> 'queue' !~ '^[a-z0-9][a-z0-9_.:-]{0,199}$' then
    perform countersign_queue.refuse('/queue', 'a queue is 1 to 200 of a-z, 0-9, _ . : -, beginning with a letter or digit');
  end if;
  perform countersign_queue.check_bound(countersign_queue.principal(), overrides ->> 'queue', null);
  if j.id is null then
    return countersign_queue.ended(job);
  elsif j.state in ('scheduled', 'retrying') then
    goal := 'ready';
  elsif j.state in ('failed', 'cancelled') then
    goal := 'ready';
    update countersign_queue.callbacks c set in_force = false where c.job_id = j.id and c.state <> 'completed';
  else
    return jsonb_build_object('id', j.id, 'state', j.state, 'changed', false);
  end if;
  begin
    update countersign_queue.jobs q set
      state = goal, state_reason = null, run_at = due, finished_at = null, resumes = false, output = null, output_until = null,
      attempt = case when j.state in ('failed', 'cancelled') then 0 else q.attempt end,
      crashes = case when j.state in ('failed', 'cancelled') then 0 else q.crashes end,
      claim_token = null, cancel_requested_at = null, cancel_reason = null, dead_letter = false,
      queue = coalesce(overrides ->> 'queue', q.queue), priority = coalesce((overrides ->> 'priority')::smallint, q.priority),
      payload = coalesce(overrides -> 'payload', q.payload),
      payload_bytes = octet_length(coalesce(overrides -> 'payload', q.payload)::text)
    where q.id = j.id;
    if due > at then
      update countersign_queue.jobs q set state = 'scheduled' where q.id = j.id;
    end if;
  exception when unique_violation then
    return jsonb_build_object('id', j.id, 'state', j.state, 'changed', false, 'conflict',
      (select h.id from countersign_queue.jobs h where h.unique_held and h.unique_hash = j.unique_hash));
  end;
  perform countersign_queue.wake(coalesce(overrides ->> 'queue', j.queue), due, at);
  return jsonb_build_object('id', j.id, 'state', case when due > at then 'scheduled' else 'ready' end, 'changed', true);
end $$;

-- Moves a job that nobody runs to the dead letters by hand. {id, state, changed}. Locks the job, and before it the lane or stripe of one in the ring.
create or replace function countersign_queue.bury_job(job text, reason text default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  j countersign_queue.jobs := countersign_queue.lock_job(job);
begin
  if j.id is null then
    return countersign_queue.ended(job);
  elsif j.state not in ('ready', 'scheduled', 'retrying', 'blocked') then
    return jsonb_build_object('id', j.id, 'state', j.state, 'changed', false);
  end if;
  update countersign_queue.jobs q set errors = countersign_queue.with_error(j, 'operator', reason, null, at) where q.id = j.id;
  return jsonb_build_object('id', j.id, 'state', countersign_queue.put(j.id, 'failed', 'operator', null, at), 'changed', true);
end $$;

-- What health is made of: times in milliseconds, real time; the number of the last file of this folder.
create or replace function countersign_queue.vitals() returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select jsonb_build_object(
    'schema_version', 19,
    'oldest_runtime', countersign_queue.oldest_runtime(),
    'workers', (select count(*) from countersign_queue.workers w where w.lost_at is null and w.beat_at + w.lost_after_ms * interval '1 millisecond' > clock_timestamp()),
    'leader', (select l.holder from countersign_queue.leases l where l.name = 'maintenance' and l.until > clock_timestamp()),
    'oldest_ready_ms', (select ceil(extract(epoch from countersign_queue.now() - min(o.since)) * 1000) from (
      select min(j.run_at) as since from countersign_queue.jobs j where j.state = 'ready'
      union all
      select countersign_queue.lane_head(l.lane, g.gens) from countersign_queue.lanes l cross join (
        select countersign_queue.live_generations() as gens offset 0) g) o));
end;

select countersign_queue.grant_functions('countersign_worker', array['oldest_runtime']);
select countersign_queue.grant_functions('countersign_maintenance', array['oldest_runtime']);
select countersign_queue.as_owner();
