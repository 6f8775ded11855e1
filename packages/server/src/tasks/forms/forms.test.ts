import { expect, onTestFinished, test } from 'vitest'
import { type Forms, openForms } from './answer.ts'
import { vetPattern } from './pattern.ts'
import { gateSchema } from './schema.ts'

function forms(): Forms {
  const all = openForms()
  onTestFinished(() => all.close())
  return all
}
const codesOf = (schema: unknown): string[] => {
  const result = gateSchema(schema, '/response_schema', { mustBeObject: true })
  return result.ok ? [] : result.errors.map((error) => `${error.path} ${error.code}`)
}
const object = (properties: object, required = Object.keys(properties), more: object = {}) => ({
  type: 'object',
  properties,
  required,
  ...more,
})
async function answer(schema: object, value: unknown) {
  const all = forms()
  const gated = await all.gate(schema, '/response_schema', { mustBeObject: true })
  return all.judge(gated, value, '/response')
}
const says = async (schema: object, value: unknown) =>
  (await answer(schema, value)).errors.map((error) => `${error.path} ${error.code}`)

test('T73 a schema that cannot be evaluated is refused with the path to what is wrong', () => {
  expect(codesOf([])).toEqual(['/response_schema schema_not_object'])
  expect(codesOf(true)).toEqual(['/response_schema schema_not_object'])
  expect(codesOf({ type: 'string' })).toEqual(['/response_schema schema_not_of_object'])
  expect(codesOf({ anyOf: [{ type: 'object' }, { type: 'array' }] })).toEqual(['/response_schema schema_not_of_object'])
  expect(codesOf({ type: 'objekt' })).toEqual(['/response_schema/type type_unknown'])
  expect(codesOf({ $ref: 'https://example.com/s.json' })).toEqual(['/response_schema/$ref ref_remote'])
  expect(codesOf(object({ a: { $ref: '#/$defs/none' } }))).toEqual(['/response_schema/properties/a/$ref ref_unresolved'])
  expect(codesOf({ $ref: '#' })).toEqual(['/response_schema ref_endless'])
  expect(codesOf({ $ref: '#/$defs/a', $defs: { a: { allOf: [{ $ref: '#/$defs/b' }] }, b: { $ref: '#/$defs/a' } } })).toHaveLength(
    1,
  )
  expect(codesOf({ $schema: 'http://json-schema.org/draft-04/schema#' })).toEqual(['/response_schema/$schema dialect_unknown'])
  expect(codesOf(object({ a: { required: 'b' } }))).toEqual(['/response_schema/properties/a/required keyword_invalid'])
  expect(codesOf(object({ a: { $dynamicRef: '#x' } }))).toEqual(['/response_schema/properties/a/$dynamicRef keyword_unsupported'])
  expect(codesOf({ properties: { a: { minimum: '1' } } })).toEqual(['/response_schema/properties/a/minimum keyword_invalid'])
})

test('T73 an empty schema, unions of objects, local references, anchors and recursion through members pass', () => {
  expect(codesOf({})).toEqual([])
  expect(codesOf({ anyOf: [{ type: 'object' }, { $ref: '#/$defs/b' }], $defs: { b: { type: 'object' } } })).toEqual([])
  expect(codesOf({ type: 'object', properties: { next: { $ref: '#' } } })).toEqual([])
  expect(codesOf({ $ref: '#here', $defs: { a: { $anchor: 'here', type: 'object' } } })).toEqual([])
  expect(codesOf({ $ref: '#/$defs/a%20b~1c', $defs: { 'a b/c': { type: 'object' } } })).toEqual([])
})

test('T74 a schema of 65 KiB, of 33 levels or of 2,001 nodes is refused', () => {
  expect(codesOf({ description: 'x'.repeat(66_000) })).toEqual(['/response_schema schema_too_large'])
  let deep: object = {}
  for (let i = 0; i < 20; i++) deep = { properties: { a: deep } }
  expect(codesOf(deep)).toEqual(['/response_schema schema_too_deep'])
  expect(codesOf({ properties: Object.fromEntries(Array.from({ length: 2_001 }, (_, i) => [`a${i}`, {}])) })).toEqual([
    '/response_schema schema_too_large',
  ])
})

