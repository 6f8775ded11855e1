-- The audit log (P107–P119, P122): what an event holds beside its text, the side envelopes of personal values, the chain of seals, the tree over it,
-- signed checkpoints, exports and retention. Writers still share nothing but a sequence: all that follows happens behind them.

-- What the list filters by. `action` is what was asked for, where an event tells of a question to the policy.
alter table countersign.events
  add column decision text collate "C",
  add column action text collate "C";
create index events_decision on countersign.events (tenant_id, decision, xid, ord) where decision is not null;
create index events_action on countersign.events (tenant_id, action, xid, ord) where action is not null;
-- What committed since the last step, over all tenants: writers append at its right end, the sealer reads there.
create index events_unsealed on countersign.events (xid, ord);
select countersign.grant_engine('events', 'select (id, tenant_id, xid, ord, type, class, occurred_at, body)',
  'insert (id, tenant_id, type, class, resource_type, resource_id, actor_id, occurred_at, body)', 'delete');

-- The one exception: the engine while its retention function runs, which says so in a setting that ends with the transaction (P122).
create or replace function countersign.refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'DELETE' and current_user = 'countersign_engine' and current_setting('countersign.purging', true) = 'on' then
    return null;
  end if;
  raise exception 'the record is append-only: % on % is refused', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end
$$;

-- Addresses, clients, names (P110): an envelope under the subject's key, named by the SHA-256 of its bytes, which is all that events hold of it.
-- One serves every event of a session or key from one place.
create table countersign.event_origins (
  sha256 text collate "C" not null check (sha256 ~ '^[0-9a-f]{64}$'),
  tenant_id uuid not null references countersign.tenants,
  subject text collate "C" not null,
  envelope bytea not null,
  created_at timestamptz(3) not null,
  primary key (tenant_id, sha256)
);
select countersign.make_tenant_table('event_origins', array['select', 'insert']);
select countersign.grant_engine('event_origins', 'select (tenant_id, created_at)', 'delete');

-- The chain (P112, P114). No reference to events: retention removes their text and keeps these. Nor to tenants, for each event had one, and a check for
-- every row would be the larger half of the cost of a step.
create table countersign.seals (
  seq bigint not null,
  tenant_id uuid not null,
  event_id text collate "C" not null,
  digest bytea not null,
  prev_hash bytea not null,
  hash bytea not null,
  sealed_at timestamptz(3) not null,
  primary key (tenant_id, seq),
  unique (tenant_id, event_id)
);
select countersign.make_tenant_table('seals', array['select']);
select countersign.grant_engine('seals', 'select', 'insert');

-- Where each tenant's chain ends, how far its tree is signed, and up to where retention went.
create table countersign.seal_heads (
  size bigint not null,
  tenant_id uuid not null references countersign.tenants,
  hash bytea not null,
  sealed_at timestamptz(3) not null,
  checkpoint_size bigint not null default 0,
  checkpoint_at timestamptz(3),
  purged_activity bigint not null default 0,
  purged_audit bigint not null default 0,
  primary key (tenant_id)
);
select countersign.make_tenant_table('seal_heads', array['select']);
select countersign.grant_engine('seal_heads', 'select', 'insert', 'update');

-- The tree (P116): a row for each whole subtree of 256, 65,536, … leaves, so that a proof reads a few hundred hashes of a log of any length.
create table countersign.seal_tiles (
  level smallint not null check (level > 0 and level % 8 = 0),
  tenant_id uuid not null references countersign.tenants,
  index bigint not null,
  hash bytea not null,
  primary key (tenant_id, level, index)
);
select countersign.make_tenant_table('seal_tiles', array['select']);
select countersign.grant_engine('seal_tiles', 'select', 'insert');

