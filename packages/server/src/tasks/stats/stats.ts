// The figures of tasks (T161): what was asked, how it ended and how long it took, for one stretch of time, within what the caller reaches (T18). Counts and
// names of members only; no content. Medians are read from buckets that double every second one.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import type { Sql } from '../../db/sql.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { TasksHouse } from '../house.ts'
import { narrowed } from '../list/narrow.ts'
import { type Person, personOf, within } from '../person.ts'
import { findAgentNames } from '../sql.ts'
import {
  type Cell,
  countAgreement,
  countBacklog,
  countCells,
  countEditedFields,
  countMissingOutcomes,
  findPersonNames,
  type GroupBy,
  ofStats,
  widen,
} from './sql.ts'

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

const DAY_MS = 86_400_000
const GROUPS = 50

export async function taskStats(house: TasksHouse, scope: Scope, input: StatsInput) {
  const zone = readZone(input.time_zone)
  return tx(
    house.db,
    scope,
    async (t) => {
      const person = await personOf(t, scope)
      const matching = await matchingOf(t, scope, person, input)
      const to = new Date(Math.floor(t.now.getTime() / 3_600_000) * 3_600_000 + 3_600_000)
      const from = new Date(to.getTime() - input.days * DAY_MS)
      await widen(t)
      const cells = await countCells(t, scope, { from, to, by: input.by }, matching)
      const of = (name: Cell['of']) => cells.filter((cell) => cell.of === name)
      const hours = of('hour')
      const backlog = await countBacklog(t, scope, matching)
      const edited = sum(hours, (cell) => (cell.outcome === 'edited' ? cell.tasks : 0))
      const accepted = sum(hours, (cell) => (cell.outcome === 'accepted' ? cell.tasks : 0))
      const at = { from, to }
      const agreement = await countAgreement(t, scope, at, matching)
      return {
        from,
        to,
        days: input.days,
        time_zone: zone,
        totals: totalsOf(hours),
        volume: volumeOf(hours, at, zone),
        heat: heatOf(hours, zone),
        first_look: timesOf(of('look')),
        decision: timesOf(of('decision')),
        backlog: {
          open: sum(backlog, (one) => one.tasks),
          oldest_seconds: backlog.length === 0 ? null : Math.round(Math.max(...backlog.map((one) => one.oldest))),
          ages: backlog.map(({ bucket, tasks }) => ({ up_to_seconds: endOf(bucket), tasks })),
        },
        escalated: sum(hours, (cell) => cell.escalated),
        edits: {
          rate: edited + accepted === 0 ? null : edited / (edited + accepted),
          edited,
          accepted,
          fields: edited === 0 ? [] : await countEditedFields(t, scope, at, matching),
        },
        verifier: { refusals: sum(hours, (cell) => cell.refusals), tasks: sum(hours, (cell) => cell.refused) },
        quorum: agreement,
        after_approval: {
          approved: sum(hours, (cell) => cell.approved),
          succeeded: sum(hours, (cell) => cell.succeeded),
          failed: sum(hours, (cell) => cell.failed),
          skipped: sum(hours, (cell) => cell.skipped),
          missing: (await countMissingOutcomes(t, scope, at, matching)).missing,
        },
        groups: input.by === 'none' ? [] : await groupsOf(t, scope, of('group'), input.by),
      }
    },
    { readOnly: true },
  )
}

/** Only what the caller reaches, as in any list. */
async function matchingOf(t: Tx, scope: Scope, person: Person | null, input: StatsInput): Promise<Sql> {
  const among = await narrowed(t, scope, person, { tag: input.tag })
  return ofStats(within(scope, 'task.stats', person), among, input)
}

function readZone(name: string): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone
  } catch {
    throw new Problem('validation_failed', {
      errors: [{ path: 'time_zone', code: 'unknown', message: 'There is no such time zone; write it as Europe/Berlin.' }],
    })
  }
}

const sum = <T>(all: readonly T[], of: (one: T) => number): number => all.reduce((total, one) => total + of(one), 0)

const WORDS = ['answered', 'accepted', 'edited', 'responded', 'ignored', 'denied', 'defaulted'] as const
const ENDS = ['timed_out', 'cancelled', 'verification_exhausted'] as const
type Counts = Record<'created' | 'open' | (typeof WORDS)[number] | (typeof ENDS)[number], number>

