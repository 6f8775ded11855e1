-- Agents of different owners (relay.md): cards and who may be found, relay grants and their tokens, threads with their messages and events. All of it lies in the owner's tenant; the
-- caller keeps a list of its threads in its own. Whoever of another tenant acts here acts through one relay grant or one connection request: the setting
-- `countersign.relay_party` names it, and the restrictive policies below hold every statement of such a transaction to the rows of that one (R7).

-- A second policy that lets nobody see more: it narrows the rows of its table to those of the party, where there is one.
create function countersign.confine_to_party(name text, party_column text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  fits text := format('(select nullif(current_setting(''countersign.relay_party'', true), '''')) is null or %I = (select nullif(current_setting(''countersign.relay_party'', true), ''''))', party_column);
begin
  execute format('create policy caller on countersign.%I as restrictive to countersign_runtime using (%s) with check (%s)', name, fits, fits);
end
$$;

create table countersign.cards (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  -- The one whose keys serve it; null: any agent of the tenant that may serve.
  agent_id text collate "C",
  slug text collate "C" not null check (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and char_length(slug) between 3 and 64),
  name text not null check (char_length(name) between 1 and 80),
  environment text not null check (environment in ('live', 'test')),
  state text not null default 'active' check (state in ('active', 'paused', 'retired')),
  state_since timestamptz(3) not null,
  paused_reason text check (char_length(paused_reason) <= 500),
  paused_until timestamptz(3),
  visibility text not null check (visibility in ('public', 'members', 'grant_holders')),
  -- Of its newest version; what it says stands there.
  version integer not null check (version >= 1),
  listing text not null default 'direct_link_only' check (listing in ('direct_link_only', 'submitted', 'listed', 'rejected')),
  listed_version integer,
  submitted_version integer,
  submitted_by text collate "C",
  listing_note text check (char_length(listing_note) <= 2000),
  listing_task_id text collate "C",
  is_primary boolean not null default false,
  delivery_mode text not null default 'inbox' check (delivery_mode in ('inbox', 'push', 'a2a')),
  on_exhausted text not null default 'queue' check (on_exhausted in ('queue', 'fail')),
  direct_messages boolean not null default false,
  unapproved text not null default 'refuse' check (unapproved in ('refuse', 'request')),
  -- Days; null: as long as the thread is kept; 0: until it ends (R108).
  retention_days integer default 30 check (retention_days between 0 and 3650),
  idle_seconds integer not null default 604800 check (idle_seconds between 3600 and 7776000),
  reply_closes_after_seconds integer not null default 86400 check (reply_closes_after_seconds between 0 and 7776000),
  ring_seconds integer not null default 45 check (ring_seconds between 5 and 600),
  max_message_bytes integer not null default 1048576 check (max_message_bytes between 16384 and 8388608),
  -- What a relay grant has where it says nothing of its own.
  limits jsonb not null default '{}',
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  primary key (tenant_id, id),
  constraint cards_slug unique (slug),
  foreign key (tenant_id, agent_id) references countersign.agents (tenant_id, id)
);
create unique index cards_id on countersign.cards (id);
create unique index cards_primary on countersign.cards (tenant_id) where is_primary;
select countersign.make_tenant_table('cards', array['select', 'insert', 'update', 'delete']);
select countersign.grant_engine('cards', 'select');

-- The exact bytes that were signed and are served (R13). Those of a version change only when its signatures do (R15, R17).
create table countersign.card_versions (
  card_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  number integer not null check (number >= 1),
  content json not null,
  -- RFC 8785 over what the version says, without signatures: the same content makes no new version.
  content_hash bytea not null check (octet_length(content_hash) = 32),
  native bytea not null,
  a2a bytea not null,
  -- Where the documents say that they live.
  origin text not null,
  author text collate "C" not null,
  created_at timestamptz(3) not null,
  signed_at timestamptz(3) not null,
  primary key (tenant_id, card_id, number),
  foreign key (tenant_id, card_id) references countersign.cards (tenant_id, id)
);
select countersign.make_tenant_table('card_versions', array['select', 'insert', 'update']);

-- One key set a tenant (R14). `private_key` is an envelope.
create table countersign.card_keys (
  kid text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  alg text not null check (alg in ('ES256', 'EdDSA')),
  public_jwk json not null,
  private_key bytea,
  state text not null check (state in ('active', 'retiring', 'retired', 'compromised')),
  created_at timestamptz(3) not null,
  -- When a key that another took the place of leaves the key set.
  retires_at timestamptz(3),
  primary key (tenant_id, kid),
  check ((state in ('active', 'retiring')) = (private_key is not null))
);
create unique index card_keys_active on countersign.card_keys (tenant_id) where state = 'active';
select countersign.make_tenant_table('card_keys', array['select', 'insert', 'update']);

-- Who asks to be let in. `asked` is what they want, `given` what the owner countersigned (R24).
create table countersign.connection_requests (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  card_id text collate "C" not null,
  asker_tenant uuid not null,
  asker_agent text collate "C" not null,
  asker_name text not null,
  asked_by text collate "C" not null,
  purpose text not null check (char_length(purpose) between 1 and 2000),
  asked jsonb not null,
  given jsonb,
  state text not null check (state in ('pending', 'approved', 'denied', 'withdrawn', 'expired')),
  state_since timestamptz(3) not null,
  issue text check (issue in ('on_approve', 'on_collect')),
  task_id text collate "C",
  decided_by text collate "C",
  note text check (char_length(note) <= 2000),
  note_visible boolean not null default false,
  relay_grant_id text collate "C",
  -- The one token that came of it was made (R25).
  issued_at timestamptz(3),
  policy_version integer,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, card_id) references countersign.cards (tenant_id, id)
);
create unique index connection_requests_pending on countersign.connection_requests (tenant_id, asker_agent, card_id) where state = 'pending';
create unique index connection_requests_id on countersign.connection_requests (id);
create index connection_requests_list on countersign.connection_requests (tenant_id, state, id);
create index connection_requests_asker on countersign.connection_requests (asker_tenant, id);
create index connection_requests_due on countersign.connection_requests (expires_at) where state = 'pending';
select countersign.make_tenant_table('connection_requests', array['select', 'insert', 'update']);
select countersign.confine_to_party('connection_requests', 'id');
select countersign.grant_engine('connection_requests', 'select');

