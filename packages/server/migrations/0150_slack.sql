-- Slack: the tenant's app, its installations in workspaces, who is whom there, the messages that were sent, and the bodies that were seen already.
-- Secrets (bytea) stand in envelopes under the tenant's key; a connection of the vault may be named instead once there is one.

create table countersign.slack_apps (
  id text collate "C" not null,
  tenant_id uuid not null unique references countersign.tenants,
  -- Slack's own id of the app; null until the first installation or request names it.
  app_id text collate "C" check (char_length(app_id) <= 32),
  client_id text collate "C" check (char_length(client_id) <= 100),
  client_secret bytea,
  signing_secret bytea not null,
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  primary key (tenant_id, id),
  check ((client_id is null) = (client_secret is null))
);
select countersign.make_tenant_table('slack_apps', array['select', 'insert', 'update']);
select countersign.grant_engine('slack_apps', 'select (id, tenant_id, app_id, updated_at)');

create table countersign.slack_installations (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  team_id text collate "C" not null check (char_length(team_id) <= 32),
  team_name text not null check (char_length(team_name) <= 200),
  bot_user_id text collate "C" not null check (char_length(bot_user_id) <= 32),
  bot_token bytea not null,
  scopes text[] not null,
  via text not null check (via in ('oauth', 'token')),
  state text not null check (state in ('active', 'revoked')),
  state_reason text check (char_length(state_reason) <= 200),
  state_since timestamptz(3) not null,
  -- Slack asked for a pause until then.
  limited_until timestamptz(3),
  -- When the lists of members and channels were read whole.
  members_at timestamptz(3),
  channels_at timestamptz(3),
  installed_by text collate "C" not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  primary key (tenant_id, id),
  unique (tenant_id, team_id)
);
select countersign.make_tenant_table('slack_installations', array['select', 'insert', 'update']);
select countersign.grant_engine('slack_installations', 'select (id, tenant_id, team_id)');

-- What `@handle` and `#name` mean, for ten minutes (T100). No address stands here.
create table countersign.slack_names (
  slack_id text collate "C" not null check (char_length(slack_id) <= 32),
  tenant_id uuid not null references countersign.tenants,
  team_id text collate "C" not null,
  kind text not null check (kind in ('member', 'channel')),
  -- Folded.
  handle text collate "C" not null,
  display_name text not null,
  primary key (tenant_id, team_id, kind, slack_id)
);
create index slack_names_handle on countersign.slack_names (tenant_id, team_id, kind, handle);
select countersign.make_tenant_table('slack_names', array['select', 'insert', 'update', 'delete']);

create table countersign.slack_people (
  slack_user_id text collate "C" not null check (char_length(slack_user_id) <= 32),
  tenant_id uuid not null references countersign.tenants,
  team_id text collate "C" not null,
  user_id text collate "C" not null references countersign.users,
  -- By the address that both sides have verified, or by having signed in from there once.
  how text not null check (how in ('mail', 'sign_in')),
  linked_at timestamptz(3) not null,
  primary key (tenant_id, team_id, slack_user_id)
);
create index slack_people_user on countersign.slack_people (tenant_id, user_id);
select countersign.make_tenant_table('slack_people', array['select', 'insert', 'update', 'delete']);

-- The way from Slack to a sign-in here, once.
create table countersign.slack_links (
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  tenant_id uuid not null references countersign.tenants,
  team_id text collate "C" not null,
  slack_user_id text collate "C" not null,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  used_at timestamptz(3),
  primary key (tenant_id, token_hash)
);
select countersign.make_tenant_table('slack_links', array['select', 'insert', 'update', 'delete']);

-- Each message by its notice: what was accepted is never sent again, and a reply below it finds its task.
create table countersign.slack_messages (
  notice_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  task_id text collate "C" not null,
  team_id text collate "C" not null,
  channel text collate "C",
  ts text collate "C",
  -- As `notify` names it: whoever was asked by that name answers by it.
  target text not null check (char_length(target) <= 450),
  created_at timestamptz(3) not null,
  sent_at timestamptz(3),
  gone_at timestamptz(3),
  primary key (tenant_id, notice_id),
  check ((ts is null) = (sent_at is null))
);
create index slack_messages_task on countersign.slack_messages (tenant_id, task_id);
create index slack_messages_place on countersign.slack_messages (tenant_id, team_id, channel, ts) where ts is not null;
select countersign.make_tenant_table('slack_messages', array['select', 'insert', 'update', 'delete']);

-- Bodies that were acted on: a body that comes again does nothing (T115). Older than their signature can be, they are of no use.
create table countersign.slack_bodies (
  body_hash bytea not null check (octet_length(body_hash) = 32),
  tenant_id uuid not null references countersign.tenants,
  seen_at timestamptz(3) not null,
  primary key (tenant_id, body_hash)
);
create index slack_bodies_seen on countersign.slack_bodies (tenant_id, seen_at);
select countersign.make_tenant_table('slack_bodies', array['select', 'insert', 'update', 'delete']);

set local role countersign_engine;

-- Which tenants a request of Slack can be for, by what it says of itself before its signature is checked: each then tries its own secret.
create function countersign_engine.slack_candidates(app text, team text)
returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select a.tenant_id
  from countersign.slack_apps a
  where (team is null or exists (
      select from countersign.slack_installations i where i.tenant_id = a.tenant_id and i.team_id = team))
    and (app is null or a.app_id is null or a.app_id = app)
  order by a.updated_at desc
  limit 20
$$;
grant execute on function countersign_engine.slack_candidates(text, text) to countersign_runtime;

set local role countersign_owner;
