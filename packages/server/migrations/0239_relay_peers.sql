-- What a peer has proved is asked for each message (relay.md R73), so its plans are kept; the second name is that of an agent or of a card.
set local role countersign_engine;

create or replace function countersign_engine.peer_proofs(asked_tenant uuid, asked_agent text) returns table (domains text[], card_proved boolean)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select coalesce(array_agg(distinct d.domain order by d.domain), '{}'),
    coalesce(bool_or(asked_agent in (c.agent_id, c.id) and c.state <> 'retired'), false)
  from countersign.card_domains d
  join countersign.cards c on c.tenant_id = d.tenant_id and c.id = d.card_id
  where d.tenant_id = asked_tenant and d.state = 'verified' and d.expires_at > countersign.now();
end
$$;

set local role countersign_owner;
