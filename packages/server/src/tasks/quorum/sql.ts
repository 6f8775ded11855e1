// The statements over votes and over who may vote. A transition is one conditional update; zero rows is an answer.
import type { Scope, Tx } from '../../db/tx.ts'
import { type DecisionRow, OPEN, type Outcome, type TaskRow } from '../sql.ts'
import type { Quorum } from './quorum.ts'

/** Whose agents these are. */
export const findOwners = (t: Tx, scope: Scope, agentIds: readonly string[]) => t.rows<{ id: string; user_id: string }>`
  select id, user_id from agents where tenant_id = ${scope.tenantId}::uuid and id = any(${agentIds}::text[])`

/** Who stands in for these users at this moment. */
export const findDelegates = (t: Tx, scope: Scope, userIds: readonly string[]) => t.rows<{
  user_id: string
  delegate_user_id: string
}>`
  select user_id, delegate_user_id from absences
  where tenant_id = ${scope.tenantId}::uuid and user_id = any(${userIds}::text[]) and delegate_user_id is not null
    and starts_at <= ${t.now}::timestamptz and ends_at > ${t.now}::timestamptz`

// Votes on one task come one after another: each counts those before it.
export const lockIfOpen = (t: Tx, scope: Scope, id: string) => t.maybe<TaskRow>`
  select * from tasks
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any(${OPEN}::text[]) and deadline_at > ${t.now}::timestamptz
  for update`

/** Whatever its state: for who only looks at what has become of a quorum. */
export const lockTask = (t: Tx, scope: Scope, id: string) => t.maybe<TaskRow>`
  select * from tasks where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text for update`

// A statement of its own, after the lock: its snapshot sees what whoever held the lock has written.
export const findVotes = (t: Tx, scope: Scope, taskId: string) => t.rows<DecisionRow>`
  select * from decisions
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and state in ('pending', 'counted') order by id`

/** What came or went shows in the row, so that whoever waits or looks sees it. */
export const updateVotes = (
  t: Tx,
  scope: Scope,
  id: string,
  change: { votes: number; unreachableAt: Date | null },
) => t.one<TaskRow>`
  update tasks set votes = ${change.votes}::integer, unreachable_at = ${change.unreachableAt}::timestamptz, version = version + 1,
    updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text
  returning *`

export type VotedEnd = { outcome: Outcome; response: Buffer; by: DecisionRow; votes: number }

// The row is locked by the caller; the guard stands all the same, so that nothing settles twice (T12).
export const completeIfOpen = (t: Tx, scope: Scope, id: string, { outcome, response, by, votes }: VotedEnd) => t.maybe<TaskRow>`
  update tasks set status = 'completed', outcome = ${outcome}::text, response = ${response}::bytea, cancel_reason = null,
    completed_by_user_id = ${by.user_id}::text, completed_by_email = ${by.email}::text, completed_by_display_name = ${by.display_name}::text,
    completed_via_channel = ${by.channel}::text, completed_at = ${t.now}::timestamptz, votes = ${votes}::integer, unreachable_at = null,
    version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any(${OPEN}::text[])
  returning *`

export const voidVotesOf = (t: Tx, scope: Scope, taskId: string) => t.rows<{ id: string; user_id: string | null }>`
  update decisions set state = 'void'
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and state in ('pending', 'counted')
  returning id, user_id`

export const withdrawIfLive = (t: Tx, scope: Scope, taskId: string, id: string) => t.maybe<DecisionRow>`
  update decisions set state = 'withdrawn'
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and id = ${id}::text and state in ('pending', 'counted')
  returning *`

export const raiseQuorum = (t: Tx, scope: Scope, id: string, quorum: Quorum) => t.run`
  update tasks set quorum = ${JSON.stringify(quorum)}::json, votes = 0
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

/** Nobody holds alone what several have to agree to now. */
export const freeHolder = (t: Tx, scope: Scope, id: string) => t.run`
  update tasks set assigned_to_user_id = null, assigned_to_email = null, assigned_to_display_name = null, assigned_at = null, claimed_at = null
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text`

/** Tasks that wait for several people, in one order for whoever locks them. */
export const findOpenQuorums = (t: Tx, scope: Scope) => t.rows<{ id: string }>`
  select id from tasks
  where tenant_id = ${scope.tenantId}::uuid and status in ('open', 'returned', 'revising') and quorum is not null order by id`
