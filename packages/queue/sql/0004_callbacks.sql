-- Waiting for the outside (Q99–Q101): a callback belongs to one job and one name; the first answer wins, also when it comes before the park.
-- Every function locks the job before its callback.
select countersign_queue.as_engine();

-- How a callback is spoken.
create function countersign_queue.callback_view(c countersign_queue.callbacks) returns jsonb
language sql stable
return jsonb_build_object('id', c.id, 'tenant_id', c.tenant_id, 'job_id', c.job_id, 'name', c.name, 'state', c.state, 'then', c.then_do,
  'payload', c.payload, 'error', c.error, 'created_at', countersign_queue.spoken(c.created_at),
  'timeout_at', countersign_queue.spoken(c.timeout_at), 'resolved_at', countersign_queue.spoken(c.resolved_at));

-- Creates, or finds by name, a callback of a running attempt under its fence. QJ001 when the fence is stale. Answers of earlier names are
-- kept; one that expired or was withdrawn gives a new callback with a new id. Locks the job.
create function countersign_queue.callback_create(job text, lease bigint, token uuid, name text, timeout_ms bigint, then_do text) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  j countersign_queue.jobs;
  c countersign_queue.callbacks;
begin
  if name is null or char_length(name) not between 1 and 200 then
    perform countersign_queue.refuse('/name', 'the name of a callback has 1 to 200 characters');
  elsif then_do not in ('finish', 'resume') then
    perform countersign_queue.refuse('/then', 'then is finish or resume');
  elsif timeout_ms is null or timeout_ms not between 1 and 31622400000 then
    perform countersign_queue.refuse('/timeout', 'a timeout is at most 366 days');
  end if;
  select * into j from countersign_queue.jobs q
  where q.id = job and q.lease = callback_create.lease and q.claim_token = token for update;
  if j.id is null or j.state <> 'running' then
    raise exception 'this attempt of job % is over', job using errcode = 'QJ001';
  end if;
  select * into c from countersign_queue.callbacks b where b.job_id = job and b.name = callback_create.name and b.in_force;
  if c.id is null then
    insert into countersign_queue.callbacks as made (id, tenant_id, job_id, name, state, then_do, created_at, timeout_at)
    values (countersign_queue.new_id('cb', at), j.tenant_id, job, callback_create.name, 'open', callback_create.then_do, at,
      at + timeout_ms * interval '1 millisecond')
    returning * into c;
    update countersign_queue.jobs set callbacks = callbacks + 1 where id = job;
  end if;
  return countersign_queue.callback_view(c);
end $$;

-- One callback, inside the caller's tenant; null when there is none. Takes no lock.
create function countersign_queue.callback_get(callback text) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select countersign_queue.callback_view(c) from countersign_queue.callbacks c
  where c.id = callback and (countersign_queue.caller_tenant() is null or c.tenant_id = countersign_queue.caller_tenant());
end;

-- Parks a locked running job on its callback; an answer that is already there counts at once.
create function countersign_queue.park(j countersign_queue.jobs, callback text, at timestamptz) returns text
language plpgsql volatile as $$
declare
  c countersign_queue.callbacks;
begin
  select * into c from countersign_queue.callbacks b where b.id = callback and b.job_id = j.id for update;
  if c.id is null then
    return countersign_queue.fail_attempt(j, 'output_invalid', 'parked on a callback that is not of this job', null, null, null, at);
  end if;
  update countersign_queue.jobs set callback_id = c.id, crashes = 0 where id = j.id;
  perform countersign_queue.put(j.id, 'waiting', null, null, at);
  if c.state = 'open' then
    return 'waiting';
  end if;
  select * into j from countersign_queue.jobs q where q.id = j.id;
  return countersign_queue.apply_answer(j, c, at);
end $$;

