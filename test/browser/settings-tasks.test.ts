// The page on which a tenant says how it wants its tasks: reminders, what is hidden, how long content is kept, what the other clients meet, and the key that signs what they are sent.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

test('T162 T57 T37 T153 reminders, redaction and retention are set on one page; what is refused stands beside its field', {
  timeout: 90_000,
}, async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: house.alice, height: 1000 })
  const { page } = surf
  await page.goto('/settings')
  await page.getByRole('navigation', { name: 'Tenant' }).getByRole('link', { name: 'Tasks' }).click()
  const form = page.getByRole('form', { name: 'Defaults of tasks' })
  await form.getByLabel('People are reminded').selectOption('own')
  await form.getByLabel('Reminder 1', { exact: true }).fill('75')
  await form.getByRole('button', { name: 'Add a reminder' }).click()
  await form.getByLabel('Reminder 2', { exact: true }).fill('600')
  await form.getByLabel('counted in (reminder 2)').selectOption('before')
  await form.getByLabel('What tasks hide at least').selectOption('notify')
  await form.getByLabel('Content is kept, in days').fill('0')
  await form.getByRole('button', { name: 'Save' }).click()
  await expect.poll(() => form.getByLabel('Content is kept, in days').getAttribute('aria-invalid')).toBe('true')
  expect(await accessibility(page)).toEqual([])
  await form.getByLabel('Content is kept, in days').fill('90')
  await form.getByRole('button', { name: 'Save' }).click()
  await form.getByText('Saved.').waitFor()
  expect((await house.alice.get('/api/v1/tasks/settings')).body).toEqual({
    retention_days: 90,
    reminders: [{ at_percent: 75 }, { before: 600 }],
    redact: 'notify',
    compat_strict_replay: false,
  })
  expect((await house.given.task()).redact).toBe('notify')
  await picture(page, 'task-settings')
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await overflow(page)).toBe(0)
  noFaults(surf)
})

test('T162 T66 T72 the switch for the other clients, and a key that is imported, shown once and replaced at a chosen moment', {
  timeout: 90_000,
}, async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/settings/tasks')
  await page.getByLabel('Another question under a known key').selectOption('refuse')
  await expect.poll(async () => (await house.alice.get('/api/v1/tasks/settings')).body.compat_strict_replay).toBe(true)

  const key = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64url')
  const form = page.getByRole('form', { name: 'New compatibility key' })
  const given = form.getByLabel('A key that receivers hold already (optional)')
  await given.fill('short')
  await form.getByRole('button', { name: 'Import the key' }).click()
  await expect.poll(() => given.getAttribute('aria-invalid')).toBe('true')
  await given.fill(key)
  await form.getByRole('button', { name: 'Import the key' }).click()
  const shown = page.getByRole('dialog', { name: 'Version 1 of the key' })
  await shown.getByText(key, { exact: true }).waitFor()
  await page.keyboard.press('Escape')
  await shown.waitFor({ state: 'hidden' })
  await page
    .getByRole('row', { name: /1 imported/ })
    // Not the time beside it, which says the same at first.
    .locator('span', { hasText: /^now$/ })
    .first()
    .waitFor()

  await form.getByLabel('It signs').selectOption('day')
  await form.getByRole('button', { name: 'Replace the key' }).click()
  const second = page.getByRole('dialog', { name: 'Version 2 of the key' })
  await second.getByText('Standard Webhooks').waitFor()
  await page.keyboard.press('Escape')
  await page
    .getByRole('row', { name: /2 made here/ })
    .getByText(/^from /)
    .waitFor()
  await page
    .getByRole('row', { name: /1 imported/ })
    // Not the time beside it, which says the same at first.
    .locator('span', { hasText: /^now$/ })
    .waitFor()
  expect(await page.content()).not.toContain(key)
  expect(await accessibility(page)).toEqual([])
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await overflow(page)).toBe(0)
  noFaults(surf)
})

test('T162 an operator reads how tasks are kept and changes nothing of it', { timeout: 90_000 }, async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: await house.operator.person() })
  const { page } = surf
  await page.goto('/settings/tasks')
  const save = page.getByRole('form', { name: 'Defaults of tasks' }).getByRole('button', { name: 'Save' })
  expect(await save.getAttribute('aria-disabled')).toBe('true')
  expect(await page.getByRole('form', { name: 'New compatibility key' }).count()).toBe(0)
  noFaults(surf)
})
