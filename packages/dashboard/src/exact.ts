// Reads JSON and keeps every number's own digits, so that a person sees the number that the agent sent and not what a double makes of it. It draws; it never calculates.

export type Shown = null | boolean | string | Digits | Shown[] | Map<string, Shown>

/** A number, as it was written. */
export class Digits {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

const TOKEN = /\s*(?:([{}[\],:])|("(?:[^"\\]|\\.)*")|(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(true|false|null))\s*/y

/** The tree of a JSON text that the server sent (so it is well-formed; anything else is a bug and throws). */
export function readExact(json: string): Shown {
  TOKEN.lastIndex = 0
  const next = (): string => {
    const token = TOKEN.exec(json)
    if (!token) throw new SyntaxError('not JSON')
    return (token[1] ?? token[2] ?? token[3] ?? token[4]) as string
  }
  const value = (token: string): Shown => {
    if (token === '{') return object()
    if (token === '[') return list()
    if (token.startsWith('"')) return JSON.parse(token) as string
    if (token === 'null') return null
    if (token === 'true' || token === 'false') return token === 'true'
    return new Digits(token)
  }
  const object = (): Shown => {
    const members = new Map<string, Shown>()
    let token = next()
    while (token !== '}') {
      if (token === ',') token = next()
      const name = JSON.parse(token) as string
      next() // the colon
      members.set(name, value(next()))
      token = next()
    }
    return members
  }
  const list = (): Shown => {
    const items: Shown[] = []
    let token = next()
    while (token !== ']') {
      items.push(value(token === ',' ? next() : token))
      token = next()
    }
    return items
  }
  return value(next())
}

/** The tree as indented JSON, digit for digit. */
export function writeExact(shown: Shown, indent = ''): string {
  const deeper = `${indent}  `
  if (shown instanceof Digits) return shown.text
  if (shown instanceof Map) {
    const members = [...shown].map(([name, value]) => `${deeper}${JSON.stringify(name)}: ${writeExact(value, deeper)}`)
    return members.length === 0 ? '{}' : `{\n${members.join(',\n')}\n${indent}}`
  }
  if (Array.isArray(shown)) {
    const items = shown.map((value) => deeper + writeExact(value, deeper))
    return items.length === 0 ? '[]' : `[\n${items.join(',\n')}\n${indent}]`
  }
  return JSON.stringify(shown)
}

/** The tree as plain values, for filling a form: a number that would lose digits goes as the text it was. */
export function plain(shown: Shown): unknown {
  if (shown instanceof Digits)
    return Number.isInteger(Number(shown.text)) && !Number.isSafeInteger(Number(shown.text)) ? shown.text : Number(shown.text)
  if (shown instanceof Map) return Object.fromEntries([...shown].map(([name, value]) => [name, plain(value)]))
  return Array.isArray(shown) ? shown.map(plain) : shown
}
