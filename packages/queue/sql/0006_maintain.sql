-- What maintenance does: one tick does what is due, is safe from many places at once, and never waits for a lock that work holds.
-- Schedules are here too: their compare-and-swap is the only thing that may fire one.
select countersign_queue.as_engine();

-- Takes or renews a duty for a while (real time); false while somebody else has it. Locks the duty's row.
create function countersign_queue.take_lease(duty text, who text, ttl_ms integer) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into countersign_queue.leases as l (name, holder, until)
  values (duty, who, clock_timestamp() + ttl_ms * interval '1 millisecond')
  on conflict (name) do update set holder = excluded.holder, until = excluded.until
  where l.holder = excluded.holder or l.until < clock_timestamp();
  return found;
end $$;

create function countersign_queue.drop_lease(duty text, who text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  delete from countersign_queue.leases l where l.name = duty and l.holder = who;
end;

-- Gives back what lost workers held, ends attempts past their deadline and cancels that nobody honoured for 30 s. Locks each job, skipping
-- what others hold; a job that its owner is finishing in a transaction is left alone.
create function countersign_queue.rescue(at timestamptz, most integer) returns integer
language plpgsql volatile as $$
declare
  j countersign_queue.jobs;
  n integer := 0;
begin
  delete from countersign_queue.workers w where w.beat_at + w.lost_after_ms * interval '1 millisecond' < clock_timestamp();
  for j in select * from countersign_queue.jobs q
    where q.state = 'running' and not exists (select from countersign_queue.workers w where w.id = q.worker)
    order by q.id limit most for update skip locked
  loop
    perform countersign_queue.lose_attempt(j, at);
    n := n + 1;
  end loop;
  for j in select * from countersign_queue.jobs q
    where q.state = 'running' and (q.deadline_at <= at or q.cancel_requested_at <= at - interval '30 seconds')
    order by q.id limit most for update skip locked
  loop
    update countersign_queue.jobs q set claim_token = null where q.id = j.id;
    if j.cancel_requested_at is not null then
      perform countersign_queue.put(j.id, 'cancelled', coalesce(j.cancel_reason, 'cancelled'), null, at);
    else
      perform countersign_queue.fail_attempt(j, 'deadline_expired', 'the attempt passed its deadline', null, null, null, at);
    end if;
    n := n + 1;
  end loop;
  return n;
end $$;

-- Ends callbacks past their timeout. Locks the job (skipping what others hold), then its callback.
create function countersign_queue.expire_callbacks(at timestamptz, most integer) returns integer
language plpgsql volatile as $$
declare
  due record;
  j countersign_queue.jobs;
  c countersign_queue.callbacks;
  n integer := 0;
begin
  for due in select b.id, b.job_id from countersign_queue.callbacks b where b.state = 'open' and b.timeout_at <= at order by b.job_id limit most loop
    select * into j from countersign_queue.jobs q where q.id = due.job_id for update skip locked;
    continue when j.id is null;
    select * into c from countersign_queue.callbacks b where b.id = due.id and b.state = 'open' and b.timeout_at <= at for update;
    continue when c.id is null;
    perform countersign_queue.expire_callback(j, c, at);
    n := n + 1;
  end loop;
  return n;
end $$;

-- Dead letters of kinds that nobody knows (Q20): ready for `patience`, on a queue whose live workers have been up that long, and announced
-- by none of them for that long. While no worker serves the queue at all, jobs wait. Locks those jobs, skipping what others hold.
create function countersign_queue.bury_unknown(at timestamptz, patience interval, most integer) returns integer
language plpgsql volatile as $$
declare
  j countersign_queue.jobs;
  n integer := 0;
begin
  for j in select * from countersign_queue.jobs q
    where q.state = 'ready' and q.run_at <= at - patience and q.enqueued_at <= at - patience
      and not exists (select from countersign_queue.kinds k where k.name = q.kind and k.seen_at > at - patience)
      and not exists (select from countersign_queue.workers w where q.kind = any (w.kinds))
      and exists (select from countersign_queue.workers w where q.queue = any (w.queues) and w.started_at <= at - patience)
    order by q.id limit most for update skip locked
  loop
    update countersign_queue.jobs q set errors = countersign_queue.with_error(j, 'unknown_kind', 'no worker knows this kind', null, at) where q.id = j.id;
    perform countersign_queue.put(j.id, 'failed', 'unknown_kind', null, at);
    n := n + 1;
  end loop;
  return n;
end $$;

-- Forgets what is over: outputs after their time, finished jobs after a day (longer while they hold a unique key), dead letters after 30 days.
create function countersign_queue.clean(at timestamptz, most integer) returns integer
language plpgsql volatile as $$
declare
  n integer;
begin
  update countersign_queue.jobs set output = null, output_until = null where id in (
    select j.id from countersign_queue.jobs j where j.state in ('completed', 'failed', 'cancelled') and j.output_until <= at limit most
    for update skip locked);
  delete from countersign_queue.jobs where id in (
    select j.id from countersign_queue.jobs j
    where j.state in ('completed', 'failed', 'cancelled')
      and j.finished_at < at - case when j.dead_letter then interval '30 days' else interval '1 day' end
      and (j.output_until is null or j.output_until <= at) and (j.unique_until is null or not j.unique_held or j.unique_until <= at)
    limit most for update skip locked);
  get diagnostics n = row_count;
  return n;
end $$;

-- Does what is due and answers counts per duty (Q122): promote, rescue, callbacks, unknown, clean; `duties` names some of them.
-- Each duty takes at most 500 jobs (promote 4096 a queue); call again while a count is full. Idempotent.
create function countersign_queue.tick(duties text[] default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  counts jsonb := '{}';
  n integer;
begin
  perform countersign_queue.check_isolation();
  if duties is null or 'rescue' = any (duties) then
    counts := counts || jsonb_build_object('rescue', countersign_queue.rescue(at, 500));
  end if;
  if duties is null or 'callbacks' = any (duties) then
    counts := counts || jsonb_build_object('callbacks', countersign_queue.expire_callbacks(at, 500));
  end if;
  if duties is null or 'promote' = any (duties) then
    select coalesce(sum(countersign_queue.promote(q.queue, at, 4096)), 0) into n from (
      select distinct j.queue from countersign_queue.jobs j where j.state in ('scheduled', 'retrying') and j.run_at <= at) q;
    counts := counts || jsonb_build_object('promote', n);
  end if;
  if duties is null or 'unknown' = any (duties) then
    counts := counts || jsonb_build_object('unknown', countersign_queue.bury_unknown(at, interval '10 minutes', 500));
  end if;
  if duties is null or 'clean' = any (duties) then
    counts := counts || jsonb_build_object('clean', countersign_queue.clean(at, 500));
  end if;
  return counts;
end $$;

-- How a schedule is spoken.
create function countersign_queue.schedule_view(s countersign_queue.schedules) returns jsonb
language sql stable
return jsonb_build_object('id', s.id, 'tenant_id', s.tenant_id, 'name', s.name, 'cron', s.cron, 'timezone', s.timezone, 'job', s.job,
  'missed', s.missed, 'overlap', s.overlap, 'jitter_ms', s.jitter_ms, 'starts_at', countersign_queue.spoken(s.starts_at),
  'ends_at', countersign_queue.spoken(s.ends_at), 'declared_in', s.declared_in, 'seen_at', countersign_queue.spoken(s.seen_at),
  'paused_at', countersign_queue.spoken(s.paused_at), 'paused_by', s.paused_by, 'last_fire', countersign_queue.spoken(s.last_fire),
  'next_fire', countersign_queue.spoken(s.next_fire), 'caught_up', s.caught_up, 'last_job_id', s.last_job_id);

-- Makes or changes a schedule. A new one, and one whose cron or zone changed, begins now: it never fires for the past. Locks its row.
create function countersign_queue.schedule_upsert(s jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  tenant uuid := countersign_queue.tenant_for((s ->> 'tenant_id')::uuid);
  made countersign_queue.schedules;
begin
  if coalesce(s -> 'job' ->> 'kind', '') !~ '^[a-z][a-z0-9_.:-]{0,199}$' then
    perform countersign_queue.refuse('/kind', 'a schedule names a kind');
  end if;
  perform countersign_queue.check_reserved(s -> 'job' -> 'metadata');
  insert into countersign_queue.schedules as o (id, tenant_id, name, cron, timezone, job, missed, overlap, jitter_ms, starts_at, ends_at,
    declared_in, created_at, seen_at, last_fire, next_fire)
  values (countersign_queue.new_id('sch', at), tenant, s ->> 'name', s ->> 'cron', s ->> 'timezone', s -> 'job',
    coalesce(s ->> 'missed', 'coalesce'), coalesce(s ->> 'overlap', 'allow'),
    coalesce(countersign_queue.integer_of(s, 'jitter_ms', 0, 86400000), 0),
    (s ->> 'starts_at')::timestamptz, (s ->> 'ends_at')::timestamptz, coalesce(s ->> 'declared_in', 'api'), at, at, at,
    (s ->> 'next_fire')::timestamptz)
  on conflict (tenant_id, name) do update set
    last_fire = case when o.cron = excluded.cron and o.timezone = excluded.timezone then o.last_fire else excluded.last_fire end,
    next_fire = case when o.cron = excluded.cron and o.timezone = excluded.timezone then o.next_fire else excluded.next_fire end,
    cron = excluded.cron, timezone = excluded.timezone, job = excluded.job, missed = excluded.missed, overlap = excluded.overlap,
    jitter_ms = excluded.jitter_ms, starts_at = excluded.starts_at, ends_at = excluded.ends_at, declared_in = excluded.declared_in,
    seen_at = excluded.seen_at
  returning * into made;
  return countersign_queue.schedule_view(made);
end $$;

-- Schedules of the caller's tenant by name; only the one named, or all.
create function countersign_queue.list_schedules(named text default null) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select coalesce(jsonb_agg(countersign_queue.schedule_view(s) order by s.name), '[]') from countersign_queue.schedules s
  where countersign_queue.visible(s.tenant_id) and (named is null or s.name = named);
end;

-- Schedules whose next fire has come and that nobody paused. Takes no lock.
create function countersign_queue.due_schedules() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select jsonb_build_object('now', countersign_queue.spoken(countersign_queue.now()),
    'due', coalesce(jsonb_agg(countersign_queue.schedule_view(s) order by s.next_fire), '[]'))
  from countersign_queue.schedules s where s.paused_at is null and s.next_fire <= countersign_queue.now();
end;

-- Removes a schedule. Locks its row.
create function countersign_queue.schedule_remove(schedule text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  delete from countersign_queue.schedules s where s.id = schedule and countersign_queue.visible(s.tenant_id);
  return found;
end $$;

-- Pauses or resumes a schedule; a pause that committed stops every later fire, and resuming goes on by the rule for missed fires. Locks its row.
create function countersign_queue.schedule_pause(schedule text, paused boolean, actor text default null) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  update countersign_queue.schedules s set paused_at = case when paused then countersign_queue.now() end, paused_by = case when paused then actor end
  where s.id = schedule and countersign_queue.visible(s.tenant_id)
  returning countersign_queue.schedule_view(s);
end;

-- Enqueues a schedule's job now; moves nothing and asks no pause. Answers the job's id, null without such a schedule.
create function countersign_queue.schedule_trigger(schedule text) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  s countersign_queue.schedules;
begin
  select * into s from countersign_queue.schedules o where o.id = schedule and countersign_queue.visible(o.tenant_id);
  return case when s.id is not null then countersign_queue.insert_job(
    s.job || jsonb_build_object('tenant_id', s.tenant_id, 'metadata', coalesce(s.job -> 'metadata', '{}') || jsonb_build_object(
      'countersign:schedule', s.name)), countersign_queue.now()) ->> 'id' end;
end $$;

-- Fires a schedule for some times, oldest first (Q114): only when nobody fired since `expected`, it is not paused and still there.
-- Answers the ids of the jobs, null when somebody else was first. Locks the schedule's row, which is the compare-and-swap.
create function countersign_queue.schedule_fire(schedule text, expected timestamptz, fires timestamptz[], reached timestamptz, next timestamptz,
  caught integer) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  s countersign_queue.schedules;
  fire timestamptz;
  ids text[] := '{}';
  before countersign_queue.jobs;
  made text;
begin
  perform countersign_queue.check_isolation();
  update countersign_queue.schedules o set last_fire = reached, next_fire = next, caught_up = caught
  where o.id = schedule and o.last_fire = expected and o.paused_at is null returning * into s;
  if s.id is null then
    return null;
  end if;
  foreach fire in array fires loop
    if s.overlap <> 'allow' and s.last_job_id is not null then
      select * into before from countersign_queue.jobs j where j.id = s.last_job_id;
      if before.id is not null and before.state not in ('completed', 'failed', 'cancelled') then
        continue when s.overlap = 'skip';
        perform countersign_queue.cancel_job(before.id, 'replaced by the next fire');
      end if;
    end if;
    made := countersign_queue.insert_job(
      s.job || jsonb_build_object('tenant_id', s.tenant_id,
        'delay_ms', floor(random() * (s.jitter_ms + 1)),
        'metadata', coalesce(s.job -> 'metadata', '{}') || jsonb_build_object(
          'countersign:schedule', s.name, 'countersign:fire_time', countersign_queue.spoken(fire))), at) ->> 'id';
    ids := ids || made;
    s.last_job_id := made;
  end loop;
  update countersign_queue.schedules o set last_job_id = s.last_job_id where o.id = s.id;
  return to_jsonb(ids);
end $$;

-- What health is made of: times in milliseconds, real time; the number of the last file of this folder.
create function countersign_queue.vitals() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select jsonb_build_object(
    'schema_version', 6,
    'workers', (select count(*) from countersign_queue.workers w where w.beat_at + w.lost_after_ms * interval '1 millisecond' > clock_timestamp()),
    'leader', (select l.holder from countersign_queue.leases l where l.name = 'maintenance' and l.until > clock_timestamp()),
    'oldest_ready_ms', (select ceil(extract(epoch from countersign_queue.now() - min(j.run_at)) * 1000) from countersign_queue.jobs j
      where j.state = 'ready'));
end;

select countersign_queue.grant_functions('countersign_maintenance', array['take_lease', 'drop_lease', 'tick', 'due_schedules', 'schedule_fire',
  'schedule_upsert', 'vitals']);
select countersign_queue.grant_functions('countersign_admin', array['schedule_upsert', 'schedule_remove', 'schedule_pause', 'schedule_trigger',
  'list_schedules', 'vitals']);
select countersign_queue.grant_functions('countersign_reader', array['list_schedules', 'vitals']);
select countersign_queue.as_owner();
