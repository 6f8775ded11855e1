// Every kind of a form definition on the task page: drawn, filled in by keyboard and pointer, checked while one types, and sent as the wire wants it.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'
import { root } from '../harness/process.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

const DOT =
  'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const reasons = [
  { value: 'lost', label: 'Lost in the post', hint: 'The carrier has confirmed it' },
  { value: 'late', label: 'Came too late' },
  { value: 'broken', label: 'Came broken' },
]
const FORM = {
  version: 1,
  title: 'A refund of 240 EUR',
  submit_label: 'Send it',
  layout: 'two_column',
  fields: [
    { kind: 'section', name: 's1', title: 'The case', subtitle: 'What the customer told us' },
    {
      kind: 'display_text',
      name: 't1',
      text: '**Order 1042** is on its way to [the carrier](https://carrier.example/1042).',
      markdown: true,
    },
    { kind: 'short_text', name: 'headline', label: 'Headline', placeholder: 'In a few words', max_length: 40 },
    { kind: 'short_text', name: 'contact', label: 'Contact', subtype: 'email' },
    { kind: 'short_text', name: 'phone', label: 'Telephone', subtype: 'phone', required: false },
    { kind: 'short_text', name: 'price', label: 'Price', subtype: 'currency', currency_code: 'EUR' },
    { kind: 'long_text', name: 'story', label: 'Story', rows: 3 },
    { kind: 'rich_text', name: 'reply', label: 'Reply to the customer' },
    { kind: 'divider', name: 'd1' },
    { kind: 'switch', name: 'approved', label: 'Refund it?', true_label: 'Refund', false_label: 'Keep' },
    {
      kind: 'single_select',
      name: 'speed',
      label: 'Speed',
      options: [
        { value: 1, label: 'Slow' },
        { value: 2, label: 'Fast' },
      ],
    },
    { kind: 'multi_select', name: 'reasons', label: 'Reasons', options: reasons, min_count: 1, max_count: 2 },
    {
      kind: 'ranking',
      name: 'order',
      label: 'What matters most',
      options: reasons.map(({ value }) => ({ value, label: value })),
    },
    {
      kind: 'picture_choice',
      name: 'box',
      label: 'Which box',
      options: ['small', 'large'].map((value) => ({ value, label: value, image_url: DOT })),
    },
    { kind: 'slider', name: 'share', label: 'Share', suffix: ' %', step: 10 },
    { kind: 'star_rating', name: 'stars', label: 'The carrier' },
    {
      kind: 'opinion_scale',
      name: 'mood',
      label: 'Mood of the customer',
      min: 1,
      max: 5,
      min_label: 'cross',
      max_label: 'happy',
    },
    { kind: 'date', name: 'due', label: 'Due', min_date: '2026-01-01' },
    { kind: 'time', name: 'call', label: 'Call at', step_minutes: 15 },
    { kind: 'datetime', name: 'pickup', label: 'Pick-up', timezone: 'Europe/Vienna' },
    { kind: 'date_range', name: 'away', label: 'Away', max_days: 14 },
    {
      kind: 'table',
      name: 'lines',
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
      name: 'parcels',
      label: 'Parcel',
      add_label: 'Add a parcel',
      fields: [
        { kind: 'short_text', name: 'number', label: 'Number' },
        { kind: 'switch', name: 'found', label: 'Found?' },
      ],
    },
    {
      kind: 'section_collapse',
      name: 'more',
      title: 'More',
      default_open: false,
      fields: [{ kind: 'short_text', name: 'note', label: 'Note', required: false, path: '/notes/first' }],
    },
    { kind: 'image', name: 'i1', url: DOT, alt: 'The parcel' },
    { kind: 'video', name: 'v1', label: 'The camera at the door', url: 'https://cam.example/door.mp4' },
    { kind: 'pdf_viewer', name: 'p1', label: 'The bill', url: 'https://xn--pple-43d.example/bill.pdf' },
    { kind: 'html', name: 'h1', label: 'The mail', html: '<p>Dear all</p><script>parent.document.title = "taken"</script>' },
    { kind: 'file_upload', name: 'f1', label: 'A scan', required: false },
    { kind: 'signature', name: 'g1', label: 'Signature', required: false },
  ],
}

