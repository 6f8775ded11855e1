-- Claiming from the ring, and how a job leaves it for a row of jobs. Locks, always in this order: lanes (class coul, ascending within one call, tried
-- and not waited for by claims), stripes of claims (class cous, ascending), rows of jobs (ascending by id). Rows of a queue are claimed under its lock of
-- claims (class couk, hold_claims in 0012), which is waited for before the first row alone.
select countersign_queue.as_engine();

-- The lock under which a lane's cursor is read and moved (Q36), until the transaction ends.
create function countersign_queue.try_lane(of_lane integer) returns boolean
language sql volatile return pg_try_advisory_xact_lock(1668248940, of_lane);
create function countersign_queue.lock_lane(of_lane integer) returns void
language sql volatile return pg_advisory_xact_lock(1668248940, of_lane);
-- The lock under which positions of a claim are ended: finish, rescue and whoever makes an attempt leave its claim.
create function countersign_queue.lock_stripe(of_claim bigint) returns void
language sql volatile return pg_advisory_xact_lock(1668248947, ((of_claim >> 4) & 63)::integer);

-- Which positions of a claim are still open, as bits of its length. Exact only under its stripe.
do $do$
begin
  execute replace($make$
create function countersign_queue.open_bits(of_claim bigint, n integer) returns bit varying
language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
  open bit varying := repeat('1', n)::bit varying;
  s integer := of_claim & 15;
  closed bit varying;
begin
  {each}
  return open;
end $$;
$make$, '{each}', countersign_queue.by_slot($each$
    for closed in select k.bits from countersign_queue.closures_%s k where k.claim = of_claim loop
      if closed is null then
        return repeat('0', n)::bit varying;
      end if;
      open := open & ~closed;
    end loop;$each$));
end $do$;

-- The newest generation up to which nobody can write any more: what is pruned, and what was declared quiet without a gap. All up to `known` is.
create function countersign_queue.quiet_upto(known bigint) returns bigint
language sql stable
return (
  select min(g.generation) - 1 from countersign_queue.generations g
  where g.generation > known and not exists (select from countersign_queue.prunings p where p.generation = g.generation)
    and not exists (select from countersign_queue.quiets q where q.generation = g.generation));

-- Writes ring rows as rows of jobs: as ready (leases null), or as the running attempts of a claim. The caller has made sure, under the lane or the
-- stripe, that they are nobody else's, and says so in the ring (tombstone, closure, or a cursor that moves past them).
create function countersign_queue.insert_rows(of_slot smallint, of_lane integer, xids xid8[], nums bigint[], to_state text, leases bigint[],
  who text, of_token uuid, since timestamptz, verdict text default null) returns void
language plpgsql volatile as $$
declare
  limits jsonb;
begin
  select jsonb_object_agg(k.name, k.settings) into limits from countersign_queue.kinds k where k.settings ?| array['deadline_ms', 'max_attempts'];
  insert into countersign_queue.jobs (id, tenant_id, ord, queue, kind, priority, state, state_reason, payload, payload_bytes, payload_version, attempt, max_attempts,
    max_attempts_own, max_crashes, lease, claim_token, worker, started_at, claimed_at, deadline_ms, deadline_at, backoff, keep_output_ms, run_at,
    enqueued_at, finished_at, metadata, tags, trace, awaited)
  select r.id, r.tenant_id, (floor(extract(epoch from r.enqueued_at) * 1000)::bigint << 20) | (r.num & 1048575), l.queue, r.kind, l.priority, to_state, verdict, r.payload, octet_length(r.payload::text), coalesce((r.rest ->> 'payload_version')::integer, 1),
    case when u.lease is null then 0 else 1 end,
    coalesce((r.rest ->> 'max_attempts')::integer, case when u.lease is not null then (limits -> r.kind ->> 'max_attempts')::integer end, 25),
    coalesce(r.rest ? 'max_attempts', false), (r.rest ->> 'max_crashes')::integer,
    coalesce(u.lease, 0), of_token, who, since, since, (r.rest ->> 'deadline_ms')::bigint,
    case when to_state = 'running' then since + nullif(coalesce((r.rest ->> 'deadline_ms')::bigint, (limits -> r.kind ->> 'deadline_ms')::bigint, 300000), 0)
      * interval '1 millisecond' end,
    r.rest -> 'backoff', (r.rest ->> 'keep_output_ms')::bigint, r.enqueued_at, r.enqueued_at,
    case when to_state in ('cancelled', 'completed') then countersign_queue.now() end,
    coalesce(r.rest -> 'metadata', '{}'), coalesce(array(select jsonb_array_elements_text(r.rest -> 'tags')), '{}'), r.rest -> 'trace',
    exists (select from countersign_queue.awaited a where a.job_id = r.id)
  from unnest(xids, nums, leases) with ordinality u (xid, num, lease, n)
  cross join lateral countersign_queue.read_row(of_slot, of_lane, u.xid, u.num) r
  join countersign_queue.lanes l on l.lane = of_lane
  order by u.n;
end $$;

-- Sets ready ring rows aside before their turn (their lane is locked): rows of jobs, and a tombstone each.
create function countersign_queue.set_aside(of_slot smallint, of_lane integer, xids xid8[], nums bigint[]) returns void
language plpgsql volatile as $$
begin
  perform countersign_queue.insert_rows(of_slot, of_lane, xids, nums, 'ready', null, null, null, null);
  insert into countersign_queue.tombstones (lane, xid, num, slot) select of_lane, u.xid, u.num, of_slot from unnest(xids, nums) u (xid, num);
