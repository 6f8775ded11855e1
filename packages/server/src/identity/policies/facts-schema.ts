// The policies of a tenant under the schema that knows its facts (V17). What was parsed stays parsed; only the schema that a request is held against is another.
import type { Tx } from '../../db/tx.ts'
import { type FactType, type FactTypes, GROUND_FACTS } from '../../policy/contributions.ts'
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
  const facts = (act.context.facts ?? {}) as object
  const hasFacts = Object.keys(facts).length > 0
  const types = hasFacts ? await house.policies.facts(t, scope) : {}
  const said = hasFacts ? { ...asked, act: { ...act, context: { ...act.context, facts: knownFacts(facts, types) } } } : asked
  const request = requestOf(said, new Map(agents.map((agent) => [agent.id, agent])), t.now)
  if (!sets) return { request, outcome: unreadable(version) }
  if (!hasFacts) return { request, outcome: decide(request, sets) }
  return { request, outcome: decide(request, setsWithFacts(sets, types)) }
}

/** What no policy of this tenant could name, or could read as what it is, is none of its facts: whoever declares it may be somebody else. */
const knownFacts = (facts: object, types: FactTypes) =>
  Object.fromEntries(Object.entries(facts).filter(([name, value]) => typeOf(name, types) === OF_VALUES[typeof value]))

const typeOf = (name: string, types: FactTypes): FactType | undefined => ({ ...types, ...GROUND_FACTS })[name]
const OF_VALUES: Readonly<Record<string, FactType>> = { number: 'long', boolean: 'bool', string: 'string' }
