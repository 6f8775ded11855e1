// Proves that a delivery comes from who holds the secret and is not older than it may be. Works on the raw bytes of the body, in constant
// time, and refuses in one of five ways and no other. It never parses the body before it is proved.

import { fromBase64, MalformedText, MissingText, utf8 } from './bytes.ts'
import { type Candidate, type Claim, MODES, type WebhookMode } from './mode.ts'

/** Why a delivery was refused: `missing` or `malformed` means it cannot be one of ours, the others that it must not be trusted. */
export type WebhookReason = 'missing' | 'malformed' | 'mismatch' | 'stale' | 'replayed'

/**
 * A delivery that was refused.
 *
 * @example
 * ```ts
 * import { verifyWebhook, WebhookRefused } from '@countersign/sdk'
 * try {
 *   await verifyWebhook({ headers: {}, body: '{}', secrets: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' })
 * } catch (error) {
 *   if (error instanceof WebhookRefused) console.log(error.reason) // 'missing'
 * }
 * ```
 */
export class WebhookRefused extends Error {
  readonly reason: WebhookReason
  constructor(reason: WebhookReason, detail: string) {
    super(`${reason}: ${detail}`)
    this.name = 'WebhookRefused'
    this.reason = reason
  }
}

/** The headers of a request in any of the shapes that runtimes give. */
export type HeadersLike =
  | { get(name: string): string | null }
  | { readonly [name: string]: string | readonly string[] | undefined }

/** What to verify, and with what. */
export type VerifyOptions = {
  headers: HeadersLike
  /** The raw bytes, as they came; a text only if nothing has re-encoded it. Never an object that was parsed. */
  body: string | Uint8Array | ArrayBuffer
  /** One secret, or during a rotation several; `whpk_…` is the public key of an endpoint with Ed25519. */
  secrets: string | readonly string[]
  /** Found by the header where that is safe; `github`, `foragent-v1` and `slack` have to be named. */
  mode?: WebhookMode
  /** Takes a delivery of mode `foragent` that has its signature of version 1 alone: no time and no nonce are signed then, and nothing tells a repeat. */
  allowUnstamped?: boolean
  toleranceSeconds?: number
  /** A body beyond it is refused before anything is computed. Default 16 MiB. */
  maxBytes?: number
  /**
   * Answers whether this delivery was handled before, and keeps the name until `expiresAt`. Asked once the signature has held. The name is the id, or the nonce,
   * that the mode signs; where it signs none, the signature.
   */
  seen?: (id: string, expiresAt: Date) => boolean | Promise<boolean>
  now?: () => Date
}

/** A delivery that was proved. */
export type VerifiedWebhook = {
  mode: WebhookMode
  /** The same over all attempts of one event; null when the sender gave none. Only trust it in a mode that signs it. */
  id: string | null
  timestamp: Date | null
  /** The body as text. */
  text: string
  /** The body as JSON. */
  json<T = unknown>(): T
}

const MAX_HEADER = 8_192
const MAX_BODY = 16_777_216
/** So long is a name kept at least, however short the tolerance. */
const KEPT_MS = 600_000
const MAX_CANDIDATES = 16

/**
 * Verifies a signed delivery and gives back its body, or throws `WebhookRefused`.
 *
 * @example
 * ```ts
 * import { verifyWebhook } from '@countersign/sdk'
 * async function receive(request: Request): Promise<Response> {
 *   const { id, json } = await verifyWebhook({
 *     headers: request.headers,
 *     body: await request.arrayBuffer(),
 *     secrets: process.env.WEBHOOK_SECRET as string,
 *   })
 *   console.log(id, json())
 *   return new Response('ok')
 * }
 * ```
 */
export async function verifyWebhook(options: VerifyOptions): Promise<VerifiedWebhook> {
  const header = headerReader(options.headers)
  const body = bytesOf(options.body)
  if (body.length > (options.maxBytes ?? MAX_BODY)) throw new WebhookRefused('malformed', 'the body is too large')
  const mode = modeOf(options, header)
  const signature = MODES[mode].headers.map(header).find((value) => value !== null)
  if (!signature) throw new WebhookRefused('missing', MODES[mode].headers.join(' or '))
  const claim = claimOf(mode, header, signature, body)
  if (!(await anyMatches(mode, claim, secretsOf(options.secrets)))) throw new WebhookRefused('mismatch', 'no signature fits')

  // Only now is the time worth reading: before, anybody could have written it.
  const now = (options.now?.() ?? new Date()).getTime()
  const tolerance = (options.toleranceSeconds ?? 300) * 1000
  if (claim.timestamp !== null && Math.abs(now - claim.timestamp * 1000) > tolerance)
    throw new WebhookRefused('stale', 'too old, or from the future')
  if (options.seen) {
    const name = claim.once ?? `${mode}:${signature}`
    if (await options.seen(name, new Date(now + Math.max(2 * tolerance, KEPT_MS))))
      throw new WebhookRefused('replayed', 'handled before')
  }
  const text = new TextDecoder().decode(body)
  return {
    mode,
    id: claim.id,
    timestamp: claim.timestamp === null ? null : new Date(claim.timestamp * 1000),
    text,
    json: () => JSON.parse(text),
  }
}

