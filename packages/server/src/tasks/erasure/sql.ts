// The statements of erasure. What remains of a task: its id, states, times, digests and who acted (T57).
import type { Scope, Tx } from '../../db/tx.ts'
import { FINAL, type TaskRow } from '../sql.ts'

/** In the place of a question that was erased. */
export const ERASED = '[erased]'

// The envelopes are unreadable with their key; they go too, for the room that they take. The answer of a deadline stays, unreadable: a check wants it.
export const eraseIfFinal = (t: Tx, scope: Scope, id: string) => t.maybe<TaskRow>`
  update tasks set task = ${ERASED}::text, tags = '{}', metadata = '{}', description = null, payload = null, payload_schema = null,
    response_schema = '{}', form_definition = null, initial_response = null, response = null, cancel_reason = null, agent_outcome_detail = null,
    action = null, verifier_result = null, origin_ref = case when origin in ('agent', 'user') then null else origin_ref end,
    comment_count = 0, erased_at = ${t.now}::timestamptz, version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any(${FINAL}::text[]) and erased_at is null
  returning *`

export const eraseDecisions = (t: Tx, scope: Scope, taskId: string) => t.run`
  update decisions set response = null, reason = null, comment = null, args = null, patch = null
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

export const deleteComments = (t: Tx, scope: Scope, taskId: string) => t.run`
  delete from comments where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

export const deleteRevisions = (t: Tx, scope: Scope, taskId: string) => t.run`
  delete from revisions where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

// Whoever sets a hold waits for the erasure that goes on, and the next one finds the hold.
export const isHeld = async (t: Tx, scope: Scope): Promise<boolean> =>
  (
    await t.maybe<{ held: boolean }>`
    select held_at is not null as held from audit_retention where tenant_id = ${scope.tenantId}::uuid for share`
  )?.held ?? false

export const findTenants = (t: Tx, after: string | null) => t.rows<{ id: string }>`
  select id from countersign_engine.list_tenants(${after}::uuid, null::uuid, 200::integer)`

export type Candidate = { id: string; erased: boolean; due: boolean }

/** Tasks that were made before `before`, in their order, from `from` on: whether each is erased, and whether it settled long enough ago. */
export const findCandidates = (t: Tx, scope: Scope, at: { from: string; before: string; cutoff: Date; limit: number }) =>
  t.rows<Candidate>`
  select id, erased_at is not null as erased,
    coalesce(coalesce(completed_at, timed_out_at, cancelled_at, verification_exhausted_at) < ${at.cutoff}::timestamptz, false) as due
  from tasks where tenant_id = ${scope.tenantId}::uuid and id >= ${at.from}::text and id < ${at.before}::text
  order by id limit ${at.limit}::integer`

export const putErasedBefore = (t: Tx, scope: Scope, id: string) => t.run`
  insert into task_defaults (retention_days, tenant_id, erased_before) values (400, ${scope.tenantId}::uuid, ${id}::text)
  on conflict (tenant_id) do update set erased_before = excluded.erased_before`
