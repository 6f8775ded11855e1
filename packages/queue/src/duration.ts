// Lengths of time as people write them: '500ms', '10s', '5m', '2h', '7d', or milliseconds. Never a moment: those are Dates of the database's clock.
import { QueueError } from './error.ts'

export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const WRITTEN = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/

/** Whole milliseconds. `path` names the field in the error. */
export function milliseconds(duration: Duration, path: string): number {
  const written = typeof duration === 'string' ? WRITTEN.exec(duration) : null
  const ms = written ? Number(written[1]) * UNITS[written[2] as keyof typeof UNITS] : duration
  if (typeof ms !== 'number' || !Number.isFinite(ms) || ms < 0)
    throw QueueError.invalid(path, 'a duration is written like 500ms, 10s, 5m, 2h or 7d')
  return Math.round(ms)
}
