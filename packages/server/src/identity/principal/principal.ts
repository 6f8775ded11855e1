// Who a call comes from, whatever it was made with: what a terminal needs before it acts in the wrong tenant. Says nothing about anybody else, and no part of a key.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { tx } from '../../db/tx.ts'
import { tenantWire } from '../../std/id.ts'
import type { IdentityHouse } from '../house.ts'
import { findAgent, findTenant, findUser } from '../sql.ts'

type Principal = {
  tenant_id: string
  tenant_name: string
  tenant_state: string
  type: 'user' | 'agent' | 'key' | 'guest' | 'system'
  id: string
  name: string
  email: string | null
  role: string | null
  environment: 'live' | 'test' | null
  key_id: string | null
  scopes: string[] | null
  now: Date
}

export const whoAsks = (house: Pick<IdentityHouse, 'db'>, scope: Scope): Promise<Principal> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const tenant = await findTenant(t, scope)
      if (!tenant) throw new Problem('not_found')
      const { type, key_id: keyId } = scope.actor
      const user = type === 'user' ? await findUser(t, scope, scope.principal) : null
      const agent = type === 'agent' ? await findAgent(t, scope, scope.principal, { user: null, agent: scope.principal }) : null
      return {
        tenant_id: tenantWire(tenant.id),
        tenant_name: tenant.name,
        tenant_state: tenant.state,
        type,
        id: scope.principal,
        name: scope.displayName,
        email: user?.email ?? null,
        role: scope.role,
        environment: agent?.environment ?? null,
        key_id: keyId ?? null,
        scopes: scope.scopes === null ? null : [...scope.scopes],
        // By which the clock of whoever asks is judged.
        now: t.now,
      }
    },
    { readOnly: true },
  )