type Header = (name: string) => string | null

function headerReader(headers: HeadersLike): Header {
  if ('get' in headers && typeof headers.get === 'function') {
    const { get } = headers as { get(name: string): string | null }
    return (name) => get.call(headers, name)
  }
  const all = new Map(
    Object.entries(headers as Record<string, string | readonly string[] | undefined>).map(([name, value]) => [
      name.toLowerCase(),
      value,
    ]),
  )
  return (name) => {
    const value = all.get(name)
    if (value !== undefined && typeof value !== 'string') {
      if (value.length > 1) throw new WebhookRefused('malformed', `${name} came more than once`)
      return value[0] ?? null
    }
    return value ?? null
  }
}

function bytesOf(body: string | Uint8Array | ArrayBuffer): Uint8Array {
  if (typeof body === 'string') return utf8(body)
  if (body instanceof Uint8Array) return body
  if (body instanceof ArrayBuffer) return new Uint8Array(body)
  throw new TypeError('verifyWebhook needs the raw bytes of the body; switch body parsing off for this route')
}

function secretsOf(secrets: string | readonly string[]): readonly string[] {
  const all = typeof secrets === 'string' ? [secrets] : secrets
  if (all.length === 0 || all.some((secret) => !secret))
    throw new TypeError('verifyWebhook needs at least one secret, none of them empty')
  return all
}

function modeOf({ mode: named, allowUnstamped = false }: VerifyOptions, header: Header): WebhookMode {
  const mode = named ?? detect(header)
  if (!mode) throw new WebhookRefused('missing', 'no signature header')
  const unstamped = allowUnstamped && header('x-foragent-signature-v2') === null && header('x-foragent-signature') !== null
  if (mode === 'foragent' && unstamped) return 'foragent-v1'
  if (mode === 'foragent-v1' && !allowUnstamped) throw new WebhookRefused('missing', 'x-foragent-signature-v2')
  return mode
}

function detect(header: Header): WebhookMode | null {
  const names = Object.keys(MODES) as WebhookMode[]
  return names.find((name) => MODES[name].detectable && MODES[name].headers.some((each) => header(each) !== null)) ?? null
}

function claimOf(mode: WebhookMode, header: Header, signature: string, body: Uint8Array): Claim {
  if (signature.length > MAX_HEADER) throw new WebhookRefused('malformed', 'the signature header is too long')
  if (signature.split(/[ ,]/).length > 2 * MAX_CANDIDATES + 2) throw new WebhookRefused('malformed', 'too many signatures')
  try {
    const claim = MODES[mode].claim(header, signature, body)
    if (claim.candidates.length === 0) throw new MalformedText('no signature of a known version')
    if (claim.candidates.length > MAX_CANDIDATES) throw new MalformedText('too many signatures')
    return claim
  } catch (error) {
    if (error instanceof MissingText) throw new WebhookRefused('missing', error.message)
    if (error instanceof MalformedText) throw new WebhookRefused('malformed', error.message)
    throw error
  }
}

/** Tries every secret on every signature, so that the time tells nothing about which one fits. */
async function anyMatches(mode: WebhookMode, claim: Claim, secrets: readonly string[]): Promise<boolean> {
  let matches = false
  for (const secret of secrets) {
    const algorithm = secret.startsWith('whpk_') ? 'ed25519' : 'hmac'
    for (const key of await importKeys(mode, secret)) {
      for (const candidate of claim.candidates) {
        if (candidate.algorithm === algorithm && (await fits(key, candidate, claim))) matches = true
      }
    }
  }
  return matches
}

// WebCrypto compares MACs in constant time.
const fits = (key: CryptoKey, { bytes, algorithm }: Candidate, { signed }: Claim) =>
  crypto.subtle.verify(algorithm === 'hmac' ? 'HMAC' : 'Ed25519', key, bytes, signed)

async function importKeys(mode: WebhookMode, secret: string): Promise<CryptoKey[]> {
  try {
    if (secret.startsWith('whpk_')) {
      const bytes = fromBase64(secret.slice('whpk_'.length), 32)
      return [await crypto.subtle.importKey('raw', bytes, { name: 'Ed25519' }, false, ['verify'])]
    }
    const all = await MODES[mode].keys(secret)
    return await Promise.all(
      all.map((bytes) => crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])),
    )
  } catch (cause) {
    // The receiver's own setting, not the delivery: it must not look like an attack.
    throw new TypeError(`A secret given to verifyWebhook does not have the form that the mode ${mode} needs`, { cause })
  }
}
