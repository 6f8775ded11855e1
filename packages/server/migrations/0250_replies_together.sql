-- Attempts of Idempotency-Keys that come at the same time are begun by one statement, whoever they are (P77): one commit stands for all. Only rows that are not there yet are made here, in
-- one order, and a row that is there is read and never locked, so no two of these wait for each other. What is neither is `again`: it came, or came to its end, while this statement ran,
-- or stands here twice; countersign_engine.begin_reply() looks at it by itself, as it does at what has lapsed. Answers each by its number from 1.
set local role countersign_engine;

create function countersign_engine.begin_replies(
  tenants uuid[], principals text[], routes text[], key_hashes bytea[], prints bytea[], attempts text[], lease interval, keep interval
) returns table (nth integer, outcome text, id text, reply bytea)
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
  with asked as materialized (
    select a.*, row_number() over (partition by a.tenant, a.who, a.at_route, a.hash order by a.place) as turn
    from unnest(tenants, principals, routes, key_hashes, prints, attempts) with ordinality as a (tenant, who, at_route, hash, print, attempt, place)
  ), moment as materialized (
    select countersign.now() as at
  ), begun as (
    insert into countersign.replies as r (id, tenant_id, principal, route, key_hash, fingerprint, lease_until, created_at, expires_at)
    select a.attempt, a.tenant, a.who, a.at_route, a.hash, a.print, m.at + lease, m.at, m.at + keep
    from asked a cross join moment m where a.turn = 1
    order by a.tenant, a.who collate "C", a.at_route collate "C", a.hash
    on conflict on constraint replies_once do nothing
    returning r.id
  )
  select a.place::integer,
    case when b.id is not null then 'begun'
      when f.id is null or f.expires_at <= m.at or (f.reply is null and f.lease_until <= m.at) then 'again'
      when f.fingerprint <> a.print then 'mismatch' when f.reply is null then 'in_flight' else 'replay' end,
    coalesce(b.id, f.id, a.attempt),
    case when b.id is null and f.fingerprint = a.print and f.expires_at > m.at then f.reply end
  from asked a cross join moment m
  left join begun b on b.id = a.attempt
  left join countersign.replies f on f.tenant_id = a.tenant and f.principal = a.who and f.route = a.at_route and f.key_hash = a.hash
$$;
grant execute on function countersign_engine.begin_replies(uuid[], text[], text[], bytea[], bytea[], text[], interval, interval) to countersign_runtime;
