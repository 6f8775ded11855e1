-- Child keys (relay.md, POST /oauth/token): what an agent's key lends for an hour at most, for one agent of the relay alone. They die with their key.
create table countersign.child_keys (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  key_id text collate "C" not null,
  token_hash bytea not null check (octet_length(token_hash) = 32),
  -- The slug of the one agent that it opens.
  audience text collate "C" not null,
  scopes text[] not null check (cardinality(scopes) > 0),
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  primary key (tenant_id, id),
  constraint child_keys_hash unique (token_hash),
  foreign key (tenant_id, key_id) references countersign.keys (tenant_id, id),
  check (expires_at <= created_at + interval '1 hour')
);
create index child_keys_key on countersign.child_keys (tenant_id, key_id, expires_at);
select countersign.make_tenant_table('child_keys', array['select', 'insert', 'delete']);
select countersign.grant_engine('child_keys', 'select', 'delete');

set local role countersign_engine;

-- A child key by its hash, and what its key is now: revoked, over or out of its addresses, it is so too.
create function countersign_engine.use_child_key(asked_hash bytea, asked_address inet)
returns table (
  id text, tenant_id uuid, kind text, agent_id text, agent_state text, agent_name text, agent_owner text, name text,
  maker text, maker_name text, maker_role text, scopes text[], tenant_state text, expired boolean, revoked boolean, address_allowed boolean,
  child_id text, audience text, child_scopes text[]
)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  select k.id, k.tenant_id, k.kind, k.agent_id, k.agent_state, k.agent_name, k.agent_owner, k.name, k.maker, k.maker_name, k.maker_role, k.scopes,
    k.tenant_state, k.expired or c.expires_at <= countersign.now(), k.revoked, k.address_allowed, c.id, c.audience, c.scopes
  from countersign.child_keys c
  join countersign.key_tokens o on o.tenant_id = c.tenant_id and o.key_id = c.key_id and o.ends_at is null
  cross join lateral countersign_engine.see_key(o.token_hash, asked_address) as k
  where c.token_hash = asked_hash
$$;

-- One that was seen where others can read it is gone at once, in whatever tenant.
create function countersign_engine.drop_child_key(asked_hash bytea) returns integer
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  with gone as (delete from countersign.child_keys c where c.token_hash = asked_hash returning 1)
  select count(*)::integer from gone
$$;
grant execute on function countersign_engine.use_child_key(bytea, inet), countersign_engine.drop_child_key(bytea) to countersign_runtime;

set local role countersign_owner;
