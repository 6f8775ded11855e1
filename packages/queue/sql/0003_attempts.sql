-- What workers may do: announce themselves, claim, and end attempts under their fence (job id, lease, claim token).
select countersign_queue.as_engine();

-- Claiming and settling read, then lock: outside READ COMMITTED they would judge an old row (Q37).
create function countersign_queue.check_isolation() returns void
language plpgsql stable as $$
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'this needs READ COMMITTED, not %', current_setting('transaction_isolation') using errcode = 'QJ006';
  end if;
end $$;

-- What a kind declares: how its jobs are made and kept, and their follow-ups. Locks the kind's row.
create function countersign_queue.register_kinds(declared jsonb) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  insert into countersign_queue.kinds as k (name, settings, seen_at)
  select d.key, d.value, countersign_queue.now() from jsonb_each(declared) d order by d.key
  on conflict (name) do update set settings = excluded.settings, seen_at = excluded.seen_at;
end;

-- Makes the liveness row of a worker process (again, when it was given up). Locks that row.
create function countersign_queue.register_worker(worker text, queues text[], kinds text[], host text, pid integer, version text,
  lost_after_ms integer) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  insert into countersign_queue.workers as w (id, queues, kinds, host, pid, version, started_at, beat_at, lost_after_ms)
  values (worker, queues, kinds, host, pid, version, countersign_queue.now(), clock_timestamp(), lost_after_ms)
  on conflict (id) do update set queues = excluded.queues, kinds = excluded.kinds, beat_at = excluded.beat_at;
end;

