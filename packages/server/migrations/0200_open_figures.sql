-- What figures and counts ask of open tasks is held by the index of what is open (T161, T158): rows carry what agents sent, some kilobytes each, and however many
-- wait, none of them is read to be counted.
drop index countersign.tasks_open_deadline;
create index tasks_open_deadline on countersign.tasks (tenant_id, deadline_at, id)
  include (status, created_at, first_viewed_at, agent_id, escalation_level, verification_attempt, votes)
  where status in ('open', 'verifying', 'returned', 'revising');
-- The same for how many one person holds.
drop index countersign.tasks_held_open;
create index tasks_held_open on countersign.tasks (tenant_id, assigned_to_user_id, deadline_at, id) include (status)
  where status in ('open', 'verifying', 'returned', 'revising') and assigned_to_user_id is not null;

-- An index answers for a row alone where the row's page is known to be seen by all. Of a large table the newest pages, on which what is open stands, would wait for that
-- until a fifth of it has come anew.
alter table countersign.tasks set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05);
alter table countersign.task_inbox set (autovacuum_vacuum_insert_scale_factor = 0.02, autovacuum_vacuum_scale_factor = 0.05);
