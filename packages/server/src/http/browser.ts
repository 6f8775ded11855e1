// What browsers are told and asked (P134–P137): the headers of every answer, proof of the same origin, CORS, and which names this server answers to.
// Never trusts a method override, never widens CORS at run time, never lets a cookie act across origins.
import { Problem } from '@countersign/sdk'

const CSP_API = "default-src 'none'; frame-ancestors 'none'; sandbox"
/** Of a page that one other origin may hold in a frame; without one, nobody's. */
export const pagePolicy = (ancestor = "'none'"): string =>
  [
    "default-src 'none'",
    ...['script-src', 'style-src', 'font-src', 'connect-src', 'frame-src', 'media-src', 'manifest-src', 'form-action'].map(
      (name) => `${name} 'self'`,
    ),
    "img-src 'self' data:",
    "base-uri 'none'",
    `frame-ancestors ${ancestor}`,
    "require-trusted-types-for 'script'",
    'trusted-types countersign',
  ].join('; ')

export type SecurityHeaders = { api: Record<string, string>; page: Record<string, string> }

/** Made once. `page` is for documents and their assets, `api` for everything else. */
export function securityHeaders(options: { https: boolean; hstsPreload?: boolean }): SecurityHeaders {
  const common: Record<string, string> = {
    'X-Content-Type-Options': 'nosniff',
    'X-Frame-Options': 'DENY',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Permissions-Policy':
      'camera=(), microphone=(), geolocation=(), payment=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)',
    'Cache-Control': 'no-store',
  }
  if (options.https)
    common['Strict-Transport-Security'] = `max-age=31536000; includeSubDomains${options.hstsPreload ? '; preload' : ''}`
  return { api: { ...common, 'Content-Security-Policy': CSP_API }, page: { ...common, 'Content-Security-Policy': pagePolicy() } }
}

type HeaderOf = (name: string) => string | undefined

const UNSAFE = new Set(['POST', 'PUT', 'PATCH', 'DELETE'])

/** P135: a cookie acts only for a page of our own. */
export function refuseCrossSite(method: string, header: HeaderOf, origin: string): void {
  if (!UNSAFE.has(method) || header('cookie') === undefined) return
  const site = header('sec-fetch-site')
  if (site !== undefined ? site === 'same-origin' : header('origin') === origin) return
  throw new Problem('csrf_refused')
}

/** Lower case, without the port that the scheme implies. */
const plainHost = (host: string, scheme: string) => host.toLowerCase().replace(scheme === 'https:' ? /:443$/ : /:80$/, '')

/** The names that P137 lets in: that of the public URL and the allowed ones, each with or without its port. */
export function hostCheck(publicUrl: string, allowed: readonly string[]): (host: string | undefined) => void {
  const { host, protocol } = new URL(publicUrl)
  const names = new Set([host, ...allowed].map((name) => plainHost(name, protocol)))
  return (given) => {
    if (given === undefined || !names.has(plainHost(given, protocol))) throw new Problem('host_unknown')
  }
}

export type Cors = { origins: ReadonlySet<string> | '*'; credentials: boolean }

/** `CORS_ORIGINS`, checked at boot (P136). Throws a sentence that names the item; null = no CORS at all. */
export function parseCors(text: string, options: { credentials: boolean; production: boolean }): Cors | null {
  const items = text.split(',').map((item) => item.trim())
  if (text.trim() === '') return null
  const refuse = (item: string, why: string): never => {
    throw new Error(`CORS_ORIGINS: ${JSON.stringify(item)} ${why}`)
  }
  if (items.includes('*')) {
    if (items.length > 1) refuse('*', 'may only stand alone.')
    if (options.credentials) refuse('*', 'may not be combined with CORS_CREDENTIALS=1.')
    return { origins: '*', credentials: false }
  }
  const origins = new Set<string>()
  for (const item of items) {
    if (item.includes('*')) refuse(item, 'holds a wildcard; name each origin.')
    const url = URL.canParse(item) ? new URL(item) : refuse(item, 'is not an origin such as https://app.example.com.')
    const local = url.protocol === 'http:' && ['localhost', '127.0.0.1'].includes(url.hostname)
    if (url.origin !== item) refuse(item, `is not an exact origin${url.origin === 'null' ? '' : `; ${url.origin} would be`}.`)
    if (url.protocol !== 'https:' && !local) refuse(item, 'must be https.')
    if (local && options.production) refuse(item, 'is plain http, which production refuses.')
    if (origins.has(item)) refuse(item, 'stands twice.')
    origins.add(item)
  }
  return { origins, credentials: options.credentials }
}

const EXPOSED =
  'Content-Location, Countersign-Ignored, DPoP-Nonce, Date, Idempotency-Replayed, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-Id'
const ALLOWED = 'Authorization, Content-Digest, Content-Type, DPoP, Idempotency-Key, Last-Event-ID, X-Request-Id'

/** The headers of an answer to another origin; `Vary` also for those that get nothing, for a cache between must not mix them. */
export function corsHeaders(cors: Cors | null, header: HeaderOf): Record<string, string> {
  if (!cors) return {}
  const origin = header('origin')
  const vary = { Vary: 'Origin' }
  if (origin === undefined || (cors.origins !== '*' && !cors.origins.has(origin))) return vary
  return {
    ...vary,
    'Access-Control-Allow-Origin': cors.origins === '*' ? '*' : origin,
    'Access-Control-Expose-Headers': EXPOSED,
    // What another origin may read is also what it may embed.
    'Cross-Origin-Resource-Policy': 'cross-origin',
    ...(cors.credentials ? { 'Access-Control-Allow-Credentials': 'true' } : {}),
  }
}

export function preflightHeaders(methods: readonly string[]): Record<string, string> {
  return {
    'Access-Control-Allow-Methods': methods.join(', '),
    'Access-Control-Allow-Headers': ALLOWED,
    'Access-Control-Max-Age': '600',
  }
}
