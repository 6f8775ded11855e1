// When a credential is renewed by itself (V47): a tenth of its life before its end and five minutes at least, give or take a tenth, so that those that were
// obtained together are not renewed together.
import { randomInt } from '../../crypto/token.ts'

const LEAD_MS = 300_000
const SPREAD = 0.1

/** What is needed of life to be handed out at all. */
export const leadOf = (lifetimeMs: number): number => Math.max(LEAD_MS, lifetimeMs * 0.1)

const spread = (ms: number): number => Math.round(ms * (1 + SPREAD * (randomInt(2_001) / 1_000 - 1)))

export function refreshMoment(now: Date, expiresAt: Date): Date {
  const lifetime = expiresAt.getTime() - now.getTime()
  // What lives shorter than the lead is renewed at half of its life.
  const lead = Math.min(spread(leadOf(lifetime)), lifetime / 2)
  return new Date(expiresAt.getTime() - Math.max(0, lead))
}

const DAY_MS = 86_400_000
/** Of the vendor's limit: there is time to try again, and for a human. */
const USED_AFTER = 0.7

/** When a credential is renewed, or used where nobody has used it: whichever comes first. Null: never by itself. */
export function nextMoment(
  now: Date,
  { expiresAt, renews, idleDays }: { expiresAt: Date | null; renews: boolean; idleDays: number | undefined },
): Date | null {
  const idle = idleDays === undefined ? null : new Date(now.getTime() + spread(idleDays * DAY_MS * USED_AFTER))
  const ending = renews && expiresAt !== null ? refreshMoment(now, expiresAt) : null
  if (idle === null || ending === null) return idle ?? ending
  return new Date(Math.min(idle.getTime(), ending.getTime()))
}
