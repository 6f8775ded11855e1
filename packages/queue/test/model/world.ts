// What a program knows of the two engines: the same jobs under names of its own (ids differ), the attempts that its workers hold, and which of its
// connections stand inside a transaction. It never asks an engine anything.
import type { Engine, Which } from '../harness.ts'

/** The connection beside those of the program: it reads, and holds nothing. */
export const READER = 8

export type Pair<T> = Record<Which, T>
export const BOTH = ['ring', 'oracle'] as const
export const pairOf = <T>(fn: (which: Which) => T): Pair<T> => ({ ring: fn('ring'), oracle: fn('oracle') })

/** Where a job was enqueued, as far as Q32 promises an order: in which transaction, as its how manyth, and between which steps. */
export type Job = {
  key: string
  id: Pair<string>
  kind: string
  lane: string
  txn: number
  index: number
  drew: number
  committed: number | null
  /** Still as it was enqueued: nothing but a claim can have moved it. */
  isPlain: boolean
  isGhost: boolean
}

export type Attempt = {
  key: string
  id: Pair<string>
  lease: Pair<number>
  token: Pair<string>
  worker: string
  /** How it was ended, for those who say it once more. */
  said: Record<string, unknown> | null
  isPacked: boolean
}

export type Callback = { name: string; key: string; id: Pair<string> }

/** One of the program's connections, on both engines at once. */
export type Line = {
  n: number
  isOpen: boolean
  /** Holds locks of others' jobs or lanes until it ends. */
  holds: boolean
  readCommitted: boolean
  txn: number
  drew: number
  enqueued: Job[]
  /** Jobs that it claimed and nobody else knows yet. */
  claimed: Set<string>
  /** What becomes true at the commit. */
  pending: (() => void)[]
  marks: { pending: number; enqueued: number }[]
}

export type World = {
  engines: Pair<Engine>
  random: Random
  step: number
  minutes: number
  jobs: Map<string, Job>
  keys: Pair<Map<string, string>>
  /** Jobs that both engines tell of. */
  ids: Map<string, Pair<string>>
  /** Newest lease seen of each job, so that it only ever grows. */
  leases: Pair<Map<string, number>>
  held: Attempt[]
  over: Attempt[]
  callbacks: Callback[]
  lines: Line[]
  schedules: Map<string, Pair<string>>
  fires: number
  names: number
  txns: number
  views: Map<string, View>
  history: string[]
  /** Ids in the ring of jobs that were deleted by hand. */
  purged: Set<string>
  /** Kinds that are paused, as far as was committed. */
  paused: Set<string>
}

/** A job as both engines must tell it. */
export type View = { state: string; reason: string | null } & Record<string, unknown>

export type Random = {
  below(n: number): number
  chance(p: number): boolean
  pick<T>(list: readonly T[]): T
  /** Some of a list, at least one where there is one, in its order. */
  some<T>(list: readonly T[], most: number): T[]
  weighted<T>(list: readonly (readonly [number, T])[]): T
}

/** mulberry32: small, and the same everywhere. */
export function randomOf(seed: number): Random {
  let a = seed >>> 0
  const next = () => {
    a = (a + 0x6d2b79f5) | 0
    let t = Math.imul(a ^ (a >>> 15), 1 | a)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const below = (n: number) => Math.floor(next() * n)
  const pick = <T>(list: readonly T[]): T => {
    const one = list[below(list.length)]
    if (one === undefined) throw new Error('nothing to pick from')
    return one
  }
  return {
    below,
    chance: (p) => next() < p,
    pick,
    some(list, most) {
      const want = 1 + below(Math.min(most, Math.max(list.length, 1)))
      const places = new Set<number>()
      while (places.size < Math.min(want, list.length)) places.add(below(list.length))
      return list.filter((_, n) => places.has(n))
    },
    weighted(list) {
      let at = next() * list.reduce((sum, [weight]) => sum + weight, 0)
      for (const [weight, one] of list) {
        at -= weight
        if (at < 0) return one
      }
      return pick(list)[1]
    },
  }
}

export function newWorld(engines: Pair<Engine>, seed: number, lines: number): World {
  return {
    engines,
    random: randomOf(seed),
    step: 0,
    minutes: 0,
    jobs: new Map(),
    keys: pairOf(() => new Map()),
    ids: new Map(),
    leases: pairOf(() => new Map()),
    held: [],
    over: [],
    callbacks: [],
    lines: Array.from({ length: lines }, (_, n) => ({
      n,
      isOpen: false,
      holds: false,
      readCommitted: true,
      txn: 0,
      drew: 0,
      enqueued: [],
      claimed: new Set(),
      pending: [],
      marks: [],
    })),
    schedules: new Map(),
    fires: 0,
    names: 0,
    txns: 0,
    views: new Map(),
    history: [],
    purged: new Set(),
    paused: new Set(),
  }
}

/** The program's name of a job that an engine spoke of; one that it never enqueued itself is named after its payload. */
export function keyOf(
  world: World,
  which: Which,
  job: { id: string; kind?: string; payload?: unknown; metadata?: unknown },
): string {
  const known = world.keys[which].get(job.id)
  if (known !== undefined) return known
  const fire = (job.metadata as Record<string, unknown> | undefined)?.['countersign:fire_time'] ?? ''
  const key = `${job.kind} ${(job.payload as { k?: string } | null)?.k ?? '?'} ${fire}`.trim()
  if (job.kind !== undefined) world.keys[which].set(job.id, key)
  return key
}

/** Metadata without the ids that the engine writes into it. */
export const metadataOf = (metadata: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(metadata).filter(([name]) => name !== 'countersign:follows'))

export const newName = (world: World, prefix: string): string => `${prefix}${++world.names}`

/** A fault of an engine, or of the two taken together, by the name of the invariant that it breaks. */
export class Broken extends Error {
  readonly invariant: string
  constructor(invariant: string, message: string) {
    super(`${invariant}: ${message}`)
    this.name = 'Broken'
    this.invariant = invariant
  }
}