test('T74 a pattern that repeats a repeat is refused, one whose rounds are told apart is not', () => {
  for (const bad of ['^(a+)+$', '(a*)*b', '^(\\w+\\s?)*$', '([a-z]+|[0-9]+)+x', '^((a{1,9}){1,20})+$', '(?:x+x+)+y'])
    expect(vetPattern(bad), bad).toMatchObject({ code: 'pattern_unsafe' })
  const zodEmail = "^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$"
  const zodTime = '^(?:[01]\\d|2[0-3]):[0-5]\\d(?::[0-5]\\d(?:\\.\\d+)?)?$'
  const host = '^[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\\.[a-z](?:[-0-9a-z]{0,61}[0-9a-z])?)*$'
  for (const good of [zodEmail, zodTime, host, '^[A-Z]{3}-\\d{4}$', '^\\d+$', '(foo|bar)+', '^(?:[0-9a-zA-Z+/]{4})*$'])
    expect(vetPattern(good), good).toEqual({ source: good })
  expect(vetPattern('a\\@b')).toEqual({ source: 'a@b' })
  expect(vetPattern('(')).toMatchObject({ code: 'pattern_invalid' })
  expect(vetPattern('a'.repeat(1_001))).toMatchObject({ code: 'pattern_too_long' })
})

test('T74, A21 a pattern whose danger no shape shows is found by trying, and others are answered meanwhile', async () => {
  const all = forms()
  await all.gate(object({ a: { type: 'string', pattern: '^b$' } }), '/response_schema', { mustBeObject: true }) // the thread is warm
  let ticks = 0
  const ticking = setInterval(() => ticks++, 5)
  const started = performance.now()
  const refused = all.gate(object({ a: { type: 'string', pattern: '^(a|a)+$' } }), '/response_schema', { mustBeObject: true })
  await expect(refused).rejects.toMatchObject({ code: 'schema_invalid', errors: [{ code: 'pattern_unsafe' }] })
  clearInterval(ticking)
  expect(performance.now() - started).toBeLessThan(1_000)
  expect(ticks).toBeGreaterThan(0)
})

test('T74, A21 a pattern that only a special text makes slow fails closed at the answer, within its deadline', async () => {
  const all = forms()
  const gated = await all.gate(object({ a: { type: 'string', pattern: '^(qz|qz|x)+$' } }), '/response_schema', {
    mustBeObject: true,
  })
  expect((await all.judge(gated, { a: 'qz' }, '/response')).errors).toEqual([])
  let ticks = 0
  const ticking = setInterval(() => ticks++, 5)
  const { errors } = await all.judge(gated, { a: `${'qz'.repeat(40)}!` }, '/response')
  clearInterval(ticking)
  expect(errors.map((error) => error.code)).toEqual(['too_slow'])
  expect(ticks).toBeGreaterThan(0)
  expect((await all.judge(gated, { a: 'x' }, '/response')).errors).toEqual([])
})

test('T74 references that double at each step, and long lists that would be compared pair by pair, fail closed', async () => {
  const $defs: Record<string, object> = { d0: { type: 'object' } }
  for (let i = 1; i < 40; i++) $defs[`d${i}`] = { allOf: [{ $ref: `#/$defs/d${i - 1}` }, { $ref: `#/$defs/d${i - 1}` }] }
  expect(await says({ $ref: '#/$defs/d39', $defs }, {})).toEqual(['/response too_slow'])
  const list = object({ a: { type: 'array', uniqueItems: true } })
  expect(await says(list, { a: Array.from({ length: 2_001 }, (_, i) => i) })).toEqual(['/response too_slow'])
  expect(await says(list, { a: [1, 2, 1] })).toEqual(['/response/a unique_items'])
})

test('T58, T75 every error is named with its path, its field, a code and a sentence', async () => {
  const schema = object(
    {
      approved: { type: 'boolean' },
      amount: { type: 'number', minimum: 1, maximum: 100 },
      reason: { enum: ['a', 'b'] },
      note: { type: 'string', maxLength: 3 },
      when: { type: 'string', format: 'date' },
      lines: { type: 'array', items: object({ sku: { type: 'string', minLength: 1 } }), minItems: 1 },
    },
    ['approved', 'amount'],
    { additionalProperties: false },
  )
  const { errors } = await answer(schema, {
    amount: 101,
    reason: 'c',
    note: 'long',
    when: '31.1.2026',
    lines: [{}, { sku: '' }],
    extra: 1,
  })
  expect(errors.map(({ path, field, code }) => `${path} ${field} ${code}`).sort()).toEqual([
    '/response/amount amount maximum',
    '/response/approved approved required',
    '/response/extra extra unknown_member',
    '/response/lines/0/sku lines.0.sku required',
    '/response/lines/1/sku lines.1.sku min_length',
    '/response/note note max_length',
    '/response/reason reason enum',
    '/response/when when format',
  ])
  expect(errors.find((error) => error.code === 'maximum')?.message).toBe('This must be at most 100.')
  expect(errors.find((error) => error.code === 'enum')?.message).toBe('This must be one of "a", "b".')
  for (const { message } of errors) expect(message).toMatch(/\.$/)
})

