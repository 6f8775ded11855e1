import { expect, test } from 'vitest'
import { z } from 'zod'
import * as z3 from 'zod/v3'
import { readSchema } from '../schema/schema.ts'
import { assemble, type Drafts, draftOf, type Field, type Form, formOf, inferForm, leaves, readForm } from './form.ts'

const schema = {
  type: 'object',
  required: ['approved', 'amount', 'reasons', 'lines', 'box'],
  properties: {
    approved: { type: 'boolean' },
    amount: { type: 'number', minimum: 0 },
    note: { type: 'string', maxLength: 500, description: 'Seen by the customer' },
    long: { type: 'string', minLength: 100 },
    title: { type: 'string', title: 'Headline', description: 'As it is printed' },
    contact: { type: 'string', format: 'email' },
    site: { type: 'string', format: 'uri' },
    speed: { enum: ['slow', 'fast'] },
    fixed: { const: 'yes' },
    named: {
      oneOf: [
        { const: 1, title: 'One' },
        { const: 2, title: 'Two', description: 'A pair' },
      ],
    },
    reasons: { type: 'array', items: { enum: ['lost', 'broken'] }, maxItems: 2 },
    due: { type: 'string', format: 'date' },
    at: { type: 'string', format: 'time' },
    starts: { type: 'string', format: 'date-time' },
    address: { $ref: '#/$defs/Address' },
    box: { type: 'object', properties: { size: { type: 'integer' } } },
    lines: { type: 'array', minItems: 1, items: { type: 'object', properties: { sku: { type: 'string' } }, required: ['sku'] } },
    parcels: { type: 'array', items: { type: 'object', properties: { labels: { type: 'array', items: { type: 'string' } } } } },
    labels: { type: 'array', items: { type: 'string' } },
    grid: { type: 'array', items: { type: 'array', items: { type: 'number' } } },
    nickname: { anyOf: [{ type: 'string' }, { type: 'null' }] },
    way: {
      oneOf: [
        { type: 'object', properties: { by: { const: 'post' }, stamps: { type: 'integer' } }, required: ['by', 'stamps'] },
        { type: 'object', properties: { by: { const: 'hand' }, name: { type: 'string' } }, required: ['by'] },
      ],
    },
    either: { anyOf: [{ type: 'string' }, { type: 'number' }] },
    pair: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }] },
    prices: { type: 'object', additionalProperties: { type: 'number' } },
    extra: {},
    never: false,
  },
  $defs: { Address: { type: 'object', title: 'Ship to', properties: { street: { type: 'string' } }, required: ['street'] } },
}
const form = formOf(schema, null)
const named = (name: string, of: Form = form) => leaves(of.fields).find((field) => field.name === name) as Field

test('T80 every construct of a schema has its field, and what is left is asked as JSON; nothing is dropped', () => {
  expect(Object.fromEntries(form.fields.map((field) => [field.name, field.kind]))).toEqual({
    approved: 'switch',
    amount: 'short_text',
    note: 'long_text',
    long: 'long_text',
    title: 'short_text',
    contact: 'short_text',
    site: 'short_text',
    speed: 'single_select',
    fixed: 'single_select',
    named: 'single_select',
    reasons: 'multi_select',
    due: 'date',
    at: 'time',
    starts: 'datetime',
    address: 'section_collapse',
    box: 'section_collapse',
    lines: 'table',
    parcels: 'subform',
    labels: 'subform',
    grid: 'subform',
    nickname: 'short_text',
    way: 'variant',
    either: 'variant',
    pair: 'json',
    prices: 'json',
    extra: 'json',
  })
  expect(named('amount')).toMatchObject({ subtype: 'number' })
  expect(named('contact')).toMatchObject({ subtype: 'email' })
  expect(named('site')).toMatchObject({ subtype: 'url' })
  expect(named('named')).toMatchObject({ options: [{ label: 'One' }, { label: 'Two', hint: 'A pair' }] })
  expect(named('reasons')).toMatchObject({ max_count: 2 })
  expect(named('nickname')).toMatchObject({ required: false })
  expect(named('way')).toMatchObject({ discriminator: 'by', options: [{ value: 'post', label: 'post' }, { value: 'hand' }] })
})

test('T81 labels are title, then description, then the name in sentence case', () => {
  expect([named('title'), named('note'), named('approved')].map(({ label, hint }) => [label, hint])).toEqual([
    ['Headline', 'As it is printed'],
    ['Seen by the customer', undefined],
    ['Approved', undefined],
  ])
  expect(form.fields.find(({ name }) => name === 'address')?.label).toBe('Ship to')
})

test('T79 an untouched form answers nothing: no yes, no zero, no empty text; what has to be there is there', () => {
  expect(assemble(form, draftOf(form))).toEqual({ reasons: [], lines: [{}], box: {} })
})

