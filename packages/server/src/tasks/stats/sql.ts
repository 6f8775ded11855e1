// The figures of tasks (T161) from their rows, counted by the database in one pass over one index: `tasks_figures` holds all that is asked for here, so no row is
// touched. What has ended long ago is read from rollup/ where that knows it.
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
  timed: number
  took_ms: number
}

// Two buckets for each doubling of the time, from a second on: a median read from them is at most some percent off.
export const bucketOf = (until: Sql): Sql => sql`
  case when ${until} is not null then floor(2 * ln(greatest(extract(epoch from ${until} - created_at)::float8, 1)) / ln(2.0::float8))::integer end`

/** While it was a question: who looks at an answered one finds none. */
export const LOOKED = sql`
  case when first_viewed_at <= coalesce(completed_at, timed_out_at, cancelled_at, verification_exhausted_at, 'infinity') then first_viewed_at end`
export const DECIDED = sql`case when completed_via_channel <> 'timeout' then completed_at end`

const GROUP = {
  agent: sql`agent_id`,
  person: sql`completed_by_user_id`,
  channel: sql`completed_via_channel`,
  none: sql`null::text`,
}
export type GroupBy = keyof typeof GROUP

export const APPROVED = sql`outcome in ('accepted', 'edited', 'answered', 'responded')`

// Four groupings at once in memory: the default would sort a year of tasks on disk.
export const widen = (t: Tx) => t.run`select set_config('work_mem', '65536', true)`

/** What has ended. `matching` may name columns of the index alone, or ids: anything else would make the pass read rows. */
export const countCells = (t: Tx, scope: Scope, at: { from: Date; to: Date; by: GroupBy }, matching: Sql) => t.rows<Cell>`
  with cells as (
    select date_trunc('hour', created_at, 'UTC') as hour, status, outcome, ${bucketOf(LOOKED)} as look, ${bucketOf(DECIDED)} as decision,
      ${GROUP[at.by]} as key, completed_via_channel is distinct from 'timeout' as by_people, escalation_level > 0 as escalated, verification_attempt,
      agent_outcome, extract(epoch from completed_at - created_at) * 1000 as took_ms
    from tasks
    where tenant_id = ${scope.tenantId}::uuid and created_at >= ${at.from}::timestamptz and created_at < ${at.to}::timestamptz
      and status in ('completed', 'timed_out', 'cancelled', 'verification_exhausted') and ${matching}
  )
  select case when grouping(hour) = 0 then 'hour' when grouping(look) = 0 then 'look' when grouping(decision) = 0 then 'decision' else 'group' end as of,
    hour, status, outcome, coalesce(look, decision) as bucket, key, count(*)::integer as tasks, count(*) filter (where escalated)::integer as escalated,
    coalesce(sum(verification_attempt), 0)::integer as refusals, count(*) filter (where verification_attempt > 0)::integer as refused,
    count(*) filter (where ${APPROVED} and by_people)::integer as approved,
    count(*) filter (where agent_outcome = 'succeeded')::integer as succeeded, count(*) filter (where agent_outcome = 'failed')::integer as failed,
    count(*) filter (where agent_outcome = 'skipped')::integer as skipped,
    count(took_ms)::integer as timed, coalesce(sum(took_ms), 0)::float8 as took_ms
  from cells
  group by grouping sets ((hour, status, outcome), (look), (decision), (key))`

export type OpenCell = {
  hour: Date
  look: number | null
  key: string | null
  /** How many of `ages` it has waited. */
  age: number
  tasks: number
  escalated: number
  refusals: number
  refused: number
  oldest: Date
}

// Nobody has decided these: what is told apart by who did is not asked. `tasks_open_deadline` holds every column that is (0200), so their rows, which carry what
// the agents sent, are not touched. What is open can be many: per row there is no division and no logarithm but of who looked.
/** What is open, in one pass, counted by all that figures tell apart. `ages`: the times at which a bucket of waiting begins, the oldest first. */
export const countOpen = (t: Tx, scope: Scope, at: { by: GroupBy; ages: readonly Date[] }, matching: Sql) => t.rows<OpenCell>`
  select date_bin('1 hour', created_at, 'epoch') as hour, ${bucketOf(sql`first_viewed_at`)} as look, ${at.by === 'agent' ? GROUP.agent : GROUP.none} as key,
    width_bucket(created_at, ${at.ages}::timestamptz[]) as age, count(*)::integer as tasks, count(*) filter (where escalation_level > 0)::integer as escalated,
    coalesce(sum(verification_attempt), 0)::integer as refusals, count(*) filter (where verification_attempt > 0)::integer as refused,
    min(created_at) as oldest
  from tasks where tenant_id = ${scope.tenantId}::uuid and status in ('open', 'verifying', 'returned', 'revising') and ${matching}
  group by 1, 2, 3, 4`

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

export type Stretch = { from: Date; to: Date }
export const within = (scope: Scope, at: Stretch, matching: Sql): Sql => sql`
  tasks.tenant_id = ${scope.tenantId}::uuid and tasks.created_at >= ${at.from}::timestamptz and tasks.created_at < ${at.to}::timestamptz and ${matching}`

/** Decisions of these tasks, where those are many: the index of what figures need of decisions goes first. */
export const ofMany = (scope: Scope, at: Stretch, matching: Sql): Sql => sql`
  exists (select from tasks where tasks.id = d.task_id and ${within(scope, at, matching)})`

/** The same, where they are few: they are found first. */
export const ofFew = (scope: Scope, at: Stretch, matching: Sql): Sql => sql`
  d.task_id = any (array(select tasks.id from tasks where ${within(scope, at, matching)}))`

/** Which members people changed before they agreed. */
export const countEditedFields = (t: Tx, scope: Scope, { from }: Stretch, those: Sql) => t.rows<{
  pointer: string
  tasks: number
}>`
  select field as pointer, count(distinct d.task_id)::integer as tasks
  from decisions d cross join lateral unnest(d.edited) as field
  where d.tenant_id = ${scope.tenantId}::uuid and d.decided_at >= ${from}::timestamptz and d.edited is not null and d.state = 'counted' and ${those}
  group by field`

/** Of tasks that several people decided: how many there were, and in how many all said the same. */
export const countAgreement = (t: Tx, scope: Scope, { from }: Stretch, those: Sql) => t.one<{ voted: number; unanimous: number }>`
  select count(*)::integer as voted, count(*) filter (where kinds = 1)::integer as unanimous
  from (
    select d.task_id, count(distinct (d.type, d.approves)) as kinds from decisions d
    where d.tenant_id = ${scope.tenantId}::uuid and d.decided_at >= ${from}::timestamptz and d.counted_in is not null and d.state = 'counted' and ${those}
    group by d.task_id having count(*) > 1
  ) as voted`

export const countMissingOutcomes = (t: Tx, scope: Scope, at: Stretch, matching: Sql) => t.one<{ missing: number }>`
  select count(*)::integer as missing from tasks
  where outcome_missing_at is not null and agent_outcome is null and ${within(scope, at, matching)}`

/** Of people who decided; the name they have now. */
export const findPersonNames = (t: Tx, scope: Scope, ids: readonly string[]) => t.rows<{ id: string; name: string }>`
  select u.id, u.display_name as name from users u join roles r on r.user_id = u.id
  where r.tenant_id = ${scope.tenantId}::uuid and u.id = any(${ids}::text[])`
