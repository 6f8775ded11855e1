-- Enqueue by sets for what must be a row and needs nothing else of insert_job: a job that is due later. A batch of deadlines or deliveries costs one
-- statement, not one a job (20 delayed jobs in one call: 392 µs a job before, 100 now).
select countersign_queue.as_engine();

-- The first ten characters of an id: prefix and 48 bits of milliseconds.
create function countersign_queue.id_head(prefix text, at timestamptz) returns text
language plpgsql immutable as $$
declare
  letters constant text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  ms bigint := floor(extract(epoch from at) * 1000);
begin
  return prefix || '_' || substr(letters, (1 + (ms >> 45 & 31))::integer, 1) || substr(letters, (1 + (ms >> 40 & 31))::integer, 1)
    || substr(letters, (1 + (ms >> 35 & 31))::integer, 1) || substr(letters, (1 + (ms >> 30 & 31))::integer, 1)
    || substr(letters, (1 + (ms >> 25 & 31))::integer, 1) || substr(letters, (1 + (ms >> 20 & 31))::integer, 1)
    || substr(letters, (1 + (ms >> 15 & 31))::integer, 1) || substr(letters, (1 + (ms >> 10 & 31))::integer, 1)
    || substr(letters, (1 + (ms >> 5 & 31))::integer, 1) || substr(letters, (1 + (ms & 31))::integer, 1);
end $$;

-- The other sixteen of a random uuid. Byte 6 of it has four free bits (the version sits above them), bytes 0–5 and 7–15 at least five.
create function countersign_queue.id_tail(r bytea) returns text
language plpgsql immutable as $$
declare
  letters constant text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
begin
  return substr('EF', 1 + (get_byte(r, 6) & 1), 1) || substr(letters, 1 + (get_byte(r, 0) & 31), 1) || substr(letters, 1 + (get_byte(r, 1) & 31), 1)
    || substr(letters, 1 + ((get_byte(r, 0) >> 5 & 1) << 4 | 8 | (get_byte(r, 1) >> 5 & 3)), 1)
    || substr(letters, 1 + (get_byte(r, 2) & 31), 1) || substr(letters, 1 + (get_byte(r, 3) & 31), 1) || substr(letters, 1 + (get_byte(r, 4) & 31), 1)
    || substr(letters, 1 + (get_byte(r, 5) & 31), 1) || substr(letters, 1 + (get_byte(r, 7) & 31), 1) || substr(letters, 1 + (get_byte(r, 8) & 31), 1)
    || substr(letters, 1 + (get_byte(r, 9) & 31), 1) || substr(letters, 1 + (get_byte(r, 10) & 31), 1) || substr(letters, 1 + (get_byte(r, 11) & 31), 1)
    || substr(letters, 1 + (get_byte(r, 12) & 31), 1) || substr(letters, 1 + (get_byte(r, 13) & 31), 1) || substr(letters, 1 + (get_byte(r, 14) & 31), 1);
end $$;

-- Prefix and 26 Crockford characters of a UUIDv7: 48 bits of milliseconds in ten characters, then version, variant and 74 random bits.
create or replace function countersign_queue.new_id(prefix text, at timestamptz) returns text
language sql volatile
return countersign_queue.id_head(prefix, at) || countersign_queue.id_tail(uuid_send(gen_random_uuid()));

-- Inserts jobs that are due later, all of them or none: their ids in input order, or null when one of them is not plain (its faults are insert_job's
-- to name). `jobs` is an array of objects with run_at or delay_ms, and no other members but those of plain_rest, kind, queue, payload, priority and
-- tenant_id; neither kind nor queue has a key, a depth or fairness, and the queue turns none of the kinds away. Takes no lock, waits for nobody, never commits.
create function countersign_queue.enqueue_rows(jobs jsonb, at timestamptz) returns text[]
language plpgsql volatile
set plan_cache_mode = force_generic_plan
as $$
declare
  kinds text[];
  queues text[];
  priorities text[];
  tenants text[];
  times text[];
  delays text[];
  payloads jsonb[];
  rests jsonb[];
  dues timestamptz[];
  tenant_keys text[];
  known uuid[];
  is_plain boolean;
  woken text[] := '{}';
  head text := countersign_queue.id_head('job', at);
  c record;
  ids text[];
