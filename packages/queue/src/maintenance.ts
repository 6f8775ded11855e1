// Maintenance beside the work (Q122, Q123): one process at a time holds the lease and does what is due. Each duty has a loop, a cadence and a budget
// of its own, so that none waits for another; schedules are fired behind no other duty (Q116). Never holds a session lock, a duty is safe from
// many places at once, and another process takes over within 12 s of a death.

import { newWorkerId } from './announce.ts'
import { newEnding } from './ending.ts'
import type { Clock, Log } from './host.ts'
import { fireDue, noteSchedules, type Schedule } from './schedule.ts'
import { type DutyReport, dropLease, keepLease, type TickCounts, tick } from './sql.ts'
import { pause, type Store } from './store.ts'
import type { Meters } from './telemetry.ts'
import { checkTolerated, isOutdated } from './tolerance.ts'

export type DutyName = keyof TickCounts

/** `full`: what one call takes at most; a call that took as much has left some. */
type Duty = { name: DutyName; everyMs: number; budgetMs: number; full: number | null }

/** In the order in which `tick` does them: what fires and what frees work first. */
export const DUTIES: readonly Duty[] = [
  { name: 'cron', everyMs: 1_000, budgetMs: 1_000, full: null },
  { name: 'rescue', everyMs: 1_000, budgetMs: 5_000, full: 500 },
  { name: 'callbacks', everyMs: 1_000, budgetMs: 1_000, full: 500 },
  // Claims promote what is due in their queues; this is for the queues that nobody claims from.
  { name: 'promote', everyMs: 1_000, budgetMs: 1_000, full: 4_096 },
  { name: 'rotate', everyMs: 2_000, budgetMs: 1_000, full: null },
  { name: 'prune', everyMs: 2_000, budgetMs: 2_000, full: 1 },
  { name: 'carry', everyMs: 5_000, budgetMs: 2_000, full: null },
  { name: 'unknown', everyMs: 60_000, budgetMs: 1_000, full: 500 },
  { name: 'clean', everyMs: 60_000, budgetMs: 2_000, full: 500 },
]

const LEASE_MS = 10_000
const RENEW_MS = 3_000
const SEEK_MS = 1_000
const NOTE_MS = 600_000
/** However long a duty takes, it runs at least this often, in cadences. */
const SLOWEST = 10

export type MaintenanceHouse = {
  store: Store
  clock: Clock
  log: Log
  meters: Meters
  schedules: Iterable<Schedule>
  /** The schema tolerates this runtime no more: maintenance has stopped by itself. */
  outdated?: (error: unknown) => void
}

export type Maintenance = {
  leads(): boolean
  /** Time since the slowest loop last turned, beyond what it was to wait. */
  age(): number
  report(): DutyReport[]
  stop(): Promise<void>
}

/** How long a duty rests after a turn: one that overran backs off by twice its time, and never below a tenth of its cadence. */
export const restMs = ({ everyMs, budgetMs }: Pick<Duty, 'everyMs' | 'budgetMs'>, tookMs: number): number =>
  tookMs <= budgetMs ? everyMs : Math.min(Math.max(everyMs, 2 * tookMs), SLOWEST * everyMs)

type Turn = { done: number; more: boolean; waitMs: number | null }

/** One duty, again and again while there is more, until its time is spent. */
async function turnOf(
  { store, log, meters }: MaintenanceHouse,
  duty: Duty,
  budgetMs: number,
  signal?: AbortSignal,
): Promise<Turn> {
  const began = performance.now()
  for (let done = 0; ; ) {
    const { n, more, waitMs } = await callOf(duty)
    done += n
    if (!more || signal?.aborted || performance.now() - began >= budgetMs) return { done, more, waitMs }
  }

  async function callOf({ name, full }: Duty): Promise<{ n: number; more: boolean; waitMs: number | null }> {
    if (name === 'cron') {
      const { ids, waitMs } = await fireDue(store, log, meters)
      return { n: ids.length, more: waitMs === 0, waitMs }
    }
    const n = (await tick(store, [name]))[name] ?? 0
    if (name === 'rescue') meters.rescued('lost_or_late', n)
    if (name === 'callbacks') meters.rescued('callback_timeout', n)
    if (name === 'unknown' && n > 0) meters.deadLettered('other', 'other', 'unknown_kind', n)
    return { n, more: full !== null && n >= full, waitMs: null }
  }
}

