// Reads a schema of Zod 4 (also its mini form) by the `_zod.def` that its authors document for libraries.

import { FORMATS, isPlain, larger, type Node, type Reader, smaller } from './node.ts'

type Check = {
  check?: string
  format?: string
  pattern?: RegExp
  minimum?: number
  maximum?: number
  length?: number
  value?: unknown
  inclusive?: boolean
}
type Def = Check & {
  type: string
  checks?: { _zod: { def: Check } }[]
  shape: Record<string, unknown>
  catchall?: Schema
  element: unknown
  items: unknown[]
  rest: unknown
  keyType: Schema
  valueType: unknown
  options: unknown[]
  discriminator?: string
  left: unknown
  right: unknown
  innerType: unknown
  defaultValue: unknown
  entries: Record<string, string | number>
  values: unknown[]
  in: Schema
  out: Schema
  getter: () => unknown
}
type Schema = { _zod: { def: Def; pattern?: RegExp; values?: Set<unknown> } }
type Registry = { get(schema: unknown): { title?: unknown; description?: unknown } | undefined }

export const readZod4: Reader = (schema) => {
  const { def } = (schema as Schema)._zod
  const meta = (globalThis as { __zod_globalRegistry?: Registry }).__zod_globalRegistry?.get(schema)
  return {
    ...(typeof meta?.title === 'string' ? { title: meta.title } : {}),
    ...(typeof meta?.description === 'string' ? { description: meta.description } : {}),
    ...read(schema as Schema, def),
    ...(checksBeyond(def) ? { beyond: true } : {}),
  }
}

// What convert.ts makes keywords of. Anything else (refinements, clean-ups before a check, bounds of dates) only the schema itself can check.
const SAID = ['min_length', 'max_length', 'length_equals', 'greater_than', 'less_than', 'multiple_of', 'number_format']

const checksBeyond = (def: Def): boolean =>
  def.type === 'pipe' || def.type === 'transform' || checksOf(def).some((check) => def.type === 'date' || !isSaid(check))

function isSaid({ check, format, pattern }: Check): boolean {
  if (check !== 'string_format') return SAID.includes(check ?? '')
  return (format !== undefined && FORMATS[format] !== undefined) || (pattern !== undefined && isPlain(pattern))
}

function read(schema: Schema, def: Def): Node {
  switch (def.type) {
    case 'string':
      return readString(checksOf(def))
    case 'number':
    case 'int':
      return readNumber(checksOf(def))
    case 'boolean':
      return { kind: 'boolean' }
    case 'null':
      return { kind: 'null' }
    case 'any':
    case 'unknown':
      return { kind: 'any' }
    case 'date':
      return { kind: 'date' }
    case 'enum':
      return { kind: 'literal', values: enumValues(def.entries) }
    case 'literal':
      return { kind: 'literal', values: def.values }
    case 'template_literal':
      return { kind: 'string', patterns: schema._zod.pattern ? [schema._zod.pattern] : [] }
    case 'object':
      return { kind: 'object', shape: def.shape, rest: restOf(def.catchall) }
    case 'array': {
      const bounds = readBounds(checksOf(def))
      return { kind: 'array', element: def.element, ...bounds }
    }
    case 'tuple':
      return { kind: 'tuple', items: def.items, rest: def.rest ?? null }
    case 'record':
      return { kind: 'record', key: def.keyType, value: def.valueType, exhaustive: def.keyType._zod.values !== undefined }
    case 'union':
      return { kind: 'union', options: def.options, exclusive: def.discriminator !== undefined }
    case 'intersection':
      return { kind: 'intersection', left: def.left, right: def.right }
    case 'optional':
      return { kind: 'optional', inner: def.innerType }
    case 'nullable':
      return { kind: 'nullable', inner: def.innerType }
    case 'default':
    case 'prefault':
      return { kind: 'default', inner: def.innerType, value: () => def.defaultValue }
    case 'catch':
    case 'readonly':
    case 'nonoptional':
      return { kind: 'wrapped', inner: def.innerType }
    case 'pipe':
      // The human gives what goes in; where that is a function (preprocess) only its target can say what to ask for.
      return { kind: 'wrapped', inner: def.in._zod.def.type === 'transform' ? def.out : def.in }
    case 'lazy':
      return { kind: 'lazy', get: def.getter }
    default:
      return { kind: 'unsaid', what: def.type }
  }
}

// A format stands in the schema itself when it was made as one (`z.email()`), and in a check when it was added (`.email()`).
const checksOf = (def: Def): Check[] => [...(def.check ? [def] : []), ...(def.checks ?? []).map((check) => check._zod.def)]

function readString(checks: Check[]): Node {
  const node: Node & { kind: 'string' } = { kind: 'string', patterns: [], ...readBounds(checks) }
  for (const { check, format, pattern } of checks) {
    if (check !== 'string_format') continue
    const known = format ? FORMATS[format] : undefined
    if (known) node.format = known
    else if (pattern) node.patterns.push(pattern)
  }
  return node
}

function readNumber(checks: Check[]): Node {
  const node: Node & { kind: 'number' } = { kind: 'number', integer: false }
  for (const { check, format, value, inclusive } of checks) {
    if (check === 'number_format') {
      node.integer = format === 'safeint' || /int/.test(format ?? '')
      if (format === 'int32') Object.assign(node, { min: larger(node.min, -(2 ** 31)), max: smaller(node.max, 2 ** 31 - 1) })
      if (format === 'uint32') Object.assign(node, { min: larger(node.min, 0), max: smaller(node.max, 2 ** 32 - 1) })
    }
    if (typeof value !== 'number' || !Number.isFinite(value)) continue
    if (check === 'multiple_of') node.multipleOf = value
    if (check === 'greater_than' && inclusive) node.min = larger(node.min, value)
    if (check === 'greater_than' && !inclusive) node.above = larger(node.above, value)
    if (check === 'less_than' && inclusive) node.max = smaller(node.max, value)
    if (check === 'less_than' && !inclusive) node.below = smaller(node.below, value)
  }
  return node
}

function readBounds(checks: Check[]): { min?: number; max?: number } {
  const bounds: { min?: number; max?: number } = {}
  for (const { check, minimum, maximum, length } of checks) {
    if (check === 'min_length' && minimum !== undefined) bounds.min = larger(bounds.min, minimum)
    if (check === 'max_length' && maximum !== undefined) bounds.max = smaller(bounds.max, maximum)
    if (check === 'length_equals' && length !== undefined) Object.assign(bounds, { min: length, max: length })
  }
  return bounds
}

function restOf(catchall: Schema | undefined): 'closed' | 'open' | { schema: unknown } {
  const type = catchall?._zod.def.type
  if (!catchall || type === 'never') return 'closed'
  return type === 'unknown' || type === 'any' ? 'open' : { schema: catchall }
}

// A TypeScript enum of numbers also maps back from each number to its name.
const enumValues = (entries: Record<string, string | number>) =>
  Object.entries(entries)
    .filter(([key, value]) => !(typeof entries[value] === 'number' && String(entries[value]) === key))
    .map(([, value]) => value)
