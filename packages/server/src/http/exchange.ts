// One request and what is known of it before a route is found: its raw headers, its id, who seems to send it. The checks here need no route (P137, P138).
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Problem } from '@countersign/sdk'
import { newId } from '../std/id.ts'
import { clientAddress, type TrustedProxies } from './address.ts'
import type { RequestInfo } from './route.ts'

export const MAX_HEADERS = 16_384
export const MAX_URL = 8_192
const REQUEST_ID = /^[A-Za-z0-9_-]{8,64}$/
const ONCE = ['host', 'authorization', 'content-type']
// Spellings of a path that another reader could take for another path. None of ours needs one.
const TRICKS = /\/\/|[\\;]|%(?:2f|5c|00|3b)|\/(?:\.|%2e){1,2}(?:[/?#]|$)/i

export type Exchange = RequestInfo & {
  readonly incoming: IncomingMessage | null
  readonly outgoing: ServerResponse | null
  readonly request: Request
  /** Every value that was sent under a name. */
  all(name: string): string[]
}

export function openExchange(
  request: Request,
  raw: { incoming?: IncomingMessage; outgoing?: ServerResponse },
  proxies: TrustedProxies,
): Exchange {
  const { incoming = null, outgoing = null } = raw
  const header = incoming
    ? (name: string) => joined(incoming.headers[name])
    : (name: string) => request.headers.get(name) ?? undefined
  const url = incoming?.url ?? request.url.slice(new URL(request.url).origin.length)
  const cut = url.indexOf('?')
  const given = header('x-request-id')
  const lazy: { address?: string; cookies?: Map<string, string> } = {}
  return {
    incoming,
    outgoing,
    request,
    id: given !== undefined && REQUEST_ID.test(given) ? given : newId('req'),
    method: request.method,
    path: cut < 0 ? url : url.slice(0, cut),
    query: cut < 0 ? '' : url.slice(cut + 1),
    get address() {
      lazy.address ??= clientAddress(incoming?.socket.remoteAddress, header('x-forwarded-for'), proxies)
      return lazy.address
    },
    client: header('user-agent')?.slice(0, 200) ?? null,
    header,
    cookie(name) {
      lazy.cookies ??= readCookies(header('cookie') ?? '')
      return lazy.cookies.get(name)
    },
    all: (name) => (incoming ? valuesOf(incoming.rawHeaders, name) : [header(name)].filter((value) => value !== undefined)),
  }
}

const joined = (value: string | string[] | undefined) => (Array.isArray(value) ? value.join(', ') : value)

function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2)
    if ((rawHeaders[i] as string).length === name.length && (rawHeaders[i] as string).toLowerCase() === name)
      values.push(rawHeaders[i + 1] as string)
  return values
}

/** The first of a name counts; a value in quotes stands without them. */
function readCookies(text: string): Map<string, string> {
  const cookies = new Map<string, string>()
  for (const part of text.split(';')) {
    const at = part.indexOf('=')
    const name = part.slice(0, at).trim()
    if (at > 0 && !cookies.has(name))
      cookies.set(
        name,
        part
          .slice(at + 1)
          .trim()
          .replace(/^"(.*)"$/, '$1'),
      )
  }
  return cookies
}

/** What makes a request unreadable or suspect, whatever it asks for. */
export function refuseMalformed(exchange: Exchange): void {
  const { incoming, path, query } = exchange
  if (path.length + query.length > MAX_URL) throw new Problem('uri_too_long', { max_bytes: MAX_URL })
  if (incoming) refuseHeaders(incoming.rawHeaders)
  if (!path.startsWith('/')) throw new Problem('request_invalid', { detail: 'The request target must be a path.' })
  if (TRICKS.test(path)) throw new Problem('not_found')
}

/** P105: what egress/ of this installation sent out came back to it. Whoever forwards on the way adds to the header and removes nothing. */
export function refuseLoop(via: string | undefined, installation: string): void {
  if (via?.split(',').some((one) => one.trim().split(/\s+/)[1] === `countersign-${installation}`))
    throw new Problem('loop_detected')
}

function refuseHeaders(rawHeaders: readonly string[]): void {
  let size = 0
  let seen = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string
    size += name.length + (rawHeaders[i + 1] as string).length + 4
    const bit = 1 << (ONCE.indexOf(name.toLowerCase()) + 1)
    if (bit > 1 && seen & bit) throw new Problem('request_invalid', { detail: `The header ${name} may be sent only once.` })
    seen |= bit
  }
  if (size > MAX_HEADERS) throw new Problem('headers_too_large', { max_bytes: MAX_HEADERS })
}
