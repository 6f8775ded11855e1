-- Webhooks: endpoints, their secrets and health, the bodies that were rendered once, deliveries with a row per attempt, and bulk replays (P79–P93).
-- Secrets, headers of the endpoint's own, client keys and signing keys (bytea) stand in envelopes; a body with a `subject` is one too.

create table countersign.endpoints (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  label text not null check (char_length(label) <= 200),
  url text not null check (char_length(url) <= 2048),
  events text[] collate "C" not null check (cardinality(events) between 1 and 200),
  mode text not null check (mode in ('standard', 'stripe', 'github', 'awaithumans', 'foragent')),
  header text not null check (header in ('Countersign-Signature', 'Humane-Signature', 'X-Humane-Signature')),
  -- Null: events that are marked sensitive go thin, others whole.
  thin boolean,
  ordering text not null check (ordering in ('none', 'fifo')),
  on_exhausted text not null check (on_exhausted in ('proceed', 'block')),
  schedule text not null check (schedule in ('standard', 'quick_24h', 'own')),
  -- Seconds before attempt 2, 3, … of an own schedule.
  delays integer[] check (cardinality(delays) between 1 and 19),
  timeout_seconds smallint not null check (timeout_seconds between 1 and 30),
  max_in_flight smallint not null check (max_in_flight between 1 and 50),
  rate_per_second real check (rate_per_second > 0 and rate_per_second <= 1000),
  ca_pem text check (char_length(ca_pem) <= 32768),
  client_certificate bytea,
  headers bytea,
  -- The names stay readable; the values are sealed.
  header_names text[] not null default '{}' check (cardinality(header_names) <= 10),
  signing_key bytea,
  public_key text,
  state text not null check (state in ('pending', 'active', 'paused', 'disabled', 'deleted')),
  state_reason text,
  state_since timestamptz(3) not null,
  version integer not null default 1,
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  updated_at timestamptz(3) not null,
  primary key (tenant_id, id),
  check ((schedule = 'own') = (delays is not null)),
  check ((signing_key is null) = (public_key is null))
);
-- What every event of a tenant asks: whether anybody listens at all.
create index endpoints_live on countersign.endpoints (tenant_id) where state <> 'deleted';
select countersign.make_tenant_table('endpoints', array['select', 'insert', 'update']);
select countersign.grant_engine('endpoints', 'select (id, tenant_id, public_key, state)');

create table countersign.endpoint_secrets (
  n integer not null check (n >= 1),
  tenant_id uuid not null references countersign.tenants,
  endpoint_id text collate "C" not null,
  -- Null once it is revoked: nobody can sign with it again.
  material bytea,
  created_at timestamptz(3) not null,
  -- The end of a rotation's overlap; null for the newest.
  ends_at timestamptz(3),
  revoked_at timestamptz(3),
  check (material is not null or revoked_at is not null),
  primary key (tenant_id, endpoint_id, n),
  foreign key (tenant_id, endpoint_id) references countersign.endpoints (tenant_id, id)
);
select countersign.make_tenant_table('endpoint_secrets', array['select', 'insert', 'update']);
select countersign.grant_engine('endpoint_secrets', 'select (tenant_id, endpoint_id, created_at, ends_at, revoked_at)');

-- How an endpoint does, apart from what it is: written when something fails, and once when it works again.
create table countersign.endpoint_health (
  endpoint_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  timeouts integer not null default 0,
  failing_since timestamptz(3),
  last_failure_at timestamptz(3),
  failed_events integer not null default 0,
  told_at timestamptz(3),
  slowed_until timestamptz(3),
  -- With a rate: when the next attempt may start.
  paced_at timestamptz(3),
  primary key (tenant_id, endpoint_id),
  foreign key (tenant_id, endpoint_id) references countersign.endpoints (tenant_id, id)
) with (fillfactor = 70);
select countersign.make_tenant_table('endpoint_health', array['select', 'insert', 'update']);

