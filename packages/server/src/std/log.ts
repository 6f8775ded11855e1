// One JSON line a record (P130). Before a line leaves, every member is scrubbed twice: by its name, then by its value (P131, P132).
// Never prints a Secret, a credential, a bare e-mail or a whole address, and never lets a control character reach a terminal.
import { type LevelWithSilent, pino } from 'pino'
import { type Clock, systemClock } from './clock.ts'

export type LogLevel = LevelWithSilent
type Say = (fields: object | string, message?: string) => void
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
type Level = (typeof LEVELS)[number]
export type Log = Record<Level, Say> & { child(fields: object): Log }

export type LogOptions = {
  level?: LogLevel
  sink?: (line: string) => void // each whole line, newline included; stderr unless said otherwise
  pretty?: boolean // for a person at a terminal: `12:00:00.000 info  message  key=value`
  fields?: object // members on every line: process role, version
  personal?: boolean // shows e-mail and addresses as they are; ends by itself 24 h after the log was opened (P132)
  memory?: (look: (raw: string) => string) => (raw: string) => string // texts that were looked at before; not with `personal`, which ends
  pseudonym?: (email: string) => string // `u:<8 hex>`, keyed; without it e-mails read `u:-`
  clock?: Clock
}

const SECRET = '[secret]'
const SECRET_MARK = Symbol.for('countersign.secret')
const LONGEST_TEXT = 16_384
const DEEPEST = 8

const WORDS = 'passwd|password|passphrase|secret|token|api[-_]?key|private[-_]?key|root[-_]?key'
const HEADERS =
  'authorization|cookie|set-cookie|x-admin-token|proxy-authorization|dpop|webhook-signature|stripe-signature|x-hub-signature(?:-256)?|' +
  'x-(?:slack|awa|awaithumans)-signature|x-foragent-signature(?:-v2)?|countersign-callback-signature|countersign-reply-token'
// Names that hold a secret whatever the value looks like; `…_id`, `…_hash` and counts do not end in one of the words.
const SECRET_NAME = new RegExp(`(?:${WORDS})$|^(?:${HEADERS})$|password|passwd`, 'i')

// A name, then `:` or `=`, then a quoted text (JSON, or JSON inside JSON, where quotes are preceded by backslashes) or the rest `bare`.
const assigned = (names: string, separator: string, bare: string): RegExp => {
  const quoted = String.raw`"(?:[^"\\]|\\[^])*|\\{1,7}"(?:[^"]|(?<=\\{3})")*|'[^']*`
  return new RegExp(String.raw`(${names})(\\{0,7}["']?\s{0,8}${separator}\s{0,8})(?:${quoted}|${bare})`, 'gi')
}
// Each pattern starts at a fixed text and has bounded gaps, so no value can make it run long.
const SECRET_VALUES: [RegExp, string][] = [
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, SECRET],
  [assigned(HEADERS, ':', String.raw`[^\r\n]+`), `$1$2${SECRET}`],
  [/\b(Bearer|Basic|DPoP)\s{1,8}[\w.~+/=-]{6,}/gi, `$1 ${SECRET}`],
  [/:\/\/[^\s/?#"'<>]*@/g, `://${SECRET}@`],
  [/(?<![A-Za-z0-9])(?:cs_(?:live|test)_[a-z]{3}_\w{8,}|wh(?:sec|sk)_[\w+/=-]{6,}|AKIA[0-9A-Z]{12,}|AIza[\w-]{16,})/g, SECRET],
  [/(?<![A-Za-z0-9])(?:sk-[\w-]{8,}|(?:sk|rk)_(?:live|test)_\w{4,}|rk_\w{8,}|gh[opsur]_\w{12,}|github_pat_\w{8,})/g, SECRET],
  [/xox[abeoprs]-[\w-]{6,}|eyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*){1,3}/g, SECRET],
  [assigned(WORDS, '[:=]', String.raw`[^\s&,;"'}\])]+`), `$1$2${SECRET}`],
]

function passesLuhn(run: string): boolean {
  const digits = [...run.replace(/[ -]/g, '')].reverse().map(Number)
  // Nothing but zeros passes too, and is what stands for no tenant.
  if (!digits.some(Boolean)) return false
  return digits.reduce((sum, digit, i) => sum + (i % 2 ? digit * 2 - (digit > 4 ? 9 : 0) : digit), 0) % 10 === 0
}

/** Replaces every credential in a text (P131): for anything that leaves besides the log, too. */
export const scrubText = (text: string): string =>
  SECRET_VALUES.reduce((left, [pattern, by]) => left.replace(pattern, by), text.slice(0, LONGEST_TEXT)).replace(
    /\d(?:[ -]?\d){12,18}(?!\d)/g,
    (run) => (passesLuhn(run) ? SECRET : run),
  )

