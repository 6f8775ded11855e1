-- What leaves the relay (relay.md R109, R110): exports of one side, erasures, and the holds that stop both retention and erasure.

create table countersign.holds (
  subject_id text collate "C" not null check (subject_id ~ '^(thr|rgr|card)_[0-9A-HJKMNP-TV-Z]{26}$'),
  tenant_id uuid not null references countersign.tenants,
  reason text check (char_length(reason) <= 500),
  set_by text collate "C" not null,
  created_at timestamptz(3) not null,
  primary key (tenant_id, subject_id)
);
select countersign.make_tenant_table('holds', array['select', 'insert', 'update', 'delete']);

-- When a message that is held would have been over: it expires again once nothing holds it.
alter table countersign.messages add column held_expires_at timestamptz(3);
create index messages_held on countersign.messages (tenant_id, thread_id) where held_expires_at is not null;
-- A hold counts whatever of day keys is left of the messages that it is about.
create index messages_subject on countersign.messages (tenant_id, subject) where payload_state = 'present';

create table countersign.exports (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  subject text not null check (subject in ('thread', 'relay_grant', 'card')),
  subject_id text collate "C" not null,
  side text not null check (side in ('owner', 'caller')),
  state text not null default 'running' check (state in ('running', 'ready', 'failed', 'expired')),
  requested_by text collate "C" not null,
  -- Of the event that tells of it: what was written before it is sealed once it is.
  event_id text collate "C" not null,
  threads bigint not null default 0,
  written bigint not null default 0,
  bytes bigint not null default 0,
  checkpoint_size bigint,
  -- Over all lines but the last, each after the hash of those before.
  lines_hash text check (lines_hash ~ '^[0-9a-f]{64}$'),
  error text,
  created_at timestamptz(3) not null,
  finished_at timestamptz(3),
  expires_at timestamptz(3),
  primary key (tenant_id, id)
);
create unique index exports_running on countersign.exports (tenant_id, subject_id) where state = 'running';
create index exports_subject on countersign.exports (subject_id) where state in ('running', 'ready');
select countersign.make_tenant_table('exports', array['select', 'insert', 'update']);
select countersign.grant_engine('exports', 'select (tenant_id, id, subject_id, state)', 'update (state, expires_at)');

-- `bytes` is an envelope under the key of its export.
create table countersign.export_chunks (
  n integer not null,
  tenant_id uuid not null references countersign.tenants,
  export_id text collate "C" not null,
  bytes bytea not null,
  primary key (tenant_id, export_id, n),
  foreign key (tenant_id, export_id) references countersign.exports (tenant_id, id)
);
select countersign.make_tenant_table('export_chunks', array['select', 'insert', 'delete']);
select countersign.grant_engine('export_chunks', 'select (tenant_id, export_id)', 'delete');

create table countersign.erasures (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  subject text not null check (subject in ('thread', 'relay_grant', 'card')),
  subject_id text collate "C" not null,
  state text not null default 'planned' check (state in ('planned', 'running', 'done', 'cancelled')),
  plan jsonb not null,
  counts jsonb,
  -- Of the event that tells that it was done.
  event_id text collate "C",
  planned_by text collate "C" not null,
  created_at timestamptz(3) not null,
  confirmed_by text collate "C",
  confirmed_at timestamptz(3),
  finished_at timestamptz(3),
  primary key (tenant_id, id),
  check ((state = 'done') = (event_id is not null) and (state <> 'done' or counts is not null))
);
create unique index erasures_open on countersign.erasures (tenant_id, subject_id) where state in ('planned', 'running');
select countersign.make_tenant_table('erasures', array['select', 'insert', 'update']);

-- All that a thread of the current tenant said, here and in what is still to be sent of it; what hangs on it and repeats contents goes too. Answers how many messages. A restore
-- applies it again for each line of the ledger.
create function countersign.erase_thread(asked_thread text) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  here uuid := nullif(current_setting('countersign.tenant', true), '')::uuid;
  many integer;
begin
  update countersign.messages m set payload = null, payload_state = 'erased', facts = null, artifact_name = null, artifact_description = null, held_expires_at = null
  where m.tenant_id = here and m.thread_id = asked_thread and m.payload_state <> 'erased';
  get diagnostics many = row_count;
  update countersign.threads h set error = null where h.tenant_id = here and h.id = asked_thread and h.error is not null;
  update countersign.delivery_attempts a set excerpt = null from countersign.deliveries d
  where d.tenant_id = here and d.resource_id = asked_thread and d.side is not null and a.tenant_id = here and a.delivery_id = d.id and a.excerpt is not null;
  delete from countersign.event_bodies b using countersign.deliveries d
  where d.tenant_id = here and d.resource_id = asked_thread and d.side is not null and b.tenant_id = here and b.event_id = d.event_id and b.subject is not null
    and b.form not in ('full', 'thin', 'callback');
  return many;
end
$$;
revoke all on function countersign.erase_thread(text) from public;
grant execute on function countersign.erase_thread(text) to countersign_runtime;

grant select (tenant_id, subject, wrapped), update (wrapped, destroyed_at, destroyed_by) on countersign.subject_keys to countersign_engine;
create policy exports on countersign.subject_keys to countersign_engine using (subject like 'export:%') with check (subject like 'export:%');

set local role countersign_engine;

-- What both sides took out of things of the current tenant goes with what is erased. Answers how many exports of them are still being written; then nothing was done.
create function countersign_engine.drop_exports(asked_subjects text[]) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  here uuid := nullif(current_setting('countersign.tenant', true), '')::uuid;
  found text[] := array(
    select h.id from countersign.threads h where h.tenant_id = here and h.id = any (asked_subjects)
    union all select g.id from countersign.relay_grants g where g.tenant_id = here and g.id = any (asked_subjects)
    union all select c.id from countersign.cards c where c.tenant_id = here and c.id = any (asked_subjects));
  running integer := (select count(*) from countersign.exports e where e.subject_id = any (found) and e.state = 'running');
begin
  if running > 0 then
    return running;
  end if;
  delete from countersign.export_chunks k using countersign.exports e
  where e.subject_id = any (found) and e.state = 'ready' and k.tenant_id = e.tenant_id and k.export_id = e.id;
  update countersign.subject_keys s set wrapped = null, destroyed_at = countersign.now(), destroyed_by = 'system:erasure'
  from countersign.exports e
  where e.subject_id = any (found) and e.state = 'ready' and s.tenant_id = e.tenant_id and s.subject = 'export:' || e.id and s.wrapped is not null;
  update countersign.exports e set state = 'expired', expires_at = countersign.now() where e.subject_id = any (found) and e.state = 'ready';
  return 0;
end
$$;
grant execute on function countersign_engine.drop_exports(text[]) to countersign_runtime;

set local role countersign_owner;
