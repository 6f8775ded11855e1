// RFC 8785 (JCS): one text for one JSON value, so that it can be hashed, signed and compared. Numbers that a double cannot hold exactly keep the digits
// they came with (T6). Never guesses: what is no JSON value throws.

/** A number that no double gives back bears its digits under this symbol; http/json.ts makes such objects when it reads. */
export const EXACT_NUMBER: unique symbol = Symbol.for('countersign.number') as never

const SURROGATE = /[\ud800-\udfff]/
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/

function text(value: string): string {
  if (SURROGATE.test(value) && LONE_SURROGATE.test(value)) throw new TypeError('A lone surrogate has no canonical JSON.')
  return JSON.stringify(value)
}

export function canonical(value: unknown): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'string') return text(value)
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new TypeError('NaN and Infinity have no canonical JSON.')
    return JSON.stringify(value) // ECMAScript's number to string is what the RFC prescribes, −0 as 0 included
  }
  if (typeof value !== 'object') throw new TypeError(`A ${typeof value} has no canonical JSON.`)
  if (EXACT_NUMBER in value) return String(value[EXACT_NUMBER])
  if ('toJSON' in value && typeof value.toJSON === 'function') return canonical(value.toJSON())
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item)).join(',')}]`
  // The default order compares UTF-16 code units, as the RFC asks. Members that are undefined are not there.
  let said = ''
  for (const name of Object.keys(value).sort()) {
    const member = (value as Record<string, unknown>)[name]
    if (member !== undefined) said += `${said === '' ? '' : ','}${text(name)}:${canonical(member)}`
  }
  return `{${said}}`
}
