-- What keeps the ring turning (Q56–Q63): rescue, rotation, prune, carry, and the way back after a logical copy. Every step may be skipped and done by
-- the next tick; none waits for a lock that work holds, nor makes work wait for longer than its own short transaction.
select countersign_queue.as_engine();

-- Whether a claim, of n jobs, has open positions; without its stripe only an opinion.
create function countersign_queue.is_open(of_claim bigint, n integer) returns boolean
language sql volatile return bit_count(countersign_queue.open_bits(of_claim, n)) > 0;

-- Gives back what lost workers held, ends attempts past their deadline and cancels that nobody honoured in the kind's grace (30 s), at most `most` of each.
-- Attempts of the ring leave their claims and are then rows like the others. Locks: tries workers, up to twelve of the lost, tries stripes, up to 48,
-- so that it never holds more than 64 of both (Q154); what it left alone is for the next tick; then the rows, skipping what others
-- hold; a job that its owner is finishing in a transaction is left alone. A worker goes when nothing that it held is open any more.
create or replace function countersign_queue.rescue(at timestamptz, most integer) returns integer
language plpgsql volatile as $$
declare
  w countersign_queue.workers;
  c countersign_queue.claims;
  j countersign_queue.jobs;
  open bit varying;
  late integer[];
  n integer := 0;
  held boolean;
  stripes integer[] := '{}';
begin
  -- By lot, so that some that cannot go yet do not stand before the others.
  for w in select l.* from (
    select q.* from countersign_queue.workers q
    where q.lost_at is not null or q.beat_at + q.lost_after_ms * interval '1 millisecond' < clock_timestamp() order by random() limit 12) l order by l.id
  loop
    -- A claim in flight has this lock, shared: after it no claim of this worker can appear.
    continue when not pg_try_advisory_xact_lock(1668248951, hashtext(w.id));
    update countersign_queue.workers q set lost_at = clock_timestamp() where q.id = w.id and q.lost_at is null
      and q.beat_at + q.lost_after_ms * interval '1 millisecond' < clock_timestamp();
    continue when not exists (select from countersign_queue.workers q where q.id = w.id and q.lost_at is not null);
    held := false;
    for c in select * from countersign_queue.claims k where k.worker = w.id and k.n > 0
      and not exists (select from countersign_queue.closures o where o.slot = k.slot and o.claim = k.id and o.bits is null)
    loop
      held := held or countersign_queue.is_open(c.id, c.n);
      exit when n >= most;
      continue when cardinality(stripes) >= 48 and ((c.id >> 4) & 63)::integer <> all (stripes);
      if pg_try_advisory_xact_lock(1668248947, ((c.id >> 4) & 63)::integer) then
        stripes := array(select distinct u from unnest(stripes || ((c.id >> 4) & 63)::integer) u);
        open := countersign_queue.open_bits(c.id, c.n);
        if bit_count(open) > 0 then
          perform countersign_queue.leave_positions(c, array(select i from generate_series(1, c.n) i where get_bit(open, i - 1) = 1));
          n := n + bit_count(open)::integer;
        end if;
      end if;
    end loop;
    if not held and not exists (select from countersign_queue.jobs q where q.state = 'running' and q.worker = w.id) then
      delete from countersign_queue.workers q where q.id = w.id;
    end if;
  end loop;
  n := 0;
  for j in select * from countersign_queue.jobs q
    where q.state = 'running' and not exists (select from countersign_queue.workers o where o.id = q.worker and o.lost_at is null)
    order by q.id limit most for update skip locked
  loop
    perform countersign_queue.lose_attempt(j, at);
    n := n + 1;
  end loop;
  for c in select * from countersign_queue.claims k where k.deadline_at <= at and k.n > 0
    and not exists (select from countersign_queue.closures o where o.slot = k.slot and o.claim = k.id and o.bits is null) limit most
  loop
    continue when cardinality(stripes) >= 48 and ((c.id >> 4) & 63)::integer <> all (stripes);
    continue when not pg_try_advisory_xact_lock(1668248947, ((c.id >> 4) & 63)::integer);
    stripes := array(select distinct u from unnest(stripes || ((c.id >> 4) & 63)::integer) u);
    open := countersign_queue.open_bits(c.id, c.n);
    late := array(
      select i from generate_series(1, c.n) i
      cross join lateral countersign_queue.read_row((c.row_generation & 15)::smallint, c.lane, c.xids[i], c.nums[i]) r
      left join countersign_queue.kinds s on s.name = r.kind
      where get_bit(open, i - 1) = 1 and c.claimed_at + nullif(coalesce((r.rest ->> 'deadline_ms')::bigint,
        (s.settings ->> 'deadline_ms')::bigint, 300000), 0) * interval '1 millisecond' <= at);
    if cardinality(late) > 0 then
      perform countersign_queue.leave_positions(c, late);
    end if;
  end loop;
  for j in select q.* from countersign_queue.jobs q
    left join countersign_queue.kinds s on s.name = q.kind
    where q.state = 'running' and (q.deadline_at <= at
      or q.cancel_requested_at <= at - coalesce((s.settings ->> 'cancel_grace_ms')::bigint, 30000) * interval '1 millisecond')
    order by q.id limit most for update of q skip locked
  loop
    update countersign_queue.jobs q set claim_token = null where q.id = j.id;
    if j.cancel_requested_at is not null then
      perform countersign_queue.put(j.id, 'cancelled', coalesce(j.cancel_reason, 'cancelled'), null, at);
    else
      perform countersign_queue.fail_attempt(j, 'deadline_expired', 'the attempt passed its deadline', null, null, null, at);
    end if;
    n := n + 1;
  end loop;
  return n;