-- What a callback that is no longer open means for the locked job that waits on it.
create function countersign_queue.apply_answer(j countersign_queue.jobs, c countersign_queue.callbacks, at timestamptz) returns text
language plpgsql volatile as $$
begin
  if c.state = 'completed' and c.then_do = 'finish' then
    update countersign_queue.jobs set output = c.payload where id = j.id;
    return countersign_queue.put(j.id, 'completed', null, null, at);
  elsif c.state in ('completed', 'cancelled') then
    update countersign_queue.jobs set resumes = true where id = j.id;
    return countersign_queue.put(j.id, 'ready', 'resumed', null, at);
  elsif c.state = 'expired' then
    return countersign_queue.fail_attempt(j, 'callback_timeout', 'callback ' || c.name || ' was not answered in time', null, null, null, at);
  end if;
  update countersign_queue.callbacks set in_force = false where id = c.id;
  if c.error -> 'retryable' = 'true' then
    return countersign_queue.fail_attempt(j, 'callback_failed', c.error ->> 'error', null, null, null, at);
  end if;
  update countersign_queue.jobs set errors = countersign_queue.with_error(j, 'callback_failed', c.error ->> 'error', null, at) where id = j.id;
  return countersign_queue.put(j.id, 'failed', 'terminal_error', null, at);
end $$;

-- Ends an open callback past its time; its job, when it waits on it, has failed an attempt. Both are locked.
create function countersign_queue.expire_callback(j countersign_queue.jobs, c countersign_queue.callbacks, at timestamptz) returns void
language plpgsql volatile as $$
begin
  update countersign_queue.callbacks set state = 'expired', resolved_at = at, in_force = false where id = c.id returning * into c;
  if j.state = 'waiting' and j.callback_id = c.id then
    perform countersign_queue.apply_answer(j, c, at);
  end if;
end $$;

