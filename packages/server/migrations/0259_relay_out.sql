-- What the policies of a caller's own side may know of a message beside what it says itself (relay.md R73, R74): the facts that the card declares, the number that the message would
-- have, and how far its relay grant is used. Asked for each message, so the plans are kept.
select countersign.grant_engine('relay_usage', 'select');
set local role countersign_engine;

create function countersign_engine.relay_sending(asked_grant text, asked_thread text)
returns table (card_version integer, skills text[], thread_skill text, last_sequence float8, open_threads integer, messages integer)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select c.version, g.skills, h.skill, h.sequence::float8,
    (select count(*) from countersign.threads o where o.tenant_id = g.tenant_id and o.relay_grant_id = g.id and o.ended_at is null)::integer,
    (select coalesce(sum(u.messages), 0) from countersign.relay_usage u
     where u.tenant_id = g.tenant_id and u.relay_grant_id = g.id and u.day = countersign.now()::date)::integer
  from countersign.relay_grants g
  join countersign.cards c on c.tenant_id = g.tenant_id and c.id = g.card_id
  left join countersign.threads h on h.tenant_id = g.tenant_id and h.relay_grant_id = g.id and h.id = asked_thread
  where g.id = asked_grant and g.asker_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid);
end
$$;
grant execute on function countersign_engine.relay_sending(text, text) to countersign_runtime;

-- The skills of one version of the card of a relay grant, those of the extended card with them: what its caller may read of it anyway.
create function countersign_engine.relay_skills(asked_grant text, asked_version integer) returns json
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select json_build_object('skills', v.content -> 'skills', 'extended', v.content -> 'extended' -> 'skills')
  from countersign.relay_grants g
  join countersign.card_versions v on v.tenant_id = g.tenant_id and v.card_id = g.card_id and v.number = asked_version
  where g.id = asked_grant and g.asker_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid)
$$;
grant execute on function countersign_engine.relay_skills(text, integer) to countersign_runtime;

-- The facts that cards of others declare to which the current tenant has, or had, a relay grant: its policies may read them of what its agents send. In the order in which they became
-- known to it, so that a fact keeps the type under which policies were saved.
create function countersign_engine.facts_of_peers() returns table (name text, type text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select d.name, d.type from (
    select distinct on (f ->> 'name') f ->> 'name' as name, f ->> 'type' as type
    from countersign.relay_grants g
    join countersign.card_versions v on v.tenant_id = g.tenant_id and v.card_id = g.card_id
    cross join lateral (
      select s from json_array_elements(v.content -> 'skills') s
      union all
      select s from json_array_elements(coalesce(v.content -> 'extended' -> 'skills', '[]'::json)) s) k
    cross join lateral json_array_elements(k.s -> 'facts') f
    where g.asker_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid) and g.asker_tenant <> g.tenant_id
    order by f ->> 'name', greatest(g.created_at, v.created_at), g.id, v.number) d
$$;
grant execute on function countersign_engine.facts_of_peers() to countersign_runtime;

set local role countersign_owner;