end $$;

-- Bytes of a slot's ring partition with its index.
create function countersign_queue.slot_bytes(of_slot smallint) returns bigint
language sql volatile
return pg_total_relation_size(format('countersign_queue.ring_%s', lpad(of_slot::text, 2, '0'))::regclass);

-- Opens the next generation when the current slot holds something and is older than 5 s or larger than 256 MiB, and a slot is free (Q59): 1 when the
-- ring turned. The generation's primary key is the compare-and-swap. Takes no other lock; an idle ring costs nothing.
create function countersign_queue.rotate(at timestamptz) returns integer
language plpgsql volatile as $$
declare
  g countersign_queue.generations;
  next_one bigint;
  filled boolean;
begin
  select * into g from countersign_queue.generations o order by o.generation desc limit 1;
  execute format('select exists (select from countersign_queue.ring_%1$s) or exists (select from countersign_queue.claims_%1$s where n > 0 or worker is not null)',
    lpad((g.generation & 15)::text, 2, '0')) into filled;
  if not filled or (g.opened_at > at - interval '5 seconds' and countersign_queue.slot_bytes((g.generation & 15)::smallint) < 268435456) then
    return 0;
  end if;
  select n into next_one from generate_series(g.generation + 1, g.generation + 15) n
  where not exists (select from unnest(countersign_queue.live_generations()) l where (l & 15) = (n & 15)) order by n limit 1;
  if next_one is null then
    return 0;
  end if;
  insert into countersign_queue.generations values (next_one, at) on conflict do nothing;
  return case when found then 1 else 0 end;
end $$;

-- Declares old generations quiet, when nobody who began to write into them is still open. Locks each partition against writers, without waiting for any.
create function countersign_queue.hush(at timestamptz) returns void
language plpgsql volatile as $$
declare
  g bigint;
begin
  foreach g in array countersign_queue.live_generations() loop
    continue when g = countersign_queue.current_generation() or exists (select from countersign_queue.quiets q where q.generation = g);
    begin
      execute format('lock table countersign_queue.ring_%1$s, countersign_queue.claims_%1$s in share mode nowait', lpad((g & 15)::text, 2, '0'));
      insert into countersign_queue.quiets values (g) on conflict do nothing;
    exception when lock_not_available then
      null; -- Somebody's transaction is still open: the next tick asks again.
    end;
  end loop;
