// The life of a tenant (P11): a host makes and suspends it, its owner settles, hands over and closes it, and thirty days later it is erased.
// A host changes its state and name-plate only: nothing here reads what lives in the tenant, and nothing brings an erased one back.
import { enqueueMany } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { type Scope, systemScope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { type EventData, record } from '../../events/event.ts'
import type { EventType } from '../../events/types.ts'
import type { AskLimits } from '../../http/route.ts'
import { newTenantUuid, tenantUuid, tenantWire } from '../../std/id.ts'
import type { IdentityHouse } from '../house.ts'
import { inviteIn, type MadeInvitation } from '../invitation.ts'
import { replaceTokensOf } from '../session.ts'
import { findMembership, insertRole, insertTenant, lockOwnersAnd, setRole } from '../sql.ts'
import {
  destroyAllSubjectKeys,
  destroyTenantKeys,
  endAllSessions,
  findSettings,
  listTenants,
  revokeAllKeys,
  type Settings,
  setStateIf,
  type TenantRow,
  type TenantState,
  updateSettings,
} from './sql.ts'

const CLOSING_DAYS = 30
const CLOSING_MS = CLOSING_DAYS * 86_400_000
/** Workers look again whose jobs wait. */
export const STATES_TOPIC = 'tenants'

export type Plate = Omit<TenantRow, 'state_by'> & { state_by: string; erased_after: Date | null }
export type MadeTenant = Plate & { invitation_id?: string; link?: string }

const plateOf = (row: TenantRow): Plate => ({ ...row, id: tenantWire(row.id), erased_after: erasedAfter(row) })

const erasedAfter = ({ state, state_since }: { state: TenantState; state_since: Date }): Date | null =>
  state === 'closing' ? new Date(state_since.getTime() + CLOSING_MS) : null

/** In another tenant as oneself: the host is the actor of what happens there. */
export const hostScopeIn = (scope: Scope, tenantId: string): Scope => ({
  ...systemScope('host', tenantId),
  principal: scope.principal,
  actor: scope.actor,
  userId: scope.userId,
  displayName: scope.displayName,
  requestId: scope.requestId,
})

export const listAllTenants = (
  house: IdentityHouse,
  scope: Scope,
  page: { from: string | null; limit: number },
): Promise<Plate[]> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const after = page.from === null ? null : tenantUuid(page.from)
      return (await listTenants(t, { after, only: null, limit: page.limit })).map(plateOf)
    },
    { readOnly: true },
  )

const uuidOf = (id: string): string => {
  const uuid = tenantUuid(id)
  if (!uuid) throw new Problem('not_found')
  return uuid
}

export const getTenant = (house: IdentityHouse, scope: Scope, id: string): Promise<Plate> =>
  tx(house.db, scope, (t) => plate(t, uuidOf(id)), { readOnly: true })

async function plate(t: Tx, uuid: string): Promise<Plate> {
  const [row] = await listTenants(t, { after: null, only: uuid, limit: 1 })
  if (!row) throw new Problem('not_found')
  return plateOf(row)
}

export type NewTenant = { name: string; owner_email?: string }

/** With an address its owner is invited, and the host stays outside; without one the host is its owner. */
export async function makeTenant(house: IdentityHouse, scope: Scope, input: NewTenant, limits: AskLimits): Promise<MadeTenant> {
  const { name, owner_email: email } = input
  const id = newTenantUuid()
  const there = hostScopeIn(scope, id)
  if (email !== undefined) await limits.take('invite.tenant', scope.tenantId)
  return tx(house.db, there, async (t) => {
    await insertTenant(t, { id, name })
    const resource = { type: 'tenant', id: tenantWire(id) }
    await record(t, there, 'tenant.created', { tenant_id: resource.id }, { resource })
    if (email === undefined) {
      await insertRole(t, there, scope.userId as string, 'owner')
      const change = { before: { role: null }, after: { role: 'owner' } }
      const user = { type: 'user', id: scope.userId as string }
      await record(t, there, 'role.changed', { user_id: user.id }, { resource: user, ...change })
      return plate(t, id)
    }
    const { id: invitation_id, link }: MadeInvitation = await inviteIn(house, t, there, { email, role: 'owner' })
    return { ...(await plate(t, id)), invitation_id, link }
  })
}

