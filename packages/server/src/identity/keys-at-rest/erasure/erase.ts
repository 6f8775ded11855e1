// Crypto-erasure (P128): a key is destroyed, and all that it sealed is unreadable from the commit on. The rows of destroyed keys stay, without the key.
// Never brings one back, and never makes a new one for what was erased.
import type { Scope, Tx } from '../../../db/tx.ts'
import { record } from '../../../events/event.ts'
import { destroySubjectKey } from '../tenant-key.ts'
import { destroyRetiredKeys, destroySubjectKeysOf, destroyTenantKeys } from './sql.ts'

/** `task:<id>`, `user:<id>`: one subject of a tenant. False: there was nothing left to destroy. */
export async function eraseSubject(t: Tx, scope: Scope, subject: string): Promise<boolean> {
  if (!(await destroySubjectKey(t, scope, subject))) return false
  await record(t, scope, 'keyring.destroyed', { subject }, { resource: { type: 'subject_key', id: subject } })
  return true
}

/** Everything that a tenant ever sealed. Answers how many keys are gone. */
export async function eraseTenant(t: Tx, scope: Scope): Promise<number> {
  const destroyed = (await destroyRetiredKeys(t, scope)) + (await destroyTenantKeys(t, scope))
  const subjects = await destroySubjectKeysOf(t, scope)
  if (destroyed + subjects > 0) await record(t, scope, 'keyring.destroyed', { tenant_keys: destroyed, subject_keys: subjects })
  return destroyed + subjects
}
