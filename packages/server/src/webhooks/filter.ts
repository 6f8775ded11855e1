// Which events an endpoint wants (P80): exact names, `prefix.*`, or `*`. Reads no row.
import { type FieldError, Problem } from '@countersign/sdk'
import { EVENT_TYPES, isEventType } from '../events/types.ts'
import { nearest } from '../http/nearest.ts'

const NAME = /^[a-z0-9_]+(\.[a-z0-9_]+)*$/
const MOST = 200

/** An array, or names with commas between; duplicates are dropped. Refused as 422 with the place of each fault. */
export function readFilters(given: string | readonly string[]): string[] {
  const list = typeof given === 'string' ? given.split(',').map((one) => one.trim()) : given
  const place = (i: number) => (typeof given === 'string' ? '/events' : `/events/${i}`)
  if (list.length === 0 || list.length > MOST)
    throw refused([{ path: '/events', code: 'out_of_range', message: `Name 1 to ${MOST} events.` }], null)
  const faults = list.flatMap((text, i) => faultOf(text, place(i)))
  if (faults.length > 0) {
    const meant = faults.find((one) => one.meant)?.meant ?? null
    throw refused(
      faults.map(({ meant: _, ...fault }) => fault),
      meant,
    )
  }
  return [...new Set(list)]
}

const refused = (errors: FieldError[], didYouMean: string | null): Problem =>
  new Problem('validation_failed', didYouMean === null ? { errors } : { errors, did_you_mean: didYouMean })

function faultOf(text: string, path: string): (FieldError & { meant?: string })[] {
  if (text === '*') return []
  const stem = text.endsWith('.*') ? text.slice(0, -2) : text
  if (!NAME.test(stem))
    return [{ path, code: 'filter_invalid', message: 'Must be an event type, `prefix.*` with one star at the end, or `*`.' }]
  const names = Object.keys(EVENT_TYPES)
  if (text === stem ? isEventType(text) : names.some((name) => name.startsWith(`${stem}.`))) return []
  const meant = nearest(text === stem ? text : stem, text === stem ? names : areas(names))
  const spoken = meant === null || text === stem ? meant : `${meant}.*`
  const message = `There is no event type "${text.slice(0, 64)}".${spoken ? ` Perhaps ${spoken} is meant.` : ''}`
  return [{ path, code: 'unknown_event_type', message, ...(spoken ? { meant: spoken } : {}) }]
}

const areas = (names: readonly string[]): string[] => [...new Set(names.map((name) => name.split('.')[0] as string))]

/** Every filter that this type passes: `task.completed`, `task.*`, `*`. */
export function filtersOf(type: string): string[] {
  const parts = type.split('.')
  return [type, ...parts.slice(0, -1).map((_, i) => `${parts.slice(0, parts.length - 1 - i).join('.')}.*`), '*']
}
