// The pictures of figures: columns, bars and a heat map, each with the same figures as a table and as CSV. They hold no data and ask for none.
import { type ReactNode, useId, useState } from 'react'
import { niceTop } from '../jobs/chart.tsx'
import { t } from '../text/t.ts'
import { Button } from '../ui/button.tsx'
import { csvOf, download } from './csv.ts'

export type Cells = { columns: string[]; rows: (string | number)[][] }

/** A picture and its twin: what cannot be seen can be read, and what can be read can be taken along. */
export function Figures({ title, says, cells, children }: { title: string; says: string; cells: Cells; children: ReactNode }) {
  const id = useId()
  const [asTable, setAsTable] = useState(false)
  return (
    <section className="card flex min-w-0 flex-col gap-3 p-5" aria-labelledby={id}>
      <div className="flex flex-wrap items-center justify-between gap-2">
        <h2 id={id} className="text-base font-semibold">
          {title}
        </h2>
        <div className="flex gap-1">
          <Button
            small
            tone="quiet"
            aria-label={asTable ? t('{title} as chart', { title }) : t('{title} as table', { title })}
            onClick={() => setAsTable(!asTable)}
          >
            {asTable ? t('As chart') : t('As table')}
          </Button>
          <Button
            small
            tone="quiet"
            aria-label={t('{title} as CSV', { title })}
            onClick={() => download(`${title.toLowerCase().replaceAll(' ', '-')}.csv`, csvOf(cells))}
          >
            {t('CSV')}
          </Button>
        </div>
      </div>
      {asTable ? (
        <TableOf cells={cells} label={title} />
      ) : (
        <>
          <p className="text-sm text-muted">{says}</p>
          {children}
        </>
      )}
    </section>
  )
}

