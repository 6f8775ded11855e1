-- Order, limits and fairness of rows (Q44, Q85–Q87, Q105–Q108). Everything keyed or limited is a row of jobs, and is judged where it is given away: in
-- claim_rows, under one lock a queue that only claims of that queue take, so that nobody overshoots and no producer or finisher ever waits for it.
--
-- Who is judged and found wanting is set aside once (jobs.aside says which of its keys is spent) and no later claim walks over it. Whatever may make
-- room writes a TURN, "look at this key again": the end of an attempt, a refilled bucket, a changed setting. A turn is an insert and waits for
-- nobody, also in a transaction that its caller keeps open; the next claim of the queue reads it and deletes it. That is why no counter exists
-- that a finisher would have to lock: what runs is counted from the rows, by index, at the claim.
--
-- Strict order: a job is enqueued blocked (reason order) behind every live job of its key, and leaves a turn; the settlement of the head makes
-- the next one ready in its own transaction. What neither saw, because both were under way, the turn finds.

alter table countersign_queue.jobs
  add column ordering_key text collate "C",
  -- In strict order by that key (a column named strict could not be read in a trigger of plpgsql).
  add column ordered boolean not null default false,
  add column concurrency_key text collate "C",
  add column rate_key text collate "C",
  -- In a fair queue: the group with which it shares, t:tenant or k:key; elsewhere all are one group.
  add column fair_group text collate "C" not null default '',
  -- Ready, but not to be walked over by claims: the key that is spent. Only claim_rows sets it.
  add column aside text collate "C" check (aside in ('order', 'concurrency', 'rate', 'kind')),
  -- Claimed under a limit of its kind: its end makes room for that.
  add column counted boolean not null default false,
  -- Ended by complete_rows, which has done for all of its call what the triggers do for one.
  add column batched boolean not null default false;

create index jobs_open on countersign_queue.jobs (queue, fair_group, priority, ord) where state = 'ready' and aside is null;
create index jobs_order on countersign_queue.jobs (queue, tenant_id, ordering_key, ord) where ordered and finished_at is null;
create index jobs_order_taken on countersign_queue.jobs (queue, tenant_id, ordering_key) where ordered and state in ('running', 'waiting');
create index jobs_key_running on countersign_queue.jobs (queue, tenant_id, concurrency_key) where state = 'running' and concurrency_key is not null;
create index jobs_aside_concurrency on countersign_queue.jobs (queue, tenant_id, concurrency_key, priority, ord)
  where state = 'ready' and aside = 'concurrency';
create index jobs_aside_rate on countersign_queue.jobs (queue, tenant_id, rate_key, priority, ord) where state = 'ready' and aside = 'rate';
create index jobs_aside_kind on countersign_queue.jobs (queue, kind, priority, ord) where state = 'ready' and aside = 'kind';
create index jobs_blocked on countersign_queue.jobs (queue) where state = 'blocked';

create table countersign_queue.turns (
  queue text collate "C" not null,
  tenant_id uuid not null,
  -- Which key to look at; all: every job set aside in this queue is judged anew.
  what text collate "C" not null check (what in ('order', 'concurrency', 'rate', 'kind', 'all')),
  key text collate "C" not null,
  due timestamptz(3) not null,
  -- A handler stopped its rate key until then.
  holds boolean not null default false
) with (autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 2000);
comment on table countersign_queue.turns is 'bounded: ends of keyed attempts that no claim has looked at, and one row a spent rate key';
create index turns_due on countersign_queue.turns (queue, due);
create index turns_of_key on countersign_queue.turns (what, key, queue, tenant_id) where what in ('rate', 'kind');

create table countersign_queue.buckets (
  what text collate "C" not null check (what in ('queue', 'kind', 'rate')),
  queue text collate "C" not null,
  tenant_id uuid not null,
  key text collate "C" not null,
  level double precision not null,
  as_of timestamptz(3) not null,
  primary key (what, queue, tenant_id, key)
) with (fillfactor = 50);
comment on table countersign_queue.buckets is 'bounded: keys with a rate that are not full';

-- How much of a fair queue each group has had, weighed; the row '=' says what the least served group has had.
create table countersign_queue.shares (
  queue text collate "C" not null,
  fair_group text collate "C" not null,
  passed double precision not null,
  primary key (queue, fair_group)
) with (fillfactor = 50);
comment on table countersign_queue.shares is 'bounded: groups of fair queues that had more than the least served one';

do $$
declare
  engine name := current_user;
  t text;
begin
  if exists (select from pg_roles where rolname = 'countersign_engine' and pg_has_role(session_user, oid, 'member')) then
    engine := 'countersign_engine';
  end if;
  if engine <> current_user then
    foreach t in array array['turns', 'buckets', 'shares'] loop
      execute format('grant select, insert, update, delete on countersign_queue.%I to %I', t, engine);
    end loop;
  end if;
end $$;

select countersign_queue.as_engine();

-- Whether a job of this kind and queue must be a row: the ring knows no key and no limit.
create or replace function countersign_queue.needs_row(j jsonb, kind_settings jsonb, queue_settings jsonb) returns boolean
language sql immutable
return coalesce(kind_settings ?| array['unique', 'max_running', 'rate', 'max_running_per_key', 'rate_per_key', 'concurrency_key', 'rate_key'], false)
  or coalesce(queue_settings ?| array['max_running', 'rate', 'max_running_per_key', 'rate_per_key', 'fair_by', 'max_depth'], false)
  or coalesce(j ?| array['unique', 'hold', 'concurrency_key', 'rate_key'], false)
  or coalesce(coalesce(j ->> 'order', kind_settings ->> 'order') = 'strict' and (j ? 'ordering_key' or kind_settings ? 'ordering_key'), false);

-- What of a setting by key holds for this key: a number for all, or by the longest prefix that fits; null: no limit.
create function countersign_queue.most_running(rule jsonb, of_key text) returns integer
language plpgsql immutable as $$
begin
  if rule is null or of_key is null then
    return null;
  elsif jsonb_typeof(rule) = 'number' then
    return rule::integer;
  end if;
  return (select e.value::integer from jsonb_each(rule) e where starts_with(of_key, e.key) order by length(e.key) desc limit 1);
end $$;

-- The same for a rate {limit, per_ms, burst}.
create function countersign_queue.rate_of(rule jsonb, of_key text) returns jsonb
language plpgsql immutable as $$
begin
  if rule is null or of_key is null or jsonb_typeof(rule -> 'limit') = 'number' then
    return case when of_key is not null then rule end;
  end if;
  return (select e.value from jsonb_each(rule) e where starts_with(of_key, e.key) order by length(e.key) desc limit 1);
end $$;

-- Most that a bucket holds.
create function countersign_queue.burst_of(rule jsonb) returns double precision
language sql immutable
return coalesce((rule ->> 'burst')::float8, (rule ->> 'limit')::float8);

-- What a bucket holds now: it fills by limit / per up to its burst, and is full while nobody has a row. In every interval of length t at most
-- limit · t / per + burst are taken, for no more than burst is there at its beginning.
create function countersign_queue.level_at(level double precision, since timestamptz, rule jsonb, at timestamptz) returns double precision
language sql immutable
return least(countersign_queue.burst_of(rule), coalesce(
  level + greatest(0, extract(epoch from at - since)::float8 * 1000) * (rule ->> 'limit')::float8 / (rule ->> 'per_ms')::float8,
  countersign_queue.burst_of(rule)));

-- When a bucket holds one again.
create function countersign_queue.filled_at(level double precision, rule jsonb, at timestamptz) returns timestamptz
language sql immutable
return at + greatest(1, ceil((1 - level) * (rule ->> 'per_ms')::float8 / (rule ->> 'limit')::float8)) * interval '1 millisecond';

-- Refuses settings of a queue or a kind that cannot be obeyed.
create function countersign_queue.check_limits(s jsonb) returns void
language plpgsql immutable as $$
declare
  e record;
