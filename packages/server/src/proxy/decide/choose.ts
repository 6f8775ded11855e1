// Which connection a request means (V92–V95): by host, port and path of the definitions, then by what selects among them. Pure. Never guesses: two that fit
// equally well are `ambiguous`, and a selector that names something else than what was granted is `no_grant`, whatever else would fit.
import type { Definition, Host } from '../../vault/providers/definition.ts'
import { compareFits, type Fit, matchHost, type Pattern, parsePattern, portOf } from '../../vault/providers/pattern.ts'
import type { AskedRequest } from '../gatekeeper.ts'
import type { Reason } from './deny.ts'
import type { View, ViewConnection } from './view.ts'

export type Choice =
  | { connection: ViewConnection }
  | { reason: Reason; connection?: ViewConnection; provider?: string; choices?: string[] }
  /** Nobody's: policy may let it pass without a credential. */
  | 'none'

type Asked = Pick<AskedRequest, 'scheme' | 'host' | 'port' | 'path' | 'query' | 'headers'>
type Place = { fit: Fit; pathLength: number }

const parsed = new WeakMap<Host, Pattern>()
function patternOf(host: Host): Pattern {
  const known = parsed.get(host)
  if (known) return known
  const pattern = parsePattern(host.host)
  parsed.set(host, pattern)
  return pattern
}

/** By whole segments: `/v1` holds `/v1` and `/v1/x`, not `/v10`. */
const holdsPath = (prefix: string, path: string): boolean => {
  const bare = prefix.endsWith('/') ? prefix.slice(0, -1) : prefix
  return path === bare || path.startsWith(`${bare}/`)
}

/** How closely a definition names this place; null: not at all. Paths of hosts are prefixes; `*` stands for one segment, `**` for the rest. */
export function placeIn(definition: Definition, params: Readonly<Record<string, string>>, asked: Asked): Place | null {
  let best: Place | null = null
  for (const host of definition.hosts) {
    if (portOf(host, params) !== asked.port) continue
    const path = host.path ?? '/'
    const length = matchLength(path, asked.path)
    if (length === null) continue
    const fit = matchHost(patternOf(host), asked.host, params)
    if (fit && (best === null || closer({ fit, pathLength: length }, best) < 0)) best = { fit, pathLength: length }
  }
  return best
}

function matchLength(pattern: string, path: string): number | null {
  if (!pattern.includes('*')) return holdsPath(pattern, path) ? pattern.length : null
  const wanted = pattern.split('/').slice(1)
  const segments = path.split('/').slice(1)
  for (const [i, want] of wanted.entries()) {
    if (want === '**') return pattern.length
    if (segments[i] === undefined || (want !== '*' && want !== segments[i]) || (want === '*' && segments[i] === '')) return null
  }
  return pattern.length
}

/** Negative: `a` names the place more closely. */
const closer = (a: Place, b: Place): number => compareFits(a.fit, b.fit) || b.pathLength - a.pathLength

export function choose(view: View, asked: Asked): Choice {
  const fitting = view.connections.flatMap((connection) => {
    const place = connection.grants.length > 0 ? placeIn(connection.definition, connection.params, asked) : null
    return place ? [{ connection, place }] : []
  })
  const selected = select(view, asked)
  if (selected === 'ambiguous') return { reason: 'ambiguous', choices: namesOf(fitting.map((one) => one.connection)) }
  if (selected) return fitting.some((one) => one.connection === selected) ? usable(selected) : { reason: 'no_grant' }
  if (selected === null) return { reason: 'no_grant' }
  const told = fitting.filter(({ connection }) => {
    const id = Object.hasOwn(view.run.chosen, connection.provider) ? view.run.chosen[connection.provider] : undefined
    return id === undefined || id === connection.id
  })
  if (told.length === 0) return missing(view, asked, fitting.length > 0)
  const [first, ...rest] = told.sort((a, b) => closer(a.place, b.place))
  const equal = [first as (typeof told)[number], ...rest].filter((one) => closer(one.place, (first as typeof one).place) === 0)
  // Those that cannot be used stand in nobody's way.
  const live = equal.filter(({ connection }) => connection.status === 'connected')
  const left = live.length > 0 ? live : equal
  if (left.length > 1) return { reason: 'ambiguous', choices: namesOf(left.map((one) => one.connection)) }
  return usable((left[0] as (typeof left)[number]).connection)
}

const namesOf = (connections: readonly ViewConnection[]): string[] =>
  connections.map(({ provider, name }) => `${provider}:${name}`).sort()

const usable = (connection: ViewConnection): Choice =>
  connection.status === 'connected' ? { connection } : { reason: connection.status, connection }

function missing(view: View, asked: Asked, isChosenAway: boolean): Choice {
  if (isChosenAway) return { reason: 'no_grant' }
  const known = view.known.find((definition) => placeIn(definition, {}, asked))
  return known ? { reason: 'connection_missing', provider: known.name } : 'none'
}

/** undefined: nothing is selected. null: something that is not granted. */
function select(view: View, asked: Asked): ViewConnection | 'ambiguous' | null | undefined {
  const named = asked.headers.filter(([name]) => name === 'countersign-connection').map(([, value]) => value.trim())
  if (named.length > 1) return 'ambiguous'
  const byPlaceholder = view.connections.filter(({ placeholder }) => carries(asked, placeholder))
  if (byPlaceholder.length > 1) return 'ambiguous'
  const [name] = named
  if (name === undefined) return byPlaceholder[0]
  const byName = view.connections.find((one) => one.id === name || `${one.provider}:${one.name}` === name)
  if (!byName) return null
  // Two selectors that say two things say nothing.
  return byPlaceholder[0] && byPlaceholder[0] !== byName ? 'ambiguous' : byName
}

/** Whether our placeholder stands in a header, a query value, a segment of the path, or in Basic credentials (V59). */
export function carries({ path, query, headers }: Pick<Asked, 'path' | 'query' | 'headers'>, placeholder: string): boolean {
  if (path.split('/').includes(placeholder)) return true
  if (query.includes(placeholder) && [...new URLSearchParams(query).values()].some((value) => value === placeholder)) return true
  return headers.some(([name, value]) => {
    if (value.includes(placeholder)) return true
    if (name !== 'authorization' || !/^basic /i.test(value)) return false
    return Buffer.from(value.slice(6), 'base64').toString('latin1').split(':').includes(placeholder)
  })
}