end $$;

-- Why a generation may not be truncated, null when it may. Exact only under the lock of its three partitions.
--   writers: not quiet · unclaimed: ready rows lie there · running: a claim of it or of its rows is open
--   · order: a claim there names rows of an older generation that is still live, which is folded first
--   · snapshots: rows were carried out of it, and somebody may still look at the database as it was before. TRUNCATE heeds no snapshot: a dump that
--     began before the carry and comes to these tables after it would find the jobs neither here nor among the rows (Q61).
create function countersign_queue.gate(g bigint) returns text
language plpgsql volatile
set enable_mergejoin = off set jit = off
as $$
declare
  s text := lpad((g & 15)::text, 2, '0');
  l record;
  c countersign_queue.claims;
  shut boolean;
begin
  if not exists (select from countersign_queue.quiets q where q.generation = g) then
    return 'writers';
  end if;
  -- How old a session's snapshot is in transactions, everybody may see; what has no user is autovacuum, which reads no jobs.
  if exists (
    select from countersign_queue.generations o join pg_stat_activity a on age(a.backend_xmin) >= age(o.carried::xid)
    where o.generation = g and o.carried is not null and a.pid <> pg_backend_pid() and a.usesysid is not null
      and a.datid = (select d.oid from pg_database d where d.datname = current_database())
  ) then
    return 'snapshots';
  end if;
  -- A generation that nobody knows any more was pruned long ago.
  execute format($q$
    select exists (select from countersign_queue.claims_%1$s k where k.n > 0 and k.row_generation < $1
      and exists (select from countersign_queue.generations o where o.generation = k.row_generation)
      and not exists (select from countersign_queue.prunings p where p.generation = k.row_generation))$q$, s) into shut using g;
  if shut then
    return 'order';
  end if;
  execute format($q$
    select exists (
      select from (
        select k.id, k.n from countersign_queue.claims_%1$s k where k.n > 0
        union all
        select k.id, k.n from countersign_queue.claims k where k.row_generation = $1 and k.n > 0 and k.slot <> $2
      ) k
      where not exists (select from countersign_queue.closures o where o.slot = (k.id & 15) and o.claim = k.id and o.bits is null)
        and countersign_queue.is_open(k.id, k.n))$q$, s) into shut using g, (g & 15)::smallint;
  if shut then
    return 'running';
  end if;
  for l in execute format($q$
    with recursive each (lane) as (
      (select r.lane from countersign_queue.ring_%1$s r order by r.lane limit 1)
      union all
      select (select r.lane from countersign_queue.ring_%1$s r where r.lane > e.lane order by r.lane limit 1) from each e where e.lane is not null
    ) select lane from each where lane is not null$q$, s)
  loop
    c := countersign_queue.cursor_of(l.lane);
    continue when c.floor > g;
    -- What is older than the window's oldest open transaction is behind it, or was rolled back.
    execute format($q$
      select exists (select from countersign_queue.ring_%1$s r where r.lane = $1.lane and r.xid >= pg_snapshot_xmin($1.window_lo)
        and not countersign_queue.behind($1, r.generation, r.xid, r.num)
        and not exists (select from countersign_queue.tombstones t where t.lane = r.lane and t.xid = r.xid and t.num = r.num))$q$, s)
      into shut using c;
    if shut then
      return 'unclaimed';
    end if;
  end loop;
  return null;
end $$;

-- Carries the cursors whose newest row lies in a slot about to be truncated into the current one (Q41), of `most` lanes at the most: of how many, null
-- when one is busy. Locks (tries) those lanes until the transaction ends, so that no claim reads between.
create function countersign_queue.carry_cursors(g bigint, most integer) returns integer
language plpgsql volatile as $$
declare
  into_generation bigint := countersign_queue.open_slot('claims');
  l integer;
  n integer := 0;
  c countersign_queue.claims;
