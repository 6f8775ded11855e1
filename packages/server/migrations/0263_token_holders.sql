-- Whoever holds a token of the relay is looked at with it: an agent that its tenant has paused or revoked, and a tenant that is suspended, act no more by a token than by a key.
set local role countersign_engine;

drop function countersign_engine.use_relay_token(bytea, inet);
create function countersign_engine.use_relay_token(asked_hash bytea, asked_address inet)
returns table (id text, tenant_id uuid, tenant_state text, relay_grant_id text, card_id text, slug text, card_state text, scopes text[],
  grant_state text, expired boolean, ended boolean, address_allowed boolean, dpop_jkt text, asker_tenant uuid, asker_agent text, label text,
  environment text, grant_over boolean, asker_state text, agent_state text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  moment timestamptz := countersign.now();
  used_range text := case when asked_address is null then null when family(asked_address) = 4 then text(network(set_masklen(asked_address, 24))) else text(network(set_masklen(asked_address, 48))) end;
begin
  return query
  select k.id, k.tenant_id, t.state, k.relay_grant_id, g.card_id, c.slug, c.state, k.scopes, g.state, k.expires_at <= moment,
    coalesce(k.ends_at <= moment, false),
    g.addresses is null or coalesce(exists (select from unnest(g.addresses) as a (range) where asked_address <<= a.range), false),
    g.dpop_jkt, g.asker_tenant, g.asker_agent, g.label, g.environment, coalesce(g.expires_at <= moment, false),
    (select n.state from countersign.tenants n where n.id = g.asker_tenant),
    (select a.state from countersign.agents a where a.tenant_id = g.asker_tenant and a.id = g.asker_agent)
  from countersign.relay_tokens k
  join countersign.relay_grants g on g.tenant_id = k.tenant_id and g.id = k.relay_grant_id
  join countersign.cards c on c.tenant_id = g.tenant_id and c.id = g.card_id
  join countersign.tenants t on t.id = k.tenant_id
  where k.token_hash = asked_hash;
  update countersign.relay_tokens k set last_used_on = moment::date, last_used_range = used_range
  where k.token_hash = asked_hash and (k.last_used_on is distinct from moment::date or k.last_used_range is distinct from used_range);
end
$$;

-- `agent_state`: of the agent that minted it, in the tenant of its side; null where a person, a relay grant or a delivery did.
drop function countersign_engine.use_thread_token(bytea);
create function countersign_engine.use_thread_token(asked_hash bytea)
returns table (id text, tenant_id uuid, tenant_state text, thread_id text, relay_grant_id text, side text, expired boolean, minted_by text,
  first_minted_at timestamptz, asker_tenant uuid, asker_agent text, label text, asker_state text, agent_state text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select k.id, k.tenant_id, t.state, k.thread_id, k.relay_grant_id, k.side, k.expires_at <= countersign.now(), k.minted_by, k.first_minted_at,
    g.asker_tenant, g.asker_agent, g.label,
    (select n.state from countersign.tenants n where n.id = g.asker_tenant),
    (select a.state from countersign.agents a
     where a.tenant_id = case k.side when 'caller' then g.asker_tenant else k.tenant_id end and a.id = k.minted_by)
  from countersign.thread_tokens k
  join countersign.relay_grants g on g.tenant_id = k.tenant_id and g.id = k.relay_grant_id
  join countersign.tenants t on t.id = k.tenant_id
  where k.token_hash = asked_hash
$$;

-- Of these tokens of one owner those that still open something, as either function above would find them: asked for the streams that they opened.
create function countersign_engine.live_relay_tokens(asked_tenant uuid, asked_ids text[]) returns table (id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select k.id from countersign.relay_tokens k
  join countersign.relay_grants g on g.tenant_id = k.tenant_id and g.id = k.relay_grant_id
  where k.tenant_id = asked_tenant and k.id = any (asked_ids) and k.expires_at > countersign.now() and coalesce(k.ends_at > countersign.now(), true)
    and g.state = 'active' and coalesce(g.expires_at > countersign.now(), true)
    and not exists (select from countersign.agents a where a.tenant_id = g.asker_tenant and a.id = g.asker_agent and a.state in ('paused', 'revoked'))
  union all
  select k.id from countersign.thread_tokens k
  join countersign.relay_grants g on g.tenant_id = k.tenant_id and g.id = k.relay_grant_id
  where k.tenant_id = asked_tenant and k.id = any (asked_ids) and k.expires_at > countersign.now()
    and not exists (select from countersign.agents a
      where a.tenant_id = case k.side when 'caller' then g.asker_tenant else k.tenant_id end and a.id = k.minted_by and a.state in ('paused', 'revoked'))
    and (k.minted_by not like 'usr\_%' or exists (select from countersign.roles r
      where r.tenant_id = case k.side when 'caller' then coalesce(g.asker_tenant, k.tenant_id) else k.tenant_id end and r.user_id = k.minted_by and r.deactivated_at is null))
$$;
grant execute on function countersign_engine.use_relay_token(bytea, inet), countersign_engine.use_thread_token(bytea),
  countersign_engine.live_relay_tokens(uuid, text[]) to countersign_runtime;

set local role countersign_owner;
