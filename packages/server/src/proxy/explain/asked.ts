// A request that nobody sends: what somebody typed, as the proxy would have read it from a socket.
import { Problem } from '@countersign/sdk'
import { normalHost } from '../../vault/providers/pattern.ts'
import type { AskedRequest } from '../gatekeeper.ts'

export type Typed = { method: string; url: string; headers?: Record<string, string>; body?: string; address?: string }

// Not `URL`: it would tidy a path whose untidiness is what is asked about.
const TARGET = /^(https?):\/\/([^/?#@]+)(\/[^?#]*)?(?:\?([^#]*))?$/i

export function askedOf({ method, url, headers = {}, body = '', address = '127.0.0.1' }: Typed, at: string): AskedRequest {
  const refuse = (code: string, message: string): Problem =>
    new Problem('validation_failed', { errors: [{ path: `${at}/url`, code, message }] })
  const [, scheme, authority, path, query = ''] = TARGET.exec(url) ?? []
  if (scheme === undefined || authority === undefined) throw refuse('url', 'Must be an http or https URL with a host.')
  const [, name = '', digits] = /^(.*?)(?::(\d{1,5}))?$/.exec(authority) ?? []
  const host = normalHost(name)
  if (host === null) throw refuse('host', 'Names no host that a connection could be for.')
  const secure = scheme.toLowerCase() === 'https'
  const port = digits === undefined ? (secure ? 443 : 80) : Number(digits)
  if (port < 1 || port > 65_535) throw refuse('port', 'Must be a port.')
  const sent = Buffer.from(body)
  const named = Object.entries(headers).map(([field, value]) => [field.toLowerCase(), value] as const)
  return {
    id: 'req_explained',
    scheme: secure ? 'https' : 'http',
    host,
    port,
    method,
    path: path === undefined || path === '' ? '/' : path,
    query,
    headers:
      sent.length === 0 || named.some(([field]) => field === 'content-length')
        ? named
        : [...named, ['content-length', String(sent.length)]],
    protocol: 'http/1.1',
    clientAddress: address,
    body: async (limit) => (sent.length > limit ? 'too_large' : sent),
    signal: new AbortController().signal,
  }
}