-- Removes a liveness row: what the worker still held is ready for others at once. Locks that row.
create function countersign_queue.release_worker(worker text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  delete from countersign_queue.workers w where w.id = worker;
end;

-- Vouches for a worker and tells it what it must know of the attempts it holds ([{id, lease}]): {lost, cancelled: [id], gone: [id]}.
-- Locks the worker's row. A worker that was given up is told so and changes nothing.
create function countersign_queue.beat(worker text, held jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  told jsonb;
begin
  update countersign_queue.workers w set beat_at = clock_timestamp() where w.id = worker;
  if not found then
    return '{"lost": true, "cancelled": [], "gone": []}';
  end if;
  update countersign_queue.kinds k set seen_at = countersign_queue.now()
  where k.name = any ((select w.kinds from countersign_queue.workers w where w.id = worker)::text[])
    and k.seen_at < countersign_queue.now() - interval '1 minute';
  select jsonb_build_object(
    'lost', false,
    'cancelled', coalesce(jsonb_agg(h.id) filter (where h.held and h.cancelled), '[]'),
    'gone', coalesce(jsonb_agg(h.id) filter (where h.held is not true), '[]'))
  into told
  from (
    select b.id, j.lease = b.lease and j.state = 'running' and j.worker = beat.worker as held, j.cancel_requested_at is not null as cancelled
    from jsonb_to_recordset(held) b (id text, lease bigint) left join countersign_queue.jobs j on j.id = b.id offset 0
  ) h;
  return told;
end $$;

-- Makes due jobs of a queue ready, at most `most`. Locks those jobs, skipping what others hold. A job whose unique key a newer one took
-- meanwhile is cancelled, and never stops the others.
create function countersign_queue.promote(q text, at timestamptz, most integer) returns integer
language plpgsql volatile as $$
declare
  n integer;
  due text;
begin
  if not exists (select from countersign_queue.jobs j where j.state in ('scheduled', 'retrying') and j.queue = q and j.run_at <= at)
    or exists (select from countersign_queue.queues c where c.name = q and c.paused_at is not null) then
    return 0;
  end if;
  begin
    update countersign_queue.jobs set state = 'ready', state_reason = null where id in (
      select j.id from countersign_queue.jobs j
      where j.state in ('scheduled', 'retrying') and j.queue = q and j.run_at <= at
      order by j.run_at limit most for update skip locked);
    get diagnostics n = row_count;
  exception when unique_violation then
    n := 0;
    for due in
      select j.id from countersign_queue.jobs j
      where j.state in ('scheduled', 'retrying') and j.queue = q and j.run_at <= at
      order by j.run_at limit most for update skip locked
    loop
      n := n + 1;
      begin
        update countersign_queue.jobs set state = 'ready', state_reason = null where id = due;
      exception when unique_violation then
        update countersign_queue.jobs set state = 'cancelled', state_reason = 'superseded', finished_at = at where id = due;
      end;
    end loop;
  end;
  return n;
end $$;

-- Gives a worker up to n ready jobs of each queue it wants ([{queue, n, kinds, of?}], served in this order; those with `of` together no more
-- than that): {lost, jobs, wait_ms}, where wait_ms is the time to the
-- next job known to become due. Attempt and lease grow here, except the attempt of a job that goes on after a park.
-- Locks the jobs it takes, skipping what others hold, in (priority, order of enqueue); nothing else waits for it.
-- A suspect (a job lost with its worker) is given alone: at most one to a worker that runs none (Q18).
-- Never gives a job of a paused queue or kind, of a kind the worker does not name, nor a further one of a queue after 8 MiB.
create function countersign_queue.claim(worker text, token uuid, wants jsonb, sleep_ms integer default 0) returns jsonb
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
-- The plan may not depend on statistics (Q70): the partial index gives both the rows and their order.
-- A disabled node costs 1e10 before PostgreSQL 18, which calls in the JIT: it took 76 ms a row.
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off
as $$
declare
  at timestamptz := countersign_queue.now();
  me countersign_queue.workers;
  w jsonb;
  q text;
  known text[];
  quiet text[] := '{}';
  suspect boolean;
  taken jsonb[] := '{}';
  ids text[];
  one text;
  room integer;
  shared integer := 0;
  limits jsonb;
  handed jsonb;
  bytes bigint;
  next_due timestamptz;
begin
  perform countersign_queue.check_isolation();
  select * into me from countersign_queue.workers m where m.id = worker;
  if me.id is null then
    return '{"lost": true, "jobs": []}';
  end if;
  suspect := not exists (select from countersign_queue.jobs r where r.state = 'running' and r.worker = claim.worker and r.crashes > 0);
  for w in select value from jsonb_array_elements(wants) loop
    q := w ->> 'queue';
    continue when exists (select from countersign_queue.queues c where c.name = q and c.paused_at is not null);
    perform countersign_queue.promote(q, at, 4096);
    quiet := quiet || q;
    known := array(
      select k from jsonb_array_elements_text(w -> 'kinds') k
      where not exists (select from countersign_queue.kinds p where p.name = k and p.paused_at is not null));
    limits := (
      select jsonb_object_agg(k.name, k.settings) from countersign_queue.kinds k
      where k.name = any (known) and k.settings ?| array['deadline_ms', 'max_attempts']);
    room := least((w ->> 'n')::integer, (w ->> 'of')::integer - shared);
    continue when room <= 0;
    ids := case when suspect and room > 0 then array(
      select j.id from countersign_queue.jobs j
      where j.queue = q and j.state = 'ready' and j.crashes > 0 and j.kind = any (known)
      order by j.priority, j.ord limit 1 for update skip locked) else '{}' end;
    suspect := suspect and ids = '{}';
    ids := ids || array(
      select j.id from countersign_queue.jobs j
      where j.queue = q and j.state = 'ready' and j.crashes = 0 and j.kind = any (known)
      order by j.priority, j.ord limit room - cardinality(ids) for update skip locked);
    bytes := 0;
    foreach one in array ids loop
      -- Looked up by id alone: with the state in the condition, a plan made while the table was empty walks a partial index for ever.
      -- A suspect's start is not yet said (null): its worker says it before the handler runs (Q18).
      update countersign_queue.jobs j set
        state = 'running', state_reason = null, attempt = j.attempt + case when j.resumes then 0 else 1 end, lease = j.lease + 1,
        claim_token = token, worker = claim.worker, claimed_at = at, started_at = case when j.crashes = 0 then at end,
        settled_as = null,
        max_attempts = case when j.max_attempts_own then j.max_attempts else coalesce((limits -> j.kind ->> 'max_attempts')::integer, 25) end,
        deadline_at = at
          + nullif(coalesce(j.deadline_ms, (limits -> j.kind ->> 'deadline_ms')::bigint, 300000), 0) * interval '1 millisecond'
      where j.id = one
      returning countersign_queue.handed(j, at), bytes + j.payload_bytes into handed, bytes;
      taken := taken || handed;
      shared := shared + case when w ? 'of' then 1 else 0 end;
      exit when bytes >= 8388608;
    end loop;
  end loop;
  if taken = '{}' then
    -- Asleep only when it says for how long, so that producers know whom to wake.
    if sleep_ms > 0 then
      update countersign_queue.workers m set sleeps_until = clock_timestamp() + sleep_ms * interval '1 millisecond' where m.id = worker;
    end if;
    select min(d.run_at) into next_due from unnest(quiet) q2, lateral (
      select j.run_at from countersign_queue.jobs j
      where j.state in ('scheduled', 'retrying') and j.queue = q2 order by j.run_at limit 1) d;
  elsif me.sleeps_until is not null then
    update countersign_queue.workers m set sleeps_until = null where m.id = worker;
  end if;
  return jsonb_build_object(
    'lost', false,
    'jobs', to_jsonb(taken),
    'wait_ms', ceil(extract(epoch from next_due - at) * 1000));
end $$;

-- What a worker is handed with a job.
create function countersign_queue.handed(j countersign_queue.jobs, at timestamptz) returns jsonb
language sql stable
return jsonb_build_object(
  'id', j.id, 'tenant_id', j.tenant_id, 'kind', j.kind, 'queue', j.queue, 'priority', j.priority, 'payload', j.payload,
  'payload_version', j.payload_version, 'attempt', j.attempt, 'max_attempts', j.max_attempts, 'crashes', j.crashes, 'lease', j.lease,
  'run_at', countersign_queue.spoken(j.run_at), 'enqueued_at', countersign_queue.spoken(j.enqueued_at),
  'deadline_at', countersign_queue.spoken(j.deadline_at), 'deadline_in_ms', extract(epoch from j.deadline_at - at) * 1000,
  'metadata', j.metadata, 'tags', j.tags, 'trace', j.trace, 'progress', j.progress);

-- Records durably that the handler of a claimed job is about to run. False: the fence is stale. Locks the job.
create function countersign_queue.start(job text, lease bigint, token uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  j countersign_queue.jobs;
begin
  select * into j from countersign_queue.jobs q where q.id = job for update;
  if j.id is null or j.lease <> start.lease or j.claim_token is distinct from token or j.state <> 'running' then
    return false;
  end if;
  update countersign_queue.jobs q set started_at = coalesce(q.started_at, countersign_queue.now()) where q.id = job;
  return true;
end $$;

-- Milliseconds to wait after failed attempt n (Q16): base · factor^(n-1), spread upwards by jitter, never above the cap.
create function countersign_queue.backoff_ms(attempt integer, rule jsonb) returns bigint
language sql volatile
return least(
  coalesce((rule ->> 'cap_ms')::float8, 86400000),
  coalesce((rule ->> 'base_ms')::float8, 2000)
    * least(coalesce((rule ->> 'factor')::float8, 2) ^ least(attempt - 1, 64), 1e12)
    * (1 + random() * coalesce((rule ->> 'jitter')::float8, 0.25)))::bigint;

-- The list of errors of a job with one more: the newest 25, each text cut at 8 KiB.
create function countersign_queue.with_error(j countersign_queue.jobs, reason text, error text, stack text, at timestamptz) returns jsonb
language sql stable
return (
  select jsonb_agg(e order by n) from jsonb_array_elements(j.errors || jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'attempt', j.attempt, 'lease', j.lease, 'at', countersign_queue.spoken(at), 'reason', reason, 'worker', j.worker,
    'error', left(coalesce(error, reason), 8192), 'stack', left(stack, 8192))))) with ordinality l (e, n)
  where n > jsonb_array_length(j.errors) - 24);

