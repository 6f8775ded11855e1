// Which rule of a grant speaks for a request (V14, V90). Pure: opens nothing, reads no row, knows no clock. What no rule fits is not granted.
import { compareFits, type Fit, matchHost, type Params, type Pattern, parsePattern } from '../providers/pattern.ts'
import { type PathPattern, parsePathPattern, pathFits, pathOrder, readPath } from './path.ts'

export type Effect = 'allow' | 'ask' | 'deny'
export const OPS = ['eq', 'ne', 'lt', 'le', 'gt', 'ge', 'in', 'like'] as const
export type FactValue = number | string | boolean
export type Where = { fact: string; op: (typeof OPS)[number]; value: FactValue | readonly FactValue[] }

export type Rule = {
  effect: Effect
  /** Of the definition's; absent: all of them. */
  hosts?: readonly string[]
  /** `*` or names; absent: all. */
  methods?: readonly string[]
  /** Absent: all. */
  paths?: readonly string[]
  /** Names of MCP tools, `*` at the end for any that begin so; absent: not limited to tools. */
  tools?: readonly string[]
  where?: readonly Where[]
}

export type RuleTarget = {
  /** As `normalHost` makes it. */
  host: string
  method: string
  /** Byte for byte what was sent up to `?`. */
  path: string
  /** Of the one call that is judged. */
  tool?: string
  facts?: Readonly<Record<string, FactValue>>
  /** Of the connection, for parameters in hosts. */
  params?: Params
}

/** `method`, `host`, `path`, `tool`: the last that a rule failed on, of the rules that came furthest. `no_grant`: a fact, or no rule at all. */
export type Refusal = 'no_grant' | 'method' | 'host' | 'path' | 'tool' | 'path_ambiguous'
export type Winning = { index: number; effect: Effect } | { refusal: Refusal }

type Compiled = {
  effect: Effect
  hosts: readonly Pattern[] | null
  methods: ReadonlySet<string> | null
  paths: readonly PathPattern[] | null
  tools: readonly string[] | null
  where: readonly Where[]
}

// Rules are judged with each request and change with their grant: read once for as long as somebody holds them.
const compiled = new WeakMap<readonly Rule[], readonly Compiled[]>()

function compile(rules: readonly Rule[]): readonly Compiled[] {
  const known = compiled.get(rules)
  if (known) return known
  const made = rules.map(({ effect, hosts, methods, paths, tools, where }) => ({
    effect,
    hosts: hosts ? hosts.map(parsePattern) : null,
    methods: methods && !methods.includes('*') ? new Set(methods) : null,
    paths: paths ? paths.map(readStored) : null,
    tools: tools ?? null,
    where: where ?? [],
  }))
  compiled.set(rules, made)
  return made
}

function readStored(path: string): PathPattern {
  const pattern = parsePathPattern(path)
  if (!pattern) throw new TypeError(`${path} stands in a stored rule and is no path.`)
  return pattern
}

/** The longest path wins, then the exact host before a wildcard, then the stricter effect (V14). Two readings of a path that differ decide nothing (V90). */
export function winning(rules: readonly Rule[], target: RuleTarget): Winning {
  const path = readPath(target.path)
  if (!path) return { refusal: 'path_ambiguous' }
  const all = compile(rules)
  const plain = winningOn(all, target, path.plain)
  if (path.plain === path.decoded) return plain
  const decoded = winningOn(all, target, path.decoded)
  return same(plain, decoded) ? plain : { refusal: 'path_ambiguous' }
}

const same = (a: Winning, b: Winning): boolean =>
  'refusal' in a ? 'refusal' in b && a.refusal === b.refusal : 'index' in b && a.index === b.index

type Candidate = { index: number; effect: Effect; path: readonly number[]; host: Fit | null }
const STEPS = ['method', 'host', 'path', 'tool', 'no_grant'] as const

