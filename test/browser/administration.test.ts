// Agents, keys and people: what is shown once, what asks for the password again, and what a click ends at once.
import { expect, test } from 'vitest'
import { countersign } from '../harness/process.ts'
import { accessibility, browse, houseWithPages, noFaults, useBrowser } from './browser.ts'

useBrowser()

const PASSWORD = 'marble-otter-sings-7-hymns'

test('P29 P53 a new agent gets a key that is shown once, after the password when the proof is old, and that works until it is rotated and revoked', async () => {
  const house = await houseWithPages()
  const otto = await house.given.user({ role: 'owner', displayName: 'Otto', password: PASSWORD })
  const surf = await browse(house.url, { as: otto })
  const { page } = surf
  await page.goto('/agents')
  await page.getByRole('button', { name: 'New agent' }).click()
  expect(new URL(page.url()).search).toBe('?new=agent')
  const making = page.getByRole('dialog', { name: 'New agent' })
  expect(await making.getByRole('textbox', { name: 'Name' }).evaluate((element) => element === document.activeElement)).toBe(true)
  await making.getByRole('button', { name: 'Create agent' }).click()
  await expect.poll(() => making.getByRole('textbox', { name: 'Name' }).getAttribute('aria-invalid')).toBe('true')
  await making.getByRole('textbox', { name: 'Name' }).fill('Invoice bot')
  await making.getByRole('button', { name: 'Create agent' }).click()
  const card = page.getByRole('region', { name: 'Invoice bot' })
  await card.getByText('No key yet.').waitFor()

  // given: the proof of presence is too old
  await house.clock.advance('11m')
  await card.getByRole('button', { name: 'New key for Invoice bot' }).click()
  const proof = page.getByRole('dialog', { name: 'Confirm that it is you' })
  await proof.getByLabel('Your password').fill(PASSWORD)
  await proof.getByRole('button', { name: 'Confirm' }).click()
  const shown = page.getByRole('dialog', { name: 'Your new key' })
  const key = (await shown.getByRole('region', { name: 'key', exact: true }).textContent()) as string
  expect(key).toMatch(/^cs_live_agt_\w{36}$/)
  await shown.getByRole('region', { name: 'sample' }).getByText(`url: '${house.url}'`).waitFor()
  expect(await accessibility(page)).toEqual([])
  const asks = (secret: string) => house.nobody.get('/api/v1/tasks', { authorization: `Bearer ${secret}` })
  expect((await asks(key)).status).toBe(200)
  await shown.getByRole('button', { name: 'Close' }).click()
  await page.reload()
  const ends = `${key.slice(0, 12)}…${key.slice(-4)}`
  await card.getByText(ends).waitFor()
  expect(await page.content()).not.toContain(key)

  await card.getByRole('button', { name: `Rotate ${ends}` }).click()
  const rotated = (await shown.getByRole('region', { name: 'key', exact: true }).textContent()) as string
  expect(rotated).not.toBe(key)
  await page.keyboard.press('Escape')
  await card.getByText(/the one before works until/).waitFor()
  expect([(await asks(key)).status, (await asks(rotated)).status]).toEqual([200, 200])
  const now = `${rotated.slice(0, 12)}…${rotated.slice(-4)}`
  await card.getByRole('button', { name: `Rotate ${now}` }).click()
  await card
    .getByRole('alert')
    .getByText(/The key before the last rotation still works/)
    .waitFor()

  await card.getByRole('button', { name: 'Pause Invoice bot' }).click()
  await card.getByText('Paused', { exact: true }).waitFor()
  expect((await asks(rotated)).status).toBeGreaterThanOrEqual(400)
  await card.getByRole('button', { name: 'Resume Invoice bot' }).click()
  await card.getByText('Active', { exact: true }).waitFor()
  expect((await asks(rotated)).status).toBe(200)

  await card.getByRole('button', { name: `Revoke ${now}` }).click()
  await page
    .getByRole('dialog', { name: `Revoke ${now}` })
    .getByRole('button', { name: 'Revoke the key' })
    .click()
  await card.getByText(/^Revoked ·/).waitFor()
  expect([(await asks(key)).status, (await asks(rotated)).status]).toEqual([401, 401])

  await card.getByRole('button', { name: 'Revoke Invoice bot' }).click()
  await page.getByRole('dialog', { name: 'Revoke Invoice bot' }).getByRole('button', { name: 'Revoke the agent' }).click()
  const more = card.getByRole('button', { name: 'New key for Invoice bot' })
  await expect.poll(() => more.getAttribute('aria-disabled')).toBe('true')
  expect(await more.getAttribute('title')).toBe('A revoked agent stays revoked.')
  noFaults(surf)
})

