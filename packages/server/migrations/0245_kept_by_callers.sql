-- What a caller's own side keeps of threads goes with an erasure too (relay.md R109): what it held back, and what it took out. Endpoints of threads go with their contents (R100).
alter table countersign.held_messages add column erased_at timestamptz(3);

-- Whose endpoints may be over.
create index threads_ended_telling on countersign.threads (tenant_id, ended_at) where has_endpoints and ended_at is not null;

create or replace function countersign.erase_thread(asked_thread text) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  here uuid := nullif(current_setting('countersign.tenant', true), '')::uuid;
  many integer;
  held integer;
begin
  update countersign.messages m set payload = null, payload_state = 'erased', facts = null, artifact_name = null, artifact_description = null, held_expires_at = null
  where m.tenant_id = here and m.thread_id = asked_thread and m.payload_state <> 'erased';
  get diagnostics many = row_count;
  update countersign.held_messages k set payload = null, erased_at = countersign.now()
  where k.tenant_id = here and k.thread_id = asked_thread and k.erased_at is null;
  get diagnostics held = row_count;
  update countersign.threads h set error = null where h.tenant_id = here and h.id = asked_thread and h.error is not null;
  update countersign.delivery_attempts a set excerpt = null from countersign.deliveries d
  where d.tenant_id = here and d.resource_id = asked_thread and d.side is not null and a.tenant_id = here and a.delivery_id = d.id and a.excerpt is not null;
  delete from countersign.event_bodies b using countersign.deliveries d
  where d.tenant_id = here and d.resource_id = asked_thread and d.side is not null and b.tenant_id = here and b.event_id = d.event_id and b.subject is not null
    and b.form not in ('full', 'thin', 'callback');
  return many + held;
end
$$;

set local role countersign_engine;

-- As before, and of things of other tenants what the current tenant took out itself.
create or replace function countersign_engine.drop_exports(asked_subjects text[]) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  here uuid := nullif(current_setting('countersign.tenant', true), '')::uuid;
  found text[] := array(
    select h.id from countersign.threads h where h.tenant_id = here and h.id = any (asked_subjects)
    union all select g.id from countersign.relay_grants g where g.tenant_id = here and g.id = any (asked_subjects)
    union all select c.id from countersign.cards c where c.tenant_id = here and c.id = any (asked_subjects));
  running integer := (
    select count(*) from countersign.exports e
    where (e.subject_id = any (found) or e.tenant_id = here and e.subject_id = any (asked_subjects)) and e.state = 'running');
begin
  if running > 0 then
    return running;
  end if;
  delete from countersign.export_chunks k using countersign.exports e
  where (e.subject_id = any (found) or e.tenant_id = here and e.subject_id = any (asked_subjects)) and e.state = 'ready'
    and k.tenant_id = e.tenant_id and k.export_id = e.id;
  update countersign.subject_keys s set wrapped = null, destroyed_at = countersign.now(), destroyed_by = 'system:erasure'
  from countersign.exports e
  where (e.subject_id = any (found) or e.tenant_id = here and e.subject_id = any (asked_subjects)) and e.state = 'ready'
    and s.tenant_id = e.tenant_id and s.subject = 'export:' || e.id and s.wrapped is not null;
  update countersign.exports e set state = 'expired', expires_at = countersign.now()
  where (e.subject_id = any (found) or e.tenant_id = here and e.subject_id = any (asked_subjects)) and e.state = 'ready';
  return 0;
end
$$;

set local role countersign_owner;

-- Once a day whoever runs a tenant is told by mail what was given up (relay.md R69).
alter table countersign.letters drop constraint letters_kind_check;
alter table countersign.letters add constraint letters_kind_check check (kind in ('invitation', 'exhausted'));
create table countersign.exhausted_reports (
  -- The last on which a report was made, and up to when it tells.
  day date not null,
  tenant_id uuid not null references countersign.tenants,
  told_until timestamptz(3) not null,
  primary key (tenant_id)
);
select countersign.make_tenant_table('exhausted_reports', array['select', 'insert', 'update']);
create index deliveries_given_up on countersign.deliveries (ended_at) where state = 'exhausted';

set local role countersign_engine;

-- What was given up since, of one tenant or over all: its own deliveries, and those to it as a caller, which lie with the owners of its threads. Numbers and ids of endpoints.
create function countersign_engine.exhausted_since(since timestamptz, asked_tenant uuid)
returns table (tenant_id uuid, endpoint_id text, side text, many integer, last_status smallint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select x.tenant, x.endpoint_id, x.side, count(*)::integer, (array_agg(x.last_status order by x.ended_at desc))[1]
  from (
    select case when d.side = 'caller' then d.caller_tenant else d.tenant_id end as tenant, d.endpoint_id, d.side, d.last_status, d.ended_at
    from countersign.deliveries d where d.state = 'exhausted' and d.ended_at > since) x
  where x.tenant is not null and (asked_tenant is null or x.tenant = asked_tenant)
  group by x.tenant, x.endpoint_id, x.side
$$;
grant execute on function countersign_engine.exhausted_since(timestamptz, uuid) to countersign_runtime;

set local role countersign_owner;

-- Whether clients of tenants are shown the names of ForAgent (R55).
alter table countersign.tenants add column relay_compat text not null default 'none' check (relay_compat in ('none', 'foragent'));

set local role countersign_engine;

create function countersign_engine.compat_tenants() returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id from countersign.tenants t where t.relay_compat = 'foragent'
$$;
grant execute on function countersign_engine.compat_tenants() to countersign_runtime;

set local role countersign_owner;
