-- What is known of a card and of the peer behind it (relay.md R18, R21–R23, R73, R118, R121): when its health was looked at, where its messages go, how the cards of others are
-- checked, and how a tenant behaves that asks for many.

alter table countersign.cards
  -- When a look at its health began: whoever moves it is the one who looks.
  add column looked_at timestamptz(3),
  -- The host to which its messages leave the installation; null: they do not, or nobody has said so since.
  add column delivery_host text check (char_length(delivery_host) <= 300);

alter table countersign.tenants
  add column card_verification text not null default 'prefer' check (card_verification in ('ignore', 'prefer', 'require'));

-- How often a tenant ran into a limit of the relay on a day.
create table countersign.relay_limited (
  day date not null,
  tenant_id uuid not null references countersign.tenants,
  times integer not null check (times >= 0),
  primary key (tenant_id, day)
);
select countersign.make_tenant_table('relay_limited', array['select', 'insert', 'update', 'delete']);
select countersign.grant_engine('relay_limited', 'select');

set local role countersign_engine;

-- What an agent's side has proved: the domains of its tenant, and whether a card of the agent's own stands behind one of them.
create function countersign_engine.peer_proofs(asked_tenant uuid, asked_agent text) returns table (domains text[], card_proved boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(array_agg(distinct d.domain order by d.domain), '{}'), coalesce(bool_or(c.agent_id = asked_agent and c.state <> 'retired'), false)
  from countersign.card_domains d
  join countersign.cards c on c.tenant_id = d.tenant_id and c.id = d.card_id
  where d.tenant_id = asked_tenant and d.state = 'verified' and d.expires_at > countersign.now()
$$;

-- How a tenant asks: cards of others that it asked for in seven days, refusals in thirty, limits that it ran into in seven. Numbers alone.
create function countersign_engine.asker_conduct(asked_tenant uuid) returns table (cards_asked integer, refusals integer, times_limited integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select
    (select count(distinct r.card_id)::integer from countersign.connection_requests r
      where r.asker_tenant = asked_tenant and r.tenant_id <> asked_tenant and r.created_at > countersign.now() - interval '7 days'),
    (select count(*)::integer from countersign.connection_requests r
      where r.asker_tenant = asked_tenant and r.tenant_id <> asked_tenant and r.state = 'denied' and r.state_since > countersign.now() - interval '30 days'),
    (select coalesce(sum(l.times), 0)::integer from countersign.relay_limited l
      where l.tenant_id = asked_tenant and l.day > (countersign.now() at time zone 'UTC')::date - 7)
$$;

-- The median is of looks that found something there.
create or replace function countersign_engine.card_facts(asked_ids text[]) returns table (card_id text, domains json, health json)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select c.id,
    coalesce((
      select json_agg(json_build_object('domain', d.domain, 'method', d.method, 'verified_at', d.verified_at, 'expires_at', d.expires_at) order by d.domain)
      from countersign.card_domains d
      where d.tenant_id = c.tenant_id and d.card_id = c.id and d.state = 'verified' and d.expires_at > countersign.now()), '[]'::json),
    (
      select json_build_object('state', h.state, 'reason', h.reason, 'checked_at', h.checked_at, 'p50_ms', (
        select percentile_disc(0.5) within group (order by p.ms) from countersign.card_health p
        where p.tenant_id = c.tenant_id and p.card_id = c.id and p.state <> 'down' and p.checked_at > h.checked_at - interval '24 hours'))
      from countersign.card_health h where h.tenant_id = c.tenant_id and h.card_id = c.id order by h.checked_at desc limit 1)
  from countersign.cards c where c.id = any (asked_ids)
$$;

-- A look that began is not begun again while it waits for its answer.
create or replace function countersign_engine.listing_due(at_most integer) returns table (what text, tenant_id uuid, id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  (select 'domain', d.tenant_id, d.id from countersign.card_domains d join countersign.tenants t on t.id = d.tenant_id and t.state = 'active'
    where d.state = 'verified' and (d.expires_at <= countersign.now() or d.checked_at <= countersign.now() - interval '7 days')
    order by d.checked_at limit at_most)
  union all
  (select 'health', c.tenant_id, c.id from countersign.cards c join countersign.tenants t on t.id = c.tenant_id and t.state = 'active'
    where c.listing = 'listed' and c.state <> 'retired' and coalesce(c.looked_at <= countersign.now() - interval '15 minutes', true)
    order by c.looked_at nulls first, c.id limit at_most)
$$;

grant execute on function countersign_engine.peer_proofs(uuid, text), countersign_engine.asker_conduct(uuid) to countersign_runtime;

set local role countersign_owner;
