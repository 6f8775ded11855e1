// What one definition says that another does not, as pointers, and whether a credential could go elsewhere by it (V5). Compares values; knows no version.
import { pointerOf } from './source.ts'

export type Change = { path: string; change: 'added' | 'removed' | 'changed' }

const MOST = 500

/** Every place of a leaf that differs. Lists are compared by their places: an entry that moved is a change. */
export function differenceOf(before: unknown, after: unknown): Change[] {
  const changes: Change[] = []
  compare(before, after, [], changes)
  return changes.slice(0, MOST)
}

function compare(before: unknown, after: unknown, path: PropertyKey[], changes: Change[]): void {
  if (isObject(before) || isObject(after)) {
    const [one, other] = [membersOf(before), membersOf(after)]
    for (const name of new Set([...one.keys(), ...other.keys()]))
      compare(one.get(name), other.get(name), [...path, name], changes)
    // An empty object or list is a leaf of its own.
    if (one.size + other.size > 0) return
  }
  if (before === undefined && after === undefined) return
  if (before === undefined) changes.push({ path: pointerOf(path), change: 'added' })
  else if (after === undefined) changes.push({ path: pointerOf(path), change: 'removed' })
  else if (isObject(before) !== isObject(after) || (!isObject(before) && before !== after))
    changes.push({ path: pointerOf(path), change: 'changed' })
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null
const membersOf = (value: unknown): Map<string, unknown> => new Map(isObject(value) ? Object.entries(value) : [])

/** Where a credential goes, who is told of it, and how it stands in a request. */
const STEERS =
  /^\/(?:hosts|auth_hosts|params|inject|allow_plaintext|api_key\/test|oauth\/(?:authorization_url|token_url|device_url|resource|revocation|userinfo))(?:\/|$)/

export const movesCredentials = (changes: readonly Change[]): boolean => changes.some(({ path }) => STEERS.test(path))
