// Host patterns (V3): labels and nothing else. `api.example.com`, `*` for one whole label, `**` in front for one or more, `{param}` as a part of a label.
// Compares A-labels in lower case. Never takes an address, a single label, or a wildcard over names that strangers can register.
import { domainToASCII, domainToUnicode } from 'node:url'
import { getDomain } from 'tldts'
import { readUrl } from '../../egress/url.ts'

/** What is wrong with a part of a definition; the place is known to whoever reads the whole. */
export class DefinitionFault extends Error {
  readonly code: string
  constructor(code: string, sentence: string) {
    super(sentence)
    this.name = 'DefinitionFault'
    this.code = code
  }
}

type Part = { text: string } | { param: string }
type Label = { kind: 'one' } | { kind: 'many' } | { kind: 'parts'; parts: readonly Part[] }

export type Pattern = {
  /** Normal form: two patterns with the same text are the same. */
  readonly text: string
  /** `{base_url}`: the host of that parameter. */
  readonly ofBaseUrl: boolean
  readonly labels: readonly Label[]
  readonly params: readonly string[]
}

/** Of the patterns that fit a host, the one whose `order` sorts first is the closest: exact before `*` before `**`, label by label from the right. */
export type Fit = { readonly order: string }
export type Params = Readonly<Record<string, string>>

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/
const BASE_URL = '{base_url}'
const LONGEST = 253

