// When a worker asks its producers to wake it, and how long it sleeps when it found nothing (Q67, Q68). Polling is the truth; a wake-up only shortens
// a sleep. Asking is a write and each wake-up a NOTIFY in somebody's commit, so a worker asks for seconds at a time, not at every sleep: while it
// asks, it sleeps as soon as it found nothing, and no poll is spent between two jobs. A busy worker does not ask, nor one of many that are woken for
// what others take. Pure: knows no clock, no database.

/** How long a worker asks to be woken; said again when half of it has passed. */
export const ASK_MS = 5_000
const POLL_FIRST_MS = 1
export const POLL_MS = 200
export const POLL_LISTENING_MS = 1_000
/** A job that was committed just while the asking was may have woken nobody: so long polls go on. */
const SETTLED_MS = 50
/** So many claims in a row that found something: producers need not say more. */
const BUSY = 16
const QUIET_MS = 3_000
/** So many wake-ups in a row for nothing: others are faster, and each costs a claim. */
const FRUITLESS = 8
const REST_MS = 1_000

export type Doze = {
  /** For how long the next claim asks to be woken, in ms; 0: not at all. */
  asks(now: number, listening: boolean): number
  found(now: number): void
  /** The claim found nothing; `woken`: a wake-up had led to it. */
  missed(now: number, woken: boolean): void
  /** How long to sleep after a claim that found nothing; `nextMs`: when it said that something is due. */
  sleeps(now: number, listening: boolean, nextMs?: number | null): number
  /** Whether a wake-up is worth a claim. */
  hears(now: number): boolean
}

export function makeDoze(random: () => number = Math.random): Doze {
  let idle = 0
  let streak = 0
  let fruitless = 0
  let askedAt: number | null = null
  let quietUntil = 0
  let deafUntil = 0
  return {
    asks(now, listening) {
      if (!listening) askedAt = null
      else if (askedAt === null && idle > 0 && now >= quietUntil) askedAt = now
      return askedAt === null ? 0 : ASK_MS
    },
    found(now) {
      idle = 0
      fruitless = 0
      if (++streak < BUSY || askedAt === null) return
      askedAt = null
      quietUntil = now + QUIET_MS
    },
    missed(now, woken) {
      idle++
      streak = 0
      if (!woken || ++fruitless < FRUITLESS) return
      fruitless = 0
      askedAt = null
      quietUntil = now + REST_MS * (1 + random())
      deafUntil = quietUntil
    },
    sleeps(now, listening, nextMs = null) {
      const doubled = POLL_FIRST_MS * 2 ** Math.min(idle - 1, 10)
      // Due already, and yet nothing was found: a key has room that nobody waits for. Asked for at once, it would be asked for without end.
      if (nextMs !== null && nextMs <= 0) return Math.min(doubled, POLL_MS)
      const isAsked = askedAt !== null && now - askedAt >= SETTLED_MS
      const longest = askedAt !== null || (listening && now >= quietUntil) ? POLL_LISTENING_MS : POLL_MS
      return Math.min(isAsked ? POLL_LISTENING_MS : Math.min(doubled, longest), nextMs ?? POLL_LISTENING_MS)
    },
    hears: (now) => now >= deafUntil,
  }
}
