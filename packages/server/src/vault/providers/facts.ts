// The facts that policies of a tenant may read (V17): the union over all definitions. A fact has one type; whoever proposes a definition that says otherwise is refused
// (version.ts). Reads no request: what a fact is worth in one is for the proxy to say.
import type { Scope, Tx } from '../../db/tx.ts'
import type { FactTypes } from '../../policy/contributions.ts'
import { bundle } from '../bundle/bundle.ts'
import type { Definition } from './definition.ts'
import { findFactsEver } from './sql.ts'

type Facts = Pick<Definition, 'facts'>

/** Whoever comes first says the type. Facts of an answer are for budgets: no request has them yet. */
export function factTypes(definitions: Iterable<Facts>): FactTypes {
  const types: Record<string, FactTypes[string]> = {}
  for (const { facts = {} } of definitions)
    for (const [name, fact] of Object.entries(facts)) if (fact.in !== 'response') types[name] ??= fact.type
  return types
}

const shipped = (): Iterable<Definition> => [...bundle().byName.values()].map(({ definition }) => definition)

/**
 * Of what is in force, and after it of what once was: a policy that was saved while a fact was there stays one that can be read, and is never true of a request
 * that has no such fact.
 */
export async function factsOfTenant(t: Tx, scope: Scope): Promise<FactTypes> {
  const own = await findFactsEver(t, scope)
  return factTypes([...own.filter(({ in_force }) => in_force), ...shipped(), ...own])
}
