// What a worker is told and what follows from it: its queues and permits, its times, its hooks. Every fault is named before anything is opened.

import { type Duration, milliseconds } from './duration.ts'
import { QueueError } from './error.ts'
import type { Kind } from './kind.ts'
import { checkShares, type Shares } from './permits.ts'

export type WorkerOptions = {
  /** Queues, with a pool of their own (a number) or a share of `concurrency`; default: every queue of the kinds, and `default`. */
  queues?: readonly string[] | Shares
  /** Permits of the queues without a pool of their own; default 16. */
  concurrency?: number
  /** How often the process vouches for itself; default 5s. */
  heartbeat?: Duration
  /** How long without that until others take over; default 20s, at least three heartbeats. */
  lostAfter?: Duration
  /** How long a handler may block the event loop before the process is no longer vouched for; default 60s. */
  stallAfter?: Duration
  /** true: claims, too, wait until they are on disk. Without it a crash of the database may claim a job again (Q47). */
  strictClaims?: boolean
  /** Best effort, detached: an error in one reaches the log only (Q113). */
  hooks?: Hooks
  version?: string
}

export type SettledHook = (
  job: { id: string; kind: string; queue: string; attempt: number },
  outcome: string,
  stale: boolean,
) => void

export type HookedJob = { id: string; kind: string; queue: string; attempt: number }
/** Why an attempt ended in place of its handler. */
export type RescueReason = 'deadline_expired' | 'lease_lost' | 'isolate_crashed'

export type Hooks = {
  /** A handler begins. */
  started?(job: HookedJob): unknown
  /** The end of an attempt is stored, or came too late. */
  settled?(job: HookedJob, outcome: string, stale: boolean): unknown
  /** This process ended an attempt that its handler did not. */
  rescued?(job: HookedJob, reason: RescueReason): unknown
  /** A job waits for its callback. */
  waiting?(job: HookedJob): unknown
}

export function shapeOf(kinds: ReadonlyMap<string, Kind>, options: WorkerOptions): { shares: Shares; concurrency: number } {
  const named = options.queues ?? [...new Set(['default', ...[...kinds.values()].map((kind) => kind.queue ?? 'default')])]
  const shares = Array.isArray(named) ? Object.fromEntries(named.map((queue) => [queue, {}])) : (named as Shares)
  return { shares, concurrency: options.concurrency ?? 16 }
}

/** All faults at once, in one sentence, before anything is opened (section 8 of the specification). */
export function planOf(kinds: ReadonlyMap<string, Kind>, options: WorkerOptions): Plan {
  const faults: string[] = []
  const duration = (value: Duration, path: string, name: string): number => {
    try {
      return milliseconds(value, path)
    } catch {
      faults.push(`${name} is a duration like 500ms, 10s or 5m`)
      return Number.NaN
    }
  }
  const { shares, concurrency } = shapeOf(kinds, options)
  faults.push(...checkShares(shares, concurrency))
  if (Object.keys(shares).length === 0) faults.push('a worker serves at least one queue')
  const heartbeatMs = duration(options.heartbeat ?? '5s', '/heartbeat', 'heartbeat')
  const lostAfterMs = duration(options.lostAfter ?? '20s', '/lostAfter', 'lostAfter')
  const stallMs = duration(options.stallAfter ?? '60s', '/stallAfter', 'stallAfter')
  if (heartbeatMs < 1) faults.push('heartbeat is above 0')
  if (lostAfterMs < 3 * heartbeatMs) faults.push('lostAfter is at least three heartbeats')
  if (stallMs < 1) faults.push('stallAfter is above 0')
  for (const kind of kinds.values()) {
    if (kind.deadline === undefined) continue
    const ms = duration(kind.deadline, '/deadline', `the deadline of kind ${kind.name}`)
    if (ms > 0 && ms < 1_000) faults.push(`the deadline of kind ${kind.name} is at least 1s, or 0 for none`)
  }
  if (faults.length > 0) throw new QueueError('validation_failed', `The worker cannot start: ${faults.join('; ')}.`)
  const { version = '0', strictClaims = false, hooks = {} } = options
  const window = Math.min(4096, Math.max(256, 4 * concurrency))
  return {
    shares,
    concurrency,
    queues: Object.keys(shares),
    window,
    heartbeatMs,
    lostAfterMs,
    stallMs,
    version,
    strictClaims,
    hooks,
  }
}

export type Plan = {
  shares: Shares
  concurrency: number
  queues: string[]
  window: number
  heartbeatMs: number
  lostAfterMs: number
  stallMs: number
  version: string
  strictClaims: boolean
  hooks: Hooks
}
