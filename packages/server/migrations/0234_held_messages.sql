-- What a caller's own policies hold back stays in the caller's tenant (relay.md R7): under ids that it keeps when it comes in, sealed, until its people let it go. The owner's side
-- has no row of it.

create table countersign.held_messages (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  thread_id text collate "C" not null,
  relay_grant_id text collate "C" not null,
  owner_tenant uuid not null,
  -- The first of a thread that is nowhere else yet; it carries what the thread will begin with, and how the thread ended if it never began.
  starts boolean not null,
  card_id text collate "C" not null,
  card_version integer not null,
  slug text collate "C" not null,
  card_name text not null,
  label text not null,
  agent_id text collate "C" not null,
  -- In which they came: one after the other, as they were sent.
  position bigint generated always as identity,
  face text not null check (face in ('native', 'a2a', 'mcp')),
  context_id text not null check (char_length(context_id) between 1 and 128),
  skill text,
  operation_id text,
  client_message_id text,
  reference_thread_ids text[] not null default '{}',
  accepted_output_modes text[] not null default '{}',
  live boolean not null default false,
  deadline_at timestamptz(3) not null,
  -- An envelope of parts and metadata under the key of the day on which it expires.
  payload bytea,
  subject text collate "C" not null,
  payload_hash text not null check (payload_hash ~ '^sha256:[0-9a-f]{64}$'),
  size_bytes integer not null,
  body_bytes integer not null,
  part_kinds text[] not null,
  media_types text[] not null,
  -- asked: people have to agree. ready: only behind one that waits for people. What went in has no row here any more.
  state text not null check (state in ('asked', 'ready', 'refused', 'withdrawn')),
  state_reason text,
  task_id text collate "C",
  approval jsonb,
  thread_state text check (thread_state in ('closed', 'rejected', 'revoked', 'expired')),
  thread_outcome text check (thread_outcome in ('completed', 'canceled')),
  thread_reason text,
  event_id text collate "C",
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  ended_at timestamptz(3),
  expires_at timestamptz(3) not null,
  primary key (tenant_id, id),
  check ((state = 'asked') <= (task_id is not null and approval is not null)),
  check ((thread_state is not null) = (ended_at is not null))
);
create unique index held_messages_id on countersign.held_messages (id);
create index held_messages_thread on countersign.held_messages (thread_id, position);
create index held_messages_grant on countersign.held_messages (relay_grant_id);
create index held_messages_listed on countersign.held_messages (tenant_id, thread_id) where starts;
create index held_messages_due on countersign.held_messages (deadline_at) where starts and ended_at is null;
select countersign.make_tenant_table('held_messages', array['select', 'insert', 'update', 'delete']);
select countersign.confine_to_party('held_messages', 'relay_grant_id');
select countersign.grant_engine('held_messages', 'select');

-- An answer may wait for people of the caller's side, in the caller's tenant: whoever ends its thread finds that question.
select countersign.grant_engine('message_asks', 'select');
create index message_asks_elsewhere on countersign.message_asks (thread_id) where what = 'reply_in' and state = 'open';
create index message_asks_elsewhere_grant on countersign.message_asks (relay_grant_id) where what = 'reply_in' and state = 'open';

-- A thread that waits on its caller's side can be read by a token as any other.
alter table countersign.thread_tokens drop constraint thread_tokens_tenant_id_thread_id_fkey;

set local role countersign_engine;

-- Where a thread would lie that waits on its caller's side, as `relay_place` says it of those that are there.
create function countersign_engine.held_place(asked_id text)
returns table (tenant_id uuid, tenant_state text, party text, card_id text, slug text, asker_tenant uuid, asker_agent text, label text, state text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select g.tenant_id, t.state, g.id, g.card_id, c.slug, g.asker_tenant, g.asker_agent, g.label, coalesce(m.thread_state, 'awaiting_approval')
  from countersign.held_messages m
  join countersign.relay_grants g on g.id = m.relay_grant_id and g.asker_tenant = m.tenant_id
  join countersign.cards c on c.tenant_id = g.tenant_id and c.id = g.card_id
  join countersign.tenants t on t.id = g.tenant_id
  where m.thread_id = asked_id and m.starts
$$;

-- To the caller of the current relay grant alone: its threads with something that waits on its own side. One thread, or all.
create function countersign_engine.held_threads(asked_thread text)
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
  join countersign.relay_grants g on g.id = m.relay_grant_id and g.asker_tenant = m.tenant_id
  where m.relay_grant_id = (select nullif(current_setting('countersign.relay_party', true), ''))
    and g.tenant_id = (select nullif(current_setting('countersign.tenant', true), '')::uuid)
    and (asked_thread is null or m.thread_id = asked_thread)
  order by m.thread_id, m.starts desc, m.state not in ('asked', 'ready'), m.position
$$;

-- Whoever watches a thread that waits on its caller's side hears of its end there; where it goes in, the numbers of the thread go on from there.
create function countersign_engine.held_sequences(asked_ids text[]) returns table (id text, sequence bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select m.thread_id, 1::bigint from countersign.held_messages m where m.thread_id = any (asked_ids) and m.starts and m.ended_at is not null
$$;

-- What waits for people of the callers' sides of the named threads, or of a relay grant, all of it of the current tenant: it ends with them.
create function countersign_engine.asked_elsewhere(asked_grant text, asked_threads text[]) returns table (tenant_id uuid, thread_id text, task_id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select m.tenant_id, m.thread_id, m.task_id from countersign.held_messages m
  where m.state in ('asked', 'ready') and m.owner_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid)
    and (m.relay_grant_id = asked_grant or m.thread_id = any (asked_threads))
  union all
  select k.tenant_id, k.thread_id, k.task_id from countersign.message_asks k
  join countersign.relay_grants g on g.id = k.relay_grant_id and g.tenant_id = (select nullif(current_setting('countersign.tenant', true), '')::uuid)
  where k.what = 'reply_in' and k.state = 'open' and k.tenant_id <> g.tenant_id and (k.relay_grant_id = asked_grant or k.thread_id = any (asked_threads))
$$;

-- Threads that wait on their callers' side longer than they may, over all tenants.
create function countersign_engine.held_due(at_most integer) returns table (tenant_id uuid, id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select m.tenant_id, m.thread_id from countersign.held_messages m
  where m.starts and m.ended_at is null and m.deadline_at <= countersign.now() order by m.deadline_at limit at_most
$$;

grant execute on function countersign_engine.held_place(text), countersign_engine.held_threads(text), countersign_engine.held_sequences(text[]),
  countersign_engine.asked_elsewhere(text, text[]), countersign_engine.held_due(integer) to countersign_runtime;

set local role countersign_owner;