create table countersign.checkpoints (
  size bigint not null check (size >= 1),
  tenant_id uuid not null references countersign.tenants,
  root bytea not null,
  note text not null,
  key_version integer not null,
  created_at timestamptz(3) not null,
  -- What a witness added (C2SP), and when the note was last told to the outside.
  cosignatures text,
  told_at timestamptz(3),
  primary key (tenant_id, size)
);
create index checkpoints_told on countersign.checkpoints (tenant_id, told_at) where told_at is not null;
select countersign.make_tenant_table('checkpoints', array['select']);
select countersign.grant_engine('checkpoints', 'select', 'insert', 'update (cosignatures, told_at)');

-- Public halves of every key that ever signed a checkpoint or a receipt: they outlive the root key that they were derived from (T156).
create table countersign.signing_keys (
  purpose text not null check (purpose in ('audit-sign', 'receipt')),
  version integer not null,
  public_key bytea not null check (octet_length(public_key) = 32),
  created_at timestamptz(3) not null,
  retired_at timestamptz(3),
  primary key (purpose, public_key)
);
grant select, insert, update (retired_at) on countersign.signing_keys to countersign_runtime;
grant select, insert, update (retired_at) on countersign.signing_keys to countersign_maintenance;

-- The snapshot S0 up to which everything is sealed. A step of more rows than one transaction takes keeps its S1 in `target` and goes on after `after_ord`.
-- `place` says which cluster and timeline this is: another one means that the database was restored, copied or upgraded (P117).
create table countersign.seal_state (
  singleton boolean primary key default true check (singleton),
  taken pg_snapshot not null,
  target pg_snapshot,
  after_ord bigint not null default 0,
  cluster text,
  timeline text,
  -- Sealed once in another cluster: numbers of transactions may come again, so each event is looked up before it is sealed.
  anchored boolean not null default false,
  anchoring boolean not null default false
);
-- Nothing is sealed yet: every transaction is unseen in this snapshot.
insert into countersign.seal_state (taken) values ('1:1:');
grant select, update on countersign.seal_state to countersign_engine;

-- Who seals: a lease, not a session's lock, so that poolers work.
create table countersign.seal_leases (
  duty text primary key,
  holder text not null,
  until timestamptz(3) not null
);
grant select, insert, update, delete on countersign.seal_leases to countersign_engine;

-- How long a tenant keeps its record, and whether a hold forbids to remove any of it.
create table countersign.audit_retention (
  audit_months integer not null default 24 check (audit_months between 12 and 120),
  tenant_id uuid not null references countersign.tenants,
  activity_days integer not null default 90 check (activity_days between 30 and 3650),
  held_at timestamptz(3),
  held_reason text,
  primary key (tenant_id)
);
select countersign.make_tenant_table('audit_retention', array['select', 'insert', 'update']);
select countersign.grant_engine('audit_retention', 'select');

-- Exports, in pieces of the database's own, so that any process serves what any other made.
create table countersign.audit_exports (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  format text not null check (format in ('ndjson', 'csv')),
  from_at timestamptz(3),
  to_at timestamptz(3),
  state text not null default 'running' check (state in ('running', 'ready', 'failed', 'expired')),
  requested_by text collate "C" not null,
  from_seq bigint,
  to_seq bigint,
  written bigint not null default 0,
  bytes bigint not null default 0,
  checkpoint_size bigint,
  error text,
  created_at timestamptz(3) not null,
  finished_at timestamptz(3),
  expires_at timestamptz(3),
  primary key (tenant_id, id)
);
-- One at a time (409 export_running).
create unique index audit_exports_running on countersign.audit_exports (tenant_id) where state = 'running';
select countersign.make_tenant_table('audit_exports', array['select', 'insert', 'update']);

create table countersign.audit_export_chunks (
  n integer not null,
  tenant_id uuid not null references countersign.tenants,
  export_id text collate "C" not null,
  bytes bytea not null,
  primary key (tenant_id, export_id, n),
  foreign key (tenant_id, export_id) references countersign.audit_exports (tenant_id, id)
);
select countersign.make_tenant_table('audit_export_chunks', array['select', 'insert', 'delete']);

