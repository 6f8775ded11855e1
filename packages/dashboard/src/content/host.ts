// Where a link really leads, in words that cannot be dressed up: the host as the browser dials it, and what about it could deceive. Opens nothing.
import { t } from '../text/t.ts'

export type Target = {
  href: string
  /** What to show beside the text: the host, or the address of a mail. */
  host: string
  /** Why to look twice; null when there is no reason. */
  warning: string | null
}

const SCHEMES = ['https:', 'http:', 'mailto:']

/** Null for what no page may open: scripts, data, files, relative addresses. */
export function targetOf(address: string, text = ''): Target | null {
  if (!URL.canParse(address)) return null
  const url = new URL(address)
  if (!SCHEMES.includes(url.protocol)) return null
  if (url.protocol === 'mailto:') return { href: url.href, host: decode(url.pathname), warning: null }
  return { href: url.href, host: url.host, warning: warningOf(url, text) }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}

function warningOf(url: URL, text: string): string | null {
  if (url.username !== '' || url.password !== '') return t('It carries a name in front of the host')
  if (url.hostname.split('.').some((label) => label.startsWith('xn--')))
    return t('Its host is written with letters that can look like others')
  const named = hostIn(text)
  if (named !== null && named !== url.hostname && !url.hostname.endsWith(`.${named}`))
    return t('Its text names {named}', { named })
  return url.protocol === 'http:' ? t('It is not encrypted') : null
}

/** The host that a text seems to be about: `bank.example` in "https://bank.example/login" or "bank.example". */
function hostIn(text: string): string | null {
  const found = /^\s*(?:[a-z][a-z0-9+.-]*:\/\/)?(?:[^\s/@]*@)?((?:[\p{L}\p{N}-]+\.)+\p{L}{2,})(?:[/:?#]\S*)?\s*$/iu.exec(text)
  if (!found?.[1]) return null
  const address = `https://${found[1]}`
  return URL.canParse(address) ? new URL(address).hostname : null
}