create table countersign.relay_grants (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  card_id text collate "C" not null,
  request_id text collate "C",
  -- Null: the caller has no account here, and is known by label alone (R29).
  asker_tenant uuid,
  asker_agent text collate "C",
  label text not null check (char_length(label) between 1 and 200),
  purpose text not null check (char_length(purpose) between 1 and 2000),
  -- Null: every skill of the card.
  skills text[],
  scopes text[] not null,
  limits jsonb not null default '{}',
  addresses cidr[] check (cardinality(addresses) between 1 and 20),
  dpop_jkt text,
  encryption text not null default 'off' check (encryption in ('off', 'optional', 'required')),
  environment text not null check (environment in ('live', 'test')),
  sandbox boolean not null default false,
  -- Of each token that is made under it.
  token_seconds integer not null default 7776000 check (token_seconds between 3600 and 31536000),
  state text not null check (state in ('active', 'revoked', 'expired')),
  state_since timestamptz(3) not null,
  expires_at timestamptz(3),
  revision integer not null default 1,
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  ended_by text collate "C",
  ended_reason text check (char_length(ended_reason) <= 500),
  primary key (tenant_id, id),
  foreign key (tenant_id, card_id) references countersign.cards (tenant_id, id),
  check ((asker_tenant is null) = (asker_agent is null))
);
create unique index relay_grants_active on countersign.relay_grants (tenant_id, asker_agent, card_id) where state = 'active' and asker_agent is not null;
create unique index relay_grants_id on countersign.relay_grants (id);
create index relay_grants_asker on countersign.relay_grants (asker_tenant, id) where asker_tenant is not null;
create index relay_grants_due on countersign.relay_grants (expires_at) where state = 'active' and expires_at is not null;
select countersign.make_tenant_table('relay_grants', array['select', 'insert', 'update']);
select countersign.confine_to_party('relay_grants', 'id');
select countersign.grant_engine('relay_grants', 'select');

