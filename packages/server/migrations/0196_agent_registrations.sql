-- Agents that told their own public key and wait for a person (vault.md V137). They belong to no tenant until somebody claims them, and until then have no right at all.
create table countersign.agent_registrations (
  agent_id text collate "C" primary key,
  thumbprint text collate "C" not null unique check (thumbprint ~ '^[A-Za-z0-9_-]{43}$'),
  jwk jsonb not null,
  handle text not null check (char_length(handle) between 1 and 100),
  environment text not null check (environment in ('live', 'test')),
  address text,
  registered_at timestamptz(3) not null,
  seen_at timestamptz(3) not null,
  -- It has shown once that it holds the private key.
  proven_at timestamptz(3),
  -- The link of the moment: its token is derived from the number of the link, so that the same link is told for as long as it lives, and only its hash is kept.
  link integer not null,
  token_hash bytea not null check (octet_length(token_hash) = 32),
  link_ends_at timestamptz(3) not null
);
create index agent_registrations_seen on countersign.agent_registrations (seen_at);
grant select, insert, update, delete on countersign.agent_registrations to countersign_runtime;
