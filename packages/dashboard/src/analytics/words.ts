// Times and endings as people say them.
import type { RouteAnswer } from '@countersign/sdk'
import { t } from '../text/t.ts'

type Day = RouteAnswer<'GET /tasks/stats'>['volume'][number]

/** 45 s, 12 min, 3.5 h, 4 days. */
export function lasting(seconds: number | null): string {
  if (seconds === null) return '–'
  if (seconds < 90) return t('{count} s', { count: Math.round(seconds) })
  if (seconds < 5_400) return t('{count} min', { count: Math.round(seconds / 60) })
  if (seconds < 172_800) return t('{count} h', { count: Math.round(seconds / 360) / 10 })
  return t('{count} days', { count: Math.round(seconds / 86_400) })
}

/** What became of a day's questions, in four kinds that a reader can tell apart. */
export const endings = (day: Day) => [
  { name: t('Answered'), colour: 'var(--accent)', value: day.answered + day.accepted + day.edited + day.responded },
  { name: t('Denied or ignored'), colour: 'var(--danger)', value: day.denied + day.ignored },
  { name: t('Nobody answered'), colour: 'var(--warn)', value: day.timed_out + day.defaulted + day.verification_exhausted },
  { name: t('Withdrawn'), colour: 'var(--muted)', value: day.cancelled },
  { name: t('Open'), colour: 'var(--line-strong)', value: day.open },
]
