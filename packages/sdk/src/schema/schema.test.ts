import { expect, test } from 'vitest'
import { z } from 'zod'
import * as mini from 'zod/mini'
import * as z3 from 'zod/v3'
import { SchemaNotConvertible } from '../errors.ts'
import type { JsonSchema } from '../shapes.ts'
import { type ResponseSchema, readSchema } from './schema.ts'

const json = (schema: ResponseSchema) => readSchema(schema).jsonSchema
const part = (schema: ResponseSchema, name = 'x') => (json(schema).properties as Record<string, JsonSchema>)[name]

// Every construct once, written for both majors; both must say the same to the form.
const constructs = {
  text: [
    z.string().min(2).max(9).describe('Words'),
    z3.string().min(2).max(9).describe('Words'),
    { type: 'string', minLength: 2, maxLength: 9, description: 'Words' },
  ],
  exact: [z.string().length(3), z3.string().length(3), { type: 'string', minLength: 3, maxLength: 3 }],
  pattern: [z.string().regex(/^a+$/), z3.string().regex(/^a+$/), { type: 'string', pattern: '^a+$' }],
  'pattern with a flag': [z.string().regex(/^a+$/i), z3.string().regex(/^a+$/i), { type: 'string' }],
  email: [z.email(), z3.string().email(), { type: 'string', format: 'email' }],
  'email the older way': [z.string().email(), z3.string().email(), { type: 'string', format: 'email' }],
  url: [z.url(), z3.string().url(), { type: 'string', format: 'uri' }],
  uuid: [z.uuid(), z3.string().uuid(), { type: 'string', format: 'uuid' }],
  ipv4: [z.ipv4(), z3.string().ip({ version: 'v4' }), { type: 'string', format: 'ipv4' }],
  day: [z.iso.date(), z3.string().date(), { type: 'string', format: 'date' }],
  moment: [z.iso.datetime(), z3.string().datetime(), { type: 'string', format: 'date-time' }],
  time: [z.iso.time(), z3.string().time(), { type: 'string', format: 'time' }],
  date: [z.date(), z3.date(), { type: 'string', format: 'date-time' }],
  number: [z.number().min(1).lt(9), z3.number().min(1).lt(9), { type: 'number', minimum: 1, exclusiveMaximum: 9 }],
  integer: [
    z.int().positive().multipleOf(5),
    z3.number().int().positive().multipleOf(5),
    { type: 'integer', exclusiveMinimum: 0, multipleOf: 5 },
  ],
  boolean: [z.boolean(), z3.boolean(), { type: 'boolean' }],
  enum: [z.enum(['a', 'b']), z3.enum(['a', 'b']), { type: 'string', enum: ['a', 'b'] }],
  literal: [z.literal('a'), z3.literal('a'), { type: 'string', const: 'a' }],
  nullable: [z.string().nullable(), z3.string().nullable(), { anyOf: [{ type: 'string' }, { type: 'null' }] }],
  union: [
    z.union([z.string(), z.number()]),
    z3.union([z3.string(), z3.number()]),
    { anyOf: [{ type: 'string' }, { type: 'number' }] },
  ],
  list: [
    z.array(z.string()).min(1).max(3),
    z3.array(z3.string()).min(1).max(3),
    { type: 'array', items: { type: 'string' }, minItems: 1, maxItems: 3 },
  ],
  tuple: [
    z.tuple([z.string(), z.number()]),
    z3.tuple([z3.string(), z3.number()]),
    { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }], items: false, minItems: 2, maxItems: 2 },
  ],
  record: [
    z.record(z.string(), z.number()),
    z3.record(z3.number()),
    { type: 'object', additionalProperties: { type: 'number' } },
  ],
  'what goes into a transform': [z.string().transform(Number), z3.string().transform(Number), { type: 'string' }],
  'what a preprocess makes': [z.preprocess(String, z.string()), z3.preprocess(String, z3.string()), { type: 'string' }],
  anything: [z.any(), z3.any(), {}],
} satisfies Record<string, [unknown, unknown, JsonSchema]>

test.each(Object.entries(constructs))('T134 T81 %s is read from both majors of Zod', (_name, [four, three, expected]) => {
  expect(part(z.object({ x: four }))).toEqual(expected)
  expect(part(z3.object({ x: three as z3.ZodTypeAny }))).toEqual(expected)
})