end $$;

-- The transactions that a snapshot leaves out, ascending. As a text it names them behind its second colon; a set-returning call costs ten times that.
create function countersign_queue.left_out(seen pg_snapshot) returns xid8[]
language sql immutable
return string_to_array(split_part(seen::text, ':', 3), ',')::xid8[];

-- The ranges of a window that may hold rows behind a position, in order: each late committer of lo that hi sees, then the new ids, stepping over those
-- still open in hi (Q38). A range is (from_xid, from_num) < row < (to_xid, to_num).
create function countersign_queue.window_ranges(lo pg_snapshot, hi pg_snapshot, p_xid xid8, p_num bigint,
  out from_xids xid8[], out from_nums bigint[], out to_xids xid8[], out to_nums bigint[])
language plpgsql immutable as $$
declare
  most constant bigint := 9223372036854775807;
  a_xid xid8 := pg_snapshot_xmax(lo);
  a_num bigint := 0;
  end_xid xid8 := pg_snapshot_xmax(hi);
  x xid8;
begin
  if pg_snapshot_xmin(lo) <> a_xid then
    foreach x in array countersign_queue.left_out(lo) loop
      if x >= p_xid and pg_visible_in_snapshot(x, hi) then
        from_xids := from_xids || x;
        from_nums := from_nums || case when x = p_xid then p_num else 0 end;
        to_xids := to_xids || x;
        to_nums := to_nums || most;
      end if;
    end loop;
  end if;
  if (p_xid, p_num) > (a_xid, a_num) then
    a_xid := p_xid;
    a_num := p_num;
  end if;
  if pg_snapshot_xmin(hi) <> end_xid then
    foreach x in array countersign_queue.left_out(hi) loop
      continue when x < a_xid;
      from_xids := from_xids || a_xid;
      from_nums := from_nums || a_num;
      to_xids := to_xids || x;
      to_nums := to_nums || 0::bigint;
      a_xid := x;
      a_num := most;
    end loop;
  end if;
  from_xids := from_xids || a_xid;
  from_nums := from_nums || a_num;
  to_xids := to_xids || end_xid;
  to_nums := to_nums || 0::bigint;
end $$;

-- What a packed job says of its options behind the moment it was enqueued, where these are not the default: its deadline in ms, its most attempts, all of them.
create function countersign_queue.packed_rest(rest jsonb, rules jsonb) returns text
language sql immutable
return coalesce(nullif(coalesce((rest ->> 'deadline_ms')::bigint, (rules ->> 'deadline_ms')::bigint, 300000), 0)::text, 'null') || ','
  || coalesce((rest ->> 'max_attempts')::integer, (rules ->> 'max_attempts')::integer, 25) || ',' || coalesce(rest::text, 'null') || ']';

