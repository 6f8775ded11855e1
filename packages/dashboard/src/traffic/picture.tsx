// Who talked to whom with what: agents, hosts and connections as three columns, joined by lines as thick as there were requests. The table below says the same.
import { t } from '../text/t.ts'
import { visible } from '../ui/marks.ts'
import type { Proxied } from './frame.tsx'

const ROW = 34
const WIDTH = 720
const COLUMNS = [
  { at: 0, width: 190 },
  { at: 265, width: 190 },
  { at: 530, width: 190 },
] as const
/** The most of each column; the rest is one line. */
const MOST = 8

type Node = { id: string; label: string; count: number }
type Line = { from: string; to: string; count: number; denied: number }

export type Names = { agents: ReadonlyMap<string, string>; connections: ReadonlyMap<string, string> }

export function Picture({ rows, names }: { rows: readonly Proxied[]; names: Names }) {
  if (rows.length === 0) return null
  const columns = [
    nodes(
      rows,
      (row) => row.agent_id,
      (id) => names.agents.get(id) ?? id,
    ),
    nodes(
      rows,
      (row) => row.host,
      (id) => id,
    ),
    nodes(
      rows,
      (row) => row.connection_id ?? '',
      (id) => (id === '' ? t('no credential') : (names.connections.get(id) ?? id)),
    ),
  ]
  const height = Math.max(...columns.map((column) => column.length)) * ROW + 8
  const lines = [
    joined(
      rows,
      columns[0] as Node[],
      columns[1] as Node[],
      (row) => row.agent_id,
      (row) => row.host,
    ),
    joined(
      rows,
      columns[1] as Node[],
      columns[2] as Node[],
      (row) => row.host,
      (row) => row.connection_id ?? '',
    ),
  ]
  const yOf = (column: readonly Node[], id: string) => column.findIndex((node) => node.id === id) * ROW + ROW / 2 + 2
  const most = Math.max(...lines.flat().map(({ count }) => count))
  return (
    <section className="card overflow-x-auto p-4" aria-label={t('Agents, hosts and connections')}>
      <svg viewBox={`0 0 ${WIDTH} ${height}`} className="min-w-140 w-full" role="img" aria-label={summary(columns, rows.length)}>
        {lines.map((some, i) =>
          some.map((line) => {
            const [left, right] = [columns[i] as Node[], columns[i + 1] as Node[]]
            const [from, to] = [COLUMNS[i] as (typeof COLUMNS)[number], COLUMNS[i + 1] as (typeof COLUMNS)[number]]
            const [x1, x2] = [from.at + from.width, to.at]
            const [y1, y2] = [yOf(left, line.from), yOf(right, line.to)]
            const middle = (x1 + x2) / 2
            return (
              <path
                key={`${line.from} ${line.to}`}
                d={`M ${x1} ${y1} C ${middle} ${y1}, ${middle} ${y2}, ${x2} ${y2}`}
                fill="none"
                stroke={line.denied === line.count ? 'var(--danger)' : 'var(--accent)'}
                strokeDasharray={line.denied === line.count ? '5 4' : undefined}
                strokeWidth={1.5 + (5 * line.count) / most}
                strokeOpacity="0.55"
              />
            )
          }),
        )}
        {columns.map((column, i) =>
          column.map((node, at) => (
            <g key={node.id} transform={`translate(${(COLUMNS[i] as (typeof COLUMNS)[number]).at} ${at * ROW + 4})`}>
              <rect width="190" height={ROW - 8} rx="7" fill="var(--sunken)" stroke="var(--line)" />
              <text x="10" y="17.5" fontSize="12.5" fill="currentColor">
                {shortened(visible(node.label))}
                <title>{visible(node.label)}</title>
              </text>
              <text x="180" y="17.5" fontSize="12" textAnchor="end" fill="var(--muted)">
                {node.count}
              </text>
            </g>
          )),
        )}
      </svg>
    </section>
  )
}

const REST = '\u0000'

function nodes(rows: readonly Proxied[], idOf: (row: Proxied) => string, labelOf: (id: string) => string): Node[] {
  const counts = new Map<string, number>()
  for (const row of rows) counts.set(idOf(row), (counts.get(idOf(row)) ?? 0) + 1)
  const all = [...counts].map(([id, count]) => ({ id, label: labelOf(id), count })).sort((a, b) => b.count - a.count)
  if (all.length <= MOST) return all
  const rest = all.slice(MOST - 1)
  const count = rest.reduce((sum, one) => sum + one.count, 0)
  return [...all.slice(0, MOST - 1), { id: REST, label: t('{count} more', { count: rest.length }), count }]
}

function joined(
  rows: readonly Proxied[],
  left: readonly Node[],
  right: readonly Node[],
  fromOf: (row: Proxied) => string,
  toOf: (row: Proxied) => string,
): Line[] {
  const shown = (column: readonly Node[], id: string) => (column.some((node) => node.id === id) ? id : REST)
  const lines = new Map<string, Line>()
  for (const row of rows) {
    const [from, to] = [shown(left, fromOf(row)), shown(right, toOf(row))]
    const line = lines.get(`${from} ${to}`) ?? { from, to, count: 0, denied: 0 }
    line.count++
    if (row.outcome === 'deny') line.denied++
    lines.set(`${from} ${to}`, line)
  }
  return [...lines.values()]
}

const shortened = (text: string): string => (text.length > 22 ? `${text.slice(0, 21)}…` : text)

const summary = ([agents = [], hosts = []]: Node[][], count: number): string =>
  t(
    '{count, plural, one {# request} other {# requests}} of {agents, plural, one {# agent} other {# agents}} to {hosts, plural, one {# host} other {# hosts}}',
    { count, agents: agents.length, hosts: hosts.length },
  )