set local role countersign_engine;

-- One link of the chain (P114). As an aggregate over a window it gives every row the hash up to it, in one pass.
create function countersign_engine.seal_link(state bytea, head bytea, tenant uuid, seq bigint, digest bytea) returns bytea
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return sha256('\x636f756e7465727369676e2f7365616c2f76310a'::bytea || uuid_send(tenant) || int8send(seq) || coalesce(state, head) || digest);
end
$$;
create aggregate countersign_engine.seal_chain(head bytea, tenant uuid, seq bigint, digest bytea) (
  sfunc = countersign_engine.seal_link, stype = bytea
);

-- One step of sealing, or the next part of a long one (P112). Runs in a REPEATABLE READ transaction of the caller: the rows that it can read, the snapshot
-- that it stores and the row of the state are then of one moment, and of two sealers the second to update the state gets 40001.
create function countersign_engine.seal_events(most integer) returns table (sealed bigint, more boolean)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  s countersign.seal_state;
  s1 pg_snapshot := pg_current_snapshot();
  last_ord bigint;
begin
  if current_setting('transaction_isolation') <> 'repeatable read' then
    raise exception 'events are sealed in a REPEATABLE READ transaction' using errcode = 'invalid_transaction_state';
  end if;
  -- Without news no row is locked and nothing is written.
  select * into strict s from countersign.seal_state;
  if not s.anchoring and s.target is null and not exists (
    select from countersign.events e
    where e.xid >= pg_snapshot_xmin(s.taken) and e.xid < pg_snapshot_xmax(s1)
      and pg_visible_in_snapshot(e.xid, s1) and not pg_visible_in_snapshot(e.xid, s.taken)
  ) then
    return query select 0::bigint, false;
    return;
  end if;
  select * into strict s from countersign.seal_state for update;
  s1 := coalesce(s.target, s1);

  with fresh as (
    select e.tenant_id, e.id, e.ord, sha256(convert_to(e.body, 'UTF8')) as digest
    from countersign.events e
    where not s.anchoring and e.xid >= pg_snapshot_xmin(s.taken) and e.xid < pg_snapshot_xmax(s1)
      and pg_visible_in_snapshot(e.xid, s1) and not pg_visible_in_snapshot(e.xid, s.taken) and e.ord > s.after_ord
      and not (s.anchored and exists (select from countersign.seals o where o.tenant_id = e.tenant_id and o.event_id = e.id))
    union all
    -- In a cluster that the events were not written in, their transactions' numbers say nothing: whatever can be read and has no seal is one step (P117).
    select e.tenant_id, e.id, e.ord, sha256(convert_to(e.body, 'UTF8'))
    from countersign.events e
    where s.anchoring and e.ord > s.after_ord
      and not exists (select from countersign.seals o where o.tenant_id = e.tenant_id and o.event_id = e.id)
    order by 3 limit most
  ), numbered as (
    select f.tenant_id, f.id, f.ord, f.digest, coalesce(h.size, 0) + row_number() over w as seq,
      coalesce(h.hash, '\x0000000000000000000000000000000000000000000000000000000000000000'::bytea) as head
    from fresh f left join countersign.seal_heads h on h.tenant_id = f.tenant_id
    window w as (partition by f.tenant_id order by f.ord)
  ), chained as (
    select n.*, countersign_engine.seal_chain(n.head, n.tenant_id, n.seq, n.digest)
      over (partition by n.tenant_id order by n.ord rows unbounded preceding) as hash
    from numbered n
  ), written as (
    insert into countersign.seals (seq, tenant_id, event_id, digest, prev_hash, hash, sealed_at)
    select c.seq, c.tenant_id, c.id, c.digest,
      coalesce(lag(c.hash) over (partition by c.tenant_id order by c.ord), c.head), c.hash, countersign.now()
    from chained c
  ), heads as (
    insert into countersign.seal_heads as h (size, tenant_id, hash, sealed_at)
    select distinct on (c.tenant_id) c.seq, c.tenant_id, c.hash, countersign.now() from chained c order by c.tenant_id, c.seq desc
    on conflict (tenant_id) do update set size = excluded.size, hash = excluded.hash, sealed_at = excluded.sealed_at
  )
  select count(*), max(c.ord) into sealed, last_ord from chained c;

  more := sealed = most;
  update countersign.seal_state set
    taken = case when more then s.taken else s1 end,
    target = case when more then s1 end,
    after_ord = case when more then last_ord else 0 end,
    anchored = s.anchored or s.anchoring,
    anchoring = s.anchoring and more;
  -- A step that began before this call knows nothing of what committed since: the next one does.
  more := more or s.target is not null;
  return next;
