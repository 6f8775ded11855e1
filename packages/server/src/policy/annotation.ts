// The rules of annotations (P67), exactly: an annotation that is not known is refused, for a misspelt `@ask` would turn into an allow.
import type { Annotation } from './lexer.ts'

export type OnTimeout = 'deny' | 'escalate'

export type Ask = { text: string; quorum: number; expiresSeconds: number; onTimeout: OnTimeout }
export type Notes = { id: string | null; note: string | null; ask: Ask | null; until: Date | null }
export type Refusal = { start: number; code: string; message: string }

const KNOWN = ['id', 'note', 'ask', 'quorum', 'expires', 'on_timeout', 'until']
const BESIDE_ASK = ['quorum', 'expires', 'on_timeout']
export const DEFAULT_EXPIRY_SECONDS = 86_400
const LEAST_SECONDS = 10
const MOST_SECONDS = 30 * 86_400
const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 }
const ID = /^[a-z0-9][a-z0-9_.-]{0,63}$/
const RFC3339 =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/
/** What a text of `@ask` may say of the request (V19). */
const PLACEHOLDER = /^(?:agent|method|host|path|connection|tool|facts\.[A-Za-z_][A-Za-z0-9_]*)$/

export function readAnnotations(
  given: readonly Annotation[],
  effect: 'permit' | 'forbid',
): { notes: Notes; refusals: Refusal[] } {
  const refusals: Refusal[] = []
  const refuse = ({ start }: Annotation, code: string, message: string): null => {
    refusals.push({ start, code, message })
    return null
  }
  const found = new Map<string, Annotation>()
  for (const one of given) {
    if (!KNOWN.includes(one.name)) refuse(one, 'annotation_unknown', `There is no annotation @${one.name}${nearest(one.name)}.`)
    else if (found.has(one.name)) refuse(one, 'annotation_twice', `@${one.name} stands twice.`)
    else found.set(one.name, one)
  }
  const read = <T>(name: string, parse: (one: Annotation, text: string) => T | null): T | null => {
    const one = found.get(name)
    if (!one) return null
    if (one.value === null) return refuse(one, 'annotation_empty', `@${name} needs a text in quotes: @${name}("…").`)
    return parse(one, one.value)
  }
  for (const name of ['ask', 'until']) {
    const one = found.get(name)
    if (one && effect === 'forbid') refuse(one, 'annotation_misplaced', `@${name} stands only on a permit.`)
  }
  for (const name of BESIDE_ASK) {
    const one = found.get(name)
    if (one && !found.has('ask')) refuse(one, 'annotation_misplaced', `@${name} stands only beside @ask.`)
  }
  const id = read('id', (one, text) =>
    ID.test(text)
      ? text
      : refuse(one, 'id_invalid', 'An @id has 1 to 64 lower-case letters, digits, dots, dashes and underscores.'),
  )
  const note = read('note', (one, text) =>
    text.length <= 500 ? text : refuse(one, 'note_too_long', 'A @note has at most 500 characters.'),
  )
  const until = read('until', (one, text) => {
    const time = new Date(text)
    return RFC3339.test(text) && !Number.isNaN(time.getTime())
      ? time
      : refuse(one, 'until_invalid', '@until is a time of RFC 3339, such as "2026-12-31T18:00:00Z".')
  })
  const text = read('ask', (one, value) => readAskText(value, (message) => refuse(one, 'ask_invalid', message)))
  const quorum = read('quorum', (one, value) =>
    /^(?:[1-9]|10)$/.test(value) ? Number(value) : refuse(one, 'quorum_invalid', 'A @quorum is a whole number from 1 to 10.'),
  )
  const expiresSeconds = read('expires', (one, value) => {
    const seconds = readDuration(value)
    return seconds !== null && seconds >= LEAST_SECONDS && seconds <= MOST_SECONDS
      ? seconds
      : refuse(one, 'expires_invalid', '@expires is a time from 10 seconds to 30 days, such as "90s", "10m", "24h" or "7d".')
  })
  const onTimeout = read<OnTimeout>('on_timeout', (one, value) =>
    value === 'deny' || value === 'escalate'
      ? value
      : refuse(one, 'on_timeout_invalid', '@on_timeout is "deny" or "escalate"; silence never allows.'),
  )
  const ask =
    text === null
      ? null
      : { text, quorum: quorum ?? 1, expiresSeconds: expiresSeconds ?? DEFAULT_EXPIRY_SECONDS, onTimeout: onTimeout ?? 'deny' }
  return { notes: { id, note, ask, until }, refusals }
}

function readAskText(text: string, refuse: (message: string) => null): string | null {
  if (text.trim() === '' || text.length > 500) return refuse('@ask needs a question of 1 to 500 characters.')
  const wrong = [...text.matchAll(/\{([^{}]*)\}/g)].map(([, name]) => name as string).find((name) => !PLACEHOLDER.test(name))
  if (wrong !== undefined)
    return refuse(`@ask may name {agent} {method} {host} {path} {connection} {tool} {facts.<name>}, not {${wrong}}.`)
  return text
}

function readDuration(text: string): number | null {
  const match = /^(\d{1,7})([smhd])$/.exec(text)
  return match ? Number(match[1]) * (UNITS[match[2] as string] as number) : null
}

function nearest(name: string): string {
  const sorted = (text: string) => [...text].sort().join('')
  const meant = KNOWN.find(
    (one) =>
      sorted(one) === sorted(name) || (one.length > 2 && Math.abs(one.length - name.length) <= 1 && distance(one, name) === 1),
  )
  return meant ? `; did you mean @${meant}` : ''
}

/** 1 when one letter more, less or another makes the one the other; else 2. */
function distance(a: string, b: string): 1 | 2 {
  let start = 0
  while (start < a.length && a[start] === b[start]) start++
  const rests = [
    [a.slice(start + 1), b.slice(start + 1)],
    [a.slice(start), b.slice(start + 1)],
    [a.slice(start + 1), b.slice(start)],
  ]
  return rests.some(([one, other]) => one === other) ? 1 : 2
}