test('T79 typed values keep their types, and what does not convert exactly goes as typed', () => {
  const draft: Drafts = {
    ...draftOf(form),
    approved: false,
    amount: '240.50',
    speed: '1',
    reasons: ['1', '0'],
    'address.street': 'Main Street 1',
    lines: [{ sku: 'A' }, { sku: '' }],
    labels: [{ entry: 'blue' }],
    grid: [{ entry: [{ entry: '1' }, { entry: '2.5' }] }],
    way: { chosen: '0', '0': { 'way.stamps': '3' } },
    either: { chosen: '1', '1': { either: '7' } },
    extra: '{"a":[1]}',
    pair: '[oops',
  }
  expect(assemble(form, draft)).toEqual({
    approved: false,
    amount: 240.5,
    speed: 'fast',
    reasons: ['lost', 'broken'],
    address: { street: 'Main Street 1' },
    box: {},
    lines: [{ sku: 'A' }],
    labels: ['blue'],
    grid: [[1, 2.5]],
    way: { by: 'post', stamps: 3 },
    either: 7,
    extra: { a: [1] },
    pair: '[oops',
  })
  expect(assemble(form, { ...draft, amount: '9007199254740993' })).toMatchObject({ amount: '9007199254740993' })
})

test('T76 what is prefilled comes back as it was', () => {
  const answer = {
    approved: true,
    amount: 3,
    speed: 'slow',
    reasons: ['broken'],
    address: { street: 'A' },
    box: { size: 2 },
    lines: [{ sku: 'A' }, { sku: 'B' }],
    parcels: [{ labels: ['x', 'y'] }],
    labels: ['blue'],
    grid: [[1], [2, 3]],
    way: { by: 'hand', name: 'Ann' },
    either: 'text',
    starts: '2026-12-24T09:15:00.000Z',
    prices: { a: 1 },
  }
  expect(assemble(form, draftOf(form, answer))).toEqual(answer)
})

test('T80 a schema that no fields can express is one JSON field, and so is one with too many members or levels', () => {
  expect(formOf({ type: 'object', additionalProperties: { type: 'integer' } }, null).fields).toMatchObject([
    { kind: 'json', path: '' },
  ])
  expect(formOf({}, null).fields).toMatchObject([{ kind: 'json', path: '' }])
  const wide = {
    type: 'object',
    properties: Object.fromEntries(Array.from({ length: 301 }, (_, i) => [`a${i}`, { type: 'string' }])),
  }
  expect(formOf(wide, null).fields).toMatchObject([{ kind: 'json', path: '' }])
  const loop = { type: 'object', properties: { next: { $ref: '#' }, a: { type: 'string' } }, required: ['a'] }
  const inner = JSON.stringify(formOf(loop, null))
  expect(inner).toContain('"kind":"json"')
  expect(inner.match(/section_collapse/g)).toHaveLength(5)
  expect(formOf({ oneOf: schema.properties.way.oneOf }, null).fields).toMatchObject([
    { kind: 'variant', path: '', discriminator: 'by' },
  ])
})

test('T80 hints choose the kind, take bounds from the schema, and a hint that cannot be is a fault with its place', () => {
  const hinted = {
    type: 'object',
    properties: {
      level: { type: 'integer', minimum: 10, maximum: 20, 'x-countersign-field': 'slider' },
      stars: { type: 'integer', minimum: 1, maximum: 7, 'x-countersign-field': { kind: 'star_rating' } },
      order: { type: 'array', items: { enum: ['a', 'b'] }, 'x-countersign-field': 'ranking' },
      text: { type: 'string', 'x-countersign-field': { kind: 'rich_text', hint: 'Be kind' } },
      wrong: { type: 'string', 'x-countersign-field': 'dial' },
    },
  }
  const { form: made, faults } = inferForm(hinted)
  expect(named('level', made)).toMatchObject({ kind: 'slider', min: 10, max: 20, step: 1 })
  expect(named('stars', made)).toMatchObject({ kind: 'star_rating', max: 7 })
  expect(named('order', made)).toMatchObject({ kind: 'ranking', options: [{ value: 'a' }, { value: 'b' }] })
  expect(named('text', made)).toMatchObject({ kind: 'rich_text', hint: 'Be kind' })
  expect(named('wrong', made)).toMatchObject({ kind: 'short_text' })
  expect(faults.map(({ path, code }) => `${path} ${code}`)).toEqual(['/properties/wrong/x-countersign-field/0/kind kind_unknown'])
})

