// Where two contents differ, as JSON Pointers (T13, T53): names of members and numbers of places, never a value. Pure.
import { canonical } from '../../crypto/canonical.ts'

/** More than these are told by the member that holds them. */
const MOST = 200

/** What a human is shown of a task, by member. */
export type Shown = Record<string, unknown>

export function changedPointers(before: Shown, after: Shown): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
  const changed = names.flatMap((name) => differences(before[name] ?? null, after[name] ?? null, `/${escaped(name)}`))
  return changed.length <= MOST ? changed.sort() : [...new Set(changed.map((pointer) => `/${pointer.split('/')[1]}`))]
}

function differences(before: unknown, after: unknown, at: string): string[] {
  if (same(before, after)) return []
  // A list that lost or gained something has moved: its places say nothing.
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length)
    return before.flatMap((one, i) => differences(one, after[i], `${at}/${i}`))
  if (isPlain(before) && isPlain(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    return names.flatMap((name) =>
      Object.hasOwn(before, name) && Object.hasOwn(after, name)
        ? differences(before[name], after[name], `${at}/${escaped(name)}`)
        : [`${at}/${escaped(name)}`],
    )
  }
  return [at]
}

const same = (a: unknown, b: unknown): boolean => canonical(a ?? null) === canonical(b ?? null)

/** An object of members, and no number whose digits are kept in an object of their own (T6). */
const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1')
