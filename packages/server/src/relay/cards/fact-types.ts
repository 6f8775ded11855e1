// The facts that the cards of a tenant declare, and those of the agents that it may write to, as its policies may read them (relay.md R74): a message is judged by what its card declares
// on both sides. A fact has one type for every policy; a card that says otherwise is refused when it is saved, and what somebody else's card says otherwise is no fact here. What a card
// once declared stays readable, so that a policy which was saved while it was there stays one that can be read.
import { Problem } from '@countersign/sdk'
import type { Scope, Tx } from '../../db/tx.ts'
import type { Policies } from '../../identity/policies/judge.ts'
import { type FactType as CedarFact, type FactTypes, GROUND_FACTS } from '../../policy/contributions.ts'
import type { FactType } from './facts.ts'
import type { CardContent } from './input.ts'
import { listFactsEver, listFactsOfPeers } from './sql.ts'

const OF_POLICIES: Record<FactType, CedarFact> = { long: 'long', bool: 'bool', word: 'string' }
const SAID: Record<CedarFact, string> = { long: 'a long', bool: 'a bool', string: 'a word' }

export async function factsOfCards(t: Tx, scope: Scope): Promise<FactTypes> {
  const types: Record<string, CedarFact> = {}
  for (const { name, type } of [...(await listFactsEver(t, scope)), ...(await listFactsOfPeers(t))])
    types[name] ??= OF_POLICIES[type]
  return types
}

/** With the path of each fact that is known by another type, here or beside it in the same card. */
export async function refuseFactClash(
  house: { policies: Policies },
  t: Tx,
  scope: Scope,
  { skills, extended }: Pick<CardContent, 'skills' | 'extended'>,
): Promise<void> {
  const more = (extended?.skills ?? []).map((skill, i) => ({ ...skill, at: `/extended/skills/${i}` }))
  const all = [...skills.map((skill, i) => ({ ...skill, at: `/skills/${i}` })), ...more]
  if (!all.some(({ facts }) => facts !== undefined)) return
  const known: Record<string, CedarFact> = { ...(await house.policies.facts(t, scope)), ...GROUND_FACTS }
  const errors = all.flatMap(({ facts = [], at }) =>
    facts.flatMap(({ name, type }, j) => {
      const other = Object.hasOwn(known, name) ? known[name] : undefined
      known[name] ??= OF_POLICIES[type]
      if (other === undefined || other === OF_POLICIES[type]) return []
      const message = `For every policy this fact is ${SAID[other]}: give this one another name.`
      return [{ path: `${at}/facts/${j}/type`, code: 'fact_clash', message }]
    }),
  )
  if (errors.length > 0) throw new Problem('validation_failed', { errors })
}
