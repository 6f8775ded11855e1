// The difference between two JSON values as a JSON Patch (RFC 6902: add, remove, replace), so that what an edit changed can be shown, kept and checked.
// Applying it to the one gives the other, digit for digit (T6). Knows nothing of actions.
import { canonical } from '../../crypto/canonical.ts'
import { Digits } from '../../http/json.ts'

export type Operation = { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string }

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Digits)

const escaped = (name: string): string => name.replace(/~/g, '~0').replace(/\//g, '~1')

export const sameJson = (a: unknown, b: unknown): boolean => canonical(a) === canonical(b)

/** Members by name, lists by place: what grew is added at the end, what shrank is removed from the end. */
export function diff(before: unknown, after: unknown, path = ''): Operation[] {
  if (isObject(before) && isObject(after)) return diffObjects(before, after, path)
  if (Array.isArray(before) && Array.isArray(after)) return diffLists(before, after, path)
  return sameJson(before, after) ? [] : [{ op: 'replace', path, value: after }]
}

function diffObjects(before: Record<string, unknown>, after: Record<string, unknown>, path: string): Operation[] {
  const operations: Operation[] = []
  for (const name of Object.keys(before)) {
    const at = `${path}/${escaped(name)}`
    if (!Object.hasOwn(after, name)) operations.push({ op: 'remove', path: at })
    else operations.push(...diff(before[name], after[name], at))
  }
  for (const name of Object.keys(after))
    if (!Object.hasOwn(before, name)) operations.push({ op: 'add', path: `${path}/${escaped(name)}`, value: after[name] })
  return operations
}

function diffLists(before: readonly unknown[], after: readonly unknown[], path: string): Operation[] {
  const both = Math.min(before.length, after.length)
  const operations = before.slice(0, both).flatMap((value, i) => diff(value, after[i], `${path}/${i}`))
  for (let i = before.length - 1; i >= both; i--) operations.push({ op: 'remove', path: `${path}/${i}` })
  for (let i = both; i < after.length; i++) operations.push({ op: 'add', path: `${path}/${i}`, value: after[i] })
  return operations
}

/** At the pointer or inside it. */
export const isWithin = (path: string, pointer: string): boolean => path === pointer || path.startsWith(`${pointer}/`)
