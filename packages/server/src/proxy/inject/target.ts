// A credential in the request target: as a query parameter, or as one whole segment of the path (V56). Every other byte of the target stays as it was sent.
import { InjectionFault, mayReplace, type Outbound, type WhenPresent } from './outbound.ts'

const encode = (value: string): string =>
  encodeURIComponent(value).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

export function injectQuery(out: Outbound, name: string, value: string, placeholder: string | null, when?: WhenPresent): void {
  requireText(value)
  const pieces = out.query === null || out.query === '' ? [] : out.query.split('&')
  const isNamed = (piece: string): boolean => decoded(piece.split('=', 1)[0] as string) === name
  const present = pieces.filter(isNamed).map((piece) => decoded(piece.slice(piece.indexOf('=') + 1)))
  if (!mayReplace(out, present.length === 0 ? undefined : present.join('&'), placeholder, when)) return
  const added = `${encode(name)}=${encode(value)}`
  out.query = [...pieces.filter((piece) => !isNamed(piece)), added].join('&')
  out.added.push(Buffer.from(value, 'utf8'))
}

/** The segment with this number, counted from 1. */
export function injectPath(out: Outbound, number: string, value: string, placeholder: string | null, when?: WhenPresent): void {
  requireText(value)
  if (/[/\\]/.test(value) || value === '.' || value === '..') throw new InjectionFault()
  const segments = out.path.split('/')
  const at = Number(number)
  const present = segments[at]
  if (!Number.isInteger(at) || at < 1 || present === undefined) throw new InjectionFault()
  if (!mayReplace(out, present === '' ? undefined : decoded(present), placeholder, when)) return
  segments[at] = encode(value).replaceAll('%3A', ':')
  out.path = segments.join('/')
  out.added.push(Buffer.from(value, 'utf8'))
}

function requireText(value: string): void {
  if (!/^[^\p{Cc}\p{Cs}]+$/u.test(value)) throw new InjectionFault()
}

/** As a server would read it; what is no escape stays. */
function decoded(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  return /%(?![0-9a-f]{2})/i.test(spaced) ? spaced : Buffer.from(unescaped(spaced), 'latin1').toString('utf8')
}

const unescaped = (text: string): string =>
  Buffer.from(text, 'utf8')
    .toString('latin1')
    .replace(/%([0-9a-f]{2})/gi, (_, pair: string) => String.fromCharCode(Number.parseInt(pair, 16)))
