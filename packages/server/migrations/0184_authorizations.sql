-- An authorization is one persisted attempt to obtain a credential (V28): a row that any process finishes. Who opened its page holds a cookie, whose hash stands
-- here; what the flow keeps secret meanwhile (state, PKCE verifier, nonce of OpenID, device code) is one envelope, erased when it settles.
create table countersign.authorizations (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  provider text collate "C" not null,
  definition_version integer not null,
  method text not null check (method in ('code', 'device', 'register', 'client_credentials', 'api_key', 'basic', 'aws', 'cookies')),
  connection_name text collate "C" not null,
  -- A user; null: the tenant's, shared.
  owner text collate "C" references countersign.users,
  replaces boolean not null,
  scopes text[] not null default '{}',
  params jsonb not null default '{}',
  status text not null check (status in ('pending', 'waiting_for_user', 'processing', 'completed', 'failed', 'expired', 'cancelled')),
  -- Entered by compare-and-swap; who stays too long in it was killed.
  processing_since timestamptz(3),
  client_id text collate "C",
  -- What metadata said of the provider (V38): endpoints and issuers, no secret.
  server jsonb,
  state_hash bytea check (octet_length(state_hash) = 32),
  secrets bytea,
  generation bigint not null default 0,
  -- Of the fragment of `connect_url`, traded once.
  token_hash bytea not null check (octet_length(token_hash) = 32),
  opened_at timestamptz(3),
  cookie_hash bytea check (octet_length(cookie_hash) = 32),
  -- Of the nonce of the form that was shown last, with its cookie and its fields in it.
  nonce_hash bytea check (octet_length(nonce_hash) = 32),
  user_code text check (char_length(user_code) <= 64),
  verification_uri text check (char_length(verification_uri) <= 2000),
  verification_uri_complete text check (char_length(verification_uri_complete) <= 2000),
  interval_seconds integer,
  poll_at timestamptz(3),
  attempts integer not null default 0,
  error_code text collate "C",
  -- In the provider's words, cut.
  error_said text check (char_length(error_said) <= 300),
  connection_id text collate "C",
  agent_id text collate "C",
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  settled_at timestamptz(3),
  primary key (tenant_id, id),
  foreign key (tenant_id, client_id) references countersign.clients (tenant_id, id),
  foreign key (tenant_id, connection_id) references countersign.connections (tenant_id, id)
);
create index authorizations_client on countersign.authorizations (tenant_id, client_id) where client_id is not null;
create index authorizations_connection on countersign.authorizations (tenant_id, connection_id) where connection_id is not null;
create index authorizations_owner on countersign.authorizations (tenant_id, owner, created_at);
select countersign.make_tenant_table('authorizations', array['select', 'insert', 'update', 'delete']);
select countersign.grant_engine('authorizations', 'select (id, tenant_id)');
create unique index authorizations_id on countersign.authorizations (id);

-- How often renewing failed since it last worked: the pause grows with it (V47).
alter table countersign.connections add column refresh_failures integer not null default 0;

-- Connections that are due, of every tenant (V47).
select countersign.grant_engine('connections', 'select (id, tenant_id, status, refresh_at, refresh_until)');
create index connections_due on countersign.connections (refresh_at) where status = 'connected' and refresh_at is not null;

set local role countersign_engine;

-- The tenant of a connect page: whoever opens one names nothing else. What else there is to know needs the token or the cookie.
create function countersign_engine.find_authorization(authorization_id text) returns table (tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select a.tenant_id from countersign.authorizations a where a.id = authorization_id limit 1
$$;
grant execute on function countersign_engine.find_authorization(text) to countersign_runtime;

create function countersign_engine.connections_to_refresh(batch integer) returns table (tenant_id uuid, id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select c.tenant_id, c.id from countersign.connections c
  where c.status = 'connected' and c.refresh_at <= countersign.now() and (c.refresh_until is null or c.refresh_until <= countersign.now())
  order by c.refresh_at limit batch
$$;
grant execute on function countersign_engine.connections_to_refresh(integer) to countersign_runtime;
