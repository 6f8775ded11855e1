// The statements over decisions that are fixed and not yet made. Of digests only.
import type { Scope, Tx } from '../../db/tx.ts'

export type By = { challenge: Buffer; taskId: string; userId: string; sessionId: string }

export const insertChallenge = (t: Tx, scope: Scope, by: By, more: { decisionSha256: Buffer; expiresAt: Date }) => t.run`
  insert into decision_challenges (challenge_sha256, tenant_id, task_id, user_id, session_id, decision_sha256, made_at, expires_at)
  values (${by.challenge}::bytea, ${scope.tenantId}::uuid, ${by.taskId}::text, ${by.userId}::text, ${by.sessionId}::text,
    ${more.decisionSha256}::bytea, ${t.now}::timestamptz, ${more.expiresAt}::timestamptz)`

/** Nobody comes back for them. What was used stays, for it says how its decision was proven. */
export const deleteStale = (t: Tx, scope: Scope, userId: string) => t.run`
  delete from decision_challenges
  where tenant_id = ${scope.tenantId}::uuid and user_id = ${userId}::text and used_at is null and expires_at <= ${t.now}::timestamptz`

// The guard is the lock: of two uses at once the second waits for the row and then matches nothing.
export const useIfProven = (t: Tx, scope: Scope, by: By, more: { decisionId: string; provenAt: Date | null }) => t.run`
  update decision_challenges set used_at = ${t.now}::timestamptz, decision_id = ${more.decisionId}::text
  where tenant_id = ${scope.tenantId}::uuid and challenge_sha256 = ${by.challenge}::bytea and task_id = ${by.taskId}::text
    and user_id = ${by.userId}::text and session_id = ${by.sessionId}::text and used_at is null
    and expires_at > ${t.now}::timestamptz and made_at <= ${more.provenAt}::timestamptz`

export const findUnused = (t: Tx, scope: Scope, by: By) => t.maybe<{ made_at: Date }>`
  select made_at from decision_challenges
  where tenant_id = ${scope.tenantId}::uuid and challenge_sha256 = ${by.challenge}::bytea and task_id = ${by.taskId}::text
    and user_id = ${by.userId}::text and session_id = ${by.sessionId}::text and used_at is null
    and expires_at > ${t.now}::timestamptz`
