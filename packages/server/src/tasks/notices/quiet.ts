// Quiet hours of a person, in their own time zone. Pure.
export type Quiet = { quiet_from: string | null; quiet_until: string | null; time_zone: string | null }

const DAY_MINUTES = 24 * 60

/** `now` outside of them; else the first moment after them, to the minute. */
export function endOfQuiet({ quiet_from, quiet_until, time_zone }: Quiet, now: Date): Date {
  if (quiet_from === null || quiet_until === null || time_zone === null) return now
  const [from, until] = [minutesOf(quiet_from), minutesOf(quiet_until)]
  if (!isWithin(minuteIn(now, time_zone), from, until)) return now
  // Clocks that are put forward or back meanwhile are met by looking again at each minute, at most a day and an hour ahead.
  const start = Math.ceil(now.getTime() / 60_000) * 60_000
  for (let i = 0; i <= DAY_MINUTES + 60; i++) {
    const then = new Date(start + i * 60_000)
    if (!isWithin(minuteIn(then, time_zone), from, until)) return then
  }
  return now
}

const isWithin = (minute: number, from: number, until: number): boolean =>
  from <= until ? minute >= from && minute < until : minute >= from || minute < until

/** `22:00` or `22:00:00`. */
function minutesOf(text: string): number {
  const [hours = 0, minutes = 0] = text.split(':').map(Number)
  return hours * 60 + minutes
}

const formats = new Map<string, Intl.DateTimeFormat>()

function minuteIn(at: Date, time_zone: string): number {
  const format =
    formats.get(time_zone) ??
    new Intl.DateTimeFormat('en-GB', { timeZone: time_zone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  formats.set(time_zone, format)
  return minutesOf(format.format(at))
}

/** A name that this process can reckon with. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone: name }) !== null
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}
