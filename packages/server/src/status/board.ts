// What the status page shows, put together from rows: how each component stands, its 90 days, the database's pace, and what hosts say. While the database is
// away the last board is shown, from memory or from its file, with the time it is of and the outage (P143). Measures nothing, and reads at most every few seconds.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { Problem } from '@countersign/sdk'
import { systemScope } from '../db/scope.ts'
import { type Db, tx } from '../db/tx.ts'
import type { Log } from '../std/log.ts'
import { type Incident, withUpdates } from './incident.ts'
import { KEPT_DAYS } from './monitor.ts'
import type { Measured, Probe, State } from './probe.ts'
import { type LatencyRow, latestReadings, listCurrent, listDays, listLatency, stateSince } from './sql.ts'

export type Shown = State | 'unknown'
export type Day = { day: string; ok: number; warn: number; outage: number }
export type Component = {
  name: string
  title: string
  says: string
  state: Shown
  /** Since when it is not as it should be. */
  since: string | null
  measured_at: string | null
  measured: Measured
  /** The share of measurements of 90 days that were no outage; null when there are none. */
  uptime: number | null
  days: Day[]
}
export type Board = {
  status: Shown
  sentence: string
  as_of: string | null
  /** Since when the database has not answered; null while it does. */
  away_since: string | null
  components: Component[]
  latency: { at: string; p50_ms: number; p95_ms: number }[]
  incidents: Incident[]
}

type Facts = Omit<Board, 'status' | 'sentence' | 'as_of' | 'away_since'> & { as_of: string }

export type Boards = {
  /** Answers within a second whatever the database does. */
  current(): Promise<Board>
}

export type BoardHouse = { db: Db; log: Log; probes: readonly Probe[]; file: string | null }

const KEPT_MS = 1_000
const WITHIN_MS = 1_000
const DAY_MS = 86_400_000
// Three rounds without a word: nobody measures.
const STALE_MS = 200_000
const scope = systemScope('status')

export function openBoards(house: BoardHouse): Boards {
  const { db, log, file } = house
  const now = () => db.clock.now().getTime()
  let last: Facts | null = null
  let away: string | null = null
  let asked: { at: number; facts: Promise<Facts | null> } | undefined
  let saved = 0

  async function read(): Promise<Facts | null> {
    let stop: (() => void) | undefined
    const late = new Promise<null>((resolve) => {
      stop = db.clock.timer(WITHIN_MS, () => resolve(null))
    })
    const found = readFacts(house).catch((error: unknown) => {
      if (!(error instanceof Problem)) log.error({ err: error }, 'the status could not be read')
      return null
    })
    const facts = await Promise.race([found, late])
    stop?.()
    if (facts) save(facts)
    return facts
  }

  function save(facts: Facts): void {
    if (file === null || now() - saved < 60_000) return
    saved = now()
    try {
      // Whole or not at all: who reads it while it is written reads the one before.
      writeFileSync(`${file}.new`, `${JSON.stringify(facts)}\n`, { mode: 0o600 })
      renameSync(`${file}.new`, file)
    } catch (error) {
      log.warn({ err: error, file }, 'the snapshot of the status could not be written')
    }
  }

  return {
    async current() {
      const at = now()
      if (!asked || at - asked.at >= KEPT_MS || at < asked.at) asked = { at, facts: read() }
      const facts = await asked.facts
      if (facts) {
        last = facts
        away = null
        return boardOf(facts, null, db.clock.now())
      }
      away ??= db.clock.now().toISOString()
      last ??= file === null ? null : readSnapshot(file, log)
      return last ? boardOf(last, away, db.clock.now()) : emptyBoard(house.probes, away)
    },
  }
}

function readSnapshot(file: string, log: Log): Facts | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Facts
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      log.warn({ err: error, file }, 'the snapshot of the status could not be read')
    return null
  }
}

const readFacts = ({ db, probes }: BoardHouse): Promise<Facts> =>
  tx(
    db,
    scope,
    async (t) => {
      const since = new Date(t.now.getTime() - (KEPT_DAYS - 1) * DAY_MS)
      const latest = new Map((await latestReadings(t, new Date(t.now.getTime() - 2 * DAY_MS))).map((row) => [row.probe, row]))
      const changed = new Map((await stateSince(t, new Date(t.now.getTime() - 2 * DAY_MS))).map((row) => [row.probe, row.since]))
      const days = await listDays(t, since)
      const latency: LatencyRow[] = await listLatency(t, new Date(t.now.getTime() - DAY_MS))
      const incidents = await withUpdates(t, await listCurrent(t, new Date(t.now.getTime() - 14 * DAY_MS)))
      const components = probes.map(({ name, title, says }): Component => {
        const row = latest.get(name)
        const fresh = row !== undefined && t.now.getTime() - row.minute.getTime() <= STALE_MS
        const own = days.filter((day) => day.probe === name)
        return {
          name,
          title,
          says,
          state: fresh ? row.state : 'unknown',
          since: fresh ? (changed.get(name)?.toISOString() ?? null) : null,
          measured_at: row?.minute.toISOString() ?? null,
          measured: row?.measured ?? {},
          uptime: uptimeOf(own),
          days: everyDay(own, t.now),
        }
      })
      return {
        as_of: t.now.toISOString(),
        components,
        latency: latency.map((one) => ({ ...one, at: one.at.toISOString() })),
        // As JSON, so that a board from the file and one from memory are the same thing.
        incidents: JSON.parse(JSON.stringify(incidents)) as Incident[],
      }
    },
    { readOnly: true },
  )

