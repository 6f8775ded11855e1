-- Who may be found in the relay, whom a tenant has met and whom it refuses (relay.md §2.3, R19–R23, R120): the listing and its review, proofs of domains, the health of
-- listed agents, handles, contacts and blocks.

alter table countersign.cards
  -- Whose people review it: fixed when it is handed in.
  add column review_tenant uuid,
  -- The version that the people of `listing_task_id` are asked about. Where it is not the submitted one, a job sees to that.
  add column listing_task_version integer;
grant update (listing, listed_version, submitted_version, listing_note, listing_task_id, listing_task_version, updated_at) on countersign.cards to countersign_engine;
select countersign.grant_engine('card_versions', 'select');

-- Being found is a wish of its own (R19). One name a tenant, and one a user.
alter table countersign.handles
  add column findable boolean not null default false,
  add column created_by text collate "C" not null;
create unique index handles_of_tenant on countersign.handles (tenant_id) where user_id is null;
create unique index handles_of_user on countersign.handles (tenant_id, user_id) where user_id is not null;

-- What is searched of listed versions. A row counts only while its card is listed with that very version.
create table countersign.listed_cards (
  card_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  version integer not null,
  words tsvector not null,
  skills text[] not null,
  tags text[] not null,
  inputs text[] not null,
  outputs text[] not null,
  listed_at timestamptz(3) not null,
  primary key (tenant_id, card_id),
  foreign key (tenant_id, card_id) references countersign.cards (tenant_id, id)
);
create index listed_cards_words on countersign.listed_cards using gin (words);
select countersign.make_tenant_table('listed_cards', array['select', 'delete']);
select countersign.grant_engine('listed_cards', 'select', 'insert', 'update', 'delete');

-- Proofs that a domain is of whoever owns a card (R23). The token is public: it stands where everybody can read it.
create table countersign.card_domains (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  card_id text collate "C" not null,
  domain text collate "C" not null check (char_length(domain) <= 253 and domain = lower(domain)),
  method text not null check (method in ('dns', 'https')),
  token text collate "C" not null,
  state text not null check (state in ('pending', 'verified', 'expired')),
  verified_at timestamptz(3),
  expires_at timestamptz(3),
  checked_at timestamptz(3),
  -- Of the last look, where it found nothing.
  failed_at timestamptz(3),
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  primary key (tenant_id, id),
  constraint card_domains_once unique (tenant_id, card_id, domain),
  foreign key (tenant_id, card_id) references countersign.cards (tenant_id, id),
  check (state <> 'verified' or (verified_at is not null and expires_at is not null))
);
create index card_domains_due on countersign.card_domains (checked_at) where state = 'verified';
select countersign.make_tenant_table('card_domains', array['select', 'insert', 'update', 'delete']);
select countersign.grant_engine('card_domains', 'select');

-- Every look at a listed agent, for thirty days (R23).
create table countersign.card_health (
  card_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  checked_at timestamptz(3) not null,
  state text not null check (state in ('ok', 'degraded', 'down')),
  reason text,
  ms integer not null check (ms >= 0),
  primary key (tenant_id, card_id, checked_at),
  foreign key (tenant_id, card_id) references countersign.cards (tenant_id, id)
);
select countersign.make_tenant_table('card_health', array['select', 'insert', 'delete']);
select countersign.grant_engine('card_health', 'select');

-- When a worker of an agent last asked for messages.
create table countersign.card_claims (
  card_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  claimed_at timestamptz(3) not null,
  primary key (tenant_id, card_id),
  foreign key (tenant_id, card_id) references countersign.cards (tenant_id, id)
);
select countersign.make_tenant_table('card_claims', array['select', 'insert', 'update']);

-- What a tenant notes about those whom it has met; who they are follows from requests and relay grants (R20).
create table countersign.contacts (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  note text check (char_length(note) <= 2000),
  favourite boolean not null default false,
  updated_by text collate "C" not null,
  updated_at timestamptz(3) not null,
  primary key (tenant_id, id)
);
select countersign.make_tenant_table('contacts', array['select', 'insert', 'update']);

select countersign.grant_engine('blocks', 'select');

set local role countersign_engine;

