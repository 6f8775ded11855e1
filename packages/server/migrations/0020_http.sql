-- What the edge of the server remembers: replies for Idempotency-Key (P76–P78) and the buckets of the limits (P71–P75).

-- A row is in flight while `reply` is null: its lease ends with a process that died. `reply` is an envelope of status, headers and body.
-- The id changes when another attempt takes a lapsed row over, so that a slow first attempt can no longer complete it.
create table countersign.replies (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants (id),
  principal text collate "C" not null,
  route text collate "C" not null,
  key_hash bytea not null,
  fingerprint bytea not null,
  lease_until timestamptz(3) not null,
  reply bytea,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  primary key (tenant_id, id),
  constraint replies_once unique (tenant_id, principal, route, key_hash)
);
create index replies_expired on countersign.replies (expires_at);
select countersign.make_tenant_table('replies', array['select', 'insert', 'update', 'delete']);
select countersign.grant_engine('replies', 'select', 'insert', 'update', 'delete');

-- One row a bucket and counted thing. Unlogged: after a crash of PostgreSQL everybody starts afresh, which is a price worth no fsync per request.
-- tat: when the bucket is empty again (gcra), or until when a back-off lasts. hits: the log of a window. leases: holder and end, for what is counted at once.
create unlogged table countersign.buckets (
  key text collate "C" primary key,
  tat timestamptz,
  hits timestamptz[],
  failures integer,
  leases jsonb,
  idle_at timestamptz not null
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
grant select, insert, update, delete on countersign.buckets to countersign_runtime;

-- Any number of equal calls on a row of generic cell rate buckets, one after the other: a bucket is empty at `tat`, a call moves it by `cost` units and may
-- take it at most `burst` units ahead of now. Says for each bucket how many calls it let through; only those ask the next. Times in milliseconds.
-- Each bucket is locked before its time is read, so of any number of processes each sees it as the one before left it, at a time that is not older.
create function countersign.take_gcra(keys text[], units float8[], bursts float8[], idles float8[], cost float8, calls integer)
returns table (nth integer, at float8, tat float8, granted integer)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  ms constant interval := interval '1 millisecond';
  step interval;
  moment timestamptz;
  until timestamptz;
begin
  for i in 1..cardinality(keys) loop
    step := units[i] * cost * ms;
    loop
      select b.tat into until from countersign.buckets b where b.key = keys[i] for update;
      exit when found;
      insert into countersign.buckets as b (key, idle_at) values (keys[i], countersign.now()) on conflict (key) do nothing;
    end loop;
    moment := countersign.now();
    granted := 0;
    while granted < calls and (until is null or until + step <= moment + units[i] * bursts[i] * ms) loop
      until := greatest(until, moment) + step;
      granted := granted + 1;
    end loop;
    if granted > 0 then
      update countersign.buckets b set tat = until, idle_at = moment + idles[i] * ms where b.key = keys[i];
    end if;
    nth := i - 1;
    at := extract(epoch from moment) * 1000;
    tat := extract(epoch from until) * 1000;
    return next;
    calls := granted;
    exit when calls = 0;
  end loop;
end
$$;
grant execute on function countersign.take_gcra(text[], float8[], float8[], float8[], float8, integer) to countersign_runtime;

set local role countersign_engine;

-- Commits the row of an attempt before its effect begins (P77), in one round trip without a transaction of its own: that is why the engine does it.
-- The insert waits for an attempt that is just committing and then sees its reply.
create function countersign_engine.begin_reply(
  tenant uuid, who text, at_route text, hash_of_key bytea, print bytea, attempt text, lease interval, keep interval
) returns table (outcome text, id text, reply bytea)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  found_row countersign.replies;
  moment timestamptz;
begin
  for i in 1..3 loop
    moment := countersign.now();
    insert into countersign.replies as r (id, tenant_id, principal, route, key_hash, fingerprint, lease_until, created_at, expires_at)
    values (attempt, tenant, who, at_route, hash_of_key, print, moment + lease, moment, moment + keep)
    on conflict on constraint replies_once do update
      set id = excluded.id, fingerprint = excluded.fingerprint, lease_until = excluded.lease_until, reply = null,
          created_at = excluded.created_at, expires_at = excluded.expires_at
      where r.expires_at <= moment or (r.reply is null and r.lease_until <= moment and r.fingerprint = excluded.fingerprint);
    if found then
      return query select 'begun', attempt, null::bytea;
      return;
    end if;
    select * into found_row from countersign.replies r
      where r.tenant_id = tenant and r.principal = who and r.route = at_route and r.key_hash = hash_of_key;
    -- Released between the two statements: the next round inserts.
    continue when not found;
    return query select
      case when found_row.fingerprint <> print then 'mismatch' when found_row.reply is null then 'in_flight' else 'replay' end,
      found_row.id, case when found_row.fingerprint = print then found_row.reply end;
    return;
  end loop;
  return query select 'in_flight', attempt, null::bytea;
end
$$;
grant execute on function countersign_engine.begin_reply(uuid, text, text, bytea, bytea, text, interval, interval) to countersign_runtime;

-- Replies of all tenants whose time is over; a batch at a time, so that no lock lasts.
create function countersign_engine.sweep_replies(batch integer) returns integer
language sql security definer
set search_path = pg_catalog, pg_temp
begin atomic
  with gone as (
    delete from countersign.replies r using (
      select o.tenant_id, o.id from countersign.replies o where o.expires_at <= countersign.now() order by o.expires_at limit batch for update skip locked
    ) old
    where r.tenant_id = old.tenant_id and r.id = old.id
    returning 1
  )
  select count(*)::integer from gone;
end;
grant execute on function countersign_engine.sweep_replies(integer) to countersign_runtime;

set local role countersign_owner;
