// The calls by which a key is exchanged at its provider (V50), as its definition declares them. What a provider answers beside its status is read for the new key
// alone, and goes nowhere else: no message here holds a word of it.
import { fieldsOf, readFields } from '../authorizations/fields.ts'
import { ProviderFault } from '../authorizations/protocol/fault.ts'
import { call, type Outside } from '../authorizations/protocol/server.ts'
import { injected } from '../authorizations/test-call.ts'
import type { Definition, Material, Method, Rotate, RotationCall } from '../providers/definition.ts'
import { InjectionInvalid } from '../providers/fill.ts'
import { fillUrl } from '../providers/params.ts'
import type { Params } from '../providers/pattern.ts'
import { plainOf } from '../providers/rotation.ts'

/** Whose keys are exchanged, and by which declaration. */
export type Exchange = { definition: Definition; rotate: Rotate; params: Params; method: Method }
export type NewKey = { material: Material; ends: Date | null }
/** `refused`: it said no. `silent`: it never answered, or it is out of order. */
export type Said = { result: 'done' } | { result: 'refused' | 'silent'; code: string; pauseMs?: number | null }

/** The same again has the same `name`: a provider that knows it makes one key of both. */
export async function createKey(outside: Outside, one: Exchange, material: Material, name: string): Promise<NewKey | Said> {
  const said = await send(outside, one, one.rotate.create, { with: material, about: material, name })
  if (said.result !== 'done') return said
  try {
    return readKey(one, material, JSON.parse(said.text))
  } catch {
    // Whatever it was, it may hold a key: nothing of it is repeated.
    return { result: 'refused', code: 'answer_invalid' }
  }
}

export const tryKey = (outside: Outside, one: Exchange, material: Material): Promise<Said> => {
  const test = one.rotate.test ?? one.definition.api_key?.test
  if (!test) return Promise.resolve({ result: 'refused', code: 'untested' })
  const method = test.method.toUpperCase() as RotationCall['method']
  return send(outside, one, { ...test, method }, { with: material, about: material })
}

/** `gone` is ended. A provider that has it no more has ended it before. */
export async function retireKey(outside: Outside, one: Exchange, gone: Material, stays: Material | null): Promise<Said> {
  const by = one.rotate.retire.by === 'own' || stays === null ? gone : stays
  const said = await send(outside, one, one.rotate.retire, { with: by, about: gone })
  const isGone = said.result === 'refused' && (said.code === 'http_404' || said.code === 'http_410')
  return isGone ? { result: 'done' } : said
}

type Sending = { with: Material; about: Material; name?: string }

async function send(
  outside: Outside,
  { definition, params }: Exchange,
  { method, url, body, body_style = 'json', expect }: RotationCall,
  { with: key, about, name }: Sending,
): Promise<{ result: 'done'; text: string } | Exclude<Said, { result: 'done' }>> {
  try {
    const known = { ...params, ...plainOf(definition, about) }
    const request = injected(definition, key, fillUrl(url, known))
    if (request === null) return { result: 'refused', code: 'injection_invalid' }
    const filled = body && Object.fromEntries(Object.entries(body).map(([member, text]) => [member, fillText(text, known)]))
    const type = body_style === 'json' ? 'application/json' : 'application/x-www-form-urlencoded'
    const answer = await call(outside, {
      url: request.url,
      method,
      headers: {
        ...request.headers,
        ...(filled ? { 'content-type': type } : {}),
        ...(name === undefined ? {} : { 'idempotency-key': name }),
      },
      body: filled && (body_style === 'json' ? JSON.stringify(filled) : new URLSearchParams(filled).toString()),
    })
    if (expect.includes(answer.status)) return { result: 'done', text: answer.body.toString('utf8') }
    const isLater = answer.status >= 500 || answer.status === 429
    return { result: isLater ? 'silent' : 'refused', code: `http_${answer.status}` }
  } catch (error) {
    if (error instanceof ProviderFault) return { result: 'silent', code: error.code, pauseMs: error.retryAfterMs }
    if (error instanceof InjectionInvalid) return { result: 'refused', code: 'injection_invalid' }
    throw error
  }
}

const fillText = (text: string, known: Readonly<Record<string, string>>): string =>
  text.replace(/\{([a-z][a-z0-9_]*)\}/g, (whole, name: string) => (Object.hasOwn(known, name) ? (known[name] as string) : whole))

function readKey({ definition, rotate, method }: Exchange, before: Material, answer: unknown): NewKey {
  const { fields, ends } = rotate.create
  const fresh = Object.entries(fields).map(([field, pointer]) => [field, textAt(answer, pointer)] as const)
  const known = fieldsOf(definition, method)
  const old = Object.fromEntries(
    known.flatMap(({ name }) => (typeof before[name] === 'string' ? [[name, before[name] as string]] : [])),
  )
  // Held against its patterns as if a person had typed it in: what would be refused there is no key here.
  const material = { ...before, ...readFields(known, { ...old, ...Object.fromEntries(fresh) }) }
  if (isSame(definition, material, before)) throw new TypeError('the same key')
  return { material, ends: ends === undefined ? null : timeAt(answer, ends) }
}

/** Whether both hold the same secrets. */
export function isSame({ rotate }: Pick<Definition, 'rotate'>, one: Material, other: Material): boolean {
  return Object.keys(rotate?.create.fields ?? {}).every((field) => one[field] === other[field])
}

function valueAt(answer: unknown, pointer: string): unknown {
  let at = answer
  for (const part of pointer.slice(1).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    at = typeof at === 'object' && at !== null && Object.hasOwn(at, name) ? (at as Record<string, unknown>)[name] : undefined
  }
  return at
}

function textAt(answer: unknown, pointer: string): string {
  const value = valueAt(answer, pointer)
  // In a URL these two would be another path.
  if (typeof value === 'string' && value !== '.' && value !== '..') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  throw new TypeError('no text there')
}

/** RFC 3339, or seconds since 1970; null: it never ends. */
function timeAt(answer: unknown, pointer: string): Date | null {
  const value = valueAt(answer, pointer)
  if (value === null || value === undefined) return null
  const time = new Date(typeof value === 'number' ? value * 1_000 : String(value))
  if (Number.isNaN(time.getTime())) throw new TypeError('no time there')
  return time
}