-- Puts a locked job into a state and clears its owner. A job that comes back to find its unique key held by a newer one is cancelled as
-- superseded: newest wins (Q86). The one place where a live job changes state by an outcome.
create function countersign_queue.put(job text, to_state text, reason text, due timestamptz, at timestamptz) returns text
language plpgsql volatile as $$
declare
  ends boolean := to_state in ('completed', 'failed', 'cancelled');
begin
  update countersign_queue.jobs j set
    state = to_state, state_reason = reason, run_at = coalesce(due, j.run_at), deadline_at = null,
    finished_at = case when ends then at end,
    -- The token stays only for the owner that settled, so that its repetition is known (Q54); nobody else's fence holds any more.
    claim_token = case when j.settled_as is not null then j.claim_token end,
    callback_id = case when to_state = 'waiting' then j.callback_id end,
    resumes = j.resumes and to_state = 'ready',
    cancel_requested_at = case when ends then j.cancel_requested_at end,
    progress = case when to_state <> 'completed' then j.progress end,
    dead_letter = to_state = 'failed' and not exists (
      select from countersign_queue.kinds k where k.name = j.kind and k.settings -> 'dead_letters' = 'false'),
    output_until = case when j.output is not null and ends then at + coalesce(j.keep_output_ms,
      (select (k.settings ->> 'keep_output_ms')::bigint from countersign_queue.kinds k where k.name = j.kind), 86400000)
      * interval '1 millisecond' end
  where j.id = job;
  if due is not null or to_state = 'ready' then
    perform countersign_queue.wake(j.queue, coalesce(due, at), at) from countersign_queue.jobs j where j.id = job;
  end if;
  return to_state;
