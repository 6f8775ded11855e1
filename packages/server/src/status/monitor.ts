// Measures every minute where this process keeps the house (P142), keeps 90 days of it. What cannot be written while
// the database is away is kept in memory and written when it is back, so that an outage stands in the history. Never measures on a request.
import { Problem } from '@countersign/sdk'
import { systemScope } from '../db/scope.ts'
import { type Db, tx } from '../db/tx.ts'
import type { Log } from '../std/log.ts'
import type { Probe, Reading } from './probe.ts'
import { deleteOldDays, deleteOldReadings, insertReadings, type ReadingRow } from './sql.ts'

export type Monitor = {
  /** One round. What went wrong in it is in the log and in what it measured. */
  measure(): Promise<void>
  close(): Promise<void>
}

export type MonitorHouse = { db: Db; log: Log; probes: readonly Probe[] }

const EVERY_MS = 60_000
const DAY_MS = 86_400_000
export const KEPT_DAYS = 90
// A day without a database: more is an outage that everybody knows of.
const MOST_UNSAVED = 1_440 * 8
const DATABASE = 'database'

const scope = systemScope('status')

export function openMonitor({ db, log, probes }: MonitorHouse): Monitor {
  let unsaved: ReadingRow[] = []
  let closed = false
  let running: Promise<void> = Promise.resolve()

  async function look(probe: Probe, minute: Date): Promise<ReadingRow[]> {
    try {
      const { state, measured }: Reading = await tx(db, scope, (t) => probe.measure(t), { readOnly: true })
      return [{ probe: probe.name, minute, state, measured }]
    } catch (error) {
      const away = error instanceof Problem && error.code === 'store_unavailable'
      if (away) return probe.name === DATABASE ? [{ probe: DATABASE, minute, state: 'outage', measured: {} }] : []
      // A probe that breaks says nothing, which the page shows as unknown.
      log.error({ err: error, probe: probe.name }, 'a probe broke')
      return []
    }
  }

  async function round(): Promise<void> {
    const minute = db.clock.now()
    // One after the other: to measure is not to load.
    for (const probe of probes) unsaved.push(...(await look(probe, minute)))
    unsaved = unsaved.slice(-MOST_UNSAVED)
    try {
      const batch = unsaved
      await tx(db, scope, async (t) => {
        await insertReadings(t, oneAMinute(batch))
        const before = new Date(t.now.getTime() - KEPT_DAYS * DAY_MS)
        await deleteOldReadings(t, before)
        await deleteOldDays(t, before)
      })
      unsaved = unsaved.slice(batch.length)
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      log.warn({ err: error, unsaved: unsaved.length }, 'what was measured waits for the database')
    }
  }

  const measure = () => {
    running = running.then(round).catch((error: unknown) => log.error({ err: error }, 'the measuring failed'))
    return running
  }

  let cancel: () => void = () => undefined
  const beat = () => {
    if (closed) return
    void measure()
    cancel = db.clock.timer(EVERY_MS, beat)
  }
  beat()

  return {
    measure,
    async close() {
      closed = true
      cancel()
      await running
    },
  }
}

/** Two rounds in one minute are one reading, the worse of them: a key of the table may stand in a statement once. */
function oneAMinute(rows: readonly ReadingRow[]): ReadingRow[] {
  const rank = { ok: 0, warn: 1, outage: 2 }
  const kept = new Map<string, ReadingRow>()
  for (const row of rows) {
    const key = `${row.probe} ${Math.floor(row.minute.getTime() / 60_000)}`
    const other = kept.get(key)
    if (!other || rank[row.state] > rank[other.state]) kept.set(key, row)
  }
  return [...kept.values()]
}