test('T77 T78 T79 T86 A19 all 27 kinds are drawn, filled in, checked while one types, and sent as the wire wants them', async () => {
  const house = await houseWithPages()
  expect(new Set(JSON.stringify(FORM).match(/"kind":"[a-z_]+"/g)).size).toBe(27 + 1) // and the number of a column
  const task = await house.given.task({ task: 'Refund order 1042?', response_schema: { type: 'object' }, form_definition: FORM })
  const surf = await browse(house.url, { as: house.alice, width: 1280, height: 1000 })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  const form = page.getByRole('form', { name: 'Your answer' })
  const field = (name: string) => form.getByLabel(name, { exact: true })
  const group = (name: string) => form.getByRole('group', { name, exact: true })
  await form.getByText('Order 1042', { exact: true }).waitFor()

  // What comes from elsewhere is not loaded, says its host, and HTML can do nothing.
  await form.getByText('(carrier.example)').waitFor()
  await form.getByText('(cam.example)').waitFor()
  await form.getByText('⚠ Its host is written with letters that can look like others').waitFor()
  const frame = page.frameLocator('iframe[title="The mail"]')
  await frame.getByText('Dear all').waitFor()
  expect(await page.title()).toContain('Refund order 1042')
  expect(await form.locator('iframe').getAttribute('sandbox')).toBe('')

  // A word while one types, gone when it is right.
  await field('Contact').fill('nobody')
  await field('Headline').fill('Parcel lost')
  await form.getByText('This must be a mail address.').waitFor()
  await field('Contact').fill('ann@example.com')
  await form.getByText('This must be a mail address.').waitFor({ state: 'detached' })

  await field('Price').fill('12.50')
  await field('Story').fill('It never came.')
  await field('Reply to the customer').fill('We are **sorry**.')
  await form.getByRole('button', { name: 'Preview Reply to the customer' }).click()
  await form.locator('strong', { hasText: 'sorry' }).waitFor()
  await group('Refund it?').getByRole('radio', { name: 'Refund' }).check()
  await group('Speed').getByRole('radio', { name: 'Fast' }).check()
  for (const name of ['Came broken', 'Lost in the post', 'Came too late'])
    await group('Reasons').getByRole('checkbox', { name }).check()
  await group('What matters most').getByRole('button', { name: 'Move broken up' }).click()
  await group('Which box').getByRole('radio', { name: 'large' }).check()
  await field('Share').focus()
  for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowRight')
  await group('The carrier').getByRole('radio', { name: '4 of 5' }).check({ force: true })
  await group('Mood of the customer').getByRole('radio', { name: '1, cross' }).check({ force: true })
  await field('Due').fill('2025-12-24')
  await field('Call at').fill('08:30')
  await field('Pick-up').fill('2026-07-01T09:15')
  await group('Away').getByLabel('First day').fill('2026-03-01')
  await group('Away').getByLabel('Last day').fill('2026-03-10')
  await group('Lines 1').getByLabel('Article').fill('A-100')
  await group('Lines 1').getByLabel('Count').fill('2')
  await form.getByRole('button', { name: 'Add to Lines' }).click()
  await group('Parcel 1').getByLabel('Number').fill('P1')
  await group('Parcel 1').getByRole('radio', { name: 'No' }).check()
  await form.getByText('More', { exact: true }).click()
  await form.getByLabel('Note (optional)').fill('Thank you')
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)

  // The server says the rest beside the fields, and nothing settles.
  await form.getByRole('button', { name: 'Send it' }).click()
  await form.getByRole('alert').waitFor()
  expect(await form.getByText('Choose or add at most 2.').count()).toBe(1)
  expect(await form.getByText('This must not be before 2026-01-01.').count()).toBe(1)
  await picture(page, 'form')
  await group('Reasons').getByRole('checkbox', { name: 'Came too late' }).uncheck()
  await field('Due').fill('2026-12-24')
  await form.getByRole('button', { name: 'Send it' }).click()
  await page.getByRole('region', { name: 'What became of it' }).waitFor()

  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.response).toEqual({
    headline: 'Parcel lost',
    contact: 'ann@example.com',
    price: 12.5,
    story: 'It never came.',
    reply: 'We are **sorry**.',
    approved: true,
    speed: 2,
    reasons: ['lost', 'broken'],
    order: ['lost', 'broken', 'late'],
    box: 'large',
    share: 30,
    stars: 4,
    mood: 1,
    due: '2026-12-24',
    call: '08:30',
    pickup: '2026-07-01T07:15:00.000Z',
    away: { start: '2026-03-01', end: '2026-03-10' },
    lines: [{ sku: 'A-100', count: 2 }],
    parcels: [{ number: 'P1', found: false }],
    notes: { first: 'Thank you' },
  })
  // The browser says that the frame wanted to run a script; nothing else happened.
  expect(surf.faults.filter((fault) => !fault.includes('sandboxed'))).toEqual([])
})

