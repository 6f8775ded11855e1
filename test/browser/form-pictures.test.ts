// Every kind of field by itself, one below the other: named, as large as what it asks for, without a fault of accessibility. The pictures in docs/tasks/form-kinds.md are taken here
// (COUNTERSIGN_TEST_PICTURES=1).
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { root } from '../harness/process.ts'
import { accessibility, browse, houseWithPages, noFaults, picture, useBrowser } from './browser.ts'

useBrowser()

const DOT =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const OPTIONS = [
  { value: 'lost', label: 'Lost in the post', hint: 'The carrier has confirmed it' },
  { value: 'late', label: 'Came too late' },
  { value: 'broken', label: 'Came broken' },
]
type Sample = { kind: string; label: string } & Record<string, unknown>

/** By the label that stands there. */
const FIELDS: readonly Sample[] = [
  {
    kind: 'display_text',
    label: 'Order 1042',
    text: '**Order 1042** was lost. See [the carrier](https://carrier.example/1042).',
    markdown: true,
  },
  {
    kind: 'short_text',
    label: 'Headline',
    hint: 'As the customer will read it',
    placeholder: 'In a few words',
    default: 'Your refund',
  },
  { kind: 'long_text', label: 'Story', rows: 3, default: 'The parcel never came. The carrier has looked for it twice.' },
  { kind: 'rich_text', label: 'Reply', default: 'We are **sorry** and pay you back.' },
  { kind: 'switch', label: 'Refund it?', true_label: 'Refund', false_label: 'Keep', default: true },
  { kind: 'single_select', label: 'What happened', options: OPTIONS, default: 'lost' },
  { kind: 'multi_select', label: 'Reasons', options: OPTIONS, default: ['lost', 'late'] },
  {
    kind: 'picture_choice',
    label: 'Which box',
    options: ['small', 'large'].map((value) => ({ value, label: value, image_url: DOT })),
  },
  { kind: 'slider', label: 'Share', suffix: ' %', step: 10, default: 60 },
  { kind: 'star_rating', label: 'The carrier', default: 4 },
  { kind: 'opinion_scale', label: 'Mood of the customer', min: 1, max: 5, min_label: 'cross', max_label: 'happy', default: 2 },
  { kind: 'ranking', label: 'What matters most', options: OPTIONS },
  { kind: 'date', label: 'Due', default: '2026-12-24' },
  { kind: 'datetime', label: 'Pick-up', timezone: 'Europe/Vienna', default: '2026-12-24T09:15:00Z' },
  { kind: 'date_range', label: 'Away', max_days: 14 },
  { kind: 'time', label: 'Call at', step_minutes: 15, default: '08:30' },
  { kind: 'file_upload', label: 'A scan', required: false },
  { kind: 'signature', label: 'Signature', required: false },
  { kind: 'image', label: 'The parcel', alt: 'The parcel', url: 'https://cdn.example/parcel.png' },
  { kind: 'video', label: 'The camera at the door', url: 'https://cam.example/door.mp4' },
  { kind: 'pdf_viewer', label: 'The bill', url: 'https://bills.example/1042.pdf' },
  { kind: 'html', label: 'The mail', html: '<p>Dear shop,</p><p>my parcel never came.</p>' },
  { kind: 'section', label: 'The case', title: 'The case', subtitle: 'What the customer told us' },
  { kind: 'divider', label: '' },
  {
    kind: 'section_collapse',
    label: 'More',
    title: 'More',
    fields: [{ kind: 'short_text', name: 'more_note', label: 'Note', required: false }],
  },
  {
    kind: 'table',
    label: 'Lines',
    max_rows: 3,
    columns: [
      { name: 'sku', label: 'Article', kind: 'short_text' },
      { name: 'count', label: 'Count', kind: 'number', min_value: 1 },
      { name: 'back', label: 'Sent back', kind: 'switch', required: false },
    ],
  },
  {
    kind: 'subform',
    label: 'Parcel',
    add_label: 'Add a parcel',
    fields: [
      { kind: 'short_text', name: 'number', label: 'Number' },
      { kind: 'switch', name: 'found', label: 'Found?' },
    ],
  },
]

test('T78 T163 every kind of field stands by itself, named and without a fault of accessibility', {
  timeout: 90_000,
}, async () => {
  expect(new Set(FIELDS.map(({ kind }) => kind)).size).toBe(27)
  const house = await houseWithPages()
  const form_definition = {
    version: 1,
    fields: FIELDS.map(({ label, ...field }) => ({ ...field, ...(label === '' ? {} : { label }), name: `the_${field.kind}` })),
  }
  const task = await house.given.task({ task: 'Refund order 1042?', response_schema: { type: 'object' }, form_definition })
  const surf = await browse(house.url, { as: house.alice, width: 900, height: 1000 })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  const form = page.getByRole('form', { name: 'Your answer' })
  await form.getByRole('button', { name: 'Send answer' }).waitFor()
  const fields = form.locator(':scope > div').first().locator(':scope > div')
  expect(await fields.count()).toBe(FIELDS.length)
  for (const [i, { kind, label }] of FIELDS.entries()) {
    const field = fields.nth(i)
    if (kind === 'html') expect(await field.locator('iframe').getAttribute('title')).toBe(label)
    else expect(await field.textContent(), kind).toContain(label)
    expect((await field.boundingBox())?.width, kind).toBeGreaterThan(300)
    await picture(field, `forms/${kind}`)
  }
  expect(await accessibility(page)).toEqual([])
  noFaults(surf)
})

test('T78 the page of the kinds shows a picture of each', () => {
  const page = readFileSync(join(root, 'docs/tasks/form-kinds.md'), 'utf8')
  for (const { kind } of FIELDS) {
    expect(page).toContain(`../images/forms/${kind}.png`)
    const { byteLength } = readFileSync(join(root, `docs/images/forms/${kind}.png`))
    expect(byteLength, kind).toBeLessThan(150_000)
  }
})
