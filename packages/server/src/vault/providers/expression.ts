// Regular expressions of definitions: RE2's syntax (no look-around, no back references), at most 200 characters, run in time linear to the text (V4).
// They run on what strangers type, so the engine of the language, which goes back and tries again, never sees one: states are walked side by side.

const LONGEST = 200
/** Of the machine: `{20,64}` counts as 64 of what it repeats. */
const MOST_STATES = 2_000

export class ExpressionFault extends Error {}

type Test = (char: string) => boolean
type Edge = 'start' | 'end' | 'word' | 'no_word'
type Node =
  /** `literal`: the one character that it fits. */
  | { kind: 'set'; test: Test; literal?: string }
  | { kind: 'edge'; edge: Edge }
  | { kind: 'sequence'; nodes: Node[] }
  | { kind: 'choice'; options: Node[] }
  | { kind: 'repeat'; node: Node; min: number; max: number }

type State = { test?: Test; edge?: Edge; next: number[] }
export type Expression = { readonly source: string; test(text: string): boolean }

/** Throws ExpressionFault with a sentence for people. */
export function readExpression(source: string): Expression {
  if (source.length > LONGEST) throw new ExpressionFault(`A pattern has at most ${LONGEST} characters.`)
  compiles(source)
  const tree = parse(source)
  if (repeatsARepeat(tree, false)) throw new ExpressionFault('A repeated group may not repeat inside itself.')
  const states: State[] = []
  const first = build(tree, states, add(states, { next: [] }))
  return { source, test: (text) => walk(states, first, [...text]) }
}

const MOST_BEGINNINGS = 32

/** What everything that fits begins with, one of these: `sk_live_` and `sk_test_` of `^sk_(?:live|test)_.{8,}$`. Empty: nothing can be said. */
export function beginningsOf(source: string): string[] {
  const tree = parse(source)
  const nodes = tree.kind === 'choice' && tree.options.length === 1 ? (tree.options[0] as { nodes: Node[] }).nodes : []
  const [first, ...rest] = nodes
  if (first?.kind !== 'edge' || first.edge !== 'start') return []
  const { texts } = begin({ kind: 'sequence', nodes: rest })
  return texts.length > MOST_BEGINNINGS || texts.includes('') ? [] : texts
}

/** `whole`: nothing of the node stands behind these. */
function begin(node: Node): { texts: string[]; whole: boolean } {
  if (node.kind === 'set' && node.literal !== undefined) return { texts: [node.literal], whole: true }
  if (node.kind === 'choice') {
    const all = node.options.map(begin)
    return { texts: [...new Set(all.flatMap(({ texts }) => texts))], whole: all.every(({ whole }) => whole) }
  }
  if (node.kind !== 'sequence') return { texts: [''], whole: false }
  let texts = ['']
  for (const one of node.nodes) {
    const next = begin(one)
    texts = texts.flatMap((text) => next.texts.map((more) => text + more))
    if (!next.whole || texts.length > MOST_BEGINNINGS) return { texts, whole: false }
  }
  return { texts, whole: true }
}

function compiles(source: string): void {
  try {
    new RegExp(source, 'u')
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause
    throw Object.assign(new ExpressionFault('This is not a regular expression.'), { cause })
  }
}

const PROPERTY = /^\\[pP]\{[^}]*\}/
const ESCAPE = /^\\(?:u\{[0-9a-fA-F]+\}|u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|c[A-Za-z]|0|[dDsSwWtnrfv]|[^\w])/
const CLASS = /^\[(?:\\[\s\S]|[^\]\\])*\]/
const QUANTIFIER = /^(?:([*+?])|\{(\d+)(,(\d*))?\})\??/

