// From what a schema says (node.ts) to JSON Schema 2020-12 of what a human has to give, and back from what they gave to what the schema
// takes: JSON has no dates. Nothing is left out silently: what JSON Schema cannot say is SchemaNotConvertible with its path.

import { pointerStep } from '../canonical.ts'
import { SchemaNotConvertible } from '../errors.ts'
import type { JsonSchema } from '../shapes.ts'
import { isPlain, type Node, type Reader } from './node.ts'

const MAX_DEPTH = 32 // what the server takes

/** `checksMore`: an answer that fits the JSON Schema may still be refused by the schema that it was made of. */
export type Converted = { jsonSchema: JsonSchema; revive: (value: unknown) => unknown; checksMore: boolean }

/** The error of a place that no JSON Schema can describe. */
export function notConvertible(path: string, why: string, cause?: unknown): SchemaNotConvertible {
  return new SchemaNotConvertible('schema_not_convertible', { path, detail: `${path || 'the schema'}: ${why}` }, { cause })
}

export function convert(read: Reader, root: unknown): Converted {
  const active = new Set<unknown>()
  const names = new Map<unknown, string>()
  const definitions: Record<string, JsonSchema> = {}
  let checksMore = false

  function toJson(schema: unknown, path: string): JsonSchema {
    if (active.has(schema)) {
      const name = names.get(schema) ?? `part${names.size + 1}`
      names.set(schema, name)
      return { $ref: `#/$defs/${name}` }
    }
    if (active.size >= MAX_DEPTH) throw notConvertible(path, `nested deeper than ${MAX_DEPTH} levels`)
    active.add(schema)
    const node = read(schema)
    checksMore ||= node.beyond === true
    const json: JsonSchema = {
      ...bare(node, path),
      ...(node.title ? { title: node.title } : {}),
      ...(node.description ? { description: node.description } : {}),
    }
    active.delete(schema)
    const name = names.get(schema)
    if (!name) return json
    definitions[name] = json
    return schema === root ? json : { $ref: `#/$defs/${name}` }
  }

  function bare(node: Node, path: string): JsonSchema {
    switch (node.kind) {
      case 'string':
        return stringSchema(node)
      case 'number':
        return numberSchema(node)
      case 'boolean':
      case 'null':
        return { type: node.kind }
      case 'any':
        return {}
      case 'date':
        return { type: 'string', format: 'date-time' }
      case 'literal':
        return literalSchema(node.values, path)
      case 'object':
        return objectSchema(node, path)
      case 'array':
        return {
          type: 'array',
          items: toJson(node.element, `${path}/*`),
          ...(node.min === undefined ? {} : { minItems: node.min }),
          ...(node.max === undefined ? {} : { maxItems: node.max }),
        }
      case 'tuple':
        return tupleSchema(node, path)
      case 'record':
        return recordSchema(node, path)
      case 'union': {
        const options = node.options.filter((option) => !isUndefined(read(option)))
        const parts = options.map((option) => toJson(option, path))
        return parts.length === 1 ? (parts[0] as JsonSchema) : { [node.exclusive ? 'oneOf' : 'anyOf']: parts }
      }
      case 'intersection':
        return both(toJson(node.left, path), toJson(node.right, path))
      case 'nullable':
        return { anyOf: [toJson(node.inner, path), { type: 'null' }] }
      case 'default':
        return { ...toJson(node.inner, path), ...jsonDefault(node.value()) }
      case 'optional':
      case 'wrapped':
        return toJson(node.inner, path)
      case 'lazy':
        return toJson(node.get(), path)
      case 'unsaid':
        throw notConvertible(path, `a ${node.what} cannot be asked for in a form`)
    }
  }

  function objectSchema(node: Node & { kind: 'object' }, path: string): JsonSchema {
    const entries = Object.entries(node.shape)
    const properties = Object.fromEntries(entries.map(([key, schema]) => [key, toJson(schema, path + pointerStep(key))]))
    const required = entries.filter(([, schema]) => !mayBeAbsent(schema)).map(([key]) => key)
    const additional = node.rest === 'closed' ? false : node.rest === 'open' ? true : toJson(node.rest.schema, `${path}/*`)
    return { type: 'object', properties, ...(required.length > 0 ? { required } : {}), additionalProperties: additional }
  }

  function tupleSchema(node: Node & { kind: 'tuple' }, path: string): JsonSchema {
    const needed = node.items.filter((item) => !mayBeAbsent(item)).length
    return {
      type: 'array',
      prefixItems: node.items.map((item, i) => toJson(item, path + pointerStep(i))),
      items: node.rest === null ? false : toJson(node.rest, `${path}/*`),
      minItems: needed,
      ...(node.rest === null ? { maxItems: node.items.length } : {}),
    }
  }

  function recordSchema(node: Node & { kind: 'record' }, path: string): JsonSchema {
    const key = read(node.key)
    const value = toJson(node.value, `${path}/*`)
    if (key.kind === 'literal') {
      const names = key.values.map(String)
      const properties = Object.fromEntries(names.map((name) => [name, value]))
      return { type: 'object', properties, ...(node.exhaustive ? { required: names } : {}), additionalProperties: false }
    }
    if (key.kind !== 'string') throw notConvertible(path, 'the keys of a record must be text')
    const { type: _type, ...limits } = stringSchema(key)
    return { type: 'object', ...(Object.keys(limits).length > 0 ? { propertyNames: limits } : {}), additionalProperties: value }
  }

  function mayBeAbsent(schema: unknown, depth = 0): boolean {
    const node = read(schema)
    if (node.kind === 'optional' || node.kind === 'default' || isUndefined(node)) return true
    if (depth > MAX_DEPTH) return false
    if (node.kind === 'union') return node.options.some((option) => mayBeAbsent(option, depth + 1))
    if (node.kind === 'wrapped' || node.kind === 'nullable') return mayBeAbsent(node.inner, depth + 1)
    return node.kind === 'lazy' && mayBeAbsent(node.get(), depth + 1)
  }

  const jsonSchema = toJson(root, '')
  return {
    jsonSchema: names.size > 0 ? { ...jsonSchema, $defs: definitions } : jsonSchema,
    revive: (value) => revive(read, root, value),
    checksMore,
  }
}

