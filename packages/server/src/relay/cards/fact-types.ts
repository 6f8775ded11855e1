// The facts that the cards of a tenant declare, as its policies may read them (relay.md R74). A fact has one type for every policy; a card that says otherwise is refused when it is
// saved. What a card once declared stays readable, so that a policy which was saved while it was there stays one that can be read.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Policies } from '../../identity/policies/judge.ts'
import { type FactType as CedarFact, type FactTypes, GROUND_FACTS } from '../../policy/contributions.ts'
import type { FactType } from './facts.ts'
import type { CardContent } from './input.ts'
import { listFactsEver } from './sql.ts'

const OF_POLICIES: Record<FactType, CedarFact> = { long: 'long', bool: 'bool', word: 'string' }
const SAID: Record<CedarFact, string> = { long: 'a long', bool: 'a bool', string: 'a word' }

export async function factsOfCards(t: Tx, scope: Scope): Promise<FactTypes> {
  const types: Record<string, CedarFact> = {}
  for (const { name, type } of await listFactsEver(t, scope)) types[name] ??= OF_POLICIES[type]
  return types
}

/** With the path of each fact that is known by another type, here or beside it in the same card. */
export async function refuseFactClash(
  house: { policies: Policies },
  t: Tx,
  scope: Scope,
  { skills }: Pick<CardContent, 'skills'>,
): Promise<void> {
  if (!skills.some(({ facts }) => facts !== undefined)) return
  const known: Record<string, CedarFact> = { ...(await house.policies.facts(t, scope)), ...GROUND_FACTS }
  const errors = skills.flatMap(({ facts = [] }, i) =>
    facts.flatMap(({ name, type }, j) => {
      const other = Object.hasOwn(known, name) ? known[name] : undefined
      known[name] ??= OF_POLICIES[type]
      if (other === undefined || other === OF_POLICIES[type]) return []
      const message = `For every policy this fact is ${SAID[other]}: give this one another name.`
      return [{ path: `/skills/${i}/facts/${j}/type`, code: 'fact_clash', message }]
    }),
  )
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
}
