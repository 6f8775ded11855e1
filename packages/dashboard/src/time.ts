// Times as people say them, in their own zone and language.
import { useEffect, useState } from 'react'
import { t } from './text/t.ts'

const MINUTE = 60
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** "in 1 h 59 min", "3 min ago", "now". Two units where one would mislead: nobody takes "in 1 hour" for two. */
export function relative(time: string, now: number): string {
  const seconds = Math.round((Date.parse(time) - now) / 1000)
  const span = spanOf(Math.abs(seconds))
  if (span === '') return t('now')
  return seconds > 0 ? t('in {span}', { span }) : t('{span} ago', { span })
}

function spanOf(seconds: number): string {
  if (seconds < 5) return ''
  if (seconds < MINUTE) return t('{count} s', { count: seconds })
  const minutes = Math.round(seconds / MINUTE)
  if (minutes < 60) return t('{count} min', { count: minutes })
  if (seconds < 2 * DAY) {
    const rest = minutes % 60
    return rest === 0 || minutes >= 600
      ? t('{count} h', { count: Math.round(minutes / 60) })
      : t('{count} h {rest} min', { count: Math.floor(minutes / 60), rest })
  }
  return t('{count} days', { count: Math.round(seconds / DAY) })
}

/** To the second, for titles and records. */
export const exact = (time: string): string =>
  new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' }).format(new Date(time))

/** "06:35" today, "24 Nov, 06:35" on other days. */
export function clock(time: string, now: number): string {
  const at = new Date(time)
  const today = at.toDateString() === new Date(now).toDateString()
  const day = today ? {} : ({ day: 'numeric', month: 'short' } as const)
  return new Intl.DateTimeFormat(undefined, { ...day, hour: '2-digit', minute: '2-digit' }).format(at)
}

/** "today", or the day; for times that are known to the day only, in UTC. */
export function day(time: string, now: number): string {
  const at = time.slice(0, 10)
  if (at === new Date(now).toISOString().slice(0, 10)) return t('today')
  return new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' }).format(new Date(time))
}

/** The present moment, again every so often, so that what is left of a deadline stays true. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}
