-- What producers may do: enqueue, and cancel or reschedule by unique key. All of it belongs to the caller's transaction (Q3).
--
-- Here and in the files behind: a function that a role is given is SECURITY DEFINER with a fixed search_path (Q72). The others are internal:
-- nobody but the engine may call them, so they run under the path that the outer function fixed, and the small ones can be inlined.
select countersign_queue.as_engine();

-- Refuses an argument: QJ005 with the JSON path of the field in DETAIL (Q77).
create function countersign_queue.refuse(path text, message text) returns void
language plpgsql as $$
begin
  raise exception '%', message using errcode = 'QJ005', detail = jsonb_build_object('path', path)::text;
end $$;

-- Whether an error says nothing about the statement: the same one may succeed in a moment. It must reach the caller, who tries again; whoever
-- caught it would keep half of a transaction.
create function countersign_queue.passes(code text) returns boolean
language sql immutable
return code ~ '^(08|53)|^57P0|^(25006|40001|40P01|55P03|57014)$';

-- Refuses metadata that only the engine sets (Q9).
create function countersign_queue.check_reserved(metadata jsonb) returns void
language plpgsql as $$
begin
  perform countersign_queue.refuse('/metadata/' || replace(replace(m, '~', '~0'), '/', '~1'), 'metadata keys that begin with countersign: are the engine''s')
  from jsonb_object_keys(case when jsonb_typeof(metadata) = 'object' then metadata else '{}' end) m where m like 'countersign:%';
end $$;

-- The tenant to which the caller's transaction is narrowed; null when it is not. The setting only narrows, never widens (Q75).
create function countersign_queue.caller_tenant() returns uuid
language sql stable
return nullif(nullif(current_setting('countersign.tenant', true), ''), '00000000-0000-0000-0000-000000000000')::uuid;

-- Tenant to act for: what is asked, inside what the transaction is narrowed to (QJ007 when outside).
create function countersign_queue.tenant_for(asked uuid) returns uuid
language plpgsql stable as $$
declare
  mine uuid := countersign_queue.caller_tenant();
begin
  if mine is not null and asked is not null and asked <> mine then
    raise exception 'tenant % is outside of this transaction', asked using errcode = 'QJ007';
  end if;
  return coalesce(asked, mine, '00000000-0000-0000-0000-000000000000');
end $$;

-- Prefix and 26 Crockford characters of a UUIDv7: 48 bits of milliseconds in ten characters, then version, variant and 74 random bits.
create function countersign_queue.new_id(prefix text, at timestamptz) returns text
language plpgsql volatile as $$
declare
  letters constant text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  r bytea := uuid_send(gen_random_uuid());
  ms bigint := floor(extract(epoch from at) * 1000);
  id text := prefix || '_';
begin
  for i in reverse 9..0 loop
    id := id || substr(letters, 1 + ((ms >> (5 * i)) & 31)::integer, 1);
  end loop;
  -- Byte 6 of the random uuid has four free bits (the version sits above them), bytes 0–5 and 7–15 at least five.
  id := id || substr('EF', 1 + (get_byte(r, 6) & 1), 1) || substr(letters, 1 + (get_byte(r, 0) & 31), 1)
    || substr(letters, 1 + (get_byte(r, 1) & 31), 1)
    || substr(letters, 1 + ((get_byte(r, 0) >> 5 & 1) << 4 | 8 | (get_byte(r, 1) >> 5 & 3)), 1);
  foreach ms in array array[2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14] loop
    id := id || substr(letters, 1 + (get_byte(r, ms::integer) & 31), 1);
  end loop;
  return id;
end $$;

-- A time as it is spoken: RFC 3339, milliseconds, Z.
create function countersign_queue.spoken(at timestamptz) returns text
language sql stable
return to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

-- Member `key` of an object as an integer between two bounds, null when absent.
create function countersign_queue.integer_of(o jsonb, key text, least_value bigint, greatest_value bigint) returns bigint
language plpgsql immutable as $$
declare
  v jsonb := o -> key;
  n numeric;
