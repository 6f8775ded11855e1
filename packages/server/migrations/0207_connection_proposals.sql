-- What an agent asks people to connect it to (V15). Nothing comes of it but a question: whoever accepts it begins an authorization of their own.
create table countersign.connection_proposals (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  agent_id text collate "C" not null,
  provider text collate "C" not null,
  method text check (method in ('code', 'device', 'register', 'client_credentials', 'api_key', 'basic', 'aws')),
  connection_name text collate "C" not null,
  shared boolean not null,
  scopes text[] not null default '{}' check (cardinality(scopes) <= 100),
  params jsonb not null default '{}',
  reason text not null check (char_length(reason) <= 2000),
  -- Of all that it asks for: the same again joins it.
  digest bytea not null check (octet_length(digest) = 32),
  status text not null check (status in ('proposed', 'accepted', 'rejected', 'expired')),
  status_cause text check (char_length(status_cause) <= 2000),
  status_since timestamptz(3) not null,
  task_id text collate "C",
  decided_by text collate "C",
  -- The last that came of it.
  authorization_id text collate "C",
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  primary key (tenant_id, id),
  foreign key (tenant_id, agent_id) references countersign.agents (tenant_id, id)
);
create unique index connection_proposals_open on countersign.connection_proposals (tenant_id, digest) where status = 'proposed';
create index connection_proposals_agent on countersign.connection_proposals (tenant_id, agent_id, status);
select countersign.make_tenant_table('connection_proposals', array['select', 'insert', 'update', 'delete']);