test('T80 A20 a union, lists of lists and a draft: every part is asked, and a reload loses nothing', async () => {
  const house = await houseWithPages()
  const way = (by: string, properties: object) => ({
    type: 'object',
    properties: { by: { const: by }, ...properties },
    required: ['by', ...Object.keys(properties)],
  })
  const schema = {
    type: 'object',
    required: ['way', 'grid', 'either'],
    properties: {
      way: {
        title: 'By which way?',
        oneOf: [way('post', { stamps: { type: 'integer' } }), way('hand', { name: { type: 'string' } })],
      },
      grid: { type: 'array', minItems: 1, items: { type: 'array', items: { type: 'number' } } },
      either: { anyOf: [{ type: 'string' }, { type: 'number' }] },
    },
  }
  const task = await house.given.task({ task: 'How?', response_schema: schema })
  const surf = await browse(house.url, { as: house.alice, width: 360, height: 780 })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  const group = (name: string) => page.getByRole('group', { name, exact: true })
  await group('By which way?').getByRole('radio', { name: 'post' }).check()
  await page.getByLabel('Stamps').fill('3')
  await group('Grid').getByRole('button', { name: 'Add to Grid 1' }).click()
  await page.getByLabel('Grid 1 1').fill('2.5')
  await group('Either').getByRole('radio', { name: 'Number' }).check()
  await page.getByRole('textbox', { name: 'Either' }).fill('7')
  await page.reload()
  expect(await page.getByLabel('Stamps').inputValue()).toBe('3')
  expect(await overflow(page)).toBe(0)
  expect(await accessibility(page)).toEqual([])
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByRole('region', { name: 'What became of it' }).waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.response).toEqual({
    way: { by: 'post', stamps: 3 },
    grid: [[2.5]],
    either: 7,
  })
  noFaults(surf)
})

test('T79 a browser and Node say the same about every row of the table of cases', async () => {
  const { rows } = JSON.parse(readFileSync(fileURLToPath(new URL('../vectors/forms.json', import.meta.url)), 'utf8')) as {
    rows: unknown[]
  }
  const { outputFiles } = await build({
    entryPoints: [`${root}/packages/sdk/src/form/form.ts`],
    ...{ bundle: true, write: false, format: 'iife', globalName: 'formOfSdk', platform: 'browser', target: 'es2022' },
  })
  const say = (of: typeof import('@countersign/sdk/form'), given: unknown[]) =>
    given.map((row) => {
      const [members, good, bad] = row as [object, unknown[], [unknown][]]
      const form = of.formOf({ type: 'object' }, { version: 1, fields: [{ name: 'field', ...members }] })
      return [...good, ...bad.map(([value]) => value)].map((value) => [
        of.checkAnswer(form, { field: value }),
        of.patternsOf(form, { field: value }).length,
        of.assemble(form, of.draftOf(form, { field: value })),
      ])
    })
  const here = JSON.stringify(say(await import('@countersign/sdk/form'), rows))
  const house = await houseWithPages()
  const { page } = await browse(house.url)
  await page.evaluate(`${outputFiles[0]?.text}; globalThis.formOfSdk = formOfSdk`)
  const there = await page.evaluate(`JSON.stringify((${say.toString()})(formOfSdk, ${JSON.stringify(rows)}))`)
  expect(there).toBe(here)
})
