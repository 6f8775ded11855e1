// The text of a definition (V2): JSON with comments and trailing commas, each member once. Makes a plain value of it, or says where it is none.
// Never lets a later member of the same name win, and never makes a member that an object has by birth.
import type { FieldError } from '@countersign/sdk'
import { createScanner, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser'

export const LONGEST_SOURCE = 262_144
const DEEPEST = 32
const MOST_FAULTS = 100
// Kinds of tokens of the scanner: its enum is erased from what it declares.
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET, EOF] = [1, 2, 3, 4, 17]
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

type Json = string | number | boolean | null | Json[] | { [name: string]: Json }

export const pointerOf = (path: readonly PropertyKey[]): string =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

export function readSource(text: string): { value: Json; faults: FieldError[] } {
  const refuse = (code: string, message: string) => ({ value: null, faults: [{ path: '', code, message }] })
  if (Buffer.byteLength(text) > LONGEST_SOURCE)
    return refuse('too_large', `A definition has at most ${LONGEST_SOURCE / 1024} KiB.`)
  if (tooDeep(text)) return refuse('too_deep', `A definition has at most ${DEEPEST} levels.`)
  const wrong: ParseError[] = []
  const root = parseTree(text, wrong, { allowTrailingComma: true, disallowComments: false, allowEmptyContent: false })
  const [first] = wrong
  if (first || !root) {
    const { line, column } = placeOf(text, first?.offset ?? 0)
    const what = first ? printParseErrorCode(first.error) : 'ValueExpected'
    return refuse('json_invalid', `Line ${line}, column ${column}: this is not JSON (${what}).`)
  }
  const faults: FieldError[] = []
  return { value: jsonOf(root, [], faults), faults: faults.slice(0, MOST_FAULTS) }
}

/** Counted before anything recurses. */
function tooDeep(text: string): boolean {
  const scanner = createScanner(text, true)
  let depth = 0
  for (let token = scanner.scan(); token !== EOF; token = scanner.scan()) {
    if (token === OPEN_BRACE || token === OPEN_BRACKET) depth++
    else if (token === CLOSE_BRACE || token === CLOSE_BRACKET) depth--
    if (depth > DEEPEST) return true
  }
  return false
}

function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n')
  return { line: before.length, column: (before.at(-1) as string).length + 1 }
}

function jsonOf(node: Node, path: readonly PropertyKey[], faults: FieldError[]): Json {
  const fault = (at: readonly PropertyKey[], code: string, message: string) => faults.push({ path: pointerOf(at), code, message })
  if (node.type === 'array') return (node.children ?? []).map((child, i) => jsonOf(child, [...path, i], faults))
  if (node.type === 'object') {
    const object: { [name: string]: Json } = {}
    for (const { children = [] } of node.children ?? []) {
      const [key, member] = children as [Node, Node]
      const name = key.value as string
      const at = [...path, name]
      if (name === '__proto__') fault(at, 'name_refused', 'No member has this name.')
      else if (Object.hasOwn(object, name)) fault(at, 'duplicate', 'This member stands here twice.')
      else object[name] = jsonOf(member, at, faults)
    }
    return object
  }
  if (typeof node.value === 'number' && !Number.isFinite(node.value)) fault(path, 'number', 'This number is too large.')
  if (typeof node.value === 'string' && LONE_SURROGATE.test(node.value)) fault(path, 'text', 'Holds half a character.')
  return node.value as Json
}