-- Whether a tenant refuses an agent of another one: itself, its whole tenant, or a domain that this tenant has proved (R120).
create function countersign_engine.is_blocked_by(asked_tenant uuid, peer_of uuid, peer text) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from countersign.blocks b
    where b.tenant_id = asked_tenant
      and (b.blocked_tenant = peer_of or b.blocked_agent = peer
        or (b.blocked_domain is not null and exists (
          select from countersign.card_domains d
          where d.tenant_id = peer_of and d.state = 'verified' and d.expires_at > countersign.now()
            and (d.domain = b.blocked_domain or right(d.domain, char_length(b.blocked_domain) + 1) = '.' || b.blocked_domain))))
  )
$$;

-- What stands between the current tenant and a card of whatever tenant: its newest request and its live relay grant.
create function countersign_engine.card_viewer(asked_card text, asked_agents text[])
returns table (request_id text, request_state text, relay_grant_id text, grant_expires_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  with here as (select nullif(current_setting('countersign.tenant', true), '')::uuid as id)
  select r.id, r.state, g.id, g.expires_at
  from here
  left join lateral (
    select q.id, q.state from countersign.connection_requests q
    where q.asker_tenant = here.id and q.card_id = asked_card and (asked_agents is null or q.asker_agent = any (asked_agents))
    order by q.id desc limit 1
  ) r on true
  left join lateral (
    select v.id, v.expires_at from countersign.relay_grants v
    where v.asker_tenant = here.id and v.card_id = asked_card and v.state = 'active' and (v.expires_at is null or v.expires_at > countersign.now())
      and (asked_agents is null or v.asker_agent = any (asked_agents))
    order by v.id desc limit 1
  ) g on true
$$;

-- Whom the current tenant has met: agents that asked for its cards (in), and cards that it asked for (out). `only_user` and `only_agent`: what is theirs alone.
create function countersign_engine.contacts_met(only_user text, only_agent text)
returns table (id text, direction text, peer text, peer_tenant uuid, name text, state text, relay_grant_id text, request_id text, since timestamptz,
  last_thread_id text, last_thread_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  with here as (select nullif(current_setting('countersign.tenant', true), '')::uuid as id),
  ties as (
    select 'in' as direction, coalesce(g.asker_agent, g.id) as peer, g.asker_tenant as peer_tenant, g.label as name, g.id, g.created_at,
      case when g.state = 'active' and g.expires_at <= countersign.now() then 'expired' else g.state end as state, g.card_id
    from here join countersign.relay_grants g on g.tenant_id = here.id
    union all
    select 'in', r.asker_agent, r.asker_tenant, r.asker_name, r.id, r.created_at,
      case when r.state = 'pending' and r.expires_at <= countersign.now() then 'expired' else r.state end, r.card_id
    from here join countersign.connection_requests r on r.tenant_id = here.id
  ),
  owned as (
    select t.* from here, ties t join countersign.cards c on c.id = t.card_id
    left join countersign.agents a on a.tenant_id = c.tenant_id and a.id = c.agent_id
    where c.tenant_id = here.id
      and (only_user is null or c.created_by = only_user or a.user_id = only_user) and (only_agent is null or coalesce(c.agent_id = only_agent, true))
  ),
  given as (
    select 'out' as direction, c.id as peer, c.tenant_id as peer_tenant, c.name, g.id, g.created_at,
      case when g.state = 'active' and g.expires_at <= countersign.now() then 'expired' else g.state end as state, c.id as card_id, g.asker_agent
    from here join countersign.relay_grants g on g.asker_tenant = here.id
    join countersign.cards c on c.tenant_id = g.tenant_id and c.id = g.card_id
    union all
    select 'out', c.id, c.tenant_id, c.name, r.id, r.created_at,
      case when r.state = 'pending' and r.expires_at <= countersign.now() then 'expired' else r.state end, c.id, r.asker_agent
    from here join countersign.connection_requests r on r.asker_tenant = here.id
    join countersign.cards c on c.tenant_id = r.tenant_id and c.id = r.card_id
  ),
  asked as (
    select v.* from here, given v join countersign.agents a on a.id = v.asker_agent
    where a.tenant_id = here.id and (only_user is null or a.user_id = only_user) and (only_agent is null or a.id = only_agent)
  ),
  every_tie as (
    select o.direction, o.peer, o.peer_tenant, o.name, o.id, o.created_at, o.state from owned o
    union all
    select k.direction, k.peer, k.peer_tenant, k.name, k.id, k.created_at, k.state from asked k
  ),
  best as (
    select distinct on (e.peer) e.* from every_tie e
    -- What is live says how the two stand; else the newest does.
    order by e.peer, (e.state = 'active') desc, (e.state = 'pending') desc, e.created_at desc, e.id like 'rgr\_%' desc
  )
  select 'ctc_' || split_part(b.peer, '_', 2), b.direction, b.peer, b.peer_tenant, b.name, b.state,
    (select max(e.id) from every_tie e where e.peer = b.peer and e.id like 'rgr\_%' and (e.state = 'active' or b.state <> 'active')),
    (select max(e.id) from every_tie e where e.peer = b.peer and e.id like 'creq\_%'),
    (select min(e.created_at) from every_tie e where e.peer = b.peer),
    l.id, l.updated_at
  from here, best b
  left join lateral (
    select h.id, h.updated_at from countersign.threads h
    join every_tie e on e.id = h.relay_grant_id
    where e.peer = b.peer and h.tenant_id = case b.direction when 'in' then here.id else b.peer_tenant end
    order by h.updated_at desc, h.id desc limit 1
  ) l on true
$$;

-- Where a handle leads: to the card that it names, or to the primary one of its tenant; only a card that everybody may read.
create function countersign_engine.find_handle(asked_handle text)
returns table (handle text, of_user boolean, slug text, name text, summary text, card_version integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select h.handle, h.user_id is not null, c.slug, c.name, v.content ->> 'summary', c.version
  from countersign.handles h
  join countersign.tenants t on t.id = h.tenant_id and t.state = 'active'
  join countersign.cards c on c.tenant_id = h.tenant_id and case when h.card_id is not null then c.id = h.card_id else c.is_primary end
  join countersign.card_versions v on v.tenant_id = c.tenant_id and v.card_id = c.id and v.number = c.version
  where h.handle = asked_handle and h.findable and c.visibility = 'public' and c.state <> 'retired'
$$;

-- What is known of cards beside what they say, with its dates (R22).
create function countersign_engine.card_facts(asked_ids text[]) returns table (card_id text, domains json, health json)
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
        where p.tenant_id = c.tenant_id and p.card_id = c.id and p.checked_at > h.checked_at - interval '24 hours'))
      from countersign.card_health h where h.tenant_id = c.tenant_id and h.card_id = c.id order by h.checked_at desc limit 1)
  from countersign.cards c where c.id = any (asked_ids)
