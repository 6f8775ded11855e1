// The statements of rollups: what has ended is folded into counts, and read from there. A task is folded in when the event of its end stands below the mark's
// transaction; whoever reads counts the rest from the rows, by the same mark and in the same snapshot.
import { join, type Sql, sql } from '../../../db/sql.ts'
import type { Scope, Tx } from '../../../db/tx.ts'
import { FINAL } from '../../sql.ts'
import { APPROVED, bucketOf, DECIDED, LOOKED, type Stretch, within } from '../sql.ts'

const ENDS = FINAL.map((status) => `task.${status}`)
const REPORTED = ['task.outcome_reported']
const MISSED = ['task.outcome_missing']

export const OUTCOMES = ['answered', 'accepted', 'edited', 'responded', 'ignored', 'denied', 'defaulted'] as const
export const UNANSWERED = ['timed_out', 'cancelled', 'verification_exhausted'] as const
export const ENDINGS = [...OUTCOMES, ...UNANSWERED] as const
export const FACTS = ['escalated', 'refusals', 'refused', 'approved', 'voted', 'unanimous', 'timed', 'took_ms'] as const
export const LATER = ['succeeded', 'failed', 'skipped', 'missing'] as const
const COLUMNS = [...ENDINGS, ...FACTS, ...LATER]

// Names and expressions here are ours: they become SQL as they stand.
const raw = (text: string): Sql => sql([text])
const each = (names: readonly string[], of: (name: string) => string): Sql => raw(names.map(of).join(', '))

/** Whose events say that something is to be counted: those between two transactions, or all from one on. */
export type Span = { from: string; until: string | null }

const toldOf = (scope: Scope, types: readonly string[], { from, until }: Span): Sql => sql`
  select e.resource_id from events e where e.tenant_id = ${scope.tenantId}::uuid and e.type = any(${types}::text[])
    and e.xid >= ${from}::text::xid8 ${until === null ? sql`` : sql`and e.xid < ${until}::text::xid8`}`
const told = (scope: Scope, types: readonly string[], span: Span): Sql => sql`tasks.id in (${toldOf(scope, types, span)})`

type Which = { ended: Sql; reported: Sql; missed: Sql }

/** What was told of in this stretch of the record. */
const toldIn = (scope: Scope, span: Span): Which => ({
  ended: told(scope, ENDS, span),
  reported: told(scope, REPORTED, span),
  missed: told(scope, MISSED, span),
})

/** What stands in the rows and was told of before: by their time, so that a first fold goes in steps. */
export function standingBefore(scope: Scope, xid: string, at: { after: Date; until: Date }): Which {
  const late = toldIn(scope, { from: xid, until: null })
  const asked = sql`tasks.created_at > ${at.after}::timestamptz and tasks.created_at <= ${at.until}::timestamptz`
  return {
    ended: sql`${asked} and tasks.status = any(${FINAL}::text[]) and not (${late.ended})`,
    reported: sql`${asked} and tasks.agent_outcome is not null and not (${late.reported})`,
    missed: sql`${asked} and tasks.outcome_missing_at is not null and not (${late.missed})`,
  }
}
export const standingIn = toldIn

const DIMENSIONS = sql`date_trunc('hour', tasks.created_at, 'UTC') as hour, tasks.agent_id, tasks.completed_by_user_id as person, tasks.completed_via_channel as channel`

const VOTED = sql`
  left join lateral (
    select count(*) > 1 as several, count(distinct (d.type, d.approves)) = 1 as same from decisions d
    where tasks.quorum is not null and tasks.outcome is not null
      and d.tenant_id = tasks.tenant_id and d.task_id = tasks.id and d.counted_in is not null and d.state = 'counted') as votes on true`