-- Claims up to `most` ready rows of a lane for a worker: their number and bytes, and the group as text of JSON (see claim_packed). taken = -1: somebody else
-- is at this lane. Each statement is one of its own, so that each has a fresh snapshot: lock, cursor, rows (Q36). Rows of kinds that the worker may
-- not take from here are set aside as rows of jobs. Writes nothing when it finds nothing, unless finding nothing took long (Q39).
-- Locks: tries the lane, until the transaction ends. Never waits.
do $do$
begin
  execute replace(replace($make$
create function countersign_queue.claim_lane(of_lane integer, of_queue text, of_priority smallint, most integer, known text[], who text, of_token uuid,
  at timestamptz, limits jsonb, out taken integer, out bytes bigint, out packed text, out claim_id bigint)
language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
  c countersign_queue.claims;
  w countersign_queue.claims;
  newest bigint;
  gens bigint[];
  g bigint;
  s integer;
  lo pg_snapshot;
  hi pg_snapshot;
  floor_now bigint;
  quiet_now bigint;
  ranges record;
  stones jsonb;
  skipped integer := 0;
  xs xid8[] := '{}';
  ns bigint[] := '{}';
  last_xid xid8;
  last_num bigint;
  last_generation bigint;
  cnt integer;
  strangers integer;
  soonest bigint;
  large integer;
  whole boolean := false;
  one_size integer;
  moved boolean := false;
  same boolean;
  began timestamptz := clock_timestamp();
  new_id bigint;
begin
  taken := 0;
  bytes := 0;
  if not countersign_queue.try_lane(of_lane) then
    taken := -1;
    return;
  end if;
  -- The cursor: nearly always in the newest slot, where whoever had the lane before left it.
  newest := countersign_queue.current_generation();
  s := newest & 15;
  {cursor}
  if c.id is null then
    c := countersign_queue.cursor_in(of_lane, countersign_queue.live_generations());
    if c.id is null then
      taken := -1;
      return;
    end if;
  elsif c.window_of is not null then
    w := countersign_queue.claim_by_id(c.window_of);
    c.window_lo := w.window_lo;
    c.window_hi := w.window_hi;
  end if;
  -- Transaction ids do not survive a logical copy: behind a cursor with larger ones every new job would stay unseen (Q42).
  if pg_snapshot_xmax(c.window_hi) > pg_snapshot_xmax(pg_current_snapshot()) then
    raise exception 'the database is a copy: reanchor() comes before the next claim' using errcode = 'QJ008';
  end if;
  -- Rows that were set aside, by their numbers; null almost always.
  stones := (select jsonb_object_agg(t.num, null) from countersign_queue.tombstones t where t.lane = of_lane);
  if stones is not null then
    -- Each range reads that many more, or a run of tombstones as long as the claim would look like the end of the lane.
    skipped := (select count(*) from jsonb_object_keys(stones));
  end if;
  lo := c.window_lo;
  hi := c.window_hi;
  floor_now := c.floor;
  quiet_now := c.quiet;
  last_generation := c.pos_generation;
  last_xid := c.pos_xid;
  last_num := c.pos_num;
  <<windows>>
  for turn in 1..2 loop
    if turn = 2 then
      floor_now := greatest(floor_now, quiet_now + 1);
      if quiet_now + 1 < newest then
        quiet_now := countersign_queue.quiet_upto(quiet_now);
      end if;
      lo := hi;
      hi := countersign_queue.snapshot_now();
      last_generation := 0;
      last_xid := '0';
      last_num := 0;
      continue when hi::text = lo::text;
      -- Read behind the window's end: what that shows may lie in a generation that was opened just before it.
      newest := countersign_queue.current_generation();
    end if;
    continue when hi::text = lo::text;
    gens := case when floor_now >= newest then array[newest] else countersign_queue.generations_from(floor_now) end;
    for i in reverse cardinality(gens)..1 loop
      g := gens[i];
      continue when g < floor_now or g < last_generation;
      s := g & 15;
      ranges := countersign_queue.window_ranges(lo, hi, case when g = last_generation then last_xid else '0'::xid8 end,
        case when g = last_generation then last_num else 0 end);
      loop
        {rows}
        -- A claim stops at 8 MiB but gives at least one job (Q45). Large payloads are measured one by one before any is spoken: a thousand of them
        -- would not fit into a value of the database. Small ones that are too much together are halved until they fit.
        if large > 0 and not whole then
          whole := true;
          bytes := 0;
          cnt := 0;
          for one_size in
            select octet_length(r.payload::text) from unnest(ranges.from_xids, ranges.from_nums, ranges.to_xids, ranges.to_nums) b (fx, fn, tx, tn)
            cross join lateral countersign_queue.read_slot(s::smallint, of_lane, b.fx, b.fn, b.tx, b.tn, most + skipped) r
            where stones is null or not stones ? r.num::text
            limit most
          loop
            bytes := bytes + one_size;
            exit when bytes > 8388608 and cnt > 0;
            cnt := cnt + 1;
          end loop;
          most := greatest(cnt, 1);
          continue;
        end if;
        exit when coalesce(bytes, 0) <= 8388608 or cnt = 1;
        most := greatest(cnt / 2, 1);
      end loop;
      if cnt > 0 then
        last_generation := g;
        last_xid := xs[cnt];
        last_num := ns[cnt];
        moved := true;
        if i = 1 and cnt < most then
          -- The window is walked through: said now, the next claim need not look into it again. Behind the cursor is then all that hi sees.
          lo := hi;
          last_generation := 0;
          last_xid := '0';
          last_num := 0;
        end if;
        if strangers > 0 then
          -- The worker may not run these: set aside all of this batch, so that those that it knows come from there in order, at once.
          perform countersign_queue.insert_rows((g & 15)::smallint, of_lane, xs, ns, 'ready', null, null, null, null);
          cnt := 0;
          bytes := 0;
          packed := null;
        end if;
        exit windows;
      end if;
    end loop;
  end loop windows;
  if not moved then
    bytes := 0;
    packed := null;
    -- Nothing there: the cursor stays, and the next claim looks again from where it is, unless that look was long: in time, or over many slots, as in
    -- a lane that had nothing while the ring turned for others. Such a move of the cursor alone names no worker, and is no reason to turn (see rotate).
    if hi::text = lo::text or (clock_timestamp() - began < interval '20 milliseconds' and cardinality(gens) < 4) then
      return;
    end if;
    who := null;
    of_token := null;
    g := c.row_generation;
    last_generation := 0;
    last_xid := '0';
    last_num := 0;
    -- Both windows are walked through: what the next one needs is their end.
    lo := hi;
    cnt := 0;
  end if;
  -- The same window in the same slot, and long: named, not repeated (Q40).
  same := moved and (c.id & 15) = (newest & 15) and cardinality(countersign_queue.left_out(hi)) + cardinality(countersign_queue.left_out(lo)) > 16
    and lo::text = c.window_lo::text and hi::text = c.window_hi::text;
  new_id := nextval('countersign_queue.claim_num') << 4 | (newest & 15);
  insert into countersign_queue.claims (id, slot, lane, row_generation, n, xids, nums, worker, token, claimed_at, deadline_at,
    window_of, window_lo, window_hi, pos_generation, pos_xid, pos_num, floor, quiet)
  values (new_id, newest & 15, of_lane, g, cnt, case when cnt > 0 then xs else '{}' end, case when cnt > 0 then ns else '{}' end,
    who, of_token, at, at + soonest * interval '1 millisecond',
    case when same then coalesce(c.window_of, c.id) end, case when not same then lo end, case when not same then hi end,
    last_generation, last_xid, last_num, floor_now, quiet_now);
  -- The insert took the lock that prune needs; when it was there first, this claim would stand in a slot that nobody reads.
  if exists (select from countersign_queue.prunings p where p.generation = newest) then
    raise exception 'the ring turned once around during this claim' using errcode = '40001';
  end if;
  taken := cnt;
  claim_id := case when moved then new_id end;
  if cnt > 0 then
    packed := '{"lease":' || (new_id << 10) || ',"queue":' || to_json(of_queue) || ',"priority":' || of_priority || ',"jobs":[' || packed || ']}';
  end if;
end $$;
$make$,
  '{cursor}', countersign_queue.by_slot('select * into c from countersign_queue.claims_%s k where k.lane = of_lane order by k.lane desc, k.id desc limit 1;')),
  '{rows}', countersign_queue.by_slot($rows$
        select count(*), array_agg(r.xid), array_agg(r.num), sum(octet_length(r.body)),
          count(*) filter (where r.kind <> all (known)), count(*) filter (where r.body is null),
          min(case when r.rest is null and limits is null then 300000
            else nullif(coalesce((r.rest ->> 'deadline_ms')::bigint, (limits -> r.kind ->> 'deadline_ms')::bigint, 300000), 0) end),
          string_agg('["' || r.id || '","' || r.tenant_id || '","' || r.kind || '",' || r.body || ','
            || round(date_part('epoch', r.enqueued_at) * 1000)::bigint || case when r.rest is null and limits is null then ',300000,25,null]'
              else ',' || countersign_queue.packed_rest(r.rest, limits -> r.kind) end, ',')
        into cnt, xs, ns, bytes, strangers, large, soonest, packed
        from (
          select r.*, case when whole or pg_column_size(r.payload) <= 2000 then r.payload::text end as body
          from unnest(ranges.from_xids, ranges.from_nums, ranges.to_xids, ranges.to_nums) b (fx, fn, tx, tn)
          cross join lateral (
            select q.id, q.tenant_id, q.xid, q.num, q.kind, q.enqueued_at, q.payload, q.rest from countersign_queue.ring_%s q
            where q.lane = of_lane and (q.xid, q.num) > (b.fx, b.fn) and (q.xid, q.num) < (b.tx, b.tn)
            order by q.xid, q.num limit most + skipped) r
          where stones is null or not stones ? r.num::text
          limit most) r;$rows$));
