// From an act and who does it to what policies are asked (P64): entities with the attributes of this moment. Decides nothing.

import type { Scope } from '../../db/scope.ts'
import type { CedarValue, Entity, Request, Uid } from '../../policy/decide.ts'
import { tenantWire } from '../../std/id.ts'
import { isKeyScope } from '../matrix.ts'

/** What a room wants to do for somebody. Its context is what a person agrees to; time and address are added and are not part of that. */
export type Act = {
  action: string
  resource: Uid & { attrs?: Record<string, CedarValue>; parents?: readonly Uid[] }
  context: Readonly<Record<string, CedarValue | undefined>>
  address?: string | null
  /** Something could not be read whole: the outcome is not kept. */
  partial?: true
}
export type Asked = { scope: Scope; act: Act }
export type Agents = ReadonlyMap<string, { id: string; name: string; environment: string; labels: readonly string[] }>

export function requestOf({ scope, act }: Asked, agents: Agents, at: Date): Request {
  const tenant: Uid = { type: 'Tenant', id: tenantWire(scope.tenantId) }
  const { type, id, attrs = {}, parents = [] } = act.resource
  const resource: Entity = { uid: { type, id }, attrs, parents: type === 'Tenant' ? [] : [tenant, ...parents] }
  const known = principalOf(scope, tenant, agents)
  const principal = scope.isForeign ? { ...known, parents: [] } : known
  return {
    principal: principal.uid,
    action: act.action,
    resource: resource.uid,
    context: act.context,
    // Who acts on themselves is one entity.
    entities: same(resource.uid, principal.uid) ? [principal] : [principal, resource],
    at,
    address: act.address ?? scope.address,
    ...(act.partial ? { partial: true } : {}),
  }
}

const same = (a: Uid, b: Uid): boolean => a.type === b.type && a.id === b.id

/** System work is nobody's act: it is not judged. */
export const isJudged = (scope: Scope): boolean => scope.actor.type !== 'system'

export function principalOf(scope: Scope, tenant: Uid, agents: Agents): Entity {
  const { type, id } = scope.actor
  if (type === 'agent') {
    const agent = agents.get(id)
    return agentEntity(tenant, {
      id,
      name: agent?.name ?? scope.displayName,
      environment: agent?.environment ?? 'live',
      labels: agent?.labels ?? [],
      owner: scope.userId,
    })
  }
  if (type === 'key')
    return { uid: { type: 'Key', id }, attrs: { kind: isKeyScope(scope) ? scope.keyKind : 'adm' }, parents: [tenant] }
  if (type === 'user')
    return userEntity(tenant, { id, role: isKeyScope(scope) ? scope.makerRole : scope.role, isHost: scope.isHost })
  if (type === 'guest') return { uid: { type: 'Guest', id }, attrs: {}, parents: [tenant] }
  throw new TypeError('The work of the system itself is not judged.')
}

export const agentEntity = (
  tenant: Uid,
  agent: { id: string; name: string; environment: string; labels: readonly string[]; owner: string | null },
): Entity => ({
  uid: { type: 'Agent', id: agent.id },
  attrs: {
    handle: agent.name,
    environment: agent.environment,
    labels: [...agent.labels],
    ...(agent.owner === null ? {} : { owner: { __entity: { type: 'User', id: agent.owner } } }),
  },
  parents: [tenant],
})

export const userEntity = (tenant: Uid, user: { id: string; role: string | null; isHost: boolean }): Entity => ({
  uid: { type: 'User', id: user.id },
  attrs: {},
  parents: [
    tenant,
    ...(user.role === null ? [] : [{ type: 'Role', id: user.role }]),
    ...(user.isHost ? [{ type: 'Role', id: 'host' }] : []),
  ],
})
