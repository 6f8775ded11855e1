// The filters of the inbox as they stand in its address. What is not offered there is left out: nobody breaks a page by its address.
import type { TaskQuery } from '@countersign/sdk'

const NAMES = ['q', 'agent_id', 'origin', 'priority', 'risk', 'tag', 'assigned_to'] as const
export type Filters = Partial<Record<(typeof NAMES)[number], string>>

const OFFERED: Partial<Record<(typeof NAMES)[number], RegExp>> = {
  agent_id: /^agt_[0-7][0-9A-HJKMNP-TV-Z]{25}$/,
  origin: /^(?:agent|user|proxy|relay|queue|vault)$/,
  priority: /^(?:low|normal|high|urgent)$/,
  risk: /^(?:low|normal|high|critical)$/,
}

export function filtersOf(search: URLSearchParams): Filters {
  const filters: Filters = {}
  for (const name of NAMES) {
    const value = search.get(name)
    if (value && (OFFERED[name]?.test(value) ?? true)) filters[name] = value
  }
  return filters
}

export const queryOf = (filters: Filters): TaskQuery => filters as TaskQuery

/** Words alone are a search, which is forgotten; these are worth keeping. */
export const isFiltered = ({ q: _, ...filters }: Filters): boolean => Object.keys(filters).length > 0