end $do$;

-- The first generation in which a row may lie that is not behind a cursor. When its window is walked through, that is the first one that was not
-- quiet when the window ended.
create function countersign_queue.first_generation(c countersign_queue.claims) returns bigint
language plpgsql immutable as $$
begin
  return case when c.pos_generation = 0 and c.window_lo::text = c.window_hi::text then greatest(c.floor, c.quiet + 1) else c.floor end;
end $$;

-- When the job at the head of a lane was enqueued, as far as one probe a slot tells: null when nothing waits, or only what committed late. For the
-- order of lanes alone, never for whether to look: takes no lock. gens: live generations, newest first.
create function countersign_queue.lane_head(of_lane integer, gens bigint[]) returns timestamptz
language plpgsql volatile as $$
declare
  c countersign_queue.claims := countersign_queue.cursor_in(of_lane, gens);
  g bigint;
  first_one bigint := countersign_queue.first_generation(c);
  r countersign_queue.ring;
  a_xid xid8;
  a_num bigint;
begin
  for i in reverse cardinality(gens)..1 loop
    g := gens[i];
    continue when g < first_one;
    a_xid := pg_snapshot_xmax(c.window_lo);
    a_num := 0;
    if g = c.pos_generation and (c.pos_xid, c.pos_num) > (a_xid, a_num) then
      a_xid := c.pos_xid;
      a_num := c.pos_num;
    elsif g < c.pos_generation then
      a_xid := pg_snapshot_xmax(c.window_hi);
    end if;
    select * into r from countersign_queue.read_slot((g & 15)::smallint, of_lane, a_xid, a_num, '18446744073709551615', 0, 1) q;
    if r.id is not null then
      return r.enqueued_at;
    end if;
  end loop;
  return null;
end $$;

-- Whether a claim of many queues, which holds that many locks, shall lock one lane more: a transaction holds 64 advisory locks at the most (Q154). Beyond the first sixteen a lane without a head is left alone, but for a few by lot: the head does not
-- see who commits late, so each lane must have its turn. Takes no lock.
create function countersign_queue.is_worth_a_lock(locks integer, of_lane integer) returns boolean
language plpgsql volatile as $$
begin
  return locks < 48 and (random() < 0.1 or countersign_queue.lane_head(of_lane, countersign_queue.live_generations()) is not null);
end $$;

-- The row path of a claim: up to n ready rows of a queue at some priorities, in order, each with its new lease. Locks the jobs it takes, skipping
-- what others hold; nothing else waits for it. A suspect (a job lost with its worker) is given alone (Q18).
create function countersign_queue.claim_rows(worker text, token uuid, q text, known text[], n integer, suspect_allowed boolean, at timestamptz,
  limits jsonb, priorities smallint[] default null) returns jsonb[]
language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off
as $$
declare
  taken jsonb[] := '{}';
  ids text[];
  one text;
  handed jsonb;
  bytes bigint := 0;
begin
  ids := case when suspect_allowed and n > 0 then array(
    select j.id from countersign_queue.jobs j
    where j.queue = q and j.state = 'ready' and j.crashes > 0 and j.kind = any (known) and (priorities is null or j.priority = any (priorities))
    order by j.priority, j.ord limit 1 for update skip locked) else '{}' end;
  ids := ids || array(
    select j.id from countersign_queue.jobs j
    where j.queue = q and j.state = 'ready' and j.crashes = 0 and j.kind = any (known) and (priorities is null or j.priority = any (priorities))
    order by j.priority, j.ord limit n - cardinality(ids) for update skip locked);
  foreach one in array ids loop
    update countersign_queue.jobs j set
      state = 'running', state_reason = null, attempt = j.attempt + case when j.resumes then 0 else 1 end, lease = j.lease + 1,
      claim_token = token, worker = claim_rows.worker, claimed_at = at, started_at = case when j.crashes = 0 then at end,
      settled_as = null,
      max_attempts = case when j.max_attempts_own then j.max_attempts else coalesce((limits -> j.kind ->> 'max_attempts')::integer, 25) end,
      deadline_at = at
        + nullif(coalesce(j.deadline_ms, (limits -> j.kind ->> 'deadline_ms')::bigint, 300000), 0) * interval '1 millisecond'
    where j.id = one
    returning countersign_queue.handed(j, at), bytes + j.payload_bytes into handed, bytes;
    taken := taken || handed;
    exit when bytes >= 8388608;
  end loop;
  return taken;
