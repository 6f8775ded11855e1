-- The ring: where ready jobs without anything mutable live (Q25–Q35). Rows are inserted and, a slot at a time, truncated; nothing here is
-- ever updated or deleted. A job that needs more than "ready, claimed, completed" leaves for a row in table jobs, whose rules stay as they are.
--
-- How a slot's rows are read. A lane is (queue, priority, shard). Its cursor is the newest row of `claims` of that lane: two snapshots lo and hi
-- and a position (generation, xid, num). A ring row is BEHIND the cursor when lo sees its xid, or hi sees it and it is not after the position.
-- Behind, and named by a claim: running while no closure covers it, else what the closure says. Behind, and named by no claim: it was set aside
-- (a row of jobs, or gone). Not behind: ready, unless a tombstone says that it was set aside. A row of jobs always wins.
--
-- Consecutive windows share an edge (lo := hi), and snapshots only grow, so that each committed xid becomes visible in exactly one step from
-- lo to hi, whenever it commits: each row is in exactly one window, hence claimed once. Sub-transactions are safe because xid is the top-level
-- one; aborted rows are hidden by ordinary visibility.

-- static: one row per queue, priority and shard that ever had a job
create table countersign_queue.lanes (
  lane integer primary key generated always as identity,
  queue text collate "C" not null check (queue ~ '^[a-z0-9][a-z0-9_.:-]{0,199}$'),
  priority smallint not null check (priority between 1 and 4),
  shard smallint not null default 0 check (shard between 0 and 63),
  unique (queue, priority, shard)
);
comment on table countersign_queue.lanes is 'static: one row per queue, priority and shard that ever had a job';

-- Which slot is filled now: slot = generation mod 16. The primary key is the compare-and-swap of a turn.
create table countersign_queue.generations (
  generation bigint primary key,
  opened_at timestamptz(3) not null,
  -- The newest transaction that carried rows out of its slot: see gate.
  carried xid8
);
comment on table countersign_queue.generations is 'bounded(1000): rows of pruned generations go with the hundredth after them';
-- Generations into which nobody can write any more: every transaction that began to is over.
create table countersign_queue.quiets (generation bigint primary key);
comment on table countersign_queue.quiets is 'bounded(1000): as generations';
-- Generations whose slot was truncated.
create table countersign_queue.prunings (generation bigint primary key, pruned_at timestamptz(3) not null);
comment on table countersign_queue.prunings is 'bounded(1000): as generations';

-- Number of a row within its transaction: a session's cache is fine, for order across transactions comes from xid.
create sequence countersign_queue.ring_num as bigint cache 1024;
-- Number of a claim: without a cache, so that the leases of a job strictly grow.
create sequence countersign_queue.claim_num as bigint;

create table countersign_queue.ring (
  id text collate "C" not null,
  tenant_id uuid not null,
  slot smallint not null,
  lane integer not null,
  generation bigint not null,
  xid xid8 not null,
  num bigint not null,
  kind text collate "C" not null,
  enqueued_at timestamptz(3) not null,
  payload jsonb not null,
  -- Options that are not the default: payload_version, max_attempts, max_crashes, deadline_ms, backoff, keep_output_ms, metadata, tags, trace.
  rest jsonb
) partition by list (slot);
comment on table countersign_queue.ring is 'append_truncate';

-- One row for one claim of a lane: which rows, for whom, and the lane's cursor behind it. n = 0: only moves or carries the cursor.
-- id = claim_num * 16 + slot; the lease of position p (from 0) is id * 1024 + p.
create table countersign_queue.claims (
  id bigint not null,
  slot smallint not null,
  lane integer not null,
  -- The generation of the ring rows that this claim names; they all lie in slot row_generation mod 16.
  row_generation bigint not null,
  n smallint not null,
  xids xid8[] not null,
  nums bigint[] not null,
  worker text collate "C",
  token uuid,
  claimed_at timestamptz(3) not null,
  -- The earliest deadline of its jobs.
  deadline_at timestamptz(3),
  -- The cursor. A claim in the window of an earlier one of its slot names that instead of repeating the snapshots (Q40).
  window_of bigint,
  window_lo pg_snapshot,
  window_hi pg_snapshot,
  pos_generation bigint not null,
  pos_xid xid8 not null,
  pos_num bigint not null,
  -- Generations below have nothing for any later window of this lane; quiet: all up to it were quiet before hi was taken.
  floor bigint not null,
  quiet bigint not null
) partition by list (slot);
comment on table countersign_queue.claims is 'append_truncate';

