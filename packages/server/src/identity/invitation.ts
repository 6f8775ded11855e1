// Invitations (P47): bound to one address and one role, seven days, one use. The link is answered once, to be handed over by whoever invited.
// Never sends mail itself, never stores the token, and never tells who else has an account.
import { Problem } from '@countersign/sdk'
import { randomToken, sha256 } from '../crypto/token.ts'
import { type Role, type Scope, systemScope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import type { AskLimits } from '../http/route.ts'
import { newId, tenantWire } from '../std/id.ts'
import { foldEmail } from './email.ts'
import type { IdentityHouse } from './house.ts'
import type { StoredPassword } from './password.ts'
import {
  acceptInvitationIfOpen,
  findInvitation,
  findInvitationTenant,
  findSignIn,
  findTenant,
  findUser,
  type Invitation,
  insertInvitation,
  insertRole,
  listInvitations,
  lockInvitation,
  reactivateIfDeactivated,
  revokeInvitationIfOpen,
  revokeOpenInvitations,
  type SignIn,
  setRole,
} from './sql.ts'
import { addUser, guardRank } from './user.ts'

export type { Invitation }
/** `link` stands in the answer of creation only: who invites hands it over. */
export type MadeInvitation = Invitation & { link: string }
export type Acceptance = { token: string; email: string; password: string; display_name?: string }
export type Joined = { user_id: string; email: string; tenant_id: string }

const LIFE_MS = 7 * 86_400_000

export const invite = (
  house: IdentityHouse,
  scope: Scope,
  input: { email: string; role: Role },
  limits: AskLimits,
): Promise<MadeInvitation> => inviteAfter(house, scope, input, limits.take('invite.tenant', scope.tenantId))

async function inviteAfter(house: IdentityHouse, scope: Scope, input: { email: string; role: Role }, limit: Promise<void>) {
  guardRank(scope, input.role)
  await limit
  return tx(house.db, scope, (t) => inviteIn(house, t, scope, input))
}

/** Into the tenant of `scope`; whoever calls has decided that it may invite to this role. */
export async function inviteIn(
  house: Pick<IdentityHouse, 'origin' | 'invited'>,
  t: Tx,
  scope: Scope,
  input: { email: string; role: Role },
): Promise<MadeInvitation> {
  const email = foldEmail(input.email)
  if (!email)
    throw new Problem('validation_failed', {
      errors: [{ path: '/email', code: 'invalid_email', message: 'Must be an e-mail address.' }],
    })
  const token = randomToken()
  for (const { id } of await revokeOpenInvitations(t, scope, email)) await recordRevoked(t, scope, id)
  const id = newId('inv', t.now.getTime())
  const expiresAt = new Date(t.now.getTime() + LIFE_MS)
  await insertInvitation(t, scope, { id, hash: sha256(token), email, address: input.email, role: input.role, expiresAt })
  await record(t, scope, 'invitation.created', { invitation_id: id, role: input.role }, { resource: { type: 'invitation', id } })
  const made = (await findInvitation(t, scope, id)) as Invitation
  const link = `${house.origin()}/invite#${token}`
  if (house.invited) {
    const tenant = (await findTenant(t, scope))?.name ?? 'Countersign'
    await house.invited(t, scope, { to: email, link, role: input.role, tenant, by: scope.displayName, expiresAt })
  }
  return { ...made, link }
}

const recordRevoked = (t: Tx, scope: Scope, id: string) =>
  record(t, scope, 'invitation.revoked', { invitation_id: id }, { resource: { type: 'invitation', id } })

export const listInvitationsOf = (
  house: IdentityHouse,
  scope: Scope,
  page: { before: string | null; limit: number },
): Promise<Invitation[]> => tx(house.db, scope, (t) => listInvitations(t, scope, page), { readOnly: true })

export const revokeInvitation = (house: IdentityHouse, scope: Scope, id: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    const invitation = await findInvitation(t, scope, id)
    if (!invitation) throw new Problem('not_found')
    if ((await revokeInvitationIfOpen(t, scope, id)) === 1) await recordRevoked(t, scope, id)
    return null
  })

