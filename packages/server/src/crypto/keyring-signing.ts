// Ed25519 keys that a purpose of the root key gives (P125, P126): the private half is derived when it is needed and stored nowhere.
// Signs and verifies exact bytes; never parses what it signs.
import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'

export type SigningKey = {
  /** The root version it comes from. */
  version: number
  /** How a signature names its key: `<purpose>/v<version>`. */
  id: string
  publicKey: Buffer
  sign(bytes: Buffer): Buffer
}

// The fixed DER around a raw Ed25519 key (RFC 8410).
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')
const RAW = 32

export function signingKeyOf(seed: Buffer, purpose: string, version: number): SigningKey {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-RAW)
  return { version, id: `${purpose}/v${version}`, publicKey, sign: (bytes) => sign(null, bytes, privateKey) }
}

/** False for anything but a signature of these bytes by this key. */
export function verifyEd25519(publicKey: Buffer, bytes: Buffer, signature: Buffer): boolean {
  return publicKey.length === RAW && signature.length === 64 && verify(null, bytes, publicOf(publicKey), signature)
}

const publicOf = (raw: Buffer): KeyObject => createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' })