begin
  for l in execute format('select distinct lane from countersign_queue.claims_%s order by lane', lpad((g & 15)::text, 2, '0')) loop
    exit when n >= most;
    c := countersign_queue.cursor_of(l);
    continue when (c.id & 15) <> (g & 15);
    if not countersign_queue.try_lane(l) then
      return null;
    end if;
    c := countersign_queue.cursor_of(l);
    continue when (c.id & 15) <> (g & 15);
    insert into countersign_queue.claims (id, slot, lane, row_generation, n, xids, nums, claimed_at, window_lo, window_hi, pos_generation, pos_xid,
      pos_num, floor, quiet)
    values (nextval('countersign_queue.claim_num') << 4 | (into_generation & 15), into_generation & 15, l, into_generation, 0, '{}', '{}', c.claimed_at,
      c.window_lo, c.window_hi, c.pos_generation, c.pos_xid, c.pos_num, c.floor, c.quiet);
    n := n + 1;
  end loop;
  return n;
end $$;

-- Truncates the slots whose generation is over for `keep`, oldest first: how many (Q60). The gates are asked, the locks taken without waiting, the gates
-- asked again under them, cursors carried, then TRUNCATE: one transaction, with the history folded in it. A shut gate or a taken lock means: the next tick.
create function countersign_queue.prune(at timestamptz, keep interval default '60 seconds') returns integer
language plpgsql volatile as $$
declare
  gens bigint[] := countersign_queue.live_generations();
  g bigint;
  s text;
  n integer := 0;
  few integer;
  room integer := 48;
begin
  perform countersign_queue.hush(at);
  for i in reverse cardinality(gens)..2 loop
    g := gens[i];
    s := lpad((g & 15)::text, 2, '0');
    -- Over since the next one was opened.
    continue when not exists (select from countersign_queue.generations o where o.generation = gens[i - 1] and o.opened_at <= at - keep);
    continue when countersign_queue.gate(g) is not null;
    -- Beforehand and for good: however many idle lanes there are, a tick locks few of them (Q154), and the next one goes on.
    few := countersign_queue.carry_cursors(g, room);
    continue when few is null;
    room := room - few;
    exit when room <= 0;
    begin
      -- All of it has ended, so that nothing that is folded can change; readers wait for the locks alone.
      perform countersign_queue.fold_slot((g & 15)::smallint, at);
      execute format('lock table countersign_queue.ring_%1$s, countersign_queue.claims_%1$s, countersign_queue.closures_%1$s in access exclusive mode nowait', s);
      if countersign_queue.gate(g) is not null or countersign_queue.carry_cursors(g, 2147483647) is null then
        raise lock_not_available;
      end if;
      execute format('truncate countersign_queue.ring_%1$s, countersign_queue.claims_%1$s, countersign_queue.closures_%1$s', s);
      delete from countersign_queue.tombstones t where t.slot = (g & 15);
      insert into countersign_queue.prunings values (g, at);
      n := n + 1;
    exception when lock_not_available then
      null; -- Somebody reads or ends something there: the next tick.
    end;
    -- One slot a transaction holds its locks for the shortest time.
    exit when n > 0;
  end loop;
  if n > 0 then
    delete from countersign_queue.generations o where o.generation < g - 100 and exists (select from countersign_queue.prunings p where p.generation = o.generation);
    delete from countersign_queue.quiets o where o.generation < g - 100;
    delete from countersign_queue.prunings p where p.generation < g - 100 and not exists (select from countersign_queue.generations o where o.generation = p.generation);
  end if;
  return n;
end $$;

-- Empties slots that hold the ring up (Q61): attempts that outlive a minute leave their claims, and where the ring runs short of slots, what waits there
-- becomes rows of jobs, `most` a call at the most. Locks as a claim (lanes are tried, up to sixteen) and as rescue (stripes are tried, up to 48).
create function countersign_queue.carry(at timestamptz, most integer) returns integer
language plpgsql volatile as $$
declare
  gens bigint[] := countersign_queue.live_generations();
  g bigint;
  c countersign_queue.claims;
  l countersign_queue.lanes;
  open bit varying;
  n integer := 0;
  moved integer := 0;
  got record;
  stripes integer[] := '{}';
  lanes integer[] := '{}';
