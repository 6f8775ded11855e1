// The gate of every JSON Schema that a caller sends (T73, T74): what passes can be evaluated, in bounded time, whenever an answer comes. It never compiles a schema
// to code, never follows a reference out of the document and keeps nothing that it does not understand.
import type { FieldError } from '@countersign/sdk'
import type { Form } from '@countersign/sdk/form'
import { Digits } from '../../http/json.ts'
import { vetPattern } from './pattern.ts'

export type Json = Record<string, unknown>
export type Draft = '7' | '2020-12'

/** A schema that passed: a copy with known keywords only, references in one spelling, unknown formats left out. */
export type Gated = {
  schema: Json
  draft: Draft
  /** Something in it can take more than linear time, so it is evaluated under a deadline. */
  guarded: boolean
  /** It compares the items of lists with each other, or searches them. */
  compares: boolean
  patterns: string[]
  /** What the fields of the form ask for beyond it. */
  form?: Form
}

export const SCHEMA_BYTES = 65_536
export const SCHEMA_DEPTH = 32
export const SCHEMA_NODES = 2_000
/** Asserted; every other format is an annotation (T73). */
export const FORMATS = ['date', 'time', 'date-time', 'email', 'uri', 'uuid', 'ipv4', 'ipv6']

const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null']
const ONE = [
  'additionalProperties',
  'unevaluatedProperties',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
  'contains',
  'unevaluatedItems',
]
const MANY = ['allOf', 'anyOf', 'oneOf', 'prefixItems']
const NAMED = ['properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas']
const NUMBERS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']
const COUNTS = [
  ...['minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties', 'maxProperties', 'minContains', 'maxContains'],
]
const UNABLE = ['$dynamicRef', '$recursiveRef', '$dynamicAnchor', '$recursiveAnchor', '$vocabulary']
/** Where a schema judges the same value again; through others it judges a part of it. */
const IN_PLACE = ['allOf', 'anyOf', 'oneOf', 'not', 'if', 'then', 'else', 'dependentSchemas', 'dependencies']
const GUARDED = ['$ref', 'pattern', 'patternProperties', 'uniqueItems', 'contains', 'unevaluatedItems', 'unevaluatedProperties']

export type GateResult = { ok: true; gated: Gated } | { ok: false; errors: FieldError[] }

export function gateSchema(schema: unknown, path: string, options: { mustBeObject: boolean }): GateResult {
  const errors: FieldError[] = []
  const wrong = (at: string, code: string, message: string) => void errors.push({ path: `${path}${at}`, code, message })
  if (!isObject(schema)) {
    wrong('', 'schema_not_object', 'A schema is a JSON object.')
    return { ok: false, errors }
  }
  if (Buffer.byteLength(JSON.stringify(schema)) > SCHEMA_BYTES)
    wrong('', 'schema_too_large', `A schema has at most ${SCHEMA_BYTES / 1024} KiB.`)
  if (depthOf(schema) > SCHEMA_DEPTH) wrong('', 'schema_too_deep', `A schema is at most ${SCHEMA_DEPTH} levels deep.`)
  if (errors.length > 0) return { ok: false, errors }

  const draft = draftOf(schema.$schema)
  if (!draft) {
    wrong('/$schema', 'dialect_unknown', 'Schemas are JSON Schema 2020-12, or draft-07 when $schema says so.')
    return { ok: false, errors }
  }
  const walk = new Walk(draft, wrong)
  const clean = walk.schema(schema, '')
  if (walk.count > SCHEMA_NODES) wrong('', 'schema_too_large', `A schema has at most ${SCHEMA_NODES.toLocaleString('en')} nodes.`)
  walk.resolve()
  if (errors.length === 0) walk.refuseEndless()
  if (errors.length === 0 && !isObject(clean)) wrong('', 'schema_not_object', 'A schema is a JSON object.')
  if (errors.length === 0 && options.mustBeObject && !describesObject(clean, walk))
    wrong('', 'schema_not_of_object', 'The answer to a task is an object, so its schema must describe one.')
  if (errors.length > 0) return { ok: false, errors }
  return {
    ok: true,
    gated: { schema: clean as Json, draft, guarded: walk.guarded, compares: walk.compares, patterns: [...walk.patterns] },
  }
}

