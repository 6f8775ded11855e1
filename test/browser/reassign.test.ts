// Giving a task to others on its page: to a person, a pool or an address, with a reason; who may not reads why.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

test('T98 an operator gives a task to a person and then to a pool, with a reason that the record keeps', {
  timeout: 90_000,
}, async () => {
  const house = await houseWithPages()
  const mia = await house.given.user({ role: 'member', displayName: 'Mia Member' })
  await house.alice.post('/api/v1/pools', { name: 'Finance', members: [mia.id, house.bob.id], strategy: 'broadcast' })
  const { id } = await house.given.task({ assign_to: { user_id: house.bob.id } })
  const surf = await browse(house.url, { as: await house.operator.person() })
  const { page } = surf
  await page.goto(`/tasks/${id}`)
  await page.getByRole('button', { name: 'Give it to others' }).click()
  const dialog = page.getByRole('dialog', { name: 'Give it to others' })
  const send = dialog.getByRole('button', { name: 'Give it to them' })
  expect(await send.getAttribute('aria-disabled')).toBe('true')
  await dialog.getByLabel('To', { exact: true }).selectOption({ label: 'Mia Member' })
  await dialog.getByLabel('Why').fill('She knows the case.')
  expect(await accessibility(page)).toEqual([])
  await picture(page, 'reassign')
  await send.click()
  await expect.poll(async () => (await house.alice.get(`/api/v1/tasks/${id}`)).body.assigned_to_user_id).toBe(mia.id)
  await dialog.waitFor({ state: 'hidden' })

  await page.getByRole('button', { name: 'Give it to others' }).click()
  await dialog.getByLabel('To', { exact: true }).selectOption({ label: 'A mail address' })
  await dialog.getByLabel('Mail address').fill('nobody')
  await dialog.getByLabel('Why').fill('x')
  await send.click()
  await expect.poll(() => dialog.getByLabel('Mail address').getAttribute('aria-invalid')).toBe('true')
  await dialog.getByLabel('To', { exact: true }).selectOption({ label: 'Pool Finance' })
  await page.setViewportSize({ width: 360, height: 740 })
  expect(await overflow(page)).toBe(0)
  await send.click()
  await dialog.waitFor({ state: 'hidden' })
  expect((await house.alice.get(`/api/v1/tasks/${id}`)).body).toMatchObject({
    assigned_to_user_id: null,
    assign_to: { pool: 'Finance' },
  })
  expect((await house.alice.get('/api/v1/events?type=task.reassigned')).body.data).toHaveLength(2)
  noFaults(surf)
})

test('T98 whoever was asked gives it to an address of theirs, unless whoever asks wants nobody else', {
  timeout: 90_000,
}, async () => {
  const house = await houseWithPages()
  const mia = await house.given.user({ role: 'member', displayName: 'Mia Member' })
  const { id } = await house.given.task({ assign_to: { user_id: mia.id } })
  const kept = await house.given.task({ assign_to: { user_id: mia.id }, delegable: false })
  const surf = await browse(house.url, { as: mia })
  const { page } = surf
  await page.goto(`/tasks/${kept.id}`)
  const button = page.getByRole('button', { name: 'Give it to others' })
  await button.waitFor()
  expect(await button.getAttribute('title')).toBe('Whoever asks wants nobody else to answer this.')
  await page.goto(`/tasks/${id}`)
  await button.click()
  const dialog = page.getByRole('dialog', { name: 'Give it to others' })
  expect(await dialog.getByLabel('To', { exact: true }).count()).toBe(0)
  await dialog.getByLabel('Mail address').fill(house.bob.email)
  await dialog.getByLabel('Why').fill('I am off today.')
  await dialog.getByRole('button', { name: 'Give it to them' }).click()
  await expect.poll(async () => (await house.alice.get(`/api/v1/tasks/${id}`)).body.assigned_to_user_id).toBe(house.bob.id)
  noFaults(surf)
})
