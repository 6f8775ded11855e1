// The figures of tasks (T161), counted by the database in one pass over one index: `tasks_figures` holds all that is asked for here, so no row is touched.
import { join, type Sql, sql } from '../../db/sql.ts'
import type { Scope, Tx } from '../../db/tx.ts'

export type Cell = {
  /** Which question this row answers. */
  of: 'hour' | 'look' | 'decision' | 'group'
  hour: Date | null
  status: string | null
  outcome: string | null
  bucket: number | null
  key: string | null
  tasks: number
  escalated: number
  refusals: number
  refused: number
  approved: number
  succeeded: number
  failed: number
  skipped: number
  seconds: number | null
}

// Two buckets for each doubling of the time, from a second on: a median read from them is at most some percent off.
const bucketOf = (until: Sql): Sql => sql`
  case when ${until} is not null then floor(2 * ln(greatest(extract(epoch from ${until} - created_at)::float8, 1)) / ln(2.0::float8))::integer end`

const GROUP = {
  agent: sql`agent_id`,
  person: sql`completed_by_user_id`,
  channel: sql`completed_via_channel`,
  none: sql`null::text`,
}
export type GroupBy = keyof typeof GROUP

const APPROVED = sql`outcome in ('accepted', 'edited', 'answered', 'responded')`

// Four groupings at once in memory: the default would sort a year of tasks on disk.
export const widen = (t: Tx) => t.run`select set_config('work_mem', '65536', true)`

/** `matching` may name columns of the index alone, or ids: anything else would make the pass read rows. */
export const countCells = (t: Tx, scope: Scope, at: { from: Date; to: Date; by: GroupBy }, matching: Sql) => t.rows<Cell>`
  with cells as (
    select date_trunc('hour', created_at) as hour, status, outcome, ${bucketOf(sql`first_viewed_at`)} as look, ${bucketOf(sql`case when completed_via_channel <> 'timeout' then completed_at end`)} as decision,
      ${GROUP[at.by]} as key, completed_via_channel is distinct from 'timeout' as by_people, escalation_level > 0 as escalated, verification_attempt,
      agent_outcome, extract(epoch from completed_at - created_at)::float8 as seconds
    from tasks
    where tenant_id = ${scope.tenantId}::uuid and created_at >= ${at.from}::timestamptz and created_at < ${at.to}::timestamptz and ${matching}
  )
  select case when grouping(hour) = 0 then 'hour' when grouping(look) = 0 then 'look' when grouping(decision) = 0 then 'decision' else 'group' end as of,
    hour, status, outcome, coalesce(look, decision) as bucket, key, count(*)::integer as tasks, count(*) filter (where escalated)::integer as escalated,
    coalesce(sum(verification_attempt), 0)::integer as refusals, count(*) filter (where verification_attempt > 0)::integer as refused,
    count(*) filter (where ${APPROVED} and by_people)::integer as approved,
    count(*) filter (where agent_outcome = 'succeeded')::integer as succeeded, count(*) filter (where agent_outcome = 'failed')::integer as failed,
    count(*) filter (where agent_outcome = 'skipped')::integer as skipped, avg(seconds) as seconds
  from cells
  group by grouping sets ((hour, status, outcome), (look), (decision), (key))`

/** How long what is open now has waited: from the index of what is open. */
export const countBacklog = (t: Tx, scope: Scope, matching: Sql) => t.rows<{ bucket: number; tasks: number; oldest: number }>`
  select ${bucketOf(sql`${t.now}::timestamptz`)} as bucket, count(*)::integer as tasks,
    max(extract(epoch from ${t.now}::timestamptz - created_at))::float8 as oldest
  from tasks where tenant_id = ${scope.tenantId}::uuid and status in ('open', 'verifying', 'returned', 'revising') and ${matching}
  group by 1 order by 1`

/** What the query names, as predicates over `tasks`. */
export function ofStats(
  reached: Sql,
  among: readonly string[] | null,
  by: { agent_id?: string; person?: string; pool?: string; channel?: string; tag?: string },
): Sql {
  const parts = [
    reached,
    ...(among === null ? [] : [sql`tasks.id = any(${among}::text[])`]),
    ...(by.agent_id === undefined ? [] : [sql`tasks.agent_id = ${by.agent_id}::text`]),
    ...(by.person === undefined ? [] : [sql`completed_by_user_id = ${by.person}::text`]),
    ...(by.channel === undefined ? [] : [sql`completed_via_channel = ${by.channel}::text`]),
    ...(by.pool === undefined ? [] : [sql`${by.pool}::text = any(asked)`]),
    ...(by.tag === undefined ? [] : [sql`${by.tag}::text = any(tags)`]),
  ]
  return join(parts, ' and ')
}

type Stretch = { from: Date; to: Date }
const within = (scope: Scope, at: Stretch, matching: Sql): Sql => sql`
  tasks.tenant_id = ${scope.tenantId}::uuid and tasks.created_at >= ${at.from}::timestamptz and tasks.created_at < ${at.to}::timestamptz and ${matching}`

/** Which members people change most before they agree. */
export const countEditedFields = (t: Tx, scope: Scope, at: Stretch, matching: Sql) => t.rows<{ pointer: string; tasks: number }>`
  select field as pointer, count(distinct d.task_id)::integer as tasks
  from decisions d cross join lateral unnest(d.edited) as field
  where d.tenant_id = ${scope.tenantId}::uuid and d.decided_at >= ${at.from}::timestamptz and d.edited is not null and d.state = 'counted'
    and exists (select from tasks where tasks.id = d.task_id and ${within(scope, at, matching)})
  group by field order by tasks desc, field limit 20`

/** Of tasks that several people decided: how many there were, and in how many all said the same. */
export const countAgreement = (t: Tx, scope: Scope, at: Stretch, matching: Sql) => t.one<{ tasks: number; unanimous: number }>`
  select count(*)::integer as tasks, count(*) filter (where kinds = 1)::integer as unanimous
  from (
    select d.task_id, count(distinct (d.type, d.approves)) as kinds from decisions d
    where d.tenant_id = ${scope.tenantId}::uuid and d.decided_at >= ${at.from}::timestamptz and d.counted_in is not null and d.state = 'counted'
      and exists (select from tasks where tasks.id = d.task_id and tasks.outcome is not null and ${within(scope, at, matching)})
    group by d.task_id having count(*) > 1
  ) as voted`

export const countMissingOutcomes = (t: Tx, scope: Scope, at: Stretch, matching: Sql) => t.one<{ missing: number }>`
  select count(*)::integer as missing from tasks
  where outcome_missing_at is not null and agent_outcome is null and ${within(scope, at, matching)}`

/** Of people who decided; the name they have now. */
export const findPersonNames = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<{ id: string; name: string }>`
  select u.id, u.display_name as name from users u join roles r on r.user_id = u.id
  where r.tenant_id = ${scope.tenantId}::uuid and u.id = any(${ids}::text[])`
