-- What operators and readers may do. Each function keeps to the tenant of the caller's transaction; a foreign job is as if absent.
select countersign_queue.as_engine();

-- A job as readers see it (Q9, Q14): wire names, times as spoken, nothing of the fence but the lease.
create function countersign_queue.job_view(j countersign_queue.jobs) returns jsonb
language sql stable
return jsonb_build_object('id', j.id, 'tenant_id', j.tenant_id, 'kind', j.kind, 'queue', j.queue, 'priority', j.priority,
  'payload', j.payload, 'payload_version', j.payload_version, 'state', j.state, 'state_reason', j.state_reason,
  'attempt', j.attempt, 'max_attempts', j.max_attempts, 'crashes', j.crashes, 'lease', j.lease, 'worker', j.worker)
|| jsonb_build_object('run_at', countersign_queue.spoken(j.run_at), 'enqueued_at', countersign_queue.spoken(j.enqueued_at),
  'claimed_at', countersign_queue.spoken(j.claimed_at), 'finished_at', countersign_queue.spoken(j.finished_at),
  'deadline_at', countersign_queue.spoken(j.deadline_at), 'cancel_requested_at', countersign_queue.spoken(j.cancel_requested_at),
  'errors', j.errors, 'progress', j.progress, 'output', j.output, 'metadata', j.metadata, 'tags', j.tags,
  'unique_key', j.unique_key, 'trace', j.trace, 'dead_letter', j.dead_letter);

-- Whether a row is inside the caller's transaction.
create function countersign_queue.visible(tenant uuid) returns boolean
language sql stable
return countersign_queue.caller_tenant() is null or tenant = countersign_queue.caller_tenant();

create function countersign_queue.job(job text) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select countersign_queue.job_view(j) from countersign_queue.jobs j where j.id = job and countersign_queue.visible(j.tenant_id);
end;

-- For waiters: which of these jobs are over, and how. The others are marked, so that their end notifies. Locks the unmarked ones, skipping
-- what others hold: one job in somebody's open transaction holds up the waiters of no other, and the next look marks it.
create function countersign_queue.job_results(jobs text[]) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  found_ones jsonb;
begin
  perform countersign_queue.check_isolation();
  update countersign_queue.jobs j set awaited = true where j.id in (
    select q.id from countersign_queue.jobs q
    where q.id = any (jobs) and not q.awaited and q.state not in ('completed', 'failed', 'cancelled') and countersign_queue.visible(q.tenant_id)
    for update skip locked);
  select jsonb_object_agg(j.id, jsonb_build_object('state', j.state, 'reason', j.state_reason, 'output', j.output,
    'error', j.errors -> -1 ->> 'error')) into found_ones
  from countersign_queue.jobs j where j.id = any (jobs) and countersign_queue.visible(j.tenant_id);
  return coalesce(found_ones, '{}');
end $$;

-- Locks one job of the caller, or none.
create function countersign_queue.lock_job(job text) returns countersign_queue.jobs
language sql volatile
begin atomic
  select j from countersign_queue.jobs j where j.id = job and countersign_queue.visible(j.tenant_id) for update;
end;

