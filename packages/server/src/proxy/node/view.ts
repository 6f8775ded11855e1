// What the database says of a run (`proxy_routes`), as the judgement reads it. Bundled definitions are this process's own; everything else came from a function
// that returns nothing secret.
import { placeholderOf } from '../../vault/connections/choose.ts'
import type { Rule } from '../../vault/grants/rules.ts'
import type { Definition } from '../../vault/providers/definition.ts'
import { factTypes } from '../../vault/providers/facts.ts'
import { defaultsOf } from '../../vault/providers/params.ts'
import type { View, ViewConnection, ViewGrant } from '../decide/view.ts'

type Time = string
type RoutesGrant = {
  id: string
  rules: Rule[]
  starts_at: Time
  expires_at: Time
  max_uses: number | null
  uses: number
  client_cidrs: string[]
  placeholder_required: boolean
  minting: boolean
  record: ViewGrant['record']
  scan: boolean
  status: ViewGrant['status']
  generation: number
}
type RoutesConnection = {
  id: string
  provider: string
  definition_version: number
  /** null: the bundled one. */
  definition: Definition | null
  name: string
  owner: string | null
  labels: string[]
  params: Record<string, string>
  status: ViewConnection['status']
  generation: number
  grants: RoutesGrant[]
}
export type Routes = {
  revision: number
  run: {
    id: string
    tenant: string
    tenant_id: string
    agent_id: string
    mode: 'enforce' | 'learn'
    labels: string[]
    proof: string
    created_at: Time
    expires_at: Time
    purpose: string
    chosen: Record<string, string>
    wait_seconds: number | null
  }
  agent: View['agent']
  connections: RoutesConnection[]
  /** The tenant's own definitions in force. */
  definitions: Definition[]
  /** Where a host lets the tenant dial besides public addresses, as it is written. */
  egress_allow: string[]
}

/** `bundled`: the definitions of this build, by name. A connection whose definition is not to be had is left out: nothing goes out by it. */
export function readView(
  { revision, run, agent, connections, definitions }: Routes,
  policy: View['policy'],
  bundled: ReadonlyMap<string, Definition>,
): View {
  const read = connections.flatMap((one) => readConnection(one, bundled) ?? [])
  const usable = new Set(read.map(({ provider }) => provider))
  const own = new Map(definitions.map((definition) => [definition.name, definition]))
  const known = [...bundled.values(), ...own.values()].filter(
    (definition) => !usable.has(definition.name) && (own.get(definition.name) ?? definition) === definition,
  )
  return {
    run: {
      id: run.id,
      tenant: run.tenant,
      tenantId: run.tenant_id,
      agentId: run.agent_id,
      mode: run.mode,
      labels: run.labels,
      proof: run.proof,
      createdAt: new Date(run.created_at),
      expiresAt: new Date(run.expires_at),
      purpose: run.purpose,
      chosen: run.chosen,
      waitMs: run.wait_seconds === null ? null : run.wait_seconds * 1_000,
    },
    agent,
    connections: read,
    known,
    facts: factTypes([...definitions, ...bundled.values()]),
    policy,
    revision,
  }
}

function readConnection(one: RoutesConnection, bundled: ReadonlyMap<string, Definition>): ViewConnection | null {
  const definition = one.definition ?? bundled.get(one.provider)
  if (!definition) return null
  return {
    id: one.id,
    provider: one.provider,
    definition,
    definitionVersion: one.definition_version,
    bundled: one.definition === null,
    name: one.name,
    owner: one.owner,
    labels: one.labels,
    params: { ...defaultsOf(definition), ...one.params },
    status: one.status,
    generation: one.generation,
    placeholder: placeholderOf(definition, one.id),
    grants: one.grants.map(readGrant),
  }
}

const readGrant = (one: RoutesGrant): ViewGrant => ({
  id: one.id,
  rules: one.rules,
  startsAt: new Date(one.starts_at),
  expiresAt: new Date(one.expires_at),
  maxUses: one.max_uses,
  uses: one.uses,
  clientCidrs: one.client_cidrs,
  placeholderRequired: one.placeholder_required,
  minting: one.minting,
  record: one.record,
  scan: one.scan,
  status: one.status,
  generation: one.generation,
})