/** Each fact as a column of 0 and 1, of every task that it is one of. */
const facts = (scope: Scope, { ended, reported, missed }: Which): Sql => sql`
  select ${DIMENSIONS}, ${each(OUTCOMES, (name) => `(outcome is not distinct from '${name}')::integer as ${name}`)},
    ${each(UNANSWERED, (name) => `(status = '${name}')::integer as ${name}`)},
    (escalation_level > 0)::integer as escalated, verification_attempt as refusals, (verification_attempt > 0)::integer as refused,
    coalesce(${APPROVED} and completed_via_channel is distinct from 'timeout', false)::integer as approved,
    coalesce(votes.several, false)::integer as voted, coalesce(votes.several and votes.same, false)::integer as unanimous,
    (completed_at is not null)::integer as timed, coalesce(extract(epoch from completed_at - tasks.created_at) * 1000, 0)::bigint as took_ms,
    0 as succeeded, 0 as failed, 0 as skipped, 0 as missing
  from tasks ${VOTED} where tasks.tenant_id = ${scope.tenantId}::uuid and ${ended}
  union all
  select ${DIMENSIONS}, ${each([...ENDINGS, ...FACTS], () => '0')}, (agent_outcome = 'succeeded')::integer, (agent_outcome = 'failed')::integer,
    (agent_outcome = 'skipped')::integer, case when outcome_missing_at is null then 0 else -1 end
  from tasks where tasks.tenant_id = ${scope.tenantId}::uuid and ${reported}
  union all
  select ${DIMENSIONS}, ${each([...ENDINGS, ...FACTS], () => '0')}, 0, 0, 0, 1
  from tasks where tasks.tenant_id = ${scope.tenantId}::uuid and ${missed}`

const SINGLE = sql`('all', '', '', ''), ('agent', g.agent_id, '', ''), ('person', '', g.person, ''), ('channel', '', '', g.channel)`
const FACETS = sql`${SINGLE}, ('agent_person', g.agent_id, g.person, ''), ('agent_channel', g.agent_id, '', g.channel), ('person_channel', '', g.person, g.channel)`

/** Adds to what is there. Of two that fold the second has waited for the first's mark. */
export const addCounts = (t: Tx, scope: Scope, which: Which) => t.run`
  with facts as (${facts(scope, which)}), g as (
    select hour, agent_id, person, channel, ${each(COLUMNS, (name) => `sum(${name}) as ${name}`)} from facts group by 1, 2, 3, 4
  )
  insert into task_rollups as r (span, tenant_id, facet, agent_id, person, channel, at, ${each(COLUMNS, (name) => name)})
  select s.span, ${scope.tenantId}::uuid, k.facet, k.agent_id, k.person, k.channel, date_trunc(s.span, g.hour, 'UTC'), ${each(COLUMNS, (name) => `sum(g.${name})`)}
  from g cross join lateral (values ${FACETS}) as k (facet, agent_id, person, channel) cross join (values ('hour'), ('day')) as s (span)
  where k.agent_id is not null and k.person is not null and k.channel is not null
    and (s.span = 'day' or k.facet in ('all', 'agent', 'person', 'channel'))
  group by 1, 3, 4, 5, 6, 7
  on conflict (tenant_id, span, facet, agent_id, person, channel, at) do update set ${each(COLUMNS, (name) => `${name} = r.${name} + excluded.${name}`)}`

/** Times in their buckets, and members that were changed; of what has ended. */
export const addParts = (t: Tx, scope: Scope, { ended }: Which) => t.run`
  with g as (
    select date_trunc('day', tasks.created_at, 'UTC') as day, tasks.agent_id, tasks.completed_by_user_id as person, tasks.completed_via_channel as channel,
      p.of, p.name, count(*) as tasks
    from tasks cross join lateral (
      select 'look' as of, ${bucketOf(LOOKED)}::text as name
      union all select 'decision', ${bucketOf(DECIDED)}::text
      union all (select distinct 'field', field from decisions d cross join lateral unnest(d.edited) as field
        where d.tenant_id = tasks.tenant_id and d.task_id = tasks.id and d.edited is not null and d.state = 'counted')) as p
    where tasks.tenant_id = ${scope.tenantId}::uuid and ${ended} and p.name is not null
    group by 1, 2, 3, 4, 5, 6
  )
  insert into task_rollup_parts as r (of, tenant_id, facet, agent_id, person, channel, at, name, tasks)
  select g.of, ${scope.tenantId}::uuid, k.facet, k.agent_id, k.person, k.channel, g.day, g.name, sum(g.tasks)
  from g cross join lateral (values ${SINGLE}) as k (facet, agent_id, person, channel)
  where k.agent_id is not null and k.person is not null and k.channel is not null
  group by 1, 3, 4, 5, 6, 7, 8
  on conflict (tenant_id, facet, agent_id, person, channel, at, of, name) do update set tasks = r.tasks + excluded.tasks`

