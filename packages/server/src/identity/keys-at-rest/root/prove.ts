// What a key ring proves and tells when it is read: the probe, the public halves, the derived keys that outlive their version. Keeps nothing by itself.
import { KeyRefused, type Keyring, type Root } from '../../../crypto/keyring.ts'
import { signingKeyOf } from '../../../crypto/keyring-signing.ts'
import type { RootSource } from '../../../crypto/keyring-source.ts'
import { randomBytes } from '../../../crypto/token.ts'
import type { Tx } from '../../../db/tx.ts'
import type { Log } from '../../../std/log.ts'
import { SIGNING } from './purposes.ts'
import { insertVerificationKey, type KeptRow } from './sql.ts'

/** Whose the wrapped secret of a KMS version is, in the context that the KMS is told. */
export const INSTALLATION = 'installation'

/** Derived keys of versions that are gone, for who still depends on them. */
export async function openKept(keyring: Keyring, rows: readonly KeptRow[], root: Root, log?: Log): Promise<Map<string, Buffer>> {
  const kept = new Map<string, Buffer>()
  for (const { purpose, version, wrapped } of rows) {
    if (root.versions.has(version)) continue
    try {
      kept.set(`${purpose}/v${version}`, await keyring.unwrapTenantKey(keptOwner(purpose), version, wrapped))
    } catch (error) {
      log?.error({ err: error, purpose, version }, 'a kept key does not open')
    }
  }
  return kept
}

export const keptOwner = (purpose: string): string => `kept/${purpose}`

/** The public halves, so that what a version signed verifies after it is gone. */
export async function publishKeys(t: Tx, keyring: Keyring, versions: readonly number[]): Promise<void> {
  for (const version of versions)
    for (const purpose of SIGNING)
      await insertVerificationKey(
        t,
        purpose,
        version,
        signingKeyOf(keyring.purpose(purpose, version), purpose, version).publicKey,
      )
}

/** Boot wraps and unwraps a probe (P123). */
export async function prove(keyring: Keyring): Promise<void> {
  const probe = randomBytes(32)
  try {
    const wrapped = await keyring.wrapTenantKey('probe', 1, probe)
    if ((await keyring.unwrapTenantKey('probe', 1, wrapped)).equals(probe)) return
  } catch (error) {
    throw new KeyRefused(`The root key does not wrap and unwrap a probe. ${(error as Error).cause ?? error}`, { cause: error })
  }
  throw new KeyRefused('The root key unwraps a probe to something else than was wrapped.')
}

export async function ask<T>(source: RootSource, question: () => Promise<T>): Promise<T> {
  try {
    return await question()
  } catch (error) {
    throw new KeyRefused(`${source.name} cannot be asked: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}
