// The scope of somebody who asked for something a while ago, as it is now: for what the system does in their name once others have agreed. The credential by
// which it was asked still has to count, and still has to reach what was asked; a session need not live any more, but its user's place here.
import { Problem } from '@countersign/sdk'
import type { Role, Scope } from '../db/scope.ts'
import type { Tx } from '../db/tx.ts'
import { keyScope, refuseKey } from './authenticate.ts'
import { isAction, reach } from './matrix.ts'
import { findKeyInUse, findRole } from './policies/sql.ts'

export type Asker = { principal: string; userId: string | null; keyId: string | null; action: string }

export async function askerScope(t: Tx, system: Scope, asker: Asker): Promise<Scope | Problem> {
  const scope = asker.keyId === null ? await personScope(t, system, asker) : await scopeByKey(t, system, asker.keyId)
  if (scope instanceof Problem) return scope
  if (scope.principal !== asker.principal)
    return new Problem('forbidden', { detail: 'This credential is somebody else’s by now.' })
  if (isAction(asker.action) && reach(scope, asker.action) === 'none') return new Problem('forbidden', { action: asker.action })
  return scope
}

async function scopeByKey(t: Tx, system: Scope, keyId: string): Promise<Scope | Problem> {
  const key = await findKeyInUse(t, system, keyId)
  return key ? (refuseKey(key) ?? keyScope(key, null)) : new Problem('key_revoked')
}

async function personScope(t: Tx, system: Scope, { principal, userId }: Asker): Promise<Scope | Problem> {
  const role = userId === principal ? await findRole(t, system, userId) : null
  if (!role) return new Problem('forbidden', { detail: 'Whoever asked is not of this tenant any more.' })
  return {
    ...system,
    principal,
    actor: { type: 'user', id: principal },
    role: role.role as Role,
    isHost: role.is_host,
    userId,
    displayName: principal,
  }
}
