// The statements of erasure. What remains of a task: its id, states, times, digests and who acted (T57).
import type { Scope, Tx } from '../../db/tx.ts'
import type { Quorum } from '../quorum/quorum.ts'
import { FINAL, type TaskRow } from '../sql.ts'

/** In the place of a question that was erased. */
export const ERASED = '[erased]'

// The envelopes are unreadable with their key; they go too, for the room that they take. The answer of a deadline stays, unreadable: a check wants it.
// Who was asked by an address is nobody's business any more; who acted stays (T57).
export const eraseIfFinal = (t: Tx, scope: Scope, id: string, quorum: Quorum | null) => t.maybe<TaskRow>`
  update tasks set task = ${ERASED}::text, tags = '{}', metadata = '{}', description = null, payload = null, payload_schema = null,
    response_schema = '{}', form_definition = null, initial_response = null, response = null, cancel_reason = null, agent_outcome_detail = null,
    action = null, verifier_result = null, verifier_config = null, verdict = null, origin_ref = case when origin in ('agent', 'user') then null else origin_ref end,
    assign_to = null, notify = null, escalation = null, timeout_escalations = null, quorum = ${quorum && JSON.stringify(quorum)}::json,
    asked = case when exists (select from unnest(asked) as k where position('@' in k) = 0)
      then array(select k from unnest(asked) as k where position('@' in k) = 0) else array[${ERASED}::text] end,
    on_behalf_of = case when position('@' in on_behalf_of) = 0 then on_behalf_of end, assigned_to_email = null,
    assigned_to_display_name = case when assigned_to_user_id is null then null else assigned_to_display_name end, assigned_to_slack_user_id = null,
    comment_count = 0, erased_at = ${t.now}::timestamptz, version = version + 1, updated_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and id = ${id}::text and status = any(${FINAL}::text[]) and erased_at is null
  returning *`

export const eraseDecisions = (t: Tx, scope: Scope, taskId: string) => t.run`
  update decisions set response = null, reason = null, comment = null, args = null, patch = null, raw_text = null
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

export const deleteComments = (t: Tx, scope: Scope, taskId: string) => t.run`
  delete from comments where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

export const deleteRevisions = (t: Tx, scope: Scope, taskId: string) => t.run`
  delete from revisions where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

/** What verifiers ran into may quote what they were asked. */
export const eraseRuns = (t: Tx, scope: Scope, taskId: string) => t.run`
  update verifier_runs set verdict = null, fault = null where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

// Links hold addresses and the answers that their buttons stand for, mails the names that providers gave them: nothing needs them once the task is over.
export const deleteLinks = (t: Tx, scope: Scope, taskId: string) => t.run`
  delete from task_links where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

export const deleteMails = (t: Tx, scope: Scope, taskId: string) => t.run`
  delete from mails where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

export const deleteMailReplies = (t: Tx, scope: Scope, taskId: string) => t.run`
  delete from mail_replies where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

// Notices stay for a while, without whom they told: what still stands in a message somewhere is rewritten by them. A digest that is not sent yet tells of other
// tasks too.
export const blankNotices = (t: Tx, scope: Scope, taskId: string) => t.run`
  update notices set target = ${ERASED}::text, email = null, display_name = null, slack_user_id = null, party = null, reasons = '[]'
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and not (purpose = 'digest' and state = 'queued')`

export const blankMessages = (t: Tx, scope: Scope, taskId: string) => t.run`
  update slack_messages set target = ${ERASED}::text where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

export const blankEmbeds = (t: Tx, scope: Scope, taskId: string) => t.run`
  update embed_tokens set sub = null where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and sub is not null`

/** What was taken out of the whole tenant holds the task too: its pieces go, and one that is being written ends. Their keys are the caller's to destroy. */
export const dropTenantExports = (t: Tx, scope: Scope) => t.rows<{ id: string }>`
  with over as (
    update exports set state = case state when 'ready' then 'expired' else 'failed' end, expires_at = ${t.now}::timestamptz,
      finished_at = coalesce(finished_at, ${t.now}::timestamptz), error = case state when 'running' then 'Something was erased while it was written. Ask for it again.' end
    where tenant_id = ${scope.tenantId}::uuid and subject = 'tenant' and state in ('running', 'ready') returning id
  ), gone as (
    delete from export_chunks c using over where c.tenant_id = ${scope.tenantId}::uuid and c.export_id = over.id
  )
  select id from over`

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
