// Facts (R74): the few typed values of a message that policies may rely on, as a skill declares them. A value that is missing, of another type or not in the list is
// refused, never guessed, rounded or converted; what nobody declared is no fact.
import { type FieldError, Problem } from '@countersign/sdk'
import type { Part } from '../model.ts'

export const FACT_TYPES = ['long', 'bool', 'word'] as const
export type FactType = (typeof FACT_TYPES)[number]

export type FactDeclaration = {
  name: string
  /** RFC 6901, into the first data part. */
  pointer: string
  type: FactType
  /** Of a word: which it may be. */
  values?: readonly string[] | undefined
  required?: boolean | undefined
}
export type Facts = Record<string, number | boolean | string>

type Declares = { readonly facts?: readonly FactDeclaration[] | undefined }

/** The facts of a message for this skill; `at` says where the client finds its data part, which it may have sent as `data`. Throws 422 with every fault. */
export function readFacts(
  skill: Declares,
  parts: readonly Part[],
  at: (index: number) => string = (index) => `/parts/${index}/data`,
): Facts {
  const index = parts.findIndex((part) => part.data !== undefined)
  const data = parts[index]?.data
  return judged(skill, (fact) => ({
    path: index < 0 ? '/parts' : `${at(index)}${fact.pointer}`,
    value: index < 0 ? undefined : valueAt(data, fact.pointer),
  }))
}

/** The facts that stand in clear beside a sealed message, by their names. */
export function checkFacts(skill: Declares, given: Readonly<Record<string, unknown>>, at = '/facts'): Facts {
  const known = new Set(skill.facts?.map((fact) => fact.name))
  const strange = Object.keys(given).find((name) => !known.has(name))
  if (strange !== undefined)
    refuse([{ path: `${at}/${strange}`, code: 'unexpected', message: 'The skill declares no such fact.' }])
  return judged(skill, (fact) => ({
    path: `${at}/${fact.name}`,
    value: Object.hasOwn(given, fact.name) ? given[fact.name] : undefined,
  }))
}

function judged(skill: Declares, find: (fact: FactDeclaration) => { path: string; value: unknown }): Facts {
  const errors: FieldError[] = []
  const facts: Facts = {}
  for (const fact of skill.facts ?? []) {
    const { path, value } = find(fact)
    if (value === undefined) {
      if (fact.required) errors.push({ path, code: 'missing', message: `The fact ${fact.name} is required.` })
    } else if (isOf(fact, value)) facts[fact.name] = value
    else errors.push({ path, code: 'invalid', message: `The fact ${fact.name} must be ${SAID[fact.type](fact)}.` })
  }
  if (errors.length > 0) refuse(errors)
  return facts
}

function refuse(errors: FieldError[]): never {
  throw new Problem('validation_failed', { errors })
}

const SAID: Readonly<Record<FactType, (fact: FactDeclaration) => string>> = {
  long: () => 'an integer',
  bool: () => 'true or false',
  word: (fact) => `one of ${(fact.values ?? []).join(', ')}`,
}

function isOf(fact: FactDeclaration, value: unknown): value is number | boolean | string {
  if (fact.type === 'long') return Number.isSafeInteger(value)
  if (fact.type === 'bool') return typeof value === 'boolean'
  return typeof value === 'string' && (fact.values ?? []).includes(value)
}

/** RFC 6901. Undefined where nothing is; members of its own only, so that `/constructor` names nothing. */
function valueAt(data: unknown, pointer: string): unknown {
  let here = data
  for (const part of pointer.split('/').slice(1)) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(here)) {
      if (!/^(?:0|[1-9]\d{0,8})$/.test(name)) return undefined
      here = here[Number(name)]
    } else if (typeof here === 'object' && here !== null && Object.hasOwn(here, name)) {
      here = (here as Record<string, unknown>)[name]
    } else return undefined
  }
  return here
}
