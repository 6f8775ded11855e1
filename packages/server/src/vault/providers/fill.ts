// An injection with its templates filled from the material of a connection (V56, V57): pure, so that it can be shown byte for byte. What may not stand in its
// place fails the whole, and no message ever holds a part of a value.
import { fitsPath } from '../grants/path.ts'
import type { Injection, Material } from './definition.ts'
import { DefinitionFault, matchHost, type Params, parsePattern } from './pattern.ts'
import { fieldsOf, type Piece, readTemplate } from './template.ts'

export type Filled =
  | { where: 'header' | 'cookie' | 'ws_protocol'; name: string; value: string }
  /** `encoded` is what stands in the target; `value` what it means. */
  | { where: 'query' | 'path'; name: string; value: string; encoded: string }
  | { where: 'body'; name: string; value: string }
  /** `value` is the whole field value, `Basic …`. */
  | { where: 'basic'; name: 'authorization'; user: string; password: string; value: string }
  | { where: 'sigv4'; service: string; accessKeyId: string; secretAccessKey: string; sessionToken: string | null }

/** Null: the connection lacks a field that it names, so it is not meant for this way of connecting. */
export function fillInjection(injection: Injection, material: Material): Filled | null {
  const { where, name = '', template = '', user = '', password = '' } = injection
  if (where === 'sigv4') return fillSigV4(injection, material)
  if (where === 'basic') {
    const [one, two] = [fill(user, material), fill(password, material)]
    if (one === null || two === null) return null
    // RFC 7617 §2: what stands before the first colon is the user.
    requireBytes(`${one}${two}`, VISIBLE_OR_SPACE)
    if (one.includes(':')) throw new InjectionInvalid()
    const value = `Basic ${Buffer.from(`${one}:${two}`, 'utf8').toString('base64')}`
    return { where, name: 'authorization', user: one, password: two, value }
  }
  const value = fill(template, material)
  if (value === null) return null
  requireBytes(value, GRAMMAR[where])
  if (where === 'query') return { where, name, value, encoded: encodeURIComponent(value).replace(/[!'()*]/g, hex) }
  if (where === 'path') return { where, name, value, encoded: encodeSegment(value) }
  return { where, name, value }
}

/** Where an injection counts: everywhere its definition's hosts reach, or only here. `path` as it was judged. */
export function appliesTo({ only }: Injection, target: { host: string; path: string }, params: Params = {}): boolean {
  const { hosts, paths } = only ?? {}
  if (hosts && !hosts.some((host) => matchHost(parsePattern(host), target.host, params))) return false
  return !paths || fitsPath(paths, target.path)
}

const VISIBLE_OR_SPACE = /^[\x20-\x7e\u0080-\uffff]*$/
/** RFC 9110 §5.5 without obs-text and without white space at an end, RFC 6265 §4.1.1, RFC 6455 §4.1; elsewhere what is encoded on its way. */
const GRAMMAR: Record<Exclude<Injection['where'], 'sigv4' | 'basic'>, RegExp> = {
  header: /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/,
  cookie: /^[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+$/,
  ws_protocol: /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/,
  query: /^[^\p{Cc}\p{Cs}]+$/u,
  path: /^[^\p{Cc}\p{Cs}/\\]+$/u,
  body: /^[^\p{Cc}\p{Cs}]+$/u,
}

/** The reason `injection_invalid` of a denial (V97). Which byte it was is nobody's business. */
export class InjectionInvalid extends Error {
  constructor() {
    super('The stored credential holds what may not stand in its place.')
    this.name = 'InjectionInvalid'
  }
}

function requireBytes(value: string, grammar: RegExp): void {
  if (!grammar.test(value)) throw new InjectionInvalid()
}

/** RFC 3986: unreserved characters and what a segment may hold unchanged; a slash is refused before. `.` and `..` would be another path. */
function encodeSegment(value: string): string {
  if (value === '.' || value === '..') throw new InjectionInvalid()
  return encodeURIComponent(value)
    .replace(/%3A/gi, ':')
    .replace(/[!'()*]/g, hex)
}

const hex = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`

function fill(template: string, material: Material): string | null {
  const pieces = readTemplate(template)
  return fieldsOf(pieces).every((field) => textOf(material, field) !== null) ? say(pieces, material) : null
}

const say = (pieces: readonly Piece[], material: Material): string =>
  pieces
    .map((piece) => {
      if ('text' in piece) return piece.text
      if ('field' in piece) return textOf(material, piece.field) as string
      const inner = say(piece.base64, material)
      requireBytes(inner, VISIBLE_OR_SPACE)
      return Buffer.from(inner, 'utf8').toString('base64')
    })
    .join('')

function textOf(material: Material, field: string): string | null {
  const value = Object.hasOwn(material, field) ? material[field] : undefined
  return typeof value === 'string' ? value : null
}

function fillSigV4({ service }: Injection, material: Material): Filled | null {
  const [id, secret] = [textOf(material, 'access_key_id'), textOf(material, 'secret_access_key')]
  if (id === null || secret === null) return null
  if (service === undefined) throw new DefinitionFault('required', 'Signing needs the name of a service.')
  for (const value of [id, secret]) requireBytes(value, GRAMMAR.header)
  const sessionToken = textOf(material, 'session_token')
  if (sessionToken !== null) requireBytes(sessionToken, GRAMMAR.header)
  return { where: 'sigv4', service, accessKeyId: id, secretAccessKey: secret, sessionToken }
}
