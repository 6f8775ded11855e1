// A decision is fixed before its person proves to be there (T152): what was shown and what is decided about it, as one digest with a nonce. Whoever then proves their
// presence and sends the same decision with that nonce has proven this one and no other: one byte of either, a second use, or five minutes more, and it is invalid.
import { Problem } from '@countersign/sdk'
import { sha256 } from '../../crypto/token.ts'
import type { Scope } from '../../db/scope.ts'
import type { Tx } from '../../db/tx.ts'
import { type Assurance, stepUpRequired } from '../may-decide.ts'
import type { NewDecision } from '../sql.ts'
import { findUnused, useIfProven } from './sql.ts'

const PREFIX = Buffer.from('countersign/decision/v1\n')

/** What an authenticator will sign, and what a sign-in is bound to until there are any (ADR 0012). */
export const challengeOf = (decisionSha256: Buffer, nonce: Buffer): Buffer =>
  sha256(Buffer.concat([PREFIX, decisionSha256, nonce]))

/** In the deciding transaction, and gone with it. */
export async function spendChallenge(
  t: Tx,
  scope: Scope,
  decided: NewDecision,
  { nonce, openUrl }: { nonce: string; openUrl: string },
): Promise<void> {
  const sessionId = scope.actor.session_id
  if (sessionId === undefined || scope.userId === null) throw new Problem('challenge_invalid')
  const challenge = challengeOf(decided.decision_sha256, Buffer.from(nonce, 'base64url'))
  const by = { challenge, taskId: decided.task_id, userId: scope.userId, sessionId }
  if ((await useIfProven(t, scope, by, { decisionId: decided.id, provenAt: scope.stepUpAt })) === 1) return
  if (!(await findUnused(t, scope, by))) throw new Problem('challenge_invalid')
  // It is the right one: what is missing is the proof, which was given before anything was fixed.
  throw stepUpRequired('step_up', decided.assurance as Assurance, openUrl)
}
