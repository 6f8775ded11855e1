// What is kept of a full run, under bench/results with its settings, and drawn in docs/benchmarks/proxy.md: nothing stands on the page that no run printed.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'
import { type Figure, round } from '../figure.ts'

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const KEPT = at('../results/proxy.json')
const PAGE = at('../../docs/benchmarks')
/** What quick runs are held against with `--check`; only `--accept` writes it. */
export const ACCEPTED = at('../results/proxy-accepted.json')

type Settings = Record<string, unknown> & { at: string }
/** By row. */
type Kept = Record<string, { settings: Settings; figures: Figure[] }>

/** `load_before`: of whoever else used the machine in the minute before. */
export const settingsOf = (quick: boolean): Settings => ({
  ...{ at: new Date().toISOString(), quick, node: process.version, cpu: `${cpus().length} × ${cpus()[0]?.model.trim()}` },
  ...{ memory_gb: Math.round(totalmem() / 2 ** 30), load_before: Number((loadavg()[0] ?? 0).toFixed(1)) },
})

export const readKept = (): Kept => (existsSync(KEPT) ? (JSON.parse(readFileSync(KEPT, 'utf8')) as Kept) : {})

/** Rows of this run replace those that were kept; the others stay. */
export function keep(settings: Settings, rows: ReadonlyMap<string, Figure[]>): void {
  const kept: Kept = { ...readKept() }
  for (const [row, figures] of rows) kept[row] = { settings, figures }
  mkdirSync(at('../results'), { recursive: true })
  writeFileSync(KEPT, `${JSON.stringify(kept, null, 2)}\n`)
  draw(kept)
}

/** The page of what was kept: `--draw` makes it anew without a run. */
export function draw(kept: Kept): void {
  mkdirSync(PAGE, { recursive: true })
  writeFileSync(`${PAGE}/proxy.md`, page(kept))
}

const page = (kept: Kept): string => `# Benchmarks of vault and proxy

Made by \`npm run bench -- proxy\`. The proxy is a process of the product with policy, redaction, events, leases and its line of the log on; service, control plane,
PostgreSQL and load share the machine's cores with it, so the figures are a floor. A goal that was not met is said to be not met.

${Object.entries(kept).map(section).join('\n\n')}
`

const section = ([row, { settings, figures }]: [string, Kept[string]]): string => `## ${row}

| figure | ours | beside it | goal | met |
|---|---|---|---|---|
${figures.map(line).join('\n')}

${settings.at.slice(0, 10)}, ${String(settings.cpu)}, Node ${String(settings.node)}, load before ${String(settings.load_before)}.`

const line = ({ metric, unit, ours, peer, peer_name: name, goal, met }: Figure): string =>
  `| ${metric} | ${round(ours)} ${unit} | ${peer === null ? '' : `${name}: ${round(peer)}`} | ${goal ?? ''} | ${met === null ? '' : met ? 'yes' : 'no'} |`