begin
  if v is null or v = 'null' then
    return null;
  end if;
  if jsonb_typeof(v) = 'number' then
    n := v::numeric;
    if n = trunc(n) and n between least_value and greatest_value then
      return n;
    end if;
  end if;
  perform countersign_queue.refuse('/' || key, format('%s is an integer between %s and %s', key, least_value, greatest_value));
end $$;

-- Deepest nesting of a JSON value.
create function countersign_queue.depth_of(v jsonb) returns integer
language sql immutable
return (
  with recursive levels (n, item) as (
    select 1, v where jsonb_typeof(v) in ('object', 'array')
    union all
    select l.n + 1, c.value from levels l, lateral (
      select value from jsonb_each(case when jsonb_typeof(l.item) = 'object' then l.item else '{}' end)
      union all
      select value from jsonb_array_elements(case when jsonb_typeof(l.item) = 'array' then l.item else '[]' end)
    ) c where jsonb_typeof(c.value) in ('object', 'array') and l.n < 70
  ) select coalesce(max(n), 0) from levels
);

-- Refuses text over its bound, in bytes of UTF-8.
create function countersign_queue.check_size(path text, v text, bytes integer) returns void
language plpgsql immutable as $$
begin
  if octet_length(v) > bytes then
    perform countersign_queue.refuse(path, format('%s holds more than %s bytes', path, bytes));
  end if;
end $$;

