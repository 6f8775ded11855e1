// What a run may reach, as one reading of the database gave it: its agent, the connections that are granted to it with their definitions, and the policies in force.
// Public in the vault's sense: no material, no hash of a token, nothing of another tenant.

import type { FactTypes } from '../../policy/contributions.ts'
import type { Rule } from '../../vault/grants/rules.ts'
import type { Definition } from '../../vault/providers/definition.ts'

export type ViewGrant = {
  id: string
  rules: readonly Rule[]
  startsAt: Date
  expiresAt: Date
  maxUses: number | null
  uses: number
  clientCidrs: readonly string[]
  placeholderRequired: boolean
  minting: boolean
  record: 'auto' | 'before' | 'stream'
  scan: boolean
  status: 'active' | 'suspended'
  generation: number
}

export type ViewConnection = {
  id: string
  provider: string
  definition: Definition
  definitionVersion: number
  bundled: boolean
  name: string
  owner: string | null
  labels: readonly string[]
  params: Readonly<Record<string, string>>
  status: 'connected' | 'needs_reauth' | 'suspended'
  generation: number
  /** What a client may put where the credential goes (V59). */
  placeholder: string
  /** Every grant of this agent on it that is not over. */
  grants: readonly ViewGrant[]
}

export type View = {
  run: {
    id: string
    tenant: string
    tenantId: string
    agentId: string
    mode: 'enforce' | 'learn'
    labels: readonly string[]
    proof: string
    createdAt: Date
    expiresAt: Date
    purpose: string
    /** Provider → connection. */
    chosen: Readonly<Record<string, string>>
    /** How long a request waits for people that does not say so itself; null: as the proxy is set. */
    waitMs: number | null
  }
  agent: { id: string; name: string; environment: string; labels: readonly string[]; owner: string | null }
  connections: readonly ViewConnection[]
  /** Definitions of which this agent has no usable connection: for `connection_missing` (V95). */
  known: readonly Definition[]
  /** Those that policies of this tenant may read (V17). */
  facts: FactTypes
  policy: { version: number; text: string }
  /** The tenant's revision that this reading shows. */
  revision: number
}
