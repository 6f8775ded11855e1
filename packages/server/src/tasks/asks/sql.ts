// The statements over acts that wait for people. A transition is one conditional update; zero rows is an answer.
import type { Scope, Tx } from '../../db/tx.ts'

export type AskState = 'open' | 'agreed' | 'spent' | 'refused' | 'expired' | 'withdrawn'
export type AskRow = {
  task_id: string
  digest: Buffer
  principal: string
  principal_user: string | null
  action: string
  policy_version: number
  policy_ids: string[]
  quorum: number
  on_timeout: 'deny' | 'escalate'
  state: AskState
  opened_at: Date
  expires_at: Date
  escalated_at: Date | null
  settled_at: Date | null
  asked_by_key: string | null
  sent_sha256: string | null
}
/** What an agreement is about, and what its asker sent for it. */
export type Asked = { digest: Buffer; sent: string }

export type NewAsk = Omit<AskRow, 'state' | 'opened_at' | 'escalated_at' | 'settled_at'>

export const insertAsk = (t: Tx, scope: Scope, ask: NewAsk) => t.run`
  insert into policy_asks (task_id, tenant_id, digest, principal, principal_user, action, policy_version, policy_ids, quorum, on_timeout,
    state, opened_at, expires_at, asked_by_key, sent_sha256)
  values (${ask.task_id}::text, ${scope.tenantId}::uuid, ${ask.digest}::bytea, ${ask.principal}::text, ${ask.principal_user}::text,
    ${ask.action}::text, ${ask.policy_version}::integer, ${ask.policy_ids}::text[], ${ask.quorum}::integer, ${ask.on_timeout}::text,
    'open', ${t.now}::timestamptz, ${ask.expires_at}::timestamptz, ${ask.asked_by_key}::text,
    ${ask.sent_sha256}::text)`

/** An agreement of the last moment still has time to be used. */
const GRACE = '10 minutes'
/** For so long the asker is handed what the house has done for them; then the same request is a new one. */
const KEPT = '24 hours'

// Exactly one execution: of any number of callers the row lets one leave `agreed`, and it is taken in the transaction of the act itself. Where the house has
// done it already, one caller is handed the outcome. The inner select locks, so that whoever comes second waits, looks again, and finds neither.
export const takeAgreed = (t: Tx, scope: Scope, { digest, sent }: Asked) => t.maybe<{
  task_id: string
  outcome_id: string | null
}>`
  update policy_asks set state = 'spent', collected_at = ${t.now}::timestamptz, spent_at = coalesce(spent_at, ${t.now}::timestamptz),
    spent_request = coalesce(spent_request, ${scope.requestId}::text)
  where tenant_id = ${scope.tenantId}::uuid and task_id = (
    select task_id from policy_asks
    where tenant_id = ${scope.tenantId}::uuid and (
      digest = ${digest}::bytea and state = 'agreed' and greatest(expires_at, settled_at + ${GRACE}::interval) > ${t.now}::timestamptz
      or sent_sha256 = ${sent}::text and state = 'spent' and collected_at is null and spent_at + ${KEPT}::interval > ${t.now}::timestamptz)
    order by state = 'spent' desc, task_id limit 1 for update)
  returning task_id, outcome_id`

/** The same for the house itself, which knows which agreement it carries out; what came of it is written when it is there. */
export const spendForAsker = (t: Tx, scope: Scope, taskId: string, digest: Buffer) => t.run`
  update policy_asks set state = 'spent', spent_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and digest = ${digest}::bytea and state = 'agreed'
    and greatest(expires_at, settled_at + ${GRACE}::interval) > ${t.now}::timestamptz`

export const keepOutcome = (t: Tx, scope: Scope, taskId: string, outcomeId: string) => t.run`
  update policy_asks set outcome_id = ${outcomeId}::text
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and state = 'spent' and collected_at is null`

export const findLastAsk = (t: Tx, scope: Scope, digest: Buffer) => t.maybe<AskRow>`
  select * from policy_asks where tenant_id = ${scope.tenantId}::uuid and digest = ${digest}::bytea
  order by task_id desc limit 1`

/** Whatever was agreed and not done in time, or never answered, frees its digest. */
export const expireAsks = (t: Tx, scope: Scope, digest: Buffer) => t.run`
  update policy_asks set state = 'expired', settled_at = coalesce(settled_at, ${t.now}::timestamptz)
  where tenant_id = ${scope.tenantId}::uuid and digest = ${digest}::bytea
    and (state = 'open' and expires_at <= ${t.now}::timestamptz
      or state = 'agreed' and greatest(expires_at, settled_at + ${GRACE}::interval) <= ${t.now}::timestamptz)`

export const countOpenAsks = (t: Tx, scope: Scope, principal: string) => t.one<{ open: number }>`
  select count(*)::integer as open from policy_asks
  where tenant_id = ${scope.tenantId}::uuid and principal = ${principal}::text and state = 'open' and expires_at > ${t.now}::timestamptz`

export const settleIfOpen = (t: Tx, scope: Scope, taskId: string, state: Exclude<AskState, 'open' | 'spent'>) => t.maybe<{
  action: string
}>`
  update policy_asks set state = ${state}::text, settled_at = ${t.now}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and state = 'open'
  returning action`

export const findAsk = (t: Tx, scope: Scope, taskId: string) => t.maybe<AskRow>`
  select * from policy_asks where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text`

// Once: whoever comes second finds escalated_at.
export const escalateIfNot = (t: Tx, scope: Scope, taskId: string, expiresAt: Date) => t.run`
  update policy_asks set escalated_at = ${t.now}::timestamptz, expires_at = ${expiresAt}::timestamptz
  where tenant_id = ${scope.tenantId}::uuid and task_id = ${taskId}::text and state = 'open' and on_timeout = 'escalate' and escalated_at is null`
