// The proof of presence (P29): acts marked † need one that is at most ten minutes old. A sign-in by password is such a proof.
// Asks nothing of keys: they were given with a proof, and nobody sits behind them.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'

const PROOF_LASTS_MS = 10 * 60_000

export const isFresh = (provenAt: Date | null, now: Date): boolean =>
  provenAt !== null && now.getTime() - provenAt.getTime() <= PROOF_LASTS_MS

export const hasProof = (scope: Scope, now: Date): boolean => scope.scopes !== null || isFresh(scope.stepUpAt, now)

/** Throws `step_up_required` with the ways in which this person can prove to be there. */
export function requireProof(scope: Scope, now: Date): void {
  if (!hasProof(scope, now)) throw new Problem('step_up_required', { methods: ['password'] })
}