const emptyCounts = (): Counts => ({
  created: 0,
  open: 0,
  ...(Object.fromEntries([...WORDS, ...ENDS].map((word) => [word, 0])) as Record<
    (typeof WORDS)[number] | (typeof ENDS)[number],
    number
  >),
})

function add(counts: Counts, { status, outcome, tasks }: Cell): Counts {
  counts.created += tasks
  const word = outcome ?? (ENDS.some((end) => end === status) ? status : 'open')
  counts[word as keyof Counts] += tasks
  return counts
}

const totalsOf = (hours: readonly Cell[]): Counts => hours.reduce(add, emptyCounts())

/** Days as people count them where they are, each of the stretch, also those on which nothing was asked. */
function volumeOf(hours: readonly Cell[], { from, to }: { from: Date; to: Date }, zone: string) {
  const dayOf = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' })
  const days = new Map<string, Counts>()
  for (let at = from.getTime(); at < to.getTime(); at += DAY_MS / 4) days.set(dayOf.format(at), emptyCounts())
  const names = new Map<number, string>()
  for (const cell of hours) {
    const at = (cell.hour as Date).getTime()
    const day = names.get(at) ?? dayOf.format(at)
    names.set(at, day)
    const counts = days.get(day)
    if (counts) add(counts, cell)
  }
  return [...days].map(([day, counts]) => ({ day, ...counts }))
}

/** Monday is 0. */
function heatOf(hours: readonly Cell[], zone: string): { weekday: number; hour: number; tasks: number }[] {
  const partsOf = new Intl.DateTimeFormat('en', { timeZone: zone, weekday: 'short', hour: '2-digit', hourCycle: 'h23' })
  const heat = Array.from({ length: 7 * 24 }, () => 0)
  const places = new Map<number, number>()
  for (const { hour, tasks } of hours) {
    const at = (hour as Date).getTime()
    const place = places.get(at) ?? placeOf(partsOf.formatToParts(at))
    places.set(at, place)
    heat[place] = (heat[place] ?? 0) + tasks
  }
  return heat.map((tasks, i) => ({ weekday: Math.floor(i / 24), hour: i % 24, tasks }))
}

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun']

function placeOf(parts: readonly Intl.DateTimeFormatPart[]): number {
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? ''
  return WEEKDAYS.indexOf(part('weekday')) * 24 + Number(part('hour'))
}

/** A bucket holds times from 2^(n/2) seconds on. */
const startOf = (bucket: number): number => (bucket <= 0 ? 0 : 2 ** (bucket / 2))
const endOf = (bucket: number): number => Math.round(2 ** ((bucket + 1) / 2) * 10) / 10

function timesOf(cells: readonly Cell[]) {
  const counts = new Map<number, number>()
  for (const { bucket, tasks } of cells) if (bucket !== null) counts.set(bucket, (counts.get(bucket) ?? 0) + tasks)
  const buckets = [...counts].sort(([a], [b]) => a - b)
  return {
    tasks: sum(buckets, ([, tasks]) => tasks),
    median_seconds: quantile(buckets, 0.5),
    p90_seconds: quantile(buckets, 0.9),
    histogram: buckets.map(([bucket, tasks]) => ({ from_seconds: startOf(bucket), up_to_seconds: endOf(bucket), tasks })),
  }
}

/** Within its bucket by how many lie before it. */
function quantile(buckets: readonly (readonly [number, number])[], share: number): number | null {
  const wanted = share * sum(buckets, ([, tasks]) => tasks)
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

async function groupsOf(t: Tx, scope: Scope, cells: readonly Cell[], by: GroupBy) {
  const top = cells
    .filter(({ key }) => key !== null)
    .toSorted((a, b) => b.tasks - a.tasks)
    .slice(0, GROUPS)
  const keys = top.map(({ key }) => key as string)
  const found =
    by === 'agent' ? await findAgentNames(t, scope, keys) : by === 'person' ? await findPersonNames(t, scope, keys) : []
  const names = new Map(found.map(({ id, name }) => [id, name]))
  return top.map(({ key, tasks, escalated, approved, seconds }) => ({
    key: key as string,
    name: names.get(key as string) ?? (key as string),
    tasks,
    escalated,
    approved,
    mean_seconds: seconds === null ? null : Math.round(seconds * 10) / 10,
  }))
}
