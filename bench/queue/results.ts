// What is kept of a run, and how a later one is judged by it.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Figure } from '../figure.ts'
import { drawPage } from './page.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const RESULTS = at('../results')
const ACCEPTED = at('../results/queue-accepted.json')
const PAGE = at('../../docs/benchmarks')

export type Kept = { settings: Record<string, unknown>; figures: Figure[] }

/** Scenarios of this run replace those of the newest kept one, each with the settings it ran under. */
export function keep(settings: Record<string, unknown>, figures: Figure[]): void {
  mkdirSync(RESULTS, { recursive: true })
  mkdirSync(PAGE, { recursive: true })
  const file = `${RESULTS}/queue.json`
  const before = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, Kept>) : {}
  const after = { ...before }
  for (const scenario of new Set(figures.map(scenarioOf)))
    after[scenario] = { settings, figures: figures.filter((figure) => scenarioOf(figure) === scenario) }
  const ordered = Object.fromEntries(Object.entries(after).sort(([a], [b]) => Number(a.slice(1)) - Number(b.slice(1))))
  writeFileSync(file, `${JSON.stringify(ordered, null, 2)}\n`)
  for (const [name, text] of Object.entries(drawPage(ordered))) writeFileSync(`${PAGE}/${name}`, text)
  process.stderr.write(`kept in bench/results/queue.json and docs/benchmarks/queue.md\n`)
}

const scenarioOf = ({ metric }: Figure): string => metric.split(' ')[0] as string

const LEAST = 0.7

/** Q160: the ratio to the peer, or the figure itself where there is none, is at least 70 % as good as the last accepted one. */
export function judge(figures: Figure[]): boolean {
  if (!existsSync(ACCEPTED)) {
    mkdirSync(RESULTS, { recursive: true })
    writeFileSync(ACCEPTED, `${JSON.stringify(Object.fromEntries(figures.map((one) => [one.metric, scoreOf(one)])), null, 2)}\n`)
    process.stderr.write('accepted: these are the first figures to be judged by\n')
    return true
  }
  const accepted = JSON.parse(readFileSync(ACCEPTED, 'utf8')) as Record<string, number>
  let good = true
  for (const figure of figures) {
    const least = accepted[figure.metric]
    if (least === undefined || figure.goal === null) continue
    const score = scoreOf(figure)
    if (score >= LEAST * least) continue
    good = false
    process.stderr.write(`${figure.metric}: ${score.toPrecision(3)} where ${least.toPrecision(3)} was accepted\n`)
  }
  return good
}

/** More is better: of what should be small the reciprocal. Nothing counts as 1, so that 0 dead tuples are comparable. */
function scoreOf({ ours, peer, goal }: Figure): number {
  const value = peer === null ? ours : ours / peer
  return goal?.startsWith('<') ? 1 / Math.max(peer === null ? 1 : 1e-6, value) : value
}
