// Agents (P52): principals of one tenant that belong to one user. Here they are made, named, paused and revoked.
// An agent never signs in, holds no role, and once revoked never comes back.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../db/scope.ts'
import { type Tx, tx } from '../db/tx.ts'
import { record } from '../events/event.ts'
import { newId } from '../std/id.ts'
import type { IdentityHouse } from './house.ts'
import { isKeyScope, reach } from './matrix.ts'
import {
  type Agent,
  type AgentState,
  findAgent,
  findMembership,
  insertAgent,
  listAgents,
  listLiveKeysOfAgent,
  type Only,
  revokeKeysOfAgent,
  updateAgentIfAlive,
} from './sql.ts'

export type { Agent, AgentState }

export type NewAgent = { name: string; description?: string; environment?: 'live' | 'test'; owner_user_id?: string }
export type AgentChange = {
  name?: string
  description?: string
  labels?: string[]
  proof?: Agent['proof']
  state?: 'active' | 'paused' | 'revoked'
}

/** The predicate of `○`: what a scope that reaches only its own may see (P61). */
export function ownOnly(scope: Scope, action: string): Only {
  if (reach(scope, action) === 'any') return { user: null, agent: null }
  return isKeyScope(scope) && scope.keyKind === 'agt'
    ? { user: null, agent: scope.agentId }
    : { user: scope.userId ?? '', agent: null }
}

export const createAgent = (house: IdentityHouse, scope: Scope, input: NewAgent): Promise<Agent> =>
  tx(house.db, scope, async (t) => {
    const ownerId = await ownerOf(t, scope, input.owner_user_id)
    const id = newId('agt', t.now.getTime())
    const environment = input.environment ?? 'live'
    await insertAgent(t, scope, {
      id,
      userId: ownerId,
      name: input.name.trim(),
      description: input.description ?? '',
      environment,
    })
    await record(t, scope, 'agent.created', { agent_id: id, owner_id: ownerId, environment }, { resource: { type: 'agent', id } })
    return (await findAgent(t, scope, id, { user: null, agent: null })) as Agent
  })

/** Oneself unless another was named; naming another needs the reach over all. */
export async function ownerOf(t: Tx, scope: Scope, wanted: string | undefined, path = '/owner_user_id'): Promise<string> {
  const ownerId = wanted ?? scope.userId
  if (!ownerId) throw ownerError(path, 'An owner is needed.')
  if (ownerId !== scope.userId && reach(scope, 'agent.create') !== 'any')
    throw new Problem('forbidden', { action: 'agent.create' })
  const owner = await findMembership(t, scope, ownerId)
  if (!owner || owner.deactivated_at) throw ownerError(path, 'Must be an active user of this tenant.')
  return ownerId
}

const ownerError = (path: string, message: string) =>
  new Problem('validation_failed', { errors: [{ path, code: 'unknown_user', message }] })

export async function getAgent(house: Pick<IdentityHouse, 'db'>, scope: Scope, agentId: string): Promise<Agent> {
  const agent = await tx(house.db, scope, (t) => findAgent(t, scope, agentId, ownOnly(scope, 'agent.read')), { readOnly: true })
  if (!agent) throw new Problem('not_found')
  return agent
}

export const listAgentsOf = (
  house: IdentityHouse,
  scope: Scope,
  page: { before: string | null; limit: number; state: AgentState | null },
): Promise<Agent[]> =>
  tx(house.db, scope, (t) => listAgents(t, scope, { ...page, ...ownOnly(scope, 'agent.read') }), { readOnly: true })

export const changeAgent = (house: IdentityHouse, scope: Scope, agentId: string, change: AgentChange): Promise<Agent> =>
  tx(house.db, scope, async (t) => {
    const only = ownOnly(scope, 'agent.update')
    const before = await findAgent(t, scope, agentId, only)
    if (!before) throw new Problem('not_found')
    const next = {
      name: change.name?.trim() ?? before.name,
      description: change.description ?? before.description,
      labels: change.labels === undefined ? before.labels : labelsOf(scope, change.labels),
      proof: change.proof ?? before.proof,
      state: change.state ?? before.state,
    }
    const stateChanged = next.state !== before.state
    const updated = await updateAgentIfAlive(t, scope, agentId, { ...next, stateChanged })
    if (updated === 0) throw new Problem('state_conflict', { state: 'revoked', detail: 'A revoked agent stays revoked.' })
    await recordChange(t, scope, before, next)
    if (stateChanged) await tellKeys(t, scope, agentId, next.state)
    return (await findAgent(t, scope, agentId, only)) as Agent
  })

/** A label may bring what others granted to it: who reaches only their own agents gives none. */
function labelsOf(scope: Scope, labels: readonly string[]): string[] {
  if (reach(scope, 'agent.update') !== 'any') throw new Problem('forbidden', { action: 'agent.update' })
  return [...new Set(labels)].sort()
}

type Next = { name: string; description: string; labels: readonly string[]; proof: Agent['proof']; state: AgentState }

async function recordChange(t: Tx, scope: Scope, before: Agent, next: Next) {
  const differs = (field: keyof Next) => JSON.stringify(before[field]) !== JSON.stringify(next[field])
  const fields = (['name', 'description', 'labels', 'proof', 'state'] as const).filter(differs)
  if (fields.length === 0) return
  const type = fields.includes('state') && next.state === 'revoked' ? 'agent.revoked' : 'agent.updated'
  const pick = (of: Next) => Object.fromEntries(fields.map((field) => [field, of[field]]))
  const shown = { before: pick(before), after: pick(next) }
  await record(t, scope, type, { agent_id: before.id, fields }, { resource: { type: 'agent', id: before.id }, ...shown })
}

/** Revoking the agent revokes its keys; any other change of state makes what they hold open look again. */
async function tellKeys(t: Tx, scope: Scope, agentId: string, state: AgentState): Promise<void> {
  const keys = state === 'revoked' ? await revokeKeysOfAgent(t, scope, agentId) : await listLiveKeysOfAgent(t, scope, agentId)
  for (const { id } of keys) {
    if (state === 'revoked') {
      const data = { key_id: id, agent_id: agentId, reason: 'agent_revoked' }
      await record(t, scope, 'key.revoked', data, { resource: { type: 'key', id } })
    }
    t.wake(`key:${id}`)
  }
}
