// The envelope (P124, V68): a fresh data key per value, wrapped by a tenant's or a subject's key, bound to tenant, table, column and row.
// Never opens in another place than it was sealed for, never falls back to plain text, and says only that it did not open, not why in detail.
//
//   0  1   format 01               18  48  data key under the wrapping key: 32 + tag 16
//   1  1   algorithm 01 AES-256-GCM 66  12  nonce of the data
//   2  4   key version, big-endian  78  n   ciphertext, 0 < n <= 16 MiB
//   6  12  nonce of the wrap      78+n  16  tag
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** A key with its versions: seals with the current one, opens with any. */
export type WrappingKey = { readonly current: number; readonly versions: ReadonlyMap<number, Buffer> }

/** Where an envelope belongs; tenant and row as wire ids. */
export type Place = { tenant: string; table: string; column: string; row: string }

export class EnvelopeError extends Error {
  /** unknown: another format, algorithm or key version; broken: altered or moved */
  readonly reason: 'unknown' | 'broken'

  constructor(reason: 'unknown' | 'broken') {
    super('The envelope does not open.')
    this.name = 'EnvelopeError'
    this.reason = reason
  }
}

const FORMAT = 1
const AES_256_GCM = 1
const NONCE = 12
const TAG = 16
const WRAPPED = 48
const DATA = 78
const LARGEST = 16 * 1024 * 1024
const PLACE = /^[\x21-\x7e]+$/

const version32 = (version: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(version)
  return bytes
}

// A random 96-bit nonce is safe here: each data key seals one value, and one wrapping key stays far below 2^32 wraps (NIST SP 800-38D §8.3).
function encrypt(key: Buffer, nonce: Buffer, aad: Buffer, plain: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG })
  cipher.setAAD(aad)
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

function decrypt(key: Buffer, nonce: Buffer, aad: Buffer, sealed: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG })
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(-TAG))
  // In this mode it is all there at once, so that no second copy has to be forgotten (V71); it is nobody's before the tag was right.
  const plain = decipher.update(sealed.subarray(0, -TAG))
  try {
    decipher.final()
    return plain
  } catch (error) {
    plain.fill(0)
    throw Object.assign(new EnvelopeError('broken'), { cause: error })
  }
}

const wrapAad = (tenant: string, version: number): Buffer =>
  Buffer.concat([Buffer.from('countersign/dek/v1'), Buffer.from(tenant, 'ascii'), version32(version)])

function dataAad(at: Place): Buffer {
  const parts = [at.tenant, at.table, at.column, at.row]
  // A NUL inside a part would make two places look alike.
  if (!parts.every((part) => PLACE.test(part))) throw new TypeError('An envelope is bound to visible ASCII names.')
  return Buffer.from(['countersign/data/v1', ...parts].join('\0'), 'ascii')
}

/** `random` is handed in by the published vector only. */
export function seal(key: WrappingKey, at: Place, plain: Buffer, random: (bytes: number) => Buffer = randomBytes): Buffer {
  const wrapping = key.versions.get(key.current)
  if (!wrapping) throw new TypeError('The current version of this key is not loaded.')
  if (plain.length === 0 || plain.length > LARGEST)
    throw new RangeError(`An envelope holds 1 to ${LARGEST} bytes, not ${plain.length}.`)
  const [wrapNonce, dataKey, dataNonce] = [random(NONCE), random(32), random(NONCE)]
  const wrapped = encrypt(wrapping, wrapNonce, wrapAad(at.tenant, key.current), dataKey)
  const sealed = encrypt(dataKey, dataNonce, dataAad(at), plain)
  dataKey.fill(0)
  return Buffer.concat([Buffer.of(FORMAT, AES_256_GCM), version32(key.current), wrapNonce, wrapped, dataNonce, sealed])
}

