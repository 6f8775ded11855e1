// The policies of a tenant under the schema that knows its facts (V17). What was parsed stays parsed; only the schema that a request is held against is another.
import { policySchema } from '../../identity/policies/judge.ts'
import type { FactTypes } from '../../policy/contributions.ts'
import type { Sets } from '../../policy/decide.ts'
import type { Schema } from '../../policy/schema.ts'

const kept = new WeakMap<Sets, { schema: Schema; sets: Sets }>()

export function setsWithFacts(sets: Sets, facts: FactTypes): Sets {
  const schema = policySchema(facts)
  const known = kept.get(sets)
  if (known?.schema === schema) return known.sets
  const made = { ...sets, schema }
  kept.set(sets, { schema, sets: made })
  return made
}
