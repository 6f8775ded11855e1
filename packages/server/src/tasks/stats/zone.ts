// Hours as people count them where they are. A day of UTC without a change of the clocks is asked for once; reads no clock itself.
import { Problem } from '@countersign/sdk'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

export type Zone = {
  name: string
  /** The day on which this hour begins there, as YYYY-MM-DD. */
  dayOf(at: number): string
  /** Monday is 0. */
  placeOf(at: number): { weekday: number; hour: number }
}

export function readZone(given: string): Zone {
  const { name, offsetOf } = offsets(given)
  const there = (at: number) => new Date(at + offsetOf(at))
  return {
    name,
    dayOf: (at) => there(at).toISOString().slice(0, 10),
    placeOf(at) {
      const local = there(at)
      return { weekday: (local.getUTCDay() + 6) % 7, hour: local.getUTCHours() }
    },
  }
}

function offsets(given: string): { name: string; offsetOf: (at: number) => number } {
  const format = formatOf(given)
  const read = (at: number): number => {
    const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]))
    const part = (type: string) => parts.get(type as 'day') ?? 0
    const local = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'))
    return local - Math.floor(at / 1000) * 1000
  }
  const days = new Map<number, number | null>()
  const ofDay = (day: number): number | null => {
    const known = days.get(day)
    if (known !== undefined) return known
    const first = read(day)
    // Clocks that change twice within a day are none that anybody keeps.
    const whole = first === read(day + DAY_MS) ? first : null
    days.set(day, whole)
    return whole
  }
  return { name: format.resolvedOptions().timeZone, offsetOf: (at) => ofDay(Math.floor(at / DAY_MS) * DAY_MS) ?? read(at) }
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const numeric = 'numeric' as const
  try {
    return new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', {
      ...{ timeZone, hourCycle: 'h23' },
      ...{ year: numeric, month: numeric, day: numeric, hour: numeric, minute: numeric, second: numeric },
    })
  } catch {
    throw new Problem('validation_failed', {
      errors: [{ path: 'time_zone', code: 'unknown', message: 'There is no such time zone; write it as Europe/Berlin.' }],
    })
  }
}
