// The root key in memory, and what is derived from it (P123–P126). It changes while it is in use: versions come, one of them seals, every one opens.
// Never prints a key, never uses the root itself as a cipher key, never goes on opening under a version whose source is away.
import { hkdfSync } from 'node:crypto'
import type { Kms } from './keyring-kms.ts'
import { unwrapKey, type WrappingKey, wrapKey } from './seal.ts'
import { hmacSha256 } from './token.ts'

/** One key per purpose; none serves two (P125). `wrap` is the key that wraps tenant keys. */
export type Purpose =
  | 'cursor'
  | 'unsubscribe'
  | 'mail-link'
  | 'pepper'
  | 'bucket'
  | 'audit-sign'
  | 'webhook-ed25519'
  | 'receipt'
  | 'relay-sign'
  | 'reply'
  | 'backup'
  | 'form'
  | 'proof'
  | 'wrap'

export type Keyring = {
  /** The fingerprint of the first version: names this installation, whatever is rotated. */
  readonly installation: string
  /** The version that seals and signs; every version opens and verifies. */
  readonly current: number
  readonly versions: readonly number[]
  purpose(name: Purpose, version?: number): Buffer
  /** 8 hex that tell two keys apart and say nothing about either. */
  fingerprint(version?: number): string
  /** True: wrapping and unwrapping under this version asks a KMS, which nobody does within a transaction. */
  isOutside(version?: number): boolean
  /** Under the current version; `rootVersionOf` reads which that was. `owner` is the wire id of a tenant, or `user/` and one of a user. */
  wrapTenantKey(owner: string, version: number, key: Buffer): Promise<Buffer>
  /** Throws KeySourceAway while the source of its version does not answer. */
  unwrapTenantKey(owner: string, version: number, wrapped: Buffer): Promise<Buffer>
}

export type Root = WrappingKey & {
  /** Versions whose wraps a KMS makes. */
  readonly kms?: ReadonlyMap<number, Kms>
  /** Versions whose source did not answer when it was last asked. */
  readonly away?: ReadonlySet<number>
  /** Kept when the first version is gone. */
  readonly installation?: string
  /** Derived keys that outlive their version, by `<purpose>/v<version>`. */
  readonly kept?: ReadonlyMap<string, Buffer>
}

/** What main holds: rooms see a Keyring, which always answers by the latest root that was put in. */
export type LiveKeyring = Keyring & { put(root: Root): void }

/** Why a root key is refused, as a sentence; the process ends with exit code 78 (`key.root`). */
export class KeyRefused extends Error {
  readonly code = 'key.root'
  constructor(sentence: string, options?: { cause?: unknown }) {
    super(sentence, options)
    this.name = 'KeyRefused'
  }
}

/** The source of a version cannot be asked now; nothing is wrong with what it wrapped. */
export class KeySourceAway extends Error {
  readonly version: number
  constructor(version: number, cause?: unknown) {
    super(`The source of version ${version} of the root key does not answer.`, { cause })
    this.name = 'KeySourceAway'
    this.version = version
  }
}

// Wrapped by a KMS: 02 ‖ version of the root ‖ what the KMS answered. Format 01 is that of seal.ts.
const BY_KMS = 2
const HEAD = 5

/** The version of the root key that a wrap asks for. */
export const rootVersionOf = (wrapped: Buffer): number => wrapped.readUInt32BE(1)

export function makeKeyring(first: Root): LiveKeyring {
  let root = first
  const derived = new Map<string, Buffer>()

  const secretOf = (version: number): Buffer => {
    const secret = root.versions.get(version)
    if (!secret) throw new RangeError(`Version ${version} of the root key is not here.`)
    return secret
  }
  const purpose = (name: Purpose, version = root.current): Buffer => {
    const info = `${name}/v${version}`
    const known = root.kept?.get(info) ?? derived.get(info)
    if (known) return known
    const key = Buffer.from(hkdfSync('sha256', secretOf(version), 'countersign/v1', info, 32))
    derived.set(info, key)
    return key
  }
  // HKDF's input key must not be a cipher key as well, so tenant keys are wrapped by a derived one (ADR 0004).
  const wrapping = (version: number): WrappingKey => ({
    current: version,
    versions: new Map([...root.versions.keys()].map((one) => [one, purpose('wrap', one)])),
  })

  async function wrapTenantKey(owner: string, version: number, key: Buffer): Promise<Buffer> {
    const { current } = root
    const kms = root.kms?.get(current)
    if (!kms) {
      if (root.away?.has(current)) throw new KeySourceAway(current)
      return wrapKey(wrapping(current), owner, version, key)
    }
    const head = Buffer.alloc(HEAD)
    head[0] = BY_KMS
    head.writeUInt32BE(current, 1)
    return Buffer.concat([head, await asked(current, kms.wrap(key, { tenant: owner, version }))])
  }

  async function unwrapTenantKey(owner: string, version: number, wrapped: Buffer): Promise<Buffer> {
    const under = rootVersionOf(wrapped)
    const kms = wrapped[0] === BY_KMS ? root.kms?.get(under) : undefined
    if (kms) return asked(under, kms.unwrap(wrapped.subarray(HEAD), { tenant: owner, version }))
    if (root.away?.has(under)) throw new KeySourceAway(under)
    return unwrapKey(wrapping(under), owner, version, wrapped)
  }

  return {
    get installation() {
      return root.installation ?? fingerprintOf(secretOf(Math.min(...root.versions.keys())))
    },
    get current() {
      return root.current
    },
    get versions() {
      return [...root.versions.keys()]
    },
    purpose,
    fingerprint: (version = root.current) => fingerprintOf(secretOf(version)),
    isOutside: (version = root.current) => root.kms?.has(version) ?? false,
    wrapTenantKey,
    unwrapTenantKey,
    put(next) {
      for (const [info, key] of derived)
        if (![...next.versions.keys()].some((version) => info.endsWith(`/v${version}`))) {
          key.fill(0)
          derived.delete(info)
        }
      root = next
    },
  }
}

const asked = (version: number, answer: Promise<Buffer>): Promise<Buffer> =>
  answer.catch((error: unknown) => {
    throw new KeySourceAway(version, error)
  })

export const fingerprintOf = (secret: Buffer): string =>
  hmacSha256(secret, 'countersign/fingerprint/v1').toString('hex').slice(0, 8)

/** What a log shows in place of an e-mail (P132): the same person the same text, to this installation only. */
export const pseudonymOf =
  (keyring: Keyring) =>
  (email: string): string =>
    `u:${hmacSha256(keyring.purpose('bucket'), email.toLowerCase()).toString('hex').slice(0, 8)}`
