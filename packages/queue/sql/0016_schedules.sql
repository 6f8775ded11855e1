-- What operating needs: schedules with their last fires, the report of whoever leads maintenance, dead letters, drain, and the facts of a doctor.

-- The newest ten fires, written by the update that fires anyway.
alter table countersign_queue.schedules add column recent jsonb not null default '[]';
-- What the leader's duties cost, so that every process can tell.
alter table countersign_queue.leases add column report jsonb;
create index jobs_dead on countersign_queue.jobs (id) where dead_letter;

select countersign_queue.as_engine();

-- How a schedule is spoken.
create or replace function countersign_queue.schedule_view(s countersign_queue.schedules) returns jsonb
language sql stable
return jsonb_build_object('id', s.id, 'tenant_id', s.tenant_id, 'name', s.name, 'cron', s.cron, 'timezone', s.timezone, 'job', s.job,
  'missed', s.missed, 'overlap', s.overlap, 'jitter_ms', s.jitter_ms, 'starts_at', countersign_queue.spoken(s.starts_at),
  'ends_at', countersign_queue.spoken(s.ends_at), 'declared_in', s.declared_in, 'seen_at', countersign_queue.spoken(s.seen_at),
  'paused_at', countersign_queue.spoken(s.paused_at), 'paused_by', s.paused_by, 'last_fire', countersign_queue.spoken(s.last_fire),
  'next_fire', countersign_queue.spoken(s.next_fire), 'caught_up', s.caught_up, 'last_job_id', s.last_job_id, 'recent', s.recent);

