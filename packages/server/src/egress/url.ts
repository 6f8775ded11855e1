// Whether a URL has the shape of one (P96), and whether its scheme, port and host may be dialled at all (P97). Resolves nothing, opens nothing.
import { type Allowed, isLoopback, parseAddress } from './address.ts'

export type Rules = {
  /** Also plain http. */
  http: boolean
  /** Besides 443, and 80 with http. */
  ports: readonly number[]
  /** Also IP literals. */
  literals: boolean
  allowed: readonly Allowed[]
  /** Our own names: PUBLIC_URL and the listeners. */
  ownHosts: readonly string[]
  /** Also this machine itself, on any port but these: receivers of somebody who develops (T67). Never in production. */
  loopbackBut?: () => readonly number[]
}

export type Target = {
  url: URL
  host: string
  port: number
  /** The host itself, when it is an IP literal. */
  literal: Uint8Array | null
  /** False: only an exception of the operator lets it pass, judged with the address. */
  ordinary: boolean
  /** This machine, where development lets it be reached. */
  here: boolean
}

const LONGEST = 2_048
const REFUSED_NAMES = 'localhost local internal home.arpa lan localdomain corp svc cluster.local arpa onion test invalid'.split(
  ' ',
)
const LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** Null: no URL. Not by `URL.canParse`, which in Node 20, once it is compiled, says no to every text with a letter of Latin-1 beyond ASCII. */
export function readUrl(text: string, base?: string): URL | null {
  try {
    return new URL(text, base)
  } catch {
    return null
  }
}

/** Null: not a URL as P96 wants it (`url_invalid`). Other schemes are URLs, and not allowed. */
export function parseUrl(text: unknown): URL | null {
  if (typeof text !== 'string' || text.length === 0 || text.length > LONGEST) return null
  if (/[\p{Cc} \\]/u.test(text) || !/^[a-z][a-z0-9+.-]*:/i.test(text)) return null
  if (/^https?:/i.test(text) && !/^https?:\/\/[^/?#]/i.test(text)) return null
  const url = readUrl(text)
  if (!url) return null
  if (url.username || url.password || /^[^/?#]*:\/\/[^/?#]*@/.test(text)) return null
  url.hash = '' // never sent, so never kept
  return url
}

/** Null: not allowed, whatever it resolves to. */
export function judgeUrl(url: URL, rules: Rules): Target | null {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return null
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '')
  const literal = parseAddress(host)
  if (!literal && (host === '' || host.length > 253)) return null
  const schemeAndPort = url.protocol === 'https:' ? port === 443 : rules.http && port === 80
  const open = schemeAndPort || (rules.ports.includes(port) && (url.protocol === 'https:' || rules.http))
  const ordinary = open && !rules.ownHosts.includes(host) && (literal ? rules.literals : isPublicName(host))
  const here = isHere(host, literal) && rules.loopbackBut !== undefined && !rules.loopbackBut().includes(port)
  const mayBeAllowed = rules.allowed.some((item) => item.port === port && (!('host' in item) || item.host === host))
  return ordinary || mayBeAllowed || here ? { url, host, port, literal, ordinary, here } : null
}

const isHere = (host: string, literal: Uint8Array | null): boolean =>
  literal === null ? host === 'localhost' : isLoopback(literal)

/** At least two labels, none with `_`, and no suffix that means a machine or network of one's own. */
export function isPublicName(host: string): boolean {
  const labels = host.split('.')
  return labels.length > 1 && labels.every((label) => LABEL.test(label)) && !isRefusedName(host)
}

export const isRefusedName = (host: string): boolean => REFUSED_NAMES.some((name) => host === name || host.endsWith(`.${name}`))
