// Stored forms in the dashboard: made with a preview beside it, given a next version, asked with, retired.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

test('T82 a form is made with its preview in every channel, gets a next version, and is retired', async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: house.alice, height: 1000 })
  const { page } = surf
  await page.goto('/forms')
  await page.getByRole('button', { name: 'New form' }).click()
  const preview = page.getByRole('region', { name: 'As people see it' })
  await preview.getByRole('group', { name: 'Shall we?' }).waitFor()
  const where = page.getByRole('region', { name: 'Where it can be answered' })
  await where.getByText('by buttons').waitFor()

  await page.getByRole('tab', { name: 'JSON' }).click()
  await page
    .getByLabel('Form definition (may stay empty)')
    .fill('{"version": 1, "fields": [{"kind": "hologram", "name": "approved"}]}')
  await page.getByText('A task with this would be refused').waitFor()
  await page
    .getByLabel('Form definition (may stay empty)')
    .fill(
      '{"version": 1, "fields": [{"kind": "switch", "name": "approved", "label": "Refund it?"}, {"kind": "star_rating", "name": "stars"}]}',
    )
  await preview.getByRole('group', { name: 'Refund it?' }).getByRole('radio', { name: 'Yes' }).check()
  await preview.getByRole('radio', { name: '4 of 5' }).check({ force: true })
  await preview.getByRole('button', { name: 'Show the answer' }).click()
  await preview.getByText('"stars": 4').waitFor()
  await where.getByText('It asks for more than one press can say.').waitFor()
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)
  await page.getByLabel('Name', { exact: true }).fill('refund')
  await page.getByRole('tab', { name: 'Fields' }).click()
  await page.getByRole('button', { name: /^Refund it\?/ }).click()
  await picture(page, 'form-editor')
  await page.getByRole('button', { name: 'Store the form' }).click()
  await page.getByText('refund@1', { exact: true }).waitFor()

  await page.getByRole('button', { name: 'Edit refund' }).click()
  await page.getByLabel('Title', { exact: true }).fill('Refunds')
  await page.getByRole('button', { name: 'Store as version 2' }).click()
  await page.getByText('refund@2', { exact: true }).waitFor()
  expect((await house.agent.get('/api/v1/forms/refund?version=1')).body.title).toBeNull()

  await page.getByRole('button', { name: 'Retire refund' }).click()
  await page.getByRole('button', { name: 'Retire it' }).click()
  await page.getByText('No form is stored.').waitFor()
  noFaults(surf)
})

test('T77 T78 T82 T163 fields are added, worded, bounded, ordered and removed by keyboard; schema, definition and preview follow', {
  timeout: 120_000,
}, async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: house.alice, height: 1000 })
  const { page } = surf
  const { keyboard } = page
  const focused = () =>
    page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.id ?? '')
  await page.goto('/forms?new=form')
  const list = page.getByRole('list', { name: 'Fields', exact: true })
  const preview = page.getByRole('region', { name: 'As people see it' })
  await list.getByRole('button', { name: /^Shall we\?/ }).waitFor()

  // A new field has the focus in its label; what is typed there names it.
  await page.getByLabel('Kind of the next field').selectOption('short_text')
  await page.getByRole('button', { name: 'Add field' }).focus()
  await keyboard.press('Enter')
  await expect.poll(() => list.getByLabel('Label').evaluate((one) => one === document.activeElement)).toBe(true)
  await keyboard.type('Amount to refund')
  await preview.getByLabel('Amount to refund').waitFor()
  await keyboard.press('Tab')
  await list.getByLabel('What is typed').selectOption('number')
  expect(await list.getByLabel('Name in the answer').inputValue()).toBe('amount_to_refund')
  await list.getByLabel('At most').fill('500')
  await list.getByLabel('Whole numbers only').check()
  await list.getByLabel('Hint').fill('In euros')
  await list.getByLabel('Required').uncheck()
  expect(await accessibility(page)).toEqual([])

  // Up by its button; the focus stays with it, and at the end goes to the one that leads on.
  await list.getByRole('button', { name: 'Move Amount to refund up' }).focus()
  await keyboard.press('Enter')
  expect(await focused()).toBe('Move Amount to refund up')
  await keyboard.press('Enter')
  expect(await focused()).toBe('Move Amount to refund down')
  await page.getByText('Amount to refund is now 1 of 3.').waitFor({ state: 'attached' })
  await list.getByRole('button', { name: 'Remove Note' }).focus()
  await keyboard.press('Enter')
  expect(await list.getByRole('listitem').count()).toBe(2)
  await expect.poll(() => page.evaluate(() => document.activeElement?.getAttribute('data-act'))).toBe('open')

  // What is wrong stands at its place, and Enter in a line of text stores nothing.
  await list
    .getByRole('button', { name: /Shall we\?/, expanded: false })
    .first()
    .click()
  await list.getByLabel('Name in the answer').fill('amount_to_refund')
  await keyboard.press('Enter')
  await list.getByText('Another field has this name.').waitFor()
  await list.getByLabel('Name in the answer').fill('agreed')
  await keyboard.press('Enter')
  await expect.poll(() => list.getByText('Another field has this name.').count()).toBe(0)
  await list.getByLabel('Kind', { exact: true }).selectOption('single_select')
  await list.getByRole('list', { name: 'Options' }).getByRole('button', { name: 'Option 1' }).first().click()
  await list.getByRole('list', { name: 'Options' }).getByLabel('Label').fill('Go ahead')
  await list.getByRole('list', { name: 'Options' }).getByLabel('Value in the answer').fill('go')
  await preview.getByRole('radio', { name: 'Go ahead' }).check()
  await preview.getByLabel('Amount to refund').fill('501')
  await keyboard.press('Tab')
  await preview.getByText('This must be at most 500.').waitFor()

  await page.getByRole('tab', { name: 'Fields' }).focus()
  await keyboard.press('ArrowRight')
  const [schema, definition] = await Promise.all(
    ['Response schema', 'Form definition (may stay empty)'].map(async (name) =>
      JSON.parse(await page.getByLabel(name).inputValue()),
    ),
  )
  expect(schema).toEqual({
    type: 'object',
    properties: {
      agreed: { title: 'Shall we?', enum: ['go', 'option_2'] },
      amount_to_refund: { type: 'integer', maximum: 500 },
    },
    required: ['agreed'],
  })
  expect(definition.fields).toEqual([
    {
      kind: 'short_text',
      name: 'amount_to_refund',
      label: 'Amount to refund',
      subtype: 'number',
      hint: 'In euros',
      required: false,
    },
    {
      ...{ kind: 'single_select', name: 'agreed', label: 'Shall we?' },
      options: [
        { value: 'go', label: 'Go ahead' },
        { value: 'option_2', label: 'Option 2' },
      ],
    },
  ])
  // The address says which tab is open.
  await page.reload()
  await page.getByLabel('Response schema').waitFor()
  noFaults(surf)
})

