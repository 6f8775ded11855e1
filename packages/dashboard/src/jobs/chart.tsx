// A live chart: lines over time, drawn as SVG, with the same figures in words for who cannot see it. It holds no data and asks for none.
import { t } from '../text/t.ts'

type Line = { name: string; colour: string; dashed?: boolean; values: (number | null)[] }

const WIDTH = 430
const HEIGHT = 150
const LEFT = 46
const BOTTOM = 20

export function Chart({
  title,
  times,
  lines,
  unit,
}: {
  title: string
  times: string[]
  lines: Line[]
  unit: (n: number) => string
}) {
  const top = niceTop(Math.max(0, ...lines.flatMap((line) => line.values.map((value) => value ?? 0))))
  const x = (i: number) => LEFT + (i * (WIDTH - LEFT - 4)) / Math.max(1, times.length - 1)
  const y = (value: number) => 6 + (1 - value / top) * (HEIGHT - BOTTOM - 6)
  const said = lines.map((line) =>
    t('{name}: {now} now, at most {most}', {
      name: line.name,
      now: newest(line, unit),
      most: unit(Math.max(0, ...line.values.map((v) => v ?? 0))),
    }),
  )
  return (
    <figure className="card flex flex-col gap-2 p-4">
      <figcaption className="flex flex-wrap items-center justify-between gap-2">
        <span className="font-semibold">{title}</span>
        <span className="flex flex-wrap gap-4 text-sm text-muted">
          {lines.map((line) => (
            <span key={line.name} className="flex items-center gap-1.5">
              <svg width="18" height="8" aria-hidden="true">
                <line
                  x1="0"
                  y1="4"
                  x2="18"
                  y2="4"
                  stroke={line.colour}
                  strokeWidth="2.5"
                  strokeDasharray={line.dashed ? '4 3' : undefined}
                />
              </svg>
              {line.name} <span className="tabular-nums text-text">{newest(line, unit)}</span>
            </span>
          ))}
        </span>
      </figcaption>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`${title}. ${said.join('; ')}`} className="w-full">
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line x1={LEFT} x2={WIDTH} y1={y(top * share)} y2={y(top * share)} stroke="var(--line)" />
            <text x={LEFT - 6} y={y(top * share) + 4} textAnchor="end" fontSize="11" fill="var(--muted)">
              {unit(top * share)}
            </text>
          </g>
        ))}
        {[0, Math.floor((times.length - 1) / 2), times.length - 1].map(
          (i, place) =>
            times[i] && (
              <text
                key={place === 1 ? 'middle' : place === 0 ? 'first' : 'last'}
                x={x(i)}
                y={HEIGHT - 4}
                textAnchor={place === 0 ? 'start' : place === 1 ? 'middle' : 'end'}
                fontSize="11"
                fill="var(--muted)"
              >
                {clock(times[i])}
              </text>
            ),
        )}
        {lines.map((line) => (
          <polyline
            key={line.name}
            fill="none"
            stroke={line.colour}
            strokeWidth="2"
            strokeLinejoin="round"
            strokeDasharray={line.dashed ? '5 4' : undefined}
            points={line.values.flatMap((value, i) => (value === null ? [] : [`${x(i)},${y(value)}`])).join(' ')}
          />
        ))}
      </svg>
    </figure>
  )
}

function newest({ values }: Line, unit: (n: number) => string): string {
  const value = values.findLast((one) => one !== null)
  return value === undefined ? '–' : unit(value)
}

/** The next of 1, 2, 5, 10, 20, 50 … */
export function niceTop(most: number): number {
  if (most <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(most))
  return ([1, 2, 5, 10].find((step) => step * power >= most) ?? 10) * power
}

const clock = (time: string): string =>
  new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' }).format(new Date(time))
