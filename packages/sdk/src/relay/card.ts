// Proves that the card of an agent is what its owner signed: JCS of the document without its signatures, as flattened JWS without payload (RFC 7515, 8785), by one of the keys that
// the reader believes. The algorithm is that of the key, never what a signature says of itself. WebCrypto alone; fetches no key and follows no `jku`.

import { canonicalJson, NotJson } from '../canonical.ts'
import { fromBase64Url, MalformedText, utf8 } from '../webhook/bytes.ts'

/** A key set (RFC 7517), such as `/agents/{slug}/.well-known/jwks.json` answers it. */
export type CardKeys = { readonly keys: readonly CardKey[] }
export type CardKey = {
  readonly kid?: string
  readonly kty?: string
  readonly crv?: string
  readonly x?: string
  readonly y?: string
  readonly alg?: string
  readonly use?: string
}

/** Why a card is not believed: it has no signature; none that can be read; none by a key of the set; one by such a key, of something else. */
export type CardFault = 'unsigned' | 'malformed' | 'unknown_key' | 'mismatch'

/**
 * Thrown by `verifyCard`.
 *
 * @example
 * ```ts
 * import { CardRefused } from '@countersign/sdk'
 * const why = (error: unknown) => (error instanceof CardRefused ? error.reason : null)
 * ```
 */
export class CardRefused extends Error {
  readonly reason: CardFault
  constructor(reason: CardFault, detail: string) {
    super(`The card is not verified (${reason}): ${detail}`)
    this.name = 'CardRefused'
    this.reason = reason
  }
}

/** A card that holds, and the key that signed it. */
export type VerifiedCard = { card: Record<string, unknown>; kid: string }

const MOST_SIGNATURES = 16
const MOST_CHARACTERS = 1_048_576

/**
 * Verifies a card and gives it back, or throws `CardRefused`. It takes the JSON as it was read from the wire: a card that some codec decoded has lost what that codec does not
 * know, and does not verify any more. One good signature is enough, for during a rotation a card has two.
 *
 * @example
 * ```ts
 * import { verifyCard } from '@countersign/sdk'
 * const base = 'https://countersign.example.com/agents/translator/'
 * const keys = await (await fetch(`${base}.well-known/jwks.json`)).json()
 * const { card } = await verifyCard(await (await fetch(`${base}.well-known/agent-card.json`)).text(), keys)
 * console.log(card.name)
 * ```
 */
export async function verifyCard(
  wireJson: string | Readonly<Record<string, unknown>>,
  { keys }: CardKeys,
): Promise<VerifiedCard> {
  const card = parse(wireJson)
  const { signatures, ...rest } = card
  if (!Array.isArray(signatures) || signatures.length === 0) throw new CardRefused('unsigned', 'it has no signatures')
  const payload = base64url(utf8(canonical(rest)))
  const faults = new Set<CardFault>()
  for (const one of signatures.slice(0, MOST_SIGNATURES)) {
    const found = await verifyOne(one, payload, keys)
    if ('kid' in found) return { card, kid: found.kid }
    faults.add(found.fault)
  }
  if (faults.has('mismatch')) throw new CardRefused('mismatch', 'a known key signed something else')
  if (faults.has('unknown_key')) throw new CardRefused('unknown_key', 'no key of the set signed it')
  throw new CardRefused('malformed', 'no signature of it can be read')
}

function parse(wireJson: string | Readonly<Record<string, unknown>>): Record<string, unknown> {
  let value: unknown = wireJson
  if (typeof wireJson === 'string') {
    if (wireJson.length > MOST_CHARACTERS) throw new CardRefused('malformed', 'it is too long for a card')
    try {
      value = JSON.parse(wireJson)
    } catch {
      throw new CardRefused('malformed', 'it is not JSON')
    }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new CardRefused('malformed', 'it is no object')
  return value as Record<string, unknown>
}

function canonical(document: Record<string, unknown>): string {
  try {
    return canonicalJson(document)
  } catch (error) {
    if (error instanceof NotJson) throw new CardRefused('malformed', error.message)
    throw error
  }
}

type Signature = { header: string; kid: string; alg: string; bytes: Uint8Array<ArrayBuffer> }

async function verifyOne(
  value: unknown,
  payload: string,
  keys: readonly CardKey[],
): Promise<{ kid: string } | { fault: CardFault }> {
  const signature = readSignature(value)
  if (!signature) return { fault: 'malformed' }
  const known = keys.filter((key) => key.kid === signature.kid)
  if (known.length === 0) return { fault: 'unknown_key' }
  for (const key of known) if (await isGood(key, signature, payload)) return { kid: signature.kid }
  return { fault: 'mismatch' }
}

async function isGood(key: CardKey, { header, alg, bytes }: Signature, payload: string): Promise<boolean> {
  const { kty, crv, x = '', y = '', use = 'sig' } = key
  const isP256 = kty === 'EC' && crv === 'P-256'
  const own = isP256 ? 'ES256' : kty === 'OKP' && crv === 'Ed25519' ? 'EdDSA' : null
  if (own === null || own !== alg || (key.alg ?? own) !== own || use !== 'sig') return false
  const algorithm = isP256 ? { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } : { name: 'Ed25519' }
  try {
    const jwk = isP256 ? { kty, crv, x, y } : { kty, crv, x }
    const imported = await crypto.subtle.importKey('jwk', jwk as JsonWebKey, algorithm, false, ['verify'])
    return await crypto.subtle.verify(algorithm, imported, bytes, utf8(`${header}.${payload}`))
  } catch {
    return false // what stands under this name in the set is no key
  }
}

/** Each text must be the one spelling of its bytes; a header that asks for what we do not know (`crit`, `b64`) asks in vain. */
function readSignature(value: unknown): Signature | null {
  const { protected: header, signature } = (value ?? {}) as Record<string, unknown>
  if (typeof header !== 'string' || typeof signature !== 'string') return null
  try {
    const read: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(strictly(header)))
    const { alg, kid, typ, crit, b64 } = (read ?? {}) as Record<string, unknown>
    if (typeof alg !== 'string' || typeof kid !== 'string' || typeof typ !== 'string') return null
    if (crit !== undefined || b64 !== undefined) return null
    return { header, kid, alg, bytes: strictly(signature) }
  } catch (error) {
    if (error instanceof MalformedText || error instanceof SyntaxError || error instanceof TypeError) return null
    throw error
  }
}

function strictly(text: string): Uint8Array<ArrayBuffer> {
  const bytes = fromBase64Url(text)
  if (base64url(bytes) !== text) throw new MalformedText('not the one spelling of its bytes')
  return bytes
}

function base64url(bytes: Uint8Array): string {
  // In pieces: a call takes only so many arguments.
  let binary = ''
  for (let i = 0; i < bytes.length; i += 8_192) binary += String.fromCharCode(...bytes.subarray(i, i + 8_192))
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