-- Answers a callback: complete {payload?} or fail {error, retryable?} from outside; from inside also resume {payload?}, retry (the job runs
-- again with attempt 0, only while it waits) and cancel (withdraws it: the job runs on and may make another).
-- Answers {verdict, id, job_id, state}; verdict is done, again (the identical answer once more), resolved, expired, not_found or not_waiting.
-- Locks the job, then the callback. Settles the job in the same transaction, follow-ups included.
create function countersign_queue.callback_settle(callback text, action text, body jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  mine uuid := countersign_queue.caller_tenant();
  c countersign_queue.callbacks;
  j countersign_queue.jobs;
  verdict text := 'done';
begin
  perform countersign_queue.check_isolation(), countersign_queue.check_size('/payload', body ->> 'payload', 1048576),
    countersign_queue.check_size('/error', body ->> 'error', 8192);
  select b.job_id into c.job_id from countersign_queue.callbacks b where b.id = callback and (mine is null or b.tenant_id = mine);
  select * into j from countersign_queue.jobs q where q.id = c.job_id for update;
  if j.id is null then
    return jsonb_build_object('verdict', 'not_found');
  end if;
  select * into c from countersign_queue.callbacks b where b.id = callback for update;
  if c.state = 'open' and c.timeout_at <= at then
    perform countersign_queue.expire_callback(j, c, at);
    c.state := 'expired';
  end if;
  if c.state = 'expired' then
    verdict := 'expired';
  elsif c.state <> 'open' then
    verdict := case
      when action = 'complete' and c.state = 'completed' and c.payload is not distinct from body -> 'payload' then 'again'
      when action = 'fail' and c.state = 'failed' and c.error = body then 'again'
      else 'resolved' end;
  elsif action = 'retry' and not (j.state = 'waiting' and j.callback_id = c.id) then
    verdict := 'not_waiting';
  elsif action in ('complete', 'resume') then
    update countersign_queue.callbacks set state = 'completed', payload = body -> 'payload', resolved_at = at,
      then_do = case when action = 'resume' then 'resume' else then_do end where id = c.id returning * into c;
    if j.state = 'waiting' and j.callback_id = c.id then
      perform countersign_queue.apply_answer(j, c, at);
    elsif j.state = 'running' and c.then_do = 'finish' then
      -- The answer is the end of the job; its handler, still on the way to park, finds its lease stale.
      update countersign_queue.jobs set output = c.payload, claim_token = null where id = j.id;
      perform countersign_queue.put(j.id, 'completed', null, null, at);
    end if;
  elsif action = 'fail' then
    update countersign_queue.callbacks set state = 'failed', error = body, resolved_at = at where id = c.id returning * into c;
    if j.state = 'waiting' and j.callback_id = c.id then
      perform countersign_queue.apply_answer(j, c, at);
    end if;
  elsif action in ('retry', 'cancel') then
    update countersign_queue.callbacks set state = 'cancelled', resolved_at = at, in_force = false where id = c.id returning * into c;
    if j.state = 'waiting' and j.callback_id = c.id then
      update countersign_queue.jobs set attempt = case when action = 'retry' then 0 else attempt end, resumes = action = 'cancel' where id = j.id;
      perform countersign_queue.put(j.id, 'ready', case when action = 'retry' then 'retried' else 'resumed' end, null, at);
    end if;
  else
    perform countersign_queue.refuse('/action', 'a callback is answered by complete, fail, resume, retry or cancel');
  end if;
  return jsonb_build_object('verdict', verdict, 'id', c.id, 'job_id', c.job_id,
    'state', (select q.state from countersign_queue.jobs q where q.id = c.job_id));
end $$;

-- The two answers that may come from outside: callback_settle, narrowed to complete and fail.
create function countersign_queue.callback_resolve(callback text, action text, body jsonb default '{}') returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if action not in ('complete', 'fail') then
    perform countersign_queue.refuse('/action', 'from outside a callback is completed or failed');
  end if;
  return countersign_queue.callback_settle(callback, action, body);
end $$;

-- A new timeout from now, at most 24 h away and never earlier than the old. Verdicts as callback_settle. Locks the job, then the callback.
create function countersign_queue.callback_heartbeat(callback text, timeout_seconds integer default 3600) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  mine uuid := countersign_queue.caller_tenant();
  c countersign_queue.callbacks;
  j countersign_queue.jobs;
begin
  if timeout_seconds is null or timeout_seconds not between 1 and 86400 then
    perform countersign_queue.refuse('/timeout_seconds', 'timeout_seconds is between 1 and 86400');
  end if;
  select b.job_id into c.job_id from countersign_queue.callbacks b where b.id = callback and (mine is null or b.tenant_id = mine);
  select * into j from countersign_queue.jobs q where q.id = c.job_id for update;
  if j.id is null then
    return jsonb_build_object('verdict', 'not_found');
  end if;
  select * into c from countersign_queue.callbacks b where b.id = callback for update;
  if c.state = 'open' and c.timeout_at <= at then
    perform countersign_queue.expire_callback(j, c, at);
    c.state := 'expired';
  elsif c.state = 'open' then
    update countersign_queue.callbacks b set timeout_at = greatest(b.timeout_at, at + timeout_seconds * interval '1 second')
    where b.id = c.id returning * into c;
  end if;
  return jsonb_build_object('verdict', case c.state when 'open' then 'done' when 'expired' then 'expired' else 'resolved' end,
    'id', c.id, 'job_id', c.job_id, 'state', (select q.state from countersign_queue.jobs q where q.id = c.job_id),
    'timeout_at', countersign_queue.spoken(c.timeout_at));
end $$;

select countersign_queue.grant_functions('countersign_worker', array['callback_create', 'callback_get']);
select countersign_queue.grant_functions('countersign_callback', array['callback_resolve', 'callback_heartbeat']);
select countersign_queue.grant_functions('countersign_admin', array['callback_settle', 'callback_get']);
select countersign_queue.grant_functions('countersign_reader', array['callback_get']);
select countersign_queue.as_owner();
