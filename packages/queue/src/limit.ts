// Limits as people write them, and a producer's pace (Q87, Q106, Q108): how much at once, how fast, whose turn, how full. Judges nothing: the database
// does, at every claim, for all workers together; here is only what it is told.
import { type Duration, milliseconds } from './duration.ts'
import { QueueError } from './error.ts'
import type { Clock } from './host.ts'
import { pause } from './store.ts'

/** At most `limit` starts in any `per`, and `burst` (default: `limit`) more after a quiet time. */
export type Rate = { limit: number; per: Duration; burst?: number }

/** One value for all keys, or by prefix of the key; the longest prefix that fits wins, `''` fits all. */
export type PerKey<T> = T | { readonly [prefix: string]: T }

/** Over all workers together. A kind's own limits and its queue's both hold; per key, the kind's go before the queue's. */
export type Limits = {
  /** Most that run at once. Lowering it drains; it ends nothing. */
  maxRunning?: number
  rate?: Rate
  /** Most of one `concurrencyKey` that run at once. */
  maxRunningPerKey?: PerKey<number>
  /** Starts of one `rateKey`. */
  ratePerKey?: PerKey<Rate>
}

export type QueueSettings = Limits & {
  /** How long a job waits to count as one step more urgent; default 60s, 0: never. */
  aging?: Duration
  /** Groups take turns, however long the backlog of one is. */
  fairBy?: 'tenant' | 'concurrency_key'
  /** Of groups, by tenant or key: a group of weight 3 starts three jobs where others start one. */
  weights?: Readonly<Record<string, number>>
  /** Most jobs that wait in the queue. */
  maxDepth?: number
  /** `reject` (default): enqueue fails with `queue_full`; `signal`: it goes on, and `queue.paced()` slows its producer. */
  onFull?: 'reject' | 'signal'
  /** false: jobs of kinds that nobody declared are refused (`kind_unknown`); true: they are taken, over REST too. Unset: from SQL and TypeScript alone. */
  undeclared?: boolean
  /** How long dead letters are kept, where their kind says nothing; default 30d. */
  keepDeadLetters?: Duration
}

/** What to change: null takes a setting away, what is not named stays. */
export type QueueChange = { [Setting in keyof QueueSettings]?: QueueSettings[Setting] | null }

export function spokenLimits(limits: { [Limit in keyof Limits]?: Limits[Limit] | null }): Record<string, unknown> {
  return {
    max_running: whole(limits.maxRunning, '/maxRunning', 0),
    rate: limits.rate && spokenRate(limits.rate, '/rate'),
    max_running_per_key: perKey(limits.maxRunningPerKey, '/maxRunningPerKey', (most, path) => whole(most, path, 0)),
    rate_per_key: perKey(limits.ratePerKey, '/ratePerKey', spokenRate),
  }
}

export function spokenSettings(change: QueueChange): Record<string, unknown> {
  for (const [key, weight] of Object.entries(change.weights ?? {}))
    if (!(weight > 0)) throw QueueError.invalid(`/weights/${key}`, 'is above 0')
  return {
    ...spokenLimits(change),
    aging_ms: change.aging && milliseconds(change.aging, '/aging'),
    fair_by: change.fairBy,
    weights: change.weights,
    max_depth: whole(change.maxDepth, '/maxDepth', 1),
    on_full: change.onFull,
    undeclared: change.undeclared,
    keep_dead_letters_ms: change.keepDeadLetters && milliseconds(change.keepDeadLetters, '/keepDeadLetters'),
  }
}

function spokenRate({ limit, per, burst }: Rate, path: string): Record<string, unknown> {
  const per_ms = milliseconds(per, `${path}/per`)
  if (!(Number.isFinite(limit) && limit > 0)) throw QueueError.invalid(`${path}/limit`, 'is above 0')
  if (per_ms < 1) throw QueueError.invalid(`${path}/per`, 'is at least 1ms')
  if (!((burst ?? limit) >= 1)) throw QueueError.invalid(`${path}/burst`, 'is at least 1, or nothing could ever start')
  return { limit, per_ms, burst }
}

const isRate = (value: unknown): value is Rate => typeof (value as { limit?: unknown }).limit === 'number'

function perKey<T extends number | Rate>(
  rule: PerKey<T> | null | undefined,
  path: string,
  speak: (value: T, path: string) => unknown,
): unknown {
  if (rule === undefined || rule === null) return rule
  if (typeof rule === 'number' || isRate(rule)) return speak(rule as T, path)
  return Object.fromEntries(Object.entries(rule).map(([prefix, value]) => [prefix, speak(value, `${path}/${prefix}`)]))
}

function whole(value: number | null | undefined, path: string, least: number): number | null | undefined {
  if (value !== undefined && value !== null && !(Number.isInteger(value) && value >= least && value <= 1_000_000_000))
    throw QueueError.invalid(path, `is a whole number of at least ${least}`)
  return value
}

/** The lowest pressure that slows a producer, and the longest that one call waits. */
const CALM = 0.5
const LONGEST_MS = 1_000

/** 0 while the queue is at most half full, then more and more, up to a second when it is full. */
export const paceMs = (pressure: number): number =>
  pressure <= CALM ? 0 : Math.round(LONGEST_MS * Math.min(1, (pressure - CALM) / (1 - CALM)) ** 2)

export type Pace = {
  /** Waits as the last answers ask for. */
  keep(signal?: AbortSignal): Promise<void>
  told(pressure: number | undefined): void
}

export function makePace(clock: Clock): Pace {
  let pressure = 0
  return {
    async keep(signal) {
      const ms = paceMs(pressure)
      if (ms > 0) await pause(clock, ms, signal)
    },
    told(now) {
      pressure = now ?? 0
    },
  }
}
