// Ed25519 (RFC 8032) from 32-byte seeds, and the two things that we sign with it: notes of C2SP and compact JWS (RFC 7515, RFC 8037).
// The algorithm is fixed by the code that verifies, never by what a token says of itself. Holds no key longer than
// whoever has its seed.
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
} from 'node:crypto'

// The DER around the 32 bytes of a private and of a public key.
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

// To read a key costs more than to sign with it.
const read = new WeakMap<Buffer, { secret: KeyObject; public: Buffer }>()
function pairOf(seed: Buffer): { secret: KeyObject; public: Buffer } {
  const known = read.get(seed)
  if (known) return known
  const secret = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
  const spki = createPublicKey(secret).export({ format: 'der', type: 'spki' })
  const pair = { secret, public: spki.subarray(SPKI.length) }
  read.set(seed, pair)
  return pair
}
const publicOf = (raw: Buffer): KeyObject => createPublicKey({ key: Buffer.concat([SPKI, raw]), format: 'der', type: 'spki' })

/** The 32 bytes of the public key. */
export const ed25519PublicKey = (seed: Buffer): Buffer => pairOf(seed).public

export const ed25519Sign = (seed: Buffer, message: string | Buffer): Buffer =>
  nodeSign(null, Buffer.from(message), pairOf(seed).secret)

export const ed25519Verify = (publicKey: Buffer, message: string | Buffer, signature: Buffer): boolean =>
  publicKey.length === 32 && signature.length === 64 && nodeVerify(null, Buffer.from(message), publicOf(publicKey), signature)

// C2SP signed-note: text, an empty line, and a line for each signature: "— <name> <base64(key id ‖ signature)>".
const ALGORITHM = Buffer.of(1)
const VERIFIER = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/
const SIGNATURE = /^— ([^\s+]+) ([A-Za-z0-9+/=]+)$/

export type Verifier = { name: string; id: Buffer; key: Buffer }
export type Note = {
  origin: string
  size: number
  root: Buffer
  text: string
  signatures: { name: string; id: Buffer; signature: Buffer }[]
}

const keyId = (name: string, key: Buffer): Buffer =>
  createHash('sha256').update(`${name}\n`).update(ALGORITHM).update(key).digest().subarray(0, 4)

/** How a verifier's key is written: `<name>+<8 hex>+<base64>`. */
export const verifierKey = (name: string, key: Buffer): string =>
  `${name}+${keyId(name, key).toString('hex')}+${Buffer.concat([ALGORITHM, key]).toString('base64')}`

/** Null: not the key of an Ed25519 verifier. */
export function parseVerifier(text: string): Verifier | null {
  const [, name, id, encoded] = VERIFIER.exec(text.trim()) ?? []
  if (!name || !id || !encoded) return null
  const bytes = Buffer.from(encoded, 'base64')
  const key = bytes.subarray(1)
  if (bytes[0] !== 1 || key.length !== 32 || keyId(name, key).toString('hex') !== id) return null
  return { name, id: keyId(name, key), key }
}

/** A checkpoint of a log as a signed note; the name of the key is the origin. */
export function signCheckpoint(seed: Buffer, { origin, size, root }: { origin: string; size: number; root: Buffer }): string {
  const text = `${origin}\n${size}\n${root.toString('base64')}\n`
  const signed = Buffer.concat([keyId(origin, ed25519PublicKey(seed)), ed25519Sign(seed, text)])
  return `${text}\n— ${origin} ${signed.toString('base64')}\n`
}

/** Null: no note of a checkpoint. Says nothing of its signatures. */
export function parseCheckpoint(note: string): Note | null {
  const [text, tail] = note.split('\n\n')
  const [origin, size, root, ...rest] = (text ?? '').split('\n')
  const lines = (tail ?? '').split('\n').filter((line) => line !== '')
  if (!origin || !size || !root || rest.length > 0 || lines.length === 0 || !/^(0|[1-9]\d{0,14})$/.test(size)) return null
  const hash = Buffer.from(root, 'base64')
  if (hash.length !== 32 || hash.toString('base64') !== root) return null
  const signatures = lines.map((line) => {
    const [, name = '', encoded = ''] = SIGNATURE.exec(line) ?? []
    const bytes = Buffer.from(encoded, 'base64')
    return { name, id: bytes.subarray(0, 4), signature: bytes.subarray(4) }
  })
  return { origin, size: Number(size), root: hash, text: `${text}\n`, signatures }
}

/** One of these verifiers, whose name is the note's origin, signed it. */
export const isSignedBy = (note: Note, verifiers: readonly Verifier[]): boolean =>
  note.signatures.some(({ name, id, signature }) =>
    verifiers.some(
      (one) => one.name === name && name === note.origin && one.id.equals(id) && ed25519Verify(one.key, note.text, signature),
    ),
  )

// Compact JWS with EdDSA and nothing else.
export type JwsHeader = { alg: string; typ: string; kid: string }

export function signJws(seed: Buffer, header: { typ: string; kid: string }, payload: string): string {
  const encode = (text: string) => Buffer.from(text).toString('base64url')
  const signing = `${encode(JSON.stringify({ alg: 'EdDSA', ...header }))}.${encode(payload)}`
  return `${signing}.${ed25519Sign(seed, signing).toString('base64url')}`
}

export type Jws = { header: JwsHeader; payload: string; verify(publicKey: Buffer): boolean }

const PART = /^[A-Za-z0-9_-]+$/

/** Null: not a compact JWS of EdDSA. Each part must be the one spelling of its bytes, so that no bit of the text is without meaning. */
export function parseJws(token: string): Jws | null {
  const parts = token.trim().split('.')
  const [header = '', payload = '', signature = ''] = parts
  const bytes = [header, payload, signature].map((part) => Buffer.from(part, 'base64url'))
  if (parts.length !== 3 || parts.some((part, i) => !PART.test(part) || bytes[i]?.toString('base64url') !== part)) return null
  let read: unknown
  try {
    read = JSON.parse((bytes[0] as Buffer).toString('utf8'))
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
  const { alg, typ, kid } = (read ?? {}) as Partial<JwsHeader>
  if (alg !== 'EdDSA' || typeof typ !== 'string' || typeof kid !== 'string') return null
  return {
    header: { alg, typ, kid },
    payload: (bytes[1] as Buffer).toString('utf8'),
    verify: (publicKey) => ed25519Verify(publicKey, `${header}.${payload}`, bytes[2] as Buffer),
  }
}