begin
  select array_agg(e.j ->> 'kind'), array_agg(e.j ->> 'queue'), array_agg(coalesce((e.j -> 'priority')::text, '')), array_agg(coalesce(e.j ->> 'tenant_id', '')),
    array_agg(e.j ->> 'run_at'), array_agg(case when e.j ? 'run_at' then '0' else e.j ->> 'delay_ms' end), array_agg(coalesce(e.j -> 'payload', 'null')),
    array_agg(nullif(e.j - array['kind', 'queue', 'payload', 'priority', 'tenant_id', 'run_at', 'delay_ms'], '{}')),
    bool_and(jsonb_typeof(e.j) = 'object' and e.j ?| array['run_at', 'delay_ms']
      and case when e.j ? 'run_at' then coalesce(e.j ->> 'run_at' ~ '^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:?\d\d)$', false)
        when (e.j -> 'delay_ms')::text ~ '^\d{1,12}$' then (e.j ->> 'delay_ms')::bigint <= 315576000000 else false end
      and coalesce(e.j ->> 'tenant_id' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$', true)
      and (pg_column_size(e.j) <= 500 or countersign_queue.plain_payload(coalesce(e.j -> 'payload', 'null'))))
  into kinds, queues, priorities, tenants, times, delays, payloads, rests, is_plain
  from jsonb_array_elements(case when jobs -> 0 ?| array['run_at', 'delay_ms'] then jobs else '[]' end) e (j);
  if not coalesce(is_plain, false)
    or exists (select from (select distinct r from unnest(rests) r where r is not null) d where not countersign_queue.plain_rest(d.r)) then
    return null;
  end if;
  begin
    dues := array(select coalesce(u.t::timestamptz, at + u.d::bigint * interval '1 millisecond') from unnest(times, delays) with ordinality u (t, d, n) order by u.n);
  exception when datetime_field_overflow or invalid_datetime_format then
    return null;
  end;
  tenant_keys := case when tenants[1] = all (tenants) then tenants[1:1] else array(select distinct t from unnest(tenants) t) end;
  known := array(select countersign_queue.tenant_for(nullif(t, '')::uuid) from unnest(tenant_keys) t);
  for c in
    select d.kind, k.settings as kind_settings, q.settings as queue_settings, coalesce(d.named, k.settings ->> 'queue', 'default') as queue,
      coalesce(nullif(d.priority, ''), k.settings ->> 'priority', '2') as level
    from (select distinct kind, named, priority from unnest(kinds, queues, priorities) u (kind, named, priority)) d
    left join countersign_queue.kinds k on k.name = d.kind
    left join countersign_queue.queues q on q.name = coalesce(d.named, k.settings ->> 'queue', 'default')
  loop
    if c.kind is null or c.kind !~ '^[a-z][a-z0-9_.:-]{0,199}$' or c.queue !~ '^[a-z0-9][a-z0-9_.:-]{0,199}$' or c.level !~ '^[1-4]$'
      or c.kind_settings ?| array['unique', 'ordering_key', 'concurrency_key', 'rate_key', 'order'] or c.queue_settings ?| array['max_depth', 'fair_by']
      or countersign_queue.turns_away(c.kind_settings, c.queue_settings) then
      return null;
    end if;
    if c.queue <> all (woken) then
      woken := woken || c.queue;
    end if;
  end loop;
  with r as materialized (
    select u.*, k.settings as of_kind, coalesce(u.named, k.settings ->> 'queue', 'default') as queue, uuid_send(gen_random_uuid()) as salt
    from unnest(kinds, queues, priorities, tenants, dues, payloads, rests) with ordinality u (kind, named, priority, tenant, due, payload, rest, n)
    left join countersign_queue.kinds k on k.name = u.kind
  ), made as materialized (
    select head || countersign_queue.id_tail(r.salt) as id, r.* from r
  ), put as (
    insert into countersign_queue.jobs (id, tenant_id, queue, kind, priority, state, payload, payload_bytes, payload_version, max_attempts, max_attempts_own,
      max_crashes, deadline_ms, backoff, keep_output_ms, run_at, enqueued_at, metadata, tags, trace)
    select m.id, known[array_position(tenant_keys, m.tenant)], m.queue, m.kind, coalesce(nullif(m.priority, ''), m.of_kind ->> 'priority', '2')::smallint,
      case when m.due > at then 'scheduled' else 'ready' end, m.payload, octet_length(m.payload::text),
      coalesce((m.rest ->> 'payload_version')::integer, (m.of_kind ->> 'payload_version')::integer, 1),
      coalesce((m.rest ->> 'max_attempts')::integer, (m.of_kind ->> 'max_attempts')::integer, 25), coalesce(m.rest ? 'max_attempts', false),
      (m.rest ->> 'max_crashes')::integer, (m.rest ->> 'deadline_ms')::bigint, m.rest -> 'backoff', (m.rest ->> 'keep_output_ms')::bigint, m.due, at,
      coalesce(m.rest -> 'metadata', '{}'), coalesce(array(select jsonb_array_elements_text(m.rest -> 'tags')), '{}'), m.rest -> 'trace'
    from made m order by m.n
  )
  select array_agg(m.id order by m.n) into ids from made m;
  perform countersign_queue.wake(w, (select min(d) from unnest(dues) d), at) from unnest(woken) w;
  return ids;
end $$;

-- By what the jobs of one call that have a unique key are put in order, so that two calls never wait crosswise for each other's keys: jobs with one
-- hash have one of these. Null for a job without a key, and for one that insert_job is about to refuse. Takes no lock.
create function countersign_queue.key_rank(j jsonb, at timestamptz) returns bytea
language plpgsql stable as $$
declare
  k jsonb := (select c.settings from countersign_queue.kinds c where c.name = j ->> 'kind');
  u jsonb := nullif(coalesce(j -> 'unique', k -> 'unique'), 'null');
begin
  if u is null then
    return null;
  end if;
  u := countersign_queue.unique_rule(u);
  return countersign_queue.unique_hash(countersign_queue.tenant_for((j ->> 'tenant_id')::uuid), j ->> 'kind', coalesce(j ->> 'queue', k ->> 'queue', 'default'),
    coalesce(u -> 'of', j -> 'payload', 'null'), u, at);
exception when sqlstate 'QJ005' or sqlstate 'QJ007' or data_exception then
  return null; -- What is wrong with it, and at which index, is said by insert_job.
end $$;

-- The unique keys of some jobs in the order in which they are taken. Takes no lock.
create function countersign_queue.keys_of(jobs jsonb, at timestamptz) returns bytea[]
language sql stable
return array(
  select r.rank from jsonb_array_elements(case when jsonb_typeof(jobs) = 'array' then jobs else '[]' end) j
  cross join lateral (select countersign_queue.key_rank(j, at) as rank) r
  where r.rank is not null order by r.rank);

-- What is not all plain: those that are due later in one statement when they are nothing more, else one by one; DETAIL of a refusal names the job by
-- its index. Locks as insert_job; where several have unique keys, first the rows of those that are to be replaced, by id, as every call that changes
-- several jobs does; then the keys, in one order for every caller, who then waits for no row; and each still has the place of its index among the
-- rows. (Jobs in strict order are put in theirs: of two calls with several such jobs and keys, crosswise, PostgreSQL may end one.)
create function countersign_queue.enqueue_singly(jobs jsonb, ring boolean, at timestamptz) returns jsonb
language plpgsql volatile as $$
declare
  answers jsonb[] := '{}';
  -- Below three the start of its statements costs more than it spares.
  ids text[] := case when jsonb_array_length(jobs) > 2 then countersign_queue.enqueue_rows(jobs, at) end;
  j jsonb;
  said text;
  ranks bytea[];
  -- Keys whose holders are replaced.
  replaced bytea[] := '{}';
  place integer;
  places integer[];
begin
  if ids is not null then
    return countersign_queue.enqueued(ids);
  end if;
  if jsonb_array_length(jobs) > 1 and not exists (select from jsonb_array_elements(jobs) e (j) left join countersign_queue.kinds k on k.name = e.j ->> 'kind'
    where jsonb_typeof(e.j) <> 'object' or e.j ? 'ordering_key' or k.settings ? 'ordering_key') then
    ranks := array(select countersign_queue.key_rank(e.j, at) from jsonb_array_elements(jobs) with ordinality e (j, n) order by e.n);
    replaced := array(
      select ranks[e.n] from jsonb_array_elements(jobs) with ordinality e (j, n) left join countersign_queue.kinds k on k.name = e.j ->> 'kind'
      where ranks[e.n] is not null and coalesce(e.j -> 'unique', k.settings -> 'unique') ->> 'on_conflict' = 'replace');
  end if;
  <<attempts>>
  loop
    begin
      answers := '{}';
      places := '{}';
      perform from countersign_queue.jobs h where h.unique_held and h.unique_hash = any (replaced) order by h.id for update;
      for j, place in
        select e.j, e.n from jsonb_array_elements(jobs) with ordinality e (j, n) order by ranks[e.n] nulls first, e.n
      loop
        if j ? 'metadata' then
          perform countersign_queue.check_reserved(j -> 'metadata');
        end if;
        ids := case when ring and jsonb_array_length(jobs) > 1 then countersign_queue.enqueue_ring(jsonb_build_array(j), at) end;
        answers := answers || case when ids is null then countersign_queue.insert_job(j, at, replaced = '{}')
          else jsonb_build_object('id', ids[1], 'conflict', false) end;
        places := places || place;
      end loop;
      exit attempts;
    exception when sqlstate 'QJ011' then
      null; -- Somebody came to hold a key after the look at the holders: without keys and rows, once more, and his row among them.
    end;
  end loop attempts;
  if exists (select from unnest(places) with ordinality p (place, n) where p.place <> p.n) then
    -- The numbers that were drawn, handed out anew in the order of the input (Q32).
    update countersign_queue.jobs q set ord = o.ord from (
      select i.id, o.ord from (
        select a ->> 'id' as id, row_number() over (order by places[n]) as at_place
        from unnest(answers) with ordinality u (a, n) join countersign_queue.jobs m on m.id = a ->> 'id' where a -> 'conflict' = 'false') i
      join (
        select m.ord, row_number() over (order by m.ord) as at_place
        from unnest(answers) u (a) join countersign_queue.jobs m on m.id = a ->> 'id' where a -> 'conflict' = 'false') o using (at_place)) o
    where q.id = o.id and q.ord <> o.ord;
  end if;
  return (select jsonb_agg(a order by places[n]) from unnest(answers) with ordinality u (a, n));
exception when sqlstate 'QJ005' then
  get stacked diagnostics said = pg_exception_detail;
  raise exception '%', sqlerrm using errcode = 'QJ005', detail = (said::jsonb || jsonb_build_object('index', coalesce(place, 1) - 1))::text;
end $$;

select countersign_queue.as_owner();
