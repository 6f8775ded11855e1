// From what was sent to what a verb receives: path, query and body against the schemas of their route. Every error at once, each with its place.
// A path that no id fits is a place that does not exist (404), whatever is wrong with it.
import { type FieldError, Problem } from '@countersign/sdk'
import * as z from 'zod'
import type { Json, JsonObject } from './json.ts'
import type { Dialect, Route } from './route.ts'
import type { Shape } from './schema.ts'

export type Input = { params: object; query: object; body: unknown }
export type ReadInput = (
  sent: { params: Record<string, string>; query: string; body: Json | undefined },
  dialect: Dialect,
  ignored: string[],
) => Input

type Kind = 'number' | 'boolean' | 'array' | 'record' | 'text'

/** Made at the first request of a route: compiling all of them would be most of a start, and no process is asked all of them at once. */
export function inputReader(route: Route): ReadInput {
  let made: ReadInput | undefined
  return (sent, dialect, ignored) => {
    made ??= compiledReader(route)
    return made(sent, dialect, ignored)
  }
}

/** The schemas compiled, and what each member of the query is to be read as. */
function compiledReader(route: Route): ReadInput {
  const params = compile(route.spec.params ?? {})
  const queryShape = route.spec.query ?? {}
  const query = compile(queryShape)
  const kinds = new Map(Object.entries(queryShape).map(([name, schema]) => [name, kindOf(schema)]))
  const schema = route.spec.bytes ? undefined : route.spec.body
  const body = z.compile(schema ?? z.strictObject({}))
  return (sent, dialect, ignored) => {
    const path = params.safeParse(sent.params)
    if (!path.success) throw new Problem('not_found')
    const errors: FieldError[] = []
    const asked = accept(query, readQuery(sent.query, kinds, errors), dialect, ignored, errors, bare)
    const given = accept(body, sent.body ?? {}, dialect, ignored, errors, pointed)
    if (errors.length > 0) throw new Problem('validation_failed', { errors })
    return { params: path.data, query: asked as object, body: schema ? given : undefined }
  }
}

/** A value against a schema, as a body is judged: what is wrong with it stands in `errors`, each with its place. */
export const judge = (schema: z.ZodType, value: unknown, errors: FieldError[]): unknown =>
  accept(schema, value, 'native', [], errors, pointed)

const compile = (shape: Shape) => z.compile(z.strictObject(shape))

/** Of a query field its bare name, of a body member its JSON Pointer (RFC 6901). */
const bare = (path: PropertyKey[]) => path.slice(0, 1).join('')
const pointed = (path: PropertyKey[]) => path.map((part) => `/${escapePointer(part)}`).join('')
const escapePointer = (part: PropertyKey) => String(part).replaceAll('~', '~0').replaceAll('/', '~1')

function accept(
  schema: z.ZodType,
  value: unknown,
  dialect: Dialect,
  ignored: string[],
  errors: FieldError[],
  at: (path: PropertyKey[]) => string,
): unknown {
  const first = schema.safeParse(value)
  if (first.success) return first.data
  const strange = first.error.issues.filter((issue) => issue.code === 'unrecognized_keys')
  // The compatible surface ignores what it does not know and names it (T59): taken out, the rest is judged again.
  const again = dialect === 'compatible' && strange.length > 0 ? schema.safeParse(without(value, strange, ignored)) : first
  if (again.success) return again.data
  errors.push(...again.error.issues.flatMap((issue) => fieldErrors(issue, value, at)))
  return undefined
}

function without(value: unknown, strange: z.core.$ZodIssueUnrecognizedKeys[], ignored: string[]): unknown {
  const copy = structuredCopy(value)
  for (const { path, keys } of strange) {
    const holder = path.reduce((inner, part) => (inner as Record<PropertyKey, unknown>)[part], copy) as JsonObject
    for (const key of keys) {
      delete holder[key]
      ignored.push([...path, key].join('.'))
    }
  }
  return copy
}

// Digits are not copied: they never change.
const structuredCopy = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(structuredCopy)
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, structuredCopy(member)]))
}

