// Rules that permit exactly what was learned at one connection, and what of it no rule could (V96). Pure. A rule names the host, the methods that were sent, and each
// path exactly, with its ids folded: never a prefix, never a host more.
import { fitsPath, type ReadPath, readPath } from '../../vault/grants/path.ts'
import type { Rule } from '../../vault/grants/rules.ts'
import { isMinting, isOwnEndpoint } from '../decide/judge.ts'
import type { ViewConnection } from '../decide/view.ts'
import type { Learned } from './learned.ts'

/** What a grant takes, as it is stated on the wire. */
const MOST_PATHS = 100
const MOST_METHODS = 30
const LONGEST_PATH = 2_000
const METHOD = /^[A-Z][A-Z0-9!#$%&'*+.^_`|~-]{0,31}$/

/** Why nothing of the draft lets it out: it came without TLS, asks for tokens, hands out credentials, or no rule can name it. */
export const WHY = ['plaintext', 'token_endpoint', 'minting', 'unnamed'] as const
export type Why = (typeof WHY)[number]
export type LeftOut = Learned & { why: Why }

type At = Pick<ViewConnection, 'definition' | 'params'>

export function rulesFor(at: At, learned: readonly Learned[]): { rules: Rule[]; leftOut: LeftOut[] } {
  const leftOut: LeftOut[] = []
  // By effect, host and path: the methods.
  const places = new Map<string, { effect: 'allow' | 'ask'; host: string; path: string; methods: string[] }>()
  for (const one of learned) {
    const read = readPath(one.sample) as ReadPath
    const why = whyNot(at, one, read)
    if (why) {
      leftOut.push({ ...one, why })
      continue
    }
    // Which tools it called is in no record: people are asked about each call.
    const effect = one.method === 'POST' && fitsPath(at.definition.mcp?.paths ?? [], one.sample) ? 'ask' : 'allow'
    const key = JSON.stringify([effect, one.host, one.path])
    const place = places.get(key) ?? { effect, host: one.host, path: `=${one.path}`, methods: [] }
    places.set(key, place)
    if (!place.methods.includes(one.method)) place.methods.push(one.method)
  }
  return { rules: grouped([...places.values()]), leftOut }
}

function whyNot({ definition, params }: At, one: Learned, read: ReadPath): Why | null {
  if (one.scheme === 'http' && !definition.allow_plaintext) return 'plaintext'
  if (isOwnEndpoint({ definition, params }, one, read)) return 'token_endpoint'
  if (isMinting(definition, one, read)) return 'minting'
  return METHOD.test(one.method) && one.path.length < LONGEST_PATH ? null : 'unnamed'
}

/** Paths that want the same methods of the same host share a rule. */
function grouped(places: readonly { effect: 'allow' | 'ask'; host: string; path: string; methods: string[] }[]): Rule[] {
  const groups = new Map<string, { effect: 'allow' | 'ask'; host: string; methods: string[]; paths: string[] }>()
  for (const { effect, host, path, methods } of places) {
    const sorted = [...methods].sort()
    const key = JSON.stringify([effect, host, sorted])
    const group = groups.get(key) ?? { effect, host, methods: sorted, paths: [] }
    groups.set(key, group)
    group.paths.push(path)
  }
  return [...groups.values()].flatMap(({ effect, host, methods, paths }) =>
    chunks(methods, MOST_METHODS).flatMap((some) =>
      chunks(paths.sort(), MOST_PATHS).map((few) => ({
        effect,
        hosts: [host],
        methods: some,
        paths: few,
        ...(effect === 'ask' ? { tools: ['*'] } : {}),
      })),
    ),
  )
}

const chunks = <T>(all: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(all.length / size) }, (_, i) => all.slice(i * size, (i + 1) * size))
