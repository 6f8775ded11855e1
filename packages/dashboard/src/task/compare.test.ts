import { expect, test } from 'vitest'
import { readExact, type Shown } from '../exact.ts'
import { compare, editableForm, sendable } from './compare.ts'

const tree = (json: string) => readExact(json) as Map<string, Shown>

test('T45 a comparison names what was changed, added and removed, in the order in which it was written', () => {
  const found = compare(
    tree('{"amount":240,"note":"a","lines":[1,2],"old":null}'),
    tree('{"amount":200,"note":"a","lines":[1],"new":true}'),
  )
  expect(found.map(({ path, before, after }) => [path.join(' › '), before === undefined, after === undefined])).toEqual([
    ['amount', false, false],
    ['lines › 2', false, true],
    ['old', false, true],
    ['new', true, false],
  ])
})

test('T6 a comparison tells numbers apart that a double cannot, and what is sent keeps their digits', () => {
  const big = tree('{"id":9007199254740993,"amount":240.50}')
  expect(compare(big, tree('{"id":9007199254740992,"amount":240.50}'))).toHaveLength(1)
  expect(sendable(big)).toEqual({ id: '9007199254740993', amount: '240.50' })
  expect(sendable(tree('{"amount":240,"list":[1.5,true,null]}'))).toEqual({ amount: 240, list: [1.5, true, null] })
})

test('T45 a form asks for what may be edited and nothing else; what it cannot ask for is edited as JSON', () => {
  const args = tree('{"order":1042,"amount":240,"note":"x","lines":[]}')
  const schema = {
    type: 'object',
    properties: { order: { type: 'integer' }, amount: { type: 'number', minimum: 1 }, note: { type: 'string' }, lines: {} },
    required: ['order', 'amount'],
  }
  expect(editableForm(args, schema, ['/amount', '/note'])).toEqual({
    type: 'object',
    properties: { amount: { type: 'number', minimum: 1 }, note: { type: 'string' } },
    required: ['amount'],
  })
  expect(editableForm(args, null, ['/amount'])).toMatchObject({ properties: { amount: { type: 'number' } } })
  for (const editable of [null, ['/lines'], ['/lines/0'], ['/unknown'], ['']])
    expect(editableForm(args, schema, editable)).toBeNull()
})