begin
  for i in reverse cardinality(gens)..2 loop
    if n > moved then
      -- Of the generation before.
      update countersign_queue.generations o set carried = pg_current_xact_id() where o.generation = g;
      moved := n;
    end if;
    g := gens[i];
    continue when not exists (select from countersign_queue.generations o where o.generation = gens[i - 1] and o.opened_at <= at - interval '60 seconds');
    for c in select * from countersign_queue.claims k where (k.slot = (g & 15) or k.row_generation = g) and k.n > 0
      and not exists (select from countersign_queue.closures o where o.slot = k.slot and o.claim = k.id and o.bits is null)
    loop
      exit when n >= most;
      continue when cardinality(stripes) >= 48 and ((c.id >> 4) & 63)::integer <> all (stripes);
      if pg_try_advisory_xact_lock(1668248947, ((c.id >> 4) & 63)::integer) then
        stripes := array(select distinct u from unnest(stripes || ((c.id >> 4) & 63)::integer) u);
        open := countersign_queue.open_bits(c.id, c.n);
        if bit_count(open) > 0 then
          perform countersign_queue.leave_positions(c, array(select p from generate_series(1, c.n) p where get_bit(open, p - 1) = 1));
          n := n + bit_count(open)::integer;
        end if;
      end if;
    end loop;
    continue when cardinality(gens) < 12 or countersign_queue.gate(g) is distinct from 'unclaimed';
    for l in execute format('select * from countersign_queue.lanes a where exists (select from countersign_queue.ring_%s r where r.lane = a.lane) order by a.lane',
      lpad((g & 15)::text, 2, '0'))
    loop
      exit when cardinality(lanes) >= 16;
      lanes := array(select distinct u from unnest(lanes || l.lane) u);
      loop
        exit when n >= most;
        -- A claim that knows no kind sets aside what it finds.
        got := countersign_queue.claim_lane(l.lane, l.queue, l.priority, 1000, '{}', null, null, at, null);
        c := countersign_queue.cursor_of(l.lane);
        exit when got.taken < 0 or got.claim_id is null or c.pos_generation > g;
        n := n + 1000;
      end loop;
    end loop;
    exit when n >= most;
  end loop;
  if n > moved then
    update countersign_queue.generations o set carried = pg_current_xact_id() where o.generation = g;
  end if;
  return n;
end $$;

-- Cancels what is ready in the ring for a queue: how many. Locks its lanes until the transaction ends. Where cancelled jobs have follow-ups or somebody
-- awaits an end, and inside one tenant, they become rows first.
create function countersign_queue.drain_lanes(queue text, reason text, at timestamptz) returns bigint
language plpgsql volatile as $$
declare
  l countersign_queue.lanes;
  got record;
  n bigint := 0;
begin
  if countersign_queue.caller_tenant() is not null or exists (select from countersign_queue.awaited)
    or exists (select from countersign_queue.kinds s where s.settings -> 'follow_ups' @> '[{"on": "cancelled"}]') then
    perform countersign_queue.set_aside_queue(queue);
    return 0;
  end if;
  for l in select * from countersign_queue.lanes a where a.queue = drain_lanes.queue order by a.lane loop
    perform countersign_queue.lock_lane(l.lane);
    loop
      got := countersign_queue.claim_lane(l.lane, l.queue, l.priority, 1000, null, null, null, at, null);
      exit when got.claim_id is null;
      insert into countersign_queue.closures (claim, slot, bits, verdict, at) values (got.claim_id, got.claim_id & 15, null, 'cancelled', at);
      n := n + got.taken;
    end loop;
  end loop;
  return n;
end $$;

-- Makes every ready ring job of a queue a row of jobs. Locks its lanes until the transaction ends.
create function countersign_queue.set_aside_queue(queue text) returns void
language plpgsql volatile as $$
declare
  l countersign_queue.lanes;
  got record;
