import { assemble, checkAnswer, draftOf, formOf } from '@countersign/sdk/form'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { openForms } from './answer.ts'

/** A schema together with a value that it takes; `blank` values are what a form leaves out of an answer. */
type Pair = { schema: Record<string, unknown>; value: unknown }
const pair = (schema: object, values: fc.Arbitrary<unknown>): fc.Arbitrary<Pair> =>
  values.map((value) => ({ schema: schema as Pair['schema'], value }))

const text = fc.string({ minLength: 1, maxLength: 12 }).filter((one) => !one.includes('\u0000'))
const day = fc
  .date({ min: new Date('1970-01-01'), max: new Date('2099-12-31'), noInvalidDate: true })
  .map((at) => at.toISOString().slice(0, 10))
const moment = fc
  .date({ min: new Date('1990-01-01'), max: new Date('2080-12-31'), noInvalidDate: true })
  .map((at) => `${at.toISOString().slice(0, 19)}.000Z`)
const clock = fc
  .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
  .map((parts) => parts.map((n) => String(n).padStart(2, '0')).join(':'))

const leaf: fc.Arbitrary<Pair> = fc.oneof(
  pair({ type: 'boolean' }, fc.boolean()),
  pair({ type: 'string' }, text),
  pair({ type: 'string', maxLength: 300 }, text),
  pair({ type: 'string', minLength: 1, maxLength: 12, title: 'A text' }, text),
  pair({ type: 'integer', minimum: -50, maximum: 50 }, fc.integer({ min: -50, max: 50 })),
  pair(
    { type: 'number', minimum: 0 },
    fc.integer({ min: 0, max: 100_000 }).map((n) => n / 100),
  ),
  pair({ type: 'string', format: 'date' }, day),
  pair({ type: 'string', format: 'date-time' }, moment),
  pair({ type: 'string', format: 'time' }, clock),
  pair({ enum: ['a', 'b', 1] }, fc.constantFrom('a', 'b', 1)),
  pair({ oneOf: [{ const: 'x', title: 'The x' }, { const: 'y' }] }, fc.constantFrom('x', 'y')),
  pair({ type: ['string', 'null'] }, fc.option(text)),
  pair({ anyOf: [{ type: 'integer' }, { type: 'null' }] }, fc.option(fc.integer({ min: 0, max: 9 }))),
  pair({ type: 'array', items: { enum: ['a', 'b', 'c'] } }, fc.subarray(['a', 'b', 'c'])),
  pair(
    { type: 'object', additionalProperties: { type: 'integer' } },
    fc.dictionary(fc.constantFrom('k', 'l'), fc.integer({ min: 0, max: 9 })),
  ),
)

/** Left open and not there are one to a form, where a member need not be there. */
const isOpen = (value: unknown): boolean =>
  value === null || (Array.isArray(value) ? value.length === 0 : typeof value === 'object' && Object.values(value).every(isOpen))

/** Of options one takes each once (T80). */
const isChoice = ({ enum: values, oneOf }: Record<string, unknown>): boolean =>
  values !== undefined || (Array.isArray(oneOf) && oneOf.every((one) => 'const' in one))

const NAMES = ['a', 'b', 'long_name', 'x.y', 'p/q', 'ä~']
type Member = { name: string; required: boolean; there: boolean; of: Pair }

const objectOf = (inner: fc.Arbitrary<Pair>): fc.Arbitrary<Pair> =>
  fc
    .uniqueArray(fc.record({ name: fc.constantFrom(...NAMES), required: fc.boolean(), there: fc.boolean(), of: inner }), {
      selector: ({ name }) => name,
      minLength: 1,
      maxLength: 4,
    })
    .map((members: Member[]) => ({
      schema: {
        type: 'object',
        properties: Object.fromEntries(members.map(({ name, of }) => [name, of.schema])),
        required: members.filter(({ required }) => required).map(({ name }) => name),
        additionalProperties: false,
      },
      value: Object.fromEntries(
        members.flatMap(({ name, required, there, of }) => (required || (there && !isOpen(of.value)) ? [[name, of.value]] : [])),
      ),
    }))

const { object } = fc.letrec<{ any: Pair; object: Pair; list: Pair; union: Pair }>((tie) => ({
  any: fc.oneof({ depthSize: 'small', withCrossShrink: true }, leaf, tie('object'), tie('list'), tie('union')),
  object: objectOf(tie('any')),
  list: fc
    .tuple(tie('any'), fc.integer({ min: 0, max: 3 }))
    .filter(([{ value }]) => !isOpen(value))
    .map(([{ schema, value }, count]) => ({
      schema: { type: 'array', items: schema },
      value: Array.from({ length: isChoice(schema) ? Math.min(count, 1) : count }, () => value),
    })),
  union: fc.tuple(objectOf(leaf), objectOf(leaf), fc.boolean()).map(([one, two, first]) => {
    const marked = ({ schema, value }: Pair, mark: string): Pair => ({
      schema: {
        ...schema,
        properties: { kind: { const: mark }, ...(schema.properties as object) },
        required: ['kind', ...(schema.required as string[])],
      },
      value: { kind: mark, ...(value as object) },
    })
    const all = [marked(one, 'one'), marked(two, 'two')]
    return { schema: { oneOf: all.map(({ schema }) => schema) }, value: (first ? all[0] : all[1])?.value }
  }),
}))

test('T80 T75 whatever schema is asked, its form can say every answer that the schema takes, and the server takes it', async () => {
  const forms = openForms()
  onTestFinished(() => forms.close())
  await fc.assert(
    fc.asyncProperty(object, async ({ schema, value }) => {
      const form = formOf(schema, null)
      const said = assemble(form, draftOf(form, value))
      expect(said).toEqual(value)
      expect(checkAnswer(form, said)).toEqual([])
      const gated = await forms.gateAsked(schema, null, 'native')
      expect((await forms.judge(gated, said, '/response')).errors).toEqual([])
      // Nothing that nobody filled in is an answer to what has to be answered with a value.
      const empty = assemble(form, draftOf(form))
      expect(JSON.stringify(empty)).not.toMatch(/true|false|[0-9]/)
    }),
    { numRuns: Number(process.env.PROPERTY_RUNS ?? 150), seed: Number(process.env.PROPERTY_SEED ?? 80) },
  )
})