export type StateChange = { state: Exclude<TenantState, 'erased'>; reason?: string }

/** A host's hand on the switch. */
export async function changeTenantState(house: IdentityHouse, scope: Scope, id: string, change: StateChange): Promise<Plate> {
  const uuid = uuidOf(id)
  await tx(house.db, scope, (t) => plate(t, uuid), { readOnly: true })
  const there = hostScopeIn(scope, uuid)
  await tx(house.db, there, (t) => moveState(t, there, change))
  return tx(house.db, scope, (t) => plate(t, uuid), { readOnly: true })
}

const FROM: Record<StateChange['state'], readonly TenantState[]> = {
  active: ['suspended', 'closing'],
  suspended: ['active', 'closing'],
  closing: ['active', 'suspended'],
}
const TOLD: Record<StateChange['state'], EventType> = {
  active: 'tenant.resumed',
  suspended: 'tenant.suspended',
  closing: 'tenant.closing',
}

async function moveState(t: Tx, scope: Scope, { state, reason }: StateChange): Promise<void> {
  const before = await findSettings(t, scope, 'for update')
  if (!before) throw new Problem('not_found')
  if (before.state === state) return
  if (state !== 'active' && !reason?.trim()) throw refused('/reason', 'reason_required', 'Say why; the owners will read it.')
  if ((await setStateIf(t, scope, FROM[state], state, reason?.trim() ?? null)) === 0)
    throw new Problem('state_conflict', { state: before.state, detail: 'The tenant was erased.' })
  await told(t, scope, TOLD[state], { from: before.state, to: state })
  if (state === 'closing')
    await enqueueMany(t, [
      { kind: 'tenant.erase', tenantId: scope.tenantId, payload: {}, runAt: new Date(t.now.getTime() + CLOSING_MS) },
    ])
  t.wake(STATES_TOPIC)
}

const told = (t: Tx, scope: Scope, type: EventType, data: EventData) =>
  record(t, scope, type, data, { resource: { type: 'tenant', id: tenantWire(scope.tenantId) } })

const refused = (path: string, code: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, code, message }] })

/* One's own tenant */

export type OwnTenant = Omit<Settings, 'id'> & { id: string; erased_after: Date | null }

const own = (row: Settings): OwnTenant => ({ ...row, id: tenantWire(row.id), erased_after: erasedAfter(row) })

async function settingsIn(t: Tx, scope: Scope, lock?: 'for update'): Promise<Settings> {
  const row = await findSettings(t, scope, lock)
  if (!row) throw new Problem('not_found')
  return row
}

export const readOwnTenant = (house: IdentityHouse, scope: Scope): Promise<OwnTenant> =>
  tx(house.db, scope, async (t) => own(await settingsIn(t, scope)), { readOnly: true })

export type SettingsChange = Partial<
  Pick<
    Settings,
    | 'name'
    | 'session_profile'
    | 'session_idle_seconds'
    | 'session_absolute_seconds'
    | 'revoke_exposed_keys'
    | 'proof_nonce'
    | 'vault_export'
    | 'grant_max_seconds'
    | 'card_verification'
    | 'relay_compat'
  >
>

/** A stricter life holds for every session from its next request on (P25). */
export const changeOwnTenant = (house: IdentityHouse, scope: Scope, change: SettingsChange): Promise<OwnTenant> =>
  tx(house.db, scope, async (t) => {
    const before = await settingsIn(t, scope, 'for update')
    const next = withLife({ ...before, ...dropUndefined(change) })
    const names = (Object.keys(change) as (keyof SettingsChange)[]).filter((name) => next[name] !== before[name])
    if (names.length > 0) {
      await updateSettings(t, scope, next)
      if (names.includes('relay_compat')) t.wake(STATES_TOPIC)
      const pick = (row: Settings) => Object.fromEntries(names.filter((one) => one !== 'name').map((name) => [name, row[name]]))
      const resource = { type: 'tenant', id: tenantWire(scope.tenantId) }
      await record(t, scope, 'settings.changed', { fields: names }, { resource, before: pick(before), after: pick(next) })
    }
    return own(await settingsIn(t, scope))
  })

