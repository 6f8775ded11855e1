// Signatures of agent cards (relay.md R14; A2A §8.4): JCS of the document without `signatures`, as a flattened JWS without its payload, one for each key. The algorithm
// is that of the key, never what a signature says of itself. Signs and verifies documents as they stand on the wire; a card that was decoded first has lost what its
// codec does not know, and is no such document. Fetches no key set and keeps no key.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type JsonWebKey, sign, verify } from 'node:crypto'
import { canonical } from './canonical.ts'
import { KeyRefused, type PublicJwk, readJwk } from './public-key.ts'

export const CARD_ALGORITHMS = ['ES256', 'EdDSA'] as const
export type CardAlgorithm = (typeof CARD_ALGORITHMS)[number]

/** A member of a key set (RFC 7517), and its name: the thumbprint, so that no two keys of an installation share one. */
export type CardJwk = PublicJwk & { readonly kid: string; readonly alg: CardAlgorithm; readonly use: 'sig' }
/** The private half is the text of a JWK, for the envelope that the caller makes. */
export type CardKeyPair = { kid: string; alg: CardAlgorithm; publicJwk: CardJwk; privateJwk: string }

export function makeCardKey(alg: CardAlgorithm): CardKeyPair {
  const pair = alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
  const key = readJwk({ ...pair.publicKey.export({ format: 'jwk' }) })
  const publicJwk: CardJwk = { ...key.jwk, kid: key.thumbprint, alg, use: 'sig' }
  return { kid: key.thumbprint, alg, publicJwk, privateJwk: JSON.stringify(pair.privateKey.export({ format: 'jwk' })) }
}

export type CardSigner = { kid: string; alg: CardAlgorithm; privateJwk: string; jku: string }
export type CardSignature = { protected: string; signature: string }

const base64url = (text: string): string => Buffer.from(text).toString('base64url')

/** What is signed of a document: everything but its signatures. */
export function signedText(document: Readonly<Record<string, unknown>>): string {
  const { signatures: _, ...rest } = document
  return canonical(rest)
}

export function signDocument(document: Readonly<Record<string, unknown>>, signers: readonly CardSigner[]): CardSignature[] {
  const payload = base64url(signedText(document))
  return signers.map(({ kid, alg, privateJwk, jku }) => {
    const header = base64url(JSON.stringify({ alg, kid, typ: 'JOSE', jku }))
    const key = createPrivateKey({ key: JSON.parse(privateJwk) as JsonWebKey, format: 'jwk' })
    const said = Buffer.from(`${header}.${payload}`)
    const signature = sign(alg === 'ES256' ? 'sha256' : null, said, { key, dsaEncoding: 'ieee-p1363' })
    return { protected: header, signature: signature.toString('base64url') }
  })
}

/** `unsigned`: no signature there; `malformed`: none that can be read; `unknown_key`: by keys that are not in the set; `mismatch`: not of this document. */
export type SignatureFault = 'unsigned' | 'malformed' | 'unknown_key' | 'mismatch'
export type Verified = { ok: true; kid: string } | { ok: false; reason: SignatureFault }

/** `document` as it was read from the wire. One signature by one of the keys is enough: during a rotation a reader may know either of two. */
export function verifyDocument(
  document: Readonly<Record<string, unknown>>,
  { keys }: { keys: readonly Readonly<Record<string, unknown>>[] },
): Verified {
  const { signatures } = document
  if (!Array.isArray(signatures) || signatures.length === 0) return { ok: false, reason: 'unsigned' }
  const payload = base64url(signedText(document))
  const faults = new Set<SignatureFault>()
  for (const one of signatures.slice(0, MOST_SIGNATURES)) {
    const found = verifyOne(one, payload, keys)
    if (found.ok) return found
    faults.add(found.reason)
  }
  // What says most: a known key that signed something else, then a key that nobody here knows.
  const reason = (['mismatch', 'unknown_key'] as const).find((fault) => faults.has(fault)) ?? 'malformed'
  return { ok: false, reason }
}

const MOST_SIGNATURES = 16
const TEXT = /^[A-Za-z0-9_-]+$/

function verifyOne(signature: unknown, payload: string, keys: readonly Readonly<Record<string, unknown>>[]): Verified {
  const read = readSignature(signature)
  if (!read) return { ok: false, reason: 'malformed' }
  const known = keys.filter((one) => one.kid === read.kid)
  if (known.length === 0) return { ok: false, reason: 'unknown_key' }
  const said = Buffer.from(`${read.protected}.${payload}`)
  const isGood = known.some((one) => {
    const key = publicKeyOf(one)
    if (!key || key.alg !== read.alg) return false
    const object = createPublicKey({ key: key.jwk as JsonWebKey, format: 'jwk' })
    return verify(key.alg === 'ES256' ? 'sha256' : null, said, { key: object, dsaEncoding: 'ieee-p1363' }, read.signature)
  })
  return isGood ? { ok: true, kid: read.kid } : { ok: false, reason: 'mismatch' }
}

function publicKeyOf(jwk: Readonly<Record<string, unknown>>) {
  try {
    return readJwk(jwk)
  } catch (error) {
    if (error instanceof KeyRefused) return null // a key of another kind in the same set verifies nothing here
    throw error
  }
}

type Read = { protected: string; alg: string; kid: string; signature: Buffer }

/** Each text must be the one spelling of its bytes; a header that asks for what we do not know (`crit`, `b64`) asks in vain. */
function readSignature(value: unknown): Read | null {
  const { protected: header, signature } = (value ?? {}) as Record<string, unknown>
  if (typeof header !== 'string' || typeof signature !== 'string') return null
  if (![header, signature].every((text) => TEXT.test(text) && Buffer.from(text, 'base64url').toString('base64url') === text))
    return null
  let read: unknown
  try {
    read = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  const { alg, kid, typ, crit, b64 } = (read ?? {}) as Record<string, unknown>
  if (typeof alg !== 'string' || typeof kid !== 'string' || typeof typ !== 'string') return null
  if (crit !== undefined || b64 !== undefined) return null
  return { protected: header, alg, kid, signature: Buffer.from(signature, 'base64url') }
}
