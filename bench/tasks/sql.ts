// What is put into the database of a run by hand: tasks that nobody has the hours to ask. Nothing here is on a measured path.

export const tenantOf =
  'select a.tenant_id, r.user_id from countersign.agents a join countersign.roles r on r.tenant_id = a.tenant_id limit 1'

/** Open tasks `$2` to `$3`, of which the last tenth by deadline is free and asked of the caller's pool; of the rest, half is asked of it and held by somebody else,
 *  and half is asked of somebody else. */
export const insertOpen = `
  insert into countersign.tasks (id, tenant_id, origin, created_by, asker, key_reuse, task, response_schema, deadline_at, asked, assigned_to_user_id,
    callback_mode, created_at, updated_at, opened_at)
  select 'task_' || lpad(n::text, 26, '0'), $1::uuid, 'agent', 'agt_bench', 'agt_bench', 'forever', 'May order ' || n || ' go on', '{}',
    now() + interval '1 day' + n * interval '1 second',
    case when n > $4::integer * 0.9 or n % 2 = 0 then array['pool:default', 'usr_owner'] else array['usr_other', 'other@example.com'] end,
    case when n <= $4::integer * 0.9 and n % 2 = 0 then 'usr_' || lpad('7', 26, '0') end,
    'standard', now(), now(), now()
  from generate_series($2::integer, $3::integer) n`

/** Completed tasks `$2` to `$3`, asked over a year. */
export const insertEnded = `
  insert into countersign.tasks (id, tenant_id, origin, created_by, asker, key_reuse, task, response_schema, deadline_at, asked, callback_mode,
    created_at, updated_at, opened_at, first_viewed_at, status, outcome, completed_at, completed_by_user_id, completed_via_channel)
  select 'task_' || lpad((10000000 + n)::text, 26, '0'), $1::uuid, 'agent', 'agt_bench', 'agt_bench', 'forever', 'May it go on', '{}',
    at + interval '1 day', '{pool:default}', 'standard', at, at, at, at + n % 5000 * interval '1 second', 'completed',
    case when n % 5 = 0 then 'denied' else 'answered' end, at + (60 + n % 7000) * interval '1 second', 'usr_' || lpad((n % 9)::text, 26, '0'),
    case when n % 3 = 0 then 'slack' else 'dashboard' end
  from generate_series($2::integer, $3::integer) n cross join lateral (
    select now() - interval '364 days' + n * (interval '363 days' / $4::integer) as at) as moment`

/** Without triggers and foreign keys: only for rows that have ended, of which no other table knows. */
export const unchecked = "set session_replication_role = 'replica'"
export const analyse = 'vacuum analyze countersign.tasks, countersign.task_inbox'

/** The next fold takes all tasks as they stand. */
export const forgetFolds = 'delete from countersign.task_rollup_marks'
export const isFolded =
  'select exists (select from countersign.task_rollup_marks where tenant_id = $1::uuid and xid is not null) as folded'
