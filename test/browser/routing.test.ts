// The pages of routing in a browser: pools, labels, availability, who was told, what is hidden.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

const QUESTION = {
  task: 'Refund order 1042?',
  response_schema: { type: 'object', properties: { approve: { type: 'boolean' } }, required: ['approve'] },
  timeout_seconds: 7_200,
}

test('T162 a pool is made, changed and chosen as the default in the browser, and labels are set', {
  timeout: 90_000,
}, async () => {
  const house = await houseWithPages()
  await house.given.user({ role: 'member', displayName: 'Mia Member' })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/routing')
  await page.getByRole('button', { name: 'New pool' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name', { exact: true }).fill('Finance')
  await dialog.getByLabel('What it is for').fill('Refunds and invoices')
  await dialog.getByRole('checkbox', { name: /Mia Member/ }).check()
  await dialog.getByRole('button', { name: 'Make pool' }).click()
  await page.getByRole('row', { name: /Finance.*Mia Member/ }).waitFor()
  await page.getByLabel('Default pool').selectOption({ label: 'Finance' })
  await expect.poll(async () => (await house.alice.get('/api/v1/routing')).body.default_pool_id).toMatch(/^pool_/)
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'routing')
  await page.getByRole('button', { name: 'Change Finance' }).click()
  await dialog.getByLabel('Name', { exact: true }).fill('pool_1')
  await dialog.getByRole('button', { name: 'Save pool' }).click()
  await dialog.getByText(/does not look like an id/).waitFor()
  await page.goto('/routing/people')
  await page.getByRole('button', { name: 'Labels of Mia Member' }).click()
  await dialog.getByLabel('Roles').fill('CFO, legal')
  await dialog.getByRole('button', { name: 'Save labels' }).click()
  await page.getByRole('row', { name: /Mia Member.*cfo, legal/ }).waitFor()
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await overflow(page)).toBe(0)
  expect(await accessibility(page)).toEqual([])
  noFaults(surf)
})

test('T98 T102 T162 a person says when they are away and how they are told', async () => {
  const house = await houseWithPages()
  const member = await house.given.user({ role: 'member', displayName: 'Mia Member' })
  const surf = await browse(house.url, { as: house.bob })
  const { page } = surf
  await page.goto('/profile')
  await page.getByRole('button', { name: 'Add a time away' }).click()
  await page.getByLabel('Away 1: from').fill('2031-01-01T08:00')
  await page.getByLabel('until', { exact: true }).first().fill('2031-01-08T08:00')
  await page.getByLabel('Who stands in').selectOption(member.id)
  await page.getByLabel('No reminders from').fill('22:00')
  await page.getByLabel('until', { exact: true }).last().fill('07:00')
  await page.getByLabel('What is asked of me alone').selectOption({ label: 'In the inbox alone' })
  await page.getByLabel('Tasks at once, at most').fill('5')
  const card = page.getByRole('region', { name: 'When and how I am asked' })
  await picture(page, 'availability')
  await card.getByRole('button', { name: 'Save' }).click()
  await expect
    .poll(async () => (await house.bob.get('/api/v1/me/availability')).body)
    .toMatchObject({
      away: [{ from: '2031-01-01T08:00:00.000Z', until: '2031-01-08T08:00:00.000Z', delegate_id: member.id }],
      max_open: 5,
      quiet_hours: { from: '22:00', until: '07:00', time_zone: 'UTC' },
      notify: { direct: [], shared: null },
    })
  expect(await accessibility(page)).toEqual([])
  noFaults(surf)
})

test('T95 T102 T159 what nobody could be told of stands above the inbox and on the task, where it is told again', async () => {
  const house = await houseWithPages()
  const { id } = await house.given.task({ ...QUESTION, notify: ['push:mia@example.com'] })
  await house.runJobs()
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/inbox')
  await page.getByText(/Nobody could be asked or told of one task/).waitFor()
  await page.getByText(/A notice by push did not get through/).waitFor()
  await page.goto(`/tasks/${id}`)
  const card = page.getByRole('region', { name: 'Who was told' })
  await card.getByText('This channel is not set up.').waitFor()
  await card.getByRole('button', { name: 'Tell again: mia@example.com' }).click()
  await card.getByText('on its way', { exact: true }).waitFor()
  expect(await accessibility(page)).toEqual([])
  noFaults(surf)
})

test('T153 what a task hides is shown for the asking, once', async () => {
  const house = await houseWithPages()
  const { id } = await house.given.task({ ...QUESTION, payload: { secret: 'hush' }, redact: 'strict' })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto(`/tasks/${id}`)
  await page.getByText('hidden from you').first().waitFor()
  await page.getByRole('button', { name: 'Show what is hidden' }).click()
  await page.getByText('hush').waitFor()
  expect((await house.alice.get('/api/v1/events?type=task.revealed')).body.data).toHaveLength(1)
  noFaults(surf)
})