create table countersign.relay_tokens (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  relay_grant_id text collate "C" not null,
  token_hash bytea not null check (octet_length(token_hash) = 32),
  prefix text not null,
  last_four text not null,
  scopes text[] not null,
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  -- Its overlap after a rotation, or the moment at which it was given up.
  ends_at timestamptz(3),
  -- The day, and the range that the address lies in, as keys have it.
  last_used_on date,
  last_used_range text,
  -- Days before its end at which somebody was told (R26).
  warned smallint[] not null default '{}',
  primary key (tenant_id, id),
  constraint relay_tokens_hash unique (token_hash),
  foreign key (tenant_id, relay_grant_id) references countersign.relay_grants (tenant_id, id)
);
create index relay_tokens_grant on countersign.relay_tokens (tenant_id, relay_grant_id);
create index relay_tokens_ending on countersign.relay_tokens (expires_at) where ends_at is null;
select countersign.make_tenant_table('relay_tokens', array['select', 'insert', 'update']);
select countersign.confine_to_party('relay_tokens', 'relay_grant_id');
select countersign.grant_engine('relay_tokens', 'select', 'update (last_used_on, last_used_range)');

-- What a relay grant used on a day, in sixteen parts, so that messages of different threads never wait for one row (R30).
create table countersign.relay_usage (
  relay_grant_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  day date not null,
  part smallint not null check (part between 0 and 15),
  messages integer not null,
  bytes bigint not null,
  primary key (tenant_id, relay_grant_id, day, part)
) with (fillfactor = 70);
select countersign.make_tenant_table('relay_usage', array['select', 'insert', 'update', 'delete']);
select countersign.confine_to_party('relay_usage', 'relay_grant_id');

create table countersign.threads (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  card_id text collate "C" not null,
  card_version integer not null,
  relay_grant_id text collate "C" not null,
  context_id text collate "C" not null check (char_length(context_id) between 1 and 128),
  face text not null check (face in ('native', 'a2a', 'mcp')),
  state text not null check (state in ('awaiting_approval', 'queued', 'delivering', 'waiting_owner', 'waiting_caller', 'responded',
    'closed', 'failed', 'rejected', 'revoked', 'expired')),
  outcome text check (outcome in ('completed', 'canceled')),
  reason text,
  turn text not null check (turn in ('caller', 'owner', 'human', 'none')),
  -- Of its last event: one counter numbers everything (R34).
  sequence bigint not null,
  skill text,
  operation_id text,
  reference_thread_ids text[] not null default '{}',
  accepted_output_modes text[] not null default '{}',
  live boolean not null default false,
  answered_at timestamptz(3),
  -- The approval in the way of its newest message: task_id, side, expires_at.
  approval jsonb,
  error jsonb,
  -- Whoever works on its lowest undelivered message, until when.
  claimed_until timestamptz(3),
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  ended_at timestamptz(3),
  -- When it ends whatever happens: 90 days after its start, or sooner where its caller said so.
  deadline_at timestamptz(3) not null,
  -- The next moment at which it ends by itself: idle, too old, answered and left alone (T15, T16); null once it ended.
  due_at timestamptz(3),
  -- When its contents are over at the latest, and when its envelope is (R58, R108).
  expires_at timestamptz(3),
  kept_until timestamptz(3),
  primary key (tenant_id, id),
  foreign key (tenant_id, card_id) references countersign.cards (tenant_id, id),
  foreign key (tenant_id, relay_grant_id) references countersign.relay_grants (tenant_id, id),
  check ((state in ('closed', 'failed', 'rejected', 'revoked', 'expired')) = (ended_at is not null)),
  check ((state = 'closed') = (outcome is not null))
) with (fillfactor = 80);
create unique index threads_id on countersign.threads (id);
create index threads_open on countersign.threads (tenant_id, relay_grant_id) where ended_at is null;
create index threads_of_grant on countersign.threads (tenant_id, relay_grant_id, updated_at desc, id desc);
create index threads_of_card on countersign.threads (tenant_id, card_id, id desc);
create index threads_context on countersign.threads (tenant_id, relay_grant_id, context_id, id);
create index threads_due on countersign.threads (due_at) where ended_at is null;
select countersign.make_tenant_table('threads', array['select', 'insert', 'update', 'delete']);
select countersign.confine_to_party('threads', 'relay_grant_id');
select countersign.grant_engine('threads', 'select');

