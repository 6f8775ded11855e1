// The figures of tasks (T161): what was asked, how it ended and how long it took, for one stretch of time, within what the caller reaches (T18). Counts and
// names of members only; no content. Medians are read from buckets that double every second one. Exact: what rollups do not have yet is counted from the rows.
import type { Scope } from '../../db/scope.ts'
import { type Sql, sql } from '../../db/sql.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import { narrowed } from '../list/narrow.ts'
import { type Person, personOf, within } from '../person.ts'
import { findAgentNames } from '../sql.ts'
import { addRollups, addSaid, facetOf, rollupsOf } from './rollup/read.ts'
import {
  countCells,
  countMissingOutcomes,
  countOpen,
  findPersonNames,
  type GroupBy,
  type OpenCell,
  ofMany,
  ofStats,
  type Stretch,
  widen,
} from './sql.ts'
import { addCells, addCounts, addOpen, addSums, type Counts, emptyCounts, newTally, type Tally } from './tally.ts'
import { readZone, type Zone } from './zone.ts'

export type StatsInput = {
  days: number
  agent_id?: string
  person?: string
  pool?: string
  channel?: string
  tag?: string
  by: GroupBy
  time_zone: string
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const GROUPS = 50
const FIELDS = 20

export async function taskStats(house: TasksHouse, scope: Scope, input: StatsInput) {
  const zone = readZone(input.time_zone)
  return tx(
    house.db,
    scope,
    async (t) => {
      const person = await personOf(t, scope)
      const matching = await matchingOf(t, scope, person, input)
      const to = new Date(Math.floor(t.now.getTime() / HOUR_MS) * HOUR_MS + HOUR_MS)
      const from = new Date(to.getTime() - input.days * DAY_MS)
      const open = await countOpen(t, scope, { by: input.by, ages: agesAt(t.now) }, matching)
      const tally = await tallyOf(t, scope, input, { from, to }, matching)
      for (const cell of open) if (cell.hour >= from && cell.hour < to) addOpen(tally, cell)
      return {
        ...{ from, to, days: input.days, time_zone: zone.name },
        ...spoken(tally, { from, to }, zone),
        backlog: backlogOf(open, t.now),
        groups: input.by === 'none' ? [] : await groupsOf(t, scope, tally, input.by),
      }
    },
    // Marks, rollups and rows have to be of one moment.
    { readOnly: true, isolation: 'repeatable read' },
  )
}

async function tallyOf(t: Tx, scope: Scope, input: StatsInput, at: Stretch, matching: Sql): Promise<Tally> {
  const tally = newTally()
  const facet = facetOf(scope, input)
  const rollups = facet && (await rollupsOf(t, scope, at))
  if (facet && rollups) {
    const whole = { from: rollups.from, to: at.to }
    await addRollups(t, scope, tally, { facet, at: whole, since: rollups.since, by: input.by, matching })
  }
  const rows = { from: at.from, to: rollups?.from ?? at.to }
  if (rows.from < rows.to) await addRows(t, scope, tally, rows, { by: input.by, matching })
  return tally
}

async function addRows(t: Tx, scope: Scope, tally: Tally, at: Stretch, { by, matching }: { by: GroupBy; matching: Sql }) {
  await widen(t)
  addCells(tally, await countCells(t, scope, { ...at, by }, matching), { later: true })
  addSums(tally, await countMissingOutcomes(t, scope, at, matching))
  await addSaid(t, scope, tally, at, (more) => ofMany(scope, at, sql`${matching} and ${more}`))
}

function spoken(tally: Tally, at: Stretch, zone: Zone) {
  const { sums } = tally
  const totals = [...tally.hours.values()].reduce(addCounts, emptyCounts())
  const { edited, accepted } = totals
  return {
    totals,
    volume: volumeOf(tally, at, zone),
    heat: heatOf(tally, zone),
    first_look: timesOf(tally.look),
    decision: timesOf(tally.decision),
    escalated: sums.escalated,
    edits: {
      rate: edited + accepted === 0 ? null : edited / (edited + accepted),
      edited,
      accepted,
      fields: [...tally.fields]
        .map(([pointer, tasks]) => ({ pointer, tasks }))
        .sort((a, b) => b.tasks - a.tasks || (a.pointer < b.pointer ? -1 : 1))
        .slice(0, FIELDS),
    },
    verifier: { refusals: sums.refusals, tasks: sums.refused },
    quorum: { tasks: sums.voted, unanimous: sums.unanimous },
    after_approval: {
      approved: sums.approved,
      succeeded: sums.succeeded,
      failed: sums.failed,
      skipped: sums.skipped,
      missing: sums.missing,
    },
  }
}

/** From 2^(n/2) seconds ago on something has waited for the n-th bucket; beyond forty years nothing has. */
const AGES = 61
const agesAt = (now: Date): Date[] => Array.from({ length: AGES }, (_, i) => new Date(now.getTime() - startOf(AGES - i) * 1000))

/** How long what is open now has waited. */
function backlogOf(open: readonly OpenCell[], now: Date) {
  const ages = new Map<number, number>()
  for (const { age, tasks } of open) ages.set(AGES - age, (ages.get(AGES - age) ?? 0) + tasks)
  const oldest = Math.min(...open.map((one) => one.oldest.getTime()))
  return {
    open: open.reduce((sum, one) => sum + one.tasks, 0),
    oldest_seconds: open.length === 0 ? null : Math.round((now.getTime() - oldest) / 1000),
    ages: [...ages].sort(([a], [b]) => a - b).map(([bucket, tasks]) => ({ up_to_seconds: endOf(bucket), tasks })),
  }
}

/** Only what the caller reaches, as in any list. */
async function matchingOf(t: Tx, scope: Scope, person: Person | null, input: StatsInput): Promise<Sql> {
  const among = await narrowed(t, scope, person, { tag: input.tag })
  return ofStats(within(scope, 'task.stats', person), among, input)
}

/** Days as people count them where they are, each of the stretch, also those on which nothing was asked. */
function volumeOf({ hours }: Tally, { from, to }: Stretch, zone: Zone) {
  const days = new Map<string, Counts>()
  for (let at = from.getTime(); at < to.getTime(); at += DAY_MS / 4) days.set(zone.dayOf(at), emptyCounts())
  // Midnight may lie after the last of these steps.
  days.set(zone.dayOf(to.getTime() - 1), emptyCounts())
  for (const [at, more] of hours) {
    const counts = days.get(zone.dayOf(at))
    if (counts) addCounts(counts, more)
  }
  return [...days].map(([day, counts]) => ({ day, ...counts }))
}

function heatOf({ hours }: Tally, zone: Zone): { weekday: number; hour: number; tasks: number }[] {
  const heat = Array.from({ length: 7 * 24 }, (_, i) => ({ weekday: Math.floor(i / 24), hour: i % 24, tasks: 0 }))
  for (const [at, { created }] of hours) {
    const { weekday, hour } = zone.placeOf(at)
    const place = heat[weekday * 24 + hour]
    if (place) place.tasks += created
  }
  return heat
}

/** A bucket holds times from 2^(n/2) seconds on. */
const startOf = (bucket: number): number => (bucket <= 0 ? 0 : 2 ** (bucket / 2))
const endOf = (bucket: number): number => Math.round(2 ** ((bucket + 1) / 2) * 10) / 10

function timesOf(counts: ReadonlyMap<number, number>) {
  const buckets = [...counts].sort(([a], [b]) => a - b)
  return {
    tasks: buckets.reduce((sum, [, tasks]) => sum + tasks, 0),
    median_seconds: quantile(buckets, 0.5),
    p90_seconds: quantile(buckets, 0.9),
    histogram: buckets.map(([bucket, tasks]) => ({ from_seconds: startOf(bucket), up_to_seconds: endOf(bucket), tasks })),
  }
}

/** Within its bucket by how many lie before it. */
function quantile(buckets: readonly (readonly [number, number])[], share: number): number | null {
  const wanted = share * buckets.reduce((sum, [, tasks]) => sum + tasks, 0)
  let before = 0
  for (const [bucket, tasks] of buckets) {
    if (before + tasks >= wanted) {
      const [start, end] = [startOf(bucket), endOf(bucket)]
      return Math.round((start + ((end - start) * (wanted - before)) / tasks) * 10) / 10
    }
    before += tasks
  }
  return null
}

async function groupsOf(t: Tx, scope: Scope, { groups }: Tally, by: GroupBy) {
  const top = [...groups].sort(([a, one], [b, other]) => other.tasks - one.tasks || (a < b ? -1 : 1)).slice(0, GROUPS)
  const keys = top.map(([key]) => key)
  const found =
    by === 'agent' ? await findAgentNames(t, scope, keys) : by === 'person' ? await findPersonNames(t, scope, keys) : []
  const names = new Map(found.map(({ id, name }) => [id, name]))
  return top.map(([key, { tasks, escalated, approved, timed, took_ms }]) => ({
    key,
    name: names.get(key) ?? key,
    ...{ tasks, escalated, approved },
    mean_seconds: timed === 0 ? null : Math.round(took_ms / timed / 100) / 10,
  }))
}
