import { readForm } from '@countersign/sdk/form'
import { expect, test } from 'vitest'
import { definitionOf } from './definition.ts'
import { asKind, KINDS, newField, type Raw } from './kinds.ts'
import { schemaOf, synced } from './schema-of.ts'

const EMPTY = { type: 'object', properties: {} }
const faults = (schema: unknown, fields: Raw[]) => readForm(schema, { version: 1, fields }).faults
const ALL = KINDS.flatMap(({ kinds }) => kinds.map(([kind]) => kind))

test('T78 T82 a new field of each of the 27 kinds fits the schema that it makes; what waits for an address says so and nothing else', () => {
  expect(ALL).toHaveLength(27)
  for (const kind of ALL) {
    const fields = [newField(kind, [])]
    const open = faults(synced(EMPTY, [], fields), fields).map(({ path }) => path)
    const waits = { image: ['url'], video: ['url'], pdf_viewer: ['url'], picture_choice: ['options/0/image_url'] }[kind as string]
    expect({ kind, open }).toEqual({ kind, open: (waits ?? []).map((at) => `/form_definition/fields/0/${at}`) })
  }
})

test('T82 any kind becomes any other, and the schema follows it', () => {
  for (const from of ALL)
    for (const to of ALL) {
      const before = [newField(from, [])]
      const after = [asKind(before[0] as Raw, to, [])]
      const schema = synced(synced(EMPTY, [], before), before, after)
      const wrong = faults(schema, after).filter(({ path }) => !/\/(url|image_url)$/.test(path))
      expect({ from, to, wrong }).toEqual({ from, to, wrong: [] })
    }
})

test('T82 only what was changed is written: descriptions, bounds, nulls and parts of the author’s own stay', () => {
  const schema = {
    type: 'object',
    description: 'The whole',
    properties: {
      amount: { type: 'integer', minimum: 1, maximum: 500, description: 'In cents' },
      note: { type: ['string', 'null'], maxLength: 500, description: 'Why' },
      shape: { oneOf: [{ type: 'string' }, { type: 'object', properties: { a: { type: 'string' } } }] },
      rows: {
        type: 'array',
        items: {
          type: 'object',
          properties: { item: { type: 'string', description: 'SKU' }, deep: { type: 'array' } },
          required: ['item', 'deep'],
        },
      },
    },
    required: ['amount', 'note'],
    additionalProperties: false,
  }
  const { fields } = definitionOf(null, readForm(schema, null).form)
  const named = (name: string): Raw => fields.find((field) => field.name === name) as Raw
  expect(synced(schema, fields, fields)).toEqual(schema)
  const relabelled = fields.map((field) => ({ ...field, label: `${field.label}!` }))
  expect(synced(schema, fields, relabelled)).toEqual(schema)
  const shorter = fields.map((field) => (field.name === 'note' ? { ...field, max_length: 40 } : field))
  expect(synced(schema, fields, shorter)).toEqual({
    ...schema,
    properties: { ...schema.properties, note: { type: ['string', 'null'], maxLength: 40, description: 'Why' } },
  })
  const renamed = fields.map((field) => (field.name === 'amount' ? { ...field, name: 'cents', required: false } : field))
  const { amount, ...others } = schema.properties
  expect(synced(schema, fields, renamed)).toEqual({ ...schema, properties: { ...others, cents: amount }, required: ['note'] })
  expect(synced(schema, fields, [named('note')]).properties).toMatchObject({
    note: schema.properties.note,
    shape: schema.properties.shape,
  })
  const subform = named('rows')
  const inner = [...(subform.fields as Raw[]), newField('switch', [])]
  const more = fields.map((field) => (field.name === 'rows' ? { ...field, fields: inner } : field))
  expect((synced(schema, fields, more).properties as typeof schema.properties).rows).toEqual({
    type: 'array',
    items: {
      ...schema.properties.rows.items,
      properties: { ...schema.properties.rows.items.properties, switch: { type: 'boolean' } },
      required: ['item', 'switch', 'deep'],
    },
  })
})

test('T80 what a schema asks can be written down as fields that ask the same', () => {
  const schema = {
    type: 'object',
    properties: {
      approved: { type: 'boolean', title: 'Shall we?' },
      address: { type: 'object', properties: { street: { type: 'string' } }, required: ['street'] },
      tags: { type: 'array', items: { type: 'string' } },
      lines: { type: 'array', items: { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] } },
    },
    required: ['approved', 'address'],
  }
  const { form } = readForm(schema, null)
  const definition = definitionOf(null, form)
  const again = readForm(schema, definition)
  expect(again.faults).toEqual([])
  expect(again.form.fields.map(({ kind, path, required }) => [kind, path, required])).toEqual(
    form.fields.map(({ kind, path, required }) => [
      kind,
      kind === 'section_collapse' ? '' : path,
      kind === 'section_collapse' ? false : required,
    ]),
  )
})

test('T79 a number between whole ends in whole steps is whole', () => {
  expect(schemaOf({ kind: 'slider', min: 0, max: 1, step: 0.1 }).type).toBe('number')
  expect(schemaOf({ kind: 'slider' })).toEqual({ type: 'integer', minimum: 0, maximum: 100 })
})
