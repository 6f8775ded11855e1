// Users and what they are in a tenant: list, change, role, deactivation, with the guards of P62.
// Never tells whether an address exists elsewhere, and never leaves a tenant without an owner.
import { enqueueMany } from '@countersign/queue'
import { Problem } from '@countersign/sdk'
import { isUniqueViolation } from '../db/errors.ts'
import { type Role, type Scope, systemScope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { newId, newTenantUuid } from '../std/id.ts'
import { foldEmail, foldUsername } from './email.ts'
import type { IdentityHouse } from './house.ts'
import { rank, reach } from './matrix.ts'
import { endSessionsOf, replaceTokensOf } from './session.ts'
import {
  deactivateIfActive,
  findUser,
  insertEmail,
  insertRole,
  insertTenant,
  insertUser,
  listUsers,
  lockOwnersAnd,
  type Membership,
  putPassword,
  reactivateIfDeactivated,
  setRole,
  type User,
  updateUser,
} from './sql.ts'

export type { User }

export type NewUser = {
  email: string
  display_name?: string | null
  username?: string | null
  role: Role
  /** Already hashed, for hashing may not happen inside a transaction. */
  password?: { hash: string; pepper_version: number }
}

const fieldError = (path: string, code: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, code, message }] })

/** A user with a verified address and a role in the scope's tenant. Whoever calls has decided that this address may join. */
export async function addUser(t: Tx, scope: Scope, user: NewUser): Promise<User> {
  const id = newId('usr', t.now.getTime())
  const names = namesOf(user)
  await orTaken(insertUser(t, { id, ...names }))
  await insertRole(t, scope, id, user.role)
  return furnish(t, scope, id, user)
}

/** The first operator takes the place that development has kept free: a user who owns agents but cannot sign in yet. */
export async function takePlace(t: Tx, scope: Scope, id: string, user: NewUser): Promise<User> {
  await orTaken(updateUser(t, id, namesOf(user)))
  return furnish(t, scope, id, user)
}

function namesOf(user: NewUser): { display_name: string; username: string | null } {
  const username = user.username ? foldUsername(user.username) : null
  if (user.username && !username)
    throw fieldError('/username', 'invalid_username', 'Must be 3 to 32 of a-z, 0-9, _ and -, and start with a letter or digit.')
  return { display_name: user.display_name?.trim() || (user.email.split('@')[0] as string).slice(0, 200), username }
}

/** What lets somebody in: the address and the password. */
async function furnish(t: Tx, scope: Scope, id: string, user: NewUser): Promise<User> {
  const email = foldEmail(user.email)
  if (!email) throw fieldError('/email', 'invalid_email', 'Must be an e-mail address.')
  await orTaken(insertEmail(t, { email, userId: id, address: user.email, verifiedAt: t.now }))
  if (user.password) await putPassword(t, id, user.password)
  const after = { role: user.role }
  await record(t, scope, 'user.created', { user_id: id, role: user.role }, { resource: { type: 'user', id }, after })
  return (await findUser(t, scope, id)) as User
}

async function orTaken<T>(statement: Promise<T>): Promise<T> {
  try {
    return await statement
  } catch (error) {
    if (isUniqueViolation(error, 'users_username_key')) throw fieldError('/username', 'taken', 'Somebody else has this name.')
    if (isUniqueViolation(error, 'user_emails_pkey'))
      throw new Problem('state_conflict', { detail: 'Somebody joins with this address at this moment.' })
    throw error
  }
}

/** For set-up, invitations and tests: one user in one transaction of its own. */
export const createUser = async (
  house: IdentityHouse,
  scope: Scope,
  user: Omit<NewUser, 'password'> & { password?: string },
): Promise<User> => {
  const { password, ...rest } = user
  const hashed = password === undefined ? undefined : await house.passwords.hash(password)
  return tx(house.db, scope, (t) => addUser(t, scope, { ...rest, password: hashed }))
}

/** A tenant of its own, still without a user. */
export async function createTenant(house: IdentityHouse, name: string): Promise<string> {
  const id = newTenantUuid()
  await tx(house.db, systemScope('setup', id), (t) => insertTenant(t, { id, name }))
  return id
}

/** Where a scope reaches only its own, it sees itself (P61). */
const onlySelf = (scope: Scope, action: string): string | null => (reach(scope, action) === 'any' ? null : (scope.userId ?? ''))

export const listUsersOf = (house: IdentityHouse, scope: Scope, page: { after: string | null; limit: number }): Promise<User[]> =>
  tx(house.db, scope, (t) => listUsers(t, scope, { ...page, only: onlySelf(scope, 'user.list') }), { readOnly: true })

export async function getUser(house: IdentityHouse, scope: Scope, userId: string): Promise<User> {
  const only = onlySelf(scope, 'user.list')
  const user = await tx(house.db, scope, (t) => findUser(t, scope, userId), { readOnly: true })
  if (!user || (only !== null && only !== userId)) throw new Problem('not_found')
  return user
}

const isActiveOwner = (one: Membership): boolean => one.role === 'owner' && one.deactivated_at === null

