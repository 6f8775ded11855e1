// Who asks, and for which tenant. Made in identity/ (or here, for the system's own work), carried by every verb, never widened on the way.
import type { Tx } from './tx.ts'

export type Role = 'owner' | 'admin' | 'operator' | 'member' | 'reviewer' | 'auditor' | 'viewer'

export type Actor = { type: 'user' | 'agent' | 'key' | 'system'; id: string; session_id?: string; key_id?: string }

export type Scope = {
  /** uuid text */
  readonly tenantId: string
  /** `usr_…`, `agt_…`, `key_…` or `system:<name>` */
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
  /** last proof of presence (P29) */
  readonly stepUpAt: Date | null
  /** Runs inside each writing transaction of this scope just before COMMIT with what the transaction returns: the stored reply of P77 rides on it. */
  readonly beforeCommit?: (t: Tx, result: unknown) => Promise<void>
}

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
