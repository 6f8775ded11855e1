// The loop that seals (P112, P115–P117): one process holds the lease, looks four times a second and whenever the record rings, seals what committed since,
// signs checkpoints that are due, and says so when the database turns out to be another than it was. Writers never wait for any of it.
// Never holds a lock between two steps: killed at any instant it leaves the state of the step before, and the next holder seals the same rows.
import { canonical } from '../../crypto/canonical.ts'
import { sha256Hex } from '../../crypto/token.ts'
import { isRetryable } from '../../db/errors.ts'
import { systemScope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { newId, tenantWire } from '../../std/id.ts'
import { SEAL_TOPIC } from '../event.ts'
import { CHECKPOINT_EVENTS, CHECKPOINT_MS, signDue } from './checkpoint.ts'
import type { HeadMemory } from './heads.ts'
import type { AuditHouse } from './house.ts'
import { type End, lead, notePlace, type Place, sealEnds, sealEvents, sealPlace, stopLeading, type ToldRow } from './sql.ts'

type SealHouse = Pick<AuditHouse, 'db' | 'keyring' | 'log' | 'origin'>

export type SealerOptions = {
  /** Sizes of the logs as they were last seen from here, outside of the database. */
  memory?: HeadMemory
  everyMs?: number
}
export type Sealer = { close(): Promise<void> }

const DUTY = 'seal'
const EVERY_MS = 250
// A ring is not answered more often than this: a step of a few rows costs as much as one of hundreds.
const APART_MS = 100
const LEASE_MS = 6_000
const RENEW_MS = 2_000
const CHECKPOINT_LOOK_MS = 1_000
const PLACE_LOOK_MS = 60_000
const AWAY_MS = 1_000
/** Rows of one transaction; more are sealed by the next, in the same step. */
const PART = 200_000

const system = systemScope('seal')

/** Everything that committed since the last step, as one step. Whoever loses every race against another sealer leaves it to that one. */
export async function sealStep({ db }: Pick<SealHouse, 'db'>, part = PART): Promise<number> {
  let all = 0
  for (;;) {
    // Two sealers race: the second to come to the row of the state gets 40001, and tx() runs it again, a few times.
    const step = await tx(db, system, (t) => sealEvents(t, part), { isolation: 'repeatable read' }).catch((error: unknown) => {
      if (!isRetryable(error)) throw error
      return null
    })
    all += step?.sealed ?? 0
    if (!step?.more) return all
  }
}

/**
 * Before the first step of a holder: is this the database that was sealed last (P117)? A new timeline or cluster, or a log that is shorter than it was seen
 * from here, is told in every tenant's record before anything else is sealed.
 */
export async function watchPlace({ db, log }: Pick<SealHouse, 'db' | 'log'>, memory?: HeadMemory): Promise<string | null> {
  const seen = (await memory?.read()) ?? {}
  return tx(db, system, async (t) => {
    const place = await sealPlace(t)
    const ends = await sealEnds(t)
    const shorter = ends.filter((end) => (seen[end.tenant_id]?.size ?? 0) > end.size)
    const reason = reasonOf(place, shorter.length > 0)
    if (reason === null && place.known_cluster !== null) return null
    const told = reason === null ? [] : ends.map((end) => toldOfRestore(t.now, end, reason, seen[end.tenant_id]))
    const { noted } = await notePlace(t, place, told)
    if (!noted || reason === null) return null
    if (memory) t.afterCommit(() => void memory.remember(ends))
    log.error({ reason, tenants: ends.length, shorter: shorter.map((end) => tenantWire(end.tenant_id)) }, SENTENCES[reason])
    return reason
  })
}

type Reason = 'cluster' | 'timeline' | 'shorter'
const SENTENCES: Record<Reason, string> = {
  cluster: 'the database is another cluster than the one that was sealed last: all events without a seal are sealed as one step',
  timeline: 'the database runs on another timeline than it did: it was restored or failed over',
  shorter: 'the log is shorter than it was seen before: the database was set back',
}

function reasonOf(place: Place, isShorter: boolean): Reason | null {
  if (place.known_cluster !== null && place.known_cluster !== place.cluster) return 'cluster'
  if (isShorter) return 'shorter'
  return place.known_timeline !== null && place.known_timeline !== place.timeline ? 'timeline' : null
}

function toldOfRestore(now: Date, end: End, reason: Reason, seen: { size: number; hash: string } | undefined): ToldRow {
  const id = newId('evt', now.getTime())
  const old = seen ?? { size: end.checkpoint_size, hash: null }
  const body = canonical({
    id,
    type: 'audit.restored',
    class: 'audit',
    occurred_at: now,
    tenant_id: tenantWire(end.tenant_id),
    actor: system.actor,
    on_behalf_of: [],
    resource: null,
    data: { reason, old_head: old, new_head: { size: end.size, hash: end.hash.toString('hex') } },
    request_id: null,
  })
  return { id, tenant_id: end.tenant_id, actor_id: system.actor.id, occurred_at: now, body }
}

/** Logs that are shorter than they were seen from here, as their tenants' spoken ids: somebody set the database back (P117). */
export async function shorterLogs({ db }: Pick<SealHouse, 'db'>, memory: HeadMemory): Promise<string[]> {
  const seen = await memory.read()
  const ends = await tx(db, system, sealEnds)
  const sizes = new Map(ends.map((end) => [end.tenant_id, end.size]))
  return Object.entries(seen).flatMap(([tenant, { size }]) => ((sizes.get(tenant) ?? 0) < size ? [tenantWire(tenant)] : []))
}

export function openSealer(house: SealHouse, { memory, everyMs = EVERY_MS }: SealerOptions = {}): Sealer {
  const { db, log } = house
  const holder = `seal-${sha256Hex(crypto.randomUUID()).slice(0, 12)}`
  const now = () => db.clock.now().getTime()
  let closed = false
  let renewAt = 0
  let leads = false
  let lookedAt = { place: -Infinity, checkpoints: -Infinity }
  let ring = (): void => undefined
  const unsubscribe = db.listen.subscribe(SEAL_TOPIC, () => ring())

  async function holdsDuty(): Promise<boolean> {
    if (now() < renewAt) return leads
    const held = (await tx(db, system, (t) => lead(t, DUTY, holder, LEASE_MS))).held === true
    if (held && !leads) lookedAt = { place: -Infinity, checkpoints: -Infinity }
    leads = held
    renewAt = now() + RENEW_MS
    return held
  }

  async function round(): Promise<void> {
    if (!(await holdsDuty())) return
    if (now() - lookedAt.place >= PLACE_LOOK_MS) {
      await watchPlace(house, memory)
      lookedAt.place = now()
    }
    await sealStep(house)
    if (now() - lookedAt.checkpoints >= CHECKPOINT_LOOK_MS) {
      lookedAt.checkpoints = now()
      if ((await signDue(house, CHECKPOINT_EVENTS, CHECKPOINT_MS)) > 0) await memory?.remember(await tx(db, system, sealEnds))
    }
  }

  const pause = (ms: number, wakes: boolean) =>
    new Promise<void>((resolve) => {
      const stop = db.clock.timer(ms, resolve)
      ring = () => {
        if (!wakes && !closed) return
        stop()
        resolve()
      }
    })

  async function run(): Promise<void> {
    while (!closed) {
      const began = now()
      let wait = everyMs
      await round().catch((error: unknown) => {
        log.warn({ err: error }, 'a step of sealing failed; it is tried again')
        wait = AWAY_MS
        renewAt = 0
      })
      if (closed) break
      await pause(Math.max(0, Math.min(APART_MS, APART_MS - (now() - began))), false)
      if (!closed) await pause(Math.max(0, wait - APART_MS), true)
    }
    if (leads)
      await tx(db, system, (t) => stopLeading(t, DUTY, holder)).catch((error: unknown) =>
        log.debug({ err: error }, 'the lease of sealing runs out by itself'),
      )
  }
  const running = run()
  return {
    async close() {
      closed = true
      unsubscribe()
      ring()
      await running
    },
  }
}
