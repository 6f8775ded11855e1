// How a member of a definition is read: what it may be, what it is when it is not there, and what is said when it cannot be. A null is a member that is not there, as Pydantic
// writes it.
import { dayOf, isZone, momentOf, secondOf } from './calendar.ts'
import { isRecord } from './kinds.ts'

export type Wrong = (path: string, code: string, message: string) => void
type Read = (value: unknown, at: string, wrong: Wrong) => unknown
export type Member = { read: Read; fallback?: unknown; needed?: true }
export type Given = Record<string, unknown>

export const wants =
  (code: string, message: string, fits: (value: unknown) => boolean): Read =>
  (value, at, wrong) =>
    fits(value) ? value : void wrong(at, code, message)

export const text = (max: number) =>
  wants(
    'type',
    `This is a text of at most ${max.toLocaleString('en')} characters.`,
    (value) => typeof value === 'string' && value.length <= max,
  )
export const flag = wants('type', 'This is true or false.', (value) => typeof value === 'boolean')
export const number = wants('type', 'This is a number.', (value) => typeof value === 'number' && Number.isFinite(value))
export const whole = (min: number, max: number) =>
  wants(
    'out_of_range',
    `This is a whole number from ${min} to ${max.toLocaleString('en')}.`,
    (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max,
  )
export const oneOf = (all: readonly string[]) =>
  wants('enum', `This is one of ${all.join(', ')}.`, (value) => all.includes(value as string))
export const day = wants('format', 'This is a date such as 2026-01-31.', (value) => dayOf(value) !== null)
export const clock = wants('format', 'This is a time such as 08:30.', (value) => secondOf(value) !== null)
export const moment = wants(
  'format',
  'This is a date and time with its offset, such as 2026-01-31T08:30:00Z.',
  (value) => momentOf(value) !== null,
)
export const zone = wants(
  'format',
  'This is a time zone such as Europe/Vienna.',
  (value) => typeof value === 'string' && isZone(value),
)
export const currency = wants(
  'format',
  'This is a currency such as EUR.',
  (value) => typeof value === 'string' && /^[A-Z]{3}$/.test(value),
)
export const web = wants('format', 'This is an address that starts with https:// or http://.', isWeb)
export const picture = wants(
  'format',
  'This is an address that starts with https:// or http://, or an image as data:.',
  (value) =>
    isWeb(value) ||
    (typeof value === 'string' &&
      value.length <= 200_000 &&
      /^data:image\/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/]+=*$/.test(value)),
)
export const value = wants('type', 'This is a text, a number, true or false.', (one) =>
  ['string', 'number', 'boolean'].includes(typeof one),
)
export const any: Read = (one) => one

function isWeb(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > 2_048) return false
  try {
    // Not by `URL.canParse`, which in Node 20, once it is compiled, says no to every text with a letter of Latin-1 beyond ASCII.
    const { protocol, username, password } = new URL(value)
    return (protocol === 'https:' || protocol === 'http:') && username === '' && password === ''
  } catch {
    return false
  }
}

export const listOf =
  (read: Read, most: number): Read =>
  (given, at, wrong) => {
    if (!Array.isArray(given) || given.length > most) return void wrong(at, 'type', `This is a list of at most ${most}.`)
    return given.map((one, i) => read(one, `${at}/${i}`, wrong))
  }

export const optional = (read: Read, fallback?: unknown): Member => (fallback === undefined ? { read } : { read, fallback })
export const needed = (read: Read): Member => ({ read, needed: true })

/** An object of these members and no others; nulls are left out, what is missing gets its fallback. */
export function readMembers(given: Given, table: Record<string, Member>, at: string, wrong: Wrong): Given {
  const out: Given = {}
  for (const [name, member] of Object.entries(table)) {
    const there = Object.hasOwn(given, name) && given[name] !== null && given[name] !== undefined
    const read = there ? member.read(given[name], `${at}/${name}`, wrong) : undefined
    if (!there && member.needed) wrong(`${at}/${name}`, 'required', 'This is required.')
    const kept = read === undefined ? member.fallback : read
    if (kept !== undefined) out[name] = kept
  }
  return out
}

export const options =
  (pictures: boolean): Read =>
  (given, at, wrong) => {
    if (!Array.isArray(given) || given.length === 0 || given.length > 1_000)
      return void wrong(at, 'type', 'This is a list of 1 to 1,000 options.')
    const table = {
      value: needed(value),
      label: optional(text(300)),
      hint: optional(text(1_000)),
      ...(pictures ? { image_url: needed(picture) } : {}),
    }
    const read = given.map((one, i) => {
      if (!isRecord(one)) {
        wrong(`${at}/${i}`, 'type', 'An option is an object.')
        return {}
      }
      refuseUnknown(one, Object.keys(table), `${at}/${i}`, wrong)
      const option = readMembers(one, table, `${at}/${i}`, wrong)
      return { label: String(option.value ?? ''), ...option }
    })
    const seen = new Set<unknown>()
    for (const [i, option] of read.entries()) {
      const own = (option as Given).value
      if (seen.has(own)) wrong(`${at}/${i}/value`, 'doubled', 'Two options have this value.')
      seen.add(own)
    }
    return read
  }

const CONDITIONS = ['visible_when', 'required_when', 'disabled_when']

export function refuseUnknown(given: Given, known: readonly string[], at: string, wrong: Wrong): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name) || given[name] === null || given[name] === undefined) continue
    if (CONDITIONS.includes(name))
      wrong(`${at}/${name}`, 'condition_unsupported', 'Conditions of fields are not available in this version: leave this out.')
    else wrong(`${at}/${name}`, 'unknown_member', 'There is no such member here.')
  }
}
