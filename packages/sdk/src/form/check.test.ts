import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { checkAnswer, checkSchema, type Form, fieldAt, patternsOf, readForm } from './form.ts'

type Row = [Record<string, unknown>, unknown[], [unknown, string, string?][]]
const { rows } = JSON.parse(readFileSync(new URL('../../../../test/vectors/forms.json', import.meta.url), 'utf8')) as {
  rows: Row[]
}

const formWith = (members: Record<string, unknown>): Form => {
  const { form, faults } = readForm({ type: 'object' }, { version: 1, fields: [{ name: 'field', ...members }] })
  expect(faults).toEqual([])
  return form
}
const said = (form: Form, value: unknown) => [
  ...checkAnswer(form, { field: value }).map(({ path, code }) => [path, code]),
  ...patternsOf(form, { field: value })
    .filter(({ pattern, text }) => !new RegExp(pattern, 'u').test(text))
    .map(({ path }) => [path, 'pattern']),
]

test.each(rows.map((row) => [`${row[0].kind} ${row[0].subtype ?? ''}`, ...row] as const))(
  'T79 every bound of %s is held, and says what and where',
  (_name, members, good, bad) => {
    const form = formWith(members)
    for (const value of good) expect(said(form, value), JSON.stringify(value)).toEqual([])
    for (const [value, code, below = ''] of bad)
      expect(said(form, value), JSON.stringify(value)).toContainEqual([`/field${below}`, code])
    expect(checkAnswer(form, {})).toMatchObject([
      { path: '/field', field: 'field', code: 'required', message: 'This is required.' },
    ])
    expect(checkAnswer(form, {}, { partial: true })).toEqual([])
  },
)

test('T58 an error is named by the field that it is about, whatever its place in the answer is called', () => {
  const { form } = readForm(
    {},
    {
      version: 1,
      fields: [
        { kind: 'short_text', name: 'street', path: '/address/street' },
        { kind: 'subform', name: 'guests', fields: [{ kind: 'short_text', name: 'who', path: '/name/first' }] },
        { kind: 'table', name: 'lines', columns: [{ name: 'sku', kind: 'short_text' }] },
      ],
    },
  )
  expect(['/address/street', '/guests/1/name/first', '/lines/0/sku', '/elsewhere/x'].map((path) => fieldAt(form, path))).toEqual([
    'street',
    'guests.1.who',
    'lines.0.sku',
    'elsewhere.x',
  ])
  expect(checkAnswer(form, { address: {}, guests: [{ name: {} }], lines: [{}] }).map(({ path, field }) => [path, field])).toEqual(
    [
      ['/address/street', 'street'],
      ['/guests/0/name/first', 'guests.0.who'],
      ['/lines/0/sku', 'lines.0.sku'],
    ],
  )
})

test('T58 what the schema says while one types is said in the server’s words, with the field’s name', () => {
  const schema = {
    type: 'object',
    properties: {
      n: { type: 'integer', maximum: 3 },
      d: { type: 'string', format: 'date' },
      p: { type: 'string', pattern: '^\\@$' },
    },
    required: ['n'],
  }
  const { form } = readForm(schema, null)
  const said = (answer: unknown) => checkSchema(form, schema, answer).map(({ path, field, message }) => [path, field, message])
  expect(said({})).toEqual([['/n', 'n', 'This is required.']])
  expect(said({ n: 'x', d: '1.2.2026' })).toEqual([
    ['/n', 'n', 'This must be a whole number.'],
    ['/d', 'd', 'This must be a date such as 2026-01-31.'],
  ])
  expect(said({ n: 4 })).toEqual([['/n', 'n', 'This must be at most 3.']])
  // A pattern in a spelling that only the server mends is left to it.
  expect(said({ n: 4, p: '@' })).toEqual([])
})
