-- The control plane's side of the gate: which runs a node opened and how often it asked for them (V81), what a request that waits for people is judged by again
-- (V107), who waits for it (V105), and how a use of an approval is told.

-- A node may ask for a run only that it opened with a token that a client showed it. Kept here, so that it counts on every replica and after every reconnect.
create table countersign.proxy_openings (
  run_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  node_id text collate "C" not null references countersign.proxy_nodes,
  opened_at timestamptz(3) not null,
  opens bigint not null,
  materials bigint not null default 0,
  asks bigint not null default 0,
  called_at timestamptz(3) not null,
  -- Of the minute that began then.
  minute_at timestamptz(3) not null,
  minute_calls integer not null,
  primary key (tenant_id, run_id, node_id),
  foreign key (tenant_id, run_id) references countersign.runs (tenant_id, id)
);
select countersign.make_tenant_table('proxy_openings', array['select']);
select countersign.grant_engine('proxy_openings', 'select, insert, update, delete');

alter table countersign.proxy_holds
  add action text not null default 'proxy.request' check (action in ('proxy.request', 'proxy.tool')),
  add policy_ids text[] not null default '{}',
  add quorum integer not null default 1,
  add on_timeout text not null default 'deny' check (on_timeout in ('deny', 'escalate')),
  -- It was asked a second time, of more people (P66).
  add escalated_at timestamptz(3),
  -- The request as it was sent, sealed under the key of its task: for another judgement while it waits. Gone when it waits no more.
  add request bytea,
  -- The tenant's revision under which it was judged last.
  add judged_revision bigint not null default 0,
  add spent_at timestamptz(3),
  -- Whoever asked has heard that nobody answered in time.
  add told_at timestamptz(3),
  -- Why it was closed or expired before its time.
  add cause text check (char_length(cause) <= 64);
create index proxy_holds_judged on countersign.proxy_holds (tenant_id, judged_revision) where state in ('open', 'agreed');
create index proxy_holds_lapsing on countersign.proxy_holds (tenant_id, lapses_at) where state = 'agreed';

-- Sockets that wait for a hold, over all nodes: the oldest of them sends (V105).
create table countersign.proxy_hold_waiters (
  request_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  hold_id text collate "C" not null,
  since timestamptz(3) not null,
  -- Whoever did not come back by then has gone.
  until timestamptz(3) not null,
  primary key (tenant_id, hold_id, request_id),
  foreign key (tenant_id, hold_id) references countersign.proxy_holds (tenant_id, id)
);
select countersign.make_tenant_table('proxy_hold_waiters', array['select', 'insert', 'update', 'delete']);

grant select (id, lapses_at, state_since, task_id, judged_revision) on countersign.proxy_holds to countersign_engine;
grant update (spent_at, request, edited) on countersign.proxy_holds to countersign_engine;
grant select (seen_at, expelled_at) on countersign.proxy_nodes to countersign_engine;
grant select (authority_id) on countersign.runs to countersign_engine;

-- Whoever hands events on locks what it takes; nobody changes one.
grant update (event_id) on countersign.untold_events to countersign_runtime;

-- Whoever judges what waits again is woken by each change that could be stricter (V107).
create function countersign.wake_rejudging() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (select from countersign.proxy_holds h where h.tenant_id = new.tenant_id and h.state in ('open', 'agreed')) then
    perform pg_notify('countersign_wake', 'vault proxy_holds');
  end if;
  return null;
end
$$;
create trigger wake_rejudging after insert or update on countersign.vault_revisions
  for each row execute function countersign.wake_rejudging();

set local role countersign_engine;

-- Opens a run for a node by the hash of the token that a client showed it; nothing for a token that is unknown, ended or expired, the same for all.
create function countersign_engine.gate_open(node text, hash bytea)
returns table (id text, tenant_id uuid, agent_id text, expires_at timestamptz, authority_id text, minute_calls integer)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  moment timestamptz(3) := countersign.now();
begin
  perform countersign_engine.require_node(node);
  return query
  with run as (
    select r.id, r.tenant_id, r.agent_id, r.expires_at, r.authority_id
    from countersign.runs r
    join countersign.agents a on a.tenant_id = r.tenant_id and a.id = r.agent_id and a.state = 'active'
    join countersign.tenants n on n.id = r.tenant_id and n.state = 'active'
    where r.token_hash = hash and countersign_engine.open_run_tenant(r.id) is not null
  ), opened as (
    insert into countersign.proxy_openings as o (run_id, tenant_id, node_id, opened_at, opens, called_at, minute_at, minute_calls)
    select run.id, run.tenant_id, node, moment, 1, moment, moment, 1 from run
    on conflict (tenant_id, run_id, node_id) do update
    set opens = o.opens + 1, called_at = moment,
      minute_at = case when o.minute_at > moment - interval '1 minute' then o.minute_at else moment end,
      minute_calls = case when o.minute_at > moment - interval '1 minute' then o.minute_calls + 1 else 1 end
    returning o.minute_calls
  )
  select run.id, run.tenant_id, run.agent_id, run.expires_at::timestamptz, run.authority_id, opened.minute_calls from run, opened;
