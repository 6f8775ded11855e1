-- What acceptance looks up of callers who come at the same time, in one go: two calls of functions for each of them cost PostgreSQL more than all of the rows.
set local role countersign_engine;

-- What policies of the current tenant may know of those who ask under these relay grants of its own, where they have an account: as countersign_engine.relay_peer() and
-- countersign_engine.peer_proofs() say it of one.
create function countersign_engine.relay_callers(asked_grants text[])
returns table (relay_grant_id text, tenant_id uuid, agent_id text, since timestamptz, has_card boolean, user_id text, domains text[], card_proved boolean)
language plpgsql stable security definer rows 20
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select g.id, t.id, g.asker_agent, t.created_at, g.asker_agent is not null and exists (
      select from countersign.cards c where c.tenant_id = g.asker_tenant and c.agent_id = g.asker_agent and c.state <> 'retired'),
    (select a.user_id from countersign.agents a where a.tenant_id = g.asker_tenant and a.id = g.asker_agent), k.domains, k.card_proved
  from countersign.relay_grants g
  left join countersign.tenants t on t.id = g.asker_tenant
  cross join lateral (
    select coalesce(array_agg(distinct d.domain order by d.domain), '{}') as domains,
      coalesce(bool_or(g.asker_agent in (c.agent_id, c.id) and c.state <> 'retired'), false) as card_proved
    from countersign.card_domains d
    join countersign.cards c on c.tenant_id = d.tenant_id and c.id = d.card_id
    where d.tenant_id = t.id and d.state = 'verified' and d.expires_at > countersign.now()) k
  where g.id = any (asked_grants) and g.tenant_id = (select nullif(current_setting('countersign.tenant', true), '')::uuid) and g.asker_tenant is not null;
end
$$;
grant execute on function countersign_engine.relay_callers(text[]) to countersign_runtime;
