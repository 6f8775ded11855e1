// Rules as sentences, and what is typed as a rule.
import type { GrantRule } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { ruleOf, sentence, typedOf } from './rule.ts'

const RULE: GrantRule = {
  effect: 'ask',
  methods: ['POST', 'PUT'],
  hosts: ['api.example.com'],
  paths: ['/v1/refunds', '=/v1/one'],
  where: [
    { fact: 'amount', op: 'gt', value: 100 },
    { fact: 'kind', op: 'in', value: ['a', 'b'] },
  ],
}

test('V142 a rule is a sentence', () => {
  expect(sentence({ effect: 'allow' })).toBe('It may send anything.')
  expect(sentence({ effect: 'deny', tools: ['delete_*'] })).toBe('It may never call delete_*.')
  expect(sentence(RULE)).toBe(
    'It may send POST, PUT to /v1/refunds, exactly /v1/one at api.example.com where amount is above 100 and kind is one of a, b, after a person has agreed each time.',
  )
})

test('V142 what is typed is the rule that was shown, and numbers, truths and text stay what they are', () => {
  expect(ruleOf(typedOf(RULE))).toEqual(RULE)
  expect(ruleOf(typedOf({ effect: 'allow' }))).toEqual({ effect: 'allow' })
  const where = (value: string) =>
    ruleOf({ ...typedOf({ effect: 'allow' }), where: [{ fact: 'x', op: 'eq', value }] }).where?.[0]?.value
  expect(['7', '007', '1e3', '-2.5', 'true', '', ' seven '].map(where)).toEqual([7, '007', '1e3', -2.5, true, '', 'seven'])
})
