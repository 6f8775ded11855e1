// Days, times of day and moments as forms write them (T79), compared without a clock and without a time zone of the machine.

const DAY = /^(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$/
const TIME = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(\.\d+)?)?$/
const MOMENT = /^(\d{4}-\d\d-\d\d)[Tt]([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$/

/** The number of a day, or null when it is no day: 30 February is none. */
export function dayOf(text: unknown): number | null {
  const parts = typeof text === 'string' ? DAY.exec(text) : null
  if (!parts) return null
  const [year, month, day] = [Number(parts[1]), Number(parts[2]), Number(parts[3])]
  const at = new Date(0)
  at.setUTCFullYear(year, month - 1, day)
  return at.getUTCMonth() === month - 1 ? Math.round(at.getTime() / 86_400_000) : null
}

/** Seconds since midnight, or null when it is no time of day. */
export function secondOf(text: unknown): number | null {
  // What a schema's `time` may carry behind it, an offset, says nothing about the clock on the wall.
  const parts = typeof text === 'string' ? TIME.exec(text.replace(/(?:[Zz]|[+-]\d\d:\d\d)$/, '')) : null
  if (!parts) return null
  return Number(parts[1]) * 3600 + Number(parts[2]) * 60 + Number(parts[3] ?? 0)
}

/** Milliseconds since 1970, or null when it is no moment (RFC 3339 with its offset). */
export function momentOf(text: unknown): number | null {
  const parts = typeof text === 'string' ? MOMENT.exec(text) : null
  if (!parts || dayOf(parts[1]) === null) return null
  const at = Date.parse((text as string).toUpperCase().replace(/:60(?=[.Z+-])/, ':59'))
  return Number.isNaN(at) ? null : at
}

const zones = new Map<string, Intl.DateTimeFormat | null>()

function formatOf(zone: string): Intl.DateTimeFormat | null {
  const known = zones.get(zone)
  if (known !== undefined) return known
  let format: Intl.DateTimeFormat | null
  try {
    const parts = {
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
    } as const
    format = new Intl.DateTimeFormat('en-CA', { timeZone: zone, hourCycle: 'h23', ...parts })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    format = null
  }
  zones.set(zone, format)
  return format
}

export const isZone = (zone: string): boolean => formatOf(zone) !== null

/** `2026-03-29T08:30` as the clocks of the zone show it, as the moment it is; null when the text is none. An hour that the clocks leave out is the one after it. */
export function momentIn(zone: string | undefined, local: string): string | null {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?$/.test(local) || dayOf(local.slice(0, 10)) === null) return null
  const seconds = local.length === 16 ? `${local}:00` : local
  const asUtc = Date.parse(`${seconds}Z`)
  if (Number.isNaN(asUtc)) return null
  if (zone === undefined) return new Date(seconds).toISOString()
  const first = asUtc - offsetAt(zone, asUtc)
  return new Date(asUtc - offsetAt(zone, first)).toISOString()
}

/** How the clocks of the zone show a moment, for an input of date and time; empty when it is none. */
export function localIn(zone: string | undefined, moment: string): string {
  const at = Date.parse(moment)
  if (Number.isNaN(at)) return ''
  const offset = zone === undefined ? -new Date(at).getTimezoneOffset() * 60_000 : offsetAt(zone, at)
  const text = new Date(at + offset).toISOString()
  return text.endsWith(':00.000Z') ? text.slice(0, 16) : text.slice(0, 19)
}

function offsetAt(zone: string, at: number): number {
  const format = formatOf(zone)
  if (!format) return 0
  const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]))
  const { year, month, day, hour, minute, second } = parts
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) - Math.floor(at / 1000) * 1000
}