exception when unique_violation then
  update countersign_queue.jobs j set state = 'cancelled', state_reason = 'superseded', finished_at = at, deadline_at = null where j.id = job;
  return 'cancelled';
end $$;

-- A failed attempt of a locked running or waiting job: retrying after its backoff, or a dead letter when attempts are spent (Q16, Q17).
create function countersign_queue.fail_attempt(j countersign_queue.jobs, reason text, error text, stack text, delay_ms bigint, due timestamptz,
  at timestamptz) returns text
language plpgsql volatile as $$
declare
  spent boolean := j.attempt >= j.max_attempts;
  rule jsonb := coalesce(j.backoff, (select k.settings -> 'backoff' from countersign_queue.kinds k where k.name = j.kind));
begin
  update countersign_queue.jobs set errors = countersign_queue.with_error(j, reason, error, stack, at), crashes = 0 where id = j.id;
  if spent then
    return countersign_queue.put(j.id, 'failed',
      case when reason in ('deadline_expired', 'callback_timeout', 'output_invalid') then reason else 'max_attempts_exhausted' end, null, at);
  end if;
  return countersign_queue.put(j.id, 'retrying', reason,
    coalesce(due, at + coalesce(delay_ms, countersign_queue.backoff_ms(j.attempt, rule)) * interval '1 millisecond'), at);
end $$;

-- An attempt lost with its worker (Q17–Q19): counted, unless it never started; ready at once the first time, after its backoff later;
-- a dead letter when attempts or crashes are spent. The job is locked.
create function countersign_queue.lose_attempt(j countersign_queue.jobs, at timestamptz) returns text
language plpgsql volatile as $$
declare
  k jsonb := (select settings from countersign_queue.kinds where name = j.kind);
  most integer := coalesce(j.max_crashes, (k ->> 'max_crashes')::integer, 3);
begin
  if j.cancel_requested_at is not null then
    return countersign_queue.put(j.id, 'cancelled', coalesce(j.cancel_reason, 'cancelled'), null, at);
  end if;
  if j.started_at is null then
    update countersign_queue.jobs set attempt = attempt - case when resumes then 0 else 1 end, claim_token = null where id = j.id;
    return countersign_queue.put(j.id, 'ready', null, null, at);
  end if;
  update countersign_queue.jobs set errors = countersign_queue.with_error(j, 'worker_lost', 'the worker was lost', null, at),
    crashes = j.crashes + 1, claim_token = null, resumes = false where id = j.id;
  if j.attempt >= j.max_attempts then
    return countersign_queue.put(j.id, 'failed', 'max_attempts_exhausted', null, at);
  elsif most > 0 and j.crashes + 1 >= most then
    return countersign_queue.put(j.id, 'failed', 'crashed_too_often', null, at);
  elsif j.crashes = 0 then
    return countersign_queue.put(j.id, 'ready', 'worker_lost', null, at);
  end if;
  return countersign_queue.put(j.id, 'retrying', 'worker_lost',
    at + countersign_queue.backoff_ms(j.attempt, coalesce(j.backoff, k -> 'backoff')) * interval '1 millisecond', at);
end $$;

-- Ends one attempt by its outcome r under the fence (id, lease, token): 'settled', 'already' (the same outcome again) or 'stale'.
-- Locks the job, then (park) its callback. Follow-ups, output and the jobs that r enqueues are part of the same transaction.
-- Never touches a job whose fence has moved on.
create function countersign_queue.settle(r jsonb, at timestamptz) returns text
language plpgsql volatile as $$
declare
  j countersign_queue.jobs;
  outcome text := r ->> 'outcome';
  output text := r ->> 'output';
  due timestamptz := coalesce((r ->> 'at')::timestamptz, at + (r ->> 'after_ms')::bigint * interval '1 millisecond');
  why text;
