import { expect, test } from 'vitest'
import type { Fact } from '../../vault/providers/definition.ts'
import { readFacts } from './facts.ts'
import { strictJson } from './json.ts'

const AMOUNT: Record<string, Fact> = { amount: { in: 'body', pointer: '/amount', type: 'long' } }
const json = (text: string | Buffer) =>
  readFacts(AMOUNT, { path: '/v1/refunds', query: '', contentType: 'application/json', body: Buffer.from(text) })
const form = (text: string) =>
  readFacts(AMOUNT, {
    path: '/',
    query: '',
    contentType: 'application/x-www-form-urlencoded; charset=utf-8',
    body: Buffer.from(text),
  })

test('V98 a number is read from JSON and from a form', () => {
  expect(json('{"amount": 400, "charge": "ch_1"}').values).toEqual({ amount: 400 })
  expect(form('charge=ch_1&amount=400').values).toEqual({ amount: 400 })
})

test('V98 §10.1 facts: an amount that is no plain number is none, body_ambiguous for whoever needs it', () => {
  const faults = [
    ['as text', '{"amount": "400"}'],
    ['beyond what a number holds', '{"amount": 1e400}'],
    ['minus nothing', '{"amount": -0}'],
    ['a part of one', '{"amount": 4.5}'],
    ['beyond exact numbers', '{"amount": 9007199254740993}'],
    ['in an array', '{"amount": [400]}'],
    ['twice', '{"amount": 4, "amount": 400}'],
    ['twice, once in another spelling', '{"amount": 4, "\\u0061mount": 400}'],
    ['twice in an object inside', '{"amount": 4, "x": {"y": 1, "y": 2}}'],
    ['not a number', '{"amount": NaN}'],
    ['cut off', '{"amount": 4'],
  ] as const
  for (const [what, text] of faults)
    expect([what, json(text)]).toEqual([what, { values: {}, missing: new Map([['amount', 'ambiguous']]) }])
})

test('V98 a nested array is not reached by the pointer, and a body without the fact has none', () => {
  expect(json('[{"amount": 400}]').missing).toEqual(new Map([['amount', 'absent']]))
  expect(json('{"amount": null}').missing).toEqual(new Map([['amount', 'absent']]))
})

test('V98 the same name in two objects, and a value that looks like a name, are no twins', () => {
  expect(strictJson(Buffer.from('{"a":{"x":1},"b":{"x":2},"c":["x","x"],"d":"x:"}'))).toHaveProperty('value')
})

test('V98 64 levels are read, 65 are not, whatever stands in strings', () => {
  const nested = (depth: number) => Buffer.from(`${'['.repeat(depth)}"]]]{"${']'.repeat(depth)}`)
  expect(strictJson(nested(64))).toHaveProperty('value')
  expect(strictJson(nested(65))).toBe('ambiguous')
  expect(strictJson(Buffer.from('['.repeat(65_536)))).toBe('ambiguous')
})

test('V98 bytes that are no UTF-8, and a byte order mark, are not guessed at', () => {
  expect(strictJson(Buffer.from([0x22, 0xff, 0x22]))).toBe('ambiguous')
  expect(strictJson(Buffer.from('\ufeff{}'))).toBe('ambiguous')
})

test('V98 a field twice in a form or in a query is ambiguous; a body that was too large says so', () => {
  expect(form('amount=4&amount=400').missing.get('amount')).toBe('ambiguous')
  const inQuery: Record<string, Fact> = { amount: { in: 'query', pointer: 'amount', type: 'long' } }
  const query = (text: string) => readFacts(inQuery, { path: '/', query: text, contentType: null, body: null })
  expect(query('amount=7').values).toEqual({ amount: 7 })
  expect(query('amount=7&amount=8').missing.get('amount')).toBe('ambiguous')
  expect(query('amount=07').missing.get('amount')).toBe('ambiguous')
  const large = readFacts(AMOUNT, { path: '/', query: '', contentType: 'application/json', body: 'too_large' })
  expect(large.missing.get('amount')).toBe('too_large')
})

test('V98 a segment of the path is a fact by its number, counted from one as definitions do', () => {
  const inPath: Record<string, Fact> = { repository: { in: 'path', pointer: '2', type: 'string' } }
  expect(readFacts(inPath, { path: '/repos/countersign/x', query: '', contentType: null, body: null }).values).toEqual({
    repository: 'countersign',
  })
})

test('V98 a response is read after it came: it is neither a fact of the request nor missed there', () => {
  const later: Record<string, Fact> = { tokens: { in: 'response', pointer: '/usage/total', type: 'long' } }
  expect(readFacts(later, { path: '/', query: '', contentType: null, body: null })).toEqual({ values: {}, missing: new Map() })
})