function kindOf(schema: z.ZodType): Kind {
  const def = schema.def as { type: string; innerType?: z.ZodType; in?: z.ZodType }
  if (def.innerType) return kindOf(def.innerType)
  if (def.type === 'pipe' && def.in) return kindOf(def.in)
  if (def.type === 'number' || def.type === 'boolean' || def.type === 'array' || def.type === 'record') return def.type
  return schema.meta()?.type === 'number' ? 'number' : 'text'
}

/** `metadata[order]=1042`: a member of a record, by its name. */
const MEMBER = /^([a-z_]+)\[([^[\]]{1,200})\]$/

/** A list is written once with commas or several times; anything else stands once. */
function readQuery(text: string, kinds: Map<string, Kind>, errors: FieldError[]): Record<string, unknown> {
  const query: Record<string, unknown> = {}
  if (text === '') return query
  const seen = new URLSearchParams(text)
  for (const name of new Set(seen.keys())) {
    const values = seen.getAll(name)
    const kind = kinds.get(name)
    if (name === '__proto__' || values.some((value) => /[\0\ufffd]/.test(value))) {
      errors.push({ path: name, code: 'invalid', message: 'Must be UTF-8 text without U+0000.' })
    } else if (isMemberOf(kinds, name)) {
      const [, record, member] = MEMBER.exec(name) as unknown as [string, string, string]
      if (values.length > 1) errors.push({ path: name, code: 'repeated', message: 'May stand only once.' })
      else query[record] = { ...(query[record] as object | undefined), [member]: values[0] }
    } else if (kind === 'array') query[name] = values.flatMap((value) => value.split(','))
    else if (values.length > 1) errors.push({ path: name, code: 'repeated', message: 'May stand only once.' })
    else query[name] = readMember(kind, values[0] as string)
  }
  return query
}

const isMemberOf = (kinds: Map<string, Kind>, name: string): boolean => {
  const [, record, member] = MEMBER.exec(name) ?? []
  return record !== undefined && member !== '__proto__' && kinds.get(record) === 'record'
}

function readMember(kind: Kind | undefined, value: string): unknown {
  if (kind === 'number' && /^-?\d{1,15}(\.\d{1,15})?$/.test(value)) return Number(value)
  if (kind === 'boolean' && (value === 'true' || value === 'false')) return value === 'true'
  return value
}

function fieldErrors(issue: z.core.$ZodIssue, sent: unknown, at: (path: PropertyKey[]) => string): FieldError[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: at([...issue.path, key]), code: 'unknown', message: 'There is no such member.' }))
  const path = at(issue.path)
  if (isMissing(sent, issue.path)) return [{ path, code: 'required', message: 'Is required.' }]
  return [{ path, code: CODES[issue.code] ?? 'invalid', message: sentence(issue) }]
}

const isMissing = (sent: unknown, path: PropertyKey[]): boolean =>
  path.length > 0 &&
  path.reduce<unknown>((inner, part) => (inner as Record<PropertyKey, unknown> | undefined)?.[part], sent) === undefined

const CODES: Partial<Record<z.core.$ZodIssue['code'], string>> = {
  invalid_type: 'type',
  too_big: 'too_large',
  too_small: 'too_small',
  invalid_format: 'format',
  invalid_value: 'not_offered',
  invalid_union: 'no_form_fits',
}

const TYPES: Record<string, string> = {
  string: 'a text',
  int: 'an integer',
  number: 'a number',
  boolean: 'true or false',
  object: 'an object',
  record: 'an object',
  array: 'a list',
}

function sentence(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type') return `Must be ${TYPES[issue.expected] ?? issue.expected}.`
  if (issue.code === 'invalid_value')
    return `Must be ${issue.values.map(String).join(', ')}.`.replace(/^Must be (.+,)/, 'Must be one of $1')
  if (issue.code === 'too_small') return `Must ${measure(issue.origin, 'at least', issue.minimum)}.`
  if (issue.code === 'too_big') return `Must ${measure(issue.origin, 'at most', issue.maximum)}.`
  if (issue.code === 'invalid_union') return 'Fits none of the forms that are offered.'
  return issue.message
}

const measure = (origin: string, how: string, bound: number | bigint): string => {
  if (origin === 'string') return `have ${how} ${bound} characters`
  return origin === 'array' ? `have ${how} ${bound} items` : `be ${how} ${bound}`
}
