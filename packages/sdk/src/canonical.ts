// JSON as text: RFC 8785 for what is hashed, insertion order for what is sent. A BigInt is written digit for digit, so that a number
// which a double cannot hold reaches the human unchanged (T6). What JSON cannot say is refused with its path, never dropped silently.

/** Where and why a value is not JSON. */
export class NotJson extends Error {
  readonly path: string
  constructor(path: string, why: string) {
    super(why)
    this.name = 'NotJson'
    this.path = path
  }
}

/** The RFC 8785 form: members sorted by UTF-16, numbers as ECMAScript writes them. */
export const canonicalJson = (value: unknown): string => write(value, '', true, new Set())

/** JSON in the order in which the members were given. */
export const jsonText = (value: unknown): string => write(value, '', false, new Set())

/** Lower-case hex of the SHA-256 of a text in UTF-8. */
export async function sha256Hex(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** One step of a JSON Pointer. */
export const pointerStep = (key: string | number) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`

function write(value: unknown, path: string, sorted: boolean, above: Set<object>): string {
  switch (typeof value) {
    case 'string':
      return text(value, path)
    case 'number':
      if (!Number.isFinite(value)) throw new NotJson(path, `${value} is not a JSON number`)
      return JSON.stringify(value)
    case 'bigint':
      return value.toString()
    case 'boolean':
      return String(value)
    case 'object':
      break
    default:
      throw new NotJson(path, `a ${typeof value} is not JSON`)
  }
  if (value === null) return 'null'
  if ('toJSON' in value && typeof value.toJSON === 'function') return write(value.toJSON(), path, sorted, above)
  if (above.has(value)) throw new NotJson(path, 'the value contains itself')
  if (above.size >= 64) throw new NotJson(path, 'nested deeper than 64 levels')
  above.add(value)
  const parts = Array.isArray(value)
    ? value.map((item, i) => write(item === undefined ? null : item, path + pointerStep(i), sorted, above))
    : members(value, sorted).map(([key, item]) => `${text(key, path)}:${write(item, path + pointerStep(key), sorted, above)}`)
  above.delete(value)
  return Array.isArray(value) ? `[${parts.join(',')}]` : `{${parts.join(',')}}`
}

function members(value: object, sorted: boolean): [string, unknown][] {
  const all = Object.entries(value).filter(([, item]) => item !== undefined)
  // The default comparison of strings is the one by UTF-16 code units that RFC 8785 asks for.
  return sorted ? all.sort(([a], [b]) => (a < b ? -1 : 1)) : all
}

function text(value: string, path: string): string {
  // \p{Surrogate} under the flag u matches lone ones only.
  if (/\p{Surrogate}/u.test(value)) throw new NotJson(path, 'a lone surrogate is not text')
  return JSON.stringify(value)
}
