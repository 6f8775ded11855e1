// The facts of a request (V98): values that policies and rules may compare, read from body, query and path as the definition says where.
// A value that is not of its type is no fact, and whoever needs it hears so; never a value that another reader would read differently.
import type { Fact } from '../../vault/providers/definition.ts'
import { at, strictJson } from './json.ts'

export type FactValue = number | string | boolean

export type Facts = {
  values: Readonly<Record<string, FactValue>>
  /** Named by the definition and not to be had: `absent`, `ambiguous`, or `too_large`. */
  missing: ReadonlyMap<string, 'absent' | 'ambiguous' | 'too_large'>
}

export type FactSource = {
  path: string
  query: string
  contentType: string | null
  /** Decoded; null where the request has none. */
  body: Buffer | 'too_large' | 'ambiguous' | null
}

const FORM = 'application/x-www-form-urlencoded'

/** Whether the facts of this definition want the body. */
export const wantsBody = (facts: Readonly<Record<string, Fact>>): boolean =>
  Object.values(facts).some((fact) => fact.in === 'body')

export function readFacts(facts: Readonly<Record<string, Fact>>, source: FactSource): Facts {
  const values: Record<string, FactValue> = {}
  const missing = new Map<string, 'absent' | 'ambiguous' | 'too_large'>()
  const body = openBody(source)
  for (const [name, fact] of Object.entries(facts)) {
    if (fact.in === 'response') continue
    const found = find(fact, source, body)
    if (typeof found === 'object') values[name] = found.value
    else missing.set(name, found)
  }
  return { values, missing }
}

type Found = { value: FactValue } | 'absent' | 'ambiguous' | 'too_large'
type Body = { json: unknown } | { form: URLSearchParams } | 'absent' | 'ambiguous' | 'too_large'

function openBody({ body, contentType }: FactSource): Body {
  if (body === null || body === 'too_large' || body === 'ambiguous') return body ?? 'absent'
  const type = (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (type === FORM) return { form: new URLSearchParams(body.toString('latin1')) }
  if (type !== 'application/json' && !type.endsWith('+json')) return 'absent'
  const read = strictJson(body)
  return read === 'ambiguous' ? 'ambiguous' : { json: read.value }
}

function find(fact: Fact, source: FactSource, body: Body): Found {
  if (fact.in === 'query') return once(new URLSearchParams(source.query), fact.pointer, fact)
  if (fact.in === 'path') {
    // The number of a segment, counted from one: what stands before the first slash is number 0.
    const segment = source.path.split('/')[Number(fact.pointer)]
    return segment === undefined ? 'absent' : fromText(segment, fact)
  }
  if (typeof body === 'string') return body
  if ('form' in body) return once(body.form, nameOf(fact), fact)
  const value = at(body.json, fact.pointer)
  return value === undefined || value === null ? 'absent' : typed(value, fact)
}

const nameOf = (fact: Fact): string => fact.pointer.replace(/^\//, '')

function once(params: URLSearchParams, name: string, fact: Fact): Found {
  const all = params.getAll(name)
  if (all.length > 1) return 'ambiguous'
  const [only] = all
  return only === undefined ? 'absent' : fromText(only, fact)
}

function fromText(text: string, fact: Fact): Found {
  if (fact.type === 'string') return { value: text }
  if (fact.type === 'bool') return text === 'true' || text === 'false' ? { value: text === 'true' } : 'ambiguous'
  return /^(0|-?[1-9][0-9]{0,15})$/.test(text) ? typed(Number(text), fact) : 'ambiguous'
}

/** Of another type than the definition says, a reader behind us may still take it for one: so it is ambiguous, not absent. */
function typed(value: unknown, { type }: Fact): Found {
  if (type === 'string') return typeof value === 'string' ? { value } : 'ambiguous'
  if (type === 'bool') return typeof value === 'boolean' ? { value } : 'ambiguous'
  const isLong = typeof value === 'number' && Number.isSafeInteger(value) && !Object.is(value, -0)
  return isLong ? { value } : 'ambiguous'
}