-- The bytes of an event in one form, rendered once; with a subject they are an envelope under that subject's key, and go with it (P83, P128).
create table countersign.event_bodies (
  event_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  form text not null check (form in ('full', 'thin', 'callback')),
  bytes bytea not null,
  subject text,
  created_at timestamptz(3) not null,
  primary key (tenant_id, event_id, form)
);
create index event_bodies_created on countersign.event_bodies (created_at);
select countersign.make_tenant_table('event_bodies', array['select', 'insert']);
select countersign.grant_engine('event_bodies', 'select (tenant_id, event_id, form, created_at)', 'delete');

create table countersign.replays (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  filter jsonb not null,
  state text not null check (state in ('running', 'done', 'cancelled')),
  include_succeeded boolean not null,
  per_second integer not null check (per_second between 1 and 100),
  total integer not null,
  started integer not null default 0,
  -- How far it has come, in the order of deliveries.
  position bigint not null default 0,
  created_by text collate "C" not null,
  created_at timestamptz(3) not null,
  ended_at timestamptz(3),
  primary key (tenant_id, id)
);
create index replays_running on countersign.replays (tenant_id) where state = 'running';
select countersign.make_tenant_table('replays', array['select', 'insert', 'update']);

create table countersign.deliveries (
  id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  ord bigint not null generated always as identity,
  -- Null: a delivery to an address of its own (a task's callback_url).
  endpoint_id text collate "C",
  event_id text collate "C" not null,
  event_type text collate "C" not null,
  resource_id text collate "C",
  form text not null check (form in ('full', 'thin', 'callback')),
  state text not null check (state in ('pending', 'sending', 'succeeded', 'exhausted', 'held', 'cancelled')),
  -- How many tries of the schedule are spent; how many attempts there were in all.
  tries smallint not null default 0,
  attempts integer not null default 0,
  trigger text not null default 'auto' check (trigger in ('auto', 'manual', 'bulk', 'test')),
  -- A replay is one attempt, whatever the schedule says.
  once boolean not null default false,
  -- Which of its jobs is the one that counts; and whether somebody asked for another attempt while one was under way.
  generation integer not null default 0,
  again boolean not null default false,
  fifo boolean not null default false,
  -- FIFO with `on_exhausted: block`: it is over, and its key waits for a person.
  blocks boolean not null default false,
  next_at timestamptz(3),
  -- next_at is its place in the pace of its endpoint: it asks for no other.
  paced boolean not null default false,
  started_at timestamptz(3),
  sent_by text,
  last_status smallint,
  last_class text,
  failed_in timestamptz(3),
  replay_id text collate "C",
  source text check (source in ('task')),
  target_url text check (char_length(target_url) <= 2048),
  target_mode text check (target_mode in ('standard', 'awaithumans')),
  created_at timestamptz(3) not null,
  succeeded_at timestamptz(3),
  ended_at timestamptz(3),
  primary key (tenant_id, id),
  foreign key (tenant_id, endpoint_id) references countersign.endpoints (tenant_id, id),
  check ((endpoint_id is null) = (target_url is not null) and (source is null) = (target_url is null) and (target_mode is null) = (target_url is null))
) with (fillfactor = 80);
create index deliveries_order on countersign.deliveries (tenant_id, ord);
create index deliveries_endpoint on countersign.deliveries (tenant_id, endpoint_id, ord);
create index deliveries_event on countersign.deliveries (tenant_id, event_id);
create index deliveries_exhausted on countersign.deliveries (tenant_id, endpoint_id, ord) where state in ('exhausted', 'held');
create index deliveries_key on countersign.deliveries (tenant_id, endpoint_id, resource_id, ord)
  where fifo and (state in ('pending', 'sending', 'held') or blocks);
create index deliveries_replay on countersign.deliveries (tenant_id, replay_id) where replay_id is not null;
create index deliveries_created on countersign.deliveries (created_at);
select countersign.make_tenant_table('deliveries', array['select', 'insert', 'update']);
select countersign.grant_engine('deliveries', 'select (id, tenant_id, state, created_at)', 'delete');

create table countersign.delivery_attempts (
  delivery_id text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  n integer not null check (n >= 1),
  endpoint_id text collate "C",
  trigger text not null,
  started_at timestamptz(3) not null,
  ended_at timestamptz(3) not null,
  ms integer not null,
  dns_ms real,
  connect_ms real,
  tls_ms real,
  first_byte_ms real,
  -- Hosts see the address, tenants its family (P89).
  address text,
  family smallint check (family in (4, 6)),
  status smallint,
  class text check (class in ('status', 'timeout', 'unreachable', 'tls', 'too_large', 'url_not_allowed', 'url_invalid', 'lost')),
  excerpt text check (char_length(excerpt) <= 4096),
  primary key (tenant_id, delivery_id, n),
  foreign key (tenant_id, delivery_id) references countersign.deliveries (tenant_id, id) on delete cascade
);
create index delivery_attempts_endpoint on countersign.delivery_attempts (tenant_id, endpoint_id, started_at);
select countersign.make_tenant_table('delivery_attempts', array['select', 'insert']);
select countersign.grant_engine('delivery_attempts', 'select (tenant_id, delivery_id)', 'delete');

-- Deliveries of one endpoint: so many at once, as the first part of their key says; tenants take turns (P79, P93).
set local role countersign_engine;
select countersign_queue.configure_queue('webhooks', jsonb_build_object('fair_by', 'tenant',
  'max_running_per_key', (select jsonb_object_agg(n || ':', n) from generate_series(1, 50) n)));

-- The public key of an endpoint, for its JWKS: the caller has no tenant.
create function countersign_engine.endpoint_public_key(endpoint text) returns text
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select e.public_key from countersign.endpoints e where e.id = endpoint and e.state <> 'deleted' limit 1
$$;
grant execute on function countersign_engine.endpoint_public_key(text) to countersign_runtime;

-- Deliveries with their attempts, and bodies, older than that; so many a call. Answers how many rows of either went (P89).
create function countersign_engine.prune_deliveries(older_than timestamptz, most integer) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  went integer;
  bodies integer;
begin
  delete from countersign.deliveries d where (d.tenant_id, d.id) in (
    select x.tenant_id, x.id from countersign.deliveries x where x.created_at < older_than and x.state not in ('pending', 'sending')
    order by x.created_at limit most);
  get diagnostics went = row_count;
  delete from countersign.event_bodies b where (b.tenant_id, b.event_id, b.form) in (
    select x.tenant_id, x.event_id, x.form from countersign.event_bodies x where x.created_at < older_than order by x.created_at limit most);
  get diagnostics bodies = row_count;
  return went + bodies;
end
$$;
grant execute on function countersign_engine.prune_deliveries(timestamptz, integer) to countersign_runtime;

-- How old the oldest secret of its kind is that still counts, over all tenants and without saying whose (P127).
create function countersign_engine.secret_ages(at timestamptz) returns table (what text, oldest timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select 'webhook secret', min(s.created_at) from countersign.endpoint_secrets s
  join countersign.endpoints e on e.tenant_id = s.tenant_id and e.id = s.endpoint_id and e.state <> 'deleted'
  where s.revoked_at is null and (s.ends_at is null or s.ends_at > at)
  union all
  select 'agent key', min(t.made_at) from countersign.key_tokens t
  join countersign.keys k on k.tenant_id = t.tenant_id and k.id = t.key_id
  where k.kind = 'agt' and k.revoked_at is null and k.expires_at > at and (t.ends_at is null or t.ends_at > at)
$$;
grant execute on function countersign_engine.secret_ages(timestamptz) to countersign_runtime;

set local role countersign_owner;
