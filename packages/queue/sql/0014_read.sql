-- What readers see (Q12, Q14, Q65, Q66, Q138): one job, lists, counts, timelines, figures, the ring as a picture; and the history that outlives the
-- ring. A reader sees one snapshot of rows, ring, claims and closures, so that each live job stands in exactly one state. Its first statement takes
-- the weakest lock on `claims`, so that no prune truncates between that snapshot and the read: TRUNCATE heeds no snapshot. A reader waits for a
-- prune that is just truncating, and makes no one wait: prune takes its locks without waiting.
--
-- Nothing here changes a job. History, rollups and transitions are inserted and, a day at a time, truncated.

-- Jobs that are over, packed: one row for up to some hundred of one tenant, kind, queue and worker that were enqueued within the same 4 s.
create table countersign_queue.history (
  slot smallint not null,
  tenant_id uuid not null,
  day integer not null,
  -- Four seconds of enqueued_at, which stands in the id: what a look-up by id probes.
  bucket integer not null,
  queue text collate "C" not null,
  kind text collate "C" not null,
  priority smallint not null,
  state text collate "C" not null,
  reason text,
  attempt integer not null,
  worker text collate "C",
  n integer not null,
  -- Ids without their prefix, 26 characters each; the times are milliseconds behind base.
  base timestamptz(3) not null,
  ids text collate "C" not null,
  least_id text collate "C" not null,
  greatest_id text collate "C" not null,
  claimed integer[] not null,
  finished integer[] not null
) partition by list (slot);
comment on table countersign_queue.history is 'append_truncate';

-- What happened in a minute (rollups) or an hour (rollups_hourly), as increments: readers add them up.
create table countersign_queue.rollups (
  slot smallint not null,
  tenant_id uuid not null,
  -- The day on which the line was written; its partition, and when it is old.
  day integer not null,
  at timestamptz(3) not null,
  queue text collate "C" not null,
  kind text collate "C" not null,
  outcome text collate "C" not null,
  reason text,
  n bigint not null,
  -- How many jobs by bucket of their time in milliseconds (see bucket_of).
  durations jsonb not null default '{}',
  waits jsonb not null default '{}'
) partition by list (slot);
comment on table countersign_queue.rollups is 'append_truncate';
create table countersign_queue.rollups_hourly (like countersign_queue.rollups including defaults) partition by list (slot);
comment on table countersign_queue.rollups_hourly is 'append_truncate';

-- Transitions of rows of jobs, for their timelines. Two are not here, for the row itself tells them: ready to running, running to completed.
create table countersign_queue.transitions (
  slot smallint not null,
  tenant_id uuid not null,
  day integer not null,
  job_id text collate "C" not null,
  at timestamptz(3) not null,
  queue text collate "C" not null,
  kind text collate "C" not null,
  from_state text collate "C" not null,
  to_state text collate "C" not null,
  reason text,
  attempt integer not null,
  lease bigint not null,
  worker text collate "C",
  claimed_at timestamptz(3),
  actor text
) partition by list (slot);
comment on table countersign_queue.transitions is 'append_truncate';

-- Which days each partition of the four holds (the days since 1970 divided by span), and for how many more of these it is kept.
create table countersign_queue.history_days (
  name text collate "C" not null,
  slot smallint not null,
  keep integer not null,
  span integer not null,
  day integer,
  primary key (name, slot)
);
comment on table countersign_queue.history_days is 'static: one row a partition';

do $$
declare
  t record;
  part text;
begin
  for t in select * from (values ('history', 6, 4, 2), ('transitions', 6, 4, 2), ('rollups', 8, 6, 5), ('rollups_hourly', 9, 7, 60)) v (name, slots, keep, span) loop
    for i in 0..t.slots - 1 loop
      part := t.name || '_' || lpad(i::text, 2, '0');
      execute format('create table countersign_queue.%I partition of countersign_queue.%I for values in (%s)', part, t.name, i);
      insert into countersign_queue.history_days values (t.name, i, t.keep, t.span, null);
      if t.name = 'history' then
        -- Packed lines stay in the heap, as they are: to compress or move them costs more than it saves.
        execute format('alter table countersign_queue.%I alter ids set storage external, alter claimed set storage external, alter finished set storage external', part);
        execute format('alter table countersign_queue.%I set (toast_tuple_target = 8160)', part);
        execute format('create index %s_bucket on countersign_queue.%I (bucket, greatest_id)', part, part);
      elsif t.name = 'transitions' then
        execute format('create index %s_job on countersign_queue.%I (job_id)', part, part);
        execute format('create index %s_at on countersign_queue.%I (at)', part, part);
      else
        execute format('create index %s_at on countersign_queue.%I (at)', part, part);
      end if;
    end loop;
  end loop;
end $$;

-- For counts alone, and for lists of one state: states, queues and tenants are few, so that the index stays small.
create index jobs_counted on countersign_queue.jobs (state, queue, tenant_id);

-- Row security and rights of the engine, as in 0007.
do $$
declare
  engine name := current_user;
  t text;
begin
  if exists (select from pg_roles where rolname = 'countersign_engine' and pg_has_role(session_user, oid, 'member')) then
    engine := 'countersign_engine';
  end if;
  for t in select c.relname from pg_class c where c.relnamespace = 'countersign_queue'::regnamespace
    and c.relname ~ '^(history|rollups|rollups_hourly|transitions)(_\d\d)?$' and c.relkind in ('r', 'p') loop
    execute format('alter table countersign_queue.%I enable row level security', t);
    execute format('alter table countersign_queue.%I force row level security', t);
    execute format('create policy engine on countersign_queue.%I to %I using (true) with check (true)', t, engine);
    execute format($p$create policy tenant on countersign_queue.%I for select
      using (tenant_id = (select nullif(current_setting('countersign.tenant', true), '')::uuid))$p$, t);
    if engine <> current_user then
      execute format('grant select, insert, truncate on countersign_queue.%I to %I', t, engine);
    end if;
  end loop;
  if engine <> current_user then
    execute format('grant select, insert, update, delete on countersign_queue.history_days to %I', engine);
  end if;
end $$;

select countersign_queue.as_engine();

-- Times as numbers: milliseconds since 1970, and the day.
create function countersign_queue.ms_of(at timestamptz) returns bigint
language sql stable parallel safe return round(date_part('epoch', at) * 1000)::bigint;
create function countersign_queue.day_of(at timestamptz) returns integer
language sql stable parallel safe return floor(date_part('epoch', at) / 86400)::integer;

-- How long something has waited; null when it does not.
create function countersign_queue.waited_ms(at timestamptz, since timestamptz) returns bigint
language sql stable parallel safe
return case when since is not null then greatest(0, countersign_queue.ms_of(at) - countersign_queue.ms_of(since)) end;

-- The time that stands in an id.
create function countersign_queue.id_ms(id text) returns bigint
language sql immutable
return (select sum((strpos('0123456789ABCDEFGHJKMNPQRSTVWXYZ', substr(id, 4 + p, 1)) - 1)::bigint << (5 * (10 - p))) from generate_series(1, 10) p)::bigint;

-- Histogram bucket of a time: four to an octave of milliseconds, so that a quantile read from it is wrong by at most 9 %.
create function countersign_queue.bucket_of(ms double precision) returns integer
language sql immutable parallel safe
return case when ms < 1 then 0 else least(127, 1 + floor(ln(ms) * 5.770780163555854)::integer) end;

-- The time below which a share of a histogram lies; null of an empty one.
create function countersign_queue.quantile(histogram jsonb, share double precision) returns double precision
language sql immutable
return (
  select round((case when q.bucket = 0 then 0.5 else 2 ^ ((q.bucket - 0.5) / 4) end)::numeric, 1)::float8 from (
    select b.key::integer as bucket, sum(b.value::bigint) over (order by b.key::integer) as upto, sum(b.value::bigint) over () as total
    from jsonb_each_text(histogram) b
  ) q where q.upto >= share * q.total order by q.bucket limit 1);

-- Two histograms as one.
create function countersign_queue.add_histogram(a jsonb, b jsonb) returns jsonb
language sql immutable
return case when a = '{}' then b when b = '{}' then a else (
  select jsonb_object_agg(s.key, s.n) from (
    select e.key, sum(e.value::bigint) as n from (select * from jsonb_each_text(a) union all select * from jsonb_each_text(b)) e group by e.key) s) end;
create aggregate countersign_queue.histogram_sum(jsonb) (sfunc = countersign_queue.add_histogram, stype = jsonb, initcond = '{}');

-- What a transition that table `transitions` holds was, in one word.
create function countersign_queue.what_of(from_state text, to_state text, reason text) returns text
language sql immutable
return case
  when to_state in ('completed', 'failed', 'cancelled') then to_state
  when reason = 'worker_lost' and to_state in ('ready', 'retrying') then 'rescued'
  when to_state = 'retrying' then 'retried'
  when from_state = 'running' and to_state = 'scheduled' then 'snoozed'
  when from_state = 'running' and to_state = 'ready' then 'handed_back'
  when to_state = 'waiting' then 'parked'
  when from_state = 'waiting' and to_state = 'ready' then case when reason = 'retried' then 'restarted' else 'resumed' end
  when from_state in ('failed', 'cancelled') then 'restarted'
  when from_state = 'blocked' then 'released'
  when to_state = 'ready' then 'due'
  when to_state = 'scheduled' then 'rescheduled'
  else to_state end;

-- Writes down a transition of a row of jobs (see the table). Takes no lock; never changes the job.
create function countersign_queue.record_transition() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := case when new.state in ('completed', 'failed', 'cancelled') and new.finished_at is distinct from old.finished_at
    then new.finished_at else countersign_queue.now() end;
  today integer := countersign_queue.day_of(at);
begin
  insert into countersign_queue.transitions (slot, tenant_id, day, job_id, at, queue, kind, from_state, to_state, reason, attempt, lease, worker, claimed_at, actor)
  values (today / 2 % 6, new.tenant_id, today, new.id, at, new.queue, new.kind, old.state, new.state, new.state_reason,
    case when old.state in ('running', 'waiting') then old.attempt else new.attempt end, old.lease,
    case when old.state in ('running', 'waiting') then old.worker end, case when old.state in ('running', 'waiting') then old.claimed_at end,
    nullif(current_setting('countersign.principal', true), ''));
  return null;
end $$;

-- ---------------------------------------------------------------------------------------------------------------------- history