const dropUndefined = <T extends object>(given: T): T =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as T

/** Both lengths belong to `custom` and to nothing else. */
function withLife(next: Settings): Settings {
  if (next.session_profile !== 'custom') return { ...next, session_idle_seconds: null, session_absolute_seconds: null }
  const { session_idle_seconds: idle, session_absolute_seconds: absolute } = next
  if (idle === null || absolute === null)
    throw refused(
      '/session_profile',
      'life_required',
      'A custom profile needs session_idle_seconds and session_absolute_seconds.',
    )
  if (idle > absolute) throw refused('/session_idle_seconds', 'too_long', 'A session cannot idle for longer than it lives.')
  return next
}

/** Ownership goes to another; who had it stays on as an admin. */
export const transferTenant = (house: IdentityHouse, scope: Scope, userId: string): Promise<OwnTenant> =>
  tx(house.db, scope, async (t) => {
    const me = scope.userId as string
    if (userId === me) throw refused('/user_id', 'yourself', 'You are an owner already.')
    await lockOwnersAnd(t, scope, userId)
    const target = await findMembership(t, scope, userId)
    if (!target) throw new Problem('not_found')
    if (target.deactivated_at) throw new Problem('state_conflict', { state: 'deactivated', detail: 'The user is deactivated.' })
    for (const [user, from, to] of [
      [userId, target.role, 'owner'],
      [me, 'owner', 'admin'],
    ] as const) {
      await setRole(t, scope, user, to)
      await replaceTokensOf(t, scope, user)
      const options = { resource: { type: 'user', id: user }, before: { role: from }, after: { role: to } }
      await record(t, scope, 'role.changed', { user_id: user }, options)
    }
    return own(await settingsIn(t, scope))
  })

/** By its owner, who writes its name to say that it is this one. */
export const closeTenant = (house: IdentityHouse, scope: Scope, input: { name: string; reason: string }): Promise<OwnTenant> =>
  tx(house.db, scope, async (t) => {
    const before = await settingsIn(t, scope, 'for update')
    if (input.name !== before.name) throw refused('/name', 'other_name', `Write the name of the tenant: ${before.name}.`)
    if (before.state === 'suspended') throw new Problem('tenant_suspended', { state: before.state })
    await moveState(t, scope, { state: 'closing', reason: input.reason })
    return own(await settingsIn(t, scope))
  })

/** Takes a closing back. What a host has suspended only a host resumes. */
export const reopenTenant = (house: IdentityHouse, scope: Scope): Promise<OwnTenant> =>
  tx(house.db, scope, async (t) => {
    const before = await settingsIn(t, scope, 'for update')
    if (before.state === 'suspended') throw new Problem('tenant_suspended', { state: before.state })
    await moveState(t, scope, { state: 'active' })
    return own(await settingsIn(t, scope))
  })

/** Thirty days after it was closed, if it still is. Says whether it is erased now. */
export async function eraseIfDue(house: Pick<IdentityHouse, 'db'>, tenantId: string): Promise<boolean> {
  const scope = systemScope('erasure', tenantId)
  return tx(house.db, scope, async (t) => {
    const row = await findSettings(t, scope, 'for update')
    const due = row && erasedAfter(row)
    if (!due || due > t.now) return row?.state === 'erased'
    await setStateIf(t, scope, ['closing'], 'erased', row.state_reason)
    await told(t, scope, 'tenant.erased', { from: 'closing', to: 'erased' })
    for (const { id } of await revokeAllKeys(t, scope)) t.wake(`key:${id}`)
    for (const { id } of await endAllSessions(t, scope, 'tenant_erased')) t.wake(`session:${id}`)
    await destroyAllSubjectKeys(t, scope)
    await destroyTenantKeys(t, scope)
    t.wake(STATES_TOPIC)
    return true
  })
}
