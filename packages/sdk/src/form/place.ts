// JSON Pointers into an answer: read, set, compare. Never adds a member that the pointer does not name, never touches a prototype.
import { isRecord } from './kinds.ts'

export const step = (name: string | number): string => `/${String(name).replaceAll('~', '~0').replaceAll('/', '~1')}`
export const steps = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))

/** Whether a text is a JSON Pointer (RFC 6901). */
export const isPointer = (text: string): boolean => /^(?:\/(?:[^~/]|~[01])*)*$/.test(text)

export function valueAt(value: unknown, pointer: string): unknown {
  let at = value
  for (const name of steps(pointer)) {
    if (Array.isArray(at)) at = /^(?:0|[1-9]\d*)$/.test(name) ? at[Number(name)] : undefined
    else at = isRecord(at) && Object.hasOwn(at, name) ? at[name] : undefined
  }
  return at
}

/** A copy of `root` with `value` at the place; objects on the way are made. */
export function withValueAt(root: unknown, pointer: string, value: unknown): unknown {
  if (pointer === '') return value
  const [name = '', ...rest] = steps(pointer)
  const below = rest.map(step).join('')
  const object = isRecord(root) ? root : {}
  const inner = Object.hasOwn(object, name) ? object[name] : undefined
  const set: [string, unknown] = [name, withValueAt(inner, below, value)]
  const entries = Object.entries(object)
  return Object.fromEntries(Object.hasOwn(object, name) ? entries.map((one) => (one[0] === name ? set : one)) : [...entries, set])
}

/** Whether `pointer` is `place` or stands inside of it. */
export const isIn = (pointer: string, place: string): boolean => pointer === place || pointer.startsWith(`${place}/`)
