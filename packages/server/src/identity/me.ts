// What a signed-in person is told about themselves: who they are, where, and how far each action reaches for them.
// Never decides anything: the server asks the matrix again at every request.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { tenantWire } from '../std/id.ts'
import type { IdentityHouse } from './house.ts'
import { ACTIONS, type Action, type Reach, reach } from './matrix.ts'
import { findTenant, findUser, type User } from './sql.ts'

export type Me = User & { tenant_id: string; tenant_name: string; session_id: string | null; may: Partial<Record<Action, Reach>> }

/** Actions without any reach are left out. */
const mayOf = (scope: Scope): Me['may'] =>
  Object.fromEntries(ACTIONS.map((action) => [action, reach(scope, action)]).filter(([, how]) => how !== 'none'))

export const getMe = (house: IdentityHouse, scope: Scope): Promise<Me> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const user = await findUser(t, scope, scope.userId ?? '')
      const tenant = await findTenant(t, scope)
      if (!user || !tenant) throw new Problem('not_found')
      const where = { tenant_id: tenantWire(tenant.id), tenant_name: tenant.name, session_id: scope.actor.session_id ?? null }
      return { ...user, ...where, may: mayOf(scope) }
    },
    { readOnly: true },
  )
