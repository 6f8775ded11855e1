// The figures while they are added up, from rows and from rollups alike. Knows no table and no zone.
import type { Cell, OpenCell } from './sql.ts'

export const WORDS = ['answered', 'accepted', 'edited', 'responded', 'ignored', 'denied', 'defaulted'] as const
export const ENDS = ['timed_out', 'cancelled', 'verification_exhausted'] as const
export const ENDINGS = [...WORDS, ...ENDS] as const
export type Counts = Record<'created' | 'open' | (typeof ENDINGS)[number], number>

const SUMS = [
  ...(['escalated', 'refusals', 'refused', 'approved', 'voted', 'unanimous'] as const),
  ...(['succeeded', 'failed', 'skipped', 'missing'] as const),
] as const
export type Sums = Record<(typeof SUMS)[number], number>
export type Group = { tasks: number; escalated: number; approved: number; timed: number; took_ms: number }

export type Tally = {
  /** By the hour of UTC in which it was asked, in ms. */
  hours: Map<number, Counts>
  look: Map<number, number>
  decision: Map<number, number>
  fields: Map<string, number>
  groups: Map<string, Group>
  sums: Sums
}

export const newTally = (): Tally => ({
  hours: new Map(),
  look: new Map(),
  decision: new Map(),
  fields: new Map(),
  groups: new Map(),
  sums: Object.fromEntries(SUMS.map((name) => [name, 0])) as Sums,
})

export const emptyCounts = (): Counts => ({
  created: 0,
  open: 0,
  ...(Object.fromEntries(ENDINGS.map((word) => [word, 0])) as Record<(typeof ENDINGS)[number], number>),
})

export function addCounts(to: Counts, more: Counts): Counts {
  for (const name of Object.keys(more) as (keyof Counts)[]) to[name] += more[name]
  return to
}

const addTo = <K>(map: Map<K, number>, key: K, n: number) => map.set(key, (map.get(key) ?? 0) + n)

export function hourOf({ hours }: Tally, at: number): Counts {
  const known = hours.get(at)
  if (known) return known
  const made = emptyCounts()
  hours.set(at, made)
  return made
}

export function addSums({ sums }: Tally, more: Partial<Sums>): void {
  for (const name of SUMS) sums[name] += more[name] ?? 0
}

export function addGroup({ groups }: Tally, { key, ...more }: Group & { key: string | null }): void {
  if (key === null) return
  const group = groups.get(key) ?? { tasks: 0, escalated: 0, approved: 0, timed: 0, took_ms: 0 }
  for (const name of Object.keys(group) as (keyof Group)[]) group[name] += more[name]
  groups.set(key, group)
}

export function addPart(tally: Tally, { of, name, tasks }: { of: string; name: string; tasks: number }): void {
  if (of === 'field') addTo(tally.fields, name, tasks)
  else addTo(of === 'look' ? tally.look : tally.decision, Number(name), tasks)
}

/** `later`: whether what became of answers is counted from these rows too. */
export function addCells(tally: Tally, cells: readonly Cell[], { later }: { later: boolean }): void {
  for (const cell of cells) {
    const { of, hour, status, outcome, bucket, key, tasks, escalated, approved, timed, took_ms } = cell
    if (of === 'group') addGroup(tally, { key, tasks, escalated, approved, timed, took_ms })
    else if (of !== 'hour') {
      if (bucket !== null) addPart(tally, { of, name: String(bucket), tasks })
    } else {
      const counts = hourOf(tally, (hour as Date).getTime())
      counts.created += tasks
      counts[(outcome ?? status) as keyof Counts] += tasks
      const { refusals, refused, succeeded, failed, skipped } = cell
      addSums(tally, { escalated, approved, refusals, refused, ...(later ? { succeeded, failed, skipped } : {}) })
    }
  }
}

/** Nothing has become of these: they were asked, and wait. */
export function addOpen(tally: Tally, { hour, look, key, tasks, escalated, refusals, refused }: OpenCell): void {
  const counts = hourOf(tally, hour.getTime())
  counts.created += tasks
  counts.open += tasks
  addSums(tally, { escalated, refusals, refused })
  if (look !== null) addPart(tally, { of: 'look', name: String(look), tasks })
  addGroup(tally, { key, tasks, escalated, approved: 0, timed: 0, took_ms: 0 })
}
