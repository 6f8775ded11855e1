// When a cron expression fires in a time zone (Q115). croner walks the expression on a clock without zones; what a change of the zone's clock does
// to the times that it skips or repeats is decided here. Never asks what time it is.
import { Cron } from 'croner'

/** The first fire strictly after a moment, null when there is none any more. */
export type Fires = (after: Date) => Date | null

const HOUR = 3_600_000
const SECOND = 1_000
/** Since 1972 every clock of the world has changed at a quarter of an hour of UTC. */
const QUARTER = 900_000
/** No zone is further from UTC, and no clock change is looked for across more. */
const AROUND = 36 * HOUR

/**
 * A time that the zone's clock skips fires at the first moment after the gap, a repeated one at its first pass only. An expression that fires at
 * intervals below an hour through the whole stretch runs through instead: by the time that passes, not by what the clock shows.
 */
export function firesIn(cron: string, timezone: string): Fires {
  const expression = new Cron(cron, { timezone: 'UTC', paused: true })
  // Times of the zone's clock are numbers here: the moment at which a clock in UTC shows the same.
  const wall = (after: number): number | null => expression.nextRun(new Date(after))?.getTime() ?? null
  const offset = offsetIn(timezone)

  /** Whether the fires around [from, to) of the clock are all less than an hour apart. Asked again for each fire of the stretch. */
  const known = new Map<number, boolean>()
  const runsThrough = (from: number, to: number): boolean => {
    const answer = known.get(from) ?? walksThrough(from, to)
    known.set(from, answer)
    return answer
  }
  const walksThrough = (from: number, to: number): boolean => {
    const before = wall(from - HOUR)
    if (before === null || before >= from) return false
    let last = before
    while (last < to) {
      // A fire that is more than half an hour and less than an hour away spares all those between.
      const far = wall(last + HOUR / 2)
      const next = far !== null && far - last < HOUR ? far : wall(last)
      if (next === null || next - last >= HOUR) return false
      last = next
    }
    return true
  }

  /** The stretch that the clock shows twice, when `at` lies in its second pass. */
  const repetition = (at: number, now: number): { from: number; to: number } | null => {
    const before = offset(at - 3 * HOUR)
    if (before <= now || offset(at + now - before) !== before) return null
    const change = changeBetween(offset, at - 3 * HOUR, at)
    return { from: change + now, to: change + before }
  }

  return (after) => {
    let from = after.getTime()
    for (;;) {
      const now = offset(from)
      const shown = wall(from + now)
      if (shown === null) return null
      const at = shown - now
      const then = offset(at)
      if (then === now) {
        const repeated = repetition(at, now)
        if (!repeated || runsThrough(repeated.from, repeated.to)) return new Date(at)
        from = at
        continue
      }
      // The clock changes on the way there. Far from the change nothing fires, so it is enough to look from the last days.
      if (at - AROUND > from && offset(at - AROUND) === then) {
        from = at - AROUND
        continue
      }
      const change = changeBetween(offset, Math.max(from, at - AROUND), at)
      if (shown < change + then && !runsThrough(change + now, change + then)) return new Date(change)
      // From the last second before the change on, by the new offset; the change itself may be a fire.
      const next = firstUnder(then, change)
      if (next === null || next.getTime() > from) return next
      from = next.getTime()
    }
  }

  function firstUnder(now: number, change: number): Date | null {
    let shown = wall(change + now - SECOND)
    while (shown !== null) {
      const repeated = repetition(shown - now, now)
      if (!repeated || runsThrough(repeated.from, repeated.to)) return new Date(shown - now)
      shown = wall(shown)
    }
    return null
  }
}

/** The zone's distance from UTC at a moment, in milliseconds. */
function offsetIn(timezone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  })
  const known = new Map<number, number>()
  const read = (at: number): number => {
    const part: Partial<Record<Intl.DateTimeFormatPartTypes, number>> = {}
    for (const { type, value } of format.formatToParts(at)) part[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = part
    return Date.UTC(year, month - 1, day, hour, minute, part.second) - at
  }
  return (at) => {
    const quarter = Math.floor(at / QUARTER) * QUARTER
    const answer = known.get(quarter) ?? read(quarter)
    if (known.size > 10_000) known.clear()
    known.set(quarter, answer)
    return answer
  }
}

/** The first whole second at which the offset is no longer that of `low`; `low` and `high` differ. */
function changeBetween(offset: (at: number) => number, low: number, high: number): number {
  const before = offset(low)
  let last = Math.floor(low / SECOND)
  let first = Math.ceil(high / SECOND)
  while (first - last > 1) {
    const middle = Math.floor((last + first) / 2)
    if (offset(middle * SECOND) === before) last = middle
    else first = middle
  }
  return first * SECOND
}
