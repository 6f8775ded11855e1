// How a run is held against runs before it. Published (T169; tasks and proxy): one set of lines for each length, which --accept alone writes. Kept (R129; relay): the last five runs of each length, which --keep
// appends to, and their median. Nothing is written here that nobody asked for. What has no goal has no better side and is not compared.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Figure, median, round } from './figure.ts'

const PUBLISHED_SHARE = 0.2
const MEDIAN_SHARE = 0.25
const LAST = 5

/** Quick runs are held against quick ones, long ones against long ones. */
export type Length = 'quick' | 'full'
type Line = Pick<Figure, 'metric' | 'unit' | 'ours' | 'goal'>
type Made = { settings: Record<string, unknown>; figures: Line[] }
type Published = Partial<Record<Length, Made>>
type Kept = Partial<Record<Length, Made[]>>

/** One sentence for each that is worse than it may be. */
export const regressions = (before: readonly Line[], now: readonly Line[]): string[] =>
  falls(before, now, { what: 'published', share: PUBLISHED_SHARE })

type Rule = { what: string; share: number }

const falls = (before: readonly Line[], now: readonly Line[], { what, share }: Rule): string[] =>
  before.flatMap((old) => {
    const one = now.find(({ metric }) => metric === old.metric)
    if (!one || old.goal === null || one.goal === null) return []
    const more = old.goal.startsWith('>')
    const bound = old.ours * (more ? 1 - share : 1 + share)
    const isWorse = more ? one.ours < bound : one.ours > bound
    const least = `${more ? 'at least' : 'at most'} ${round(bound)}`
    return isWorse ? [`${old.metric}: ${round(one.ours)} ${old.unit}, ${what} ${round(old.ours)} (${least})`] : []
  })

/** Nothing published yet is a fault too: a check that compares nothing proves nothing. */
export function check(file: string, length: Length, now: readonly Line[]): string[] {
  const published = read<Published>(file)[length]
  return published ? regressions(published.figures, now) : [`nothing is published for a ${length} run; publish one with --accept`]
}

/** Figures that this run did not measure stay as they were published. */
export function accept(file: string, length: Length, settings: Record<string, unknown>, now: readonly Figure[]): void {
  const before = read<Published>(file)
  const others = (before[length]?.figures ?? []).filter((old) => !now.some(({ metric }) => metric === old.metric))
  write(file, { ...before, [length]: { settings, figures: [...others, ...now.map(lineOf)] } })
}

/** Held against the median of the last five; of fewer, where there are no five. Figures that this run did not measure are not compared. */
export function checkKept(file: string, length: Length, now: readonly Line[]): string[] {
  const runs = read<Kept>(file)[length] ?? []
  if (runs.length === 0) return [`nothing is kept of a ${length} run; keep one with --keep`]
  const what = runs.length === 1 ? 'the one kept run' : `median of ${runs.length}`
  return falls(medians(runs), now, { what, share: MEDIAN_SHARE })
}

export function keepLast(file: string, length: Length, settings: Record<string, unknown>, now: readonly Figure[]): void {
  const before = read<Kept>(file)
  const runs = [...(before[length] ?? []), { settings, figures: now.map(lineOf) }].slice(-LAST)
  write(file, { ...before, [length]: runs })
}

/** Of the lines of the newest run: what it no longer measures is forgotten. */
function medians(runs: readonly Made[]): Line[] {
  const newest = runs.at(-1)?.figures ?? []
  return newest.map((line) => {
    const all = runs.flatMap(({ figures }) => figures.filter(({ metric }) => metric === line.metric).map(({ ours }) => ours))
    return { ...line, ours: median(all) }
  })
}

const lineOf = ({ metric, unit, ours, goal }: Figure): Line => ({ metric, unit, ours: round(ours), goal })

function read<T>(file: string): Partial<T> {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

function write(file: string, content: Published | Kept): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify(content, null, 2)}\n`)
}
