// Which connection a request means (V92–V95): by host, port and path of the definitions, then by what selects among them. Pure. Never guesses: two that fit
// equally well are `ambiguous`, and a selector that names something else than what was granted is `no_grant`, whatever else would fit.
import { type PathPattern, parsePathPattern, pathFits, pathOrder, type ReadPath } from '../../vault/grants/path.ts'
import type { Definition, Host } from '../../vault/providers/definition.ts'
import { defaultsOf } from '../../vault/providers/params.ts'
import { compareFits, type Fit, matchHost, type Pattern, parsePattern, portOf } from '../../vault/providers/pattern.ts'
import type { AskedRequest } from '../gatekeeper.ts'
import type { Reason } from './deny.ts'
import type { View, ViewConnection } from './view.ts'

export type Choice =
  | { connection: ViewConnection }
  | { reason: Reason; connection?: ViewConnection; provider?: string; choices?: string[] }
  /** Nobody's: policy may let it pass without a credential. */
  | 'none'

/** `read`: the path as rules read it. `texts`: the placeholders that stand in its body. */
export type Asked = Pick<AskedRequest, 'host' | 'port' | 'path' | 'query' | 'headers'> & {
  read: ReadPath
  texts?: ReadonlySet<string>
}
export type Place = { fit: Fit; path: readonly number[] }

const parsed = new WeakMap<Host, Pattern>()
function patternOf(host: Host): Pattern {
  const known = parsed.get(host)
  if (known) return known
  const pattern = parsePattern(host.host)
  parsed.set(host, pattern)
  return pattern
}

const paths = new Map<string, PathPattern>()
function pathOf(text: string): PathPattern {
  const known = paths.get(text)
  if (known) return known
  const pattern = parsePathPattern(text)
  if (!pattern) throw new TypeError(`${text} stands in a definition and is no path.`)
  paths.set(text, pattern)
  return pattern
}

/** How closely a definition names this place; null: not at all. Its path fits in both readings of what was sent, or not at all. */
export function placeIn(definition: Definition, params: Readonly<Record<string, string>>, asked: Asked): Place | null {
  let best: Place | null = null
  for (const host of definition.hosts) {
    if (portOf(host, params) !== asked.port) continue
    const pattern = pathOf(host.path ?? '/')
    if (!pathFits(pattern, asked.read.plain) || !pathFits(pattern, asked.read.decoded)) continue
    const fit = matchHost(patternOf(host), asked.host, params)
    const place = fit && { fit, path: pathOrder(pattern) }
    if (place && (best === null || closer(place, best) < 0)) best = place
  }
  return best
}

/** Negative: `a` names the place more closely. */
export const closer = (a: Place, b: Place): number =>
  compareFits(a.fit, b.fit) || b.path.reduce((found, part, i) => found || part - (a.path[i] as number), 0)

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
  const known = view.known.find((definition) => placeIn(definition, defaultsOf(definition), asked))
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

/** Whether our placeholder stands in a header, a query value, a segment of the path, in Basic credentials or a string of the body (V59). */
export function carries(
  { path, query, headers, texts }: Pick<Asked, 'path' | 'query' | 'headers' | 'texts'>,
  placeholder: string,
): boolean {
  if (texts?.has(placeholder)) return true
  if (path.split('/').includes(placeholder)) return true
  if (query.includes(placeholder) && [...new URLSearchParams(query).values()].some((value) => value === placeholder)) return true
  return headers.some(([name, value]) => {
    if (value.includes(placeholder)) return true
    if (name !== 'authorization' || !/^basic /i.test(value)) return false
    return Buffer.from(value.slice(6), 'base64').toString('latin1').split(':').includes(placeholder)
  })
}
