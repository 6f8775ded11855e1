// What a permit says, read from it (relay.md R79).
import { expect, test } from 'vitest'
import { readPolicies } from '../../policy/set.ts'
import { saidOf } from './standing-said.ts'

const said = (conditions: string, actions = '[Action::"thread.start", Action::"thread.send"]') => {
  const [policy] = readPolicies(`@id("x") permit (principal, action in ${actions}, resource)\nwhen { ${conditions} };`).policies
  if (!policy) throw new Error('no policy')
  return saidOf(policy.json)
}

test('R79 a standing permission says its skill, its ceilings and what has to be as it was, and no quoted text passes for one', () => {
  expect(
    said(
      [
        'context has skill && context.skill == "pay"',
        'context has facts && context.facts has amount && context.facts.amount <= 1000',
        'context.facts has owed && context.facts.owed <= -5',
        'context.facts has currency && context.facts.currency == "context.facts.amount <= 9 \\"&&\\" EUR"',
        'context.facts has urgent && context.facts.urgent == false',
      ].join(' && '),
    ),
  ).toEqual({
    ...{ actions: ['thread.start', 'thread.send'], skill: 'pay', ceilings: { amount: 1_000, owed: -5 } },
    facts: { currency: 'context.facts.amount <= 9 "&&" EUR', urgent: false },
  })
  expect(said('context.skill == ""', '[Action::"thread.respond"]')).toEqual({
    ...{ actions: ['thread.respond'], skill: null, ceilings: {}, facts: {} },
  })
})

test('R79 of a permit that somebody has rewritten nothing is said that does not hold of every message', () => {
  expect(said('context.facts.amount <= 10 || context.facts.amount <= 99')).toMatchObject({ ceilings: {} })
  expect(said('!(context.facts.amount <= 10)')).toMatchObject({ ceilings: {} })
})