end $$;

-- What a worker wants, from ring and rows. The one place that gives jobs away. The answer is text of JSON, {lost, claims: [{lease, queue, priority, jobs}],
-- jobs, wait_ms}: as json every byte of it would be read once more before it leaves, a third of the cost of a large claim.
-- Never gives a job of a paused queue or kind, of a kind the worker does not name, nor further ones of a queue after 8 MiB.
create function countersign_queue.claim_packed(worker text, token uuid, wants jsonb, sleep_ms integer default 0, relaxed boolean default false)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
-- The plan may not depend on statistics (Q70): the partial index gives both the rows and their order;
-- and a plan is made once a session: making one costs more than a claim of one job.
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
  at timestamptz := countersign_queue.now();
  durability text;
  lost boolean;
  asks_until timestamptz;
  asked text[];
  some_ready boolean;
  some_due boolean;
  some_turns boolean;
  w jsonb;
  q text;
  paused boolean;
  rows_ready boolean;
  level smallint;
  kinds_asked jsonb;
  kinds_named text[];
  special boolean;
  settings_now jsonb;
  queue_settings jsonb;
  known text[];
  in_ring text[];
  any_due boolean;
  any_turn boolean;
  quiet text[] := '{}';
  rated text[] := '{}';
  suspect boolean;
  rows_taken jsonb[] := '{}';
  more jsonb[];
  groups text[] := '{}';
  room integer;
  shared integer := 0;
  gave integer;
  limits jsonb;
  next_due timestamptz;
  source record;
  got record;
  busy boolean := false;
  aside boolean;
  lanes integer[];
  gens bigint[];
  set_aside text[] := '{}';
  aging double precision;
  mine uuid;
  locks integer := 0;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    perform countersign_queue.check_isolation();
  end if;
  if exists (select from countersign_queue.principals b where b.login = session_user) then
    mine := countersign_queue.check_claim(wants);
  end if;
  -- Of this transaction alone, which is the claim's own: a lost claim is a claim again, and its token tells them apart (Q15, Q47).
  if relaxed then
    durability := set_config('synchronous_commit', 'off', true);
  end if;
  -- Shared with other claims of this worker; rescue takes it alone before it declares the worker lost, so that no claim appears behind its back.
  if not pg_try_advisory_xact_lock_shared(1668248951, hashtext(worker)) then
    return '{"lost":true,"claims":[],"jobs":[],"wait_ms":null}';
  end if;
  select m.lost_at is not null, m.sleeps_until into lost, asks_until from countersign_queue.workers m where m.id = worker;
  if lost is not false then
    return '{"lost":true,"claims":[],"jobs":[],"wait_ms":null}';
  end if;
  -- Whether any of the queues has rows of jobs that could be given, one look for all: where only the ring is used, nothing else asks for them.
  asked := case when jsonb_array_length(wants) = 1 then array[wants -> 0 ->> 'queue'] else array(select e ->> 'queue' from jsonb_array_elements(wants) e) end;
  some_ready := exists (select from countersign_queue.jobs j where j.queue = any (asked) and j.state = 'ready');
  some_due := exists (select from countersign_queue.jobs j where j.state in ('scheduled', 'retrying') and j.queue = any (asked) and j.run_at <= at);
  some_turns := exists (select from countersign_queue.turns t where t.queue = any (asked) and t.due <= at);
  for place in 0..jsonb_array_length(wants) - 1 loop
    w := wants -> place;
    q := w ->> 'queue';
    room := least((w ->> 'n')::integer, (w ->> 'of')::integer - shared, 1000);
    continue when room <= 0;
    select s.settings, s.paused_at is not null as paused into settings_now, paused from countersign_queue.queues s where s.name = q;
    continue when paused;
    any_due := some_due and exists (
      select from countersign_queue.jobs j where j.state in ('scheduled', 'retrying') and j.queue = q and j.run_at <= at);
    any_turn := some_turns and exists (select from countersign_queue.turns t where t.queue = q and t.what = 'order' and t.due <= at);
    -- A queue may stand among the wants more than once, and an earlier turn may have set jobs of it aside.
    rows_ready := any_due or any_turn or q = any (set_aside)
      or (some_ready and exists (select from countersign_queue.jobs j where j.queue = q and j.state = 'ready'));
    if rows_ready then
      if locks < 48 and countersign_queue.hold_claims(q, countersign_queue.judges(q, settings_now, array(select jsonb_array_elements_text(w -> 'kinds')), at)) then
        locks := locks + 1;
        -- Behind a wait: what another claim took meanwhile was taken later than this one began.
        at := greatest(at, countersign_queue.now());
        if any_due then
          perform countersign_queue.promote(q, at, 4096);
        end if;
        -- Strict jobs whose head ended while they were being enqueued.
        if any_turn then
          perform countersign_queue.take_turns(q, at);
        end if;
        if any_due or any_turn then
          some_ready := true;
          rows_ready := exists (select from countersign_queue.jobs j where j.queue = q and j.state = 'ready');
        end if;
      else
        -- Another claim judges its rows just now, or these are queues enough: this one gives of the ring and of other queues, and comes back.
        rows_ready := false;
        busy := true;
      end if;
    end if;
    if q <> all (quiet) then
      quiet := quiet || q;
      if settings_now ? 'rate' then
        rated := rated || q;
      end if;
    end if;
    select array_agg(a.lane), min(a.priority) into lanes, level from countersign_queue.lanes a where a.queue = q;
    continue when not rows_ready and lanes is null;
    if known is null or kinds_asked is distinct from w -> 'kinds' or queue_settings is distinct from settings_now then
      kinds_asked := w -> 'kinds';
      queue_settings := settings_now;
      select array_agg(k), bool_or(s.paused_at is not null or s.settings <> '{}') into kinds_named, special
      from jsonb_array_elements_text(kinds_asked) k left join countersign_queue.kinds s on s.name = k;
      kinds_named := coalesce(kinds_named, '{}');
      if special or queue_settings <> '{}' then
        -- Kinds that the worker names and nobody paused; what they declare; and those of them whose jobs may stand in the ring.
        select coalesce(array_agg(k) filter (where s.paused_at is null), '{}'),
          jsonb_object_agg(k, s.settings) filter (where s.settings ?| array['deadline_ms', 'max_attempts']),
          coalesce(array_agg(k) filter (where s.paused_at is null and not countersign_queue.needs_row('{}', s.settings, queue_settings)), '{}')
        into known, limits, in_ring
        from unnest(kinds_named) k left join countersign_queue.kinds s on s.name = k;
      else
        known := kinds_named;
        in_ring := kinds_named;
        limits := null;
      end if;
    end if;
    gave := 0;
    aside := false;
    if rows_ready and suspect is null then
      suspect := not exists (select from countersign_queue.jobs r where r.state = 'running' and r.worker = claim_packed.worker and r.crashes > 0);
    end if;
    if not rows_ready and cardinality(lanes) = 1 then
      -- As almost always: one lane, and nothing to weigh it against.
      if locks >= 16 and not countersign_queue.is_worth_a_lock(locks, lanes[1]) then
        busy := busy or locks >= 48;
        continue;
      end if;
      locks := locks + 1;
      for look in 1..8 loop
        got := countersign_queue.claim_lane(lanes[1], q, level, room, in_ring, worker, token, at, limits);
        exit when got.taken <> 0 or got.claim_id is null;
        aside := true;
      end loop;
      if got.taken > 0 then
        groups := groups || got.packed;
        gave := got.taken;
      end if;
      busy := busy or got.taken < 0;
      lanes := null;
    end if;
    if lanes is not null or rows_ready then
      aging := coalesce((queue_settings ->> 'aging_ms')::float8, 60000) / 1000;
      gens := countersign_queue.live_generations();
      -- Sources of this queue by effective priority, ties to the oldest head (Q44): lanes of the ring, and the rows at each priority.
      for source in
        select s.lane, s.priority, s.n as sources from (
          select l.lane, l.priority, count(*) over () as n from (
            select l.lane, l.priority from countersign_queue.lanes l where l.lane = any (lanes)
            union all
            select null, p.priority from (values (1::smallint), (2::smallint), (3::smallint), (4::smallint)) p (priority) where rows_ready and exists (
              select from countersign_queue.jobs j where j.queue = q and j.state = 'ready' and j.priority = p.priority)
          ) l
        ) s
        left join lateral (
          select case when s.lane is not null then countersign_queue.lane_head(s.lane, gens) else (
            select j.enqueued_at from countersign_queue.jobs j where j.queue = q and j.state = 'ready' and j.priority = s.priority and j.aside is null
            order by j.ord limit 1) end as since
          where s.n > 1
        ) h on true
        order by case when aging > 0 then greatest(1, s.priority - floor(extract(epoch from at - h.since) / aging)) else s.priority end, h.since nulls last
      loop
        exit when gave >= room;
        if source.lane is null then
          more := countersign_queue.claim_rows(worker, token, q, known, room - gave, suspect, at, limits, array[source.priority]);
          busy := busy or more is null;
          if exists (select from unnest(more) m where (m ->> 'crashes')::integer > 0) then
            suspect := false;
          end if;
          rows_taken := rows_taken || more;
          gave := gave + coalesce(cardinality(more), 0);
        else
          if locks >= 16 and not countersign_queue.is_worth_a_lock(locks, source.lane) then
            busy := busy or locks >= 48;
            continue;
          end if;
          locks := locks + 1;
          -- What it may not take from here it sets aside, and looks again behind that.
          for look in 1..8 loop
            got := countersign_queue.claim_lane(source.lane, q, source.priority, room - gave, in_ring, worker, token, at, limits);
            exit when got.taken <> 0 or got.claim_id is null;
            aside := true;
          end loop;
          if got.taken > 0 then
            groups := groups || got.packed;
            gave := gave + got.taken;
          end if;
          busy := busy or got.taken < 0;
        end if;
      end loop;
    end if;
    if aside then
      set_aside := set_aside || q;
    end if;
    if aside and gave < room then
      suspect := coalesce(suspect, not exists (
        select from countersign_queue.jobs r where r.state = 'running' and r.worker = claim_packed.worker and r.crashes > 0));
      more := countersign_queue.claim_rows(worker, token, q, known, room - gave, suspect, at, limits);
      busy := busy or more is null;
      if exists (select from unnest(more) m where (m ->> 'crashes')::integer > 0) then
        suspect := false;
      end if;
      rows_taken := rows_taken || more;
      gave := gave + coalesce(cardinality(more), 0);
    end if;
    if w ? 'of' then
      shared := shared + gave;
    end if;
  end loop;
  if rows_taken = '{}' and groups = '{}' then
    select min(d.run_at) into next_due from unnest(quiet) q2 cross join lateral (
      select j.run_at from countersign_queue.jobs j
      where j.state in ('scheduled', 'retrying') and j.queue = q2 order by j.run_at limit 1) d;
    next_due := least(next_due, (select min(t.due) from countersign_queue.turns t where t.queue = any (quiet)));
    if rated <> '{}' then
      next_due := least(next_due, (select min(countersign_queue.turn_due(q2, at)) from unnest(rated) q2));
    end if;
  elsif sleep_ms = 0 and asks_until is not null then
    update countersign_queue.workers m set sleeps_until = null where m.id = worker;
  end if;
  -- Producers are to wake it for so long. Said again when half of that is over: a worker that dozes between single jobs writes nothing for each of them.
  if sleep_ms > 0 and coalesce(asks_until < clock_timestamp() + sleep_ms * interval '0.5 milliseconds', true) then
    update countersign_queue.workers m set sleeps_until = clock_timestamp() + sleep_ms * interval '1 millisecond' where m.id = worker;
  end if;
  if mine is not null then
    perform countersign_queue.check_given(mine, groups, rows_taken);
  end if;
  return '{"lost":false,"claims":[' || array_to_string(groups, ',') || '],"jobs":' || case when rows_taken = '{}' then '[]' else to_json(rows_taken)::text end || ',"wait_ms":'
    || coalesce(case when busy then '1' else ceil(extract(epoch from next_due - at) * 1000)::text end, 'null')
    || coalesce(',"paced":["' || replace(nullif(current_setting('countersign.paced', true), ''), ' ', '","') || '"]', '') || '}';
