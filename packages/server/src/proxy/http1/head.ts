// Reads the head of an HTTP/1.1 message as strictly as V88 asks, before anybody judges it. What two readers could read differently is refused here, whatever
// a usual parser makes of it: what goes on to the upstream is written anew from what was read, never passed through.
import type { Field } from '../flow.ts'

export const LONGEST_HEAD = 65_536
export const MOST_FIELDS = 200
const LONGEST_TARGET = 32_768

/** Something that is no HTTP as we take it: 400 `protocol`, or what the status says. Text for the operator only. */
export class ProtocolFault extends Error {
  readonly status: 400 | 414
  /** A head that did not end within its limit: nothing of it has been read. */
  readonly unended: boolean
  constructor(message: string, status: 400 | 414 = 400, unended = false) {
    super(message)
    this.name = 'ProtocolFault'
    this.status = status
    this.unended = unended
  }
}

export type RequestHead = { method: string; target: string; minor: 0 | 1; fields: Field[] }
export type StatusHead = { status: number; reason: string; minor: 0 | 1; fields: Field[] }
export type Framing = { kind: 'none' } | { kind: 'length'; length: number } | { kind: 'chunked' } | { kind: 'close' }

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]"
const REQUEST = new RegExp(`^(${TOKEN}{1,64}) ([\\x21-\\x7e]+) HTTP/1\\.([01])$`)
const STATUS = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/
const NAME = new RegExp(`^${TOKEN}+$`)
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

export function readRequestHead(text: string): RequestHead {
  const lines = text.split('\r\n')
  const [, method, target, minor] = REQUEST.exec(lines[0] as string) ?? []
  if (method === undefined || target === undefined) throw new ProtocolFault('The request line is malformed.')
  if (target.length > LONGEST_TARGET) throw new ProtocolFault('The target is too long.', 414)
  return { method, target, minor: minor === '1' ? 1 : 0, fields: readFields(lines, 1) }
}

export function readStatusHead(text: string): StatusHead {
  const lines = text.split('\r\n')
  const [, minor, status, reason = ''] = STATUS.exec(lines[0] as string) ?? []
  if (status === undefined) throw new ProtocolFault('The status line is malformed.')
  return { status: Number(status), reason, minor: minor === '1' ? 1 : 0, fields: readFields(lines, 1) }
}

/** Lines of `name: value` from the one named on; a folded line, a space before the colon and every control byte but a tab are refused. */
export function readFields(lines: readonly string[], from: number): Field[] {
  if (lines.length - from > MOST_FIELDS) throw new ProtocolFault('There are too many fields.')
  const fields: Field[] = []
  for (let i = from; i < lines.length; i++) {
    const line = lines[i] as string
    const colon = line.indexOf(':')
    const name = line.slice(0, colon)
    if (colon < 1 || !NAME.test(name)) throw new ProtocolFault('The name of a field is malformed.')
    const value = trimmed(line, colon + 1)
    if (!VALUE.test(value)) throw new ProtocolFault('The value of a field is malformed.')
    fields.push([name, value])
  }
  return fields
}

/** Without the white space of the standard, and no other: what `trim` takes besides would hide a control byte. */
function trimmed(line: string, from: number): string {
  let start = from
  let end = line.length
  while (start < end && isBlank(line.charCodeAt(start))) start++
  while (end > start && isBlank(line.charCodeAt(end - 1))) end--
  return line.slice(start, end)
}

const isBlank = (code: number): boolean => code === 32 || code === 9

export function valuesOf(fields: readonly Field[], name: string): string[] {
  const found: string[] = []
  for (const field of fields) if (field[0].length === name.length && field[0].toLowerCase() === name) found.push(field[1])
  return found
}

const DIGITS = /^\d{1,15}$/

/** One way of counting bytes or none: both fields, two lengths and any coding but `chunked` are refused. */
function declared(fields: readonly Field[], minor: 0 | 1): Framing | null {
  const lengths = valuesOf(fields, 'content-length')
  const codings = valuesOf(fields, 'transfer-encoding')
  if (codings.length > 0) {
    if (lengths.length > 0) throw new ProtocolFault('Both Content-Length and Transfer-Encoding are given.')
    if (codings.length > 1 || minor === 0 || codings[0]?.toLowerCase() !== 'chunked')
      throw new ProtocolFault('The transfer coding is not chunked alone.')
    return { kind: 'chunked' }
  }
  const [length] = lengths
  if (length === undefined) return null
  if (lengths.length > 1 || !DIGITS.test(length)) throw new ProtocolFault('Content-Length is malformed.')
  return { kind: 'length', length: Number(length) }
}

export function requestFraming({ fields, minor }: RequestHead): Framing {
  const framing = declared(fields, minor)
  return framing === null || (framing.kind === 'length' && framing.length === 0) ? { kind: 'none' } : framing
}

export function statusFraming({ fields, minor, status }: StatusHead, method: string): Framing {
  const framing = declared(fields, minor)
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return { kind: 'none' }
  return framing ?? { kind: 'close' }
}

/** The elements of a list, in lower case. */
export const elementsOf = (values: readonly string[]): string[] =>
  values.flatMap((value) => value.split(',').map((one) => one.trim().toLowerCase())).filter((one) => one !== '')
