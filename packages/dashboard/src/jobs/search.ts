// The search line of the jobs page: `kind:`, `queue:`, `tag:`, `key:` and `state:` name a field, everything else is looked for. The line is the address's.
import type { RouteQuery } from '@countersign/sdk'
import { STATES } from './frame.tsx'

const FIELDS = { kind: 'kind', queue: 'queue', tag: 'tag', key: 'unique_key', schedule: 'schedule' } as const

export function readSearch(line: string): RouteQuery<'GET /jobs'> {
  const query: Record<string, string> = {}
  const words: string[] = []
  for (const word of line.split(/\s+/).filter(Boolean)) {
    const [, name = '', value = ''] = /^([a-z]+):(.+)$/.exec(word) ?? []
    if (name in FIELDS) query[FIELDS[name as keyof typeof FIELDS]] = value
    else if (name === 'state' && (STATES as string[]).includes(value)) query.state = value
    else words.push(word)
  }
  if (words.length > 0) query.q = words.join(' ')
  return query
}
