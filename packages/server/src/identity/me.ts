// What a signed-in person is told about themselves: who they are, where, and how far each action reaches for them.
// Never decides anything: the server asks the matrix again at every request.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { tenantWire } from '../std/id.ts'
import type { IdentityHouse } from './house.ts'
import { reachesShared, SHARED_ACTIONS } from './installation.ts'
import { ACTIONS, type Action, type Reach, reach } from './matrix.ts'
import { findTenant, findUser, type User } from './sql.ts'
import { findName } from './tenants/sql.ts'

export type Me = User & {
  tenant_id: string
  tenant_name: string
  tenant_state: string
  session_id: string | null
  /** The door through which a host sees this tenant; null for everybody who belongs here. */
  break_glass: { id: string; ends_at: Date } | null
  may: Partial<Record<Action, Reach>>
  dev?: true
}

/** Actions without any reach are left out, and those on what all tenants share where they are for others. */
async function mayOf(t: Tx, scope: Scope): Promise<Me['may']> {
  const shares = await reachesShared(t, scope)
  const open = ACTIONS.filter((action) => shares || !SHARED_ACTIONS.includes(action))
  return Object.fromEntries(open.map((action) => [action, reach(scope, action)]).filter(([, how]) => how !== 'none'))
}

export const getMe = (house: IdentityHouse, scope: Scope): Promise<Me> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const user = scope.breakGlass ? await visitor(t, scope) : await findUser(t, scope, scope.userId ?? '')
      const tenant = await findTenant(t, scope)
      if (!user || !tenant) throw new Problem('not_found')
      const door = scope.breakGlass ? { id: scope.breakGlass.id, ends_at: scope.breakGlass.endsAt } : null
      return {
        ...user,
        tenant_id: tenantWire(tenant.id),
        tenant_name: tenant.name,
        tenant_state: tenant.state,
        session_id: scope.actor.session_id ?? null,
        break_glass: door,
        may: await mayOf(t, scope),
        ...(house.hasDesk ? { dev: true as const } : {}),
      }
    },
    { readOnly: true },
  )

/** A host who reads here belongs to no list of users; the least of roles is what such a session comes closest to. */
async function visitor(t: Tx, scope: Scope): Promise<User | null> {
  const name = await findName(t, scope.userId ?? '')
  return name && { id: scope.userId as string, ...name, role: 'viewer', state: 'active', is_host: true }
}
