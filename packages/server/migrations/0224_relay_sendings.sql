-- How messages of callers reach an owner's agent by themselves (relay.md R40, R42–R45): which way each one goes, and, where the agent is an A2A server elsewhere, its card, whose
-- context and task stand behind ours, and what of a task was told already. None of it is ever the caller's to see, but it is written as a message is accepted, so the caller's
-- statements reach the rows of their own relay grant.

create table countersign.message_sendings (
  message_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  thread_id text collate "C" not null,
  relay_grant_id text collate "C" not null,
  mode text not null check (mode in ('push', 'a2a')),
  -- Of a push.
  delivery_id text collate "C",
  -- Until then somebody waits for the answer (R60).
  waits_until timestamptz(3),
  -- Of an upstream: `calling` is written before the request is, so whoever finds it knows that the request may have arrived (R45).
  stage text not null default 'waiting' check (stage in ('waiting', 'calling', 'following', 'done')),
  -- How often it was called, and how often it was looked for since a call was lost.
  tries integer not null default 0,
  looks integer not null default 0,
  created_at timestamptz(3) not null,
  primary key (tenant_id, message_id),
  foreign key (tenant_id, message_id) references countersign.messages (tenant_id, id) on delete cascade
) with (fillfactor = 80);
create index message_sendings_thread on countersign.message_sendings (tenant_id, thread_id);
select countersign.make_tenant_table('message_sendings', array['select', 'insert', 'update', 'delete']);
select countersign.confine_to_party('message_sendings', 'relay_grant_id');

create table countersign.card_upstreams (
  card_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  card_url text not null check (char_length(card_url) <= 2048),
  -- Of the connection whose credentials are added on the way out, to requests to `origin` alone.
  connection_id text collate "C",
  origin text not null,
  -- As it was read from the wire.
  card json not null,
  -- Who signed it: the names of the keys that verified. A card of another signer is another agent until a person says otherwise (R118).
  signers text[] not null default '{}',
  -- It once answered with a message and no task: what is in no list of tasks may have run all the same.
  answers_directly boolean not null default false,
  checked_at timestamptz(3) not null,
  created_at timestamptz(3) not null,
  primary key (tenant_id, card_id),
  foreign key (tenant_id, card_id) references countersign.cards (tenant_id, id)
);
select countersign.make_tenant_table('card_upstreams', array['select', 'insert', 'update', 'delete']);

-- A context of ours and the one that it is upstream: made up here, so that no name of a caller leaves and a lost first call can be looked for.
create table countersign.upstream_contexts (
  card_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  relay_grant_id text collate "C" not null,
  context_id text collate "C" not null,
  upstream_context_id text collate "C" not null check (char_length(upstream_context_id) <= 512),
  created_at timestamptz(3) not null,
  primary key (tenant_id, card_id, relay_grant_id, context_id),
  foreign key (tenant_id, relay_grant_id) references countersign.relay_grants (tenant_id, id)
);
select countersign.make_tenant_table('upstream_contexts', array['select', 'insert', 'update', 'delete']);
select countersign.confine_to_party('upstream_contexts', 'relay_grant_id');

create table countersign.upstream_tasks (
  thread_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  relay_grant_id text collate "C" not null,
  upstream_task_id text collate "C" not null check (char_length(upstream_task_id) <= 512),
  -- Digests of what the caller was told of it: the last message of its status, and each artifact so far.
  seen jsonb not null default '{}',
  is_over boolean not null default false,
  -- The message whose job follows it: whoever sends next takes over.
  followed_by text collate "C" not null,
  polls integer not null default 0,
  created_at timestamptz(3) not null,
  primary key (tenant_id, thread_id),
  foreign key (tenant_id, thread_id) references countersign.threads (tenant_id, id) on delete cascade
) with (fillfactor = 80);
select countersign.make_tenant_table('upstream_tasks', array['select', 'insert', 'update', 'delete']);
select countersign.confine_to_party('upstream_tasks', 'relay_grant_id');
