// JSON as the wire allows it (P138), read strictly and written back without losing a digit (T6).
// A number that a double cannot give back is kept as `Digits`, never rounded; nothing here looks at what the members mean.

import { EXACT_NUMBER } from '../crypto/canonical.ts'

/**
 * A number whose decimal text no double gives back: 9007199254740993, 0.1000000000000000055, 1e400. Made by `readJson`, written by `writeJson`
 * exactly as it came and by `canonical` too, so that a digest tells it from its neighbours. Schemas meet it only in members of `s.json()` and `s.jsonObject()`; an integer member refuses it, a number member rounds it.
 */
export class Digits {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
  get [EXACT_NUMBER](): string {
    return this.text
  }
  /** What JSON.stringify sees: a text, for a rounded number would be another number. `writeJson` writes the number itself. */
  toJSON(): string {
    return this.text
  }
  toString(): string {
    return this.text
  }
  valueOf(): number {
    return Number(this.text)
  }
}

export type Json = null | boolean | number | string | Digits | Json[] | JsonObject
export type JsonObject = { [member: string]: Json }

/** The body is not JSON as P138 wants it; `at` is the character where reading stopped. */
export class JsonRefused extends Error {
  readonly at: number
  constructor(why: string, at: number) {
    super(why)
    this.name = 'JsonRefused'
    this.at = at
  }
}

export const MAX_DEPTH = 64
export const MAX_KEYS = 10_000

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads the bytes of a body. Its top level is an object or a list. */
export function readJsonBody(bytes: Uint8Array): Json {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch (cause) {
    throw Object.assign(new JsonRefused('The body is not valid UTF-8.', 0), { cause })
  }
  if (text.charCodeAt(0) === 0xfeff) throw new JsonRefused('The body starts with a byte order mark.', 0)
  const value = readJson(text)
  if (typeof value !== 'object' || value === null || value instanceof Digits)
    throw new JsonRefused('The body is neither an object nor a list.', 0)
  return value
}