-- `payload` is an envelope of parts and metadata under the key of the day on which it expires (R109).
create table countersign.messages (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  thread_id text collate "C" not null,
  card_id text collate "C" not null,
  relay_grant_id text collate "C" not null,
  sequence bigint not null,
  side text not null check (side in ('caller', 'owner')),
  kind text not null check (kind in ('message', 'progress', 'artifact')),
  outcome text check (outcome in ('reply', 'progress', 'ask', 'completed', 'failed', 'rejected', 'message')),
  state text not null check (state in ('held', 'queued', 'delivering', 'delivered', 'exhausted', 'withdrawn', 'refused')),
  state_reason text,
  skill text,
  payload bytea,
  subject text collate "C",
  payload_hash text not null check (payload_hash ~ '^sha256:[0-9a-f]{64}$'),
  payload_state text not null default 'present' check (payload_state in ('present', 'expired', 'erased')),
  size_bytes integer not null,
  part_kinds text[] not null,
  media_types text[] not null,
  facts jsonb,
  client_message_id text,
  operation_id text,
  reference_thread_ids text[] not null default '{}',
  artifact_id text,
  artifact_name text,
  artifact_description text,
  append boolean,
  last_chunk boolean,
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3),
  -- Deliveries to the owner's agent (R41): how often it was claimed, by whom, until when, and the fence of that claim.
  attempts integer not null default 0,
  next_attempt_at timestamptz(3),
  claim_hash bytea check (octet_length(claim_hash) = 32),
  claimed_by text collate "C",
  claimed_until timestamptz(3),
  delivered_at timestamptz(3),
  delivered_via text check (delivered_via in ('inbox', 'person', 'push', 'a2a')),
  task_id text collate "C",
  primary key (tenant_id, id),
  foreign key (tenant_id, thread_id) references countersign.threads (tenant_id, id) on delete cascade,
  unique (tenant_id, thread_id, sequence),
  check ((payload_state = 'present') = (payload is not null))
) with (fillfactor = 80);
create index messages_waiting on countersign.messages (tenant_id, card_id, created_at) where side = 'caller' and state in ('held', 'queued', 'delivering', 'exhausted');
create index messages_undelivered on countersign.messages (tenant_id, thread_id, sequence) where side = 'caller' and state in ('held', 'queued', 'delivering');
create index messages_claim on countersign.messages (tenant_id, claim_hash) where claim_hash is not null;
create index messages_claimed on countersign.messages (claimed_until) where state = 'delivering';
create index messages_expiring on countersign.messages (expires_at) where payload_state = 'present';
create index messages_operation on countersign.messages (tenant_id, relay_grant_id, operation_id) where operation_id is not null;
create index messages_task on countersign.messages (tenant_id, task_id) where task_id is not null;
select countersign.make_tenant_table('messages', array['select', 'insert', 'update', 'delete']);
select countersign.confine_to_party('messages', 'relay_grant_id');

-- The events of a thread by their number; each is a row of the record as well, under the same id (R36).
create table countersign.thread_events (
  thread_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  sequence bigint not null,
  id text collate "C" not null,
  relay_grant_id text collate "C" not null,
  type text collate "C" not null,
  at timestamptz(3) not null,
  actor json not null,
  data json not null,
  primary key (tenant_id, thread_id, sequence),
  foreign key (tenant_id, thread_id) references countersign.threads (tenant_id, id) on delete cascade
);
select countersign.make_tenant_table('thread_events', array['select', 'insert', 'delete']);
select countersign.confine_to_party('thread_events', 'relay_grant_id');

create table countersign.thread_tokens (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  thread_id text collate "C" not null,
  relay_grant_id text collate "C" not null,
  side text not null check (side in ('caller', 'owner')),
  token_hash bytea not null check (octet_length(token_hash) = 32),
  minted_by text collate "C" not null,
  -- Of the first of its line: it renews itself for 24 hours after that (R38).
  first_minted_at timestamptz(3) not null,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  primary key (tenant_id, id),
  constraint thread_tokens_hash unique (token_hash),
  foreign key (tenant_id, thread_id) references countersign.threads (tenant_id, id) on delete cascade
);
create index thread_tokens_expired on countersign.thread_tokens (expires_at);
create index thread_tokens_thread on countersign.thread_tokens (tenant_id, thread_id);
select countersign.make_tenant_table('thread_tokens', array['select', 'insert', 'delete']);
select countersign.confine_to_party('thread_tokens', 'relay_grant_id');
select countersign.grant_engine('thread_tokens', 'select', 'delete');

