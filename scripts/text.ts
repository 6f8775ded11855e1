// The words of the dashboard (T164), read from its source: the catalogue of all messages, and the law that none stands outside of it. It parses, and runs nothing.
// A word is found by where it stands (what JSX shows, attributes and members that are shown) or, anywhere else, by how it looks: several words, or one that
// begins like a sentence.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseSync } from 'vite'
import {
  EXCEPTIONS,
  SHOWN_ARGUMENTS,
  SHOWN_ATTRIBUTES,
  SHOWN_MEMBERS,
  TECHNICAL_ATTRIBUTES,
  TECHNICAL_CALLS,
} from './text-places.ts'

type Node = { type: string; start: number; end: number; [member: string]: unknown }
type Found = { node: Node; parents: readonly Node[]; text: string }
type Source = { path: string; text: string }

const root = fileURLToPath(new URL('..', import.meta.url))
const DASHBOARD = join(root, 'packages/dashboard/src')

export function dashboardSources(folder = DASHBOARD): Source[] {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) return dashboardSources(path)
      if (!/\.tsx?$/.test(entry.name) || /\.test\.tsx?$/.test(entry.name)) return []
      return [{ path: relative(root, path), text: readFileSync(path, 'utf8') }]
    })
    .sort((a, b) => (a.path < b.path ? -1 : 1))
}

const isNode = (value: unknown): value is Node => typeof (value as Node | null)?.type === 'string'

function visit(node: Node, parents: readonly Node[], see: (node: Node, parents: readonly Node[]) => void): void {
  see(node, parents)
  const inside = [...parents, node]
  for (const value of Object.values(node))
    for (const one of Array.isArray(value) ? value : [value]) if (isNode(one)) visit(one, inside, see)
}

function parse({ path, text }: Source): Node {
  const { program, errors } = parseSync(path, text)
  if (errors[0]) throw new Error(`${path}: ${errors[0].message}`)
  return program as unknown as Node
}

const at = ({ path, text }: Source, { start }: Node): string => `${path}:${text.slice(0, start).split('\n').length}`

/** What a call is of: `announce` of `live.announce(…)`. */
const calleeOf = (node: Node | undefined): string => {
  const callee = node?.callee as Node | undefined
  return String((callee?.type === 'MemberExpression' ? (callee.property as Node).name : callee?.name) ?? '')
}

/** A string without places, or null. */
const stringOf = (node: Node | undefined): string | null => {
  if (node?.type === 'Literal' && typeof node.value === 'string') return node.value
  const quasis = node?.type === 'TemplateLiteral' ? (node.quasis as { value: { cooked: string } }[]) : []
  return quasis.length === 1 ? (quasis[0]?.value.cooked ?? null) : null
}

const isMessageCall = (node: Node): boolean =>
  node.type === 'CallExpression' && (node.callee as Node).type === 'Identifier' && ['t', 'rich'].includes(calleeOf(node))

type Messages = { messages: string[]; errors: string[] }

/** Every message that a file can say. One that is put together at run time, or whose places are not those that it is given, is an error. */
function messagesIn(source: Source): Messages {
  const messages: string[] = []
  const errors: string[] = []
  visit(parse(source), [], (node) => {
    if (!isMessageCall(node)) return
    const [first, values] = node.arguments as Node[]
    const message = stringOf(first)
    if (message === null) errors.push(`${at(source, node)}: a message is written out where it is said, so that it can be found`)
    else {
      messages.push(message)
      const [wanted, given] = [placesOf(message), namesOf(values)]
      if (given !== null && wanted.join() !== given.join())
        errors.push(`${at(source, node)}: the message has the places ${wanted.join(', ')} and is given ${given.join(', ')}`)
    }
  })
  return { messages, errors }
}

const inOrder = (names: Iterable<string>): string[] => [...new Set(names)].sort()

/** `{name}`, `{count, plural, …}` and `<link>`; what stands in the branches of a choice is text and may hold places itself. */
const placesOf = (message: string): string[] =>
  inOrder(
    [...message.matchAll(/(?<!\b(?:zero|one|two|few|many|other|=\d+)\s*)\{(\w+)\s*[,}]|<([a-z]\w*)>/g)].map(
      ([, place, tag]) => (place ?? tag) as string,
    ),
  )

/** Null where they are not written out. */
function namesOf(values: Node | undefined): string[] | null {
  if (values === undefined) return []
  const members = values.type === 'ObjectExpression' ? (values.properties as Node[]) : null
  if (members === null || members.some(({ type }) => type !== 'Property')) return null
  return inOrder(members.map(({ key }) => String((key as Node).name ?? (key as Node).value)))
}

export function messagesOf(sources: readonly Source[]): Messages {
  const all = sources.map(messagesIn)
  return { messages: inOrder(all.flatMap(({ messages }) => messages)), errors: all.flatMap(({ errors }) => errors) }
}

