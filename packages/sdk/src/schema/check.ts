// Checks a value against plain JSON Schema, for callers who bring no library. It knows the vocabulary that the server takes and treats
// a keyword it does not know as said to somebody else. It compiles nothing, fetches nothing and follows references of the document only.

import { canonicalJson, pointerStep } from '../canonical.ts'
import type { FieldError } from '../problem.ts'
import type { JsonSchema } from '../shapes.ts'

type Fail = (code: string, message: string, path?: string) => void
type Place = { root: JsonSchema; path: string; depth: number; fail: Fail }

/** Every error, not the first; `path` is a JSON Pointer into the value. */
export function checkJsonSchema(schema: JsonSchema, value: unknown): FieldError[] {
  const errors: FieldError[] = []
  check(schema, value, {
    root: schema,
    path: '',
    depth: 0,
    fail: (code, message, path = '') => errors.push({ path, code, message }),
  })
  return errors
}

function check(schema: unknown, value: unknown, place: Place): void {
  const fail: Fail = (code, message, path = place.path) => place.fail(code, message, path)
  if (schema === false) fail('not_allowed', 'is not allowed')
  if (typeof schema !== 'object' || schema === null) return
  if (place.depth > 200) {
    fail('too_deep', 'is nested too deeply')
    return
  }
  const here = { ...place, depth: place.depth + 1, fail }
  const json = schema as JsonSchema
  if (typeof json.$ref === 'string') check(resolve(place.root, json.$ref), value, here)
  if (!checkType(json, value, fail)) return
  checkValue(json, value, fail)
  if (typeof value === 'string') checkString(json, value, fail)
  if (typeof value === 'number') checkNumber(json, value, fail)
  if (Array.isArray(value)) checkArray(json, value, here)
  else if (typeof value === 'object' && value !== null) checkObject(json, value as Record<string, unknown>, here)
  checkCombined(json, value, here)
}

function resolve(root: JsonSchema, ref: string): unknown {
  if (ref === '#') return root
  if (!ref.startsWith('#/')) return false
  let at: unknown = root
  for (const step of ref.slice(2).split('/')) {
    const key = decodeURIComponent(step).replaceAll('~1', '/').replaceAll('~0', '~')
    at = typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? (at as Record<string, unknown>)[key] : false
  }
  return at
}

const TYPES: Record<string, (value: unknown) => boolean> = {
  null: (value) => value === null,
  boolean: (value) => typeof value === 'boolean',
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  integer: (value) => Number.isInteger(value),
  array: Array.isArray,
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
}

function checkType(json: JsonSchema, value: unknown, fail: Fail): boolean {
  if (json.type === undefined) return true
  const types = (Array.isArray(json.type) ? json.type : [json.type]) as string[]
  if (types.some((type) => TYPES[type]?.(value))) return true
  fail('type', `must be ${types.join(' or ')}`)
  return false
}

function checkValue(json: JsonSchema, value: unknown, fail: Fail): void {
  const same = (other: unknown) => canonicalJson(other) === canonicalJson(value)
  if (json.const !== undefined && !same(json.const)) fail('const', `must be ${JSON.stringify(json.const)}`)
  if (Array.isArray(json.enum) && !json.enum.some(same))
    fail('enum', `must be one of ${json.enum.map((item) => JSON.stringify(item)).join(', ')}`)
}

const FORMATS: Record<string, (text: string) => boolean> = {
  date: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && isDate(text),
  time: (text) => /^([01]\d|2[0-3]):[0-5]\d(:([0-5]\d|60)(\.\d+)?)?(z|[+-]([01]\d|2[0-3]):[0-5]\d)?$/i.test(text),
  'date-time': (text) =>
    /^\d{4}-\d\d-\d\dt\d\d:\d\d:\d\d(\.\d+)?(z|[+-]\d\d:\d\d)$/i.test(text) && isDate(text.slice(0, 10)) && isDate(text),
  email: (text) => /^[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)*$/.test(text),
  uri: (text) => /^[a-z][a-z0-9+.-]*:[^\s]+$/i.test(text),
  uuid: (text) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text),
  ipv4: (text) => /^((25[0-5]|2[0-4]\d|1?\d?\d)(\.(?!$)|$)){4}$/.test(text),
  ipv6: (text) => /^[0-9a-f:.]{2,45}$/i.test(text) && URL.canParse(`http://[${text}]/`),
}

/** Also refuses the 30th of February, which Date would move into March. */
const isDate = (text: string) => {
  const at = new Date(text)
  return !Number.isNaN(at.getTime()) && (text.length > 10 || at.toISOString().startsWith(text))
}

function checkString(json: JsonSchema, value: string, fail: Fail): void {
  const length = [...value].length
  if (typeof json.minLength === 'number' && length < json.minLength)
    fail('min_length', `must have at least ${json.minLength} characters`)
  if (typeof json.maxLength === 'number' && length > json.maxLength)
    fail('max_length', `must have at most ${json.maxLength} characters`)
  if (typeof json.pattern === 'string' && !new RegExp(json.pattern, 'u').test(value))
    fail('pattern', 'does not have the expected form')
  if (typeof json.format === 'string' && FORMATS[json.format]?.(value) === false) fail('format', `must be a ${json.format}`)
}

