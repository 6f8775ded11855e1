// The statements of an inbox's page (T158, T165): rows of `task_inbox` in their order, a few for each name under which the caller can be asked, merged. What they
// name is read as every list reads it, under the same rights and filters; however long the list of others is, nothing of it is looked at.
import type { Sql } from '../../../db/sql.ts'
import { sql } from '../../../db/sql.ts'
import type { Scope, Tx } from '../../../db/tx.ts'
import type { Place } from '../sql.ts'

/** Who holds what is asked: nobody, an address of which no user is known, a user. */
export const FREE = 0
export const BY_ADDRESS = 1
export const BY_USER = 2

/** Asked under one of these names and held like that; and with `holder` what they hold themselves. */
export type InboxView = { keys: readonly string[]; holds: readonly number[]; holder: string | null }

type Page = { order: 'asc' | 'desc'; after: Place | null; limit: number }

// `offset 0` keeps the look at one task where it stands: the planner would otherwise be free to read all tasks first.
/** The ids of the page. A task that is asked under several of the names stands in several of the rows, and is one. */
export const inboxPage = (
  scope: Scope,
  matching: Sql,
  { keys, holds, holder }: InboxView,
  { order, after, limit }: Page,
): Sql => {
  const [way, beyond] = order === 'desc' ? [sql`desc`, sql`<`] : [sql`asc`, sql`>`]
  const place = after ? [after.key, after.id] : null
  const held = sql`
    union all
    (select deadline_at, id from tasks
     where tenant_id = ${scope.tenantId}::uuid and assigned_to_user_id = ${holder}::text and status in ('open', 'returned') and ${matching}
       ${place ? sql`and (deadline_at, id) ${beyond} (${place[0]}::timestamptz, ${place[1]}::text)` : sql``}
     order by deadline_at ${way}, id ${way} limit ${limit}::integer)`
  return sql`
    select task_id from (
      (select asked.due_at, asked.task_id
       from unnest(${keys}::text[]) as k (asked_key) cross join unnest(${holds}::smallint[]) as h (hold)
       cross join lateral (
         select i.due_at, i.task_id from task_inbox i
         cross join lateral (select from tasks where tenant_id = ${scope.tenantId}::uuid and id = i.task_id and ${matching} offset 0) as seen
         where i.tenant_id = ${scope.tenantId}::uuid and i.asked_key = k.asked_key and i.hold = h.hold
           ${place ? sql`and (i.due_at, i.task_id) ${beyond} (${place[0]}::timestamptz, ${place[1]}::text)` : sql``}
         order by i.due_at ${way}, i.task_id ${way} limit ${limit}::integer
       ) as asked)
      ${holder === null ? sql`` : held}
    ) as every (due_at, task_id)
    group by due_at, task_id order by due_at ${way}, task_id ${way} limit ${limit}::integer`
}

/** The same rows in no order, or null when there are more than `most`: for the orders that `task_inbox` does not stand in. */
export const findInboxIds = (t: Tx, scope: Scope, { keys, holds, holder }: InboxView, most: number) => t.one<{
  ids: string[] | null
}>`
  with found as (
    select distinct task_id from (
      (select i.task_id from task_inbox i
       where i.tenant_id = ${scope.tenantId}::uuid and i.asked_key = any(${keys}::text[]) and i.hold = any(${holds}::smallint[])
       limit ${most + 1}::integer)
      union all
      (select id from tasks
       where tenant_id = ${scope.tenantId}::uuid and assigned_to_user_id = ${holder}::text and status in ('open', 'returned')
       limit ${most + 1}::integer)
    ) as every
  )
  select case when count(*) <= ${most}::integer then coalesce(array_agg(task_id), '{}') end as ids from found`

// Each name and way of holding is a stretch of the primary key, read in its order and at most so far; no task is looked at. A task that is asked under several of the
// names is counted once; what the person holds themselves stands in no stretch of what is free.
/** How many tasks are in the view; of more than `most` it says only that they are. */
export const countInbox = (t: Tx, scope: Scope, { keys, holds, holder }: InboxView, most: number) => t.one<{ tasks: number }>`
  select count(*)::integer as tasks from (
    (select distinct asked.task_id
     from unnest(${keys}::text[]) as k (asked_key) cross join unnest(${holds}::smallint[]) as h (hold)
     cross join lateral (
       select i.task_id from task_inbox i where i.tenant_id = ${scope.tenantId}::uuid and i.asked_key = k.asked_key and i.hold = h.hold
       order by i.due_at, i.task_id limit ${most + 1}::integer
     ) as asked limit ${most + 1}::integer)
    ${
      holder === null
        ? sql``
        : sql`
    union all
    (select id from tasks where tenant_id = ${scope.tenantId}::uuid and assigned_to_user_id = ${holder}::text and status in ('open', 'returned')
     order by deadline_at, id limit ${most + 1}::integer)`
    }
  ) as every`
