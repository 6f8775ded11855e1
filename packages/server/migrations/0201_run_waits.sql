-- How long a request of this run waits for people when it does not say so itself (`--wait`, V104); null: as the proxy is set.
alter table countersign.runs add column wait_seconds smallint check (wait_seconds between 0 and 600);
grant select (wait_seconds) on countersign.runs to countersign_engine;

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
        'labels', r.labels, 'proof', r.proof, 'created_at', r.created_at, 'expires_at', r.expires_at, 'purpose', r.purpose, 'chosen', r.chosen,
        'wait_seconds', r.wait_seconds))
    from countersign.runs r
    where r.tenant_id = tenant and r.id = run_id
  );
end
$$;

set local role countersign_owner;