const isUndefined = (node: Node) => node.kind === 'unsaid' && (node.what === 'undefined' || node.what === 'void')

function stringSchema(node: Node & { kind: 'string' }): JsonSchema {
  const patterns = node.patterns.map(patternOf).filter((pattern) => pattern !== null)
  return {
    type: 'string',
    ...(node.min === undefined ? {} : { minLength: node.min }),
    ...(node.max === undefined ? {} : { maxLength: node.max }),
    ...(node.format ? { format: node.format } : {}),
    ...(patterns.length === 1 ? { pattern: patterns[0] } : {}),
    ...(patterns.length > 1 ? { allOf: patterns.map((pattern) => ({ pattern })) } : {}),
  }
}

// JSON Schema has no flags and the server takes no long pattern. The schema itself checks the answer again when it arrives.
const patternOf = (pattern: RegExp) => (isPlain(pattern) ? pattern.source : null)

function numberSchema(node: Node & { kind: 'number' }): JsonSchema {
  return {
    type: node.integer ? 'integer' : 'number',
    ...(node.min === undefined ? {} : { minimum: node.min }),
    ...(node.max === undefined ? {} : { maximum: node.max }),
    ...(node.above === undefined ? {} : { exclusiveMinimum: node.above }),
    ...(node.below === undefined ? {} : { exclusiveMaximum: node.below }),
    ...(node.multipleOf === undefined ? {} : { multipleOf: node.multipleOf }),
  }
}

