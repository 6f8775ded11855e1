// The part of a rewrap that asks the root: keys of tenants and users under its current version, and new versions of tenants' keys. A KMS is asked between
// transactions. Never overwrites a wrap that somebody else moved meanwhile.
import { type Keyring, rootVersionOf } from '../../../crypto/keyring.ts'
import { systemScope } from '../../../db/scope.ts'
import { type Scope, tx } from '../../../db/tx.ts'
import { tenantWire } from '../../../std/id.ts'
import { described, makeKey } from '../outside.ts'
import { keptOwner } from '../root/prove.ts'
import { KEPT } from '../root/purposes.ts'
import type { KeyringHouse } from '../root/root-key.ts'
import { listKept, listRootKeys, putKept } from '../root/sql.ts'
import { findTenantKeys, insertTenantKeyIfNone } from '../sql.ts'
import { userOwner } from '../user-key.ts'
import { newestTenantKey, nextUserWraps, putTenantWrap, putUserWrap } from './sql.ts'

const USERS = 200

/** The same key under the current root; who wraps asks the KMS of either side. */
async function underCurrent(keyring: Keyring, owner: string, version: number, wrapped: Buffer) {
  const key = await keyring.unwrapTenantKey(owner, version, wrapped)
  const { key: _, ...row } = described(keyring, key, await keyring.wrapTenantKey(owner, version, key))
  key.fill(0)
  return row
}

/** What stands under the root and belongs to no tenant: keys of users, and the derived keys that outlive their version. */
export async function rewrapInstallation({ db, keyring }: KeyringHouse): Promise<void> {
  const scope = systemScope('keyring')
  for (let after = ''; ; ) {
    const rows = await tx(db, scope, (t) => nextUserWraps(t, keyring.current, after, USERS), { readOnly: true })
    for (const { user_id, version, wrapped } of rows) {
      const next = await underCurrent(keyring, userOwner(user_id), version, wrapped)
      await tx(db, scope, (t) => putUserWrap(t, { user_id, version, old: wrapped, ...next }))
      after = `${user_id}/${version}`
    }
    if (rows.length < USERS) break
  }
  const { kept, roots } = await tx(db, scope, async (t) => ({ kept: await listKept(t), roots: await listRootKeys(t) }), {
    readOnly: true,
  })
  const older = roots.filter(
    ({ version, state }) => state !== 'destroyed' && version !== keyring.current && keyring.versions.includes(version),
  )
  for (const purpose of KEPT) {
    for (const version of new Set([
      ...older.map((row) => row.version),
      ...kept.filter((row) => row.purpose === purpose).map((row) => row.version),
    ])) {
      const known = kept.find((row) => row.purpose === purpose && row.version === version)
      if (known?.root_version === keyring.current) continue
      const wrapped = await keyring.wrapTenantKey(keptOwner(purpose), version, keyring.purpose(purpose, version))
      const { key: _, ...row } = described(keyring, Buffer.alloc(0), wrapped)
      await tx(db, scope, (t) => putKept(t, { purpose, version, ...row }))
    }
  }
}

/** Every version of a tenant's key under the current root and, where asked, a further version that opens and does not seal yet. */
export async function renewTenant(
  house: KeyringHouse,
  scope: Scope,
  { renew, since }: { renew: boolean; since: Date },
): Promise<void> {
  const { db, keyring } = house
  const owner = tenantWire(scope.tenantId)
  const rows = await tx(db, scope, (t) => findTenantKeys(t, scope), { readOnly: true })
  for (const { version, wrapped } of rows) {
    if (!wrapped || rootVersionOf(wrapped) === keyring.current) continue
    const next = await underCurrent(keyring, owner, version, wrapped)
    await tx(db, scope, (t) => putTenantWrap(t, scope, { version, old: wrapped, ...next }))
  }
  if (!renew || !rows.some((row) => row.wrapped)) return
  await tx(db, scope, async (t) => {
    const newest = await newestTenantKey(t, scope)
    // Made after the run began: by this run before it was killed, or by the first use of a new tenant.
    if (!newest || newest.created_at >= since) return
    const { key: _, ...row } = await makeKey(house, owner, newest.version + 1)
    await insertTenantKeyIfNone(t, scope, { ...row, version: newest.version + 1, state: 'accepted' })
  })
}