-- What ends positions of a claim, in the claim's slot. bits: position p is character p + 1; null: the whole claim.
create table countersign_queue.closures (
  claim bigint not null,
  slot smallint not null,
  bits bit varying(1024),
  verdict text collate "C" not null,
  at timestamptz(3) not null
) partition by list (slot);
comment on table countersign_queue.closures is 'append_truncate';

-- Ready ring rows that were set aside before their turn; a claim steps over them.
create table countersign_queue.tombstones (
  lane integer not null,
  xid xid8 not null,
  num bigint not null,
  slot smallint not null,
  -- Null; else the claim that names it: drained, and given a row afterwards. Behind the cursor, so that no claim meets it; it is not counted twice.
  claim bigint,
  primary key (lane, xid, num)
);
comment on table countersign_queue.tombstones is 'bounded: single jobs that somebody changed while they were ready; go with their slot';

-- The order of rows is that of the moment they were enqueued, to the millisecond, then that of their insertion: a job that is set aside from the ring
-- keeps its place among rows (Q32). Rows that were there before this file have smaller numbers, and go first.
alter table countersign_queue.jobs alter column ord drop identity;
create sequence countersign_queue.row_num as bigint cache 64;
alter table countersign_queue.jobs alter column ord set default
  (floor(extract(epoch from countersign_queue.now()) * 1000)::bigint << 20) | (nextval('countersign_queue.row_num') & 1048575);
alter table countersign_queue.queues add column if not exists settings jsonb not null default '{}';
-- A worker found lost stays until all that it held is settled.
alter table countersign_queue.workers add column if not exists lost_at timestamptz;

-- Jobs whose end somebody waits for: finish looks here only when there is anything.
create table countersign_queue.awaited (
  job_id text collate "C" primary key,
  until timestamptz(3) not null
);
comment on table countersign_queue.awaited is 'bounded: waiters of live processes';

do $$
declare
  s text;
