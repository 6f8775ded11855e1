// The scope of somebody who answers without having signed in here (tasks.md §2.4). Whoever makes one has checked the secret, the signature or the token that
// let them in; it opens one task, whatever else that person may do as a user.
import type { Guest, Scope } from '../db/scope.ts'

/** `user` when the person is one of the tenant's: their acts are theirs then, by this channel. */
export function guestScope(
  tenantId: string,
  guest: Guest,
  who: { userId: string | null; displayName: string },
  request: Pick<Scope, 'requestId' | 'origin' | 'address' | 'traceId'>,
): Scope {
  const { userId, displayName } = who
  const principal = userId ?? guest.ref
  return {
    ...request,
    tenantId,
    principal,
    actor: { type: userId ? 'user' : 'guest', id: principal, assurance: guest.assurance },
    role: null,
    isHost: false,
    scopes: null,
    agentId: null,
    userId,
    displayName,
    stepUpAt: null,
    guest,
  }
}
