// The policies of a tenant under the schema that knows its facts (V17). What was parsed stays parsed; only the schema that a request is held against is another.
import type { Tx } from '../../db/tx.ts'
import type { FactTypes } from '../../policy/contributions.ts'
import { decide, type Sets } from '../../policy/decide.ts'
import type { Schema } from '../../policy/schema.ts'
import { agentsAmong, type Judged, type PolicyHouse, policySchema, setsOf, unreadable } from './judge.ts'
import { type Asked, requestOf } from './request.ts'
import { type ActiveRow, findActive } from './sql.ts'

const kept = new WeakMap<Sets, { facts: FactTypes; schema: Schema; sets: Sets }>()

export function setsWithFacts(sets: Sets, facts: FactTypes): Sets {
  const known = kept.get(sets)
  // A reading of the database has one object of facts: as long as it holds, nothing is compared.
  if (known?.facts === facts) return known.sets
  const schema = policySchema(facts)
  const made = known?.schema === schema ? known.sets : { ...sets, schema }
  kept.set(sets, { facts, schema, sets: made })
  return made
}

/** For an act whose context has facts. One without costs no more than any other act. `read`: what is active, where the caller has read it in this transaction. */
export async function judgeFacts(house: PolicyHouse, t: Tx, asked: Asked, read?: ActiveRow): Promise<Judged> {
  const { scope, act } = asked
  const { version, agents } = read ?? (await findActive(t, scope, agentsAmong([asked])))
  const sets = await setsOf(house, t, scope, version)
  const request = requestOf(asked, new Map(agents.map((agent) => [agent.id, agent])), t.now)
  if (!sets) return { request, outcome: unreadable(version) }
  const hasFacts = Object.keys((act.context.facts ?? {}) as object).length > 0
  return { request, outcome: decide(request, hasFacts ? setsWithFacts(sets, await house.policies.facts(t, scope)) : sets) }
}
