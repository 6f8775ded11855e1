// Random tokens, keys that carry a checksum (P53, P54), and the hashes under which they are stored. Never stores, never looks anything up.
import { createHmac, hash, randomInt as nodeRandomInt, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

/** agent, personal, tenant-wide, SCIM, relay grant, thread, worker, proxy, embed mint */
export const KEY_KINDS = ['agt', 'usr', 'adm', 'scm', 'rly', 'thr', 'wrk', 'prx', 'emb', 'chd'] as const
export type KeyKind = (typeof KEY_KINDS)[number]
export type KeyEnvironment = 'live' | 'test'

/** Finds a key anywhere in a text, as secret scanners do. */
export const KEY_PATTERN = /\bcs_(live|test)_[a-z]{3}_[0-9A-Za-z]{36}\b/

// Not by words: what stands beside a key may be a letter or a digit, as in a token that was pasted twice.
const IN_URL = /cs_(?:live|test)_[a-z]{3}_[0-9A-Za-z]{36}/

/** What looks like one of our keys in a URL, as it stands or percent-encoded (P59). */
export function findKeyInUrl(url: string): string | null {
  if (!url.includes('cs_') && !url.includes('%')) return null
  const plain = url.replace(/%[0-7][0-9a-f]/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)))
  return (IN_URL.exec(plain) ?? IN_URL.exec(url))?.[0] ?? null
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const ENTROPY_CHARACTERS = 30 // × log2(62) = 178 bits
const KEY_LENGTH = 48
const WHOLE_KEY = /^cs_(live|test)_([a-z]{3})_[0-9A-Za-z]{36}$/

/** Base64url, 256 bits by default. */
export const randomToken = (bytes = 32): string => randomBytes(bytes).toString('base64url')
/** Even over 0 … max − 1. */
export const randomInt = (max: number): number => nodeRandomInt(max)
export { randomBytes }

export const sha256 = (data: string | Buffer): Buffer => hash('sha256', data, 'buffer')
export const sha256Hex = (data: string | Buffer): string => hash('sha256', data, 'hex')
export const hmacSha256 = (key: string | Buffer, data: string | Buffer): Buffer => createHmac('sha256', key).update(data).digest()

/** In time that depends on the lengths only. */
export function sameBytes(a: string | Buffer, b: string | Buffer): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}

/** CRC-32 (IEEE) of all before it: 62^6 > 2^32, so six characters always suffice. */
function checksum(text: string): string {
  let rest = crc32(text)
  let six = ''
  for (let i = 0; i < 6; i++) {
    six = BASE62[rest % 62] + six
    rest = Math.floor(rest / 62)
  }
  return six
}

export function mintKey(environment: KeyEnvironment, kind: KeyKind): string {
  const entropy = Array.from({ length: ENTROPY_CHARACTERS }, () => BASE62[nodeRandomInt(62)]).join('')
  const body = `cs_${environment}_${kind}_${entropy}`
  return body + checksum(body)
}

/** Length, pattern, checksum, in this order and without the database: a mistyped or truncated key costs nothing (P54). */
export function parseKey(text: unknown): { environment: KeyEnvironment; kind: KeyKind } | null {
  if (typeof text !== 'string' || text.length !== KEY_LENGTH) return null
  const parts = WHOLE_KEY.exec(text)
  if (!parts || !sameBytes(checksum(text.slice(0, -6)), text.slice(-6))) return null
  const kind = KEY_KINDS.find((one) => one === parts[2])
  return kind ? { environment: parts[1] as KeyEnvironment, kind } : null
}
