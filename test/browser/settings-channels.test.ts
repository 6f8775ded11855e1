// All channels at a glance, with what failed last; endpoints with the form of their notices and a test; senders of mail of another provider, and changed.
import { expect, test } from 'vitest'
import { openReceiver } from '../../packages/server/src/webhooks/testing/receiver.ts'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

/** A house with pages that may send to a receiver on this machine. */
async function withReceiver() {
  const receiver = await openReceiver()
  receiver.otherwise = 200
  const settings = { EGRESS_HTTP: '1', EGRESS_ALLOW: `127.0.0.1:${receiver.port}` }
  return { receiver, house: await houseWithPages({ settings }) }
}

test('T162 each channel says whether it is set up, whether it gets through, and what failed last', {
  timeout: 90_000,
}, async () => {
  const house = await houseWithPages()
  await house.alice.post('/api/v1/channels/email/identities', {
    ...{ id: 'main', display_name: 'Main', from_email: 'main@example.com', transport: 'none' },
  })
  await house.given.task({ assign_to: { email: house.bob.email }, notify: [`email:${house.bob.email}`] })
  await house.runJobs()
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/inbox')
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Channels' }).click()
  const row = (name: string) => page.getByRole('row', { name: new RegExp(`^${name}`) })
  await row('Slack').getByText('Not set up').waitFor()
  await row('Mail').getByText('One failed today').waitFor()
  await row('Mail').getByText('This identity sends no mail.').waitFor()
  await row('Endpoints').getByText('Gets through').waitFor()
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'channels')
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await overflow(page)).toBe(0)
  await page.getByRole('link', { name: 'Set up and test Mail' }).click()
  await page.getByRole('heading', { name: 'Mail' }).waitFor()
  noFaults(surf)
})

test('T162 T120 an endpoint gets its notices as cards of a chat, and a test shows what it answers', {
  timeout: 90_000,
}, async () => {
  const { receiver, house } = await withReceiver()
  await house.alice.post('/api/v1/endpoints', {
    ...{ url: `${receiver.origin}/teams`, events: 'tenant.suspended', verify: false, label: 'Finance team' },
  })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/channels/endpoints')
  const card = page.getByRole('region', { name: 'Finance team' })
  await card.getByLabel('Notices come to Finance team as').selectOption('teams')
  await expect
    .poll(async () => (await house.alice.get('/api/v1/channels/webhook/templates')).body.data)
    .toMatchObject([{ template: 'teams' }])
  await card.getByRole('button', { name: 'Send a test to Finance team' }).click()
  await card.getByText('Taken: it answered 200.').waitFor()
  expect(receiver.got.at(-1)?.body).toContain('AdaptiveCard')
  expect(await accessibility(page)).toEqual([])
  receiver.otherwise = 404
  await card.getByRole('button', { name: 'Send a test to Finance team' }).click()
  await card.getByText('The endpoint answered 404.').waitFor()
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await overflow(page)).toBe(0)
  noFaults(surf)
})

test('T162 T107 a sender by another provider is added with its template, and changed without its secret being shown', {
  timeout: 90_000,
}, async () => {
  const { receiver, house } = await withReceiver()
  const surf = await browse(house.url, { as: house.alice, height: 1000 })
  const { page } = surf
  await page.goto('/channels/mail?new=sender')
  const form = page.getByRole('form', { name: 'New sender' })
  await form.getByLabel('From').fill('approvals@example.com')
  await form.getByLabel('Mails leave by').selectOption('http')
  await form.getByLabel('Address').fill(`${receiver.origin}/send`)
  await form.getByLabel('Headers').fill('{"Authorization": "Bearer hush-hush"}')
  await form.getByLabel('Body').fill('not json')
  await form.getByRole('button', { name: 'Add sender' }).click()
  await expect.poll(() => form.getByLabel('Body').getAttribute('aria-invalid')).toBe('true')
  await form.getByLabel('Body').fill('{"to": "{{to}}", "subject": "{{subject}}", "text": "{{text}}"}')
  expect(await accessibility(page)).toEqual([])
  await form.getByRole('button', { name: 'Add sender' }).click()
  await page.getByRole('form', { name: 'Send a test mail' }).getByRole('button', { name: 'Send a test mail' }).click()
  await page.getByText('The mail was sent.').waitFor()
  expect(receiver.got.at(-1)?.headers.authorization).toBe('Bearer hush-hush')
  await page.keyboard.press('Escape')

  await page.getByRole('button', { name: 'Change main' }).click()
  const edit = page.getByRole('form', { name: 'Change main' })
  expect(await page.content()).not.toContain('hush-hush')
  await edit.getByLabel('Name').fill('Refund desk')
  await edit.getByLabel('Address').fill(`${receiver.origin}/other`)
  await edit.getByRole('button', { name: 'Save' }).click()
  await edit.waitFor({ state: 'hidden' })
  expect((await house.alice.get('/api/v1/channels/email/identities/main')).body).toMatchObject({
    from_name: 'Refund desk',
    has_secret: true,
    settings: { url: `${receiver.origin}/other` },
  })
  await page.getByRole('button', { name: 'Test main' }).click()
  await page.getByRole('button', { name: 'Send a test mail' }).click()
  await page.getByText('The mail was sent.').waitFor()
  expect(receiver.got.at(-1)).toMatchObject({ path: '/other', headers: { authorization: 'Bearer hush-hush' } })
  noFaults(surf)
})