function literalSchema(values: unknown[], path: string): JsonSchema {
  for (const value of values) {
    if (value !== null && !['string', 'number', 'boolean'].includes(typeof value))
      throw notConvertible(path, `a literal ${typeof value} is not JSON`)
  }
  const types = new Set(values.map((value) => (value === null ? 'null' : typeof value)))
  const type = types.size === 1 ? { type: [...types][0] } : {}
  return values.length === 1 ? { ...type, const: values[0] } : { ...type, enum: values }
}

/** What both say. Two closed objects in an `allOf` would forbid each other's properties, so objects are made one. */
function both(left: JsonSchema, right: JsonSchema): JsonSchema {
  if (left.type !== 'object' || right.type !== 'object' || !left.properties || !right.properties) return { allOf: [left, right] }
  const a = left.properties as Record<string, JsonSchema>
  const b = right.properties as Record<string, JsonSchema>
  const merged: Record<string, JsonSchema> = { ...a }
  for (const [key, schema] of Object.entries(b)) merged[key] = Object.hasOwn(a, key) ? both(a[key] as JsonSchema, schema) : schema
  const required = [...new Set([...((left.required as string[]) ?? []), ...((right.required as string[]) ?? [])])]
  return {
    ...left,
    ...right,
    properties: merged,
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: left.additionalProperties === false ? right.additionalProperties : left.additionalProperties,
  }
}

function jsonDefault(value: unknown): JsonSchema {
  if (value instanceof Date) return { default: value.toISOString() }
  return value === undefined || typeof value === 'function' || typeof value === 'bigint' ? {} : { default: value }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Turns the text of a date into a Date wherever the schema wants one, and leaves everything else as it is. */
function revive(read: Reader, schema: unknown, value: unknown): unknown {
  if (value === null || value === undefined) return value
  const node = read(schema)
  switch (node.kind) {
    case 'date': {
      const date = typeof value === 'string' ? new Date(value) : null
      return date && !Number.isNaN(date.getTime()) ? date : value
    }
    case 'object':
      if (!isObject(value)) return value
      return mapObject(value, (key, item) => (Object.hasOwn(node.shape, key) ? revive(read, node.shape[key], item) : item))
    case 'record':
      return isObject(value) ? mapObject(value, (_key, item) => revive(read, node.value, item)) : value
    case 'array':
      return Array.isArray(value) ? value.map((item) => revive(read, node.element, item)) : value
    case 'tuple':
      return Array.isArray(value) ? value.map((item, i) => reviveItem(read, node.items[i] ?? node.rest, item)) : value
    case 'union':
      return reviveItem(read, node.options.find((option) => couldBe(read, option, value)) ?? null, value)
    case 'intersection':
      return revive(read, node.right, revive(read, node.left, value))
    case 'optional':
    case 'nullable':
    case 'default':
    case 'wrapped':
      return revive(read, node.inner, value)
    case 'lazy':
      return revive(read, node.get(), value)
    default:
      return value
  }
}

const reviveItem = (read: Reader, schema: unknown, value: unknown) => (schema === null ? value : revive(read, schema, value))

const mapObject = (value: Record<string, unknown>, fn: (key: string, item: unknown) => unknown) =>
  Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fn(key, item)]))

/** Whether a value can be meant for this option of a union, by its type and by the literals that tell objects apart. */
function couldBe(read: Reader, schema: unknown, value: unknown): boolean {
  const node = read(schema)
  switch (node.kind) {
    case 'string':
    case 'date':
      return typeof value === 'string'
    case 'number':
    case 'boolean':
      return typeof value === node.kind
    case 'literal':
      return node.values.includes(value)
    case 'object':
      return (
        isObject(value) &&
        Object.entries(node.shape).every(([key, part]) => {
          const inner = read(part)
          return inner.kind !== 'literal' || inner.values.includes(value[key])
        })
      )
    case 'record':
      return isObject(value)
    case 'array':
    case 'tuple':
      return Array.isArray(value)
    case 'optional':
    case 'nullable':
    case 'default':
    case 'wrapped':
      return couldBe(read, node.inner, value)
    case 'union':
      return node.options.some((option) => couldBe(read, option, value))
    default:
      return false
  }
}
