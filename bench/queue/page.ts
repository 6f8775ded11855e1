// docs/benchmarks/queue.md and its pictures, from what was kept: nothing stands on the page that no run printed.
import type { Figure } from '../figure.ts'
import { round } from '../figure.ts'
import type { Kept } from './results.ts'

/** File names and their texts. */
export function drawPage(kept: Record<string, Kept>): Record<string, string> {
  const figures = Object.values(kept).flatMap((one) => one.figures)
  const charts = chartsOf(figures)
  return { 'queue.md': page(kept, charts), ...Object.fromEntries(charts.map(({ file, svg }) => [file, svg])) }
}

type Chart = { file: string; title: string; svg: string }
export type Bar = { label: string; value: number; tone: Tone }
type Tone = 'ours' | 'peer' | 'limit'
const TONES: Record<Tone, string> = { ours: '#2f6fde', peer: '#9aa5b1', limit: '#d9dee4' }

function chartsOf(figures: readonly Figure[]): Chart[] {
  const charts: Chart[] = []
  const draw = (file: string, title: string, unit: string, bars: Bar[]) => {
    if (bars.length > 0) charts.push({ file, title, svg: barChart(title, unit, bars) })
  }
  const b1 = figures.filter(({ metric }) => metric.startsWith('B1 '))
  const first = b1[0]
  draw('queue-end-to-end.svg', 'No-op jobs a second, end to end', 'jobs/s', [
    ...(first ? [{ label: 'countersign', value: first.ours, tone: 'ours' as const }] : []),
    ...b1.flatMap(({ peer, peer_name }): Bar[] =>
      peer === null ? [] : [{ label: peer_name as string, value: peer, tone: 'peer' }],
    ),
  ])
  draw(
    'queue-slots.svg',
    'One-millisecond jobs a second, by slots',
    'jobs/s',
    figures
      .filter(({ metric }) => metric.startsWith('B3 '))
      .map(({ metric, ours }): Bar => {
        const isCeiling = metric.includes('ceiling')
        const slots = /(\d+) bare loops|W=(\d+)/.exec(metric)
        const way = metric.includes('polled') ? 'polled' : 'timer'
        return {
          label: `${isCeiling ? 'ceiling' : 'countersign'}, ${slots?.[1] ?? slots?.[2]} slots, ${way}`,
          value: ours,
          tone: isCeiling ? 'limit' : 'ours',
        }
      }),
  )
  const b4 = figures.filter(({ metric }) => metric.startsWith('B4 enqueue to start'))
  draw(
    'queue-latency.svg',
    'From enqueue to start at 200 jobs a second',
    'ms',
    ['p50', 'p99'].flatMap((name): Bar[] => {
      const own = b4.filter(({ metric }) => metric.includes(name))
      return [
        ...own.slice(0, 1).map(({ ours }): Bar => ({ label: `countersign, ${name}`, value: ours, tone: 'ours' })),
        ...own.flatMap(({ peer, peer_name }): Bar[] =>
          peer === null ? [] : [{ label: `${peer_name}, ${name}`, value: peer, tone: 'peer' }],
        ),
      ]
    }),
  )
  return charts
}

const WIDTH = 760
const LABELS = 230
const ROW = 30

export function barChart(title: string, unit: string, bars: readonly Bar[]): string {
  const greatest = Math.max(...bars.map(({ value }) => value))
  const height = 56 + bars.length * ROW
  const rows = bars.map(({ label, value, tone }, n) => {
    const y = 48 + n * ROW
    const length = Math.max(1, ((WIDTH - LABELS - 130) * value) / greatest)
    return [
      `<text x="${LABELS - 10}" y="${y + 15}" text-anchor="end">${label}</text>`,
      `<rect x="${LABELS}" y="${y}" width="${length.toFixed(1)}" height="20" rx="3" fill="${TONES[tone]}"/>`,
      `<text x="${(LABELS + length + 8).toFixed(1)}" y="${y + 15}">${spoken(value)} ${unit}</text>`,
    ].join('\n')
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}" font-family="system-ui, sans-serif" font-size="13" fill="#1d2733">
<rect width="100%" height="100%" rx="8" fill="#ffffff"/>
<text x="20" y="28" font-size="15" font-weight="600">${title}</text>
${rows.join('\n')}
</svg>
`
}

const spoken = (value: number): string =>
  round(value).toLocaleString('en-GB', { maximumFractionDigits: value < 10 ? 2 : value < 100 ? 1 : 0 })

function page(kept: Record<string, Kept>, charts: readonly Chart[]): string {
  const scenarios = Object.entries(kept).map(
    ([name, { figures, settings }]) => `## ${name}

| figure | ours | peer | ratio | goal | met |
|---|---|---|---|---|---|
${figures.map(rowOf).join('\n')}

${lengthOf(settings)}`,
  )
  const all = Object.values(kept).map(({ settings }) => settings)
  return `# Benchmarks of the queue

Made by \`npm run bench -- queue\`, which runs ours and the peers in turn on one PostgreSQL of its own and ends when a job is not accounted for. Client, server
and load share the machine's cores. The newest majors of the peers want a newer Node; these are the newest that run on the one used here.

${charts.map(({ file, title }) => `![${title}](${file})`).join('\n\n')}

${scenarios.join('\n\n')}

## Settings

\`\`\`json
${JSON.stringify(all.at(-1) ?? {}, null, 2)}
\`\`\`

## Recorded elsewhere

awa's own sweep over several systems, for orientation and not for ranking across rows: 4 CPU, 8 GB, PostgreSQL 18.3, shared_buffers 256 MB, synchronous_commit
on, 4,000 jobs kept waiting, 256 B, a handler of 1 ms, 180 s; jobs a second at 4 / 16 / 64 / 128 workers.

| awa 0.6-alpha.9 | pgque (batch 1,000; event bus) | pgmq 1.11 | pg-boss 12.18 | River 0.35 | Oban 2.22 |
|---|---|---|---|---|---|
| 427 / 1,729 / 5,369 / 8,499 | 3,439 / 11,505 / 27,719 / 34,433 | 3,571 / 11,277 / 10,243 / 6,180 | 512 / 2,048 / 2,387 / 2,387 | 79 / 317 / 501 / 491 | 247 / 249 / 284 / 283 |
`
}

function rowOf({ metric, unit, ours, peer, peer_name, goal, met }: Figure): string {
  const theirs = peer === null ? '' : `${spoken(peer)} (${peer_name})`
  const ratio = peer === null ? '' : spoken(ours / peer)
  return `| ${metric.replace(/^B\d+ /, '')} | ${spoken(ours)} ${unit} | ${theirs} | ${ratio} | ${goal ?? ''} | ${met === null ? '' : met ? 'yes' : 'no'} |`
}

function lengthOf(settings: Record<string, unknown>): string {
  const { at, rounds, share } = settings as { at: string; rounds: number; share: number }
  const length = share === 1 ? 'full length' : `${share} of the full length, by which no goal is met`
  return `${at.slice(0, 10)}, median of ${rounds} rounds, ${length}.`
}