/** The A-labels in lower case, one trailing dot off. Null: no name of a host. What mapping makes another name of (full-width forms, soft hyphens) is none. */
export function normalHost(text: string): string | null {
  const bare = text.endsWith('.') ? text.slice(0, -1) : text
  // The mapper reads a host as URLs do: what it would decode, cut or take for an address does not reach it.
  if (bare === '' || bare.length > LONGEST || /[\s%/\\:@?#[\]<>^|`"{}*\p{Cc}]/u.test(bare)) return null
  const ascii = domainToASCII(bare)
  const lower = bare.toLowerCase().normalize('NFC')
  if (ascii !== lower && domainToUnicode(ascii) !== lower) return null
  const labels = ascii.split('.')
  if (ascii.length > LONGEST || !labels.every((label) => LABEL.test(label))) return null
  // A name whose last label is a number is an address to every resolver.
  return /^(?:\d+|0x[0-9a-f]*)$/.test(labels.at(-1) as string) ? null : ascii
}

export function parsePattern(text: string): Pattern {
  if (text === BASE_URL) return { text, ofBaseUrl: true, labels: [], params: ['base_url'] }
  const refuse = (code: string, sentence: string) => new DefinitionFault(code, sentence)
  if (/^regex:/i.test(text)) throw refuse('host_expression', 'Hosts are labels, not regular expressions.')
  if (text.includes('@')) throw refuse('host_userinfo', 'A host names nobody.')
  if (/[:/?#]/.test(text)) throw refuse('host_invalid', 'Write the host alone; port and path are members of their own.')
  const labels = text.replace(/\.$/, '').split('.').map(readLabel)
  const spoken = labels.map((label) => (label.kind === 'parts' ? sayLabel(label, () => 'x') : 'x')).join('.')
  const normal = normalHost(spoken)
  if (normal === null || labels.length < 2)
    throw refuse('host_invalid', 'A host has at least two labels of letters, digits and hyphens, and is no address.')
  if (labels.some((label, i) => label.kind === 'many' && i > 0))
    throw refuse('wildcard_place', '** stands only as the first label.')
  requireOwner(labels, normal.split('.'))
  const ascii = normal.split('.')
  const fixed = labels.map(
    (label, i): Label => (isFixed(label) ? { kind: 'parts', parts: [{ text: ascii[i] as string }] } : label),
  )
  const params = fixed.flatMap((label) =>
    label.kind === 'parts' ? label.parts.flatMap((part) => ('param' in part ? [part.param] : [])) : [],
  )
  return { text: fixed.map(writeLabel).join('.'), ofBaseUrl: false, labels: fixed, params: [...new Set(params)] }
}

function readLabel(text: string): Label {
  if (text === '*') return { kind: 'one' }
  if (text === '**') return { kind: 'many' }
  if (text.includes('*')) throw new DefinitionFault('wildcard_place', 'A wildcard is a whole label.')
  const parts = text.split(/(\{[a-z][a-z0-9_]*\})/).flatMap((part): Part[] => {
    if (part === '') return []
    return part.startsWith('{') && part.endsWith('}') ? [{ param: part.slice(1, -1) }] : [{ text: part }]
  })
  const hasParam = parts.some((part) => 'param' in part)
  if (parts.some((part) => 'param' in part && part.param === 'base_url'))
    throw new DefinitionFault('host_invalid', '{base_url} stands alone: it is a whole origin.')
  // The A-label of such a label would depend on the value.
  if (hasParam && parts.some((part) => 'text' in part && !/^[A-Za-z0-9_-]+$/.test(part.text)))
    throw new DefinitionFault('host_invalid', 'Beside a parameter a label holds letters, digits and hyphens.')
  return {
    kind: 'parts',
    parts: hasParam ? parts.map((part) => ('text' in part ? { text: part.text.toLowerCase() } : part)) : parts,
  }
}

const isFixed = (label: Label): boolean => label.kind === 'parts' && label.parts.every((part) => 'text' in part)

const sayLabel = ({ parts }: { parts: readonly Part[] }, value: (param: string) => string): string =>
  parts.map((part) => ('text' in part ? part.text : value(part.param))).join('')

const writeLabel = (label: Label): string =>
  label.kind === 'one' ? '*' : label.kind === 'many' ? '**' : sayLabel(label, (param) => `{${param}}`)

/** Behind a wildcard somebody has to own everything; behind a parameter, which a human fills per connection, at least no registry sells it. */
function requireOwner(labels: readonly Label[], ascii: readonly string[]): void {
  const last = (test: (label: Label) => boolean) => labels.map(test).lastIndexOf(true)
  const wildcard = last((label) => label.kind !== 'parts')
  if (wildcard >= 0 && !getDomain(ascii.slice(wildcard + 1).join('.'), { allowPrivateDomains: true }))
    throw new DefinitionFault('wildcard_too_wide', 'What follows a wildcard has to hold a domain that one owner registered.')
  const param = last((label) => label.kind === 'parts' && !isFixed(label))
  if (param >= 0 && !getDomain(ascii.slice(param + 1).join('.')))
    throw new DefinitionFault('param_too_wide', 'What follows a parameter has to hold a registered domain.')
}

/** How well a pattern fits a host that `normalHost` made; null: not at all. A parameter without a value, or with more than a label, fits nothing. */
export function matchHost(pattern: Pattern, host: string, params: Params = {}): Fit | null {
  if (pattern.ofBaseUrl) return hostOfBaseUrl(params) === host ? { order: '0'.repeat(host.split('.').length) } : null
  const asked = host.split('.')
  const many = pattern.labels[0]?.kind === 'many'
  if (many ? asked.length < pattern.labels.length : asked.length !== pattern.labels.length) return null
  let order = ''
  for (let i = 1; i <= pattern.labels.length; i++) {
    const label = pattern.labels.at(-i) as Label
    if (label.kind === 'many') return { order: `${order}2` }
    if (label.kind === 'one') order += '1'
    else if (fillLabel(label, params) === asked.at(-i)) order += '0'
    else return null
  }
  return { order }
}

/** The name that a pattern is, or the longest that stands above all that it fits; null where a parameter has no value. */
export function nameAbove(pattern: Pattern, params: Params = {}): string | null {
  if (pattern.ofBaseUrl) return hostOfBaseUrl(params)
  const from = pattern.labels.map(({ kind }) => kind !== 'parts').lastIndexOf(true) + 1
  const labels = pattern.labels.slice(from).map((label) => (label.kind === 'parts' ? fillLabel(label, params) : null))
  return labels.every((label) => label !== null) ? labels.join('.') : null
}

export const compareFits = (a: Fit, b: Fit): number => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0)

function fillLabel(label: { parts: readonly Part[] }, params: Params): string | null {
  if (label.parts.some((part) => 'param' in part && !Object.hasOwn(params, part.param))) return null
  const text = sayLabel(label, (param) => (params[param] as string).toLowerCase())
  return LABEL.test(text) ? text : null
}

/** The URL of a `base_url` parameter: an https origin and nothing behind it. Null: it is none. */
export function readBaseUrl(text: string): URL | null {
  const url = readUrl(text)
  if (!url) return null
  const bare = url.protocol === 'https:' && !url.username && !url.password && !url.search && !url.hash && url.pathname === '/'
  return bare && normalHost(url.hostname) !== null && url.hostname.includes('.') ? url : null
}

function hostOfBaseUrl(params: Params): string | null {
  const url = Object.hasOwn(params, 'base_url') ? readBaseUrl(params.base_url as string) : null
  return url && normalHost(url.hostname)
}

/** The port that a host of a definition means. */
export const portOf = (host: { host: string; port?: number }, params: Params = {}): number => {
  if (host.host !== BASE_URL) return host.port ?? 443
  return Number((Object.hasOwn(params, 'base_url') && readBaseUrl(params.base_url as string)?.port) || 443)
}
