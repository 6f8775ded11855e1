// Proofs of possession (RFC 9449, vault.md V134): one JWT per request, signed with the private half of a key that the server knows. Checks all that can be told from the
// request itself: form, key, signature, and that it is about this method, address, query and credential. Whose key it is, whether its time fits and whether it was
// shown before is for those who ask the database. Never trusts an algorithm because the token names it: two are known, each with its kind of key.
import { createHash } from 'node:crypto'
import { compactVerify, errors, importJWK } from 'jose'
import { KeyRefused, type PublicKey, readJwk } from './public-key.ts'

export type ProofAsked = {
  method: string
  /** Scheme, authority and path as this server is reached, without query. */
  url: string
  /** After the `?`, as sent. */
  query: string
  /** What stands behind `DPoP` in the Authorization header; null where nothing does, as when an agent registers. */
  credential: string | null
}

export type Proof = {
  key: PublicKey
  /** base64url of the SHA-256 of its jti. */
  id: string
  issuedAt: Date
  /** The value of Content-Digest that it is about. */
  digest: string | null
  nonce: string | null
}

export type ProofFault =
  | 'malformed'
  | 'key'
  | 'signature'
  | 'method'
  | 'url'
  | 'query'
  | 'credential'
  | 'digest'
  | 'time'
  | 'nonce'
  | 'unknown_key'

/** Why a proof does not count. */
export class ProofRefused extends Error {
  override readonly name = 'ProofRefused'
  readonly fault: ProofFault
  constructor(fault: ProofFault, options?: { cause: unknown }) {
    super(`The proof does not count: ${fault}.`, options)
    this.fault = fault
  }
}

const MAX_PROOF = 4_096
const MAX_JTI = 128
const PART = /^[A-Za-z0-9_-]+$/
const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url')

export async function verifyProof(token: string, asked: ProofAsked): Promise<Proof> {
  const { header, claims } = read(token)
  const key = keyOf(header)
  await verifySignature(token, key)
  const { htm, htu, jti, iat, ath, cs_dig: digest, cs_q: query, nonce } = claims
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI) throw new ProofRefused('malformed')
  if (typeof iat !== 'number' || !Number.isFinite(iat) || Math.abs(iat) > 8e12) throw new ProofRefused('malformed')
  if (htm !== asked.method) throw new ProofRefused('method')
  // Letter by letter: what would have to be mended first is another address.
  if (htu !== asked.url) throw new ProofRefused('url')
  if (query !== digestOf(asked.query)) throw new ProofRefused('query')
  if (asked.credential !== null && ath !== digestOf(asked.credential)) throw new ProofRefused('credential')
  if (digest !== undefined && typeof digest !== 'string') throw new ProofRefused('digest')
  if (nonce !== undefined && typeof nonce !== 'string') throw new ProofRefused('nonce')
  return { key, id: digestOf(jti), issuedAt: new Date(iat * 1_000), digest: digest ?? null, nonce: nonce ?? null }
}

type Json = Record<string, unknown>

/** Each part must be the one spelling of its bytes, so that no bit of the text is without meaning. */
function read(token: string): { header: Json; claims: Json } {
  const parts = token.length > MAX_PROOF ? [] : token.split('.')
  const bytes = parts.map((part) => Buffer.from(part, 'base64url'))
  if (parts.length !== 3 || parts.some((part, i) => !PART.test(part) || bytes[i]?.toString('base64url') !== part))
    throw new ProofRefused('malformed')
  return { header: objectOf(bytes[0] as Buffer), claims: objectOf(bytes[1] as Buffer) }
}

function objectOf(bytes: Buffer): Json {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch (cause) {
    throw new ProofRefused('malformed', { cause })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ProofRefused('malformed')
  return value as Json
}

function keyOf({ typ, alg, jwk, crit, b64 }: Json): PublicKey {
  if (typ !== 'dpop+jwt' || crit !== undefined || b64 !== undefined) throw new ProofRefused('malformed')
  if (alg !== 'EdDSA' && alg !== 'ES256') throw new ProofRefused('key')
  if (typeof jwk !== 'object' || jwk === null || Array.isArray(jwk)) throw new ProofRefused('key')
  try {
    const key = readJwk(jwk as Json)
    if (key.alg !== alg) throw new ProofRefused('key')
    return key
  } catch (cause) {
    if (cause instanceof KeyRefused) throw new ProofRefused('key', { cause })
    throw cause
  }
}

async function verifySignature(token: string, { jwk, alg }: PublicKey): Promise<void> {
  try {
    await compactVerify(token, await importJWK({ ...jwk }, alg), { algorithms: [alg] })
  } catch (cause) {
    if (cause instanceof errors.JOSEError) throw new ProofRefused('signature', { cause })
    throw cause
  }
}

/** RFC 9530: the field that says what the body is, and what a proof repeats. */
export const contentDigest = (bytes: Uint8Array): string => `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`
