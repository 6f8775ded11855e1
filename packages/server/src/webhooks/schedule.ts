// When an attempt that failed is tried again (P87). Data and arithmetic; reads no clock and no row.

export const SCHEDULES = ['standard', 'quick_24h', 'own'] as const
export type ScheduleName = (typeof SCHEDULES)[number]

const MINUTE = 60
const HOUR = 3_600
const DAY = 86_400

/** Seconds before attempt 2, 3, …; the first is made at once. */
export const DELAYS: Readonly<Record<'standard' | 'quick_24h' | 'ping', readonly number[]>> = {
  standard: [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR],
  quick_24h: [1, 4, 16, 64, 256, 15 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR, 31_159],
  // How an endpoint is asked whether it is there (P82).
  ping: [5, 30, 5 * MINUTE],
}

export const OWN_MOST_DELAYS = 19
export const OWN_LONGEST_SECONDS = DAY
export const OWN_LONGEST_SUM = 7 * DAY
const LONGEST_RETRY_AFTER = DAY
const JITTER = 0.1
const SHORTEST_MS = 500

export const delaysOf = (schedule: ScheduleName, own: readonly number[] | null): readonly number[] =>
  schedule === 'own' ? (own ?? []) : DELAYS[schedule]

/** What a schedule comes to, without jitter. */
export const totalsOf = (delays: readonly number[]) => ({
  attempts: delays.length + 1,
  total_seconds: delays.reduce((sum, one) => sum + one, 0),
})

/** Milliseconds until the next try, ±10 %; null when the schedule is over. `tries` are those that have failed. */
export function nextDelayMs(
  delays: readonly number[],
  tries: number,
  retryAfterSeconds: number | null,
  share: () => number = random,
): number | null {
  const seconds = delays[tries - 1]
  if (seconds === undefined) return null
  const jittered = Math.max(SHORTEST_MS, Math.round(seconds * 1000 * (1 - JITTER + 2 * JITTER * share())))
  return Math.max(jittered, Math.min(retryAfterSeconds ?? 0, LONGEST_RETRY_AFTER) * 1000)
}

/** Even over 0 … 1, so that many that failed together do not come back together. */
const random = (): number => (crypto.getRandomValues(new Uint32Array(1))[0] as number) / 2 ** 32

const MONTHS = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ')
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/

/** `Retry-After` in seconds from now: a number, or an HTTP date. Null for rubbish, which is ignored (P86). */
export function readRetryAfter(text: string | null, now: Date): number | null {
  if (text === null) return null
  if (/^\d{1,9}$/.test(text)) return Number(text)
  const [, day, month = '', year, hours, minutes, seconds] = HTTP_DATE.exec(text) ?? []
  if (day === undefined || !MONTHS.includes(month)) return null
  const at = Date.UTC(Number(year), MONTHS.indexOf(month), Number(day), Number(hours), Number(minutes), Number(seconds))
  return Math.max(0, Math.ceil((at - now.getTime()) / 1000))
}