begin
  for l in select * from countersign_queue.lanes a where a.queue = set_aside_queue.queue order by a.lane loop
    perform countersign_queue.lock_lane(l.lane);
    loop
      got := countersign_queue.claim_lane(l.lane, l.queue, l.priority, 1000, '{}', null, null, countersign_queue.now(), null);
      exit when got.claim_id is null;
    end loop;
  end loop;
end $$;

-- Makes those of some jobs of the caller that are ready in the ring rows of jobs; what is anything else stays where it is. Locks their lanes, ascending,
-- until the transaction ends. QJ006 outside READ COMMITTED, as own_job.
create function countersign_queue.set_aside_jobs(ids text[]) returns void
language plpgsql volatile as $$
declare
  found_ones countersign_queue.ring[] := array(
    select r from unnest(ids) i cross join lateral countersign_queue.find_in_ring(i) r
    where r.id is not null and not exists (select from countersign_queue.jobs j where j.id = i)
      and countersign_queue.reaches(r.tenant_id, (select l.queue from countersign_queue.lanes l where l.lane = r.lane), r.kind));
  of_lane integer;
  c countersign_queue.claims;
  r countersign_queue.ring;
begin
  if found_ones <> '{}' then
    perform countersign_queue.check_isolation();
  end if;
  for of_lane in select distinct (f).lane from unnest(found_ones) f order by 1 loop
    perform countersign_queue.lock_lane(of_lane);
  end loop;
  for of_lane in select distinct (f).lane from unnest(found_ones) f order by 1 loop
    c := countersign_queue.cursor_of(of_lane);
    foreach r in array found_ones loop
      if r.lane = of_lane and not countersign_queue.behind(c, r.generation, r.xid, r.num)
        and not exists (select from countersign_queue.tombstones t where t.lane = r.lane and t.xid = r.xid and t.num = r.num) then
        perform countersign_queue.set_aside(r.slot, r.lane, array[r.xid], array[r.num]);
      end if;
    end loop;
  end loop;
end $$;

-- After a logical copy (dump and restore, logical replication): transaction ids of the ring mean nothing here (Q42). Every job that waits or runs in the
-- ring becomes a row in the old order, behind them what was enqueued since; attempts as lost ones; what is finished is folded; the ring begins anew.
-- Answers how many jobs moved.
-- Locks the whole ring, waiting for whoever uses it, but holds none of it while it waits: whoever writes into the ring reads first which generation
-- that is, so the lock of that table is the door, waited for alone and not for long; what is behind it is tried, and the door given up again when
-- somebody is still inside. Never waits crosswise with anybody; never runs a finished job again.
create function countersign_queue.reanchor() returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz;
  patience text := current_setting('lock_timeout');
  l countersign_queue.lanes;
  c countersign_queue.claims;
  open bit varying;
  g bigint;
  s integer;
  n bigint := 0;
  waiting record;
