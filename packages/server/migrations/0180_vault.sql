-- The vault: what a provider is, our registration at one (client), a stored credential (connection), who may use it (grant), and a bounded
-- execution of an agent (run) with its own authority. Secrets (bytea, but for digests and hashes) stand in envelopes, bound to row and generation.

alter table countersign.agents
  add column labels text[] not null default '{}' check (cardinality(labels) <= 50);

-- What stands in the tenant's own definitions; a bundled one that nobody has overridden has no row.
create table countersign.providers (
  name text collate "C" not null check (name ~ '^(x|[a-z0-9][a-z0-9_-]{1,62})$'),
  tenant_id uuid not null references countersign.tenants,
  -- null while its first version is only proposed.
  version integer,
  -- It stands in place of a bundled definition of the same name.
  overrides boolean not null,
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  removed_at timestamptz(3),
  primary key (tenant_id, name)
);
select countersign.make_tenant_table('providers', array['select', 'insert', 'update']);

-- Names and aliases of providers in force, each once in a tenant.
create table countersign.provider_names (
  name text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  provider text collate "C" not null,
  primary key (tenant_id, name),
  foreign key (tenant_id, provider) references countersign.providers (tenant_id, name)
);
select countersign.make_tenant_table('provider_names', array['select', 'insert', 'delete']);

create table countersign.definitions (
  provider text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  version integer not null check (version > 0),
  -- SHA-256 of the canonical form.
  digest bytea not null check (octet_length(digest) = 32),
  source text not null check (octet_length(source) <= 262144),
  definition jsonb not null,
  state text not null check (state in ('proposed', 'active', 'superseded', 'rejected', 'removed')),
  reason text not null default '' check (char_length(reason) <= 2000),
  proposed_by text collate "C" not null,
  proposed_at timestamptz(3) not null,
  decided_by text collate "C",
  decided_at timestamptz(3),
  primary key (tenant_id, provider, version),
  foreign key (tenant_id, provider) references countersign.providers (tenant_id, name)
);
create unique index definitions_active on countersign.definitions (tenant_id, provider) where state = 'active';
select countersign.make_tenant_table('definitions', array['select', 'insert', 'update']);

-- Our registration at a provider. `secret` holds the client's secret or key and the token of its registration; `state` is the journal of a registration (V39).
create table countersign.clients (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  provider text collate "C" not null,
  -- The issuer of a registered client; empty where the definition names the endpoints.
  issuer text collate "C" not null default '',
  client_id text check (char_length(client_id) <= 2000),
  secret bytea,
  generation bigint not null default 0,
  auth text not null check (auth in ('basic', 'post', 'none', 'private_key_jwt')),
  redirect_uris text[] not null default '{}',
  -- What the registration answered, without its secrets (RFC 7591, RFC 7592).
  registration jsonb,
  state text not null check (state in ('registering', 'active', 'unknown', 'removed')),
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  primary key (tenant_id, id)
);
create unique index clients_of on countersign.clients (tenant_id, provider, issuer) where state <> 'removed';
select countersign.make_tenant_table('clients', array['select', 'insert', 'update']);