-- The caller's own list, in the caller's tenant. Written by the engine alone, in the transaction of the owner's side.
create table countersign.caller_threads (
  thread_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  owner_tenant uuid not null,
  relay_grant_id text collate "C" not null,
  agent_id text collate "C" not null,
  slug text collate "C" not null,
  card_name text not null,
  context_id text collate "C" not null,
  operation_id text,
  skill text,
  state text not null,
  outcome text,
  reason text,
  turn text not null,
  sequence bigint not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  ended_at timestamptz(3),
  primary key (tenant_id, thread_id)
);
create index caller_threads_state on countersign.caller_threads (tenant_id, state, thread_id);
select countersign.make_tenant_table('caller_threads', array['select']);
select countersign.grant_engine('caller_threads', 'select', 'insert', 'update', 'delete');

-- Whom a tenant refuses (R120): a whole tenant, one agent, or a domain.
create table countersign.blocks (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  blocked_tenant uuid,
  blocked_agent text collate "C",
  blocked_domain text,
  reason text check (char_length(reason) <= 500),
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  primary key (tenant_id, id),
  check (num_nonnulls(blocked_tenant, blocked_agent, blocked_domain) = 1)
);
create unique index blocks_once on countersign.blocks (tenant_id, coalesce(blocked_tenant::text, blocked_agent, blocked_domain));
select countersign.make_tenant_table('blocks', array['select', 'insert', 'delete']);

-- The names under which a tenant or a user is found; each leads to one card.
create table countersign.handles (
  handle text collate "C" not null check (handle ~ '^[a-z0-9]+(-[a-z0-9]+)*$' and char_length(handle) between 3 and 64),
  tenant_id uuid not null references countersign.tenants,
  user_id text collate "C",
  card_id text collate "C",
  created_at timestamptz(3) not null,
  primary key (tenant_id, handle),
  constraint handles_once unique (handle)
);
select countersign.make_tenant_table('handles', array['select', 'insert', 'update', 'delete']);
select countersign.grant_engine('handles', 'select');

set local role countersign_engine;

