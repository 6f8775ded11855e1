// What the bench may ask of one of its processes.
import type { SystemName, WorkPlan } from './contenders.ts'

export type Way = 'timer' | 'polled'

export type WorkOrder = {
  system: SystemName
  url: string
  plan: WorkPlan
  /** noop, or one millisecond waited by a timer or by looking at the clock. */
  handler: 'noop' | Way
  /** Whether the producer is told how far this worker has come. */
  tells: boolean
}

export type ProduceOrder = {
  connections: number
  batch: number
  payloadBytes: number
  count?: number
  ms?: number
  /** As many as keep so many waiting. */
  depth?: number
  /** At this rate, whatever the answers. */
  perSecond?: number
  /** In turn, a job each. */
  queues?: string[]
  delayMs?: number
  /** The option of a job that its key becomes. */
  keyed?: 'concurrencyKey' | 'strict'
}

/** handled counts runs, distinct counts jobs: the difference ran again. disorder: first runs behind a later one of the same key, which is the number modulo KEYS. */
export type Tally = { handled: number; distinct: number; disorder: number; unacknowledged: number }
export const KEYS = 1_000

export type Calls = {
  work(order: WorkOrder): Promise<void>
  tally(args: null): Promise<Tally>
  /** Those since the last call, in ms; and whether to keep more. */
  latencies(keep: boolean): Promise<number[]>
  ceiling(args: { way: Way; slots: number; ms: number }): Promise<number>
  usage(args: null): Promise<{ cpu: { user: number; system: number }; rss: number; uptimeMs: number }>
  prepare(args: { system: SystemName; url: string; connections: number }): Promise<void>
  produce(order: ProduceOrder): Promise<{ accepted: number; ms: number; first: number }>
  /** All that it ever produced. */
  produced(args: null): Promise<number>
  stop(args: null): Promise<void>
}
