// The page on which a person signs a command in, in a real browser (vault.md §7.2 `login`): what asks, from where and since when, the code to compare, and yes or no.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, overflow, picture, useBrowser } from './browser.ts'

useBrowser()

const PASSWORD = 'marble-otter-sings-7-hymns'

test('V34 whoever comes by the link signs in, compares the code, approves once, and finds the command among their keys', async () => {
  const house = await houseWithPages()
  const otto = await house.given.user({ role: 'owner', displayName: 'Otto', password: PASSWORD })
  const { body: asked } = await house.nobody.post('/api/v1/cli/sign-ins', { client: 'otto@workshop' })

  const surf = await browse(house.url)
  const { page } = surf
  await page.goto(asked.verification_url_complete.slice(house.url.length))
  await page
    .getByLabel(/name|e-mail/i)
    .first()
    .fill(otto.email)
  await page.getByLabel(/password/i).fill(PASSWORD)
  await page.getByRole('button', { name: /sign in/i }).click()
  const card = page.getByRole('region', { name: 'A command wants to act as you' })
  await card.getByText(asked.code, { exact: true }).waitFor()
  expect(page.url()).toBe(`${house.url}/cli`)
  await card.getByText('otto@workshop').waitFor()
  expect(await accessibility(page)).toEqual([])
  expect(await overflow(page)).toBe(0)
  await picture(page, 'cli')
  await card.getByRole('button', { name: 'I see this code: sign it in' }).click()
  await page.getByText(/The command is signed in as you/).waitFor()
  const { body } = await house.nobody.post('/api/v1/cli/sign-ins/fetch', { secret: asked.secret })
  expect(body).toMatchObject({ state: 'approved', key: { created_by: otto.id } })
  await page.getByRole('link', { name: 'your keys' }).click()
  await page.getByText('countersign on otto@workshop').waitFor()
  noFaults(surf)
})

test('V34 a code that is typed in, one that nobody was given, and a command that is refused; on a phone, too', async () => {
  const house = await houseWithPages()
  const { body: asked } = await house.nobody.post('/api/v1/cli/sign-ins', {
    client: 'a machine with a name that goes on and on and on',
  })
  const surf = await browse(house.url, { as: house.alice, width: 390 })
  const { page } = surf
  await page.goto('/cli')
  await page.getByRole('textbox', { name: 'Code' }).fill('bbbb bbbb')
  await page.getByRole('button', { name: 'Look it up' }).click()
  await page.getByText(/This code was used, is too old, or was never given/).waitFor()
  await page.getByRole('textbox', { name: 'Code' }).fill(asked.code.toLowerCase())
  await page.getByRole('button', { name: 'Look it up' }).click()
  await page.getByRole('region', { name: 'A command wants to act as you' }).waitFor()
  expect(await overflow(page)).toBe(0)
  expect(await accessibility(page)).toEqual([])
  await page.getByRole('button', { name: 'Refuse it' }).click()
  await page.getByText('Refused. The command was given nothing, and its code is over.').waitFor()
  expect((await house.nobody.post('/api/v1/cli/sign-ins/fetch', { secret: asked.secret })).body.state).toBe('refused')
})