test('T134 optional members and those with a default are not required, and an object admits nothing else', () => {
  const expected = {
    type: 'object',
    properties: {
      a: { type: 'string' },
      b: { type: 'string' },
      c: { type: 'number', default: 3 },
      d: { anyOf: [{ type: 'string' }, { type: 'null' }] },
    },
    required: ['a'],
    additionalProperties: false,
  }
  expect(json(z.object({ a: z.string(), b: z.string().optional(), c: z.number().default(3), d: z.string().nullish() }))).toEqual(
    expected,
  )
  expect(
    json(z3.object({ a: z3.string(), b: z3.string().optional(), c: z3.number().default(3), d: z3.string().nullish() })),
  ).toEqual(expected)
})

test('T134 a loose object says that it is open, a catch-all what it takes', () => {
  expect(json(z.looseObject({})).additionalProperties).toBe(true)
  expect(json(z3.object({}).passthrough()).additionalProperties).toBe(true)
  expect(json(z.object({}).catchall(z.number())).additionalProperties).toEqual({ type: 'number' })
  expect(json(z3.object({}).catchall(z3.number())).additionalProperties).toEqual({ type: 'number' })
})

test('T134 a discriminated union is told apart by its constants', () => {
  const side = (k: string) => ({
    type: 'object',
    properties: { k: { type: 'string', const: k } },
    required: ['k'],
    additionalProperties: false,
  })
  const expected = { oneOf: [side('a'), side('b')] }
  expect(json(z.discriminatedUnion('k', [z.object({ k: z.literal('a') }), z.object({ k: z.literal('b') })]))).toEqual(expected)
  expect(json(z3.discriminatedUnion('k', [z3.object({ k: z3.literal('a') }), z3.object({ k: z3.literal('b') })]))).toEqual(
    expected,
  )
})

test('T134 two objects that intersect become one', () => {
  const expected = {
    type: 'object',
    properties: { a: { type: 'string' }, b: { type: 'number' } },
    required: ['a', 'b'],
    additionalProperties: false,
  }
  expect(json(z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() })))).toEqual(expected)
  expect(json(z3.intersection(z3.object({ a: z3.string() }), z3.object({ b: z3.number() })))).toEqual(expected)
})

test('T134 titles and descriptions come along, from the mini form too', () => {
  expect(part(z.object({ x: z.string().meta({ title: 'Name', description: 'Yours' }) }))).toEqual({
    type: 'string',
    title: 'Name',
    description: 'Yours',
  })
  expect(json(mini.object({ x: mini.string().check(mini.minLength(2)) }))).toMatchObject({
    properties: { x: { type: 'string', minLength: 2 } },
  })
})

test('T134 a schema that contains itself refers to itself', async () => {
  const Category = z.object({
    name: z.string(),
    get children() {
      return z.array(Category)
    },
  })
  const { jsonSchema, check } = readSchema(Category)
  expect(jsonSchema).toMatchObject({
    properties: { children: { items: { $ref: '#/$defs/part1' } } },
    $defs: { part1: { type: 'object' } },
  })
  expect((await check({ name: 'a', children: [{ name: 'b', children: [] }] })).ok).toBe(true)
})

test('T134 dates arrive as dates wherever the schema wants them', async () => {
  const at = '2026-01-02T03:04:05.000Z'
  const four = z.object({
    at: z.date(),
    list: z.array(z.union([z.object({ k: z.literal('day'), on: z.date() }), z.object({ k: z.literal('none'), on: z.string() })])),
  })
  const three = z3.object({
    at: z3.date().optional(),
    list: z3.array(
      z3.union([z3.object({ k: z3.literal('day'), on: z3.date() }), z3.object({ k: z3.literal('none'), on: z3.string() })]),
    ),
  })
  for (const schema of [four, three]) {
    const value = {
      at,
      list: [
        { k: 'none', on: at },
        { k: 'day', on: at },
      ],
    }
    expect(await readSchema(schema).check(value)).toEqual({
      ok: true,
      value: {
        at: new Date(at),
        list: [
          { k: 'none', on: at },
          { k: 'day', on: new Date(at) },
        ],
      },
    })
  }
})

