// The ways in: sign-in and back to where one came from, the invitation, and what a browser does whose session is over.
import { expect, test } from 'vitest'
import { accessibility, browse, houseWithPages, noFaults, useBrowser } from './browser.ts'

useBrowser()

const PASSWORD = 'marble-otter-sings-7-hymns'

test('P39 a wrong password is refused in words, the right one leads back to the task one came for, and never to another site', async () => {
  const house = await houseWithPages()
  const { email } = await house.given.user({ role: 'operator', password: PASSWORD })
  const task = await house.given.task({ task: 'Send the offer?' })
  const surf = await browse(house.url)
  const { page } = surf

  await page.goto(`/tasks/${task.id}`)
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  expect(await page.title()).toBe('Sign in · Countersign')
  expect(await accessibility(page)).toEqual([])
  await page.getByLabel('E-mail or username').fill(email)
  await page.getByLabel('Password').fill('not-my-password-at-all')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').getByText('That name and password do not match. Check both and try again.').waitFor()
  await page.getByLabel('Password').fill(PASSWORD)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { name: 'Send the offer?' }).waitFor()
  expect(new URL(page.url()).pathname).toBe(`/tasks/${task.id}`)

  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  for (const to of ['//evil.example', 'https://evil.example/', '/\\evil.example']) {
    await page.goto(`/login?to=${encodeURIComponent(to)}`)
    await page.getByLabel('E-mail or username').fill(email)
    await page.getByLabel('Password').fill(PASSWORD)
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Inbox' }).waitFor()
    expect(new URL(page.url()).origin).toBe(house.url)
  }
  noFaults(surf)
})

test('P47 an owner invites, hands the link over once, and the other joins with the role that was meant; a withdrawn link leads nowhere', async () => {
  const house = await houseWithPages()
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/people')
  await page.getByRole('listitem').filter({ hasText: 'Bob' }).getByRole('combobox', { name: 'Role of Bob' }).waitFor()

  const invite = async (email: string, role: string) => {
    await page.getByRole('button', { name: 'Invite somebody' }).click()
    const dialog = page.getByRole('dialog', { name: 'Invite somebody' })
    await dialog.getByLabel('E-mail').fill(email)
    await dialog.getByLabel('Role').selectOption(role)
    await dialog.getByRole('button', { name: 'Make invitation' }).click()
  }
  await invite('no-address', 'reviewer')
  await page.getByRole('dialog').getByText('Must be an e-mail address.').waitFor()
  await page.keyboard.press('Escape')
  await invite('rita@example.com', 'reviewer')
  const shown = page.getByRole('dialog', { name: 'The link of the invitation' })
  const link = (await shown.getByRole('region', { name: 'link' }).textContent()) as string
  expect(link).toMatch(/\/invite#[\w-]{40,}$/)
  expect(await accessibility(page)).toEqual([])
  await page.keyboard.press('Escape')
  await page.reload()
  await page.getByRole('listitem').filter({ hasText: 'rita@example.com' }).getByText('Open', { exact: true }).waitFor()
  expect(await page.content()).not.toContain(link.slice(-20))

  const guest = await browse(house.url)
  await guest.page.goto(link)
  await guest.page.getByLabel('E-mail').fill('rita@example.com')
  await guest.page.getByLabel('Your name').fill('Rita Reviewer')
  await guest.page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await guest.page.getByLabel('Password again').fill(`${PASSWORD}!`)
  await guest.page.getByRole('button', { name: 'Join' }).click()
  await guest.page.getByText('The two passwords differ.').waitFor()
  expect(await accessibility(guest.page)).toEqual([])
  await guest.page.getByLabel('Password again').fill(PASSWORD)
  await guest.page.getByRole('button', { name: 'Join' }).click()
  await guest.page.getByRole('heading', { name: 'Nothing waits for you' }).waitFor()
  await guest.page.getByText('Rita Reviewer · reviewer').waitFor()

  await invite('late@example.com', 'member')
  const late = (await shown.getByRole('region', { name: 'link' }).textContent()) as string
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Withdraw the invitation of late@example.com' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Withdraw the invitation' }).click()
  await page.getByRole('listitem').filter({ hasText: 'late@example.com' }).getByText('Withdrawn').waitFor()
  await page.reload()
  await page.getByRole('combobox', { name: 'Role of Rita Reviewer' }).waitFor()
  const refused = await browse(house.url)
  await refused.page.goto(late)
  await refused.page.getByLabel('E-mail').fill('late@example.com')
  await refused.page.getByLabel('Your name').fill('Late')
  await refused.page.getByLabel('Password', { exact: true }).fill(PASSWORD)
  await refused.page.getByLabel('Password again').fill(PASSWORD)
  await refused.page.getByRole('button', { name: 'Join' }).click()
  await refused.page.getByRole('alert').getByText('This invitation was withdrawn. Ask for a new one.').waitFor()
  noFaults(surf, guest, refused)
})

