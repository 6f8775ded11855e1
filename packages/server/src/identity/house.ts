// What this room needs from the outside; main wires it once. Holds nothing by itself.
import type { Keyring } from '../crypto/keyring.ts'
import type { Scope } from '../db/scope.ts'
import type { Db, Tx } from '../db/tx.ts'
import type { RequestInfo, Route } from '../http/route.ts'
import type { Passwords } from './password.ts'

export type IdentityHouse = {
  db: Db
  keyring: Keyring
  passwords: Passwords
  /** Where people reach this server, without a slash at the end: links and the cookie's name follow from it. */
  origin(): string
  /** Bearers that are no keys of ours: each opens what its own room says, and nothing else. */
  bearers?: readonly GuestBearer[]
  /** required: no agent of the installation comes with a bare key. Left out: each as its own setting says. */
  agentProof?: 'optional' | 'required'
  /** A server of `countersign dev`, with the desk of played parties at /dev. */
  hasDesk?: boolean
  /** Tells whoever was invited, in the transaction of the invitation; left out where nobody is told but by whoever invites. */
  invited?(t: Tx, scope: Scope, invitation: InvitationLetter): Promise<void>
}

export type InvitationLetter = { to: string; link: string; role: string; tenant: string; by: string; expiresAt: Date }

/** A credential of somebody who has not signed in, by what it begins with. */
export type GuestBearer = {
  prefix: string
  /** Throws what is said of one that does not count, and of a route that it does not open. */
  scopeOf(request: Pick<RequestInfo, 'id' | 'path'>, token: string, route: Route | undefined): Promise<Scope>
}
