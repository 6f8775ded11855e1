// Proves who asked for what a delivery brings: the token in `Countersign-Caller`, signed by the instance for one origin and one minute. The algorithm is fixed here, never by
// what the token says of itself; no key is fetched, for whoever receives says which keys it believes.

import { fromBase64Url, MalformedText, utf8 } from './bytes.ts'
import { WebhookRefused } from './verify.ts'

/** The instance's key set as `/.well-known/countersign/relay-keys.json` answers it. */
export type CallerKeys = {
  readonly keys: readonly { readonly kid: string; readonly kty: string; readonly crv: string; readonly x: string }[]
}

/** What to believe a caller by. */
export type VerifyCallerOptions = {
  jwks: CallerKeys
  /** Your own origin, `https://agent.example`: a token for somebody else is refused. */
  audience: string
  /** Whose tokens you take: the origin of the instance. Left out: whoever holds a key of the set. */
  issuer?: string
  now?: () => Date
  /** For clocks that differ. Default 5. */
  toleranceSeconds?: number
  /** Answers whether a token with this `jti` came before, and keeps it until `expiresAt`. Asked once the signature has held. */
  seen?: (jti: string, expiresAt: Date) => boolean | Promise<boolean>
}

/** Who speaks, and about which message. */
export type Caller = {
  iss: string
  aud: string
  iat: number
  exp: number
  jti: string
  /** The user for whom the agent acts; else the agent itself. */
  sub: string
  /** The agent, where it acts for a user. */
  act?: { sub: string }
  tenant: string | null
  agent: string | null
  relay_grant: string
  thread: string
  message: string
  payload_hash: string
}

const TYPE = 'countersign-caller+jwt'
const LONGEST = 8_192
/** No token of ours lives longer, whatever it says. */
const LIFE_S = 60

/**
 * Verifies the token of `Countersign-Caller` and gives back what it says, or throws `WebhookRefused`.
 *
 * @example
 * ```ts
 * import { verifyCaller } from '@countersign/sdk'
 * async function callerOf(request: Request): Promise<string> {
 *   const answer = await fetch('https://countersign.example.com/.well-known/countersign/relay-keys.json')
 *   const token = request.headers.get('countersign-caller')
 *   const { sub } = await verifyCaller(token, { jwks: await answer.json(), audience: 'https://agent.example.com' })
 *   return sub
 * }
 * ```
 */
export async function verifyCaller(token: string | null | undefined, options: VerifyCallerOptions): Promise<Caller> {
  if (!token) throw new WebhookRefused('missing', 'countersign-caller')
  const { kid, claims, signed, signature } = parse(token)
  const keys = options.jwks.keys.filter((key) => key.kid === kid && key.kty === 'OKP' && key.crv === 'Ed25519')
  let holds = false
  for (const key of keys) {
    const imported = await crypto.subtle.importKey('raw', fromBase64Url(key.x), { name: 'Ed25519' }, false, ['verify'])
    if (await crypto.subtle.verify('Ed25519', imported, signature, signed)) holds = true
  }
  if (!holds) throw new WebhookRefused('mismatch', 'no key of the set signed it')
  if (claims.aud !== options.audience) throw new WebhookRefused('mismatch', 'it is for another audience')
  if (options.issuer !== undefined && claims.iss !== options.issuer)
    throw new WebhookRefused('mismatch', 'it is of another issuer')

  const now = (options.now?.() ?? new Date()).getTime() / 1000
  const tolerance = options.toleranceSeconds ?? 5
  if (claims.exp - claims.iat > LIFE_S || now > claims.exp + tolerance || now < claims.iat - tolerance)
    throw new WebhookRefused('stale', 'too old, or from the future')
  if (await options.seen?.(claims.jti, new Date((claims.exp + tolerance) * 1000)))
    throw new WebhookRefused('replayed', 'handled before')
  return claims
}

function parse(token: string) {
  const parts = token.split('.')
  const [head = '', payload = '', tail = ''] = parts
  if (token.length > LONGEST || parts.length !== 3) throw new WebhookRefused('malformed', 'not a compact token')
  try {
    const header = read(head) as { alg?: unknown; typ?: unknown; kid?: unknown }
    const claims = read(payload) as Partial<Caller>
    if (header.alg !== 'EdDSA' || header.typ !== TYPE || typeof header.kid !== 'string') throw new MalformedText('the header')
    if (!isCaller(claims)) throw new MalformedText('the claims')
    return { kid: header.kid, claims, signed: utf8(`${head}.${payload}`), signature: fromBase64Url(tail) }
  } catch (error) {
    if (error instanceof MalformedText || error instanceof SyntaxError) throw new WebhookRefused('malformed', error.message)
    throw error
  }
}

function read(part: string): Record<string, unknown> {
  const value: unknown = JSON.parse(new TextDecoder().decode(fromBase64Url(part)))
  if (typeof value !== 'object' || value === null) throw new MalformedText('not an object')
  return value as Record<string, unknown>
}

const TEXTS = ['iss', 'aud', 'jti', 'sub', 'relay_grant', 'thread', 'message', 'payload_hash'] as const

const isCaller = (claims: Partial<Caller>): claims is Caller =>
  TEXTS.every((name) => typeof claims[name] === 'string') && Number.isInteger(claims.iat) && Number.isInteger(claims.exp)