test('P26 ending the other sessions leads their browsers to sign-in by themselves', async () => {
  const house = await houseWithPages()
  const { email } = await house.given.user({ role: 'operator', displayName: 'Otto', password: PASSWORD })
  const signIn = async () => {
    const surf = await browse(house.url)
    await surf.page.goto('/profile')
    await surf.page.getByLabel('E-mail or username').fill(email)
    await surf.page.getByLabel('Password').fill(PASSWORD)
    await surf.page.getByRole('button', { name: 'Sign in' }).click()
    await surf.page.getByRole('heading', { name: 'Where you are signed in' }).waitFor()
    return surf
  }
  const [one, two, three] = [await signIn(), await signIn(), await signIn()]
  await one.page.reload()
  const others = one.page.getByRole('button', { name: /^End the session of / })
  await expect.poll(() => others.count()).toBeGreaterThanOrEqual(2)
  const before = await others.count()
  await others.first().click()
  await expect.poll(() => others.count()).toBe(before - 1)
  await one.page.getByRole('button', { name: 'End all others' }).click()
  await Promise.all([two, three].map(({ page }) => page.getByRole('heading', { name: 'Sign in' }).waitFor()))
  await expect.poll(() => others.count()).toBe(0)
  expect(await one.page.getByRole('button', { name: 'End all others' }).getAttribute('aria-disabled')).toBe('true')
  noFaults(one, two, three)
})

test('P22 a new password needs the old one, must be typed twice alike, and ends the other sessions', async () => {
  const house = await houseWithPages()
  const otto = await house.given.user({ role: 'operator', displayName: 'Otto', password: PASSWORD })
  const surf = await browse(house.url, { as: otto })
  const { page } = surf
  await page.goto('/profile')
  const form = page.getByRole('form', { name: 'Change your password' })
  const fill = async (old: string, chosen: string, again: string) => {
    await form.getByLabel('Present password').fill(old)
    await form.getByLabel('New password', { exact: true }).fill(chosen)
    await form.getByLabel('New password again').fill(again)
    await form.getByRole('button', { name: 'Change password' }).click()
  }
  await fill('not-my-old-password', 'seven-quiet-lamps-drift', 'seven-quiet-lamps-drift')
  await form.getByText('This is not your present password.').waitFor()
  await fill(PASSWORD, 'short', 'short')
  await form.getByText(/too easy to guess or too short/).waitFor()
  await fill(PASSWORD, 'seven-quiet-lamps-drift', 'seven-quiet-lamps')
  await form.getByText('The two passwords differ.').waitFor()
  await fill(PASSWORD, 'seven-quiet-lamps-drift', 'seven-quiet-lamps-drift')
  await form.getByText(/Your password is changed/).waitFor()
  expect((await house.nobody.post('/api/v1/auth/login', { login: otto.email, password: PASSWORD })).status).toBe(401)
  expect((await house.nobody.post('/api/v1/auth/login', { login: otto.email, password: 'seven-quiet-lamps-drift' })).status).toBe(
    204,
  )
  noFaults(surf)
})
