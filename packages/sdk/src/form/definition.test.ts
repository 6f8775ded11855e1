import { expect, test } from 'vitest'
import { readForm } from './form.ts'

const faults = (fields: unknown, more: object = {}, schema: object = {}) =>
  readForm(schema, { version: 1, fields, ...more }).faults.map(
    ({ path, code }) => `${path.replace('/form_definition', '')} ${code}`,
  )
const one = (field: object) => faults([{ name: 'a', ...field }])
const deep = (levels: number): object =>
  levels === 1 ? { kind: 'short_text', name: 'a' } : { kind: 'section_collapse', title: 's', fields: [deep(levels - 1)] }

test('T77 T166 a definition that cannot be is refused with the path to what is wrong', () => {
  expect(readForm({}, { fields: [] }).faults).toMatchObject([{ path: '/form_definition/version' }])
  expect(readForm({}, []).faults).toMatchObject([{ path: '/form_definition' }])
  expect(faults('x')).toEqual(['/fields type'])
  expect(faults([], { layout: 'three' })).toEqual(['/layout enum'])
  expect(faults([], { colour: 'red' })).toEqual(['/colour unknown_member'])
  expect(one({ kind: 'hologram' })).toEqual(['/fields/0/kind kind_unknown'])
  expect(faults([{ kind: 'switch' }])).toEqual(['/fields/0/name required'])
  expect(
    faults([
      { kind: 'switch', name: 'a' },
      { kind: 'switch', name: 'a', path: '/b' },
    ]),
  ).toEqual(['/fields/1/name doubled'])
  expect(
    faults([
      { kind: 'switch', name: 'a' },
      { kind: 'switch', name: 'b', path: '/a' },
    ]),
  ).toEqual(['/fields/1/path doubled'])
  expect(one({ kind: 'switch', path: 'a' })).toEqual(['/fields/0/path format'])
  expect(one({ kind: 'single_select', options: [{ value: 1 }, { value: 1 }] })).toEqual(['/fields/0/options/1/value doubled'])
  expect(one({ kind: 'single_select', options: [] })).toEqual(['/fields/0/options type'])
  expect(one({ kind: 'single_select', options: [{ value: 'a' }], default: 'b' })).toEqual(['/fields/0/default enum'])
  expect(one({ kind: 'slider', min: 5, max: 4 })).toEqual(['/fields/0/max min_above_max'])
  expect(one({ kind: 'short_text', min_length: 5, max_length: 4 })).toEqual(['/fields/0/max_length min_above_max'])
  expect(one({ kind: 'date', min_date: '2026-02-01', max_date: '2026-01-01' })).toEqual(['/fields/0/max_date min_above_max'])
  expect(one({ kind: 'date', min_date: '2026-02-30' })).toEqual(['/fields/0/min_date format'])
  expect(one({ kind: 'datetime', timezone: 'Mars/Olympus' })).toEqual(['/fields/0/timezone format'])
  expect(one({ kind: 'star_rating', max: 0 })).toEqual(['/fields/0/max out_of_range'])
  expect(one({ kind: 'image', url: 'javascript:alert(1)' })).toEqual(['/fields/0/url format'])
  expect(one({ kind: 'video', url: 'https://user:word@example.com/a.mp4' })).toEqual(['/fields/0/url format'])
  expect(one({ kind: 'html' })).toEqual(['/fields/0/html required'])
  expect(one({ kind: 'table', columns: [{ name: 'x', kind: 'table' }] })).toEqual(['/fields/0/columns/0/kind enum'])
  expect(one({ kind: 'subform', fields: [{ kind: 'nope', name: 'b' }] })).toEqual(['/fields/0/fields/0/kind kind_unknown'])
  expect(faults([deep(5)])).toEqual([])
  expect(faults([deep(6)])).toEqual([`/fields/0${'/fields/0'.repeat(5)} too_deep`])
  expect(faults(Array.from({ length: 301 }, (_, i) => ({ kind: 'switch', name: `a${i}` })))).toEqual(['/fields too_many'])
})

test('T77 conditions and required files are refused in words: this version has neither', () => {
  for (const name of ['visible_when', 'required_when', 'disabled_when'])
    expect(one({ kind: 'switch', [name]: { pointer: '/response/b', op: 'eq', value: true } })).toEqual([
      `/fields/0/${name} condition_unsupported`,
    ])
  expect(one({ kind: 'file_upload' })).toEqual(['/fields/0/kind files_unavailable'])
  expect(one({ kind: 'signature' })).toEqual(['/fields/0/kind files_unavailable'])
  expect(one({ kind: 'signature', required: false })).toEqual([])
  expect(readForm({}, { version: 1, fields: [{ kind: 'signature', name: 'a' }] }).faults[0]?.message).toMatch(
    /Files are not available/,
  )
})

test('T77 a field has to fit the schema at its place, or the answer never could', () => {
  const schema = {
    type: 'object',
    additionalProperties: false,
    properties: {
      approved: { type: 'boolean' },
      amount: { type: 'number' },
      speed: { enum: ['slow', 'fast'] },
      where: { type: 'object', properties: { city: { type: 'string' } } },
      tags: { type: 'array', items: { type: 'string' } },
    },
  }
  const fits = (field: object) => faults([field], {}, schema).filter((fault) => fault.startsWith('/fields/0'))
  expect(fits({ kind: 'switch', name: 'elsewhere' })).toEqual(['/fields/0/path path_unknown'])
  expect(fits({ kind: 'slider', name: 'approved' })).toEqual(['/fields/0/kind kind_mismatch'])
  expect(fits({ kind: 'short_text', name: 'amount' })).toEqual(['/fields/0/kind kind_mismatch'])
  expect(fits({ kind: 'single_select', name: 'speed', options: [{ value: 'warp' }] })).toEqual(['/fields/0/kind kind_mismatch'])
  expect(fits({ kind: 'switch', name: 'where' })).toEqual(['/fields/0/kind kind_mismatch'])
  expect(fits({ kind: 'short_text', name: 'city', path: '/where/city' })).toEqual([])
  expect(fits({ kind: 'slider', name: 'amount' })).toEqual([])
  expect(
    fits({ kind: 'picture_choice', name: 'speed', options: [{ value: 'slow', image_url: 'https://a.example/s.png' }] }),
  ).toEqual([])
  expect(fits({ kind: 'multi_select', name: 'tags', options: [{ value: 'x' }] })).toEqual([])
})
