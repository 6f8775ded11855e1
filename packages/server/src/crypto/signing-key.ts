// A private key that somebody hands in so that we sign with it elsewhere (RFC 7523): PEM of the usual kinds, or a JWK. Says which algorithm of JWS it is good for,
// and refuses what is none, is locked by a passphrase, or is too short. Stores none and prints none.
import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto'

export type SigningKey = { key: CryptoKey; alg: string; kid: string | null }

export class SigningKeyFault extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'SigningKeyFault'
  }
}

const CURVES: Readonly<Record<string, { alg: string; namedCurve: string }>> = {
  prime256v1: { alg: 'ES256', namedCurve: 'P-256' },
  secp384r1: { alg: 'ES384', namedCurve: 'P-384' },
  secp521r1: { alg: 'ES512', namedCurve: 'P-521' },
}
const SHORTEST_RSA = 2_048

type Kind = { alg: string; algorithm: { name: string; hash?: string; namedCurve?: string } }

/** What can be said of it without an await: for whoever checks what a person handed in. Throws `SigningKeyFault`. */
export function checkSigningKey(text: string): Kind & { object: KeyObject; kid: string | null } {
  const { object, kid } = readKey(text.trim())
  if (object.asymmetricKeyType === 'rsa') {
    if ((object.asymmetricKeyDetails?.modulusLength ?? 0) < SHORTEST_RSA)
      throw new SigningKeyFault(`An RSA key has at least ${SHORTEST_RSA} bits.`)
    return { object, kid, alg: 'RS256', algorithm: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } }
  }
  if (object.asymmetricKeyType === 'ed25519') return { object, kid, alg: 'EdDSA', algorithm: { name: 'Ed25519' } }
  const curve = CURVES[object.asymmetricKeyDetails?.namedCurve ?? '']
  if (object.asymmetricKeyType !== 'ec' || !curve)
    throw new SigningKeyFault('The key is RSA, of the curves P-256, P-384 or P-521, or Ed25519.')
  return { object, kid, alg: curve.alg, algorithm: { name: 'ECDSA', namedCurve: curve.namedCurve } }
}

export async function readSigningKey(text: string): Promise<SigningKey> {
  const { object, kid, alg, algorithm } = checkSigningKey(text)
  const bytes = object.export({ format: 'der', type: 'pkcs8' })
  try {
    return { key: await crypto.subtle.importKey('pkcs8', bytes, algorithm, false, ['sign']), alg, kid }
  } finally {
    bytes.fill(0)
  }
}

function readKey(text: string): { object: KeyObject; kid: string | null } {
  try {
    if (!text.startsWith('{')) return { object: createPrivateKey(text), kid: null }
    const jwk = JSON.parse(text) as JsonWebKey
    return { object: createPrivateKey({ key: jwk, format: 'jwk' }), kid: typeof jwk.kid === 'string' ? jwk.kid : null }
  } catch (cause) {
    // Whatever the parser says of it could repeat a part of it.
    const locked = /^-----BEGIN ENCRYPTED|^Proc-Type: 4,ENCRYPTED/m.test(text)
    throw new SigningKeyFault(
      locked ? 'The key is locked by a passphrase: unlock it first.' : 'This is no private key in PEM, and no JWK with one.',
      { cause },
    )
  }
}
