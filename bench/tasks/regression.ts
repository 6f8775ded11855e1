// The rule of T169: a figure more than 20 % worse than the last published line of the same run length is a fault. Published lines stand in bench/results/tasks-accepted.json;
// only --accept writes them. What has no goal has no better side and is not compared.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Figure, round } from '../figure.ts'

export const PUBLISHED = fileURLToPath(new URL('../results/tasks-accepted.json', import.meta.url))
const TOLERATED = 0.2

export type Length = 'quick' | 'full'
type Line = Pick<Figure, 'metric' | 'unit' | 'ours' | 'goal'>
type Published = Partial<Record<Length, { settings: Record<string, unknown>; figures: Line[] }>>

/** One sentence for each that is worse than it may be. */
export function regressions(before: readonly Line[], now: readonly Line[]): string[] {
  return before.flatMap((old) => {
    const one = now.find(({ metric }) => metric === old.metric)
    if (!one || old.goal === null || one.goal === null) return []
    const more = old.goal.startsWith('>')
    const worse = more ? one.ours < old.ours * (1 - TOLERATED) : one.ours > old.ours * (1 + TOLERATED)
    return worse
      ? [
          `${old.metric}: ${round(one.ours)} ${old.unit}, published ${round(old.ours)} (${more ? 'at least' : 'at most'} ${bound(old.ours, more)})`,
        ]
      : []
  })
}

const bound = (ours: number, more: boolean): number => round(ours * (more ? 1 - TOLERATED : 1 + TOLERATED))

const readPublished = (file: string): Published => {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Published
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** Nothing published yet is a fault too: a check that compares nothing proves nothing. */
export function check(file: string, length: Length, now: readonly Line[]): string[] {
  const published = readPublished(file)[length]
  return published ? regressions(published.figures, now) : [`nothing is published for a ${length} run; publish one with --accept`]
}

/** Figures that this run did not measure stay as they were published. */
export function accept(file: string, length: Length, settings: Record<string, unknown>, now: readonly Figure[]): void {
  const before = readPublished(file)
  const others = (before[length]?.figures ?? []).filter((old) => !now.some(({ metric }) => metric === old.metric))
  const figures = [...others, ...now.map(({ metric, unit, ours, goal }) => ({ metric, unit, ours: round(ours), goal }))]
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ ...before, [length]: { settings, figures } }, null, 2)}\n`)
}