begin
  perform countersign_queue.integer_of(s, 'max_running', 0, 1000000), countersign_queue.integer_of(s, 'max_depth', 1, 1000000000),
    countersign_queue.integer_of(s, 'aging_ms', 0, 31622400000), countersign_queue.integer_of(s, 'keep_dead_letters_ms', 0, 3162240000000);
  if jsonb_typeof(s -> 'max_running_per_key') = 'object' then
    perform countersign_queue.integer_of(s -> 'max_running_per_key', k, 0, 1000000) from jsonb_object_keys(s -> 'max_running_per_key') k;
  else
    perform countersign_queue.integer_of(s, 'max_running_per_key', 0, 1000000);
  end if;
  for e in
    select '/rate' as path, s -> 'rate' as rule where s ? 'rate'
    union all
    select '/rate_per_key', s -> 'rate_per_key' where jsonb_typeof(s -> 'rate_per_key' -> 'limit') = 'number' or jsonb_typeof(s -> 'rate_per_key') <> 'object'
    union all
    select '/rate_per_key/' || r.key, r.value from jsonb_each(case when jsonb_typeof(s -> 'rate_per_key') = 'object' then s -> 'rate_per_key' else '{}' end) r
    where jsonb_typeof(s -> 'rate_per_key' -> 'limit') is distinct from 'number'
  loop
    continue when e.rule = 'null';
    if jsonb_typeof(e.rule) <> 'object' or e.rule - array['limit', 'per_ms', 'burst'] <> '{}'
      or jsonb_typeof(e.rule -> 'limit') is distinct from 'number' or not (e.rule ->> 'limit')::numeric > 0
      or jsonb_typeof(e.rule -> 'per_ms') is distinct from 'number' or not (e.rule ->> 'per_ms')::numeric >= 1
      or (e.rule ? 'burst' and (jsonb_typeof(e.rule -> 'burst') <> 'number' or not (e.rule ->> 'burst')::numeric >= 1))
      or countersign_queue.burst_of(e.rule) < 1 then
      perform countersign_queue.refuse(e.path, 'a rate has a limit above 0, per_ms of at least 1 and a burst of at least 1');
    end if;
  end loop;
  if coalesce(s ->> 'fair_by', 'tenant') not in ('tenant', 'concurrency_key') then
    perform countersign_queue.refuse('/fair_by', 'fair_by is tenant or concurrency_key');
  elsif coalesce(s ->> 'on_full', 'reject') not in ('reject', 'signal') then
    perform countersign_queue.refuse('/on_full', 'on_full is reject or signal');
  elsif coalesce(s ->> 'order', 'shard') not in ('shard', 'strict') then
    perform countersign_queue.refuse('/order', 'order is shard or strict');
  elsif jsonb_typeof(coalesce(nullif(s -> 'undeclared', 'null'), 'true')) <> 'boolean' then
    perform countersign_queue.refuse('/undeclared', 'undeclared is true or false');
  elsif jsonb_typeof(coalesce(nullif(s -> 'weights', 'null'), '{}')) <> 'object' then
    perform countersign_queue.refuse('/weights', 'weights is an object of numbers above 0');
  end if;
  perform countersign_queue.refuse('/weights/' || w.key, 'a weight is a number above 0')
  from jsonb_each(coalesce(nullif(s -> 'weights', 'null'), '{}')) w where jsonb_typeof(w.value) <> 'number' or not (w.value #>> '{}')::numeric > 0;
end $$;

-- Lets the heads of ordering keys go that wait for nothing but their turn: blocked by order, or set aside for it. `remember`: a key whose head could not
-- be let go (none is visible yet, or somebody holds it) gets a turn. A head whose unique key another job holds is cancelled as superseded.
-- Locks those heads in order of id, skipping what others hold.
create function countersign_queue.release_heads(q text, tenants uuid[], keys text[], at timestamptz, remember boolean) returns void
language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = on set jit = off
as $$
declare
  heads text[];
  one text;
  freed_tenants uuid[];
  freed_keys text[];
begin
  heads := array(
    select h.id from unnest(tenants, keys) k (tenant, key), lateral (
      select j.id, j.state, j.state_reason, j.aside from countersign_queue.jobs j
      where j.queue = q and j.tenant_id = k.tenant and j.ordering_key = k.key and j.ordered and j.finished_at is null
      order by j.ord limit 1) h
    where (h.state = 'blocked' and h.state_reason = 'order') or (h.state = 'ready' and h.aside = 'order'));
  if heads <> '{}' then
    -- Locked first, and judged again by that: one statement would skip nothing and wait for whoever cancels a head.
    heads := array(
      select j.id from countersign_queue.jobs j
      where j.id = any (heads) and ((j.state = 'blocked' and j.state_reason = 'order') or (j.state = 'ready' and j.aside = 'order'))
      order by j.id for update skip locked);
    begin
      with freed as (
        update countersign_queue.jobs j set
          state = case when j.state = 'blocked' and j.run_at > at then 'scheduled' else 'ready' end, state_reason = null, aside = null
        where j.id = any (heads) returning j.tenant_id, j.ordering_key
      ) select array_agg(f.tenant_id), array_agg(f.ordering_key) into freed_tenants, freed_keys from freed f;
    exception when unique_violation then
      -- Another job holds a unique key that one of them would take now: that one is superseded, and stops no other (Q51, Q86).
      if cardinality(heads) = 1 then
        perform countersign_queue.put(heads[1], 'cancelled', 'superseded', null, at);
      else
        foreach one in array heads loop
          perform countersign_queue.release_heads(q, array[j.tenant_id], array[j.ordering_key], at, false) from countersign_queue.jobs j where j.id = one;
        end loop;
      end if;
    end;
  end if;
  if remember then
    insert into countersign_queue.turns (queue, tenant_id, what, key, due)
    select q, k.tenant, 'order', k.key, at from unnest(tenants, keys) k (tenant, key)
    where freed_keys is null or not exists (select from unnest(freed_tenants, freed_keys) f (tenant, key) where f.tenant = k.tenant and f.key = k.key);
  end if;
end $$;

-- What runs of a queue in the ring: attempts that were claimed before the queue had a limit. Takes no lock.
create function countersign_queue.ring_running(q text) returns integer
language sql volatile
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
return (
  select coalesce(sum(k.n - coalesce((
    select sum(case when e.bits is null then k.n else bit_count(e.bits) end) from countersign_queue.closures e where e.slot = k.slot and e.claim = k.id), 0)), 0)
  from countersign_queue.lanes l join countersign_queue.claims k on k.lane = l.lane and k.n > 0
  where l.queue = q);

-- The groups of a queue that have ready rows, at most a thousand: one probe of the index each.
create function countersign_queue.waiting_groups(q text) returns table (fair_group text)
language sql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = on set jit = off
begin atomic
  with recursive g (fair_group) as (
    (select j.fair_group from countersign_queue.jobs j where j.queue = q and j.state = 'ready' and j.aside is null order by j.fair_group limit 1)
    union all
    select x.fair_group from g, lateral (
      select j.fair_group from countersign_queue.jobs j
      where j.queue = q and j.state = 'ready' and j.aside is null and j.fair_group > g.fair_group order by j.fair_group limit 1) x
  ) select g.fair_group from g limit 1000;
end;

-- Ready rows of a queue in the order in which they are served, at most n, locked; rows that others hold are skipped. In a fair queue (Q108) the groups take
-- turns by what each has had: the k-th next job of a group stands at passed + k / weight, and the lowest come first.
create function countersign_queue.open_rows(q text, known text[], n integer, at timestamptz, settings jsonb, priorities smallint[], fair boolean)
returns text[]
language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = on set jit = off
as $$
declare
  ids text[] := '{}';
  lanes smallint[] := priorities;
  p smallint;
  aging float8 := coalesce((settings ->> 'aging_ms')::float8, 60000);
  had float8;
  groups text[];
  weights float8[];
  heavy float8;
  most float8 := 1;
  wanted text[];
  deeper boolean;
begin
  if lanes is null then
    -- The lane with the lowest effective priority first, ties to the oldest head (Q44).
    select array_agg(l.priority order by case when aging > 0 then greatest(1, l.priority - floor(extract(epoch from at - h.run_at) * 1000 / aging))
      else l.priority end, h.run_at, l.priority) into lanes
    from unnest('{1,2,3,4}'::smallint[]) l (priority), lateral (
      select j.run_at from countersign_queue.jobs j where j.queue = q and j.state = 'ready' and j.priority = l.priority order by j.ord limit 1) h;
  end if;
  if lanes is null then
    return ids;
  end if;
  foreach p in array lanes loop
    exit when cardinality(ids) >= n;
    if not fair then
      ids := ids || array(
        select j.id from countersign_queue.jobs j
        where j.queue = q and j.fair_group = '' and j.priority = p and j.state = 'ready' and j.aside is null and j.crashes = 0 and j.kind = any (known)
        order by j.ord limit n - cardinality(ids) for update skip locked);
      continue;
    end if;
    select array_agg(f.fair_group), array_agg(coalesce((settings -> 'weights' ->> substr(f.fair_group, 3))::float8, 1)),
      sum(coalesce((settings -> 'weights' ->> substr(f.fair_group, 3))::float8, 1)) into groups, weights, heavy
    from countersign_queue.waiting_groups(q) f;
    continue when groups is null;
    had := coalesce((select s.passed from countersign_queue.shares s where s.queue = q and s.fair_group = '='), 0);
    -- Each group is read as deep as its share of n, and deeper while others have less than theirs.
    loop
      select array_agg(r.id order by r.place, r.ord), bool_or(r.more) into wanted, deeper from (
        select j.id, j.ord, greatest(coalesce(s.passed, 0), had) + j.k / f.weight as place, j.k = d.depth and d.depth < n as more
        from unnest(groups, weights) f (fair_group, weight)
        cross join lateral (select least(n, ceil(most * n * f.weight / heavy)::integer + 1) as depth) d
        left join countersign_queue.shares s on s.queue = q and s.fair_group = f.fair_group
        cross join lateral (
          select r.id, r.ord, row_number() over (order by r.ord) as k from (
            select j.id, j.ord from countersign_queue.jobs j
            where j.queue = q and j.fair_group = f.fair_group and j.priority = p and j.state = 'ready' and j.aside is null and j.crashes = 0
              and j.kind = any (known)
            order by j.ord limit d.depth) r) j) r;
      exit when cardinality(wanted) >= n - cardinality(ids) or deeper is not true;
      most := most * 4;
    end loop;
    ids := ids || array(
      select u.id from unnest(wanted[1:n - cardinality(ids)]) with ordinality u (id, place)
      cross join lateral (select j.state from countersign_queue.jobs j where j.id = u.id for update skip locked) held
      where held.state || '' = 'ready' order by u.place);
  end loop;
  return ids;
end $$;

-- Gives rows to a worker, in this order, each with its new lease. The caller holds them and has judged them; those of `kinds` it has counted. One whose
-- unique key, held only from here on, another job holds is cancelled as superseded, and stops no other (Q51, Q86).
create function countersign_queue.give_rows(ids text[], worker text, token uuid, at timestamptz, limits jsonb, kinds text[] default '{}')
returns jsonb[]
language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
  given jsonb[];
  one text;
begin
  -- A suspect's start is not yet said (null): its worker says it before the handler runs (Q18).
  with taken as (
    update countersign_queue.jobs j set
      state = 'running', state_reason = null, aside = null, attempt = j.attempt + case when j.resumes then 0 else 1 end, lease = j.lease + 1,
      counted = j.kind = any (kinds), claim_token = token, worker = give_rows.worker, claimed_at = at, started_at = case when j.crashes = 0 then at end, settled_as = null,
      max_attempts = case when j.max_attempts_own then j.max_attempts else coalesce((limits -> j.kind ->> 'max_attempts')::integer, 25) end,
      deadline_at = at
        + nullif(coalesce(j.deadline_ms, (limits -> j.kind ->> 'deadline_ms')::bigint, 300000), 0) * interval '1 millisecond'
    from unnest(ids) with ordinality u (id, place)
    where j.id = u.id
    returning u.place, countersign_queue.handed(j, at) as job
  ) select array_agg(t.job order by t.place) into given from taken t;
  return coalesce(given, '{}');
exception when unique_violation then
  if cardinality(ids) = 1 then
    perform countersign_queue.put(ids[1], 'cancelled', 'superseded', null, at);
    return '{}';
  end if;
  foreach one in array ids loop
    given := given || countersign_queue.give_rows(array[one], worker, token, at, limits, kinds);
  end loop;
  return coalesce(given, '{}');
end $$;

-- Whether a claim of this queue, for these kinds, has anything to judge: limits, a fair turn, keys in strict order, or a turn that has come. Takes no lock;
-- the settings are the queue's, as somebody read them.
create function countersign_queue.judges(q text, settings jsonb, named text[], at timestamptz) returns boolean
language plpgsql volatile as $$
begin
  return coalesce(settings ?| array['max_running', 'rate', 'max_running_per_key', 'rate_per_key', 'fair_by'], false)
    or exists (select from countersign_queue.kinds k where k.name = any (named)
      and k.settings ?| array['max_running', 'rate', 'max_running_per_key', 'rate_per_key'])
    or exists (select from countersign_queue.turns t where t.queue = q and t.due <= at)
    or exists (select from countersign_queue.jobs j where j.queue = q and j.ordered and j.finished_at is null)
    -- What was enqueued while the queue was fair, and is still there.
    or exists (select from countersign_queue.jobs j where j.queue = q and j.state = 'ready' and j.aside is null and j.fair_group > '');
end $$;

-- The lock under which rows of a queue are claimed (class couk), until the transaction ends: alone for who judges, shared for who does not. False: somebody
-- else has it. Waited for only while this transaction has written nothing, locked no row and holds no other of these locks; else tried. So whoever
-- waits here holds nothing that a claim waits for, and claims of many queues never wait crosswise, in whatever order they name them.
create function countersign_queue.hold_claims(q text, alone boolean) returns boolean
language plpgsql volatile as $$
begin
  if current_setting('countersign.holds_claims', true) = 'on' or pg_current_xact_id_if_assigned() is not null then
    if not (case when alone then pg_try_advisory_xact_lock(1668248939, hashtext(q)) else pg_try_advisory_xact_lock_shared(1668248939, hashtext(q)) end) then
      return false;
    end if;
  elsif alone then
    perform pg_advisory_xact_lock(1668248939, hashtext(q));
  else
    perform pg_advisory_xact_lock_shared(1668248939, hashtext(q));
  end if;
  perform set_config('countersign.holds_claims', 'on', true);
  return true;
end $$;

-- The row path of a claim: up to n ready rows of a queue, at some priorities or all, in order, each with its new lease; null when somebody else judges this
-- queue just now. What it gives never exceeds a limit, whoever claims at the same time; what may not run now is set aside. A suspect (a job lost
-- with its worker) is given alone (Q18).
-- Locks: for a queue with limits, keys in strict order or a turn, the queue's lock of claims (class couk, tried: claim_packed has it already), then those
-- of kinds with limits (class cout, tried); for any other queue the same lock shared, tried; always the rows it takes or sets aside, skipping what
-- others hold. Never waits.
create or replace function countersign_queue.claim_rows(worker text, token uuid, q text, known text[], n integer, suspect_allowed boolean, at timestamptz,
  limits jsonb, priorities smallint[] default null) returns jsonb[]
language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = on set jit = off
as $$
declare
  settings jsonb;
  kinds jsonb;
  limited boolean;
  fair boolean;
  ids text[];
  suspect text[] := '{}';
  bytes bigint := 0;
  given jsonb[] := '{}';
begin
  if n <= 0 then
    return given;
  end if;
  select c.settings into settings from countersign_queue.queues c where c.name = q;
  limited := countersign_queue.judges(q, settings, known, at);
  if suspect_allowed then
    suspect := array(
      select j.id from countersign_queue.jobs j
      where j.queue = q and j.state = 'ready' and j.crashes > 0 and j.aside is null and j.kind = any (known)
        and (priorities is null or j.priority = any (priorities))
      order by j.priority, j.ord limit 1 for update skip locked);
  end if;
  if not limited then
    ids := suspect || countersign_queue.open_rows(q, known, n - cardinality(suspect), at, settings, priorities, false);
    if ids = '{}' then
      return given;
    end if;
    select bool_or(j.ordered), sum(j.payload_bytes) into limited, bytes from countersign_queue.jobs j where j.id = any (ids);
    -- Who gives without judging says so (the lock, shared), and looks once more: a claim that judges a limit saved meanwhile waits for this one's
    -- commit and counts what it gave. Where one judges already, this one gives nothing.
    if not limited and pg_try_advisory_xact_lock_shared(1668248939, hashtext(q)) then
      perform set_config('countersign.holds_claims', 'on', true);
      if exists (select from countersign_queue.queues c where c.name = q and c.settings ?| array['max_running', 'rate', 'max_running_per_key', 'rate_per_key'])
        or exists (select from countersign_queue.kinds k where k.name = any (known)
          and k.settings ?| array['max_running', 'rate', 'max_running_per_key', 'rate_per_key']) then
        return given;
      end if;
      if bytes > 8388608 then
        ids := countersign_queue.fit(ids);
      end if;
      return countersign_queue.give_rows(ids, worker, token, at, limits);
    end if;
  end if;
  select jsonb_object_agg(k.name, k.settings) into kinds from countersign_queue.kinds k
  where k.name = any (known) and k.settings ?| array['max_running', 'rate', 'max_running_per_key', 'rate_per_key'];
  fair := coalesce(settings ? 'fair_by', false)
    or exists (select from countersign_queue.jobs j where j.queue = q and j.state = 'ready' and j.aside is null and j.fair_group > '');
  return countersign_queue.claim_limited(worker, token, q, known, n, suspect_allowed, suspect, at, limits, priorities, coalesce(settings, '{}'),
    coalesce(kinds, '{}'), fair);
end $$;

-- Of these jobs the first ones that make 8 MiB of payload together, at least one (Q45).
create function countersign_queue.fit(ids text[]) returns text[]
language sql stable
return array(
  select s.id from (
    select u.id, u.place, sum(j.payload_bytes) over (order by u.place) - j.payload_bytes as before
    from unnest(ids) with ordinality u (id, place) join countersign_queue.jobs j on j.id = u.id) s
  where s.before < 8388608 order by s.place);

-- The part of claim_rows that judges; see there.
create function countersign_queue.claim_limited(worker text, token uuid, q text, known text[], n integer, suspect_allowed boolean, suspect text[],
  at timestamptz, limits jsonb, priorities smallint[], settings jsonb, kinds jsonb, fair boolean) returns jsonb[]
language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = on set jit = off
as $$
declare
  nobody constant uuid := '00000000-0000-0000-0000-000000000000';
  given jsonb[] := '{}';
  left_over integer := n;
  bytes bigint := 0;
  -- turns
  called text[] := '{}';
  all_again boolean;
  o_tenants uuid[];
  o_keys text[];
  c_tenants uuid[];
  c_keys text[];
  r_tenants uuid[];
  r_keys text[];
  k_keys text[];
  -- limits
  by_key boolean;
  aging float8 := coalesce((settings ->> 'aging_ms')::float8, 60000);
  queue_level float8;
  kind_names text[] := '{}';
  kind_rooms integer[] := '{}';
  kind_levels float8[] := '{}';
  kind_taken integer[] := '{}';
  k record;
  room integer;
  level float8;
  -- candidates
  batch text[];
  c record;
  why text;
  kn integer;
  picked text[];
  aside_ids text[];
  aside_whys text[];
  c_taken integer[];
  r_taken integer[];
  r_levels float8[];
  r_of_tenants uuid[];
  r_of_keys text[];
  r_rules jsonb[];
  stamp timestamptz;
  walked integer := 0;
  had float8;
  -- A rate keeps back what would be given else.
  paced integer;
  is_paced boolean := false;
begin
  -- Never waited for here: there may be rows in hand.
  if not pg_try_advisory_xact_lock(1668248939, hashtext(q)) then
    return null;
  end if;
  perform set_config('countersign.holds_claims', 'on', true);
  -- What another claim took was taken at a later time than ours began.
  at := greatest(at, countersign_queue.now());
  by_key := settings ?| array['max_running_per_key', 'rate_per_key']
    or exists (select from jsonb_each(kinds) e where e.value ?| array['max_running_per_key', 'rate_per_key']);

  if settings ? 'max_running' then
    -- The ring first, rows in a statement of its own behind it: what leaves the ring for a row in between counts twice, never not at all.
    room := countersign_queue.ring_running(q);
    left_over := least(left_over, (settings ->> 'max_running')::integer - room - (
      select count(*) from countersign_queue.jobs j where j.state = 'running' and j.queue = q));
  end if;
  if settings ? 'rate' then
    select countersign_queue.level_at(b.level, b.as_of, settings -> 'rate', at) into queue_level
    from (values (1)) o left join countersign_queue.buckets b on b.what = 'queue' and b.queue = q and b.tenant_id = nobody and b.key = '';
    paced := floor(queue_level + 1e-9)::integer;
    is_paced := paced < left_over and paced <= 0;
    paced := case when paced < left_over then paced end;
    left_over := least(left_over, paced);
  end if;
  if left_over <= 0 then
    perform countersign_queue.note_paced(q) where is_paced;
    return given;
  end if;

  for k in select e.key as name, e.value as rules from jsonb_each(kinds) e where e.value ?| array['max_running', 'rate'] order by e.key loop
    if not pg_try_advisory_xact_lock(1668248948, hashtext(k.name)) then
      -- A claim of another queue judges this kind just now.
      known := array_remove(known, k.name);
      continue;
    end if;
    room := 2147483647;
    level := null;
    if k.rules ? 'max_running' then
      room := (k.rules ->> 'max_running')::integer - (
        select count(*) from countersign_queue.jobs j where j.state = 'running' and j.kind = k.name);
    end if;
    if k.rules ? 'rate' then
      select countersign_queue.level_at(b.level, b.as_of, k.rules -> 'rate', at) into level
      from (values (1)) o left join countersign_queue.buckets b on b.what = 'kind' and b.queue = '' and b.tenant_id = nobody and b.key = k.name;
      room := least(room, floor(level + 1e-9)::integer);
    end if;
    kind_names := kind_names || k.name;
    kind_rooms := kind_rooms || room;
    kind_levels := kind_levels || level;
    kind_taken := kind_taken || 0;
  end loop;

  if exists (select from countersign_queue.turns t where t.queue = q and t.due <= at) then
    with taken as (
      delete from countersign_queue.turns t where t.ctid = any (array(
        select x.ctid from countersign_queue.turns x where x.queue = q and x.due <= at order by x.due limit 2000))
      returning t.what, t.tenant_id, t.key
    ), seen as (select distinct t.what, t.tenant_id, t.key from taken t)
    select coalesce(bool_or(s.what = 'all'), false),
      array_agg(s.tenant_id) filter (where s.what = 'order'), array_agg(s.key) filter (where s.what = 'order'),
      array_agg(s.tenant_id) filter (where s.what = 'concurrency'), array_agg(s.key) filter (where s.what = 'concurrency'),
      array_agg(s.tenant_id) filter (where s.what = 'rate'), array_agg(s.key) filter (where s.what = 'rate'),
      array_agg(s.key) filter (where s.what = 'kind')
    into all_again, o_tenants, o_keys, c_tenants, c_keys, r_tenants, r_keys, k_keys from seen s;
    if all_again then
      with again as (
        update countersign_queue.jobs j set aside = null where j.id = any (array(
          select x.id from countersign_queue.jobs x where x.queue = q and x.state = 'ready' and x.aside is not null limit 1000 for update skip locked))
        returning j.id
      )
      insert into countersign_queue.turns (queue, tenant_id, what, key, due)
      select q, nobody, 'all', '', at from (select count(*) as n from again) a where a.n > 0;
    end if;
    if o_keys is not null then
      perform countersign_queue.release_heads(q, o_tenants, o_keys, at, false);
    end if;
    if c_keys is not null then
      called := called || array(
        select a.id from unnest(c_tenants, c_keys) t (tenant, key)
        cross join lateral (
          select coalesce(greatest(countersign_queue.most_running(settings -> 'max_running_per_key', t.key), (
            select max(countersign_queue.most_running(e.value -> 'max_running_per_key', t.key)) from jsonb_each(kinds) e)), left_over) as most) l
        cross join lateral (
          select count(*) as running from (
            select from countersign_queue.jobs j where j.queue = q and j.tenant_id = t.tenant and j.concurrency_key = t.key and j.state = 'running'
            limit l.most) x) r
        cross join lateral (
          select j.id from countersign_queue.jobs j
          where j.queue = q and j.tenant_id = t.tenant and j.concurrency_key = t.key and j.state = 'ready' and j.aside = 'concurrency'
            and j.kind = any (known) and (priorities is null or j.priority = any (priorities))
          order by j.priority, j.ord limit greatest(0, least(l.most - r.running, left_over)) for update skip locked) a);
    end if;
    if r_keys is not null then
      called := called || array(
        select a.id from unnest(r_tenants, r_keys) t (tenant, key)
        cross join lateral (
          select j.id from countersign_queue.jobs j
          where j.queue = q and j.tenant_id = t.tenant and j.rate_key = t.key and j.state = 'ready' and j.aside = 'rate'
            and j.kind = any (known) and (priorities is null or j.priority = any (priorities))
          order by j.priority, j.ord limit left_over for update skip locked) a);
    end if;
    if k_keys is not null then
      called := called || array(
        select a.id from unnest(k_keys) t (key)
        cross join lateral (
          select j.id from countersign_queue.jobs j
          where j.queue = q and j.kind = t.key and j.state = 'ready' and j.aside = 'kind'
            and j.kind = any (known) and (priorities is null or j.priority = any (priorities))
          order by j.priority, j.ord limit least(left_over, greatest(0, coalesce(kind_rooms[array_position(kind_names, t.key)], left_over)))
          for update skip locked) a);
    end if;
    if fair and called <> '{}' then
      update countersign_queue.jobs j set aside = null where j.id = any (called);
      called := '{}';
    end if;
  end if;

  loop
    batch := suspect || called || countersign_queue.open_rows(q, known, case when by_key then least(left_over + 200, 1200) else left_over end, at, settings,
      priorities, fair);
    suspect := '{}';
    called := '{}';
    exit when batch = '{}';
    walked := walked + cardinality(batch);
    picked := '{}';
    aside_ids := '{}';
    aside_whys := '{}';
    c_taken := array_fill(0, array[cardinality(batch)]);
    r_taken := c_taken;
    r_levels := array_fill(null::float8, array[cardinality(batch)]);
    r_of_tenants := array_fill(null::uuid, array[cardinality(batch)]);
    r_of_keys := array_fill(null::text, array[cardinality(batch)]);
    r_rules := array_fill(null::jsonb, array[cardinality(batch)]);
    for c in
      select l.id, l.crashes, l.kind, l.tenant_id, l.rate_key, l.payload_bytes, l.aside, l.most, l.cn, l.rn, l.rate,
        -- Nobody of its key came before it and is not over, and nobody of its key is at work.
        not l.ordered or (not exists (
          select from countersign_queue.jobs b where b.queue = q and b.tenant_id = l.tenant_id and b.ordering_key = l.ordering_key
            and b.ordered and b.finished_at is null and b.ord < l.ord
        ) and not exists (
          select from countersign_queue.jobs b where b.queue = q and b.tenant_id = l.tenant_id and b.ordering_key = l.ordering_key
            and b.ordered and b.state in ('running', 'waiting'))) as in_turn,
        case when l.most is not null then (
          select count(*) from (
            select from countersign_queue.jobs r where r.queue = q and r.tenant_id = l.tenant_id and r.concurrency_key = l.concurrency_key
              and r.state = 'running' limit l.most) x) end as running,
        case when l.rate is null then null
          when exists (select from countersign_queue.turns t where t.queue = q and t.what = 'rate' and t.tenant_id = l.tenant_id and t.key = l.rate_key
            and t.holds and t.due > at) then 0
          else (select countersign_queue.level_at(b.level, b.as_of, l.rate, at) from (values (1)) o left join countersign_queue.buckets b
            on b.what = 'rate' and b.queue = q and b.tenant_id = l.tenant_id and b.key = l.rate_key) end as level
      from (
        select u.place, x.id, x.ord, x.priority, x.run_at, x.crashes, x.kind, x.tenant_id, x.concurrency_key, x.rate_key, x.ordering_key, x.ordered,
          x.payload_bytes, x.aside,
          case when by_key and x.concurrency_key is not null then coalesce(countersign_queue.most_running(kinds -> x.kind -> 'max_running_per_key', x.concurrency_key),
            countersign_queue.most_running(settings -> 'max_running_per_key', x.concurrency_key)) end as most,
          case when by_key and x.rate_key is not null then coalesce(countersign_queue.rate_of(kinds -> x.kind -> 'rate_per_key', x.rate_key),
            countersign_queue.rate_of(settings -> 'rate_per_key', x.rate_key)) end as rate,
          case when by_key then dense_rank() over (order by x.tenant_id, x.concurrency_key) end as cn,
          case when by_key then dense_rank() over (order by x.tenant_id, x.rate_key) end as rn
        from unnest(batch) with ordinality u (id, place) join countersign_queue.jobs x on x.id = u.id
      ) l
      -- What a turn called and what lies open, together in the order of Q44; where priorities are the caller's, or groups take turns, in the order given.
      order by case when priorities is null and not fair then greatest(1, l.priority - case when aging > 0
        then floor(extract(epoch from at - l.run_at) * 1000 / aging) else 0 end) end, case when fair then l.place else l.ord end
    loop
      -- A suspect that came by a turn waits where it is until it may be given.
      continue when c.crashes > 0 and not suspect_allowed;
      kn := case when kind_names <> '{}' then array_position(kind_names, c.kind) end;
      why := case
        when not c.in_turn then 'order'
        when c.most is not null and c.running + c_taken[c.cn] >= c.most then 'concurrency'
        when c.level is not null and r_taken[c.rn] + 1 > c.level + 1e-9 then 'rate'
        when kn is not null and kind_taken[kn] >= kind_rooms[kn] then 'kind' end;
      if why is not null then
        if c.aside is distinct from why then
          aside_ids := aside_ids || c.id;
          aside_whys := aside_whys || why;
        end if;
        is_paced := is_paced or why = 'rate' or why = 'kind' and coalesce(kind_taken[kn] >= floor(kind_levels[kn] + 1e-9), false);
        if why = 'rate' then
          r_levels[c.rn] := c.level;
          r_of_tenants[c.rn] := c.tenant_id;
          r_of_keys[c.rn] := c.rate_key;
        elsif why = 'kind' and (k_keys is null or c.kind <> all (k_keys)) then
          k_keys := k_keys || c.kind;
        end if;
        continue;
      end if;
      picked := picked || c.id;
      bytes := bytes + c.payload_bytes;
      if c.most is not null then
        c_taken[c.cn] := c_taken[c.cn] + 1;
      end if;
      if c.level is not null then
        r_taken[c.rn] := r_taken[c.rn] + 1;
        r_levels[c.rn] := c.level;
        r_rules[c.rn] := c.rate;
        r_of_tenants[c.rn] := c.tenant_id;
        r_of_keys[c.rn] := c.rate_key;
      end if;
      if kn is not null then
        kind_taken[kn] := kind_taken[kn] + 1;
      end if;
      suspect_allowed := suspect_allowed and c.crashes = 0;
      left_over := left_over - 1;
      exit when left_over = 0 or bytes >= 8388608;
    end loop;

    -- What these claims are dated by: behind every end that the judgement above saw, so that no two attempts overlap by their dates; and the buckets
    -- count from it, so that no interval holds more than they allow.
    stamp := greatest(at, countersign_queue.now());
    if aside_ids <> '{}' then
      update countersign_queue.jobs j set aside = u.why from unnest(aside_ids, aside_whys) u (id, why) where j.id = u.id;
    end if;
    if exists (select from unnest(r_of_keys) r where r is not null) then
      insert into countersign_queue.buckets as b (what, queue, tenant_id, key, level, as_of)
      select 'rate', q, r.tenant, r.key, countersign_queue.level_at(r.level, claim_limited.at, r.rule, stamp) - r.taken, stamp
      from unnest(r_of_tenants, r_of_keys, r_levels, r_rules, r_taken) r (tenant, key, level, rule, taken)
      where r.taken > 0
      on conflict (what, queue, tenant_id, key) do update set level = excluded.level, as_of = greatest(b.as_of, excluded.as_of);
      r_tenants := r_tenants || array(select x.tenant from unnest(r_of_tenants, r_of_keys) x (tenant, key) where x.key is not null);
      r_keys := r_keys || array(select x.key from unnest(r_of_tenants, r_of_keys) x (tenant, key) where x.key is not null);
    end if;
    if picked <> '{}' then
      if fair then
        had := coalesce((select o.passed from countersign_queue.shares o where o.queue = q and o.fair_group = '='), 0);
        insert into countersign_queue.shares as s (queue, fair_group, passed)
        select q, g.fair_group, greatest(had, coalesce(o.passed, 0)) + g.n / g.weight from (
          select j.fair_group, count(*) as n, coalesce((settings -> 'weights' ->> substr(j.fair_group, 3))::float8, 1) as weight
          from countersign_queue.jobs j where j.id = any (picked) group by j.fair_group) g
        left join countersign_queue.shares o on o.queue = q and o.fair_group = g.fair_group
        on conflict (queue, fair_group) do update set passed = excluded.passed;
      end if;
      given := given || countersign_queue.give_rows(picked, worker, token, stamp, limits, kind_names);
    end if;
    exit when left_over = 0 or bytes >= 8388608 or walked >= 5000 or (aside_ids = '{}' and picked = '{}');
  end loop;

  if settings ? 'rate' and cardinality(given) > 0 then
    insert into countersign_queue.buckets as b (what, queue, tenant_id, key, level, as_of)
    values ('queue', q, nobody, '', countersign_queue.level_at(queue_level, at, settings -> 'rate', stamp) - cardinality(given), stamp)
    on conflict (what, queue, tenant_id, key) do update set level = excluded.level, as_of = greatest(b.as_of, excluded.as_of);
  end if;
  insert into countersign_queue.buckets as b (what, queue, tenant_id, key, level, as_of)
  select 'kind', '', nobody, t.name, countersign_queue.level_at(t.level, claim_limited.at, kinds -> t.name -> 'rate', stamp) - t.taken, stamp
  from unnest(kind_names, kind_levels, kind_taken) t (name, level, taken)
  where t.level is not null and t.taken > 0
  on conflict (what, queue, tenant_id, key) do update set level = excluded.level, as_of = greatest(b.as_of, excluded.as_of);

  -- What was called or set aside and still waits is called again: at once where there is room, else when its bucket has filled. Room that an attempt
  -- makes by its end needs nothing here: that end writes its own turn.
  if c_keys is not null then
    insert into countersign_queue.turns (queue, tenant_id, what, key, due)
    select q, t.tenant, 'concurrency', t.key, at from unnest(c_tenants, c_keys) t (tenant, key)
    cross join lateral (
      select j.kind from countersign_queue.jobs j
      where j.queue = q and j.tenant_id = t.tenant and j.concurrency_key = t.key and j.state = 'ready' and j.aside = 'concurrency' limit 1) w
    cross join lateral (
      select coalesce(countersign_queue.most_running(kinds -> w.kind -> 'max_running_per_key', t.key),
        countersign_queue.most_running(settings -> 'max_running_per_key', t.key)) as most) l
    where l.most is null or l.most > (
      select count(*) from (
        select from countersign_queue.jobs j where j.queue = q and j.tenant_id = t.tenant and j.concurrency_key = t.key and j.state = 'running'
        limit l.most) x);
  end if;
  if r_keys is not null then
    insert into countersign_queue.turns (queue, tenant_id, what, key, due)
    select q, t.tenant, 'rate', t.key, case when l.rate is null or f.level >= 1 then at else countersign_queue.filled_at(f.level, l.rate, at) end
    from (select distinct x.tenant, x.key from unnest(r_tenants, r_keys) x (tenant, key)) t
    cross join lateral (
      select j.kind from countersign_queue.jobs j
      where j.queue = q and j.tenant_id = t.tenant and j.rate_key = t.key and j.state = 'ready' and j.aside = 'rate' limit 1) w
    cross join lateral (
      select coalesce(countersign_queue.rate_of(kinds -> w.kind -> 'rate_per_key', t.key), countersign_queue.rate_of(settings -> 'rate_per_key', t.key)) as rate) l
    cross join lateral (
      select countersign_queue.level_at(b.level, b.as_of, l.rate, at) as level from (values (1)) o left join countersign_queue.buckets b
        on b.what = 'rate' and b.queue = q and b.tenant_id = t.tenant and b.key = t.key) f
    where not exists (
      select from countersign_queue.turns o where o.queue = q and o.what = 'rate' and o.tenant_id = t.tenant and o.key = t.key);
  end if;
  if k_keys is not null then
    insert into countersign_queue.turns (queue, tenant_id, what, key, due)
    select q, nobody, 'kind', t.name, case
        when coalesce(kind_rooms[p.i] - kind_taken[p.i], 1) > 0 then at
        when kind_levels[p.i] - kind_taken[p.i] < 1 then countersign_queue.filled_at(kind_levels[p.i] - kind_taken[p.i], kinds -> t.name -> 'rate', at)
        -- Its next end may be that of an attempt that knew of no limit: looked at again in a moment.
        else at + interval '200 milliseconds' end
    from (select distinct x as name from unnest(k_keys) x) t
    cross join lateral (select array_position(kind_names, t.name) as i) p
    where exists (select from countersign_queue.jobs j where j.queue = q and j.kind = t.name and j.state = 'ready' and j.aside = 'kind')
      and not exists (select from countersign_queue.turns o where o.queue = q and o.what = 'kind' and o.tenant_id = nobody and o.key = t.name);
  end if;
  if fair and given <> '{}' then
    -- What the least served of those who still wait has had: where a new group begins.
    insert into countersign_queue.shares as s (queue, fair_group, passed)
    select q, '=', m.least from (
      select min(coalesce(o.passed, 0)) as least from countersign_queue.waiting_groups(q) g
      left join countersign_queue.shares o on o.queue = q and o.fair_group = g.fair_group) m
    where m.least is not null
    on conflict (queue, fair_group) do update set passed = greatest(s.passed, excluded.passed);
  end if;
  perform countersign_queue.note_paced(q) where is_paced or cardinality(given) >= paced;
  return given;
end $$;

-- Keeps for the rest of the claim that a rate held this queue back: claim_packed says so, and whoever counts counts it. Takes no lock.
create function countersign_queue.note_paced(q text) returns void
language sql volatile
begin atomic
  select set_config('countersign.paced', concat_ws(' ', nullif(current_setting('countersign.paced', true), ''), q), true);
end;

-- Queues in which jobs of a kind are set aside: each of them has a turn of that kind to come. Takes no lock.
create function countersign_queue.queues_waiting_for(of_kind text) returns table (queue text, tenant_id uuid, key text)
language sql stable
begin atomic
  select distinct t.queue, t.tenant_id, t.key from countersign_queue.turns t where t.what = 'kind' and t.key = of_kind;
end;

-- Ends attempts of rows that completed with nothing to store, under their fence (id, lease, token), and makes room for who waits for their keys: all
-- in the caller's transaction, a statement each. Answers the ids that it ended; the others are for finish to judge one by one.
-- Locks those jobs in order of id, then the next heads of their ordering keys, skipping what others hold. Never touches a job whose fence moved on.
create function countersign_queue.complete_rows(ids text[], leases bigint[], tokens uuid[], at timestamptz) returns text[]
language plpgsql volatile
set enable_seqscan = off set enable_bitmapscan = off set enable_hashjoin = off set enable_mergejoin = off set enable_sort = on set jit = off
as $$
declare
  ended text[];
  queues text[];
  ordered_queues text[];
  tenants uuid[];
  keys text[];
  -- Kinds whose jobs leave follow-ups: their triggers do the rest, job by job.
  followed text[] := array(select k.name from countersign_queue.kinds k where k.settings ? 'follow_ups');
begin
  with ends as (
    select g.id, g.lease, g.token from unnest(ids, leases, tokens) g (id, lease, token) order by g.id
  ), done as (
    update countersign_queue.jobs j set
      state = 'completed', state_reason = null, settled_as = 'completed', finished_at = at, deadline_at = null, progress = null, crashes = 0,
      batched = not j.awaited and j.callbacks = 0 and j.kind <> all (followed)
    from ends e
    -- By id alone: a state in the condition invites a plan that walks all that runs for each of them. Whose token holds, runs.
    where j.id = e.id and j.lease = e.lease and j.claim_token = e.token and j.settled_as is null
    returning j.id, j.queue, j.tenant_id, j.kind, j.ordering_key, j.concurrency_key, j.ordered, j.counted, j.batched
  ), freed as (
    insert into countersign_queue.turns (queue, tenant_id, what, key, due)
    select distinct d.queue, d.tenant_id, 'concurrency', d.concurrency_key, at from done d where d.concurrency_key is not null and d.batched
    union all
    select w.queue, w.tenant_id, 'kind', w.key, at from (select distinct d.kind from done d where d.counted and d.batched) d
    cross join lateral countersign_queue.queues_waiting_for(d.kind) w
    returning queue
  )
  select array_agg(d.id), array_agg(d.queue) filter (where d.ordered and d.batched), array_agg(d.tenant_id) filter (where d.ordered and d.batched),
    array_agg(d.ordering_key) filter (where d.ordered and d.batched), (select array_agg(distinct f.queue) from freed f)
  into ended, ordered_queues, tenants, keys, queues from done d;
  if ordered_queues is not null then
    perform countersign_queue.release_heads(o.queue, array_agg(o.tenant), array_agg(o.key), at, true) from (
      select distinct u.queue, u.tenant, u.key from unnest(ordered_queues, tenants, keys) u (queue, tenant, key)) o group by o.queue;
    queues := queues || array(select distinct u from unnest(ordered_queues) u where queues is null or u <> all (queues));
  end if;
  perform countersign_queue.wake(q, at, at) from unnest(queues) q;
  return coalesce(ended, '{}');
end $$;

-- The same for one job, whoever ends its attempt and however: turns for its concurrency key and its kind, and the next head of its ordering key. Inserts, and
-- locks that head unless somebody else does. Part of every transition out of running, and of every end of a job in strict order.
create function countersign_queue.make_room() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  at timestamptz := countersign_queue.now();
begin
  if new.concurrency_key is not null and old.state = 'running' then
    insert into countersign_queue.turns (queue, tenant_id, what, key, due) values (new.queue, new.tenant_id, 'concurrency', new.concurrency_key, at);
  end if;
  if old.counted and old.state = 'running' then
    insert into countersign_queue.turns (queue, tenant_id, what, key, due)
    select w.queue, w.tenant_id, 'kind', w.key, at from countersign_queue.queues_waiting_for(new.kind) w;
  end if;
  if old.ordered and (new.finished_at is not null or old.state in ('running', 'waiting') or old.queue <> new.queue) then
    perform countersign_queue.release_heads(old.queue, array[old.tenant_id], array[old.ordering_key], at, true);
  end if;
  perform countersign_queue.wake(old.queue, at, at);
  return null;
end $$;

-- A job that leaves ready is set aside no longer; and one in strict order that was held is not let go past those before it (Q105): it stays blocked,
-- by order now. Inserts a turn; takes no lock.
create function countersign_queue.keep_place() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  new.aside := null;
  if new.ordered and old.state = 'blocked' and old.state_reason = 'held' and new.state in ('ready', 'scheduled') and exists (
    select from countersign_queue.jobs b where b.queue = new.queue and b.tenant_id = new.tenant_id and b.ordering_key = new.ordering_key
      and b.ordered and b.finished_at is null and b.ord < new.ord
  ) then
    new.state := 'blocked';
    new.state_reason := 'order';
    insert into countersign_queue.turns (queue, tenant_id, what, key, due)
    values (new.queue, new.tenant_id, 'order', new.ordering_key, countersign_queue.now());
  end if;
  return new;
end $$;

-- What no claim could obey is not stored, whoever declares it: a setting that every claim stumbles over would stop them all.
create function countersign_queue.check_settings() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  perform countersign_queue.check_limits(new.settings);
  return new;
end $$;

-- A changed limit: whoever was set aside for the old one is judged anew by the next claim. Inserts turns; takes no lock but the row's.
create function countersign_queue.judge_anew() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if tg_table_name = 'queues' then
    insert into countersign_queue.turns (queue, tenant_id, what, key, due)
    values (new.name, '00000000-0000-0000-0000-000000000000', 'all', '', countersign_queue.now());
  else
    insert into countersign_queue.turns (queue, tenant_id, what, key, due)
    select distinct j.queue, '00000000-0000-0000-0000-000000000000'::uuid, 'all', '', countersign_queue.now()
    from countersign_queue.jobs j where j.state = 'ready' and j.aside is not null and j.kind = new.name;
  end if;
  return null;
end $$;

-- Stops a rate key until a time (Q106): every claim that begins after the commit gives none of its jobs before. Takes no lock.
create function countersign_queue.hold_rate(j countersign_queue.jobs, until timestamptz) returns void
language sql volatile
begin atomic
  insert into countersign_queue.turns (queue, tenant_id, what, key, due, holds)
  select j.queue, j.tenant_id, 'rate', j.rate_key, until, true where j.rate_key is not null;
end;

-- What a turn promises when no worker claims: tick calls this. Locks the queue's claims if nobody claims just now, then heads.
create function countersign_queue.take_turns(q text, at timestamptz) returns integer
language plpgsql volatile as $$
declare
  n integer := 0;
  t record;
begin
  if not pg_try_advisory_xact_lock(1668248939, hashtext(q)) then
    return 0;
  end if;
  for t in
    with taken as (
      delete from countersign_queue.turns d where d.ctid = any (array(
        select x.ctid from countersign_queue.turns x where x.queue = q and x.what = 'order' and x.due <= at order by x.due limit 1000))
      returning d.tenant_id, d.key
    ) select array_agg(s.tenant_id) as tenants, array_agg(s.key) as keys, count(*) as n from (select distinct d.tenant_id, d.key from taken d) s
  loop
    if t.n > 0 then
      perform countersign_queue.release_heads(q, t.tenants, t.keys, at, false);
      n := t.n;
    end if;
  end loop;
  return n;
end $$;

-- Forgets what says nothing any more: buckets that are full, groups that had no more than the least served. Skips what claims hold.
create function countersign_queue.clean_limits(at timestamptz, most integer) returns integer
language plpgsql volatile as $$
declare
  n integer;
begin
  delete from countersign_queue.buckets b where b.ctid = any (array(
    select x.ctid from countersign_queue.buckets x where x.as_of < at - interval '1 day' limit most for update skip locked));
  get diagnostics n = row_count;
  delete from countersign_queue.shares s where s.ctid = any (array(
    select x.ctid from countersign_queue.shares x
    join countersign_queue.shares l on l.queue = x.queue and l.fair_group = '='
    where x.fair_group <> '=' and x.passed <= l.passed limit most for update of x skip locked));
  return n;
end $$;

-- When the next turn of a queue is due, for a worker that found nothing; null when none is. Takes no lock.
create function countersign_queue.turn_due(q text, at timestamptz) returns timestamptz
language plpgsql stable as $$
declare
  rule jsonb := (select c.settings -> 'rate' from countersign_queue.queues c where c.name = q);
  next_due timestamptz := (select t.due from countersign_queue.turns t where t.queue = q order by t.due limit 1);
  level float8;
begin
  if rule is not null and exists (select from countersign_queue.jobs j where j.queue = q and j.state = 'ready' and j.aside is null) then
    select countersign_queue.level_at(b.level, b.as_of, rule, turn_due.at) into level from countersign_queue.buckets b
    where b.what = 'queue' and b.queue = q and b.tenant_id = '00000000-0000-0000-0000-000000000000' and b.key = '';
    if level < 1 then
      next_due := least(next_due, countersign_queue.filled_at(level, rule, at));
    end if;
  end if;
  return next_due;
end $$;

-- How many jobs of a queue wait, counted no further than `most` (Q66): ready, scheduled, retrying, blocked. Takes no lock.
create function countersign_queue.depth(q text, most integer) returns integer
language sql stable
set enable_seqscan = off set enable_bitmapscan = off set jit = off
return least(most,
  (select count(*) from (select from countersign_queue.jobs j where j.queue = q and j.state = 'ready' limit most) r)
  + (select count(*) from (select from countersign_queue.jobs j where j.queue = q and j.state in ('scheduled', 'retrying') limit most) d)
  + (select count(*) from (select from countersign_queue.jobs j where j.queue = q and j.state = 'blocked' limit most) b))::integer;

-- Lets one more job into a queue with a depth: QJ003 when it is full and rejects, else the pressure 0…1. Counted once a statement and
-- queue; what the statement itself adds is added up. Takes no lock: two producers at the brink may both pass.
create function countersign_queue.admit(q text, settings jsonb) returns double precision
language plpgsql volatile as $$
declare
  most integer := (settings ->> 'max_depth')::integer;
  said jsonb := nullif(current_setting('countersign.depth', true), '')::jsonb;
  n integer;
begin
  if said ->> 'at' = statement_timestamp()::text and said ->> 'queue' = q then
    n := (said ->> 'n')::integer;
  else
    -- The job itself is there already.
    n := countersign_queue.depth(q, most + 1) - 1;
  end if;
  if n >= most and coalesce(settings ->> 'on_full', 'reject') = 'reject' then
    raise exception 'queue % is full: % jobs wait in it', q, n
      using errcode = 'QJ003', detail = jsonb_build_object('queue', q, 'depth', n, 'max_depth', most, 'retry_after_ms', 1000)::text;
  end if;
  n := n + 1;
  perform set_config('countersign.depth', jsonb_build_object('at', statement_timestamp()::text, 'queue', q, 'n', n)::text, true);
  return least(1, n::float8 / most);
end $$;

-- Checks a unique rule and fills in what it leaves open. `of`: the plain parts of a payload that its producer sealed, or more of it; they are hashed in the
-- payload's place and stored nowhere.
create or replace function countersign_queue.unique_rule(u jsonb) returns jsonb
language plpgsql immutable as $$
declare
  terminal constant jsonb := '["failed", "cancelled", "completed"]';
  live constant jsonb := '["scheduled", "retrying", "blocked", "ready", "running", "waiting"]';
  held jsonb := coalesce(u -> 'while', live);
begin
  if jsonb_typeof(u) <> 'object' or (u - array['by', 'of', 'key', 'scope', 'while', 'period_ms', 'on_conflict', 'preserve_run_at']) <> '{}' then
    perform countersign_queue.refuse('/unique', 'unique has members by, of, key, scope, while, period_ms, on_conflict, preserve_run_at');
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
  if u ? 'by' and u -> 'by' <> '"payload"' and (case when jsonb_typeof(u -> 'by') <> 'array' then true else jsonb_array_length(u -> 'by') not between 1 and 20 or exists (
    select from jsonb_array_elements(u -> 'by') p where jsonb_typeof(p) <> 'string' or octet_length(p #>> '{}') not between 1 and 512) end) then
    perform countersign_queue.refuse('/unique/by', 'by is "payload" or a list of at most 20 paths');
  end if;
  if u ? 'scope' and u -> 'scope' not in ('["queue"]', '[]') then
    perform countersign_queue.refuse('/unique/scope', 'scope is a list of: queue');
  end if;
  if u ? 'key' and jsonb_typeof(u -> 'key') <> 'string' then
    perform countersign_queue.refuse('/unique/key', 'the key of unique is a text');
  end if;
  perform countersign_queue.integer_of(u, 'period_ms', 1, 31622400000);
  perform countersign_queue.check_size('/unique/key', u ->> 'key', 512);
  return u || jsonb_build_object('while', held);
end $$;

-- A key of a job: its own, else the kind's; at most 512 bytes, not empty.
create function countersign_queue.key_of(j jsonb, k jsonb, member text) returns text
language plpgsql immutable as $$
declare
  v jsonb := coalesce(nullif(j -> member, 'null'), nullif(k -> member, 'null'));
begin
  if v is null then
    return null;
  elsif jsonb_typeof(v) <> 'string' or v = '""' then
    perform countersign_queue.refuse('/' || member, member || ' is a text that is not empty');
  end if;
  perform countersign_queue.check_size('/' || member, v #>> '{}', 512);
  return v #>> '{}';
end $$;

-- Inserts one job. Promises the checks of Q11 and one definite answer {id, conflict, pressure?}: a new job, the holder of its unique key, QJ002, or
-- QJ003 of a full queue. A job in strict order is blocked while a job of its key before it lives.
-- Locks: with a unique key, the key's index entry until the holder's transaction ends, then the holder's row (replace only). Whoever holds keys already
-- does not wait for that row (`waits` false): QJ011 when somebody else has it.
-- Never waits otherwise; never commits; never changes a setting of the caller.
drop function countersign_queue.insert_job(jsonb, timestamptz);
create function countersign_queue.insert_job(j jsonb, at timestamptz, waits boolean default true) returns jsonb
language plpgsql volatile as $$
declare
  members constant text[] := array['tenant_id', 'kind', 'queue', 'payload', 'payload_version', 'priority', 'run_at', 'delay_ms',
    'max_attempts', 'max_crashes', 'deadline_ms', 'backoff', 'keep_output_ms', 'unique', 'hold', 'metadata', 'tags', 'trace',
    'ordering_key', 'order', 'concurrency_key', 'rate_key'];
  k jsonb;
  s jsonb;
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
  place_key text;
  is_strict boolean := false;
  running_key text;
  paced_key text;
  to_state text;
  reason text;
  pressure float8;
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
  k := (select c.settings from countersign_queue.kinds c where c.name = kind);
  queue := coalesce(j ->> 'queue', k ->> 'queue', 'default');
  if queue !~ '^[a-z0-9][a-z0-9_.:-]{0,199}$' then
    perform countersign_queue.refuse('/queue', 'a queue is 1 to 200 of a-z, 0-9, _ . : -, beginning with a letter or digit');
  end if;
  s := (select c.settings from countersign_queue.queues c where c.name = queue);
  if countersign_queue.turns_away(k, s) then
    raise exception 'nobody declared the kind %, and the queue % takes no other', kind, queue
      using errcode = 'QJ005', detail = '{"path": "/kind", "code": "kind_unknown"}';
  end if;
  k := coalesce(k, '{}');
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
  elsif j ? 'delay_ms' then
    due := at + coalesce(countersign_queue.integer_of(j, 'delay_ms', 0, 315576000000), 0) * interval '1 millisecond';
  else
    due := at;
  end if;
  if j ?| array['ordering_key', 'concurrency_key', 'rate_key', 'order'] or k ?| array['ordering_key', 'concurrency_key', 'rate_key', 'order'] then
    place_key := countersign_queue.key_of(j, k, 'ordering_key');
    running_key := countersign_queue.key_of(j, k, 'concurrency_key');
    paced_key := countersign_queue.key_of(j, k, 'rate_key');
    if coalesce(j ->> 'order', 'shard') not in ('shard', 'strict') then
      perform countersign_queue.refuse('/order', 'order is shard or strict');
    end if;
    is_strict := coalesce(j ->> 'order', k ->> 'order', 'shard') = 'strict' and place_key is not null;
    if j ->> 'order' = 'strict' and place_key is null then
      perform countersign_queue.refuse('/ordering_key', 'strict order needs an ordering_key');
    end if;
  end if;
  u := coalesce(j -> 'unique', k -> 'unique');
  if u is not null and u <> 'null' then
    u := countersign_queue.unique_rule(u);
    hash := countersign_queue.unique_hash(tenant, kind, queue, coalesce(u -> 'of', content), u, at);
  end if;
  if j ? 'hold' then
    to_state := 'blocked';
    reason := 'held';
  elsif is_strict and countersign_queue.is_behind(queue, tenant, place_key) then
    to_state := 'blocked';
    reason := 'order';
  else
    to_state := case when due > at then 'scheduled' else 'ready' end;
  end if;
  loop
    job_id := countersign_queue.new_id('job', at);
    insert into countersign_queue.jobs as made (
      id, tenant_id, queue, kind, priority, state, state_reason, payload, payload_bytes, payload_version, max_attempts,
      max_attempts_own, max_crashes,
      deadline_ms, backoff, keep_output_ms, run_at, enqueued_at, metadata, tags, trace, unique_key, unique_hash, unique_while, unique_until,
      ordering_key, ordered, concurrency_key, rate_key, fair_group)
    values (
      job_id, tenant, queue, kind,
      coalesce(case when j ? 'priority' then countersign_queue.integer_of(j, 'priority', 1, 4) end, (k ->> 'priority')::smallint, 2),
      to_state, reason,
      content, bytes, coalesce(case when j ? 'payload_version' then countersign_queue.integer_of(j, 'payload_version', 1, 2147483647) end, (k ->> 'payload_version')::integer, 1),
      coalesce(case when j ? 'max_attempts' then countersign_queue.integer_of(j, 'max_attempts', 1, 1000) end, (k ->> 'max_attempts')::integer, 25), j ? 'max_attempts',
      case when j ? 'max_crashes' then countersign_queue.integer_of(j, 'max_crashes', 0, 1000) end,
      case when j ? 'deadline_ms' then countersign_queue.integer_of(j, 'deadline_ms', 0, 31622400000) end, j -> 'backoff',
      case when j ? 'keep_output_ms' then countersign_queue.integer_of(j, 'keep_output_ms', 0, 31622400000) end, due, at,
      case when j ? 'hold' then coalesce(j -> 'metadata', '{}') || jsonb_build_object('countersign:hold', left(j ->> 'hold', 1024))
        else coalesce(j -> 'metadata', '{}') end,
      case when j ? 'tags' then coalesce(array(select jsonb_array_elements_text(j -> 'tags')), '{}') else '{}' end, j -> 'trace',
      u ->> 'key', hash, case when u is not null then array(select jsonb_array_elements_text(u -> 'while')) end,
      at + (u ->> 'period_ms')::bigint * interval '1 millisecond',
      place_key, is_strict, running_key, paced_key,
      case s ->> 'fair_by' when 'tenant' then 't:' || tenant when 'concurrency_key' then 'k:' || coalesce(running_key, '') else '' end)
    on conflict (unique_hash) where unique_held do nothing;
    if found then
      if s ? 'max_depth' then
        pressure := countersign_queue.admit(queue, s);
      end if;
      if reason = 'order' then
        insert into countersign_queue.turns (queue, tenant_id, what, key, due) values (queue, tenant, 'order', place_key, at);
      elsif to_state <> 'blocked' then
        perform countersign_queue.wake(queue, due, at);
      end if;
      return case when pressure is null then jsonb_build_object('id', job_id, 'conflict', false)
        else jsonb_build_object('id', job_id, 'conflict', false, 'pressure', pressure) end;
    end if;
    -- The insert waited for whoever held the key. Replace locks the holder, so that what it judges is what it changes.
    if u ->> 'on_conflict' = 'replace' and waits then
      select * into holder from countersign_queue.jobs h where h.unique_hash = hash and h.unique_held for update;
    elsif u ->> 'on_conflict' = 'replace' then
      select * into holder from countersign_queue.jobs h where h.unique_hash = hash and h.unique_held for update skip locked;
      if holder.id is null and exists (select from countersign_queue.jobs h where h.unique_hash = hash and h.unique_held) then
        raise exception 'somebody else is at the job that holds this unique key' using errcode = 'QJ011';
      end if;
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

-- Whether a job of this key lives: one more would stand behind it. Takes no lock.
create function countersign_queue.is_behind(q text, tenant uuid, key text) returns boolean
language sql stable
set enable_seqscan = off set enable_bitmapscan = off set jit = off
return exists (
  select from countersign_queue.jobs b
  where b.queue = q and b.tenant_id = tenant and b.ordering_key = key and b.ordered and b.finished_at is null);

-- Ends one attempt as settle does, and stops its rate key when the outcome says so: retry({after, hold: 'rate_key'}) of a handler that was told to
-- slow down (Q106). Locks as settle.
alter function countersign_queue.settle(jsonb, timestamptz) rename to settle_outcome;
create function countersign_queue.settle(r jsonb, at timestamptz) returns text
language plpgsql volatile as $$
declare
  answer text := countersign_queue.settle_outcome(r, at);
begin
  if r ->> 'hold' = 'rate_key' and answer = 'settled' then
    perform countersign_queue.hold_rate(j, coalesce((r ->> 'at')::timestamptz, at + coalesce((r ->> 'after_ms')::bigint, 1000) * interval '1 millisecond'))
    from countersign_queue.jobs j where j.id = r ->> 'id';
  end if;
  return answer;
end $$;

-- Saves settings of a queue; a member that is null is taken away, others stay. Answers all of them. In force for every claim that begins after
-- the commit; lowering a limit drains and ends nothing. Locks the queue's row.
create function countersign_queue.configure_queue(name text, settings jsonb) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  saved jsonb;
begin
  if name is null or name !~ '^[a-z0-9][a-z0-9_.:-]{0,199}$' then
    perform countersign_queue.refuse('/queue', 'not the name of a queue');
  elsif jsonb_typeof(settings) is distinct from 'object' then
    perform countersign_queue.refuse('', 'settings is an object');
  end if;
  perform countersign_queue.refuse('/' || m, 'a queue has no setting ' || m)
  from jsonb_object_keys(settings - array['max_running', 'rate', 'max_running_per_key', 'rate_per_key', 'fair_by', 'weights', 'max_depth', 'on_full',
    'aging_ms', 'deadline_ms', 'undeclared', 'shards', 'keep_dead_letters_ms']) m;
  perform countersign_queue.check_limits(settings);
  insert into countersign_queue.queues as q (name, settings)
  values (configure_queue.name, (select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(configure_queue.settings) e where e.value <> 'null'))
  on conflict on constraint queues_pkey do update set settings = (
    select coalesce(jsonb_object_agg(e.key, e.value), '{}') from jsonb_each(q.settings || configure_queue.settings) e where e.value <> 'null')
  returning q.settings into saved;
  perform pg_notify('countersign_queue', 'work:' || configure_queue.name);
  return saved;
end $$;

-- The settings of a queue; empty when nobody saved any. Takes no lock.
create function countersign_queue.queue_settings(name text) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select coalesce((select q.settings from countersign_queue.queues q where q.name = queue_settings.name), '{}');
end;

-- Keys of a queue that keep jobs waiting, of the caller's tenant: {what, key, tenant_id, waiting, running, head: {id, kind, state, attempt, run_at},
-- until}. The head of an ordering key is who must end; of others, who is next. Behind a cursor (what, key); counts stop at 1000. Takes no lock.
create function countersign_queue.list_keys(queue text, after jsonb default null, most integer default 50) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
set enable_seqscan = off set jit = off
as $$
declare
  listed jsonb;
begin
  if most is null or most not between 1 and 200 then
    perform countersign_queue.refuse('/limit', 'limit is between 1 and 200');
  end if;
  with keys as (
    select 'order' as what, j.tenant_id, j.ordering_key as key from countersign_queue.jobs j
    where j.queue = list_keys.queue and j.ordered and j.finished_at is null and (j.aside = 'order' or (j.state = 'blocked' and j.state_reason = 'order'))
    union
    select 'concurrency', j.tenant_id, j.concurrency_key from countersign_queue.jobs j
    where j.queue = list_keys.queue and j.state = 'ready' and j.aside = 'concurrency'
    union
    select 'rate', j.tenant_id, j.rate_key from countersign_queue.jobs j where j.queue = list_keys.queue and j.state = 'ready' and j.aside = 'rate'
    union
    select 'kind', null, j.kind from countersign_queue.jobs j where j.queue = list_keys.queue and j.state = 'ready' and j.aside = 'kind'
  ), page as (
    select k.* from keys k
    where (k.tenant_id is null or countersign_queue.visible(k.tenant_id)) and (after is null or (k.what, k.key) > (after ->> 'what', after ->> 'key'))
    order by k.what, k.key, k.tenant_id limit most
  )
  select coalesce(jsonb_agg(jsonb_build_object('what', p.what, 'key', p.key, 'tenant_id', p.tenant_id,
    'waiting', (select count(*) from (select from countersign_queue.jobs j where j.queue = list_keys.queue and case p.what
      when 'order' then j.tenant_id = p.tenant_id and j.ordering_key = p.key and j.ordered and j.finished_at is null
        and (j.aside = 'order' or (j.state = 'blocked' and j.state_reason = 'order'))
      when 'concurrency' then j.tenant_id = p.tenant_id and j.concurrency_key = p.key and j.state = 'ready' and j.aside = 'concurrency'
      when 'rate' then j.tenant_id = p.tenant_id and j.rate_key = p.key and j.state = 'ready' and j.aside = 'rate'
      else j.kind = p.key and j.state = 'ready' and j.aside = 'kind' end limit 1000) w),
    'running', (select count(*) from (select from countersign_queue.jobs j where j.queue = list_keys.queue and j.state = 'running' and case p.what
      when 'order' then j.tenant_id = p.tenant_id and j.ordering_key = p.key and j.ordered
      when 'concurrency' then j.tenant_id = p.tenant_id and j.concurrency_key = p.key
      when 'rate' then j.tenant_id = p.tenant_id and j.rate_key = p.key else j.kind = p.key end limit 1000) r),
    'until', (select countersign_queue.spoken(max(t.due)) from countersign_queue.turns t
      where t.queue = list_keys.queue and t.what = p.what and t.key = p.key and t.tenant_id is not distinct from p.tenant_id and p.what = 'rate'),
    'head', (select jsonb_build_object('id', j.id, 'kind', j.kind, 'state', j.state, 'attempt', j.attempt, 'run_at', countersign_queue.spoken(j.run_at))
      from countersign_queue.jobs j where j.queue = list_keys.queue and case p.what
        when 'order' then j.tenant_id = p.tenant_id and j.ordering_key = p.key and j.ordered and j.finished_at is null
        when 'concurrency' then j.tenant_id = p.tenant_id and j.concurrency_key = p.key and j.state = 'ready' and j.aside = 'concurrency'
        when 'rate' then j.tenant_id = p.tenant_id and j.rate_key = p.key and j.state = 'ready' and j.aside = 'rate'
        else j.kind = p.key and j.state = 'ready' and j.aside = 'kind' and countersign_queue.visible(j.tenant_id) end
      order by j.ord limit 1)) order by p.what, p.key, p.tenant_id), '[]') into listed from page p;
  return listed;
end $$;

-- The job at the head of an ordering key, of the caller's tenant (or the one named); null when the key waits for nobody. Takes no lock.
create function countersign_queue.head_of(q text, key text, tenant uuid) returns text
language sql stable
set enable_seqscan = off set jit = off
return (
  select j.id from countersign_queue.jobs j
  where j.queue = q and j.tenant_id = countersign_queue.tenant_for(tenant) and j.ordering_key = key and j.ordered and j.finished_at is null
  order by j.ord limit 1);

-- What an operator does about the head of an ordering key (Q105): skip makes it a dead letter, which may be retried later; cancel cancels it; retry
-- runs it now. The first two free the key in this transaction; a running head is asked to end (cancel) or not touched (skip).
-- {id, state, changed}, null without a head. Locks the head.
create function countersign_queue.free_key(queue text, key text, action text, tenant uuid default null, reason text default null) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  head text := countersign_queue.head_of(queue, key, tenant);
begin
  if head is null then
    return null;
  end if;
  case action
    when 'skip' then
      return countersign_queue.bury_job(head, coalesce(reason, 'skipped, so that its key goes on'));
    when 'cancel' then
      return countersign_queue.cancel_job(head, reason);
    when 'retry' then
      return countersign_queue.retry_job(head);
    else
      perform countersign_queue.refuse('/action', 'the head of a key is skipped, retried or cancelled');
  end case;
end $$;

select countersign_queue.grant_functions('countersign_reader', array['list_keys', 'queue_settings']);
select countersign_queue.grant_functions('countersign_admin', array['configure_queue', 'free_key', 'list_keys', 'queue_settings']);
select countersign_queue.grant_functions('countersign_producer', array['queue_settings']);
-- For the statements below, which only the owner of the tables may run.
do $$
declare
  installer name := current_setting('countersign.installer');
begin
  execute format('grant execute on function countersign_queue.make_room(), countersign_queue.keep_place(), countersign_queue.judge_anew(),
    countersign_queue.check_settings() to %I', installer);
end $$;
select countersign_queue.as_owner();

create trigger keep_place before update of state on countersign_queue.jobs for each row
when (old.state is distinct from new.state and ((old.aside is not null and new.aside is not null)
  or (new.ordered and old.state = 'blocked' and old.state_reason = 'held')))
execute function countersign_queue.keep_place();

create trigger make_room after update of state, queue on countersign_queue.jobs for each row
when (not new.batched and (old.state is distinct from new.state or old.queue <> new.queue)
  and ((old.state = 'running' and (new.concurrency_key is not null or old.counted))
    or (old.ordered and (new.finished_at is not null or old.state in ('running', 'waiting') or old.queue <> new.queue))))
execute function countersign_queue.make_room();

drop trigger follow_ups on countersign_queue.jobs;
create trigger follow_ups after update of state on countersign_queue.jobs for each row
when (old.state is distinct from new.state and not new.batched
  and (new.state in ('completed', 'failed', 'cancelled', 'retrying', 'waiting') or new.state_reason = 'worker_lost'))
execute function countersign_queue.follow_up();

create trigger check_settings before insert or update of settings on countersign_queue.queues for each row
execute function countersign_queue.check_settings();
create trigger check_settings before insert or update of settings on countersign_queue.kinds for each row
execute function countersign_queue.check_settings();
create trigger judge_anew after update of settings on countersign_queue.queues for each row
when (old.settings is distinct from new.settings)
execute function countersign_queue.judge_anew();
create trigger judge_anew after update of settings on countersign_queue.kinds for each row
when (old.settings is distinct from new.settings)
execute function countersign_queue.judge_anew();
