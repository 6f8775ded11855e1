// Maintenance beside the work: one process at a time holds the lease and does what is due, each second (Q122). Schedules have a loop of their
// own behind no other duty (Q116). Never holds a session lock, and another process takes over within 12 s of a death.
import type { Clock, Log } from './host.ts'
import { fireDue } from './schedule.ts'
import { dropLease, takeLease, tick } from './sql.ts'
import { pause, type Store } from './store.ts'
import { newWorkerId } from './worker.ts'

export type Maintenance = { leads(): boolean; age(): number; stop(): Promise<void> }

const LEASE_MS = 10_000
const EVERY_MS = 1_000
/** Cleaning and burying are no matter of seconds. */
const SELDOM = 60
const FULL = 500

export function startMaintenance(store: Store, clock: Clock, log: Log): Maintenance {
  const who = newWorkerId()
  const stopping = new AbortController()
  let leads = false
  let turnedAt = performance.now()

  async function lead(turn: number): Promise<void> {
    leads = await takeLease(store, 'maintenance', who, LEASE_MS)
    if (!leads) return
    const duties = turn % SELDOM === 0 ? null : ['rescue', 'callbacks', 'promote']
    for (;;) {
      const counts = await tick(store, duties)
      if (Object.values(counts).some((n) => n > 0)) log.debug(counts, 'maintenance did something')
      if (
        stopping.signal.aborted ||
        !['rescue', 'callbacks', 'unknown', 'clean'].some((duty) => (counts[duty as keyof typeof counts] ?? 0) >= FULL)
      )
        return
    }
  }

  async function every(what: string, fn: (turn: number) => Promise<unknown>): Promise<void> {
    let failures = 0
    for (let turn = 0; !stopping.signal.aborted; turn++) {
      try {
        await fn(turn)
        failures = 0
        turnedAt = performance.now()
      } catch (error) {
        failures++
        if (failures === 1) log.warn({ err: error }, `${what} failed; trying again`)
      }
      await pause(clock, EVERY_MS, stopping.signal)
    }
  }

  const loops = [
    every('maintenance', lead),
    every('the schedules', async () => {
      if (leads) await fireDue(store, log)
    }),
  ]
  return {
    leads: () => leads,
    age: () => Math.round(performance.now() - turnedAt),
    async stop() {
      stopping.abort()
      await Promise.all(loops)
      if (leads)
        await dropLease(store, 'maintenance', who).catch((error: unknown) =>
          log.debug({ err: error }, 'the lease runs out by itself'),
        )
      leads = false
    },
  }
}