test.each([
  ['a map', z.object({ deep: z.array(z.object({ m: z.map(z.string(), z.string()) })) }), '/deep/*/m'],
  ['a bigint', z.object({ n: z.bigint() }), '/n'],
  ['a function of Zod 3', z3.object({ f: z3.function() }), '/f'],
  ['a set of Zod 3', z3.object({ 's/t': z3.set(z3.string()) }), '/s~1t'],
  ['a lone transform', z.object({ t: z.transform(Number) }), '/t'],
  ['an answer that is no object', z.boolean(), ''],
])('T134 %s throws SchemaNotConvertible naming the path', (_name, schema, path) => {
  expect(() => readSchema(schema)).toThrow(SchemaNotConvertible)
  expect(() => readSchema(schema)).toThrow(expect.objectContaining({ members: expect.objectContaining({ path }) }))
})

const standard = (more: object = {}) => ({
  '~standard': {
    version: 1 as const,
    vendor: 'own',
    validate: (value: unknown) =>
      typeof value === 'object' ? { value } : { issues: [{ message: 'no', path: ['a', { key: 'b' }] }] },
    ...more,
  },
})

test('T134 any Standard Schema works by its own JSON Schema, or by one beside it, and not without', async () => {
  const own = { type: 'object', properties: {} }
  expect(
    readSchema(standard({ jsonSchema: { input: ({ target }: { target: string }) => ({ ...own, target }) } })).jsonSchema,
  ).toEqual({ ...own, target: 'draft-2020-12' })
  expect(readSchema(standard(), own).jsonSchema).toBe(own)
  expect(await readSchema(standard(), own).check(1)).toEqual({
    ok: false,
    errors: [{ path: '/a/b', code: 'invalid', message: 'no' }],
  })
  expect(() => readSchema(standard())).toThrow(/own gives no JSON Schema/)
})

test('T138 plain JSON Schema checks an answer and lists every error', async () => {
  const schema = {
    type: 'object',
    properties: {
      n: { type: 'integer', minimum: 1 },
      when: { type: 'string', format: 'date' },
      tags: { type: 'array', items: { enum: ['a', 'b'] }, uniqueItems: true },
      who: { oneOf: [{ type: 'object', required: ['mail'] }, { type: 'null' }] },
      to: { $ref: '#/$defs/to' },
    },
    required: ['n'],
    additionalProperties: false,
    $defs: { to: { type: 'string', pattern: '^x' } },
  }
  expect(
    await readSchema(schema).check({ n: 2, when: '2026-02-28', tags: ['a', 'b'], who: { mail: 1 }, to: 'x1' }),
  ).toMatchObject({ ok: true })
  const bad = await readSchema(schema).check({ when: '2026-02-30', tags: ['a', 'c', 'a'], who: {}, to: 'y', more: 1 })
  expect(bad.ok ? [] : bad.errors.map(({ path, code }) => `${path} ${code}`).sort()).toEqual([
    '/more not_allowed',
    '/n required',
    '/tags unique_items',
    '/tags/1 enum',
    '/to pattern',
    '/when format',
    '/who any_of',
  ])
})

test.each([
  ['a plain object', z.object({ a: z.string().min(2).email(), b: z.int().max(9), c: z.iso.date().optional() }), false],
  ['a refinement deep inside', z.object({ a: z.array(z.object({ n: z.number().refine((n) => n > 0) })) }), true],
  ['a transform', z.object({ a: z.string().transform(Number) }), true],
  ['a text that is trimmed before it is checked', z.object({ a: z.string().trim().min(1) }), true],
  ['a pattern with a flag', z.object({ a: z.string().regex(/^a+$/i) }), true],
  ['a bound of a date', z.object({ a: z.date().min(new Date(0)) }), true],
  ['a date', z.object({ a: z.date() }), false],
  ['Zod 3 without more', z3.object({ a: z3.string().min(2), b: z3.number().int().positive() }), false],
  ['a refinement of Zod 3', z3.object({ a: z3.string().refine((a) => a !== '') }), true],
  ['a trim of Zod 3', z3.object({ a: z3.string().trim() }), true],
  ['mini', mini.object({ a: mini.string().check(mini.refine((a) => a !== '')) }), true],
  ['JSON Schema', { type: 'object' }, false],
] as const)('T129 whether a schema checks more than its JSON Schema says: %s', (_, schema, more) => {
  expect(readSchema(schema as ResponseSchema).checksMore).toBe(more)
})