-- Whose card a slug names; `asked_slug` is text from an address.
create function countersign_engine.card_place(asked_slug text)
returns table (tenant_id uuid, card_id text, state text, visibility text, tenant_state text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select c.tenant_id, c.id, c.state, c.visibility, t.state
  from countersign.cards c join countersign.tenants t on t.id = c.tenant_id
  where c.slug = asked_slug
$$;

-- A relay token by its hash: what it opens and whether it still does. Notes the day and the range of its use, once a day and range.
create function countersign_engine.use_relay_token(asked_hash bytea, asked_address inet)
returns table (id text, tenant_id uuid, tenant_state text, relay_grant_id text, card_id text, slug text, card_state text, scopes text[],
  grant_state text, expired boolean, ended boolean, address_allowed boolean, dpop_jkt text, asker_tenant uuid, asker_agent text, label text,
  environment text, grant_over boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  moment timestamptz := countersign.now();
  used_range text := case when asked_address is null then null when family(asked_address) = 4 then text(network(set_masklen(asked_address, 24))) else text(network(set_masklen(asked_address, 48))) end;
begin
  return query
  select k.id, k.tenant_id, t.state, k.relay_grant_id, g.card_id, c.slug, c.state, k.scopes, g.state, k.expires_at <= moment,
    coalesce(k.ends_at <= moment, false),
    g.addresses is null or coalesce(exists (select from unnest(g.addresses) as a (range) where asked_address <<= a.range), false),
    g.dpop_jkt, g.asker_tenant, g.asker_agent, g.label, g.environment, coalesce(g.expires_at <= moment, false)
  from countersign.relay_tokens k
  join countersign.relay_grants g on g.tenant_id = k.tenant_id and g.id = k.relay_grant_id
  join countersign.cards c on c.tenant_id = g.tenant_id and c.id = g.card_id
  join countersign.tenants t on t.id = k.tenant_id
  where k.token_hash = asked_hash;
  update countersign.relay_tokens k set last_used_on = moment::date, last_used_range = used_range
  where k.token_hash = asked_hash and (k.last_used_on is distinct from moment::date or k.last_used_range is distinct from used_range);
end
$$;

-- A thread token by its hash.
create function countersign_engine.use_thread_token(asked_hash bytea)
returns table (id text, tenant_id uuid, tenant_state text, thread_id text, relay_grant_id text, side text, expired boolean, minted_by text,
  first_minted_at timestamptz, asker_tenant uuid, asker_agent text, label text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select k.id, k.tenant_id, t.state, k.thread_id, k.relay_grant_id, k.side, k.expires_at <= countersign.now(), k.minted_by, k.first_minted_at,
    g.asker_tenant, g.asker_agent, g.label
  from countersign.thread_tokens k
  join countersign.relay_grants g on g.tenant_id = k.tenant_id and g.id = k.relay_grant_id
  join countersign.tenants t on t.id = k.tenant_id
  where k.token_hash = asked_hash
$$;

-- Where a relay grant, a connection request or a thread lies, and who its two sides are.
create function countersign_engine.relay_place(asked_id text)
returns table (tenant_id uuid, tenant_state text, party text, card_id text, slug text, asker_tenant uuid, asker_agent text, label text, state text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select f.tenant_id, t.state, f.party, f.card_id, c.slug, f.asker_tenant, f.asker_agent, f.label, f.state
  from (
    select g.tenant_id, g.id as party, g.card_id, g.asker_tenant, g.asker_agent, g.label, g.state
    from countersign.relay_grants g where asked_id like 'rgr\_%' and g.id = asked_id
    union all
    select r.tenant_id, r.id, r.card_id, r.asker_tenant, r.asker_agent, r.asker_name, r.state
    from countersign.connection_requests r where asked_id like 'creq\_%' and r.id = asked_id
    union all
    select h.tenant_id, h.relay_grant_id, h.card_id, g.asker_tenant, g.asker_agent, g.label, h.state
    from countersign.threads h join countersign.relay_grants g on g.tenant_id = h.tenant_id and g.id = h.relay_grant_id
    where asked_id like 'thr\_%' and h.id = asked_id
  ) f
  join countersign.cards c on c.tenant_id = f.tenant_id and c.id = f.card_id
  join countersign.tenants t on t.id = f.tenant_id
$$;

-- The live relay grant through which an agent reaches a card, if there is one.
create function countersign_engine.grant_between(asked_agent text, asked_slug text)
returns table (tenant_id uuid, tenant_state text, relay_grant_id text, card_id text, card_state text, scopes text[], asker_tenant uuid, label text,
  dpop_jkt text, grant_over boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select g.tenant_id, t.state, g.id, g.card_id, c.state, g.scopes, g.asker_tenant, g.label, g.dpop_jkt, coalesce(g.expires_at <= countersign.now(), false)
  from countersign.cards c
  join countersign.relay_grants g on g.tenant_id = c.tenant_id and g.card_id = c.id and g.asker_agent = asked_agent and g.state = 'active'
  join countersign.tenants t on t.id = c.tenant_id
  where c.slug = asked_slug
$$;

-- What the asking side may know of its connection requests and relay grants, newest first; of one tenant, below an id.
create function countersign_engine.asked_requests(asked_tenant uuid, below text, at_most integer) returns table (tenant_id uuid, id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select r.tenant_id, r.id from countersign.connection_requests r
  where r.asker_tenant = asked_tenant and asked_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid) and (below is null or r.id < below)
  order by r.id desc limit at_most
$$;
create function countersign_engine.asked_grants(asked_tenant uuid, below text, at_most integer) returns table (tenant_id uuid, id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select g.tenant_id, g.id from countersign.relay_grants g
  where g.asker_tenant = asked_tenant and asked_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid) and (below is null or g.id < below)
  order by g.id desc limit at_most
$$;

-- Copies what threads of the current tenant are now into the lists of their callers: the threads are named, everything else is read here.
create function countersign_engine.mirror_threads(asked_threads text[]) returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  insert into countersign.caller_threads as k (thread_id, tenant_id, owner_tenant, relay_grant_id, agent_id, slug, card_name, context_id, operation_id, skill,
    state, outcome, reason, turn, sequence, created_at, updated_at, ended_at)
  select h.id, g.asker_tenant, h.tenant_id, g.id, g.asker_agent, c.slug, c.name, h.context_id, h.operation_id, h.skill,
    h.state, h.outcome, h.reason, h.turn, h.sequence, h.created_at, h.updated_at, h.ended_at
  from countersign.threads h
  join countersign.relay_grants g on g.tenant_id = h.tenant_id and g.id = h.relay_grant_id
  join countersign.cards c on c.tenant_id = h.tenant_id and c.id = h.card_id
  where h.tenant_id = (select nullif(current_setting('countersign.tenant', true), '')::uuid) and h.id = any (asked_threads) and g.asker_tenant is not null
  order by h.id
  on conflict (tenant_id, thread_id) do update set state = excluded.state, outcome = excluded.outcome, reason = excluded.reason, turn = excluded.turn,
    sequence = excluded.sequence, updated_at = excluded.updated_at, ended_at = excluded.ended_at
$$;

-- Events of the asking sides, in their tenants, in the transaction of the owner's side: `parties` and `bodies` in pairs. Only of relay grants and connection requests of the
-- current tenant, only of the relay's own types, and only such that name the asking tenant themselves. The worker that tells endpoints of the proxy's events tells these as well.
create function countersign_engine.tell_askers(parties text[], bodies text[]) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  here uuid := nullif(current_setting('countersign.tenant', true), '')::uuid;
  strange bigint;
begin
  with given as (
    select coalesce(g.asker_tenant, r.asker_tenant) as asker, x.body, x.body::jsonb as said, x.nth
    from unnest(parties, bodies) with ordinality as x (party, body, nth)
    left join countersign.relay_grants g on g.tenant_id = here and g.id = x.party
    left join countersign.connection_requests r on r.tenant_id = here and r.id = x.party
  ), written as (
    insert into countersign.events (id, tenant_id, type, class, resource_type, resource_id, actor_id, decision, action, occurred_at, body)
    select w.said ->> 'id', w.asker, w.said ->> 'type', w.said ->> 'class', w.said -> 'resource' ->> 'type', w.said -> 'resource' ->> 'id',
      w.said -> 'actor' ->> 'id', w.said -> 'decision' ->> 'outcome', w.said -> 'data' ->> 'action', (w.said ->> 'occurred_at')::timestamptz, w.body
    from given w where w.asker is not null order by w.nth
    returning id, tenant_id
  ), untold as (
    insert into countersign.untold_events (event_id, tenant_id)
    select w.id, w.tenant_id from written w
    where exists (select from countersign.endpoints e where e.tenant_id = w.tenant_id and e.state <> 'deleted')
  )
  select count(*) into strange from given w
  where w.asker is not null and (w.said ->> 'tenant_id' is distinct from countersign.tenant_wire(w.asker)
    or w.said ->> 'type' !~ '^(thread|message|artifact|relay_grant|connection_request|payload|thread_token|approval|delivery)\.');
  if strange > 0 then
    raise exception 'tell_askers: this is no event of the asking side' using errcode = 'insufficient_privilege';
  end if;
end
$$;

-- What is due, over all tenants: threads that end by themselves, claims whose lease is over, relay grants and connection requests whose time has passed.
create function countersign_engine.relay_due(at_most integer) returns table (what text, tenant_id uuid, id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  (select 'thread', h.tenant_id, h.id from countersign.threads h where h.ended_at is null and h.due_at <= countersign.now() order by h.due_at limit at_most)
  union all
  (select 'grant', g.tenant_id, g.id from countersign.relay_grants g where g.state = 'active' and g.expires_at <= countersign.now() order by g.expires_at limit at_most)
  union all
  (select 'request', r.tenant_id, r.id from countersign.connection_requests r where r.state = 'pending' and r.expires_at <= countersign.now() order by r.expires_at limit at_most)
$$;

-- How far the watched threads of a process are: one statement for all its waits, whatever their tenants; answers numbers alone.
create function countersign_engine.thread_sequences(asked_ids text[]) returns table (id text, sequence bigint)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select h.id, h.sequence from countersign.threads h where h.id = any (asked_ids)
$$;

grant execute on function countersign_engine.thread_sequences(text[]), countersign_engine.card_place(text), countersign_engine.use_relay_token(bytea, inet), countersign_engine.use_thread_token(bytea),
  countersign_engine.relay_place(text), countersign_engine.grant_between(text, text), countersign_engine.asked_requests(uuid, text, integer),
  countersign_engine.asked_grants(uuid, text, integer), countersign_engine.mirror_threads(text[]), countersign_engine.tell_askers(text[], text[]),
  countersign_engine.relay_due(integer) to countersign_runtime;

set local role countersign_owner;