$$;

-- The listing, as whoever asks may see it: what blocks them is not there. Below a place in the order of score, proof and id.
create function countersign_engine.search_listing(asked text, wants jsonb, for_tenant uuid, for_agent text, below jsonb, at_most integer)
returns table (card_id text, slug text, version integer, content json, signed_at timestamptz, listed_at timestamptz, score integer, verified integer, domains json, health json)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  with found as (
    select c.id, c.slug, l.version, l.listed_at, c.tenant_id,
      case when asked is null then 0 else (ts_rank(l.words, websearch_to_tsquery('simple', asked)) * 1000000)::integer end as score,
      (exists (select from countersign.card_domains d
        where d.tenant_id = c.tenant_id and d.card_id = c.id and d.state = 'verified' and d.expires_at > countersign.now()))::integer as verified
    from countersign.listed_cards l
    join countersign.cards c on c.tenant_id = l.tenant_id and c.id = l.card_id
    join countersign.tenants t on t.id = c.tenant_id and t.state = 'active'
    where c.listing = 'listed' and c.listed_version = l.version and c.visibility = 'public' and c.state <> 'retired'
      and (asked is null or l.words @@ websearch_to_tsquery('simple', asked))
      and (wants ->> 'skill' is null or wants ->> 'skill' = any (l.skills))
      and (wants ->> 'tag' is null or wants ->> 'tag' = any (l.tags))
      and (wants ->> 'input' is null or wants ->> 'input' = any (l.inputs) or '*/*' = any (l.inputs))
      and (wants ->> 'output' is null or wants ->> 'output' = any (l.outputs) or '*/*' = any (l.outputs))
      and (for_tenant is null or for_tenant = c.tenant_id or not countersign_engine.is_blocked_by(c.tenant_id, for_tenant, for_agent))
  )
  select f.id, f.slug, f.version, v.content, v.signed_at, f.listed_at, f.score, f.verified, k.domains, k.health
  from found f
  join countersign.card_versions v on v.tenant_id = f.tenant_id and v.card_id = f.id and v.number = f.version
  cross join lateral countersign_engine.card_facts(array[f.id]) k
  where ((wants ->> 'verified')::boolean is null or (wants ->> 'verified')::boolean = (f.verified = 1))
    and ((wants ->> 'healthy')::boolean is null or (wants ->> 'healthy')::boolean = coalesce(k.health ->> 'state' = 'ok', false))
    and (below is null or (f.score, f.verified, f.id) < ((below ->> 0)::integer, (below ->> 1)::integer, below ->> 2))
  order by f.score desc, f.verified desc, f.id desc
  limit at_most