export type Mark = { xid: string | null; horizon: string; is_ahead: boolean }

const MARK = sql`xid::text as xid, pg_snapshot_xmin(pg_current_snapshot())::text as horizon,
  coalesce(xid > pg_snapshot_xmin(pg_current_snapshot()), false) as is_ahead`

/** How far the rollups have come. `is_ahead`: they were written in another cluster, whose numbers say nothing here. */
export const findMark = (t: Tx, scope: Scope) => t.maybe<Mark>`
  select ${MARK} from task_rollup_marks where tenant_id = ${scope.tenantId}::uuid`

export const insertMarkIfNone = (t: Tx, scope: Scope) => t.run`
  insert into task_rollup_marks (xid, tenant_id) values (null, ${scope.tenantId}::uuid) on conflict (tenant_id) do nothing`

// Folds of one tenant come one after another: each adds what lies between the mark that it finds and its own, so none may run beside another. Readers do not wait.
export const lockMark = (t: Tx, scope: Scope) => t.one<{ xid: string | null }>`
  select xid::text as xid from task_rollup_marks where tenant_id = ${scope.tenantId}::uuid for update`

export const putMark = (t: Tx, scope: Scope, xid: string) => t.run`
  update task_rollup_marks set xid = ${xid}::text::xid8 where tenant_id = ${scope.tenantId}::uuid`

/** Where a fold of at most so many events of a kind ends, below what could still commit. */
export const findUntil = (t: Tx, scope: Scope, from: string, most: number) => t.one<{ xid: string }>`
  select least(pg_snapshot_xmin(pg_current_snapshot()), ${join(
    [...ENDS, ...REPORTED, ...MISSED].map(
      (type) => sql`(
    select e.xid from events e where e.tenant_id = ${scope.tenantId}::uuid and e.type = ${type}::text and e.xid > ${from}::text::xid8
    order by e.xid, e.ord offset ${most}::integer limit 1)`,
    ),
    ', ',
  )})::text as xid`

export const deleteRollups = async (t: Tx, scope: Scope): Promise<void> => {
  await t.run`delete from task_rollups where tenant_id = ${scope.tenantId}::uuid`
  await t.run`delete from task_rollup_parts where tenant_id = ${scope.tenantId}::uuid`
}

/** The time of the task that is so many after `after`, or of the last one. */
export const findStep = (t: Tx, scope: Scope, after: Date, most: number) => t.one<{ until: Date | null }>`
  select max(created_at) as until from (
    select created_at from tasks where tenant_id = ${scope.tenantId}::uuid and created_at > ${after}::timestamptz
    order by created_at limit ${most}::integer) as step`

export const findDue = (t: Tx, most: number) =>
  t.rows<{ id: string }>`select id from countersign_engine.rollups_due(${most}::integer) as id`

/** Which counts are read: of everything, or of one agent, person or channel. */
export type Facet = { agent_id: string; person: string; channel: string }
export type Dimension = 'agent' | 'person' | 'channel'

const NAMES: Record<Dimension, keyof Facet> = { agent: 'agent_id', person: 'person', channel: 'channel' }
const ORDER: readonly Dimension[] = ['agent', 'person', 'channel']
const facetName = (dimensions: readonly Dimension[]): string =>
  dimensions.length === 0 ? 'all' : ORDER.filter((one) => dimensions.includes(one)).join('_')
