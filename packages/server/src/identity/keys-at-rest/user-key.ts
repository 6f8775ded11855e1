// The key of a user, under the root itself: what belongs to a person in every tenant, such as a TOTP secret, is sealed under it (P124).
// Never held in memory between transactions, and never made anew for a user whose key was destroyed.
import { Problem } from '@countersign/sdk'
import type { WrappingKey } from '../../crypto/seal.ts'
import type { Scope, Tx } from '../../db/tx.ts'
import { type KeyHouse, makeKey, unwrapRows } from './outside.ts'
import { destroyUserKeys, findUserKeys, insertUserKeyIfNone } from './root/sql.ts'

/** Whose a user's key is, in what binds its wrap. */
export const userOwner = (userId: string): string => `user/${userId}`

/** Version 1 is made on first use; `content_erased` once it was destroyed. */
export async function userKey(house: KeyHouse, t: Tx, userId: string): Promise<WrappingKey> {
  let rows = await findUserKeys(t, userId)
  if (rows.length === 0) {
    const { key: _, ...row } = await makeKey(house, userOwner(userId), 1)
    await insertUserKeyIfNone(t, { user_id: userId, version: 1, ...row })
    rows = await findUserKeys(t, userId)
  }
  const alive = rows.flatMap((row) => (row.wrapped ? [{ version: row.version, wrapped: row.wrapped }] : []))
  if (alive.length === 0) throw new Problem('content_erased')
  const versions = await unwrapRows(house, userOwner(userId), alive)
  return { current: Math.max(...versions.keys()), versions }
}

/** All that the user's key sealed is unreadable from the commit on (P128). False: there was nothing left to destroy. */
export const destroyUserKey = async (t: Tx, scope: Scope, userId: string): Promise<boolean> =>
  (await destroyUserKeys(t, scope, userId)) > 0