-- The key of Q85 over tenant, kind and the chosen parts, from jsonb text, so that every language computes the same.
create function countersign_queue.unique_hash(tenant uuid, kind text, queue text, payload jsonb, u jsonb, at timestamptz) returns bytea
language sql stable
return sha256(convert_to(jsonb_build_array(
  tenant, kind,
  case when u -> 'scope' ? 'queue' then queue end,
  u -> 'key',
  case when u -> 'by' = '"payload"' then payload
       when jsonb_typeof(u -> 'by') = 'array' then (
         select jsonb_agg(payload #> string_to_array(path, '.') order by n)
         from jsonb_array_elements_text(u -> 'by') with ordinality p (path, n))
  end,
  case when u ? 'period_ms' then floor(extract(epoch from at) * 1000 / (u ->> 'period_ms')::numeric) end
)::text, 'UTF8'));

-- Checks a unique rule and fills in what it leaves open.
create function countersign_queue.unique_rule(u jsonb) returns jsonb
language plpgsql immutable as $$
declare
  terminal constant jsonb := '["failed", "cancelled", "completed"]';
  live constant jsonb := '["scheduled", "retrying", "blocked", "ready", "running", "waiting"]';
  held jsonb := coalesce(u -> 'while', live);
begin
  if jsonb_typeof(u) <> 'object' or (u - array['by', 'key', 'scope', 'while', 'period_ms', 'on_conflict', 'preserve_run_at']) <> '{}' then
    perform countersign_queue.refuse('/unique', 'unique has members by, key, scope, while, period_ms, on_conflict, preserve_run_at');
  end if;
  if jsonb_typeof(held) <> 'array' or held = '[]' or not (live || terminal) @> held then
    perform countersign_queue.refuse('/unique/while', 'while is a list of states that is not empty');
  end if;
  if held ? 'completed' and not (held ? 'running' and u ? 'period_ms') then
    perform countersign_queue.refuse('/unique/while', 'a key held while completed needs a period, and is held while running');
  end if;
  if coalesce(u ->> 'on_conflict', 'return') not in ('reject', 'return', 'replace') then
    perform countersign_queue.refuse('/unique/on_conflict', 'on_conflict is reject, return or replace');
  end if;
  if u ? 'by' and u -> 'by' <> '"payload"' and (jsonb_typeof(u -> 'by') <> 'array' or u -> 'by' = '[]') then
    perform countersign_queue.refuse('/unique/by', 'by is "payload" or a list of paths');
  end if;
  perform countersign_queue.integer_of(u, 'period_ms', 1, 31622400000);
  perform countersign_queue.check_size('/unique/key', u ->> 'key', 512);
  return u || jsonb_build_object('while', held);
end $$;

-- Wakes workers that say that they sleep, and only them: NOTIFY takes a database-wide lock at commit (Q68). A worker that is not yet
-- asleep polls in steps that double from 1 ms, so what it cannot know waits at most about as long as the caller's transaction was open.
create function countersign_queue.wake(q text, due timestamptz, at timestamptz) returns void
language plpgsql volatile as $$
begin
  -- A sleeper looks again within a second by itself; only what is due before that is worth a wake-up.
  if due < at + interval '1 second'
    and exists (select from countersign_queue.workers w where w.sleeps_until > clock_timestamp() and q = any (w.queues)) then
    perform pg_notify('countersign_queue', 'work:' || q);
  end if;
end $$;

-- Refuses metadata, tags and trace over their bounds.
create function countersign_queue.check_labels(j jsonb) returns void
language plpgsql as $$
begin
  perform countersign_queue.check_size('/metadata', j ->> 'metadata', 16384), countersign_queue.check_size('/trace', j ->> 'trace', 1100);
  if jsonb_typeof(coalesce(j -> 'metadata', '{}')) <> 'object' then
    perform countersign_queue.refuse('/metadata', 'metadata is an object');
  end if;
  if jsonb_typeof(coalesce(j -> 'tags', '[]')) <> 'array' or jsonb_array_length(coalesce(j -> 'tags', '[]')) > 20 or exists (
    select from jsonb_array_elements(coalesce(j -> 'tags', '[]')) t where jsonb_typeof(t) <> 'string' or char_length(t #>> '{}') > 100
  ) then
    perform countersign_queue.refuse('/tags', 'tags are at most 20 texts of at most 100 characters');
  end if;
end $$;

-- Inserts one job. Promises the checks of Q11 and one definite answer {id, conflict}: a new job, the holder of its unique key, or QJ002.
-- Locks: with a unique key, the key's index entry until the holder's transaction ends, then the holder's row (replace only).
-- Never waits otherwise; never commits; never changes a setting of the caller.
create function countersign_queue.insert_job(j jsonb, at timestamptz) returns jsonb
language plpgsql volatile as $$
declare
  members constant text[] := array['tenant_id', 'kind', 'queue', 'payload', 'payload_version', 'priority', 'run_at', 'delay_ms',
    'max_attempts', 'max_crashes', 'deadline_ms', 'backoff', 'keep_output_ms', 'unique', 'hold', 'metadata', 'tags', 'trace'];
  k countersign_queue.kinds;
  kind text := j ->> 'kind';
  tenant uuid;
  queue text;
  due timestamptz;
  content jsonb := coalesce(j -> 'payload', 'null');
  bytes integer := octet_length(content::text);
  u jsonb;
  hash bytea;
  job_id text;
  holder countersign_queue.jobs;
begin
  if jsonb_typeof(j) <> 'object' then
    perform countersign_queue.refuse('', 'a job is an object');
  end if;
  if (j - members) <> '{}' then
    perform countersign_queue.refuse('/' || m, 'a job has no member ' || m) from jsonb_object_keys(j - members) m;
  end if;
  if kind is null or kind !~ '^[a-z][a-z0-9_.:-]{0,199}$' then
    perform countersign_queue.refuse('/kind', 'a kind is 1 to 200 of a-z, 0-9, _ . : -, beginning with a letter');
  end if;
  if j ->> 'tenant_id' !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
    perform countersign_queue.refuse('/tenant_id', 'a tenant is a uuid');
  end if;
  tenant := countersign_queue.tenant_for((j ->> 'tenant_id')::uuid);
  select * into k from countersign_queue.kinds where name = kind;
  queue := coalesce(j ->> 'queue', k.settings ->> 'queue', 'default');
  if queue !~ '^[a-z0-9][a-z0-9_.:-]{0,199}$' then
    perform countersign_queue.refuse('/queue', 'a queue is 1 to 200 of a-z, 0-9, _ . : -, beginning with a letter or digit');
  end if;
  if bytes > 1048576 then
    perform countersign_queue.refuse('/payload', 'payload holds more than 1 MiB');
  end if;
  -- Only text with that many brackets can be that deep; most payloads are spared the walk.
  if bytes > 64 and length(content::text) - length(translate(content::text, '{[', '')) > 64
    and countersign_queue.depth_of(content) > 64 then
    perform countersign_queue.refuse('/payload', 'payload nests more than 64 deep');
  end if;
  if j ?| array['metadata', 'tags', 'trace'] then
    perform countersign_queue.check_labels(j);
  end if;
  if j ? 'run_at' then
    if j ->> 'run_at' !~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)$' then
      perform countersign_queue.refuse('/run_at', 'run_at is an RFC 3339 time');
    end if;
    begin
      due := (j ->> 'run_at')::timestamptz;
    exception when datetime_field_overflow or invalid_datetime_format then
      perform countersign_queue.refuse('/run_at', 'run_at is an RFC 3339 time');
    end;
  else
    due := at + case when j ? 'delay_ms' then coalesce(countersign_queue.integer_of(j, 'delay_ms', 0, 315576000000), 0) else 0 end
      * interval '1 millisecond';
  end if;
  u := coalesce(j -> 'unique', k.settings -> 'unique');
  if u is not null and u <> 'null' then
    u := countersign_queue.unique_rule(u);
    hash := countersign_queue.unique_hash(tenant, kind, queue, content, u, at);
  end if;
  loop
    job_id := countersign_queue.new_id('job', at);
    insert into countersign_queue.jobs as made (
      id, tenant_id, queue, kind, priority, state, state_reason, payload, payload_bytes, payload_version, max_attempts,
      max_attempts_own, max_crashes,
      deadline_ms, backoff, keep_output_ms, run_at, enqueued_at, metadata, tags, trace, unique_key, unique_hash, unique_while, unique_until)
    values (
      job_id, tenant, queue, kind,
      coalesce(case when j ? 'priority' then countersign_queue.integer_of(j, 'priority', 1, 4) end, (k.settings ->> 'priority')::smallint, 2),
      case when j ? 'hold' then 'blocked' when due > at then 'scheduled' else 'ready' end,
      case when j ? 'hold' then 'held' end,
      content, bytes, coalesce(case when j ? 'payload_version' then countersign_queue.integer_of(j, 'payload_version', 1, 2147483647) end, (k.settings ->> 'payload_version')::integer, 1),
      coalesce(case when j ? 'max_attempts' then countersign_queue.integer_of(j, 'max_attempts', 1, 1000) end, (k.settings ->> 'max_attempts')::integer, 25), j ? 'max_attempts',
      case when j ? 'max_crashes' then countersign_queue.integer_of(j, 'max_crashes', 0, 1000) end,
      case when j ? 'deadline_ms' then countersign_queue.integer_of(j, 'deadline_ms', 0, 31622400000) end, j -> 'backoff',
      case when j ? 'keep_output_ms' then countersign_queue.integer_of(j, 'keep_output_ms', 0, 31622400000) end, due, at,
      coalesce(j -> 'metadata', '{}') || case when j ? 'hold' then jsonb_build_object('countersign:hold', left(j ->> 'hold', 1024)) else '{}' end,
      coalesce(array(select jsonb_array_elements_text(j -> 'tags')), '{}'), j -> 'trace',
      u ->> 'key', hash, array(select jsonb_array_elements_text(u -> 'while')),
      at + (u ->> 'period_ms')::bigint * interval '1 millisecond')
    on conflict (unique_hash) where unique_held do nothing;
    if found then
      if not j ? 'hold' then
        perform countersign_queue.wake(queue, due, at);
      end if;
      return jsonb_build_object('id', job_id, 'conflict', false);
    end if;
    -- The insert waited for whoever held the key. Replace locks the holder, so that what it judges is what it changes.
    if u ->> 'on_conflict' = 'replace' then
      select * into holder from countersign_queue.jobs h where h.unique_hash = hash and h.unique_held for update;
    else
      select * into holder from countersign_queue.jobs h where h.unique_hash = hash and h.unique_held;
    end if;
    -- Gone in between: the key is free, and the next insert takes it or meets the next holder.
    continue when holder.id is null;
    if u ->> 'on_conflict' = 'replace' and holder.state in ('ready', 'scheduled', 'retrying', 'blocked') then
      update countersign_queue.jobs h set
        payload = content, payload_bytes = bytes,
        priority = coalesce(countersign_queue.integer_of(j, 'priority', 1, 4), h.priority),
        run_at = case when u -> 'preserve_run_at' = 'true' then h.run_at else due end,
        state = case when u -> 'preserve_run_at' = 'true' or h.state = 'blocked' then h.state else 'scheduled' end
      where h.id = holder.id;
      perform countersign_queue.wake(holder.queue, due, at);
      return jsonb_build_object('id', holder.id, 'conflict', true);
    end if;
    if coalesce(u ->> 'on_conflict', 'return') = 'return' then
      return jsonb_build_object('id', holder.id, 'conflict', true);
    end if;
    raise exception 'job % holds this unique key', holder.id
      using errcode = 'QJ002', detail = jsonb_build_object('job_id', holder.id, 'state', holder.state)::text;
  end loop;
end $$;

-- Enqueues any number of jobs, in order. Answers one {id, conflict} a job in the same order; an error refuses all of them, and DETAIL
-- names the job by its index. Locks as insert_job. Never commits.
create function countersign_queue.enqueue_many(jobs jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  answers jsonb[] := '{}';
  j jsonb;
  said text;
begin
  if jsonb_typeof(jobs) <> 'array' then
    perform countersign_queue.refuse('', 'jobs is an array');
  end if;
  for j in select value from jsonb_array_elements(jobs) loop
    if j ? 'metadata' then
      perform countersign_queue.check_reserved(j -> 'metadata');
    end if;
    answers := answers || countersign_queue.insert_job(j, at);
  end loop;
  return to_jsonb(answers);
exception when sqlstate 'QJ005' then
  get stacked diagnostics said = pg_exception_detail;
  raise exception '%', sqlerrm using errcode = 'QJ005',
    detail = (said::jsonb || jsonb_build_object('index', coalesce(array_length(answers, 1), 0)))::text;
end $$;

-- Enqueues one job and answers its id (or, by its unique rule, the holder's). Checks and locks as enqueue_many.
create function countersign_queue.enqueue(queue text, kind text, payload jsonb, options jsonb default '{}') returns text
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select countersign_queue.enqueue_many(jsonb_build_array(
    options || jsonb_strip_nulls(jsonb_build_object('queue', queue, 'kind', kind)) || jsonb_build_object('payload', payload)
  )) #>> '{0,id}';
end;

-- The job that holds a unique key now, or null. Takes no lock.
create function countersign_queue.holder(tenant uuid, kind text, rule jsonb, payload jsonb, queue text) returns text
language sql stable
begin atomic
  select j.id from countersign_queue.jobs j
  where j.unique_held and j.unique_hash = countersign_queue.unique_hash(
    countersign_queue.tenant_for(tenant), holder.kind,
    coalesce(holder.queue, (select settings ->> 'queue' from countersign_queue.kinds k where k.name = holder.kind), 'default'),
    holder.payload, rule, countersign_queue.now());
end;

-- Cancels the holder of a unique key (Q86), in the caller's transaction. Answers {id, state} or null when nobody holds it. Locks the holder.
create function countersign_queue.cancel_by_key(kind text, rule jsonb, payload jsonb default 'null', queue text default null,
  tenant uuid default null, reason text default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  id text := countersign_queue.holder(tenant, kind, rule, payload, queue);
begin
  return case when id is not null then countersign_queue.cancel_job(id, reason) end;
end $$;

-- Gives the holder of a unique key another time (Q86), in the caller's transaction. Answers {id, state, changed} or null. Locks the holder.
create function countersign_queue.reschedule_by_key(kind text, rule jsonb, run_at timestamptz, payload jsonb default 'null',
  queue text default null, tenant uuid default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  id text := countersign_queue.holder(tenant, kind, rule, payload, queue);
begin
  return case when id is not null then countersign_queue.reschedule_job(id, run_at) end;
end $$;

select countersign_queue.grant_functions('countersign_producer', array['enqueue', 'enqueue_many', 'cancel_by_key', 'reschedule_by_key']);
select countersign_queue.as_owner();
