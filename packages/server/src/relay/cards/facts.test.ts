import { Problem } from '@countersign/sdk'
import { expect, test } from 'vitest'
import { readJson } from '../../http/json.ts'
import { checkFacts, type FactDeclaration, readFacts } from './facts.ts'

const facts: FactDeclaration[] = [
  { name: 'amount', pointer: '/total/amount', type: 'long', required: true },
  { name: 'currency', pointer: '/total/currency', type: 'word', values: ['EUR', 'CHF'] },
  { name: 'refundable', pointer: '/refundable', type: 'bool' },
  { name: 'odd', pointer: '/a~1b/0/c~0d', type: 'long' },
]
const skill = { facts }
const good = { total: { amount: 50_000, currency: 'EUR' }, refundable: false, 'a/b': [{ 'c~d': 7 }] }

const faults = (act: () => unknown): string[] => {
  try {
    act()
  } catch (error) {
    if (error instanceof Problem && error.code === 'validation_failed') return error.errors.map((one) => one.path)
    throw error
  }
  return []
}
const of = (data: unknown) => faults(() => readFacts(skill, [{ text: 'hello' }, { data }]))

test('R74 facts are read by their pointers from the first data part, and from no other', () => {
  const parts = [{ text: 'hello' }, { data: good }, { data: { total: { amount: 1 } } }]
  expect(readFacts(skill, parts)).toEqual({ amount: 50_000, currency: 'EUR', refundable: false, odd: 7 })
  expect(readFacts(skill, [{ data: { total: { amount: 1 } } }, { data: good }])).toEqual({ amount: 1 })
  expect(readFacts({}, parts)).toEqual({})
})

test.each([
  ['/parts/1/data/total/amount', {}],
  ['/parts/1/data/total/amount', { total: { amount: '50000' } }],
  ['/parts/1/data/total/amount', { total: { amount: 500.5 } }],
  ['/parts/1/data/total/amount', { total: { amount: null } }],
  ['/parts/1/data/total/amount', readJson('{"total":{"amount":9007199254740993}}')],
  ['/parts/1/data/total/currency', { total: { amount: 1, currency: 'USD' } }],
  ['/parts/1/data/total/currency', { total: { amount: 1, currency: 'eur' } }],
  ['/parts/1/data/refundable', { ...good, refundable: 'false' }],
  ['/parts/1/data/a~1b/0/c~0d', { ...good, 'a/b': [{ 'c~d': true }] }],
])('R74 what is missing, mistyped or not listed is refused at %s', (path, data) => {
  expect(of(data)).toEqual([path])
})

test('R74 without a data part a required fact is missing, and an optional one is just not there', () => {
  expect(faults(() => readFacts(skill, [{ text: '{"total":{"amount":1}}' }]))).toEqual(['/parts'])
  expect(readFacts({ facts: facts.slice(1) }, [{ text: 'hello' }])).toEqual({})
})

test('R74 a pointer never reaches what the data does not hold itself', () => {
  const inherited = { facts: [{ name: 'x', pointer: '/constructor/length', type: 'long', required: true } as const] }
  expect(faults(() => readFacts(inherited, [{ data: {} }]))).toEqual(['/parts/0/data/constructor/length'])
  const length = { facts: [{ name: 'x', pointer: '/length', type: 'long', required: true } as const] }
  expect(faults(() => readFacts(length, [{ data: [1, 2] }], () => '/data'))).toEqual(['/data/length'])
})

test('R74 facts beside a sealed message are held to the same, and none is invented', () => {
  expect(checkFacts(skill, { amount: 3, currency: 'CHF' })).toEqual({ amount: 3, currency: 'CHF' })
  expect(faults(() => checkFacts(skill, { amount: 3, currency: 'USD' }))).toEqual(['/facts/currency'])
  expect(faults(() => checkFacts(skill, { currency: 'CHF' }))).toEqual(['/facts/amount'])
  expect(faults(() => checkFacts(skill, { amount: 3, trusted: true }))).toEqual(['/facts/trusted'])
})
