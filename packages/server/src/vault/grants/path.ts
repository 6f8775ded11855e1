// The path of a request as rules read it (V90): what was sent up to `?`, once with unreserved characters decoded and once decoded whole. A path that another
// reader could take for a different one is no path. Changes nothing: what is forwarded is byte for byte what was sent.

/** Two readings of one path, each as its segments; text is one character a byte. */
export type ReadPath = { readonly plain: readonly string[]; readonly decoded: readonly string[] }

const ROUNDS = 3
const PERCENT = /%([0-9A-Fa-f]{2})/g
const BROKEN = /%(?![0-9A-Fa-f]{2})/
const UNRESERVED = /[A-Za-z0-9._~-]/
// NUL and what else steers a terminal, and the other separator of some readers.
const isRefused = (text: string): boolean => text.includes('\\') || [...text].some((char) => char < ' ' || char === '\x7f')
const DOTS = /^\.{1,2}$/

const charOf = (hex: string): string => String.fromCharCode(Number.parseInt(hex, 16))
const decodeUnreserved = (text: string): string =>
  text.replace(PERCENT, (whole, hex: string) => (UNRESERVED.test(charOf(hex)) ? charOf(hex) : whole))
const decodeOnce = (text: string): string => text.replace(PERCENT, (_, hex: string) => charOf(hex))

/** Nothing to decode and nothing to refuse: both readings are the same. */
const PLAIN = /^\/[\x20-\x24\x26-\x5b\x5d-\x7e]*$/

/** Null: `path_ambiguous`. */
export function readPath(raw: string): ReadPath | null {
  if (!raw.startsWith('/')) return null
  if (PLAIN.test(raw) && !raw.includes('/.')) {
    const segments = raw.slice(1).split('/')
    return { plain: segments, decoded: segments }
  }
  const bytes = Buffer.from(raw, 'utf8').toString('latin1')
  const segments = bytes.slice(1).split('/')
  const decoded: string[] = []
  for (const segment of segments) {
    const whole = decodeWhole(segment)
    if (whole === null) return null
    decoded.push(whole)
  }
  return { plain: segments.map(decodeUnreserved), decoded }
}

/** A segment that is decoded again and again hides something; so does one that holds dots between slashes of its own. */
function decodeWhole(segment: string): string | null {
  let text = segment
  for (let round = 0; round <= ROUNDS; round++) {
    if (BROKEN.test(text) || isRefused(text) || text.split('/').some((part) => DOTS.test(part))) return null
    const next = decodeOnce(text)
    if (next === text) return text
    text = next
  }
  return null
}

/** A path of a rule: prefix of whole segments; `*` is one segment, a last `**` the rest, `=` in front means exactly this one. */
export type PathPattern = { readonly exact: boolean; readonly segments: readonly string[]; readonly rest: boolean }

/** Null: not a path of a rule. */
export function parsePathPattern(text: string): PathPattern | null {
  const exact = text.startsWith('=')
  const path = exact ? text.slice(1) : text
  if (!path.startsWith('/') || path.includes('?') || path.includes('#')) return null
  const read = readPath(path)
  if (!read) return null
  const segments = [...read.decoded]
  const rest = segments.at(-1) === '**'
  if (rest) segments.pop()
  // A prefix ends where its last segment does, with or without a slash behind it.
  else if (!exact && segments.at(-1) === '') segments.pop()
  const wild = segments.some((segment) => segment !== '*' && segment.includes('*'))
  return wild || (exact && rest) ? null : { exact, segments, rest }
}

export const pathFits = ({ exact, segments, rest }: PathPattern, path: readonly string[]): boolean => {
  if (exact ? path.length !== segments.length : path.length < segments.length + (rest ? 1 : 0)) return false
  return segments.every((segment, i) => (segment === '*' ? path[i] !== '' : segment === path[i]))
}

/** Longer is closer: more segments, then exact, then fewer of any name. */
export const pathOrder = ({ exact, segments }: PathPattern): readonly [number, number, number] => [
  segments.length,
  exact ? 1 : 0,
  segments.filter((segment) => segment !== '*').length,
]

/** Whether one of these patterns names the path in both of its readings; an ambiguous path is named by none. */
export function fitsPath(patterns: readonly string[], raw: string): boolean {
  const path = readPath(raw)
  return (
    path !== null &&
    patterns.some((text) => {
      const pattern = parsePathPattern(text)
      return pattern !== null && pathFits(pattern, path.plain) && pathFits(pattern, path.decoded)
    })
  )
}