-- `generation` counts writes of the material and stands in its envelope's place; `revision` counts changes of what may be read.
create table countersign.connections (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  provider text collate "C" not null,
  -- 0: the bundled definition.
  definition_version integer not null,
  name text collate "C" not null check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  -- A user; null: the tenant's, shared.
  owner text collate "C" references countersign.users,
  labels text[] not null default '{}' check (cardinality(labels) <= 50),
  params jsonb not null default '{}',
  method text not null check (method in ('code', 'device', 'register', 'client_credentials', 'jwt_bearer', 'token_exchange', 'github_app', 'api_key', 'basic', 'aws', 'minted_jwt', 'cookies')),
  status text not null check (status in ('pending', 'connected', 'needs_reauth', 'suspended', 'revoked', 'removed')),
  status_cause text collate "C",
  status_since timestamptz(3) not null,
  scopes text[] not null default '{}',
  account_id text check (char_length(account_id) <= 500),
  account_label text check (char_length(account_label) <= 500),
  expires_at timestamptz(3),
  refresh_at timestamptz(3),
  obtained_at timestamptz(3),
  last_used_at timestamptz(3),
  last_error_code text collate "C",
  last_error_at timestamptz(3),
  generation bigint not null default 0,
  revision bigint not null default 1,
  material bytea,
  -- Who refreshes now, and until when that counts (V46).
  refresh_owner text collate "C",
  refresh_until timestamptz(3),
  -- A claim lapsed without an answer: the old token is tried once more, and a refusal then means that the refresh was lost.
  refresh_lapsed boolean not null default false,
  client_id text collate "C",
  -- Of the material of a revoked connection: what the provider said of it.
  provider_revocation text check (provider_revocation in ('waiting', 'done', 'failed', 'none')),
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, client_id) references countersign.clients (tenant_id, id)
);
create unique index connections_name on countersign.connections (tenant_id, provider, coalesce(owner, ''), name) where status <> 'removed';
create index connections_owner on countersign.connections (tenant_id, owner) where status <> 'removed';
create index connections_refresh on countersign.connections (tenant_id, refresh_at) where status = 'connected' and refresh_at is not null;
create index connections_client on countersign.connections (tenant_id, client_id) where client_id is not null;
select countersign.make_tenant_table('connections', array['select', 'insert', 'update']);

-- Which connection of a provider is meant where none is named (V9). `holder` is an agent, a user, or empty for the tenant's.
create table countersign.connection_defaults (
  holder text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  provider text collate "C" not null,
  connection_id text collate "C" not null,
  set_by text collate "C" not null,
  set_at timestamptz(3) not null,
  primary key (tenant_id, holder, provider),
  foreign key (tenant_id, connection_id) references countersign.connections (tenant_id, id)
);
create index connection_defaults_of on countersign.connection_defaults (tenant_id, connection_id);
select countersign.make_tenant_table('connection_defaults', array['select', 'insert', 'update', 'delete']);

-- Use of one connection by one agent, or by every agent with a label, and nothing else (V12).
create table countersign.grants (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  agent_id text collate "C",
  agent_label text check (char_length(agent_label) between 1 and 100),
  connection_id text collate "C" not null,
  -- Of V14, as they were checked.
  rules jsonb not null,
  starts_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  max_uses bigint check (max_uses >= 0),
  uses bigint not null default 0,
  client_cidrs cidr[] not null default '{}' check (cardinality(client_cidrs) <= 100),
  placeholder_required boolean not null default false,
  minting boolean not null default false,
  narrow jsonb not null default '{}',
  record text not null default 'auto' check (record in ('auto', 'before', 'stream')),
  scan boolean not null default true,
  status text not null check (status in ('proposed', 'active', 'suspended', 'expired', 'revoked', 'rejected')),
  status_cause text collate "C",
  status_since timestamptz(3) not null,
  reason text not null default '' check (char_length(reason) <= 2000),
  generation bigint not null default 1,
  -- The task in which people were asked for a proposed one.
  task_id text collate "C",
  proposal_digest bytea check (octet_length(proposal_digest) = 32),
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  primary key (tenant_id, id),
  check ((agent_id is null) <> (agent_label is null)),
  foreign key (tenant_id, agent_id) references countersign.agents (tenant_id, id),
  foreign key (tenant_id, connection_id) references countersign.connections (tenant_id, id)
);
create index grants_agent on countersign.grants (tenant_id, agent_id) where status in ('active', 'proposed', 'suspended');
create index grants_label on countersign.grants (tenant_id, agent_label) where status in ('active', 'proposed', 'suspended') and agent_label is not null;
create index grants_connection on countersign.grants (tenant_id, connection_id);
create index grants_end on countersign.grants (tenant_id, expires_at) where status in ('active', 'suspended', 'proposed');
-- The same proposal joins the open one (V15).
create unique index grants_proposal on countersign.grants (tenant_id, proposal_digest) where status = 'proposed' and proposal_digest is not null;
select countersign.make_tenant_table('grants', array['select', 'insert', 'update']);

