-- What the vault asks across tenants (P7): whose token a run shows, and which runs and grants are over.

select countersign.grant_engine('grants', 'select (id, tenant_id, status, expires_at)');

set local role countersign_engine;

-- Whose token this is, and what stands against it: no tenant is known yet. Says nothing of connections.
create function countersign_engine.use_run(hash bytea)
returns table (id text, tenant_id uuid, agent_id text, agent_name text, owner_id text, agent_state text, tenant_state text, ended boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select r.id, r.tenant_id, r.agent_id, a.name, a.user_id, a.state, n.state,
    r.ended_at is not null or r.expires_at <= countersign.now()
  from countersign.runs r
  join countersign.agents a on a.tenant_id = r.tenant_id and a.id = r.agent_id
  join countersign.tenants n on n.id = r.tenant_id
  where r.token_hash = hash
$$;

-- Runs that are over and were not ended: their time is up, their agent may not run any more, or their heart stopped (V23).
create function countersign_engine.runs_to_end(at_most integer)
returns table (id text, tenant_id uuid, reason text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select due.id, due.tenant_id, due.reason
  from (
    select r.id, r.tenant_id, case
      when r.expires_at <= countersign.now() then 'expired'
      when a.state <> 'active' then 'agent_' || a.state
      when r.beat_at <= countersign.now() - interval '90 seconds' then 'beat_missed' end as reason
    from countersign.runs r
    join countersign.agents a on a.tenant_id = r.tenant_id and a.id = r.agent_id
    where r.ended_at is null
  ) due
  where due.reason is not null
  order by due.tenant_id, due.id
  limit at_most
$$;

-- Grants whose time is over and whose state does not say so yet.
create function countersign_engine.grants_to_end(at_most integer)
returns table (id text, tenant_id uuid)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select g.id, g.tenant_id from countersign.grants g
  where g.status in ('active', 'suspended', 'proposed') and g.expires_at <= countersign.now()
  order by g.tenant_id, g.id
  limit at_most
$$;

grant execute on function countersign_engine.use_run(bytea), countersign_engine.runs_to_end(integer),
  countersign_engine.grants_to_end(integer) to countersign_runtime;

set local role countersign_owner;