end
$$;
grant execute on function countersign_engine.seal_events(integer) to countersign_maintenance;

-- True for the one process that holds the duty; it holds it as long as it asks again in time.
create function countersign_engine.take_duty(name text, who text, lease interval) returns boolean
language sql security definer
set search_path = pg_catalog, pg_temp
begin atomic
  insert into countersign.seal_leases as l (duty, holder, until) values (name, who, countersign.now() + lease)
  on conflict (duty) do update set holder = excluded.holder, until = excluded.until
    where l.holder = excluded.holder or l.until <= countersign.now()
  returning true;
end;
create function countersign_engine.leave_duty(name text, who text) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
begin atomic
  delete from countersign.seal_leases l where l.duty = name and l.holder = who;
end;
grant execute on function countersign_engine.take_duty(text, text, interval), countersign_engine.leave_duty(text, text) to countersign_maintenance;

-- Which cluster and timeline this is, which it was when events were last sealed, and whether they differ (P117).
create function countersign_engine.seal_place() returns table (cluster text, timeline text, known_cluster text, known_timeline text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select (select system_identifier::text from pg_control_system()), left(pg_walfile_name(pg_current_wal_lsn()), 8), s.cluster, s.timeline
  from countersign.seal_state s
$$;

-- Every chain's end, for what is said of a restore.
create function countersign_engine.seal_ends() returns table (tenant_id uuid, size bigint, hash bytea, checkpoint_size bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$ select h.tenant_id, h.size, h.hash, h.checkpoint_size from countersign.seal_heads h order by 1 $$;

-- The place is another: each tenant's record says so, and in another cluster all that has no seal is sealed as one step. One of several that notice wins.
create function countersign_engine.note_place(now_cluster text, now_timeline text, was_cluster text, was_timeline text, told jsonb) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update countersign.seal_state s set cluster = now_cluster, timeline = now_timeline,
    anchoring = s.anchoring or (was_cluster is not null and now_cluster is distinct from was_cluster),
    target = case when was_cluster is null or now_cluster is not distinct from was_cluster then s.target end,
    after_ord = case when was_cluster is null or now_cluster is not distinct from was_cluster then s.after_ord else 0 end
  where s.cluster is not distinct from was_cluster and s.timeline is not distinct from was_timeline;
  if not found then
    return false;
  end if;
  insert into countersign.events (id, tenant_id, type, class, resource_type, resource_id, actor_id, occurred_at, body)
  select t.id, t.tenant_id, 'audit.restored', 'audit', null, null, t.actor_id, t.occurred_at, t.body
  from jsonb_to_recordset(told) as t (id text, tenant_id uuid, actor_id text, occurred_at timestamptz, body text);
  return true;
end
$$;
grant execute on function countersign_engine.seal_place(), countersign_engine.seal_ends(),
  countersign_engine.note_place(text, text, text, text, jsonb) to countersign_maintenance;

-- What waits to be sealed, of one tenant or (null) of all: for its page, for the status page and for metrics (P115). The pid is of the oldest open transaction that events could still come from.
create function countersign_engine.seal_lag(of_tenant uuid) returns table (oldest timestamptz, waiting bigint, holding_pid integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
  select min(e.occurred_at), count(*),
    (select l.pid from pg_locks l where l.locktype = 'transactionid' and l.granted and l.transactionid is not null
       and l.pid <> pg_backend_pid() order by age(l.transactionid) desc limit 1)
  from (
    select e.occurred_at from countersign.seal_state s, countersign.events e
    where e.xid >= pg_snapshot_xmin(s.taken) and not pg_visible_in_snapshot(e.xid, s.taken)
      and (of_tenant is null or e.tenant_id = of_tenant)
    order by e.xid, e.ord limit 10000
  ) e
$$;
grant execute on function countersign_engine.seal_lag(uuid) to countersign_runtime, countersign_maintenance;

-- Which chains have news that no checkpoint signed: enough of them, or old enough (P116).
create function countersign_engine.checkpoints_due(many bigint, age interval) returns table (tenant_id uuid, size bigint, checkpoint_size bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select h.tenant_id, h.size, h.checkpoint_size from countersign.seal_heads h
  where h.size > h.checkpoint_size
    and (h.size - h.checkpoint_size >= many or coalesce(h.checkpoint_at, '-infinity') <= countersign.now() - age)
$$;

-- Hashes of a tenant's chain, one after the other: those of seals (level 0), or of whole subtrees.
create function countersign_engine.seal_hashes(tenant uuid, at_level integer, from_index bigint, to_index bigint) returns bytea
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select case when at_level = 0
    then (select string_agg(s.hash, ''::bytea order by s.seq) from countersign.seals s
          where s.tenant_id = tenant and s.seq > from_index and s.seq <= to_index)
    else (select string_agg(t.hash, ''::bytea order by t.index) from countersign.seal_tiles t
          where t.tenant_id = tenant and t.level = at_level and t.index >= from_index and t.index < to_index)
  end
$$;

create function countersign_engine.put_seal_tiles(tenant uuid, at_level integer, from_index bigint, hashes bytea[]) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
begin atomic
  insert into countersign.seal_tiles (level, tenant_id, index, hash)
  select at_level, tenant, from_index + n - 1, h from unnest(hashes) with ordinality as given (h, n)
  on conflict (tenant_id, level, index) do nothing;
end;

-- Stored only on top of the checkpoint that it was made from: of two that sign at once one is kept.
create function countersign_engine.put_checkpoint(tenant uuid, was bigint, now_size bigint, tree_root bytea, signed text, version integer) returns boolean
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update countersign.seal_heads h set checkpoint_size = now_size, checkpoint_at = countersign.now()
  where h.tenant_id = tenant and h.checkpoint_size = was and h.size >= now_size and now_size > was;
  if not found then
    return false;
  end if;
  insert into countersign.checkpoints (size, tenant_id, root, note, key_version, created_at)
  values (now_size, tenant, tree_root, signed, version, countersign.now());
  return true;
end
$$;

-- Tenants whose newest checkpoint is to be told to the outside today: none was told since, and there is news (P116).
create function countersign_engine.checkpoints_to_tell(since interval) returns table (tenant_id uuid, size bigint, note text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select h.tenant_id, c.size, c.note from countersign.seal_heads h
  join countersign.checkpoints c on c.tenant_id = h.tenant_id and c.size = h.checkpoint_size
  where c.told_at is null and not exists (
    select from countersign.checkpoints o where o.tenant_id = h.tenant_id and o.told_at > countersign.now() - since)
$$;
create function countersign_engine.mark_checkpoint_told(tenant uuid, of_size bigint, cosigned text) returns boolean
language sql security definer
set search_path = pg_catalog, pg_temp
begin atomic
  update countersign.checkpoints c set told_at = countersign.now(), cosignatures = coalesce(cosigned, c.cosignatures)
  where c.tenant_id = tenant and c.size = of_size and c.told_at is null
  returning true;
end;
grant execute on function countersign_engine.checkpoints_due(bigint, interval), countersign_engine.seal_hashes(uuid, integer, bigint, bigint),
  countersign_engine.put_seal_tiles(uuid, integer, bigint, bytea[]),
  countersign_engine.put_checkpoint(uuid, bigint, bigint, bytea, text, integer),
  countersign_engine.checkpoints_to_tell(interval), countersign_engine.mark_checkpoint_told(uuid, bigint, text) to countersign_maintenance;

-- Tenants that have sealed events older than what they keep (P122).
create function countersign_engine.tenants_to_purge() returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select h.tenant_id from countersign.seal_heads h left join countersign.audit_retention r on r.tenant_id = h.tenant_id
  where r.held_at is null and exists (
    select from countersign.seals s where s.tenant_id = h.tenant_id and s.seq = h.purged_activity + 1
      and s.sealed_at < countersign.now() - make_interval(days => coalesce(r.activity_days, 90))
    union all
    select from countersign.seals s where s.tenant_id = h.tenant_id and s.seq = h.purged_audit + 1
      and s.sealed_at < countersign.now() - make_interval(months => coalesce(r.audit_months, 24)))
$$;

-- Removes the text of events of one whole sealed range: activity after its days, everything after the months of audit. The seals stay, so the chain still
-- verifies. The only way in which anything leaves the record; says what it did, and the caller records it in the same transaction.
create function countersign_engine.purge_events(tenant uuid, kind text, most bigint) returns table (from_seq bigint, to_seq bigint, purged bigint, before timestamptz)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  h countersign.seal_heads;
  r countersign.audit_retention;
begin
  if kind not in ('audit', 'activity') then
    raise exception 'no class of events is called %', kind using errcode = 'invalid_parameter_value';
  end if;
  select * into h from countersign.seal_heads x where x.tenant_id = tenant for update;
  select * into r from countersign.audit_retention x where x.tenant_id = tenant;
  if h.tenant_id is null or r.held_at is not null then
    return;
  end if;
  before := countersign.now() - case kind when 'activity' then make_interval(days => coalesce(r.activity_days, 90))
    else make_interval(months => coalesce(r.audit_months, 24)) end;
  from_seq := 1 + case kind when 'activity' then h.purged_activity else h.purged_audit end;
  -- Seals are in order of time, so what is old enough is one range.
  select max(s.seq) into to_seq from countersign.seals s
  where s.tenant_id = tenant and s.seq >= from_seq and s.seq < from_seq + most and s.sealed_at < before;
  if to_seq is null then
    return;
  end if;
  perform set_config('countersign.purging', 'on', true);
  delete from countersign.events e using countersign.seals s
  where s.tenant_id = tenant and s.seq between purge_events.from_seq and purge_events.to_seq
    and e.tenant_id = s.tenant_id and e.id = s.event_id and (kind = 'audit' or e.class = 'activity');
  get diagnostics purged = row_count;
  perform set_config('countersign.purging', 'off', true);
  if kind = 'activity' then
    update countersign.seal_heads x set purged_activity = purge_events.to_seq where x.tenant_id = tenant;
  else
    update countersign.seal_heads x set purged_audit = purge_events.to_seq, purged_activity = greatest(x.purged_activity, purge_events.to_seq)
    where x.tenant_id = tenant;
    -- A day is left, because an origin serves events for a while after it was made.
    delete from countersign.event_origins o where o.tenant_id = tenant and o.created_at < (
      select s.sealed_at - interval '1 day' from countersign.seals s where s.tenant_id = tenant and s.seq = purge_events.to_seq);
  end if;
  return next;
end
$$;
grant execute on function countersign_engine.tenants_to_purge(), countersign_engine.purge_events(uuid, text, bigint) to countersign_runtime;

set local role countersign_owner;
