-- Links that open one task for one person without a sign-in (T109–T111), and mail: who it comes from, what was sent, what came back (T107, T108, T112).
-- No token, code or secret stands here in a readable form: hashes, and envelopes under the tenant's key.

-- A reply by mail may decide (T112).
alter table countersign.tasks add column answer_by_reply boolean not null default false;

create table countersign.task_links (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  token_hash bytea not null check (octet_length(token_hash) = 32),
  task_id text collate "C" not null,
  -- Of the content that was told with it.
  revision integer not null check (revision between 1 and 21),
  -- answer: one choice, or the form; review: opens sessions; session: such a one; reply: the address that answers to a mail.
  purpose text not null check (purpose in ('answer', 'review', 'session', 'reply')),
  channel text not null check (channel in ('email', 'webhook')),
  label text check (char_length(label) <= 200),
  -- The decision that a button stands for; json, because its digits count (T6).
  choice json,
  -- Whom it was made for: a user, an address, or (in a channel that is a place) whoever is there.
  user_id text collate "C",
  email text,
  display_name text not null,
  vouched boolean not null,
  -- Of the channel webhook: whose secret signs what comes back.
  endpoint_id text collate "C",
  notice_id text collate "C",
  -- Of a session: the link that opened it.
  parent_id text collate "C",
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  seen_at timestamptz(3),
  -- The decision that was made by it: it counts, is held by a verifier, or came back.
  decision_id text collate "C",
  used_at timestamptz(3),
  revoked_at timestamptz(3),
  revoked_by text collate "C",
  primary key (tenant_id, id),
  unique (token_hash),
  foreign key (tenant_id, task_id) references countersign.tasks (tenant_id, id),
  check ((choice is null) = (label is null)),
  check ((purpose = 'session') = (parent_id is not null)),
  check ((decision_id is null) = (used_at is null) and (revoked_at is null) = (revoked_by is null))
);
create index task_links_task on countersign.task_links (tenant_id, task_id, id);
create index task_links_notice on countersign.task_links (tenant_id, notice_id) where notice_id is not null;
select countersign.make_tenant_table('task_links', array['select', 'insert', 'update', 'delete']);
select countersign.grant_engine('task_links', 'select (id, tenant_id, token_hash)');

-- How notices look at an endpoint that is a room of people; without a row they are raw.
create table countersign.notice_templates (
  endpoint_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  template text not null check (template in ('raw', 'teams', 'discord', 'google_chat')),
  updated_by text collate "C" not null,
  updated_at timestamptz(3) not null,
  primary key (tenant_id, endpoint_id),
  foreign key (tenant_id, endpoint_id) references countersign.endpoints (tenant_id, id)
);
select countersign.make_tenant_table('notice_templates', array['select', 'insert', 'update']);

create table countersign.mail_identities (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  -- What `email+name:` says.
  name text collate "C" not null check (name ~ '^[a-z0-9][a-z0-9_-]{0,99}$'),
  display_name text not null check (char_length(display_name) between 1 and 200),
  from_email text not null check (char_length(from_email) <= 320),
  from_name text check (char_length(from_name) <= 200),
  reply_to text check (char_length(reply_to) <= 320),
  transport text not null check (transport in ('smtp', 'resend', 'http', 'file', 'log', 'none')),
  -- What is no secret of it: host, port, user, address, template.
  settings json not null,
  -- Password, key or headers; a connection of the vault may be named instead once there is one.
  secret bytea,
  -- Where answers to its mails arrive, and the secret that signs what the provider posts to us.
  inbound_domain text check (char_length(inbound_domain) <= 253),
  inbound_secret bytea,
  is_default boolean not null,
  verified_at timestamptz(3),
  code_hash bytea check (octet_length(code_hash) = 32),
  code_expires_at timestamptz(3),
  code_tries smallint not null default 0,
  last_sent_at timestamptz(3),
  last_error text check (char_length(last_error) <= 500),
  last_error_at timestamptz(3),
  version integer not null default 1,
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  removed_at timestamptz(3),
  primary key (tenant_id, id),
  check ((code_hash is null) = (code_expires_at is null))
);
create unique index mail_identities_name on countersign.mail_identities (tenant_id, name) where removed_at is null;
create unique index mail_identities_default on countersign.mail_identities (tenant_id) where is_default and removed_at is null;
select countersign.make_tenant_table('mail_identities', array['select', 'insert', 'update']);
select countersign.grant_engine('mail_identities', 'select (id, tenant_id, removed_at)');

-- What a provider took: a second try under the same id sends nothing, a reminder knows what it follows, a bounce finds its notice.
create table countersign.mails (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  identity_id text collate "C" not null,
  task_id text collate "C",
  -- The folded address, as a hash: enough to find the thread.
  to_hash bytea not null check (octet_length(to_hash) = 32),
  message_id text not null check (char_length(message_id) <= 300),
  provider_id text check (char_length(provider_id) <= 300),
  sent_at timestamptz(3) not null,
  bounced_at timestamptz(3),
  primary key (tenant_id, id),
  foreign key (tenant_id, identity_id) references countersign.mail_identities (tenant_id, id)
);
create index mails_thread on countersign.mails (tenant_id, task_id, to_hash, sent_at) where task_id is not null;
-- What is kept no longer goes in the order of its time.
create index mails_sent on countersign.mails (tenant_id, sent_at);
create index mails_message on countersign.mails (tenant_id, message_id);
create index mails_provider on countersign.mails (tenant_id, provider_id) where provider_id is not null;
select countersign.make_tenant_table('mails', array['select', 'insert', 'update', 'delete']);

-- A mail that came back, by the hash of its bytes: a provider that posts it twice is heard once.
create table countersign.mail_replies (
  digest text collate "C" not null check (digest ~ '^[0-9a-f]{64}$'),
  tenant_id uuid not null references countersign.tenants,
  identity_id text collate "C" not null,
  task_id text collate "C",
  outcome text not null check (outcome in ('comment', 'decision', 'dropped', 'refused')),
  reason text check (char_length(reason) <= 300),
  received_at timestamptz(3) not null,
  primary key (tenant_id, digest),
  foreign key (tenant_id, identity_id) references countersign.mail_identities (tenant_id, id)
);
create index mail_replies_task on countersign.mail_replies (tenant_id, task_id) where task_id is not null;
-- What is kept no longer goes in the order of its time.
create index mail_replies_received on countersign.mail_replies (tenant_id, received_at);
select countersign.make_tenant_table('mail_replies', array['select', 'insert', 'delete']);

-- A letter of the platform on its way, an invitation say: its link is sealed until it was sent, then gone.
create table countersign.letters (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  kind text not null check (kind in ('invitation')),
  body bytea,
  created_at timestamptz(3) not null,
  sent_at timestamptz(3),
  primary key (tenant_id, id)
);
select countersign.make_tenant_table('letters', array['select', 'insert', 'update', 'delete']);

set local role countersign_engine;

-- The tenant of a link: who holds one has not said whose it is.
create function countersign_engine.find_task_link(hash bytea) returns table (id text, tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select l.id, l.tenant_id from countersign.task_links l where l.token_hash = hash
$$;
grant execute on function countersign_engine.find_task_link(bytea) to countersign_runtime;

-- The tenant of an identity: a provider that posts a reply names nothing else.
create function countersign_engine.find_mail_identity(identity text) returns table (id text, tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select i.id, i.tenant_id from countersign.mail_identities i where i.id = identity and i.removed_at is null limit 1
$$;
grant execute on function countersign_engine.find_mail_identity(text) to countersign_runtime;

set local role countersign_owner;