function TableOf({ cells, label }: { cells: Cells; label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section className="max-h-80 overflow-auto" aria-label={t('{label}, figures', { label })} tabIndex={0}>
      <table className="w-full text-sm">
        <thead>
          <tr className="border-b border-line text-left text-muted">
            {cells.columns.map((name, i) => (
              <th key={name} scope="col" className={`px-2 py-1 font-medium whitespace-nowrap ${i === 0 ? '' : 'text-right'}`}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody className="divide-y divide-line">
          {cells.rows.map((row) => (
            <tr key={String(row[0])}>
              {row.map((cell, i) =>
                i === 0 ? (
                  <th key={cells.columns[i]} scope="row" className="px-2 py-1 text-left font-medium whitespace-nowrap">
                    {cell}
                  </th>
                ) : (
                  <td key={cells.columns[i]} className="px-2 py-1 text-right tabular-nums">
                    {cell}
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

type Part = { name: string; colour: string; value: number }

/** One column a day, its parts upon each other. */
export function Columns({ title, columns }: { title: string; columns: { name: string; parts: Part[] }[] }) {
  const [width, height, left, bottom] = [640, 180, 40, 20]
  const sums = columns.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0))
  const top = niceTop(Math.max(0, ...sums))
  const step = (width - left) / Math.max(1, columns.length)
  const scale = (value: number) => (value / top) * (height - bottom - 6)
  const names = [...new Map(columns.flatMap(({ parts }) => parts.map((part) => [part.name, part.colour] as const)))]
  const total = sums.reduce((a, b) => a + b, 0)
  return (
    <figure className="flex flex-col gap-2">
      <figcaption className="flex flex-wrap gap-x-4 gap-y-1 text-sm text-muted">
        {names.map(([name, colour]) => (
          <span key={name} className="flex items-center gap-1.5">
            <svg width="10" height="10" aria-hidden="true">
              <rect width="10" height="10" rx="2" fill={colour} />
            </svg>
            {name}
          </span>
        ))}
      </figcaption>
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={t('{title}: {total} in {columns} days, at most {most} on one', {
          title,
          total,
          columns: columns.length,
          most: Math.max(0, ...sums),
        })}
        className="w-full"
      >
        {[0, 0.5, 1].map((share) => {
          const y = height - bottom - scale(top * share)
          return (
            <g key={share}>
              <line x1={left} x2={width} y1={y} y2={y} stroke="var(--line)" />
              <text x={left - 6} y={y + 4} textAnchor="end" fontSize="11" fill="var(--muted)">
                {top * share}
              </text>
            </g>
          )
        })}
        {columns.map(({ name, parts }, i) => {
          let below = 0
          return (
            <g key={name}>
              {parts.map((part) => {
                const y = height - bottom - scale(below + part.value)
                below += part.value
                return part.value === 0 ? null : (
                  <rect
                    key={part.name}
                    x={left + i * step + step * 0.1}
                    y={y}
                    width={Math.max(0.5, step * 0.8)}
                    height={scale(part.value)}
                    fill={part.colour}
                  >
                    <title>{`${name}: ${part.value} ${part.name.toLowerCase()}`}</title>
                  </rect>
                )
              })}
            </g>
          )
        })}
        {[0, columns.length - 1].map((i) => (
          <text
            key={i}
            x={i === 0 ? left : width}
            y={height - 4}
            textAnchor={i === 0 ? 'start' : 'end'}
            fontSize="11"
            fill="var(--muted)"
          >
            {columns[i]?.name}
          </text>
        ))}
      </svg>
    </figure>
  )
}

/** A bar a row, longest first or in the order that is given. */
export function Bars({ rows, unit }: { rows: { name: string; value: number; hint?: string }[]; unit: (n: number) => string }) {
  const most = Math.max(1, ...rows.map(({ value }) => value))
  if (rows.length === 0) return <p className="text-muted">{t('Nothing in this time.')}</p>
  return (
    <ul className="flex flex-col gap-1.5">
      {rows.map(({ name, value, hint }) => (
        <li key={name} className="grid grid-cols-[minmax(6rem,11rem)_1fr_auto] items-center gap-3 text-sm">
          <span className="truncate" title={name}>
            {name}
          </span>
          <svg viewBox="0 0 100 10" preserveAspectRatio="none" className="h-3 w-full" aria-hidden="true">
            <rect width="100" height="10" rx="2" fill="var(--sunken)" />
            <rect width={(value / most) * 100} height="10" rx="2" fill="var(--accent)" />
          </svg>
          <span className="tabular-nums">
            {unit(value)}
            {hint && <span className="text-muted"> · {hint}</span>}
          </span>
        </li>
      ))}
    </ul>
  )
}

export const WEEKDAYS = [t('Mon'), t('Tue'), t('Wed'), t('Thu'), t('Fri'), t('Sat'), t('Sun')]

/** When questions come: a week by its hours. The darker, the more. */
export function Heat({ cells }: { cells: { weekday: number; hour: number; tasks: number }[] }) {
  const most = Math.max(1, ...cells.map(({ tasks }) => tasks))
  const busiest = cells.reduce((a, b) => (b.tasks > a.tasks ? b : a), { weekday: 0, hour: 0, tasks: 0 })
  const label =
    busiest.tasks === 0
      ? t('No questions')
      : t('Most questions come on {weekday} at {hour}:00: {tasks}', {
          weekday: WEEKDAYS[busiest.weekday],
          hour: busiest.hour,
          tasks: busiest.tasks,
        })
  return (
    <svg viewBox="0 0 420 132" role="img" aria-label={label} className="w-full">
      {WEEKDAYS.map((name, day) => (
        <text key={name} x="0" y={14 + day * 16} fontSize="10" fill="var(--muted)">
          {name}
        </text>
      ))}
      {cells.map(({ weekday, hour, tasks }) => (
        <rect
          key={`${weekday} ${hour}`}
          x={30 + hour * 16}
          y={4 + weekday * 16}
          width="14"
          height="14"
          rx="3"
          fill={tasks === 0 ? 'var(--sunken)' : 'var(--accent)'}
          fillOpacity={tasks === 0 ? 1 : 0.2 + (0.8 * tasks) / most}
        >
          <title>{`${WEEKDAYS[weekday]} ${hour}:00: ${tasks}`}</title>
        </rect>
      ))}
      {[0, 6, 12, 18].map((hour) => (
        <text key={hour} x={30 + hour * 16} y="128" fontSize="10" fill="var(--muted)">
          {hour}:00
        </text>
      ))}
    </svg>
  )
}
