// What is kept of a run, under bench/results with its settings, and drawn in docs/benchmarks/tasks.md: nothing stands on the page that no run printed.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Figure } from '../figure.ts'
import { drawPage } from './page.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const KEPT = at('../results/tasks.json')
/** What later runs are held against with `--check`; only `--accept` writes it. */
export const PUBLISHED = at('../results/tasks-accepted.json')
const PAGE = at('../../docs/benchmarks')

export type Settings = { at: string; share: number; servers: number; [name: string]: unknown }
export type Kept = { settings: Settings; figures: Figure[] }
/** By scenario and number of processes. */
export type KeptRuns = Record<string, Kept>

const keyOf = ({ metric }: Figure, { servers }: Settings): string =>
  `${metric.split(' ')[0]}${servers === 1 ? '' : ` with ${servers} processes`}`

/** Scenarios of this run replace those of the newest kept one, but never a full run by a shortened one. */
export function merged(before: KeptRuns, settings: Settings, figures: readonly Figure[]): KeptRuns {
  const after = { ...before }
  for (const key of new Set(figures.map((figure) => keyOf(figure, settings)))) {
    const was = before[key]
    if (was && was.settings.share >= 1 && settings.share < 1) continue
    after[key] = { settings, figures: figures.filter((figure) => keyOf(figure, settings) === key) }
  }
  return Object.fromEntries(Object.entries(after).sort(([a], [b]) => (a < b ? -1 : 1)))
}

export const readKept = (): KeptRuns => (existsSync(KEPT) ? (JSON.parse(readFileSync(KEPT, 'utf8')) as KeptRuns) : {})

export function keep(settings: Settings, figures: readonly Figure[]): void {
  const kept = merged(readKept(), settings, figures)
  mkdirSync(at('../results'), { recursive: true })
  writeFileSync(KEPT, `${JSON.stringify(kept, null, 2)}\n`)
  draw(kept)
}

/** The page of what was kept: `--draw` makes it anew without a run. */
export function draw(kept: KeptRuns): void {
  mkdirSync(PAGE, { recursive: true })
  for (const [name, text] of Object.entries(drawPage(kept))) writeFileSync(`${PAGE}/${name}`, text)
}
