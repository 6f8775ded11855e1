// How a run is held against the last one that was accepted (Q160). What is compared is a ratio, ours to a peer's or under a burden to without, for figures as
// such say more of the machine than of the code. Accepts nothing by itself: whoever accepts says so, and what they accepted is kept with its settings.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Figure, round } from '../figure.ts'
import { scenarioOf } from './scenario.ts'

/** Quick runs are held against quick ones, long ones against long ones. */
export type Length = 'quick' | 'full'
type Accepted = { [L in Length]?: Record<string, { settings: Record<string, unknown>; ratios: Record<string, number> }> }

const LEAST = 0.7

/** More is better, so of what should be small the reciprocal. null: it is no ratio, or nobody said which way is better. */
export function ratioOf({ ours, peer, goal, unit }: Figure): number | null {
  if (goal === null || !(peer !== null || unit === 'share') || unit === 'tuples') return null
  const ratio = peer === null ? ours : ours / peer
  const better = goal.startsWith('<') ? 1 / ratio : ratio
  return Number.isFinite(better) ? better : null
}

const ratiosOf = (figures: readonly Figure[]): Record<string, number> =>
  Object.fromEntries(
    figures.flatMap((figure) => {
      const ratio = ratioOf(figure)
      return ratio === null ? [] : [[figure.metric, round(ratio)]]
    }),
  )

const read = (file: string): Accepted => (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Accepted) : {})
const byScenario = (figures: readonly Figure[]): [string, Figure[]][] =>
  [...new Set(figures.map(scenarioOf))].map((scenario) => [scenario, figures.filter((one) => scenarioOf(one) === scenario)])

/** The scenarios of this run replace those that were accepted before, each with the settings it ran under. */
export function accept(file: string, length: Length, settings: Record<string, unknown>, figures: readonly Figure[]): void {
  const accepted = read(file)
  const scenarios = { ...accepted[length] }
  for (const [scenario, its] of byScenario(figures)) scenarios[scenario] = { settings, ratios: ratiosOf(its) }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ ...accepted, [length]: scenarios }, null, 2)}\n`)
}

/** What is worse than 70 % of what was accepted, or cannot be told, in sentences; empty when all is well. */
export function check(file: string, length: Length, figures: readonly Figure[]): string[] {
  const accepted = read(file)[length] ?? {}
  return byScenario(figures).flatMap(([scenario, its]) => {
    const before = accepted[scenario]
    if (!before) return [`${scenario}: no ${length} run was accepted yet; look at the figures and run it with --accept`]
    const now = ratiosOf(its)
    return Object.entries(before.ratios).flatMap(([metric, least]) => {
      const ratio = now[metric]
      if (ratio === undefined) return [`${metric}: it was accepted with ${least}, and is not measured any more`]
      return ratio >= LEAST * least ? [] : [`${metric}: ${ratio}, less than 70 % of the ${least} that was accepted`]
    })
  })
}
