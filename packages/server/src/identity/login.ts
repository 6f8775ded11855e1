// Sign-in by password (P21), the proof of presence (P29) and the change of a password (P27). One path for known and unknown names.
// Never says which half was wrong, never hashes before every bucket said yes, and never counts a success against anybody.
import { Problem } from '@countersign/sdk'
import { hmacSha256, sha256 } from '../crypto/token.ts'
import { type Scope, systemScope } from '../db/scope.ts'
import { tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import type { AskLimits } from '../http/route.ts'
import { readLogin } from './email.ts'
import type { IdentityHouse } from './house.ts'
import { originOf } from './origin.ts'
import type { About } from './password.ts'
import {
  endSession,
  endSessionsElsewhere,
  endSessionsOf,
  type Origin,
  openSession,
  ownHand,
  proveAndReplace,
  type SessionCookie,
} from './session.ts'
import {
  findPassword,
  findSignIn,
  findTenant,
  findUser,
  homeTenant,
  putPassword,
  rehashIfSame,
  type SignIn,
  tenantsOfUser,
  useSession,
} from './sql.ts'

export type Login = { login: string; password: string }
/** The session that the browser holds already, if it holds one: a sign-in takes its place. */
export type Visit = Origin & { limits: AskLimits; address: string; held: string | undefined }

const nobody = systemScope('sign-in')

export async function logIn(house: IdentityHouse, input: Login, visit: Visit): Promise<SessionCookie> {
  const login = readLogin(input.login)
  const account = login.email ?? login.username ?? input.login.toLowerCase()
  const pair = `${account} ${visit.address}`
  await visit.limits.take('login.account', account)
  await visit.limits.take('login.pair', pair)

  const { user, tenantId, home } = await findAccount(house, login)
  const stored = user?.hash ? { hash: user.hash, pepper_version: user.pepper_version as number } : null
  const verdict = await house.passwords.verify(input.password, tenantId ? stored : null)
  if (verdict === 'wrong' || !user || !tenantId || !stored) {
    await recordFailure(house, tenantId ?? home, user, account, visit)
    throw new Problem('credentials_invalid')
  }
  const renewed = verdict === 'outdated' ? await house.passwords.hash(input.password) : null
  await visit.limits.clear('login.account', account)
  await visit.limits.clear('login.pair', pair)
  const scope = seenFrom(house, systemScope('sign-in', tenantId), `user:${user.user_id}`, visit)
  return tx(house.db, scope, async (t) => {
    if (renewed) await rehashIfSame(t, user.user_id, stored.hash, renewed)
    const held = visit.held ? await useSession(t, sha256(visit.held)) : null
    if (held?.tenant_id === tenantId) await endSession(t, scope, held.id, 'signed_in_again')
    return openSession(t, scope, { id: user.user_id, methods: ['password'], address: visit.address, client: visit.client })
  })
}

// The same statements run for every name, so a name that exists takes no longer than one that does not (A8).
const findAccount = (house: IdentityHouse, login: { username: string | null; email: string | null }) =>
  tx(
    house.db,
    nobody,
    async (t) => {
      const user = await findSignIn(t, login)
      const [first] = await tenantsOfUser(t, user?.user_id ?? '')
      const { id: home } = await homeTenant(t)
      return { user, tenantId: first?.tenant_id ?? null, home }
    },
    { readOnly: true },
  )

/** With the address and client of the visit, which the record keeps under the key of whoever it is about (P110). */
const seenFrom = (house: IdentityHouse, scope: Scope, subject: string, { address, client }: Visit): Scope => ({
  ...scope,
  origin: originOf(house, scope, subject, { address, client }),
})

/** In the tenant of the name, or in the installation's first; of what somebody typed the record holds a short HMAC. */
async function recordFailure(
  house: IdentityHouse,
  tenantId: string | null,
  user: SignIn | null,
  account: string,
  visit: Visit,
): Promise<void> {
  if (!tenantId) return
  const scope = seenFrom(house, systemScope('sign-in', tenantId), user ? `user:${user.user_id}` : 'nobody:sign-in', visit)
  const label = `u:${hmacSha256(house.keyring.purpose('bucket'), account).toString('hex').slice(0, 8)}`
  const options = user ? { resource: { type: 'user', id: user.user_id } } : {}
  const data = { user_id: user?.user_id ?? null, account: label, method: 'password' }
  await tx(house.db, scope, (t) => record(t, scope, 'signin.failed', data, options))
}

/** The password once more: the session is fresh again and its token is another (P26, P29). */
export async function stepUp(house: IdentityHouse, scope: Scope, password: string, limits: AskLimits): Promise<SessionCookie> {
  await provePassword(house, scope, password, limits)
  const own = ownHand(scope)
  return tx(house.db, own, (t) => proveAndReplace(t, own))
}

async function provePassword(house: IdentityHouse, scope: Scope, password: string, limits: AskLimits): Promise<void> {
  const userId = scope.userId as string
  await limits.take('factor.user', userId)
  const stored = await tx(house.db, scope, (t) => findPassword(t, userId), { readOnly: true })
  if ((await house.passwords.verify(password, stored)) === 'wrong') throw new Problem('credentials_invalid')
  await limits.clear('factor.user', userId)
}

export type PasswordChange = { old_password?: string; password: string }

/** By the old password or a fresh proof; all other sessions end, here and in other tenants, and this one gets a new token. */
export async function changePassword(
  house: IdentityHouse,
  scope: Scope,
  change: PasswordChange,
  proof: { isFresh: boolean; limits: AskLimits },
): Promise<SessionCookie> {
  const userId = scope.userId as string
  if (change.old_password !== undefined) await provePassword(house, scope, change.old_password, proof.limits)
  else if (!proof.isFresh) throw new Problem('step_up_required', { methods: ['password'] })
  house.passwords.check(change.password, await aboutUser(house, scope, userId))
  const hashed = await house.passwords.hash(change.password)
  await endSessionsElsewhere(house, scope, userId, 'password_changed')
  return tx(house.db, scope, async (t) => {
    await putPassword(t, userId, hashed)
    await record(t, scope, 'password.changed', { user_id: userId }, { resource: { type: 'user', id: userId } })
    await endSessionsOf(t, scope, userId, scope.actor.session_id ?? null, 'password_changed')
    return proveAndReplace(t, scope)
  })
}

const aboutUser = (house: IdentityHouse, scope: Scope, userId: string): Promise<About> =>
  tx(
    house.db,
    scope,
    async (t) => {
      const [user, tenant] = [await findUser(t, scope, userId), await findTenant(t, scope)]
      return { names: [user?.display_name, user?.username], emails: user ? [user.email] : [], tenant: tenant?.name }
    },
    { readOnly: true },
  )