const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value)

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0
  let deepest = 0
  for (const member of Object.values(value)) deepest = Math.max(deepest, depthOf(member))
  return deepest + 1
}

function draftOf(dialect: unknown): Draft | null {
  if (dialect === undefined || dialect === null) return '2020-12'
  if (typeof dialect !== 'string') return null
  if (/^https?:\/\/json-schema\.org\/draft-07\/schema#?$/.test(dialect)) return '7'
  return /^https?:\/\/json-schema\.org\/draft\/2020-12\/schema#?$/.test(dialect) ? '2020-12' : null
}

/** RFC 6901 with the characters that a URI fragment needs; the spelling @cfworker/json-schema looks references up by. */
const segment = (name: string): string => encodeURI(name.replace(/~/g, '~0').replace(/\//g, '~1')).replace(/#/g, '%23')
/** The same pointer for people and error paths. */
const pointer = (name: string): string => name.replace(/~/g, '~0').replace(/\//g, '~1')

type Reference = { node: Json; target: string; at: string }

class Walk {
  readonly nodes = new Map<string, Json | boolean>()
  readonly patterns = new Set<string>()
  readonly draft: Draft
  count = 0
  guarded = false
  compares = false
  private readonly wrong: (at: string, code: string, message: string) => void
  private readonly anchors = new Map<string, string>()
  private readonly references: Reference[] = []

  constructor(draft: Draft, wrong: (at: string, code: string, message: string) => void) {
    this.draft = draft
    this.wrong = wrong
  }

  /** The cleaned copy of one schema; `at` is its pointer, which the copy keeps. */
  schema(given: unknown, at: string): Json | boolean {
    this.count++
    if (typeof given === 'boolean') {
      this.nodes.set(at, given)
      return given
    }
    if (!isObject(given)) {
      this.wrong(at, 'schema_not_object', 'A schema is an object, true or false.')
      return true
    }
    const clean: Json = {}
    this.nodes.set(at, clean)
    if (this.count > SCHEMA_NODES) return clean
    for (const [name, value] of Object.entries(given)) {
      const kept = this.keyword(name, value, at, clean)
      if (kept !== undefined) {
        clean[name] = kept
        if (GUARDED.includes(name) && kept !== false) this.guarded = true
        if (name === 'uniqueItems' || name === 'contains') this.compares = true
      }
    }
    return clean
  }

  private keyword(name: string, value: unknown, at: string, clean: Json): unknown {
    const here = `${at}/${pointer(name)}`
    if (ONE.includes(name)) return this.schema(value, here)
    if (MANY.includes(name)) return this.list(value, here)
    if (NAMED.includes(name)) return this.named(name, value, here)
    if (name === 'items') return Array.isArray(value) && this.draft === '7' ? this.list(value, here) : this.schema(value, here)
    if (name === 'additionalItems') return this.draft === '7' ? this.schema(value, here) : undefined
    if (name === 'dependencies') return this.draft === '7' ? this.dependencies(value, here) : undefined
    if (NUMBERS.includes(name)) return this.number(name, value, here)
    if (COUNTS.includes(name)) return this.whole(value, here)
    if (UNABLE.includes(name)) return this.wrong(here, 'keyword_unsupported', `${name} is not supported.`)
    switch (name) {
      case 'type':
        return this.type(value, here)
      case 'enum':
        return Array.isArray(value) ? value.map(plain) : this.wrong(here, 'keyword_invalid', 'enum is a list of values.')
      case 'const':
        return plain(value)
      case 'pattern':
        return this.pattern(value, here)
      case 'format':
        if (typeof value !== 'string') return this.wrong(here, 'keyword_invalid', 'format is a text.')
        return FORMATS.includes(value) ? value : undefined
      case 'required':
        return this.names(value, here)
      case 'dependentRequired':
        return this.namesByName(value, here)
      case 'uniqueItems':
        return typeof value === 'boolean' ? value : this.wrong(here, 'keyword_invalid', 'uniqueItems is true or false.')
      case '$ref':
        return this.reference(value, here, clean)
      case '$anchor':
        if (typeof value === 'string') this.anchors.set(value, at)
        return undefined
      case '$id':
        return this.identity(value, at, here)
      default:
        // A misspelt keyword is not ours to find, and an unknown one is an annotation (JSON Schema core §6.5).
        return undefined
    }
  }

  private list(value: unknown, at: string): unknown {
    if (!Array.isArray(value) || value.length === 0)
      return this.wrong(at, 'keyword_invalid', 'This is a list of at least one schema.')
    return value.map((one, i) => this.schema(one, `${at}/${i}`))
  }

  private named(name: string, value: unknown, at: string): unknown {
    if (!isObject(value)) return this.wrong(at, 'keyword_invalid', `${name} is an object whose members are schemas.`)
    const clean: [string, unknown][] = Object.entries(value).map(([key, one]) => {
      const kept = name === 'patternProperties' ? String(this.pattern(key, `${at}/${pointer(key)}`) ?? key) : key
      return [kept, this.schema(one, `${at}/${pointer(kept)}`)]
    })
    return Object.fromEntries(clean)
  }

  private dependencies(value: unknown, at: string): unknown {
    if (!isObject(value)) return this.wrong(at, 'keyword_invalid', 'dependencies is an object.')
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => {
        const here = `${at}/${pointer(key)}`
        return [key, Array.isArray(one) ? this.names(one, here) : this.schema(one, here)]
      }),
    )
  }

  private number(name: string, value: unknown, at: string): unknown {
    const number = plain(value)
    if (typeof number !== 'number' || !Number.isFinite(number)) return this.wrong(at, 'keyword_invalid', `${name} is a number.`)
    if (name === 'multipleOf' && number <= 0) return this.wrong(at, 'keyword_invalid', 'multipleOf is above 0.')
    return number
  }

  private whole(value: unknown, at: string): unknown {
    return Number.isInteger(value) && (value as number) >= 0
      ? value
      : this.wrong(at, 'keyword_invalid', 'This is a whole number from 0.')
  }

  private type(value: unknown, at: string): unknown {
    const types = Array.isArray(value) ? value : [value]
    if (types.length > 0 && types.every((one) => TYPES.includes(one as string))) return value
    return this.wrong(at, 'type_unknown', `A type is one of ${TYPES.join(', ')}.`)
  }

  private pattern(value: unknown, at: string): unknown {
    if (typeof value !== 'string') return this.wrong(at, 'keyword_invalid', 'pattern is a text.')
    const vetted = vetPattern(value)
    if ('code' in vetted) return this.wrong(at, vetted.code, vetted.message)
    this.patterns.add(vetted.source)
    return vetted.source
  }

  private names(value: unknown, at: string): unknown {
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value
    return this.wrong(at, 'keyword_invalid', 'This is a list of names.')
  }

  private namesByName(value: unknown, at: string): unknown {
    if (!isObject(value)) return this.wrong(at, 'keyword_invalid', 'This is an object of lists of names.')
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, this.names(one, `${at}/${pointer(key)}`)]))
  }

  private identity(value: unknown, at: string, here: string): undefined {
    // draft-07 wrote anchors so; any other identity inside would move the base of the references below it.
    if (typeof value === 'string' && value.startsWith('#')) this.anchors.set(value.slice(1), at)
    else if (at !== '') this.wrong(here, 'keyword_unsupported', '$id is allowed at the top only.')
  }

  private reference(value: unknown, at: string, node: Json): unknown {
    if (typeof value !== 'string') return this.wrong(at, 'keyword_invalid', '$ref is a text.')
    if (!value.startsWith('#')) return this.wrong(at, 'ref_remote', 'A $ref stays inside the document: it begins with #.')
    this.references.push({ node, target: value.slice(1), at })
    return value
  }

  /** Every reference leads to a schema of this document and is written as the pointer of that schema. */
  resolve(): void {
    for (const { node, target, at } of this.references) {
      const place = target === '' ? '' : target.startsWith('/') ? decoded(target) : (this.anchors.get(target) ?? null)
      if (place === null || !this.nodes.has(place))
        this.wrong(at, 'ref_unresolved', `Nothing in this schema is called #${target}.`)
      else node.$ref = place === '' ? '#' : `#${place.split('/').map(spelt).join('/')}`
    }
  }

  target(ref: string): Json | boolean | undefined {
    return this.nodes.get(ref === '#' ? '' : (decoded(ref.slice(1)) ?? ''))
  }

  /** A reference that comes back to itself without entering the value would never end. */
  refuseEndless(): void {
    const done = new Set<string>()
    const visit = (at: string, trail: string[]): void => {
      if (trail.includes(at)) {
        this.wrong(at, 'ref_endless', 'This schema refers to itself without end.')
        done.add(at)
      }
      const node = this.nodes.get(at)
      if (done.has(at) || !isObject(node)) return
      done.add(at)
      for (const next of this.inPlace(node, at)) visit(next, [...trail, at])
    }
    // Each root of a walk marks what it finished, so this stays linear; a loop is found from the first node on it.
    for (const at of this.nodes.keys()) visit(at, [])
  }

  private inPlace(node: Json, at: string): string[] {
    const own = IN_PLACE.flatMap((name) => {
      const value = node[name]
      if (value === undefined) return []
      const here = `${at}/${name}`
      if (Array.isArray(value)) return value.map((_, i) => `${here}/${i}`)
      return name.startsWith('dependen') ? Object.keys(value as Json).map((key) => `${here}/${pointer(key)}`) : [here]
    })
    const ref = typeof node.$ref === 'string' ? [node.$ref === '#' ? '' : (decoded(node.$ref.slice(1)) ?? '')] : []
    return [...own, ...ref]
  }
}