/** Who holds the link joins with its role. An account that exists proves itself by its own password and keeps it. */
export async function acceptInvitation(house: IdentityHouse, input: Acceptance, limits: AskLimits): Promise<Joined> {
  const hash = sha256(input.token)
  const found = await tx(house.db, systemScope('invitation'), (t) => findInvitationTenant(t, hash), { readOnly: true })
  if (!found) throw new Problem('link_invalid')
  const scope = systemScope('invitation', found.tenant_id)
  const email = foldEmail(input.email)
  const before = await tx(house.db, scope, (t) => readInvitation(t, scope, found.id, email), { readOnly: true })
  // An invitation may not be a way around the limits of sign-in.
  if (before.account) await limits.take('login.account', email as string)
  const hashed = await provenPassword(house, input, before)
  return tx(house.db, scope, async (t) => {
    await lockInvitation(t, scope, found.id)
    const { invitation, account } = await readInvitation(t, scope, found.id, email)
    const userId = account
      ? await joinAgain(t, scope, account, invitation.role)
      : (
          await addUser(t, scope, {
            email: input.email,
            display_name: input.display_name,
            role: invitation.role,
            password: hashed ?? undefined,
          })
        ).id
    if ((await acceptInvitationIfOpen(t, scope, found.id, userId)) === 0) throw new Problem('link_used')
    const by: Scope = { ...scope, principal: userId, actor: { type: 'user', id: userId }, userId }
    const data = { invitation_id: found.id, user_id: userId, role: invitation.role }
    await record(t, by, 'invitation.accepted', data, { resource: { type: 'invitation', id: found.id } })
    return { user_id: userId, email: invitation.email, tenant_id: tenantWire(scope.tenantId) }
  })
}

type Read = { invitation: Invitation; account: SignIn | null; tenant: string | null }

async function readInvitation(t: Tx, scope: Scope, id: string, email: string | null): Promise<Read> {
  const invitation = (await findInvitation(t, scope, id)) as Invitation
  if (invitation.state === 'accepted') throw new Problem('link_used')
  if (invitation.state === 'revoked') throw new Problem('link_revoked')
  if (invitation.state === 'expired') throw new Problem('link_expired')
  if (email === null || email !== foldEmail(invitation.email))
    throw new Problem('forbidden', { detail: 'The invitation is for another address.' })
  return {
    invitation,
    account: await findSignIn(t, { username: null, email }),
    tenant: (await findTenant(t, scope))?.name ?? null,
  }
}

async function provenPassword(
  house: IdentityHouse,
  input: Acceptance,
  { account, tenant }: Read,
): Promise<StoredPassword | null> {
  if (!account) {
    house.passwords.check(input.password, { names: [input.display_name], emails: [input.email], tenant })
    return house.passwords.hash(input.password)
  }
  const stored = account.hash ? { hash: account.hash, pepper_version: account.pepper_version as number } : null
  if ((await house.passwords.verify(input.password, stored)) === 'wrong') throw new Problem('credentials_invalid')
  return null
}

/** Somebody who was here before, or is elsewhere in the installation. */
async function joinAgain(t: Tx, scope: Scope, account: SignIn, role: Role): Promise<string> {
  const here = await findUser(t, scope, account.user_id)
  if (here?.state === 'active') throw new Problem('state_conflict', { state: 'active', detail: 'This user is here already.' })
  if (here) {
    await reactivateIfDeactivated(t, scope, account.user_id)
    await setRole(t, scope, account.user_id, role)
  } else await insertRole(t, scope, account.user_id, role)
  const resource = { type: 'user', id: account.user_id }
  await record(
    t,
    scope,
    'role.changed',
    { user_id: account.user_id },
    { resource, before: { role: here?.role ?? null }, after: { role } },
  )
  return account.user_id
}
