// The shape of a path (V96): what stands for one thing among many is `*`, one segment each; every other segment stays as it was sent. Pure. Never widens beyond
// the segment that it folds, and its own shapes keep theirs.
import { readPath } from '../../vault/grants/path.ts'

/** What both readings of a path see alike, and no pattern reads otherwise. */
const PLAIN = /^[A-Za-z0-9._~!$&'()+,;=:@-]*$/
/** Of a file or a format: `42.json` is 42. */
const EXTENSION = /\.[A-Za-z][A-Za-z0-9]{0,4}$/
const LONGEST = 64

const IDS: readonly RegExp[] = [
  /^\d+$/,
  /^\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$/i,
  /^[0-9a-f]{16,}$/i,
  // ULID.
  /^[0-7][0-9a-hjkmnp-tv-z]{25}$/i,
  // With the kind in front: cus_9s6XKzkNRiz8i3, run_01J…, pi_test_3MtwBwLk.
  /^(?:[A-Za-z][A-Za-z0-9]{0,15}_){1,3}(?=[A-Za-z]*\d)[A-Za-z0-9]{8,}$/,
  // In capitals and digits throughout: C024BE91L.
  /^(?=[A-Z]*\d)[A-Z0-9]{9,}$/,
  // Of a person.
  /^[^@]+@[^@]+\.[^@]+$/,
]

/** Of `/v1/users/7`: `/v1/users/` and a star. Null: a path that rules do not read (V90). */
export function shapeOf(path: string): string | null {
  if (!readPath(path)) return null
  return path
    .split('/')
    .map((segment) => (segment === '' || !isOneOfMany(segment) ? segment : '*'))
    .join('/')
}

function isOneOfMany(segment: string): boolean {
  if (!PLAIN.test(segment) || segment.length > LONGEST) return true
  const stem = segment.replace(EXTENSION, '')
  return IDS.some((id) => id.test(segment) || id.test(stem)) || isOpaque(segment)
}

/** A token that nobody speaks: letters and digits run together for long, whatever separates them. Words that are joined are none. */
function isOpaque(segment: string): boolean {
  const longest = segment.split(/[^A-Za-z0-9]/).reduce((a, b) => (b.length > a.length ? b : a), '')
  const turns = longest.match(/\d+|[A-Za-z]+/g)?.length ?? 0
  if (longest.length >= 16 && turns >= 3) return true
  return segment.length >= 24 && /[a-z]/.test(segment) && /[A-Z]/.test(segment) && (segment.match(/\d/g)?.length ?? 0) >= 3
}
