// JSON as strictly as a decision needs it (V98): what two readers could read differently is not read at all. Never repairs, never guesses.

/** Deeper than this nobody means it. */
const DEEPEST = 64

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** `ambiguous`: invalid UTF-8 or JSON, a name twice in one object, too deep. */
export type Strict = { value: unknown } | 'ambiguous'

export function strictJson(bytes: Buffer): Strict {
  let text: string
  try {
    text = utf8.decode(bytes)
  } catch {
    return 'ambiguous'
  }
  // Before it is parsed: what is that deep needs no more of our time.
  if (!isShallow(text)) return 'ambiguous'
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return 'ambiguous'
  }
  return hasTwin(text) ? 'ambiguous' : { value }
}

function isShallow(text: string): boolean {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '"') i = endOfString(text, i)
    else if (char === '{' || char === '[') {
      if (++depth > DEEPEST) return false
    } else if (char === '}' || char === ']') depth--
  }
  return true
}

/** The place of the closing quote of the string that opens at `from`. */
function endOfString(text: string, from: number): number {
  let i = from + 1
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1
  return i
}

/** Whether an object of this text, which is JSON, has a name twice: parsers differ in which of the two they keep. */
function hasTwin(text: string): boolean {
  const open: (Set<string> | null)[] = []
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '{') open.push(new Set())
    else if (char === '[') open.push(null)
    else if (char === '}' || char === ']') open.pop()
    else if (char === '"') {
      const end = endOfString(text, i)
      const names = open.at(-1)
      if (names && isName(text, end)) {
        const name = JSON.parse(text.slice(i, end + 1)) as string
        if (names.has(name)) return true
        names.add(name)
      }
      i = end
    }
  }
  return false
}

/** In JSON only a name is followed by a colon. */
function isName(text: string, end: number): boolean {
  for (let i = end + 1; i < text.length; i++) {
    const char = text.charCodeAt(i)
    if (char !== 0x20 && char !== 0x09 && char !== 0x0a && char !== 0x0d) return char === 0x3a
  }
  return false
}

/** RFC 6901; undefined where nothing stands there. Reads own members only. */
export function at(value: unknown, pointer: string): unknown {
  if (pointer === '') return value
  let here = value
  for (const part of pointer.slice(1).split('/')) {
    const name = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, name)) return undefined
    here = (here as Record<string, unknown>)[name]
  }
  return here
}
