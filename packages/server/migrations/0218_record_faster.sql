-- proxy_record does as it did, and reads each body once and each run once: a proxy writes two events for each request, so this statement is most of what a request costs
-- the database.
set local role countersign_engine;

create or replace function countersign_engine.proxy_record(node text, told jsonb) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  strangers bigint;
  written integer;
  topics text;
begin
  perform countersign_engine.require_node(node);
  with named as materialized (
    select e.id, e.run_id, e.type, e.class, e.resource_type, e.resource_id, e.decision, e.action, e.body, e.body::jsonb as said
    from jsonb_to_recordset(told) as e (id text, run_id text, type text, class text, resource_type text, resource_id text, decision text, action text, body text)
  ), their as materialized (
    select r.id, r.tenant_id, r.agent_id, countersign.tenant_wire(r.tenant_id) as wire
    from countersign.runs r
    where r.id in (select n.run_id from named n) and (r.ended_at is null or r.ended_at > countersign.now() - interval '1 hour')
  ), judged as materialized (
    select n.*, r.tenant_id, r.agent_id,
      r.id is not null
        and n.type in ('proxy.allowed', 'proxy.denied', 'proxy.asked', 'proxy.passed', 'proxy.learned', 'proxy.settled', 'proxy.hold_spent')
        and n.said ->> 'id' is not distinct from n.id and n.said ->> 'type' is not distinct from n.type
        and n.said ->> 'tenant_id' is not distinct from r.wire and n.said #>> '{actor,id}' is not distinct from r.agent_id
        and n.said #>> '{data,run_id}' is not distinct from r.id as is_theirs
    from named n left join their r on r.id = n.run_id
  ), strange as materialized (
    select count(*) as n from judged j where j.is_theirs is not true
  ), written as (
    insert into countersign.events (id, tenant_id, type, class, resource_type, resource_id, actor_id, decision, action, occurred_at, body)
    select j.id, j.tenant_id, j.type, j.class, j.resource_type, j.resource_id, j.agent_id, j.decision, j.action, (j.said ->> 'occurred_at')::timestamptz, j.body
    from judged j
    where (select s.n from strange s) = 0
    on conflict (id) do nothing
    returning id, tenant_id
  ), untold as (
    insert into countersign.untold_events (event_id, tenant_id)
    select w.id, w.tenant_id from written w
    where w.tenant_id in (select p.tenant_id from countersign.endpoints p where p.state <> 'deleted' and p.tenant_id in (select r.tenant_id from their r))
    on conflict do nothing
    returning tenant_id
  )
  select (select s.n from strange s), (select count(*) from written), (select string_agg(distinct 'events:' || w.tenant_id, ' ') from written w)
    || case when exists (select from untold) then ' untold_events' else '' end
  into strangers, written, topics;
  if strangers > 0 then
    raise exception 'an event that is not of an open run of its tenant is refused' using errcode = 'insufficient_privilege';
  end if;
  if topics is not null then
    perform pg_notify('countersign_wake', left('proxy events ' || topics, 7900));
  end if;
  return written;
end
$$;

set local role countersign_owner;