function checkNumber(json: JsonSchema, value: number, fail: Fail): void {
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf: step } = json
  if (typeof minimum === 'number' && value < minimum) fail('minimum', `must be at least ${minimum}`)
  if (typeof maximum === 'number' && value > maximum) fail('maximum', `must be at most ${maximum}`)
  if (typeof above === 'number' && value <= above) fail('exclusive_minimum', `must be more than ${above}`)
  if (typeof below === 'number' && value >= below) fail('exclusive_maximum', `must be less than ${below}`)
  // 0.3 / 0.1 is not quite 3 in binary, and is three to everybody else.
  if (typeof step === 'number' && Math.abs(value / step - Math.round(value / step)) > 1e-9)
    fail('multiple_of', `must be a multiple of ${step}`)
}

function checkArray(json: JsonSchema, value: unknown[], place: Place): void {
  if (typeof json.minItems === 'number' && value.length < json.minItems)
    place.fail('min_items', `must have at least ${json.minItems} items`)
  if (typeof json.maxItems === 'number' && value.length > json.maxItems)
    place.fail('max_items', `must have at most ${json.maxItems} items`)
  if (json.uniqueItems === true && new Set(value.map(canonicalJson)).size < value.length)
    place.fail('unique_items', 'must not repeat an item')
  // Draft-07 says tuples with `items` and `additionalItems`, 2020-12 with `prefixItems` and `items`.
  const first = (Array.isArray(json.items) ? json.items : (json.prefixItems ?? [])) as unknown[]
  const rest = Array.isArray(json.items) ? json.additionalItems : json.items
  value.forEach((item, i) => {
    check(i < first.length ? first[i] : rest, item, { ...place, path: place.path + pointerStep(i) })
  })
}

function checkObject(json: JsonSchema, value: Record<string, unknown>, place: Place): void {
  const properties = (json.properties ?? {}) as Record<string, unknown>
  const patterns = Object.entries((json.patternProperties ?? {}) as Record<string, unknown>).map(([source, schema]) => ({
    pattern: new RegExp(source, 'u'),
    schema,
  }))
  for (const name of (json.required ?? []) as string[]) {
    if (!Object.hasOwn(value, name)) place.fail('required', 'is required', place.path + pointerStep(name))
  }
  const count = Object.keys(value).length
  if (typeof json.minProperties === 'number' && count < json.minProperties)
    place.fail('min_properties', `must have at least ${json.minProperties} members`)
  if (typeof json.maxProperties === 'number' && count > json.maxProperties)
    place.fail('max_properties', `must have at most ${json.maxProperties} members`)
  for (const [name, item] of Object.entries(value)) {
    const at = { ...place, path: place.path + pointerStep(name) }
    if (json.propertyNames !== undefined) check(json.propertyNames, name, at)
    const matching = patterns.filter(({ pattern }) => pattern.test(name))
    for (const { schema } of matching) check(schema, item, at)
    if (Object.hasOwn(properties, name)) check(properties[name], item, at)
    else if (matching.length === 0) check(json.additionalProperties, item, at)
  }
}

function checkCombined(json: JsonSchema, value: unknown, place: Place): void {
  const fits = (schema: unknown) => {
    let ok = true
    check(schema, value, {
      ...place,
      fail: () => {
        ok = false
      },
    })
    return ok
  }
  for (const part of (json.allOf ?? []) as unknown[]) check(part, value, place)
  const any = json.anyOf as unknown[] | undefined
  if (any && !any.some(fits)) nearest(any, value, place)
  const one = json.oneOf as unknown[] | undefined
  if (one) {
    const fitting = one.filter(fits).length
    if (fitting === 0) nearest(one, value, place)
    if (fitting > 1) place.fail('one_of', 'fits more than one of the allowed forms')
  }
  if (json.not !== undefined && fits(json.not)) place.fail('not', 'has a form that is not allowed')
  if (json.if !== undefined) check(fits(json.if) ? json.then : json.else, value, place)
}

/** The errors of the option that was probably meant, the one with the fewest; of several equal ones, that none fits. */
function nearest(options: unknown[], value: unknown, place: Place): void {
  const tries = options.map((schema) => {
    const errors: FieldError[] = []
    check(schema, value, { ...place, fail: (code, message, path = place.path) => errors.push({ path, code, message }) })
    return errors
  })
  const fewest = Math.min(...tries.map((errors) => errors.length))
  const best = tries.filter((errors) => errors.length === fewest)
  if (best.length !== 1) place.fail('any_of', 'has none of the allowed forms')
  else for (const { path, code, message } of best[0] as FieldError[]) place.fail(code, message, path)
}
