-- Ending attempts of the ring. What completed and asks for nothing else is a bit of a closure; whatever else became of an attempt, it leaves its
-- claim first and ends as the row that it is then. A position is closed at most once: only under its stripe, only while it is open.

-- Whether any kind has follow-ups is asked at every settlement, however many kinds there are.
create index kinds_followed on countersign_queue.kinds (name) where settings ? 'follow_ups';
select countersign_queue.as_engine();

-- Ends positions of claims as completed (Q49, Q50): `list` is [{lease, token, done}], lease that of position 0, done a list of positions from 0, null
-- for all of the claim. Answers, for each element in order, null when all of it is settled now, else a list of {i, verdict} of what is not:
-- 'already' (this outcome came before), 'moved' (it has a row of its own: finish it by `finish`), 'stale'.
-- Locks the stripes of the claims in ascending order; then rows of jobs where a kind has follow-ups.
create function countersign_queue.settle_claims(list jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
  at timestamptz := countersign_queue.now();
  answers jsonb := '[]';
  answer jsonb;
  e jsonb;
  c countersign_queue.claims;
  k record;
  open bit varying;
  wanted bit varying;
  follows boolean := exists (select from countersign_queue.kinds s where s.settings ? 'follow_ups');
  awaits boolean := exists (select from countersign_queue.awaited);
  stripe bigint;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform countersign_queue.check_isolation();
  end if;
  foreach stripe in array case when jsonb_array_length(list) = 1 then array[(list -> 0 ->> 'lease')::bigint >> 10] else array(
    select distinct on (((v ->> 'lease')::bigint >> 14) & 63) (v ->> 'lease')::bigint >> 10 from jsonb_array_elements(list) v
    order by ((v ->> 'lease')::bigint >> 14) & 63) end
  loop
    perform countersign_queue.lock_stripe(stripe);
  end loop;
  for place in 0..jsonb_array_length(list) - 1 loop
    e := list -> place;
    c := countersign_queue.claim_by_id((e ->> 'lease')::bigint >> 10);
    answer := null;
    if c.id is null or c.n = 0 or c.token is distinct from (e ->> 'token')::uuid then
      answer := (select jsonb_agg(jsonb_build_object('i', i, 'verdict', 'stale')) from jsonb_array_elements(coalesce(nullif(e -> 'done', 'null'), '[0]')) i);
    else
      open := countersign_queue.open_bits(c.id, c.n);
      if coalesce(e -> 'done', 'null') = 'null' then
        wanted := repeat('1', c.n)::bit varying;
      else
        wanted := repeat('0', c.n)::bit varying;
        for k in select i::integer as i from jsonb_array_elements_text(e -> 'done') i loop
          if k.i between 0 and c.n - 1 then
            wanted := set_bit(wanted, k.i, 1);
          else
            answer := coalesce(answer, '[]') || jsonb_build_object('i', k.i, 'verdict', 'stale');
          end if;
        end loop;
      end if;
      if bit_count(wanted & ~open) > 0 then
        for k in
          select i, coalesce((select case s.verdict when 'completed' then 'already' when 'moved' then 'moved' else 'stale' end
            from countersign_queue.closures_of(c.id) s where s.bits is null or get_bit(s.bits, i) = 1), 'stale') as verdict
          from generate_series(0, c.n - 1) i where get_bit(wanted & ~open, i) = 1
        loop
          answer := coalesce(answer, '[]') || jsonb_build_object('i', k.i, 'verdict', k.verdict);
        end loop;
        wanted := wanted & open;
      end if;
      if follows and bit_count(wanted) > 0 then
        wanted := countersign_queue.complete_followed(c, wanted, at);
      end if;
      if awaits and bit_count(wanted) > 0 then
        perform countersign_queue.tell_awaited(c, wanted);
      end if;
      if bit_count(wanted) > 0 then
        insert into countersign_queue.closures (claim, slot, bits, verdict, at)
        values (c.id, c.id & 15, case when bit_count(wanted) < c.n then wanted end, 'completed', at);
      end if;
    end if;
    answers := answers || jsonb_build_array(answer);
  end loop;
  return answers;
end $$;

-- Completes those of some open positions whose kind has follow-ups as rows, for these are made with the end of a row; answers the others.
create function countersign_queue.complete_followed(c countersign_queue.claims, wanted bit varying, at timestamptz) returns bit varying
language plpgsql volatile as $$
declare
  ids text[];
  positions integer[];
  p integer;
  one text;
begin
  select array_agg(r.id order by i), array_agg(i order by i) into ids, positions
  from generate_series(1, c.n) i cross join lateral countersign_queue.read_row((c.row_generation & 15)::smallint, c.lane, c.xids[i], c.nums[i]) r
  join countersign_queue.kinds s on s.name = r.kind
  where get_bit(wanted, i - 1) = 1 and s.settings -> 'follow_ups' @> '[{"on": "completed"}]';
  if ids is null then
    return wanted;
  end if;
  perform countersign_queue.leave_positions(c, positions);
  foreach one in array ids loop
    update countersign_queue.jobs j set settled_as = 'completed' where j.id = one;
    perform countersign_queue.put(one, 'completed', null, null, at);
  end loop;
  foreach p in array positions loop
    wanted := set_bit(wanted, p - 1, 0);
  end loop;
  return wanted;
end $$;

-- Wakes those who await the end of these jobs.
create function countersign_queue.tell_awaited(c countersign_queue.claims, wanted bit varying) returns void
language plpgsql volatile as $$
declare
  one text;
begin
  for one in
    delete from countersign_queue.awaited a using (
      select r.id from generate_series(1, c.n) i
      cross join lateral countersign_queue.read_row((c.row_generation & 15)::smallint, c.lane, c.xids[i], c.nums[i]) r
      where get_bit(wanted, i - 1) = 1 offset 0) d
    where a.job_id = d.id returning a.job_id
  loop
    perform pg_notify('countersign_queue', 'result:' || one);
  end loop;
end $$;

-- Ends any number of attempts (Q49, Q51): a list of 'settled', 'already', 'stale' in input order, each result judged alone.
-- Locks the stripes of the claims in ascending order, then all rows in ascending order of id, those too that hold the unique keys of what it enqueues, and
-- changes the first when it has them all; so that two calls never wait for each other crosswise.
create or replace function countersign_queue.finish(results jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
declare
  at timestamptz := countersign_queue.now();
  answers text[];
  r record;
  grouped record;
  told jsonb;
  c countersign_queue.claims;
  q countersign_queue.ring;
  ended text[];
  enqueued jsonb;
  holders text[] := '{}';
begin
  perform countersign_queue.check_isolation();
  answers := array_fill(null::text, array[jsonb_array_length(results)]);
  -- The ring's first: those whose attempt has no row yet.
  for r in
    select distinct on (((v ->> 'lease')::bigint >> 14) & 63) (v ->> 'lease')::bigint >> 10 as claim from jsonb_array_elements(results) v
    where (v ->> 'lease')::bigint >= 16384 and not exists (select from countersign_queue.jobs j where j.id = v ->> 'id')
    order by ((v ->> 'lease')::bigint >> 14) & 63
  loop
    perform countersign_queue.lock_stripe(r.claim);
  end loop;
  for r in
    select v.value as v, v.ordinality as n from jsonb_array_elements(results) with ordinality v
    where (v.value ->> 'lease')::bigint >= 16384 and not countersign_queue.plainly_completed(v.value)
      and not exists (select from countersign_queue.jobs j where j.id = v.value ->> 'id')
  loop
    perform countersign_queue.leave_claim(r.v ->> 'id', (r.v ->> 'lease')::bigint, (r.v ->> 'token')::uuid);
  end loop;
  if results @? '$[*].enqueue' then
    enqueued := (select jsonb_agg(e) from jsonb_array_elements(results) v,
      jsonb_array_elements(case when jsonb_typeof(v -> 'enqueue') = 'array' then v -> 'enqueue' else '[]' end) e);
    holders := array(select h.id from countersign_queue.jobs h where h.unique_held and h.unique_hash = any (countersign_queue.keys_of(enqueued, at)));
  end if;
  perform from countersign_queue.jobs j
  where j.id = any (array(select e ->> 'id' from jsonb_array_elements(results) e) || holders) order by j.id for update;
  for grouped in
    select (v.value ->> 'lease')::bigint >> 10 as claim, v.value ->> 'token' as token, array_agg(v.ordinality::integer order by v.ordinality) as ns,
      array_agg(((v.value ->> 'lease')::bigint & 1023)::integer order by v.ordinality) as positions, array_agg(v.value ->> 'id' order by v.ordinality) as ids
    from jsonb_array_elements(results) with ordinality v
    where (v.value ->> 'lease')::bigint >= 16384 and countersign_queue.plainly_completed(v.value)
      and not exists (select from countersign_queue.jobs j where j.id = v.value ->> 'id')
    group by 1, 2
  loop
    c := countersign_queue.claim_by_id(grouped.claim);
    for i in 1..cardinality(grouped.ns) loop
      q := null;
      if c.id is not null and grouped.positions[i] < c.n then
        select * into q from countersign_queue.read_row((c.row_generation & 15)::smallint, c.lane, c.xids[grouped.positions[i] + 1], c.nums[grouped.positions[i] + 1]) w;
      end if;
      -- Else the slot is gone: the attempt ended long ago, or it has just got a row, or the fence is made up. The row, or that there is none, will tell.
      if q.id = grouped.ids[i] then
        told := countersign_queue.settle_claims(jsonb_build_array(jsonb_build_object('lease', grouped.claim << 10, 'token', grouped.token,
          'done', jsonb_build_array(grouped.positions[i])))) -> 0;
        answers[grouped.ns[i]] := case when told = 'null' then 'settled' else told -> 0 ->> 'verdict' end;
      end if;
    end loop;
  end loop;
  -- First those that enqueue, by the keys that they take for that: whoever asks for the key of a row that is changed waits for this call, and may have one
  -- of these keys. In the order in which whoever enqueues several takes them (0019).
  for r in
    select v.value as v, v.ordinality as n from jsonb_array_elements(case when enqueued is not null then results else '[]' end) with ordinality v
    where v.value ? 'enqueue' order by (countersign_queue.keys_of(v.value -> 'enqueue', at))[1] nulls first, v.ordinality
  loop
    answers[r.n] := countersign_queue.settle(r.v, at);
  end loop;
  -- Rows that completed and ask for nothing else, as one set; what that does not end, `settle` judges alone.
  ended := countersign_queue.complete_rows(
    array(select v ->> 'id' from jsonb_array_elements(results) v where countersign_queue.plainly_completed(v) order by v ->> 'id'),
    array(select (v ->> 'lease')::bigint from jsonb_array_elements(results) v where countersign_queue.plainly_completed(v) order by v ->> 'id'),
    array(select (v ->> 'token')::uuid from jsonb_array_elements(results) v where countersign_queue.plainly_completed(v) order by v ->> 'id'), at);
  -- The others by the hash of their unique keys, which some take again as they go on: in the same order.
  for r in
    select v.value as v, v.ordinality as n from jsonb_array_elements(results) with ordinality v
    order by (select j.unique_hash from countersign_queue.jobs j where j.id = v.value ->> 'id') nulls first, v.ordinality
  loop
    continue when answers[r.n] in ('settled', 'already', 'stale');
    -- The same attempt twice in one call: the first of them ended it.
    if countersign_queue.plainly_completed(r.v) and r.v ->> 'id' = any (ended) then
      ended := array_remove(ended, r.v ->> 'id');
      answers[r.n] := 'settled';
      continue;
    end if;
    answers[r.n] := countersign_queue.settle(r.v, at);
  end loop;
  return to_jsonb(answers);
end $$;

-- Whether a result says "completed" and nothing else.
create function countersign_queue.plainly_completed(r jsonb) returns boolean
language sql immutable
return r ->> 'outcome' = 'completed' and not r ?| array['output', 'enqueue', 'progress'];

-- Ends one attempt inside the caller's transaction (Q52): QJ001 when the fence is stale. An attempt of the ring should have left its claim before, in
-- a transaction of its own (leave_claim), or others of its stripe wait for this one. Locks the row until the caller commits; rescue skips it meanwhile.
create or replace function countersign_queue.finish_in_tx(result jsonb) returns text
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  answer text;
begin
  perform countersign_queue.check_isolation();
  perform countersign_queue.leave_claim(result ->> 'id', (result ->> 'lease')::bigint, (result ->> 'token')::uuid);
  answer := countersign_queue.settle(result, countersign_queue.now());
  if answer = 'stale' then
    raise exception 'this attempt of job % is over', result ->> 'id' using errcode = 'QJ001';
  end if;
  return answer;
end $$;

-- Stores the progress of running attempts ([{id, lease, token, progress}]); a stale owner's is ignored. Answers the ids stored. Attempts of the ring
-- leave their claims. Locks their stripes, then the rows, each in ascending order, and all of them before it changes the first: who asks for the unique
-- key of a changed row waits for this transaction, and may hold a row that this one would still want.
create or replace function countersign_queue.progress(list jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  stored text[] := '{}';
  e jsonb;
begin
  perform countersign_queue.check_size('/progress', o.value ->> 'progress', 20480) from jsonb_array_elements(list) o;
  for e in select value from jsonb_array_elements(list) order by ((value ->> 'lease')::bigint >> 14) & 63 loop
    perform countersign_queue.leave_claim(e ->> 'id', (e ->> 'lease')::bigint, (e ->> 'token')::uuid);
  end loop;
  perform from countersign_queue.jobs j where j.id = any (array(select o ->> 'id' from jsonb_array_elements(list) o)) order by j.id for update;
  for e in select value from jsonb_array_elements(list) order by value ->> 'id' loop
    update countersign_queue.jobs j set progress = e -> 'progress'
    where j.id = e ->> 'id' and j.lease = (e ->> 'lease')::bigint and j.claim_token = (e ->> 'token')::uuid and j.settled_as is null;
    if found then
      stored := stored || (e ->> 'id');
    end if;
  end loop;
  return to_jsonb(stored);
end $$;

-- Records durably that the handler of a claimed job is about to run. False: the fence is stale. Only rows need it (suspects, Q18): the start of an
-- attempt of the ring is its claim. Locks the row.
create or replace function countersign_queue.start(job text, lease bigint, token uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  j countersign_queue.jobs;
  c countersign_queue.claims;
begin
  select * into j from countersign_queue.jobs q where q.id = job for update;
  if j.id is null then
    c := countersign_queue.claim_by_id(start.lease >> 10);
    if c.id is null or c.token is distinct from start.token or (start.lease & 1023) >= c.n then
      return false;
    elsif get_bit(countersign_queue.open_bits(c.id, c.n), (start.lease & 1023)::integer) = 1 then
      return true;
    end if;
    -- It may have left its claim for a row since the first look.
    select * into j from countersign_queue.jobs q where q.id = job for update;
    if j.id is null then
      return false;
    end if;
  end if;
  if j.lease <> start.lease or j.claim_token is distinct from token or j.state <> 'running' then
    return false;
  end if;
  update countersign_queue.jobs q set started_at = coalesce(q.started_at, countersign_queue.now()) where q.id = job;
  return true;
end $$;

-- Whether a worker holds an attempt that had no row when its caller looked: as a position of its claim, or as the row that it has got since. One leaves
-- its claim for a row and never goes back, so the claim is read first. Takes no lock.
create function countersign_queue.holds_attempt(worker text, job text, lease bigint) returns boolean
language plpgsql volatile as $$
declare
  c countersign_queue.claims := countersign_queue.claim_by_id(lease >> 10);
begin
  if c.worker = holds_attempt.worker and (lease & 1023) < c.n and get_bit(countersign_queue.open_bits(c.id, c.n), (lease & 1023)::integer) = 1 then
    return true;
  end if;
  return exists (select from countersign_queue.jobs j where j.id = job and j.lease = holds_attempt.lease and j.state = 'running' and j.worker = holds_attempt.worker);
end $$;

-- Vouches for a worker and tells it what it must know of the attempts it holds ([{id, lease}]): {lost, cancelled: [id], gone: [id]}.
-- Locks the worker's row, and once a minute those of its kinds, skipping what others hold. A worker that was given up is told so and changes nothing.
create or replace function countersign_queue.beat(worker text, held jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  told jsonb;
begin
  update countersign_queue.workers w set beat_at = clock_timestamp() where w.id = worker and w.lost_at is null;
  if not found then
    return '{"lost": true, "cancelled": [], "gone": []}';
  end if;
  update countersign_queue.kinds k set seen_at = countersign_queue.now() where k.name = any (array(
    select s.name from countersign_queue.kinds s
    where s.name = any ((select w.kinds from countersign_queue.workers w where w.id = worker)::text[])
      and s.seen_at < countersign_queue.now() - interval '1 minute'
    for update skip locked));
  select jsonb_build_object(
    'lost', false,
    'cancelled', coalesce(jsonb_agg(h.id) filter (where h.held and h.cancelled), '[]'),
    'gone', coalesce(jsonb_agg(h.id) filter (where h.held is not true), '[]'))
  into told
  from (
    select b.id, case when j.id is not null then j.lease = b.lease and j.state = 'running' and j.worker = beat.worker
        else countersign_queue.holds_attempt(beat.worker, b.id, b.lease) end as held,
      j.cancel_requested_at is not null as cancelled
    from jsonb_to_recordset(held) b (id text, lease bigint) left join countersign_queue.jobs j on j.id = b.id offset 0
  ) h;
  return told;
end $$;

-- Signs a worker off: what it still held is found and given to others by the next rescue. Locks that row.
create or replace function countersign_queue.release_worker(worker text) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  update countersign_queue.workers w set lost_at = clock_timestamp() where w.id = worker;
end;

select countersign_queue.grant_functions('countersign_worker', array['settle_claims', 'finish', 'finish_in_tx', 'progress', 'start', 'beat', 'release_worker']);
select countersign_queue.as_owner();
