// What one process knows of its own health and the engine's (Q126). Answers also while the database is away, and never waits for a lock.
import { isDatabaseError, isStoreAway } from './error.ts'
import type { Maintenance } from './maintenance.ts'
import { counts, deadLetterDepth, type RingView, ringView, SCHEMA_VERSION, vitals } from './sql.ts'
import type { Store } from './store.ts'
import type { DatabaseReading } from './telemetry.ts'
import type { Wake } from './wake.ts'
import type { Worker } from './worker.ts'

export type HealthHouse = {
  store: Store
  wake: Wake
  workers: Iterable<Worker>
  maintenance(): Maintenance | undefined
  isClosing(): boolean
}

/** What goes on, but worse than it could. */
export type Degraded = 'listen' | 'maintenance' | 'schema' | 'claim_loop' | 'heartbeat' | 'ring_blocked' | 'horizon'

export type Health = {
  ready: boolean
  database: 'ok' | 'away'
  schema_version: number | null
  expected_schema_version: number
  listen: 'listening' | 'degraded' | 'off'
  claim_loop_age_ms: number | null
  heartbeat_age_ms: number | null
  maintenance_age_ms: number | null
  leader: string | null
  workers: number | null
  oldest_ready_ms: number | null
  /** null: not told to this login, or the database is away. */
  ring: {
    generation: number
    free_slots: number
    oldest_age_ms: number | null
    blocked: string | null
    blocked_pid: number | null
  } | null
  horizon_age_s: number | null
  shutting_down: boolean
  degraded: Degraded[]
}

const STUCK_MS = 60_000
export const PINNED_S = 300

export async function readHealth({ store, wake, workers, maintenance, isClosing }: HealthHouse): Promise<Health> {
  const [answer, view] = await Promise.all([vitals(store).catch(whyNot), ringView(store).catch(() => null)])
  const found = typeof answer === 'string' ? null : answer
  const ages = [...workers].map((worker) => worker.ages())
  const claimLoop = ages.length ? Math.max(...ages.map((one) => one.claim_loop_age_ms)) : null
  const heartbeat = ages.length ? Math.max(...ages.map((one) => one.heartbeat_age_ms)) : null
  // A login that may not ask learns nothing of the schema; what it may do, it can do.
  const fits = found?.schema_version === SCHEMA_VERSION || answer === 'denied'
  const horizon = view?.horizon_age_s ?? null
  const degraded: [Degraded, boolean][] = [
    ['listen', wake.status() === 'degraded'],
    ['maintenance', found?.leader === null],
    ['schema', answer !== 'away' && !fits],
    ['claim_loop', (claimLoop ?? 0) > STUCK_MS],
    ['heartbeat', (heartbeat ?? 0) > STUCK_MS],
    ['ring_blocked', view?.ring_blocked === true],
    ['horizon', (horizon ?? 0) > PINNED_S],
  ]
  return {
    ready: fits && !isClosing(),
    database: answer === 'away' ? 'away' : 'ok',
    schema_version: found?.schema_version ?? null,
    expected_schema_version: SCHEMA_VERSION,
    listen: wake.status(),
    claim_loop_age_ms: claimLoop,
    heartbeat_age_ms: heartbeat,
    maintenance_age_ms: maintenance()?.age() ?? null,
    leader: found?.leader ?? null,
    workers: found?.workers ?? null,
    oldest_ready_ms: found?.oldest_ready_ms ?? null,
    ring: view && ringOf(view),
    horizon_age_s: horizon,
    shutting_down: isClosing(),
    degraded: degraded.filter(([, is]) => is).map(([name]) => name),
  }
}

const INSUFFICIENT_PRIVILEGE = '42501'

function whyNot(error: unknown): 'away' | 'denied' | 'missing' {
  if (isStoreAway(error)) return 'away'
  return isDatabaseError(error) && error.code === INSUFFICIENT_PRIVILEGE ? 'denied' : 'missing'
}

const ringOf = (view: RingView): Health['ring'] => ({
  generation: view.generation,
  free_slots: view.free_slots,
  oldest_age_ms: view.oldest_age_ms,
  blocked: view.ring_blocked ? (view.blocked_reason ?? 'unknown') : null,
  blocked_pid: view.blocked_pid,
})

const FRESH_MS = 5_000

/** The figures of the database for those who watch: one reading for all who ask within five seconds. */
export function readingsOf(store: Store): () => Promise<DatabaseReading> {
  let last: { at: number; reading: Promise<DatabaseReading> } | undefined
  return () => {
    if (!last || performance.now() - last.at > FRESH_MS) last = { at: performance.now(), reading: read(store) }
    return last.reading
  }
}

async function read(store: Store): Promise<DatabaseReading> {
  const [found, depth, letters, view] = await Promise.all([
    vitals(store),
    counts(store),
    deadLetterDepth(store),
    ringView(store).catch(() => null),
  ])
  return {
    depth: depth.queues,
    oldestReadyMs: found.oldest_ready_ms,
    deadLetters: letters.groups,
    ring: view && {
      generation: view.generation,
      freeSlots: view.free_slots,
      oldestAgeMs: view.oldest_age_ms,
      horizonAgeS: view.horizon_age_s,
    },
  }
}