-- Folds what ended in a slot's ring rows into history and rollups by the minute of the end, before the slot is truncated, in the same transaction.
-- The claims that name those rows are all closed then, and none of this slot names rows of an older generation (prune's gates), so that each
-- job that ended in the ring is folded once. Takes no lock but those of its inserts; never changes ring, claims or closures.
-- Hash joins alone, for a slot is read whole; a plan by nested loops, made for an empty table, took minutes.
create or replace function countersign_queue.fold_slot(of_slot smallint, at timestamptz) returns void
language plpgsql volatile
set enable_nestloop = off set enable_mergejoin = off set enable_indexscan = off set enable_bitmapscan = off set jit = off
set work_mem = '64MB' set plan_cache_mode = force_custom_plan
as $$
declare
  g bigint := (select max(o.generation) from countersign_queue.generations o where (o.generation & 15) = of_slot);
  today integer := countersign_queue.day_of(at);
begin
  with closed as (
    select c.lane, c.worker, c.claimed_at, c.xids, c.nums, k.bits, k.verdict, k.at as ended_at,
      -- So that a line of history holds some hundred jobs, not as many as a claim had.
      sum(coalesce(bit_count(k.bits), c.n)) over (order by c.lane, c.worker, c.id)::bigint / 200 as batch
    from countersign_queue.claims c join countersign_queue.closures k on k.slot = c.slot and k.claim = c.id
    where c.row_generation = g and c.n > 0 and k.verdict in ('completed', 'cancelled')
  ), positions as materialized (
    -- A fence for the planner: joined from inside, it walked the lane once for each closure.
    select c.lane, c.worker, c.claimed_at, c.verdict, c.ended_at, c.batch, u.xid, u.num, (u.p - 1) / 200 as part
    from closed c cross join lateral unnest(c.xids, c.nums) with ordinality u (xid, num, p)
    where c.bits is null or get_bit(c.bits, (u.p - 1)::integer) = 1
  ), folded as materialized (
    select r.tenant_id, r.kind, substr(r.id, 5) as id, l.queue, l.priority, p.worker, p.verdict, p.batch, p.part,
      countersign_queue.ms_of(r.enqueued_at) as enqueued, countersign_queue.ms_of(p.claimed_at) as claimed, countersign_queue.ms_of(p.ended_at) as ended
    from positions p
    join countersign_queue.ring r on r.slot = (g & 15)::smallint and r.lane = p.lane and r.xid = p.xid and r.num = p.num
    join countersign_queue.lanes l on l.lane = p.lane
    where r.generation = g
  ), kept as (
    insert into countersign_queue.history (slot, tenant_id, day, bucket, queue, kind, priority, state, attempt, worker, n, base, ids, least_id, greatest_id, claimed, finished)
    select today / 2 % 6, f.tenant_id, today, (f.enqueued >> 12)::integer, f.queue, f.kind, f.priority, f.verdict, 1, f.worker, count(*),
      to_timestamp((f.enqueued >> 12 << 12) / 1000.0), string_agg(f.id, ''), min(f.id), max(f.id),
      array_agg(least(f.claimed - (f.enqueued >> 12 << 12), 2147483647)::integer), array_agg(least(f.ended - (f.enqueued >> 12 << 12), 2147483647)::integer)
    from folded f
    group by f.tenant_id, f.enqueued >> 12, f.queue, f.kind, f.priority, f.verdict, f.worker, f.batch, f.part
  ), counted as materialized (
    select f.tenant_id, f.ended / 60000 as minute, f.queue, f.kind, f.verdict, countersign_queue.bucket_of(f.ended - f.claimed) as d,
      countersign_queue.bucket_of(f.claimed - f.enqueued) as w, count(*) as n
    from folded f group by 1, 2, 3, 4, 5, 6, 7
  ), lines as (
    select 'd' as what, tenant_id, minute, queue, kind, verdict, d as bucket, sum(n) as n from counted group by 1, 2, 3, 4, 5, 6, 7
    union all
    select 'w', tenant_id, minute, queue, kind, verdict, w, sum(n) from counted group by 1, 2, 3, 4, 5, 6, 7
  )
  insert into countersign_queue.rollups (slot, tenant_id, day, at, queue, kind, outcome, n, durations, waits)
  select today / 5 % 8, l.tenant_id, today, to_timestamp(l.minute * 60), l.queue, l.kind, l.verdict, sum(l.n) filter (where l.what = 'd'),
    jsonb_object_agg(l.bucket, l.n) filter (where l.what = 'd'), jsonb_object_agg(l.bucket, l.n) filter (where l.what = 'w')
  from lines l group by l.tenant_id, l.minute, l.queue, l.kind, l.verdict;
end $$;

-- Folds rows of jobs that are over, just before they are deleted. Failures, cancels and retries are in the rollups by their transitions.
create function countersign_queue.fold_jobs(list countersign_queue.jobs[], at timestamptz) returns void
language plpgsql volatile as $$
declare
  today integer := countersign_queue.day_of(at);
begin
  insert into countersign_queue.history (slot, tenant_id, day, bucket, queue, kind, priority, state, reason, attempt, worker, n, base, ids, least_id, greatest_id, claimed, finished)
  select today / 2 % 6, j.tenant_id, today, (countersign_queue.id_ms(j.id) >> 12)::integer, j.queue, j.kind, j.priority, j.state, j.state_reason, j.attempt, j.worker,
    1, coalesce(j.finished_at, at), substr(j.id, 5), substr(j.id, 5), substr(j.id, 5),
    array[greatest(countersign_queue.ms_of(j.claimed_at) - countersign_queue.ms_of(coalesce(j.finished_at, at)), -2147483647)::integer], array[0]
  from unnest(list) j where j.state in ('completed', 'failed', 'cancelled');
  insert into countersign_queue.rollups (slot, tenant_id, day, at, queue, kind, outcome, n, durations, waits)
  select today / 5 % 8, c.tenant_id, today, c.minute, c.queue, c.kind, 'completed', sum(c.n),
    countersign_queue.histogram_sum(jsonb_build_object(c.d, c.n)), countersign_queue.histogram_sum(jsonb_build_object(c.w, c.n))
  from (
    select j.tenant_id, date_trunc('minute', j.finished_at) as minute, j.queue, j.kind,
      countersign_queue.bucket_of(countersign_queue.ms_of(j.finished_at) - countersign_queue.ms_of(j.claimed_at)) as d,
      countersign_queue.bucket_of(countersign_queue.ms_of(j.claimed_at) - countersign_queue.ms_of(j.run_at)) as w, count(*) as n
    from unnest(list) j where j.state = 'completed' group by 1, 2, 3, 4, 5, 6) c
  group by c.tenant_id, c.minute, c.queue, c.kind;
end $$;

-- Empties partitions whose days are over: history and transitions after 7 days, minutes after 30, hours after 400. What their lines come to is
-- written into the next coarser table in the same transaction. Locks each partition that it empties, without waiting: one that somebody reads is
-- left for the next time. Answers how many it emptied.
create or replace function countersign_queue.clean_history(at timestamptz) returns integer
language plpgsql volatile as $$
declare
  p record;
  this_day constant integer := countersign_queue.day_of(at);
  today integer;
  emptied integer := 0;
  mixed boolean;
begin
  for p in select * from countersign_queue.history_days d order by d.name, d.slot loop
    today := this_day / p.span;
    if p.day < today - p.keep then
      begin
        execute format('lock table countersign_queue.%I in access exclusive mode nowait', p.name || '_' || lpad(p.slot::text, 2, '0'));
        -- Written into before anybody emptied it: then the old lines stay until its next turn, and no reader asks for their day.
        execute format('select exists (select from countersign_queue.%I where day / %s >= %s)', p.name || '_' || lpad(p.slot::text, 2, '0'), p.span, today - p.keep) into mixed;
        if not mixed then
          if p.name = 'transitions' then
            insert into countersign_queue.rollups (slot, tenant_id, day, at, queue, kind, outcome, reason, n)
            select this_day / 5 % 8, t.tenant_id, this_day, date_trunc('minute', t.at), t.queue, t.kind, countersign_queue.what_of(t.from_state, t.to_state, t.reason), t.reason, count(*)
            from countersign_queue.transitions t
            where t.slot = p.slot and countersign_queue.what_of(t.from_state, t.to_state, t.reason) in ('failed', 'cancelled', 'retried', 'rescued')
            group by 2, 4, 5, 6, 7, 8;
          elsif p.name = 'rollups' then
            insert into countersign_queue.rollups_hourly (slot, tenant_id, day, at, queue, kind, outcome, reason, n, durations, waits)
            select this_day / 60 % 9, r.tenant_id, this_day, date_trunc('hour', r.at), r.queue, r.kind, r.outcome, r.reason, sum(r.n),
              countersign_queue.histogram_sum(r.durations), countersign_queue.histogram_sum(r.waits)
            from countersign_queue.rollups r where r.slot = p.slot group by r.tenant_id, date_trunc('hour', r.at), r.queue, r.kind, r.outcome, r.reason;
          end if;
          execute format('truncate countersign_queue.%I', p.name || '_' || lpad(p.slot::text, 2, '0'));
          emptied := emptied + 1;
        end if;
        update countersign_queue.history_days d set day = null where d.name = p.name and d.slot = p.slot;
        p.day := null;
      exception when lock_not_available then
        continue;
      end;
    end if;
    if p.day is null and today % (select count(*) from countersign_queue.history_days d where d.name = p.name) = p.slot then
      update countersign_queue.history_days d set day = today where d.name = p.name and d.slot = p.slot;
    end if;
  end loop;
  return emptied;
end $$;

-- ---------------------------------------------------------------------------------------------------------------------- one job

-- A job as readers see it (Q9, Q14): wire names, times as spoken, nothing of the fence but the lease.
create or replace function countersign_queue.job_view(j countersign_queue.jobs) returns jsonb
language sql stable
return jsonb_build_object('id', j.id, 'tenant_id', j.tenant_id, 'kind', j.kind, 'queue', j.queue, 'priority', j.priority,
  'payload', j.payload, 'payload_version', j.payload_version, 'state', j.state, 'state_reason', j.state_reason,
  'attempt', j.attempt, 'max_attempts', j.max_attempts, 'crashes', j.crashes, 'lease', j.lease, 'worker', j.worker)
|| jsonb_build_object('run_at', countersign_queue.spoken(j.run_at), 'enqueued_at', countersign_queue.spoken(j.enqueued_at),
  'claimed_at', countersign_queue.spoken(j.claimed_at), 'finished_at', countersign_queue.spoken(j.finished_at),
  'deadline_at', countersign_queue.spoken(j.deadline_at), 'cancel_requested_at', countersign_queue.spoken(j.cancel_requested_at),
  'errors', j.errors, 'progress', j.progress, 'output', j.output, 'metadata', j.metadata, 'tags', j.tags,
  'unique_key', j.unique_key, 'ordering_key', j.ordering_key, 'concurrency_key', j.concurrency_key, 'rate_key', j.rate_key,
  'trace', j.trace, 'dead_letter', j.dead_letter);

-- Keeps prune away until the transaction ends. A reader's first statement, so that the snapshot of its next one is not older than the lock.
create function countersign_queue.hold_ring() returns void
language plpgsql volatile as $$
begin
  lock table countersign_queue.claims in access share mode;
end $$;

-- For each slot one static statement, as in 0007: the newest claim of a lane up to a number.
do $$
declare
  body text := '';
begin
  for i in 0..15 loop
    body := body || format('
    when %s then select * into found_one from countersign_queue.claims_%s c where c.lane = of_lane and c.id <= upto order by c.lane desc, c.id desc limit 1;',
      i, lpad(i::text, 2, '0'));
  end loop;
  execute format($f$
-- The newest claim of a lane in one slot that is no newer than another one, null when there is none: the cursor as it stood then. One probe; takes no lock.
create function countersign_queue.claim_upto(of_slot smallint, of_lane integer, upto bigint) returns countersign_queue.claims
language plpgsql stable set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off set plan_cache_mode = force_generic_plan
as $b$
declare
  found_one countersign_queue.claims;
begin
  case of_slot%s
  end case;
  return found_one;
end $b$;
$f$, body);
end $$;

-- A claim with the snapshots of its window, which another of its slot may hold for it.
create function countersign_queue.with_window(c countersign_queue.claims) returns countersign_queue.claims
language plpgsql stable as $$
declare
  w countersign_queue.claims;
begin
  if c.window_of is not null then
    w := countersign_queue.claim_by_id(c.window_of);
    c.window_lo := w.window_lo;
    c.window_hi := w.window_hi;
  end if;
  return c;
end $$;

-- cursor_of in the snapshot of the statement that calls.
create function countersign_queue.cursor_seen(of_lane integer, gens bigint[]) returns countersign_queue.claims
language plpgsql stable as $$
declare
  c countersign_queue.claims;
  g bigint;
begin
  foreach g in array gens loop
    c := countersign_queue.newest_claim((g & 15)::smallint, of_lane);
    if c.id is not null then
      return countersign_queue.with_window(c);
    end if;
  end loop;
  return null;
end $$;

-- The claim that moved its lane's cursor past a ring row: the first that the row is behind. What is behind stays behind, so the claims of a slot are
-- halved until it is found. Null when the row is behind none. gens: live generations, newest first.
create function countersign_queue.claim_past(of_lane integer, of_generation bigint, of_xid xid8, of_num bigint, gens bigint[]) returns countersign_queue.claims
language plpgsql stable as $$
declare
  found_one countersign_queue.claims;
  c countersign_queue.claims;
  s smallint;
  low bigint := 0;
  high bigint;
  middle bigint;
begin
  for i in reverse cardinality(gens)..1 loop
    -- A row is claimed in its own generation or later.
    continue when gens[i] < of_generation;
    s := (gens[i] & 15)::smallint;
    found_one := countersign_queue.newest_claim(s, of_lane);
    continue when found_one.id is null;
    if not countersign_queue.behind(countersign_queue.with_window(found_one), of_generation, of_xid, of_num) then
      low := found_one.id >> 4;
      continue;
    end if;
    high := found_one.id >> 4;
    -- From the newest back in growing steps first: most look-ups are of what was claimed lately.
    for step in 2..40 loop
      middle := greatest(high - (1::bigint << step), low);
      exit when middle = low;
      c := countersign_queue.claim_upto(s, of_lane, middle << 4 | 15);
      exit when c.id is null;
      if not countersign_queue.behind(countersign_queue.with_window(c), of_generation, of_xid, of_num) then
        low := greatest(low, middle);
        exit;
      end if;
      found_one := c;
      high := c.id >> 4;
    end loop;
    while high - low > 1 loop
      middle := (low + high) / 2;
      c := countersign_queue.claim_upto(s, of_lane, middle << 4 | 15);
      if c.id is not null and countersign_queue.behind(countersign_queue.with_window(c), of_generation, of_xid, of_num) then
        found_one := c;
        high := c.id >> 4;
      else
        low := middle;
      end if;
    end loop;
    return found_one;
  end loop;
  return null;
end $$;

-- Position (from 1) of a ring row in a claim; null when the claim does not name it.
create function countersign_queue.position_in(c countersign_queue.claims, of_generation bigint, of_xid xid8, of_num bigint) returns integer
language sql stable
return case when c.row_generation = of_generation then (
  select u.p from unnest(c.xids, c.nums) with ordinality u (xid, num, p) where u.num = of_num and u.xid = of_xid limit 1)::integer end;

-- A ring row as the row of jobs that it would be: ready, or as a position of a claim that is running or over.
create function countersign_queue.as_row(r countersign_queue.ring, to_state text, c countersign_queue.claims, p integer, ended timestamptz) returns countersign_queue.jobs
language plpgsql stable as $$
declare
  j countersign_queue.jobs;
  s jsonb := (select k.settings from countersign_queue.kinds k where k.name = r.kind);
begin
  select l.queue, l.priority into j.queue, j.priority from countersign_queue.lanes l where l.lane = r.lane;
  j.id := r.id;
  j.tenant_id := r.tenant_id;
  j.kind := r.kind;
  j.state := to_state;
  j.payload := r.payload;
  j.payload_version := coalesce((r.rest ->> 'payload_version')::integer, 1);
  j.max_attempts := coalesce((r.rest ->> 'max_attempts')::integer, (s ->> 'max_attempts')::integer, 25);
  j.attempt := case when to_state in ('running', 'completed') then 1 else 0 end;
  j.crashes := 0;
  j.lease := 0;
  j.run_at := r.enqueued_at;
  j.enqueued_at := r.enqueued_at;
  j.errors := '[]';
  j.metadata := coalesce(r.rest -> 'metadata', '{}');
  j.tags := array(select jsonb_array_elements_text(r.rest -> 'tags'));
  j.trace := r.rest -> 'trace';
  j.ordering_key := r.rest ->> 'ordering_key';
  j.dead_letter := false;
  if c.worker is not null then
    j.lease := c.id << 10 | (p - 1);
    j.worker := c.worker;
    j.claimed_at := c.claimed_at;
  end if;
  if to_state = 'running' then
    j.deadline_at := c.claimed_at + nullif(coalesce((r.rest ->> 'deadline_ms')::bigint, (s ->> 'deadline_ms')::bigint, 300000), 0) * interval '1 millisecond';
  end if;
  j.finished_at := ended;
  return j;
end $$;

-- What became of a ring row, as the row of jobs that it would be; null when it was set aside. `cursor` is that of its lane, `hint` a claim that may name it.
create function countersign_queue.row_seen(r countersign_queue.ring, c countersign_queue.claims, gens bigint[], hint countersign_queue.claims default null,
  out row_of countersign_queue.jobs, out named_by countersign_queue.claims)
language plpgsql stable as $$
declare
  p integer;
  k countersign_queue.closures;
begin
  named_by := hint;
  if c.id is null then
    return;
  end if;
  p := countersign_queue.position_in(hint, r.generation, r.xid, r.num);
  if p is null then
    if not countersign_queue.behind(c, r.generation, r.xid, r.num) then
      if not exists (select from countersign_queue.tombstones t where t.lane = r.lane and t.xid = r.xid and t.num = r.num) then
        row_of := countersign_queue.as_row(r, 'ready', null, null, null);
      end if;
      return;
    end if;
    named_by := countersign_queue.claim_past(r.lane, r.generation, r.xid, r.num, gens);
    p := countersign_queue.position_in(named_by, r.generation, r.xid, r.num);
  end if;
  if p is null then
    return;
  end if;
  select * into k from countersign_queue.closures_of(named_by.id) o where o.bits is null or get_bit(o.bits, p - 1) = 1 limit 1;
  if k.claim is null then
    row_of := countersign_queue.as_row(r, 'running', named_by, p, null);
  elsif k.verdict in ('completed', 'cancelled') then
    row_of := countersign_queue.as_row(r, k.verdict, named_by, p, k.at);
  end if;
end $$;

-- The ring row of a job by its id, in the snapshot of the statement that calls. Probes alone: of each live slot, at the numbers that end in the
-- 22 bits that the id carries, newest first.
create function countersign_queue.ring_row(job text, gens bigint[]) returns countersign_queue.ring
language plpgsql stable as $$
declare
  at record;
  latest bigint;
  l integer;
  g bigint;
  r countersign_queue.ring;
begin
  select * into at from countersign_queue.position_of(job);
  if at.xid is null then
    return null;
  end if;
  select o.last_value >> 22 into latest from countersign_queue.ring_num o;
  for h in 0..least(latest, 7) loop
    for l in select o.lane from countersign_queue.lanes o where (o.lane & 4095) = at.lane_bits loop
      foreach g in array gens loop
        select * into r from countersign_queue.read_row((g & 15)::smallint, l, at.xid, (latest - h) << 22 | at.num_bits) o;
        if r.id = job then
          return r;
        end if;
      end loop;
    end loop;
  end loop;
  return null;
end $$;

-- A job that the history keeps: without content, as the row that it was.
create function countersign_queue.history_row(h countersign_queue.history, p integer) returns countersign_queue.jobs
language plpgsql stable as $$
declare
  j countersign_queue.jobs;
begin
  j.id := 'job_' || substr(h.ids, 26 * p - 25, 26);
  j.tenant_id := h.tenant_id;
  j.kind := h.kind;
  j.queue := h.queue;
  j.priority := h.priority;
  j.state := h.state;
  j.state_reason := h.reason;
  j.payload := 'null';
  j.payload_version := 1;
  j.attempt := h.attempt;
  j.max_attempts := greatest(h.attempt, 1);
  j.crashes := 0;
  j.lease := 0;
  j.worker := h.worker;
  j.enqueued_at := to_timestamp(countersign_queue.id_ms(j.id) / 1000.0);
  j.run_at := j.enqueued_at;
  j.claimed_at := h.base + h.claimed[p] * interval '1 millisecond';
  j.finished_at := h.base + h.finished[p] * interval '1 millisecond';
  j.errors := '[]';
  j.metadata := '{}';
  j.tags := '{}';
  j.dead_letter := false;
  return j;
end $$;
-- A job that history alone still knows, as a row of jobs with what was kept of it; null when it knows nothing. Takes no lock and asks for no tenant: whoever
-- calls it does.
create function countersign_queue.history_seen(job text) returns countersign_queue.jobs
language plpgsql stable as $$
declare
  h countersign_queue.history;
begin
  if job !~ '^job_[0-9A-HJKMNP-TV-Z]{26}$' then
    return null;
  end if;
  select * into h from countersign_queue.history o
  where o.bucket = (countersign_queue.id_ms(job) >> 12)::integer and o.least_id <= substr(job, 5) and o.greatest_id >= substr(job, 5)
    and strpos(o.ids, substr(job, 5)) > 0 order by o.day desc limit 1;
  return case when h.n is not null then countersign_queue.history_row(h, (strpos(h.ids, substr(job, 5)) - 1) / 26 + 1) end;
end $$;

-- A job of the caller's tenant, wherever it is: its row, the ring, the history. One snapshot: that of the statement that calls.
create function countersign_queue.job_seen(job text) returns countersign_queue.jobs
language plpgsql stable as $$
declare
  gens bigint[];
  r countersign_queue.ring;
  j countersign_queue.jobs;
begin
  select * into j from countersign_queue.jobs q where q.id = job;
  if j.id is null then
    gens := countersign_queue.live_generations();
    r := countersign_queue.ring_row(job, gens);
    if r.id is not null then
      select (o.row_of).* into j from countersign_queue.row_seen(r, countersign_queue.cursor_seen(r.lane, gens), gens) o;
    end if;
  end if;
  if j.id is null then
    j := countersign_queue.history_seen(job);
  end if;
  if not countersign_queue.reaches(j.tenant_id, j.queue, j.kind) then
    return null;
  end if;
  return j;
end $$;

-- One job of the caller's tenant, null when there is none. What only the history keeps has no content any more: its payload is null.
-- Waits for a prune that is truncating; takes no other lock.
create or replace function countersign_queue.job(job text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  seen jsonb;
begin
  perform countersign_queue.hold_ring();
  select countersign_queue.job_view(j) into seen from countersign_queue.job_seen(job.job) j where j.id is not null;
  return seen;
end $$;

-- The state of a job of the caller's tenant, wherever it lies; null when nobody knows it any more. One snapshot, as `job`: looked for row first and ring
-- after, each with its own view, a job that leaves the ring for a row in between would be in neither. Locks as `job`.
create function countersign_queue.job_state(job text) returns text
language plpgsql volatile as $$
declare
  said text;
begin
  perform countersign_queue.hold_ring();
  select j.state into said from countersign_queue.job_seen(job_state.job) j;
  return said;
end $$;

-- For waiters: which of these jobs are over, and how. The others are marked, so that their end notifies: a row by its own mark, a job of the ring
-- in table awaited. Locks the unmarked rows, skipping what others hold: one job in somebody's open transaction holds up the waiters of no other,
-- and the next look marks it.
create or replace function countersign_queue.job_results(jobs text[]) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  found_ones jsonb;
  until timestamptz := clock_timestamp() + interval '1 minute';
begin
  perform countersign_queue.check_isolation();
  update countersign_queue.jobs j set awaited = true where j.id in (
    select q.id from countersign_queue.jobs q
    where q.id = any (jobs) and not q.awaited and q.state not in ('completed', 'failed', 'cancelled')
      and countersign_queue.reaches(q.tenant_id, q.queue, q.kind)
    for update skip locked);
  perform countersign_queue.hold_ring();
  select jsonb_object_agg(j.id, jsonb_build_object('kind', j.kind, 'state', j.state, 'reason', j.state_reason, 'output', j.output,
    'error', j.errors -> -1 ->> 'error')) into found_ones
  from unnest(jobs) a cross join lateral countersign_queue.job_seen(a) j where j.id is not null;
  -- Renewed in time by whoever still waits; what nobody renews is forgotten.
  insert into countersign_queue.awaited as w (job_id, until)
  select distinct f.key, job_results_until.until from jsonb_each(found_ones) f
  cross join (select until) job_results_until
  where f.value ->> 'state' in ('ready', 'running') and not exists (select from countersign_queue.jobs j where j.id = f.key)
    and not exists (select from countersign_queue.awaited o where o.job_id = f.key and o.until > job_results_until.until - interval '30 seconds')
  order by f.key
  on conflict (job_id) do update set until = excluded.until;
  return coalesce(found_ones, '{}');
end $$;

-- ---------------------------------------------------------------------------------------------------------------------- lists

-- Whether a job matches the parts of a filter that one row answers (all but state, queue and dead_letter). Of the ring: rest holds tags and metadata.
create function countersign_queue.matches(filter jsonb, id text, kind text, at timestamptz, tags jsonb, metadata jsonb, unique_key text, ordering_key text)
returns boolean
language sql stable
return (filter ->> 'kind' is null or kind = filter ->> 'kind')
  and (filter ->> 'since' is null or at >= (filter ->> 'since')::timestamptz)
  and (filter ->> 'until' is null or at < (filter ->> 'until')::timestamptz)
  and (filter ->> 'tag' is null or coalesce(tags ? (filter ->> 'tag'), false))
  and (filter ->> 'schedule' is null or coalesce(metadata ->> 'countersign:schedule' = filter ->> 'schedule', false))
  and (filter ->> 'unique_key' is null or coalesce(unique_key = filter ->> 'unique_key', false))
  and (filter ->> 'ordering_key' is null or coalesce(ordering_key = filter ->> 'ordering_key', false))
  and (filter ->> 'q' is null or strpos(lower(concat_ws(' ', id, kind, unique_key, ordering_key)), lower(filter ->> 'q')) > 0
    or coalesce(tags ? (filter ->> 'q'), false));

-- Newest rows of jobs behind an id that a filter names, at most `most`; of at most 20,000 looked at, so that a page never takes long: then `upto` is
-- where the next page goes on, null at the end. A state of which there are no more than that is looked up, not searched for.
create function countersign_queue.rows_page(filter jsonb, before text, most integer, mine uuid, out items countersign_queue.jobs[], out upto text)
language plpgsql stable
set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
  patience constant integer := 20000;
  few text[];
  seen integer;
begin
  if filter ? 'state' then
    few := array(select j.id from countersign_queue.jobs j
      where j.state = filter ->> 'state' and (filter ->> 'queue' is null or j.queue = filter ->> 'queue') and (mine is null or j.tenant_id = mine) limit patience + 1);
  elsif filter -> 'dead_letter' = 'true' then
    few := array(select j.id from countersign_queue.jobs j where j.state = 'failed' and (mine is null or j.tenant_id = mine) limit patience + 1);
  end if;
  if cardinality(few) <= patience then
    items := array(
      select j from countersign_queue.jobs j
      where j.id = any (few) and (before is null or j.id < before)
        and (filter ->> 'queue' is null or j.queue = filter ->> 'queue')
        and (filter -> 'dead_letter' is null or j.dead_letter = (filter -> 'dead_letter')::boolean)
        and countersign_queue.matches(filter, j.id, j.kind, j.enqueued_at, to_jsonb(j.tags), j.metadata, j.unique_key, j.ordering_key)
      order by j.id desc limit most);
    upto := case when cardinality(items) = most then (items[most]).id end;
    return;
  end if;
  with looked as materialized (
    select j as job, row_number() over (order by j.id desc) as n from countersign_queue.jobs j
    where (before is null or j.id < before) and (mine is null or j.tenant_id = mine) order by j.id desc limit patience
  ), hits as (
    select l.job, l.n from looked l
    where (filter ->> 'state' is null or (l.job).state = filter ->> 'state') and (filter ->> 'queue' is null or (l.job).queue = filter ->> 'queue')
      and (filter -> 'dead_letter' is null or (l.job).dead_letter = (filter -> 'dead_letter')::boolean)
      and countersign_queue.matches(filter, (l.job).id, (l.job).kind, (l.job).enqueued_at, to_jsonb((l.job).tags), (l.job).metadata, (l.job).unique_key, (l.job).ordering_key)
    order by l.n limit most
  )
  select coalesce((select array_agg(h.job order by h.n) from hits h), '{}'), (select count(*) from looked),
    (select (l.job).id from looked l order by l.n desc limit 1)
  into items, seen, upto;
  if cardinality(items) = most then
    upto := (items[most]).id;
  elsif seen < patience then
    upto := null;
  end if;
end $$;

-- Claims of some lanes (null: of all) that have open positions, as a count against their closures.
create function countersign_queue.open_claims(of_lanes integer[] default null) returns setof countersign_queue.claims
language sql stable
set enable_mergejoin = off set enable_nestloop = off set jit = off set plan_cache_mode = force_custom_plan
as $$
  select c.* from countersign_queue.claims c
  left join (
    select k.claim, sum(coalesce(bit_count(k.bits), 1024)) as n from countersign_queue.closures k group by k.claim
  ) e on e.claim = c.id
  where c.n > 0 and coalesce(e.n, 0) < c.n and (of_lanes is null or c.lane = any (of_lanes))
$$;

-- The ring's part of a page: jobs behind a place (generation, xid, num), newest first, that a filter names, at most `most`, with the place of each. Looks
-- at no more than some 20,000 rows: `upto` is where the next page goes on, null at the end. `of_state` null means any.
create function countersign_queue.ring_page(filter jsonb, before jsonb, most integer, mine uuid,
  out items countersign_queue.jobs[], out places jsonb[], out upto jsonb)
language plpgsql stable
set jit = off set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  gens bigint[] := countersign_queue.live_generations();
  wanted text := filter ->> 'state';
  lanes integer[];
  low xid8[];
  cursors countersign_queue.claims[];
  patience integer := 20000;
  per_lane integer;
  from_generation bigint := coalesce((before ->> 0)::bigint, 9223372036854775807);
  from_xid xid8 := coalesce((before ->> 1)::xid8, '18446744073709551615');
  from_num bigint := coalesce((before ->> 2)::bigint, 9223372036854775807);
  g bigint;
  found_lanes integer[];
  found_xids xid8[];
  found_nums bigint[];
  cut_xid xid8;
  cut_num bigint;
  looked integer;
  r countersign_queue.ring;
  got record;
  told record;
  hint countersign_queue.claims;
  last_lane integer;
  seen countersign_queue.jobs[];
  at jsonb[];
begin
  items := '{}';
  places := '{}';
  if wanted in ('scheduled', 'retrying', 'blocked', 'waiting', 'failed') or filter -> 'dead_letter' = 'true' or filter ? 'unique_key' then
    return;
  end if;
  select array_agg(l.lane), array_agg(countersign_queue.cursor_seen(l.lane, gens)) into lanes, cursors
  from countersign_queue.lanes l where filter ->> 'queue' is null or l.queue = filter ->> 'queue';
  if lanes is null then
    return;
  end if;
  if wanted = 'running' then
    select coalesce(array_agg(countersign_queue.as_row(o.r, 'running', o.c, o.p, null) order by o.g desc, o.x desc, o.m desc), '{}'),
      coalesce(array_agg(jsonb_build_array(o.g, o.x::text, o.m) order by o.g desc, o.x desc, o.m desc), '{}')
    into items, places from (
      select q as r, c, i as p, q.generation as g, q.xid as x, q.num as m
      from countersign_queue.open_claims(lanes) c
      cross join lateral generate_series(1, c.n::integer) i
      cross join lateral countersign_queue.read_row((c.row_generation & 15)::smallint, c.lane, c.xids[i], c.nums[i]) q
      where (q.generation, q.xid, q.num) < (from_generation, from_xid, from_num) and (mine is null or q.tenant_id = mine)
        and not exists (select from countersign_queue.closures_of(c.id) k where k.bits is null or get_bit(k.bits, i - 1) = 1)
        and not exists (select from countersign_queue.jobs j where j.id = q.id)
        and countersign_queue.matches(filter, q.id, q.kind, q.enqueued_at, q.rest -> 'tags', q.rest -> 'metadata', null, q.rest ->> 'ordering_key')
      order by q.generation desc, q.xid desc, q.num desc limit most) o;
    upto := case when cardinality(items) = most then places[most] end;
    return;
  end if;
  -- What is ready is not older than the oldest transaction that its lane's window still waits for.
  low := array(select case when wanted = 'ready' then pg_snapshot_xmin(c.window_lo) else '0'::xid8 end from unnest(cursors) c);
  per_lane := most;
  foreach g in array gens loop
    continue when g > from_generation;
    if g < from_generation then
      from_xid := '18446744073709551615';
      from_num := 9223372036854775807;
    end if;
    loop
      execute format($q$
        with looked as materialized (
          select l.lane, s.xid, s.num, s.hit, row_number() over (partition by l.lane order by s.xid desc, s.num desc) as n
          from unnest($1, $2) l (lane, low) cross join lateral (
            select r.xid, r.num, ($7 is null or r.tenant_id = $7) and (not $9 or
              countersign_queue.matches($6, r.id, r.kind, r.enqueued_at, r.rest -> 'tags', r.rest -> 'metadata', null, r.rest ->> 'ordering_key')) as hit
            from countersign_queue.ring_%1$s r
            where r.lane = l.lane and r.xid >= l.low and (r.xid, r.num) < ($3, $4) order by r.xid desc, r.num desc limit $5) s
        ), cut as (
          -- A lane that was not looked at to its end hides what may stand before other lanes' rows.
          select o.xid, o.num from looked o where o.n = $5 order by o.xid desc, o.num desc limit 1
        ), hits as (
          select o.lane, o.xid, o.num from looked o where o.hit and (o.xid, o.num) >= (coalesce((select xid from cut), '0'), coalesce((select num from cut), 0))
          order by o.xid desc, o.num desc limit $8
        )
        select (select array_agg(h.lane order by h.xid desc, h.num desc) from hits h), (select array_agg(h.xid order by h.xid desc, h.num desc) from hits h),
          (select array_agg(h.num order by h.xid desc, h.num desc) from hits h), (select xid from cut), (select num from cut), (select count(*) from looked)$q$,
        lpad((g & 15)::text, 2, '0'))
      into found_lanes, found_xids, found_nums, cut_xid, cut_num, looked
      using lanes, low, from_xid, from_num, per_lane, filter, mine, most, filter - array['state', 'queue', 'dead_letter'] <> '{}';
      patience := patience - looked;
      per_lane := least(per_lane * 4, greatest(patience / cardinality(lanes), most));
      seen := '{}';
      at := '{}';
      -- Lane by lane, so that one claim after the other is met; then in order again.
      last_lane := null;
      for got in
        select u.lane, u.xid, u.num, u.n from unnest(found_lanes, found_xids, found_nums) with ordinality u (lane, xid, num, n) order by u.lane, u.n
      loop
        if last_lane is distinct from got.lane then
          last_lane := got.lane;
          hint := null;
        end if;
        select * into r from countersign_queue.read_row((g & 15)::smallint, got.lane, got.xid, got.num) q;
        if hint.id is not null and countersign_queue.position_in(hint, g, got.xid, got.num) is null then
          hint := countersign_queue.claim_upto((hint.id & 15)::smallint, got.lane, hint.id - 1);
        end if;
        select o.row_of, o.named_by into told from countersign_queue.row_seen(r, cursors[array_position(lanes, got.lane)], gens, hint) o;
        hint := told.named_by;
        if (told.row_of).id is not null and (wanted is null or (told.row_of).state = wanted)
          and not exists (select from countersign_queue.jobs j where j.id = r.id) then
          seen := seen || told.row_of;
          at := at || jsonb_build_array(g, r.xid::text, r.num);
        end if;
      end loop;
      select coalesce(array_agg(s.j order by s.x desc, s.m desc), '{}'), coalesce(array_agg(s.a order by s.x desc, s.m desc), '{}') into seen, at from (
        select seen[i] as j, at[i] as a, (at[i] ->> 1)::xid8 as x, (at[i] ->> 2)::bigint as m from generate_subscripts(at, 1) i) s;
      if cardinality(items) + cardinality(seen) >= most then
        items := (items || seen)[1:most];
        places := (places || at)[1:most];
        upto := places[most];
        return;
      end if;
      items := items || seen;
      places := places || at;
      if coalesce(cardinality(found_xids), 0) = most then
        from_xid := found_xids[most];
        from_num := found_nums[most];
      elsif cut_xid is not null then
        from_xid := cut_xid;
        from_num := cut_num;
      else
        exit;
      end if;
      if patience <= 0 then
        upto := jsonb_build_array(g, from_xid::text, from_num);
        return;
      end if;
    end loop;
    if patience <= 0 and g > gens[cardinality(gens)] then
      upto := jsonb_build_array(g, '0', 0);
      return;
    end if;
  end loop;
end $$;

-- The history's part of a page: jobs that are over and no longer in the ring or a row, behind a place (bucket, greatest id of the line, position), of
-- at most 2,000 lines looked at. Tags, keys and schedules are not kept there. Only a list of what ended in one way goes on into the history: the
-- others show what is still there in full.
create function countersign_queue.history_page(filter jsonb, before jsonb, most integer, mine uuid,
  out items countersign_queue.jobs[], out places jsonb[], out upto jsonb)
language plpgsql stable
set jit = off set enable_seqscan = off set enable_bitmapscan = off
as $$
declare
  patience constant integer := 2000;
  from_bucket constant integer := coalesce((before ->> 0)::integer, 2147483647);
  from_id constant text := coalesce(before ->> 1, '~');
  looked integer := 0;
  h countersign_queue.history;
  j countersign_queue.jobs;
begin
  items := '{}';
  places := '{}';
  if coalesce(filter ->> 'state', '') not in ('completed', 'failed', 'cancelled') or filter ?| array['tag', 'schedule', 'unique_key', 'ordering_key'] or filter -> 'dead_letter' = 'true' then
    return;
  end if;
  for h in
    select * from countersign_queue.history o where o.bucket <= from_bucket and (o.bucket < from_bucket or o.greatest_id <= from_id)
    order by o.bucket desc, o.greatest_id desc limit patience
  loop
    looked := looked + 1;
    upto := jsonb_build_array(h.bucket, h.greatest_id, 0);
    continue when h.tenant_id <> mine or h.kind <> filter ->> 'kind' or h.queue <> filter ->> 'queue' or h.state <> filter ->> 'state';
    for p in reverse h.n..1 loop
      continue when h.greatest_id = from_id and p >= (before ->> 2)::integer;
      j := countersign_queue.history_row(h, p);
      if countersign_queue.matches(filter, j.id, j.kind, j.enqueued_at, '[]', '{}', null, null) then
        items := items || j;
        places := places || jsonb_build_array(h.bucket, h.greatest_id, p);
        if cardinality(items) = most then
          upto := places[most];
          return;
        end if;
      end if;
    end loop;
  end loop;
  if looked < patience then
    upto := null;
  end if;
end $$;

-- A page of the three parts: the newest of any first. A part's jobs keep their order; where they are not in the order of their ids (the ring's go by
-- transaction), the smallest id so far decides, so that what a page leaves out is always a part's end.
create function countersign_queue.page_seen(filter jsonb, mark jsonb, most integer) returns jsonb
language plpgsql stable as $$
declare
  mine uuid := countersign_queue.caller_tenant();
  part record;
  items countersign_queue.jobs[] := '{}';
  marks jsonb := '{}';
  data jsonb;
  taken jsonb;
  places jsonb := '{}';
  counts jsonb := '{}';
begin
  for part in
    select 'ring' as name, p.items, p.places, p.upto from countersign_queue.ring_page(filter, mark -> 'ring', most, mine) p where mark -> 'ring' is distinct from 'null'
    union all
    select 'rows', p.items, null, to_jsonb(p.upto) from countersign_queue.rows_page(filter, mark ->> 'rows', most, mine) p where mark -> 'rows' is distinct from 'null'
    union all
    select 'history', p.items, p.places, p.upto from countersign_queue.history_page(filter, mark -> 'history', most, mine) p
    where mark -> 'history' is distinct from 'null'
  loop
    counts := counts || jsonb_build_object(part.name, jsonb_build_array(cardinality(items), cardinality(part.items)));
    items := items || part.items;
    places := places || jsonb_build_object(part.name, coalesce(to_jsonb(part.places), '[]'));
    marks := marks || jsonb_build_object(part.name, part.upto);
  end loop;
  select coalesce(jsonb_agg(countersign_queue.job_view(items[p.at + p.n]) order by p.key desc, p.part, p.n), '[]'), coalesce(jsonb_object_agg(p.part, p.n) filter (where p.last), '{}')
  into data, taken from (
    select *, lead(o.n) over (partition by o.part order by o.n) is null as last from (
      select c.key as part, (c.value ->> 0)::integer as at, n, min((items[(c.value ->> 0)::integer + n]).id) over (partition by c.key order by n) as key
      from jsonb_each(counts) c cross join lateral generate_series(1, (c.value ->> 1)::integer) n
      order by key desc, part, n limit most) o) p;
  -- Where each part goes on: behind the last that was taken from it, or where its own looking ended.
  select jsonb_object_agg(c.key, case
      when coalesce((taken ->> c.key)::integer, 0) = (c.value ->> 1)::integer then marks -> c.key
      when taken ? c.key then case when c.key = 'rows' then to_jsonb((items[(c.value ->> 0)::integer + (taken ->> c.key)::integer]).id)
        else places -> c.key -> (taken ->> c.key)::integer - 1 end
      else mark -> c.key end)
  into marks from jsonb_each(counts) c;
  marks := '{"ring": null, "rows": null, "history": null}' || coalesce(marks, '{}');
  -- A part of which nothing was taken yet, and that has something, begins anew: it has no member.
  return jsonb_build_object('data', data, 'next_cursor', countersign_queue.sealed_mark((
    select jsonb_object_agg(m.key, m.value) from jsonb_each(marks) m
    where not (m.value = 'null' and counts ? m.key and not taken ? m.key and (counts -> m.key ->> 1)::integer > 0))));
end $$;

-- A place in a list as a word, and back; null at the end of both parts. Says nothing that the caller may not know, but is no promise of form either.
create function countersign_queue.sealed_mark(mark jsonb) returns text
language sql immutable
return case when mark is distinct from '{"ring": null, "rows": null, "history": null}' then
  translate(encode(convert_to(mark::text, 'UTF8'), 'base64'), E'+/=\n', '-_') end;
-- The way back: null for null and for a word that is none. Reads no table.
create function countersign_queue.opened_mark(word text) returns jsonb
language plpgsql immutable as $$
declare
  mark jsonb;
begin
  mark := convert_from(decode(rpad(translate(word, '-_', '+/'), (length(word) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb;
  perform (mark -> 'ring' ->> 0)::bigint, (mark -> 'ring' ->> 1)::xid8, (mark -> 'ring' ->> 2)::bigint, (mark -> 'history' ->> 0)::integer,
    (mark -> 'history' ->> 2)::integer;
  return case when jsonb_typeof(mark) = 'object' and mark - array['ring', 'rows', 'history'] = '{}'
    and coalesce(jsonb_typeof(mark -> 'ring'), 'null') in ('null', 'array') and coalesce(jsonb_typeof(mark -> 'rows'), 'null') in ('null', 'string')
    and coalesce(jsonb_typeof(mark -> 'history'), 'null') in ('null', 'array') then mark end;
exception when data_exception then
  return null;
end $$;

-- Jobs of the caller's tenant, newest first: {data, next_cursor}. filter {state?, kind?, queue?, tag?, schedule?, unique_key?, ordering_key?, q? (part of
-- an id, kind or key, or a tag), since?, until?, dead_letter?}; a list of completed, failed or cancelled jobs goes on into the history. `after` is the cursor of the page before. A page may be short, or empty, and still
-- have a next one, for each looks at a bounded number of rows. Waits for a prune that is truncating; takes no other lock.
create or replace function countersign_queue.list_jobs(filter jsonb default '{}', after text default null, most integer default 50) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  members constant text[] := array['state', 'kind', 'queue', 'tag', 'schedule', 'unique_key', 'ordering_key', 'q', 'since', 'until', 'dead_letter'];
  mark jsonb := '{}';
  page jsonb;
begin
  filter := jsonb_strip_nulls(coalesce(filter, '{}'));
  if most is null or most not between 1 and 200 then
    perform countersign_queue.refuse('/limit', 'limit is between 1 and 200');
  elsif filter - members <> '{}' then
    perform countersign_queue.refuse('', 'jobs are filtered by ' || array_to_string(members, ', '));
  end if;
  begin
    perform (filter ->> 'since')::timestamptz, (filter ->> 'until')::timestamptz, (filter -> 'dead_letter')::boolean;
  exception when data_exception then
    perform countersign_queue.refuse('', 'since and until are RFC 3339 times, dead_letter is true or false');
  end;
  if after is not null then
    mark := countersign_queue.opened_mark(after);
    if mark is null then
      perform countersign_queue.refuse('/after', 'not a cursor of this list');
    end if;
  end if;
  perform countersign_queue.hold_ring();
  select countersign_queue.page_seen(filter, mark, most) into page;
  return page;
end $$;

-- ---------------------------------------------------------------------------------------------------------------------- counts

-- Ready jobs of a lane in the ring and when the oldest was enqueued, of one tenant or of all. Exact unless capped: looking ended at `most` rows.
-- Probes from the cursor on, so that what was claimed costs nothing; a lane with much in a slot is counted by a statement of its own, for rows that
-- pass through functions cost five times as much.
create function countersign_queue.ready_of_lane(c countersign_queue.claims, gens bigint[], most integer, mine uuid,
  out n bigint, out capped boolean, out oldest timestamptz)
language plpgsql stable as $$
declare
  last_xid constant xid8 := '18446744073709551615';
  few constant integer := 300;
  late xid8[] := array(select x from pg_snapshot_xip(c.window_lo) x union select x from pg_snapshot_xip(c.window_hi) x);
  stones boolean := exists (select from countersign_queue.tombstones t where t.lane = c.lane);
  a_xid xid8;
  a_num bigint;
  first_one bigint := countersign_queue.first_generation(c);
  looked bigint := 0;
  got record;
begin
  n := 0;
  capped := false;
  for i in reverse cardinality(gens)..1 loop
    continue when gens[i] < first_one;
    a_xid := pg_snapshot_xmax(c.window_lo);
    a_num := 0;
    if gens[i] = c.pos_generation and (c.pos_xid, c.pos_num) > (a_xid, a_num) then
      a_xid := c.pos_xid;
      a_num := c.pos_num;
    elsif gens[i] < c.pos_generation then
      a_xid := pg_snapshot_xmax(c.window_hi);
    end if;
    -- Most slots hold nothing of most lanes: one probe says so.
    continue when late = '{}' and not exists (
      select from countersign_queue.read_slot((gens[i] & 15)::smallint, c.lane, a_xid, a_num, last_xid, 0, 1));
    select count(*) as looked, min(r.enqueued_at) filter (where r.mine) as oldest, count(*) filter (where r.mine) as n into got from (
      select q.enqueued_at, (mine is null or q.tenant_id = mine) and not countersign_queue.behind(c, q.generation, q.xid, q.num)
        and not (stones and exists (select from countersign_queue.tombstones t where t.lane = q.lane and t.xid = q.xid and t.num = q.num)) as mine
      from (
        select s.* from countersign_queue.read_slot((gens[i] & 15)::smallint, c.lane, a_xid, a_num, last_xid, 0, few) s
        union all
        select s.* from unnest(late) x cross join lateral countersign_queue.read_slot((gens[i] & 15)::smallint, c.lane, x, -1, x, 9223372036854775807, few) s
        where x < a_xid
      ) q) r;
    if got.looked >= few then
      execute format($q$
        select count(*) as looked, min(q.enqueued_at) filter (where q.mine) as oldest, count(*) filter (where q.mine) as n from (
          select r.enqueued_at, ($8 is null or r.tenant_id = $8) and not pg_visible_in_snapshot(r.xid, $4)
            and not (pg_visible_in_snapshot(r.xid, $5) and (r.generation, r.xid, r.num) <= ($9, $10, $11))
            and not ($7 and exists (select from countersign_queue.tombstones t where t.lane = r.lane and t.xid = r.xid and t.num = r.num)) as mine
          from countersign_queue.ring_%1$s r
          where r.lane = $1 and ((r.xid, r.num) > ($2, $3) or r.xid = any ($12)) and r.xid >= $13 limit $6) q$q$, lpad((gens[i] & 15)::text, 2, '0'))
      into got using c.lane, a_xid, a_num, c.window_lo, c.window_hi, most - looked, stones, mine, c.pos_generation, c.pos_xid, c.pos_num, late,
        least(a_xid, (select min(x) from unnest(late) x));
    end if;
    n := n + got.n;
    looked := looked + got.looked;
    oldest := least(oldest, got.oldest);
    if looked >= most then
      capped := true;
      return;
    end if;
  end loop;
end $$;

-- Ready jobs of lanes by a sample of pages: lane and estimate. 3,000 pages in all, so that five million rows cost as much as sixty thousand.
create function countersign_queue.ready_by_sample(cursors countersign_queue.claims[], gens bigint[], mine uuid) returns table (lane integer, n bigint)
language plpgsql stable
set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
  g bigint;
  s text;
  pages bigint := 0;
  share double precision;
begin
  foreach g in array gens loop
    pages := pages + pg_relation_size(format('countersign_queue.ring_%s', lpad((g & 15)::text, 2, '0'))::regclass) / 8192;
  end loop;
  share := least(1, 3000 / greatest(pages, 1)::double precision);
  foreach g in array gens loop
    s := lpad((g & 15)::text, 2, '0');
    continue when pg_relation_size(format('countersign_queue.ring_%s', s)::regclass) = 0;
    return query execute format($q$
      select r.lane, round(count(*) / $1)::bigint from countersign_queue.ring_%s r tablesample system ($1 * 100)
      join unnest($2) c on c.lane = r.lane
      where ($3 is null or r.tenant_id = $3) and not pg_visible_in_snapshot(r.xid, c.window_lo)
        and not (pg_visible_in_snapshot(r.xid, c.window_hi) and (r.generation, r.xid, r.num) <= (c.pos_generation, c.pos_xid, c.pos_num))
      group by r.lane$q$, s) using share, cursors, mine;
  end loop;
end $$;

-- Rows of jobs by queue and state: {queue: {state: n}}. Exact up to 10,000 of a queue and state, above that by a sample of pages.
create function countersign_queue.rows_counted(mine uuid) returns table (queue text, state text, n bigint, estimated boolean)
language plpgsql stable
set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
  most constant integer := 10000;
  share double precision := least(1, 3000 / greatest(pg_relation_size('countersign_queue.jobs'::regclass) / 8192, 1)::double precision);
begin
  return query
  with recursive each (state, queue) as (
    (select j.state, j.queue from countersign_queue.jobs j order by j.state, j.queue limit 1)
    union all
    select o.state, o.queue from each e cross join lateral (
      select j.state, j.queue from countersign_queue.jobs j where (j.state, j.queue) > (e.state, e.queue) order by j.state, j.queue limit 1) o
  ), counted as materialized (
    select e.queue, e.state, (select count(*) from (
      select from countersign_queue.jobs j where j.state = e.state and j.queue = e.queue and (mine is null or j.tenant_id = mine) limit most + 1) l) as n
    from each e
  ), sampled as (
    select j.queue, j.state, round(count(*) / share)::bigint as n from countersign_queue.jobs j tablesample system (share * 100)
    where exists (select from counted c where c.n > most) and (mine is null or j.tenant_id = mine) group by j.queue, j.state
  )
  select c.queue, c.state, case when c.n > most then greatest(s.n, c.n) else c.n end, c.n > most and share < 1
  from counted c left join sampled s on s.queue = c.queue and s.state = c.state and c.n > most where c.n > 0;
end $$;

-- What claims of the ring hold, by queue: running, completed and cancelled, as far as the ring still has the jobs. Within one tenant the ends are
-- counted on some 5,000 of them, and all of them when there are no more.
create function countersign_queue.claims_counted(mine uuid, gens bigint[]) returns table (queue text, state text, n bigint, estimated boolean)
language plpgsql stable
set jit = off set enable_mergejoin = off set plan_cache_mode = force_custom_plan
as $$
declare
  every bigint;
begin
  -- What was drained and has a row since is counted there.
  return query
  select l.queue, 'cancelled', -count(*), false from countersign_queue.tombstones t
  join countersign_queue.lanes l on l.lane = t.lane
  cross join lateral countersign_queue.read_row(t.slot, t.lane, t.xid, t.num) r
  where t.claim is not null and (mine is null or r.tenant_id = mine) and exists (select from countersign_queue.jobs j where j.id = r.id)
  group by l.queue;
  if mine is null then
    return query
    select l.queue, s.state, sum(s.n)::bigint, false from (
      select c.lane, c.n, e.completed, e.cancelled, c.n - coalesce(e.ended, 0) as running from countersign_queue.claims c
      left join (
        select k.claim, sum(coalesce(bit_count(k.bits), 1024)) as ended, sum(coalesce(bit_count(k.bits), 1024)) filter (where k.verdict = 'completed') as completed,
          sum(coalesce(bit_count(k.bits), 1024)) filter (where k.verdict = 'cancelled') as cancelled
        from countersign_queue.closures k group by k.claim) e on e.claim = c.id
      where c.n > 0 and c.row_generation = any (gens)
    ) c
    join countersign_queue.lanes l on l.lane = c.lane
    cross join lateral (values ('running', greatest(c.running, 0)), ('completed', least(coalesce(c.completed, 0), c.n)),
      ('cancelled', least(coalesce(c.cancelled, 0), c.n))) s (state, n)
    where s.n > 0 group by l.queue, s.state;
    return;
  end if;
  return query
  select l.queue, 'running', count(*), false from countersign_queue.open_claims() c
  join countersign_queue.lanes l on l.lane = c.lane
  cross join lateral generate_series(1, c.n::integer) i
  cross join lateral countersign_queue.read_row((c.row_generation & 15)::smallint, c.lane, c.xids[i], c.nums[i]) q
  where q.tenant_id = mine and not exists (select from countersign_queue.closures_of(c.id) k where k.bits is null or get_bit(k.bits, i - 1) = 1)
  group by l.queue;
  select coalesce(sum(c.n), 0) / 5000 + 1 into every from countersign_queue.claims c where c.row_generation = any (gens);
  return query
  select l.queue, e.verdict, count(*) * every, every > 1 from countersign_queue.ends_seen(gens, every, null) e
  join countersign_queue.lanes l on l.lane = e.lane where e.tenant_id = mine group by l.queue, e.verdict;
end $$;

-- The ends of ring jobs that the ring still has, of one claim in `every`: exact when that is 1.
create function countersign_queue.ends_seen(gens bigint[], every bigint, since timestamptz)
returns table (lane integer, tenant_id uuid, kind text, verdict text, enqueued_at timestamptz, claimed_at timestamptz, ended_at timestamptz)
language plpgsql stable
set jit = off set enable_seqscan = off set enable_mergejoin = off set enable_hashjoin = off set enable_bitmapscan = off set plan_cache_mode = force_custom_plan
as $$
declare
  g bigint;
begin
  foreach g in array gens loop
    return query execute format($q$
      select c.lane, r.tenant_id, r.kind, k.verdict, r.enqueued_at::timestamptz, c.claimed_at::timestamptz, k.at::timestamptz
      from (select o.* from countersign_queue.claims o where o.row_generation = $1 and o.slot = any ($4) and o.n > 0 and (o.id >> 4) %% $2 = 0 offset 0) c
      cross join lateral (
        select o.* from countersign_queue.closures_of(c.id) o where o.verdict in ('completed', 'cancelled') and ($3 is null or o.at >= $3)) k
      cross join lateral unnest(c.xids, c.nums) with ordinality u (xid, num, p)
      join countersign_queue.ring_%s r on r.lane = c.lane and r.xid = u.xid and r.num = u.num
      where k.bits is null or get_bit(k.bits, (u.p - 1)::integer) = 1$q$, lpad((g & 15)::text, 2, '0'))
    using g, every, since, array(select (o & 15)::smallint from unnest(gens) o where o >= g);
  end loop;
end $$;

-- Depth of every queue in the caller's tenant: {queue: {states: {state: n}, estimated, oldest_ready_at}}; queues without jobs are left out.
create function countersign_queue.depth_seen() returns jsonb
language plpgsql stable as $$
declare
  mine uuid := countersign_queue.caller_tenant();
  gens bigint[] := countersign_queue.live_generations();
  c countersign_queue.claims;
  l record;
  got record;
  few jsonb := '{}';
  many countersign_queue.claims[] := '{}';
  estimated boolean;
  counted bigint;
  patience integer := 120000;
begin
  for l in select o.lane, o.queue from countersign_queue.lanes o order by o.lane loop
    c := countersign_queue.cursor_seen(l.lane, gens);
    continue when c.id is null;
    select * into got from countersign_queue.ready_of_lane(c, gens, 10001, mine);
    few := few || jsonb_build_object(l.lane, jsonb_build_object('n', got.n, 'oldest', got.oldest));
    if got.capped then
      many := many || c;
    end if;
  end loop;
  if cardinality(many) > 0 then
    for got in
      select m.lane, coalesce(sum(s.n), 0)::bigint as n from unnest(many) m left join countersign_queue.ready_by_sample(many, gens, mine) s on s.lane = m.lane
      group by m.lane order by 2
    loop
      estimated := true;
      -- A small share of a large ring is counted while that takes no time: the sample would hold too few of it.
      if got.n < 30000 and patience > 0 then
        select o.n, o.capped into counted, estimated
        from countersign_queue.ready_of_lane(countersign_queue.cursor_seen(got.lane, gens), gens, least(patience, 40000), mine) o;
        patience := patience - 40000;
        got.n := case when estimated then greatest(got.n, counted) else counted end;
      end if;
      few := jsonb_set(few, array[got.lane::text], (few -> got.lane::text) || jsonb_build_object('n', got.n, 'estimated', estimated));
    end loop;
  end if;
  return (
    select coalesce(jsonb_object_agg(q.queue, q.said), '{}') from (
      select s.queue, jsonb_build_object('states', jsonb_object_agg(s.state, s.n), 'estimated', bool_or(s.estimated),
        'oldest_ready_at', countersign_queue.spoken(least(min(s.oldest), (
          select min(h.run_at) from generate_series(1, 4) p cross join lateral (
            select j.run_at from countersign_queue.jobs j where j.queue = s.queue and j.state = 'ready' and j.priority = p
              and (mine is null or j.tenant_id = mine) order by j.ord limit 1) h)))) as said
      from (
        select u.queue, u.state, sum(u.n) as n, bool_or(u.estimated) as estimated, min(u.oldest) as oldest from (
          select r.queue, r.state, r.n, r.estimated, null::timestamptz as oldest from countersign_queue.rows_counted(mine) r
          union all
          select o.queue, o.state, o.n, o.estimated, null from countersign_queue.claims_counted(mine, gens) o
          union all
          select o.queue, 'ready', (few -> o.lane::text ->> 'n')::bigint, coalesce((few -> o.lane::text ->> 'estimated')::boolean, false),
            (few -> o.lane::text ->> 'oldest')::timestamptz
          from countersign_queue.lanes o where (few -> o.lane::text ->> 'n')::bigint > 0
        ) u group by u.queue, u.state having sum(u.n) > 0
      ) s group by s.queue) q);
end $$;

-- How many jobs of the caller's tenant are in which state, by queue, as of now (Q66): exact up to 10,000 of a queue and state, within some per cent
-- above; `estimated` names the queues where that is so. Of one tenant among many in a long queue, a sample may miss more. Of finished jobs those
-- count that are still there in full. Waits for a prune that is truncating; takes no other lock.
create or replace function countersign_queue.counts() returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  seen jsonb;
begin
  perform countersign_queue.hold_ring();
  select countersign_queue.depth_seen() into seen;
  return jsonb_build_object('as_of', countersign_queue.spoken(at),
    'queues', (select coalesce(jsonb_object_agg(d.key, d.value -> 'states'), '{}') from jsonb_each(seen) d),
    'estimated', (select coalesce(jsonb_agg(d.key), '[]') from jsonb_each(seen) d where d.value -> 'estimated' = 'true'));
end $$;

-- Queues that have a job of the caller's tenant, or that a kind or a setting names: how they stand, and their settings.
create or replace function countersign_queue.list_queues() returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  seen jsonb;
begin
  perform countersign_queue.hold_ring();
  select countersign_queue.depth_seen() into seen;
  return (
    select coalesce(jsonb_agg(jsonb_build_object('name', n.name, 'paused_at', countersign_queue.spoken(q.paused_at), 'paused_by', q.paused_by,
      'settings', coalesce(q.settings, '{}'), 'as_of', countersign_queue.spoken(at), 'depth', coalesce(seen -> n.name -> 'states', '{}'),
      'estimated', coalesce((seen -> n.name -> 'estimated')::boolean, false),
      'oldest_ready_ms', countersign_queue.waited_ms(at, (seen -> n.name ->> 'oldest_ready_at')::timestamptz),
      'workers', (select count(*) from countersign_queue.workers w where n.name = any (w.queues) and w.lost_at is null
        and w.beat_at + w.lost_after_ms * interval '1 millisecond' > clock_timestamp())) order by n.name), '[]')
    from (
      select c.name from countersign_queue.queues c
      union select coalesce(k.settings ->> 'queue', 'default') from countersign_queue.kinds k
      union select d from jsonb_object_keys(seen) d
    ) n left join countersign_queue.queues q on q.name = n.name);
end $$;

-- Kinds that somebody declared: settings, pause, when a worker last announced them (stale: not for 24 h) and how many do now. Takes no lock.
create function countersign_queue.list_kinds() returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select coalesce(jsonb_agg(jsonb_build_object('name', k.name, 'settings', k.settings, 'paused_at', countersign_queue.spoken(k.paused_at),
    'paused_by', k.paused_by, 'seen_at', countersign_queue.spoken(k.seen_at),
    'stale', coalesce(k.seen_at < countersign_queue.now() - interval '24 hours', true),
    'workers', (select count(*) from countersign_queue.workers w where k.name = any (w.kinds) and w.lost_at is null
      and w.beat_at + w.lost_after_ms * interval '1 millisecond' > clock_timestamp())) order by k.name), '[]')
  from countersign_queue.kinds k;
end;

-- Worker processes, and how many jobs of the caller's tenant each runs. Waits for a prune that is truncating; takes no other lock.
create or replace function countersign_queue.list_workers() returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  mine uuid := countersign_queue.caller_tenant();
begin
  perform countersign_queue.hold_ring();
  return (
    with held as (
      select j.worker, count(*) as n from countersign_queue.jobs j where j.state = 'running' and (mine is null or j.tenant_id = mine) group by j.worker
      union all
      select c.worker, count(*) from countersign_queue.open_claims() c
      cross join lateral generate_series(1, c.n::integer) i
      cross join lateral countersign_queue.read_row((c.row_generation & 15)::smallint, c.lane, c.xids[i], c.nums[i]) r
      where (mine is null or r.tenant_id = mine) and not exists (select from countersign_queue.closures_of(c.id) k where k.bits is null or get_bit(k.bits, i - 1) = 1)
      group by c.worker
    )
    select coalesce(jsonb_agg(jsonb_build_object('id', w.id, 'host', w.host, 'pid', w.pid, 'version', w.version, 'queues', w.queues,
      'kinds', w.kinds, 'started_at', countersign_queue.spoken(w.started_at), 'beat_at', countersign_queue.spoken(w.beat_at),
      'alive', w.lost_at is null and w.beat_at + w.lost_after_ms * interval '1 millisecond' > clock_timestamp(),
      'running', coalesce((select sum(h.n) from held h where h.worker = w.id), 0)) order by w.id), '[]')
    from countersign_queue.workers w);
end $$;

-- ---------------------------------------------------------------------------------------------------------------------- timeline

-- Transitions of a job in the order in which they happened. Of one instant and one lease each begins in the state in which the one before ended: times are
-- cut to milliseconds, and where a row lies says nothing. The last row of the query is none: it ends the last such group.
create function countersign_queue.transitions_of(job text) returns setof countersign_queue.transitions
language plpgsql stable as $$
declare
  t countersign_queue.transitions;
  together countersign_queue.transitions[] := '{}';
  standing text;
  k integer;
begin
  for t in
    (select * from countersign_queue.transitions o where o.job_id = job
     order by o.at, o.lease, array_position(array['running', 'waiting'], o.from_state), o.from_state, o.to_state)
    union all select (null::countersign_queue.transitions).*
  loop
    if cardinality(together) > 0 and (t.at, t.lease) is distinct from (together[1].at, together[1].lease) then
      while cardinality(together) > 1 loop
        -- What goes on from where the job stood; of a job that came from elsewhere, the state that more leave than enter.
        select i into k from generate_subscripts(together, 1) i
        order by coalesce(together[i].from_state = standing or together[i].from_state = 'running' and standing = 'ready', false) desc,
          (select count(*) filter (where o.from_state = together[i].from_state) - count(*) filter (where o.to_state = together[i].from_state)
           from unnest(together) o) desc, i
        limit 1;
        return next together[k];
        standing := together[k].to_state;
        together := together[:k - 1] || together[k + 1:];
      end loop;
      return next together[1];
      standing := together[1].to_state;
      together := '{}';
    end if;
    together := together || t;
  end loop;
end $$;

-- Every transition of a job that is still known (Q138), oldest first: {at, what, state, actor, worker, attempt, lease, outcome, reason, error,
-- duration_ms}. From the row's columns and errors, table transitions, the ring or the history. Null when there is no such job in the tenant.
create function countersign_queue.timeline_seen(job text) returns jsonb
language plpgsql stable as $$
declare
  j countersign_queue.jobs := countersign_queue.job_seen(job);
  t countersign_queue.transitions;
  what text;
  lines jsonb := '[]';
  first_state text;
  standing text;
  logged_leases bigint[] := '{}';
begin
  if j.id is null then
    return null;
  end if;
  select array_agg(o.lease) into logged_leases from countersign_queue.transitions o where o.job_id = j.id;
  select o.from_state into first_state from countersign_queue.transitions_of(j.id) o limit 1;
  first_state := coalesce(first_state, j.state);
  standing := case when first_state in ('running', 'completed', 'failed', 'cancelled', 'waiting', 'retrying') then 'ready' else first_state end;
  lines := lines || countersign_queue.line(j.enqueued_at, 'enqueued', standing, null, null, null, null, null, null, null, null);
  -- Attempts older than what transitions keep left their errors.
  select lines || coalesce(jsonb_agg(countersign_queue.line((e ->> 'at')::timestamptz, 'failed_attempt', null, null, e ->> 'worker', (e ->> 'attempt')::integer,
      (e ->> 'lease')::bigint, 'failed', e ->> 'reason', e ->> 'error', null) order by n), '[]')
  into lines from jsonb_array_elements(j.errors) with ordinality l (e, n)
  where (e ->> 'lease')::bigint <> all (coalesce(logged_leases, '{}')) and (e ->> 'lease')::bigint <> j.lease;
  for t in select * from countersign_queue.transitions_of(j.id) loop
    what := countersign_queue.what_of(t.from_state, t.to_state, t.reason);
    if t.from_state = 'running' then
      lines := lines || countersign_queue.line(t.claimed_at, 'claimed', 'running', null, t.worker, t.attempt, t.lease, null, null, null, null);
    end if;
    lines := lines || countersign_queue.line(t.at, what, t.to_state, t.actor, t.worker, t.attempt, nullif(t.lease, 0),
      case when t.from_state in ('running', 'waiting') then what end, t.reason, (
        select left(e ->> 'error', 1024) from jsonb_array_elements(j.errors) e
        where (e ->> 'lease')::bigint = t.lease and what in ('failed', 'retried', 'rescued') order by e ->> 'at' desc limit 1),
      case when t.from_state = 'running' then countersign_queue.ms_of(t.at) - countersign_queue.ms_of(t.claimed_at) end);
    standing := t.to_state;
  end loop;
  -- The two transitions that only the job itself tells.
  if j.state = 'running' or j.state in ('completed', 'failed', 'cancelled') and standing <> j.state then
    if j.claimed_at is not null then
      lines := lines || countersign_queue.line(j.claimed_at, 'claimed', 'running', null, j.worker, j.attempt, nullif(j.lease, 0), null, null, null, null);
    end if;
    if j.state <> 'running' then
      lines := lines || countersign_queue.line(j.finished_at, j.state, j.state, null, j.worker, nullif(j.attempt, 0), nullif(j.lease, 0), j.state, j.state_reason, null,
        countersign_queue.ms_of(j.finished_at) - countersign_queue.ms_of(j.claimed_at));
    end if;
  end if;
  return lines;
end $$;
-- One line of a timeline. Reads no table.
create function countersign_queue.line(at timestamptz, what text, state text, actor text, worker text, attempt integer, lease bigint, outcome text, reason text,
  error text, duration_ms bigint) returns jsonb
language sql stable
return jsonb_build_object('at', countersign_queue.spoken(at), 'what', what, 'state', state, 'actor', coalesce(actor, worker), 'worker', worker,
  'attempt', attempt, 'lease', lease, 'outcome', outcome, 'reason', reason, 'error', error, 'duration_ms', duration_ms);

-- What became of a job, line by line, oldest first; null when the caller may not see it or nobody knows it. Locks the ring as a reader does, until the
-- transaction ends, so that nothing is truncated between two looks; changes nothing.
create function countersign_queue.timeline(job text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  seen jsonb;
begin
  perform countersign_queue.hold_ring();
  select countersign_queue.timeline_seen(timeline.job) into seen;
  return seen;
end $$;

-- ---------------------------------------------------------------------------------------------------------------------- ring

-- The ring as a picture (Q141): each slot with its generation, size and, of the oldest one that should be empty by now, what keeps it; and how far back
-- the oldest snapshot of the server reaches, as far as this login may see. Rows are an estimate, of all tenants together: null inside one tenant.
create function countersign_queue.ring_view() returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
  at timestamptz := countersign_queue.now();
  whole boolean := countersign_queue.caller_tenant() is null;
  slots jsonb := '[]';
  s text;
  o countersign_queue.generations;
  pages bigint;
  jobs bigint;
  bytes bigint;
  filled bigint;
  newest bigint;
  oldest bigint;
  free integer := 0;
  held text;
  held_by text;
  holder integer;
  horizon record;
begin
  perform countersign_queue.hold_ring();
  select max(g.generation), min(g.generation) into newest, oldest from countersign_queue.generations g
  where not exists (select from countersign_queue.prunings p where p.generation = g.generation);
  for i in 0..15 loop
    s := lpad(i::text, 2, '0');
    o := null;
    select * into o from countersign_queue.generations g where (g.generation & 15) = i
      and not exists (select from countersign_queue.prunings p where p.generation = g.generation) order by g.generation desc limit 1;
    select pg_relation_size(('countersign_queue.ring_' || s)::regclass) / 8192, sum(pg_total_relation_size(('countersign_queue.' || n || '_' || s)::regclass))
    into pages, bytes from unnest(array['ring', 'claims', 'closures']) n;
    jobs := null;
    if whole then
      -- As many rows a page as the first twenty pages have.
      execute format('select count(*) from countersign_queue.ring_%s r where r.ctid < ''(20,0)''', s) into filled;
      jobs := case when pages > 20 then filled * pages / 20 else filled end;
    end if;
    held := null;
    if o.generation is null then
      free := free + 1;
    elsif o.generation = oldest and oldest < newest and exists (
      select from countersign_queue.generations g where g.generation > oldest and g.opened_at <= at - interval '60 seconds') then
      held := countersign_queue.gate(o.generation);
      select l.pid into holder from pg_locks l
      where l.relation in (('countersign_queue.ring_' || s)::regclass, ('countersign_queue.claims_' || s)::regclass, ('countersign_queue.closures_' || s)::regclass)
        and l.database = (select d.oid from pg_database d where d.datname = current_database()) and l.granted and l.pid <> pg_backend_pid() limit 1;
      held := coalesce(held, case when holder is not null then 'lock' end);
    end if;
    slots := slots || jsonb_build_object('slot', i, 'state', case when o.generation is null then 'free' when o.generation = newest then 'current' else 'sealed' end,
      'generation', o.generation, 'opened_at', countersign_queue.spoken(o.opened_at), 'age_ms', countersign_queue.ms_of(at) - countersign_queue.ms_of(o.opened_at),
      'held_by', held, 'jobs', jobs, 'bytes', bytes);
    held_by := coalesce(held, held_by);
  end loop;
  -- Everybody may see how old a snapshot is in transactions; how old in seconds, only of his own sessions.
  select a.pid, age(a.backend_xmin) as xids, extract(epoch from clock_timestamp() - a.xact_start) as seconds into horizon
  from pg_stat_activity a where a.backend_xmin is not null and a.pid <> pg_backend_pid() order by age(a.backend_xmin) desc, a.xact_start limit 1;
  return jsonb_build_object('as_of', countersign_queue.spoken(at), 'generation', newest, 'free_slots', free,
    'ring_blocked', free = 0, 'blocked_reason', case when free = 0 then held_by end, 'blocked_pid', case when free = 0 then holder end,
    'blocked', case when free = 0 then coalesce(held_by, 'unknown') || coalesce(', pid ' || holder, '') end, 'oldest_age_ms', (
      select countersign_queue.ms_of(at) - countersign_queue.ms_of(g.opened_at) from countersign_queue.generations g where g.generation = oldest),
    'horizon_age_s', round(horizon.seconds, 1), 'horizon_age_seconds', coalesce(round(horizon.seconds, 1), case when horizon.pid is null then 0 end), 'horizon_age_xids', coalesce(horizon.xids, 0),
    'horizon_pid', horizon.pid, 'slots', slots);
end $$;

-- ---------------------------------------------------------------------------------------------------------------------- figures

-- What happened between two times in a tenant (null: in all), as lines: n of an outcome, or of a bucket of the durations (d) or waits (w) of what
-- completed. From rollups, and from what is not folded yet: the ring, rows of jobs and transitions. Of the ring at most some 10,000 ends are looked
-- at; when there are more, each stands for several.
create function countersign_queue.figures(since timestamptz, upto timestamptz, mine uuid)
returns table (at timestamptz, queue text, kind text, outcome text, reason text, what text, bucket integer, n bigint)
language plpgsql stable
set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
  gens bigint[] := countersign_queue.live_generations();
  every bigint;
begin
  return query
  select r.at, r.queue, r.kind, r.outcome, r.reason, l.what, l.bucket, l.n from (
    -- The minute in which a long time begins counts whole; of a short one that would be half of it.
    select * from countersign_queue.rollups o where o.at >= case when upto - since > interval '61 seconds' then date_trunc('minute', since) else since end and o.at < upto and (mine is null or o.tenant_id = mine)
    union all
    select * from countersign_queue.rollups_hourly o where o.at >= date_trunc('hour', since) and o.at < upto and (mine is null or o.tenant_id = mine)
  ) r cross join lateral (
    select 'n' as what, null::integer as bucket, r.n
    union all select 'd', e.key::integer, e.value::bigint from jsonb_each_text(r.durations) e where r.outcome = 'completed'
    union all select 'w', e.key::integer, e.value::bigint from jsonb_each_text(r.waits) e where r.outcome = 'completed') l;
  return query
  select t.at, t.queue, t.kind, t.what, t.reason, 'n', null::integer, 1::bigint from (
    select o.*, countersign_queue.what_of(o.from_state, o.to_state, o.reason) as what from countersign_queue.transitions o
    where o.at >= since and o.at < upto and (mine is null or o.tenant_id = mine)) t
  where t.what in ('failed', 'cancelled', 'retried', 'rescued');
  -- Ends of which a share is looked at: claims that began before the end asked for, and what closed them since.
  select coalesce(sum(c.n), 0) / 10000 + 1 into every from countersign_queue.claims c where c.row_generation = any (gens) and c.claimed_at < upto
    and exists (select from countersign_queue.closures k where k.slot = c.slot and k.claim = c.id and k.at >= since);
  return query
  with e as materialized (
    select date_trunc('second', o.ended_at) as at, l.queue, o.kind, o.verdict,
      countersign_queue.bucket_of(countersign_queue.ms_of(o.ended_at) - countersign_queue.ms_of(o.claimed_at)) as d,
      countersign_queue.bucket_of(countersign_queue.ms_of(o.claimed_at) - countersign_queue.ms_of(o.enqueued_at)) as w, count(*) * every as n
    from countersign_queue.ends_seen(gens, every, since) o join countersign_queue.lanes l on l.lane = o.lane
    where o.ended_at < upto and (mine is null or o.tenant_id = mine) group by 1, 2, 3, 4, 5, 6
    union all
    select j.finished_at, j.queue, j.kind, 'completed', countersign_queue.bucket_of(countersign_queue.ms_of(j.finished_at) - countersign_queue.ms_of(j.claimed_at)),
      countersign_queue.bucket_of(countersign_queue.ms_of(j.claimed_at) - countersign_queue.ms_of(j.run_at)), 1
    from countersign_queue.jobs j where j.state in ('completed', 'failed', 'cancelled') and j.finished_at >= since and j.finished_at < upto
      and j.state = 'completed' and (mine is null or j.tenant_id = mine)
  )
  select s.at, s.queue, s.kind, s.verdict, null::text, x.what, x.bucket, s.n from e s
  cross join lateral (
    values ('n', null::integer), ('d', case when s.verdict = 'completed' then s.d end), ('w', case when s.verdict = 'completed' then s.w end)) x (what, bucket)
  where x.what = 'n' or x.bucket is not null;
end $$;

-- The lines of `figures` of one key and time, as readers see them.
create function countersign_queue.figure(counts jsonb, durations jsonb, waits jsonb) returns jsonb
language sql immutable
return jsonb_build_object('completed', coalesce((counts -> 'completed')::bigint, 0), 'failed', coalesce((counts -> 'failed')::bigint, 0),
  'cancelled', coalesce((counts -> 'cancelled')::bigint, 0), 'retried', coalesce((counts -> 'retried')::bigint, 0),
  'rescued', coalesce((counts -> 'rescued')::bigint, 0),
  'p50_ms', countersign_queue.quantile(durations, 0.5), 'p95_ms', countersign_queue.quantile(durations, 0.95),
  'wait_p50_ms', countersign_queue.quantile(waits, 0.5), 'wait_p95_ms', countersign_queue.quantile(waits, 0.95));

-- Figures by key (of `by_what`: kind, queue, outcome, or one for all) and by steps of seconds behind `since` (0: one for all the time).
create function countersign_queue.figures_by(since timestamptz, upto timestamptz, step integer, by_what text, mine uuid)
returns table (key text, bin integer, counts jsonb, durations jsonb, waits jsonb)
language sql stable
set jit = off
as $$
  with lines as materialized (
    select case by_what when 'kind' then f.kind when 'queue' then f.queue when 'outcome' then f.outcome end as key,
      case when step > 0 then greatest(0, floor(date_part('epoch', f.at - since) / step))::integer else 0 end as bin, f.what, f.outcome, f.bucket, sum(f.n)::bigint as n
    from countersign_queue.figures(since, upto, mine) f group by 1, 2, 3, 4, 5
  )
  select l.key, l.bin, jsonb_object_agg(l.outcome, l.n) filter (where l.what = 'n'),
    coalesce(jsonb_object_agg(l.bucket, l.n) filter (where l.what = 'd'), '{}'), coalesce(jsonb_object_agg(l.bucket, l.n) filter (where l.what = 'w'), '{}')
  from lines l group by l.key, l.bin
$$;

-- What happened in the caller's tenant from one time to another, in steps: {from, to, step_seconds, series: [{key, points: [{at, completed, failed,
-- cancelled, retried, rescued, p50_ms, p95_ms, wait_p50_ms, wait_p95_ms}]}]}. What is older than some minutes is known by the minute, older than 30 days
-- by the hour: a shorter step then shows it at its beginning. Waits for a prune that is truncating; takes no other lock.
create function countersign_queue.timeseries(since timestamptz, upto timestamptz, step_seconds integer, by_what text default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  mine uuid := countersign_queue.caller_tenant();
  bins integer;
begin
  if step_seconds is null or step_seconds < 1 then
    perform countersign_queue.refuse('/step', 'step is at least one second');
  elsif since is null or upto is null or upto <= since then
    perform countersign_queue.refuse('/to', 'to comes after from');
  elsif date_part('epoch', upto - since) / step_seconds > 1500 then
    perform countersign_queue.refuse('/step', 'at most 1,500 steps');
  elsif coalesce(by_what, 'kind') not in ('kind', 'queue', 'outcome') then
    perform countersign_queue.refuse('/by', 'by is kind, queue or outcome');
  end if;
  bins := ceil(date_part('epoch', upto - since) / step_seconds);
  perform countersign_queue.hold_ring();
  return (
    with f as materialized (
      select * from countersign_queue.figures_by(since, upto, step_seconds, by_what, mine)
    ), k as (
      select distinct f.key from f union select null where by_what is null
    )
    select jsonb_build_object('from', countersign_queue.spoken(since), 'to', countersign_queue.spoken(upto), 'step_seconds', step_seconds,
      'series', coalesce(jsonb_agg(jsonb_build_object('key', k.key, 'points', (
        select jsonb_agg(jsonb_build_object('at', countersign_queue.spoken(since + b * step_seconds * interval '1 second'))
          || countersign_queue.figure(f.counts, coalesce(f.durations, '{}'), coalesce(f.waits, '{}')) order by b)
        from generate_series(0, bins - 1) b left join f on f.bin = b and f.key is not distinct from k.key)) order by k.key), '[]'))
    from k);
end $$;

-- The caller's tenant at a glance: {as_of, depth: {state: n}, oldest_ready_ms, dead_letters, workers, last_minute: {enqueued, completed, …}}. How many were
-- enqueued is not counted anywhere: null. Waits for a prune that is truncating; takes no other lock.
create function countersign_queue.stats() returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  mine uuid := countersign_queue.caller_tenant();
  seen jsonb;
begin
  perform countersign_queue.hold_ring();
  select countersign_queue.depth_seen() into seen;
  return jsonb_build_object('as_of', countersign_queue.spoken(at),
    'depth', (select coalesce(jsonb_object_agg(s.key, s.n), '{}') from (
      select e.key, sum(e.value::bigint) as n from jsonb_each(seen) d cross join lateral jsonb_each_text(d.value -> 'states') e group by e.key) s),
    'oldest_ready_ms', (select countersign_queue.waited_ms(at, min((d.value ->> 'oldest_ready_at')::timestamptz)) from jsonb_each(seen) d),
    'dead_letters', (select count(*) from countersign_queue.jobs j where j.state = 'failed' and j.dead_letter and (mine is null or j.tenant_id = mine)),
    'workers', (select count(*) from countersign_queue.workers w where w.lost_at is null
      and w.beat_at + w.lost_after_ms * interval '1 millisecond' > clock_timestamp()),
    'last_minute', jsonb_build_object('enqueued', null) || coalesce(
      (select countersign_queue.figure(f.counts, f.durations, f.waits) from countersign_queue.figures_by(at - interval '1 minute', at + interval '1 second', 0, null, mine) f),
      countersign_queue.figure('{}', '{}', '{}')));
end $$;

-- The last 24 hours of the caller's tenant by kind, with failures by reason: [{kind, completed, …, reasons}]. Locks as stats.
create function countersign_queue.stats_kinds() returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  mine uuid := countersign_queue.caller_tenant();
begin
  perform countersign_queue.hold_ring();
  return (
    select coalesce(jsonb_agg(jsonb_build_object('kind', f.key, 'reasons', coalesce((
        select jsonb_object_agg(r.reason, r.n) from (
          select t.reason, sum(t.n) as n from countersign_queue.figures(at - interval '24 hours', at + interval '1 second', mine) t
          where t.kind = f.key and t.what = 'n' and t.outcome in ('failed', 'retried', 'rescued') and t.reason is not null group by t.reason) r), '{}'))
      || countersign_queue.figure(f.counts, f.durations, f.waits) order by f.key), '[]')
    from countersign_queue.figures_by(at - interval '24 hours', at + interval '1 second', 0, 'kind', mine) f);
end $$;

-- The same by queue, with its depth: [{queue, completed, …, depth, oldest_ready_ms}]. Locks as stats.
create function countersign_queue.stats_queues() returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  mine uuid := countersign_queue.caller_tenant();
  seen jsonb;
begin
  perform countersign_queue.hold_ring();
  select countersign_queue.depth_seen() into seen;
  return (
    with f as materialized (
      select * from countersign_queue.figures_by(at - interval '24 hours', at + interval '1 second', 0, 'queue', mine)
    )
    select coalesce(jsonb_agg(jsonb_build_object('queue', n.name, 'depth', coalesce(seen -> n.name -> 'states', '{}'),
      'oldest_ready_ms', countersign_queue.waited_ms(at, (seen -> n.name ->> 'oldest_ready_at')::timestamptz))
      || countersign_queue.figure(f.counts, coalesce(f.durations, '{}'), coalesce(f.waits, '{}')) order by n.name), '[]')
    from (select f.key as name from f union select jsonb_object_keys(seen)) n left join f on f.key = n.name);
end $$;

select countersign_queue.grant_functions('countersign_producer', array['job', 'job_results']);
select countersign_queue.grant_functions('countersign_reader', array['job', 'job_results', 'list_jobs', 'counts', 'list_queues', 'list_kinds', 'list_workers',
  'timeline', 'ring_view', 'timeseries', 'stats', 'stats_kinds', 'stats_queues']);
-- For the one statement below, which only the owner of the table may run.
do $$ begin execute format('grant execute on function countersign_queue.record_transition() to %I', current_setting('countersign.installer')); end $$;
select countersign_queue.as_owner();

create trigger record_transitions after update of state on countersign_queue.jobs for each row
when (old.state is distinct from new.state and not (old.state = 'ready' and new.state = 'running') and not (old.state = 'running' and new.state = 'completed'))
execute function countersign_queue.record_transition();
