// What a verifier says about an answer (T130): one shape, read strictly. Whatever a model sends that is not this shape is no verdict.
import type { FieldError } from '@countersign/sdk'
import type { Json, JsonObject } from '../../http/json.ts'

export type Verdict = { passed: boolean; reason: string | null; field_errors: FieldError[]; parsed_response: JsonObject | null }

export const PASSED: Verdict = { passed: true, reason: null, field_errors: [], parsed_response: null }
/** Nobody said anything about it, and its person is asked to send it again. */
export const UNREACHED: Verdict = {
  passed: false,
  reason: 'Your answer could not be checked, for the verifier was not to be reached. Please send it again.',
  field_errors: [],
  parsed_response: null,
}
const MOST_ERRORS = 50
const LONGEST = 4_000

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Null: not a verdict. */
export function readVerdict(value: unknown): Verdict | null {
  if (!isObject(value) || typeof value.passed !== 'boolean') return null
  const { passed, reason = null, field_errors = [], parsed_response = null } = value
  if (reason !== null && typeof reason !== 'string') return null
  if (!passed && !reason?.trim()) return null
  const errors = field_errors === null ? [] : Array.isArray(field_errors) ? field_errors.map(readError) : [null]
  if (errors.includes(null)) return null
  const parsed = readParsed(parsed_response)
  if (parsed === undefined) return null
  return {
    passed,
    reason: reason?.trim() ? reason.trim().slice(0, LONGEST) : null,
    field_errors: (errors as FieldError[]).slice(0, MOST_ERRORS),
    parsed_response: parsed,
  }
}

function readError(value: unknown): FieldError | null {
  if (!isObject(value) || typeof value.path !== 'string' || typeof value.message !== 'string') return null
  const path = pathOf(value.path)
  return { path, field: fieldOf(path), code: 'refused', message: value.message.slice(0, 2_000) }
}

/** Models write `amount`, `/amount` and `/response/amount` for the same field. */
function pathOf(given: string): string {
  const inside = given
    .trim()
    .replace(/^#/, '')
    .replace(/^\/?(?:response|answer)(?=\/|$)/, '')
  if (inside === '' || inside === '/') return '/response'
  return `/response${inside.startsWith('/') ? inside : `/${inside.split('.').join('/')}`}`.slice(0, 500)
}

export const fieldOf = (path: string): string =>
  path
    .split('/')
    .slice(2)
    .map((name) => name.replace(/~1/g, '/').replace(/~0/g, '~'))
    .join('.')

/** Of a model its JSON text, because strict schemas have no object of any members. Undefined: neither an object nor the text of one. */
function readParsed(value: unknown): JsonObject | null | undefined {
  if (value === null || value === '') return null
  if (isObject(value)) return value as JsonObject
  if (typeof value !== 'string') return undefined
  try {
    const read = JSON.parse(value) as Json
    return isObject(read) ? (read as JsonObject) : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
