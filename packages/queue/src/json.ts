// What may be stored as JSON: no NUL, no lone surrogate, no cycle, at most 64 levels, at most so many bytes. Never changes a value.
import { type Fault, QueueError } from './error.ts'

export const MAX_PAYLOAD = 1_048_576
const DEEPEST = 64

/** The text of a JSON value, or a fault with its path. `undefined` is null. */
export function jsonText(value: unknown, root: string, maxBytes: number = MAX_PAYLOAD): string {
  const found = faultOf(value, 0)
  if (found) {
    const fault = { ...found, path: root + found.path }
    throw new QueueError('validation_failed', `${fault.path}: ${fault.message}`, { errors: [fault] })
  }
  const text = JSON.stringify(value ?? null)
  if (text === undefined) throw QueueError.invalid(root, 'is not JSON', 'type')
  if (Buffer.byteLength(text) > maxBytes) throw QueueError.invalid(root, `holds more than ${maxBytes} bytes`, 'too_large')
  return text
}

/** Its path begins at the value. It is put together on the way back, for nearly all values have no fault and each has many members. */
function faultOf(value: unknown, depth: number): Fault | null {
  if (typeof value === 'string')
    return isStorable(value) ? null : { path: '', code: 'text', message: 'holds NUL or a lone surrogate' }
  if (typeof value === 'number')
    return Number.isFinite(value) ? null : { path: '', code: 'number', message: 'is not a finite number' }
  if (typeof value === 'bigint') return { path: '', code: 'type', message: 'is not JSON' }
  if (typeof value !== 'object' || value === null) return null
  if (depth >= DEEPEST) return { path: '', code: 'depth', message: `nests more than ${DEEPEST} deep, or in a circle` }
  if ('toJSON' in value && typeof value.toJSON === 'function') return faultOf(value.toJSON(), depth + 1)
  for (const key of Object.keys(value)) {
    const member = (value as Record<string, unknown>)[key]
    if (member === undefined) continue // not spoken, nor is its key
    if (!isStorable(key)) return { path: '', code: 'text', message: 'has a key with NUL or a lone surrogate' }
    const fault = faultOf(member, depth + 1)
    if (fault) return { ...fault, path: `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}${fault.path}` }
  }
  return null
}

const LONE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/
const isStorable = (text: string): boolean => !text.includes('\0') && !LONE.test(text)

/** Any text made storable, at most 8 KiB: for errors, which must not be lost for what they say. */
export const storableText = (text: string): string =>
  text.slice(0, 8192).replaceAll('\0', '\u2400').replace(new RegExp(LONE, 'g'), '\ufffd')
