// Senders of mail in the dashboard: one is added, sends its test to a real SMTP server, is confirmed by the code, and says what failed.
import { expect, test } from 'vitest'
import { openSink } from '../../packages/server/src/tasks/channels/email/testing/sink.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

test('T107 T162 an admin adds a sender, sees its test arrive, confirms it, and reads what failed last', async () => {
  const sink = await openSink()
  const house = await houseWithPages({ settings: { EGRESS_ALLOW: `127.0.0.1:${sink.port}` } })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/channels/mail')
  await page.getByText('No sender yet.').waitFor()
  await page.getByRole('button', { name: 'New sender' }).click()
  const form = page.getByRole('form', { name: 'New sender' })
  await form.getByLabel('From').fill('approvals@example.com')
  await form.getByLabel('Name').fill('Approvals')
  await form.getByLabel('Server').fill('10.0.0.1')
  await form.getByRole('button', { name: 'Add sender' }).click()
  await expect.poll(() => form.getByLabel('Server').getAttribute('aria-invalid')).toBe('true')
  await form.getByLabel('Server').fill('127.0.0.1')
  await form.getByLabel('Port').fill(String(sink.port))
  await form.getByLabel('Encryption').selectOption('none')
  expect(await accessibility(page)).toEqual([])
  await form.getByRole('button', { name: 'Add sender' }).click()

  await page.getByRole('form', { name: 'Send a test mail' }).getByRole('button', { name: 'Send a test mail' }).click()
  await page.getByText('The mail was sent.').waitFor()
  const code = /^[A-Z2-9]{8}$/m.exec(sink.took[0]?.text ?? '')?.[0] as string
  await page.getByLabel('Code').fill(code)
  await page.getByRole('button', { name: 'It arrived' }).click()
  const row = page.getByRole('row', { name: /approvals@example\.com/ })
  await row.getByText('Verified', { exact: true }).waitFor()
  await picture(page, 'mail')

  sink.mode('never')
  await row.getByRole('button', { name: 'Test main' }).click()
  await page.getByRole('button', { name: 'Send a test mail' }).click()
  await page.getByText('It was not sent: The mail server refused the mail (550).').waitFor()
  await page.keyboard.press('Escape')
  await row.getByText('Failing').waitFor()
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await overflow(page)).toBe(0)
  expect(await accessibility(page)).toEqual([])
  noFaults(surf)
})
