-- What the figures of tasks are read from (T161): counts of the tasks that have ended, by the hour and by the day (of UTC) in which they were asked. Folded in behind
-- the writers, from the record: no act on a task waits for it. What has ended since the last fold, and what is open, a reader counts itself, so the sum is exact.

create table countersign.task_rollups (
  span text collate "C" not null check (span in ('hour', 'day')),
  tenant_id uuid not null references countersign.tenants,
  -- Which of the three names below are told apart; '' stands for all of a kind. Hours are kept for one name at most.
  facet text collate "C" not null
    check (facet in ('all', 'agent', 'person', 'channel', 'agent_person', 'agent_channel', 'person_channel')),
  agent_id text collate "C" not null,
  person text collate "C" not null,
  channel text collate "C" not null,
  at timestamptz(3) not null,
  answered integer not null,
  accepted integer not null,
  edited integer not null,
  responded integer not null,
  ignored integer not null,
  denied integer not null,
  defaulted integer not null,
  timed_out integer not null,
  cancelled integer not null,
  verification_exhausted integer not null,
  escalated integer not null,
  refusals integer not null,
  refused integer not null,
  approved integer not null,
  succeeded integer not null,
  failed integer not null,
  skipped integer not null,
  missing integer not null,
  voted integer not null,
  unanimous integer not null,
  -- Of those that were completed: how many, and how long all of them took.
  timed integer not null,
  took_ms bigint not null,
  primary key (tenant_id, span, facet, agent_id, person, channel, at)
);
select countersign.make_tenant_table('task_rollups', array['select', 'insert', 'update', 'delete']);

-- How many of a day fall into each bucket of a time, and how often each member was changed before people agreed. Names of members, no values.
create table countersign.task_rollup_parts (
  of text collate "C" not null check (of in ('look', 'decision', 'field')),
  tenant_id uuid not null references countersign.tenants,
  facet text collate "C" not null check (facet in ('all', 'agent', 'person', 'channel')),
  agent_id text collate "C" not null,
  person text collate "C" not null,
  channel text collate "C" not null,
  at timestamptz(3) not null,
  name text collate "C" not null,
  tasks integer not null,
  primary key (tenant_id, facet, agent_id, person, channel, at, of, name)
);
select countersign.make_tenant_table('task_rollup_parts', array['select', 'insert', 'update', 'delete']);

-- A task is folded in when the event of its end stands below this transaction. Whoever folds holds the row.
create table countersign.task_rollup_marks (
  xid xid8,
  tenant_id uuid not null references countersign.tenants,
  primary key (tenant_id)
);
select countersign.make_tenant_table('task_rollup_marks', array['select', 'insert', 'update']);
select countersign.grant_engine('task_rollup_marks', 'select (xid, tenant_id)');

set local role countersign_engine;

-- One look finds the tenants of whose tasks some have ended since the last fold, and those in whose cluster the numbers of transactions began anew.
create function countersign_engine.rollups_due(at_most integer) returns setof uuid
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select t.id
  from countersign.tenants t
  left join countersign.task_rollup_marks m on m.tenant_id = t.id
  where m.xid > pg_snapshot_xmin(pg_current_snapshot()) or exists (
    select from countersign.events e
    where e.tenant_id = t.id and e.xid >= coalesce(m.xid, '0'::xid8) and e.xid < pg_snapshot_xmin(pg_current_snapshot())
      and e.type = any (array['task.completed', 'task.timed_out', 'task.cancelled', 'task.verification_exhausted', 'task.outcome_reported', 'task.outcome_missing']))
  order by t.id
  limit at_most
$$;
grant execute on function countersign_engine.rollups_due(integer) to countersign_runtime;

set local role countersign_owner;
