// When a credential is renewed by itself (V47): a tenth of its life before its end and five minutes at least, give or take a tenth, so that those that were
// obtained together are not renewed together.
import { randomInt } from '../../crypto/token.ts'

const LEAD_MS = 300_000
const SPREAD = 0.1

/** What is needed of life to be handed out at all. */
export const leadOf = (lifetimeMs: number): number => Math.max(LEAD_MS, lifetimeMs * 0.1)

export function refreshMoment(now: Date, expiresAt: Date): Date {
  const lifetime = expiresAt.getTime() - now.getTime()
  const spread = 1 + SPREAD * (randomInt(2_001) / 1_000 - 1)
  // What lives shorter than the lead is renewed at half of its life.
  const lead = Math.min(leadOf(lifetime) * spread, lifetime / 2)
  return new Date(expiresAt.getTime() - Math.max(0, lead))
}
