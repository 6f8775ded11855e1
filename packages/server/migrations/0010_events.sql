-- The one record (P107). `body` is the event as RFC 8785 text: these bytes are hashed, exported and verified as they are; the columns beside it only find it.
-- Writers share nothing but a sequence: no lock, no counter per tenant (P111).

create table countersign.events (
  id text collate "C" primary key,
  tenant_id uuid not null references countersign.tenants,
  -- The transaction that wrote it: a reader who takes only what lies below the oldest running transaction misses nothing that commits late.
  xid xid8 not null default pg_current_xact_id(),
  ord bigint not null generated always as identity,
  type text collate "C" not null check (type ~ '^[a-z0-9_]+(\.[a-z0-9_]+)*$'),
  class text not null check (class in ('audit', 'activity')),
  resource_type text collate "C",
  resource_id text collate "C",
  actor_id text collate "C" not null,
  occurred_at timestamptz(3) not null,
  body text not null,
  unique (tenant_id, id),
  check ((resource_type is null) = (resource_id is null))
);
create unique index events_order on countersign.events (tenant_id, xid, ord);
create index events_resource on countersign.events (tenant_id, resource_id, xid, ord);
create index events_actor on countersign.events (tenant_id, actor_id, xid, ord);
create index events_type on countersign.events (tenant_id, type, xid, ord);
select countersign.make_tenant_table('events', array['select', 'insert']);

-- Nobody changes the record, the owner and a superuser's slip included. The retention function of a later version is the one exception it will name.
create function countersign.refuse_change() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'the record is append-only: % on % is refused', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end
$$;
create trigger append_only before update or delete or truncate on countersign.events
  for each statement execute function countersign.refuse_change();

-- A task ends once (T11): whatever races, the record holds one terminal event.
create unique index events_task_ends_once on countersign.events (tenant_id, resource_id)
  where type in ('task.completed', 'task.timed_out', 'task.cancelled', 'task.verification_exhausted');
