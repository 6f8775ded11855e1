// The page of figures: what was asked and how it ended, as pictures that are tables and files too; and the inbox narrowed by its address.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

test('T161 every picture has its figures as a table and as CSV, and an address keeps what one looks at', {
  timeout: 90_000,
}, async () => {
  const house = await houseWithPages()
  const tasks = await Promise.all(
    Array.from({ length: 6 }, (_, i) => house.given.task({ task: `Refund order ${i}?`, timeout_seconds: 600 })),
  )
  for (const { id } of tasks.slice(0, 4))
    await house.alice.post(`/api/v1/tasks/${id}/decide`, { type: 'respond', response: { approve: true }, seen_revision: 1 })
  await house.clock.advance('15m')
  await house.runJobs()
  const surf = await browse(house.url, { as: house.alice, height: 1_500 })
  const { page } = surf
  await page.goto('/analytics?days=7')
  const volume = page.getByRole('region', { name: 'Volume', exact: true })
  await volume.getByRole('img', { name: /Volume: 6 in \d+ days/ }).waitFor()
  await picture(page, 'analytics')
  expect(await page.getByLabel('Time', { exact: true }).inputValue()).toBe('7')
  await volume.getByRole('button', { name: 'Volume as table' }).click()
  const rows = await volume.getByRole('row').allInnerTexts()
  const sums = rows.slice(1).map((row) => Number(row.split('\t')[1]))
  expect(sums.reduce((a, b) => a + b, 0)).toBe(6)
  const [file] = await Promise.all([page.waitForEvent('download'), volume.getByRole('button', { name: 'Volume as CSV' }).click()])
  expect(file.suggestedFilename()).toBe('volume.csv')
  await page.getByLabel('Compare', { exact: true }).selectOption('person')
  await page.getByRole('region', { name: 'Compared by person' }).getByText('Alice').waitFor()
  expect(page.url()).toContain('by=person')
  const [decisions] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('button', { name: 'Export decisions (CSV)' }).click(),
  ])
  expect(decisions.suggestedFilename()).toBe('decisions.csv')
  expect(await accessibility(page)).toEqual([])
  await page.setViewportSize({ width: 360, height: 800 })
  expect(await overflow(page)).toBe(0)
  noFaults(surf)
})

test('T158 T55 the inbox is narrowed by its address, and a view that has a name is come back to', async () => {
  const house = await houseWithPages()
  await house.given.task({ task: 'Refund order 1?', tags: ['money'], priority: 'urgent' })
  await house.given.task({ task: 'Publish the post?' })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/inbox')
  await page.getByRole('link', { name: /Publish the post/ }).waitFor()
  await page.getByRole('button', { name: 'Filters' }).click()
  await page.getByLabel('Priority').selectOption('urgent')
  await page.getByRole('link', { name: /Publish the post/ }).waitFor({ state: 'detached' })
  await page.getByRole('link', { name: /Refund order 1/ }).waitFor()
  expect(page.url()).toContain('priority=urgent')
  await page.getByRole('button', { name: 'Save this view' }).click()
  await page.getByRole('dialog').getByLabel('Name').fill('Burning')
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click()
  await page.goto('/inbox')
  await page.getByRole('link', { name: /Publish the post/ }).waitFor()
  await page.getByRole('link', { name: 'Burning' }).click()
  await page.getByRole('link', { name: /Publish the post/ }).waitFor({ state: 'detached' })
  expect(await accessibility(page)).toEqual([])
  noFaults(surf)
})
