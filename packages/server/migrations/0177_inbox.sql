-- What an inbox reads (T158, T165): one row for each name under which an open task is asked, in the order in which the views show them, so that a page costs what a
-- page is long and not what others have to do. An index of `tasks` that no index of `tasks` can be, for a task is asked of several; it holds nothing of its own.

create table countersign.task_inbox (
  asked_key text collate "C" not null,
  tenant_id uuid not null references countersign.tenants,
  -- 0: free. 1: held by an address, of which no user is known. 2: held by a user.
  hold smallint not null check (hold between 0 and 2),
  due_at timestamptz(3) not null,
  task_id text collate "C" not null,
  primary key (tenant_id, asked_key, hold, due_at, task_id)
);

create function countersign.hold_of(held_by text, held_at text) returns smallint
language sql immutable parallel safe
return case when held_by is not null then 2 when held_at is not null then 1 else 0 end::smallint;
grant execute on function countersign.hold_of(text, text) to countersign_runtime;

-- What is open and asked already. The owner of a table is held to the rows of a tenant as everybody is; not while this one statement reads them.
alter table countersign.tasks no force row level security;
insert into countersign.task_inbox (asked_key, tenant_id, hold, due_at, task_id)
  select distinct k, t.tenant_id, countersign.hold_of(t.assigned_to_user_id, t.assigned_to_email), t.deadline_at, t.id
  from countersign.tasks t cross join lateral unnest(t.asked) as k
  where t.status in ('open', 'returned');
alter table countersign.tasks force row level security;

select countersign.make_tenant_table('task_inbox', array['select', 'insert', 'delete']);

-- Kept by the row itself, so that no verb can forget it: with the rights of whoever changes the task, within their tenant.
create function countersign.keep_inbox() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' and old.status in ('open', 'returned') then
    delete from countersign.task_inbox i
    where i.tenant_id = old.tenant_id and i.asked_key = any (old.asked)
      and i.hold = countersign.hold_of(old.assigned_to_user_id, old.assigned_to_email) and i.due_at = old.deadline_at and i.task_id = old.id;
  end if;
  if new.status in ('open', 'returned') then
    insert into countersign.task_inbox (asked_key, tenant_id, hold, due_at, task_id)
    select distinct k, new.tenant_id, countersign.hold_of(new.assigned_to_user_id, new.assigned_to_email), new.deadline_at, new.id
    from unnest(new.asked) as k;
  end if;
  return null;
end
$$;
create trigger keep_inbox_of_new after insert on countersign.tasks
  for each row when (new.status in ('open', 'returned')) execute function countersign.keep_inbox();
create trigger keep_inbox after update on countersign.tasks
  for each row when (old.status is distinct from new.status or old.asked is distinct from new.asked or old.deadline_at is distinct from new.deadline_at
    or old.assigned_to_user_id is distinct from new.assigned_to_user_id or old.assigned_to_email is distinct from new.assigned_to_email)
  execute function countersign.keep_inbox();

-- What one person holds, in the order of their inbox; what looked up their number alone finds it here as well.
drop index countersign.tasks_held_open;
create index tasks_held_open on countersign.tasks (tenant_id, assigned_to_user_id, deadline_at, id)
  where status in ('open', 'verifying', 'returned', 'revising') and assigned_to_user_id is not null;

-- Fewer indexes to write when a task is asked. What is open has indexes of its own in these two orders: a list of everything merges the two.
drop index countersign.tasks_deadline;
create index tasks_ended_deadline on countersign.tasks (tenant_id, deadline_at, id)
  where status in ('completed', 'timed_out', 'cancelled', 'verification_exhausted');
drop index countersign.tasks_priority;
create index tasks_ended_priority on countersign.tasks (tenant_id, priority_rank, id)
  where status in ('completed', 'timed_out', 'cancelled', 'verification_exhausted');
-- Where an agent asks, it is the asker, and `tasks_agent` knows it.
drop index countersign.tasks_asker;
create index tasks_asker on countersign.tasks (tenant_id, asker, id) where agent_id is null;

set local role countersign_engine;

-- As before (0125), by the narrower index of who asked.
create or replace function countersign_engine.tasks_of_person(tenant uuid, person text, keys text[], agents text[], at_most integer) returns text[]
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  found_ids text[];
begin
  if tenant is distinct from nullif(current_setting('countersign.tenant', true), '')::uuid then
    raise exception 'another tenant' using errcode = 'insufficient_privilege';
  end if;
  found_ids := array(
    select id from (
      (select t.id from countersign.tasks t where t.tenant_id = tenant and t.asker = person and t.agent_id is null limit at_most + 1)
      union
      (select t.id from countersign.tasks t where t.tenant_id = tenant and t.assigned_to_user_id = person limit at_most + 1)
      union
      (select t.id from countersign.tasks t where t.tenant_id = tenant and t.completed_by_user_id = person limit at_most + 1)
      union
      (select t.id from countersign.tasks t where t.tenant_id = tenant and t.agent_id = any (agents) limit at_most + 1)
      union
      (select t.id from countersign.tasks t where t.asked && keys and t.tenant_id = tenant limit at_most + 1)
    ) as every limit at_most + 1);
  if cardinality(found_ids) > at_most then
    return null;
  end if;
  return found_ids;
end
$$;

set local role countersign_owner;