const both = {
  enum: [z.enum(['a', 'b']), z3.enum(['a', 'b'])],
  literal: [z.literal('a'), z3.literal('a')],
  union: [z.union([z.string(), z.number()]), z3.union([z3.string(), z3.number()])],
  discriminated: [
    z.discriminatedUnion('t', [z.object({ t: z.literal('x'), n: z.number() }), z.object({ t: z.literal('y') })]),
    z3.discriminatedUnion('t', [z3.object({ t: z3.literal('x'), n: z3.number() }), z3.object({ t: z3.literal('y') })]),
  ],
  dates: [z.date(), z3.date()],
  array: [z.array(z.object({ a: z.string(), b: z.number() })), z3.array(z3.object({ a: z3.string(), b: z3.number() }))],
  nested: [z.array(z.array(z.boolean())), z3.array(z3.array(z3.boolean()))],
  record: [z.record(z.string(), z.number()), z3.record(z3.number())],
  optional: [z.string().optional(), z3.string().optional()],
  nullable: [z.string().nullable(), z3.string().nullable()],
  default: [z.number().default(3), z3.number().default(3)],
  describe: [z.boolean().describe('Go on?'), z3.boolean().describe('Go on?')],
  object: [z.object({ a: z.object({ b: z.boolean() }) }), z3.object({ a: z3.object({ b: z3.boolean() }) })],
} satisfies Record<string, [z.ZodType, z3.ZodTypeAny]>

test.each(Object.entries(both))('T81 %s of Zod 4 and of Zod 3 give the form of their JSON Schema', (_name, [four, three]) => {
  const ours = formOf(readSchema(z.object({ x: four })).jsonSchema, null)
  expect(formOf(readSchema(z3.object({ x: three })).jsonSchema, null)).toEqual(ours)
  const { $schema: _, ...theirs } = z.toJSONSchema(z.object({ x: four instanceof z.ZodDate ? z.iso.datetime() : four }), {
    io: 'input',
  })
  expect(leaves(formOf(theirs, null).fields).map(({ kind, label, path }) => [kind, label, path])).toEqual(
    leaves(ours.fields).map(({ kind, label, path }) => [kind, label, path]),
  )
})

const answerSchema = {
  type: 'object',
  properties: {
    approved: { type: 'boolean' },
    reason: { type: 'string' },
    address: { type: 'object', properties: { street: { type: 'string' } }, required: ['street'] },
    lines: {
      type: 'array',
      items: { type: 'object', properties: { sku: { type: 'string' }, n: { type: 'integer' } }, required: ['sku', 'n'] },
    },
    note: { type: 'string' },
  },
  required: ['approved', 'reason', 'address'],
  additionalProperties: false,
}

test('T63 a form that lacks what the schema requires still asks for it, and what it has stays in its order', () => {
  const { form: made } = readForm(answerSchema, {
    version: 1,
    title: null,
    fields: [
      { kind: 'long_text', name: 'note', label: null, hint: null, required: false, min_length: null },
      { kind: 'switch', name: 'approved', label: 'Shall we?', true_label: 'Go', default: null },
      { kind: 'table', name: 'lines', required: false, columns: [{ name: 'sku', kind: 'short_text', label: null }] },
    ],
  })
  expect(leaves(made.fields).map(({ kind, name, label }) => [kind, name, label])).toEqual([
    ['long_text', 'note', 'Note'],
    ['switch', 'approved', 'Shall we?'],
    ['table', 'lines', 'Lines'],
    ['short_text', 'reason', 'Reason'],
    ['short_text', 'address.street', 'Street'],
  ])
  expect(named('approved', made)).toMatchObject({ true_label: 'Go', false_label: 'No' })
  expect(named('lines', made)).toMatchObject({ columns: [{ name: 'sku' }, { name: 'n', kind: 'number' }] })
  expect(assemble(made, { ...draftOf(made), 'address.street': 'A', approved: true, reason: 'b' })).toEqual({
    approved: true,
    reason: 'b',
    address: { street: 'A' },
  })
})

test('T63 whatever stands in a definition, the form can be answered', () => {
  const broken = [
    7,
    {},
    { fields: null },
    { version: 1, fields: [{ kind: 'hologram', name: 'approved' }, { kind: 'slider', name: 'reason' }, null, { kind: 'html' }] },
    {
      version: 1,
      fields: [
        { kind: 'file_upload', name: 'reason' },
        { kind: 'signature', name: 'elsewhere' },
      ],
    },
    { version: 1, fields: [{ kind: 'short_text', name: 'elsewhere' }] },
  ]
  for (const definition of broken) {
    const { form: made, faults } = readForm(answerSchema, definition)
    expect(faults.length, JSON.stringify(definition)).toBeGreaterThan(0)
    const kinds = Object.fromEntries(leaves(made.fields).map(({ name, kind }) => [name, kind]))
    expect(kinds, JSON.stringify(definition)).toMatchObject({
      approved: 'switch',
      reason: 'short_text',
      'address.street': 'short_text',
    })
    expect(kinds).not.toHaveProperty('elsewhere')
  }
})
