// The statements by which routing changes who is asked and who holds a task. A transition is one conditional update; zero rows is an answer.
import type { Scope, Tx } from '../../../db/tx.ts'
import type { TaskRow } from '../../sql.ts'

/** Who is asked now, and who of them holds it. */
export type Holding = {
  asked: string[]
  assigned_to_user_id: string | null
  assigned_to_email: string | null
  assigned_to_display_name: string | null
  assigned_for_user_id: string | null
}

export const addAskedIfOpen = (t: Tx, scope: Scope, id: string, asked: readonly string[]) => t.maybe<TaskRow>`
  update tasks set unrouted_at = coalesce(unrouted_at, ${t.now}::timestamptz), version = version + 1, updated_at = ${t.now}::timestamptz,
    asked = tasks.asked || array(select k from unnest(${asked}::text[]) as k where k <> all(tasks.asked))
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status in ('open', 'returned')
  returning *`

// Whoever held it, and by whatever claim, does not any more. With `from` only if they still do.
export const rerouteIfOpen = (
  t: Tx,
  scope: Scope,
  id: string,
  to: Holding & { assign_to: string | null; claim_seconds: number | null; unrouted: boolean },
  from: string | null,
) => t.maybe<TaskRow>`
  update tasks set asked = ${to.asked}::text[], assigned_to_user_id = ${to.assigned_to_user_id}::text, assigned_to_email = ${to.assigned_to_email}::text,
    assigned_to_display_name = ${to.assigned_to_display_name}::text, assigned_for_user_id = ${to.assigned_for_user_id}::text,
    assigned_to_slack_user_id = null, claimed_at = null, claim_seconds = ${to.claim_seconds}::integer,
    assigned_at = case when ${to.assigned_to_user_id}::text is not null or ${to.assigned_to_email}::text is not null then ${t.now}::timestamptz end,
    assign_to = coalesce(${to.assign_to}::json, assign_to),
    unrouted_at = case when ${to.unrouted}::boolean then ${t.now}::timestamptz end,
    version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status in ('open', 'returned', 'revising')
    and (${from}::text is null or assigned_to_user_id = ${from}::text)
  returning *`

/** What somebody has before them: held by them, and not over. */
export const findHeldBy = (t: Tx, scope: Scope, userId: string) => t.rows<TaskRow>`
  select * from tasks
  where tenant_id = ${scope.tenantId}::uuid and assigned_to_user_id = ${userId}::text and status in ('open', 'returned', 'revising')
  order by id limit 500`

export const findIfHeldBy = (t: Tx, scope: Scope, id: string, userId: string) => t.maybe<TaskRow>`
  select * from tasks
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and assigned_to_user_id = ${userId}::text and status in ('open', 'returned', 'revising')`

/** What somebody was asked by their id or an address, and nobody holds. */
export const findAskedOf = (t: Tx, scope: Scope, userId: string, after: string | null) => t.rows<TaskRow>`
  select * from tasks
  where tenant_id = ${scope.tenantId}::uuid and status in ('open', 'returned') and assigned_to_user_id is null and claimed_at is null
    and asked && (array[${userId}::text] || array(select e.email from user_emails e where e.user_id = ${userId}::text))
    and (${after}::text is null or id > ${after}::text)
  order by id limit 500`

/** A claim that was not answered in time goes back to all who were asked, unless it is another claim by now. */
export const releaseIfStillClaimed = (t: Tx, scope: Scope, id: string, claimedAt: Date) => t.maybe<
  TaskRow & { was_held_by: string }
>`
  with held as (
    select assigned_to_user_id as was from tasks where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text for update
  )
  update tasks set assigned_to_user_id = null, assigned_to_email = null, assigned_to_display_name = null, assigned_to_slack_user_id = null,
    assigned_at = null, claimed_at = null, version = version + 1, updated_at = ${t.now}::timestamptz
  from held
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status in ('open', 'returned') and claimed_at = ${claimedAt}::timestamptz
  returning tasks.*, held.was as was_held_by`
