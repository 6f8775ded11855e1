-- What the installation shows of its health, what hosts say about it, and which exceptions to the guard of the way out a tenant has.

-- Exceptions of one tenant to what may be dialled (P104): an exact host or a network, each with one port, in the one spelling that is compared.
create table countersign.egress_allows (
  target text collate "C" not null check (char_length(target) between 3 and 300),
  tenant_id uuid not null references countersign.tenants (id),
  reason text not null default '' check (char_length(reason) <= 500),
  added_by text collate "C" not null,
  added_at timestamptz(3) not null,
  primary key (tenant_id, target)
);
select countersign.make_tenant_table('egress_allows', array['select', 'insert', 'delete']);
select countersign.grant_engine('egress_allows', 'select (tenant_id, target)');

-- One row a probe and minute, kept for 90 days (P142). Of several processes that measure in one minute the first one counts.
create table countersign.status_readings (
  probe text collate "C" not null check (probe ~ '^[a-z_]+(\.[a-z_]+)*$'),
  minute timestamptz(0) not null check (minute = date_trunc('minute', minute, 'UTC')),
  state text not null check (state in ('ok', 'warn', 'outage')),
  measured jsonb not null default '{}',
  primary key (probe, minute)
);
create index status_readings_minute on countersign.status_readings (minute);
grant select, insert, delete on countersign.status_readings to countersign_runtime;

-- The same counted by day, so that a page of 90 days reads 90 rows a probe.
create table countersign.status_days (
  probe text collate "C" not null,
  day date not null,
  ok integer not null default 0,
  warn integer not null default 0,
  outage integer not null default 0,
  primary key (probe, day)
);
grant select, insert, update, delete on countersign.status_days to countersign_runtime;

-- What hosts announce (P144). `notify_by` is set for what touches customers' data: 24 hours after it was noticed.
create table countersign.incidents (
  id text collate "C" primary key,
  kind text not null check (kind in ('incident', 'maintenance')),
  severity text check (severity in ('SEV-1', 'SEV-2', 'SEV-3', 'SEV-4')),
  status text not null check (status in ('investigating', 'identified', 'monitoring', 'resolved', 'scheduled', 'in_progress', 'completed')),
  title text not null check (char_length(title) between 1 and 200),
  components text[] not null default '{}' check (cardinality(components) <= 30),
  affects text not null check (affects in ('none', 'some', 'all')),
  affected uuid[] not null default '{}' check (cardinality(affected) <= 1000),
  customer_data boolean not null default false,
  detected_at timestamptz(3) not null,
  starts_at timestamptz(3),
  ends_at timestamptz(3),
  notify_by timestamptz(3),
  notified_at timestamptz(3),
  alarmed_at timestamptz(3),
  opened_by text collate "C" not null,
  opened_in uuid not null,
  opened_at timestamptz(3) not null,
  closed_at timestamptz(3),
  check ((kind = 'incident') = (severity is not null)),
  check ((kind = 'incident') = (status in ('investigating', 'identified', 'monitoring', 'resolved'))),
  check ((closed_at is not null) = (status in ('resolved', 'completed'))),
  check ((kind = 'maintenance') = (starts_at is not null)),
  check (starts_at is null or ends_at > starts_at),
  check ((notify_by is not null) = customer_data),
  check ((affects = 'some') = (cardinality(affected) > 0))
);
create index incidents_opened on countersign.incidents (opened_at, id);
create index incidents_owed on countersign.incidents (notify_by) where notify_by is not null and notified_at is null and alarmed_at is null;
grant select, insert, update on countersign.incidents to countersign_runtime;

create table countersign.incident_updates (
  id text collate "C" primary key,
  incident_id text collate "C" not null references countersign.incidents,
  status text not null,
  severity text,
  body text not null check (char_length(body) between 1 and 5000),
  written_by text collate "C" not null,
  written_at timestamptz(3) not null
);
create index incident_updates_incident on countersign.incident_updates (incident_id, written_at, id);
grant select, insert on countersign.incident_updates to countersign_runtime;

-- Which tenant was told of which update, once, however often the job that tells it runs.
create table countersign.incident_notices (
  update_id text collate "C" not null references countersign.incident_updates,
  tenant_id uuid not null references countersign.tenants (id),
  told_at timestamptz(3) not null,
  primary key (tenant_id, update_id)
);
select countersign.make_tenant_table('incident_notices', array['select', 'insert']);

-- A process that only keeps the house measures too (P18): readings are its own, what hosts say it reads.
grant select, insert, delete on countersign.status_readings to countersign_maintenance;
grant select, insert, update, delete on countersign.status_days to countersign_maintenance;
grant select on countersign.incidents, countersign.incident_updates to countersign_maintenance;

-- Attempts are written in the order of their time, so that a few bytes for many of them find the last hour (P142).
create index delivery_attempts_recent on countersign.delivery_attempts using brin (started_at);
grant select (n, trigger, started_at, class) on countersign.delivery_attempts to countersign_engine;

set local role countersign_engine;

-- How many webhooks of all tenants were taken at the first attempt, and how many were not: two numbers and nobody's name.
create function countersign_engine.first_attempts(since timestamptz)
returns table (taken integer, refused integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select count(*) filter (where a.class is null)::integer, count(*) filter (where a.class is not null)::integer
  from countersign.delivery_attempts a where a.started_at >= since and a.n = 1 and a.trigger = 'auto'
$$;

-- Who is told of an incident: those that are named, or every tenant that is there.
create function countersign_engine.tenants_to_tell(named uuid[])
returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id from countersign.tenants t where t.state <> 'erased' and (named is null or t.id = any (named)) order by t.id
$$;

-- Every exception of every tenant, for the check at the start that none of them reaches what may never be reached.
create function countersign_engine.all_egress_allows()
returns table (tenant_id uuid, target text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select a.tenant_id, a.target from countersign.egress_allows a order by a.tenant_id, a.target
$$;

grant execute on function countersign_engine.tenants_to_tell(uuid[]), countersign_engine.all_egress_allows(),
  countersign_engine.first_attempts(timestamptz) to countersign_runtime;
grant execute on function countersign_engine.first_attempts(timestamptz) to countersign_maintenance;

set local role countersign_owner;
