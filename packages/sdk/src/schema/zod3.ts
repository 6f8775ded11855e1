// Reads a schema of Zod 3 by its `_def`.

import { FORMATS, isPlain, larger, type Node, type Reader, smaller } from './node.ts'

type Check = { kind: string; value?: unknown; inclusive?: boolean; regex?: RegExp; version?: string }
type Bound = { value: number } | null
type Def = {
  typeName: string
  description?: string
  checks: Check[]
  shape: () => Record<string, unknown>
  unknownKeys: string
  catchall: { _def: Def }
  type: unknown
  minLength: Bound
  maxLength: Bound
  exactLength: Bound
  items: unknown[]
  rest: unknown
  keyType: unknown
  valueType: unknown
  options: unknown[] | Map<unknown, unknown>
  left: unknown
  right: unknown
  innerType: unknown
  defaultValue: () => unknown
  values: readonly string[] | Record<string, string | number>
  value: unknown
  schema: unknown
  in: unknown
  getter: () => unknown
}

export const readZod3: Reader = (schema) => {
  const { _def: def } = schema as { _def: Def }
  return {
    ...(def.description ? { description: def.description } : {}),
    ...read(def),
    ...(checksBeyond(def) ? { beyond: true } : {}),
  }
}

// What convert.ts makes keywords of. Anything else only the schema itself can check.
const SAID: Record<string, readonly string[]> = {
  ZodString: ['min', 'max', 'length', 'startsWith', 'endsWith', 'includes', ...Object.keys(FORMATS)],
  ZodNumber: ['int', 'min', 'max', 'multipleOf'],
}

function checksBeyond({ typeName, checks = [] }: Def): boolean {
  if (typeName === 'ZodEffects' || typeName === 'ZodPipeline') return true
  return checks.some(({ kind, regex, version }) => {
    if (kind === 'regex' && regex) return !isPlain(regex)
    if (kind === 'ip') return version !== 'v4' && version !== 'v6'
    return !SAID[typeName]?.includes(kind)
  })
}

function read(def: Def): Node {
  switch (def.typeName) {
    case 'ZodString':
      return readString(def.checks)
    case 'ZodNumber':
      return readNumber(def.checks)
    case 'ZodBoolean':
      return { kind: 'boolean' }
    case 'ZodNull':
      return { kind: 'null' }
    case 'ZodAny':
    case 'ZodUnknown':
      return { kind: 'any' }
    case 'ZodDate':
      return { kind: 'date' }
    case 'ZodLiteral':
      return { kind: 'literal', values: [def.value] }
    case 'ZodEnum':
      return { kind: 'literal', values: [...(def.values as readonly string[])] }
    case 'ZodNativeEnum':
      return { kind: 'literal', values: nativeValues(def.values as Record<string, string | number>) }
    case 'ZodObject':
      return { kind: 'object', shape: def.shape(), rest: restOf(def) }
    case 'ZodArray': {
      const min = def.exactLength?.value ?? def.minLength?.value
      const max = def.exactLength?.value ?? def.maxLength?.value
      return { kind: 'array', element: def.type, ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) }
    }
    case 'ZodTuple':
      return { kind: 'tuple', items: def.items, rest: def.rest ?? null }
    case 'ZodRecord':
      return { kind: 'record', key: def.keyType, value: def.valueType, exhaustive: false }
    case 'ZodUnion':
    case 'ZodDiscriminatedUnion': {
      const options = def.options instanceof Map ? [...def.options.values()] : def.options
      return { kind: 'union', options, exclusive: def.typeName === 'ZodDiscriminatedUnion' }
    }
    case 'ZodIntersection':
      return { kind: 'intersection', left: def.left, right: def.right }
    case 'ZodOptional':
      return { kind: 'optional', inner: def.innerType }
    case 'ZodNullable':
      return { kind: 'nullable', inner: def.innerType }
    case 'ZodDefault':
      return { kind: 'default', inner: def.innerType, value: def.defaultValue }
    case 'ZodCatch':
    case 'ZodReadonly':
      return { kind: 'wrapped', inner: def.innerType }
    case 'ZodBranded':
      return { kind: 'wrapped', inner: def.type }
    case 'ZodEffects':
      return { kind: 'wrapped', inner: def.schema }
    case 'ZodPipeline':
      return { kind: 'wrapped', inner: def.in }
    case 'ZodLazy':
      return { kind: 'lazy', get: def.getter }
    default:
      return { kind: 'unsaid', what: def.typeName.replace(/^Zod/, '').toLowerCase() }
  }
}

function readString(checks: Check[]): Node {
  const node: Node & { kind: 'string' } = { kind: 'string', patterns: [] }
  for (const { kind, value, regex, version } of checks) {
    const format = kind === 'ip' ? (version === 'v6' ? 'ipv6' : version === 'v4' ? 'ipv4' : undefined) : FORMATS[kind]
    if (format) node.format = format
    else if (kind === 'regex' && regex) node.patterns.push(regex)
    else if (kind === 'startsWith') node.patterns.push(new RegExp(`^${literally(String(value))}`))
    else if (kind === 'endsWith') node.patterns.push(new RegExp(`${literally(String(value))}$`))
    else if (kind === 'includes') node.patterns.push(new RegExp(literally(String(value))))
    if (typeof value !== 'number') continue
    if (kind === 'min' || kind === 'length') node.min = larger(node.min, value)
    if (kind === 'max' || kind === 'length') node.max = smaller(node.max, value)
  }
  return node
}

function readNumber(checks: Check[]): Node {
  const node: Node & { kind: 'number' } = { kind: 'number', integer: false }
  for (const { kind, value, inclusive } of checks) {
    if (kind === 'int') node.integer = true
    if (typeof value !== 'number' || !Number.isFinite(value)) continue
    if (kind === 'multipleOf') node.multipleOf = value
    if (kind === 'min' && inclusive) node.min = larger(node.min, value)
    if (kind === 'min' && !inclusive) node.above = larger(node.above, value)
    if (kind === 'max' && inclusive) node.max = smaller(node.max, value)
    if (kind === 'max' && !inclusive) node.below = smaller(node.below, value)
  }
  return node
}

function restOf(def: Def): 'closed' | 'open' | { schema: unknown } {
  if (def.catchall._def.typeName !== 'ZodNever') return { schema: def.catchall }
  return def.unknownKeys === 'passthrough' ? 'open' : 'closed'
}

const literally = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')

// A TypeScript enum of numbers also maps back from each number to its name.
const nativeValues = (entries: Record<string, string | number>) =>
  Object.entries(entries)
    .filter(([key, value]) => !(typeof entries[value] === 'number' && String(entries[value]) === key))
    .map(([, value]) => value)