function uptimeOf(days: readonly Day[]): number | null {
  const sum = days.reduce((all, { ok, warn, outage }) => ({ all: all.all + ok + warn + outage, bad: all.bad + outage }), {
    all: 0,
    bad: 0,
  })
  return sum.all === 0 ? null : Math.floor(((sum.all - sum.bad) / sum.all) * 100_000) / 100_000
}

/** Oldest first; a day without a measurement is a day of zeros. */
function everyDay(days: readonly Day[], now: Date): Day[] {
  const known = new Map(days.map(({ day, ok, warn, outage }) => [day, { day, ok, warn, outage }]))
  return Array.from({ length: KEPT_DAYS }, (_, i) => {
    const day = new Date(now.getTime() - (KEPT_DAYS - 1 - i) * DAY_MS).toISOString().slice(0, 10)
    return known.get(day) ?? { day, ok: 0, warn: 0, outage: 0 }
  })
}

function boardOf(facts: Facts, away: string | null, now: Date): Board {
  const components =
    away === null
      ? facts.components
      : facts.components.map((one) =>
          one.name === 'database' ? { ...one, state: 'outage' as const, since: away } : { ...one, state: 'unknown' as const },
        )
  const board = { ...facts, components, away_since: away }
  return { ...board, status: statusOf(board), sentence: sentenceOf(board, now) }
}

const emptyBoard = (probes: readonly Probe[], away: string): Board => {
  const facts: Facts = {
    as_of: '',
    components: probes.map(({ name, title, says }) => ({
      ...{ name, title, says, state: 'unknown', since: null, measured_at: null, measured: {}, uptime: null, days: [] },
    })),
    latency: [],
    incidents: [],
  }
  return { ...boardOf(facts, away, new Date(away)), as_of: null }
}

type Judged = Pick<Board, 'components' | 'incidents' | 'away_since'>

const isOpen = (one: Incident) => one.kind === 'incident' && one.closed_at === null
const isUnderWay = (one: Incident) => one.kind === 'maintenance' && one.status === 'in_progress'

function statusOf({ components, incidents, away_since }: Judged): Shown {
  const states = components.map((one) => one.state)
  const worst = incidents.filter(isOpen).some((one) => one.severity === 'SEV-1' || one.severity === 'SEV-2')
  if (away_since !== null || worst || states.includes('outage')) return 'outage'
  if (states.includes('warn') || incidents.some((one) => isOpen(one) || isUnderWay(one))) return 'warn'
  return states.every((state) => state === 'unknown') ? 'unknown' : 'ok'
}

/** The current state in one sentence: the worst thing first, in the words of people. */
function sentenceOf({ components, incidents, away_since }: Judged, now: Date): string {
  if (away_since !== null)
    return `The database has been away since ${timeOf(away_since, now)}; what is shown is what was known before.`
  const open = incidents.filter(isOpen)
  if (open[0]) return open.length === 1 ? `There is an incident: ${open[0].title}` : `There are ${open.length} incidents.`
  const named = (state: Shown) => components.filter((one) => one.state === state).map((one) => one.title)
  const down = named('outage')
  if (down.length > 0) return `${list(down)} ${down.length === 1 ? 'is' : 'are'} not working.`
  const slow = named('warn')
  if (slow.length > 0) return `Everything works; ${list(slow)} ${slow.length === 1 ? 'needs' : 'need'} attention.`
  const maintenance = incidents.find(isUnderWay)
  if (maintenance) return `Maintenance is under way: ${maintenance.title}`
  const unknown = named('unknown')
  if (unknown.length === components.length) return 'Nothing has been measured in the last minutes.'
  return unknown.length > 0
    ? `Everything that was measured works; of ${list(unknown)} nothing is known just now.`
    : 'Everything works.'
}

/** As people say it: the time alone when it is of today. */
export function timeOf(iso: string, now: Date): string {
  const [day, time = ''] = iso.split('T')
  return `${day === now.toISOString().slice(0, 10) ? '' : `${day} `}${time.slice(0, 5)} UTC`
}

export const list = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
