-- A tenant that is suspended is stopped at the proxy too (V113), and what each proxy asked of the gate is seen by whoever runs the installation (V81).
set local role countersign_engine;

-- The tenant of a run that may go out: open, and its tenant neither suspended nor closing. The run itself stays open, and goes on when its tenant does.
create function countersign_engine.live_run_tenant(run text) returns uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select n.id from countersign.tenants n where n.id = countersign_engine.open_run_tenant(run) and n.state = 'active'
$$;
revoke all on function countersign_engine.live_run_tenant(text) from public;

create or replace function countersign_engine.proxy_revision(node text, run_ids text[])
returns table (run_id text, is_open boolean, revision bigint)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform countersign_engine.require_node(node);
  return query
  select asked.id, countersign_engine.live_run_tenant(asked.id) is not null, coalesce(v.revision, 0)
  from unnest(run_ids) asked (id)
  left join countersign.runs r on r.id = asked.id
  left join countersign.vault_revisions v on v.tenant_id = r.tenant_id;
end
$$;

create or replace function countersign_engine.proxy_routes(node text, run_id text) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  tenant uuid;
begin
  perform countersign_engine.require_node(node);
  tenant := countersign_engine.live_run_tenant(run_id);
  if tenant is null then
    return null;
  end if;
  return (
    select countersign.agent_routes(tenant, r.agent_id) || jsonb_build_object(
      'run', jsonb_build_object('id', r.id, 'tenant', countersign.tenant_wire(tenant), 'tenant_id', tenant, 'agent_id', r.agent_id, 'mode', r.mode,
        'labels', r.labels, 'proof', r.proof, 'created_at', r.created_at, 'expires_at', r.expires_at, 'purpose', r.purpose, 'chosen', r.chosen,
        'wait_seconds', r.wait_seconds))
    from countersign.runs r
    where r.tenant_id = tenant and r.id = run_id
  );
end
$$;

-- What nodes asked of the gate for runs that are open or ended within the last day; `busiest`: of one run in this minute. No run and no tenant.
create function countersign_engine.proxy_node_calls(nodes text[])
returns table (node_id text, opens bigint, materials bigint, asks bigint, busiest integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select o.node_id, sum(o.opens)::bigint, sum(o.materials)::bigint, sum(o.asks)::bigint,
    coalesce(max(o.minute_calls) filter (where o.minute_at > countersign.now() - interval '1 minute'), 0)
  from countersign.proxy_openings o
  where o.node_id = any (nodes)
  group by o.node_id
$$;
revoke all on function countersign_engine.proxy_node_calls(text[]) from public;
grant execute on function countersign_engine.proxy_node_calls(text[]) to countersign_runtime;

set local role countersign_owner;