// Locks first, judges then: see lockOwnersAnd.
async function lockMembership(t: Tx, scope: Scope, userId: string): Promise<{ target: Membership; isLastOwner: boolean }> {
  const locked = await lockOwnersAnd(t, scope, userId)
  const target = locked.find((one) => one.user_id === userId)
  if (!target) throw new Problem('not_found')
  return { target, isLastOwner: isActiveOwner(target) && locked.filter(isActiveOwner).length === 1 }
}

/** Who may move somebody between these roles: nobody above themselves, and only an owner to or from owner and admin. */
export function guardRank(scope: Scope, ...roles: Role[]): void {
  const mine = actingRank(scope)
  const top = Math.max(...roles.map(rank))
  if (top > mine || (top >= rank('admin') && mine < rank('owner'))) throw new Problem('role_too_high')
}

// A tenant-wide key acts as an admin at most (§5); a personal key as its maker.
const actingRank = (scope: Scope): number =>
  scope.actor.type === 'system' ? rank('owner') : scope.role ? rank(scope.role) : rank('admin')

export async function changeRole(house: IdentityHouse, scope: Scope, userId: string, role: Role): Promise<User> {
  return tx(house.db, scope, async (t) => {
    const { target, isLastOwner } = await lockMembership(t, scope, userId)
    if (target.deactivated_at) throw new Problem('state_conflict', { state: 'deactivated', detail: 'The user is deactivated.' })
    guardRank(scope, target.role, role)
    if (isLastOwner && role !== 'owner') throw new Problem('last_owner')
    if (target.role !== role) {
      await setRole(t, scope, userId, role)
      // The browser of that user gets a new token with its next request (P26).
      await replaceTokensOf(t, scope, userId)
      const change = { before: { role: target.role }, after: { role } }
      await record(t, scope, 'role.changed', { user_id: userId }, { resource: { type: 'user', id: userId }, ...change })
      // Who may decide nothing in that role has nothing before them either.
      await handOn(t, scope, userId, 'role')
    }
    return (await findUser(t, scope, userId)) as User
  })
}

/** In this tenant: a user may be somebody elsewhere still. Deactivation ends every session here at once (P27). */
export const changeUserState = (house: IdentityHouse, scope: Scope, userId: string, state: User['state']): Promise<User> =>
  tx(house.db, scope, (t) => setState(t, scope, userId, state))

export const removeUser = (house: IdentityHouse, scope: Scope, userId: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    await setState(t, scope, userId, 'deactivated')
    return null
  })

async function setState(t: Tx, scope: Scope, userId: string, state: User['state']): Promise<User> {
  const { target, isLastOwner } = await lockMembership(t, scope, userId)
  guardRank(scope, target.role)
  const isActive = target.deactivated_at === null
  if (state === 'deactivated' && isLastOwner) throw new Problem('last_owner')
  if (state === 'deactivated' && isActive) await deactivate(t, scope, userId)
  if (state === 'active' && !isActive) await reactivate(t, scope, userId)
  return (await findUser(t, scope, userId)) as User
}

async function deactivate(t: Tx, scope: Scope, userId: string): Promise<void> {
  await deactivateIfActive(t, scope, userId)
  await record(t, scope, 'user.deactivated', { user_id: userId }, { resource: { type: 'user', id: userId } })
  await endSessionsOf(t, scope, userId, null, 'deactivated')
  // What they have before them is asked of others (tasks.md T99): whoever routes tasks runs this job.
  await handOn(t, scope, userId, 'deactivated')
}

/** Where jobs wait that give to others what somebody had before them. */
export const ROUTING_QUEUE = 'routing'

const handOn = (t: Tx, scope: Scope, userId: string, because: 'deactivated' | 'role') =>
  enqueueMany(t, [
    { kind: 'task.reroute', queue: ROUTING_QUEUE, tenantId: scope.tenantId, payload: { user_id: userId, because } },
  ])

async function reactivate(t: Tx, scope: Scope, userId: string): Promise<void> {
  await reactivateIfDeactivated(t, scope, userId)
  const change = { before: { state: 'deactivated' }, after: { state: 'active' } }
  await record(t, scope, 'user.updated', { user_id: userId }, { resource: { type: 'user', id: userId }, ...change })
}

/** Names are personal values, so the record says that they changed, not what they were (P110). */
async function rename(
  t: Tx,
  scope: Scope,
  user: User,
  change: { display_name?: string; username?: string | null },
): Promise<void> {
  const next = {
    display_name: change.display_name ?? user.display_name,
    username: change.username === undefined ? user.username : change.username,
  }
  await orTaken(updateUser(t, user.id, next))
  const fields = (['display_name', 'username'] as const).filter((name) => next[name] !== user[name])
  await record(t, scope, 'user.updated', { user_id: user.id, fields }, { resource: { type: 'user', id: user.id } })
}

/** What a user changes about themselves. */
export async function changeMe(
  house: IdentityHouse,
  scope: Scope,
  change: { display_name?: string; username?: string | null },
): Promise<User> {
  return tx(house.db, scope, async (t) => {
    const user = await findUser(t, scope, scope.userId ?? '')
    if (!user) throw new Problem('not_found')
    await rename(t, scope, user, change)
    return (await findUser(t, scope, user.id)) as User
  })
}
