-- Enqueue by sets: what is plain goes to the ring in one statement, whatever needs more goes to a row of jobs as before (insert_job).
-- All of it belongs to the caller's transaction (Q3), and no enqueue waits for another: neither for its commit nor for a claim (Q30).
select countersign_queue.as_engine();

-- Whether a job of this kind and queue must be a row. Its own members count too: only those below may stand in the ring.
create function countersign_queue.needs_row(j jsonb, kind_settings jsonb, queue_settings jsonb) returns boolean
language sql immutable
return coalesce(kind_settings ? 'unique', false);

-- Whether a queue turns jobs of this kind away (`undeclared`: false): nobody said what the kind is, so it has no settings.
create function countersign_queue.turns_away(kind_settings jsonb, queue_settings jsonb) returns boolean
language sql immutable
return kind_settings is null and coalesce(queue_settings -> 'undeclared' = 'false', false);

-- Whether what is not the default of a ring job is right; else insert_job says what is wrong, in its words.
create function countersign_queue.plain_rest(rest jsonb) returns boolean
language plpgsql stable as $$
begin
  if (rest - array['payload_version', 'max_attempts', 'max_crashes', 'deadline_ms', 'backoff', 'keep_output_ms', 'metadata', 'tags', 'trace']) <> '{}'
    or countersign_queue.reserved(rest -> 'metadata') then
    return false;
  end if;
  begin
    perform countersign_queue.check_labels(rest), countersign_queue.integer_of(rest, 'payload_version', 1, 2147483647),
      countersign_queue.integer_of(rest, 'max_attempts', 1, 1000), countersign_queue.integer_of(rest, 'max_crashes', 0, 1000),
      countersign_queue.integer_of(rest, 'deadline_ms', 0, 31622400000), countersign_queue.integer_of(rest, 'keep_output_ms', 0, 31622400000);
  exception when sqlstate 'QJ005' then
    return false;
  end;
  return true;
end $$;

-- Whether a payload fits: what has at most 500 bytes is neither too large nor too deep, and need not be asked.
create function countersign_queue.plain_payload(payload jsonb) returns boolean
language sql immutable
return case
  when pg_column_size(payload) > 131072 and octet_length(payload::text) > 1048576 then false
  else length(payload::text) - length(translate(payload::text, '{[', '')) <= 64 or countersign_queue.depth_of(payload) <= 64
end;

-- Puts jobs into the ring, all of them or none: their ids in input order, or null when one of them is not plain (its faults are insert_job's to
-- name). `jobs` is an array of objects with no members but those of plain_rest, kind, queue, payload, priority and tenant_id; `mine` the tenant of
-- those that name none, null: look. Jobs that are alike but for their payloads, as those of one call mostly are, are looked at once.
-- Locks: the weak lock of the current slot; tries the making of a lane. Waits for nobody.
create function countersign_queue.enqueue_ring(jobs jsonb, at timestamptz, mine uuid default null) returns text[]
language plpgsql volatile
-- Planning the insert anew costs more than inserting one job.
set plan_cache_mode = force_generic_plan
as $$
declare
  n integer := jsonb_array_length(jobs);
  head jsonb := jobs -> 0;
  kind text;
  queue text;
  level text;
  tenant text;
  rest jsonb;
  kind_settings jsonb;
  queue_settings jsonb;
  payloads jsonb[];
  alike boolean := true;
  fits boolean;
  l integer;
  g bigint;
  x xid8;
  head_of_id text;
  num bigint;
  ids text[];
