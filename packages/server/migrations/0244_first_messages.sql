-- A message may come before anybody agreed to hear from whoever sends it (relay.md R103): it waits in its caller's tenant under the ids that it will have, its relay grant's among them,
-- and goes in when the connection request is approved that was made of it.

alter table countersign.connection_requests
  -- The thread of the message that waits for it, and the relay grant that it opens.
  add column thread_id text collate "C",
  add column opens_grant_id text collate "C",
  add constraint connection_requests_opens_check check ((thread_id is null) = (opens_grant_id is null));
create unique index connection_requests_opens on countersign.connection_requests (opens_grant_id) where opens_grant_id is not null;
create index connection_requests_message on countersign.connection_requests (asker_agent, card_id, id) where thread_id is not null;

-- Made for one thread alone: it starts no other, and ends with that one.
alter table countersign.relay_grants add column only_thread text collate "C";
create index relay_grants_only on countersign.relay_grants (tenant_id, only_thread) where only_thread is not null and state = 'active';

alter table countersign.held_messages add column request_id text collate "C";
alter table countersign.held_messages drop constraint held_messages_check;
alter table countersign.held_messages add constraint held_messages_asked_check
  check ((state = 'asked') <= (approval is not null and (task_id is null) <> (request_id is null)));

create function countersign.end_only_thread() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  update countersign.relay_grants g set expires_at = new.ended_at, ends_at = new.ended_at
  where g.tenant_id = new.tenant_id and g.only_thread = new.id and g.state = 'active';
  return null;
end
$$;
create trigger threads_end_only after update of ended_at on countersign.threads for each row
  when (old.ended_at is null and new.ended_at is not null) execute function countersign.end_only_thread();

set local role countersign_engine;

-- As it was, and also where the relay grant is one that an open question would make.
create or replace function countersign_engine.held_threads(asked_thread text)
returns table (id text, tenant_id uuid, card_id text, card_version integer, slug text, relay_grant_id text, asker_tenant uuid, asker_agent text, label text,
  context_id text, face text, state text, outcome text, reason text, turn text, sequence bigint, skill text, operation_id text, reference_thread_ids text[],
  accepted_output_modes text[], live boolean, approval jsonb, created_at timestamptz, updated_at timestamptz, ended_at timestamptz, deadline_at timestamptz,
  expires_at timestamptz, starts boolean, is_open boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select distinct on (m.thread_id) m.thread_id, m.owner_tenant, m.card_id, m.card_version, m.slug, m.relay_grant_id, m.tenant_id, g.asker_agent, m.label,
    m.context_id, m.face, coalesce(m.thread_state, 'awaiting_approval'), m.thread_outcome, m.thread_reason,
    case when m.thread_state is null then 'human' else 'none' end, case when m.thread_state is null then 0::bigint else 1::bigint end,
    m.skill, m.operation_id, m.reference_thread_ids, m.accepted_output_modes, m.live, case when m.state = 'asked' then m.approval end,
    m.created_at, m.updated_at, m.ended_at, m.deadline_at, m.expires_at, m.starts, m.state in ('asked', 'ready')
  from countersign.held_messages m
  join (
    select o.id, o.tenant_id, o.asker_tenant, o.asker_agent from countersign.relay_grants o
    union all
    select r.opens_grant_id, r.tenant_id, r.asker_tenant, r.asker_agent from countersign.connection_requests r
    where r.opens_grant_id is not null and r.relay_grant_id is null
  ) g on g.id = m.relay_grant_id and g.asker_tenant = m.tenant_id
  where m.relay_grant_id = (select nullif(current_setting('countersign.relay_party', true), ''))
    and g.tenant_id = (select nullif(current_setting('countersign.tenant', true), '')::uuid)
    and (asked_thread is null or m.thread_id = asked_thread)
  order by m.thread_id, m.starts desc, m.state not in ('asked', 'ready'), m.position
$$;

-- Where a thread would lie whose first message waits for a connection request, as `held_place` says it of those under a relay grant.
create function countersign_engine.waiting_place(asked_id text)
returns table (tenant_id uuid, tenant_state text, party text, card_id text, slug text, asker_tenant uuid, asker_agent text, label text, state text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select r.tenant_id, t.state, r.opens_grant_id, r.card_id, c.slug, r.asker_tenant, r.asker_agent, r.asker_name, coalesce(m.thread_state, 'awaiting_approval')
  from countersign.held_messages m
  join countersign.connection_requests r on r.opens_grant_id = m.relay_grant_id and r.asker_tenant = m.tenant_id and r.relay_grant_id is null
  join countersign.cards c on c.tenant_id = r.tenant_id and c.id = r.card_id
  join countersign.tenants t on t.id = r.tenant_id
  where m.thread_id = asked_id and m.starts
$$;

-- What an agent without a live relay grant sent to a card last: under which relay grant that is, or would be.
create function countersign_engine.waiting_between(asked_agent text, asked_slug text)
returns table (tenant_id uuid, tenant_state text, party text, asker_tenant uuid, label text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select r.tenant_id, t.state, r.opens_grant_id, r.asker_tenant, r.asker_name
  from countersign.cards c
  join countersign.connection_requests r on r.tenant_id = c.tenant_id and r.card_id = c.id and r.asker_agent = asked_agent and r.thread_id is not null
  join countersign.tenants t on t.id = r.tenant_id
  where c.slug = asked_slug
  order by r.id desc limit 1
$$;

grant execute on function countersign_engine.waiting_place(text), countersign_engine.waiting_between(text, text) to countersign_runtime;

set local role countersign_owner;
