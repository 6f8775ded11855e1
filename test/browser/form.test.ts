// Every kind of field that a response schema can ask for: how it is shown, what it sends, and the server's word beside it when that is wrong.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, overflow, useBrowser } from './browser.ts'

useBrowser()

const address = {
  type: 'object',
  properties: { street: { type: 'string', minLength: 3 }, city: { type: 'string' } },
  required: ['street'],
}
const SCHEMA = {
  type: 'object',
  properties: {
    title: { type: 'string', minLength: 3, title: 'Title', description: 'As the customer will read it' },
    note: { type: 'string', maxLength: 500 },
    contact: { type: 'string', format: 'email' },
    amount: { type: 'number', maximum: 100 },
    count: { type: 'integer', minimum: 1 },
    approved: { type: 'boolean' },
    speed: { enum: ['slow', 'fast'] },
    country: { enum: ['AT', 'BE', 'CH', 'DE', 'ES', 'FR', 'IT', 'NL'] },
    reasons: { type: 'array', items: { enum: ['lost', 'broken', 'late'] }, minItems: 1 },
    due: { type: 'string', format: 'date' },
    at: { type: 'string', format: 'time' },
    starts_at: { type: 'string', format: 'date-time' },
    address,
    lines: {
      type: 'array',
      maxItems: 2,
      items: {
        type: 'object',
        properties: { sku: { type: 'string', minLength: 3 }, quantity: { type: 'integer' } },
        required: ['sku'],
      },
    },
    labels: { type: 'array', items: { type: 'string', minLength: 2 } },
    nickname: { type: ['string', 'null'] },
    extra: {},
  },
  required: [
    'title',
    'amount',
    'count',
    'approved',
    'speed',
    'country',
    'reasons',
    'due',
    'at',
    'starts_at',
    'address',
    'lines',
    'nickname',
  ],
}

test('T75 T76 T80 every kind of field can be answered, and the server says beside each what is wrong with it', async () => {
  const house = await houseWithPages()
  const task = await house.given.task({ task: 'How do we ship it?', response_schema: SCHEMA })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  const form = page.getByRole('form', { name: 'Your answer' })
  const group = (name: string) => form.getByRole('group', { name, exact: true })
  const said = (of: ReturnType<typeof group>) =>
    of.evaluate((element) =>
      (element.getAttribute('aria-describedby') ?? '')
        .split(' ')
        .map((id) => document.getElementById(id)?.textContent ?? '')
        .join(' '),
    )
  const field = (name: string) => form.getByLabel(name, { exact: true })
  const send = form.getByRole('button', { name: 'Send answer' })

  // given: an answer with something wrong in most places
  await field('Title').fill('ab')
  await form.getByLabel('Contact').fill('not-an-address')
  await field('Amount').fill('12,5')
  await field('Count').fill('9007199254740993.5')
  await group('Lines').getByRole('button', { name: 'Add to Lines' }).click()
  await group('Lines 1').getByLabel('Sku').fill('A')
  await group('Address').getByLabel('Street').fill('x')
  await form.getByLabel('Extra').fill('{oops')
  await send.click()

  // then: the words of the server beside each, the focus on the first, and nothing settled
  await form.getByRole('alert').waitFor()
  expect(await field('Title').getAttribute('aria-invalid')).toBe('true')
  expect(await field('Title').evaluate((element) => element === document.activeElement)).toBe(true)
  expect(await said(field('Title'))).toMatch(/As the customer will read it.*3/)
  for (const name of ['Amount', 'Count', 'Due', 'At', 'Starts at', 'Country'])
    expect(await said(field(name)), name).toMatch(/\w{3}/)
  expect(await said(form.getByLabel('Contact'))).toMatch(/mail/i)
  for (const name of ['Approved', 'Speed', 'Reasons']) expect(await said(group(name)), name).toMatch(/\w{3}/)
  expect(await said(group('Lines 1').getByLabel('Sku'))).toMatch(/3/)
  expect(await said(group('Address').getByLabel('Street'))).toMatch(/3/)
  expect(await accessibility(page)).toEqual([])
  expect((await house.alice.get(`/api/v1/tasks/${task.id}`)).body.status).toBe('open')

  // when: it is put right
  await field('Title').fill('Two parcels')
  await form.getByLabel('Note').fill('First line\nsecond line')
  await form.getByLabel('Contact').fill('ann@example.com')
  await field('Amount').fill('12.50')
  await field('Count').fill('2')
  await group('Approved').getByRole('radio', { name: 'No' }).check()
  await group('Speed').getByRole('radio', { name: 'fast' }).check()
  await field('Country').selectOption({ label: 'NL' })
  await group('Reasons').getByRole('checkbox', { name: 'late' }).check()
  await group('Reasons').getByRole('checkbox', { name: 'lost' }).check()
  await field('Due').fill('2026-12-24')
  await field('At').fill('08:30')
  await field('Starts at').fill('2026-12-24T09:15')
  await group('Address').getByLabel('Street').fill('Main Street 1')
  await group('Lines 1').getByLabel('Sku').fill('A-100')
  await group('Lines 1').getByLabel('Quantity').fill('3')
  await group('Lines').getByRole('button', { name: 'Add to Lines' }).click()
  await group('Lines 2').getByLabel('Sku').fill('B-200')
  const full = group('Lines').getByRole('button', { name: 'Add to Lines' })
  expect(await full.getAttribute('aria-disabled')).toBe('true')
  expect(await said(full)).toBe('At most 2 entries.')
  await group('Lines').getByRole('button', { name: 'Remove Lines 1' }).click()
  for (const label of ['blue', 'x', 'fragile']) {
    await group('Labels (optional)').getByRole('button', { name: 'Add to Labels' }).click()
    await form
      .getByLabel(/^Labels \d$/)
      .last()
      .fill(label)
  }
  await group('Labels (optional)').getByRole('button', { name: 'Remove Labels 2' }).click()
  await form.getByLabel('Extra').fill('{"weights":[1.5,2]}')
  await send.click()
  await page.getByRole('region', { name: 'What became of it' }).waitFor()

  const { body } = await house.agent.get(`/api/v1/tasks/${task.id}`)
  expect(body.response).toEqual({
    title: 'Two parcels',
    note: 'First line\nsecond line',
    contact: 'ann@example.com',
    amount: 12.5,
    count: 2,
    approved: false,
    speed: 'fast',
    country: 'NL',
    reasons: ['lost', 'late'],
    due: '2026-12-24',
    at: '08:30',
    starts_at: '2026-12-24T09:15:00.000Z',
    address: { street: 'Main Street 1' },
    lines: [{ sku: 'B-200' }],
    labels: ['blue', 'fragile'],
    nickname: null,
    extra: { weights: [1.5, 2] },
  })
  noFaults(surf)
})