begin
  if n = 0 then
    return '{}';
  elsif jsonb_typeof(head) <> 'object' then
    return null;
  end if;
  if n = 1 then
    payloads := array[coalesce(head -> 'payload', 'null')];
    fits := pg_column_size(payloads[1]) <= 500 or countersign_queue.plain_payload(payloads[1]);
    head := head - 'payload';
  else
    head := head - 'payload';
    select array_agg(coalesce(v -> 'payload', 'null')), bool_and(case when jsonb_typeof(v) = 'object' then v - 'payload' = head else false end),
      bool_and(case when pg_column_size(v) <= 500 then true else countersign_queue.plain_payload(coalesce(v -> 'payload', 'null')) end)
    into payloads, alike, fits from jsonb_array_elements(jobs) v;
  end if;
  if not fits then
    return null;
  elsif not alike then
    return countersign_queue.enqueue_mixed(jobs, at);
  end if;

  kind := head ->> 'kind';
  tenant := head ->> 'tenant_id';
  rest := nullif(head - array['kind', 'queue', 'priority', 'tenant_id'], '{}');
  if kind is null or kind !~ '^[a-z][a-z0-9_.:-]{0,199}$' or (rest is not null and not countersign_queue.plain_rest(rest))
    or (tenant is not null and tenant !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$') then
    return null;
  end if;
  select k.settings into kind_settings from countersign_queue.kinds k where k.name = kind;
  queue := coalesce(head ->> 'queue', kind_settings ->> 'queue', 'default');
  level := coalesce((head -> 'priority')::text, kind_settings ->> 'priority', '2');
  select q.settings into queue_settings from countersign_queue.queues q where q.name = queue;
  if queue !~ '^[a-z0-9][a-z0-9_.:-]{0,199}$' or level !~ '^[1-4]$'
    or ((kind_settings <> '{}' or queue_settings <> '{}') and (countersign_queue.needs_row('{}', kind_settings, queue_settings)
      or countersign_queue.turns_away(kind_settings, queue_settings))) then
    return null;
  end if;
  mine := coalesce(mine, countersign_queue.tenant_for(null));
  if tenant::uuid <> mine then
    mine := countersign_queue.tenant_for(tenant::uuid);
  end if;
  l := countersign_queue.lane_for(queue, level::smallint);
  if l is null then
    return null;
  end if;
  x := pg_current_xact_id();
  head_of_id := countersign_queue.ring_id_head(at, l, x::text::bigint);
  -- Under the weak lock the generation is looked at again: while it is the current one, nobody declares it quiet before this transaction ends (Q31).
  loop
    g := countersign_queue.current_generation();
    perform countersign_queue.lock_slot((g & 15)::integer);
    if n = 1 then
      num := nextval('countersign_queue.ring_num');
      insert into countersign_queue.ring (id, tenant_id, slot, lane, generation, xid, num, kind, enqueued_at, payload, rest)
      select head_of_id || countersign_queue.ring_id_tail(num, (random() * 255)::integer), mine, g & 15, l, g, x, num, kind, at, payloads[1], rest
      where g = (select max(o.generation) from countersign_queue.generations o)
      returning array[ring.id] into ids;
      exit when found;
      continue;
    end if;
    with put as (
      insert into countersign_queue.ring (id, tenant_id, slot, lane, generation, xid, num, kind, enqueued_at, payload, rest)
      select head_of_id || countersign_queue.ring_id_tail(r.num, r.salt), mine, g & 15, l, g, x, r.num, kind, at, r.payload, rest
      from (select u.payload, nextval('countersign_queue.ring_num') as num, (random() * 255)::integer as salt from unnest(payloads) u (payload)) r
      where g = (select max(o.generation) from countersign_queue.generations o)
      returning ring.id
    )
    select array_agg(put.id) into ids from put;
    exit when ids is not null;
  end loop;
  perform countersign_queue.wake(queue, at, at);
  return ids;
end $$;

-- The same for jobs of several kinds, queues, priorities or tenants, whose payloads fit.
create function countersign_queue.enqueue_mixed(jobs jsonb, at timestamptz) returns text[]
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
declare
  kinds text[];
  named_queues text[];
  queues text[];
  priorities text[];
  tenants text[];
  payloads jsonb[];
  rests jsonb[];
  keys text[] := '{}';
  lanes integer[] := '{}';
  heads text[] := '{}';
  known uuid[] := '{}';
  tenant_keys text[];
  woken text[] := '{}';
  c record;
  l integer;
  g bigint;
  x bigint;
  ids text[];
begin
  select array_agg(e.j ->> 'kind'), array_agg(e.j ->> 'queue'), array_agg(coalesce((e.j -> 'priority')::text, '')), array_agg(coalesce(e.j ->> 'tenant_id', '')),
    array_agg(coalesce(e.j -> 'payload', 'null')),
    array_agg(case when jsonb_typeof(e.j) = 'object' then nullif(e.j - array['kind', 'queue', 'payload', 'priority', 'tenant_id'], '{}') end)
  into kinds, named_queues, priorities, tenants, payloads, rests
  from jsonb_array_elements(jobs) e (j);
  if exists (select from (select distinct r from unnest(rests) r where r is not null) d where not countersign_queue.plain_rest(d.r)) then
    return null;
  end if;
  tenant_keys := array(select distinct t from unnest(tenants) t);
  for c in select distinct t from unnest(tenants) t loop
    if c.t <> '' and c.t !~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
      return null;
    end if;
  end loop;
  known := array(select countersign_queue.tenant_for(nullif(t, '')::uuid) from unnest(tenant_keys) t);
  x := pg_current_xact_id()::text::bigint;
  for c in
    select d.kind, d.named, d.priority, k.settings as kind_settings, q.settings as queue_settings,
      coalesce(d.named, k.settings ->> 'queue', 'default') as queue,
      coalesce(nullif(d.priority, ''), k.settings ->> 'priority', '2') as level
    from (select distinct kind, named, priority from unnest(kinds, named_queues, priorities) u (kind, named, priority)) d
    left join countersign_queue.kinds k on k.name = d.kind
    left join countersign_queue.queues q on q.name = coalesce(d.named, k.settings ->> 'queue', 'default')
  loop
    if c.kind is null or c.kind !~ '^[a-z][a-z0-9_.:-]{0,199}$' or c.queue !~ '^[a-z0-9][a-z0-9_.:-]{0,199}$' or c.level !~ '^[1-4]$'
      or countersign_queue.needs_row('{}', c.kind_settings, c.queue_settings) or countersign_queue.turns_away(c.kind_settings, c.queue_settings) then
      return null;
    end if;
    l := countersign_queue.lane_for(c.queue, c.level::smallint);
    if l is null then
      return null;
    end if;
    keys := keys || (c.kind || ' ' || coalesce(c.named, '') || ' ' || c.priority);
    lanes := lanes || l;
    heads := heads || countersign_queue.ring_id_head(at, l, x);
    if c.queue <> all (woken) then
      woken := woken || c.queue;
    end if;
  end loop;
  loop
    g := countersign_queue.current_generation();
    perform countersign_queue.lock_slot((g & 15)::integer);
    with r as materialized (
      select u.kind, u.payload, u.rest, nextval('countersign_queue.ring_num') as num, (random() * 255)::integer as salt,
        array_position(keys, u.kind || ' ' || coalesce(u.named, '') || ' ' || u.priority) as k, known[array_position(tenant_keys, u.tenant)] as tenant
      from unnest(kinds, named_queues, priorities, tenants, payloads, rests) u (kind, named, priority, tenant, payload, rest)
      where g = (select max(o.generation) from countersign_queue.generations o)
    ), put as (
      insert into countersign_queue.ring (id, tenant_id, slot, lane, generation, xid, num, kind, enqueued_at, payload, rest)
      select heads[m.k] || countersign_queue.ring_id_tail(m.num, m.salt), m.tenant, g & 15, lanes[m.k], g, x::text::xid8, m.num, m.kind, at, m.payload, m.rest
      from r m returning ring.id
    )
    select array_agg(put.id) into ids from put;
    exit when ids is not null;
  end loop;
  perform countersign_queue.wake(w, at, at) from unnest(woken) w;
  return ids;
end $$;

-- Enqueues any number of jobs, in order. Answers one {id, conflict} a job in the same order; an error refuses all of them, and DETAIL
-- names the job by its index. Locks as enqueue_ring, and as insert_job for what is a row. Never commits.
create or replace function countersign_queue.enqueue_many(jobs jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  -- A caller in another isolation level does not see that the ring turned; his jobs are rows.
  ring boolean := countersign_queue.ring_on() and current_setting('transaction_isolation') = 'read committed';
  ids text[];
begin
  if jsonb_typeof(jobs) <> 'array' then
    perform countersign_queue.refuse('', 'jobs is an array');
  end if;
  if ring then
    ids := countersign_queue.enqueue_ring(jobs, at);
    if ids is not null then
      return countersign_queue.enqueued(ids);
    end if;
  end if;
  return countersign_queue.enqueue_singly(jobs, ring, at);
end $$;

-- What the caller is told of new jobs.
create function countersign_queue.enqueued(ids text[]) returns jsonb
language plpgsql immutable as $$
begin
  if cardinality(ids) = 1 then
    return jsonb_build_array(jsonb_build_object('id', ids[1], 'conflict', false));
  end if;
  return (select coalesce(jsonb_agg(jsonb_build_object('id', i, 'conflict', false)), '[]') from unnest(ids) i);
end $$;

-- Whether metadata holds a key that only the engine sets (Q9).
create function countersign_queue.reserved(metadata jsonb) returns boolean
language sql immutable
return metadata is not null and jsonb_typeof(metadata) = 'object'
  and exists (select from jsonb_object_keys(metadata) k where k like 'countersign:%');

select countersign_queue.as_owner();