$$;

-- What was handed in, for the people of the tenant that reviews it and nobody else.
create function countersign_engine.listing_submission(asked_card text)
returns table (tenant_id uuid, slug text, name text, state text, visibility text, listing text, version integer, listed_version integer, submitted_version integer,
  submitted_by text, task_id text, task_version integer, content json, listed_content json, domains json, health json)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select c.tenant_id, c.slug, c.name, c.state, c.visibility, c.listing, c.version, c.listed_version, c.submitted_version, c.submitted_by, c.listing_task_id,
    c.listing_task_version, v.content, w.content, k.domains, k.health
  from countersign.cards c
  left join countersign.card_versions v on v.tenant_id = c.tenant_id and v.card_id = c.id and v.number = c.submitted_version
  left join countersign.card_versions w on w.tenant_id = c.tenant_id and w.card_id = c.id and w.number = c.listed_version
  cross join lateral countersign_engine.card_facts(array[c.id]) k
  where c.id = asked_card and c.review_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid)
$$;

-- Which task asks about which version; null: none does. 0: what was seen is not so any more.
create function countersign_engine.note_review(asked_card text, seen_task text, asked_task text, asked_version integer) returns integer
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  with noted as (
    update countersign.cards c set listing_task_id = asked_task, listing_task_version = asked_version
    where c.id = asked_card and c.review_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid)
      and c.listing_task_id is not distinct from seen_task and (asked_version is null or c.submitted_version = asked_version)
    returning c.id
  )
  select count(*)::integer from noted
$$;

-- Tells the owner of a card what was decided about it, in its tenant: of the review tenant's decisions alone, and only an event of this card that names that tenant.
create function countersign_engine.tell_card_owner(asked_card text, news text) returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  told jsonb := news::jsonb;
  owner_tenant uuid;
begin
  select c.tenant_id into owner_tenant from countersign.cards c
  where c.id = asked_card and c.review_tenant = nullif(current_setting('countersign.tenant', true), '')::uuid;
  if owner_tenant is null or told ->> 'tenant_id' is distinct from countersign.tenant_wire(owner_tenant)
    or told ->> 'type' not in ('card.listed', 'card.rejected', 'card.delisted') or told -> 'resource' ->> 'id' is distinct from asked_card then
    raise exception 'tell_card_owner: this is no event of that card' using errcode = 'insufficient_privilege';
  end if;
  insert into countersign.events (id, tenant_id, type, class, resource_type, resource_id, actor_id, decision, action, occurred_at, body)
  values (told ->> 'id', owner_tenant, told ->> 'type', told ->> 'class', told -> 'resource' ->> 'type', told -> 'resource' ->> 'id', told -> 'actor' ->> 'id',
    told -> 'decision' ->> 'outcome', told -> 'data' ->> 'action', (told ->> 'occurred_at')::timestamptz, news);
  insert into countersign.untold_events (event_id, tenant_id)
  select told ->> 'id', owner_tenant where exists (select from countersign.endpoints e where e.tenant_id = owner_tenant and e.state <> 'deleted');
  return owner_tenant;
end
$$;

