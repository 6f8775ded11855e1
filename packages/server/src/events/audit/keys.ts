// The keys that sign checkpoints and receipts (P125, T156), and what the relay says of a caller (relay.md R14): derived from the root, never stored; their public halves are kept for ever, so that what was
// signed yesterday verifies when the root key of yesterday is gone.
import { Problem } from '@countersign/sdk'
import { ed25519PublicKey, verifierKey } from '../../crypto/ed25519.ts'
import { sha256Hex } from '../../crypto/token.ts'
import { systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import type { AuditHouse } from './house.ts'
import { listSigningKeys, putSigningKey, type SigningPurpose } from './sql.ts'

type KeyHouse = Pick<AuditHouse, 'db' | 'keyring'>
export type SigningKey = { seed: Buffer; publicKey: Buffer; version: number; kid: string }
export type PublishedKey = { kid: string; version: number; public_key: Buffer; created_at: Date; retired_at: Date | null }

export const kidOf = (purpose: SigningPurpose, publicKey: Buffer): string => `${purpose}-${sha256Hex(publicKey).slice(0, 16)}`

const published = new WeakMap<KeyHouse['keyring'], Set<string>>()

/** The key that signs now. What it signs can be verified from the commit on: its public half is written in the same transaction. */
export async function signingKey({ keyring }: Pick<KeyHouse, 'keyring'>, t: Tx, purpose: SigningPurpose): Promise<SigningKey> {
  const seed = keyring.purpose(purpose)
  const publicKey = ed25519PublicKey(seed)
  const key = { seed, publicKey, version: keyring.current, kid: kidOf(purpose, publicKey) }
  const known = published.get(keyring) ?? new Set<string>()
  published.set(keyring, known)
  if (!known.has(key.kid)) {
    await putSigningKey(t, { purpose, version: key.version, public_key: publicKey })
    t.afterCommit(() => known.add(key.kid))
  }
  return key
}

/** Every key that signed, and the one that signs next, oldest first. */
export async function publishedKeys(house: KeyHouse, purpose: SigningPurpose): Promise<PublishedKey[]> {
  const scope = systemScope('keys')
  const rows = await tx(house.db, scope, async (t) => {
    await signingKey(house, t, purpose)
    return listSigningKeys(t, purpose)
  }).catch((error: unknown) => {
    // Nothing is signed while the database takes no writes: those that did sign are all that there is.
    if (error instanceof Problem && error.code === 'read_only')
      return tx(house.db, scope, (t) => listSigningKeys(t, purpose), { readOnly: true })
    throw error
  })
  return rows.map(({ version, public_key, created_at, retired_at }) => ({
    kid: kidOf(purpose, public_key),
    version,
    public_key,
    created_at,
    retired_at,
  }))
}

/** How a C2SP verifier writes the keys of one log. */
export const verifierKeys = (origin: string, keys: readonly Pick<PublishedKey, 'public_key'>[]): string[] =>
  keys.map((key) => verifierKey(origin, key.public_key))