test('P56 a personal key made on the profile answers a task from the command line, in its person’s name, until it is revoked', async () => {
  const house = await houseWithPages()
  const otto = await house.given.user({ role: 'operator', displayName: 'Otto', password: PASSWORD })
  const task = await house.given.task()
  await house.clock.advance('11m')
  const surf = await browse(house.url, { as: otto })
  const { page } = surf
  await page.goto('/profile')
  await page.getByRole('button', { name: 'New personal key' }).click()
  const making = page.getByRole('dialog', { name: 'New personal key' })
  await making.getByRole('textbox', { name: 'Name' }).fill('My laptop')
  expect(await making.getByRole('checkbox', { name: /^Tasks: read/ }).isChecked()).toBe(true)
  await making.getByRole('checkbox', { name: /^Tasks: read/ }).uncheck()
  await making.getByRole('button', { name: 'Create key' }).click()
  // The password is asked for over the dialog, which is still there with its own errors afterwards.
  const proof = page.getByRole('dialog', { name: 'Confirm that it is you' })
  await proof.getByLabel('Your password').fill(PASSWORD)
  await proof.getByRole('button', { name: 'Confirm' }).click()
  await making.getByRole('group', { name: 'What it may do' }).getByText('Must have at least 1 items.').waitFor()
  expect(await accessibility(page)).toEqual([])
  await making.getByRole('checkbox', { name: /^Tasks: read/ }).check()
  await making.getByRole('button', { name: 'Create key' }).click()
  const shown = page.getByRole('dialog', { name: 'Your new key' })
  const key = (await shown.getByRole('region', { name: 'key', exact: true }).textContent()) as string
  expect(key).toMatch(/^cs_live_usr_/)
  await page.keyboard.press('Escape')

  const answer = countersign(['tasks', 'answer', task.id, '--response', '{"approve":true}', '--json'], {
    env: { COUNTERSIGN_URL: house.url, COUNTERSIGN_KEY: key },
  })
  expect((await answer.ended).code, answer.stderr()).toBe(0)
  expect((await house.agent.get(`/api/v1/tasks/${task.id}`)).body).toMatchObject({
    response: { approve: true },
    completed_by_display_name: 'Otto',
  })

  const ends = `${key.slice(0, 12)}…${key.slice(-4)}`
  await page.getByText('My laptop').waitFor()
  await page.getByRole('button', { name: `Revoke ${ends}` }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke the key' }).click()
  await page.getByText(/^Revoked ·/).waitFor()
  expect((await house.nobody.get('/api/v1/tasks', { authorization: `Bearer ${key}` })).status).toBe(401)
  noFaults(surf)
})

test('P62 an owner gives another role and deactivates; a member sees why they cannot', async () => {
  const house = await houseWithPages()
  const member = await house.given.user({ role: 'member', displayName: 'Mia' })
  const surf = await browse(house.url, { as: house.alice })
  const { page } = surf
  await page.goto('/people')
  const role = page.getByRole('combobox', { name: 'Role of Mia' })
  await role.selectOption('reviewer')
  await expect.poll(async () => (await house.alice.get(`/api/v1/users/${member.id}`)).body.role).toBe('reviewer')
  await page.getByRole('button', { name: 'Deactivate Mia' }).click()
  await page.getByRole('dialog', { name: 'Deactivate Mia' }).getByRole('button', { name: 'Deactivate', exact: true }).click()
  await page.getByRole('button', { name: 'Reactivate Mia' }).click()
  await page.getByRole('button', { name: 'Deactivate Mia' }).waitFor()
  expect(await page.getByRole('combobox', { name: 'Role of Alice' }).count()).toBe(0)

  const theirs = await browse(house.url, { as: await house.member.person() })
  await theirs.page.goto('/people')
  const invite = theirs.page.getByRole('button', { name: 'Invite somebody' })
  expect(await invite.getAttribute('aria-disabled')).toBe('true')
  expect(await invite.getAttribute('title')).toBe('The role member does not invite people.')
  await invite.click({ force: true })
  expect(await theirs.page.getByRole('dialog').count()).toBe(0)
  expect(await accessibility(theirs.page)).toEqual([])

  const reviewer = await browse(house.url, { as: await house.reviewer.person() })
  await reviewer.page.goto('/agents')
  await reviewer.page.getByRole('alert').getByText('Your role does not allow this.').waitFor()
  expect(await reviewer.page.getByRole('button', { name: 'New agent' }).getAttribute('aria-disabled')).toBe('true')
  await reviewer.page.goto('/inbox')
  await reviewer.page.getByRole('heading', { name: 'Nothing waits for you' }).waitFor()
  expect(await reviewer.page.getByRole('region', { name: 'sample' }).count()).toBe(0)
  noFaults(surf, theirs, reviewer)
})
