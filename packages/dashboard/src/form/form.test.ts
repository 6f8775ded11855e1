import { expect, test } from 'vitest'
import { answerOf, type Draft, emptyDraft, placesOf } from './draft.ts'
import { type Field, fieldsOf, sentence } from './field.ts'

const schema = {
  type: 'object',
  required: ['approved', 'amount', 'reasons', 'lines'],
  properties: {
    approved: { type: 'boolean' },
    amount: { type: 'number', minimum: 0 },
    note: { type: 'string', maxLength: 500, description: 'Seen by the customer' },
    title: { type: 'string' },
    speed: { enum: ['slow', 'fast'] },
    reasons: { type: 'array', items: { enum: ['lost', 'broken'] } },
    due: { type: 'string', format: 'date' },
    at: { type: 'string', format: 'time' },
    address: { $ref: '#/$defs/Address' },
    lines: { type: 'array', minItems: 1, items: { type: 'object', properties: { sku: { type: 'string' } }, required: ['sku'] } },
    nickname: { anyOf: [{ type: 'string' }, { type: 'null' }] },
    extra: {},
  },
  $defs: { Address: { type: 'object', title: 'Ship to', properties: { street: { type: 'string' } } } },
}
const fields = fieldsOf(schema) as Field[]
const named = (name: string) => fields.find((field) => field.name === name) as Field
const whole: Field = { kind: 'object', name: '', label: '', required: true, nullable: false, fields }

test('every construct that people are asked for has its field, and what is left is asked as JSON', () => {
  expect(Object.fromEntries(fields.map((field) => [field.name, field.kind]))).toEqual({
    approved: 'boolean',
    amount: 'number',
    note: 'long_text',
    title: 'text',
    speed: 'choice',
    reasons: 'choices',
    due: 'date',
    at: 'time',
    address: 'object',
    lines: 'list',
    nickname: 'text',
    extra: 'json',
  })
  expect(named('address').label).toBe('Ship to')
  expect(named('nickname')).toMatchObject({ required: false, nullable: true })
  expect(named('note').hint).toBe('Seen by the customer')
})

test('an untouched form answers nothing: no yes, no zero, no empty text', () => {
  expect(answerOf(whole, emptyDraft(whole))).toEqual({ reasons: [], lines: [{}] })
})

test('typed values keep their types, and what does not convert exactly goes as typed', () => {
  const draft = emptyDraft(whole) as Record<string, Draft>
  Object.assign(draft, {
    approved: false,
    amount: '240.50',
    speed: '1',
    reasons: ['lost'],
    due: '2026-01-02',
    nickname: '',
    extra: '{"a":1}',
  })
  draft.lines = [{ sku: 'A-1' }]
  expect(answerOf(whole, draft)).toEqual({
    approved: false,
    amount: 240.5,
    speed: 'fast',
    reasons: ['lost'],
    due: '2026-01-02',
    extra: { a: 1 },
    lines: [{ sku: 'A-1' }],
  })
  expect(answerOf(named('amount'), '12,5')).toBe('12,5')
  expect(answerOf(named('amount'), '9007199254740993')).toBe('9007199254740993')
  expect(answerOf(named('extra'), '{oops')).toBe('{oops')
})

test('an initial answer fills the form', () => {
  const draft = emptyDraft(whole, { approved: true, amount: 3, speed: 'slow', lines: [{ sku: 'B' }, { sku: 'C' }] })
  expect(answerOf(whole, draft)).toMatchObject({ approved: true, amount: 3, speed: 'slow', lines: [{ sku: 'B' }, { sku: 'C' }] })
})

test('a schema without a shape, or one that refers to itself for ever, ends in JSON instead of nothing', () => {
  expect(fieldsOf({})).toBeNull()
  const loop = { type: 'object', properties: { child: { $ref: '#' } } }
  expect(JSON.stringify(fieldsOf(loop))).toContain('"json"')
})

test('names read as sentences', () => {
  expect([sentence('shipping_address'), sentence('shippingAddress'), sentence('SKU')]).toEqual([
    'Shipping address',
    'Shipping address',
    'Sku',
  ])
})

test('T76 left open is null where a member must be there and may be null', () => {
  const [field] = fieldsOf({ type: 'object', required: ['until'], properties: { until: { type: ['string', 'null'] } } }) as [
    Field,
  ]
  expect(answerOf(field, '')).toBeNull()
  expect(answerOf(field, 'May')).toBe('May')
})

test('every input has its place in the answer', () => {
  expect(placesOf(whole, emptyDraft(whole))).toEqual(
    expect.arrayContaining(['/approved', '/address/street', '/lines', '/lines/0/sku', '/reasons', '/extra']),
  )
})
