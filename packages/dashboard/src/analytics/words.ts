// Times and endings as people say them.
import type { RouteAnswer } from '@countersign/sdk'

type Day = RouteAnswer<'GET /tasks/stats'>['volume'][number]

/** 45 s, 12 min, 3.5 h, 4 days. */
export function lasting(seconds: number | null): string {
  if (seconds === null) return '–'
  if (seconds < 90) return `${Math.round(seconds)} s`
  if (seconds < 5_400) return `${Math.round(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.round(seconds / 360) / 10} h`
  return `${Math.round(seconds / 86_400)} days`
}

/** What became of a day's questions, in four kinds that a reader can tell apart. */
export const endings = (day: Day) => [
  { name: 'Answered', colour: 'var(--accent)', value: day.answered + day.accepted + day.edited + day.responded },
  { name: 'Denied or ignored', colour: 'var(--danger)', value: day.denied + day.ignored },
  { name: 'Nobody answered', colour: 'var(--warn)', value: day.timed_out + day.defaulted + day.verification_exhausted },
  { name: 'Withdrawn', colour: 'var(--muted)', value: day.cancelled },
  { name: 'Open', colour: 'var(--line-strong)', value: day.open },
]
