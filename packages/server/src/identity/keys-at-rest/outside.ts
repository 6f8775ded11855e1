// Wrapping and unwrapping under the root from within a transaction. Where a KMS has to be asked, the transaction is left first and begun again with the answer.
// Never holds a connection while it waits for a KMS; a source that is away reads `vault_sealed` (V64).
import { Problem } from '@countersign/sdk'
import { type Keyring, KeySourceAway, rootVersionOf } from '../../crypto/keyring.ts'
import { randomBytes } from '../../crypto/token.ts'
import { type Db, OutsideFirst } from '../../db/tx.ts'
import { storeOf } from './held.ts'

export type KeyHouse = { db: Db; keyring: Keyring }

export type WrappedRow = { version: number; wrapped: Buffer }
export type NewKey = { key: Buffer; wrapped: Buffer; root_version: number; root_fingerprint: string }

const RETRY_AFTER = 5

const sealed = (error: unknown): never => {
  if (!(error instanceof KeySourceAway)) throw error
  throw new Problem('vault_sealed', { retry_after: RETRY_AFTER }, { cause: error })
}

/** `owner`: the wire id of a tenant, or `user/<id>`. */
export async function unwrapRows(
  { db, keyring }: KeyHouse,
  owner: string,
  rows: readonly WrappedRow[],
): Promise<Map<number, Buffer>> {
  const { answers } = storeOf(db)
  const unwrap = ({ version, wrapped }: WrappedRow) => keyring.unwrapTenantKey(owner, version, wrapped).catch(sealed)
  const name = ({ version }: WrappedRow) => `${owner}/${version}`
  const missing = rows.filter((row) => keyring.isOutside(rootVersionOf(row.wrapped)) && !answers.has(name(row)))
  if (missing.length > 0)
    throw new OutsideFirst(async () => {
      for (const row of missing) answers.set(name(row), await unwrap(row))
    })
  const keys = new Map<number, Buffer>()
  for (const row of rows) {
    keys.set(row.version, answers.get(name(row)) ?? (await unwrap(row)))
    answers.delete(name(row))
  }
  return keys
}

/** A key for a row that is about to be inserted. */
export async function makeKey(house: KeyHouse, owner: string, version: number): Promise<NewKey> {
  const { db, keyring } = house
  if (!keyring.isOutside()) return newKey(house, owner, version)
  const { answers } = storeOf(db)
  const name = `${owner}/${version}/new`
  const answer = answers.get(name)
  if (!answer)
    throw new OutsideFirst(async () => {
      const { key, wrapped } = await newKey(house, owner, version)
      answers.set(name, Buffer.concat([key, wrapped]))
    })
  answers.delete(name)
  return described(keyring, answer.subarray(0, 32), answer.subarray(32))
}

async function newKey({ keyring }: KeyHouse, owner: string, version: number): Promise<NewKey> {
  const key = randomBytes(32)
  return described(keyring, key, await keyring.wrapTenantKey(owner, version, key).catch(sealed))
}

/** With the root version that the bytes name: it may have changed since they were asked for. */
export function described(keyring: Keyring, key: Buffer, wrapped: Buffer): NewKey {
  const root_version = rootVersionOf(wrapped)
  return { key, wrapped, root_version, root_fingerprint: keyring.fingerprint(root_version) }
}
