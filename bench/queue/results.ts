// What is kept of a run, under bench/results with its hardware, versions and settings, and drawn in docs/benchmarks. A shortened run replaces no full one.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Figure } from '../figure.ts'
import { drawPage } from './page.ts'
import { scenarioOf } from './scenario.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const RESULTS = at('../results')
const KEPT = `${RESULTS}/queue.json`
const PAGE = at('../../docs/benchmarks')
export const ACCEPTED = `${RESULTS}/queue-accepted.json`

export type Kept = { settings: Record<string, unknown>; figures: Figure[] }
export type KeptRuns = Record<string, Kept>

const isFull = ({ settings: { quick, share, rounds } }: Kept): boolean => !quick && share === 1 && Number(rounds) >= 3

/** Scenarios of this run replace those of the newest kept one, each with the settings it ran under, but never a full run by less. */
export function merged(before: KeptRuns, settings: Record<string, unknown>, figures: readonly Figure[]): KeptRuns {
  const after = { ...before }
  for (const scenario of new Set(figures.map(scenarioOf))) {
    const now: Kept = { settings, figures: figures.filter((figure) => scenarioOf(figure) === scenario) }
    const was = before[scenario]
    if (!was || isFull(now) || !isFull(was)) after[scenario] = now
  }
  return Object.fromEntries(Object.entries(after).sort(([a], [b]) => Number(a.slice(1)) - Number(b.slice(1))))
}

export const readKept = (): KeptRuns => (existsSync(KEPT) ? (JSON.parse(readFileSync(KEPT, 'utf8')) as KeptRuns) : {})

export function keep(settings: Record<string, unknown>, figures: readonly Figure[]): void {
  const kept = merged(readKept(), settings, figures)
  mkdirSync(RESULTS, { recursive: true })
  writeFileSync(KEPT, `${JSON.stringify(kept, null, 2)}\n`)
  draw(kept)
  process.stderr.write('kept in bench/results/queue.json and docs/benchmarks/queue.md\n')
}

/** The page of what was kept: `--draw` makes it anew without a run. */
export function draw(kept: KeptRuns): void {
  mkdirSync(PAGE, { recursive: true })
  for (const [name, text] of Object.entries(drawPage(kept))) writeFileSync(`${PAGE}/${name}`, text)
}