begin
  for i in 0..15 loop
    s := lpad(i::text, 2, '0');
    -- Truncated within a minute or two: there is nothing for autovacuum to win, and its scans would cost what they save.
    execute format('create table countersign_queue.ring_%s partition of countersign_queue.ring for values in (%s)
      with (autovacuum_enabled = off, toast.autovacuum_enabled = off)', s, i);
    execute format('create index ring_%s_order on countersign_queue.ring_%s (lane, xid, num)', s, s);
    execute format('create table countersign_queue.claims_%s partition of countersign_queue.claims for values in (%s)
      with (autovacuum_enabled = off, toast.autovacuum_enabled = off)', s, i);
    execute format('create index claims_%s_id on countersign_queue.claims_%s (id)', s, s);
    execute format('create index claims_%s_lane on countersign_queue.claims_%s (lane, id)', s, s);
    execute format('create table countersign_queue.closures_%s partition of countersign_queue.closures for values in (%s)
      with (autovacuum_enabled = off)', s, i);
    execute format('create index closures_%s_claim on countersign_queue.closures_%s (claim)', s, s);
  end loop;
end $$;

insert into countersign_queue.generations values (16, countersign_queue.now());

-- Row security and rights of the engine, as in 0001.
do $$
declare
  engine name := current_user;
  t text;
begin
  if exists (select from pg_roles where rolname = 'countersign_engine' and pg_has_role(session_user, oid, 'member')) then
    engine := 'countersign_engine';
  end if;
  for t in select c.relname from pg_class c where c.relnamespace = 'countersign_queue'::regnamespace and c.relname ~ '^ring(_\d\d)?$' and c.relkind in ('r', 'p') loop
    execute format('alter table countersign_queue.%I enable row level security', t);
    execute format('alter table countersign_queue.%I force row level security', t);
    execute format('create policy engine on countersign_queue.%I to %I using (true) with check (true)', t, engine);
    execute format($p$create policy tenant on countersign_queue.%I for select
      using (tenant_id = (select nullif(current_setting('countersign.tenant', true), '')::uuid))$p$, t);
  end loop;
  if engine <> current_user then
    for t in select c.relname from pg_class c where c.relnamespace = 'countersign_queue'::regnamespace
      and c.relname ~ '^(ring|claims|closures)(_\d\d)?$' and c.relkind in ('r', 'p') loop
      execute format('grant select, insert, truncate on countersign_queue.%I to %I', t, engine);
    end loop;
    foreach t in array array['lanes', 'generations', 'quiets', 'prunings', 'tombstones', 'awaited'] loop
      execute format('grant select, insert, update, delete on countersign_queue.%I to %I', t, engine);
    end loop;
    execute format('grant usage, select on sequence countersign_queue.ring_num, countersign_queue.claim_num, countersign_queue.row_num to %I', engine);
  end if;
end $$;

-- As in 0001, and more: takes EXECUTE from PUBLIC on all that the engine made, goes back to the installer, and takes from the engine the right to
-- make anything more (Q72).
create or replace function countersign_queue.as_owner() returns void
language plpgsql as $$
declare
  f regprocedure;
begin
  for f in select p.oid::regprocedure from pg_proc p
    where p.pronamespace = 'countersign_queue'::regnamespace and p.proowner = current_user::regrole
  loop
    execute format('revoke execute on function %s from public', f);
  end loop;
  perform set_config('role', current_setting('countersign.installer'), true);
  if exists (select from pg_roles where rolname = 'countersign_engine' and pg_has_role(session_user, oid, 'member')) then
    revoke create on schema countersign_queue from countersign_engine;
  end if;
end $$;

select countersign_queue.as_engine();

-- Whether jobs may live in the ring. A test installs the engine with false here: then every job is a row, and that is the oracle (Q79).
create function countersign_queue.ring_on() returns boolean language sql immutable return true;

-- The generation that is filled now.
create function countersign_queue.current_generation() returns bigint
language sql stable return (select max(generation) from countersign_queue.generations);

-- Generations whose slot is not truncated, newest first: at most sixteen.
create function countersign_queue.live_generations() returns bigint[]
language sql stable
return (
  select array_agg(g.generation order by g.generation desc) from countersign_queue.generations g
  where not exists (select from countersign_queue.prunings p where p.generation = g.generation));

-- Now, as a snapshot in which the caller's own transaction is still open: PostgreSQL leaves it out of the list, and a window that saw it would
-- never see what the same transaction enqueues later.
create function countersign_queue.snapshot_now() returns pg_snapshot
language plpgsql volatile as $$
declare
  seen pg_snapshot := pg_current_snapshot();
  own xid8 := pg_current_xact_id_if_assigned();
begin
  if own is null or not pg_visible_in_snapshot(own, seen) then
    return seen;
  end if;
  return (least(pg_snapshot_xmin(seen), own)::text || ':' || pg_snapshot_xmax(seen)::text || ':' || (
    select string_agg(x::text, ',' order by x) from (select own as x union select pg_snapshot_xip(seen)) o))::pg_snapshot;
end $$;

-- The same from one generation on, newest first: what a window can hold whose lower generations are over.
create function countersign_queue.generations_from(of_generation bigint) returns bigint[]
language sql stable
return (
  select array_agg(g.generation order by g.generation desc) from countersign_queue.generations g
  where g.generation >= of_generation and not exists (select from countersign_queue.prunings p where p.generation = g.generation));

-- What of a ring id is the same for all jobs of one statement and lane: prefix, time, and of the 74 free bits the lane (12) and the
-- transaction (32). Behind it follow six characters: the row's number (22 bits) and eight random ones. Two characters at a time are
-- looked up, ten bits: a loop over single ones cost more than the insert of a job.
do $$
declare
  letters constant text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  pairs bytea;
begin
  select string_agg(convert_to(substr(letters, a, 1) || substr(letters, b, 1), 'UTF8'), '' order by a, b) into pairs
  from generate_series(1, 32) a cross join generate_series(1, 32) b;
  execute format($f$
-- As said above. Reads no table; takes no lock.
create function countersign_queue.ring_id_head(at timestamptz, lane integer, xid bigint) returns text
language plpgsql immutable as $b$
declare
  pairs constant bytea := %1$L;
  ms bigint := round(date_part('epoch', at) * 1000);
  -- Version 0111 and the highest bit of the lane; ten bits of it; its lowest bit, variant 10 and two bits of the transaction; its other thirty.
  rest bigint := (14::bigint << 45) | ((lane & 4095)::bigint << 34) | (8::bigint << 30) | (xid & 4294967295);
  head bytea := '';
  tail bytea := '';
begin
  for i in reverse 4..0 loop
    head := head || substr(pairs, ((ms >> (10 * i)) & 1023)::integer * 2 + 1, 2);
    tail := tail || substr(pairs, ((rest >> (10 * i)) & 1023)::integer * 2 + 1, 2);
  end loop;
  return 'job_' || encode(head || tail, 'escape');
end $b$;
-- The six characters of a row behind its head.
create function countersign_queue.ring_id_tail(num bigint, salt integer) returns text
language sql immutable
return encode(
  substr(%1$L::bytea, (num >> 12 & 1023)::integer * 2 + 1, 2) || substr(%1$L::bytea, (num >> 2 & 1023)::integer * 2 + 1, 2)
  || substr(%1$L::bytea, ((num & 3)::integer << 8 | (salt & 255)) * 2 + 1, 2), 'escape');
$f$, pairs);
end $$;

-- Where a job of the ring would lie by its id: the lane's lowest 12 bits, its transaction, the number's lowest 22 bits. The id of a job that was
-- never in the ring gives a place at which nothing with that id is found.
create function countersign_queue.position_of(id text, out lane_bits integer, out xid xid8, out num_bits bigint)
language plpgsql stable as $$
declare
  letters constant text := '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
  d integer[];
  x bigint;
  now_at bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
begin
  if id !~ '^job_[0-9A-HJKMNP-TV-Z]{26}$' then
    return;
  end if;
  select array_agg(strpos(letters, substr(id, p, 1)) - 1 order by p) into d from generate_series(15, 30) p;
  -- Shifts and unions have one rank in SQL: each shift stands in brackets.
  lane_bits := ((d[1] & 1) << 11) | (d[2] << 6) | (d[3] << 1) | (d[4] >> 4);
  x := ((d[4] & 3)::bigint << 30) | (d[5]::bigint << 25) | (d[6] << 20) | (d[7] << 15) | (d[8] << 10) | (d[9] << 5) | d[10];
  num_bits := (d[11] << 17) | (d[12] << 12) | (d[13] << 7) | (d[14] << 2) | (d[15] >> 3);
  x := (now_at >> 32 << 32) + x;
  -- The caller's own transaction may be newer than its snapshot.
  xid := (case when x - now_at > 2147483648 then greatest(x - 4294967296, 0) else x end)::text::xid8;
end $$;

-- The static statements of each slot, so that each touches its own partition and its plan never depends on statistics: index probes alone. `branch` is
-- a statement with %s for the slot's two digits; the right one is found by four comparisons. Only for making functions; gone with the last of them.
create function countersign_queue.by_slot(branch text, low integer default 0, high integer default 15) returns text
language plpgsql immutable as $$
declare
  middle integer := (low + high + 1) / 2;
begin
  if low = high then
    return replace(branch, '%s', lpad(low::text, 2, '0'));
  end if;
  return format(E'\n  if s < %s then %s\n  else %s\n  end if;', middle, countersign_queue.by_slot(branch, low, middle - 1),
    countersign_queue.by_slot(branch, middle, high));
end $$;

do $$
begin
  execute format($f$
-- Rows of a lane in one slot, behind one place and before another, in order: one probe of the index, never a sort. Takes no lock of its own; says nothing
-- of whether they are claimed.
create function countersign_queue.read_slot(s smallint, of_lane integer, from_xid xid8, from_num bigint, to_xid xid8, to_num bigint,
  most integer) returns setof countersign_queue.ring
language plpgsql stable rows 500 set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off set plan_cache_mode = force_generic_plan
as $b$
begin%s
end $b$;
-- The row at one place of a lane, if its slot still holds it. One probe; takes no lock.
create function countersign_queue.read_row(s smallint, of_lane integer, of_xid xid8, of_num bigint) returns setof countersign_queue.ring
language plpgsql stable rows 1 set enable_seqscan = off set enable_bitmapscan = off set jit = off set plan_cache_mode = force_generic_plan
as $b$
begin%s
end $b$;
-- The newest claim of a lane in one slot, null when there is none: its cursor, if no newer slot has one. One probe; takes no lock; exact only for
-- whoever holds the lane.
create function countersign_queue.newest_claim(s smallint, of_lane integer) returns countersign_queue.claims
language plpgsql stable set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off set plan_cache_mode = force_generic_plan
as $b$
declare
  found_one countersign_queue.claims;
begin%s
  return found_one;
end $b$;
-- A claim by its id, whose lowest four bits are its slot; null when that was truncated. One probe; takes no lock.
create function countersign_queue.claim_by_id(of_id bigint) returns countersign_queue.claims
language plpgsql stable set enable_seqscan = off set enable_bitmapscan = off set jit = off set plan_cache_mode = force_generic_plan
as $b$
declare
  found_one countersign_queue.claims;
  s integer := of_id & 15;
begin%s
  return found_one;
end $b$;
-- What was closed of a claim so far. Takes no lock; exact only for whoever holds its stripe.
create function countersign_queue.closures_of(of_claim bigint) returns setof countersign_queue.closures
language plpgsql stable rows 1 set enable_seqscan = off set enable_bitmapscan = off set jit = off set plan_cache_mode = force_generic_plan
as $b$
declare
  s integer := of_claim & 15;
begin%s
end $b$;
-- The weak lock on a slot's ring partition, until the transaction ends: while somebody has it, nobody declares that slot quiet or truncates it.
create function countersign_queue.lock_slot(s integer) returns void
language plpgsql volatile as $b$
begin%s
end $b$;
$f$,
    countersign_queue.by_slot('return query select r.* from countersign_queue.ring_%s r
      where r.lane = of_lane and (r.xid, r.num) > (from_xid, from_num) and (r.xid, r.num) < (to_xid, to_num) order by r.xid, r.num limit most;'),
    countersign_queue.by_slot('return query select r.* from countersign_queue.ring_%s r where r.lane = of_lane and r.xid = of_xid and r.num = of_num;'),
    countersign_queue.by_slot('select * into found_one from countersign_queue.claims_%s c where c.lane = of_lane order by c.lane desc, c.id desc limit 1;'),
    countersign_queue.by_slot('select * into found_one from countersign_queue.claims_%s c where c.id = of_id;'),
    countersign_queue.by_slot('return query select c.* from countersign_queue.closures_%s c where c.claim = of_claim;'),
    countersign_queue.by_slot('lock table countersign_queue.ring_%s in row exclusive mode;'));
end $$;

-- Whether a row is behind a cursor (see the head of this file). The cursor carries its snapshots.
create function countersign_queue.behind(c countersign_queue.claims, generation bigint, xid xid8, num bigint) returns boolean
language sql immutable
return pg_visible_in_snapshot(xid, c.window_lo)
  or (pg_visible_in_snapshot(xid, c.window_hi) and (generation, xid, num) <= (c.pos_generation, c.pos_xid, c.pos_num));

-- The cursor of a lane with its snapshots: the newest claim, looked for from the current slot back. Every lane has one from its making on; prune
-- carries it forward under the lane's lock, so whoever holds that lock before this statement begins cannot miss it. A reader without the lock
-- that meets no cursor began before a prune ended: null, and it looks again.
create function countersign_queue.cursor_in(of_lane integer, gens bigint[]) returns countersign_queue.claims
language plpgsql volatile as $$
declare
  c countersign_queue.claims;
  w countersign_queue.claims;
  g bigint;
begin
  foreach g in array gens loop
    c := countersign_queue.newest_claim((g & 15)::smallint, of_lane);
    if c.id is not null then
      if c.window_of is not null then
        w := countersign_queue.claim_by_id(c.window_of);
        c.window_lo := w.window_lo;
        c.window_hi := w.window_hi;
      end if;
      return c;
    end if;
  end loop;
  return null;
end $$;
-- The same, looked for in every live slot. Takes no lock; exact only for whoever holds the lane.
create function countersign_queue.cursor_of(of_lane integer) returns countersign_queue.claims
language sql volatile return countersign_queue.cursor_in(of_lane, countersign_queue.live_generations());

-- How many more advisory locks of the engine the transaction may take: it holds 64 at the most (Q154). Looks at the server's table of locks, so it is
-- asked where a call may take many, never for each.
create function countersign_queue.locks_left() returns integer
language sql volatile
return 64 - (
  select count(*)::integer from pg_locks l
  where l.locktype = 'advisory' and l.pid = pg_backend_pid() and l.objsubid = 2
    and l.classid::bigint in (1668248951, 1668248940, 1668248947, 1668248939, 1668248948, 1668248945));

-- The lane of a queue, priority and shard: made when it is missing. Null when another transaction, still open, is just making it, or when this one holds
-- as many locks as it may: nobody waits for a stranger's commit, and the job of this call becomes a row of jobs. Locks: tries (class couq, one of
-- sixteen stripes of queues: however many new queues one transaction fills, it holds few locks) until the transaction ends.
create function countersign_queue.lane_for(of_queue text, of_priority smallint, of_shard smallint default 0) returns integer
language plpgsql volatile as $$
declare
  found_one integer;
  g bigint;
begin
  select l.lane into found_one from countersign_queue.lanes l where l.queue = of_queue and l.priority = of_priority and l.shard = of_shard;
  if found_one is not null or countersign_queue.locks_left() <= 0 or not pg_try_advisory_xact_lock(1668248945, hashtext(of_queue) & 15) then
    return found_one;
  end if;
  -- The lock may have come free by the commit of whoever made it.
  select l.lane into found_one from countersign_queue.lanes l where l.queue = of_queue and l.priority = of_priority and l.shard = of_shard;
  if found_one is null then
    insert into countersign_queue.lanes (queue, priority, shard) values (of_queue, of_priority, of_shard) returning lane into found_one;
    g := countersign_queue.open_slot('claims');
    insert into countersign_queue.claims (id, slot, lane, row_generation, n, xids, nums, claimed_at, window_lo, window_hi, pos_generation, pos_xid,
      pos_num, floor, quiet)
    values (nextval('countersign_queue.claim_num') << 4 | (g & 15), g & 15, found_one, g, 0, '{}', '{}', countersign_queue.now(), '1:1:', '1:1:', 0, '0', 0, 0, 0);
  end if;
  return found_one;
end $$;

-- The generation to write into, with the weak lock on its partition of `what` (ring or claims) taken first: whoever holds it knows that the slot is
-- not truncated and not sealed for good before his transaction ends (Q31). Never waits for a prune: that takes its lock without waiting,
-- after having declared the generation quiet.
create function countersign_queue.open_slot(what text) returns bigint
language plpgsql volatile as $$
declare
  g bigint;
begin
  loop
    g := countersign_queue.current_generation();
    execute format('lock table countersign_queue.%s_%s in row exclusive mode', what, lpad((g & 15)::text, 2, '0'));
    if not exists (select from countersign_queue.quiets q where q.generation = g)
      and not exists (select from countersign_queue.prunings p where p.generation = g) then
      return g;
    end if;
  end loop;
end $$;

select countersign_queue.as_owner();