begin
  select * into j from countersign_queue.jobs q
  where q.id = r ->> 'id' and q.lease = (r ->> 'lease')::bigint and q.claim_token = (r ->> 'token')::uuid for update;
  if j.id is null then
    return 'stale';
  elsif j.state <> 'running' or j.settled_as is not null then
    return case when j.settled_as = outcome then 'already' else 'stale' end;
  end if;
  if r ? 'progress' then
    update countersign_queue.jobs set progress = r -> 'progress' where id = j.id;
  end if;
  -- An output or a job that cannot be stored is this attempt's failure, and nobody else's (Q22, Q51).
  if outcome = 'completed' and octet_length(output) > 1048576 then
    outcome := 'failed';
    r := r || '{"reason": "output_invalid", "error": "the output holds more than 1 MiB"}';
  elsif outcome = 'completed' and r ? 'enqueue' then
    begin
      perform countersign_queue.enqueue_many(r -> 'enqueue');
    exception when others then
      if countersign_queue.passes(sqlstate) then
        raise;
      end if;
      outcome := 'failed';
      r := r || jsonb_build_object('reason', 'output_invalid', 'error', 'a job could not be enqueued: ' || sqlerrm);
    end;
  end if;
  update countersign_queue.jobs set settled_as = r ->> 'outcome' where id = j.id;
  -- A requested cancel wins over everything but the end of the work itself.
  if j.cancel_requested_at is not null and outcome not in ('completed', 'discard') then
    outcome := 'cancel';
    r := r || jsonb_build_object('reason', coalesce(j.cancel_reason, 'cancelled'));
  end if;
  case outcome
    when 'completed' then
      update countersign_queue.jobs set output = r -> 'output', crashes = 0 where id = j.id;
      perform countersign_queue.put(j.id, 'completed', null, null, at);
    when 'failed', 'retry' then
      perform countersign_queue.fail_attempt(j, coalesce(r ->> 'reason', 'error'), r ->> 'error', r ->> 'stack', null, due, at);
    when 'snooze' then
      update countersign_queue.jobs set attempt = j.attempt - 1, crashes = 0 where id = j.id;
      perform countersign_queue.put(j.id, 'scheduled', 'snoozed', due, at);
    when 'discard' then
      why := case when r ->> 'reason' in ('payload_invalid', 'output_invalid') then r ->> 'reason' else 'terminal_error' end;
      update countersign_queue.jobs set errors = countersign_queue.with_error(j, why, r ->> 'error', r ->> 'stack', at), crashes = 0 where id = j.id;
      perform countersign_queue.put(j.id, 'failed', why, null, at);
    when 'cancel' then
      perform countersign_queue.put(j.id, 'cancelled', left(coalesce(r ->> 'reason', 'cancelled'), 1024), null, at);
    when 'release' then
      update countersign_queue.jobs set attempt = j.attempt - case when j.resumes then 0 else 1 end where id = j.id;
      perform countersign_queue.put(j.id, 'ready', null, null, at);
    when 'park' then
      perform countersign_queue.park(j, r ->> 'callback_id', at);
    else
      perform countersign_queue.refuse('/outcome', 'no outcome ' || coalesce(outcome, 'null'));
  end case;
  return 'settled';
end $$;