begin
  perform countersign_queue.check_isolation();
  -- One of these at a time; it stops nobody else.
  lock table countersign_queue.generations in share update exclusive mode;
  loop
    begin
      -- Whoever comes to the door meanwhile waits as long: one transaction that stays open for an hour stops nobody for longer.
      perform set_config('lock_timeout', '250ms', true);
      lock table countersign_queue.generations in access exclusive mode;
      lock table countersign_queue.ring, countersign_queue.claims, countersign_queue.closures in access exclusive mode nowait;
      perform set_config('lock_timeout', patience, true);
      exit;
    exception when lock_not_available then
      perform pg_sleep(0.05 + random() * 0.2);
    end;
  end loop;
  at := countersign_queue.now();
  for c in select * from countersign_queue.claims k where k.n > 0 order by k.id loop
    open := countersign_queue.open_bits(c.id, c.n);
    if bit_count(open) > 0 then
      perform countersign_queue.leave_positions(c, array(select p from generate_series(1, c.n) p where get_bit(open, p - 1) = 1));
      n := n + bit_count(open);
    end if;
  end loop;
  for l in select * from countersign_queue.lanes order by lane loop
    c := countersign_queue.cursor_of(l.lane);
    for waiting in
      select r.slot, array_agg(r.xid order by r.own, r.xid, r.num) as xids, array_agg(r.num order by r.own, r.xid, r.num) as nums, count(*) as n
      from (
        -- What was enqueued here has the transaction that wrote it; what was copied, the one of its old cluster.
        select w.*, w.xmin::text::bigint = (w.xid::text::bigint & 4294967295) as own from countersign_queue.ring w where w.lane = l.lane) r
      where (not countersign_queue.behind(c, r.generation, r.xid, r.num)
          -- Enqueued since the copy was made: its number lies behind a cursor that never saw it.
          or (r.own and not exists (
            select from countersign_queue.claims k cross join lateral unnest(k.xids, k.nums) u (xid, num)
            where k.lane = l.lane and k.row_generation = r.generation and u.xid = r.xid and u.num = r.num)))
        and not exists (select from countersign_queue.tombstones t where t.lane = r.lane and t.xid = r.xid and t.num = r.num)
      group by r.generation, r.slot order by r.generation
    loop
      perform countersign_queue.insert_rows(waiting.slot, l.lane, waiting.xids, waiting.nums, 'ready', null, null, null, null);
      n := n + waiting.n;
    end loop;
  end loop;
  foreach g in array array(select o from unnest(countersign_queue.live_generations()) o order by o) loop
    perform countersign_queue.fold_slot((g & 15)::smallint, at);
    insert into countersign_queue.prunings values (g, at);
  end loop;
  truncate countersign_queue.ring, countersign_queue.claims, countersign_queue.closures;
  delete from countersign_queue.tombstones;
  g := countersign_queue.current_generation() + 1;
  insert into countersign_queue.generations values (g, at);
  s := (g & 15)::integer;
  insert into countersign_queue.claims (id, slot, lane, row_generation, n, xids, nums, claimed_at, window_lo, window_hi, pos_generation, pos_xid, pos_num,
    floor, quiet)
  select nextval('countersign_queue.claim_num') << 4 | s, s, a.lane, g, 0, '{}', '{}', at, countersign_queue.snapshot_now(), countersign_queue.snapshot_now(),
    0, '0', 0, g, g - 1
  from countersign_queue.lanes a;
  return n;
end $$;

-- Whether the ring holds transaction ids of another cluster: a cursor ahead of this one.
create function countersign_queue.is_copy() returns boolean
language plpgsql volatile as $$
declare
  newest xid8;
begin
  select max(pg_snapshot_xmax(c.window_hi)) into newest from countersign_queue.lanes l cross join lateral countersign_queue.cursor_of(l.lane) c;
  -- Looked at after the cursors were: one of a claim that committed meanwhile is ahead of what this began with, and no copy.
  return newest > pg_snapshot_xmax(pg_current_snapshot());
end $$;

-- Forgets what is over: outputs after their time, finished rows after a day (longer while they hold a unique key), dead letters after 30 days, or
-- what their kind or queue says.
create or replace function countersign_queue.clean(at timestamptz, most integer) returns integer
language plpgsql volatile as $$
declare
  forgotten countersign_queue.jobs[];
  n integer := 0;
  -- How long dead letters stay where a kind or, behind it, a queue says so (Q117).
  of_kinds jsonb := (select jsonb_object_agg(k.name, k.settings -> 'keep_dead_letters_ms') from countersign_queue.kinds k where k.settings ? 'keep_dead_letters_ms');
  of_queues jsonb := (select jsonb_object_agg(q.name, q.settings -> 'keep_dead_letters_ms') from countersign_queue.queues q where q.settings ? 'keep_dead_letters_ms');