const spelt = (name: string): string => segment(name.replace(/~1/g, '/').replace(/~0/g, '~'))

function decoded(target: string): string | null {
  try {
    return decodeURIComponent(target)
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}

/** Bounds and constants are compared as doubles, like the values they judge. */
export function plain(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Digits) return Number(value.text)
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]))
}
/** Whether only objects can satisfy it (`{}` counts); what is not said by `type` is left to the answer's own check. */
function describesObject(top: Json | boolean, walk: Walk): boolean {
  // Each schema is judged once, however many references lead to it.
  const judged = new Map<Json, boolean>()
  const describes = (node: Json | boolean | undefined): boolean => {
    if (node === undefined || typeof node === 'boolean') return node === true
    const before = judged.get(node)
    if (before !== undefined) return before
    judged.set(node, judge(node))
    return judged.get(node) as boolean
  }
  const judge = (node: Json): boolean => {
    if (typeof node.$ref === 'string' && !describes(walk.target(node.$ref))) return false
    if (typeof node.$ref === 'string' && walk.draft === '7') return true
    if (node.type !== undefined && ![node.type].flat().includes('object')) return false
    if ('const' in node && !isObject(node.const)) return false
    if (Array.isArray(node.enum) && !node.enum.some(isObject)) return false
    return ['allOf', 'anyOf', 'oneOf'].every((name) => ((node[name] ?? []) as (Json | boolean)[]).every(describes))
  }
  return describes(top)
}