end $$;

-- The same with every job as the object that `handed` makes of a row, for workers in other languages (Q143): {lost, jobs, wait_ms}.
create or replace function countersign_queue.claim(worker text, token uuid, wants jsonb, sleep_ms integer default 0) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select jsonb_build_object('lost', a.answer -> 'lost', 'wait_ms', a.answer -> 'wait_ms', 'jobs', coalesce((
    select jsonb_agg(jsonb_build_object(
      'id', j.value ->> 0, 'tenant_id', j.value ->> 1, 'kind', j.value ->> 2, 'queue', g.value ->> 'queue', 'priority', g.value -> 'priority',
      'payload', j.value -> 3, 'payload_version', coalesce((j.value -> 7 ->> 'payload_version')::integer, 1), 'attempt', 1,
      'max_attempts', j.value -> 6, 'crashes', 0, 'lease', (g.value ->> 'lease')::bigint + j.n - 1,
      'run_at', countersign_queue.spoken(to_timestamp((j.value ->> 4)::numeric / 1000)),
      'enqueued_at', countersign_queue.spoken(to_timestamp((j.value ->> 4)::numeric / 1000)),
      'deadline_at', countersign_queue.spoken(countersign_queue.now() + (j.value ->> 5)::bigint * interval '1 millisecond'),
      'deadline_in_ms', j.value -> 5, 'metadata', coalesce(j.value -> 7 -> 'metadata', '{}'), 'tags', coalesce(j.value -> 7 -> 'tags', '[]'),
      'trace', j.value -> 7 -> 'trace', 'progress', null) order by g.ordinality, j.n)
    from jsonb_array_elements(a.answer -> 'claims') with ordinality g, lateral jsonb_array_elements(g.value -> 'jobs') with ordinality j (value, n)),
    '[]') || (a.answer -> 'jobs'))
  from (select countersign_queue.claim_packed(worker, token, wants, sleep_ms)::jsonb as answer offset 0) a;
