-- Whoever asks for a connection may be told at an address what became of it (relay.md §3): such an endpoint lies with the request, and what its asker does to it is told as of a relay grant.
set local role countersign_engine;

create or replace function countersign_engine.tell_caller(party text, told text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  here uuid := nullif(current_setting('countersign.tenant', true), '')::uuid;
  said jsonb := told::jsonb;
  asker uuid;
begin
  select g.asker_tenant into asker from countersign.relay_grants g where g.tenant_id = here and g.id = party;
  if asker is null then
    select r.asker_tenant into asker from countersign.connection_requests r where r.tenant_id = here and r.id = party;
  end if;
  if asker is null or said ->> 'tenant_id' is distinct from countersign.tenant_wire(asker) or said ->> 'type' !~ '^(endpoint|delivery)\.' then
    raise exception 'tell_caller: this is no event of the asking side' using errcode = 'insufficient_privilege';
  end if;
  insert into countersign.events (id, tenant_id, type, class, resource_type, resource_id, actor_id, decision, action, occurred_at, body)
  values (said ->> 'id', asker, said ->> 'type', said ->> 'class', said -> 'resource' ->> 'type', said -> 'resource' ->> 'id',
    said -> 'actor' ->> 'id', null, null, (said ->> 'occurred_at')::timestamptz, told);
end
$$;

set local role countersign_owner;

-- Whose time to be told is over.
create index endpoints_of_requests on countersign.endpoints (tenant_id, bound_to) where bound_to like 'creq\_%' and state <> 'deleted';

-- Where the caller of a thread that waits on its own side wants to be told lies with the owner, where there is no thread yet: so it is known here that it has to be told, and forgotten.
alter table countersign.held_messages add column has_endpoints boolean not null default false;
create index held_messages_telling on countersign.held_messages (tenant_id, ended_at) where has_endpoints and ended_at is not null;

set local role countersign_engine;

-- What a caller's own list says of threads that lie with their owners, beside what it keeps itself (R20): of threads in the list of the current tenant, and no content.
create function countersign_engine.caller_lines(asked_ids text[])
returns table (id text, label text, live boolean, answered_at timestamptz, approval jsonb)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select h.id, g.label, h.live, h.answered_at, h.approval
  from countersign.caller_threads l
  join countersign.threads h on h.tenant_id = l.owner_tenant and h.id = l.thread_id
  join countersign.relay_grants g on g.tenant_id = h.tenant_id and g.id = h.relay_grant_id
  where l.tenant_id = (select nullif(current_setting('countersign.tenant', true), '')::uuid) and l.thread_id = any (asked_ids)
$$;
grant execute on function countersign_engine.caller_lines(text[]) to countersign_runtime;

set local role countersign_owner;
