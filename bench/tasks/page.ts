// docs/benchmarks/tasks.md and its picture, from what was kept.
import { type Figure, round } from '../figure.ts'
import { type Bar, barChart } from '../queue/page.ts'
import type { Kept, KeptRuns, Settings } from './results.ts'

const CHART = 'tasks-per-second.svg'
const TITLE = 'Creates and decisions a second, each after its own commit'

/** File names and their texts. */
export function drawPage(kept: KeptRuns): Record<string, string> {
  const bars = barsOf(kept)
  return { 'tasks.md': page(kept, bars.length > 0), ...(bars.length > 0 ? { [CHART]: barChart(TITLE, '1/s', bars) } : {}) }
}

function barsOf(kept: KeptRuns): Bar[] {
  const rates = Object.values(kept).flatMap(({ figures, settings }) =>
    figures.filter(({ unit }) => unit === '1/s').map((figure) => ({ figure, servers: settings.servers })),
  )
  return rates.flatMap(({ figure: { metric, ours, peer }, servers }): Bar[] => {
    const label = `${metric.startsWith('B1') ? 'creates' : metric.includes('beside') ? 'decisions, mixed' : 'decisions'}, ${processes(servers)}`
    const own: Bar = { label, value: ours, tone: 'ours' }
    return peer === null || servers > 1 ? [own] : [own, { label: 'awaithumans (recorded)', value: peer, tone: 'peer' }]
  })
}

const processes = (servers: number): string => (servers === 1 ? '1 process' : `${servers} processes`)

function page(kept: KeptRuns, hasChart: boolean): string {
  const newest = Object.values(kept)
    .map(({ settings }) => settings)
    .sort((a, b) => (a.at < b.at ? -1 : 1))
    .at(-1)
  return `# Benchmarks of tasks

Made by \`npm run bench -- tasks\`. The servers, PostgreSQL and the load share the machine's cores, so the figures are a floor: the goals ask for two cores for the
servers and PostgreSQL alone. \`synchronous_commit\` is on, contents are encrypted, row-level security is in force, rate limits are lifted. A goal that was not met
is said to be not met. The peer cannot be installed from npm; what stands here for it was measured elsewhere and is no ratio of one run.
${hasChart ? `\n![${TITLE}](${CHART})\n` : ''}
${Object.entries(kept).map(sectionOf).join('\n\n')}

## Settings of the newest run

\`\`\`json
${JSON.stringify(newest ?? {}, null, 2)}
\`\`\`
`
}

const sectionOf = ([name, { figures, settings }]: [string, Kept]): string => `## ${name}

| figure | ours | recorded of awaithumans 0.1.4 | goal | met |
|---|---|---|---|---|
${figures.map(rowOf).join('\n')}

${lengthOf(settings)}`

const rowOf = ({ metric, unit, ours, peer, goal, met }: Figure): string =>
  `| ${metric.replace(/^B\d+ /, '').replace(/, \d+ processes$/, '')} | ${spoken(ours)} ${unit} | ${peer === null ? '' : spoken(peer)} | ${goal ?? ''} | ${met === null ? '' : met ? 'yes' : 'no'} |`

const spoken = (value: number): string =>
  round(value).toLocaleString('en-GB', { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 })

const lengthOf = ({ at, share }: Settings): string =>
  `${at.slice(0, 10)}, ${share >= 1 ? 'full length' : `${share} of the full length, by which no goal is met`}.`
