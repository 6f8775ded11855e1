-- What an agent may reach as one function, for the node that lets a run's requests out and for whoever asks beforehand what would become of one (V140):
-- both judge from the same reading. And the indexes by which requests of the proxy are listed.

create function countersign.agent_routes(tenant uuid, agent text) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'revision', coalesce((select v.revision from countersign.vault_revisions v where v.tenant_id = tenant), 0),
    'agent', jsonb_build_object('id', a.id, 'name', a.name, 'environment', a.environment, 'labels', a.labels, 'owner', a.user_id),
    'connections', coalesce((
      select jsonb_agg(jsonb_build_object(
        'id', c.id, 'provider', c.provider, 'definition_version', c.definition_version,
        'definition', (select d.definition from countersign.definitions d
          where d.tenant_id = tenant and d.provider = c.provider and d.version = c.definition_version),
        'name', c.name, 'owner', c.owner, 'labels', c.labels, 'params', c.params, 'status', c.status, 'generation', c.generation,
        'grants', g.all) order by c.id)
      from (
        select g.connection_id, jsonb_agg(jsonb_build_object(
          'id', g.id, 'rules', g.rules, 'starts_at', g.starts_at, 'expires_at', g.expires_at, 'max_uses', g.max_uses, 'uses', g.uses,
          'client_cidrs', g.client_cidrs, 'placeholder_required', g.placeholder_required, 'minting', g.minting, 'record', g.record,
          'scan', g.scan, 'status', g.status, 'generation', g.generation) order by g.id) as all
        from countersign.grants g
        where g.tenant_id = tenant and g.status in ('active', 'suspended') and (g.agent_id = a.id or g.agent_label = any (a.labels))
        group by g.connection_id
      ) g
      join countersign.connections c on c.tenant_id = tenant and c.id = g.connection_id
      where c.status in ('connected', 'needs_reauth', 'suspended')
    ), '[]'),
    'definitions', coalesce((
      select jsonb_agg(d.definition order by d.provider) from countersign.definitions d where d.tenant_id = tenant and d.state = 'active'
    ), '[]'),
    -- Where a host lets this tenant dial besides public addresses (V108).
    'egress_allow', coalesce((
      select jsonb_agg(e.target order by e.target) from countersign.egress_allows e where e.tenant_id = tenant
    ), '[]'))
  from countersign.agents a
  where a.tenant_id = tenant and a.id = agent and a.state = 'active'
$$;
revoke all on function countersign.agent_routes(uuid, text) from public;
grant execute on function countersign.agent_routes(uuid, text) to countersign_engine, countersign_runtime;

-- Requests of the proxy, newest first: all, of one run; and what became of one.
create index events_proxied on countersign.events (tenant_id, xid desc, ord desc)
  where type in ('proxy.allowed', 'proxy.denied', 'proxy.asked', 'proxy.passed', 'proxy.learned');
create index events_proxied_run on countersign.events (tenant_id, (body::jsonb #>> '{data,run_id}'), xid desc, ord desc)
  where type in ('proxy.allowed', 'proxy.denied', 'proxy.asked', 'proxy.passed', 'proxy.learned');
create index events_proxy_settled on countersign.events (tenant_id, (body::jsonb ->> 'request_id')) where type = 'proxy.settled';

set local role countersign_engine;

create or replace function countersign_engine.proxy_routes(node text, run_id text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  tenant uuid;
begin
  perform countersign_engine.require_node(node);
  tenant := countersign_engine.open_run_tenant(run_id);
  if tenant is null then
    return null;
  end if;
  return (
    select countersign.agent_routes(tenant, r.agent_id) || jsonb_build_object(
      'run', jsonb_build_object('id', r.id, 'tenant', countersign.tenant_wire(tenant), 'tenant_id', tenant, 'agent_id', r.agent_id, 'mode', r.mode,
        'labels', r.labels, 'proof', r.proof, 'created_at', r.created_at, 'expires_at', r.expires_at, 'purpose', r.purpose, 'chosen', r.chosen))
    from countersign.runs r
    where r.tenant_id = tenant and r.id = run_id
  );
end
$$;

set local role countersign_owner;