test('T78 T82 each of the 27 kinds is added from the list, nested ones with fields and columns of their own, and the server takes the form', {
  timeout: 120_000,
}, async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: house.alice, width: 390, height: 844 })
  const { page } = surf
  await page.goto('/forms?new=form')
  const list = page.getByRole('list', { name: 'Fields', exact: true })
  const kind = page.getByLabel('Kind of the next field', { exact: true })
  await list.getByRole('button', { name: 'Remove Note' }).click()
  const kinds = await kind.locator('option').evaluateAll((options) => options.map((one) => (one as HTMLOptionElement).value))
  expect(kinds).toHaveLength(27)
  for (const one of kinds) {
    await kind.selectOption(one)
    await page.getByRole('button', { name: 'Add field' }).last().click()
    for (const words of ['Address of its picture', /^Address of the/]) {
      const first = list.getByRole('list', { name: 'Options' }).getByRole('button', { name: 'Option 1' }).first()
      if (words === 'Address of its picture' && one === 'picture_choice') await first.click()
      const address = list.getByLabel(words)
      if ((await address.count()) > 0) await address.fill('https://pictures.example/one.png')
    }
    if (one === 'table') await list.getByRole('button', { name: 'Add a column' }).click()
    if (one === 'subform') {
      await page.getByLabel('Kind of the next field in an entry of List of entries').selectOption('date')
      await list.getByRole('button', { name: 'Add field' }).click()
    }
  }
  expect(
    await list
      .getByRole('listitem')
      .filter({ has: page.getByText('needs a look') })
      .count(),
  ).toBe(0)
  expect(await page.getByText('A task with this would be refused').count()).toBe(0)
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)
  await page.getByLabel('Name', { exact: true }).fill('everything')
  await page.getByRole('button', { name: 'Store the form' }).click()
  await page.getByText('everything@1', { exact: true }).waitFor()
  const { fields } = (await house.agent.get('/api/v1/forms/everything?version=1')).body.form_definition
  expect(fields.map((field: { kind: string }) => field.kind)).toEqual(['switch', ...kinds])
  expect(fields.find((field: { kind: string }) => field.kind === 'subform').fields).toMatchObject([
    { name: 'text' },
    { kind: 'date', name: 'date' },
  ])
  const asked = await house.agent.post('/api/v1/tasks', { task: 'Everything?', form: 'everything@1', timeout_seconds: 600 })
  expect(asked.status, JSON.stringify(asked.body)).toBe(201)
  noFaults(surf)
})
