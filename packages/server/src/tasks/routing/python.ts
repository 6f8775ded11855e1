// Reads the text that Python's `str()` makes of a dict of plain values (T64), or JSON: texts, whole numbers, true, false, none, lists and dicts. Runs nothing;
// whatever else stands there makes the whole text unreadable.
const MOST = 16_384
const DEEPEST = 6

/** undefined: it is no such literal. */
export function readPythonLiteral(text: string): unknown {
  if (text.length > MOST) return undefined
  const reader = { text, at: 0 }
  try {
    const value = valueIn(reader, 0)
    skip(reader)
    return reader.at === text.length ? value : undefined
  } catch (error) {
    if (error instanceof Unreadable) return undefined
    throw error
  }
}

type Reader = { text: string; at: number }
class Unreadable extends Error {}

const WORDS: Record<string, unknown> = { True: true, False: false, None: null, true: true, false: false, null: null }

function skip(reader: Reader): void {
  while (/\s/.test(reader.text[reader.at] ?? '')) reader.at++
}

function valueIn(reader: Reader, depth: number): unknown {
  if (depth > DEEPEST) throw new Unreadable()
  skip(reader)
  const next = reader.text[reader.at]
  if (next === '{') return dictIn(reader, depth)
  if (next === '[' || next === '(') return listIn(reader, depth, next === '[' ? ']' : ')')
  if (next === "'" || next === '"') return textIn(reader)
  const word = /^(?:[A-Za-z]+|-?\d{1,15}(?![\d.eE]))/.exec(reader.text.slice(reader.at, reader.at + 20))?.[0]
  if (word === undefined) throw new Unreadable()
  reader.at += word.length
  if (Object.hasOwn(WORDS, word)) return WORDS[word]
  if (/\d$/.test(word)) return Number(word)
  throw new Unreadable()
}

function dictIn(reader: Reader, depth: number): Record<string, unknown> {
  const entries: [string, unknown][] = []
  reader.at++
  for (;;) {
    skip(reader)
    if (taken(reader, '}')) break
    const name = valueIn(reader, depth + 1)
    skip(reader)
    if (typeof name !== 'string' || name === '__proto__' || !taken(reader, ':')) throw new Unreadable()
    entries.push([name, valueIn(reader, depth + 1)])
    skip(reader)
    if (taken(reader, ',')) continue
    if (taken(reader, '}')) break
    throw new Unreadable()
  }
  if (new Set(entries.map(([name]) => name)).size < entries.length) throw new Unreadable()
  return Object.fromEntries(entries)
}

function listIn(reader: Reader, depth: number, end: string): unknown[] {
  const values: unknown[] = []
  reader.at++
  for (;;) {
    skip(reader)
    if (taken(reader, end)) return values
    values.push(valueIn(reader, depth + 1))
    skip(reader)
    if (taken(reader, ',')) continue
    if (taken(reader, end)) return values
    throw new Unreadable()
  }
}

function taken(reader: Reader, sign: string): boolean {
  if (reader.text[reader.at] !== sign) return false
  reader.at++
  return true
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', '\\': '\\', "'": "'", '"': '"', '/': '/' }

function textIn(reader: Reader): string {
  const quote = reader.text[reader.at++] as string
  let text = ''
  for (;;) {
    const sign = reader.text[reader.at++]
    if (sign === undefined || sign === '\n') throw new Unreadable()
    if (sign === quote) return text
    text += sign === '\\' ? escapeIn(reader) : sign
  }
}

function escapeIn(reader: Reader): string {
  const sign = reader.text[reader.at++] ?? ''
  if (Object.hasOwn(ESCAPES, sign)) return ESCAPES[sign] as string
  const digits = { x: 2, u: 4, U: 8 }[sign]
  const hex = digits ? reader.text.slice(reader.at, reader.at + digits) : ''
  const code = Number.parseInt(hex, 16)
  if (!digits || hex.length < digits || !/^[0-9a-f]+$/i.test(hex) || code > 0x10ffff) throw new Unreadable()
  reader.at += digits
  return String.fromCodePoint(code)
}
