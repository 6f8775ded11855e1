import { expect, test } from 'vitest'
import { readExact } from '../exact.ts'
import { standingAsked } from './standing-asked.ts'

const OPEN = { origin: 'relay', status: 'open', outcome: null } as const
const PAYLOAD = {
  message_id: 'msg_1',
  relay_grant: { id: 'rgr_1', label: 'Caller' },
  context: { skill: 'pay', facts: { amount: 400, currency: 'EUR', urgent: false } },
}
const payload = (more: object = {}) => readExact(JSON.stringify({ ...PAYLOAD, ...more }))

test('R79 a question about a message says its relay grant, its skill and its facts, numbers digit for digit', () => {
  const large = readExact(JSON.stringify(PAYLOAD).replace('400', '9007199254740993'))
  expect(standingAsked(OPEN, large)).toEqual({
    ...{ grantId: 'rgr_1', skill: 'pay', amounts: [['amount', '9007199254740993']] },
    others: [
      ['currency', 'EUR'],
      ['urgent', 'false'],
    ],
  })
  expect(standingAsked(OPEN, payload({ context: { skill: '' } }))).toMatchObject({ skill: null, amounts: [], others: [] })
})

test('R79 nothing is offered of what was refused, of what is hidden, and of what is no question about a message', () => {
  expect(standingAsked({ ...OPEN, status: 'completed', outcome: 'accepted' }, payload())).not.toBeNull()
  expect(standingAsked({ ...OPEN, status: 'completed', outcome: 'denied' }, payload())).toBeNull()
  expect(standingAsked({ ...OPEN, status: 'cancelled' }, payload())).toBeNull()
  expect(standingAsked({ ...OPEN, origin: 'agent' }, payload())).toBeNull()
  expect(standingAsked(OPEN, payload({ message_id: undefined }))).toBeNull()
  expect(standingAsked(OPEN, readExact('{"_redacted": true}'))).toBeNull()
  expect(standingAsked(OPEN, null)).toBeNull()
})
