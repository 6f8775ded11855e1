// Judges values against schemas in the words of the person who filled them in (T58, T75): every error, each with the path in the answer, the form's field and a
// sentence. Stores nothing and settles nothing.

import type { OutputUnit } from '@cfworker/json-schema'
import { type FieldError, Problem } from '@countersign/sdk'
import { sha256Hex } from '../../crypto/token.ts'
import { boundErrors, type Reading, readAsked, together } from './asked.ts'
import { coerce } from './coercion.ts'
import { type Evaluation, openEvaluation } from './evaluation.ts'
import { type Gated, gateSchema, type Json, plain } from './schema.ts'

export type Forms = {
  /** Throws `schema_invalid`. */
  gate(schema: unknown, path: string, options: { mustBeObject: boolean }): Promise<Gated>
  /** The schema of an answer with the form that asks for it: `judge` then holds the bounds of both. Throws `schema_invalid`, `form_invalid`. */
  gateAsked(schema: unknown, definition: unknown, reading: Reading): Promise<Gated>
  /** The value with the types that the schema asks for, and what is still wrong with it. */
  judge(
    gated: Gated,
    value: unknown,
    path: string,
    options?: { partial: boolean },
  ): Promise<{ value: unknown; errors: FieldError[] }>
  /** Without changing types: for what a program sent. */
  check(gated: Gated, value: unknown, path: string): Promise<FieldError[]>
  close(): Promise<void>
}

// Agents send the same schema again and again; a gate is worth its milliseconds once.
const REMEMBERED = 500
const MOST_ERRORS = 100

export function openForms(evaluation: Evaluation = openEvaluation()): Forms {
  const known = new Map<string, Gated>()

  async function gate(schema: unknown, path: string, options: { mustBeObject: boolean }): Promise<Gated> {
    const key = sha256Hex(JSON.stringify([options.mustBeObject, schema]))
    const before = known.get(key)
    if (before) {
      known.delete(key)
      known.set(key, before)
      return before
    }
    const result = gateSchema(schema, path, options)
    if (!result.ok) throw new Problem('schema_invalid', { errors: result.errors })
    const slow = await evaluation.probe(result.gated.patterns)
    if (slow.length > 0) {
      const message = 'This pattern can run for ever on a short text.'
      throw new Problem('schema_invalid', { errors: slow.map(() => ({ path, code: 'pattern_unsafe', message })) })
    }
    remember(key, result.gated)
    return result.gated
  }
  function remember(key: string, gated: Gated): void {
    known.set(key, gated)
    if (known.size > REMEMBERED) known.delete(known.keys().next().value as string)
  }
  async function gateAsked(schema: unknown, definition: unknown, reading: Reading): Promise<Gated> {
    const key = sha256Hex(JSON.stringify([reading, schema, definition ?? null]))
    const before = known.get(key)
    if (before) return before
    const gated = await gate(schema, '/response_schema', { mustBeObject: true })
    const form = await readAsked(evaluation, schema as Json, definition, reading)
    const asked = form ? { ...gated, form } : gated
    remember(key, asked)
    return asked
  }
  async function check(gated: Gated, value: unknown, path: string): Promise<FieldError[]> {
    const units = await evaluation.run(gated, plain(value))
    if (units === 'too_slow')
      return [{ path, field: '', code: 'too_slow', message: 'This could not be checked in time, so it counts as wrong.' }]
    return fieldErrors(gated, units, path)
  }
  return {
    gate,
    gateAsked,
    check,
    async judge(gated, value, path, options = { partial: false }) {
      const coerced = coerce(gated, value)
      const errors = await check(gated, coerced, path)
      const told = options.partial ? errors.filter((error) => error.code !== 'required') : errors
      if (!gated.form) return { value: coerced, errors: told }
      return {
        value: coerced,
        errors: together(gated.form, told, await boundErrors(evaluation, gated.form, coerced, path, options), path),
      }
    },
    close: () => evaluation.close(),
  }
}

// A unit of these says only that another one, which is in the list as well, is wrong.
const WRAPPERS = [
  'properties',
  'items',
  'prefixItems',
  'additionalItems',
  'allOf',
  '$ref',
  'if',
  'then',
  'else',
  'dependentSchemas',
]
const NAMES_MEMBER = ['additionalProperties', 'unevaluatedProperties', 'unevaluatedItems', 'patternProperties', 'propertyNames']

function fieldErrors(gated: Gated, units: OutputUnit[], path: string): FieldError[] {
  const errors = choose(units)
    .filter((unit) => !WRAPPERS.includes(unit.keyword) && !NAMES_MEMBER.includes(unit.keyword))
    .map((unit) => fieldError(gated, unit, path))
  const once = new Map(errors.map((error) => [`${error.path} ${error.code} ${error.message}`, error]))
  if (once.size === 0 && units.length > 0) return [{ path, field: '', code: 'invalid', message: 'This answer does not fit.' }]
  return [...once.values()].slice(0, MOST_ERRORS)
}

