// An agent's public key in its two spellings, did:key and JWK, and the one name of both: the thumbprint of RFC 7638 (vault.md V136). Reads public keys only; a key of a
// kind that is not known, of a wrong length, off its curve or of small order is refused, and so is whatever carries a private half.
import { createHash, createPublicKey } from 'node:crypto'

export type PublicJwk =
  | { readonly kty: 'OKP'; readonly crv: 'Ed25519'; readonly x: string }
  | { readonly kty: 'EC'; readonly crv: 'P-256'; readonly x: string; readonly y: string }

export type PublicKey = { thumbprint: string; jwk: PublicJwk; alg: 'EdDSA' | 'ES256'; did: string | null }

/** Says what is wrong with a key, in words for whoever sent it. */
export class KeyRefused extends Error {
  override readonly name = 'KeyRefused'
}

const ED25519_CODEC = Buffer.of(0xed, 0x01)
const DID = 'did:key:z'
const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
/** 34 bytes are at most 47 characters; nothing longer is worth reading. */
const MAX_BASE58 = 64

export function readPublicKey(given: string | Record<string, unknown>): PublicKey {
  return typeof given === 'string' ? readDid(given) : readJwk(given)
}

function readDid(text: string): PublicKey {
  if (!text.startsWith(DID)) throw new KeyRefused('Send a JWK, or did:key with base58btc (did:key:z6Mk…).')
  const bytes = fromBase58(text.slice(DID.length))
  if (!bytes?.subarray(0, 2).equals(ED25519_CODEC)) throw new KeyRefused('Only did:key of Ed25519 (multicodec 0xed01) is known.')
  if (bytes.length !== 34) throw new KeyRefused('A public key of Ed25519 has 32 bytes.')
  return ofEd25519(bytes.subarray(2))
}

const PRIVATE = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** Members beside the key itself (kid, use, alg) say nothing that counts and are dropped. */
export function readJwk({ kty, crv, x, y, ...rest }: Record<string, unknown>): PublicKey {
  if (PRIVATE.some((name) => Object.hasOwn(rest, name)))
    throw new KeyRefused('This is a private key. Keep it, and send the public one.')
  if (kty === 'OKP' && crv === 'Ed25519') return ofEd25519(coordinate(x))
  if (kty === 'EC' && crv === 'P-256') return ofP256(coordinate(x), coordinate(y))
  throw new KeyRefused('Use a key of Ed25519 (OKP) or of P-256 (EC).')
}

/** 32 bytes in the one spelling that they have. */
function coordinate(text: unknown): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'base64url') : Buffer.alloc(0)
  if (bytes.length !== 32 || bytes.toString('base64url') !== text)
    throw new KeyRefused('Each coordinate has 32 bytes, in base64url without padding.')
  return bytes
}

function ofEd25519(bytes: Buffer): PublicKey {
  refuseWeakPoint(bytes)
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') } as const
  const did = `${DID}${toBase58(Buffer.concat([ED25519_CODEC, bytes]))}`
  return { thumbprint: thumbprint({ crv: jwk.crv, kty: jwk.kty, x: jwk.x }), jwk, alg: 'EdDSA', did }
}

function ofP256(x: Buffer, y: Buffer): PublicKey {
  const jwk = { kty: 'EC', crv: 'P-256', x: x.toString('base64url'), y: y.toString('base64url') } as const
  try {
    // OpenSSL looks whether the point lies on the curve; the curve's order is prime, so no point on it is of small order.
    createPublicKey({ key: jwk, format: 'jwk' })
  } catch (cause) {
    throw new KeyRefused('This is no point of P-256.', { cause })
  }
  return { thumbprint: thumbprint({ crv: jwk.crv, kty: jwk.kty, x: jwk.x, y: jwk.y }), jwk, alg: 'ES256', did: null }
}

/** RFC 7638: the required members in the order of their names. */
const thumbprint = (members: Record<string, string>): string =>
  createHash('sha256').update(JSON.stringify(members)).digest('base64url')

// The field and the curve of Ed25519: -x² + y² = 1 + d·x²·y².
const P = 2n ** 255n - 19n
const D = 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n
/** y of the points whose order divides 8: orders 1, 2 and 4, and two that four points of order 8 share. */
const WEAK_Y: ReadonlySet<bigint> = new Set([
  1n,
  P - 1n,
  0n,
  0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n,
  0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n,
])

/** With such a key a signature can be made that fits many messages. */
function refuseWeakPoint(bytes: Buffer): void {
  const sign = (bytes[31] as number) >> 7
  const littleEndian = Buffer.from(bytes).reverse()
  littleEndian[0] = (littleEndian[0] as number) & 0x7f
  const y = BigInt(`0x${littleEndian.toString('hex')}`)
  if (y >= P) throw new KeyRefused('The point is not written in its one way.')
  if (WEAK_Y.has(y)) throw new KeyRefused('The point is of small order.')
  const y2 = (y * y) % P
  const x2 = ((y2 - 1n + P) * power(D * y2 + 1n, P - 2n)) % P
  if ((x2 === 0n && sign === 1) || power(x2, (P - 1n) / 2n) === P - 1n) throw new KeyRefused('This is no point of Ed25519.')
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n
  let square = base % P
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = (result * square) % P
    square = (square * square) % P
  }
  return result
}

function fromBase58(text: string): Buffer | null {
  if (text.length === 0 || text.length > MAX_BASE58) return null
  let value = 0n
  for (const char of text) {
    const digit = BASE58.indexOf(char)
    if (digit < 0) return null
    value = value * 58n + BigInt(digit)
  }
  const zeros = /^1*/.exec(text)?.[0].length ?? 0
  const hex = value === 0n ? '' : value.toString(16)
  return Buffer.concat([Buffer.alloc(zeros), Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')])
}

function toBase58(bytes: Buffer): string {
  let text = ''
  for (let rest = BigInt(`0x${bytes.toString('hex')}`); rest > 0n; rest /= 58n) text = BASE58[Number(rest % 58n)] + text
  return text
}

const CONSONANTS = 'bdfghjklmnprstvz'
const VOWELS = 'aiou'

/** Six words that two people can read to each other: the first 96 bits of the thumbprint as proquints. */
export function wordsOf(print: string): string[] {
  const bytes = Buffer.from(print, 'base64url')
  return Array.from({ length: 6 }, (_, i) => {
    const n = bytes.readUInt16BE(2 * i)
    const consonant = (shift: number) => CONSONANTS[(n >> shift) & 15]
    const vowel = (shift: number) => VOWELS[(n >> shift) & 3]
    return `${consonant(12)}${vowel(10)}${consonant(6)}${vowel(4)}${consonant(0)}`
  })
}
