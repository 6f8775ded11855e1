// Who asks, and for which tenant. Made in identity/ (or here, for the system's own work), carried by every verb, never widened on the way.
import type { Tx } from './tx.ts'

export type Role = 'owner' | 'admin' | 'operator' | 'member' | 'reviewer' | 'auditor' | 'viewer'

export type Actor = {
  type: 'user' | 'agent' | 'key' | 'guest' | 'system'
  id: string
  session_id?: string
  key_id?: string
  /** How the request proved itself: by a key, by a session, by a session with a proof of presence of the last ten minutes. */
  assurance?: 'key' | 'link' | 'channel' | 'session' | 'step_up'
}

/** Somebody who answers from where they are, without having signed in here: by a link, in a chat, in an embedded page. */
export type Guest = {
  /** The one task that is open to them. */
  readonly taskId: string
  /** `api`: a key relays what they decided in a front end of its own (T19). */
  readonly channel: 'email' | 'slack' | 'webhook' | 'embed' | 'api'
  /** `link`: they hold a secret; `channel`: the channel vouches for who they are. */
  readonly assurance: 'link' | 'channel'
  /** What let them in: the id of a link, an embed or an installation. */
  readonly ref: string
  /** Folded; null where none is known. */
  readonly email: string | null
  readonly slackUserId: string | null
  /** Asked although named nowhere: whoever let them in vouches for that. */
  readonly vouched: boolean
  /** Further names under which they were asked: the place where they were told. */
  readonly keys?: readonly string[]
  /** The key that says that this is their decision; nobody else vouches for it. */
  readonly attestedBy?: string
  /** Rows of the matrix; what stands there for guests and is not here they may not. Null: all of it. */
  readonly acts: readonly string[] | null
}

export type Proven = {
  /** RFC 7638, of the key that signed. */
  readonly thumbprint: string
  /** The Content-Digest that was signed; null where none was. */
  readonly digest: string | null
  /** For the next request, where the tenant asks for it. */
  readonly nonce: string | null
}

export type Scope = {
  /** uuid text */
  readonly tenantId: string
  /** `usr_…`, `agt_…`, `key_…`, `system:<name>`, or the id of what let a guest in */
  readonly principal: string
  readonly actor: Actor
  /** of a user in this tenant; null for agents, tenant-wide keys and the system */
  readonly role: Role | null
  readonly isHost: boolean
  /** of a key (`tasks:create`, `tasks:*`); null for a session, where the role alone decides */
  readonly scopes: readonly string[] | null
  readonly agentId: string | null
  /** the user of a session, or the owner of the key's agent */
  readonly userId: string | null
  readonly displayName: string
  readonly requestId: string | null
  /** Of the caller's own tracing: the trace-id of its `traceparent`. */
  readonly traceId?: string | null
  /** Puts address and client of the request into a side envelope under the subject's key, once; the SHA-256 that events hold (P110). Null: it was erased. */
  readonly origin?: (t: Tx) => Promise<string | null>
  /** Where the request came from, for policies; null where it has no address. */
  readonly address?: string | null
  /** last proof of presence (P29) */
  readonly stepUpAt: Date | null
  /** Of the tenant now (P11); left out where nobody asked. */
  readonly tenantState?: string
  readonly guest?: Guest
  /** How the caller proved to hold a private key (vault.md V134); left out where they showed a bare key. */
  readonly proof?: Proven
  /** The open door through which a host reads here (P12). Every transaction of such a scope is read only. */
  readonly breakGlass?: { readonly id: string; readonly endsAt: Date }
  /**
   * The relay grant (`rgr_…`) or connection request (`creq_…`) through which somebody of another tenant acts here (relay.md R7): each transaction names it to the database, whose policies
   * confine it to the rows of that one. Several, with a space between them, for a transaction that several share.
   */
  readonly relayParty?: string
  /** They belong to another tenant, or to none: what policies say of everybody of this one does not speak of them. */
  readonly isForeign?: true
  /** Who acts, as their own tenant knows them; `actor` is as much of it as the other side is told. Left out where that is all. */
  readonly actorAtHome?: Actor
  /** On which of the two sides of it. */
  readonly relaySide?: 'caller' | 'owner'
  /** The tenant that they come from; null where they have no account. */
  readonly relayFrom?: string | null
  /** The one thread that a thread token opens; left out where no thread token was shown. */
  readonly relayThread?: string
  /** Of a relay token (`threads:start` …): all that it may. The scopes of a key stand in `scopes`. */
  readonly relayScopes?: readonly string[]
  /** Of a child key: the slug of the one agent that it opens (R114). */
  readonly audience?: string
  /** Runs inside each writing transaction of this scope just before COMMIT with what the transaction returns: the stored reply of P77 rides on it. */
  readonly beforeCommit?: (t: Tx, result: unknown) => Promise<void>
}

/** Who acts, for the record of their own tenant. */
export const atHome = ({ actorAtHome, actor }: Pick<Scope, 'actor' | 'actorAtHome'>): Actor => actorAtHome ?? actor

export const NO_TENANT = '00000000-0000-0000-0000-000000000000'

/** The scope of the system's own work for one tenant (or for none), named so that the record says which part of the system acted. */
export function systemScope(name: string, tenantId: string = NO_TENANT): Scope {
  const principal = `system:${name}`
  return {
    tenantId,
    principal,
    actor: { type: 'system', id: principal },
    role: null,
    isHost: false,
    scopes: null,
    agentId: null,
    userId: null,
    displayName: name,
    requestId: null,
    stepUpAt: null,
  }
}