-- Ends any number of attempts (Q49, Q51): a list of 'settled', 'already', 'stale' in input order. What completes without extras costs one
-- update. Locks the jobs in ascending order of id first, so that two calls never wait for each other crosswise.
create function countersign_queue.finish(results jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
declare
  at timestamptz := countersign_queue.now();
  answers text[] := '{}';
  r jsonb;
begin
  perform countersign_queue.check_isolation();
  perform from countersign_queue.jobs j
  where j.id = any (array(select e ->> 'id' from jsonb_array_elements(results) e)) order by j.id for update;
  for r in select value from jsonb_array_elements(results) loop
    if r ->> 'outcome' = 'completed' and not r ?| array['output', 'enqueue'] then
      update countersign_queue.jobs j set
        state = 'completed', state_reason = null, settled_as = 'completed', finished_at = at, deadline_at = null, progress = null, crashes = 0
      where j.id = r ->> 'id' and j.lease = (r ->> 'lease')::bigint and j.claim_token = (r ->> 'token')::uuid and j.settled_as is null;
      if found then
        answers := answers || 'settled'::text;
        continue;
      end if;
    end if;
    answers := answers || countersign_queue.settle(r, at);
  end loop;
  return to_jsonb(answers);
end $$;

-- Ends one attempt inside the caller's transaction (Q52): QJ001 when the fence is stale. Locks that job alone until the caller commits;
-- rescue skips it meanwhile, and a roll-back leaves the attempt open.
create function countersign_queue.finish_in_tx(result jsonb) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  answer text := countersign_queue.settle(result, countersign_queue.now());
begin
  if answer = 'stale' then
    raise exception 'this attempt of job % is over', result ->> 'id' using errcode = 'QJ001';
  end if;
  return answer;
end $$;

-- Stores the progress of running attempts ([{id, lease, token, progress}]); a stale owner's is ignored. Answers the ids stored. Locks those jobs.
create function countersign_queue.progress(list jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  stored text[] := '{}';
  e jsonb;
begin
  perform countersign_queue.check_size('/progress', o.value ->> 'progress', 20480) from jsonb_array_elements(list) o;
  for e in select value from jsonb_array_elements(list) order by value ->> 'id' loop
    update countersign_queue.jobs j set progress = e -> 'progress'
    where j.id = e ->> 'id' and j.lease = (e ->> 'lease')::bigint and j.claim_token = (e ->> 'token')::uuid and j.settled_as is null;
    if found then
      stored := stored || (e ->> 'id');
    end if;
  end loop;
  return to_jsonb(stored);
end $$;

-- Follow-ups (Q112), the end of open callbacks, and the wake-up of those who await a result: part of every transition, whoever causes it.
-- A follow-up that can never be enqueued is an error line of its own job and stops nothing; one that cannot be now stops the transition.
create function countersign_queue.follow_up() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz;
  events text[] := array[case when new.state_reason = 'worker_lost' then 'rescued' when new.state = 'retrying' then 'retried' else new.state end];
  rule jsonb;
  seen jsonb;
begin
  if new.state in ('completed', 'failed', 'cancelled') then
    if new.callbacks > 0 then
      at := countersign_queue.now();
      update countersign_queue.callbacks c set state = 'cancelled', resolved_at = at, in_force = false where c.job_id = new.id and c.state = 'open';
    end if;
    if new.awaited then
      perform pg_notify('countersign_queue', 'result:' || new.id);
    end if;
  end if;
  for rule in select f.value from countersign_queue.kinds k, jsonb_array_elements(k.settings -> 'follow_ups') f
    where k.name = new.kind and f.value ->> 'on' = any (events)
  loop
    at := coalesce(at, countersign_queue.now());
    seen := coalesce(seen, jsonb_build_object(
      'job', countersign_queue.handed(new, at), 'outcome', jsonb_strip_nulls(jsonb_build_object(
        'state', new.state, 'reason', new.state_reason, 'output', new.output, 'error', new.errors -> -1 -> 'error'))));
    begin
      perform countersign_queue.insert_job((rule - array['on', 'select']) || jsonb_build_object(
        'tenant_id', new.tenant_id,
        'metadata', jsonb_build_object('countersign:follows', new.id),
        'payload', case when rule ? 'select' then coalesce(jsonb_path_query_first(seen, (rule ->> 'select')::jsonpath), 'null')
          when rule ? 'payload' then rule -> 'payload'
          else jsonb_build_object('job_id', new.id, 'kind', new.kind, 'state', new.state, 'reason', new.state_reason) end), at);
    exception when others then
      if countersign_queue.passes(sqlstate) then
        raise;
      end if;
      update countersign_queue.jobs set errors = countersign_queue.with_error(new, 'follow_up', sqlerrm, null, at) where id = new.id;
    end;
  end loop;
  return null;
end $$;

select countersign_queue.grant_functions('countersign_worker', array['register_kinds', 'register_worker', 'release_worker', 'beat', 'claim',
  'start', 'finish', 'finish_in_tx', 'progress']);
select countersign_queue.grant_functions('countersign_producer', array['register_kinds']);
-- For the one statement below, which only the owner of the table may run.
do $$ begin execute format('grant execute on function countersign_queue.follow_up() to %I', current_setting('countersign.installer')); end $$;
select countersign_queue.as_owner();

create trigger follow_ups after update of state on countersign_queue.jobs for each row
when (old.state is distinct from new.state
  and (new.state in ('completed', 'failed', 'cancelled', 'retrying', 'waiting') or new.state_reason = 'worker_lost'))
execute function countersign_queue.follow_up();
