// The policies of a tenant under the schema that knows its facts (V17). What was parsed stays parsed; only the schema that a request is held against is another.
import { policySchema } from '../../identity/policies/judge.ts'
import type { FactTypes } from '../../policy/contributions.ts'
import type { Sets } from '../../policy/decide.ts'
import type { Schema } from '../../policy/schema.ts'

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