const dimensionsOf = (facet: Facet): Dimension[] => ORDER.filter((one) => facet[NAMES[one]] !== '')

const rowsOf = (scope: Scope, facet: Facet, { from, to }: Stretch): Sql => sql`
  tenant_id = ${scope.tenantId}::uuid and facet = ${facetName(dimensionsOf(facet))}::text and agent_id = ${facet.agent_id}::text
    and person = ${facet.person}::text and channel = ${facet.channel}::text and at >= ${from}::timestamptz and at < ${to}::timestamptz`

/** One value for all hours, for they are many: of each its time in seconds, then how the tasks of it ended. */
export const findHours = (t: Tx, scope: Scope, facet: Facet, at: Stretch) => t.one<{ hours: number[][] | null }>`
  select json_agg(json_build_array(extract(epoch from at)::bigint, ${each(ENDINGS, (name) => name)})) as hours
  from task_rollups where span = 'hour' and ${rowsOf(scope, facet, at)}`

export type Sums = Record<(typeof FACTS)[number] | (typeof LATER)[number], number>

const SUMS = each([...FACTS, ...LATER], (name) => `coalesce(sum(${name}), 0)::float8 as ${name}`)

export const sumFacts = (t: Tx, scope: Scope, facet: Facet, at: Stretch) => t.one<Sums>`
  select ${SUMS} from task_rollups where span = 'day' and ${rowsOf(scope, facet, at)}`

export const findParts = (t: Tx, scope: Scope, facet: Facet, at: Stretch) => t.rows<{ of: string; name: string; tasks: number }>`
  select of, name, sum(tasks)::float8 as tasks from task_rollup_parts where ${rowsOf(scope, facet, at)} group by of, name`

export type GroupSum = { key: string; tasks: number; escalated: number; approved: number; timed: number; took_ms: number }

const TASKS = raw(ENDINGS.join(' + '))

/** Within what the facet names, by something that it does not name; by what it names there is one group. */
export function sumGroups(t: Tx, scope: Scope, facet: Facet, at: Stretch, by: Dimension) {
  const named = dimensionsOf(facet)
  const key = raw(NAMES[by])
  return t.rows<GroupSum>`
  select ${key} as key, sum(${TASKS})::float8 as tasks, sum(escalated)::float8 as escalated, sum(approved)::float8 as approved, sum(timed)::float8 as timed,
    sum(took_ms)::float8 as took_ms
  from task_rollups
  where span = 'day' and tenant_id = ${scope.tenantId}::uuid and facet = ${facetName([...named, by])}::text
    and ${join(
      named.map((one) => sql`${raw(NAMES[one])} = ${facet[NAMES[one]]}::text`).concat(sql`at >= ${at.from}::timestamptz`),
      ' and ',
    )} and at < ${at.to}::timestamptz
  group by 1`
}

/** What was told of since the last fold and of tasks that the rollups have already. */
export const sumLater = (t: Tx, scope: Scope, since: string, at: Stretch, matching: Sql) => {
  const { reported, missed } = toldIn(scope, { from: since, until: null })
  const those = within(scope, at, matching)
  const which = { ended: sql`false`, reported: sql`${reported} and ${those}`, missed: sql`${missed} and ${those}` }
  return t.one<Pick<Sums, (typeof LATER)[number]>>`
  select ${each(LATER, (name) => `coalesce(sum(${name}), 0)::float8 as ${name}`)} from (${facts(scope, which)}) as facts`
}

// What rollups do not have is what is open still and what has ended since the last fold. Each is found by itself, by the index of what is open and by the record: an
// `or` of the two would be a look at each task of the stretch.
/** Open still, and people have said something that counts. */
export const VOTED_OPEN = sql`tasks.status in ('open', 'verifying', 'returned', 'revising') and tasks.votes > 0`

export const endedSince = (scope: Scope, since: string): Sql => told(scope, ENDS, { from: since, until: null })
