// One request judged aloud: the outcome, and each policy that decided, with its text and place. For the simulator, the CLI and whoever asks why. Records nothing.
import { Problem } from '@countersign/sdk'
import type { Scope } from '../../db/scope.ts'
import { type Tx, tx } from '../../db/tx.ts'
import { type CedarValue, type Entity, judge, openSets, type Uid } from '../../policy/decide.ts'
import { checkPolicies } from '../../policy/set.ts'
import { sayOutcome } from '../../policy/words.ts'
import { tenantWire } from '../../std/id.ts'
import { type PolicyHouse, schemaOf } from './judge.ts'
import { findVersion, pass, showPolicies } from './policy.ts'
import { agentEntity, userEntity } from './request.ts'
import { findAgentOwner, findRole } from './sql.ts'

type Thing = Uid & { attributes?: Record<string, unknown>; parents?: Uid[] }
export type ExplainInput = {
  principal: Thing
  action: string
  resource?: Thing
  context?: Record<string, unknown>
  at?: Date
  address?: string
  /** A saved version, or a text that is not saved; else the active one. */
  version?: number
  text?: string
}

export const explain = (house: PolicyHouse, scope: Scope, input: ExplainInput) =>
  tx(house.db, scope, async (t) => {
    const { guardrails } = house.policies
    const schema = await schemaOf(house, t, scope)
    const row = input.text === undefined ? await findVersion(house, t, scope, input.version ?? 'active') : null
    const text = row?.text ?? (input.text as string)
    pass(checkPolicies(text, schema))
    if (!schema.actions.includes(input.action))
      throw new Problem('validation_failed', {
        errors: [{ path: '/action', code: 'unknown_action', message: `There is no action ${input.action}.` }],
      })
    const sets = openSets({ version: row?.version ?? 0, text, guardrails, schema })
    const tenant: Uid = { type: 'Tenant', id: tenantWire(scope.tenantId) }
    const principal = await principalIn(t, scope, tenant, input.principal)
    const resource = entityOf(tenant, input.resource ?? { ...tenant })
    const outcome = judge(
      {
        principal: principal.uid,
        action: input.action,
        resource: resource.uid,
        context: (input.context ?? {}) as Record<string, CedarValue>,
        entities:
          principal.uid.type === resource.uid.type && principal.uid.id === resource.uid.id ? [principal] : [principal, resource],
        at: input.at ?? t.now,
        address: input.address,
      },
      sets,
    )
    const policies = outcome.policy_ids.map((id) => sets.policies.get(id)).filter((policy) => policy !== undefined)
    return {
      ...outcome,
      ask: outcome.ask ?? null,
      faults: outcome.faults ?? [],
      says: sayOutcome(outcome),
      policies: showPolicies(policies),
    }
  })

/** As they are in the tenant, unless the caller describes them. */
async function principalIn(t: Tx, scope: Scope, tenant: Uid, thing: Thing): Promise<Entity> {
  if (thing.attributes !== undefined || thing.parents !== undefined) return entityOf(tenant, thing)
  if (thing.type === 'User') {
    const place = await findRole(t, scope, thing.id)
    return userEntity(tenant, { id: thing.id, role: place?.role ?? null, isHost: place?.is_host ?? false })
  }
  if (thing.type === 'Agent') {
    const agent = await findAgentOwner(t, scope, thing.id)
    return agentEntity(tenant, {
      id: thing.id,
      name: agent?.name ?? thing.id,
      environment: agent?.environment ?? 'live',
      labels: agent?.labels ?? [],
      owner: agent?.user_id ?? null,
    })
  }
  if (thing.type === 'Key') return { uid: { type: 'Key', id: thing.id }, attrs: { kind: 'adm' }, parents: [tenant] }
  return entityOf(tenant, thing)
}

const entityOf = (tenant: Uid, { type, id, attributes = {}, parents = [] }: Thing): Entity => ({
  uid: { type, id },
  attrs: attributes as Record<string, CedarValue>,
  parents: type === 'Tenant' ? [] : [tenant, ...parents],
})
