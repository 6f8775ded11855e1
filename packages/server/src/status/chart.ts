// The pictures of the status page as SVG: 90 days of a component as bars, and the database's pace of a day as a line. Numbers in, markup out; coloured by the
// style sheet alone, and each with the sentence that says the same to who does not see it.
import type { Board, Component, Day } from './board.ts'

const BAR = { width: 4, gap: 2, height: 28 }

type Look = 'ok' | 'warn' | 'outage' | 'none'

/** One slow minute of 1,440 does not colour a day; one minute without service does. */
const lookOf = ({ ok, warn, outage }: Day): Look => (outage > 0 ? 'outage' : warn >= 5 ? 'warn' : ok + warn > 0 ? 'ok' : 'none')

const minutes = (count: number): string => (count === 1 ? '1 minute' : `${count} minutes`)

function sayDay(day: Day): string {
  const look = lookOf(day)
  if (look === 'none') return `${day.day}: not measured`
  const parts = [
    ...(day.outage > 0 ? [`${minutes(day.outage)} not working`] : []),
    ...(day.warn > 0 ? [`${minutes(day.warn)} slow`] : []),
  ]
  return `${day.day}: ${parts.length > 0 ? parts.join(', ') : 'worked'}`
}

export function bars({ title, days }: Pick<Component, 'title' | 'days'>): string {
  if (days.length === 0) return ''
  const step = BAR.width + BAR.gap
  const bad = days.filter((day) => day.outage > 0).map((day) => day.day)
  const label = `${title}: ${bad.length > 0 ? `not working for a time on ${bad.slice(-5).join(', ')}` : 'no outage'} in ${days.length} days`
  const rects = days.map((day, i) => {
    const look = lookOf(day)
    // What was not measured is a stub: a gap would look like a day that is missing.
    const height = look === 'none' ? 6 : BAR.height
    return `<rect class="${look}" x="${i * step}" y="${BAR.height - height}" width="${BAR.width}" height="${height}" rx="1"><title>${sayDay(day)}</title></rect>`
  })
  return `<svg class="bars" viewBox="0 0 ${days.length * step - BAR.gap} ${BAR.height}" preserveAspectRatio="none" role="img" aria-label="${label}">${rects.join('')}</svg>`
}

const PACE = { width: 720, height: 120, left: 44, bottom: 18, top: 8 }
const DAY_MS = 86_400_000
const NICE = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]

/** p50 as a line, the slowest twentieth as an area behind it. */
export function pace(latency: Board['latency']): string {
  const last = latency.at(-1)
  if (!last || latency.length < 2) return ''
  const end = Date.parse(last.at)
  const most = Math.max(...latency.map((one) => one.p95_ms), 0.5)
  const top = NICE.find((nice) => nice >= most) ?? Math.ceil(most)
  const x = (at: string) => round(PACE.left + ((Date.parse(at) - (end - DAY_MS)) / DAY_MS) * (PACE.width - PACE.left))
  const y = (ms: number) => round(PACE.top + (1 - Math.min(ms / top, 1)) * (PACE.height - PACE.bottom - PACE.top))
  const line = (of: 'p50_ms' | 'p95_ms') => latency.map((one) => `${x(one.at)},${y(one[of])}`).join(' ')
  const base = PACE.height - PACE.bottom
  const area = `${x((latency[0] as { at: string }).at)},${base} ${line('p95_ms')} ${x(last.at)},${base}`
  const sorted = latency.map((one) => one.p50_ms).sort((a, b) => a - b)
  const usual = sorted[Math.floor(sorted.length / 2)] ?? 0
  const sentence = `Usually ${ms(usual)}; the slowest twentieth took up to ${ms(most)}.`
  const hours = [-24, -18, -12, -6, 0].map(
    (hour) =>
      `<text x="${round(PACE.left + ((hour + 24) / 24) * (PACE.width - PACE.left))}" y="${PACE.height - 4}" class="${hour === -24 ? 'first' : hour === 0 ? 'last' : ''}">${hour === 0 ? 'now' : `${hour} h`}</text>`,
  )
  const grid = [0, 0.5, 1].map(
    (share) =>
      `<line x1="${PACE.left}" x2="${PACE.width}" y1="${y(top * share)}" y2="${y(top * share)}"/><text class="value" x="${PACE.left - 6}" y="${y(top * share) + 3}">${ms(top * share)}</text>`,
  )
  return `<section aria-labelledby="pace"><h2 id="pace">Database response, last 24 hours</h2>
<figure class="pace"><svg viewBox="0 0 ${PACE.width} ${PACE.height}" role="img" aria-label="${sentence}">${grid.join('')}${hours.join('')}<polygon points="${area}"/><polyline points="${line('p50_ms')}"/></svg><figcaption>${sentence}</figcaption></figure></section>`
}

const round = (value: number): number => Math.round(value * 10) / 10
const ms = (value: number): string => `${value >= 10 ? Math.round(value) : Math.round(value * 10) / 10} ms`
