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