export function open(key: WrappingKey, at: Place, envelope: Buffer): Buffer {
  if (envelope[0] !== FORMAT || envelope[1] !== AES_256_GCM) throw new EnvelopeError('unknown')
  if (envelope.length <= DATA + TAG || envelope.length > DATA + LARGEST + TAG) throw new EnvelopeError('broken')
  const version = envelope.readUInt32BE(2)
  const wrapping = key.versions.get(version)
  if (!wrapping) throw new EnvelopeError('unknown')
  const dataKey = decrypt(
    wrapping,
    envelope.subarray(6, 6 + NONCE),
    wrapAad(at.tenant, version),
    envelope.subarray(18, 18 + WRAPPED),
  )
  try {
    return decrypt(dataKey, envelope.subarray(66, DATA), dataAad(at), envelope.subarray(DATA))
  } finally {
    dataKey.fill(0)
  }
}

/** What stands in front of the data: all that a rewrap touches. */
export const WRAP_BYTES = DATA - NONCE

/** Which version of its key an envelope, or the first bytes of one, asks for. */
export function envelopeVersion(head: Buffer): number {
  if (head[0] !== FORMAT || head[1] !== AES_256_GCM) throw new EnvelopeError('unknown')
  return head.readUInt32BE(2)
}

/** The first WRAP_BYTES of an envelope with its data key under the current version. The data is neither needed nor opened (P126). */
export function rewrap(key: WrappingKey, tenant: string, head: Buffer): Buffer {
  const version = envelopeVersion(head)
  const [older, current] = [key.versions.get(version), key.versions.get(key.current)]
  if (!older || !current) throw new EnvelopeError('unknown')
  const dataKey = decrypt(older, head.subarray(6, 6 + NONCE), wrapAad(tenant, version), head.subarray(18, WRAP_BYTES))
  const nonce = randomBytes(NONCE)
  const wrapped = encrypt(current, nonce, wrapAad(tenant, key.current), dataKey)
  dataKey.fill(0)
  return Buffer.concat([Buffer.of(FORMAT, AES_256_GCM), version32(key.current), nonce, wrapped])
}

export function sealText(key: WrappingKey, at: Place, text: string): Buffer {
  const plain = Buffer.from(text, 'utf8')
  try {
    return seal(key, at, plain)
  } finally {
    plain.fill(0)
  }
}

export function openText(key: WrappingKey, at: Place, envelope: Buffer): string {
  const plain = open(key, at, envelope)
  try {
    return plain.toString('utf8')
  } finally {
    plain.fill(0)
  }
}

// A tenant's or subject's key under its parent: format 01 ‖ parent version ‖ nonce ‖ 32 + tag. Who it belongs to is bound in.
const keyAad = (owner: string, version: number): Buffer =>
  Buffer.concat([Buffer.from('countersign/key/v1\0'), Buffer.from(owner, 'ascii'), Buffer.of(0), version32(version)])

/** `owner` is the tenant's wire id, followed for a subject key by `/` and the subject. */
export function wrapKey(parent: WrappingKey, owner: string, version: number, key: Buffer): Buffer {
  const wrapping = parent.versions.get(parent.current)
  if (!wrapping || key.length !== 32) throw new TypeError('A key of 32 bytes is wrapped by a loaded parent.')
  const nonce = randomBytes(NONCE)
  return Buffer.concat([
    Buffer.of(FORMAT),
    version32(parent.current),
    nonce,
    encrypt(wrapping, nonce, keyAad(owner, version), key),
  ])
}

export function unwrapKey(parent: WrappingKey, owner: string, version: number, wrapped: Buffer): Buffer {
  if (wrapped[0] !== FORMAT) throw new EnvelopeError('unknown')
  if (wrapped.length !== 5 + NONCE + WRAPPED) throw new EnvelopeError('broken')
  const wrapping = parent.versions.get(wrapped.readUInt32BE(1))
  if (!wrapping) throw new EnvelopeError('unknown')
  return decrypt(wrapping, wrapped.subarray(5, 5 + NONCE), keyAad(owner, version), wrapped.subarray(5 + NONCE))
}

/** Which version of its parent a wrapped key asks for. */
export function parentVersion(wrapped: Buffer): number {
  if (wrapped[0] !== FORMAT) throw new EnvelopeError('unknown')
  return wrapped.readUInt32BE(1)
}
