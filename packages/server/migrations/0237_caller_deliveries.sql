-- What a caller was told by the tenants that its threads lie in, as its own tenant reads and steers it (relay.md R66, R69, R70): found here, acted upon where it lies, as the caller.

create index deliveries_caller_id on countersign.deliveries (caller_tenant, id) where caller_tenant is not null;
create index endpoints_caller_id on countersign.endpoints (caller_tenant, id) where caller_tenant is not null;

grant select (id, tenant_id, ord, endpoint_id, event_id, event_type, resource_id, form, state, attempts, trigger, fifo, blocks, next_at, last_status, last_class,
  replay_id, target_url, created_at, succeeded_at, ended_at, generation, side, relay_grant_id, caller_tenant) on countersign.deliveries to countersign_engine;
grant select (side, relay_grant_id, caller_tenant) on countersign.endpoints to countersign_engine;

set local role countersign_engine;

create function countersign_engine.caller_place(asked_id text, asked_tenant uuid) returns table (tenant_id uuid, relay_grant_id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select d.tenant_id, d.relay_grant_id from countersign.deliveries d
  where asked_id like 'dlv\_%' and d.caller_tenant = asked_tenant and d.id = asked_id and d.side = 'caller'
  union all
  select e.tenant_id, e.relay_grant_id from countersign.endpoints e
  where asked_id like 'whe\_%' and e.caller_tenant = asked_tenant and e.id = asked_id and e.side = 'caller' and e.state <> 'deleted'
$$;

-- Of the current tenant alone. `wanted`: the members of the list's filter.
create function countersign_engine.caller_deliveries(wanted jsonb, below bigint, at_most integer)
returns table (id text, ord text, endpoint_id text, event_id text, event_type text, resource_id text, form text, state text, attempts integer, trigger text,
  fifo boolean, blocks boolean, next_at timestamptz, last_status smallint, last_class text, replay_id text, target_url text, created_at timestamptz,
  succeeded_at timestamptz, ended_at timestamptz, generation integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select d.id, d.ord::text, d.endpoint_id, d.event_id, d.event_type, d.resource_id, d.form, d.state, d.attempts, d.trigger, d.fifo, d.blocks, d.next_at,
    d.last_status, d.last_class, d.replay_id, d.target_url, d.created_at, d.succeeded_at, d.ended_at, d.generation
  from countersign.deliveries d
  where d.caller_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid) and d.side = 'caller'
    and (below is null or d.ord < below)
    and (wanted ->> 'endpoint' is null or d.endpoint_id = wanted ->> 'endpoint')
    and (wanted ->> 'event' is null or d.event_id = wanted ->> 'event')
    and (wanted ->> 'type' is null or d.event_type = wanted ->> 'type'
      or (wanted ->> 'type' like '%.*' and starts_with(d.event_type, left(wanted ->> 'type', -1))))
    and (wanted ->> 'resource' is null or d.resource_id = wanted ->> 'resource')
    and (wanted ->> 'state' is null or d.state = wanted ->> 'state')
    and (wanted ->> 'class' is null or d.last_class = wanted ->> 'class')
    and (wanted ->> 'replay' is null or d.replay_id = wanted ->> 'replay')
    and (wanted ->> 'since' is null or d.created_at >= (wanted ->> 'since')::timestamptz)
    and (wanted ->> 'until' is null or d.created_at < (wanted ->> 'until')::timestamptz)
  order by d.ord desc limit at_most
$$;

-- The next that a replay of the current tenant is about, in order; what came to be after it began is not.
create function countersign_engine.caller_replayable(wanted jsonb, succeeded_too boolean, above bigint, made_until timestamptz, at_most integer)
returns table (tenant_id uuid, relay_grant_id text, id text, ord text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select d.tenant_id, d.relay_grant_id, d.id, d.ord::text
  from countersign.deliveries d
  where d.caller_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid) and d.side = 'caller'
    and d.ord > above and d.created_at <= made_until and d.event_type not in ('endpoint.test', 'relay.ping')
    and (wanted ->> 'endpoint' is null or d.endpoint_id = wanted ->> 'endpoint')
    and (wanted ->> 'event' is null or d.event_id = wanted ->> 'event')
    and (wanted ->> 'type' is null or d.event_type = wanted ->> 'type')
    and (wanted ->> 'thread' is null or d.resource_id = wanted ->> 'thread')
    and (d.state in ('exhausted', 'cancelled') and (d.succeeded_at is null or succeeded_too) or (succeeded_too and d.state = 'succeeded'))
    and case when wanted ->> 'what' = 'exhausted'
      then d.state = 'exhausted' and (wanted ->> 'since' is null or d.ended_at >= (wanted ->> 'since')::timestamptz)
      else (wanted ->> 'since' is null or d.created_at >= (wanted ->> 'since')::timestamptz)
        and (wanted ->> 'until' is null or d.created_at < (wanted ->> 'until')::timestamptz) end
  order by d.ord limit at_most
$$;

-- What became of those that a replay of the current tenant started elsewhere.
create function countersign_engine.caller_replay_progress(asked_replay text) returns table (succeeded integer, failed integer, waiting integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select count(*) filter (where d.state = 'succeeded')::integer, count(*) filter (where d.state in ('exhausted', 'cancelled'))::integer,
    count(*) filter (where d.state in ('pending', 'sending', 'held'))::integer
  from countersign.deliveries d
  where d.caller_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid) and d.side = 'caller' and d.replay_id = asked_replay
$$;

-- What a caller did to an endpoint or a delivery of its own, on the record of its own tenant: only of a relay grant of the current tenant, only in the name of its asking side.
create function countersign_engine.tell_caller(party text, told text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  here uuid := nullif(current_setting('countersign.tenant', true), '')::uuid;
  said jsonb := told::jsonb;
  asker uuid;
begin
  select g.asker_tenant into asker from countersign.relay_grants g where g.tenant_id = here and g.id = party;
  if asker is null or said ->> 'tenant_id' is distinct from countersign.tenant_wire(asker) or said ->> 'type' !~ '^(endpoint|delivery)\.' then
    raise exception 'tell_caller: this is no event of the asking side' using errcode = 'insufficient_privilege';
  end if;
  insert into countersign.events (id, tenant_id, type, class, resource_type, resource_id, actor_id, decision, action, occurred_at, body)
  values (said ->> 'id', asker, said ->> 'type', said ->> 'class', said -> 'resource' ->> 'type', said -> 'resource' ->> 'id',
    said -> 'actor' ->> 'id', null, null, (said ->> 'occurred_at')::timestamptz, told);
end
$$;

grant execute on function countersign_engine.caller_place(text, uuid), countersign_engine.caller_deliveries(jsonb, bigint, integer),
  countersign_engine.caller_replayable(jsonb, boolean, bigint, timestamptz, integer), countersign_engine.caller_replay_progress(text),
  countersign_engine.tell_caller(text, text) to countersign_runtime;

set local role countersign_owner;
