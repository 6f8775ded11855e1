// The forms of `assign_to` (T91), read: snake and camel case are equal, exactly one form, what is mistyped is told what it probably meant. Whether the people,
// pools and addresses in it exist is asked later, of rows.
import { type FieldError, Problem } from '@countersign/sdk'
import { nearest } from '../../http/nearest.ts'
import { foldEmail } from '../../identity/email.ts'
import { isId } from '../../std/id.ts'
import { readPythonLiteral } from './python.ts'

export const STRATEGIES = ['least_recent', 'least_open', 'broadcast'] as const
export type Strategy = (typeof STRATEGIES)[number]
export type Labels = { role?: string; access_level?: string; pool?: string }
export type Simple =
  | { email: string }
  | { emails: string[] }
  | { user_id: string }
  | { users: string[] }
  | ({ pool: string; strategy?: Strategy } & Omit<Labels, 'pool'>)
  | Labels
/** As it is stored and spoken. */
export type AssignTo = Simple | { any: Simple[] }

/** What was asked for, in one spelling; `folded` are its addresses as they are compared. */
export type Assignment = { form: AssignTo | null; folded: string[] }
export const NOBODY_NAMED: Assignment = { form: null, folded: [] }

const MOST = 100
const MOST_FORMS = 5
const WORD = 100
const FORMS =
  'a mail address, a list of addresses, {email}, {emails}, {user_id}, {users}, {role, access_level, pool}, {pool, strategy}, {any} and null'
const MEMBERS = ['email', 'emails', 'user_id', 'users', 'role', 'access_level', 'pool', 'strategy', 'any', 'on_call']
/** What people write who mean one of ours. */
const MEANT: Record<string, string> = {
  mail: 'email',
  mails: 'emails',
  address: 'email',
  user: 'user_id',
  person: 'user_id',
  assignee: 'user_id',
  people: 'users',
  group: 'pool',
  team: 'pool',
  queue: 'pool',
  level: 'access_level',
  rota: 'on_call',
}

/** `compatible`: as the other clients write it. */
export function readAssignment(given: unknown, path = '/assign_to', { compatible = false } = {}): Assignment {
  if (given === null || given === undefined) return NOBODY_NAMED
  const form = readForm(compatible ? spelledOut(given, path) : given, path, { nested: false })
  return { form, folded: [...new Set(addressesOf(form))] }
}

/** The Python client writes a plain dict as its text (T64): a literal of Python, or JSON. Nothing in it is ever run. */
function spelledOut(given: unknown, path: string): unknown {
  if (!isRecord(given) || Object.keys(given).length !== 1 || !('value' in given)) return given
  if (typeof given.value === 'string') {
    const read = readPythonLiteral(given.value)
    if (read !== undefined) return read
  }
  return refuse(`${path}/value`, 'assign_to_form', `The text is no dict of these forms: ${FORMS}.`)
}

function readForm(given: unknown, path: string, { nested }: { nested: boolean }): AssignTo {
  if (typeof given === 'string') return { email: addressIn(given, path) }
  if (Array.isArray(given)) return { emails: addressesIn(given, path) }
  if (!isRecord(given)) return refuse(path, 'assign_to_form', `assign_to is exactly one of ${FORMS}.`)
  const members = Object.fromEntries(
    Object.entries(given).flatMap(([name, value]) => (value === null || value === undefined ? [] : [[snake(name), value]])),
  )
  const names = Object.keys(members)
  const unknown = names.find((name) => !MEMBERS.includes(name))
  if (unknown !== undefined)
    refuse(`${path}/${unknown}`, 'assign_to_form', `assign_to is exactly one of ${FORMS}.`, meantBy(unknown))
  if (names.some((name) => ['role', 'access_level', 'pool', 'strategy'].includes(name))) return labelsIn(members, path)
  const [name] = names
  if (names.length !== 1 || name === undefined)
    return refuse(path, 'assign_to_form', `assign_to is exactly one of ${FORMS}; this has ${names.length} of them.`)
  const value = members[name]
  const at = `${path}/${name}`
  if (name === 'email') return { email: addressIn(value, at) }
  if (name === 'emails') return { emails: addressesIn(value, at) }
  if (name === 'user_id') return { user_id: userIn(value, at) }
  if (name === 'users') return { users: listIn(value, at, userIn) }
  if (name === 'on_call') return refuse(at, 'rota_unknown', 'There is no such rota.')
  if (nested) return refuse(at, 'assign_to_form', '{any} holds no other {any}.')
  return { any: formsIn(value, at) }
}

function formsIn(value: unknown, path: string): Simple[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_FORMS)
    return refuse(path, 'form_count', `{any} holds 1 to ${MOST_FORMS} forms.`)
  return value.map((one, i) => readForm(one, `${path}/${i}`, { nested: true }) as Simple)
}

function labelsIn(members: Record<string, unknown>, path: string): Simple {
  const { role, access_level, pool, strategy, ...others } = members
  const [other] = Object.keys(others)
  if (other !== undefined)
    refuse(`${path}/${other}`, 'assign_to_form', 'Labels and a pool are one form, and stand beside no other.')
  const word = (value: unknown, name: string): string => {
    if (typeof value === 'string' && value.trim() !== '' && value.length <= WORD) return value.trim()
    return refuse(`${path}/${name}`, 'label_invalid', `A label is a text of 1 to ${WORD} characters.`)
  }
  const labels: Labels = {
    ...(role === undefined ? {} : { role: word(role, 'role') }),
    ...(access_level === undefined ? {} : { access_level: word(access_level, 'access_level') }),
    ...(pool === undefined ? {} : { pool: word(pool, 'pool') }),
  }
  if (strategy === undefined) return labels
  if (labels.pool === undefined || role !== undefined || access_level !== undefined)
    return refuse(`${path}/strategy`, 'assign_to_form', 'A strategy stands beside a pool and nothing else.', '{pool, strategy}')
  if (!STRATEGIES.includes(strategy as Strategy))
    return refuse(`${path}/strategy`, 'not_offered', `A strategy is ${STRATEGIES.join(', ')}.`, nearStrategy(strategy))
  return { pool: labels.pool, strategy: strategy as Strategy }
}

const nearStrategy = (given: unknown): string | undefined =>
  typeof given === 'string' ? (nearest(given, STRATEGIES) ?? undefined) : undefined

function addressIn(value: unknown, path: string): string {
  if (typeof value === 'string' && foldEmail(value) !== null) return value
  return refuse(path, 'address_invalid', 'This is not a mail address.')
}

const addressesIn = (value: unknown, path: string): string[] => listIn(value, path, addressIn)

function userIn(value: unknown, path: string): string {
  if (isId('usr', value)) return value
  return refuse(path, 'user_unknown', 'There is no such user.')
}

function listIn(value: unknown, path: string, one: (value: unknown, path: string) => string): string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST)
    return refuse(path, 'count', `Name 1 to ${MOST} of them.`)
  return [...new Set(value.map((each, i) => one(each, `${path}/${i}`)))]
}

export const addressesOf = (form: AssignTo): string[] => {
  if ('any' in form) return form.any.flatMap(addressesOf)
  if ('email' in form) return [foldEmail(form.email) as string]
  return 'emails' in form ? form.emails.map((address) => foldEmail(address) as string) : []
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const meantBy = (name: string): string | undefined => MEANT[name] ?? nearest(name, MEMBERS) ?? undefined

export function refuse(path: string, code: string, message: string, meant?: string): never {
  const errors: FieldError[] = [{ path, code, message }]
  throw new Problem('assign_to_invalid', meant ? { errors, did_you_mean: meant } : { errors })
}
