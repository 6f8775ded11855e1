// People of several tenants (P20): where one could act, and the switch. A switch is a session in the other tenant under another token; the one before ends.
// Never lengthens a session, never acts in two tenants at once, and answers for a tenant that is not one's own as for one that never was (P9).
import { Problem } from '@countersign/sdk'
import type { Role, Scope } from '../../db/scope.ts'
import { systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { tenantUuid, tenantWire } from '../../std/id.ts'
import type { IdentityHouse } from '../house.ts'
import { endSession, moveSession, type SessionCookie } from '../session.ts'
import { findOwnSession, listMemberships, listRequests, markChosen, type TenantState } from './sql.ts'

/** `role` null: a tenant that break-glass opened for this host, until `break_glass_ends_at`. */
export type Membership = {
  tenant_id: string
  name: string
  state: TenantState
  role: Role | null
  current: boolean
  break_glass_id: string | null
  break_glass_ends_at: Date | null
}

export const listMyTenants = (house: IdentityHouse, scope: Scope): Promise<Membership[]> =>
  tx(house.db, scope, (t) => membershipsOf(t, scope), { readOnly: true })

async function membershipsOf(t: Tx, scope: Scope): Promise<Membership[]> {
  const own = (await listMemberships(t, scope.userId ?? '')).map((row) => ({
    ...row,
    uuid: row.tenant_id,
    break_glass_id: null,
    break_glass_ends_at: null,
  }))
  const doors = scope.isHost ? await openDoors(t, scope) : []
  return [...own, ...doors].map(({ uuid, ...one }) => ({
    ...one,
    tenant_id: tenantWire(uuid),
    current: uuid === scope.tenantId && (one.break_glass_id ?? null) === (scope.breakGlass?.id ?? null),
  }))
}

const NEWEST = 200

async function openDoors(t: Tx, scope: Scope) {
  const requests = await listRequests(t, { before: null, only: null, limit: NEWEST })
  return requests
    .filter((one) => one.host_id === scope.userId && one.state === 'open' && (one.ends_at as Date) > t.now)
    .map((one) => ({
      uuid: one.tenant_id,
      tenant_id: one.tenant_id,
      name: one.tenant_name,
      state: 'active' as TenantState,
      role: null,
      break_glass_id: one.id,
      break_glass_ends_at: one.ends_at,
    }))
}

/** Answers null where one is there already. The new session is made first: if the process dies in between, the old one still stands. */
export async function switchTenant(
  house: IdentityHouse,
  scope: Scope,
  wanted: string,
): Promise<{ chosen: Membership; cookie: SessionCookie | null }> {
  const uuid = tenantUuid(wanted)
  const sessionId = scope.actor.session_id
  if (!sessionId) throw new Problem('unauthenticated')
  const { chosen, from } = await tx(
    house.db,
    scope,
    async (t) => ({
      chosen: (await membershipsOf(t, scope)).find((one) => one.tenant_id === wanted),
      from: await findOwnSession(t, scope, sessionId),
    }),
    { readOnly: true },
  )
  if (!uuid || !chosen) throw new Problem('not_found')
  if (!from) throw new Problem('session_ended')
  if (chosen.current) return { chosen, cookie: null }
  const { started_at: startedAt, step_up_at: stepUpAt, ...rest } = from
  const moving = { ...rest, userId: scope.userId as string, startedAt, stepUpAt, breakGlassId: chosen.break_glass_id }
  const there = { ...systemScope('switch', uuid), requestId: scope.requestId }
  const cookie = await tx(house.db, there, async (t) => {
    if (chosen.role) await markChosen(t, there, scope.userId as string)
    return moveSession(t, there, moving)
  })
  // Through break-glass nothing is written here, so the end of that session is the system's to write.
  const here: Scope = { ...systemScope('switch', scope.tenantId), principal: scope.principal, actor: scope.actor }
  await tx(house.db, here, (t) => endSession(t, here, sessionId, 'switched'))
  return { chosen: { ...chosen, current: true }, cookie }
}
