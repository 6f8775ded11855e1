// Sessions (P24–P28): an opaque token in a cookie, its SHA-256 in the database, replaced at each rise of rights, ended everywhere at once.
// Never puts a token into a body, a log or an event, and never lets a replaced one come back unnoticed.
import { Problem } from '@countersign/sdk'
import { randomToken, sha256 } from '../crypto/token.ts'
import { type Scope, systemScope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import type { ReplyControl } from '../http/route.ts'
import { newId } from '../std/id.ts'
import type { IdentityHouse } from './house.ts'
import { reach } from './matrix.ts'
import { isFresh } from './proof.ts'
import {
  askRotation,
  clearRotation,
  endOtherSessions,
  endSessionIfLive,
  findSession,
  insertSession,
  insertSessionToken,
  listSessions,
  proveSession,
  retireSessionToken,
  type Session,
  sessionLife,
  tenantsOfSessions,
} from './sql.ts'
import { insertMovedSession } from './tenants/sql.ts'

export type EndReason =
  | 'signed_out'
  | 'revoked'
  | 'password_changed'
  | 'deactivated'
  | 'replayed'
  | 'expired'
  | 'signed_in_again'
  | 'switched'
  | 'tenant_erased'
  | 'break_glass_closed'
export type Origin = { address: string | null; client: string | null }
/** What the browser gets; `max_age` is what is left of the absolute life. */
export type SessionCookie = { session_id: string; token: string; max_age: number }
export type SessionView = Omit<Session, 'step_up_at'> & { assurance: 'session' | 'step_up'; current: boolean }

const isSecure = (origin: string): boolean => origin.startsWith('https:')

/** Browsers accept the `__Host-` name only with Secure, which plain http of development cannot give (P24). */
export const cookieName = (origin: string): string => (isSecure(origin) ? '__Host-countersign' : 'countersign_dev')

export function setCookie(house: IdentityHouse, reply: ReplyControl, cookie: SessionCookie | null): void {
  const options = { path: '/', httpOnly: true, sameSite: 'Lax', secure: isSecure(house.origin()) } as const
  reply.cookie(cookieName(house.origin()), cookie?.token ?? '', { ...options, maxAge: cookie?.max_age ?? 0 })
}

const sessionOf = (scope: Scope): string => {
  if (!scope.actor.session_id) throw new Problem('unauthenticated')
  return scope.actor.session_id
}

/** In the tenant of `scope`, whoever that is; the session's own user is the actor of the event. */
export async function openSession(t: Tx, scope: Scope, user: { id: string; methods: string[] } & Origin): Promise<SessionCookie> {
  const id = newId('ses', t.now.getTime())
  await insertSession(t, scope, { id, userId: user.id, methods: user.methods, address: user.address, client: user.client })
  const token = await addToken(t, scope, id)
  const by: Scope = { ...scope, principal: user.id, actor: { type: 'user', id: user.id, session_id: id }, userId: user.id }
  await record(
    t,
    by,
    'session.started',
    { session_id: id, user_id: user.id, methods: user.methods },
    { resource: { type: 'session', id } },
  )
  const { absolute_seconds } = await sessionLife(t, user.id)
  return { session_id: id, token, max_age: absolute_seconds }
}

/** For the harness and other callers outside of a transaction. */
export const startSession = (
  house: IdentityHouse,
  tenantId: string,
  user: { id: string; methods?: string[] } & Partial<Origin>,
): Promise<SessionCookie> =>
  tx(house.db, systemScope('sign-in', tenantId), (t) =>
    openSession(t, systemScope('sign-in', tenantId), { address: null, client: null, methods: ['password'], ...user }),
  )

/** What a session in another tenant goes on from. */
export type Moving = {
  userId: string
  startedAt: Date
  stepUpAt: Date | null
  methods: string[]
  breakGlassId: string | null
} & Origin

/** The same sign-in goes on in the tenant of `scope`, under another token (P26) and no longer than it would have lasted. */
export async function moveSession(t: Tx, scope: Scope, from: Moving): Promise<SessionCookie> {
  const id = newId('ses', t.now.getTime())
  await insertMovedSession(t, scope, { id, ...from })
  const token = await addToken(t, scope, id)
  const by: Scope = {
    ...scope,
    principal: from.userId,
    actor: { type: 'user', id: from.userId, session_id: id },
    userId: from.userId,
  }
  const data = { session_id: id, user_id: from.userId, methods: from.methods, break_glass_id: from.breakGlassId }
  await record(t, by, 'session.started', data, { resource: { type: 'session', id } })
  const { absolute_seconds } = await sessionLife(t, from.userId)
  const left = from.startedAt.getTime() + absolute_seconds * 1000 - t.now.getTime()
  return { session_id: id, token, max_age: Math.max(0, Math.floor(left / 1000)) }
}

async function addToken(t: Tx, scope: Scope, sessionId: string): Promise<string> {
  const token = randomToken()
  await insertSessionToken(t, scope, sessionId, sha256(token))
  return token
}

// Whoever calls has just written to the session's row, so two replacements of one session take turns and each sees the other's token.
async function replaceToken(t: Tx, scope: Scope, sessionId: string): Promise<SessionCookie> {
  const session = await findSession(t, scope, sessionId)
  if (!session) throw new Problem('session_ended')
  await retireSessionToken(t, scope, sessionId)
  const token = await addToken(t, scope, sessionId)
  return {
    session_id: sessionId,
    token,
    max_age: Math.max(0, Math.floor((session.expires_at.getTime() - t.now.getTime()) / 1000)),
  }
}

/** A proof of presence was given: the session is as fresh as after a sign-in and its token is another (P26, P29). */
export async function proveAndReplace(t: Tx, scope: Scope): Promise<SessionCookie> {
  const sessionId = sessionOf(scope)
  if ((await proveSession(t, scope, sessionId)) === 0) throw new Problem('session_ended')
  return replaceToken(t, scope, sessionId)
}

/** After a change of role the browser gets a new token, by whichever of its requests comes first (P26). */
export async function renewCookie(house: IdentityHouse, scope: Scope, reply: ReplyControl): Promise<void> {
  if (!('rotationDue' in scope) || !scope.rotationDue) return
  const cookie = await tx(house.db, scope, async (t) => {
    const sessionId = sessionOf(scope)
    return (await clearRotation(t, scope, sessionId)) === 0 ? null : replaceToken(t, scope, sessionId)
  }).catch((error: unknown) => {
    // Due until the database takes writes again; meanwhile whoever is signed in reads.
    if (error instanceof Problem && error.code === 'read_only') return null
    throw error
  })
  if (cookie) setCookie(house, reply, cookie)
}

/** Marks every session of a user whose rights changed (P26). */
export const replaceTokensOf = (t: Tx, scope: Scope, userId: string) => askRotation(t, scope, userId)

/** One session; whoever waits on it hears of it after COMMIT (P27). */
export async function endSession(t: Tx, scope: Scope, sessionId: string, reason: EndReason): Promise<boolean> {
  const ended = await endSessionIfLive(t, scope, sessionId, reason)
  if (!ended) return false
  await recordEnd(t, scope, ended.id, ended.user_id, reason)
  return true
}

/** All of a user in this tenant, but one to keep. */
export async function endSessionsOf(t: Tx, scope: Scope, userId: string, keep: string | null, reason: EndReason): Promise<void> {
  for (const { id } of await endOtherSessions(t, scope, userId, keep, reason)) await recordEnd(t, scope, id, userId, reason)
}

export async function recordEnd(t: Tx, scope: Scope, sessionId: string, userId: string, reason: EndReason): Promise<void> {
  await record(
    t,
    scope,
    'session.ended',
    { session_id: sessionId, user_id: userId, reason },
    { resource: { type: 'session', id: sessionId } },
  )
  t.wake(`session:${sessionId}`)
}

/**
 * In the user's other tenants, each in a transaction of its own since events never cross tenants. It runs before the change that asks
 * for it: if the process dies in between, somebody has to sign in once more, which is the harmless half.
 */
export async function endSessionsElsewhere(house: IdentityHouse, scope: Scope, userId: string, reason: EndReason): Promise<void> {
  const tenants = await tx(house.db, scope, (t) => tenantsOfSessions(t, userId), { readOnly: true })
  for (const { tenant_id: tenantId } of tenants.filter((one) => one.tenant_id !== scope.tenantId)) {
    const there: Scope = { ...systemScope('sign-in', tenantId), principal: scope.principal, actor: scope.actor, userId }
    await tx(house.db, there, (t) => endSessionsOf(t, there, userId, null, reason))
  }
}

/** A replaced token came back: two parties hold this session and one of them should not (P26). */
export async function endReplayed(t: Tx, scope: Scope, sessionId: string): Promise<void> {
  const ended = await endSessionIfLive(t, scope, sessionId, 'replayed')
  if (!ended) return
  const resource = { type: 'session', id: sessionId }
  await record(t, scope, 'session.replayed', { session_id: sessionId, user_id: ended.user_id }, { resource })
  await recordEnd(t, scope, sessionId, ended.user_id, 'replayed')
}

export const listMySessions = (house: IdentityHouse, scope: Scope): Promise<SessionView[]> =>
  tx(
    house.db,
    scope,
    async (t) => (await listSessions(t, scope, scope.userId ?? '')).map((session) => viewOf(session, scope, t.now)),
    { readOnly: true },
  )

const viewOf = ({ step_up_at, ...session }: Session, scope: Scope, now: Date): SessionView => ({
  ...session,
  assurance: isFresh(step_up_at, now) ? 'step_up' : 'session',
  current: session.id === scope.actor.session_id,
})

/** Somebody else's session answers as one that never was. */
export const endMySession = (house: IdentityHouse, scope: Scope, sessionId: string): Promise<null> =>
  tx(house.db, scope, async (t) => {
    const session = await findSession(t, scope, sessionId)
    if (!session || (session.user_id !== scope.userId && reach(scope, 'session.revoke') !== 'any')) throw new Problem('not_found')
    await endSession(t, scope, sessionId, session.id === scope.actor.session_id ? 'signed_out' : 'revoked')
    return null
  })

export const endMyOtherSessions = (house: IdentityHouse, scope: Scope): Promise<null> =>
  tx(house.db, scope, async (t) => {
    await endSessionsOf(t, scope, scope.userId ?? '', sessionOf(scope), 'revoked')
    return null
  })

/** What a session writes about itself is no change of the tenant that break-glass shows it. */
export const ownHand = ({ breakGlass: _, ...scope }: Scope): Scope => scope

export const signOut = (house: IdentityHouse, by: Scope): Promise<null> => {
  const scope = ownHand(by)
  return tx(house.db, scope, async (t) => {
    await endSession(t, scope, sessionOf(scope), 'signed_out')
    return null
  })
}