-- Certificate authorities: of a run, or of a tenant for what runs long (V118). The key is erased with the run.
create table countersign.authorities (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  run_id text collate "C",
  -- PEM; public.
  certificate text not null,
  key bytea,
  made_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  erased_at timestamptz(3),
  primary key (tenant_id, id)
);
create index authorities_live on countersign.authorities (tenant_id, expires_at) where erased_at is null;
select countersign.make_tenant_table('authorities', array['select', 'insert', 'update']);

create table countersign.runs (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  agent_id text collate "C" not null,
  environment text not null check (environment in ('live', 'test')),
  purpose text not null check (char_length(purpose) between 1 and 200),
  labels text[] not null default '{}' check (cardinality(labels) <= 50),
  mode text not null check (mode in ('enforce', 'learn')),
  -- How it was opened.
  proof text not null check (proof in ('key', 'dpop', 'oidc', 'user')),
  opened_by text collate "C" not null,
  -- SHA-256 of the run token.
  token_hash bytea not null unique check (octet_length(token_hash) = 32),
  -- Provider → connection, where the run was told which one to use.
  chosen jsonb not null default '{}',
  authority_id text collate "C" not null,
  client_address inet,
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  -- Of the last heartbeat; a run that never beats lives until it expires.
  beat_at timestamptz(3),
  ended_at timestamptz(3),
  ended_reason text collate "C",
  primary key (tenant_id, id),
  foreign key (tenant_id, agent_id) references countersign.agents (tenant_id, id),
  foreign key (tenant_id, authority_id) references countersign.authorities (tenant_id, id)
);
create index runs_agent on countersign.runs (tenant_id, agent_id, created_at);
create index runs_live on countersign.runs (tenant_id, expires_at) where ended_at is null;
create index runs_authority on countersign.runs (tenant_id, authority_id) where ended_at is null;
select countersign.make_tenant_table('runs', array['select', 'insert', 'update']);
select countersign.grant_engine('runs', 'select (id, tenant_id, agent_id, token_hash, expires_at, beat_at, ended_at)');

-- Raised in the transaction of each change that a proxy must know of (V82). Told after the commit, and read by whoever missed that.
create table countersign.vault_revisions (
  revision bigint not null default 1,
  tenant_id uuid not null references countersign.tenants,
  changed_at timestamptz(3) not null,
  primary key (tenant_id)
);
select countersign.make_tenant_table('vault_revisions', array['select', 'insert', 'update']);

create function countersign.raise_vault_revision() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into countersign.vault_revisions (tenant_id, changed_at)
  values (new.tenant_id, countersign.now())
  on conflict (tenant_id) do update set revision = countersign.vault_revisions.revision + 1, changed_at = excluded.changed_at;
  perform pg_notify('countersign_vault', new.tenant_id::text);
  return null;
end
$$;
create trigger raise_vault_revision after insert or update of status, generation, params, definition_version on countersign.connections
  for each row execute function countersign.raise_vault_revision();
create trigger raise_vault_revision after insert or update of status, generation on countersign.grants
  for each row execute function countersign.raise_vault_revision();
create trigger raise_vault_revision after insert or update of state on countersign.definitions
  for each row execute function countersign.raise_vault_revision();
create trigger raise_vault_revision after insert or update of ended_at on countersign.runs
  for each row execute function countersign.raise_vault_revision();
create trigger raise_vault_revision after update of state, labels on countersign.agents
  for each row when (old.state is distinct from new.state or old.labels is distinct from new.labels)
  execute function countersign.raise_vault_revision();
