// What this room needs from the outside; main wires it once. Holds nothing by itself.
import type { Proof } from '../crypto/dpop.ts'
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
  /** Told of every key that stood in a URL or came in the clear, whether it is one of `keys` or not: whose token it is revokes it (P59). */
  leaked?: readonly ((token: string, where: 'url' | 'plain_http') => Promise<void>)[]
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
  scopeOf(
    request: Pick<RequestInfo, 'id' | 'path' | 'address' | 'method' | 'header'>,
    token: string,
    route: Route | undefined,
    /** Of the scheme DPoP, held against this request and this token; null where none came. */
    proof: Proof | null,
  ): Promise<Scope>
  /** Left out: a proof has to be one of the scope's agent. true: `scopeOf` holds it against what the token is bound to, and sees that none counts twice. */
  judgesProof?: true
  /** Left out: with it in hand not even what is open to everybody is answered. true: there it is as though none had been shown. */
  unseenWhereOpen?: true
}