end;

-- The claim that names a ring row, by the row's number, which is unique; null when none does. Looks from the newest slot back.
create function countersign_queue.claim_of(r countersign_queue.ring) returns countersign_queue.claims
language plpgsql volatile as $$
declare
  c countersign_queue.claims;
  g bigint;
begin
  foreach g in array countersign_queue.live_generations() loop
    select * into c from countersign_queue.claims k
    where k.slot = (g & 15)::smallint and k.lane = r.lane and k.n > 0 and k.row_generation = r.generation and k.nums @> array[r.num] limit 1;
    if c.id is not null then
      return c;
    end if;
  end loop;
  return null;
end $$;

-- The ring row of a job by its id, whatever became of it; null when it was never there or its slot was truncated.
create function countersign_queue.find_in_ring(job text) returns countersign_queue.ring
language plpgsql volatile as $$
declare
  p record;
  r countersign_queue.ring;
  latest bigint;
begin
  select * into p from countersign_queue.position_of(job);
  if p.xid is null then
    return null;
  end if;
  select last_value >> 22 into latest from countersign_queue.ring_num;
  -- The number's higher bits are not in the id: rows of the ring are no older than some millions of numbers.
  select q.* into r from countersign_queue.lanes l
  cross join generate_series(latest, greatest(latest - 7, 0), -1) h
  cross join unnest(countersign_queue.live_generations()) g
  cross join lateral countersign_queue.read_row((g & 15)::smallint, l.lane, p.xid, h << 22 | p.num_bits) q
  where (l.lane & 4095) = p.lane_bits and q.id = job limit 1;
  return r;