-- The one decision about a version that was handed in (relay.md §2.3): one conditional update; no row is an answer.
create function countersign_engine.decide_listing(asked_card text, asked_version integer, passes boolean, said text)
returns table (tenant_id uuid, listing text, pending_version integer)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  with decided as (
    update countersign.cards c set
      listing = case when passes or c.listing = 'listed' then 'listed' else 'rejected' end,
      listed_version = case when passes then asked_version else c.listed_version end,
      -- What was saved while it waited is the next to be reviewed.
      submitted_version = case when passes and c.version > asked_version then c.version end,
      listing_note = said, listing_task_id = null, listing_task_version = null, updated_at = countersign.now()
    where c.id = asked_card and c.review_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid)
      and c.listing in ('submitted', 'listed') and c.submitted_version = asked_version and c.visibility = 'public' and c.state <> 'retired'
    returning c.id, c.tenant_id, c.listing, c.submitted_version
  ),
  searched as (
    insert into countersign.listed_cards as l (card_id, tenant_id, version, words, skills, tags, inputs, outputs, listed_at)
    select d.id, d.tenant_id, asked_version,
      setweight(to_tsvector('simple', v.content ->> 'name'), 'A') || setweight(to_tsvector('simple', v.content ->> 'summary'), 'B')
        || setweight(to_tsvector('simple', coalesce((select string_agg(concat_ws(' ', k ->> 'name', k ->> 'description', k ->> 'tags'), ' ')
          from json_array_elements(v.content -> 'skills') k), '')), 'C')
        || setweight(to_tsvector('simple', concat_ws(' ', v.content ->> 'description', v.content ->> 'category', v.content -> 'provider' ->> 'name')), 'D'),
      (select array_agg(distinct k ->> 'id') from json_array_elements(v.content -> 'skills') k),
      (select array_agg(distinct g) from json_array_elements(v.content -> 'skills') k, json_array_elements_text(k -> 'tags') g),
      (select array_agg(distinct m) from (
        select json_array_elements_text(v.content -> 'accepted_inputs') as m
        union select json_array_elements_text(coalesce(k -> 'input_modes', '[]')) from json_array_elements(v.content -> 'skills') k) x),
      (select array_agg(distinct m) from (
        select json_array_elements_text(v.content -> 'expected_outputs') as m
        union select json_array_elements_text(coalesce(k -> 'output_modes', '[]')) from json_array_elements(v.content -> 'skills') k) x),
      countersign.now()
    from decided d join countersign.card_versions v on v.tenant_id = d.tenant_id and v.card_id = d.id and v.number = asked_version
    where passes
    on conflict (tenant_id, card_id) do update set version = excluded.version, words = excluded.words, skills = excluded.skills, tags = excluded.tags,
      inputs = excluded.inputs, outputs = excluded.outputs, listed_at = excluded.listed_at
    returning l.card_id
  )
  select d.tenant_id, d.listing, d.submitted_version from decided d
$$;

-- The operator takes a card out of the listing, and what was handed in with it.
create function countersign_engine.delist_card(asked_card text, said text) returns table (tenant_id uuid, listed_version integer)
language sql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
  with before as (
    select c.id, c.tenant_id, c.listed_version from countersign.cards c
    where c.id = asked_card and c.review_tenant = (select nullif(current_setting('countersign.tenant', true), '')::uuid) and c.listing = 'listed'
    for no key update
  ),
  delisted as (
    update countersign.cards c set listing = 'direct_link_only', listed_version = null, submitted_version = null, listing_note = said, updated_at = countersign.now()
    from before b where c.tenant_id = b.tenant_id and c.id = b.id
    returning c.tenant_id, c.id, b.listed_version
  ),
  gone as (delete from countersign.listed_cards l using delisted d where l.tenant_id = d.tenant_id and l.card_id = d.id)
  select d.tenant_id, d.listed_version from delisted d
$$;

-- What is due of the listing, over all tenants: proofs to look at again or to end, listed agents to look at.
create function countersign_engine.listing_due(at_most integer) returns table (what text, tenant_id uuid, id text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  (select 'domain', d.tenant_id, d.id from countersign.card_domains d join countersign.tenants t on t.id = d.tenant_id and t.state = 'active'
    where d.state = 'verified' and (d.expires_at <= countersign.now() or d.checked_at <= countersign.now() - interval '7 days')
    order by d.checked_at limit at_most)
  union all
  (select 'health', c.tenant_id, c.id from countersign.cards c join countersign.tenants t on t.id = c.tenant_id and t.state = 'active'
    where c.listing = 'listed' and c.state <> 'retired' and not exists (select from countersign.card_health h
      where h.tenant_id = c.tenant_id and h.card_id = c.id and h.checked_at > countersign.now() - interval '14 minutes')
    order by c.id limit at_most)
$$;

grant execute on function countersign_engine.is_blocked_by(uuid, uuid, text), countersign_engine.card_viewer(text, text[]), countersign_engine.contacts_met(text, text),
  countersign_engine.find_handle(text), countersign_engine.card_facts(text[]),
  countersign_engine.search_listing(text, jsonb, uuid, text, jsonb, integer), countersign_engine.listing_submission(text),
  countersign_engine.note_review(text, text, text, integer), countersign_engine.tell_card_owner(text, text),
  countersign_engine.decide_listing(text, integer, boolean, text), countersign_engine.delist_card(text, text), countersign_engine.listing_due(integer)
  to countersign_runtime;

set local role countersign_owner;