/** It compiled already; what remains is to refuse what cannot be walked, and to see its shape. */
function parse(source: string): Node {
  let at = 0
  const take = (pattern: RegExp): RegExpExecArray | null => {
    const found = pattern.exec(source.slice(at))
    if (found) at += found[0].length
    return found
  }
  const choice = (): Node => {
    const options = [sequence()]
    while (source[at] === '|') {
      at++
      options.push(sequence())
    }
    return { kind: 'choice', options }
  }
  const sequence = (): Node => {
    const nodes: Node[] = []
    while (at < source.length && source[at] !== '|' && source[at] !== ')') nodes.push(quantified(atom()))
    return { kind: 'sequence', nodes }
  }
  const quantified = (node: Node): Node => {
    const found = take(QUANTIFIER)
    if (!found) return node
    const [, sign, low, comma, high] = found
    if (sign) return { kind: 'repeat', node, min: sign === '+' ? 1 : 0, max: sign === '?' ? 1 : Number.POSITIVE_INFINITY }
    const min = Number(low)
    return { kind: 'repeat', node, min, max: !comma ? min : high ? Number(high) : Number.POSITIVE_INFINITY }
  }
  const atom = (): Node => {
    const group = take(/^\((\?(?:<?[=!]|<[^>]*>|:))?/)
    if (group) {
      if (/[=!]$/.test(group[1] ?? '')) throw new ExpressionFault('A pattern may not look ahead or behind.')
      const inside = choice()
      at++ // the closing parenthesis
      return inside
    }
    const edge = take(/^(?:[\^$]|\\[bB])/)?.[0]
    if (edge) return { kind: 'edge', edge: edge === '^' ? 'start' : edge === '$' ? 'end' : edge === '\\b' ? 'word' : 'no_word' }
    const set = take(CLASS) ?? take(PROPERTY) ?? take(ESCAPE)
    if (set) return { kind: 'set', test: openSet(set[0]), ...(/^\\[^\w]$/.test(set[0]) ? { literal: set[0].slice(1) } : {}) }
    if (source[at] === '\\') throw new ExpressionFault('A pattern may not refer back to a group.')
    const char = take(/^[\s\S]/u)?.[0] as string
    return char === '.' ? { kind: 'set', test: openSet('.') } : { kind: 'set', test: (one) => one === char, literal: char }
  }
  return choice()
}

/** Of one character: there is nothing to go back for. */
function openSet(source: string): Test {
  const pattern = new RegExp(`^${source}$`, 'u')
  return (char) => pattern.test(char)
}

/** The shape of `(a+)+`, which other engines cannot end. */
function repeatsARepeat(node: Node, within: boolean): boolean {
  if (node.kind === 'repeat') {
    const open = node.max === Number.POSITIVE_INFINITY
    return (open && within) || repeatsARepeat(node.node, within || open)
  }
  if (node.kind === 'sequence') return node.nodes.some((one) => repeatsARepeat(one, within))
  return node.kind === 'choice' && node.options.some((one) => repeatsARepeat(one, within))
}

function add(states: State[], state: State): number {
  if (states.push(state) > MOST_STATES) throw new ExpressionFault('A pattern may not count that far.')
  return states.length - 1
}

/** Where a walk of this node begins, if `next` is where it goes on. State 0 is the end. */
function build(node: Node, states: State[], next: number): number {
  if (node.kind === 'set') return add(states, { test: node.test, next: [next] })
  if (node.kind === 'edge') return add(states, { edge: node.edge, next: [next] })
  if (node.kind === 'sequence') return node.nodes.reduceRight((after, one) => build(one, states, after), next)
  if (node.kind === 'choice') return add(states, { next: node.options.map((one) => build(one, states, next)) })
  let at = next
  if (node.max === Number.POSITIVE_INFINITY) {
    const loop = add(states, { next: [next] })
    states[loop]?.next.push(build(node.node, states, loop))
    at = loop
  } else
    for (let i = node.min; i < node.max; i++) {
      const inner = build(node.node, states, at)
      at = add(states, { next: [next, inner] })
    }
  for (let i = 0; i < node.min; i++) at = build(node.node, states, at)
  return at
}

const isWord = (char: string | undefined): boolean => char !== undefined && /^\w$/.test(char)

function holds(edge: Edge, chars: readonly string[], at: number): boolean {
  if (edge === 'start') return at === 0
  if (edge === 'end') return at === chars.length
  return (isWord(chars[at - 1]) !== isWord(chars[at])) === (edge === 'word')
}

/** Each state at most once a character. Found anywhere in the text, as `RegExp.test` does. */
function walk(states: readonly State[], first: number, chars: readonly string[]): boolean {
  let live = new Set<number>()
  for (let at = 0; at <= chars.length; at++) {
    const reached = new Set<number>()
    const open = [...live, first]
    for (let id = open.pop(); id !== undefined; id = open.pop()) {
      const state = states[id] as State
      if (id === 0) return true
      if (reached.has(id)) continue
      reached.add(id)
      if (!state.test && (!state.edge || holds(state.edge, chars, at))) open.push(...state.next)
    }
    live = new Set()
    const char = chars[at]
    if (char === undefined) return false
    for (const id of reached) {
      const state = states[id] as State
      if (state.test?.(char)) live.add(state.next[0] as number)
    }
  }
  return false
}