begin
  update countersign_queue.jobs set output = null, output_until = null where id in (
    select d.id from countersign_queue.jobs d where d.state in ('completed', 'failed', 'cancelled') and d.output_until <= at limit most
    for update skip locked);
  with gone as (
    delete from countersign_queue.jobs r where r.id in (
      select d.id from countersign_queue.jobs d
      where d.state in ('completed', 'failed', 'cancelled')
        and d.finished_at < at - case when d.dead_letter
          then coalesce((of_kinds ->> d.kind)::bigint, (of_queues ->> d.queue)::bigint, 2592000000) * interval '1 millisecond' else interval '1 day' end
        and (d.output_until is null or d.output_until <= at) and (d.unique_until is null or not d.unique_held or d.unique_until <= at)
      limit most for update skip locked)
    returning r as row
  ) select array_agg(g.row), count(*) into forgotten, n from gone g;
  if n > 0 then
    perform countersign_queue.fold_jobs(forgotten, at);
  end if;
  delete from countersign_queue.awaited a where a.job_id = any (array(
    select o.job_id from countersign_queue.awaited o where o.until < clock_timestamp() limit 10000 for update skip locked));
  return n + countersign_queue.clean_history(at);
end $$;

-- Does what is due and answers counts per duty (Q122): rescue, callbacks, promote, rotate, prune, carry, unknown, clean; `duties` names some of them.
-- Each takes at most 500 jobs (promote 4096 a queue, carry 10,000, prune one slot); call again while a count is full. Idempotent. A copy is reanchored,
-- and nothing else done in that call.
-- A duty that needs more advisory locks than those before it left of the 64 (Q154) is not done and has no count: alone in a call, each finds enough.
create or replace function countersign_queue.tick(duties text[] default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
  counts jsonb := '{}';
  n integer;
begin
  perform countersign_queue.check_isolation();
  -- Looks at the cursor of every lane, so it rides on one duty.
  if (duties is null or 'rotate' = any (duties)) and countersign_queue.is_copy() then
    begin
      lock table countersign_queue.generations in share update exclusive mode nowait;
    exception when lock_not_available then
      return counts; -- Somebody else is at it.
    end;
    if countersign_queue.is_copy() then
      return jsonb_build_object('reanchor', countersign_queue.reanchor());
    end if;
  end if;
  if (duties is null or 'rescue' = any (duties)) and countersign_queue.locks_left() >= 60 then
    counts := counts || jsonb_build_object('rescue', countersign_queue.rescue(at, 500));
  end if;
  if duties is null or 'callbacks' = any (duties) then
    counts := counts || jsonb_build_object('callbacks', countersign_queue.expire_callbacks(at, 500));
  end if;
  if duties is null or 'promote' = any (duties) then
    select coalesce(sum(countersign_queue.promote(q.queue, at, 4096)), 0) into n from (
      select distinct j.queue from countersign_queue.jobs j where j.state in ('scheduled', 'retrying') and j.run_at <= at) q;
    -- A lock a queue: by lot where there are many, and the next call takes others.
    perform countersign_queue.take_turns(q.queue, at) from (
      select t.queue from countersign_queue.turns t where t.what = 'order' and t.due <= at group by t.queue order by random()
      limit greatest(0, least(32, countersign_queue.locks_left()))) q;
    counts := counts || jsonb_build_object('promote', n);
  end if;
  if duties is null or 'rotate' = any (duties) then
    counts := counts || jsonb_build_object('rotate', countersign_queue.rotate(at));
  end if;
  if (duties is null or 'prune' = any (duties)) and countersign_queue.locks_left() >= 48 then
    counts := counts || jsonb_build_object('prune', countersign_queue.prune(at));
  end if;
  if (duties is null or 'carry' = any (duties)) and countersign_queue.locks_left() >= 64 then
    counts := counts || jsonb_build_object('carry', countersign_queue.carry(at, 10000));
  end if;
  if duties is null or 'unknown' = any (duties) then
    counts := counts || jsonb_build_object('unknown', countersign_queue.bury_unknown(at, interval '10 minutes', 500));
  end if;
  if duties is null or 'clean' = any (duties) then
    counts := counts || jsonb_build_object('clean', countersign_queue.clean(at, 500) + countersign_queue.clean_limits(at, 500));
  end if;
  return counts;
end $$;

select countersign_queue.grant_functions('countersign_maintenance', array['reanchor', 'tick']);
select countersign_queue.as_owner();