test('T63 the schemas of Pydantic and Zod are understood: nullable members, unions told apart, $defs', async () => {
  const pydantic = {
    $defs: { Kind: { enum: ['a', 'b'], title: 'Kind', type: 'string' } },
    properties: {
      note: { anyOf: [{ type: 'string', maxLength: 3 }, { type: 'null' }], default: null, title: 'Note' },
      kind: { $ref: '#/$defs/Kind' },
    },
    required: ['kind'],
    title: 'Answer',
    type: 'object',
  }
  expect(await says(pydantic, { kind: 'a', note: null })).toEqual([])
  expect(await says(pydantic, { kind: 'c', note: 'long' })).toEqual(['/response/kind enum', '/response/note max_length'])
  expect(await says(pydantic, { kind: 'a', note: 7 })).toEqual(['/response/note union'])
  const union = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    anyOf: [
      object({ type: { const: 'ship' }, days: { type: 'integer' } }),
      object({ type: { const: 'refund' }, amount: { type: 'number', minimum: 1 } }),
    ],
  }
  expect(await says(union, { type: 'refund', amount: 2 })).toEqual([])
  expect(await says(union, { type: 'refund', amount: 0 })).toEqual(['/response/amount minimum'])
  expect(await says(union, { type: 'refund', amount: '2' })).toEqual([])
})

test('T73 formats are asserted, the others are annotations', async () => {
  const one = (format: string) => object({ a: { type: 'string', format } })
  for (const [format, good, bad] of [
    ['date', '2026-02-28', '2026-02-30'],
    ['time', '08:30', '25:00'],
    ['time', '08:30:00Z', '8:30'],
    ['date-time', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05'],
    ['email', 'ann@example.com', 'ann@'],
    ['uri', 'https://example.com/a', 'example'],
    ['uuid', '018f2f6e-7f6f-7c3a-8f6e-000000000000', '018f2f6e'],
    ['ipv4', '10.0.0.1', '10.0.0.256'],
    ['ipv6', '::1', ':::1'],
  ] as const) {
    expect(await says(one(format), { a: good }), `${format} ${good}`).toEqual([])
    expect(await says(one(format), { a: bad }), `${format} ${bad}`).toEqual(['/response/a format'])
  }
  expect(await says(one('color'), { a: 'anything' })).toEqual([])
})

test('T76 a text takes the type that the schema asks for when it converts exactly, and is an error when it does not', async () => {
  const schema = object(
    {
      n: { type: 'number' },
      i: { type: 'integer' },
      b: { type: 'boolean' },
      s: { type: 'string' },
      opt: { type: 'number' },
      nul: { type: ['number', 'null'] },
      t: { type: 'string', format: 'date-time' },
      deep: object({ list: { type: 'array', items: { type: 'number' } } }),
    },
    ['n', 'i', 'b', 's'],
  )
  const { value, errors } = await answer(schema, {
    n: '4.20',
    i: '42',
    b: 'true',
    s: '42',
    opt: '',
    nul: '',
    t: '2026-01-02 03:04Z',
    deep: { list: ['1', '2e3'] },
  })
  expect(errors).toEqual([])
  expect(value).toEqual({ n: 4.2, i: 42, b: true, s: '42', nul: null, t: '2026-01-02T03:04:00Z', deep: { list: [1, 2000] } })
  const required = { n: '1', i: '1', b: 'false', s: '' }
  expect(await says(schema, { ...required, n: '12345678901234567890' })).toEqual(['/response/n type'])
  expect(await says(schema, { ...required, n: '1,5' })).toEqual(['/response/n type'])
  expect(await says(schema, { ...required, i: '1.5' })).toEqual(['/response/i type'])
  expect(await says(schema, { ...required, b: 'yes' })).toEqual(['/response/b type'])
  expect(await says(schema, { ...required, n: '' })).toEqual(['/response/n type'])
  expect((await answer(schema, required)).value).toEqual({ n: 1, i: 1, b: false, s: '' })
})

test('T75 an answer that is no object is refused even by the empty schema', async () => {
  expect(await says({}, {})).toEqual([])
})
