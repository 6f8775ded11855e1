// What a person has typed so far, and how it becomes an answer. What does not convert exactly is sent as typed, so that the server can say what is wrong with
// it: nothing is guessed, rounded or dropped here.
import type { Field } from './field.ts'

export type Draft = string | boolean | undefined | unknown[] | { [name: string]: Draft }

export function emptyDraft(field: Field, initial: unknown = field.initial): Draft {
  switch (field.kind) {
    case 'object':
      return Object.fromEntries(
        field.fields.map((member) => [member.name, emptyDraft(member, memberOf(initial, member.name) ?? member.initial)]),
      )
    case 'list': {
      const given = Array.isArray(initial) ? initial : Array.from({ length: field.minItems }, () => undefined)
      return given.map((value) => emptyDraft(field.item, value))
    }
    case 'choices':
      return Array.isArray(initial) ? initial : []
    case 'boolean':
      return typeof initial === 'boolean' ? initial : undefined
    case 'choice': {
      const at = field.options.findIndex((option) => option.value === initial)
      return at < 0 ? '' : String(at)
    }
    case 'json':
      return initial === undefined ? '' : JSON.stringify(initial, null, 2)
    case 'date_time':
      return typeof initial === 'string' ? localOf(initial) : ''
    default:
      return initial === undefined || initial === null ? '' : String(initial)
  }
}

const memberOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined

/** The answer's value for a draft; undefined means: leave the member out. Where a member must be there and may be null, left open means null. */
export function answerOf(field: Field, draft: Draft): unknown {
  const value = givenOf(field, draft)
  return value === undefined && field.openIsNull ? null : value
}

function givenOf(field: Field, draft: Draft): unknown {
  switch (field.kind) {
    case 'object': {
      const members = field.fields.map(
        (member) => [member.name, answerOf(member, (draft as Record<string, Draft> | undefined)?.[member.name])] as const,
      )
      const present = members.filter(([, value]) => value !== undefined)
      return present.length === 0 && !field.required ? undefined : Object.fromEntries(present)
    }
    case 'list': {
      const values = (Array.isArray(draft) ? draft : []).map((item) => answerOf(field.item, item as Draft) ?? null)
      return values.length === 0 && !field.required ? undefined : values
    }
    case 'choices':
      return Array.isArray(draft) && (draft.length > 0 || field.required) ? draft : undefined
    case 'boolean':
      return typeof draft === 'boolean' ? draft : undefined
    case 'choice':
      return draft === '' || draft === undefined ? undefined : field.options[Number(draft)]?.value
    case 'number':
      return numberOf(draft)
    case 'json':
      return jsonOf(draft)
    case 'date_time':
      return typeof draft === 'string' && draft !== '' ? instantOf(draft) : undefined
    default:
      return typeof draft === 'string' && draft !== '' ? draft : undefined
  }
}

// 0.1 and 1e3 are themselves; 9007199254740993 is not, and goes as typed.
function numberOf(draft: Draft): unknown {
  if (typeof draft !== 'string' || draft.trim() === '') return undefined
  const value = Number(draft)
  const exact = Number.isFinite(value) && (!Number.isInteger(value) || Number.isSafeInteger(value))
  return exact ? value : draft
}

function jsonOf(draft: Draft): unknown {
  if (typeof draft !== 'string' || draft.trim() === '') return undefined
  try {
    return JSON.parse(draft)
  } catch (error) {
    // Not JSON (yet): the server's message beside the field is the one place where the person reads about it.
    if (error instanceof SyntaxError) return draft
    throw error
  }
}

const instantOf = (local: string): string => {
  const at = new Date(local)
  return Number.isNaN(at.getTime()) ? local : at.toISOString()
}

const localOf = (instant: string): string => {
  const at = new Date(instant)
  if (Number.isNaN(at.getTime())) return ''
  const two = (n: number) => String(n).padStart(2, '0')
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`
}

/** Where in the answer each input stands, as JSON Pointers, for the draft as it is now. */
export function placesOf(field: Field, draft: Draft, path = ''): string[] {
  if (field.kind === 'object') {
    const values = (draft ?? {}) as Record<string, Draft>
    return [path, ...field.fields.flatMap((member) => placesOf(member, values[member.name], pointer(path, member.name)))]
  }
  if (field.kind === 'list') {
    const items = (Array.isArray(draft) ? draft : []) as Draft[]
    return [path, ...items.flatMap((item, i) => placesOf(field.item, item, pointer(path, i)))]
  }
  return [path]
}

export const pointer = (path: string, name: string | number): string =>
  `${path}/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`
