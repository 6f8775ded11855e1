// The Ed25519 keys of the installation for rooms that sign: audit, receipts, webhooks (P125, P126). The one that signs now, and all that verify.
// Never hands out a private key, and never forgets a public one: what a destroyed version signed still verifies.
import type { Keyring } from '../../crypto/keyring.ts'
import { type SigningKey, signingKeyOf, verifyEd25519 } from '../../crypto/keyring-signing.ts'
import { systemScope } from '../../db/scope.ts'
import { type Db, tx } from '../../db/tx.ts'
import type { SigningPurpose } from './root/purposes.ts'
import { listVerificationKeys } from './root/sql.ts'

export type { SigningKey } from '../../crypto/keyring-signing.ts'
export type { SigningPurpose } from './root/purposes.ts'

export type VerificationKey = {
  /** As signatures name it: `<purpose>/v<version>`. */
  id: string
  version: number
  publicKey: Buffer
  /** current signs; next will; published: replaced less than 30 days ago; kept: only for what is old. */
  state: 'current' | 'next' | 'published' | 'kept'
}

const PUBLISHED_MS = 30 * 24 * 3_600_000

/** Signs with the current version of the root key; cheap, and right across a rotation when it is asked anew for each signature. */
export const signingKey = (keyring: Keyring, purpose: SigningPurpose): SigningKey =>
  signingKeyOf(keyring.purpose(purpose), purpose, keyring.current)

/** Every key that may have signed, newest first. Rooms that publish keys leave out the `kept` ones. */
export async function signingKeys(house: { db: Db; keyring: Keyring }, purpose: SigningPurpose): Promise<VerificationKey[]> {
  const { rows, now } = await tx(
    house.db,
    systemScope('signing-keys'),
    async (t) => ({ rows: await listVerificationKeys(t, purpose), now: t.now }),
    { readOnly: true },
  )
  return rows.map(({ version, public_key, state, replaced_at }) => ({
    id: `${purpose}/v${version}`,
    version,
    publicKey: public_key,
    state:
      state === 'current'
        ? 'current'
        : replaced_at === null && state === 'accepted'
          ? 'next'
          : replaced_at && now.getTime() - replaced_at.getTime() < PUBLISHED_MS
            ? 'published'
            : 'kept',
  }))
}

/** True for a signature of these bytes by the key of that id. */
export async function verifySignature(
  house: { db: Db; keyring: Keyring },
  purpose: SigningPurpose,
  signed: { id: string; bytes: Buffer; signature: Buffer },
): Promise<boolean> {
  const key = (await signingKeys(house, purpose)).find(({ id }) => id === signed.id)
  return key !== undefined && verifyEd25519(key.publicKey, signed.bytes, signed.signature)
}
