-- Callbacks that judge what they are told (Q102), that are answered over the open network (Q130–Q134), and that remember how they were answered
-- (Q131). Every function here locks the job before its callback, as 0004 does, and none ever looks at a row before the proof has been weighed.
alter table countersign_queue.callbacks
  -- jsonpath by name: filter, on_fail, on_complete, transform; and default: complete, fail or ignore.
  add column if not exists expressions jsonb,
  -- SHA-256 of the action and body that won, and the reply it got: the identical answer once more gets the identical reply.
  add column if not exists said bytea,
  add column if not exists replied jsonb,
  -- The attempt whose wait this is: a later one begins the time anew.
  add column if not exists attempt integer,
  -- Time (Unix seconds) in the newest signed heartbeat that was accepted.
  add column if not exists beat_t bigint;
create index callbacks_of_tenant on countersign_queue.callbacks (tenant_id, id);

select countersign_queue.as_engine();

-- How a callback is spoken. Takes no lock; never shows what only the engine compares.
create or replace function countersign_queue.callback_view(c countersign_queue.callbacks) returns jsonb
language sql stable
return jsonb_build_object('id', c.id, 'tenant_id', c.tenant_id, 'job_id', c.job_id, 'name', c.name, 'state', c.state, 'then', c.then_do,
  'payload', c.payload, 'error', c.error, 'expressions', c.expressions, 'created_at', countersign_queue.spoken(c.created_at),
  'timeout_at', countersign_queue.spoken(c.timeout_at), 'resolved_at', countersign_queue.spoken(c.resolved_at));

-- Refuses expressions that can never be evaluated (QJ005 with the path of the member). Takes no lock; evaluates nothing.
create function countersign_queue.check_expressions(e jsonb) returns void
language plpgsql immutable as $$
declare
  m text;
begin
  if jsonb_typeof(e) <> 'object' or (e - array['filter', 'on_fail', 'on_complete', 'transform', 'default']) <> '{}' then
    perform countersign_queue.refuse('', 'a callback has the expressions filter, on_fail, on_complete, transform and a default');
  elsif coalesce(e ->> 'default', 'complete') not in ('complete', 'fail', 'ignore') then
    perform countersign_queue.refuse('/default', 'default is complete, fail or ignore');
  end if;
  foreach m in array array['filter', 'on_fail', 'on_complete', 'transform'] loop
    continue when not e ? m;
    if jsonb_typeof(e -> m) <> 'string' or octet_length(e ->> m) > 4096 then
      perform countersign_queue.refuse('/' || m, m || ' is a jsonpath of at most 4096 bytes');
    end if;
    begin
      perform (e ->> m)::jsonpath;
    exception when others then
      if countersign_queue.passes(sqlstate) then
        raise;
      end if;
      perform countersign_queue.refuse('/' || m, m || ' is not a jsonpath: ' || sqlerrm);
    end;
  end loop;
end $$;

-- Whether a jsonpath holds: its first item is true, or is anything else but false and null. Takes no lock; raises what the path raises.
create function countersign_queue.holds(path text, payload jsonb) returns boolean
language sql immutable
return coalesce((
  select case when jsonb_typeof(found.item) = 'boolean' then found.item = 'true' else found.item <> 'null' end
  from (select jsonb_path_query_first(payload, path::jsonpath) as item) found), false);

-- What an answer means under the expressions of its callback: {verdict: complete | fail | ignore, payload}. on_fail is asked before on_complete.
-- Without a default, what neither names is ignored when there is an on_complete, and completes otherwise.
-- Takes no lock; raises what an expression raises.
create function countersign_queue.judge_answer(e jsonb, payload jsonb) returns jsonb
language plpgsql immutable as $$
declare
  verdict text;
begin
  if e ? 'filter' and not countersign_queue.holds(e ->> 'filter', payload) then
    return '{"verdict": "ignore"}';
  end if;
  verdict := case
    when e ? 'on_fail' and countersign_queue.holds(e ->> 'on_fail', payload) then 'fail'
    when e ? 'on_complete' and countersign_queue.holds(e ->> 'on_complete', payload) then 'complete'
    else coalesce(e ->> 'default', case when e ? 'on_complete' then 'ignore' else 'complete' end) end;
  if verdict = 'complete' and e ? 'transform' then
    payload := coalesce(jsonb_path_query_first(payload, (e ->> 'transform')::jsonpath), 'null');
    perform countersign_queue.check_size('/transform', payload::text, 1048576);
  end if;
  return jsonb_build_object('verdict', verdict, 'payload', payload);
