-- Messages of the relay that wait for people (relay.md §5): what was asked about which message, under which policy, and what came of it.

create table countersign.message_asks (
  task_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  message_id text collate "C" not null,
  thread_id text collate "C" not null,
  relay_grant_id text collate "C" not null,
  -- On whose side of what: a caller's message where it comes in or goes out, an owner's reply where it goes out or comes in.
  what text not null check (what in ('send_in', 'send_out', 'reply_out', 'reply_in')),
  action text not null,
  payload_hash text not null check (payload_hash ~ '^sha256:[0-9a-f]{64}$'),
  -- Of what a person made of it, where they changed something.
  edited_hash text check (edited_hash ~ '^sha256:[0-9a-f]{64}$'),
  -- Of a reply: what it does to its thread, beside the messages that wait.
  response jsonb,
  policy_version integer not null,
  policy_ids text[] not null,
  quorum integer not null check (quorum >= 1),
  on_timeout text not null check (on_timeout in ('deny', 'escalate')),
  state text not null check (state in ('open', 'agreed', 'refused', 'expired', 'withdrawn')),
  opened_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  escalated_at timestamptz(3),
  settled_at timestamptz(3),
  primary key (tenant_id, task_id)
);
-- One agreed ask permits one delivery, so a message is asked about once on each side.
create unique index message_asks_once on countersign.message_asks (tenant_id, message_id, what);
create index message_asks_open on countersign.message_asks (tenant_id, thread_id) where state = 'open';
create index message_asks_grant on countersign.message_asks (tenant_id, relay_grant_id) where state = 'open';
select countersign.make_tenant_table('message_asks', array['select', 'insert', 'update']);
select countersign.confine_to_party('message_asks', 'relay_grant_id');

set local role countersign_engine;

-- What policies of the one side may know of the other (R73), and whose agent it is that asked (R78). Only of a relay grant that the current tenant is a side of.
create function countersign_engine.relay_peer(asked_grant text, asked_side text)
returns table (tenant_id uuid, agent_id text, since timestamptz, external boolean, has_card boolean, user_id text, card_id text, granted_at timestamptz, scopes text[], sandbox boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id, p.agent, t.created_at, g.asker_tenant is distinct from g.tenant_id, p.agent is not null and exists (
      select from countersign.cards c where c.tenant_id = p.tenant and c.agent_id = p.agent and c.state <> 'retired'),
    (select a.user_id from countersign.agents a where a.tenant_id = p.tenant and a.id = p.agent),
    g.card_id, g.created_at, g.scopes, g.sandbox
  from countersign.relay_grants g
  join countersign.cards own on own.tenant_id = g.tenant_id and own.id = g.card_id
  cross join lateral (select
    case when asked_side = 'caller' then g.asker_tenant else g.tenant_id end as tenant,
    case when asked_side = 'caller' then g.asker_agent else own.agent_id end as agent) p
  left join countersign.tenants t on t.id = p.tenant
  where g.id = asked_grant
    and (select nullif(current_setting('countersign.tenant', true), '')::uuid) in (g.tenant_id, g.asker_tenant)
$$;

grant execute on function countersign_engine.relay_peer(text, text) to countersign_runtime;

set local role countersign_owner;