test('T6 T86 P139 what is shown is what was sent: digits kept, hidden characters marked, markup as text, prefilled values in their fields', async () => {
  const house = await houseWithPages()
  const created = await house.agent.raw('/api/v1/tasks', {
    method: 'POST',
    body: `{"task":"Pay to Bob\u202eevil?","description":"<b>bold</b> & <script>alert(1)</script>","payload":{"account":9007199254740993,"to":"A\u200bB"},
      "response_schema":{"type":"object","properties":{"account":{"type":"integer","title":"Acc\u200bount"},"pick":{"enum":["a","b\u200d"]}}},
      "initial_response":{"pick":"a"},"on_timeout":{"default":{"account":1}},"timeout_seconds":3600}`,
  })
  expect(created.status).toBe(201)
  const { id } = (await created.json()) as { id: string }
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto(`/tasks/${id}`)
  await page.getByRole('heading', { name: 'Pay to BobU+202Eevil?' }).waitFor()
  expect(await page.title()).toContain('Bob[U+202E]evil?')
  const content = page.getByRole('region', { name: 'What it is about' })
  await content.getByText('9007199254740993', { exact: true }).waitFor()
  await content.getByText('U+200B', { exact: true }).waitFor()
  await content.getByRole('button', { name: 'Show content as JSON' }).click()
  await content.getByText('"account": 9007199254740993').waitFor()
  await page.getByText('<b>bold</b> & <script>alert(1)</script>').waitFor()
  await page.getByText('{ "account": 1 }').waitFor()
  await page.getByLabel('AccU+200Bount (optional)').waitFor()
  expect(await page.getByRole('radio', { name: 'a', exact: true }).isChecked()).toBe(true)
  await page.getByRole('radio', { name: 'bU+200D' }).waitFor()
  noFaults(surf)
})

test('T80 an answer without a shape is written as JSON, with the server’s word beside it', async () => {
  const house = await houseWithPages()
  const task = await house.given.task({
    response_schema: { type: 'object', minProperties: 1, additionalProperties: { type: 'integer' } },
  })
  const surf = await browse(house.url, { as: house.alice, width: 360, height: 740 })
  const { page } = surf
  await page.goto(`/tasks/${task.id}`)
  await page.getByLabel('Answer', { exact: true }).fill('{"boxes": "many"}')
  await page.getByRole('button', { name: 'Send answer' }).click()
  await expect.poll(() => page.getByLabel('Answer', { exact: true }).getAttribute('aria-invalid')).toBe('true')
  expect(await overflow(page)).toBe(0)
  await page.getByLabel('Answer', { exact: true }).fill('{"boxes": 3}')
  await page.getByRole('button', { name: 'Send answer' }).click()
  await page.getByText('Alice settled it.').waitFor()
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body.response).toEqual({ boxes: 3 })
  noFaults(surf)
})
