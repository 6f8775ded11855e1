import type { Card } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { changeOf, moreOf, newCardOf, typedCard } from './card-said.ts'

const CARD = {
  ...{
    id: 'card_1',
    slug: 'ada',
    name: 'Ada',
    summary: 'Books.',
    accepted_inputs: ['text/plain', '*/*'],
    expected_outputs: ['text/plain'],
  },
  ...{
    visibility: 'public',
    approval: 'message',
    retention_days: 'none',
    agent_id: null,
    description: 'More.',
    limits: { rate: 5 },
  },
  skills: [
    {
      ...{ id: 'book', name: 'Book', description: 'Books.', tags: ['a', 'b'], risk: 'high' },
      facts: [{ name: 'amount', pointer: '/amount', type: 'long' }],
    },
  ],
} as unknown as Card

test('R128 a card that is opened and saved again says what it said, what the form has no field for included', () => {
  const typed = typedCard(CARD)
  expect(changeOf(typed)).toEqual({
    ...{ slug: 'ada', name: 'Ada', summary: 'Books.', accepted_inputs: ['text/plain', '*/*'], expected_outputs: ['text/plain'] },
    ...{ visibility: 'public', approval: 'message', retention_days: 'none', agent_id: null, skills: CARD.skills },
    ...{ description: 'More.', category: null, provider: null, documentation_url: null },
  })
  expect(newCardOf(typed, CARD)).toMatchObject({ limits: { rate: 5 }, description: 'More.' })
  expect(newCardOf(typed, CARD)).not.toHaveProperty('category')
  expect(newCardOf({ ...typed, description: '' })).not.toHaveProperty('description')
  expect(changeOf({ ...typed, description: '' })).toMatchObject({ description: null })
})

test('R128 what more a skill says is JSON, and nothing else', () => {
  expect(moreOf('')).toEqual({})
  expect(moreOf('{"examples": ["x"]}')).toEqual({ examples: ['x'] })
  for (const wrong of ['[]', '{', '3', 'null']) expect(moreOf(wrong)).toBeNull()
})