/** What is due, once through, from anywhere: a cron job, a serverless function, a test. Duties that the budget did not reach are not in the answer. */
export async function tickOnce(
  house: MaintenanceHouse,
  options: { only?: readonly DutyName[]; budgetMs?: number } = {},
): Promise<TickCounts> {
  const { only, budgetMs = 30_000 } = options
  const duties = DUTIES.filter(({ name }) => !only || only.includes(name))
  const began = performance.now()
  const counts: TickCounts = {}
  for (const [i, duty] of duties.entries()) {
    const left = budgetMs - (performance.now() - began)
    if (i > 0 && left <= 0) {
      house.meters.dutySkipped(duty.name, 'budget')
      continue
    }
    // No duty may spend what the others need: its share of what is left.
    counts[duty.name] = (await turnOf(house, duty, left / (duties.length - i))).done
  }
  return counts
}

export function startMaintenance(house: MaintenanceHouse): Maintenance {
  const { store, clock, log, meters } = house
  const who = newWorkerId()
  const stopping = newEnding()
  const reports = new Map<DutyName, DutyReport>()
  /** Until when the lease is surely ours, by this process' own time. */
  let leadsUntil = 0
  const leads = () => performance.now() < leadsUntil
  const dueAt = new Map<string, number>()

  /** Goes on through any error; `fn` says how long to rest. */
  async function loop(what: string, everyMs: number, fn: () => Promise<number>): Promise<void> {
    let failures = 0
    while (!stopping.signal.aborted) {
      let rest = everyMs
      try {
        rest = await fn()
        failures = 0
      } catch (error) {
        if (isOutdated(error)) return retire(error)
        failures++
        if (failures === 1) log.warn({ err: error }, `maintenance: ${what} failed; trying again`)
        note(what, { error: error instanceof Error ? error.message : String(error) })
      }
      dueAt.set(what, performance.now() + rest)
      await pause(clock, rest, stopping.signal)
    }
  }

  /** The schema has left this runtime behind: another one, of the newer version, takes the lease over. */
  function retire(error: unknown): void {
    if (stopping.signal.aborted) return
    log.error({ err: error }, 'maintenance stops: its version and the schema of the database do not fit')
    stopping.abort()
    house.outdated?.(error)
    void end()
  }

  function note(what: string, told: Partial<DutyReport>): void {
    const report = reports.get(what as DutyName)
    if (report) Object.assign(report, told)
  }

  async function seek(): Promise<number> {
    await checkTolerated(store)
    const asked = performance.now()
    const got = await keepLease(store, 'maintenance', who, LEASE_MS, [...reports.values()])
    leadsUntil = got ? asked + LEASE_MS : 0
    return got ? RENEW_MS : SEEK_MS
  }

  async function perform(duty: Duty): Promise<number> {
    if (!leads()) return Math.min(duty.everyMs, SEEK_MS)
    const began = performance.now()
    const { done, more, waitMs } = await turnOf(house, duty, duty.budgetMs, stopping.signal)
    const took = performance.now() - began
    const rest = restMs(duty, took)
    const overran = took > duty.budgetMs
    meters.duty(duty.name, took)
    if (done > 0) log.debug({ duty: duty.name, done, ms: Math.round(took) }, 'maintenance did something')
    if (overran) {
      meters.dutySkipped(duty.name, 'overrun')
      log.warn(
        { duty: duty.name, ms: Math.round(took), rests_ms: Math.round(rest), more },
        'a duty of maintenance overran its budget',
      )
    }
    const before = reports.get(duty.name)
    reports.set(duty.name, {
      duty: duty.name,
      every_ms: duty.everyMs,
      budget_ms: duty.budgetMs,
      runs: (before?.runs ?? 0) + 1,
      done: (before?.done ?? 0) + done,
      overruns: (before?.overruns ?? 0) + (overran ? 1 : 0),
      last_ms: Math.round(took),
      rests_ms: Math.round(rest),
      error: null,
    })
    // A fire that is due before the next look is worth a look of its own.
    return waitMs === null || overran ? rest : Math.min(rest, Math.max(1, waitMs))
  }

  const loops = [
    loop('the lease', SEEK_MS, seek),
    ...DUTIES.map((duty) => loop(duty.name, duty.everyMs, () => perform(duty))),
    loop('the schedules of this process', NOTE_MS, async () => {
      await noteSchedules(store, house.schedules)
      return NOTE_MS
    }),
  ]
  return {
    leads,
    age: () => Math.round(Math.max(0, ...[...dueAt.values()].map((at) => performance.now() - at))),
    report: () => [...reports.values()],
    async stop() {
      stopping.abort()
      await end()
    },
  }

  async function end(): Promise<void> {
    await Promise.all(loops)
    const held = leads()
    leadsUntil = 0
    if (held)
      await dropLease(store, 'maintenance', who).catch((error: unknown) =>
        log.debug({ err: error }, 'the lease runs out by itself'),
      )
  }
}