/** Reads one JSON value: no duplicate member, no `__proto__`, no U+0000, no lone surrogate, 64 levels and 10,000 members at most. */
export function readJson(text: string): Json {
  const reader = new Reader(text)
  const value = reader.value(0)
  reader.end()
  return value
}

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
// Everything up to the closing quote, when there is nothing to unescape or to refuse: control characters, escapes and surrogates leave the fast way.
const PLAIN = /[ !#-[\]-\ud7ff\ue000-\uffff]*/y
const RUN = /[ !#-[\]-\uffff]+/y
const LONE_SURROGATE = /\p{Surrogate}/u
const ESCAPES: Record<string, string> = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const HEX4 = /^[0-9a-fA-F]{4}$/

class Reader {
  readonly text: string
  at = 0
  keys = 0

  constructor(text: string) {
    this.text = text
  }

  refuse(why: string): never {
    throw new JsonRefused(why, this.at)
  }

  space(): number {
    for (;;) {
      const code = this.text.charCodeAt(this.at)
      if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return code
      this.at++
    }
  }

  end(): void {
    this.space()
    if (this.at < this.text.length) this.refuse('Something follows the end of the JSON value.')
  }

  value(depth: number): Json {
    const code = this.space()
    if (code === 0x7b) return this.object(depth + 1)
    if (code === 0x5b) return this.array(depth + 1)
    if (code === 0x22) return this.string()
    if (code === 0x2d || (code >= 0x30 && code <= 0x39)) return this.number()
    if (this.word('true')) return true
    if (this.word('false')) return false
    if (this.word('null')) return null
    return this.refuse(Number.isNaN(code) ? 'The JSON ends too early.' : 'A JSON value was expected.')
  }

  word(word: string): boolean {
    if (!this.text.startsWith(word, this.at)) return false
    this.at += word.length
    return true
  }

  deeper(depth: number): void {
    if (depth > MAX_DEPTH) this.refuse(`The JSON is nested deeper than ${MAX_DEPTH} levels.`)
    this.at++
  }

  object(depth: number): JsonObject {
    this.deeper(depth)
    const object: JsonObject = {}
    if (this.space() === 0x7d) {
      this.at++
      return object
    }
    for (;;) {
      if (this.space() !== 0x22) this.refuse('A member name in double quotes was expected.')
      const name = this.string()
      if (name === '__proto__') this.refuse('A member may not be called __proto__.')
      if (Object.hasOwn(object, name)) this.refuse(`The member ${JSON.stringify(name.slice(0, 64))} stands twice.`)
      if (++this.keys > MAX_KEYS) this.refuse(`The JSON has more than ${MAX_KEYS.toLocaleString('en')} members.`)
      if (this.space() !== 0x3a) this.refuse('A colon was expected.')
      this.at++
      object[name] = this.value(depth)
      const code = this.space()
      this.at++
      if (code === 0x7d) return object
      if (code !== 0x2c) {
        this.at--
        this.refuse('A comma or a closing brace was expected.')
      }
    }
  }

  array(depth: number): Json[] {
    this.deeper(depth)
    const array: Json[] = []
    if (this.space() === 0x5d) {
      this.at++
      return array
    }
    for (;;) {
      array.push(this.value(depth))
      const code = this.space()
      this.at++
      if (code === 0x5d) return array
      if (code !== 0x2c) {
        this.at--
        this.refuse('A comma or a closing bracket was expected.')
      }
    }
  }

  number(): number | Digits {
    NUMBER.lastIndex = this.at
    const text = NUMBER.exec(this.text)?.[0]
    if (text === undefined) return this.refuse('A number was expected.')
    this.at += text.length
    const next = this.text.charCodeAt(this.at)
    if ((next >= 0x30 && next <= 0x39) || next === 0x2e) this.refuse('This is not a number as JSON writes it.')
    const value = Number(text)
    return String(value) === text || sameDecimal(String(value), text) ? value : new Digits(text)
  }

  string(): string {
    const from = ++this.at
    PLAIN.lastIndex = from
    PLAIN.exec(this.text)
    const until = PLAIN.lastIndex
    if (this.text.charCodeAt(until) === 0x22) {
      this.at = until + 1
      return this.text.slice(from, until)
    }
    return this.hardString(from, until)
  }

  hardString(from: number, until: number): string {
    let out = this.text.slice(from, until)
    this.at = until
    for (;;) {
      const code = this.text.charCodeAt(this.at)
      if (Number.isNaN(code)) this.refuse('A text is not closed.')
      if (code === 0x22) {
        this.at++
        if (LONE_SURROGATE.test(out)) this.refuse('A text holds half of a surrogate pair.')
        return out
      }
      if (code < 0x20) this.refuse('A control character stands unescaped in a text.')
      if (code === 0x5c) {
        out += this.escape()
        continue
      }
      RUN.lastIndex = this.at
      out += (RUN.exec(this.text) as RegExpExecArray)[0]
      this.at = RUN.lastIndex
    }
  }

  escape(): string {
    const letter = this.text[this.at + 1] ?? ''
    if (letter !== 'u') {
      const char = ESCAPES[letter]
      if (char === undefined) return this.refuse('This escape is unknown to JSON.')
      this.at += 2
      return char
    }
    const hex = this.text.slice(this.at + 2, this.at + 6)
    if (!HEX4.test(hex)) this.refuse('Four hexadecimal digits were expected.')
    if (hex === '0000') this.refuse('U+0000 may not stand in a text.')
    this.at += 6
    return String.fromCharCode(Number.parseInt(hex, 16))
  }
}

/** Whether two JSON numbers are the same decimal value, whatever their exponents and trailing zeros. */
function sameDecimal(a: string, b: string): boolean {
  if (a === 'Infinity' || a === '-Infinity') return false
  const x = decimal(a)
  const y = decimal(b)
  return x.digits === y.digits && (x.digits === '' || (x.negative === y.negative && x.exponent === y.exponent))
}

function decimal(text: string): { negative: boolean; digits: string; exponent: number } {
  const [, sign, whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(
    text,
  ) as RegExpExecArray
  const all = (whole + fraction).replace(/^0+/, '')
  const digits = all.replace(/0+$/, '')
  return { negative: sign === '-', digits, exponent: Number(exponent) - fraction.length + (all.length - digits.length) }
}

/** JSON text of a value: times as RFC 3339 with milliseconds, `Digits` as they came, undefined members left out. */
export function writeJson(value: unknown): string {
  return hasDigits(value) ? write(value) : JSON.stringify(value === undefined ? null : value)
}

function hasDigits(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (value instanceof Digits) return true
  if (Array.isArray(value)) return value.some(hasDigits)
  for (const name in value) if (hasDigits((value as Record<string, unknown>)[name])) return true
  return false
}

function write(value: unknown): string {
  if (value instanceof Digits) return value.text
  if (Array.isArray(value)) return `[${value.map((item) => write(item)).join(',')}]`
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return JSON.stringify(value) ?? 'null'
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${write(member)}`).join(',')}}`
}