end $$;

-- Creates, or finds by name, a callback of a running attempt under its fence. QJ001 when the fence is stale. Answers of earlier names are
-- kept; one that expired or was withdrawn gives a new callback with a new id. One that is open and was made by an earlier attempt waits its
-- whole time again, never less than it still had; going on after a park is no new attempt. The attempt leaves its claim for a row of its own first.
-- Locks what leave_claim locks, then the job. Expressions are checked here and never again.
drop function countersign_queue.callback_create(text, bigint, uuid, text, bigint, text);
create function countersign_queue.callback_create(job text, lease bigint, token uuid, name text, timeout_ms bigint, then_do text,
  expressions jsonb default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  j countersign_queue.jobs;
  c countersign_queue.callbacks;
begin
  perform countersign_queue.leave_claim(job, lease, token);
  if name is null or char_length(name) not between 1 and 200 then
    perform countersign_queue.refuse('/name', 'the name of a callback has 1 to 200 characters');
  elsif then_do is null or then_do not in ('finish', 'resume') then
    perform countersign_queue.refuse('/then', 'then is finish or resume');
  elsif timeout_ms is null or timeout_ms not between 1 and 31622400000 then
    perform countersign_queue.refuse('/timeout', 'a timeout is at most 366 days');
  end if;
  expressions := nullif(expressions, 'null');
  if expressions is not null then
    perform countersign_queue.check_expressions(expressions);
  end if;
  select * into j from countersign_queue.jobs q
  where q.id = job and q.lease = callback_create.lease and q.claim_token = token for update;
  if j.id is null or j.state <> 'running' then
    raise exception 'this attempt of job % is over', job using errcode = 'QJ001';
  end if;
  select * into c from countersign_queue.callbacks b where b.job_id = job and b.name = callback_create.name and b.in_force;
  if c.id is null then
    insert into countersign_queue.callbacks as made (id, tenant_id, job_id, name, state, then_do, expressions, attempt, created_at, timeout_at)
    values (countersign_queue.new_id('cb', at), j.tenant_id, job, callback_create.name, 'open', callback_create.then_do,
      callback_create.expressions, j.attempt, at, at + timeout_ms * interval '1 millisecond')
    returning * into c;
    update countersign_queue.jobs set callbacks = callbacks + 1 where id = job;
  elsif c.state = 'open' and c.attempt < j.attempt then
    update countersign_queue.callbacks b set attempt = j.attempt,
      timeout_at = greatest(b.timeout_at, at + timeout_ms * interval '1 millisecond')
    where b.id = c.id returning * into c;
  end if;
  return countersign_queue.callback_view(c);
end $$;

-- Weighs the signatures of a call whose MAC was found right, [{t?, tenant_id?, not_after?}]: {verdict, t, tenants}; verdict is right,
-- invalid (their keys' time is over) or expired (their own is: more than 300 s from the database's clock, either way).
-- tenants null: a key of every tenant. A null proof is a caller who needs none. Takes no lock; reads no table.
create function countersign_queue.weigh_proof(proof jsonb, at timestamptz) returns jsonb
language plpgsql stable as $$
declare
  live jsonb;
begin
  if coalesce(proof, 'null') = 'null' then
    return '{"verdict": "right"}';
  end if;
  live := (select jsonb_agg(p) from jsonb_array_elements(proof) p where coalesce((p ->> 'not_after')::timestamptz > at, true));
  if live is null then
    return '{"verdict": "invalid"}';
  end if;
  return (
    select case when count(*) = 0 then '{"verdict": "expired"}' else jsonb_strip_nulls(jsonb_build_object(
      'verdict', 'right', 't', max((p ->> 't')::bigint),
      'tenants', case when bool_and(p ->> 'tenant_id' is not null) then jsonb_agg(p ->> 'tenant_id') end)) end
    from jsonb_array_elements(live) p
    where coalesce(abs(extract(epoch from at) - (p ->> 't')::bigint) <= 300, true));
end $$;

-- The job of a callback, both locked, job first; null when the caller may not see it. An open callback past its time expires here.
create function countersign_queue.lock_callback(callback text, tenants jsonb, at timestamptz) returns countersign_queue.jobs
language plpgsql volatile as $$
declare
  mine uuid := countersign_queue.caller_tenant();
  found_job text;
  j countersign_queue.jobs;
  c countersign_queue.callbacks;
begin
  select b.job_id into found_job from countersign_queue.callbacks b
  where b.id = callback and (mine is null or b.tenant_id = mine) and (tenants is null or tenants ? b.tenant_id::text);
  select * into j from countersign_queue.jobs q where q.id = found_job for update;
  select * into c from countersign_queue.callbacks b where b.id = callback and b.job_id = j.id for update;
  if c.state = 'open' and c.timeout_at <= at then
    perform countersign_queue.expire_callback(j, c, at);
  end if;
  return j;
end $$;

-- What is told to whoever answered a callback.
create function countersign_queue.told(verdict text, c countersign_queue.callbacks) returns jsonb
language sql stable
return jsonb_build_object('verdict', verdict, 'id', c.id, 'job_id', c.job_id,
  'state', (select q.state from countersign_queue.jobs q where q.id = c.job_id));

-- Answers a callback; the heart of callback_settle and callback_resolve. Weighs the proof, then locks the job, then the callback; an expression
-- is evaluated under those locks. Settles the job in the same transaction, follow-ups included. What an expression does for more than a second
-- never counts; `timed` says that the caller can set a statement timeout and would rather be sent back ('unbounded') than wait for longer.
create function countersign_queue.answer_callback(callback text, action text, body jsonb, proof jsonb, timed boolean) returns jsonb
language plpgsql volatile as $$
declare
  at timestamptz := countersign_queue.now();
  weight jsonb := countersign_queue.weigh_proof(proof, at);
  c countersign_queue.callbacks;
  j countersign_queue.jobs;
  mark bytea;
  judged jsonb;
  fault text;
  began timestamptz;
  most constant interval := '1 second';
begin
  perform countersign_queue.check_isolation();
  if weight ->> 'verdict' <> 'right' then
    return jsonb_build_object('verdict', 'signature_' || (weight ->> 'verdict'));
  elsif action is null or action not in ('complete', 'fail', 'resume', 'retry', 'cancel') then
    perform countersign_queue.refuse('/action', 'a callback is answered by complete, fail, resume, retry or cancel');
  end if;
  body := coalesce(nullif(body, 'null'), '{}');
  if jsonb_typeof(body) <> 'object' then
    perform countersign_queue.refuse('', 'an answer is an object');
  elsif action = 'fail' and coalesce(jsonb_typeof(body -> 'error'), '') <> 'string' then
    perform countersign_queue.refuse('/error', 'a failure says its error, as text');
  elsif jsonb_typeof(coalesce(body -> 'retryable', 'false')) <> 'boolean' then
    perform countersign_queue.refuse('/retryable', 'retryable is true or false');
  end if;
  perform countersign_queue.check_size('/payload', body ->> 'payload', 1048576),
    countersign_queue.check_size('/error', body ->> 'error', 8192),
    countersign_queue.integer_of(body, 'lease', 0, 9223372036854775807);

  j := countersign_queue.lock_callback(callback, weight -> 'tenants', at);
  select * into c from countersign_queue.callbacks b where b.id = callback and b.job_id = j.id;
  if c.id is null then
    return jsonb_build_object('verdict', 'not_found');
  end if;
  mark := sha256(convert_to(action || ' ' || body::text, 'UTF8'));
  if c.state = 'expired' then
    return countersign_queue.told('expired', c);
  elsif c.state <> 'open' then
    return case when c.said = mark and action in ('complete', 'fail') then c.replied || '{"verdict": "again"}' else countersign_queue.told('resolved', c) end;
  elsif body ? 'lease' and (body ->> 'lease')::bigint is distinct from j.lease then
    return countersign_queue.told('stale', c);
  elsif action = 'retry' and not (j.state = 'waiting' and j.callback_id = c.id) then
    return countersign_queue.told('not_waiting', c);
  end if;

  if action = 'complete' and c.expressions is not null then
    if timed and (current_setting('statement_timeout')::interval = interval '0' or current_setting('statement_timeout')::interval > most) then
      return jsonb_build_object('verdict', 'unbounded');
    end if;
    began := clock_timestamp();
    begin
      judged := countersign_queue.judge_answer(c.expressions, coalesce(body -> 'payload', 'null'));
      if clock_timestamp() - began > most then
        fault := 'an expression ran longer than 1 s';
      end if;
    exception
      -- Cancelled for what it took itself; a cancel that came for another reason goes on to the caller.
      when query_canceled then
        if clock_timestamp() - began < most / 2 then
          raise;
        end if;
        fault := 'an expression ran longer than 1 s';
      when others then
        if countersign_queue.passes(sqlstate) then
          raise;
        end if;
        fault := sqlerrm;
    end;
    if fault is not null then
      -- Once, however often the same answer comes: a line more would push out others.
      if j.errors -> -1 ->> 'reason' is distinct from 'callback_expression_failed' or j.errors -> -1 ->> 'error' is distinct from fault then
        update countersign_queue.jobs q
        set errors = countersign_queue.with_error(j, 'callback_expression_failed', fault, null, at) where q.id = j.id;
      end if;
      return countersign_queue.told('expression_failed', c) || jsonb_build_object('error', fault);
    elsif judged ->> 'verdict' = 'ignore' then
      return countersign_queue.told('ignored', c);
    end if;
    action := judged ->> 'verdict';
    if action = 'fail' then
      judged := jsonb_build_object('error', case when jsonb_typeof(judged -> 'payload' -> 'error') = 'string'
        then left(judged -> 'payload' ->> 'error', 2048) else 'the answer to callback ' || c.name || ' means failure' end, 'retryable', false);
    end if;
  else
    judged := case when action = 'fail' then body - 'lease' else jsonb_build_object('payload', body -> 'payload') end;
  end if;

  if action in ('complete', 'resume') then
    update countersign_queue.callbacks set state = 'completed', payload = judged -> 'payload', resolved_at = at,
      then_do = case when action = 'resume' then 'resume' else then_do end where id = c.id returning * into c;
    if j.state = 'waiting' and j.callback_id = c.id then
      perform countersign_queue.apply_answer(j, c, at);
    elsif j.state = 'running' and c.then_do = 'finish' then
      -- The answer is the end of the job; its handler, still on the way to park, finds its lease stale.
      update countersign_queue.jobs set output = c.payload, claim_token = null where id = j.id;
      perform countersign_queue.put(j.id, 'completed', null, null, at);
    end if;
  elsif action = 'fail' then
    update countersign_queue.callbacks set state = 'failed', error = judged, resolved_at = at where id = c.id returning * into c;
    if j.state = 'waiting' and j.callback_id = c.id then
      perform countersign_queue.apply_answer(j, c, at);
    end if;
  else
    update countersign_queue.callbacks set state = 'cancelled', resolved_at = at, in_force = false where id = c.id returning * into c;
    if j.state = 'waiting' and j.callback_id = c.id then
      update countersign_queue.jobs set attempt = case when action = 'retry' then 0 else attempt end, resumes = action = 'cancel' where id = j.id;
      perform countersign_queue.put(j.id, 'ready', case when action = 'retry' then 'retried' else 'resumed' end, null, at);
    end if;
  end if;
  update countersign_queue.callbacks b set said = mark, replied = countersign_queue.told('done', c) where b.id = c.id
  returning b.replied into judged;
  return judged;
end $$;

-- Answers a callback from inside: complete {payload?}, fail {error, retryable?}, resume {payload?}, retry (the job runs again with attempt 0,
-- only while it waits) and cancel (withdraws it: the job runs on and may make another). An optional lease in the body must be the job's.
-- Answers {verdict, id, job_id, state}; verdict is done, again (the identical complete or fail once more, with the reply of the first), ignored (by the
-- filter), expression_failed, resolved, expired, stale, not_found or not_waiting.
-- Locks the job, then the callback. Settles the job in the same transaction, follow-ups included.
create or replace function countersign_queue.callback_settle(callback text, action text, body jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return countersign_queue.answer_callback(callback, action, body, null, false);
end $$;

-- The two answers that may come from outside: callback_settle, narrowed to complete and fail. Whoever receives them over a network hands over
-- the signatures it verified as proof; see weigh_proof. Locks as callback_settle; nothing before the proof is weighed.
drop function countersign_queue.callback_resolve(text, text, jsonb);
create function countersign_queue.callback_resolve(callback text, action text, body jsonb default '{}', proof jsonb default null,
  timed boolean default false) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if action is null or action not in ('complete', 'fail') then
    perform countersign_queue.refuse('/action', 'from outside a callback is completed or failed');
  end if;
  return countersign_queue.answer_callback(callback, action, body, proof, timed);
end $$;

-- A new timeout from now, at most 24 h away and never earlier than the old. A signed one must be newer than the newest that was accepted, else
-- its verdict is replayed. Other verdicts as callback_settle. Locks the job, then the callback; nothing before the proof is weighed.
drop function countersign_queue.callback_heartbeat(text, integer);
create function countersign_queue.callback_heartbeat(callback text, timeout_seconds integer default 3600, lease bigint default null,
  proof jsonb default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  weight jsonb := countersign_queue.weigh_proof(proof, at);
  t bigint := (weight ->> 't')::bigint;
  c countersign_queue.callbacks;
  j countersign_queue.jobs;
begin
  perform countersign_queue.check_isolation();
  if weight ->> 'verdict' <> 'right' then
    return jsonb_build_object('verdict', 'signature_' || (weight ->> 'verdict'));
  elsif timeout_seconds is null or timeout_seconds not between 1 and 86400 then
    perform countersign_queue.refuse('/timeout_seconds', 'timeout_seconds is between 1 and 86400');
  end if;
  j := countersign_queue.lock_callback(callback, weight -> 'tenants', at);
  select * into c from countersign_queue.callbacks b where b.id = callback and b.job_id = j.id;
  if c.id is null then
    return jsonb_build_object('verdict', 'not_found');
  elsif c.state <> 'open' then
    return countersign_queue.told(case c.state when 'expired' then 'expired' else 'resolved' end, c);
  elsif lease is not null and lease <> j.lease then
    return countersign_queue.told('stale', c);
  elsif t <= c.beat_t then
    return countersign_queue.told('replayed', c);
  end if;
  update countersign_queue.callbacks b
  set timeout_at = greatest(b.timeout_at, at + timeout_seconds * interval '1 second'), beat_t = coalesce(t, b.beat_t)
  where b.id = c.id returning * into c;
  return countersign_queue.told('done', c) || jsonb_build_object('timeout_at', countersign_queue.spoken(c.timeout_at));
end $$;

-- Callbacks of the caller's tenant, newest first: filter {state?, job_id?, kind?, queue?, tag? (of its job)}, behind a cursor (an id). Takes no lock.
create function countersign_queue.list_callbacks(filter jsonb default '{}', after text default null, most integer default 50) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
  filter := jsonb_strip_nulls(coalesce(filter, '{}'));
  if most is null or most not between 1 and 200 then
    perform countersign_queue.refuse('/limit', 'limit is between 1 and 200');
  elsif filter - array['state', 'job_id', 'kind', 'queue', 'tag'] <> '{}' then
    perform countersign_queue.refuse('', 'callbacks are filtered by state, job_id, kind, queue and tag');
  end if;
  return (
    select coalesce(jsonb_agg(l.shown order by l.id desc), '[]') from (
      select c.id, countersign_queue.callback_view(c) as shown
      from countersign_queue.callbacks c join countersign_queue.jobs j on j.id = c.job_id
      where (countersign_queue.caller_tenant() is null or c.tenant_id = countersign_queue.caller_tenant()) and (after is null or c.id < after)
        and (filter ->> 'state' is null or c.state = filter ->> 'state') and (filter ->> 'job_id' is null or c.job_id = filter ->> 'job_id')
        and (filter ->> 'kind' is null or j.kind = filter ->> 'kind') and (filter ->> 'queue' is null or j.queue = filter ->> 'queue')
        and (filter ->> 'tag' is null or filter ->> 'tag' = any (j.tags))
      order by c.id desc limit most) l);
end $$;

select countersign_queue.grant_functions('countersign_worker', array['callback_create']);
select countersign_queue.grant_functions('countersign_callback', array['callback_resolve', 'callback_heartbeat']);
select countersign_queue.grant_functions('countersign_reader', array['list_callbacks']);
select countersign_queue.as_owner();
