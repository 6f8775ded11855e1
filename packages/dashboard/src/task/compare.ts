// What differs between two values that an agent or a person wrote, digit for digit: for a comparison that a person reads before sending. Pure.
import { Digits, type Shown, writeExact } from '../exact.ts'

/** `before` or `after` is undefined where the member is not there. */
export type Difference = { path: string[]; before: Shown | undefined; after: Shown | undefined }

const same = (a: Shown, b: Shown): boolean => writeExact(a) === writeExact(b)

/** Members by name, entries by place, in the order in which they were written. */
export function compare(before: Shown | undefined, after: Shown | undefined, path: string[] = []): Difference[] {
  if (before instanceof Map && after instanceof Map) {
    const names = [...new Set([...before.keys(), ...after.keys()])]
    return names.flatMap((name) => compare(before.get(name), after.get(name), [...path, name]))
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    const longer = before.length > after.length ? before : after
    return longer.flatMap((_, i) => compare(before[i], after[i], [...path, String(i + 1)]))
  }
  if (before !== undefined && after !== undefined && same(before, after)) return []
  return before === after ? [] : [{ path, before, after }]
}

/** What is sent for a tree: numbers that a double cannot hold go as the text that they were, and the server reads every digit. */
export function sendable(shown: Shown): unknown {
  if (shown instanceof Digits) return String(Number(shown.text)) === shown.text ? Number(shown.text) : shown.text
  if (shown instanceof Map) return Object.fromEntries([...shown].map(([name, value]) => [name, sendable(value)]))
  return Array.isArray(shown) ? shown.map(sendable) : shown
}

/** A schema for values without one: each keeps the kind that it has, so that a number is asked for as a number. */
export function schemaOf(shown: Shown): Record<string, unknown> {
  if (shown instanceof Digits) return { type: 'number' }
  if (typeof shown === 'boolean') return { type: 'boolean' }
  if (typeof shown === 'string') return shown.length > 120 ? { type: 'string', maxLength: 100_000 } : { type: 'string' }
  if (shown instanceof Map)
    return { type: 'object', properties: Object.fromEntries([...shown].map(([name, value]) => [name, schemaOf(value)])) }
  return {}
}

const tokens = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))

export type Schema = Record<string, unknown>

/**
 * The members of the arguments that may be edited, as a form can ask for them: the top-level ones that `editable` names whole. Null where it names something
 * deeper or new, or where a member is no simple value: then the arguments are edited as JSON.
 */
export function editableForm(args: Map<string, Shown>, schema: Schema | null, editable: readonly string[] | null): Schema | null {
  const paths = editable?.map(tokens)
  if (paths?.some(({ length }) => length !== 1)) return null
  const names = paths ? paths.flatMap(([name = '']) => name) : [...args.keys()]
  const properties = schema ? (schema.properties as Record<string, unknown> | undefined) : undefined
  if (schema && (!properties || ['$ref', 'anyOf', 'oneOf', 'allOf'].some((word) => word in schema))) return null
  const simple = names.every(
    (name) => !(args.get(name) instanceof Map) && !Array.isArray(args.get(name)) && args.get(name) !== null,
  )
  if (!simple || names.some((name) => (properties ? !(name in properties) : !args.has(name)))) return null
  const own = properties ?? (schemaOf(args).properties as Record<string, unknown>)
  const required = Array.isArray(schema?.required) ? (schema.required as string[]) : [...args.keys()]
  return {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, own[name]])),
    required: names.filter((name) => required.includes(name)),
  }
}