function winningOn(rules: readonly Compiled[], target: RuleTarget, path: readonly string[]): Winning {
  let best: Candidate | null = null
  let furthest = -1
  for (const [index, rule] of rules.entries()) {
    const found = fit(rule, target, path)
    if (typeof found === 'number') furthest = Math.max(furthest, found)
    else {
      const candidate = { ...found, index, effect: rule.effect }
      if (!best || isCloser(candidate, best)) best = candidate
    }
  }
  if (best) return { index: best.index, effect: best.effect }
  return { refusal: STEPS[furthest] ?? 'no_grant' }
}

const NO_PATH = [-1, 0, 0] as const

/** How closely a rule fits, or the number of the step at which it does not. */
function fit(
  rule: Compiled,
  target: RuleTarget,
  path: readonly string[],
): { path: readonly number[]; host: Fit | null } | number {
  if (rule.methods && !rule.methods.has(target.method)) return 0
  const hosts = rule.hosts?.flatMap((pattern) => matchHost(pattern, target.host, target.params) ?? []).sort(compareFits)
  if (hosts && hosts.length === 0) return 1
  const paths = rule.paths?.filter((pattern) => pathFits(pattern, path)).map(pathOrder)
  if (paths && paths.length === 0) return 2
  if (rule.tools && !(target.tool !== undefined && rule.tools.some((name) => toolFits(name, target.tool as string)))) return 3
  if (!rule.where.every((where) => holds(where, target.facts ?? {}, rule.effect))) return 4
  return { path: paths?.reduce((a, b) => (comparePaths(a, b) >= 0 ? a : b)) ?? NO_PATH, host: hosts?.[0] ?? null }
}

const comparePaths = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((found, part, i) => found || part - (b[i] as number), 0)

const STRICT: Record<Effect, number> = { allow: 0, ask: 1, deny: 2 }

function isCloser(a: Candidate, b: Candidate): boolean {
  const byPath = comparePaths(a.path, b.path)
  if (byPath !== 0) return byPath > 0
  const byHost = compareHosts(a.host, b.host)
  return byHost !== 0 ? byHost < 0 : STRICT[a.effect] > STRICT[b.effect]
}

/** A rule that names no host fits as widely as its definition does. */
const compareHosts = (a: Fit | null, b: Fit | null): number => (a && b ? compareFits(a, b) : a ? -1 : b ? 1 : 0)

const toolFits = (name: string, tool: string): boolean =>
  name.endsWith('*') ? tool.startsWith(name.slice(0, -1)) : name === tool

/** A fact that is not there lets nothing through: an allow does not fit, and what asks or denies does. */
function holds({ fact, op, value }: Where, facts: Readonly<Record<string, FactValue>>, effect: Effect): boolean {
  const found = Object.hasOwn(facts, fact) ? facts[fact] : undefined
  if (found === undefined) return effect !== 'allow'
  if (Array.isArray(value)) return op === 'in' && value.includes(found)
  if (typeof found !== typeof value) return effect !== 'allow'
  switch (op) {
    case 'eq':
      return found === value
    case 'ne':
      return found !== value
    case 'like':
      return isLike(String(found), String(value))
    case 'in':
      return found === value
    default:
      return compares(op, found, value as FactValue) ?? effect !== 'allow'
  }
}

/** Null: these have no order. */
function compares(op: 'lt' | 'le' | 'gt' | 'ge', a: FactValue, b: FactValue): boolean | null {
  if (typeof a !== 'number' || typeof b !== 'number') return null
  return { lt: a < b, le: a <= b, gt: a > b, ge: a >= b }[op]
}

/** `*` is any text; every other character is itself. In linear time: each part is looked for behind the one before. */
function isLike(text: string, pattern: string): boolean {
  const parts = pattern.split('*')
  const [first = '', last = ''] = [parts[0], parts.at(-1)]
  if (parts.length === 1) return text === pattern
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false
  let at = first.length
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > text.length - last.length) return false
    at = found + part.length
  }
  return true
}
