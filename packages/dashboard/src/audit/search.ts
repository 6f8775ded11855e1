// What the list of events is filtered by, as it stands in the address.
import type { RouteQuery } from '@countersign/sdk'

export const FILTERS = ['type', 'actor', 'resource', 'action', 'decision', 'class', 'since', 'until'] as const
export type Filters = Partial<Record<(typeof FILTERS)[number], string>>

export const readFilters = (params: URLSearchParams): Filters =>
  Object.fromEntries(FILTERS.flatMap((name) => (params.get(name) ? [[name, params.get(name) as string]] : [])))

/** Days as people choose them, from the first moment of one to the last of the other in their own zone, as times for the API. */
export function asQuery({ since, until, class: kind, ...rest }: Filters): RouteQuery<'GET /events'> {
  const start = since ? new Date(`${since}T00:00:00`) : null
  const end = until ? new Date(`${until}T00:00:00`) : null
  end?.setDate(end.getDate() + 1)
  return {
    ...rest,
    ...(kind === 'audit' || kind === 'activity' ? { class: kind } : {}),
    ...(start && !Number.isNaN(start.getTime()) ? { since: start.toISOString() } : {}),
    ...(end && !Number.isNaN(end.getTime()) ? { until: end.toISOString() } : {}),
  }
}