/** Of a union that nothing fits only the branch that was probably meant speaks. */
function choose(units: OutputUnit[]): OutputUnit[] {
  const union = units.find((unit) => unit.keyword === 'anyOf' || (unit.keyword === 'oneOf' && hasChildren(units, unit)))
  if (!union) return units
  const rest = units.filter((unit) => unit !== union && !isInside(unit, union))
  const branches = new Map<string, OutputUnit[]>()
  for (const unit of units.filter((one) => isInside(one, union))) {
    const branch = unit.keywordLocation.slice(union.keywordLocation.length + 1).split('/')[0] as string
    branches.set(branch, [...(branches.get(branch) ?? []), unit])
  }
  const meant = [...branches.values()]
    .filter(
      (branch) => !branch.some((unit) => unit.instanceLocation === union.instanceLocation && TOLD_APART.includes(unit.keyword)),
    )
    .filter((branch) => !branch.some((unit) => unit.keyword === 'const'))
    .sort((a, b) => a.length - b.length)[0]
  return meant ? choose([...rest, ...meant]) : [...choose(rest), { ...union, keyword: 'union' }]
}
const TOLD_APART = ['type', 'const', 'enum', 'false']
const isInside = (unit: OutputUnit, outer: OutputUnit): boolean =>
  unit.keywordLocation.startsWith(`${outer.keywordLocation}/`) && within(unit.instanceLocation, outer.instanceLocation)
const within = (inner: string, outer: string): boolean => inner === outer || inner.startsWith(`${outer}/`)
const hasChildren = (units: OutputUnit[], unit: OutputUnit): boolean => units.some((one) => one !== unit && isInside(one, unit))

const MISSING = /^Instance does not have required property "([\s\S]*)"\.$/

function fieldError(gated: Gated, unit: OutputUnit, path: string): FieldError {
  const names = unit.instanceLocation.split('/').slice(1).map(unescapePointer)
  // The validator names a missing member in its sentence only; the version is pinned and a test holds the wording.
  const missing = unit.keyword === 'required' || unit.keyword === 'dependentRequired' ? MISSING.exec(unit.error)?.[1] : undefined
  if (missing !== undefined) names.push(missing)
  const at = names.map((name) => `/${name.replace(/~/g, '~0').replace(/\//g, '~1')}`).join('')
  return { path: path + at, field: names.join('.'), ...describe(unit, boundOf(gated, unit)) }
}

const unescapePointer = (name: string): string => decodeURI(name.replace(/%23/g, '#')).replace(/~1/g, '/').replace(/~0/g, '~')

/** What the schema says at the keyword that failed. */
function boundOf(gated: Gated, unit: OutputUnit): unknown {
  let node: unknown = gated.schema
  for (const name of unit.keywordLocation.split('/').slice(1)) {
    if (typeof node !== 'object' || node === null) return undefined
    const member = (node as Json)[unescapePointer(name)]
    node = name === '$ref' && typeof member === 'string' ? followed(gated, member) : member
  }
  return node
}

function followed(gated: Gated, ref: string): unknown {
  let node: unknown = gated.schema
  for (const name of ref.slice(1).split('/').slice(1)) node = (node as Json | undefined)?.[unescapePointer(name)]
  return node
}

const TYPE_WORDS: Record<string, string> = {
  object: 'an object',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  null: 'empty',
}
const FORMAT_WORDS: Record<string, string> = {
  date: 'a date such as 2026-01-31',
  time: 'a time such as 08:30',
  'date-time': 'a date and time with its offset, such as 2026-01-31T08:30:00Z',
  email: 'a mail address',
  uri: 'a web address',
  uuid: 'a UUID',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
}
const listed = (values: unknown[]): string =>
  values
    .slice(0, 20)
    .map((value) => JSON.stringify(value))
    .join(', ')

function describe(unit: OutputUnit, bound: unknown): { code: string; message: string } {
  const of = (code: string, message: string) => ({ code, message })
  switch (unit.keyword) {
    case 'required':
    case 'dependentRequired':
    case 'dependencies':
      return of('required', 'This is required.')
    case 'false':
      return of('unknown_member', 'This does not belong to the answer.')
    case 'type':
      return of(
        'type',
        `This must be ${[bound]
          .flat()
          .map((one) => TYPE_WORDS[String(one)] ?? String(one))
          .join(' or ')}.`,
      )
    case 'enum':
      return of('enum', `This must be one of ${listed(Array.isArray(bound) ? bound : [])}.`)
    case 'const':
      return of('const', `This must be ${JSON.stringify(bound)}.`)
    case 'format':
      return of('format', `This must be ${FORMAT_WORDS[String(bound)] ?? String(bound)}.`)
    case 'minimum':
      return of('minimum', `This must be at least ${bound}.`)
    case 'maximum':
      return of('maximum', `This must be at most ${bound}.`)
    case 'exclusiveMinimum':
      return of('minimum', `This must be more than ${bound}.`)
    case 'exclusiveMaximum':
      return of('maximum', `This must be less than ${bound}.`)
    case 'multipleOf':
      return of('multiple_of', `This must be a multiple of ${bound}.`)
    case 'minLength':
      return of('min_length', bound === 1 ? 'This must not be empty.' : `This must have at least ${bound} characters.`)
    case 'maxLength':
      return of('max_length', `This must have at most ${bound} characters.`)
    case 'pattern':
      return of('pattern', 'This does not have the form that is asked for.')
    case 'minItems':
      return of('min_items', `Choose or add at least ${bound}.`)
    case 'maxItems':
      return of('max_items', `Choose or add at most ${bound}.`)
    case 'uniqueItems':
      return of('unique_items', 'No two of these may be equal.')
    case 'union':
    case 'oneOf':
      return of('union', 'This does not fit any of the allowed forms.')
    default:
      return of(
        unit.keyword.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        'This does not fit what is asked for.',
      )
  }
}