/** languages/en.json: each message by its name, which is the message itself. `known`: sentences that come from elsewhere. */
export function englishFile(known: readonly string[]): string {
  const { messages, errors } = messagesOf(dashboardSources())
  if (errors.length > 0) throw new Error(errors.join('\n'))
  const all = inOrder([...messages, ...known])
  return `${JSON.stringify(Object.fromEntries(all.map((message) => [message, message])), null, 2)}\n`
}

/** Words outside of t() and rich(). */
function wordsIn(source: Source): Found[] {
  const found: Found[] = []
  visit(parse(source), [], (node, parents) => {
    const text = textOf(node)
    // Addresses and names of members are the same in every language.
    if (text === null || !/\p{L}/u.test(text) || /^\S+[.:/@_]\S+$/.test(text)) return
    const place = placeOf(node, parents)
    if (place === 'technical' || (place === 'unknown' && !looksLikeWords(text))) return
    if (!EXCEPTIONS.some((one) => source.path.endsWith(one.file) && text.trim().startsWith(one.text)))
      found.push({ node, parents, text })
  })
  return found
}

export const wordsOutside = (sources: readonly Source[]): string[] =>
  sources.flatMap((source) => wordsIn(source).map(({ node, text }) => `${at(source, node)}: ${text.trim().slice(0, 80)}`))

function textOf(node: Node): string | null {
  if (node.type === 'JSXText') return String(node.value)
  if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : null
  if (node.type !== 'TemplateLiteral') return null
  return (node.quasis as { value: { cooked: string } }[]).map(({ value }) => value.cooked).join('{}')
}

/** Names and samples for machines: lists of classes, addresses, and what has no space and no capital in front. */
function looksLikeWords(text: string): boolean {
  const words = text.trim().split(/\s+/)
  if (
    words.every((word) => /^[a-z0-9@!?[\]()&*:_.,>/%#=+~'-]+$/.test(word)) &&
    words.some((word) => /[a-z0-9\]]-[a-z0-9[(]|:[a-z[]/.test(word))
  )
    return false
  return (
    /[\p{L}}][’'\p{L}]*[,.;:!?…”)]*\s+[“(]?\p{L}|\p{L}[,:;]?\s+\{\}/u.test(text) ||
    /^\p{Lu}\p{Ll}+[ .…!?]*$/u.test(text.replaceAll('{}', ''))
  )
}

type Place = 'shown' | 'technical' | 'unknown'
const THROUGH = [
  'LogicalExpression',
  'TSAsExpression',
  'TSSatisfiesExpression',
  'TSNonNullExpression',
  'ParenthesizedExpression',
  'ArrayExpression',
]
const SAMPLES = ['code', 'kbd', 'pre', 'style', 'Code', 'Mono']

function placeOf(node: Node, parents: readonly Node[]): Place {
  let below = node
  for (let i = parents.length - 1; i >= 0; i--) {
    const parent = parents[i] as Node
    const verdict = step(parent, below, parents[i - 1])
    if (verdict !== null) return verdict
    below = parent
  }
  return 'unknown'
}

/** What this parent says of the place; null: ask the one above. */
function step(parent: Node, below: Node, above: Node | undefined): Place | null {
  const { type } = parent
  if (THROUGH.includes(type)) return null
  if (type === 'ConditionalExpression') return below === parent.test ? 'technical' : null
  if (type === 'BinaryExpression') return parent.operator === '+' ? null : 'technical'
  if (type === 'JSXExpressionContainer') return above?.type === 'JSXAttribute' ? null : shownIn(above)
  if (type === 'JSXElement' || type === 'JSXFragment') return shownIn(parent)
  if (type === 'JSXAttribute') return byName(String((parent.name as Node).name), SHOWN_ATTRIBUTES, TECHNICAL_ATTRIBUTES)
  if (type === 'Property') {
    if (below === parent.key) return 'technical'
    return byName(String((parent.key as Node).name ?? (parent.key as Node).value), SHOWN_MEMBERS, TECHNICAL_ATTRIBUTES)
  }
  if (type === 'CallExpression') {
    const place = (parent.arguments as Node[]).indexOf(below)
    if (isMessageCall(parent) || TECHNICAL_CALLS.includes(calleeOf(parent))) return place === 0 ? 'technical' : 'unknown'
    return SHOWN_ARGUMENTS.some(([name, n]) => name === calleeOf(parent) && n === place) ? 'shown' : 'unknown'
  }
  if (type === 'NewExpression' && /Error$/.test(calleeOf(parent))) return 'technical'
  if (type === 'MemberExpression' || type === 'SwitchCase' || type === 'ExpressionStatement') return 'technical'
  return /^(TS|Import|Export(All|Named))/.test(type) ? 'technical' : 'unknown'
}

const byName = (name: string, shown: readonly string[], technical: readonly string[]): Place =>
  shown.includes(name) ? 'shown' : technical.includes(name) ? 'technical' : 'unknown'

/** Samples of code stay what they are in every language. */
function shownIn(element: Node | undefined): Place {
  const name = ((element?.openingElement as Node | undefined)?.name as Node | undefined)?.name
  return SAMPLES.includes(String(name)) ? 'technical' : 'shown'
}