end
$$;

-- Counts a call of a node for a run that it opened, and says whose run it is; nothing when it never opened it.
create function countersign_engine.gate_call(node text, run text, verb text)
returns table (tenant_id uuid, is_open boolean, minute_calls integer)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  moment timestamptz(3) := countersign.now();
begin
  perform countersign_engine.require_node(node);
  return query
  update countersign.proxy_openings as o
  set called_at = moment, materials = o.materials + (verb = 'material')::integer, asks = o.asks + (verb = 'ask')::integer,
    minute_at = case when o.minute_at > moment - interval '1 minute' then o.minute_at else moment end,
    minute_calls = case when o.minute_at > moment - interval '1 minute' then o.minute_calls + 1 else 1 end
  from countersign.runs r
  where r.id = run and o.tenant_id = r.tenant_id and o.run_id = r.id and o.node_id = node
  returning o.tenant_id, countersign_engine.open_run_tenant(r.id) is not null
      and exists (select from countersign.tenants n where n.id = o.tenant_id and n.state = 'active'), o.minute_calls;
end
$$;

-- Holds of all tenants that a clock moves on: agreed and not used in time, spent by a node that did not say what came of it, or of a run that is over.
create function countersign_engine.holds_due(at_most integer)
returns table (tenant_id uuid, id text, due text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select found.tenant_id, found.id, found.due
  from (
    select h.tenant_id, h.id, case
      when h.state = 'spent' and (h.state_since <= countersign.now() - interval '15 minutes' or n.id is null or n.expelled_at is not null
        or n.seen_at <= countersign.now() - interval '1 minute') then 'unknown'
      when h.state in ('open', 'agreed') and countersign_engine.open_run_tenant(h.run_id) is null then 'run_ended'
      when h.state = 'agreed' and h.lapses_at <= countersign.now() then 'lapsed' end as due
    from countersign.proxy_holds h
    left join countersign.proxy_nodes n on n.id = h.spent_by
    where h.state in ('open', 'agreed', 'spent')
  ) found
  where found.due is not null
  order by found.tenant_id, found.id
  limit at_most
$$;

-- Holds that were judged before the newest change of what they were judged by.
create function countersign_engine.holds_to_rejudge(at_most integer)
returns table (tenant_id uuid, id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select h.tenant_id, h.id
  from countersign.proxy_holds h
  join countersign.vault_revisions v on v.tenant_id = h.tenant_id and v.revision > h.judged_revision
  where h.state in ('open', 'agreed')
  order by h.tenant_id, h.id
  limit at_most
$$;

-- Tenants whose endpoints have not been handed all events of the proxy.
create function countersign_engine.untold_tenants(at_most integer) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select distinct u.tenant_id from countersign.untold_events u limit at_most
$$;

-- What nobody needs any more: waiters that have gone, and openings of runs that ended a day ago.
create function countersign_engine.prune_openings(at_most integer) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  gone integer;
begin
  delete from countersign.proxy_openings o
  where (o.tenant_id, o.run_id, o.node_id) in (
    select p.tenant_id, p.run_id, p.node_id from countersign.proxy_openings p
    join countersign.runs r on r.tenant_id = p.tenant_id and r.id = p.run_id
    where r.ended_at <= countersign.now() - interval '1 day'
    limit at_most);
  get diagnostics gone = row_count;
  return gone;
end
$$;

grant execute on function countersign_engine.gate_open(text, bytea), countersign_engine.gate_call(text, text, text),
  countersign_engine.holds_due(integer), countersign_engine.holds_to_rejudge(integer), countersign_engine.untold_tenants(integer),
  countersign_engine.prune_openings(integer) to countersign_runtime;

-- As before, and says when, and keeps nothing of the request but its digest; others that wait for the same are woken, on every replica.
create or replace function countersign_engine.proxy_spend(node text, run_id text, hold_id text, hold_digest bytea, judged integer, request_id text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  tenant uuid;
  was_spent boolean;
begin
  perform countersign_engine.require_node(node);
  tenant := countersign_engine.open_run_tenant(run_id);
  update countersign.proxy_holds h
  set state = 'spent', state_since = countersign.now(), spent_at = countersign.now(), spent_request = request_id, spent_by = node,
    request = null, edited = null
  from countersign.connections c, countersign.grants g
  where h.tenant_id = tenant and h.id = hold_id and h.run_id = proxy_spend.run_id and h.digest = hold_digest
    and h.state = 'agreed' and h.lapses_at > countersign.now()
    and c.tenant_id = tenant and c.id = h.connection_id and c.status = 'connected'
    and g.tenant_id = tenant and g.id = h.grant_id and g.status = 'active' and g.generation = h.grant_generation and g.expires_at > countersign.now()
    and judged = (select a.version from countersign.policy_activations a where a.tenant_id = tenant order by a.ordinal desc limit 1);
  was_spent := found;
  if was_spent then
    perform pg_notify('countersign_wake', 'proxy hold:' || hold_id);
  end if;
  return was_spent;
end
$$;

-- Also what the sweep believed to be lost: whoever sent it knows better.
create or replace function countersign_engine.proxy_settle(node text, run_id text, hold_id text, was_sent boolean) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform countersign_engine.require_node(node);
  update countersign.proxy_holds h
  set state = case when was_sent then 'sent' else 'unknown' end, state_since = countersign.now()
  where h.id = hold_id and h.run_id = proxy_settle.run_id and h.spent_by = node
    and (h.state = 'spent' or h.state = 'unknown' and was_sent);
  return found;
end
$$;

-- As before, and the use of an approval, which a node tells in the transaction of that use.
create or replace function countersign_engine.proxy_record(node text, told jsonb) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  strangers integer;
  written integer;
  topics text;
begin
  perform countersign_engine.require_node(node);
  select count(*) filter (where r.id is null
    or e.type not in ('proxy.allowed', 'proxy.denied', 'proxy.asked', 'proxy.passed', 'proxy.learned', 'proxy.settled', 'proxy.hold_spent')
    or e.body::jsonb ->> 'id' is distinct from e.id or e.body::jsonb ->> 'type' is distinct from e.type
    or e.body::jsonb ->> 'tenant_id' is distinct from countersign.tenant_wire(r.tenant_id)
    or e.body::jsonb #>> '{actor,id}' is distinct from r.agent_id
    or e.body::jsonb #>> '{data,run_id}' is distinct from r.id)
  into strangers
  from jsonb_to_recordset(told) as e (id text, run_id text, type text, body text)
  left join countersign.runs r on r.id = e.run_id and (r.ended_at is null or r.ended_at > countersign.now() - interval '1 hour');
  if strangers > 0 then
    raise exception 'an event that is not of an open run of its tenant is refused' using errcode = 'insufficient_privilege';
  end if;
  with written as (
    insert into countersign.events (id, tenant_id, type, class, resource_type, resource_id, actor_id, decision, action, occurred_at, body)
    select e.id, r.tenant_id, e.type, e.class, e.resource_type, e.resource_id, r.agent_id, e.decision, e.action,
      (e.body::jsonb ->> 'occurred_at')::timestamptz, e.body
    from jsonb_to_recordset(told) as e (id text, run_id text, type text, class text, resource_type text, resource_id text, decision text, action text, body text)
    join countersign.runs r on r.id = e.run_id
    on conflict (id) do nothing
    returning id, tenant_id
  ), untold as (
    insert into countersign.untold_events (event_id, tenant_id)
    select w.id, w.tenant_id from written w
    where exists (select from countersign.endpoints p where p.tenant_id = w.tenant_id and p.state <> 'deleted')
    on conflict do nothing
    returning tenant_id
  )
  select (select count(*) from written), (select string_agg(distinct 'events:' || w.tenant_id, ' ') from written w)
    || case when exists (select from untold) then ' untold_events' else '' end
  into written, topics;
  if topics is not null then
    perform pg_notify('countersign_wake', left('proxy events ' || topics, 7900));
  end if;
  return written;
end
$$;

set local role countersign_owner;