function shortV6(text: string): string {
  const [head = '', tail] = text.split('::')
  if (text === '::1' || text === '::' || (tail === undefined && head.split(':').length !== 8)) return text
  const groups = head.split(':').filter(Boolean)
  return `${[groups[0] ?? 0, groups[1] ?? 0, groups[2] ?? 0].join(':')}::/48`
}
const hidePersons = (text: string, pseudonym: (email: string) => string): string =>
  text
    .replace(/[^\s@<>"',;:()[\]=/]{1,64}@[\p{L}\p{N}.-]{1,253}\.[\p{L}\p{N}-]{2,63}/gu, pseudonym)
    // Loopback and 0.0.0.0 name no person, and start-up lines are read with them; a network (`/8`) is none either.
    .replace(/(?<![\d.])(?!127\.|0\.)(\d{1,3}\.\d{1,3}\.\d{1,3})\.\d{1,3}(?![\d./])/g, '$1.0/24')
    .replace(/(?<![\w:.])(?:[0-9a-f]{1,4}:|:(?=:)){1,7}:?(?:[0-9a-f]{1,4})?(?::[0-9a-f]{1,4}){0,6}(?![\w:/])/gi, shortV6)

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }
const escapeControls = (text: string): string =>
  text.replace(
    /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu,
    (char) => SHORT[char] ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

function members(value: object): [string, unknown][] {
  if (value instanceof Map || value instanceof Headers)
    return [...(value as Map<string, unknown>)].map(([name, member]) => [String(name), member])
  if (!(value instanceof Error)) return Object.entries(value)
  const stack = value.stack?.match(/(?<=^\s+)at .+$/gm)
  return Object.entries({ type: value.name, message: value.message, stack, ...(value as object), cause: value.cause })
}

function scrub(value: unknown, text: (raw: string) => string, above: object[]): unknown {
  if (typeof value === 'string') return text(value)
  if (typeof value === 'number') return Math.abs(value) >= 1e12 && passesLuhn(String(Math.abs(value))) ? SECRET : value
  if (typeof value === 'bigint' || typeof value === 'symbol') return text(String(value))
  if (typeof value === 'function') return '[function]'
  if (typeof value !== 'object' || value === null) return value
  if (SECRET_MARK in value) return SECRET
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString()
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
  if (value instanceof URL) return text(value.href)
  if (above.includes(value) || above.length >= DEEPEST) return above.includes(value) ? '[circular]' : '[deep]'
  const here = [...above, value]
  if (Array.isArray(value) || value instanceof Set) return [...value].map((item) => scrub(item, text, here))
  const hidden = (name: string, member: unknown) =>
    SECRET_NAME.test(name) && member !== null && !['undefined', 'boolean'].includes(typeof member)
  return Object.fromEntries(
    members(value).map(([name, member]) => [text(name), hidden(name, member) ? SECRET : scrub(member, text, here)]),
  )
}

function prettyLine(line: string): string {
  const { time, level, message, ...rest } = JSON.parse(line) as Record<string, unknown>
  const shown = Object.entries(rest).map(([name, it]) => `${name}=${typeof it === 'string' ? it : JSON.stringify(it)}`)
  return `${String(time).slice(11, 23)} ${String(level).padEnd(5)} ${[message ?? '', ...shown].join('  ')}\n`
}

export function openLog(options: LogOptions = {}): Log {
  const { pretty, clock = systemClock, pseudonym = () => 'u:-', sink = (line) => void process.stderr.write(line) } = options
  const personalUntil = options.personal ? clock.now().getTime() + 24 * 3_600_000 : 0
  const text = (options.memory ?? ((look) => look))((raw) =>
    escapeControls(personalUntil > clock.now().getTime() ? scrubText(raw) : hidePersons(scrubText(raw), pseudonym)),
  )
  const timestamp = () => `,"time":"${clock.now().toISOString()}"`
  const formatters = { level: (label: string) => ({ level: label }) }
  const serializers = { err: (plain: unknown) => plain } // ours has made it a plain object; pino's would add the raw stack back
  const out = pino(
    { level: options.level ?? 'info', base: null, messageKey: 'message', timestamp, formatters, serializers },
    { write: (line: string) => sink(pretty ? prettyLine(line) : line) },
  )
  const speak = (base: object): Log => {
    const say = (level: Level, fields: object | string, message = '') => {
      if (!out.isLevelEnabled(level)) return
      const given = fields instanceof Error ? { err: fields } : typeof fields === 'string' ? {} : fields
      out[level](scrub({ ...base, ...given }, text, []), text(typeof fields === 'string' ? fields : message))
    }
    const levels = Object.fromEntries(LEVELS.map((level) => [level, say.bind(null, level)])) as Record<Level, Say>
    return { ...levels, child: (fields) => speak({ ...base, ...fields }) }
  }
  return speak(options.fields ?? {})
}