-- Cancels a job: at once where nobody runs it, else by asking its worker. {id, state, changed}, null when there is none. Locks the job.
create function countersign_queue.cancel_job(job text, reason text default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  j countersign_queue.jobs := countersign_queue.lock_job(job);
begin
  if j.id is null then
    return null;
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

-- Gives a job that waits for its time another time. {id, state, changed}. Locks the job.
create function countersign_queue.reschedule_job(job text, run_at timestamptz) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  j countersign_queue.jobs := countersign_queue.lock_job(job);
begin
  if j.id is null then
    return null;
  elsif j.state not in ('ready', 'scheduled', 'retrying') then
    return jsonb_build_object('id', j.id, 'state', j.state, 'changed', false);
  end if;
  return jsonb_build_object('id', j.id, 'changed', true,
    'state', countersign_queue.put(j.id, 'scheduled', null, reschedule_job.run_at, countersign_queue.now()));
end $$;

-- Lets a held job go (Q23). {id, state, changed}. Locks the job.
create function countersign_queue.release_job(job text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  j countersign_queue.jobs := countersign_queue.lock_job(job);
begin
  if j.id is null then
    return null;
  elsif j.state <> 'blocked' or j.state_reason <> 'held' then
    return jsonb_build_object('id', j.id, 'state', j.state, 'changed', false);
  end if;
  return jsonb_build_object('id', j.id, 'changed', true, 'state',
    countersign_queue.put(j.id, case when j.run_at > at then 'scheduled' else 'ready' end, null, j.run_at, at));
end $$;

-- Runs a failed or cancelled job again with attempt 0 (errors are kept), or a scheduled or retrying one now. Overrides: queue, priority,
-- run_at, payload. {id, state, changed}, with conflict = the holder when a newer job has its unique key. Locks the job.
create function countersign_queue.retry_job(job text, overrides jsonb default '{}') returns jsonb
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
  if j.id is null then
    return null;
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

-- Moves a job that nobody runs to the dead letters by hand. {id, state, changed}. Locks the job.
create function countersign_queue.bury_job(job text, reason text default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  j countersign_queue.jobs := countersign_queue.lock_job(job);
begin
  if j.id is null then
    return null;
  elsif j.state not in ('ready', 'scheduled', 'retrying', 'blocked') then
    return jsonb_build_object('id', j.id, 'state', j.state, 'changed', false);
  end if;
  update countersign_queue.jobs q set errors = countersign_queue.with_error(j, 'operator', reason, null, at) where q.id = j.id;
  return jsonb_build_object('id', j.id, 'state', countersign_queue.put(j.id, 'failed', 'operator', null, at), 'changed', true);
end $$;

-- Ids of the dead letters that a filter names ({ids?, queue?, kind?, reason?} or {all: true}), oldest first, at most 1000. A filter that says
-- nothing is refused: nobody means everything by an empty object (Q117).
create function countersign_queue.dead_letter_ids(filter jsonb) returns setof text
language plpgsql stable as $$
begin
  if jsonb_strip_nulls(filter) - array['ids', 'queue', 'kind', 'reason', 'all'] <> '{}'
    or not jsonb_strip_nulls(filter) ?| array['ids', 'queue', 'kind', 'reason', 'all'] or filter -> 'all' = 'false' then
    raise exception 'name ids, queue, kind or reason, or say all' using errcode = 'QJ005', detail = '{"path": "", "code": "filter_required"}';
  end if;
  return query select j.id from countersign_queue.jobs j
  where j.state = 'failed' and j.dead_letter and countersign_queue.visible(j.tenant_id)
    and (filter -> 'ids' is null or filter -> 'ids' ? j.id) and (filter ->> 'queue' is null or j.queue = filter ->> 'queue')
    and (filter ->> 'kind' is null or j.kind = filter ->> 'kind') and (filter ->> 'reason' is null or j.state_reason = filter ->> 'reason')
  order by j.id limit 1000;
end $$;

-- Runs dead letters again; a unique conflict leaves its letter and is reported. {retried: [id], conflicts: [{id, conflict}]}. Locks each letter.
create function countersign_queue.retry_dead_letters(filter jsonb, overrides jsonb default '{}') returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select jsonb_build_object(
    'retried', coalesce(jsonb_agg(r.answer ->> 'id') filter (where r.answer -> 'changed' = 'true'), '[]'),
    'conflicts', coalesce(jsonb_agg(jsonb_build_object('id', r.answer ->> 'id', 'conflict', r.answer ->> 'conflict'))
      filter (where r.answer ? 'conflict'), '[]'))
  from (select countersign_queue.retry_job(d, overrides) as answer from countersign_queue.dead_letter_ids(filter) d offset 0) r;
end;

-- Deletes dead letters. Answers how many. Locks them.
create function countersign_queue.purge_dead_letters(filter jsonb) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  n integer;
begin
  delete from countersign_queue.jobs j where j.id in (select countersign_queue.dead_letter_ids(filter)) and j.state = 'failed';
  get diagnostics n = row_count;
  return n;
end $$;

-- Jobs of the caller's tenant, newest first: filter {state?, kind?, queue?, tag?, dead_letter?}, behind a cursor (an id).
create function countersign_queue.list_jobs(filter jsonb default '{}', after text default null, most integer default 50) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  listed jsonb;
begin
  if most is null or most not between 1 and 200 then
    perform countersign_queue.refuse('/limit', 'limit is between 1 and 200');
  elsif filter - array['state', 'kind', 'queue', 'tag', 'dead_letter'] <> '{}' then
    perform countersign_queue.refuse('', 'jobs are filtered by state, kind, queue, tag and dead_letter');
  end if;
  select coalesce(jsonb_agg(countersign_queue.job_view(j) order by j.id desc), '[]') into listed from (
    select * from countersign_queue.jobs q
    where countersign_queue.visible(q.tenant_id) and (after is null or q.id < after)
      and (filter ->> 'state' is null or q.state = filter ->> 'state') and (filter ->> 'kind' is null or q.kind = filter ->> 'kind')
      and (filter ->> 'queue' is null or q.queue = filter ->> 'queue') and (filter ->> 'tag' is null or filter ->> 'tag' = any (q.tags))
      and (filter -> 'dead_letter' is null or q.dead_letter = (filter -> 'dead_letter')::boolean)
    order by q.id desc limit most) j;
  return listed;
end $$;

-- How many jobs are in which state, by queue, as of now (Q66).
create function countersign_queue.counts() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select jsonb_build_object('as_of', countersign_queue.spoken(countersign_queue.now()),
    'queues', coalesce((select jsonb_object_agg(q.queue, q.states) from (
      select n.queue, jsonb_object_agg(n.state, n.n) as states from (
        select j.queue, j.state, count(*) as n from countersign_queue.jobs j where countersign_queue.visible(j.tenant_id) group by j.queue, j.state
      ) n group by n.queue) q), '{}'));
end;

-- Queues known by a job, a kind or a pause.
create function countersign_queue.list_queues() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select coalesce(jsonb_agg(jsonb_build_object('name', n.name, 'paused_at', countersign_queue.spoken(q.paused_at), 'paused_by', q.paused_by)
    order by n.name), '[]')
  from (
    select c.name from countersign_queue.queues c
    union select coalesce(k.settings ->> 'queue', 'default') from countersign_queue.kinds k
    union select j.queue from countersign_queue.jobs j where countersign_queue.visible(j.tenant_id)
  ) n left join countersign_queue.queues q on q.name = n.name;
end;

create function countersign_queue.list_workers() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select coalesce(jsonb_agg(jsonb_build_object('id', w.id, 'host', w.host, 'pid', w.pid, 'version', w.version, 'queues', w.queues,
    'kinds', w.kinds, 'started_at', countersign_queue.spoken(w.started_at), 'beat_at', countersign_queue.spoken(w.beat_at),
    'alive', w.beat_at + w.lost_after_ms * interval '1 millisecond' > clock_timestamp()) order by w.id), '[]')
  from countersign_queue.workers w;
end;

-- Pauses or resumes a queue or a kind: no claim that begins after the commit gives one of its jobs; enqueue goes on (Q119). Locks the row.
create function countersign_queue.set_paused(what text, name text, paused boolean, actor text default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := case when paused then countersign_queue.now() end;
begin
  if what = 'queue' then
    if name !~ '^[a-z0-9][a-z0-9_.:-]{0,199}$' then
      perform countersign_queue.refuse('/queue', 'not the name of a queue');
    end if;
    insert into countersign_queue.queues as q (name, paused_at, paused_by) values (set_paused.name, at, case when paused then actor end)
    on conflict on constraint queues_pkey do update set paused_at = excluded.paused_at, paused_by = excluded.paused_by;
    if not paused then
      perform pg_notify('countersign_queue', 'work:' || set_paused.name);
    end if;
  elsif what = 'kind' then
    insert into countersign_queue.kinds as k (name, paused_at, paused_by) values (set_paused.name, at, case when paused then actor end)
    on conflict on constraint kinds_pkey do update set paused_at = excluded.paused_at, paused_by = excluded.paused_by;
    if not paused then
      perform pg_notify('countersign_queue', 'work:*');
    end if;
  else
    perform countersign_queue.refuse('/what', 'a queue or a kind is paused');
  end if;
  return jsonb_build_object('name', name, 'paused_at', countersign_queue.spoken(at));
end $$;

-- Cancels every job of a queue that is neither running nor over. {cancelled: {state: n}}. Locks those jobs in order of id.
create function countersign_queue.drain_queue(queue text, reason text default 'drained') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  counted jsonb := '{}';
  j countersign_queue.jobs;
begin
  for j in select * from countersign_queue.jobs q
    where q.queue = drain_queue.queue and q.state in ('scheduled', 'retrying', 'blocked', 'ready', 'waiting')
      and countersign_queue.visible(q.tenant_id) order by q.id for update
  loop
    perform countersign_queue.put(j.id, 'cancelled', reason, null, at);
    counted := counted || jsonb_build_object(j.state, coalesce((counted ->> j.state)::integer, 0) + 1);
  end loop;
  return jsonb_build_object('cancelled', counted);
end $$;

select countersign_queue.grant_functions('countersign_producer', array['job', 'job_results', 'cancel_job', 'release_job', 'reschedule_job']);
select countersign_queue.grant_functions('countersign_reader', array['job', 'job_results', 'list_jobs', 'counts', 'list_queues', 'list_workers']);
select countersign_queue.grant_functions('countersign_admin', array['cancel_job', 'reschedule_job', 'release_job', 'retry_job', 'bury_job',
  'retry_dead_letters', 'purge_dead_letters', 'set_paused', 'drain_queue']);
select countersign_queue.as_owner();