-- Makes or changes a schedule. A new one, and one whose times changed (cron, zone, start, end), begins now: it never fires for the past, nor
-- for what it missed under its old times. A pause stays. Locks its row.
create or replace function countersign_queue.schedule_upsert(s jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  tenant uuid := countersign_queue.tenant_for((s ->> 'tenant_id')::uuid);
  made countersign_queue.schedules;
begin
  if char_length(coalesce(s ->> 'name', '')) not between 1 and 200 then
    perform countersign_queue.refuse('/name', 'the name of a schedule has 1 to 200 characters');
  end if;
  if coalesce(s -> 'job' ->> 'kind', '') !~ '^[a-z][a-z0-9_.:-]{0,199}$' then
    perform countersign_queue.refuse('/kind', 'a schedule names a kind');
  end if;
  if s -> 'job' ->> 'queue' !~ '^[a-z0-9][a-z0-9_.:-]{0,199}$' then
    perform countersign_queue.refuse('/queue', 'a queue is 1 to 200 of a-z, 0-9, _ . : -, beginning with a letter or digit');
  end if;
  perform countersign_queue.check_size('/payload', s -> 'job' ->> 'payload', 1048576), countersign_queue.integer_of(s -> 'job', 'priority', 1, 4);
  perform countersign_queue.check_reserved(s -> 'job' -> 'metadata');
  insert into countersign_queue.schedules as o (id, tenant_id, name, cron, timezone, job, missed, overlap, jitter_ms, starts_at, ends_at,
    declared_in, created_at, seen_at, last_fire, next_fire)
  values (countersign_queue.new_id('sch', at), tenant, s ->> 'name', s ->> 'cron', s ->> 'timezone', s -> 'job',
    coalesce(s ->> 'missed', 'coalesce'), coalesce(s ->> 'overlap', 'allow'),
    coalesce(countersign_queue.integer_of(s, 'jitter_ms', 0, 86400000), 0),
    (s ->> 'starts_at')::timestamptz, (s ->> 'ends_at')::timestamptz, coalesce(s ->> 'declared_in', 'api'), at, at, at,
    (s ->> 'next_fire')::timestamptz)
  on conflict (tenant_id, name) do update set
    last_fire = case when (o.cron, o.timezone, o.starts_at, o.ends_at) is distinct from
      (excluded.cron, excluded.timezone, excluded.starts_at, excluded.ends_at) then excluded.last_fire else o.last_fire end,
    next_fire = case when (o.cron, o.timezone, o.starts_at, o.ends_at) is distinct from
      (excluded.cron, excluded.timezone, excluded.starts_at, excluded.ends_at) then excluded.next_fire else o.next_fire end,
    caught_up = case when (o.cron, o.timezone, o.starts_at, o.ends_at) is distinct from
      (excluded.cron, excluded.timezone, excluded.starts_at, excluded.ends_at) then 0 else o.caught_up end,
    cron = excluded.cron, timezone = excluded.timezone, job = excluded.job, missed = excluded.missed, overlap = excluded.overlap,
    jitter_ms = excluded.jitter_ms, starts_at = excluded.starts_at, ends_at = excluded.ends_at, declared_in = excluded.declared_in,
    seen_at = excluded.seen_at
  returning * into made;
  return countersign_queue.schedule_view(made);
end $$;

-- {now, due, wait_ms}: schedules whose next fire has come and that nobody paused, and the time to the next fire of all others. Takes no lock.
create or replace function countersign_queue.due_schedules() returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
begin
  return (
    select jsonb_build_object('now', countersign_queue.spoken(at),
      'due', coalesce(jsonb_agg(countersign_queue.schedule_view(s) order by s.next_fire) filter (where s.next_fire <= at), '[]'),
      'wait_ms', ceil(extract(epoch from min(s.next_fire) filter (where s.next_fire > at) - at) * 1000))
    from countersign_queue.schedules s where s.paused_at is null and s.next_fire is not null);
end $$;

-- Fires a schedule for some times, oldest first (Q114): only when nobody fired since `expected`, it is not paused and still there. Answers the ids
-- of the jobs, null when somebody else was first. A fire whose job can never be enqueued is noted and passed over; one that cannot be now
-- stops this call, and the next one finds it due. `unmade`: how many fires of an outage nobody will make up for.
-- Locks the schedule's row, which is the compare-and-swap, then (overlap: replace) the job before.
drop function countersign_queue.schedule_fire(text, timestamptz, timestamptz[], timestamptz, timestamptz, integer);
create function countersign_queue.schedule_fire(schedule text, expected timestamptz, fires timestamptz[], reached timestamptz, next timestamptz,
  caught integer, unmade integer default 0) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  s countersign_queue.schedules;
  fire timestamptz;
  ids text[] := '{}';
  notes jsonb := '[]';
  note jsonb;
begin
  perform countersign_queue.check_isolation();
  update countersign_queue.schedules o set last_fire = reached, next_fire = next, caught_up = caught
  where o.id = schedule and o.last_fire = expected and o.paused_at is null returning * into s;
  if s.id is null then
    return null;
  end if;
  foreach fire in array fires loop
    note := jsonb_build_object('fire_time', countersign_queue.spoken(fire), 'at', countersign_queue.spoken(at), 'job_id', null);
    if s.overlap <> 'allow' and s.last_job_id is not null
      and countersign_queue.job_state(s.last_job_id) in ('scheduled', 'retrying', 'blocked', 'ready', 'running', 'waiting') then
      if s.overlap = 'skip' then
        notes := notes || (note || jsonb_build_object('skipped', 'overlap'));
        continue;
      end if;
      perform countersign_queue.cancel_job(s.last_job_id, 'replaced by the next fire');
    end if;
    begin
      s.last_job_id := countersign_queue.insert_job(
        s.job || jsonb_build_object('tenant_id', s.tenant_id,
          'delay_ms', floor(random() * (s.jitter_ms + 1)),
          'metadata', coalesce(s.job -> 'metadata', '{}') || jsonb_build_object(
            'countersign:schedule', s.name, 'countersign:fire_time', countersign_queue.spoken(fire))), at) ->> 'id';
      ids := ids || s.last_job_id;
      notes := notes || (note || jsonb_build_object('job_id', s.last_job_id));
    exception when others then
      if countersign_queue.passes(sqlstate) then
        raise;
      end if;
      notes := notes || (note || jsonb_build_object('skipped', 'error', 'error', left(sqlerrm, 1024)));
    end;
  end loop;
  if unmade > 0 then
    notes := notes || jsonb_build_object('fire_time', countersign_queue.spoken(reached), 'at', countersign_queue.spoken(at), 'job_id', null,
      'skipped', 'outage', 'fires', unmade);
  end if;
  if notes <> '[]' then
    update countersign_queue.schedules o set last_job_id = s.last_job_id, recent = (
      select jsonb_agg(n.note order by n.nr desc) from (
        select e.note, e.nr from jsonb_array_elements(
          coalesce((select jsonb_agg(r.note order by r.nr desc) from jsonb_array_elements(o.recent) with ordinality r (note, nr)), '[]') || notes
        ) with ordinality e (note, nr) order by e.nr desc limit 10) n)
    where o.id = s.id;
  end if;
  return to_jsonb(ids);
end $$;

-- A schedule with its newest fires, newest first, each with what became of its job (null: not retained). Null without such a schedule.
create function countersign_queue.schedule_fires(schedule text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select jsonb_build_object('schedule', countersign_queue.schedule_view(s), 'now', countersign_queue.spoken(countersign_queue.now()),
      'past', coalesce((
        select jsonb_agg(r.note || jsonb_build_object('state', countersign_queue.job_state(r.note ->> 'job_id')) order by r.nr)
        from jsonb_array_elements(s.recent) with ordinality r (note, nr)), '[]'))
    from countersign_queue.schedules s where s.id = schedule and countersign_queue.visible(s.tenant_id));
end $$;

-- Enqueues a schedule's job now; moves nothing and asks no pause. Answers the job's id, null without such a schedule.
create or replace function countersign_queue.schedule_trigger(schedule text) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  s countersign_queue.schedules;
begin
  select * into s from countersign_queue.schedules o where o.id = schedule and countersign_queue.visible(o.tenant_id);
  return case when s.id is not null then countersign_queue.insert_job(
    s.job || jsonb_build_object('tenant_id', s.tenant_id, 'metadata', coalesce(s.job -> 'metadata', '{}') || jsonb_build_object(
      'countersign:schedule', s.name, 'countersign:triggered', true)), countersign_queue.now()) ->> 'id' end;
end $$;

-- Notes that a live process declares these schedules ([{name, tenant_id?}]). Locks those rows that nobody noted for ten minutes.
create function countersign_queue.schedules_seen(declared jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
begin
  update countersign_queue.schedules s set seen_at = at where s.id in (
    select o.id from countersign_queue.schedules o, jsonb_to_recordset(declared) d (name text, tenant_id uuid)
    where o.tenant_id = countersign_queue.tenant_for(d.tenant_id) and o.name = d.name and o.declared_in = 'code'
      and o.seen_at < at - interval '10 minutes'
    order by o.id for update of o skip locked);
end $$;

-- Schedules from code that are not among `declared` and that no process declared for a while; with `remove` they are deleted (Q116). Answers them.
-- Nothing else ever removes a schedule by absence. Locks what it deletes.
create function countersign_queue.schedule_prune(declared jsonb, unseen_ms bigint, remove boolean) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  s countersign_queue.schedules;
  listed jsonb := '[]';
begin
  for s in select * from countersign_queue.schedules o
    where o.declared_in = 'code' and countersign_queue.visible(o.tenant_id)
      and o.seen_at <= countersign_queue.now() - unseen_ms * interval '1 millisecond'
      and not exists (select from jsonb_to_recordset(declared) d (name text, tenant_id uuid)
        where d.name = o.name and countersign_queue.tenant_for(d.tenant_id) = o.tenant_id)
    order by o.name
  loop
    if remove then
      delete from countersign_queue.schedules o where o.id = s.id and o.seen_at = s.seen_at;
      continue when not found;
    end if;
    listed := listed || countersign_queue.schedule_view(s);
  end loop;
  return listed;
end $$;

-- Takes or renews a duty like take_lease, and leaves word of how it goes. Locks the duty's row.
create function countersign_queue.keep_lease(duty text, who text, ttl_ms integer, report jsonb) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into countersign_queue.leases as l (name, holder, until, report)
  values (duty, who, clock_timestamp() + ttl_ms * interval '1 millisecond', keep_lease.report)
  on conflict (name) do update set holder = excluded.holder, until = excluded.until, report = excluded.report
  where l.holder = excluded.holder or l.until < clock_timestamp();
  return found;
end $$;

-- Who leads maintenance, until when, and how its duties go. Takes no lock.
create function countersign_queue.maintenance_report() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select jsonb_build_object('leader', l.holder, 'until', countersign_queue.spoken(l.until), 'duties', coalesce(l.report, '[]'))
  from (select) one left join countersign_queue.leases l on l.name = 'maintenance' and l.until > clock_timestamp();
end;

-- Cancels every job of a queue that is neither running nor over, of the caller's tenant. {cancelled: {state: n}}. Locks those rows in order of
-- id; ready jobs of the ring are passed over by one step of their lanes' cursors.
create or replace function countersign_queue.drain_queue(queue text, reason text default 'drained') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  counted jsonb := '{}';
  passed bigint;
  ids text[];
  j countersign_queue.jobs;
begin
  perform countersign_queue.check_isolation();
  passed := countersign_queue.drain_lanes(drain_queue.queue, drain_queue.reason, at);
  if passed > 0 then
    counted := jsonb_build_object('ready', passed);
  end if;
  -- All of them before the first is changed: a cancelled job frees its key, for which somebody may wait who holds one of the rows behind it.
  ids := array(select q.id from countersign_queue.jobs q
    where q.queue = drain_queue.queue and q.state in ('scheduled', 'retrying', 'blocked', 'ready', 'waiting')
      and countersign_queue.visible(q.tenant_id) order by q.id for update);
  for j in select * from countersign_queue.jobs q where q.id = any (ids) order by q.id loop
    perform countersign_queue.put(j.id, 'cancelled', reason, null, at);
    counted := counted || jsonb_build_object(j.state, coalesce((counted ->> j.state)::bigint, 0) + 1);
  end loop;
  return jsonb_build_object('cancelled', counted);
end $$;

-- Ids of the dead letters that a filter names ({ids?, queue?, kind?, reason?} or {all: true}), oldest first, at most 1000, behind `after`. A filter
-- that says nothing is refused: nobody means everything by an empty object (Q117).
create or replace function countersign_queue.dead_letter_ids(filter jsonb) returns setof text
language plpgsql stable as $$
declare
  said jsonb := jsonb_strip_nulls(coalesce(filter, '{}'));
begin
  if said - array['ids', 'queue', 'kind', 'reason', 'all', 'after'] <> '{}' then
    perform countersign_queue.refuse('/' || m, 'dead letters are named by ids, queue, kind, reason or all')
    from jsonb_object_keys(said - array['ids', 'queue', 'kind', 'reason', 'all', 'after']) m;
  elsif not said ?| array['ids', 'queue', 'kind', 'reason', 'all'] or said -> 'all' = 'false' then
    raise exception 'name ids, queue, kind or reason, or say all' using errcode = 'QJ005', detail = '{"path": "", "code": "filter_required"}';
  elsif said ? 'ids' and (jsonb_typeof(said -> 'ids') <> 'array' or jsonb_array_length(said -> 'ids') > 1000) then
    perform countersign_queue.refuse('/ids', 'ids are at most 1000');
  elsif said ? 'all' and said - array['all', 'after'] <> '{}' then
    perform countersign_queue.refuse('/all', 'all stands alone');
  end if;
  if said ? 'ids' then
    return query select j.id from countersign_queue.jobs j
    where j.id in (select jsonb_array_elements_text(said -> 'ids')) and j.dead_letter and countersign_queue.visible(j.tenant_id)
      and (said ->> 'queue' is null or j.queue = said ->> 'queue') and (said ->> 'kind' is null or j.kind = said ->> 'kind')
      and (said ->> 'reason' is null or j.state_reason = said ->> 'reason') and (said ->> 'after' is null or j.id > said ->> 'after')
    order by j.id limit 1000;
  else
    return query select j.id from countersign_queue.jobs j
    where j.dead_letter and countersign_queue.visible(j.tenant_id)
      and (said ->> 'queue' is null or j.queue = said ->> 'queue') and (said ->> 'kind' is null or j.kind = said ->> 'kind')
      and (said ->> 'reason' is null or j.state_reason = said ->> 'reason') and (said ->> 'after' is null or j.id > said ->> 'after')
    order by j.id limit 1000;
  end if;
end $$;

-- Runs up to 1000 dead letters again; a unique conflict leaves its letter and is reported. {retried: [id], conflicts: [{id, conflict}], next}:
-- next is where to go on (`after`), null when that was all. Locks all letters in order of id, then takes their unique keys in order of their hashes, as
-- whoever enqueues several of these does (0019).
create or replace function countersign_queue.retry_dead_letters(filter jsonb, overrides jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  letters text[] := array(select countersign_queue.dead_letter_ids(filter));
  one text;
  answer jsonb;
  answers jsonb := '{}';
begin
  perform from countersign_queue.jobs j where j.id = any (letters) order by j.id for update;
  for one in select j.id from countersign_queue.jobs j where j.id = any (letters) and j.dead_letter order by j.unique_hash nulls first, j.id loop
    answer := countersign_queue.retry_job(one, overrides);
    answers := answers || jsonb_build_object(one, answer);
  end loop;
  return (
    select jsonb_build_object(
      'retried', coalesce(jsonb_agg(r.key order by r.key) filter (where r.value -> 'changed' = 'true'), '[]'),
      'conflicts', coalesce(jsonb_agg(jsonb_build_object('id', r.key, 'conflict', r.value ->> 'conflict') order by r.key)
        filter (where r.value ? 'conflict'), '[]'),
      'next', case when cardinality(letters) = 1000 then letters[1000] end)
    from jsonb_each(answers) r);
end $$;

-- Deletes up to 1000 dead letters. Answers how many. Locks them in order of id.
create or replace function countersign_queue.purge_dead_letters(filter jsonb) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  letters text[] := array(select countersign_queue.dead_letter_ids(filter));
  n integer;
begin
  perform from countersign_queue.jobs j where j.id = any (letters) order by j.id for update;
  delete from countersign_queue.jobs j where j.id = any (letters) and j.dead_letter;
  get diagnostics n = row_count;
  return n;
end $$;

-- Moves jobs that nobody runs to the dead letters by hand. {moved: [id], skipped: [{id, state}]}; an id of nobody's is skipped with state null.
-- Locks the lanes of those in the ring, ascending, then each job in order of id: never a lane behind a row or a stripe. What runs in the ring stays there.
create function countersign_queue.bury_jobs(ids text[], reason text default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  one text;
  answer jsonb;
  moved jsonb := '[]';
  skipped jsonb := '[]';
begin
  if cardinality(ids) > 1000 then
    perform countersign_queue.refuse('/ids', 'ids are at most 1000');
  end if;
  ids := array(select distinct i from unnest(ids) i order by i);
  perform countersign_queue.set_aside_jobs(ids);
  perform from countersign_queue.jobs j where j.id = any (ids) order by j.id for update;
  foreach one in array ids loop
    answer := case when exists (select from countersign_queue.jobs j where j.id = one) then countersign_queue.bury_job(one, reason)
      else countersign_queue.ended(one) end;
    if answer -> 'changed' = 'true' then
      moved := moved || to_jsonb(one);
    else
      skipped := skipped || jsonb_build_object('id', one, 'state', answer ->> 'state');
    end if;
  end loop;
  return jsonb_build_object('moved', moved, 'skipped', skipped);
end $$;

-- Dead letters of the caller's tenant, newest first: filter {queue?, kind?, reason?}, behind a cursor (an id).
create function countersign_queue.list_dead_letters(filter jsonb default '{}', after text default null, most integer default 50) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  if most is null or most not between 1 and 200 then
    perform countersign_queue.refuse('/limit', 'limit is between 1 and 200');
  elsif jsonb_strip_nulls(filter) - array['queue', 'kind', 'reason'] <> '{}' then
    perform countersign_queue.refuse('', 'dead letters are filtered by queue, kind and reason');
  end if;
  return (
    select coalesce(jsonb_agg(countersign_queue.job_view(l) order by l.id desc), '[]') from (
      select * from countersign_queue.jobs j
      where j.dead_letter and countersign_queue.visible(j.tenant_id) and (after is null or j.id < after)
        and (filter ->> 'queue' is null or j.queue = filter ->> 'queue') and (filter ->> 'kind' is null or j.kind = filter ->> 'kind')
        and (filter ->> 'reason' is null or j.state_reason = filter ->> 'reason')
      order by j.id desc limit most) l);
end $$;

-- One dead letter of the caller's tenant, or null.
create function countersign_queue.dead_letter(job text) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select countersign_queue.job_view(j) from countersign_queue.jobs j
  where j.id = job and j.dead_letter and countersign_queue.visible(j.tenant_id);
end;

-- How many dead letters there are, by queue, kind and reason: {as_of, total, oldest_at, groups: [{queue, kind, reason, n, oldest_at, newest_at}]}.
create function countersign_queue.dead_letter_depth() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select jsonb_build_object('as_of', countersign_queue.spoken(countersign_queue.now()), 'total', coalesce(sum(g.n), 0),
    'oldest_at', countersign_queue.spoken(min(g.oldest)),
    'groups', coalesce(jsonb_agg(jsonb_build_object('queue', g.queue, 'kind', g.kind, 'reason', g.state_reason, 'n', g.n,
      'oldest_at', countersign_queue.spoken(g.oldest), 'newest_at', countersign_queue.spoken(g.newest)) order by g.n desc, g.queue, g.kind), '[]'))
  from (
    select j.queue, j.kind, j.state_reason, count(*) as n, min(j.finished_at) as oldest, max(j.finished_at) as newest
    from countersign_queue.jobs j where j.dead_letter and countersign_queue.visible(j.tenant_id) group by j.queue, j.kind, j.state_reason) g;
end;

-- What a doctor looks at: {clock_at, denied: the functions of `needed` that this login may not call, pins: what holds the horizon, oldest first}.
-- Real time. Takes no lock; tells nothing of what other sessions do.
create function countersign_queue.doctor(needed text[]) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select jsonb_build_object(
    'clock_at', countersign_queue.spoken(clock_timestamp()),
    'login', session_user,
    'denied', coalesce((
      select jsonb_agg(n.name order by n.name) from unnest(needed) n (name)
      where not exists (select from pg_proc p where p.pronamespace = 'countersign_queue'::regnamespace and p.proname::text = n.name
        and has_function_privilege(session_user, p.oid, 'execute'))), '[]'),
    'pins', coalesce((
      select jsonb_agg(jsonb_build_object('what', p.what, 'pid', p.pid, 'name', p.name, 'transactions', p.transactions, 'age_s', p.age_s)
        order by p.transactions desc)
      from (
        select 'session' as what, a.pid, coalesce(nullif(a.application_name, ''), a.usename::text) as name,
          age(coalesce(a.backend_xmin, a.backend_xid)) as transactions, floor(extract(epoch from clock_timestamp() - a.xact_start)) as age_s
        from pg_stat_activity a
        where a.datid = (select d.oid from pg_database d where d.datname = current_database()) and a.pid <> pg_backend_pid()
          and coalesce(a.backend_xmin, a.backend_xid) is not null
        union all
        select 'prepared transaction', null, x.gid, age(x.transaction), floor(extract(epoch from clock_timestamp() - x.prepared))
        from pg_prepared_xacts x where x.database = current_database()
        union all
        select 'replication slot', r.active_pid, r.slot_name::text, age(coalesce(r.xmin, r.catalog_xmin)), null
        from pg_replication_slots r where coalesce(r.xmin, r.catalog_xmin) is not null
        order by 4 desc limit 5) p), '[]'));
end;

-- Whether what the transaction of a row wrote came between two snapshots. The system column holds the lower half of the transaction's number.
create function countersign_queue.came_between(written xid, lo pg_snapshot, hi pg_snapshot) returns boolean
language plpgsql immutable as $$
declare
  newest bigint := pg_snapshot_xmax(hi)::text::bigint;
  x bigint := (newest >> 32 << 32) + written::text::bigint;
begin
  if x > newest then
    x := x - 4294967296;
  end if;
  return x > 2 and pg_visible_in_snapshot(x::text::xid8, hi) and not pg_visible_in_snapshot(x::text::xid8, lo);
end $$;

-- Transitions of jobs of the caller's tenant between a cursor and now (Q111): {cursor, transitions, more} in order of time, at most `most`. Filter {ids?,
-- kind?, queue?, states?}. Without a cursor: where to begin, and nothing. {lost: true}: the ring has turned past the cursor.
-- The cursor is a pair of snapshots, as a claim's: what commits late is in the step in which it becomes visible. Each state of a job that it passed
-- through is there at least once, also when it passed through several between two calls. Rows are looked for from a time on that no transaction
-- which was open at the cursor can have begun before, with a minute to spare. Locks as a reader; changes nothing.
create function countersign_queue.transitions_since(cursor_at jsonb, filter jsonb, most integer) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
-- No plan may depend on statistics (Q70): probes by index, and of claims and closures, which have none by time, one walk over the live slots.
set jit = off set plan_cache_mode = force_custom_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
  mine uuid := countersign_queue.caller_tenant();
  clock bigint := countersign_queue.ms_of(countersign_queue.now());
  lo pg_snapshot := (cursor_at ->> 'lo')::pg_snapshot;
  hi pg_snapshot;
  since timestamptz;
  first_id text;
  seen jsonb;
  last jsonb;
  n integer;
begin
  perform countersign_queue.check_isolation();
  if jsonb_strip_nulls(filter) - array['ids', 'kind', 'queue', 'states'] <> '{}' then
    perform countersign_queue.refuse('', 'transitions are filtered by ids, kind, queue and states');
  end if;
  perform countersign_queue.hold_ring();
  if lo is null then
    lo := countersign_queue.snapshot_now();
    return jsonb_build_object('transitions', '[]'::jsonb, 'more', false, 'cursor',
      jsonb_build_object('lo', lo, 'at', clock, 'since', clock - 60000, 'mark_x', pg_snapshot_xmax(lo)::text::bigint, 'mark_at', clock));
  end if;
  since := to_timestamp((cursor_at ->> 'since')::bigint / 1000.0);
  if exists (
    select from countersign_queue.prunings p join countersign_queue.generations g on g.generation = p.generation + 1
    where countersign_queue.ms_of(g.opened_at) > (cursor_at ->> 'at')::bigint) then
    return '{"lost": true}';
  end if;
  hi := coalesce((cursor_at ->> 'hi')::pg_snapshot, countersign_queue.snapshot_now());
  first_id := left(countersign_queue.new_id('job', since), 14);
  with taken as materialized (
    select c.id, c.lane, c.row_generation, c.xids, c.nums, c.worker, c.claimed_at
    from countersign_queue.claims c
    where c.n > 0 and c.worker is not null and c.claimed_at >= since and countersign_queue.came_between(c.xmin, lo, hi)
  ), closed as materialized (
    select k.claim, k.slot, k.bits, k.verdict, k.at from countersign_queue.closures k
    where k.verdict in ('completed', 'cancelled') and k.at >= since and countersign_queue.came_between(k.xmin, lo, hi)
  ), moves as (
    -- New ids, and of those that were open at the cursor, whose late commits are old ids, each by itself: index probes alone.
    select r.id, r.tenant_id, r.kind, l.queue, 'ready' as state, null::text as reason, 0 as attempt, r.enqueued_at as at, null::text as worker
    from countersign_queue.lanes l cross join unnest(countersign_queue.live_generations()) g
    cross join (select pg_snapshot_xmax(lo) as low, pg_snapshot_xmax(hi) as high union all
      select x, (x::text::bigint + 1)::text::xid8 from pg_snapshot_xip(lo) x where pg_visible_in_snapshot(x, hi)) w
    cross join lateral countersign_queue.read_slot((g & 15)::smallint, l.lane, w.low, -1, w.high, -1, 1000000) r
    where (filter ->> 'queue' is null or l.queue = filter ->> 'queue') and w.low < w.high
      and pg_visible_in_snapshot(r.xid, hi) and not pg_visible_in_snapshot(r.xid, lo)
    union all
    select r.id, r.tenant_id, r.kind, l.queue, 'running', null, 1, c.claimed_at, c.worker
    from taken c join countersign_queue.lanes l on l.lane = c.lane cross join lateral unnest(c.xids, c.nums) u (xid, num)
    cross join lateral countersign_queue.read_row((c.row_generation & 15)::smallint, c.lane, u.xid, u.num) r
    where filter ->> 'queue' is null or l.queue = filter ->> 'queue'
    union all
    select r.id, r.tenant_id, r.kind, l.queue, k.verdict, null, case k.verdict when 'completed' then 1 else 0 end, k.at, c.worker
    from closed k cross join lateral countersign_queue.claim_by_id(k.claim) c join countersign_queue.lanes l on l.lane = c.lane
    cross join lateral unnest(c.xids, c.nums) with ordinality u (xid, num, p)
    cross join lateral countersign_queue.read_row((c.row_generation & 15)::smallint, c.lane, u.xid, u.num) r
    where (k.bits is null or get_bit(k.bits, (u.p - 1)::integer) = 1) and (filter ->> 'queue' is null or l.queue = filter ->> 'queue')
    union all
    -- Rows: what the trigger wrote, each with the claim that it ended.
    select t.job_id, t.tenant_id, t.kind, t.queue, s.state, case when s.state = t.to_state then t.reason end, t.attempt, s.at, t.worker
    from countersign_queue.transitions t cross join lateral (
      select t.to_state as state, t.at union all select 'running', t.claimed_at where t.from_state = 'running' and t.claimed_at is not null) s
    where t.at >= since and countersign_queue.came_between(t.xmin, lo, hi)
    union all
    -- What it does not write: that a row began, was claimed, was completed.
    select j.id, j.tenant_id, j.kind, j.queue, s.state, null, s.attempt, s.at, null
    from countersign_queue.jobs j cross join lateral (
      select coalesce((select t.from_state from countersign_queue.transitions t where t.job_id = j.id order by t.at, t.lease limit 1),
          case when j.state in ('running', 'completed') then 'ready' else j.state end) as state, 0 as attempt, j.enqueued_at as at) s
    where j.id >= first_id and j.enqueued_at >= since and s.state <> 'running' and countersign_queue.came_between(j.xmin, lo, hi)
    union all
    select j.id, j.tenant_id, j.kind, j.queue, 'running', null, j.attempt, j.claimed_at, j.worker
    from countersign_queue.jobs j where j.state = 'running' and j.claimed_at >= since and countersign_queue.came_between(j.xmin, lo, hi)
    union all
    select j.id, j.tenant_id, j.kind, j.queue, s.state, null, j.attempt, s.at, j.worker
    from countersign_queue.jobs j cross join lateral (
      select 'completed' as state, j.finished_at as at union all select 'running', j.claimed_at where j.claimed_at is not null) s
    where j.state in ('completed', 'failed', 'cancelled') and j.state = 'completed' and j.finished_at >= since and countersign_queue.came_between(j.xmin, lo, hi)
  ), told as (
    select distinct on (countersign_queue.ms_of(m.at), m.id, r.rank, m.attempt) m.*, r.rank
    from moves m cross join lateral (
      select array_position(array['scheduled', 'blocked', 'retrying', 'ready', 'running', 'waiting', 'completed', 'failed', 'cancelled'], m.state) as rank) r
    where (mine is null or m.tenant_id = mine) and (filter ->> 'kind' is null or m.kind = filter ->> 'kind')
      and (filter ->> 'queue' is null or m.queue = filter ->> 'queue') and (filter -> 'ids' is null or filter -> 'ids' ? m.id)
      and (filter -> 'states' is null or filter -> 'states' ? m.state)
      and (cursor_at -> 'after' is null or (countersign_queue.ms_of(m.at), m.id, r.rank)
        > ((cursor_at -> 'after' ->> 0)::bigint, cursor_at -> 'after' ->> 1, (cursor_at -> 'after' ->> 2)::integer))
    order by countersign_queue.ms_of(m.at), m.id, r.rank, m.attempt
    limit most
  )
  select coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'tenant_id', t.tenant_id, 'kind', t.kind, 'queue', t.queue, 'state', t.state, 'reason', t.reason,
      'attempt', t.attempt, 'worker', t.worker, 'at', countersign_queue.spoken(t.at)) order by t.at, t.id, t.rank), '[]'),
    count(*), (array_agg(jsonb_build_array(countersign_queue.ms_of(t.at), t.id, t.rank) order by t.at desc, t.id desc, t.rank desc))[1]
  into seen, n, last from told t;
  if n = most then
    return jsonb_build_object('transitions', seen, 'more', true, 'cursor', cursor_at || jsonb_build_object('hi', hi, 'after', last));
  end if;
  cursor_at := (cursor_at - array['hi', 'after']) || jsonb_build_object('lo', hi, 'at', clock);
  if pg_snapshot_xmin(hi)::text::bigint >= (cursor_at ->> 'mark_x')::bigint then
    cursor_at := cursor_at || jsonb_build_object('since', (cursor_at ->> 'mark_at')::bigint - 60000, 'mark_x', pg_snapshot_xmax(hi)::text::bigint, 'mark_at', clock);
  end if;
  return jsonb_build_object('transitions', seen, 'more', false, 'cursor', cursor_at);
end $$;

select countersign_queue.grant_functions('countersign_maintenance', array['due_schedules', 'schedule_fire', 'schedule_upsert', 'schedules_seen',
  'keep_lease', 'maintenance_report', 'doctor']);
select countersign_queue.grant_functions('countersign_admin', array['schedule_upsert', 'schedule_trigger', 'schedule_fires', 'schedule_prune',
  'maintenance_report', 'drain_queue', 'retry_dead_letters', 'purge_dead_letters', 'bury_jobs', 'doctor']);
select countersign_queue.grant_functions('countersign_reader', array['schedule_fires', 'list_dead_letters', 'dead_letter', 'dead_letter_depth',
  'maintenance_report', 'doctor', 'transitions_since']);
select countersign_queue.as_owner();