end $$;

-- Makes an attempt of the ring leave its claim for a row of its own (Q53), under its fence: true when it has one now, also when it had before. QJ006
-- outside READ COMMITTED unless it has: an old snapshot would show an open position that was ended since.
-- Locks the claim's stripe until the transaction ends: call it in a transaction of its own when the caller's goes on for long (Q52).
create function countersign_queue.leave_claim(job text, lease bigint, token uuid) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  c countersign_queue.claims;
  r countersign_queue.ring;
  p integer := (lease & 1023)::integer + 1;
begin
  if exists (select from countersign_queue.jobs j where j.id = job) then
    return true;
  end if;
  perform countersign_queue.check_isolation();
  c := countersign_queue.claim_by_id(lease >> 10);
  if c.id is null or c.token <> leave_claim.token or p > c.n then
    return false;
  end if;
  perform countersign_queue.lock_stripe(c.id);
  if get_bit(countersign_queue.open_bits(c.id, c.n), p - 1) = 0 then
    return exists (select from countersign_queue.jobs j where j.id = job);
  end if;
  select * into r from countersign_queue.read_row((c.row_generation & 15)::smallint, c.lane, c.xids[p], c.nums[p]) q;
  if r.id <> job then
    return false;
  end if;
  perform countersign_queue.leave_positions(c, array[p]);
  return true;
end $$;

-- Moves open positions (from 1) of a claim whose stripe is locked to rows of jobs.
create function countersign_queue.leave_positions(c countersign_queue.claims, positions integer[]) returns void
language plpgsql volatile as $$
declare
  bits bit varying := repeat('0', c.n)::bit varying;
  p integer;
begin
  foreach p in array positions loop
    bits := set_bit(bits, p - 1, 1);
  end loop;
  insert into countersign_queue.closures (claim, slot, bits, verdict, at) values (c.id, c.id & 15, bits, 'moved', countersign_queue.now());
  perform countersign_queue.insert_rows((c.row_generation & 15)::smallint, c.lane,
    array(select c.xids[q] from unnest(positions) q), array(select c.nums[q] from unnest(positions) q), 'running',
    array(select c.id << 10 | (q - 1) from unnest(positions) q), c.worker, c.token, c.claimed_at);
end $$;

-- Sees to it that a live job has a row in jobs, so that it can be changed there; what it answers is null then, also when there is no such job.
-- A job that ended in the ring has none: its state is answered. One that was cancelled in the ring gets its row, for it may be retried.
-- QJ006 outside READ COMMITTED when the job is in the ring: an old snapshot would set a job aside that was claimed since.
-- Locks: the lane of a job of the ring, its claim's stripe, until the transaction ends.
create function countersign_queue.own_job(job text) returns text
language plpgsql volatile as $$
declare
  r countersign_queue.ring;
  c countersign_queue.claims;
  p integer;
  said text;
begin
  if exists (select from countersign_queue.jobs j where j.id = job) then
    return null;
  end if;
  r := countersign_queue.find_in_ring(job);
  if r.id is null or not countersign_queue.reaches(r.tenant_id, (select l.queue from countersign_queue.lanes l where l.lane = r.lane), r.kind) then
    return null;
  end if;
  perform countersign_queue.check_isolation();
  perform countersign_queue.lock_lane(r.lane);
  c := countersign_queue.cursor_of(r.lane);
  if not countersign_queue.behind(c, r.generation, r.xid, r.num) then
    if not exists (select from countersign_queue.tombstones t where t.lane = r.lane and t.xid = r.xid and t.num = r.num) then
      perform countersign_queue.set_aside(r.slot, r.lane, array[r.xid], array[r.num]);
    end if;
    return null;
  end if;
  c := countersign_queue.claim_of(r);
  if c.id is null then
    return null;
  end if;
  p := array_position(c.nums, r.num);
  perform countersign_queue.lock_stripe(c.id);
  if get_bit(countersign_queue.open_bits(c.id, c.n), p - 1) = 1 then
    perform countersign_queue.leave_positions(c, array[p]);
    return null;
  end if;
  select k.verdict into said from countersign_queue.closures_of(c.id) k where k.bits is null or get_bit(k.bits, p - 1) = 1;
  if said = 'cancelled' and not exists (select from countersign_queue.jobs j where j.id = job) then
    perform countersign_queue.insert_rows(r.slot, r.lane, array[r.xid], array[r.num], 'cancelled', null, null, null, null, 'drained');
    insert into countersign_queue.tombstones (lane, xid, num, slot, claim) values (r.lane, r.xid, r.num, r.slot, c.id);
    return null;
  end if;
  return case when said <> 'moved' then said end;
end $$;

-- Locks one job of the caller, or none: a job of the ring gets its row first.
create or replace function countersign_queue.lock_job(job text) returns countersign_queue.jobs
language plpgsql volatile as $$
declare
  j countersign_queue.jobs;
begin
  perform countersign_queue.own_job(job);
  select * into j from countersign_queue.jobs q where q.id = job and countersign_queue.reaches(q.tenant_id, q.queue, q.kind) for update;
  return j;
end $$;

drop function countersign_queue.by_slot(text, integer, integer);
select countersign_queue.grant_functions('countersign_worker', array['claim', 'claim_packed', 'leave_claim']);
select countersign_queue.as_owner();
